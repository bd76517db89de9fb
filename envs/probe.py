"""Probing: finding by execution on forks which calls make which preconditions true.

From the pristine worlds of several seeds, random legal calls are tried (`explore.py`), and every successful
write is compared before and after: a predicate that turns true is an edge from that tool to every tool that
requires it. A call that was refused by its own body (`precondition_failed` though all declared predicates hold)
is kept, and each writer is executed before it on a fork: one that makes it succeed is an edge that no declaration
mentions; so are two that do it together, where the first changes what is lacking and the second alone fails.
Law: no edge without an execution that showed it. Worlds stay as they were.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .binding import bind
from .explore import MIX, Explorer, Place, Step
from .tool import Tool, ToolResult
from .world import Size, World


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


_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*")


class _Refusal(NamedTuple):
    """Where a call was refused, what it lacked there, and the call (`by`, `given`) that led there, if one was made."""

    place: Place
    arguments: dict[str, Any]
    lack: str
    by: str = ""
    given: dict[str, Any] = {}


_PER_LACK, _PER_TOOL = 4, 16


def probe(
    classes: Sequence[type[World]], seeds: Iterable[int] = (0, 1, 2), size: Size = "small", walks: int = 6, steps: int = 120
) -> Probed:
    """Explore the worlds and report the state edges (see the module).

    Args:
        classes: the world classes, probed together. seeds: whose worlds are walked.
        walks, steps: random walks per seed and calls per walk.
    """
    prober = _Prober(Explorer(classes, seeds, size, "turngym.probe"))
    for _ in range(walks):
        for seed in prober.explorer.seeds:
            for step in prober.explorer.walk(seed, steps):
                prober.note(step)
    return prober.result()


class _Prober:
    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.rng = explorer.rng
        self.tools: dict[str, Tool] = explorer.tools
        self.providers: dict[str, set[str]] = defaultdict(set)
        self.undoes: set[tuple[str, str]] = set()
        self.refused: dict[str, list[_Refusal]] = defaultdict(list)
        self.seconds: Counter[tuple[str, str, str]] = Counter()
        self.lacks: Counter[tuple[str, str]] = Counter()

    def note(self, step: Step) -> None:
        """Take in one step of a walk."""
        name, result = step.name, step.result
        if result is None or step.arguments is None:
            return
        for predicate in step.after - step.before:
            self.providers[predicate].add(name)
        self.undoes.update((name, predicate) for predicate in step.before - step.after)
        if result.error != "precondition_failed" or self.tools[name].unmet(step.place.worlds.world_of(name)) is not None:
            return
        lack = _lack(result, step.arguments)
        if self.lacks[name, lack] < _PER_LACK and len(self.refused[name]) < _PER_TOOL:
            self.lacks[name, lack] += 1
            self.refused[name].append(_Refusal(step.place.fork(), step.arguments, lack))

    def revealed(self) -> set[StateEdge]:
        """Retry each refused call after each writer on a fork, and after two where the first left another lack."""
        found: set[StateEdge] = set()
        for name, refusals in self.refused.items():
            writers = [other for other, tool in self.tools.items() if tool.writes and other != name]
            for refusal in refusals:
                for other in writers:
                    if StateEdge(other, name) in found:
                        continue
                    after = self._try(refusal, other, name)
                    if after is not None and after.lack == "":
                        found.add(StateEdge(other, name))
                    elif after is not None and self.seconds[name, other, after.lack] < 2:
                        self.seconds[name, other, after.lack] += 1
                        found.update(self._second(refusal, after, name, writers))
        return found

    def _second(self, refusal: _Refusal, after: _Refusal, name: str, writers: list[str]) -> set[StateEdge]:
        """Edges from two calls that make the refused one succeed together where the later alone does not."""
        for other in writers:
            last = self._try(after, other, name) if other != after.by else None
            if last is not None and last.lack == "" and self._repeat(refusal, last, name) != "":
                return {StateEdge(after.by, name), StateEdge(other, name)}
        return set()

    def _repeat(self, refusal: _Refusal, last: _Refusal, name: str) -> str:
        """What is lacking at `refusal` after the very call that `last` made."""
        worlds = refusal.place.worlds.fork()
        worlds.call(last.by, last.given)
        return _lack(worlds.call(name, refusal.arguments), refusal.arguments)

    def _try(self, refusal: _Refusal, other: str, name: str) -> _Refusal | None:
        """Call `other` where `name` was refused: the state in which `name` succeeds (no lack) or lacks something else."""
        tool, changed = self.tools[other], None
        place, arguments = refusal.place, refusal.arguments
        shared = {v for v in arguments.values() if isinstance(v, str)}
        for attempt in range(6):
            worlds = place.worlds.fork()
            bound = bind(tool, worlds.world_of(other), place.pool, self.rng, mix=MIX)
            if bound is None:
                return changed
            given = {key: item.value for key, item in bound.items()}
            if attempt < 4:  # the same thing that was refused, first
                given.update(self._same_things(tool, name, arguments))
            elif not shared & {v for v in given.values() if isinstance(v, str)}:
                continue
            if worlds.call(other, given).error is not None:
                continue
            reached = worlds.fork()
            lack = _lack(worlds.call(name, arguments), arguments)
            if lack != refusal.lack and (lack == "" or lack.startswith("precondition_failed")):
                changed = _Refusal(place._replace(worlds=reached), arguments, lack, other, given)
            if lack == "":
                return changed
        return changed

    def _same_things(self, tool: Tool, refused: str, arguments: dict[str, Any]) -> dict[str, Any]:
        kinds = {
            p.semantic.name: arguments[p.name]
            for p in self.tools[refused].parameters.values()
            if p.semantic is not None and not p.semantic.known and p.name in arguments
        }
        return {p.name: kinds[p.semantic.name] for p in tool.parameters.values() if p.semantic is not None and p.semantic.name in kinds}

    def result(self) -> Probed:
        """All that was found, in a fixed order."""
        explorer = self.explorer
        edges = {StateEdge(u, v, p) for p, makers in self.providers.items() for u in makers for v in explorer.needers[p] if u != v}
        first = [explorer.holding(place.worlds) for place in explorer.starts.values()]
        given = {f"state:{name}" for name in frozenset.intersection(*first)}
        given.update(f"data:{kind}" for place in explorer.starts.values() for kind in place.pool.facts)
        found = tuple(sorted(edges | self.revealed()))
        return Probed(found, tuple(sorted(given)), tuple(sorted(self.undoes)), explorer.succeeded, explorer.tried)


def _lack(result: ToolResult, arguments: dict[str, Any]) -> str:
    """What a refused call lacks, in its own words without the things it names; "" for a success.

    A tool with two hidden preconditions is refused for the first one far more often than for the second, so each
    lack is probed by itself.
    """
    if result.error is None:
        return ""
    message = result.message
    for value in arguments.values():
        if isinstance(value, str) and value:
            message = message.replace(value, "")
    return f"{result.error}: {_PARTICULAR.sub('', message)}"
