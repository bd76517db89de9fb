"""The picture of a tool graph, and the layout under it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from random import Random

import pytest

from turngym.drawing import draw
from turngym.envs.graph import ToolGraph, graph_of
from turngym.envs.probe import StateEdge
from turngym.envs.worldset import tool_table
from turngym.hubs import DOTTED, lanes_of
from turngym.layout import Box, Edge, layered
from turngym.sources import env_and_worlds
from turngym.svg import text_width

HERE = Path(__file__).parent
LIBRARY = f"{HERE / 'mini_world.py'}:Library"
SVG = "{http://www.w3.org/2000/svg}"


def picture(env: str) -> tuple[str, ToolGraph]:
    info, classes = env_and_worlds(env)
    tools = tool_table(classes).tools
    graph = graph_of(classes) if env == LIBRARY else ToolGraph(tools)  # probing the big ones belongs to their own tests
    return draw(graph, info.short, classes), graph


def boxes_of(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Tool -> left, top, right, bottom."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert box is not None
        x, y, width, height = (float(box.get(key, 0)) for key in ("x", "y", "width", "height"))
        found[(title.text or "").partition(":")[0]] = (x, y, x + width, y + height)
    return found


@pytest.mark.parametrize("env", [LIBRARY, "FileSystem", "Travel", "Banking", "Assistant"])
def test_every_tool_stands_apart_inside_the_picture_with_its_name(env: str) -> None:
    svg, graph = picture(env)
    boxes = boxes_of(svg)
    assert set(boxes) == set(graph.tools)
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for name, (left, top, right, bottom) in boxes.items():
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
        assert text_width(name, 12.5) <= right - left
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)


def test_pills_and_boxes_do_not_cover_each_other() -> None:
    svg, _ = picture("Banking")
    root = ElementTree.fromstring(svg)
    shapes = {
        tuple(float(rect.get(key, 0)) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
        if rect.get("x") and float(rect.get("height", 0)) in (20.0, 24.0)
    }
    assert len(shapes) > 45
    for a, b in itertools.combinations(sorted(shapes), 2):
        assert a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1], (a, b)


@pytest.mark.parametrize("hash_seed", ["2", pytest.param("1", marks=pytest.mark.slow)])
def test_equal_graphs_give_equal_text_in_every_process(hash_seed: str) -> None:
    code = (
        "from turngym.drawing import draw; from turngym.envs.graph import ToolGraph; from turngym.envs.worldset import tool_table;"
        "from turngym.sources import env_and_worlds; info, classes = env_and_worlds('Banking');"
        "print(draw(ToolGraph(tool_table(classes).tools), 'x', classes))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    _, classes = env_and_worlds("Banking")
    assert there == draw(ToolGraph(tool_table(classes).tools), "x", classes) + "\n"


def test_nothing_is_drawn_that_the_graph_lacks() -> None:
    _, classes = env_and_worlds("Assistant")
    tools = tool_table(classes).tools
    graph = ToolGraph(tools)
    edges = graph.edges("data")
    lanes, shared = lanes_of(graph, tools)
    for hub in [*shared, *(hub for lane in lanes for hub in lane.hubs)]:
        assert all((giver, taker) in edges for giver in hub.givers for taker in hub.takers if giver != taker), hub
    assert {lane.world for lane in lanes} == {"FileSystem", "Travel", "Banking"}
    assert shared
    assert all({tools[name].owner for name in hub.givers} != {tools[name].owner for name in hub.takers} for hub in shared)


def test_a_state_that_most_tools_need_becomes_dots() -> None:
    _, classes = env_and_worlds("Banking")
    tools = tool_table(classes).tools
    names = [name for name in tools if name != "confirm_sign_in"]
    many = [StateEdge("confirm_sign_in", name, "Banking.signed_in") for name in names[: DOTTED + 1]]
    graph = ToolGraph(tools, [*many, StateEdge("add_to_goal", "take_from_goal")])
    lanes, _ = lanes_of(graph, tools)
    state = [hub for hub in lanes[0].hubs if hub.kind == "state"]
    assert [(hub.label, hub.dotted) for hub in state] == [("signed in", True)]
    assert lanes[0].extra == (("add_to_goal", "take_from_goal"),)
    svg = draw(graph, "Banking", classes)
    assert svg.count("<circle") == DOTTED + 1 + 1  # and the legend's
    assert "stroke-dasharray" in svg


def test_titles_are_escaped() -> None:
    _, classes = env_and_worlds(LIBRARY)
    svg = draw(graph_of(classes), "<script>&", classes)
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


def test_layers_run_forward_and_boxes_of_a_layer_keep_their_distance() -> None:
    for seed in range(12):
        rng = Random(seed)
        names = [f"n{i}" for i in range(24)]
        boxes = {name: Box(rng.uniform(20, 120), 20, i) for i, name in enumerate(names)}
        edges = [Edge(*rng.sample(names, 2), optional=rng.random() < 0.3) for _ in range(40)]
        found = layered(boxes, edges, gap=40, space=8)
        assert layered(boxes, edges, gap=40, space=8) == found
        columns: dict[float, list[float]] = {}
        for x, y in found.centres.values():
            columns.setdefault(x, []).append(y)
        for ys in columns.values():
            ys.sort()
            assert all(b - a >= 28 - 1e-6 for a, b in itertools.pairwise(ys))
        for edge, way in found.ways.items():
            start, end = found.centres[edge.source][0], found.centres[edge.target][0]
            if edge.optional:
                assert start < end
            if start < end:
                assert [x for x, _ in way] == sorted(x for x, _ in way)
                assert all(start < x < end for x, _ in way)


def test_a_chain_is_laid_out_straight_and_a_cycle_is_cut_once() -> None:
    boxes = {name: Box(50, 20, rank) for rank, name in enumerate("abcd")}
    chain = layered(boxes, [Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("d", "a")])
    xs = [chain.centres[name][0] for name in "abcd"]
    assert xs == sorted(xs)
    assert len({round(y, 6) for _, y in chain.centres.values()}) == 1
    assert layered({}, []).width == 0
