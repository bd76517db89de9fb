"""The tool graph G = (T, R, P) of FunReason-MT (arXiv 2510.24645, section 3.1): which tool prepares which.

Edges u -> v: `data`, a field of u's result has the semantic type of a parameter of v (from signatures alone);
`state`, u makes a precondition of v true (found by executing, `probe.py`); `order`, declared. A tool's
requirements are joined by AND; each is met by ANY of its providers. Laws: nothing here guesses: a data edge
needs equal semantic names, a state edge needs an execution that showed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from .errors import UnknownNameError
from .probe import StateEdge, probe
from .remembered import recalled
from .tool import Tool, predicate_name
from .world import Size, World
from .worldset import tool_table

if TYPE_CHECKING:
    import networkx as nx


class Requirement(NamedTuple):
    """One thing a tool needs: a value of an internal kind (`data`), or a predicate that holds (`state`).

    `providers` are the tools that can give it; `given` is True where it holds from the start.
    """

    kind: str
    name: str
    providers: frozenset[str]
    given: bool = False


class ToolGraph:
    """Tools, what they need, and who provides it.

    Make it with `graph_of(classes)` (probed once and kept) or from parts. Nodes are public tool names.
    Attributes:
        graph: the networkx MultiDiGraph; edge attribute `kind` is `data`, `state` or `order`.
        requirements: tool -> its `Requirement`s.
    """

    def __init__(self, tools: Mapping[str, Tool], state: Iterable[StateEdge] = (), given: Iterable[str] = ()) -> None:
        import networkx as nx  # here, since many processes that import this module make no graph

        self.given = frozenset(given)
        self._state = sorted(set(state))
        self.graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for name, tool in tools.items():
            self.graph.add_node(name, world=tool.owner, read=tool.is_read, summary=tool.summary)
        self._add_data_edges(tools)
        for source, target, predicate in self._state:
            for unknown in {source, target} - set(tools):
                raise UnknownNameError("tool", unknown, tools)
            self.graph.add_edge(source, target, kind="state", name=predicate)
        for name, tool in tools.items():
            for earlier in (_public(one, tool, tools) for one in tool.after):
                if earlier in tools:
                    self.graph.add_edge(earlier, name, kind="order", name="declared")
        self.requirements = {name: self._requirements(tool) for name, tool in tools.items()}
        self._costs = self._reach()

    # -- construction ----------------------------------------------------------------------------------

    def _add_data_edges(self, tools: Mapping[str, Tool]) -> None:
        makers: dict[str, dict[str, str]] = {}
        for name, tool in tools.items():
            for leaf in tool.outputs:
                if leaf.semantic is not None:
                    makers.setdefault(leaf.semantic.name, {}).setdefault(name, ".".join(leaf.path))
        for name, tool in tools.items():
            for parameter in tool.parameters.values():
                if parameter.semantic is not None:
                    for maker, path in makers.get(parameter.semantic.name, {}).items():
                        if maker != name:
                            self.graph.add_edge(
                                maker, name, kind="data", name=parameter.semantic.name, parameter=parameter.name, path=path,
                                internal=not parameter.semantic.known,
                            )  # fmt: skip

    def _requirements(self, tool: Tool) -> tuple[Requirement, ...]:
        found: dict[tuple[str, str], Requirement] = {}
        into = list(self.graph.in_edges(tool.name, data=True)) if tool.name in self.graph else []
        for predicate in tool.requires:  # first: what is shown may depend on what holds
            name = predicate_name(tool, predicate)
            makers = frozenset(u for u, _, d in into if d["kind"] == "state" and d["name"] == name)
            found["state", name] = Requirement("state", name, makers, f"state:{name}" in self.given)
        for parameter in tool.parameters.values():
            meaning = parameter.semantic
            if parameter.required and meaning is not None and not meaning.known:
                makers = frozenset(u for u, _, d in into if d["kind"] == "data" and d["name"] == meaning.name)
                found["data", meaning.name] = Requirement("data", meaning.name, makers, f"data:{meaning.name}" in self.given)
        return tuple(found.values())

    def _reach(self) -> dict[str, int]:
        """Tool -> calls needed to get there at least, itself included; tools out of reach are absent."""
        costs: dict[str, int] = {}
        changed = True
        while changed:
            changed = False
            for name, needs in self.requirements.items():
                parts = [0 if n.given else min((costs[p] for p in n.providers if p in costs), default=None) for n in needs]
                if any(part is None for part in parts):
                    continue
                cost = 1 + sum(part for part in parts if part is not None)
                if cost < costs.get(name, 1 << 30):
                    costs[name] = cost
                    changed = True
        return costs

    # -- questions -------------------------------------------------------------------------------------

    @property
    def tools(self) -> tuple[str, ...]:
        """Public names, in order of definition."""
        return tuple(self.graph.nodes)

    def edges(self, kind: str) -> set[tuple[str, str]]:
        """Pairs (u, v) joined by an edge of `kind`."""
        return {(u, v) for u, v, d in self.graph.edges(data=True) if d["kind"] == kind}

    def revealed(self) -> set[tuple[str, str]]:
        """State edges that no declaration mentions; execution alone showed them."""
        return {(e.source, e.target) for e in self._state if not e.predicate}

    def reachable(self) -> frozenset[str]:
        """Tools whose requirements can all be met from the start by some order of calls."""
        return frozenset(self._costs)

    def closure(self, target: str, done: Iterable[str] = ()) -> tuple[str, ...]:
        """A small set of tools that must be called before `target`, prerequisites first, `target` left out.

        For each requirement without a provider in `done` the cheapest provider is taken. Raises KeyError for a
        tool out of reach.
        """
        have, order = set(done), []

        def visit(name: str, path: frozenset[str]) -> None:
            for need in self.requirements[name]:
                if need.given or need.providers & have:
                    continue
                options = [p for p in need.providers if p in self._costs and p not in path]
                if not options:
                    raise KeyError(name)
                best = min(options, key=lambda p: (self._costs[p], not self.graph.nodes[p]["read"], self.tools.index(p)))
                visit(best, path | {best})
                if best not in have:
                    have.add(best)
                    order.append(best)

        if target not in self._costs:
            raise KeyError(target)
        visit(target, frozenset((target,)))
        return tuple(order)

    def legal(self, called: Iterable[str], holds: Iterable[str] = ()) -> list[str]:
        """Tools whose prerequisites are met (Eq. 1): a provider of each data requirement is among `called`, and
        each predicate is among `holds` (names of predicates that hold now)."""
        have, true = set(called), set(holds)

        def met(need: Requirement) -> bool:
            if need.kind == "state":
                return need.name in true
            return need.given or bool(need.providers & have)

        return [name for name, needs in self.requirements.items() if all(met(need) for need in needs)]

    def distance(self, source: str, target: str) -> float:
        """Length of the shortest directed path, `inf` where there is none."""
        import networkx as nx

        try:
            return float(nx.shortest_path_length(self.graph, source, target))
        except nx.NetworkXNoPath:
            return float("inf")

    # -- as data ---------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Nodes, edges and givens; `ToolGraph.from_json(text, tools)` reads it back."""
        body = {
            "nodes": [{"name": n, **d} for n, d in self.graph.nodes(data=True)],
            "edges": [{"source": u, "target": v, **d} for u, v, d in self.graph.edges(data=True)],
            "given": sorted(self.given),
        }
        return json.dumps(body, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, tools: Mapping[str, Tool]) -> ToolGraph:
        """The graph that `to_json` wrote, over the same tools."""
        body = json.loads(text)
        state = [StateEdge(e["source"], e["target"], e["name"]) for e in body["edges"] if e["kind"] == "state"]
        return cls(tools, state, body["given"])

    def to_graphml(self, path: str | Path | IO[bytes]) -> None:
        """Write GraphML to a path or an open file, which Gephi, yEd and networkx read; `ToolGraph.from_graphml` reads it back."""
        import networkx as nx

        written = self.graph.copy()
        written.graph["given"] = json.dumps(sorted(self.given))
        nx.write_graphml(written, path)

    @classmethod
    def from_graphml(cls, path: str | Path, tools: Mapping[str, Tool]) -> ToolGraph:
        """The graph that `to_graphml` wrote, over the same tools."""
        import networkx as nx

        read = nx.read_graphml(path, force_multigraph=True)
        state = [StateEdge(u, v, d.get("name", "")) for u, v, d in read.edges(data=True) if d["kind"] == "state"]
        return cls(tools, state, json.loads(read.graph["given"]))

    def summary(self) -> dict[str, Any]:
        """Counts for a table: tools, edges by kind, requirements, reach."""
        return {
            "tools": len(self.tools),
            "data_edges": len(self.edges("data")),
            "state_edges": len(self.edges("state")),
            "revealed_edges": len(self.revealed()),
            "order_edges": len(self.edges("order")),
            "reachable": len(self.reachable()),
            "longest_prerequisite_chain": max(self._costs.values(), default=0),
        }


def _public(name: str, user: Tool, tools: Mapping[str, Tool]) -> str:
    """What a tool declared in `after` is called here: where worlds share the name, that of the user's own world."""
    return name if name in tools else f"{user.owner.lower()}_{name}"


@lru_cache(maxsize=64)
def _probed(classes: tuple[type[World], ...], seeds: tuple[int, ...], size: Size) -> ToolGraph:
    found = recalled(classes, seeds, size) or probe(classes, seeds, size)
    return ToolGraph(tool_table(classes).tools, found.edges, found.given)


def graph_of(classes: Sequence[type[World]], seeds: Sequence[int] = (0, 1, 2), size: Size = "small") -> ToolGraph:
    """The graph of one or several world classes: data edges from signatures, state edges by probing forks.

    Deterministic for the seeds; worlds that ship with the package are not probed again (`remembered.py`). Several worlds
    give one graph, tied by shared semantic types.
    """
    return _probed(tuple(classes), tuple(seeds), size)
