"""Trajectories that go wrong in every way that a model's can, as rows of BFCL's result files. Drawn by a seed alone."""

from __future__ import annotations

import json
from random import Random
from typing import Any

TEXTS = [
    "Summary (draft)",
    "see sort (x)",
    "f(x)",
    "a\tail(b)",
    "\\n(",
    'it\'s "so" (really)',
    "Z\u00fcrich (CH)",
    "cd (",
    "\ud800(",
    "",
    "x" * 300,
]
KEYS = ["my key", "1a", "a-b", "", "class", "None", "a.b", "*a", "a b", "\u212b", "self", "fol(der", "\nfolder", "__debug__x"]
NAMES = ["no_such_tool", "_load_scenario", "__init__", "GorillaFileSystem.cd", "kill", "exit_", "x.run", "remove", "\u00fcber", "cd2"]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    1e999,
    float("nan"),
    [],
    ["a", ["b (c)"]],
    {},
    {"a": {"b": [1]}},
    "text",
    [1e999],
    {"k": float("nan")},
]


def trajectory(gold: list[list[dict[str, Any]]], rng: Random) -> list[Any]:
    """Gold of an entry (per turn its calls, `name` and `arguments`) with up to four things done to it."""
    turns = [[{"name": c["name"], "arguments": dict(c["arguments"])} for c in turn] for turn in gold]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        rng.choice(_CHANGES)(turns, rng)
    rows = [_steps(turn, rng) for turn in turns]
    for _ in range(rng.choice((0, 0, 0, 1))):
        rng.choice(_BREAKS)(rows, rng)
    return rows


def _steps(turn: list[dict[str, Any]], rng: Random) -> list[Any]:
    """The calls of a turn in one or several messages, and closing words."""
    steps: list[Any] = []
    for call in turn:
        part = {call["name"]: json.dumps(call["arguments"])}
        if steps and rng.random() < 0.3:
            steps[-1].append(part)
        else:
            steps.append([part])
    return [*steps, "Done."]


def _place(turns: list[list[dict[str, Any]]], rng: Random) -> tuple[list[dict[str, Any]], int] | None:
    full = [turn for turn in turns if turn]
    if not full:
        return None
    turn = rng.choice(full)
    return turn, rng.randrange(len(turn))


def _drop(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        del found[0][found[1]]


def _double(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        found[0].insert(rng.randrange(len(found[0]) + 1), json.loads(json.dumps(found[0][found[1]])))


def _shuffle(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        rng.shuffle(found[0])


def _wander(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        rng.choice(turns).append(found[0].pop(found[1]))


def _value(turns: Any, rng: Random) -> None:
    if (found := _place(turns, rng)) and (given := found[0][found[1]]["arguments"]):
        name = rng.choice(list(given))
        old = given[name]
        if isinstance(old, str) and rng.random() < 0.5:
            given[name] = rng.choice([old + " (x)", old.upper(), old + "x", f"{old}(", f"mkdir ({old})"])
        else:
            given[name] = rng.choice([*VALUES, *TEXTS])


def _text(turns: Any, rng: Random) -> None:
    if (found := _place(turns, rng)) and (given := found[0][found[1]]["arguments"]):
        given[rng.choice(list(given))] = rng.choice(TEXTS)


def _argument(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        given = found[0][found[1]]["arguments"]
        if given and rng.random() < 0.4:
            del given[rng.choice(list(given))]
        elif given and rng.random() < 0.4:
            name = rng.choice(list(given))
            given[rng.choice(KEYS)] = given.pop(name)
        else:
            given[rng.choice(KEYS)] = rng.choice([*VALUES, *TEXTS])


def _name(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        found[0][found[1]]["name"] = rng.choice(NAMES)


def _extra(turns: Any, rng: Random) -> None:
    if found := _place(turns, rng):
        rng.choice(turns).insert(0, json.loads(json.dumps(found[0][found[1]])))


def _empty_turn(turns: Any, rng: Random) -> None:
    rng.choice(turns).clear()


def _fewer(rows: list[Any], rng: Random) -> None:
    del rows[rng.randrange(len(rows)) :]


def _more(rows: list[Any], rng: Random) -> None:
    rows.append(["Done."])


def _step(rows: list[Any], rng: Random) -> None:
    odd: list[Any] = [
        [],
        "",
        "cd(folder='x')",
        [{}],
        [{"cd": "no JSON"}],
        [{"cd": "[1]"}],
        {"pwd": "{}"},
        [{"ls": "{}", "pwd": "{}"}],
        [3],
        None,
        [{"cd": 3}],
    ]
    turn = rng.choice(rows)
    turn.insert(rng.randrange(len(turn) + 1), rng.choice(odd))


def _spoil(rows: list[Any], rng: Random) -> None:
    """A call that cannot be decoded beside one that can."""
    loud = [step for turn in rows for step in turn if isinstance(step, list) and step]
    if loud:
        rng.choice(loud).append({"ls": rng.choice(["{", "[]", "null", '"a"', '{"a": 1}}'])})


_CHANGES = (_drop, _double, _shuffle, _wander, _value, _value, _text, _argument, _argument, _name, _extra, _empty_turn)
_BREAKS = (_fewer, _more, _step, _step, _step, _spoil)
