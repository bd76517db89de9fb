"""A bounded search for another way: can what gold reaches be reached with some tools barred?

The search starts where the turn starts, knows what the user said in the conversation and what results have shown, and
executes: first every read that could show a needed value, then writes, nearest to gold's effects first. Law: a plan that
it returns was executed and satisfies the turn's checks of state and outputs. It is bounded: finding nothing proves that no
plan of at most `DEPTH` writes over these values was found within `BUDGET` calls, no more; with nothing barred it finds one
for most turns, which tests measure. Where no other tool can write what gold writes, finding nothing is exact.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice, product
from typing import Any, NamedTuple

from ...envs.binding import Pool
from ...envs.canonical import Effect
from ...envs.signature import Parameter
from ...envs.task import Checks, GoldCall, RequiredOutput
from ...envs.tool import Tool, ToolCall, ToolResult
from ...envs.verdict import contains
from ...envs.worldset import WorldSet

BUDGET = 300
DEPTH = 4
COMBINATIONS = 8
PER_PARAMETER = 6
ROUNDS_OF_READS = 3
FIRST_READS, LATER_READS = 120, 12


class Goal(NamedTuple):
    """What a turn's checks ask for, and where the search for it begins.

    Attributes:
        before: the worlds at the turn's start. pool: what was said (`facts`) and shown (`seen`) by then.
        gold, checks: of the turn. effects: of gold.
    """

    before: WorldSet
    pool: Pool
    gold: tuple[GoldCall, ...]
    checks: Checks
    effects: Counter[Effect]


class _Node(NamedTuple):
    worlds: WorldSet
    pool: Pool
    calls: tuple[ToolCall, ...]
    shown: tuple[Any, ...]
    writes: int


def goal_of(before: WorldSet, pool: Pool, gold: Sequence[GoldCall], checks: Checks) -> Goal:
    """The goal of a turn; gold is executed once to see its effects."""
    after = before.fork()
    for call in gold:
        after.call(call.name, call.arguments)
    return Goal(before, pool, tuple(gold), checks, _effects(before, after, checks))


def said_pool(before: WorldSet, gold: Iterable[GoldCall]) -> Pool:
    """A pool with what the user says in gold calls, by kind (`name:<parameter>` for what has none)."""
    pool = Pool()
    for call in gold:
        for name, source in call.sources.items():
            parameter = before.tools[call.name].parameters[name]
            kind, value = _kind(parameter), call.arguments[name]
            if source.kind in ("user", "context") and value not in pool.facts[kind]:
                pool.facts[kind].append(value)
    return pool


def other_way(goal: Goal, barred: Collection[str]) -> tuple[ToolCall, ...] | None:
    """A plan without `barred` tools that satisfies the turn's checks of state and outputs, or None."""
    return None if out_of_reach(goal, barred) else _Search(goal, frozenset(barred)).run()


def out_of_reach(goal: Goal, barred: Collection[str]) -> bool:
    """Whether, by what tools declare, none that is not barred could make some effect or show some output of the goal."""
    tools = [tool for name, tool in goal.before.tools.items() if name not in barred]
    written = {f"{tool.owner}.{table}" for tool in tools for table in tool.writes}
    if goal.checks.state and not {effect.table for effect in goal.effects} <= written:
        return True
    return not all(any(_could_show(tool, output) for tool in tools) for output in goal.checks.outputs)


