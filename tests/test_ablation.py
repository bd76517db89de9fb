"""The ablation is fair: its counts add up, its figures are those of a hand, chance is even, and loops are told apart."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, get_args

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import ablation
from mini_world import Library
from planned_rounds import drawn, fresh
from planted_worlds import Silo

from turngym.cli import run
from turngym.commands.data import SamplingName
from turngym.envs import ToolError, World, record, tool
from turngym.envs.binding import Pool
from turngym.envs.graph import graph_of
from turngym.envs.registry import EnvInfo
from turngym.envs.task import GoldCall, Source, Task, TaskWorld, Turn
from turngym.synthesis import Sample
from turngym.synthesis.navigator import Navigator, Rejected, SamplerOptions, Sampling
from turngym.synthesis.walk import Errand, Walk

ENV, SILO = "mini_world:Library", "planted_worlds:Silo"
LIBRARY = EnvInfo(ENV, (ENV,))
CRITICAL = {1: 10.83, 2: 13.82, 5: 20.52}  # chi-square, 0.1 %, by degrees of freedom


@record
class Lamp:
    name: str


class Panel(World):
    """A panel of six lamps. Nothing needs anything."""

    def generate(self, rng: Random, size: str) -> None:
        pass

    @tool
    def amber(self) -> Lamp:
        """Look at the amber lamp."""
        return Lamp("amber")

    @tool
    def blue(self) -> Lamp:
        """Look at the blue lamp."""
        return Lamp("blue")

    @tool
    def cyan(self) -> Lamp:
        """Look at the cyan lamp."""
        return Lamp("cyan")

    @tool
    def green(self) -> Lamp:
        """Look at the green lamp."""
        return Lamp("green")

    @tool
    def red(self) -> Lamp:
        """Look at the red lamp."""
        return Lamp("red")

    @tool
    def white(self) -> Lamp:
        """Look at the white lamp."""
        return Lamp("white")


class Broken(World):
    """A panel that is out of order."""

    def generate(self, rng: Random, size: str) -> None:
        pass

    @tool
    def look(self) -> Lamp:
        """Look at the lamp."""
        raise ToolError("unavailable", "out of order")


class Noted(Walk):
    """A walk that writes down what it chose while nothing was banned, and whether that had been called before."""

    chosen: list[tuple[int, str, bool]]

    def _try(self, name: str) -> bool:
        if not self.banned:
            self.chosen.append((len(self.calls), name, name in {call.name for call in self.calls}))
        return super()._try(name)


def chosen(cls: type[World], count: int) -> list[tuple[int, str, bool]]:
    """(calls made before, tool chosen, called before) of many random walks."""
    navigator, worlds, found = Navigator(graph_of([cls]), SamplerOptions(sampling="random")), fresh(cls), []
    for number in range(count):
        walk = Noted(navigator, worlds.fork(), Pool(worlds.known()), Random(f"even:{number}"), Errand(0, ""))
        walk.chosen = found
        walk.run([])
    return found


def chi_square(counts: Counter[str], kinds: int) -> float:
    expected = counts.total() / kinds
    return sum((counts[name] - expected) ** 2 / expected for name in counts) + expected * (kinds - len(counts))


# -- random -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 2])
def test_random_takes_every_legal_tool_alike_called_before_or_not(before: int):
    found = [(name, again) for made, name, again in chosen(Panel, 1500) if made == before]
    counts = Counter(name for name, _ in found)
    assert counts.total() > 400
    assert chi_square(counts, 6) < CRITICAL[5]
    expected, repeats = len(found) * before / 6, sum(again for _, again in found)
    assert (repeats - expected) ** 2 <= CRITICAL[1] * expected * (1 - before / 6)


def test_the_measure_would_notice_a_leaning():
    assert chi_square(Counter({"a": 100, "b": 100, "c": 100, "d": 100, "e": 100}), 6) > CRITICAL[5]  # one is never taken
    assert chi_square(Counter({"a": 150, "b": 90, "c": 90, "d": 90, "e": 90, "f": 90}), 6) > CRITICAL[5]


def test_random_takes_what_is_legal_now_alone():
    found = chosen(Library, 800)
    first = Counter(name for made, name, _ in found if made == 0)
    assert set(first) == {"identify", "find_book"}  # nothing to borrow is known yet
    assert chi_square(first, 2) < CRITICAL[1]
    assert "borrow" in {name for made, name, _ in found if made >= 2}


def test_a_random_round_was_for_its_last_call():
    for number in range(30):
        round_ = drawn(Library, "", Random(number), sampling="random")
        assert round_.target == round_.calls[-1].name


def test_random_has_no_target_and_draws_none():
    worlds, rng = fresh(Library), Random(3)
    navigator = Navigator(graph_of([Library]), SamplerOptions(sampling="random"))
    assert navigator.choose_target(rng, worlds, Pool(worlds.known()), 0, True, Counter()) == ""
    assert rng.random() == Random(3).random()


def test_where_nothing_can_be_called_a_random_round_is_rejected():
    with pytest.raises(Rejected) as caught:
        drawn(Broken, "", Random(0), sampling="random")
    assert caught.value.reason == "call_failed"


# -- budgets and counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ablation.ARMS)
@pytest.mark.parametrize("env", [LIBRARY, EnvInfo(SILO, (SILO,))], ids=["Library", "Silo"])
def test_every_round_and_candidate_drawn_is_kept_or_rejected(arm: str, env: EnvInfo):
    cell = ablation.draw(env, ablation.ARMS[arm], 0, 150)
    found = ablation.funnel([cell])
    for part in (found["rounds"], found["candidates"]):
        assert part["drawn"] == part["kept"] + sum(part["rejected"].values()) > 0
    before = {"looped", "call_failed", "target_not_reached", "unreachable_target"}  # and low_jump, on either side of the end
    ended = found["rounds"]["drawn"] - sum(found["rounds"]["rejected"].get(reason, 0) for reason in before)
    assert ended - found["rounds"]["rejected"].get("low_jump", 0) <= cell.sampler.reached <= ended
    assert found["candidates"]["kept"] == len(cell.samples)
    assert (cell.sampler.looped > 0) == (found["rounds"]["rejected"].get("looped", 0) > 0)


def test_the_budget_is_spent_and_passed_by_the_last_candidate_alone():
    steps: list[int] = []

    class Stepping(ablation.Watched):
        def round(self, *args: Any, **more: Any) -> Any:
            try:
                return super().round(*args, **more)
            finally:
                steps.append(self.executed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "Watched", Stepping)
        cell = ablation.draw(LIBRARY, SamplerOptions(), 1, 100)
    assert cell.sampler.executed == steps[-1] >= 100
    longest = 5 * 4  # rounds a candidate, tries a round
    assert sum(step >= 100 for step in steps) <= longest


def test_every_executed_call_is_counted_those_in_vain_and_in_loops_too():
    made = looped = 0

    class Counted(Walk):
        def _try(self, name: str) -> bool:
            nonlocal made
            before = self.executed
            found = super()._try(name)
            made += self.executed - before
            assert self.executed >= len(self.calls)
            return found

        def run(self, calls: list[Any]) -> None:
            nonlocal looped
            try:
                super().run(calls)
            except Rejected as error:
                looped += self.executed * (error.reason == "looped")
                raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("turngym.synthesis.sampler.Walk", Counted)
        cell = ablation.draw(EnvInfo(SILO, (SILO,)), ablation.ARMS["literal"], 0, 100)
    assert made == cell.sampler.executed > 100
    assert looped == cell.sampler.looped > 0


def test_equal_seeds_draw_equal_cells():
    one, two = (ablation.draw(LIBRARY, ablation.ARMS["random"], 5, 80) for _ in range(2))
    assert [s.record() for s in one.samples] == [s.record() for s in two.samples]
    assert (one.rounds, one.rejected, one.sampler.executed) == (two.rounds, two.rejected, two.sampler.executed)


def test_directed_aims_at_everything_within_reach_and_keeps_it():
    for env, cls in ((LIBRARY, Library), (EnvInfo(SILO, (SILO,)), Silo)):
        cell = ablation.draw(env, ablation.ARMS["directed"], 0, 200)
        assert cell.sampler.aimed == graph_of([cls]).reachable()
        assert ablation.figures(cell, 0)["tools_targeted"] == 1
    literal = ablation.draw(EnvInfo(SILO, (SILO,)), ablation.ARMS["literal"], 0, 200)
    assert literal.rounds["round:looped"] > 0


# -- figures by hand ----------------------------------------------------------------------------------------

FIND = GoldCall(id="f", name="find_book", arguments={"title": "Emma"}, sources={"title": Source(kind="user")})
SHOW = GoldCall(id="s", name="identify", arguments={"card": "1"}, sources={"card": Source(kind="user")})
BOOK = Source(kind="output", call="f", path="[0].id", semantic="book")
LEND = GoldCall(id="b", name="borrow", arguments={"book": "BK-1"}, after=("f", "s"), sources={"book": BOOK})


def by_hand(*turns: tuple[GoldCall, ...], scores: tuple[float, ...], across: bool = False) -> Sample:
    task = Task(
        env=ENV, worlds=(TaskWorld(world=ENV),), family=turns[0][-1].name, turns=tuple(Turn(user="...", gold=gold) for gold in turns),
        meta={"targets": [gold[-1].name for gold in turns]},
    )  # fmt: skip
    return Sample(task, [], [], [{"jump": {"score": score}, "across": across and number > 0} for number, score in enumerate(scores)])


def cell_by_hand() -> ablation.Cell:
    aimed = {"borrow", "find_book"}
    navigator = SimpleNamespace(targets=["identify", "find_book", "borrow"])
    sampler: Any = SimpleNamespace(executed=50, looped=10, reached=8, best=4.0, aimed=aimed, navigator=navigator)
    cell = ablation.Cell(LIBRARY, sampler, candidates=4, seconds=0.2)
    cell.rounds.update({"rounds_drawn": 10, "rounds_kept": 4, "round:looped": 2, "round:low_jump": 3, "round:no_goal": 1})
    cell.rejected.update({"no_round": 2})
    cell.samples += [by_hand((FIND, SHOW, LEND), scores=(0.5,)), by_hand((FIND,), (SHOW, LEND), scores=(0.6, 0.7), across=True)]
    return cell


def test_each_figure_by_hand():
    found = ablation.figures(cell_by_hand(), 1)
    edges = {name: found.pop(name) for name in list(found) if name.startswith(("edges_", "pairs"))}
    assert found == pytest.approx({
        "calls_executed": 50, "candidates": 4, "rounds_drawn": 10, "samples": 2, "calls_in_loops": 10,
        "rounds_reached": 0.8, "rounds_looped": 0.2, "rounds_low_jump": 0.3, "rounds_kept": 0.4, "samples_kept": 0.5,
        "samples_per_1000_calls": 40, "cpu_ms_per_sample": 100, "tools_targeted": 2 / 3, "tools_goal_of_a_kept_turn": 2 / 3,
        "best_jump": 0.5, "jump_score": 0.6, "plan_length": 2, "provenance_depth": 2 / 3, "samples_across_turns": 0.5,
    })  # fmt: skip
    graph = graph_of([Library]).graph
    pairs = {(u, v) for u, v in graph.edges() if u != v}
    state = [(u, v) for u, v, edge in graph.edges(data=True) if edge["kind"] == "state"]
    assert edges["pairs"] == edges["pairs_at_equal_samples"] == pytest.approx(2 / len(pairs))
    assert edges["edges_state"] == pytest.approx(1 / len(state))
    assert ablation.figures(cell_by_hand(), 0)["pairs_at_equal_samples"] == 0


def test_an_env_without_samples_leaves_a_gap_and_no_zero():
    empty = cell_by_hand()
    empty.samples.clear()
    rows = [ablation.figures(cell_by_hand(), 0), ablation.figures(empty, 0)]
    assert rows[1]["jump_score"] is None
    assert rows[1]["samples_kept"] == 0
    found = ablation.over_envs(rows)
    assert found["jump_score"] == pytest.approx(0.6)
    assert found["samples_kept"] == pytest.approx(0.25)
    assert found["calls_executed"] == 100
    assert found["samples_per_1000_calls"] == pytest.approx(20)
    assert found["samples_per_1000_calls_loops_free"] == pytest.approx(1000 * 2 / 80)
    assert ablation.over_seeds([{"x": None}]) == {"x": None}


def test_intervals_are_students_over_seeds():
    found = ablation.over_seeds([{"x": 1.0, "y": None}, {"x": 2.0, "y": 4.0}, {"x": 3.0, "y": None}])
    assert found["x"] == {"mean": 2.0, "half_95": pytest.approx(4.303 / 3**0.5, abs=1e-3), "seeds": 3}
    assert found["y"] == {"mean": 4.0, "half_95": None, "seeds": 1}


def test_all_arms_are_given_the_same_worlds(monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, list[int]] = {}
    sample = ablation.Assembler.sample

    async def noting(self: Any, place: Any, rng: Random, funnel: Counter[str]) -> Sample:
        seen.setdefault(str(self.sampler.navigator.options), []).append(place.worlds[0][1].seed)
        return await sample(self, place, rng, funnel)

    monkeypatch.setattr(ablation.Assembler, "sample", noting)
    for options in ablation.ARMS.values():
        ablation.draw(LIBRARY, options, 2, 40)
    assert len(seen) == len(ablation.ARMS)
    for first in zip(*seen.values(), strict=False):
        assert len(set(first)) == 1


# -- the script -----------------------------------------------------------------------------------------------


def test_as_many_tasks_of_each_env_are_played():
    cells = [ablation.draw(LIBRARY, SamplerOptions(), seed, 60) for seed in (0, 1)]
    other = ablation.Cell(EnvInfo("other", (ENV,)), cells[0].sampler, samples=cells[1].samples[:3])
    tasks = ablation.tasks_to_play([*cells, other], 8)
    assert tasks == [s.task for s in (*cells[0].samples, *cells[1].samples)][:4] + [s.task for s in other.samples]


def test_the_script_prints_every_arm_and_its_table_shows_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["ablation.py", "--envs", ENV, "--seeds", "2", "--budget", "60", "--no-model"])
    ablation.main()
    found = json.loads(capsys.readouterr().out)
    assert set(found["arms"]) == set(ablation.ARMS)
    for arm in found["arms"].values():
        assert arm["played"]["oracle"]["success"] == 1
        assert arm["figures"]["rounds_kept"]["seeds"] == 2
    assert found["seeds"] == [0, 1]
    table = ablation.markdown(found).splitlines()
    assert {line.count("|") for line in table} == {len(ablation.ARMS) + 2}
    assert set(ablation.SHOWN) <= set(found["arms"]["directed"]["figures"])


# -- the command ------------------------------------------------------------------------------------------------


def test_the_command_knows_each_sampling_and_writes_it_down(tmp_path: Path):
    assert {name.value for name in SamplingName} == set(get_args(Sampling))
    place = f"{Path(__file__).parent / 'mini_world.py'}:Library"
    for name in get_args(Sampling):
        assert run(["synthesize", place, "-n", "3", "--seed", "1", "--sampling", name, "--out", str(tmp_path / name)]) == 0
        assert json.loads((tmp_path / name / "run.json").read_text())["config"]["options"]["sampler"]["sampling"] == name
        assert run(["verify", str(tmp_path / name)]) == 0
    rows = {name: (tmp_path / name / "samples.jsonl").read_bytes() for name in get_args(Sampling)}
    assert len(set(rows.values())) == 3
    assert run(["synthesize", place, "-n", "3", "--seed", "1", "--out", str(tmp_path / "usual")]) == 0
    assert (tmp_path / "usual" / "samples.jsonl").read_bytes() == rows["directed"]


def test_what_draws_nothing_or_aims_at_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "out")
    assert run(["synthesize", "--from", str(tmp_path), "--sampling", "random", "--out", out]) == 2
    assert "leave --sampling out" in capsys.readouterr().err
    assert run(["synthesize", "Banking", "--failures", str(tmp_path), "--sampling", "random", "--out", out]) == 2
    assert "leave --failures out" in capsys.readouterr().err
