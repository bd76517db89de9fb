"""Wrappers make an env harder by flag: calls fail without effect, withheld tools are barred, runs repeat."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, borrow_task, free_books
from mini_world import Library

from turngym.envs import UnknownNameError
from turngym.envs.env import ToolEnv
from turngym.envs.wrappers import FaultInjection, HoldOut

BOOK, CARD = free_books(0)[0], Library.create(0).card
FIND = {"name": "find_book", "arguments": {"title": BOOK.title}}
SIGN = {"name": "identify", "arguments": {"card": CARD}}
BORROW = {"name": "borrow", "arguments": {"book": BOOK.id, "days": 7}}


def base(**options: Any) -> ToolEnv:
    return ToolEnv(ENV, tasks=[borrow_task(0)], **options)


def kinds(env: Any, *actions: Any, seed: int = 0) -> list[tuple[str, ...]]:
    env.reset(seed=seed)
    return [env.step(action)[4]["errors"] for action in actions]


def test_a_certain_fault_answers_and_touches_nothing():
    env = FaultInjection(base(), rate=1.0, kinds=("unavailable", "limit_exceeded"))
    env.reset(seed=0)
    before = env.unwrapped.episode.worlds.fingerprint()
    for _ in range(12):
        message = env.step(SIGN)[0][0]
        assert json.loads(message["content"])["error"]["kind"] in ("unavailable", "limit_exceeded")
        assert "try again" in message["content"]
    assert env.unwrapped.episode.worlds.fingerprint() == before


def test_faults_repeat_for_a_seed_differ_between_seeds_and_come_at_their_rate():
    runs = [kinds(FaultInjection(base(max_steps=10_000), rate=0.3, seed=seed), *[FIND] * 600) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert 0.24 < sum(map(bool, runs[0])) / 600 < 0.36


def test_a_retry_gets_through_and_the_task_can_still_be_solved():
    env = FaultInjection(base(), rate=0.5, seed=3)
    env.reset(seed=0)
    for action in (FIND, SIGN, BORROW):
        for _ in range(20):
            if not env.step(action)[4]["errors"]:
                break
    assert env.step("Done.")[1] == 1


def test_only_the_named_tools_fail():
    env = FaultInjection(base(), rate=1.0, tools=["borrow"])
    assert kinds(env, FIND, SIGN, BORROW) == [(), (), ("unavailable",)]


def test_nothing_fails_at_rate_zero():
    assert kinds(FaultInjection(base(), rate=0.0), FIND, SIGN, BORROW) == [(), (), ()]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rate": 1.5}, ValueError),
        ({"rate": -0.1}, ValueError),
        ({"rate": float("nan")}, ValueError),
        ({"kinds": ("oops",)}, UnknownNameError),
        ({"kinds": ()}, ValueError),
    ],
)
def test_senseless_options_are_refused_at_once(options: dict[str, Any], error: type[Exception]):
    with pytest.raises(error):
        FaultInjection(base(), **options)


def test_options_may_be_given_as_any_iterable():
    env = FaultInjection(base(), rate=1.0, kinds=(kind for kind in ("conflict",)), tools=(name for name in ("borrow", "identify")))
    assert kinds(env, FIND, SIGN, BORROW) == [(), ("conflict",), ("conflict",)]
    env = HoldOut(base(), (name for name in ("borrow",)))
    assert kinds(env, SIGN, BORROW) == [(), ("unknown_tool",)]


def test_a_withheld_tool_is_not_shown_and_cannot_be_called():
    env = HoldOut(base(), ["borrow"])
    _, info = env.reset(seed=0)
    assert "borrow" not in info["tools"]
    assert kinds(env, SIGN, BORROW) == [(), ("unknown_tool",)]
    assert env.step("Done.")[1] == 0
    with pytest.raises(UnknownNameError, match="borrow"):
        HoldOut(base(), ["borow"])


def test_wrappers_add_up_in_any_order():
    for env in (HoldOut(FaultInjection(base(), rate=1.0), ["borrow"]), FaultInjection(HoldOut(base(), ["borrow"]), rate=1.0)):
        assert kinds(env, FIND, BORROW) == [("unavailable",), ("unknown_tool",)]
    env = HoldOut(HoldOut(base(), ["borrow"]), ["identify"])
    assert env.reset(seed=0)[1]["tools"] == ("find_book",)


def test_an_unwrapped_env_of_the_same_tasks_is_left_alone():
    plain = base()
    FaultInjection(base(), rate=1.0)
    HoldOut(base(), ["borrow"])
    assert kinds(plain, SIGN, BORROW) == [(), ()]


def test_forks_of_a_wrapped_env_fail_at_the_same_calls():
    env = FaultInjection(base(max_steps=1000), rate=0.5, seed=1)
    env.reset(seed=0)
    twin = env.unwrapped.fork()
    assert [env.step(FIND)[4]["errors"] for _ in range(40)] == [twin.step(FIND)[4]["errors"] for _ in range(40)]


def test_foreign_envs_are_refused_and_the_spec_remembers_the_wrapper():
    with pytest.raises(TypeError, match="turngym"):
        HoldOut(gym.make("CartPole-v1"), ["borrow"])
    env = HoldOut(
        FaultInjection(gym.make("turngym/Banking-v0"), rate=0.25, seed=4),
        ["transfer"] if "transfer" in gym.make("turngym/Banking-v0").unwrapped.tools else [],
    )  # type: ignore[attr-defined]
    assert env.spec is not None
    again = gym.make(env.spec)
    assert isinstance(again, HoldOut)
