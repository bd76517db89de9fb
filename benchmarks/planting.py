"""Defects planted in sound tasks, each proven to be one before it counts: what `audit.py` beside this is measured on.

An operator takes a task as plain data and a stream, and gives it back with one defect, or None where the task has no place for it.
Law: a label is true. What an operator claims (a call raises, a write is not looked at, a value stands nowhere) is shown here by
running gold in plain worlds or by looking at the text; nothing of the auditor is used, and nothing of it knows these operators.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from gold_runs import Data, before, calls, errors, keep, made, passes, played, shown, used_by_others
from planting_gold import (
    LETTERS,
    doubled_read,
    dropped_argument,
    ignored_fields,
    renamed_tool,
    unchecked_task,
    unchecked_turn,
    undeclared_unknowable,
    unknowable_value,
    unknown_id,
    unsaid_value,
    unseen_output,
    unseen_source,
    untold_reply,
    unwatched_write,
    wrong_fingerprint,
    wrong_place,
)  # fmt: skip

from turngym.envs.errors import TurngymError
from turngym.envs.task import Task
from turngym.envs.verdict import start_of


class Planted(NamedTuple):
    """A defect: its kind, the operator that made it, and the lines of the tasks that have it (more than one for a set's)."""

    kind: str
    operator: str
    lines: tuple[str, ...]


# -- available --------------------------------------------------------------------------------------------


def held_out_tool(data: Data, rng: Random) -> Data | None:
    """A tool that gold calls is withheld for good."""
    changed = copy.deepcopy(data)
    found = [call["name"] for _, call in calls(changed) if call["name"] not in changed.get("held_out", ())]
    if not found:
        return None
    changed["held_out"] = [*changed.get("held_out", ()), rng.choice(found)]
    return keep(changed)


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
    return keep(changed)


def lost_release(data: Data, rng: Random) -> Data | None:
    """The turn that hands a tool over does not any more."""
    changed = copy.deepcopy(data)
    found = [turn for turn in changed["turns"] if set(turn.get("release", ())) & {call["name"] for call in turn.get("gold", ())}]
    if not found:
        return None
    rng.choice(found).pop("release")
    return keep(changed)


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
                if fits and value not in before(task, call["id"]).replace(turn["user"], ""):
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
    return keep(changed) if other in turn["user"] else None


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
    return keep(changed)


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
    return keep(changed)


def dangling_source(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    found = [source for _, call in calls(changed) for source in call.get("sources", {}).values() if source.get("call")]
    if not found:
        return None
    rng.choice(found)["call"] = "t9c9"
    return keep(changed)


def unknown_table(data: Data, rng: Random) -> Data | None:
    changed = copy.deepcopy(data)
    turn = rng.choice(changed["turns"])
    place = rng.choice(("include", "ignore", "forbidden"))
    turn.setdefault("checks", {})[place] = [*turn.get("checks", {}).get(place, ()), "Ledger.entries"]
    return keep(changed)


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
    return keep(changed)


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
    return f"{LETTERS[index % 26]}{LETTERS[index // 26]}"


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
