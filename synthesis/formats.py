"""A sample as rows of a trainer's format. Pure: sample in, plain JSON data out.

Laws: what the model must learn to emit stands verbatim (names, arguments, words); only reasoning is ever left
out, and only where asked. A row `message` of a conversation ends with the assistant message it teaches, and
nothing after it. For TRL arguments and tools stand as objects, since many chat templates write a text a second
time, quoted or not at all; everywhere else they stand as the JSON text that was emitted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..envs.announcing import announced
from ..envs.messages import Message
from .openings import OPENINGS, opening_rows, turns_of
from .sample import Sample

FORMATS = ("openai", "trl", "trl-grpo", "sharegpt", "verl", "bfcl", "tasks")
PLAIN = ("bfcl", "tasks")  # files of their own layout, no tables
ROWS = ("conversation", "message")
REASONING = ("keep", "drop-earlier", "drop")


class ExportOptions(NamedTuple):
    """What to write.

    format: one of `FORMATS`. rows: `conversation`, or `message`: one for each assistant message, for a loss on
    that message alone; for `trl-grpo` and `verl` the opening of each conversation, or one row for each user
    message. reasoning: `keep`, `drop-earlier` (only the last turn's stays), `drop`; default `keep`
    for conversations and `drop-earlier` for messages, as FunReason-MT trains (arXiv 2510.24645). files: `jsonl`,
    `parquet` or `both`. license: what the card names, as the hub spells it.
    """

    format: str = "openai"
    rows: str = "conversation"
    reasoning: str = ""
    files: str = "both"
    license: str = "unknown"


def rows_of(sample: Sample, tools: Callable[[int], str], form: str, rows: str, reasoning: str) -> Iterator[dict[str, Any]]:
    """The rows of a sample.

    Args:
        sample: one conversation. tools: turn -> the JSON text of the tools that are visible in it.
        form, rows, reasoning: as in `ExportOptions`.

    Rows of one message leave out those that were mistakes; in a row of a whole conversation, tools that appear midway are
    told in the user message that brings them.
    """
    if form in OPENINGS:
        prepare = objects if form == "trl-grpo" else list
        yield from opening_rows(sample, tools, form, rows, lambda messages: prepare(kept(messages, reasoning)))
        return
    if rows == "conversation":
        messages = kept(_with_announcements(sample, tools), reasoning)
        yield _row(f"{sample.id}", sample, messages, tools(0), form, whole=True)
        return
    turns, slips = turns_of(sample), sample.slips()
    for index, message in enumerate(sample.messages):
        if message["role"] == "assistant" and not _is_slip(message, slips):
            messages = kept(sample.messages[: index + 1], reasoning)
            yield _row(f"{sample.id}.{index}", sample, messages, tools(turns[index]), form, whole=False)


def _with_announcements(sample: Sample, tools: Callable[[int], str]) -> list[Message]:
    """The messages, with tools that a turn hands over told in its user message."""
    if not any(turn.release for turn in sample.task.turns):
        return sample.messages
    found: list[Message] = []
    for turn, message in zip(turns_of(sample), sample.messages, strict=True):
        if message["role"] == "user" and turn > 0 and sample.task.turns[turn].release:
            found += announced([message], json.loads(tools(turn - 1)), json.loads(tools(turn)))
        else:
            found.append(message)
    return found


def _is_slip(message: Message, slips: frozenset[str]) -> bool:
    return any(call["id"] in slips for call in message.get("tool_calls") or ())


def kept(messages: list[Message], reasoning: str) -> list[Message]:
    """Messages with as much reasoning as wanted; `drop-earlier` leaves what follows the last user message."""
    last = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=0)
    first = {"keep": 0, "drop-earlier": last, "drop": len(messages)}[reasoning]
    return [m if i >= first else {k: v for k, v in m.items() if k != "reasoning_content"} for i, m in enumerate(messages)]


def objects(messages: list[Message]) -> list[Message]:
    """Messages whose calls hold their arguments as objects."""
    return [{**m, "tool_calls": [_decoded(call) for call in m["tool_calls"]]} if m.get("tool_calls") else m for m in messages]


def _decoded(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    given = function["arguments"]
    return {**call, "function": {**function, "arguments": json.loads(given) if isinstance(given, str) else given}}


def _row(identity: str, sample: Sample, messages: list[Message], tools: str, form: str, *, whole: bool) -> dict[str, Any]:
    about = {"id": identity, "env": sample.task.env, "category": sample.task.category}
    if form == "sharegpt":
        bare = json.dumps([tool["function"] for tool in json.loads(tools)], ensure_ascii=False, separators=(",", ":"))
        return {**about, "conversations": sharegpt(messages), "system": "", "tools": bare}
    if form == "trl":
        messages = objects(messages)
        told = {"messages": messages} if whole else {"prompt": messages[:-1], "completion": messages[-1:]}
        return {**about, **told, "tools": json.loads(tools)}
    return {**about, "messages": messages, "tools": tools}


def sharegpt(messages: list[Message]) -> list[dict[str, str]]:
    """Messages as LLaMA-Factory takes them: `human` and `observation` alternate with `function_call` and `gpt`.

    Calls of one message stand in one list, and so do their results. Reasoning stands before, between think tags.
    """
    found: list[dict[str, str]] = []
    results: list[str] = []
    for message in [*messages, {"role": "end"}]:
        if message["role"] == "tool":
            results.append(message["content"])
            continue
        if results:
            found.append({"from": "observation", "value": results[0] if len(results) == 1 else f"[{', '.join(results)}]"})
            results = []
        if message["role"] == "user":
            found.append({"from": "human", "value": message["content"]})
        elif message["role"] == "assistant":
            found.append(_spoken(message))
    return found


def _spoken(message: Message) -> dict[str, str]:
    thought = f"<think>\n{message['reasoning_content']}\n</think>\n\n" if message.get("reasoning_content") else ""
    if not (calls := message.get("tool_calls")):
        return {"from": "gpt", "value": thought + message["content"]}
    made = [{"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"])} for c in calls]
    return {"from": "function_call", "value": thought + json.dumps(made[0] if len(made) == 1 else made, ensure_ascii=False)}
