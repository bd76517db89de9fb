"""Rows of the special categories as they stand in a file, made once per process; and words-only ways through a task."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from turngym.envs.episode import Episode
from turngym.envs.task import Task, Turn
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import Verdict
from turngym.synthesis import AssemblyOptions, Maker, Request
from turngym.synthesis.sample import Sample

Row = dict[str, Any]
SPECIAL: tuple[Any, ...] = ("miss_func", "miss_param", "clarify", "irrelevant", "error_tool_response", "long_context")
WORLDS = ("FileSystem", "Banking", "Travel")


@lru_cache(maxsize=64)
def maker_of(env: str, category: Any, seed: int) -> Maker:
    return Maker(Request((env,), 1, seed), options=AssemblyOptions(mix={category: 1.0}))


@lru_cache(maxsize=512)
def made_at(env: str, category: Any, seed: int, index: int) -> str | None:
    """What an index gives, which depends on nothing else: so whoever wants fewer shares it with who wants more."""
    sample = asyncio.run(maker_of(env, category, seed).make(index)).sample
    return sample.line() if sample is not None else None


def lines(env: str, category: Any, n: int, seed: int = 3) -> tuple[str, ...]:
    """Samples of the first `n` indices of a category, one JSON text each."""
    return tuple([line for index in range(n) if (line := made_at(env, category, seed, index)) is not None])


def rows(category: Any, n: int = 3, envs: Iterable[str] = WORLDS) -> list[Row]:
    """Fresh rows of a category: whoever gets them may change them."""
    return [json.loads(line) for env in envs for line in lines(env, category, n)]


def samples(category: Any, n: int = 3, envs: Iterable[str] = WORLDS) -> list[Sample]:
    return [Sample.from_record(row) for row in rows(category, n, envs)]


def retask(row: Row) -> Row:
    """Give the row the id that its changed task has: a forger who knows how ids are made."""
    row["task"].pop("id", None)
    row["task"]["id"] = row["id"] = Task.model_validate(row["task"]).id
    row["category"] = row["task"].get("category", "base")
    return row


def claim(row: Row) -> Row:
    return next(c for c in row["task"]["meta"]["special"] if c["kind"] == row["task"].get("category"))


def spoken(task: Task, reply: Callable[[Turn], str]) -> Verdict:
    """The verdict of somebody who makes no call and says one thing in each turn."""
    episode = Episode(task)
    episode.start()
    for turn in task.turns:
        episode.step(reply(turn), ())
    return episode.verdict()


def sent(episode: Episode, name: str, arguments: Any, identity: str = "c") -> Any:
    """The result of one call in an episode."""
    return episode.step("", (ToolCall(name, arguments if isinstance(arguments, str) else json.dumps(arguments), identity),)).results[0]
