"""The tool graph of planted worlds is found whole and without inventions, and answers as worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from workshop_world import DATA, DECLARED, HIDDEN, UNDONE, Archive, Workshop

from turngym.envs import UnknownNameError
from turngym.envs.graph import ToolGraph, graph_of
from turngym.envs.probe import StateEdge, probe
from turngym.envs.worldset import tool_table

FREE = {
    "list_parts", "scan_part", "catalogue", "list_crates", "enter", "enter_by_window",
    "power_on", "press_power_button", "power_status", "switch_light",
}  # fmt: skip


@pytest.fixture(scope="module")
def graph() -> ToolGraph:
    return graph_of((Workshop,))


# -- precision and recall ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [(0,), (1,), (2,), (0, 1, 2), (5, 6, 7), (11,), (40, 41), (123456,)], ids=str)
def test_all_edges_are_found_and_none_is_invented(seeds: tuple[int, ...]) -> None:
    graph = graph_of((Workshop,), seeds)
    assert graph.edges("data") == DATA
    assert graph.edges("state") == DECLARED | HIDDEN
    assert graph.revealed() == HIDDEN


def test_hidden_preconditions_are_each_revealed_by_execution_alone(graph: ToolGraph) -> None:
    assert ("open_crate", "take_from") in graph.revealed()
    assert {u for u, v in graph.revealed() if v == "launch"} == {"check_job", "fuel_job"}
    assert all(not data["name"] for u, v, data in graph.graph.edges(data=True) if (u, v) in HIDDEN and data["kind"] == "state")


def test_decoys_provide_nothing(graph: ToolGraph) -> None:
    for decoy in ("press_power_button", "power_status", "switch_light", "catalogue", "seal_crate"):
        assert not {v for u, v in graph.edges("state") if u == decoy}
    assert not {v for u, v in graph.edges("data") if u == "catalogue"}


@pytest.mark.parametrize("seed", range(4))
def test_what_undoes_a_predicate_is_told_apart_from_what_provides_it(seed: int) -> None:
    found = probe((Workshop,), (seed,))
    assert set(found.undoes) == UNDONE
    assert {edge.source for edge in found.edges}.isdisjoint({"leave", "press_power_button"})


def test_probing_leaves_the_worlds_as_they_were_and_repeats_exactly() -> None:
    before = Workshop.create(0).fingerprint()
    first = probe((Workshop,), (0, 1))
    assert probe((Workshop,), (0, 1)) == first
    assert Workshop.create(0).fingerprint() == before


def test_every_tool_succeeds_while_probing() -> None:
    assert all(probe((Workshop,)).succeeded[name] for name in Workshop.tools)


# -- questions, by hand -----------------------------------------------------------------------------------


def test_requirements_join_an_and_of_needs_each_with_an_or_of_providers(graph: ToolGraph) -> None:
    needs = {(need.kind, need.name): need.providers for need in graph.requirements["start_job"]}
    assert needs == {
        ("data", "ws_part"): {"list_parts", "scan_part"},
        ("data", "ws_permit"): {"get_permit"},
        ("state", "Workshop.inside"): {"enter", "enter_by_window"},
        ("state", "Workshop.powered"): {"power_on"},
    }


def test_what_is_legal_follows_from_calls_made_and_predicates_that_hold(graph: ToolGraph) -> None:
    assert set(graph.legal([])) == FREE
    assert set(graph.legal([], ["Workshop.inside"])) == FREE | {"leave", "get_permit"}
    assert "start_job" not in graph.legal(["list_parts", "get_permit"], ["Workshop.inside"])
    assert "start_job" not in graph.legal(["list_parts"], ["Workshop.inside", "Workshop.powered"])
    assert "start_job" in graph.legal(["scan_part", "get_permit"], ["Workshop.inside", "Workshop.powered"])
    assert "take_from" in graph.legal(["list_crates"])


def test_a_closure_holds_the_prerequisites_in_an_order_that_works(graph: ToolGraph) -> None:
    assert graph.closure("list_parts") == ()
    assert graph.closure("take_from") == ("list_crates",)
    assert graph.closure("get_permit") == ("enter",)
    assert graph.closure("start_job") == ("enter", "power_on", "list_parts", "get_permit")
    assert graph.closure("launch") == ("enter", "power_on", "list_parts", "get_permit", "start_job")
    assert graph.closure("start_job", done=("enter_by_window", "scan_part")) == ("power_on", "get_permit")


def test_distance_is_the_length_of_the_shortest_directed_path(graph: ToolGraph) -> None:
    assert graph.distance("list_crates", "take_from") == 1
    assert graph.distance("enter", "launch") == 2
    assert graph.distance("list_parts", "launch") == 2
    assert graph.distance("launch", "enter") == float("inf")
    assert graph.distance("enter", "enter") == 0


def test_all_is_in_reach_and_the_summary_counts_it(graph: ToolGraph) -> None:
    assert graph.reachable() == set(Workshop.tools)
    assert graph.summary() == {
        "tools": 19,
        "data_edges": len(DATA),
        "state_edges": len(DECLARED | HIDDEN),
        "revealed_edges": len(HIDDEN),
        "order_edges": 0,
        "reachable": 19,
        "longest_prerequisite_chain": 7,
    }


def test_without_state_edges_what_needs_a_predicate_is_out_of_reach() -> None:
    bare = ToolGraph(Workshop.tools)
    assert bare.reachable() == set(Workshop.tools) - {"leave", "get_permit", "start_job", "check_job", "fuel_job", "launch"}
    with pytest.raises(KeyError, match="launch"):
        bare.closure("launch")


# -- as data ----------------------------------------------------------------------------------------------


def same(one: ToolGraph, two: ToolGraph) -> bool:
    edges = [sorted(map(repr, graph.graph.edges(data=True))) for graph in (one, two)]
    nodes = [list(graph.graph.nodes(data=True)) for graph in (one, two)]
    return edges[0] == edges[1] and nodes[0] == nodes[1] and one.requirements == two.requirements and one.given == two.given


def test_json_round_trip_is_exact(graph: ToolGraph) -> None:
    text = graph.to_json()
    back = ToolGraph.from_json(text, Workshop.tools)
    assert same(graph, back)
    assert back.to_json() == text


def test_graphml_round_trip_is_exact(graph: ToolGraph, tmp_path: Path) -> None:
    path = tmp_path / "workshop.graphml"
    graph.to_graphml(path)
    assert same(graph, ToolGraph.from_graphml(path, Workshop.tools))


# -- several worlds ---------------------------------------------------------------------------------------


def test_two_worlds_are_tied_by_a_shared_kind_and_by_nothing_else() -> None:
    joined = graph_of((Workshop, Archive))
    across = {(u, v) for u, v in joined.graph.edges() if joined.graph.nodes[u]["world"] != joined.graph.nodes[v]["world"]}
    assert across == {("list_parts", "file_report"), ("scan_part", "file_report")}
    assert joined.closure("file_report") == ("list_parts",)
    assert joined.reachable() == set(joined.tools)


def test_alone_the_second_world_lacks_the_kind_that_the_first_reveals() -> None:
    assert "file_report" not in graph_of((Archive,)).reachable()


def test_tools_of_one_name_are_told_apart_and_so_are_their_predicates() -> None:
    joined = graph_of((Workshop, Archive))
    assert {"workshop_power_on", "archive_power_on"} <= set(joined.tools)
    assert "power_on" not in joined.tools
    powered = {(u, v) for u, v in joined.edges("state") if u.endswith("power_on")}
    assert powered == {("workshop_power_on", "start_job"), ("archive_power_on", "read_film")}
    assert joined.closure("read_film") == ("archive_power_on",)


def test_joined_worlds_keep_all_their_own_edges() -> None:
    def public(name: str) -> str:
        return "workshop_power_on" if name == "power_on" else name

    joined = graph_of((Workshop, Archive))
    own = {pair for pair in joined.edges("state") if joined.graph.nodes[pair[1]]["world"] == "Workshop"}
    assert own == {(public(u), v) for u, v in DECLARED | HIDDEN}
    assert same(joined, ToolGraph.from_json(joined.to_json(), tool_table((Workshop, Archive)).tools))


def test_a_graph_can_be_made_from_parts_but_not_of_unknown_tools() -> None:
    made = ToolGraph(Workshop.tools, [StateEdge("enter", "get_permit", "Workshop.inside")])
    assert made.closure("get_permit") == ("enter",)
    assert made.edges("state") == {("enter", "get_permit")}
    with pytest.raises(UnknownNameError, match="entre"):
        ToolGraph(Workshop.tools, [StateEdge("entre", "get_permit", "Workshop.inside")])
