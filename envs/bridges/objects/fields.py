"""Fields: the places in a state and in results where values stand, each with its name and what the thing is called that holds it.

A field of a state has a path of names, `*` for each entry of a list or mapping, and `#` for the key of an entry; one of a
result has the path of an `OutputField`. Law: the order is that of the data, so that equal objects give equal fields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, islice
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from ..canon import attributes_of, plain_data
from .naming import noun_of_method, one_of

MOST_VALUES = 60
_DEEP = 5
Scalar = str | int | float


class Field(NamedTuple):
    """Where values stand: in results of a tool, or in the state (`tool` is ""). `nouns` is what the holder is called."""

    tool: str
    path: tuple[str, ...]
    name: str
    nouns: tuple[str, ...] = ()


Values = dict[Field, list[Any]]


def is_scalar(value: Any) -> bool:
    """Whether a value of plain data can be an argument that results feed."""
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


def state_fields(shown: Mapping[str, Any]) -> Values:
    """All fields of a state, with the values that stand in them now (`MOST_VALUES` at most, no value twice)."""
    found: Values = {}
    for name, value in shown.items():
        for field, held in _of_state((name,), name, value, (), 0):
            _keep(found, field, held)
    return found


def _of_state(path: tuple[str, ...], name: str, value: Any, nouns: tuple[str, ...], depth: int) -> Iterator[tuple[Field, Any]]:
    if depth > _DEEP:
        return
    entry = one_of(name)
    if isinstance(value, Mapping):
        for key, held in _some(value.items()):
            yield Field("", (*path, "#"), "#", (entry,)), plain_data(key)
            if _is_structured(held):
                yield from _record((*path, "*"), entry, held, depth + 1)
            else:
                yield Field("", (*path, "*"), entry, nouns), plain_data(held)
                if isinstance(key, str) and key.isidentifier():
                    yield Field("", (*path, key), key, (entry,)), plain_data(held)
    elif isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes, bytearray, range)):
        for held in _some(value if isinstance(value, Sequence) else sorted(value, key=repr)):
            if _is_structured(held):
                yield from _record((*path, "*"), entry, held, depth + 1)
            else:
                yield Field("", (*path, "*"), entry, nouns), plain_data(held)
    elif _is_structured(value):
        yield from _record(path, entry, value, depth + 1)
    else:
        yield Field("", path, name, nouns), plain_data(value)


def _is_structured(value: Any) -> bool:
    if value is None or isinstance(value, (str, int, float, bytes)):
        return False
    return isinstance(value, (Mapping, list, tuple, Set)) or isinstance(plain_data(value), (dict, list))


def _some(items: Collection[Any]) -> Iterable[Any]:
    """All of a collection, or the first and the last of a long one: what is new mostly stands at its end."""
    if len(items) <= MOST_VALUES:
        return items
    return chain(islice(items, MOST_VALUES * 2 // 3), islice(items, len(items) - MOST_VALUES // 3, None))


def _record(path: tuple[str, ...], noun: str, value: Any, depth: int) -> Iterator[tuple[Field, Any]]:
    """The fields of an entry, which is an object, or a mapping that stands for one."""
    held = value if isinstance(value, Mapping) else _as_record(value)
    if held is None:
        yield from _of_state(path, noun, value, (), depth)
        return
    own = () if isinstance(value, Mapping) else (one_of(type(value).__name__),)
    nouns = tuple(dict.fromkeys((noun, *own)))
    for name, part in held.items():
        yield from _of_state((*path, str(name)), str(name), part, nouns, depth)


def _as_record(value: Any) -> Mapping[str, Any] | None:
    fields = getattr(value, "_fields", None)
    if isinstance(value, tuple) and isinstance(fields, tuple):
        return dict(zip(map(str, fields), value, strict=False))
    return None if isinstance(value, (Sequence, Set)) else attributes_of(value)


def entries_of(shown: Mapping[str, Any]) -> list[list[str]]:
    """The texts that stand together in one entry of the state: its key, and what it holds directly."""
    found = []
    for value in shown.values():
        if isinstance(value, (Mapping, Sequence)) and not isinstance(value, (str, bytes, bytearray, range)):
            pairs = value.items() if isinstance(value, Mapping) else [(None, held) for held in value]
            for key, held in _some(pairs):
                plain = plain_data(held)
                parts = [key, *(plain.values() if isinstance(plain, dict) else [plain])]
                texts = list(dict.fromkeys(part for part in parts if isinstance(part, str) and part))
                if len(texts) > 1:
                    found.append(texts)
    return found


# -- results ----------------------------------------------------------------------------------------------


def result_fields(tool: str, returns: Any, value: Any) -> Values:
    """All fields of a result (plain data), with their values."""
    found: Values = {}
    nouns = nouns_of_result(tool, returns)
    for field, held in _of_result(tool, (), nouns, noun_of_method(tool), value, 0):
        _keep(found, field, held)
    return found


def nouns_of_result(tool: str, returns: Any) -> tuple[str, ...]:
    """What the thing is called that a tool gives, or gives a list of."""
    named = class_of(returns)
    return tuple(dict.fromkeys(noun for noun in (one_of(named.__name__) if named is not None else "", noun_of_method(tool)) if noun))


def class_of(returns: Any) -> type | None:
    """The author's class in a return annotation: that of the result, or of the items of a list."""
    if isinstance(returns, type) and get_origin(returns) is None:
        plain = returns.__module__ in ("builtins", "typing", "datetime", "decimal", "uuid") or returns is BaseModel
        return None if plain else returns
    return next((found for part in get_args(returns) if (found := class_of(part)) is not None), None)


def _of_result(tool: str, path: tuple[str, ...], nouns: tuple[str, ...], name: str, value: Any, depth: int) -> Iterator[tuple[Field, Any]]:
    if depth > _DEEP:
        return
    if isinstance(value, dict):
        for key, held in value.items():
            inner = (one_of(key),) if isinstance(held, (dict, list)) else nouns
            yield from _of_result(tool, (*path, key), inner, key, held, depth + 1)
    elif isinstance(value, list):
        for held in _some(value):
            yield from _of_result(tool, (*path, "*"), nouns, one_of(name), held, depth + 1)
    else:
        yield Field(tool, path, name, nouns), value


def _keep(found: Values, field: Field, value: Any) -> None:
    held = found.setdefault(field, [])
    if len(held) < MOST_VALUES and value is not None and not any(value == other and type(value) is type(other) for other in held):
        held.append(value)
