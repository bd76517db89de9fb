"""Promises of the bridge to TRL: a tool there is the tool here, the prompt's past is done again, and reward is the verdict."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, two_turn_task

from turngym.envs.bridges.trl import WorldEnvironment, environment_class, environments, progress_reward, prompts, verdict_reward
from turngym.envs.env import pack_of
from turngym.envs.errors import DefinitionError, TaskError
from turngym.envs.task import Task
from turngym.envs.tool import Tool
from turngym.envs.worldset import ToolTable

SHIPPED = ("Banking", "FileSystem", "Travel", "Assistant")


def started(task: Task, **row: Any) -> Any:
    (first,) = prompts([task])
    env = environments([first])[first["environment"]]()
    env.reset(**{**first, **row})
    return env


def say(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def gold(env: Any, task: Task, turn: int = 0) -> list[str]:
    return [getattr(env, call.name)(**call.arguments) for call in task.turns[turn].gold]


@pytest.mark.parametrize("name", SHIPPED)
def test_trl_shows_each_tool_with_our_words_and_types(name: str) -> None:
    utils = pytest.importorskip("transformers.utils")
    task = pack_of(name)[0]
    env = started(task)
    for ours in env._episode.schemas():
        mine = ours["function"]
        shown = utils.get_json_schema(getattr(env, mine["name"]))["function"]
        assert (shown["name"], shown["description"]) == (mine["name"], mine["description"])
        wanted, given = mine["parameters"], shown["parameters"]
        assert given.get("required", []) == wanted["required"]
        assert list(given["properties"]) == list(wanted["properties"])
        for key, part in wanted["properties"].items():
            got = given["properties"][key]
            assert got["description"].startswith(part["description"])
            allowed = {value for option in (part, *part.get("anyOf", ())) for value in option.get("enum", ())}
            assert set(got.get("enum", ())) == allowed
            assert got.get("type") == part.get("type", got.get("type"))
            for bound in ("minimum", "maximum", "maxLength", "pattern"):  # hints cannot say these, so the words do
                assert bound not in part or str(part[bound]) in got["description"]


@pytest.mark.parametrize("name", SHIPPED)
def test_gold_earns_the_reward_and_silence_none(name: str) -> None:
    for task in list(pack_of(name))[:12]:
        played, idle = started(task), started(task)
        assert not [text for text in gold(played, task) if text.startswith('{"error"')]
        completions = [say(task.turns[0].reply), say("")]
        assert verdict_reward(completions, [played, idle])[0] == 1.0
        done, undone = progress_reward(completions, [played, idle])
        assert done == 1.0
        turn = task.turns[0]
        assert undone < 1 or verdict_reward(completions, [played, idle])[1] == 1.0 or not turn.gold


def test_the_public_methods_are_the_visible_tools_and_reset() -> None:
    task = borrow_task(held_out=("borrow",))
    kind = environment_class(task)
    public = {name for name, _ in inspect.getmembers(kind, predicate=inspect.isfunction) if not name.startswith("_")}
    env = started(task)
    assert public == {"reset", *env._episode.visible}
    assert "borrow" not in public
    assert environments(prompts([task, borrow_task()])).keys() == {task.env, f"{task.env} without borrow"}


def test_a_call_never_raises_and_answers_as_everywhere() -> None:
    env = started(borrow_task())
    for arguments in ({}, {"wrong": 1}, {"book": 3, "days": "x"}, {"book": "B", "days": 10**400}):
        answer = json.loads(env.borrow(**arguments))
        assert answer["error"]["kind"] == "invalid_arguments"
    for _ in range(200):
        last = env.find_book(title="none")
    assert json.loads(last)["error"]["kind"] == "limit_exceeded"
    assert verdict_reward([say("Done.")], [env]) == [0.0]


def test_a_turn_that_was_left_open_earns_nothing() -> None:
    task = borrow_task()
    for completion in ([], [{"role": "assistant", "content": "", "tool_calls": [{}]}], [{"role": "tool", "content": "{}"}]):
        env = started(task)
        gold(env, task)
        assert verdict_reward([completion], [env]) == [0.0]
        assert verdict_reward([say(task.turns[0].reply)], [env]) == [0.0]  # judged once


def test_progress_grows_with_what_was_done_and_is_not_given_for_nothing() -> None:
    task = borrow_task()
    seen = []
    for count in range(len(task.turns[0].gold) + 1):
        env = started(task)
        for call in task.turns[0].gold[:count]:
            getattr(env, call.name)(**call.arguments)
        seen += progress_reward([say("")], [env])
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def past(task: Task) -> list[dict[str, Any]]:
    """The first turn as gold plays it, and the second user message."""
    env = started(task)
    messages: list[dict[str, Any]] = [{"role": "user", "content": task.turns[0].user}]
    for call, text in zip(task.turns[0].gold, gold(env, task), strict=True):
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        messages += [{"role": "assistant", "content": "", "tool_calls": [{"id": call.id, "type": "function", "function": function}]}]
        messages += [{"role": "tool", "tool_call_id": call.id, "name": call.name, "content": text}]
    return [*messages, {"role": "assistant", "content": task.turns[0].reply}, {"role": "user", "content": task.turns[1].user}]


def test_what_the_prompt_shows_was_done_and_the_second_turn_is_judged() -> None:
    task = two_turn_task()
    env = started(task, prompt=past(task))
    gold(env, task, 1)
    assert verdict_reward([say(task.turns[1].reply)], [env]) == [1.0]
    assert env._episode.worlds.fingerprint() != started(task)._episode.worlds.fingerprint()


def test_a_call_that_the_prompt_shows_refused_is_not_done_again() -> None:
    task = two_turn_task()
    borrow = task.turns[1].gold[-1]
    function = {"name": borrow.name, "arguments": borrow.arguments}  # as an export holds it: an object
    outage = json.dumps({"error": {"kind": "unavailable", "message": "try again"}})
    sign, last = task.turns[1].gold[:-1], past(task)
    for call in sign:
        last += [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}],
            }
        ]
    last += [{"role": "assistant", "content": "", "tool_calls": [{"id": "again", "type": "function", "function": function}]}]
    last += [{"role": "tool", "tool_call_id": "again", "name": borrow.name, "content": outage}]
    last += [{"role": "assistant", "content": "It failed; shall I try again?"}, {"role": "user", "content": "Yes."}]
    env = started(task, prompt=last)
    assert env._episode.turn == 1
    assert not env.borrow(**borrow.arguments).startswith('{"error"')
    assert verdict_reward([say(task.turns[1].reply)], [env]) == [1.0]


def test_instances_are_used_again_and_share_nothing() -> None:
    task = borrow_task()
    one, two = started(task), started(task)
    gold(one, task)
    assert verdict_reward([say(task.turns[0].reply)], [one]) == [1.0]
    assert verdict_reward([say(task.turns[0].reply)], [two]) == [0.0]
    one.reset(**prompts([task])[0])
    assert verdict_reward([say(task.turns[0].reply)], [one]) == [0.0]


def test_a_row_that_does_not_hold_together_is_refused() -> None:
    task = two_turn_task()
    (row,) = prompts([task])
    with pytest.raises(TaskError, match="part at message 0"):
        started(task, prompt=[{"role": "user", "content": "something else"}])
    with pytest.raises(TaskError, match="ends with what the user says"):
        started(task, prompt=past(task)[:-1])
    with pytest.raises(TaskError, match="ends with what the user says"):
        started(task, prompt=[])
    with pytest.raises(TaskError, match="its task needs"):
        environments([{**row, "environment": "other"}])
    with pytest.raises(RuntimeError, match="reset"):
        WorldEnvironment()._call("x", {})


def test_a_tool_that_trl_would_not_see_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import turngym.envs.bridges.trl as bridge

    task = borrow_task()
    tool: Tool = started(task)._episode.worlds.tools["borrow"]
    monkeypatch.setattr(bridge, "tool_table", lambda classes: ToolTable({"reset": tool}, {"reset": 0}))
    with pytest.raises(DefinitionError, match="reset"):
        environment_class(task)


def test_the_example_says_how_it_is_called() -> None:
    place = Path(__file__).resolve().parent.parent / "examples" / "grpo.py"
    done = subprocess.run([sys.executable, "-W", "error", str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "python examples/grpo.py" in done.stderr
