"""The Gymnasium env keeps Gymnasium's promises and ours: nothing an agent sends raises, no life knows another."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, borrow_gold, borrow_task, free_books, some_tasks, two_turn_task
from mini_world import Library

import turngym
from turngym.envs import TaskError, UnknownNameError
from turngym.envs.env import ToolEnv
from turngym.envs.episode import Episode
from turngym.envs.registry import ENVS
from turngym.envs.task import Task, TaskWorld, Turn
from turngym.envs.tool import ToolCall

IDS = [info.id for info in ENVS]
BOOK, CARD = free_books(0)[0], Library.create(0).card
FIND = {"name": "find_book", "arguments": {"title": BOOK.title}}
SIGN = {"name": "identify", "arguments": {"card": CARD}}
BORROW = {"name": "borrow", "arguments": {"book": BOOK.id, "days": 7}}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: Any) -> dict[str, Path]:
    """For each registered env a file of tasks that need no pack: its worlds, two seeds, nothing to do."""
    place = tmp_path_factory.mktemp("tasks")
    for info in ENVS:
        made = [
            Task(
                env=info.id,
                worlds=tuple(TaskWorld(world=name, seed=seed) for name in info.worlds),
                turns=(Turn(user=f"Hello {seed}."), Turn(user="And now?")),
            )
            for seed in (1, 2)
        ]
        (place / f"{info.short}.jsonl").write_text("".join(task.line() + "\n" for task in made))
    return {info.id: place / f"{info.short}.jsonl" for info in ENVS}


def library(*tasks: Task, **options: Any) -> ToolEnv:
    return ToolEnv(ENV, tasks=list(tasks) or some_tasks(), **options)


# -- Gymnasium --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IDS)
def test_every_registered_env_passes_the_checker_without_a_warning(name: str, tasks: dict[str, Path]):
    env = gym.make(name, tasks=tasks[name], render_mode="ansi")
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_every_registered_env_runs_in_vectors(name: str, mode: str, tasks: dict[str, Path]):
    options: dict[str, Any] = {"vector_kwargs": {"shared_memory": False}} if mode == "async" else {}
    envs = gym.make_vec(name, num_envs=2, vectorization_mode=mode, tasks=tasks[name], **options)
    try:
        messages, _ = envs.reset(seed=1)
        assert len(messages) == 2
        assert all(m[0]["role"] == "user" for m in messages)
        envs.action_space.seed(1)
        for _ in range(3):
            messages, rewards, terminated, truncated, _ = envs.step(envs.action_space.sample())
        assert rewards.shape == terminated.shape == truncated.shape == (2,)
        assert messages in envs.observation_space
    finally:
        envs.close()


@pytest.mark.parametrize("name", IDS)
def test_every_registered_env_ships_tasks(name: str):
    env = gym.make(name)
    messages, info = env.reset(seed=0)
    assert messages[0]["role"] == "user"
    assert info["task"]
    assert {task.split for task in env.unwrapped.tasks} == {"train", "test"}  # type: ignore[attr-defined]


def test_the_module_prefix_registers_by_itself():
    assert gym.make("turngym:turngym/Banking-v0", tasks=[borrow_task(0)]).unwrapped.env_info.short == "Banking"  # type: ignore[attr-defined]
    assert turngym.__version__


def test_equal_seeds_give_equal_lives_and_a_seed_can_pick_every_task():
    one, two = library(), library()
    for seed in range(5):
        assert one.reset(seed=seed) == two.reset(seed=seed)
        assert one.reset() == two.reset()
    assert {one.reset(seed=seed)[1]["task"] for seed in range(60)} == {task.id for task in some_tasks()}


def test_the_action_space_samples_calls_that_fit_their_schema():
    env = library()
    env.action_space.seed(3)
    for _ in range(80):
        action = env.action_space.sample()
        assert action in env.action_space
        for call in action["tool_calls"]:
            env.tools[call["name"]].validate(call["arguments"])
    assert all(c["name"] == "borrow" for _ in range(20) for c in env.action_space.sample(mask=["borrow"])["tool_calls"])
    json.dumps(env.action_space.sample())


def test_stepping_before_reset_and_after_the_end_is_told():
    env = library(borrow_task(0))
    with pytest.raises(RuntimeError, match="reset"):
        env.step("hello")
    env.reset(seed=0)
    env.step("bye")
    with pytest.raises(RuntimeError, match="over"):
        env.step("hello")


# -- which task -------------------------------------------------------------------------------------------


def test_a_task_may_be_given_in_every_form():
    env = library()
    task = some_tasks()[3]
    for form in (task, task.id, 3, task.line(), task.model_dump(mode="json")):
        assert env.reset(options={"task": form})[1]["task"] == task.id


@pytest.mark.parametrize("wrong", ["none-such", 99, -99, 1.5, ["a"], "{}", '{"env": 1}', {"env": 1}, {}, b"x"])
def test_a_task_that_is_not_there_is_told_in_one_line(wrong: Any):
    with pytest.raises(TaskError) as caught:
        library().reset(options={"task": wrong})
    assert "\n" not in str(caught.value)


def test_an_env_without_tasks_says_how_to_make_some():
    with pytest.raises(TaskError, match="synthesize"):
        ToolEnv(ENV, tasks=[]).reset()
    with pytest.raises(UnknownNameError, match="Banking"):
        ToolEnv("Bankin")


# -- the course of a life ---------------------------------------------------------------------------------

ACTIONS: dict[str, Any] = {
    "one call": FIND,
    "raw arguments": {"name": "find_book", "arguments": json.dumps(FIND["arguments"])},
    "a list": [FIND],
    "a tuple": (FIND,),
    "a message": {"content": "", "tool_calls": [FIND]},
    "a message with null": {"content": None, "tool_calls": [FIND], "role": "assistant"},
    "the OpenAI form": {
        "content": "",
        "tool_calls": [{"id": "x", "type": "function", "function": {"name": "find_book", "arguments": json.dumps(FIND["arguments"])}}],
    },
    "a ToolCall": [ToolCall("find_book", FIND["arguments"])],
}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_form_of_an_action_is_the_same_call(name: str):
    env = library(borrow_task(0))
    env.reset(seed=0)
    messages, reward, terminated, truncated, info = env.step(ACTIONS[name])
    assert [m["role"] for m in messages] == ["tool"]
    assert json.loads(messages[0]["content"])[0]["id"] == BOOK.id
    assert (reward, terminated, truncated, info["errors"]) == (0, False, False, ())
    assert messages in env.observation_space


def test_a_call_keeps_its_id_and_others_are_numbered():
    env = library(borrow_task(0))
    env.reset(seed=0)
    messages = env.step([{**FIND, "id": "mine"}, FIND])[0]
    assert [m["tool_call_id"] for m in messages] == ["mine", "call_1"]


def test_success_is_paid_at_the_end_and_progress_by_turn():
    paid = {}
    for reward in ("success", "progress"):
        env = library(two_turn_task(0), reward=reward)
        env.reset(seed=0)
        rewards = [env.step(a)[1] for a in (FIND, f"On the {BOOK.shelf} shelf.", [SIGN, BORROW], "Done.")]
        paid[reward] = rewards
    assert paid == {"success": [0, 0, 0, 1], "progress": [0, 0.5, 0, 0.5]}
    env = library(two_turn_task(0), reward="progress")
    env.reset(seed=0)
    assert [env.step(a)[1] for a in ("What?", [SIGN, BORROW], "Done.")] == [0, 0, 0.5]


def test_a_reward_function_of_ones_own_is_asked_after_every_step():
    seen = []

    def reward(episode: Episode, step: Any) -> float:
        seen.append(episode.steps)
        return 0.25 * len(step.results)

    env = library(borrow_task(0), reward=reward)
    env.reset(seed=0)
    assert [env.step(a)[1] for a in ([FIND, SIGN], BORROW, "Done.")] == [0.5, 0.25, 0]
    assert seen == [1, 2, 3]


def test_the_step_limit_truncates_and_pays_nothing():
    env = library(borrow_task(0), max_steps=3)
    env.reset(seed=0)
    ends = [env.step(a)[1:4] for a in (FIND, [SIGN, BORROW], FIND)]
    assert ends == [(0, False, False), (0, False, False), (0, False, True)]
    env = library(borrow_task(0), max_steps=2)
    env.reset(seed=0)
    env.step([SIGN, BORROW])
    _, reward, terminated, truncated, info = env.step("Done.")
    assert (reward, terminated, truncated) == (1, True, False)
    assert info["verdict"]["success"]


def test_signals_show_progress_and_missteps():
    env = library(borrow_task(0), signals=True)
    env.reset(seed=0)
    signals = [env.step(a)[4]["signals"] for a in (FIND, FIND, "{", BORROW) if a != "{"]
    assert [s["redundant"] for s in signals] == [0, 1, 0]
    assert signals[2]["precondition_missing"] == 1
    assert env.step({"name": "borrow", "arguments": "{"})[4]["signals"]["invalid"] == 1
    before = env.step(SIGN)[4]["signals"]["goal"]
    after = env.step(BORROW)[4]["signals"]["goal"]
    assert 0 <= before < after == 1
    assert env.step("Done.")[4]["signals"] == {
        "goal": 1,
        "invalid": 0,
        "precondition_missing": 0,
        "redundant": 0,
        "unexpected": (),
        "forbidden": False,
    }


def test_a_conversation_is_rendered():
    env = library(borrow_task(0), render_mode="ansi")
    env.reset(seed=0)
    env.step(FIND)
    env.step("Done.")
    text = env.render()
    assert [line.split(":")[0].strip() for line in text.splitlines()] == ["user", "assistant", "tool", "assistant"]


# -- forks ------------------------------------------------------------------------------------------------


def test_forks_and_their_origin_know_nothing_of_each_other():
    env = library(borrow_task(0), signals=True, render_mode="ansi")
    env.reset(seed=0)
    env.step(SIGN)
    before = env.episode.worlds.fingerprint()
    twins = [env.fork() for _ in range(3)]
    twins[0].step(BORROW)
    twins[0].step("Done.")
    twins[1].step(FIND)
    assert env.episode.worlds.fingerprint() == twins[2].episode.worlds.fingerprint() == before
    assert [twin.episode.over for twin in twins] == [True, False, False]
    assert env.render() == twins[2].render() != twins[1].render()
    assert env.step(FIND)[4]["signals"]["redundant"] == 0
    for twin in (env, twins[1], twins[2]):
        twin.step(BORROW)
        assert twin.step("Done.")[1] == 1
    twins[0].reset(seed=1)
    assert env.episode.over


def test_a_snapshot_can_be_come_back_to_any_number_of_times():
    env = library(borrow_task(0), signals=True)
    env.reset(seed=0)
    env.step(SIGN)
    saved = env.snapshot()
    lives = []
    for _ in range(3):
        env.restore(saved)
        lives.append([env.step(a) for a in (FIND, BORROW, "Done.")])
    assert lives[0] == lives[1] == lives[2]
    env.restore(saved)
    env.step("Too early.")
    assert env.episode.verdict().success is False
    env.restore(saved)
    assert env.episode.turn == 0


def test_what_was_tried_on_an_abandoned_branch_is_not_redundant():
    env = library(borrow_task(0), signals=True)
    env.reset(seed=0)
    saved = env.snapshot()
    env.step(FIND)
    env.restore(saved)
    assert env.step(FIND)[4]["signals"]["redundant"] == 0
    saved = env.snapshot()
    env.restore(saved)
    assert env.step(FIND)[4]["signals"]["redundant"] == 1


def test_no_state_leaks_from_one_episode_into_the_next():
    env, fresh = library(borrow_task(0), signals=True), library(borrow_task(0), signals=True)
    script = (FIND, BORROW, SIGN, BORROW, "Done.")

    def life(env: ToolEnv) -> list[Any]:
        return [env.reset(seed=5), *[env.step(action) for action in script]]

    env.reset(seed=5)
    for action in (SIGN, BORROW, BORROW, FIND):
        env.step(action)
    assert life(env) == life(fresh) == life(env)


def test_a_hundred_lives_at_once_are_a_hundred_lives():
    envs = [library(borrow_task(0)) for _ in range(100)]
    for env in envs:
        env.reset(seed=0)
    for env in envs[::2]:
        env.step([SIGN, BORROW])
    assert [env.step("Done.")[1] for env in envs] == [1, 0] * 50


# -- hostile actions --------------------------------------------------------------------------------------

DEEP: Any = []
for _ in range(3000):
    DEEP = [DEEP]
LOOP: dict[str, Any] = {}
LOOP["tool_calls"] = [LOOP]
HOSTILE: dict[str, Any] = {
    "none": None,
    "number": 5,
    "huge": 10**5000,
    "huge in a list": [10**5000],
    "bytes": b"x",
    "object": object(),
    "class": str,
    "set": {1},
    "empty list": [],
    "empty object": {},
    "list of none": [None],
    "list of text": ["find_book"],
    "deep": DEEP,
    "deep inside": [[DEEP]],
    "loop": LOOP,
    "name only": {"name": "find_book"},
    "no name": {"arguments": {}},
    "number as name": {"name": 5, "arguments": {}},
    "list as name": {"name": ["a"]},
    "unknown": {"name": "rm -rf", "arguments": {}},
    "empty name": {"name": "", "arguments": {}},
    "surrogate as name": {"name": "\ud800", "arguments": "{}"},
    "long name": {"name": "x" * 10**6},
    "arguments a list": {"name": "find_book", "arguments": []},
    "arguments a number": {"name": "find_book", "arguments": 10**5000},
    "arguments deep": {"name": "find_book", "arguments": {"title": DEEP}},
    "arguments bytes": {"name": "find_book", "arguments": b"{}"},
    "huge argument": {"name": "borrow", "arguments": {"book": "x", "days": 10**5000}},
    "calls a string": {"content": "", "tool_calls": "find_book"},
    "calls a number": {"tool_calls": 7},
    "content a list": {"content": [{"type": "text", "text": "hi"}], "tool_calls": [FIND]},
    "function a string": {"tool_calls": [{"function": "find_book"}]},
    "a ToolCall of nonsense": [ToolCall(["x"], 5, 7)],  # type: ignore[arg-type]
    "a ToolCall of none": [ToolCall(None, None)],
    "too many": [FIND] * 300,
    "surrogate text": "\ud800",
    "a megabyte of text": "x" * 10**6,
    "empty text": "",  # type: ignore[arg-type]
    "injected": {"name": "find_book", "arguments": "__import__('os').system('true')"},
    "id a list": {"tool_calls": [{"id": [], "name": "find_book", "arguments": "{}"}]},
    "id a surrogate": {"tool_calls": [{"id": "\ud800", "name": "find_book", "arguments": "{}"}]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_action_is_answered_and_changes_nothing(name: str):
    env = library(two_turn_task(0), signals=True, render_mode="ansi")
    env.reset(seed=0)
    before = env.episode.worlds.worlds[0].fork()
    action = HOSTILE[name]
    assert isinstance(action in env.action_space, bool)
    messages, reward, terminated, truncated, info = env.step(action)
    assert messages in env.observation_space
    assert messages
    assert (reward, terminated, truncated) == (0, False, False)
    if not isinstance(action, str) and name not in ("empty list", "too many", "content a list"):
        assert messages[0]["role"] == "tool"
        assert json.loads(messages[0]["content"])["error"]["kind"] in ("invalid_arguments", "unknown_tool")
        assert info["errors"]
    for message in messages:
        assert len(message["content"]) < 3000
        message["content"].encode()
    assert [c for c in before.diff(env.episode.worlds.worlds[0]) if c.key != "now"] == []
    env.render()


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["find_book", "borrow", "name", "arguments", "tool_calls"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "arguments", "tool_calls", "content", "function", "id", "title", "book"]) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.lists(JSONS, min_size=1, max_size=4))
def test_no_sequence_of_actions_raises(actions: list[Any]):
    env = library(two_turn_task(0), signals=True)
    env.reset(seed=0)
    for action in actions:
        messages, _, terminated, truncated, info = env.step(action)
        assert messages in env.observation_space
        assert "internal_error" not in info["errors"]
        if terminated or truncated:
            json.dumps(info["verdict"])
            break


@pytest.mark.parametrize("name", IDS)
def test_random_calls_meet_no_bug_of_ours(name: str, tasks: dict[str, Path]):
    env = ToolEnv(name, tasks=tasks[name], max_steps=10_000)
    env.reset(seed=0)
    env.action_space.seed(7)
    rng = Random(7)
    for _ in range(150):
        action = env.action_space.sample()
        if not action["tool_calls"]:
            continue
        if rng.random() < 0.3:
            action["tool_calls"][0]["arguments"][rng.choice(["x", *action["tool_calls"][0]["arguments"]])] = rng.choice(
                [None, -1, 10**30, "", "\x00", [], {}, True, 1e300]
            )
        info = env.step(action)[4]
        assert "internal_error" not in info["errors"], action
    assert list(env.episode.worlds.invariants()) == []


def test_two_envs_in_two_threads_of_events_do_not_meet():
    async def life(seed: int) -> float:
        env = library(borrow_task(seed))
        env.reset(seed=0)
        for call in borrow_gold(seed):
            await asyncio.sleep(0)
            env.step({"name": call.name, "arguments": call.arguments})
        return float(env.step("Done.")[1])

    async def all_lives() -> list[float]:
        return await asyncio.gather(*[life(seed % 4) for seed in range(20)])

    assert asyncio.run(all_lives()) == [1.0] * 20


def test_restoring_rewinds_what_is_rendered():
    env = gym.make("turngym/FileSystem-v0", render_mode="ansi").unwrapped
    env.reset(seed=1)
    env.step({"name": "pwd", "arguments": {}})
    here, shown = env.snapshot(), env.render()
    env.step({"name": "whoami", "arguments": {}})
    assert env.render() != shown
    env.restore(here)
    assert env.render() == shown
