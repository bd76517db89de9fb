"""What stands on a world class for what its instances hold: tables and cells that a fork has not touched yet.

Law: forks share their parts until one of them touches a part; then it has a copy of its own. Not here: what a table is
(`state.py`).
"""

from __future__ import annotations

from typing import Any

from .state import CellSpec


class CellsSpec:
    """Stands where a table's spec stands, for the cells of a world."""

    __slots__ = ("cells", "incidental", "name")
    record = tuple

    def __init__(self, cells: dict[str, CellSpec]) -> None:
        self.name = "_cells"
        self.cells = cells
        self.incidental = False


class Part:
    """Stands on a world class for a table (or the cells) that an instance has not touched since a fork.

    The first touch takes a copy out of the parts that forks share, into the instance, where it is found from then on.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, world: Any, owner: type) -> Any:
        if world is None:
            return self
        mine, name = world.__dict__, self.name
        try:
            part = mine[name] = mine["_parts"][name].fork(mine["_journal"])
        except KeyError:
            raise AttributeError(f"{owner.__name__} has no {name} yet; generate fills the tables") from None
        mine["_touched"].append(name)
        return part
