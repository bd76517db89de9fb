"""The case of one world class: what all checks look at, made once and only when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ..bridges.foreign import ForeignWorld
from ..explore import Move
from ..graph import ToolGraph, graph_of
from ..types import Semantic
from ..world import SIZES, Fact, Size, World
from .code import Reached
from .frozen import Picture, picture
from .walk import Evidence, watched_walk

SCRIPT_MOVES = 240


class Case:
    """A world class under examination.

    Attributes:
        cls, seeds, calls, processes: as given to `check_world`.
        reached, before: the code the class reaches, and the picture of all around it before anything was called.
    """

    def __init__(self, cls: type[World], seeds: tuple[int, ...], calls: int, processes: bool) -> None:
        self.cls, self.seeds, self.calls, self.processes = cls, seeds, calls, processes
        self.reached = Reached(cls)
        self.before: Picture = picture(self.reached)
        self._made: dict[tuple[int, Size], World] = {}

    @property
    def foreign(self) -> type[ForeignWorld] | None:
        """The class, where its state and tools were not written for this library."""
        return self.cls if issubclass(self.cls, ForeignWorld) else None

    def pristine(self, seed: int, size: Size = "small") -> World:
        """A generated world that nobody changes; kept."""
        if (seed, size) not in self._made:
            self._made[seed, size] = self.cls(seed, size)
        return self._made[seed, size]

    @cached_property
    def generated(self) -> list[World]:
        """Worlds of several seeds and all sizes, pristine."""
        more = [seed for seed in range(8) if seed not in self.seeds]
        small = [self.pristine(seed) for seed in (*self.seeds, *more)]
        return [*small, *(self.pristine(seed, "medium") for seed in self.seeds[:2]), self.pristine(self.seeds[0], "large")]

    @cached_property
    def swelled(self) -> list[tuple[World, World]]:
        """Plain worlds of all seeds, and of one seed in a larger size, each with its swelled twin."""
        plain = [*(self.pristine(seed) for seed in self.seeds), self.pristine(self.seeds[0], "medium")]
        return [(world, self.cls(world.seed, world.size, 1)) for world in plain]

    @cached_property
    def sizes(self) -> dict[Size, int]:
        """Records of the first seed's world, by size."""
        return {size: sum(map(len, self.pristine(self.seeds[0], size).tables().values())) for size in SIZES}

    @cached_property
    def facts(self) -> dict[int, list[Fact]]:
        """What the user knows, by seed."""
        return {seed: list(self.pristine(seed).known()) for seed in self.seeds}

    @cached_property
    def graph(self) -> ToolGraph:
        """The tool graph, probed."""
        return graph_of((self.cls,), self.seeds)

    @cached_property
    def evidence(self) -> Evidence:
        """What the watched random walks showed."""
        return watched_walk(self.cls, self.seeds, self.calls)

    @cached_property
    def scripts(self) -> list[tuple[int, list[Move]]]:
        """(seed, moves from a pristine world): two for each seed, to be replayed."""
        return [(seed, trail[:SCRIPT_MOVES]) for seed, trail in self.evidence.trails]

    @cached_property
    def internal_kinds(self) -> frozenset[str]:
        """Semantic names that any declaration marks as `Key`."""
        found: list[Semantic | None] = []
        for item in self.cls.tools.values():
            found += [p.semantic for p in item.parameters.values()] + [leaf.semantic for leaf in item.outputs]
        for spec in self.cls.table_specs.values():
            found += [spec.semantic, *spec.keys.values()]
        return frozenset(meaning.name for meaning in found if meaning is not None and not meaning.known)


def plain(value: Any) -> str:
    """A value as text for a detail."""
    return value if isinstance(value, str) else repr(value)


def internal_ids(world: World) -> set[Any]:
    """All ids of `Key` kinds under which the tables of a world keep records."""
    owners = [table for table in world.tables().values() if table.spec.semantic is not None and not table.spec.semantic.known]
    return {key for table in owners for key in iter(table.keys())}
