"""BFCL's methods with what they leak held back: each call starts from defaults, settings and shared data of its own.

What leaks in BFCL: `post_tweet` has lists as defaults, which `mention` extends for every instance; the weather of the long
context is written into a dictionary of its module; the dictionaries of the long context stand in several instances (a world
copies its instance once it is loaded: `worlds.py`); `square_root` and `logarithm` set precisions that the whole process sees.
Law: what a call returns, and does to its instance, is what BFCL's does in a fresh process.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import json
from collections.abc import Callable
from decimal import localcontext
from functools import lru_cache
from types import FunctionType
from typing import Any

from ...errors import ToolError
from ...extras import need
from .source import LONG_CONTEXT

MOST_DIGITS = 20_000  # of a number that a call may ask for: BFCL would compute for minutes
_WRITTEN = {"get_outside_temperature_from_google": ("LONG_WEATHER_EXTENSION",)}  # method -> what of its module it writes
_encode = json.JSONEncoder(check_circular=False).encode  # as `json.dumps` writes it; what is circular raises all the same
Method = Callable[..., Any]


def contained(cls: type, name: str) -> Method:
    """The method `name` of a BFCL class as `function(instance, *positional, **named)`; what it gives is for `text_of`."""
    function = inspect.getattr_static(cls, name)
    defaults = {p.name: p.default for p in inspect.signature(function).parameters.values() if isinstance(p.default, (list, dict, set))}
    if defaults:
        function = _with_defaults(function, defaults)
    if name in _WRITTEN:
        function = _with_own_data(function, _WRITTEN[name])
    made = {"square_root": _square_root, "logarithm": _logarithm, "power": _power}.get(name)
    return function if made is None else made(function)


def text_of(value: Any) -> str:
    """A result as BFCL writes it down: text as it is, a dict as JSON where it can be, all else as Python prints it."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is dict:
        try:
            return _encode(value) if len(value) > 8 or not _is_long(value) else _pieced(value)
        except Exception:
            return str(value)
    return str(value)


def _is_long(value: dict[str, Any]) -> bool:
    return any(type(part) is list and len(part) > 200 for part in value.values())


def _pieced(value: dict[str, Any]) -> str:
    """A result with long lists in it: those of the long context stand in many results, and are written down once."""
    known = _long_lists()
    pieces = []
    for name, part in value.items():
        kept = known.get(id(part))
        pieces.append(f"{_encode(name)}: {kept[1] if kept is not None and part == kept[0] else _encode(part)}")
    return "{" + ", ".join(pieces) + "}"


@lru_cache(maxsize=1)
def _long_lists() -> dict[int, tuple[list[Any], str]]:
    """The lists of the long context: id -> a copy, to be sure that it is still what it was, and its JSON text."""
    found = {}
    for part in vars(importlib.import_module(LONG_CONTEXT)).values():
        if type(part) is list and ... not in part:  # one of them has an ellipsis in it, which no JSON can hold
            found[id(part)] = (list(part), _encode(part))
    return found


def _with_defaults(function: Method, defaults: dict[str, Any]) -> Method:
    places = list(inspect.signature(function).parameters)

    def call(*positional: Any, **named: Any) -> Any:
        for name, default in defaults.items():
            if name not in named and places.index(name) >= len(positional):
                named[name] = copy.deepcopy(default)
        return function(*positional, **named)

    return call


def _with_own_data(function: FunctionType, names: tuple[str, ...]) -> Method:
    def call(*positional: Any, **named: Any) -> Any:
        module = {**function.__globals__, **{name: copy.deepcopy(function.__globals__[name]) for name in names}}
        own = FunctionType(function.__code__, module, function.__name__, function.__defaults__, function.__closure__)
        return own(*positional, **named)

    return call


def _square_root(function: Method) -> Method:
    def call(*positional: Any, **named: Any) -> str:
        _within_reason(function, positional, named)
        with localcontext():
            return text_of(function(*positional, **named))

    return call


def _logarithm(function: Method) -> Method:
    mp = need("mpmath").mp

    def call(*positional: Any, **named: Any) -> str:
        _within_reason(function, positional, named)
        before = mp.dps
        try:
            return text_of(function(*positional, **named))
        finally:
            mp.dps = before

    return call


def _power(function: Method) -> Method:
    def call(*positional: Any, **named: Any) -> str:
        base, exponent = [_given(function, name, positional, named) for name in ("base", "exponent")]
        if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and base.bit_length() * exponent > 4 * MOST_DIGITS:
            raise ToolError("limit_exceeded", f"a number of more than {MOST_DIGITS} digits is not computed")
        return text_of(function(*positional, **named))

    return call


def _within_reason(function: Method, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    precision = _given(function, "precision", positional, named)
    if isinstance(precision, int) and precision > MOST_DIGITS:
        raise ToolError("limit_exceeded", f"more than {MOST_DIGITS} digits are not computed")


def _given(function: Method, name: str, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    place = list(inspect.signature(function).parameters).index(name)
    return positional[place] if place < len(positional) else named.get(name)
