"""Foreign values as plain JSON data: what a method returned, what an object holds.

Laws: equal values give equal text in every process (sets are sorted, addresses never stand in it); nothing is called but
what describes a value (`model_dump`, fields, `vars`); whatever cannot be described stands as `<its type>`, so that this
never raises and never loops.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from hashlib import blake2b
from pathlib import PurePath
from random import Random
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any
from uuid import UUID

MOST_DEPTH = 24
_PLAIN = (str, int, bool, type(None))


def plain_data(value: Any, private: bool = False) -> Any:
    """A foreign value as plain JSON data: dicts with text keys, lists, strings, numbers, booleans, None.

    `private`: with the attributes of objects whose names begin with `_`, which nobody shows and forks must keep.
    """
    return _Writer(private).plain(value, (), 0)


def result_text(value: Any) -> str:
    """What a call gave, as JSON text in the order it was given in."""
    return json.dumps(plain_data(value), ensure_ascii=False)


def canonical_text(value: Any, private: bool = False) -> str:
    """A value as JSON text that depends on nothing but the value."""
    return json.dumps(plain_data(value, private), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parts_of(state: Mapping[str, Any], private: bool = False, write: Callable[[Any], str] | None = None) -> dict[str, str]:
    """Named state as parts, `path -> canonical text`; a mapping is told by its entries alone (`orders/17`), so that effects are small.

    `write`: how a value is written down, if not by `canonical_text` itself.
    """
    parts: dict[str, str] = {}
    text = write or partial(canonical_text, private=private)
    for name, value in state.items():
        if isinstance(value, Mapping):
            for key, held in value.items():
                parts[f"{name}/{_key(key)}"] = text(held)
        else:
            parts[str(name)] = text(value)
    return parts


class _Writer:
    """Writes one value down; `above` are the ids of what it stands in."""

    __slots__ = ("private",)

    def __init__(self, private: bool) -> None:
        self.private = private

    def plain(self, value: Any, above: tuple[int, ...], depth: int) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value if kind is not str or value.isascii() else value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, Enum):
            return self.plain(value.value, above, depth)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(value)
        if isinstance(value, (str, int)):
            return str(value) if isinstance(value, str) else int(value)
        if isinstance(value, (Decimal, Fraction, UUID, PurePath)):
            return str(value)
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value).hex()
        if isinstance(value, Random):
            return f"<{kind.__name__} {blake2b(repr(value.getstate()).encode(), digest_size=8).hexdigest()}>"
        if kind.__module__ == "itertools" and kind.__name__ == "count":
            return f"<{value!r}>"
        if id(value) in above or depth >= MOST_DEPTH:
            return f"<{kind.__name__}>"
        return self._nested(value, (*above, id(value)), depth + 1)

    def _nested(self, value: Any, above: tuple[int, ...], depth: int) -> Any:
        if isinstance(value, Mapping):
            return {_key(key): self.plain(held, above, depth) for key, held in value.items()}
        if isinstance(value, Set):
            return sorted((self.plain(held, above, depth) for held in value), key=_sorting)
        if isinstance(value, Sequence) and not isinstance(value, range):
            fields = getattr(value, "_fields", None)  # a named tuple
            if isinstance(fields, tuple):
                return {str(name): self.plain(held, above, depth) for name, held in zip(fields, value, strict=False)}
            return [self.plain(held, above, depth) for held in value]
        if isinstance(value, range):
            return list(value)
        if isinstance(value, deque):
            return [self.plain(held, above, depth) for held in value]
        held = attributes_of(value, self.private)
        if held is None:
            return f"<{type(value).__name__}>"
        return {name: self.plain(part, above, depth) for name, part in held.items()}


def attributes_of(value: Any, private: bool = False) -> dict[str, Any] | None:
    """The public attributes of an object, or None for what has none to show (a function, a lock, a module).

    `private`: all of them. No property is asked, for asking may raise or change something.
    """
    if isinstance(value, (type, ModuleType)) or _is_code(value):
        return None
    held = getattr(value, "__dict__", None)
    slots = [name for base in type(value).__mro__ for name in _slots(base)]
    if held is None and not slots:
        return None
    found = {name: getattr(value, name) for name in slots if name not in ("__dict__", "__weakref__") and hasattr(value, name)}
    found.update(held or {})
    return {str(name): part for name, part in found.items() if private or not str(name).startswith("_")}


def _is_code(value: Any) -> bool:
    """A function, a bound method, a lambda: what is called and holds no state of its own."""
    return isinstance(value, (FunctionType, BuiltinFunctionType, MethodType))


def _slots(base: type) -> tuple[str, ...]:
    found = vars(base).get("__slots__", ())
    names = (found,) if isinstance(found, str) else tuple(found)
    return tuple([f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name for name in names])


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key.value) if isinstance(key, Enum) else str(key) if isinstance(key, (int, float)) else canonical_text(key)


def _sorting(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