class _Search:
    def __init__(self, goal: Goal, barred: frozenset[str]) -> None:
        self.goal, self.left = goal, BUDGET
        self.wanted = _wanted(goal)
        self.touched = {(effect.table, effect.key) for effect in goal.effects}
        tools = {name: tool for name, tool in goal.before.tools.items() if name not in barred}
        self.writers = _writers(goal, tools)
        called = {call.name for call in goal.gold}
        reads = sorted((name for name, tool in tools.items() if tool.is_read), key=lambda name: (name not in called, name))
        self.readers = [tools[name] for name in reads]
        self.telling = [tools[name] for name in reads if name in called or any(_could_show(tools[name], o) for o in goal.checks.outputs)]
        self.names = {id(tool): name for name, tool in tools.items()}
        self._ties = count()

    def run(self) -> tuple[ToolCall, ...] | None:
        """Best first over writes; see the module. A write that comes nearer is followed before its siblings are tried."""
        first = self._looked(_Node(self.goal.before.fork(), self.goal.pool.copy(), (), (), 0), self.readers, FIRST_READS)
        if self._reached(first):
            return first.calls
        heap = [(self._distance(first), next(self._ties), first, self._writes(first))]
        seen = {first.worlds.fingerprint()}
        while heap:
            rank, tie, node, untried = heapq.heappop(heap)
            here = self._distance(node)
            for following in untried:
                mark = following.worlds.fingerprint()
                if mark in seen:
                    continue
                seen.add(mark)
                if self._distance(following) <= here:  # what leads away shows nothing that is needed
                    following = self._looked(following, self.telling, LATER_READS)
                if self._reached(following):
                    return following.calls
                there = self._distance(following)
                if following.writes < DEPTH:
                    heapq.heappush(heap, (there + following.writes / 10, next(self._ties), following, self._writes(following)))
                if there < here:
                    heapq.heappush(heap, (rank, tie, node, untried))
                    break
        return None

    def _reached(self, node: _Node) -> bool:
        if self.goal.checks.state and _effects(self.goal.before, node.worlds, self.goal.checks) != self.goal.effects:
            return False
        return all(any(contains(value, output.fields) for value in node.shown) for output in self.goal.checks.outputs)

    def _distance(self, node: _Node) -> float:
        """What is missing or too much. A record of gold's that is in another state counts little: it may be on the way."""
        mine = _effects(self.goal.before, node.worlds, self.goal.checks)
        unseen = sum(not any(contains(value, o.fields) for value in node.shown) for o in self.goal.checks.outputs)
        wrong = mine - self.goal.effects
        near = sum(count for effect, count in wrong.items() if effect.kind == "changed" and (effect.table, effect.key) in self.touched)
        return (self.goal.effects - mine).total() + (wrong.total() - near) + 0.25 * near + unseen

    def _looked(self, node: _Node, readers: Sequence[Tool], most: int) -> _Node:
        """The node after every read, at most `most`, that has its values at hand by then."""
        calls, shown, done = list(node.calls), list(node.shown), set[str]()
        pool = node.pool.copy()
        for _ in range(ROUNDS_OF_READS):
            fresh = False
            for tool in readers:
                for arguments in _arguments(tool, pool, self.wanted, self.names[id(tool)]):
                    mark = f"{tool.name} {arguments}"
                    if mark in done or self.left <= 0 or len(done) >= most:
                        continue
                    done.add(mark)
                    result = self._call(node.worlds, tool, arguments)
                    if result.error is None and result.text not in ("[]", "null"):
                        pool.add(tool, result.value)
                        shown.append(result.value)
                        calls.append(ToolCall(self.names[id(tool)], arguments))
                        fresh = True
            if not fresh:
                break
        return node._replace(pool=pool, calls=tuple(calls), shown=tuple(shown))

    def _writes(self, node: _Node) -> Iterator[_Node]:
        for tool in self.writers:
            for arguments in _arguments(tool, node.pool, self.wanted, self.names[id(tool)]):
                if self.left <= 0:
                    return
                worlds = node.worlds.fork()
                result = self._call(worlds, tool, arguments)
                if result.error is None and result.written:
                    pool = node.pool.copy()
                    pool.add(tool, result.value)
                    call = ToolCall(self.names[id(tool)], arguments)
                    yield _Node(worlds, pool, (*node.calls, call), (*node.shown, result.value), node.writes + 1)

    def _call(self, worlds: WorldSet, tool: Tool, arguments: dict[str, Any]) -> ToolResult:
        self.left -= 1
        return worlds.call(self.names[id(tool)], arguments)


