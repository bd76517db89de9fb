"""Defects planted in what gold does: it fails, it does what nobody looks at, it knows what nobody says. See `planting.py`."""

from __future__ import annotations

import copy
import re
from random import Random
from typing import Any

from gold_runs import Data, before, calls, errors, keep, loose, made, passes, used_by_others

from turngym.envs.task import Task
from turngym.envs.verdict import start_of

NAMES = ("Quillan Abernathy", "Zebedee Oyelaran", "Marigold Fitzwarren", "Tamsin Okonkwo-Reyes", "Ludovic Vasquez-Thorne")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


# -- replays ----------------------------------------------------------------------------------------------


def renamed_tool(data: Data, rng: Random) -> Data | None:
    data = copy.deepcopy(data)
    found = [call for _, call in calls(data)]
    if not found:
        return None
    rng.choice(found)["name"] += "_v2"
    return keep(data)


def dropped_argument(data: Data, rng: Random) -> Data | None:
    for _ in range(6):
        changed = copy.deepcopy(data)
        found = [call for _, call in calls(changed) if call.get("arguments")]
        if not found:
            return None
        call = rng.choice(found)
        name = rng.choice(sorted(call["arguments"]))
        del call["arguments"][name]
        call.get("sources", {}).pop(name, None)
        task = made(changed)
        if task is not None and any(errors(task)):
            return changed
    return None


