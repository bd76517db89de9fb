"""Probing: finding by execution on forks which calls make which preconditions true.

From the pristine worlds of several seeds, random legal calls are tried, least tried tools first, and every
successful write is compared before and after: a predicate that turns true is an edge from that tool to every
tool that requires it. A call that was refused by its own body (`precondition_failed` though all declared
predicates hold) is kept, and each writer is executed before it on a fork: one that makes it succeed is an edge
that no declaration mentions. Law: no edge without an execution that showed it. Worlds stay as they were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, NamedTuple

from .binding import Mix, Pool, bind
from .tool import Predicate, Tool, predicate_name
from .world import Size, World
from .worldset import WorldSet, WorldSpec


class StateEdge(NamedTuple):
    """u was seen to make v possible. `predicate` is the declared one, or "" where only execution showed it."""

    source: str
    target: str
    predicate: str = ""


class Probed(NamedTuple):
    """What probing found.

    Attributes:
        edges: state edges. given: `state:<predicate>` that hold from the start, `data:<kind>` the user knows.
        undoes: (tool, predicate) pairs where the tool made the predicate false.
        succeeded, tried: calls per tool.
    """

    edges: tuple[StateEdge, ...]
    given: tuple[str, ...]
    undoes: tuple[tuple[str, str], ...]
    succeeded: Counter[str]
    tried: Counter[str]


class _Place(NamedTuple):
    worlds: WorldSet
    pool: Pool


class _Refusal(NamedTuple):
    place: _Place
    tool: str
    arguments: dict[str, Any]


_MIX = Mix(output=0.5, earlier=0.0, user=0.5, optional=0.3)


def probe(classes: Sequence[type[World]], seeds: Iterable[int] = (0, 1, 2), size: Size = "small", walks: int = 6, steps: int = 120) -> Probed:
    """Explore the worlds and report the state edges (see the module).

    Args:
        classes: the world classes, probed together. seeds: whose worlds are walked.
        walks, steps: random walks per seed and calls per walk.
    """
    prober = _Prober(classes, seeds, size)
    for _ in range(walks):
        for seed in prober.seeds:
            prober.walk(seed, steps)
    return prober.result()


class _Prober:
    def __init__(self, classes: Sequence[type[World]], seeds: Iterable[int], size: Size) -> None:
        self.seeds = tuple(seeds)
        self.rng = Random("turngym.probe")
        self.starts = {seed: self._start(classes, seed, size) for seed in self.seeds}
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
        self.providers: dict[str, set[str]] = defaultdict(set)
        self.undoes: set[tuple[str, str]] = set()
        self.refused: dict[str, list[_Refusal]] = defaultdict(list)
        self.visits: Counter[frozenset[str]] = Counter()
        self.places: dict[frozenset[str], list[_Place]] = defaultdict(list)
        for place in self.starts.values():
            self._keep(place, self.holding(place.worlds))

    def _start(self, classes: Sequence[type[World]], seed: int, size: Size) -> _Place:
        worlds = WorldSet.create(WorldSpec(cls, seed, size) for cls in classes)
        return _Place(worlds, Pool(worlds.known()))

    def holding(self, worlds: WorldSet) -> frozenset[str]:
        """The predicates that hold now."""
        return frozenset(n for n, (tool, predicate) in self.predicates.items() if predicate(worlds.world_of(tool)))

    def _keep(self, place: _Place, holds: frozenset[str]) -> None:
        kept = self.places[holds]
        if len(kept) < 3:
            kept.append(_Place(place.worlds.fork(), place.pool.copy()))

    def walk(self, seed: int, steps: int) -> None:
        """One random walk: from the start, or from the least walked combination of predicates."""
        spot = self.starts[seed]
        if self.rng.random() < 0.6:
            holds = min(self.places, key=lambda h: (self.visits[h], sorted(h)))
            self.visits[holds] += 1
            spot = self.rng.choice(self.places[holds])
        worlds, pool = spot.worlds.fork(), spot.pool.copy()
        before = self.holding(worlds)
        for _ in range(steps):
            name = self._next(worlds)
            before = self._step(name, worlds, pool, before)

    def _next(self, worlds: WorldSet) -> str:
        able = [n for n, t in self.tools.items() if t.unmet(worlds.world_of(n)) is None]
        names = able if able and self.rng.random() < 0.95 else list(self.tools)
        return min(names, key=lambda n: (self.succeeded[n] + 0.2 * self.tried[n]) * (0.5 + self.rng.random()))

    def _step(self, name: str, worlds: WorldSet, pool: Pool, before: frozenset[str]) -> frozenset[str]:
        tool = self.tools[name]
        self.tried[name] += 1
        bound = bind(tool, worlds.world_of(name), pool, self.rng, mix=_MIX)
        if bound is None:
            return before
        arguments = {key: item.value for key, item in bound.items()}
        result = worlds.call(name, arguments)
        if result.error is None:
            self.succeeded[name] += 1
            pool.add(tool, result.value)
            if tool.writes:
                return self._note(name, worlds, pool, before)
        elif result.error == "precondition_failed" and tool.unmet(worlds.world_of(name)) is None and len(self.refused[name]) < 4:
            self.refused[name].append(_Refusal(_Place(worlds.fork(), pool.copy()), name, arguments))
        return before

    def _note(self, name: str, worlds: WorldSet, pool: Pool, before: frozenset[str]) -> frozenset[str]:
        after = self.holding(worlds)
        for predicate in after - before:
            self.providers[predicate].add(name)
        self.undoes.update((name, predicate) for predicate in before - after)
        if after != before:
            self._keep(_Place(worlds, pool), after)
        return after

    def revealed(self) -> set[StateEdge]:
        """Retry each refused call after each writer on a fork."""
        found = set()
        for name, refusals in self.refused.items():
            for place, _, arguments in refusals:
                for other, tool in self.tools.items():
                    if tool.writes and other != name and StateEdge(other, name) not in found and self._helps(place, other, name, arguments):
                        found.add(StateEdge(other, name))
        return found

    def _helps(self, place: _Place, other: str, name: str, arguments: dict[str, Any]) -> bool:
        tool = self.tools[other]
        shared = {v for v in arguments.values() if isinstance(v, str)}
        for attempt in range(6):
            worlds = place.worlds.fork()
            bound = bind(tool, worlds.world_of(other), place.pool, self.rng, mix=_MIX)
            if bound is None:
                return False
            given = {key: item.value for key, item in bound.items()}
            if attempt < 4:  # the same thing that was refused, first
                given.update(self._same_things(tool, name, arguments))
            elif not shared & {v for v in given.values() if isinstance(v, str)}:
                continue
            if worlds.call(other, given).error is None and worlds.call(name, arguments).error is None:
                return True
        return False

    def _same_things(self, tool: Tool, refused: str, arguments: dict[str, Any]) -> dict[str, Any]:
        kinds = {
            p.semantic.name: arguments[p.name]
            for p in self.tools[refused].parameters.values()
            if p.semantic is not None and not p.semantic.known and p.name in arguments
        }
        return {p.name: kinds[p.semantic.name] for p in tool.parameters.values() if p.semantic is not None and p.semantic.name in kinds}

    def result(self) -> Probed:
        """All that was found, in a fixed order."""
        edges = {StateEdge(u, v, p) for p, makers in self.providers.items() for u in makers for v in self.needers[p] if u != v}
        first = [self.holding(place.worlds) for place in self.starts.values()]
        given = {f"state:{name}" for name in frozenset.intersection(*first)}
        given.update(f"data:{kind}" for place in self.starts.values() for kind in place.pool.facts)
        return Probed(tuple(sorted(edges | self.revealed())), tuple(sorted(given)), tuple(sorted(self.undoes)), self.succeeded, self.tried)
