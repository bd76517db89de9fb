"""Gymnasium spaces for messages and tool calls. They hold text, so nothing here is an array.

`gymnasium.spaces.Text` fixes an alphabet and costs hundreds of microseconds per check; these check structure
alone. Vector envs keep them as tuples; `AsyncVectorEnv` needs `shared_memory=False`.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

import gymnasium

from .literals import draw_arguments
from .messages import Message, is_message, parse_action
from .tool import Tool

_GREETINGS = ("Hello.", "Could you help me?", "Thanks!", "What can you do for me?")


class MessageSpace(gymnasium.spaces.Space[tuple[Message, ...]]):
    """Tuples of messages, each with textual `role` and `content`."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(None, None, seed)

    def sample(self, mask: Any = None, probability: Any = None) -> tuple[Message, ...]:
        """A tuple with one user message."""
        return ({"role": "user", "content": _GREETINGS[int(self.np_random.integers(len(_GREETINGS)))]},)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a tuple of messages."""
        return isinstance(x, tuple) and all(is_message(item) for item in x)

    @property
    def is_np_flattenable(self) -> bool:
        """False: text does not flatten."""
        return False

    def __repr__(self) -> str:
        return "MessageSpace()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MessageSpace)

    __hash__ = None  # type: ignore[assignment]


class _Shape(NamedTuple):
    """What sampling needs of a tool."""

    parameter_schema: dict[str, Any]


class ActionSpace(gymnasium.spaces.Space[dict[str, Any]]):
    """Assistant messages over a set of tools. Samples are schema-valid calls, now and then a reply.

    Args:
        tools: name -> tool. reply: how often a sample is a reply, which ends the turn.
    """

    def __init__(self, tools: Mapping[str, Tool], seed: int | None = None, reply: float = 0.15) -> None:
        self.tools: dict[str, Tool | _Shape] = dict(tools)
        self.reply = reply
        super().__init__(None, None, seed)

    def sample(self, mask: Any = None, probability: Any = None) -> dict[str, Any]:
        """A random assistant message. `mask`: names of the tools to draw from, default all."""
        rng = Random(int(self.np_random.integers(1 << 62)))
        names = list(self.tools) if mask is None else [name for name in self.tools if name in set(mask)]
        if not names or rng.random() < self.reply:
            return {"content": rng.choice(("Done.", "Is there anything else?", "I could not do that.")), "tool_calls": ()}
        name = rng.choice(names)
        return {"content": "", "tool_calls": ({"name": name, "arguments": draw_arguments(self.tools[name].parameter_schema, rng)},)}

    def __getstate__(self) -> dict[str, Any]:
        """For the workers of a vector env: schemas in place of tools, which do not travel between processes."""
        return {**self.__dict__, "tools": {name: _Shape(tool.parameter_schema) for name, tool in self.tools.items()}}

    def contains(self, x: Any) -> bool:
        """Whether `x` has the form of an action; whether a call is valid is for the tool to say."""
        return not parse_action(x).wrong

    @property
    def is_np_flattenable(self) -> bool:
        """False: text does not flatten."""
        return False

    def __repr__(self) -> str:
        return f"ActionSpace({len(self.tools)} tools)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActionSpace) and list(self.tools) == list(other.tools) and self.reply == other.reply

    __hash__ = None  # type: ignore[assignment]
