"""Coverage: every figure by hand on small tasks, and the same whatever the order and the length."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from planned_rounds import drawn_until

from turngym.cli import run
from turngym.envs.errors import RunError
from turngym.envs.graph import graph_of
from turngym.envs.task import GoldCall, Source, Task, TaskWorld, Turn
from turngym.envs.worlds.banking import Banking
from turngym.synthesis import Maker, Request, synthesize
from turngym.synthesis.plan import value_depth
from turngym.synthesis.surveying.coverage import Coverage, coverage, depth_of, read_tasks
from turngym.synthesis.surveying.diversity import KEPT, Distinct, Diversity

HERE = Path(__file__).parent
ENV = "mini_world:Library"
LIBRARY = f"{HERE / 'mini_world.py'}:Library"


def flow(call: str, kind: str = "output", semantic: str = "book") -> Source:
    return Source(kind=kind, call=call, path="[0].id", semantic=semantic)  # type: ignore[arg-type]


def library_task(*turns: Turn, targets: tuple[str, ...] = ("borrow",), category: str = "base") -> Task:
    return Task(env=ENV, worlds=(TaskWorld(world=ENV),), family=targets[0], turns=turns, category=category, meta={"targets": list(targets)})  # type: ignore[arg-type]


FIND = GoldCall(id="f", name="find_book", arguments={"title": "Emma"}, sources={"title": Source(kind="user")})
SHOW = GoldCall(id="s", name="identify", arguments={"card": "1"}, sources={"card": Source(kind="user")})
LEND = GoldCall(id="b", name="borrow", arguments={"book": "BK-1"}, after=("f", "s"), sources={"book": flow("f")})


# -- by hand ----------------------------------------------------------------------------------------------


def test_tools_pairs_and_edges_by_hand():
    graph = graph_of([Library])
    between = {(u, v) for u, v in graph.graph.edges() if u != v}
    data = [(u, v, d["name"]) for u, v, d in graph.graph.edges(data=True) if d["kind"] == "data"]
    assert ("find_book", "borrow", "book") in data
    found = Coverage(None)
    found.add(library_task(Turn(user="Lend me Emma.", gold=(FIND, SHOW, LEND))))
    record = found.record()["worlds"][0]
    assert record["tools"] == {"reachable": 3, "targeted": 1, "missing": ["find_book", "identify"], "unused": []}
    assert record["pairs"] == {"possible": len(between), "seen": 2, "beyond": 0}  # find -> borrow, identify -> borrow
    assert record["edges"]["data"] == {"possible": len(data), "seen": 1}
    assert record["edges"]["internal"] == {"possible": sum(name in ("book", "loan") for _, _, name in data), "seen": 1}
    assert record["edges"]["state"] == {"possible": 1, "seen": 1}


def test_an_edge_that_nothing_flows_along_is_not_seen():
    told = LEND.model_copy(update={"sources": {"book": Source(kind="user")}, "after": ()})
    found = Coverage(None)
    found.add(library_task(Turn(user="x", gold=(FIND, SHOW, told)), targets=("find_book", "identify")))
    record = found.record()["worlds"][0]
    assert record["tools"]["missing"] == ["borrow"]
    assert record["pairs"]["seen"] == record["edges"]["data"]["seen"] == record["edges"]["state"]["seen"] == 0


def test_a_value_of_an_earlier_turn_is_a_dependency_and_call_order_alone_is_none():
    later = LEND.model_copy(update={"after": (), "sources": {"book": flow("f", "earlier_turn")}})
    found = Coverage(None)
    found.add(library_task(Turn(user="x", gold=(FIND, SHOW)), Turn(user="y", gold=(later,))))
    record = found.record()["worlds"][0]
    assert (record["pairs"]["seen"], record["edges"]["data"]["seen"], record["edges"]["state"]["seen"]) == (1, 1, 0)


def test_pairs_that_no_edge_joins_stand_apart():
    odd = SHOW.model_copy(update={"after": ("f",)})
    found = Coverage(None)
    found.add(library_task(Turn(user="x", gold=(FIND, odd))))
    joined = ("find_book", "identify") in set(graph_of([Library]).graph.edges())
    assert found.record()["worlds"][0]["pairs"]["beyond"] == (not joined)


def test_a_state_edge_may_lie_behind_another_call():
    between = GoldCall(id="m", name="find_book", after=("s",))
    last = LEND.model_copy(update={"after": ("m",), "sources": {"book": flow("m")}})
    found = Coverage(None)
    found.add(library_task(Turn(user="x", gold=(SHOW, between, last))))
    record = found.record()["worlds"][0]
    assert record["edges"]["state"]["seen"] == 1
    assert ("identify", "borrow") not in found._worlds[ENV,].pairs


def test_histograms_by_hand():
    found = Coverage(None)
    one = library_task(Turn(user="a", gold=(FIND, SHOW, LEND)), Turn(user="b"), category="miss_func")
    found.add(one, [{"jump": {"score": 0.4}}, {"jump": {"score": 0.95}}])
    found.add(library_task(Turn(user="c", gold=(FIND,))), [{"jump": {"score": 1.0}}])
    record = found.record()
    assert record["turns"] == {"1": 1, "2": 1}
    assert record["categories"] == {"base": 1, "miss_func": 1}
    assert record["plan_length"] == {"0": 1, "1": 1, "3": 1}
    assert record["provenance_depth"] == {"0": 2, "1": 1}
    assert record["jump_score"] == {"turns": 3, "mean": 0.7833, "bins": {"0.4": 1, "0.9": 2}}
    assert record["near_duplicates"] is None


def test_depths_by_hand_and_as_plans_count_them():
    a, b = GoldCall(id="a", name="x"), GoldCall(id="b", name="x", sources={"p": flow("a")})
    c, d = (
        GoldCall(id="c", name="x", sources={"p": flow("b"), "q": flow("a")}),
        GoldCall(id="d", name="x", sources={"p": flow("old", "earlier_turn")}),
    )
    assert [depth_of(gold) for gold in ((), (a,), (a, b), (a, b, c), (d,))] == [0, 0, 1, 2, 1]
    depths = set()
    for seed in range(12):
        for world, target in ((Library, "borrow"), (Banking, "freeze_card")):
            calls = drawn_until(world, target, seed).calls
            assert depth_of([call.gold() for call in calls]) == value_depth(calls)
            depths.add(value_depth(calls))
    assert len(depths) > 1


# -- words ------------------------------------------------------------------------------------------------


def test_words_by_hand():
    found = Diversity()
    found.add("one", ["Find Emma, find Dune!", "Find Emma."])  # find emma find dune / find emma
    record = found.record()
    assert (record["words"], record["vocabulary"], record["estimated"]) == (6, 3, False)
    assert record["distinct"] == {"1": 0.5, "2": 0.75, "3": 1.0}  # 3/6; find emma, emma find, find dune of 4; 2 of 2
    assert record["type_token"] == {"ratio": 0.5, "words": 6}
    assert Diversity().record()["distinct"] == {"1": 0.0, "2": 0.0, "3": 0.0}


@given(st.lists(st.integers(0, 2**64 - 1), max_size=200), st.integers(1, 40))
def test_different_ones_are_counted_exactly_up_to_the_bound(values: list[int], kept: int):
    found = Distinct(kept)
    for value in values:
        found.add(value)
    assert found.exact == (len(set(values)) <= kept)
    if found.exact:
        assert found.count == len(set(values))


def test_beyond_the_bound_the_estimate_is_near_and_memory_is_flat():
    rng, n = Random(1), 300_000
    found = Distinct()
    for _ in range(n):
        value = rng.getrandbits(64)
        found.add(value)
        found.add(value)
    assert not found.exact
    assert abs(found.count / n - 1) < 0.025
    assert len(found._seen) == len(found._heap) == KEPT + 1


@given(st.permutations([f"conversation {n}" for n in range(8)]))
def test_the_order_of_rows_changes_no_figure(order: list[str]):
    first, second = Diversity(), Diversity()
    for identity in sorted(order):
        first.add(identity, [identity, identity[::-1]])
    for identity in order:
        second.add(identity, [identity, identity[::-1]])
    assert first.record() == second.record()


def test_types_to_tokens_are_of_a_sample_of_fixed_size():
    rng = Random(2)
    short, long = Diversity(), Diversity()
    for number in range(4000):
        text = " ".join(str(rng.randrange(3000)) for _ in range(40))
        long.add(str(number), [text])
        if number < 400:
            short.add(str(number), [text])
    one, two = (found.record()["type_token"] for found in (short, long))
    assert one["words"] == two["words"] == 10_000
    assert abs(one["ratio"] - two["ratio"]) < 0.01  # ten times the data, the same variety


# -- data sets --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "samples"
    synthesize(Request((LIBRARY,), 15, 3), out)
    return out


def test_a_data_set_and_its_tasks_cover_the_same(made: Path, tmp_path: Path):
    (tmp_path / "tasks.jsonl").write_text("".join(task.line() + "\n" for task, _ in read_tasks(made)))
    samples, tasks = coverage(made), coverage(tmp_path / "tasks.jsonl")
    assert samples["jump_score"]["turns"] == sum(int(n) * count for n, count in samples["turns"].items())
    assert tasks["jump_score"] is None
    assert {**samples, "jump_score": None} == tasks
    assert samples["tasks"] == 15
    assert samples["near_duplicates"]["rows"] == 0


def test_near_duplicates_are_counted_as_dedup_removes_them(made: Path, tmp_path: Path):
    tasks = [task for task, _ in read_tasks(made)]
    again = [Task.model_validate({**task.model_dump(exclude={"id"}), "meta": {"again": True}}) for task in tasks[:3]]
    (tmp_path / "tasks.jsonl").write_text("".join(task.line() + "\n" for task in [*tasks, *again]))
    assert coverage(tmp_path / "tasks.jsonl")["near_duplicates"] == {"rows": 3, "share": round(3 / 18, 4), "threshold": 0.9}


def test_envs_of_a_mixed_data_set_stand_apart(made: Path, tmp_path: Path):
    market = next(m.sample.task for m in Maker(Request((f"{HERE / 'planted_worlds.py'}:Market",), 1, 1)).stream() if m.sample)
    lines = [task.line() for task, _ in read_tasks(made)] + [market.line()]
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    worlds = coverage(tmp_path / "tasks.jsonl", None)["worlds"]
    assert sorted(ground["tasks"] for ground in worlds) == [1, 15]
    for ground in worlds:
        assert ground["tools"]["reachable"] == ground["tools"]["targeted"] + len(ground["tools"]["missing"])


def test_memory_does_not_grow_with_the_rows():
    tasks = [library_task(Turn(user=f"Lend me book {n} please.", gold=(FIND, SHOW, LEND))) for n in range(40)]
    found = Coverage(None)
    for task in tasks:
        found.add(task)
    tracemalloc.start()
    try:
        found.add(tasks[0])
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            for task in tasks[:20]:
                found.add(task)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 400_000  # the drawn sample of conversations, which is bounded


def test_what_is_no_data_set_is_one_line_with_the_place(tmp_path: Path):
    for text, why in (("", "holds no task"), ('{"id": "x"}\n', "line 1"), ("nonsense\n", "line 1"), ("\xff\n", "line 1")):
        (tmp_path / "given.jsonl").write_text(text, encoding="latin-1")
        with pytest.raises(RunError, match=why):
            coverage(tmp_path / "given.jsonl", None)
    with pytest.raises(RunError, match="cannot read"):
        coverage(tmp_path / "absent", None)


# -- the command ------------------------------------------------------------------------------------------


def test_the_command_fits_a_narrow_terminal(made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["coverage", str(made)]) == 0
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "tools targeted" in shown
    assert run(["coverage", str(made), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == 15


def test_without_datasketch_all_but_near_duplicates_is_told(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    assert run(["coverage", str(made), "--json"]) == 0
    heard = capsys.readouterr()
    assert json.loads(heard.out)["near_duplicates"] is None
    assert "turngym[data]" in heard.err
    assert run(["coverage", str(made), "--threshold", "0", "--json"]) == 0
    assert "turngym[data]" not in capsys.readouterr().err
