"""A row of conversation data in one normal form, whatever file it came from.

A row is a conversation in OpenAI chat form with the tools that its assistant may call. Law: arguments stand as the raw
text that was there; nothing is mended here and nothing is left out. What cannot be brought to this form is `Refused`
with a reason of the list below. Not here: the layouts of files (`reading.py`, `sharegpt.py`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ...agents.models.textcalls import read_text
from ...envs.messages import Message

ROLES = ("system", "user", "assistant", "tool")


class Refused(Exception):
    """A row that goes no further: the reason is one word of the funnel, the detail a line for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason, self.detail = reason, detail


class Call(NamedTuple):
    """A call as it stands in a row: which message and which of its calls, the name, the raw arguments."""

    message: int
    place: int
    name: str
    arguments: str
    id: str


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation.

    Attributes:
        id: its own, or `row-<digest of the line>`. form: `samples`, `openai` or `sharegpt`. messages, tools: in OpenAI form.
        about: what the row says of itself (`env`, `category`).
    """

    id: str
    form: str
    messages: list[Message]
    tools: list[dict[str, Any]]
    about: dict[str, Any] = field(default_factory=dict)

    def calls(self) -> Iterator[Call]:
        """All calls in order."""
        for index, message in enumerate(self.messages):
            for place, call in enumerate(message.get("tool_calls", ())):
                yield Call(index, place, call["function"]["name"], call["function"]["arguments"], call["id"])

    def result(self, call: Call) -> str | None:
        """What the tool answered to a call, or None."""
        for message in self.messages[call.message + 1 :]:
            if message["role"] != "tool":
                return None
            if message["tool_call_id"] == call.id:
                return str(message["content"])
        return None

    def rewritten(self, call: Call, name: str, arguments: str) -> Row:
        """The row with another name or other arguments in one call; results stay."""
        messages = copy.deepcopy(self.messages)
        messages[call.message]["tool_calls"][call.place]["function"] = {"name": name, "arguments": arguments}
        return replace(self, messages=messages)

    def ending_with(self, index: int, message: Message) -> Row:
        """The row up to `index`, with `message` there: what followed belonged to what stood there before."""
        return replace(self, messages=[*self.messages[:index], message])

    def record(self) -> dict[str, Any]:
        """As an OpenAI row."""
        return {"id": self.id, **self.about, "messages": self.messages, "tools": self.tools}


def assistant(content: str, calls: list[tuple[str, str, str]], reasoning: str = "") -> Message:
    """An assistant message; calls are (name, raw arguments, id)."""
    message: Message = {"role": "assistant", "content": content}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for n, a, i in calls]
    return message


def split_thought(text: str) -> tuple[str, str]:
    """Reasoning in think tags at the beginning of a text, and the rest."""
    if "<think>" not in text and "</think>" not in text:
        return "", text
    if "<tool_call>" in text:  # calls in text are for the stage of the format to see
        head, closed, rest = text.partition("</think>")
        return (head.replace("<think>", "", 1).strip(), rest.lstrip()) if closed and "<tool_call>" not in head else ("", text)
    said = read_text(text)
    return said.reasoning, said.content


def raw_text(value: Any) -> str:
    """Arguments as text: text as it is, anything else as JSON; raises ValueError for what is no JSON."""
    return value if isinstance(value, str) else json.dumps({} if value is None else value, ensure_ascii=False, allow_nan=False)
