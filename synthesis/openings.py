"""Rows that open an episode instead of showing one: prompts for training by reward.

    trl-grpo    prompt, the task, and the name of the environment that `envs/bridges/trl.py` builds for it
    verl        prompt, reward model with the ground truth, extra information

Laws: a prompt ends with a user message; what stands before it is what was said and done, call by call, so that an
environment reaches the same state by doing it again. Not here: environments and rewards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ..envs.bridges.trl import environment_name
from ..envs.messages import Message
from ..envs.task import Task
from .sample import Sample

OPENINGS = ("trl-grpo", "verl")
ABILITY = "function_calling"
Prepare = Callable[[list[Message]], list[Message]]


def turns_of(sample: Sample) -> list[int]:
    """Per message, the task's turn that it belongs to; a user who answers within a turn opens none."""
    planned = [turn.user for turn in sample.task.turns]
    said = sum(message["role"] == "user" for message in sample.messages)
    turn, found = -1, []
    for message in sample.messages:
        if message["role"] == "user" and (said == len(planned) or message["content"] in planned[turn + 1 : turn + 2]):
            turn += 1
        found.append(turn)
    return found


def opening_rows(sample: Sample, tools: Callable[[int], str], form: str, rows: str, prepare: Prepare) -> Iterator[dict[str, Any]]:
    """The opening of a conversation, or with rows `message` one row for each user message.

    Args:
        sample: one conversation. tools: turn -> the JSON text of the tools that are visible in it.
        form, rows: as in `ExportOptions`. prepare: what is done to the messages of a prompt.
    """
    turns = turns_of(sample)
    for index, message in enumerate(sample.messages):
        if message["role"] == "user":
            identity = f"{sample.id}.{index}" if rows == "message" else sample.id
            prompt = prepare(sample.messages[: index + 1])
            if form == "trl-grpo":
                yield _grpo(identity, sample.task, turns[index], prompt)
            else:
                yield _verl(identity, sample.task, turns[index], prompt, tools(turns[index]), whole=rows == "conversation")
            if rows == "conversation":
                return


def _grpo(identity: str, task: Task, turn: int, prompt: list[Message]) -> dict[str, Any]:
    return {
        "id": identity,
        "env": task.env,
        "category": task.category,
        "prompt": prompt,
        "environment": environment_name(task, turn),
        "task": task.line(),
    }


def _verl(identity: str, task: Task, turn: int, prompt: list[Message], tools: str, *, whole: bool) -> dict[str, Any]:
    wanted = task.turns if whole else task.turns[turn : turn + 1]
    truth = [
        {"calls": [{"name": call.name, "arguments": call.arguments} for call in part.gold], "told": list(part.checks.told)}
        for part in wanted
    ]
    return {
        "data_source": task.env,
        "prompt": prompt,
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": json.dumps(truth, ensure_ascii=False, separators=(",", ":"))},
        "extra_info": {
            "split": task.split,
            "index": 0,  # set where the row is written
            "id": identity,
            "category": task.category,
            "turn": turn,
            "tools": tools,
            "task": task.line(),
        },
    }
