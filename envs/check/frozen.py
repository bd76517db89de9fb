"""Pictures of everything around a world that could hold state: class attributes, globals, defaults, closures.

Two pictures that differ show that calls changed something which forks share and snapshots miss. Law: a picture
is plain data, so later changes do not reach it. Not here: the tables and cells, where state belongs.
"""

from __future__ import annotations

import sys
from collections import deque
from random import Random
from types import FunctionType, ModuleType
from typing import Any

from ..records import is_record
from ..state import Cell
from ..tool import Tool
from .code import Reached

Picture = dict[str, Any]
_SCALARS = (str, int, float, bool, bytes, complex, type(None))
_LIMIT = 20_000
_OURS = ("tools", "table_specs", "cell_specs")


def picture(reached: Reached) -> Picture:
    """Place (`module.NAME`, `Class.attribute`, `function's default`) -> its value as plain data."""
    found: Picture = {}
    for (module, name), scope in reached.variables.items():
        found[f"global {module}.{name}"] = _still(scope.get(name), reached)
    for cls in reached.classes.values():
        for name, value in list(vars(cls).items()):
            if not (name.startswith(("__", "_cells_spec")) or name in _OURS or isinstance(value, (Cell, FunctionType))):
                found[f"class attribute {cls.__name__}.{name}"] = _still(value, reached)
    for function in reached.functions.values():
        for what, value in _hidden(function):
            found[f"{what} of {function.__qualname__}"] = _still(value, reached)
    return found


def differences(before: Picture, after: Picture) -> list[str]:
    """The places whose value is not what it was, sorted."""
    return sorted(place for place in before.keys() | after.keys() if before.get(place) != after.get(place))


def _hidden(function: FunctionType) -> list[tuple[str, Any]]:
    parts: list[tuple[str, Any]] = [("default value", function.__defaults__), ("keyword default", function.__kwdefaults__)]
    parts += [(f"attribute {name}", value) for name, value in vars(function).items() if not name.startswith("__")]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            parts.append((f"enclosed variable {name}", cell.cell_contents))
        except ValueError:
            continue
    return parts


def _still(value: Any, reached: Reached, depth: int = 0) -> Any:
    if isinstance(value, _SCALARS):
        return value
    if depth > 6 or isinstance(value, (type, ModuleType, FunctionType, Tool, Cell)):
        return type(value).__name__
    if isinstance(value, (list, tuple, deque)):
        return (type(value).__name__, len(value), [_still(part, reached, depth + 1) for part in list(value)[:_LIMIT]])
    if isinstance(value, dict):
        rows = [(repr(key), _still(part, reached, depth + 1)) for key, part in list(value.items())[:_LIMIT]]
        return (type(value).__name__, len(value), rows)
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, frozenset(map(repr, value)))
    if isinstance(value, Random):
        return hash(value.getstate())
    if isinstance(value, bytearray) or type(value).__module__ == "itertools":
        return repr(value)
    if is_record(type(value)):
        return repr(value)
    if reached.is_home(type(value).__module__) and hasattr(value, "__dict__"):
        return (type(value).__name__, _still(dict(vars(value)), reached, depth + 1))
    return _array(value)


def _array(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return value.tobytes()
    return type(value).__name__
