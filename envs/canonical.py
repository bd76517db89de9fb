"""When two states are the same for a user: differences from the start, with generated ids renamed by content.

A record that an episode created has an id that says only in which order things were made. So each created
record is called by what it holds (its signature), references to it likewise, and two episodes agree when the
multisets of their differences agree. Incidental tables and `DontCare` fields do not count unless asked for.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from .state import Change, TableSpec, is_record

_MAX_DEPTH = 6


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
    namer = _Namer(changes, specs, frozenset(ignore))
    found: Counter[Effect] = Counter()
    for change in changes:
        if change.table in skip:
            continue
        if change.after is None:
            found[Effect("removed", change.table, str(change.key), "")] += 1
        elif change.before is None:
            key = "" if namer.is_generated(change) else str(change.key)
            found[Effect("added", change.table, key, namer.content(change.table, change.after))] += 1
        else:
            content = namer.content(change.table, change.after)
            if content != namer.content(change.table, change.before):
                found[Effect("changed", change.table, str(change.key), content)] += 1
    return found


class _Namer:
    """Names created records by content; a reference to one becomes its signature."""

    def __init__(self, changes: list[Change], specs: Mapping[str, TableSpec], ignore: frozenset[str]) -> None:
        self._specs = specs
        self._ignore = ignore
        self._made: dict[str, Change] = {}
        self._names: dict[str, str] = {}
        for change in changes:
            if change.before is None and self.is_generated(change):
                self._made[change.key] = change

    def is_generated(self, change: Change) -> bool:
        spec = self._specs.get(change.table)
        return spec is not None and spec.semantic is not None and not spec.semantic.known and isinstance(change.key, str)

    def content(self, table: str, value: Any, depth: int = 0) -> str:
        if table not in self._specs:  # a cell: (value,)
            return self._plain(value, depth)
        spec = self._specs[table]
        parts = []
        for field in spec.fields:
            if field in spec.free or f"{table}.{field}" in self._ignore:
                continue
            held = getattr(value, field)
            if field == spec.key and isinstance(held, str) and held in self._made:
                continue
            parts.append(f"{field}={self._plain(held, depth)}")
        return "; ".join(parts)

    def _plain(self, value: Any, depth: int) -> str:
        if isinstance(value, str) and value in self._made:
            return self._name(value, depth)
        if isinstance(value, tuple):
            return "(" + ", ".join([self._plain(part, depth) for part in value]) + ")"
        if is_record(type(value)):
            inner = [f"{f.name}={self._plain(getattr(value, f.name), depth)}" for f in dataclasses.fields(value)]
            return f"{type(value).__name__}({', '.join(inner)})"
        return repr(value)

    def _name(self, made: str, depth: int) -> str:
        if made in self._names:
            return self._names[made]
        change = self._made[made]
        if depth >= _MAX_DEPTH:
            return f"<new {change.table}>"
        body = self.content(change.table, change.after, depth + 1)
        name = f"<new {change.table} {blake2b(body.encode(), digest_size=8).hexdigest()}>"
        if depth == 0:
            self._names[made] = name
        return name
