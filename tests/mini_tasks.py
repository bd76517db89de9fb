"""Tasks by hand on the lending library, each with gold, and helpers that run a policy on them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library

from turngym import allow
from turngym.agents import Trajectory, rollout
from turngym.envs.task import Checks, GoldCall, RequiredOutput, Task, TaskWorld, Turn

ENV = "mini_world:Library"
allow(ENV)  # also for scripts that import this
SIGN_IN = next(name for name, tool in Library.tools.items() if "reader" in tool.writes)


def free_books(seed: int) -> list[Any]:
    return [book for book in Library.create(seed).books if book.copies]


def borrow_gold(seed: int, which: int = 0, tag: str = "") -> tuple[GoldCall, ...]:
    book = free_books(seed)[which]
    return (
        GoldCall(id=f"find{tag}", name="find_book", arguments={"title": book.title}),
        GoldCall(id=f"sign{tag}", name=SIGN_IN, arguments={"card": Library.create(seed).card}),
        GoldCall(id=f"borrow{tag}", name="borrow", arguments={"book": book.id, "days": 7}, after=(f"find{tag}", f"sign{tag}")),
    )


def borrow_task(seed: int = 0, **more: Any) -> Task:
    """One turn: borrow a book for a week."""
    turn = Turn(user=f"Lend me {free_books(seed)[0].title} for a week.", gold=borrow_gold(seed), reply="It is yours for 7 days.")
    return Task(env=ENV, worlds=(TaskWorld(world=ENV, seed=seed),), family="borrow", turns=(turn,), **more)


def two_turn_task(seed: int = 0, **more: Any) -> Task:
    """Two turns: look a book up and hear its shelf, then borrow it."""
    book = free_books(seed)[0]
    find, *rest = borrow_gold(seed)
    checks = Checks(outputs=(RequiredOutput(fields={"id": book.id}),), told=(book.shelf,))
    turns = (
        Turn(user=f"Where do you keep {book.title}?", gold=(find,), reply=f"On the {book.shelf} shelf.", checks=checks),
        Turn(user="Then I take it for a week.", gold=tuple(rest), reply="Done.", elapse=60),
    )
    return Task(env=ENV, worlds=(TaskWorld(world=ENV, seed=seed),), family="ask-then-borrow", turns=turns, **more)


def some_tasks(n: int = 6) -> list[Task]:
    return [(borrow_task, two_turn_task)[seed % 2](seed) for seed in range(n)]


def play(policy: Any, task: Task, **options: Any) -> Trajectory:
    return asyncio.run(rollout(policy, task, **options))
