"""The three policies that bound every other: `null` does nothing, `random` anything, `oracle` what gold does.

Law: on every task set oracle solves all, null none, random at most one in a hundred; a set that breaks it is
broken. Not here: `graph`, the honest baseline that plans.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from ..envs.faults import Faults
from ..envs.literals import draw_value
from ..envs.registry import judge_class
from ..envs.task import GoldCall, Task, Turn
from ..envs.tool import ToolCall
from .policy import AssistantMessage, Conversation, Opening

_DONE = AssistantMessage("Done.")


class NullPolicy:
    """Ends every turn at once without a word."""

    name = "null"

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """An empty message."""
        return AssistantMessage()


class OraclePolicy:
    """Plays the task's gold, one call a step, then says gold's closing words. It alone sees the task.

    A turn whose gold has more calls than the task's rules allow steps goes into one message.

    Args:
        parallel: put calls that do not wait for each other into one message, as far as gold's order goes.
    """

    name = "oracle"
    sees_task = True

    def __init__(self, parallel: bool = False) -> None:
        self.parallel = parallel
        self.config = {"parallel": True} if parallel else {}

    def start(self, opening: Opening) -> OracleEpisode:
        """The gold of one task, ready to be played."""
        if opening.task is None:
            raise ValueError("the oracle needs the task")
        return OracleEpisode(opening.task, self.parallel)

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """Refused: gold belongs to an episode."""
        raise RuntimeError("call start(opening) first; the oracle plays one episode's gold")


class OracleEpisode:
    """Gold of one task, played step by step."""

    name = "oracle"

    def __init__(self, task: Task, parallel: bool) -> None:
        self._left = [_insisting(turn) for turn in task.turns]
        self._replies = [turn.reply or "Done." for turn in task.turns]
        self._parallel = parallel
        most = judge_class(task.judge).turn_steps if task.judge else None
        self._most_steps = math.inf if most is None else most

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The next gold call (or calls), else the reply."""
        left = self._left[conversation.turn]
        if not left:
            return AssistantMessage(self._replies[conversation.turn])
        group = left[:] if len(left) > self._most_steps else [left[0]]
        del left[: len(group)]
        while self._parallel and left and not {call.id for call in group}.intersection(left[0].after):
            group.append(left.pop(0))
        return AssistantMessage("", tuple([_gold_call(call) for call in group]))


def _insisting(turn: Turn) -> list[GoldCall]:
    """The gold calls of a turn; one that a fault answers stands there once more."""
    faults, calls = Faults(turn.faults), list[GoldCall]()
    for call in turn.gold:
        while faults.strike(_gold_call(call)) is not None:
            calls.append(call)
            call = call.model_copy(update={"after": (call.id,)})  # not in one message with the one before
        calls.append(call)
    return calls


def _gold_call(call: GoldCall) -> ToolCall:
    return ToolCall(call.name, json.dumps(call.arguments, ensure_ascii=False))


class RandomPolicy:
    """Calls visible tools with arguments that fit their schemas, and ends a turn now and then.

    It is not crippled: arguments are as likely drawn from what results showed (first under the same name) as
    from the schema. Draws depend on seed, task and trial alone.

    Args:
        stop: how often a step ends the turn. reuse: how often an argument is taken from what was seen.
    """

    name = "random"

    def __init__(self, stop: float = 0.15, reuse: float = 0.5) -> None:
        if not 0 < stop <= 1 or not 0 <= reuse <= 1:
            raise ValueError(f"stop is in (0, 1] and reuse in [0, 1], not {stop} and {reuse}")
        self.stop, self.reuse = stop, reuse
        self.config = {"stop": stop, "reuse": reuse}

    def start(self, opening: Opening) -> RandomEpisode:
        """The random stream of one episode."""
        return RandomEpisode(self, Random(f"{opening.seed}:{opening.task_id}:{opening.trial}"))

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """One step without memory, for use outside a rollout."""
        return await RandomEpisode(self, Random(f"{conversation.seed}:{conversation.task}:{conversation.step}")).act(conversation)


class RandomEpisode:
    """One episode of random calls, with what its results showed so far."""

    name = "random"

    def __init__(self, options: RandomPolicy, rng: Random) -> None:
        self._options, self._rng = options, rng
        self._seen: dict[str, list[Any]] = {}
        self._read = 0

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """A call, or the end of the turn."""
        self._harvest(conversation)
        rng = self._rng
        if not conversation.tools or rng.random() < self._options.stop:
            return _DONE
        function = rng.choice(conversation.tools)["function"]
        arguments = self._arguments(function["parameters"])
        return AssistantMessage("", (ToolCall(function["name"], json.dumps(arguments, ensure_ascii=False)),))

    def _arguments(self, schema: dict[str, Any]) -> dict[str, Any]:
        rng, root = self._rng, schema.get("$defs", {})
        required = set(schema.get("required", ()))
        drawn = {}
        for name, part in schema.get("properties", {}).items():
            if name not in required and rng.random() < 0.5:
                continue
            reused = self._reused(name, part) if rng.random() < self._options.reuse else None
            drawn[name] = draw_value(part, rng, root) if reused is None else reused
        return drawn

    def _reused(self, name: str, schema: dict[str, Any]) -> Any:
        alike = [value for field, values in self._seen.items() if field in name or name in field for value in values]
        anything = [value for values in self._seen.values() for value in values]
        for choice in (alike, anything):
            if fitting := [value for value in choice if fits(value, schema)]:
                return self._rng.choice(fitting)
        return None

    def _harvest(self, conversation: Conversation) -> None:
        for message in conversation.messages[self._read :]:
            if message["role"] != "tool":
                continue
            try:
                value = json.loads(message["content"])
            except (ValueError, RecursionError):
                continue
            if not (isinstance(value, dict) and "error" in value):
                for field, leaf in _leaves(value):
                    kept = self._seen.setdefault(field, [])
                    if len(kept) < 200 and leaf not in kept:
                        kept.append(leaf)
        self._read = len(conversation.messages)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a plain value fits a schema of a string or a number, as far as pydantic's schemas say."""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return any(fits(value, part) for part in schema[key])
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kind = schema.get("type")
    if kind == "string" and isinstance(value, str):
        right = re.search(schema["pattern"], value) if "pattern" in schema else True
        return bool(right) and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 30)
    if (kind == "integer" and type(value) is int) or (kind == "number" and type(value) in (int, float)):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return kind == "boolean" and isinstance(value, bool)


def _leaves(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, field)
    elif value not in (None, ""):
        yield field, value
