"""BFCL's worlds behind our door: nothing global, nothing evaluated, its own rules about steps, words and held-out tools."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env

from turngym.agents.baselines import NullPolicy, OraclePolicy, RandomPolicy
from turngym.agents.rescore import rescore
from turngym.agents.rollout import rollout
from turngym.cli import run
from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.errors import UnknownNameError
from turngym.envs.task import Task
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import start_of
from turngym.envs.worldset import WorldSet

pytestmark = pytest.mark.bfcl
CATEGORIES = ("base", "miss_func", "miss_param", "long_context")
CLASSES = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"


def tasks(category: str) -> list[Task]:
    return list(pack_of(f"bfcl:multi_turn_{category}"))


def with_class(name: str, category: str = "base") -> Task:
    return next(task for task in tasks(category) if any(part.world == f"bfcl:{name}" for part in task.worlds))


def worlds(name: str, category: str = "base") -> WorldSet:
    return start_of(with_class(name, category))


# -- what there is ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_entry_is_a_task_under_its_own_id(category: str):
    found = tasks(category)
    assert [task.id for task in found] == [f"multi_turn_{category}_{number}" for number in range(200)]
    assert {task.split for task in found} == {"test"}
    assert {task.category for task in found} == {category}


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_env_is_made_and_passes_gymnasiums_check(category: str):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(f"turngym/BFCL-v4-{category}")
        check_env(env.unwrapped, skip_render_check=True)
    _, info = env.reset(options={"task": f"multi_turn_{category}_17"})
    assert info["task"] == f"multi_turn_{category}_17"
    twin, moment = env.unwrapped.fork(), env.unwrapped.snapshot()
    for _ in range(5):
        env.step(env.action_space.sample())
    env.unwrapped.restore(moment)
    assert env.unwrapped.episode.worlds.fingerprint() == twin.episode.worlds.fingerprint()


def test_an_unknown_category_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="multi_turn_base"):
        pack_of("bfcl:multi_turn_bass")


@pytest.mark.parametrize("category", CATEGORIES)
def test_oracle_solves_all_and_null_none(category: str):
    for task in tasks(category):
        trajectory = asyncio.run(rollout(OraclePolicy(), task))
        assert (trajectory.status, trajectory.success) == ("completed", True), task.id
    for task in tasks(category)[::10]:
        assert not asyncio.run(rollout(NullPolicy(), task)).success, task.id


def test_a_stored_run_is_judged_again_alike():
    made = [asyncio.run(rollout(RandomPolicy(), task)) for task in tasks("miss_func")[::20]]
    report = rescore(made)
    assert report.same == len(made)
    assert not report.drifted


# -- nothing global, nothing evaluated --------------------------------------------------------------------


def test_a_default_that_bfcl_shares_is_every_calls_own():
    ours, theirs = worlds("TwitterAPI"), worlds("TwitterAPI")
    for world in (ours, theirs):
        world.call("authenticate_twitter", _login(world))
        number = world.call("post_tweet", {"content": "hello"}).value["id"]
        world.call("mention", {"tweet_id": number, "mentioned_usernames": ["@a"]})
        assert world.call("post_tweet", {"content": "again"}).value["mentions"] == []
    assert ours.fingerprint() == theirs.fingerprint()


def _login(found: WorldSet) -> dict[str, Any]:
    twitter = found.world_of("post_tweet").system.instance  # type: ignore[attr-defined]
    return {"username": twitter.username, "password": twitter.password}


def test_what_the_long_context_shares_stays_as_it_was():
    found = [start_of(task) for task in tasks("long_context")]
    shared = {name: value for name, value in vars(sys.modules[f"{CLASSES}.long_context"]).items() if name.isupper()}
    before = copy.deepcopy(shared)
    for task, each in zip(tasks("long_context"), found, strict=True):
        for call in task.gold():
            each.call(call.name, call.arguments)
        if "get_outside_temperature_from_google" in each.tools:
            assert "outsideTemperature" in each.call("get_outside_temperature_from_google").value
    assert shared == before


def test_precisions_of_the_process_are_not_touched():
    from decimal import getcontext

    import mpmath

    found, before = worlds("MathAPI"), (getcontext().prec, mpmath.mp.dps)
    assert found.call("square_root", {"number": 2, "precision": 5}).text == "{'result': Decimal('1.4142')}"
    assert found.call("logarithm", {"value": 8, "base": 2, "precision": 30}).text == "{'result': mpf('2.99999999999999999999999999999961')}"
    assert (getcontext().prec, mpmath.mp.dps) == before
    assert found.call("square_root", {"number": 2, "precision": 10**9}).error == "limit_exceeded"
    assert found.call("power", {"base": 10, "exponent": 10**12}).error == "limit_exceeded"
    assert found.call("power", {"base": 1, "exponent": 10**12}).value == {"result": 1}


def test_arguments_are_copied():
    found = worlds("TwitterAPI")
    found.call("authenticate_twitter", _login(found))
    given = {"content": "x", "tags": ["#a"]}
    found.call("post_tweet", given)
    given["tags"].append("#b")  # type: ignore[attr-defined]
    assert all("#b" not in tweet["tags"] for tweet in found.world_of("post_tweet").system.instance.tweets.values())  # type: ignore[attr-defined]


def test_bfcls_settings_are_never_imported_and_no_folder_is_made():
    folder = Path(sys.modules["bfcl_eval"].__file__ or "").parent.parent
    assert "bfcl_eval.constants.eval_config" not in sys.modules
    assert not [name for name in ("result", "score", ".file_locks") if (folder / name).exists()]


@pytest.mark.parametrize(
    "key",
    [
        "folder=__import__('os').system('touch {0}') or 'x', b",
        "*[open('{0}', 'w')], folder",
        "folder='x') or open('{0}', 'w'",
        "**open('{0}', 'w'), folder",
    ],
)
def test_a_key_that_is_code_is_not_run(key: str, tmp_path: Path):
    place = tmp_path / "made"
    result = worlds("GorillaFileSystem").call("cd", {key.replace("{0}", str(place)): "x"})
    assert result.error == "invalid_arguments"
    assert not place.exists()


@pytest.mark.parametrize(
    "name", ["_load_scenario", "__class__", "print", "cd.__globals__", "GorillaFileSystem.cd", "open", "cd(folder='x')"]
)
def test_a_name_that_is_no_tool_reaches_nothing(name: str):
    episode = Episode(with_class("GorillaFileSystem"))
    before = episode.worlds.fingerprint()
    (result,) = episode.step("", [ToolCall(name, "{}")]).results
    assert result.error == "unknown_tool"
    assert result.text.startswith("Error during execution: ")
    assert episode.worlds.fingerprint() == before


# -- texts ------------------------------------------------------------------------------------------------


def test_errors_have_bfcls_words_and_a_kind():
    found = worlds("GorillaFileSystem")
    said = {
        '{"folder": NaN}': "name 'nan' is not defined",
        '{"folder": -1e999}': "name 'inf' is not defined",
        "{}": "GorillaFileSystem.cd() missing 1 required positional argument: 'folder'",
        '{"folder": "x", "to": 1}': "GorillaFileSystem.cd() got an unexpected keyword argument 'to'",
        '{"folder": 3}': "'int' object has no attribute 'rstrip'",
        '{"my key": 3}': "invalid syntax. Perhaps you forgot a comma? (<string>, line 1)",
    }
    for arguments, words in said.items():
        result = found.call("cd", arguments)
        assert (result.text, result.error) == (f"Error during execution: {words}", "invalid_arguments")


def test_white_space_before_a_parenthesis_goes_and_names_of_methods_are_rewritten():
    found = worlds("GorillaFileSystem")
    found.call("touch", {"file_name": "a.txt"})
    found.call("echo", {"content": "Summary (draft) of sort (x)", "file_name": "a.txt"})
    text = found.call("cat", {"file_name": "a.txt"}).value["file_content"]
    assert text.startswith("Summary(draft) of gym_eval_multi_turn_base_")
    assert text.endswith("_GorillaFileSystem_instance.sort(x)")


# -- rules of an episode ----------------------------------------------------------------------------------


def test_held_out_functions_are_hidden_until_their_turn_and_released_with_bfcls_words():
    task = next(task for task in tasks("miss_func") if task.held_out)
    episode = Episode(task)
    episode.start()
    assert not set(task.held_out).intersection(episode.visible)
    (number,) = [number for number, turn in enumerate(task.turns) if turn.release]
    for _ in range(number):
        step = episode.step("no", ())
    assert step.messages[-1]["content"] == "I have updated some more functions you can choose from. What about now?"
    shown = [schema["function"] for schema in episode.schemas()]
    assert [function["name"] for function in shown[-len(task.held_out) :]] == list(task.held_out)
    assert [function["description"].endswith("Python 3 syntax.") for function in shown] == [
        *[True] * (len(shown) - len(task.held_out)),
        *[False] * len(task.held_out),
    ]


def test_a_held_out_function_is_only_hidden_as_in_bfcl_but_what_one_withholds_is_barred():
    task = next(task for task in tasks("miss_func") if task.held_out)
    name = task.held_out[0]
    assert Episode(task).step("", [ToolCall(name, "{}")]).results[0].error != "unknown_tool"
    assert Episode(task, hidden=[name]).step("", [ToolCall(name, "{}")]).results[0].error == "unknown_tool"


def test_twenty_steps_are_a_turns_and_one_more_ends_it():
    task = with_class("GorillaFileSystem")
    episode = Episode(task)
    for _ in range(20):
        assert not episode.step("", [ToolCall("pwd", "{}")]).truncated
    assert episode.step("", [ToolCall("pwd", "{}")]).truncated
    assert not episode.verdict().success


def test_one_more_in_the_last_turn_ends_the_task_and_the_turn_counts():
    task = tasks("base")[1]
    episode = Episode(task)
    for number, turn in enumerate(task.turns):
        for call in turn.gold:
            step = episode.step("", [ToolCall(call.name, json.dumps(call.arguments))])
        if number + 1 < len(task.turns):
            step = episode.step("", ())
    while not episode.over:
        step = episode.step("", [ToolCall("pwd", "{}")])
    assert step.terminated
    assert episode.verdict().success


def test_a_message_that_cannot_be_decoded_ends_the_turn_and_none_of_its_calls_is_made():
    episode = Episode(with_class("GorillaFileSystem"))
    before = episode.worlds.fingerprint()
    step = episode.step("", [ToolCall("touch", '{"file_name": "new"}'), ToolCall("ls", "[]")])
    assert step.judged is not None
    assert [result.error for result in step.results] == ["invalid_arguments"] * 2
    assert step.messages[-1]["role"] == "user"
    assert episode.worlds.fingerprint() == before


def test_forks_go_on_alike_and_apart():
    for name in ("TradingBot", "VehicleControlAPI", "TravelAPI", "MessageAPI", "GorillaFileSystem"):
        task = with_class(name)
        one = start_of(task)
        calls = list(task.gold())
        for call in calls[: len(calls) // 2]:
            one.call(call.name, call.arguments)
        two = one.fork()
        after = [[side.call(call.name, call.arguments).text for call in calls[len(calls) // 2 :]] for side in (one, two)]
        assert after[0] == after[1]
        assert one.fingerprint() == two.fingerprint()


def test_a_directory_that_stands_in_itself_is_forked_shown_and_judged():
    task = with_class("GorillaFileSystem")
    episode = Episode(task)
    calls = [
        ("mkdir", {"dir_name": "a"}),
        ("mkdir", {"dir_name": "b"}),
        *[("cp", {"source": x, "destination": y}) for x, y in ("aa", "ab", "ba", "bb")],
    ]
    for name, arguments in calls:
        episode.step("", [ToolCall(name, json.dumps(arguments))])
    assert episode.fork().worlds.fingerprint() == episode.worlds.fingerprint()
    assert episode.step("", ()).judged is not None
    assert not episode.verdict().success


# -- single turn ------------------------------------------------------------------------------------------


def test_a_single_turn_task_ends_with_its_first_message_and_runs_nothing():
    task = pack_of("bfcl:simple_python")[0]
    episode = Episode(task)
    step = episode.step("", [ToolCall("calculate_triangle_area", '{"base": 10, "height": 5}')])
    assert step.terminated
    assert step.results[0].value == {"base": 10, "height": 5}
    assert episode.verdict().success
    assert not asyncio.run(rollout(NullPolicy(), task)).success


def test_what_stands_before_the_users_words_is_said_before_them():
    task = next(task for task in pack_of("bfcl:live_simple") if task.meta["before"])
    assert [message["role"] for message in Episode(task).start()] == ["system", "user"]


# -- the command ------------------------------------------------------------------------------------------


def test_eval_prints_bfcls_number_beside_ours_and_writes_result_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    places = [part for name in CATEGORIES for part in ("--tasks", f"bfcl:multi_turn_{name}")]
    command = ["eval", *places, "--policy", "oracle", "-n", "4", "--out", str(tmp_path / "run"), "--json"]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)["bfcl"]
    assert told["multi_turn"] == {"accuracy": 1.0, "progress": 1.0}
    assert told["categories"]["multi_turn_base"] == {"entries": 4, "accuracy": 1.0, "progress": 1.0}
    for name in CATEGORIES:
        path = tmp_path / f"run/bfcl/result/gpt-4o-2024-11-20-FC/multi_turn/BFCL_v4_multi_turn_{name}_result.json"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert [set(row) for row in rows] == [{"id", "result"}] * 4
        assert all(isinstance(turn[-1], str) for row in rows for turn in row["result"])
