"""Boundary refresh: which tasks stay, and that variants are the same task in another world, proven."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, play

from turngym.agents import Trajectory, make_policy
from turngym.cli import run
from turngym.envs.errors import RunError, TaskError
from turngym.envs.task import Checks, Source, Task, TaskFile
from turngym.synthesis import Maker, Request, prove_task, verify_sample
from turngym.synthesis.aiming.refresh import FATES, Refreshing, Standing, fate_of, refresh, standings_of
from turngym.synthesis.aiming.variants import isomorphic, variants_of

HERE = Path(__file__).parent
ENVS = (f"{HERE / 'mini_world.py'}:Library", f"{HERE / 'planted_worlds.py'}:Market")


@cache
def tasks() -> tuple[Task, ...]:
    """Tasks of two small worlds, as synthesis makes them."""
    made = (made.sample for made in Maker(Request(ENVS, 8, seed=1)).stream())
    return tuple(sample.task for sample in made if sample is not None)


def episode(task: Task, progress: float, trial: int = 0, **more: Any) -> Trajectory:
    verdict = {"success": progress == 1, "progress": progress, "turns": []}
    return Trajectory(f"{task.id}.t{trial}", json.loads(task.line()), {}, trial=trial, verdict=verdict, **more)


def write(path: Path, *records: Trajectory) -> Path:
    path.write_bytes(b"".join(record.line() for record in records))
    return path


def standing(*shares: float | Fraction) -> Standing:
    return Standing({}, len(shares), sum((Fraction(share).limit_denominator(1000) for share in shares), Fraction()))


# -- fates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "fate"),
    [
        ((0, 0, 0, 0), "too_hard"),
        ((1, 0, 0, 0, 0), "kept"),  # exactly 0.20
        ((0.19,), "too_hard"),
        ((0.5, 1, 0), "kept"),
        ((0.85,), "kept"),
        ((0.7, 1.0), "kept"),  # (0.7 + 1.0) / 2 is 0.85, whatever floats say
        ((0.86,), "nearly_solved"),
        ((0.9, 1.0), "nearly_solved"),  # exactly 0.95 is not above it
        ((0.95,), "nearly_solved"),
        ((0.96,), "retired"),
        ((1, 1, 1, 1), "retired"),
        ((), "unjudged"),
    ],
)
def test_a_bound_belongs_to_what_it_bounds(shares: tuple[float, ...], fate: str):
    found, reason = fate_of(standing(*shares), Refreshing())
    assert found == fate
    assert reason


@given(st.lists(st.integers(0, 7), min_size=1, max_size=12))
def test_means_are_exact_whatever_the_number_of_turns(passed: list[int]):
    mean = Fraction(sum(passed), 7 * len(passed))
    wanted = (
        "too_hard"
        if mean < Fraction(1, 5)
        else "kept"
        if mean <= Fraction(17, 20)
        else "nearly_solved"
        if mean <= Fraction(19, 20)
        else "retired"
    )
    assert fate_of(standing(*(n / 7 for n in passed)), Refreshing())[0] == wanted


def test_bounds_are_options_and_out_of_order_they_are_refused(tmp_path: Path):
    assert fate_of(standing(0.1), Refreshing(low=0.1))[0] == "kept"
    assert fate_of(standing(0.9), Refreshing(retire=0.88))[0] == "retired"
    with pytest.raises(RunError, match="out of order"):
        refresh(write(tmp_path / "run.jsonl", episode(tasks()[0], 0.5)), Refreshing(low=0.9, high=0.5))


def test_every_task_has_a_fate_and_the_order_of_records_changes_nothing(tmp_path: Path):
    shares = {0: (0.0, 0.1), 1: (0.5, 0.4), 2: (0.9, 0.9), 3: (1.0, 1.0), 4: (1.0, 0.0, 0.2)}
    records = [episode(tasks()[n], share, trial) for n, found in shares.items() for trial, share in enumerate(found)]
    records.append(episode(tasks()[5], 0.0, status="error", reason="infrastructure"))
    records.append(episode(tasks()[1], 0.0, 7, status="error", reason="env_error"))
    first = refresh(write(tmp_path / "one.jsonl", *records), Refreshing(variants=0))
    random.Random(3).shuffle(records)
    second = refresh(write(tmp_path / "two.jsonl", *records), Refreshing(variants=0))
    assert first == second
    assert {fate: first.report[fate] for fate in FATES} == {"kept": 2, "retired": 1, "too_hard": 1, "nearly_solved": 1, "unjudged": 1}
    assert sum(first.report[fate] for fate in FATES) == first.report["tasks"] == len(first.report["each"]) == 6
    assert {task.id for task in first.tasks} == {tasks()[1].id, tasks()[4].id}
    said = {item["id"]: item for item in first.report["each"]}
    assert said[tasks()[1].id]["progress"] == 0.45
    assert (said[tasks()[1].id]["episodes"], said[tasks()[1].id]["excluded"]) == (2, 1)
    assert said[tasks()[4].id]["progress"] == 0.4


def test_what_no_run_is_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(RunError, match="holds no trajectory"):
        standings_of(tmp_path / "empty.jsonl")
    (tmp_path / "odd.jsonl").write_text('{"id": "x", "task": {"id": "y"}, "policy": {}, "verdict": {"progress": "much"}}\n')
    with pytest.raises(RunError, match="is no trajectory of a task"):
        standings_of(tmp_path / "odd.jsonl")


# -- variants ---------------------------------------------------------------------------------------------


def made_of(task: Task, n: int = 1) -> tuple[list[Task], Counter[str]]:
    refused: Counter[str] = Counter()
    return [sample.task for sample in variants_of(task, n, refused)], refused


def test_variants_are_isomorphic_proven_and_name_what_they_vary():
    for task in tasks():
        found: Counter[str] = Counter()
        samples = list(variants_of(task, 2, found))
        assert len(samples) == 2, found
        for sample in samples:
            twin = sample.task
            assert isomorphic(task, twin) == ""
            assert verify_sample(sample) == []
            assert list(prove_task(twin)) == []
            assert twin.meta["variant_of"] == task.id
            assert {part.seed for part in twin.worlds}.isdisjoint(part.seed for part in task.worlds)
            assert (twin.family, twin.split, twin.category, twin.env) == (task.family, task.split, task.category, task.env)
        assert len({task.id, *(sample.id for sample in samples)}) == 3


def test_a_variant_says_what_its_own_world_knows():
    from mini_world import Library

    varied = 0
    for task in tasks():
        if "Library" in task.env:
            for twin in made_of(task, 2)[0]:
                world = Library.create(twin.worlds[0].seed)
                given_cards = {call.arguments["card"] for call in twin.gold() if call.name == "identify"}
                assert given_cards <= {world.card}
                varied += bool(given_cards)
                assert all(card in " ".join(turn.user for turn in twin.turns) for card in given_cards)
    assert varied


def test_variants_are_equal_every_time():
    assert [task.line() for task in made_of(tasks()[0], 2)[0]] == [task.line() for task in made_of(tasks()[0], 2)[0]]


def test_variants_of_a_large_world_flow_like_the_task():
    made = 0
    pack = TaskFile.read(HERE.parent / "envs" / "packs" / "banking.jsonl")
    for index in (0, 5, 9, 14):
        for twin in made_of(pack[index])[0]:
            assert isomorphic(pack[index], twin) == ""
            assert play(make_policy("oracle"), twin).success
            assert not play(make_policy("null"), twin).success
            made += 1
    assert made >= 2


def altered(task: Task, **changes: Any) -> Task:
    """The task with its last gold call, or the checks of its last turn, changed."""
    turn = task.turns[-1]
    if "checks" in changes:
        turn = turn.model_copy(update=changes)
    else:
        turn = turn.model_copy(update={"gold": (*turn.gold[:-1], turn.gold[-1].model_copy(update=changes))})
    body = task.model_copy(update={"turns": (*task.turns[:-1], turn)}).model_dump(exclude={"id"})
    return Task.model_validate(body)


def flowing() -> Task:
    return next(task for task in tasks() if any(s.kind == "output" for s in task.turns[-1].gold[-1].sources.values()))


def test_what_flows_otherwise_is_not_isomorphic():
    task = flowing()
    last = task.turns[-1].gold[-1]
    name, source = next((n, s) for n, s in last.sources.items() if s.kind == "output")
    assert isomorphic(task, task) == ""
    for changed in (Source(kind="user"), source.model_copy(update={"path": "elsewhere"}), source.model_copy(update={"pick": "min:price"}),
                    source.model_copy(update={"where": {"other": 1}}), source.model_copy(update={"kind": "earlier_turn"})):  # fmt: skip
        assert "flow otherwise" in isomorphic(task, altered(task, sources={**last.sources, name: changed}))
    assert "flow otherwise" in isomorphic(task, altered(task, after=()))
    assert "flow otherwise" in isomorphic(task, altered(task, arguments={**last.arguments, "more": 1}))
    assert "other tools" in isomorphic(task, altered(task, name="find_book" if last.name != "find_book" else "borrow"))
    assert "another number of turns" in isomorphic(task, task.model_copy(update={"turns": (*task.turns, task.turns[-1])}))


def test_checks_of_another_shape_are_not_isomorphic():
    task = tasks()[0]
    checks = task.turns[-1].checks
    for changed in (Checks(told=(*checks.told, "one more")), Checks(state=False), Checks(include=("Library.reader",))):
        assert "shape" in isomorphic(task, altered(task, checks=changed))


def test_other_values_and_seeds_alone_are_isomorphic():
    task = flowing()
    seeds = tuple(part.model_copy(update={"seed": 99}) for part in task.worlds)
    assert isomorphic(task, task.model_copy(update={"worlds": seeds})) == ""
    last = task.turns[-1].gold[-1]
    assert isomorphic(task, altered(task, arguments=dict.fromkeys(last.arguments, "other"))) == ""


def test_gold_without_sources_gives_no_variant_and_says_so():
    found, refused = made_of(borrow_task(0))
    assert found == []
    assert set(refused) == {"no_source"}


def test_gold_that_does_not_run_is_an_error_and_no_variant(tmp_path: Path):
    task = altered(flowing(), arguments={})
    with pytest.raises(TaskError, match="fails"):
        made_of(task)
    report = refresh(write(tmp_path / "run.jsonl", episode(task, 0.5))).report
    assert (report["kept"], report["variants"]["made"], report["variants"]["refused"]) == (1, 0, {"TaskError": 1})


def test_other_categories_are_kept_or_retired_and_never_varied(tmp_path: Path):
    special = Task.model_validate({**tasks()[0].model_dump(exclude={"id"}), "category": "miss_param"})
    path = write(tmp_path / "run.jsonl", episode(special, 0.5), episode(tasks()[1], 0.5))
    found = refresh(path)
    assert special in found.tasks
    assert found.report["not_varied"] == {"miss_param": 1}
    assert found.report["variants"]["wanted"] == found.report["variants"]["made"] == 1
    assert not [task for task in found.tasks if task.meta.get("variant_of") == special.id]


def test_retired_tasks_are_varied_on_demand_and_never_written_themselves(tmp_path: Path):
    path = write(tmp_path / "run.jsonl", episode(tasks()[0], 1.0), episode(tasks()[1], 0.5), episode(tasks()[2], 0.0))
    kept = refresh(path, Refreshing(variants=2))
    assert [task.meta.get("variant_of") for task in kept.tasks] == [None, tasks()[1].id, tasks()[1].id]
    both = refresh(path, Refreshing(variants=2, vary_retired=True))
    assert {task.meta.get("variant_of") for task in both.tasks} == {None, tasks()[0].id, tasks()[1].id}
    assert tasks()[0].id not in {task.id for task in both.tasks}
    assert both.report["variants"]["wanted"] == both.report["variants"]["made"] == 4


# -- the command ------------------------------------------------------------------------------------------


def test_the_command_writes_tasks_that_can_be_rolled_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path / "run.jsonl", *(episode(task, 0.5) for task in tasks()[:3]))
    assert run(["refresh", str(path), "--out", str(tmp_path / "fresh.jsonl"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["kept"], report["written"]) == (3, 6)
    found = list(TaskFile.read(tmp_path / "fresh.jsonl"))
    assert len({task.id for task in found}) == 6
    assert all(play(make_policy("oracle"), task).success for task in found)
    assert run(["refresh", str(path), "--out", str(tmp_path / "fresh.jsonl")]) == 0
    assert "variants made 3 of 3" in capsys.readouterr().out


def test_nothing_at_the_boundary_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path / "run.jsonl", episode(tasks()[0], 1.0))
    assert run(["refresh", str(path), "--out", str(tmp_path / "fresh.jsonl")]) == 2
    assert "retired 1" in capsys.readouterr().err
    assert not (tmp_path / "fresh.jsonl").exists()
    (tmp_path / "mine.txt").write_text("dear diary\n")
    assert run(["refresh", str(path), "--out", str(tmp_path / "mine.txt")]) == 2
    assert (tmp_path / "mine.txt").read_text() == "dear diary\n"
