"""Defects planted in sound tasks, each proven to be one before it counts: what `audit.py` beside this is measured on.

An operator takes a task as plain data and a stream, and gives it back with one defect, or None where the task has no place for it.
Law: a label is true. What an operator claims (a call raises, a write is not looked at, a value stands nowhere) is shown here by
running gold in plain worlds or by looking at the text; nothing of the auditor is used, and nothing of it knows these operators.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from turngym.envs.episode import Episode
from turngym.envs.errors import TurngymError
from turngym.envs.faults import Faults
from turngym.envs.task import Task
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import Judge, Verdict, start_of

Data = dict[str, Any]
NAMES = ("Quillan Abernathy", "Zebedee Oyelaran", "Marigold Fitzwarren", "Tamsin Okonkwo-Reyes", "Ludovic Vasquez-Thorne")
_READS = "abcdefghijklmnopqrstuvwxyz"


class Planted(NamedTuple):
    """A defect: its kind, the operator that made it, and the lines of the tasks that have it (more than one for a set's)."""

    kind: str
    operator: str
    lines: tuple[str, ...]


# -- running gold, plainly --------------------------------------------------------------------------------


def made(data: Data) -> Task | None:
    """The task of data, with the id that its content has; None where it is no task any more."""
    data = {key: value for key, value in data.items() if key != "id"}
    try:
        return Task.model_validate(data)
    except ValueError:
        return None


def errors(task: Task) -> list[str | None]:
    """What each gold call fails with, in plain worlds."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        found += [worlds.call(call.name, call.arguments).error for call in turn.gold]
    return found


def shown(task: Task) -> str:
    """All that is said and shown: the user's words, and the results of gold."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        found.append(turn.user)
        found += [worlds.call(call.name, call.arguments).text for call in turn.gold]
    return "\n".join(found)


def played(
    task: Task, without: str = "", order: dict[int, list[int]] | None = None, again: tuple[int, str] | None = None
) -> Verdict | None:
    """The verdict of gold; None where it cannot be judged.

    Args:
        without: the id of a call that is left out. order: turn -> places in the order of playing. again: (turn, id) of a call that
            is made once more at the end of its turn.
    """
    try:
        episode = Episode(task.model_copy(update={"held_out": ()}), max_steps=1 << 30, judge=Judge(task))
    except TurngymError:
        return None
    episode.start()
    for number, turn in enumerate(task.turns):
        gold = [turn.gold[place] for place in (order or {}).get(number, range(len(turn.gold)))]
        gold += [call for call in turn.gold if again == (number, call.id)]
        faults = Faults(turn.faults)
        for call in gold:
            if call.id != without:
                sent = ToolCall(call.name, call.arguments)
                while faults.strike(sent) is not None:
                    episode.step("", (sent,))
                episode.step("", (sent,))
        episode.step(turn.reply, ())
    return episode.verdict()


def passes(task: Task, **how: Any) -> bool:
    """Whether gold passes, played in a way."""
    verdict = played(task, **how)
    return verdict is not None and verdict.success


def calls(data: Data) -> Iterator[tuple[Data, Data]]:
    """(turn, gold call), all of them."""
    for turn in data["turns"]:
        for call in turn.get("gold", ()):
            yield turn, call


def loose(data: Data) -> Data:
    """A copy without the fingerprints, which a changed gold would betray."""
    data = copy.deepcopy(data)
    for turn in data["turns"]:
        turn.pop("fingerprint", None)
    return data


def used_by_others(data: Data, identity: str) -> bool:
    """Whether another gold call needs a call, by its sources or its order."""
    return any(
        identity in call.get("after", ()) or any(s.get("call") == identity for s in call.get("sources", {}).values())
        for _, call in calls(data)
    )


def _keep(data: Data | None) -> Data | None:
    return data if data is not None and made(data) is not None else None


# -- replays ----------------------------------------------------------------------------------------------


def renamed_tool(data: Data, rng: Random) -> Data | None:
    data = copy.deepcopy(data)
    found = [call for _, call in calls(data)]
    if not found:
        return None
    rng.choice(found)["name"] += "_v2"
    return _keep(data)


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
    return _keep(changed)


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
    return _keep(changed)


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
    return _keep(changed)


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
    return _keep(changed)


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
        return f"{''.join(rng.choice(_READS) for _ in range(6))}-{rng.randrange(100, 999)}{'' if '.' not in value else '.txt'}"
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
        if task is not None and str(value) not in _before(task, call["id"]) and not any(errors(task)) and passes(task):
            return changed
    return None


def _before(task: Task, identity: str) -> str:
    """What was said and shown before a call."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        found.append(turn.user)
        for call in turn.gold:
            if call.id == identity:
                return "\n".join(found)
            found.append(worlds.call(call.name, call.arguments).text)
    return "\n".join(found)


def undeclared_unknowable(data: Data, rng: Random) -> Data | None:
    """The same where gold declares no source for anything, as foreign tasks do not."""
    changed = unknowable_value(data, rng)
    if changed is None:
        return None
    for _, call in calls(changed):
        call.pop("sources", None)
        call.pop("after", None)
    return _keep(changed)


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
        return changed if task is not None and value.casefold() not in _before(task, call["id"]).casefold() else None
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
    return changed if any(value not in _before(task, user) for value, user in values) else None


def wrong_place(data: Data, rng: Random) -> Data | None:
    """A declared source points at another thing of its list."""
    changed = copy.deepcopy(data)
    found = [s for _, call in calls(changed) for s in call.get("sources", {}).values() if re.search(r"\[\d+\]", s.get("path", ""))]
    if not found:
        return None
    source = rng.choice(found)
    source["path"] = re.sub(r"\[(\d+)\]", lambda m: f"[{int(m[1]) + 1}]", source["path"], count=1)
    return _keep(changed)


# -- available --------------------------------------------------------------------------------------------


def held_out_tool(data: Data, rng: Random) -> Data | None:
    """A tool that gold calls is withheld for good."""
    changed = copy.deepcopy(data)
    found = [call["name"] for _, call in calls(changed) if call["name"] not in changed.get("held_out", ())]
    if not found:
        return None
    changed["held_out"] = [*changed.get("held_out", ()), rng.choice(found)]
    return _keep(changed)


def late_release(data: Data, rng: Random) -> Data | None:
    """A tool is handed over a turn after gold calls it."""
    changed = copy.deepcopy(data)
    found = [(n, call["name"]) for n, turn in enumerate(changed["turns"][:-1]) for call in turn.get("gold", ())]
    found = [(n, name) for n, name in found if name not in changed.get("held_out", ())]
    if not found:
        return None
    number, name = rng.choice(found)
    changed["held_out"] = [*changed.get("held_out", ()), name]
    changed["turns"][number + 1].setdefault("release", []).append(name)
    return _keep(changed)


def lost_release(data: Data, rng: Random) -> Data | None:
    """The turn that hands a tool over does not any more."""
    changed = copy.deepcopy(data)
    found = [turn for turn in changed["turns"] if set(turn.get("release", ())) & {call["name"] for call in turn.get("gold", ())}]
    if not found:
        return None
    rng.choice(found).pop("release")
    return _keep(changed)


# -- consistent -------------------------------------------------------------------------------------------


def _said(changed: Data, pattern: str, kinds: tuple[str, ...] = ("user",)) -> list[tuple[int, str]]:
    """(turn, text) of argument values of a shape that the user says once, word for word, and nothing shows."""
    task = made(changed)
    if task is None:
        return []
    found = []
    for number, turn in enumerate(changed["turns"]):
        for call in turn.get("gold", ()):
            for name, source in call.get("sources", {}).items():
                value = str(call["arguments"][name])
                alone = sum(t["user"].count(value) for t in changed["turns"]) == 1
                fits = source["kind"] in kinds and re.fullmatch(pattern, value) and alone and value in turn["user"]
                if fits and value not in _before(task, call["id"]).replace(turn["user"], ""):
                    found.append((number, value))
    return found


def altered_number(data: Data, rng: Random) -> Data | None:
    """The user says another amount than gold uses."""
    changed = copy.deepcopy(data)
    found = _said(changed, r"\d+\.\d\d|\d{2,6}")
    if not found:
        return None
    number, value = rng.choice(found)
    other = f"{int(float(value)) + rng.randrange(2, 9)}{value[value.index('.') :] if '.' in value else ''}"
    turn = changed["turns"][number]
    if other in json.dumps(changed):
        return None
    turn["user"] = re.sub(rf"(?<![\w.]){re.escape(value)}(?!\w)", other, turn["user"], count=1)
    return _keep(changed) if other in turn["user"] else None


def altered_date(data: Data, rng: Random) -> Data | None:
    """The user says another date than gold uses."""
    changed = copy.deepcopy(data)
    found = _said(changed, r"\d{4}-\d\d-\d\d")
    if not found:
        return None
    number, value = rng.choice(found)
    other = f"{value[:8]}{int(value[8:]) % 27 + 1:02d}"
    task = made(changed)
    if task is None or other in shown(task):
        return None
    turn = changed["turns"][number]
    turn["user"] = turn["user"].replace(value, other)
    return _keep(changed)


def altered_pointer(data: Data, rng: Random) -> Data | None:
    """The number by which the user points at a thing is another one than the thing has."""
    changed, task = copy.deepcopy(data), made(data)
    found = []
    for number, turn in enumerate(changed["turns"]):
        for call in turn.get("gold", ()):
            for source in call.get("sources", {}).values():
                for value in source.get("where", {}).values():
                    said = [t["user"].count(str(value)) for t in changed["turns"]]
                    if re.fullmatch(r"\d{3,}", str(value)) and sum(said) == said[number] == 1:
                        found.append((number, str(value)))
    if not found or task is None:
        return None
    number, value = rng.choice(found)
    other = "".join(str((int(digit) + 3) % 10) for digit in value)
    if other in shown(task):
        return None
    changed["turns"][number]["user"] = changed["turns"][number]["user"].replace(value, other)
    return _keep(changed)


def dangling_source(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    found = [source for _, call in calls(changed) for source in call.get("sources", {}).values() if source.get("call")]
    if not found:
        return None
    rng.choice(found)["call"] = "t9c9"
    return _keep(changed)


def unknown_table(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    turn = rng.choice(changed["turns"])
    place = rng.choice(("include", "ignore", "forbidden"))
    turn.setdefault("checks", {})[place] = [*turn.get("checks", {}).get(place, ()), "Ledger.entries"]
    return _keep(changed)


def wrong_type(data: Data, rng: Random) -> Data | None:
    """A scalar of another type than the schema's."""
    changed = copy.deepcopy(data)
    found = [(call, n) for _, call in calls(changed) for n, v in call.get("arguments", {}).items() if isinstance(v, (int, str))]
    if not found:
        return None
    call, name = rng.choice(found)
    value = call["arguments"][name]
    call["arguments"][name] = str(value) if isinstance(value, int) else [value]
    task = made(changed)
    return changed if task is not None and any(errors(task)) else None


def silent_user(data: Data, rng: Random) -> Data | None:
    """Gold acts in a turn in which the user says nothing."""
    changed = copy.deepcopy(data)
    found = [turn for turn in changed["turns"] if turn.get("gold") and not turn.get("release")]
    if not found:
        return None
    rng.choice(found)["user"] = " "
    return _keep(changed)


# -- robust -----------------------------------------------------------------------------------------------


def free_order(data: Data, rng: Random) -> Data | None:
    """The partial order forgets that a call has to wait, so that it allows what does not pass."""
    changed = copy.deepcopy(data)
    found = [(n, p) for n, turn in enumerate(changed["turns"]) for p, c in enumerate(turn.get("gold", ())) if p and c.get("after")]
    rng.shuffle(found)
    for number, place in found:
        changed = copy.deepcopy(data)
        call = changed["turns"][number]["gold"][place]
        if any(s["kind"] == "output" for s in call.get("sources", {}).values()):
            continue
        for other in changed["turns"][number]["gold"][place:]:
            other["after"] = [one for one in other.get("after", ()) if one in {c["id"] for c in changed["turns"][number]["gold"][place:]}]
        task = made(changed)
        size = len(changed["turns"][number]["gold"])
        order = [*range(place, size), *range(place)]
        fits = all(s.get("kind") != "output" for c in changed["turns"][number]["gold"][place:] for s in c.get("sources", {}).values())
        if task is not None and fits and passes(task) and not passes(task, order={number: order}):
            return changed
    return None


def counted_by_product(data: Data, rng: Random) -> Data | None:
    """A check counts by-products of a route (challenges, sessions, messages), so that a second attempt at signing in fails."""
    task = made(data)
    if task is None:
        return None
    start = start_of(task)
    places = sorted(set(start.incidental()) & set(start.table_specs()))
    found = [(n, call) for n, turn in enumerate(task.turns) for call in turn.gold if call.name in ("sign_in", "request_code", "quote_fare")]
    rng.shuffle(found)
    for number, call in found:
        if not used_by_others(data, call.id):
            continue
        for place in places:
            changed = copy.deepcopy(data)
            checks = changed["turns"][number].setdefault("checks", {})
            checks["include"] = [*checks.get("include", ()), place]
            planted = made(changed)
            if planted is None or not passes(planted):
                continue
            twice, plain = (played(one, again=(number, call.id)) for one in (planted, task))
            if twice is not None and plain is not None and plain.turns[number].passed and not twice.turns[number].passed:
                return changed
    return None


def retold(data: Data, count: int) -> tuple[str, ...] | None:
    """One task in many words: the same ids are gold in all of them."""
    lines = []
    for index in range(count):
        changed = copy.deepcopy(data)
        changed["turns"][0]["user"] += f" That is request {_words(index)}."
        task = made(changed)
        if task is None:
            return None
        lines.append(task.line())
    return tuple(lines)


def _words(index: int) -> str:
    return f"{_READS[index % 26]}{_READS[index // 26]}"


Operator = Callable[[Data, Random], "Data | None"]
OPERATORS: dict[str, tuple[Operator, ...]] = {
    "replays": (renamed_tool, dropped_argument, unknown_id, untold_reply, unseen_output, wrong_fingerprint),
    "effects": (unwatched_write, ignored_fields, unchecked_task, unchecked_turn, doubled_read),
    "grounded": (unknowable_value, undeclared_unknowable, unsaid_value, unseen_source, wrong_place),
    "available": (held_out_tool, late_release, lost_release),
    "consistent": (altered_number, altered_date, altered_pointer, dangling_source, unknown_table, wrong_type, silent_user),
    "robust": (free_order, counted_by_product),
}


def plant(task: Task, operator: Operator, rng: Random) -> str | None:
    """The line of a task with a defect, or None where it has no place for it."""
    try:
        data = operator(json.loads(task.line()), rng)
    except TurngymError:
        return None
    found = None if data is None else made(data)
    return None if found is None else found.line()
