"""What a policy emits is bounded as tool outputs are: cut with a mark, told in the record, and judged again the same."""

from __future__ import annotations

import asyncio
import json
import sys
import tracemalloc
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, borrow_task

from turngym.agents import AssistantMessage, Limits, make_policy, rescore, rollout
from turngym.agents.adapters import as_policy
from turngym.agents.limits import held
from turngym.envs.task import Checks, Task, TaskWorld, Turn
from turngym.envs.tool import MAX_ARGUMENT_CHARS, ToolCall


def play(*messages: Any, limits: Limits | None = None, told: tuple[str, ...] = ()) -> Any:
    async def act(conversation: Any) -> Any:
        return messages[conversation.step]

    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="Hello.", checks=Checks(told=told)),))
    return asyncio.run(rollout(as_policy(act), task, limits=limits or Limits()))


def digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def test_a_text_beyond_the_limit_is_cut_and_told_with_its_size_and_hash():
    content, reasoning = "é" * 900, "why " * 500
    made = play(AssistantMessage(content, reasoning=reasoning), limits=Limits(said=1_000))
    (message,) = [message for message in made.messages if message["role"] == "assistant"]
    assert message["content"] == "é" * 500 + "\n[cut: 1000 of 1800 bytes are shown]"
    assert message["reasoning_content"] == "why " * 250 + "\n[cut: 1000 of 2000 bytes are shown]"
    assert made.steps[0]["cut"] == [
        {"part": "content", "bytes": 1800, "hash": digest(content)},
        {"part": "reasoning", "bytes": 2000, "hash": digest(reasoning)},
    ]


def test_texts_within_the_limit_stand_verbatim_and_nothing_is_told():
    made = play(AssistantMessage("x" * 1_000, reasoning="y" * 1_000), limits=Limits(said=1_000))
    assert (made.messages[-1]["content"], "cut" in made.steps[0]) == ("x" * 1_000, False)
    whole = play("x" * 2_000_000, limits=Limits(said=None))
    assert len(whole.messages[-1]["content"]) == 2_000_000
    assert held(AssistantMessage("x"), 10) == (AssistantMessage("x"), [])
    assert asyncio.run(rollout(make_policy("oracle"), borrow_task(), limits=Limits(said=1))).messages


def test_arguments_that_no_tool_takes_are_cut_and_refused_as_before():
    long = json.dumps({"title": "x" * (MAX_ARGUMENT_CHARS + 10)})
    made = play([ToolCall("find_book", long), ToolCall("find_book", '{"title": "Dune"}'), ToolCall("n" * 9_000, "{}")], "Done.")
    calls = made.messages[1]["tool_calls"]
    assert (
        calls[0]["function"]["arguments"] == f"{long[:MAX_ARGUMENT_CHARS]}\n[cut: {MAX_ARGUMENT_CHARS} of {len(long)} characters are shown]"
    )
    assert made.steps[0]["cut"] == [
        {"part": "arguments", "bytes": len(long), "hash": digest(long), "call": 0},
        {"part": "name", "bytes": 9_000, "hash": digest("n" * 9_000), "call": 2},
    ]
    assert [result["error"] for result in made.results] == ["invalid_arguments", None, "unknown_tool"]
    assert "exceed 1000000 characters" in made.messages[2]["content"]
    assert rescore([made]).same == 1


def test_arguments_that_a_tool_takes_stay_whole_at_every_limit():
    raw = json.dumps({"title": "é" * 5_000}, ensure_ascii=False)
    made = play([ToolCall("find_book", raw)], "Done.", limits=Limits(said=100))
    assert made.messages[1]["tool_calls"][0]["function"]["arguments"] == raw
    assert made.results[0]["error"] is None


@pytest.mark.parametrize("place", ["before", "beyond"])
def test_what_stands_beyond_the_limit_is_not_said_and_a_verdict_made_again_is_the_same(place: str):
    content = f"12.50 {'x' * 5_000}" if place == "before" else f"{'x' * 5_000} 12.50"
    made = play(content, limits=Limits(said=1_000), told=("12.50",))
    assert made.success is (place == "before")
    report = rescore([made])
    assert (report.same, report.drifted, report.changed) == (1, [], [])


def test_a_cut_message_that_is_played_again_stays_as_it_was():
    """So that a run and its replay hold the same messages."""
    long = json.dumps({"title": "x" * (MAX_ARGUMENT_CHARS + 10)})
    limits = Limits(said=1_001)
    made = play(
        AssistantMessage("é" * 900, (ToolCall("find_book", long),)), AssistantMessage("é" * 900, reasoning="y" * 3_000), limits=limits
    )
    again = play(*made.assistant(), limits=limits)
    assert (again.messages, again.results) == (made.messages, made.results)
    assert len(made.messages[-1]["content"]) < 600


def test_a_reply_of_twenty_megabytes_leaves_one_in_memory_and_in_the_record():
    reply = "word " * 4_000_000
    tracemalloc.start()
    try:
        made = play(AssistantMessage(reply, reasoning=reply))
        left, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made.line()) < 3_000_000
    assert left < 8_000_000
    assert most < 120_000_000
