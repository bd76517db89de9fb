"""A layered layout, left to right: layers by longest path, order by barycentre, heights by least movement.

Boxes of one layer never overlap. An edge that spans layers is led through a slot in each; edges that share a
`bundle` share their slots, so that what belongs together runs together. networkx holds the graph, orders it and
finds its cycles; edges that close one do not decide layers. Deterministic for equal input.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import networkx as nx

SWEEPS = 24
SLOT = 5.0  # height of the slot of a passing bundle


class Box(NamedTuple):
    """What is placed: its size, and a bias: boxes with lower `rank` come first where a cycle must be cut."""

    width: float
    height: float
    rank: int = 0


class Edge(NamedTuple):
    """An edge; edges with the same `bundle` run together. An `optional` one is drawn only where it runs forwards
    without making the picture wider."""

    source: str
    target: str
    bundle: str = ""
    optional: bool = False


class Layout(NamedTuple):
    """Centres of the boxes, the way of each edge (points between its two ends), and the whole's size."""

    centres: dict[str, tuple[float, float]]
    ways: dict[Edge, list[tuple[float, float]]]
    width: float
    height: float
    columns: list[float]


def layered(boxes: Mapping[str, Box], edges: Iterable[Edge], *, hidden: Iterable[Edge] = (), gap: float = 52, space: float = 9) -> Layout:
    """Lay boxes out in columns.

    Args:
        boxes: name -> size. edges: what is drawn. hidden: edges that decide layers and are not drawn.
        gap: between columns. space: between boxes of a column.
    """
    wanted = list(dict.fromkeys(edges))
    layer = _layers(boxes, [*wanted, *hidden])
    drawn = [edge for edge in wanted if not edge.optional or layer[edge.source] < layer[edge.target]]
    chains, slots = _chains(drawn, layer)
    sizes = {**{name: box.height for name, box in boxes.items()}, **dict.fromkeys(slots, SLOT)}
    layer = {**layer, **slots}
    near: dict[str, list[str]] = defaultdict(list)
    for chain in chains.values():
        for one, other in itertools.pairwise(chain):
            near[one].append(other)
            near[other].append(one)
    columns = _order(layer, near)
    heights = _heights(columns, sizes, near, space)
    xs, width = _columns(columns, boxes, gap)
    low = min((heights[n] - sizes[n] / 2 for n in heights), default=0.0)
    high = max((heights[n] + sizes[n] / 2 for n in heights), default=0.0)
    centres = {name: (xs[layer[name]], heights[name] - low) for name in boxes}
    ways = {edge: [(xs[layer[n]], heights[n] - low) for n in chain[1:-1]] for edge, chain in chains.items()}
    return Layout(centres, ways, width, high - low, xs)


