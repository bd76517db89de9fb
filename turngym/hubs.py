"""What of a tool graph is worth drawing: tools, the kinds of values that tie them, the states they make.

A tool graph has hundreds of data edges, since every tool that shows an account feeds every tool that takes one.
Drawn are the kinds as hubs: to each, the tools that reveal it first-hand (it is what their result is about, and
they did not have to be given it); from each, the tools that take it. Law: nothing is drawn that the graph lacks;
what is left out is counted in the picture's title. A state that most tools need is a dot on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from .envs.graph import ToolGraph
from .envs.tool import Tool

REVEALERS = 4  # drawn to a kind at most, the cheapest first
DOTTED = 8  # a state that more tools need is drawn as dots
EVERYDAY = frozenset({"date", "amount"})  # kinds that say little about who prepares whom


class Hub(NamedTuple):
    """A kind of value, or a state: who gives it, who takes it, and whether the takers bear a dot instead of edges."""

    name: str
    label: str
    kind: str  # "key", "known", "state", "shared"
    givers: tuple[str, ...]
    takers: tuple[str, ...]
    dotted: bool = False


class Lane(NamedTuple):
    """One world's part of the picture. `extra`: state edges that only execution showed, tool to tool."""

    world: str
    tools: tuple[str, ...]
    hubs: tuple[Hub, ...]
    extra: tuple[tuple[str, str], ...]


def lanes_of(graph: ToolGraph, tools: Mapping[str, Tool]) -> tuple[list[Lane], list[Hub]]:
    """The lanes, one a world, and the hubs that tie worlds together."""
    worlds = list(dict.fromkeys(tool.owner for tool in tools.values()))
    cost = {name: len(graph.closure(name)) if name in graph.reachable() else 1 << 10 for name in tools}
    lanes = []
    for world in worlds:
        own = {name: tool for name, tool in tools.items() if tool.owner == world}
        hubs = [*_data_hubs(own, cost), *_state_hubs(graph, own)]
        extra = tuple(sorted(pair for pair in graph.revealed() if set(pair) <= set(own)))
        lanes.append(Lane(world, tuple(own), tuple(hubs), extra))
    return lanes, _shared_hubs(tools, cost) if len(worlds) > 1 else []


def _data_hubs(tools: Mapping[str, Tool], cost: Mapping[str, int]) -> list[Hub]:
    takers, known, labels = _takers(tools)
    hubs = []
    for kind, taking in takers.items():
        if kind in EVERYDAY:
            continue
        first = [name for name, tool in tools.items() if name not in taking and kind in _subjects(tool)]
        if not first and not known[kind]:
            first = [name for name, tool in tools.items() if name not in taking and kind in _shown(tool)]
        first = sorted(first, key=lambda name: (not tools[name].is_read, cost[name]))[:REVEALERS]
        if first and (not known[kind] or len(taking) > 1):
            hubs.append(Hub(kind, labels[kind], "known" if known[kind] else "key", tuple(first), tuple(taking)))
    return hubs


def _state_hubs(graph: ToolGraph, tools: Mapping[str, Tool]) -> list[Hub]:
    makers: dict[str, dict[str, None]] = defaultdict(dict)
    users: dict[str, dict[str, None]] = defaultdict(dict)
    for source, target, data in graph.graph.edges(data=True):
        if data["kind"] == "state" and data["name"] and source in tools and target in tools:
            makers[data["name"]][source] = None
            users[data["name"]][target] = None
    return [
        Hub(name, name.partition(".")[2].replace("_", " "), "state", tuple(makers[name]), tuple(users[name]), len(users[name]) > DOTTED)
        for name in makers
    ]


def _shared_hubs(tools: Mapping[str, Tool], cost: Mapping[str, int]) -> list[Hub]:
    """Kinds that one world reveals and another takes."""
    takers, _, labels = _takers(tools)
    hubs = []
    for kind, taking in takers.items():
        if kind in EVERYDAY:
            continue
        takes = {tools[name].owner for name in taking}
        shows = [name for name, tool in tools.items() if name not in taking and kind in _shown(tool) and takes - {tool.owner}]
        shows.sort(key=lambda name: (not tools[name].is_read, cost[name]))
        abroad = [name for name in shows if tools[name].owner not in takes][:REVEALERS]
        if abroad:
            hubs.append(Hub(kind, labels[kind], "shared", tuple(abroad), tuple(taking)))
    return hubs


def _takers(tools: Mapping[str, Tool]) -> tuple[dict[str, list[str]], dict[str, bool], dict[str, str]]:
    takers: dict[str, list[str]] = defaultdict(list)
    known: dict[str, bool] = {}
    labels: dict[str, str] = {}
    for name, tool in tools.items():
        for parameter in tool.parameters.values():
            if (meaning := parameter.semantic) is not None:
                known[meaning.name], labels[meaning.name] = meaning.known, meaning.words
                if name not in takers[meaning.name]:
                    takers[meaning.name].append(name)
    return takers, known, labels


def _shown(tool: Tool) -> set[str]:
    return {leaf.semantic.name for leaf in tool.outputs if leaf.semantic is not None}


def _subjects(tool: Tool) -> set[str]:
    """What a result is about: the first field of the record, or of the records in a list inside it."""
    found, seen = set(), set()
    for leaf in tool.outputs:
        inside = leaf.path[:-1]
        if inside not in seen and (not inside or inside[-1] == "*"):
            seen.add(inside)
            if leaf.semantic is not None:
                found.add(leaf.semantic.name)
    return found
