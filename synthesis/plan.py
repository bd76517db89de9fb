"""Plans: what a round of calls did, where every argument came from, and what depends on what.

A `Round` is one user turn's worth of executed calls. Dependencies are found by execution: of two calls that cannot
change places without changing some answer or the end, the later one comes after the earlier. Law: every order that
the dependencies allow ends alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..envs.binding import Bound, Occurrence, Pool
from ..envs.task import GoldCall, Source
from ..envs.tool import Tool, ToolResult
from ..envs.worldset import WorldSet


class Reference(NamedTuple):
    """How a user points at a value that only results show.

    where: field -> value of the object it stood in. pick: `only`, `min:<field>`, `max:<field>`, `new` (made in
    this turn), or `that` (the one of an earlier turn).
    """

    where: tuple[tuple[str, Any], ...] = ()
    pick: str = "only"


@dataclass(slots=True)
class PlannedCall:
    """One executed call of a plan.

    Attributes:
        id: unique in the conversation (`t0c1`). tool: its `Tool`. bound: argument -> value and source.
        refs: argument -> how the user points at it, for values out of results.
        result, value: what came back, as text and as data. enables: predicates this call made true. seen: the typed values in the result.
        after: ids of calls of the same round that must come first.
    """

    id: str
    tool: Tool
    bound: dict[str, Bound]
    refs: dict[str, Reference]
    result: ToolResult
    value: Any
    enables: frozenset[str] = frozenset()
    seen: tuple[Occurrence, ...] = ()
    after: tuple[str, ...] = ()
    _gold: GoldCall | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The tool's public name."""
        return self.tool.name

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as sent."""
        return {name: item.value for name, item in self.bound.items()}

    def internal(self) -> list[str]:
        """The internal ids that the result shows."""
        kinds = self.tool.internal_kinds
        return [str(item.value) for item in self.seen if item.semantic in kinds]

    @property
    def writes(self) -> bool:
        """Whether the call wrote anything."""
        return bool(self.result.written)

    def gold(self) -> GoldCall:
        """The call as a task's gold. Arguments and references are settled by the first time; `after` may still change."""
        if self._gold is None or self._gold.after != self.after:
            self._gold = GoldCall(
                id=self.id,
                name=self.name,
                arguments=self.arguments,
                after=self.after,
                sources={n: self._source(n, b) for n, b in self.bound.items()},
            )
        return self._gold

    def _source(self, name: str, bound: Bound) -> Source:
        if bound.seen is None:
            return Source(kind=bound.kind)  # type: ignore[arg-type]
        ref = self.refs[name]
        return Source(
            kind=bound.kind,  # type: ignore[arg-type]
            call=bound.seen.call,
            path=bound.seen.path,
            where=dict(ref.where),
            pick=ref.pick,
            semantic=bound.seen.semantic,
        )


@dataclass(slots=True)
class Round:
    """One turn's plan: executed calls on `before`, ending in `after`; `pool` is what was known before it."""

    turn: int
    target: str
    before: WorldSet
    after: WorldSet
    pool: Pool
    elapse: int
    calls: list[PlannedCall] = field(default_factory=list)
    _sinks: list[PlannedCall] | None = None
    _counted: int = -1

    def call(self, identity: str) -> PlannedCall | None:
        """The call with an id, or None if it belongs to another round."""
        return next((call for call in self.calls if call.id == identity), None)

    def sinks(self) -> list[PlannedCall]:
        """Calls whose output nobody uses and that open no door for another, or that write what counts."""
        if self._sinks is None or self._counted != len(self.calls):
            self._sinks, self._counted = self._find_sinks(), len(self.calls)
        return self._sinks

    def _find_sinks(self) -> list[PlannedCall]:
        used = {b.seen.call for c in self.calls for b in c.bound.values() if b.seen is not None}
        needed = {name for c in self.calls for name in _needs(c)}
        incidental = self.before.incidental()
        return [
            c for c in self.calls
            if lasting(c, incidental, self.before) or (c.id not in used and not (c.enables & needed))
        ]  # fmt: skip


def flowing(round_: Round) -> list[PlannedCall]:
    """The goals of a round and the calls whose values flow into them."""
    found = {call.id: call for call in round_.sinks()}
    for call in reversed(round_.calls):
        if call.id in found:
            makers = [round_.call(bound.seen.call) for bound in call.bound.values() if bound.seen is not None]
            found.update({maker.id: maker for maker in makers if maker is not None})
    return list(found.values())