def _layers(boxes: Mapping[str, Box], edges: Sequence[Edge]) -> dict[str, int]:
    """Longest-path layers over the edges that close no cycle, and those optional ones that add no layer."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    names = sorted(boxes, key=lambda name: boxes[name].rank)
    graph.add_nodes_from(names)
    in_order = sorted(edges, key=lambda e: (boxes[e.source].rank, boxes[e.target].rank))
    for edge in in_order:
        if not edge.optional and not _closes(graph, edge):
            graph.add_edge(edge.source, edge.target)
    deepest = nx.dag_longest_path_length(graph)
    for edge in in_order:
        if edge.optional and not _closes(graph, edge) and not graph.has_edge(edge.source, edge.target):
            graph.add_edge(edge.source, edge.target)
            if nx.dag_longest_path_length(graph) > deepest:
                graph.remove_edge(edge.source, edge.target)
    layer = {name: number for number, names in enumerate(nx.topological_generations(graph)) for name in names}
    for name in reversed(list(nx.topological_sort(graph))):
        following = [layer[after] for after in graph.successors(name)]
        if following and not graph.in_degree(name):  # a source stands just before what it feeds
            layer[name] = max(layer[name], min(following) - 1)
    return layer


def _closes(graph: nx.DiGraph[str], edge: Edge) -> bool:
    return edge.source == edge.target or bool(nx.has_path(graph, edge.target, edge.source))


def _chains(edges: Iterable[Edge], layer: Mapping[str, int]) -> tuple[dict[Edge, list[str]], dict[str, int]]:
    chains: dict[Edge, list[str]] = {}
    slots: dict[str, int] = {}
    for edge in edges:
        between = []
        for number in range(layer[edge.source] + 1, layer[edge.target]):
            slot = f"|{edge.bundle or edge.source + '>' + edge.target}|{number}"
            slots[slot] = number
            between.append(slot)
        chains[edge] = [edge.source, *between, edge.target]
    return chains, slots


def _order(layer: Mapping[str, int], near: Mapping[str, list[str]]) -> list[list[str]]:
    """Columns whose order follows the neighbours' (barycentre sweeps); the one with fewest crossings is kept."""
    columns: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    graph = nx.Graph((one, other) for one, others in near.items() for other in others)
    seen = [n for start in layer for n in (nx.dfs_preorder_nodes(graph, start) if start in graph else (start,))]
    for name in dict.fromkeys(seen):
        columns[layer[name]].append(name)
    best, fewest = [list(column) for column in columns], _crossings(columns, layer, near)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        place = {name: index for column in columns for index, name in enumerate(column)}
        for number in range(len(columns)) if forth else reversed(range(len(columns))):
            beside = number - 1 if forth else number + 1

            def middle(name: str, beside: int = beside, place: dict[str, int] = place) -> float:
                there = [place[n] for n in near[name] if layer[n] == beside]
                return sum(there) / len(there) if there else place[name]

            columns[number].sort(key=middle)
            place.update({name: index for index, name in enumerate(columns[number])})
        if (count := _crossings(columns, layer, near)) < fewest:
            best, fewest = [list(column) for column in columns], count
    return best


def _crossings(columns: Sequence[Sequence[str]], layer: Mapping[str, int], near: Mapping[str, list[str]]) -> int:
    place = {name: index for column in columns for index, name in enumerate(column)}
    count = 0
    for number, column in enumerate(columns):
        ends = [sorted(place[n] for n in near[name] if layer[n] == number + 1) for name in column]
        flat = [end for here in ends for end in here]
        count += sum(1 for i, one in enumerate(flat) for other in flat[i + 1 :] if one > other)
    return count


def _heights(columns: Sequence[Sequence[str]], sizes: Mapping[str, float], near: Mapping[str, list[str]], space: float) -> dict[str, float]:
    """Centres in y: each wants to stand at the mean of its neighbours; boxes keep their order and their distance."""
    y: dict[str, float] = {}
    for column in columns:
        at = -sum(sizes[name] + space for name in column) / 2
        for name in column:
            y[name] = at + sizes[name] / 2
            at += sizes[name] + space
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = [sum(y[n] for n in near[name]) / len(near[name]) if near[name] else y[name] for name in column]
            for name, at in zip(column, _apart(wanted, [sizes[name] for name in column], space), strict=True):
                y[name] = at
    return y


def _apart(wanted: Sequence[float], sizes: Sequence[float], space: float) -> list[float]:
    """The positions nearest to `wanted` (least squares) that keep order and distance: pool adjacent violators."""
    offsets, total = [], 0.0
    for index, size in enumerate(sizes):
        total += (sizes[index - 1] + size) / 2 + space if index else 0.0
        offsets.append(total)
    pools: list[list[float]] = []  # sum, count
    for want, offset in zip(wanted, offsets, strict=True):
        pools.append([want - offset, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last = pools.pop()
            pools[-1] = [pools[-1][0] + last[0], pools[-1][1] + last[1]]
    means = [total / count for total, count in pools for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _columns(columns: Sequence[Sequence[str]], boxes: Mapping[str, Box], gap: float) -> tuple[list[float], float]:
    xs, at = [], 0.0
    for column in columns:
        wide = max((boxes[name].width for name in column if name in boxes), default=0.0)
        xs.append(at + wide / 2)
        at += wide + gap
    return xs, max(at - gap, 0.0)
