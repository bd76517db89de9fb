"""Hostile arguments: what a confused or malicious model sends, made at random from a tool's own schema.

Every one of them must be answered by a result: a typed error, or a success where the value is legal after all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from ..literals import draw_arguments
from ..tool import Tool

_RAW: tuple[str, ...] = (
    "", "null", "[]", "{", "0", '"text"', "{}", '{"": ""}', '{"a": NaN}', "[" * 400, '{"a":' * 200, "\x00", "\ud800", "{'a': 1}",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 10**30, 1.5, float("nan"), float("inf"), -0.0, "", " ", "0", "-1", "1e9", "null", "x" * 5000, "é́‮😀",
    "a\x00b", "\n", "../../etc/passwd", "'; --", "{0.__class__}", "%s%n", "\ud800", [], [None], {}, {"a": {"b": []}}, ["x"] * 300,
)  # fmt: skip


def hostile_arguments(tool: Tool, rng: Random, known: dict[str, Any] | None = None) -> str | dict[str, Any]:
    """Arguments that are mostly wrong: broken JSON, or a plausible object with one thing spoilt.

    Args:
        tool: whose schema is abused. rng: the random stream.
        known: arguments that once worked, as a start; drawn from the schema where absent.
    """
    if rng.random() < 0.15:
        return rng.choice(_RAW)
    arguments = dict(known) if known else _drawn(tool, rng)
    way = rng.random()
    if way < 0.1:
        arguments[rng.choice(("", "extra", "self", "world", "__class__"))] = rng.choice(_VALUES)
    elif way < 0.2 and arguments:
        del arguments[rng.choice(list(arguments))]
    elif tool.parameters:
        arguments[rng.choice(list(tool.parameters))] = rng.choice(_VALUES)
    return json.dumps(arguments, default=repr) if rng.random() < 0.5 else arguments


def hostile_sweep(tool: Tool, rng: Random, known: dict[str, Any] | None = None) -> Iterator[str | dict[str, Any]]:
    """Every broken text, and every bad value in the place of every parameter, once each."""
    yield from _RAW
    base = dict(known) if known else _drawn(tool, rng)
    for name in tool.parameters:
        for value in _VALUES:
            yield {**base, name: value}


def _drawn(tool: Tool, rng: Random) -> dict[str, Any]:
    try:
        return draw_arguments(tool.parameter_schema, rng)
    except Exception:  # a schema that cannot be drawn from is another check's business
        return {}