def value_depth(calls: Iterable[PlannedCall]) -> int:
    """Length of the longest path of values from call to call; a value of an earlier turn counts one."""
    depths: dict[str, int] = {}
    for call in calls:
        into = [depths.get(b.seen.call, 0) + 1 for b in call.bound.values() if b.seen is not None]
        depths[call.id] = max(into, default=0)
    return max(depths.values(), default=0)


def implied(calls: list[PlannedCall]) -> tuple[float, float]:
    """How much of a plan no query states: hidden arguments / all arguments, and depth / max(1, M - 1), 0..1 each."""
    hidden = sum(b.seen is not None for c in calls for b in c.bound.values())
    total = sum(len(c.bound) for c in calls)
    return hidden / total if total else 0.0, min(1.0, value_depth(calls) / max(1, len(calls) - 1))


def lasting(call: PlannedCall, incidental: Iterable[str], worlds: WorldSet) -> bool:
    """Whether the call wrote anything that counts by itself."""
    barred = set(incidental)
    return any(table not in barred for table in tables_written(call.result, worlds))


def tables_written(result: ToolResult, worlds: WorldSet) -> list[str]:
    """`World.table` (or `World.cell`) of each record that a call wrote, without repeats."""
    if not result.written:
        return []
    world = type(worlds.world_of(result.name)).__name__
    return list(dict.fromkeys(f"{world}.{key if table == '_cells' else table}" for table, key in result.written))


def _needs(call: PlannedCall) -> list[str]:
    return [f"{call.tool.owner}.{predicate.__name__}" for predicate in call.tool.requires]


def order_by_execution(round_: Round) -> None:
    """Find what depends on what (see the module) and set `after` of each call.

    A call comes after those whose results it uses, and after every call that it cannot change places with: moved
    before it, some answer or the end would be another. Two reads always can.
    """
    calls, start = round_.calls, round_.before
    place = {call.id: index for index, call in enumerate(calls)}
    made = [(call.name, call.arguments, call.result.text) for call in calls]
    states = [start.fork()]
    for name, arguments, text in made:
        states.append(states[-1].fork())
        answer = states[-1].call(name, arguments)
        assert answer.text == text, "worlds are deterministic"
    goal = start.effects(states[-1])
    before: list[set[int]] = []  # transitively
    for index, call in enumerate(calls):
        direct = {place[b.seen.call] for b in call.bound.values() if b.seen is not None and b.seen.call in place}
        closed = direct.union(*(before[other] for other in direct))
        for other in range(index - 1, -1, -1):
            if other in closed or not (call.writes or calls[other].writes):
                continue
            moved = [k for k in range(other + 1, index) if k in closed]
            rest = [k for k in range(other + 1, len(calls)) if k != index and k not in closed]
            worlds = states[other].fork()
            same = _answers_alike(worlds, [made[k] for k in (*moved, index, other, *rest)])
            if not same or start.effects(worlds) != goal:
                direct.add(other)
                closed |= before[other] | {other}
        before.append(closed)
        call.after = tuple(calls[k].id for k in sorted(direct))


def _answers_alike(worlds: WorldSet, made: list[tuple[str, dict[str, Any], str]]) -> bool:
    """Whether calls (name, arguments, answer) answer as they did."""
    return all(worlds.call(name, arguments).text == text for name, arguments, text in made)


def idle_writes(round_: Round) -> list[PlannedCall]:
    """Writes that could be left out without anybody noticing: same effects, same answers of the rest."""
    calls, start = round_.calls, round_.before
    skip, goal = start.incidental(), start.effects(round_.after)
    sinks = {call.id for call in round_.sinks()}
    found = []
    for call in calls:
        if not call.writes or (call.id in sinks and not lasting(call, skip, start)):
            continue
        worlds, gone, same = start.fork(), {call.id}, True
        for other in calls:
            if other.id in gone or any(b.seen is not None and b.seen.call in gone for b in other.bound.values()):
                gone.add(other.id)
                same = same and (other.tool.writes != frozenset() or other.id not in sinks)
            elif worlds.call(other.name, other.arguments).text != other.result.text:
                same = same and other.id not in sinks
                gone.add(other.id)
        if same and start.effects(worlds) == goal:
            found.append(call)
    return found
