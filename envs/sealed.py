"""Sealed contents of a table: rows that never change, and what follows from them, worked out at first need for all forks.

Not here: what an episode changes, which the table lays over them (`state.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_NONE: dict[Any, Any] = {}


class Seal:
    """Stands for sealed contents, which never change: what was found out about them is kept here, for all forks."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[tuple[Any, ...], Any]] | None = None  # most are never asked

    def keep(self, mark: Any, others: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gives, kept under `mark` for as long as the `others` (seals) are the same.

        It must follow from the contents, the mark and the others, from nothing else, and be frozen.
        """
        if self._kept is None:
            self._kept = {}
        known = self._kept.get(mark)
        if known is not None and known[0] == others:
            return known[1]  # type: ignore[no-any-return]
        found = make()
        self._kept[mark] = others, found
        return found


class Sealed:
    """The sealed contents that forks share: rows in key order; their hash and indexes, computed at first need."""

    __slots__ = ("indexes", "rows", "seal", "total")

    def __init__(self, rows: dict[Any, Any]) -> None:
        self.rows = dict(sorted(rows.items()))
        self.total: int | None = None
        self.seal = Seal()
        self.indexes: dict[tuple[str, ...], dict[Any, dict[Any, Any]] | None] = {}

    def find(self, fields: tuple[str, ...], read: Callable[[Any], Any], wanted: Any) -> dict[Any, Any]:
        """The rows whose fields hold what is wanted, by key: looked for the first time, from then on out of an index."""
        groups = self.indexes.get(fields)
        if groups is None:
            if fields not in self.indexes:  # an index costs as much as looking a few times, and many are asked for once
                self.indexes[fields] = None
                return {key: row for key, row in self.rows.items() if read(row) == wanted}
            groups = self.indexes[fields] = {}
            for key, row in self.rows.items():
                groups.setdefault(read(row), {})[key] = row
        return groups.get(wanted, _NONE)