def unknown_id(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    found = [(call, n) for _, call in calls(changed) for n, s in call.get("sources", {}).items() if s["kind"] in ("output", "earlier_turn")]
    found = [(call, n) for call, n in found if isinstance(call["arguments"][n], str) and re.search(r"[A-Z]{2}-", call["arguments"][n])]
    if not found:
        return None
    call, name = rng.choice(found)
    call["arguments"][name] = re.sub(r"\d", lambda m: str((int(m[0]) + 7) % 10), call["arguments"][name])
    task = made(changed)
    return changed if task is not None and any(errors(task)) else None


def untold_reply(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    found = [turn for turn in changed["turns"] if turn.get("checks", {}).get("told")]
    if not found:
        return None
    rng.choice(found)["reply"] = "All done."
    task = made(changed)
    return changed if task is not None and not passes(task) else None


def unseen_output(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    found = [output for turn in changed["turns"] for output in turn.get("checks", {}).get("outputs", ())]
    if not found:
        return None
    output = rng.choice(found)
    name = rng.choice(sorted(output["fields"]))
    output["fields"][name] = f"{output['fields'][name]}{rng.randrange(10, 99)}"
    task = made(changed)
    return changed if task is not None and not passes(task) else None


def wrong_fingerprint(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    found = [turn for turn in changed["turns"] if turn.get("fingerprint")]
    if not found:
        return None
    turn = rng.choice(found)
    turn["fingerprint"] = turn["fingerprint"][::-1]
    return keep(changed)


# -- effects ----------------------------------------------------------------------------------------------


def _writes(task: Task) -> list[str]:
    """Ids of gold calls that change what counts by default."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        for call in turn.gold:
            before = worlds.fork()
            worlds.call(call.name, call.arguments)
            if before.effects(worlds):
                found.append(call.id)
    return found


def unwatched_write(data: Data, rng: Random) -> Data | None:
    """From a turn on, no check looks at the state."""
    task = made(data)
    if task is None or not (found := [one for one in _writes(task) if not used_by_others(data, one)]):
        return None
    wanted = rng.choice(found)
    changed, seen = copy.deepcopy(data), False
    for turn in changed["turns"]:
        seen = seen or any(call["id"] == wanted for call in turn.get("gold", ()))
        if seen:
            turn.setdefault("checks", {})["state"] = False
    task = made(changed)
    return changed if task is not None and passes(task) and passes(task, without=wanted) else None


def ignored_fields(data: Data, rng: Random) -> Data | None:
    """The checks ignore every field of the table that a write changes."""
    task = made(data)
    if task is None or not (found := [one for one in _writes(task) if not used_by_others(data, one)]):
        return None
    wanted, start = rng.choice(found), start_of(task)
    worlds = start.fork()
    for turn in task.turns:
        worlds.advance(turn.elapse)
        for call in turn.gold:
            before = worlds.fork()
            worlds.call(call.name, call.arguments)
            if call.id == wanted:
                tables = {change.table for change in before.diff(worlds)}
    fields = [f"{table}.{field}" for table in tables if table in worlds.table_specs() for field in worlds.table_specs()[table].fields]
    changed = copy.deepcopy(data)
    for turn in changed["turns"]:
        turn.setdefault("checks", {})["ignore"] = fields
    task = made(changed)
    return changed if task is not None and passes(task) and passes(task, without=wanted) else None


def unchecked_task(data: Data, rng: Random) -> Data | None:
    """Nothing is looked at, so that doing nothing passes."""
    changed = copy.deepcopy(data)
    for turn in changed["turns"]:
        turn["checks"] = {"state": False}
    return keep(changed)


def unchecked_turn(data: Data, rng: Random) -> Data | None:
    """A turn that only reads asks for nothing, so that doing nothing passes it."""
    task = made(data)
    if task is None or len(data["turns"]) < 2:
        return None
    writing = set(_writes(task))
    changed = copy.deepcopy(data)
    found = [
        t for t in changed["turns"] if t.get("gold") and not writing & {c["id"] for c in t["gold"]} and t.get("checks", {}).get("told")
    ]
    if not found:
        return None
    turn = rng.choice(found)
    for name in ("told", "outputs", "include"):
        turn["checks"].pop(name, None)
    return keep(changed)


def doubled_read(data: Data, rng: Random) -> Data | None:
    """A read that gold makes twice in a row, so that the second tells nothing."""
    task = made(data)
    if task is None:
        return None
    reading = {c.id for turn in task.turns for c in turn.gold if not start_of(task).tools[c.name].writes}
    changed = copy.deepcopy(data)
    found = [(turn, place) for turn in changed["turns"] for place, call in enumerate(turn.get("gold", ())) if call["id"] in reading]
    if not found:
        return None
    turn, place = rng.choice(found)
    call = turn["gold"][place]
    turn["gold"].insert(place + 1, {**copy.deepcopy(call), "id": f"{call['id']}x", "after": [*call.get("after", ()), call["id"]]})
    return keep(changed)


# -- grounded ---------------------------------------------------------------------------------------------


def _other_value(value: Any, rng: Random) -> Any:
    """A value of the same shape that nobody says."""
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d\d", value):
        return f"{int(float(value)) + rng.randrange(3, 9)}.{rng.randrange(11, 98)}"
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return f"{value[:8]}{int(value[8:]) % 27 + 1:02d}"
    if isinstance(value, str) and re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)+", value):
        return rng.choice(NAMES)
    if isinstance(value, int) and not isinstance(value, bool) and value > 10:
        return value + rng.randrange(1, 6)
    if isinstance(value, str) and " " not in value and len(value) > 5:
        return f"{''.join(rng.choice(LETTERS) for _ in range(6))}-{rng.randrange(100, 999)}{'' if '.' not in value else '.txt'}"
    return None


def unknowable_value(data: Data, rng: Random) -> Data | None:
    """A value that the user says is replaced in gold by one that stands nowhere."""
    for _ in range(8):
        changed = loose(data)
        found = [(call, n) for _, call in calls(changed) for n, s in call.get("sources", {}).items() if s["kind"] == "user"]
        if not found:
            return None
        call, name = rng.choice(found)
        value = _other_value(call["arguments"][name], rng)
        if value is None:
            continue
        call["arguments"][name] = value
        task = made(changed)
        if task is not None and str(value) not in before(task, call["id"]) and not any(errors(task)) and passes(task):
            return changed
    return None


def undeclared_unknowable(data: Data, rng: Random) -> Data | None:
    """The same where gold declares no source for anything, as foreign tasks do not."""
    changed = unknowable_value(data, rng)
    if changed is None:
        return None
    for _, call in calls(changed):
        call.pop("sources", None)
        call.pop("after", None)
    return keep(changed)


def unsaid_value(data: Data, rng: Random) -> Data | None:
    """The user no longer says a value that gold uses."""
    changed = copy.deepcopy(data)
    found = [(call, n) for _, call in calls(changed) for n, s in call.get("sources", {}).items() if s["kind"] == "user"]
    found = [(call, n) for call, n in found if isinstance(call["arguments"][n], str) and len(call["arguments"][n]) > 4]
    rng.shuffle(found)
    for call, name in found:
        value = call["arguments"][name]
        if not re.search(r"[\d@-]|[A-Z]", value) or not any(value in turn["user"] for turn in changed["turns"]):
            continue
        for turn in changed["turns"]:
            turn["user"] = turn["user"].replace(value, "the usual one")
        task = made(changed)
        return changed if task is not None and value.casefold() not in before(task, call["id"]).casefold() else None
    return None


def unseen_source(data: Data, rng: Random) -> Data | None:
    """The read that shows an id is gone from gold, which uses the id all the same."""
    task = made(data)
    if task is None:
        return None
    changed = loose(data)
    tools = start_of(task).tools
    found = []
    for turn in changed["turns"]:
        for place, call in enumerate(turn.get("gold", ())):
            using = [(c, n) for _, c in calls(changed) for n, s in c.get("sources", {}).items() if s.get("call") == call["id"]]
            if using and not tools[call["name"]].writes:
                found.append((turn, place, call["id"], using))
    if not found:
        return None
    turn, place, identity, using = rng.choice(found)
    del turn["gold"][place]
    for _, call in calls(changed):
        if identity in call.get("after", ()):
            call["after"] = [one for one in call["after"] if one != identity]
    task = made(changed)
    if task is None or any(errors(task)):
        return None
    values = [(str(call["arguments"][name]), call["id"]) for call, name in using]
    return changed if any(value not in before(task, user) for value, user in values) else None


def wrong_place(data: Data, rng: Random) -> Data | None:
    """A declared source points at another thing of its list."""
    changed = copy.deepcopy(data)
    found = [s for _, call in calls(changed) for s in call.get("sources", {}).values() if re.search(r"\[\d+\]", s.get("path", ""))]
    if not found:
        return None
    source = rng.choice(found)
    source["path"] = re.sub(r"\[(\d+)\]", lambda m: f"[{int(m[1]) + 1}]", source["path"], count=1)
    return keep(changed)
