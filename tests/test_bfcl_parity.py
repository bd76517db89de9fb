"""Equal to BFCL itself, which runs in processes of its own: results, states, tools, verdicts, and its official runner's files."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bfcl_fuzz import trajectory
from bfcl_oracle import ask

from turngym.agents.baselines import NullPolicy, OraclePolicy, RandomPolicy
from turngym.agents.bfcl_results import result_row, write_results
from turngym.agents.rollout import rollout
from turngym.agents.trajectory import Trajectory
from turngym.envs.bridges.bfcl import error_type
from turngym.envs.bridges.bfcl.judge import _gold_side, _public
from turngym.envs.bridges.bfcl.results import judge_result, read_step
from turngym.envs.bridges.bfcl.source import SINGLE_TURN
from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.task import Task
from turngym.envs.verdict import start_of

pytestmark = pytest.mark.bfcl
CATEGORIES = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
FUZZED = 6_000


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return [task for category in CATEGORIES for task in pack_of(f"bfcl:{category}")]


def gold_rows(task: Task) -> list[Any]:
    return [[*[[{call.name: json.dumps(call.arguments)}] for call in turn.gold], "Done."] for turn in task.turns]


def test_every_result_and_state_of_gold_is_bfcls_to_the_byte(tasks: list[Task], tmp_path: Path):
    calls = 0
    for task, theirs in zip(tasks, ask([{"gold": task.id} for task in tasks], tmp_path), strict=True):
        worlds = start_of(_gold_side(task))
        for number, (turn, told) in enumerate(zip(task.turns, theirs["turns"], strict=True)):
            assert [worlds.call(call.name, call.arguments).text for call in turn.gold] == told["results"], (task.id, number)
            state = {cls: {name: repr(value) for name, value in held.items()} for cls, held in _public(worlds).items()}
            assert state == told["state"], (task.id, number)
            calls += len(turn.gold)
    assert calls == 4_625


def test_tools_are_what_bfcl_shows_at_the_start_and_at_each_release(tasks: list[Task], tmp_path: Path):
    theirs = {name: shown for answer in ask([{"tools": category} for category in CATEGORIES], tmp_path) for name, shown in answer.items()}
    for task in tasks:
        episode = Episode(task)
        shown, visible = [episode.schemas()], episode.visible
        while not episode.over:
            episode.step("", ())
            if episode.visible is not visible:
                shown, visible = [*shown, episode.schemas()], episode.visible
        assert shown == theirs[task.id], task.id


def test_verdicts_on_gold_and_on_thousands_of_fuzzed_trajectories_are_bfcls(tasks: list[Task], tmp_path: Path):
    rng = Random("bfcl")
    rows = [(task, gold_rows(task)) for task in tasks]
    for _ in range(FUZZED):
        task = rng.choice(tasks)
        rows.append((task, trajectory([[call.model_dump() for call in turn.gold] for turn in task.turns], rng)))
    rows[len(tasks) :] = sorted(rows[len(tasks) :], key=lambda row: row[0].id)  # a judge is kept for a while
    theirs = ask([{"id": task.id, "result": result} for task, result in rows], tmp_path)
    seen = set()
    for (task, result), told in zip(rows, theirs, strict=True):
        verdict, kind = judge_result(task, result)
        assert kind == told["error_type"], (task.id, result)
        assert (verdict is not None and verdict.success) == told["valid"], (task.id, result)
        seen.add(kind)
    assert all(told["valid"] for told in theirs[: len(tasks)])
    assert len(seen) == 5  # every kind there is, and none


def test_an_episode_is_judged_as_its_row_is(tasks: list[Task]):
    rng = Random("episodes")
    for _ in range(1_000):
        task = rng.choice(tasks)
        rows = trajectory([[call.model_dump() for call in turn.gold] for turn in task.turns], rng)
        episode = Episode(task)
        lived: list[list[Any]] = [[]]
        for steps in rows[: len(task.turns)]:
            for step in [*steps, "Done."]:
                turn = episode.turn
                if episode.over:
                    break
                lived[-1].append(step)
                if episode.step("", read_step(step)).judged is not None:
                    lived.append([])
                if episode.turn != turn:
                    break
        lived = [turn for turn in lived if turn]
        assert error_type(episode.verdict().record(), len(task.turns)) == judge_result(task, lived)[1], (task.id, lived)


# -- the official runner ----------------------------------------------------------------------------------


def compare(made: list[Trajectory], categories: tuple[str, ...], root: Path) -> None:
    """Write result files, let the official runner score them, and hold its figures and failing ids against ours."""
    write_results(made, root)
    (theirs,) = ask([{"runner": list(categories)}], root)
    for category in categories:
        mine = [one for one in made if one.task["meta"]["category"] == category]
        failed = {one.task_id: kind for one in mine if (kind := error_type(one.verdict, len(one.task["turns"])))}
        assert theirs[category]["failed"] == failed, category
        assert theirs[category]["accuracy"] == pytest.approx(1 - len(failed) / len(mine))


def lives(policies: list[Any], tasks: list[Task]) -> list[Trajectory]:
    """Each task lived once, by one policy after the other."""
    return [asyncio.run(rollout(policies[number % len(policies)], task)) for number, task in enumerate(tasks)]


def test_the_official_runner_scores_our_result_files_alike(tasks: list[Task], tmp_path: Path):
    compare(lives([OraclePolicy(), RandomPolicy(), RandomPolicy(0.02), NullPolicy()], tasks), CATEGORIES, tmp_path)


class Mangling(OraclePolicy):
    """Gold of a single turn, with one thing wrong in it; which one depends on the task's number."""

    def start(self, opening: Any) -> Any:
        from turngym.agents.policy import AssistantMessage
        from turngym.envs.tool import ToolCall

        calls = [ToolCall(call.name, json.dumps(call.arguments)) for call in opening.task.gold()] if opening.task else []
        rng, said = Random(opening.task_id), ""
        if calls:
            place, change = rng.randrange(len(calls)), rng.randrange(9)
            given = json.loads(calls[place].arguments)  # type: ignore[arg-type]
            name = rng.choice(list(given)) if given else "none"
            wrong: list[Any] = ["x", None, 7, [1], {"a": 1}, 1.5, True]
            changes: list[Any] = [
                given, {**given, name: rng.choice(wrong)}, {k: v for k, v in given.items() if k != name}, {**given, "extra": 1}, [1], given,
                given, given, given,
            ]  # fmt: skip
            text = "{" if change == 5 else json.dumps(changes[change])
            calls[place] = ToolCall("other" if change == 6 else calls[place].name, text)
            calls = calls * 2 if change == 7 else [] if change == 8 else calls
        elif rng.random() < 0.5 and "irrelevance" not in opening.env:
            said = "no"
        message = AssistantMessage(said, tuple(calls))

        class Once:
            async def act(self, conversation: Any) -> AssistantMessage:
                return message

        return Once()


@pytest.mark.parametrize("policy", [OraclePolicy(), Mangling(), RandomPolicy()], ids=["answers", "mangled", "random"])
def test_the_official_runner_judges_single_turns_as_we_do(policy: Any, tmp_path: Path):
    entries = [task for category in SINGLE_TURN for task in pack_of(f"bfcl:{category}")]
    compare(lives([policy], entries), SINGLE_TURN, tmp_path)


def test_an_episode_that_was_cut_in_its_last_turn_is_no_finished_one():
    task = pack_of("bfcl:multi_turn_base")[0]
    whole = asyncio.run(rollout(OraclePolicy(), task))
    assert len(result_row(whole)["result"]) == len(task.turns)
    whole.status = "truncated"
    assert len(result_row(whole)["result"]) == len(task.turns) - 1
