"""When two states are the same for a user: differences from the start, with generated ids renamed by content.

A record that an episode created has an id that says only in which order things were made. So each created
record is called by what it holds (its signature), references to it likewise, and two episodes agree when the
multisets of their differences agree. Incidental tables and `DontCare` fields do not count unless asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from .records import fields_of, is_record
from .state import Change, TableSpec
from .types import DontCare, metadata_of

_ROUNDS = 10


class Effect(NamedTuple):
    """One difference that counts: what happened (`added`, `changed`, `removed`), where, to what, and its content."""

    kind: str
    table: str
    key: str
    content: str


def effects(
    changes: Iterable[Change],
    specs: Mapping[str, TableSpec],
    skip: Collection[str] = (),
    ignore: Collection[str] = (),
) -> Counter[Effect]:
    """The multiset of differences that count.

    Args:
        changes: from the start to the state in question.
        specs: `World.table` -> its spec.
        skip: tables and cells (`World.name`) that do not count.
        ignore: fields (`World.table.field`) that do not count, beside those marked `DontCare`.
    """
    changes = list(changes)
    namer = _Namer(changes, specs, frozenset(skip), frozenset(ignore))
    found: Counter[Effect] = Counter()
    for change in changes:
        if change.table in skip:
            continue
        key = "" if change.minted else str(change.key)
        content = "" if change.after is None else namer.content(change.table, change.after)
        if change.after is None:
            effect = Effect("removed", change.table, key, content)
        elif change.before is None:
            effect = Effect("added", change.table, key, content)
        elif content != namer.content(change.table, change.before):
            effect = Effect("changed", change.table, key, content)
        else:
            continue
        found[effect] = found.get(effect, 0) + 1
    return found


class _Namer:
    """Names created records by content, `_ROUNDS` references deep; a reference to one becomes its name.

    A name is a function of what can be reached from the record alone: neither of ids nor of the order in which
    names are asked for. That keeps circles safe.
    """

    def __init__(self, changes: list[Change], specs: Mapping[str, TableSpec], skip: frozenset[str], ignore: frozenset[str]) -> None:
        self._specs = specs
        self._ignore = ignore
        self._names: dict[tuple[str, int], str] = {}
        homes: dict[str, Change] = {}
        for change in changes:
            if change.minted and (change.key not in homes or (homes[change.key].table in skip and change.table not in skip)):
                homes[change.key] = change  # where several tables share an id, the first that counts says what it is
        self._made = homes

    def content(self, table: str, value: Any, left: int = _ROUNDS) -> str:
        if table not in self._specs:  # a cell: (value,)
            return self._plain(value, left)
        spec, made = self._specs[table], self._made
        parts = []
        for field in spec.counting:
            if self._ignore and f"{table}.{field}" in self._ignore:
                continue
            held = getattr(value, field)
            if field == spec.key and isinstance(held, str) and held in made and made[held].table == table:
                continue
            kind = type(held)  # most fields hold these, and are written as they are
            plain = kind is int or kind is bool or (kind is str and held not in made)
            parts.append(f"{field}={held!r}" if plain else f"{field}={self._plain(held, left)}")
        return "; ".join(parts)

    def _plain(self, value: Any, left: int) -> str:
        if isinstance(value, str) and value in self._made:
            return self._name(value, left)
        if isinstance(value, tuple):
            return "(" + ", ".join([self._plain(part, left) for part in value]) + ")"
        if is_record(type(value)):
            inner = [f"{name}={self._plain(getattr(value, name), left)}" for name in _counting(type(value))]  # type: ignore[arg-type]
            return f"{type(value).__name__}({', '.join(inner)})"
        return repr(value)

    def _name(self, made: str, left: int) -> str:
        change = self._made[made]
        if left == 0:
            return f"<new {change.table}>"
        known = self._names.get((made, left))
        if known is None:
            body = self.content(change.table, change.after, left - 1)
            known = f"<new {change.table} {blake2b(body.encode('utf-8', 'backslashreplace'), digest_size=8).hexdigest()}>"
            self._names[made, left] = known
        return known


@lru_cache(maxsize=1024)
def _counting(cls: type) -> tuple[str, ...]:
    """The fields of a record inside a record, without those marked `DontCare`."""
    return tuple(name for name, hint in fields_of(cls).items() if not any(isinstance(mark, DontCare) for mark in metadata_of(hint)[1]))
