"""Failure-driven targets: what counts as a failure, of which tool, and that targets are drawn by it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, borrow_task, play, two_turn_task
from mini_world import Library

from turngym.agents import Trajectory, make_policy
from turngym.cli import run
from turngym.envs.binding import Pool
from turngym.envs.errors import RunError
from turngym.envs.graph import graph_of
from turngym.envs.task import GoldCall, Task, TaskWorld, Turn
from turngym.envs.worldset import WorldSet, WorldSpec
from turngym.synthesis.aiming.targets import Failures, failures_in, owned_names, unpassed
from turngym.synthesis.navigator import Navigator, SamplerOptions

HERE = Path(__file__).parent
LIBRARY = f"{HERE / 'mini_world.py'}:Library"
PASSED = {"state": True, "outputs": True, "told": True, "forbidden": True, "missing": []}
FAILED = {**PASSED, "state": False, "missing": ["something"]}


def told(task: Task, *turns: dict[str, Any], status: str = "completed", reason: str = "", trial: int = 0) -> Trajectory:
    """A record with a verdict by hand; turns that are not given were never reached."""
    success = len(turns) == len(task.turns) and all(turn is PASSED for turn in turns)
    verdict = {"success": success, "progress": 0.0, "turns": list(turns)} if turns or status == "completed" else {}
    return Trajectory(f"{task.id}.t{trial}", json.loads(task.line()), {}, verdict=verdict, status=status, reason=reason)  # type: ignore[arg-type]


def three_turns(env: str = ENV, worlds: tuple[str, ...] = (ENV,), names: tuple[str, ...] = ("find_book", "identify", "borrow")) -> Task:
    turns = tuple(Turn(user=f"{n}", gold=(GoldCall(id=f"c{n}", name=name),)) for n, name in enumerate(names))
    return Task(env=env, worlds=tuple(TaskWorld(world=name) for name in worlds), turns=turns)


def write(path: Path, *records: Trajectory) -> Path:
    path.write_bytes(b"".join(record.line() for record in records))
    return path


# -- what counts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "missed"),
    [
        ((PASSED, PASSED, PASSED), []),
        ((PASSED, FAILED, PASSED), ["identify"]),
        ((FAILED, PASSED, FAILED), ["find_book", "borrow"]),
        ((PASSED,), ["identify"]),  # the third turn was never reached either, and says nothing
        ((FAILED,), ["find_book", "identify"]),
        ((), ["find_book"]),
        ((PASSED, {**PASSED, "told": False}, PASSED), ["identify"]),
    ],
)
def test_a_failure_counts_for_the_tools_of_turns_that_did_not_pass(turns: tuple[dict[str, Any], ...], missed: list[str]):
    found = Failures()
    found.add(told(three_turns(), *turns))
    assert found.tools == {f"Library.{name}": 1 for name in missed}
    assert (found.episodes, found.failed) == (1, bool(missed))


def test_a_tool_that_failed_in_two_turns_of_an_episode_counts_once():
    found = Failures()
    found.add(told(three_turns(names=("borrow", "borrow", "find_book")), FAILED, FAILED, PASSED))
    assert found.tools == {"Library.borrow": 1}


@pytest.mark.parametrize("reason", ["infrastructure", "task_error", "env_error", "user_error"])
def test_what_is_not_the_policys_fault_counts_nothing(reason: str):
    found = Failures()
    found.add(told(three_turns(), FAILED, status="error", reason=reason))
    assert (found.tools, found.episodes, found.excluded) == ({}, 0, 1)


def test_a_policy_that_broke_before_a_verdict_failed_with_the_first_turn_alone():
    found = Failures()
    found.add(told(three_turns(), status="error", reason="policy_error"))
    assert found.tools == {"Library.find_book": 1}


def test_real_episodes_are_counted_like_those_by_hand(tmp_path: Path):
    task = two_turn_task(1)
    records = [play(make_policy(name), task) for name in ("oracle", "null")]
    found = failures_in(write(tmp_path / "run.jsonl", *records))
    assert (found.episodes, found.failed) == (2, 1)
    assert found.tools == {"Library.find_book": 1, "Library.identify": 1, "Library.borrow": 1}


@given(st.permutations(range(6)))
def test_the_order_of_records_changes_nothing(order: list[int]):
    records = [told(three_turns(), *turns) for turns in ((PASSED,), (FAILED,), (PASSED, FAILED, PASSED), (), (PASSED,) * 3, (FAILED,) * 3)]
    found, again = Failures(), Failures()
    for number, place in enumerate(order):
        found.add(records[number])
        again.add(records[place])
    assert found == again


@given(st.lists(st.booleans(), max_size=6), st.integers(0, 3))
def test_unreached_turns_beyond_the_first_never_count(passed: list[bool], unreached: int):
    verdict = {"turns": [PASSED if good else FAILED for good in passed]}
    wanted = [n for n, good in enumerate(passed) if not good] + ([len(passed)] if unreached else [])
    assert unpassed(verdict, len(passed) + unreached) == wanted


def test_a_run_without_an_episode_that_counts_is_refused_in_one_line(tmp_path: Path):
    with pytest.raises(RunError, match="1 ended by errors that are not the policy's"):
        failures_in(write(tmp_path / "run.jsonl", told(three_turns(), status="error", reason="infrastructure")))
    (tmp_path / "odd.jsonl").write_text('{"id": "x", "task": {"id": "y"}, "policy": {}, "verdict": {}}\n')
    with pytest.raises(RunError, match="is no trajectory of a task"):
        failures_in(tmp_path / "odd.jsonl")


# -- names ------------------------------------------------------------------------------------------------


def test_a_tool_is_counted_as_what_it_is_whatever_joined_worlds_call_it():
    joined = ("FileSystem", "Travel", "Banking")
    names = owned_names(joined)
    assert names["banking_sign_in"] == "Banking.sign_in"
    assert names["travel_list_cards"] == "Travel.list_cards"
    found = Failures()
    found.add(
        told(three_turns("turngym/Assistant-v0", joined, ("banking_sign_in", "travel_list_cards", "banking_sign_in")), FAILED, FAILED)
    )
    assert found.of_envs(["Banking"]) == {"sign_in": 1}
    assert found.of_envs(["Travel"]) == {"list_cards": 1}
    assert found.of_envs(["Assistant"]) == {"banking_sign_in": 1, "travel_list_cards": 1}
    assert found.of_envs(["FileSystem"]) == {}


def test_two_envs_that_call_different_tools_alike_are_refused_only_where_it_matters():
    found = Failures()
    found.add(told(three_turns("turngym/Banking-v0", ("Banking",), ("sign_in", "sign_in", "sign_in")), FAILED))
    with pytest.raises(RunError, match=r"sign_in is Banking.sign_in and Travel.sign_in, with 1 and 0 failures"):
        found.of_envs(["Banking", "Travel"])
    found.add(told(three_turns("turngym/Travel-v0", ("Travel",), ("sign_in", "sign_in", "sign_in")), FAILED))
    assert found.of_envs(["Banking", "Travel", "Assistant"]) == {"banking_sign_in": 1, "sign_in": 1, "travel_sign_in": 1}


def test_every_tool_has_an_owner_that_has_it():
    for worlds in (("FileSystem", "Travel", "Banking"), ("Banking",), (LIBRARY,)):
        owned = owned_names(worlds)
        assert len(set(owned.values())) == len(owned)


# -- the draw ---------------------------------------------------------------------------------------------


def test_the_chance_of_a_target_is_proportional_to_one_and_its_failures():
    graph = graph_of([Library])
    failures = {"borrow": 3, "find_book": 1}
    navigator = Navigator(graph, SamplerOptions(failures=failures))
    worlds = WorldSet.create([WorldSpec(Library, 0)])
    pool, rng, n = Pool(worlds.known()), Random(5), 21_000
    drawn = Counter(navigator.choose_target(rng, worlds, pool, 0, False, Counter()) for _ in range(n))
    total = sum(1 + failures.get(name, 0) for name in navigator.targets)
    assert total == len(navigator.targets) + 4
    for name in navigator.targets:
        chance = (1 + failures.get(name, 0)) / total
        assert abs(drawn[name] - n * chance) < 4 * (n * chance * (1 - chance)) ** 0.5
    plain = Navigator(graph, SamplerOptions())
    even = Counter(plain.choose_target(rng, worlds, pool, 0, False, Counter()) for _ in range(n))
    assert all(abs(even[name] - n / len(plain.targets)) < 4 * (n / len(plain.targets)) ** 0.5 for name in plain.targets)


def test_the_command_aims_at_failures_and_its_config_holds_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    task = borrow_task(1)
    records = [told(task, trial=n) for n in range(40)]  # none of them reached its turn's end
    failed = write(tmp_path / "failed.jsonl", *records)
    command = ["synthesize", LIBRARY, "-n", "30", "--turns", "1", "--json", "--out"]
    assert run([*command, str(tmp_path / "even")]) == 0
    assert run([*command, str(tmp_path / "aimed"), "--failures", str(failed)]) == 0
    config = json.loads((tmp_path / "aimed" / "run.json").read_text())["config"]
    assert config["options"]["sampler"]["failures"] == {"borrow": 40, "find_book": 40, "identify": 40}
    capsys.readouterr()
    only = write(tmp_path / "only.jsonl", *[told(three_turns(names=("borrow",) * 3), FAILED, trial=n) for n in range(200)])
    assert run([*command, str(tmp_path / "one"), "--failures", str(only)]) == 0
    shares = {}
    for name in ("even", "one"):
        rows = [json.loads(line) for line in (tmp_path / name / "samples.jsonl").read_text().splitlines()]
        shares[name] = sum(row["task"]["meta"]["targets"] == ["borrow"] for row in rows) / len(rows)
    assert shares["one"] > shares["even"]
    assert shares["one"] > 0.8
    capsys.readouterr()
    assert run([*command, str(tmp_path / "one"), "--failures", str(failed)]) == 2  # other counts are another data set
    assert "made otherwise" in capsys.readouterr().err


def test_failures_and_from_are_refused_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    failed = write(tmp_path / "failed.jsonl", told(borrow_task(1)))
    assert run(["synthesize", "--from", str(failed), "--failures", str(failed), "--out", str(tmp_path / "x")]) == 2
    assert "leave --failures out" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
