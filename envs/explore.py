"""Exploring: seeded random legal calls over forks of worlds, least tried tools first.

What probing (`probe.py`) and checking (`check/`) share: where a walk starts, which tool is next, how its
arguments are bound, and which combinations of predicates have been seen. Laws: the same seeds give the same
steps in every process; the worlds a walk starts from stay as they were; each place knows the trail of moves that
leads to it from a pristine world. Not here: what a step means.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from .binding import Mix, Pool, bind
from .tool import Predicate, Tool, ToolResult, predicate_name
from .world import Size, World
from .worldset import WorldSet, WorldSpec

Holds = frozenset[str]
Caller = Callable[[WorldSet, str, Any], ToolResult]
MIX = Mix(output=0.5, earlier=0.0, user=0.5, optional=0.3)
ADVANCE = ""  # the name of a move that lets time pass: no tool is called so


class Move(NamedTuple):
    """One thing done to worlds: a call, or `ADVANCE` with the seconds as arguments."""

    name: str
    arguments: Any


class Place(NamedTuple):
    """A state of worlds, what has been seen on the way to it, and that way, from the pristine worlds of `seed`."""

    seed: int
    worlds: WorldSet
    pool: Pool
    trail: list[Move]

    def fork(self) -> Place:
        """An independent copy."""
        return Place(self.seed, self.worlds.fork(), self.pool.copy(), self.trail.copy())


class Step(NamedTuple):
    """One step of a walk. `place` is where it led; `arguments` and `result` are None where no value was at hand.

    `before` and `after` are the predicates that held; they are equal for reads and errors.
    """

    place: Place
    name: str
    arguments: dict[str, Any] | None
    result: ToolResult | None
    before: Holds
    after: Holds


class Explorer:
    """Walks worlds of several seeds.

    Args:
        classes: the world classes, explored together. seeds, size: whose worlds are walked.
        label: what the random stream is named after.
        call: how a tool is called; by default through the worlds' door.
    """

    def __init__(self, classes: Sequence[type[World]], seeds: Iterable[int], size: Size, label: str, call: Caller = WorldSet.call) -> None:
        self.seeds = tuple(seeds)
        self.rng = Random(label)
        self.call = call
        self.starts = {seed: _start(classes, seed, size) for seed in self.seeds}
        self.tools: dict[str, Tool] = self.starts[self.seeds[0]].worlds.tools
        self.needers: dict[str, list[str]] = defaultdict(list)
        self.predicates: dict[str, tuple[str, Predicate]] = {}
        for name, tool in self.tools.items():
            for predicate in tool.requires:
                needed = predicate_name(tool, predicate)
                self.needers[needed].append(name)
                self.predicates[needed] = (name, predicate)
        self.tried: Counter[str] = Counter()
        self.succeeded: Counter[str] = Counter()
        self.visits: Counter[Holds] = Counter()
        self.places: dict[Holds, list[Place]] = defaultdict(list)
        for place in self.starts.values():
            self._keep(place, self.holding(place.worlds))

    def holding(self, worlds: WorldSet) -> Holds:
        """The predicates that hold now."""
        return frozenset(n for n, (tool, predicate) in self.predicates.items() if predicate(worlds.world_of(tool)))

    def _keep(self, place: Place, holds: Holds) -> None:
        kept = self.places[holds]
        if len(kept) < 3:
            kept.append(place.fork())

    def walk(self, seed: int, steps: int) -> Iterator[Step]:
        """One random walk: from the start of `seed`, or from the least walked combination of predicates."""
        spot = self.starts[seed]
        if self.rng.random() < 0.6:
            holds = min(self.places, key=lambda h: (self.visits[h], sorted(h)))
            self.visits[holds] += 1
            spot = self.rng.choice(self.places[holds])
        place = spot.fork()
        holds = self.holding(place.worlds)
        for _ in range(steps):
            step = self.step(self.choose(place.worlds), place, holds)
            holds = step.after
            yield step

    def choose(self, worlds: WorldSet) -> str:
        """The tool to try next: mostly one whose predicates hold, the less it succeeded the likelier."""
        able = [n for n, t in self.tools.items() if t.unmet(worlds.world_of(n)) is None]
        names = able if able and self.rng.random() < 0.95 else list(self.tools)
        return min(names, key=lambda n: (self.succeeded[n] + 0.2 * self.tried[n]) * (0.5 + self.rng.random()))

    def step(self, name: str, place: Place, before: Holds) -> Step:
        """Try one tool at a place, which moves on."""
        tool = self.tools[name]
        self.tried[name] += 1
        bound = bind(tool, place.worlds.world_of(name), place.pool, self.rng, mix=MIX)
        if bound is None:
            return Step(place, name, None, None, before, before)
        arguments = {key: item.value for key, item in bound.items()}
        result = self.call(place.worlds, name, arguments)
        place.trail.append(Move(name, arguments))
        after = before
        if result.error is None:
            self.succeeded[name] += 1
            place.pool.add(tool, result.value)
            if tool.writes:
                after = self.holding(place.worlds)
                if after != before:
                    self._keep(place, after)
        return Step(place, name, arguments, result, before, after)


def _start(classes: Sequence[type[World]], seed: int, size: Size) -> Place:
    worlds = WorldSet.create(WorldSpec(cls, seed, size) for cls in classes)
    return Place(seed, worlds, Pool(worlds.known()), [])
