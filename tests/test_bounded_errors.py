"""No error tells a model more than 500 characters of anything that it sent, whoever says it, and however it was sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, some_tasks
from mini_world import Book, Library

from turngym.envs import ToolError, tool
from turngym.envs.bridges.objects import world_of
from turngym.envs.env import ToolEnv, pack_of
from turngym.envs.episode import Episode
from turngym.envs.errors import MAX_MESSAGE_CHARS, MAX_VALUE_CHARS, bounded
from turngym.envs.registry import ENVS
from turngym.envs.tool import Tool, ToolCall, ToolResult
from turngym.envs.verdict import start_of
from turngym.envs.worldset import WorldSet

LONG = 20_000
VALUES = (
    "x" * LONG,
    "12" * (LONG // 2),
    "/ab" * (LONG // 3),
    "2026-03-02T09:00:00" + "Z" * LONG,
    "é\n\"'" * (LONG // 4),
    "AC-" + "1" * LONG,
)


def hostile(tool: Tool, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments that were good, with one value in turn made long; and a long name of an argument."""
    for name in tool.parameters:
        for value in VALUES:
            yield {**known, name: value}
            yield {**known, name: [value]}
            yield {**known, name: {value: value}}
        yield {**known, name: int("7" * 4_000)}
    yield {**known, "q" * LONG: 1}


def assert_bounded(result: ToolResult) -> None:
    if result.error is not None:
        assert len(result.message) <= MAX_VALUE_CHARS, f"{result.name}: {len(result.message)} characters: {result.message[:200]}"
        assert len(result.name) <= MAX_VALUE_CHARS
        assert len(result.text) <= 4 * MAX_VALUE_CHARS
        assert len(result.detail) <= 2_000


@pytest.mark.parametrize("name", [info.short for info in ENVS if len(info.worlds) == 1])
def test_every_tool_of_every_world_tells_long_values_back_short(name: str):
    """Where gold calls a tool: signed in, with records there, so that the world's own errors are reached."""
    met: set[str] = set()
    refused = 0
    for task in list(pack_of(name))[:60]:
        worlds: WorldSet = start_of(task).fork()
        for turn in task.turns:
            worlds.advance(turn.elapse)
            for call in turn.gold:
                if call.name not in met:
                    met.add(call.name)
                    for arguments in hostile(worlds.tools[call.name], call.arguments):
                        for sent in (arguments, json.dumps(arguments)):
                            result = worlds.fork().call(call.name, sent)
                            refused += result.error is not None
                            assert_bounded(result)
                worlds.call(call.name, call.arguments)
    for other in worlds.tools.keys() - met:
        for arguments in hostile(worlds.tools[other], {}):
            assert_bounded(worlds.fork().call(other, arguments))
    assert len(met) > 10
    assert refused > 100


def test_the_error_of_the_case_keeps_its_help():
    """`find` with ten million characters for a date: the end of the message, which says what would work, stands."""
    world = start_of(next(iter(pack_of("FileSystem")))).fork()
    result = world.call("find", {"directory": "x", "modified_since": "x" * 10_000_000})
    assert result.error == "invalid_arguments"
    assert len(result.message) <= MAX_VALUE_CHARS


class Echo(Library):
    """A library whose desk repeats whatever it hears."""

    @tool
    def shout(self, words: str, times: int = 1) -> Book:
        """Shout at the desk.

        Args:
            words: what.
            times: how often.
        """
        raise ToolError("conflict", words * times)

    @tool
    def fall(self, words: str) -> Book:
        """Fall down.

        Args:
            words: what.
        """
        raise ValueError(words)


class Parrot:
    """A plain object that repeats."""

    def say(self, words: str) -> str:
        """Say something."""
        raise ValueError(words)


def test_a_world_that_repeats_its_arguments_is_cut_at_the_door():
    world, parrot = Echo.create(), world_of(Parrot, probes=0).create()
    for length in (0, 499, 500, 501, 5_000, 3_000_000):
        for result in (world.call("shout", {"words": "y" * length}), parrot.call("say", {"words": "y" * min(length, 900_000)})):
            assert result.error is not None
            assert result.message.count("y") <= MAX_VALUE_CHARS
    assert world.call("shout", {"words": "y" * 500}).message == "y" * 500
    broken = world.call("fall", {"words": "y" * LONG})
    assert (broken.error, len(broken.detail)) == ("internal_error", 2_000)


def test_a_long_message_of_a_world_stands_where_the_call_was_short():
    """What a world has to say of its own, a list of choices say, is no echo."""
    result = Echo.create().call("shout", {"words": "no such shelf ", "times": 100})
    assert result.message == "no such shelf " * 100
    assert len(Echo.create().call("shout", {"words": "no such shelf ", "times": 10_000}).message) <= MAX_MESSAGE_CHARS


SENT = st.none() | st.text(max_size=600) | st.dictionaries(st.text(max_size=300), st.integers(), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 300), st.text(min_size=1, max_size=10), SENT)
def test_a_bounded_message_is_whole_or_says_how_long_it_was(times: int, piece: str, sent: Any):
    message = piece * times
    told = bounded(message, sent)
    assert len(told) <= (MAX_MESSAGE_CHARS if sent is not None else MAX_VALUE_CHARS)
    assert told == message or (f"[{len(message):,} characters in all]" in told and told.endswith(message[-100:]))


def test_long_names_and_ids_come_back_short():
    episode = Episode(some_tasks(1)[0])
    episode.start()
    name, identity = "n" * 3_000_000, "i" * 3_000_000
    calls = [ToolCall(name, "{}", identity), *[ToolCall("find_book", '{"title": "Dune"}')] * 130, ToolCall(name, "{}", identity)]
    step = episode.step("", calls)
    assert [step.results[0].error, step.results[-1].error] == ["unknown_tool", "limit_exceeded"]
    for result, message in zip(step.results, step.messages, strict=True):
        assert_bounded(result)
        assert len(json.dumps(message)) < 3_000


ACTIONS = ({"tool_calls": "x" * LONG}, {"tool_calls": ["x" * LONG]}, {"name": ["x" * LONG]}, {"name": "f", "arguments": ["x" * LONG]})


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_that_is_none_is_told_in_few_words(action: Any):
    env = ToolEnv(ENV, tasks=some_tasks(1))
    env.reset()
    (message,), *_ = env.step(action)
    assert len(message["content"]) < 1_000


def test_results_are_no_errors_and_stay_whole():
    task = next(iter(pack_of("FileSystem")))
    worlds = start_of(task).fork()
    text = "line of a file\n" * 400
    assert worlds.call("write_file", {"path": "long.txt", "content": text}).error is None
    assert text in worlds.call("cat", {"path": "long.txt"}).value["text"]
