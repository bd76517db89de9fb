"""Gold as a conversation: what a sample of a task would be that makes gold's calls, one a message, and says gold's words.

Law: the sample says nothing that the task does not say, so that proving it proves the task's calls, sources and words.
Not here: reasoning; a task has none.
"""

from __future__ import annotations

import json
from typing import Any

from ..envs.faults import Faults
from ..envs.messages import Message, tool_message, user_message
from ..envs.task import GoldCall, Task, Turn
from ..envs.tool import ToolCall
from ..envs.verdict import start_of
from ..envs.worldset import WorldSet
from .sample import Sample


def staged(task: Task) -> Sample:
    """The sample that gold makes of a task. Raises `TaskError` for worlds that are not installed."""
    worlds = start_of(task)
    messages: list[Message] = []
    fingerprints: list[str] = []
    notes: list[dict[str, Any]] = []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        messages.append(user_message(turn.user))
        failed = _play(turn, worlds, messages, fingerprints)
        messages.append({"role": "assistant", "content": turn.reply})
        notes.append({"attempts": [{"extra": failed}]})
    return Sample(task, messages, fingerprints, notes)


def _play(turn: Turn, worlds: WorldSet, messages: list[Message], fingerprints: list[str]) -> list[str]:
    """Gold's calls with their results; returns the ids of calls that a fault answered."""
    faults, failed = Faults(turn.faults), list[str]()
    for call in turn.gold:
        made = _call(call, call.id)
        while (struck := faults.strike(made)) is not None:
            failed.append(f"{call.id}~{len(failed)}")
            again = _call(call, failed[-1])
            messages += [_asking(again), tool_message(again, struck)]
            fingerprints.append(worlds.fingerprint())
        result = worlds.call(made.name, made.arguments)
        messages += [_asking(made), tool_message(made, result)]
        fingerprints.append(worlds.fingerprint())
    return failed


def _call(call: GoldCall, identity: str) -> ToolCall:
    return ToolCall(call.name, json.dumps(call.arguments, ensure_ascii=False), identity)


def _asking(call: ToolCall) -> Message:
    function = {"name": call.name, "arguments": call.arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"id": call.id, "type": "function", "function": function}]}