def _writers(goal: Goal, tools: Mapping[str, Tool]) -> list[Tool]:
    """Tools that may write what gold's calls write: those of gold first."""
    worlds = goal.before
    called = {call.name for call in goal.gold}
    wanted = {(worlds.tools[name].owner, table) for name in called for table in worlds.tools[name].writes}
    found = [name for name, tool in tools.items() if any((tool.owner, table) in wanted for table in tool.writes)]
    return [tools[name] for name in sorted(found, key=lambda name: (name not in called, name))]


def _could_show(tool: Tool, output: RequiredOutput) -> bool:
    """Whether a tool's results have the fields of a required output."""
    return {leaf.path[-1] for leaf in tool.outputs if leaf.path} >= set(output.fields)


class _Wanted(NamedTuple):
    """What gold passes: whole arguments by tool, and values by kind (`name:<parameter>` for what has none)."""

    whole: dict[str, list[dict[str, Any]]]
    values: dict[str, list[Any]]


def _wanted(goal: Goal) -> _Wanted:
    whole, values = dict[str, list[dict[str, Any]]](), dict[str, list[Any]]()
    for call in goal.gold:
        whole.setdefault(call.name, []).append(call.arguments)
        for parameter in goal.before.tools[call.name].parameters.values():
            if parameter.name in call.arguments:
                values.setdefault(_kind(parameter), []).append(call.arguments[parameter.name])
    return _Wanted(whole, values)


def _kind(parameter: Parameter) -> str:
    return parameter.semantic.name if parameter.semantic is not None else f"name:{parameter.name}"


def _arguments(tool: Tool, pool: Pool, wanted: _Wanted, name: str) -> Iterator[dict[str, Any]]:
    """Arguments of known values: as in gold's own calls where all is known by now, then combinations of what is known.

    Values that gold passes somewhere come first, since a substitute most likely takes the same. Optional parameters are
    given such values alone, or left out.
    """
    mine = wanted.whole.get(name, [])
    whole = [arguments for arguments in mine if all(_known(tool, pool, key, value) for key, value in arguments.items())]
    yield from whole
    names: list[str] = []
    choices: list[list[Any]] = []
    for parameter in tool.parameters.values():
        likely = [*[arguments.get(parameter.name) for arguments in mine], *wanted.values.get(_kind(parameter), ())]
        values = [value for value in likely if _known(tool, pool, parameter.name, value)]
        if parameter.required:
            values += _values(parameter, pool)
        distinct = list({repr(value): value for value in values}.values())[:PER_PARAMETER]
        if parameter.required and not distinct:
            return
        names.append(parameter.name)
        choices.append(distinct if parameter.required else [*distinct, _ABSENT])
    for drawn in islice(product(*choices), COMBINATIONS):
        arguments = {key: value for key, value in zip(names, drawn, strict=True) if value is not _ABSENT}
        if arguments not in whole:
            yield arguments


def _values(parameter: Parameter, pool: Pool) -> list[Any]:
    """What was said or shown of a parameter's kind, the latest first."""
    kind = _kind(parameter)
    return [*(pool.facts.get(kind) or ()), *(item.value for item in reversed(pool.seen.get(kind, ())))]


def _known(tool: Tool, pool: Pool, name: str, value: Any) -> bool:
    """Whether a value could be given now: an internal one only once it was said or shown."""
    kind = tool.parameters[name].semantic
    if value is None or kind is None or kind.known:
        return value is not None
    return value in (pool.facts.get(kind.name) or ()) or any(item.value == value for item in pool.seen.get(kind.name, ()))


_ABSENT = object()


def _effects(start: WorldSet, end: WorldSet, checks: Checks) -> Counter[Effect]:
    return start.effects(end, start.incidental().difference(checks.include), checks.ignore)
