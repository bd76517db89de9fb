"""Finding the way to a target on the tool graph: what is still needed, which tool to take, what is a mere means.

A navigator knows the graph and nothing of a running conversation; all chance is in the `rng` it is given. Law:
what it plans is prerequisites first, and every requirement is met by one provider (AND over needs, OR over
providers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Literal, NamedTuple

from ..envs.binding import Pool, is_loose
from ..envs.graph import ToolGraph
from ..envs.tool import Predicate, Tool, predicate_name
from ..envs.world import World
from ..envs.worldset import WorldSet, tool_table

Sampling = Literal["directed", "random", "literal"]


class Rejected(Exception):
    """A candidate that is not kept; `reason` is a stable short name that the funnel counts."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class SamplerOptions(NamedTuple):
    """How rounds are drawn.

    sampling: which tool is called next. `directed` goes for a target; `literal` is the paper's rule as printed; `random`
    takes any legal tool and has no target; both are here to be compared with. explore: chance of a random legal read while there is slack.
    enrich: chance to let a result supply a value that the user could have said. cross: where several
    worlds are together, chance to let one supply what a target of another takes. failures: tool -> failures of
    the current policy; a target's chance is proportional to 1 + failures (arXiv 2601.01498). min_jump: below what
    score even an uncued query would fall, a second goal is added.
    """

    sampling: Sampling = "directed"
    explore: float = 0.1
    enrich: float = 0.8
    cross: float = 0.5
    failures: Mapping[str, int] = {}
    min_jump: float = 0.4


class Navigator:
    """Plans over one graph.

    Attributes:
        graph, options: as given. targets: tools within reach. distance: tool -> tool -> length of the shortest path.
    """

    def __init__(self, graph: ToolGraph, options: SamplerOptions) -> None:
        import networkx as nx  # here, since proving imports this module and makes no graph

        self.graph = graph
        self.options = options
        within = graph.reachable()
        self.targets = [name for name in graph.tools if name in within]
        self.distance: dict[str, dict[str, int]] = dict(nx.all_pairs_shortest_path_length(graph.graph))
        self._depth = {name: len(graph.closure(name)) for name in self.targets}
        self._suppliers: dict[tuple[str, str], list[str]] = {}  # a graph does not change

    def choose_target(self, rng: Random, worlds: WorldSet, pool: Pool, turn: int, across: bool, taken: Counter[str]) -> str:
        """A target tool; with `across`, one that can use a value of an earlier turn where there is one.

        Where calls are drawn at random there is none: "".
        """
        if self.options.sampling == "random":
            return ""
        names = self.targets
        if across:
            shown = {kind for kind, items in pool.seen.items() if any(item.turn < turn for item in items)}
            fitting = [name for name in names if self._uses_earlier(worlds.tools[name], pool, shown)]
            names = fitting or names
        weights = [(1 + self.options.failures.get(n, 0)) / (1 + 3 * taken.get(n, 0)) for n in names]
        return rng.choices(names, weights)[0]

    @staticmethod
    def _uses_earlier(tool: Tool, pool: Pool, shown: set[str]) -> bool:
        return any(
            p.semantic is not None and p.required and p.semantic.name in shown and not is_loose(p, pool) for p in tool.parameters.values()
        )

    def needed(self, target: str, holds: frozenset[str], pool: Pool, rng: Random) -> list[str]:
        """The unsatisfied closure of `target`, prerequisites first, without it. Raises `Rejected`.

        Args:
            holds: the predicates that hold now. pool: what has been shown by now.
        """
        order: list[str] = []

        def visit(name: str, path: frozenset[str]) -> None:
            for need in self.graph.requirements[name]:
                if need.given and need.kind == "data":
                    continue
                met = bool(pool.seen.get(need.name)) if need.kind == "data" else need.name in holds
                if met or need.providers & set(order):
                    continue
                options = [p for p in need.providers if p in self._depth and p not in path]
                if not options:
                    raise Rejected("unreachable_target", target)
                best = self._cheap(options, rng)
                visit(best, path | {best})
                if best not in order:
                    order.append(best)

        visit(target, frozenset((target,)))
        return order

    def _cheap(self, options: list[str], rng: Random) -> str:
        options = sorted(options)
        weights = [(4.0 if self.graph.graph.nodes[o]["read"] else 1.0) / (1 + self._depth[o]) ** 2 for o in options]
        return rng.choices(options, weights)[0]

    def reads(self, name: str) -> bool:
        """Whether a tool is a read."""
        return bool(self.graph.graph.nodes[name]["read"])

    def suppliers(self, name: str, kind: str) -> list[str]:
        """Reads within reach whose results show a value of `kind` for tool `name`, sorted."""
        known = self._suppliers.get((name, kind))
        if known is None:
            into = self.graph.graph.in_edges(name, data=True)
            found = {u for u, _, d in into if d["kind"] == "data" and d["name"] == kind and self.reads(u)}
            known = sorted(found.intersection(self.targets) - {name}, key=lambda n: (self._depth[n], n))
            self._suppliers[name, kind] = known
        return known


def holding(worlds: WorldSet) -> frozenset[str]:
    """Names of all predicates that hold now."""
    return frozenset(
        name for name, index, predicate in _predicates(tuple(type(w) for w in worlds.worlds)) if predicate(worlds.worlds[index])
    )


@lru_cache(maxsize=64)
def _predicates(classes: tuple[type[World], ...]) -> tuple[tuple[str, int, Predicate], ...]:
    table = tool_table(classes)
    found = {predicate_name(t, p): (table.owners[n], p) for n, t in table.tools.items() for p in t.requires}
    return tuple((name, index, predicate) for name, (index, predicate) in found.items())


def byways(worlds: WorldSet) -> frozenset[str]:
    """Tools that write only incidental state (sign in, change directory): means, seldom ends."""
    return _byways(tuple(type(w) for w in worlds.worlds), worlds.incidental())


@lru_cache(maxsize=64)
def _byways(classes: tuple[type[World], ...], barred: frozenset[str]) -> frozenset[str]:
    tools = tool_table(classes).tools
    return frozenset(name for name, tool in tools.items() if tool.writes and {f"{tool.owner}.{t}" for t in tool.writes} <= barred)
