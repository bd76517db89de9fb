"""Raw arguments as data: JSON, or a Python literal where somebody printed a dictionary; nothing is ever evaluated.

Law: reading never raises, whatever stands there, and gives plain JSON data alone (no NaN, no sets, no bytes).
"""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any, Literal, NamedTuple

LONGEST = 200_000  # characters of a literal that are parsed
_FAULTS = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError)


class Read(NamedTuple):
    """Arguments as data, or None, and how they were written; `nested` is JSON within a JSON string."""

    value: dict[str, Any] | None
    written: Literal["json", "nested", "literal", "unreadable"]


def read_arguments(raw: str) -> Read:
    """The object that raw arguments hold."""
    found, well = _json(raw)
    if well and isinstance(found, dict):
        return Read(found, "json")
    if well and isinstance(found, str):
        inner, _ = _json(found)
        return Read(inner, "nested") if isinstance(inner, dict) else Read(None, "unreadable")
    literal = None if well else as_literal(raw)
    return Read(literal, "literal") if isinstance(literal, dict) else Read(None, "unreadable")


def as_literal(text: str) -> Any:
    """A Python literal as plain JSON data, or None where it is none."""
    if len(text) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in a string are no concern of ours
            found = ast.literal_eval(text.strip())
        return json.loads(json.dumps(found, allow_nan=False)) if _plain(found) else None
    except _FAULTS:
        return None


def written(arguments: dict[str, Any]) -> str:
    """Arguments as JSON text."""
    return json.dumps(arguments, ensure_ascii=False)


def _json(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text, parse_constant=_no_number), True
    except (ValueError, RecursionError):
        return None, False


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return all(_plain(part) for part in value)
    return value is None or isinstance(value, (str, int, float, bool))
