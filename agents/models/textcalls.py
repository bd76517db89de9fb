"""Tool calls as text, in the Hermes convention, both ways: for servers and engines that give back text alone.

    <think>why</think> what the user hears <tool_call>{"name": "transfer", "arguments": {"amount": "5.00"}}</tool_call>

`read_text` makes a message of what a model wrote; `tool_instructions` and `as_plain_chat` write the other direction. Laws:
reading never raises and never evaluates, and takes time in proportion to the text; arguments stand as the raw text that was
emitted; a call that is cut or no JSON stays a call, with its whole text as arguments, so that the tool's own door refuses it
and the model reads why; markup inside a JSON string, or inside reasoning, is text. Not here: parsers of other formats
(those live in the engines).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...envs.messages import Message
from ...envs.tool import ToolCall
from ..policy import AssistantMessage
from .wire import NO_ANSWER

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_THINK, _THOUGHT = "<think>", "</think>"
_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]{1,128})"')
_decoder = json.JSONDecoder()


def read_text(text: str) -> AssistantMessage:
    """What a model wrote, as content, calls and reasoning apart; never raises.

    - Reasoning is what stands in `<think>` at the beginning, or before a `</think>` whose opening tag stood in the prompt;
      one that never ends is all there is.
    - Each `<tool_call>` is a call, in order; the last may lack its closing tag. Calls carry no ids.
    - Content is the rest: verbatim in a message without calls, else the pieces around them, stripped, a line each.
    """
    reasoning, rest = _split_reasoning(text)
    if OPEN not in rest:
        return AssistantMessage(rest, (), reasoning)
    pieces, calls, at = [], [], 0
    while (start := rest.find(OPEN, at)) >= 0:
        pieces.append(rest[at:start].strip())
        call, at = _read_block(rest, start + len(OPEN))
        calls.append(call)
    pieces.append(rest[at:].strip())
    return AssistantMessage("\n".join([piece for piece in pieces if piece]), tuple(calls), reasoning)


def _split_reasoning(text: str) -> tuple[str, str]:
    body = text.lstrip()
    if body.startswith(_THINK):
        inside, _, rest = body[len(_THINK) :].partition(_THOUGHT)
        return inside.strip(), rest.lstrip()
    before, closed, rest = text.partition(_THOUGHT)
    if not closed or OPEN in before or _THINK in before:  # a tag somewhere in the content is text
        return "", text
    return before.strip(), rest.lstrip()


# -- one block --------------------------------------------------------------------------------------------


class _Block(NamedTuple):
    """A JSON object as far as a call is concerned: its name, the raw text of its arguments, where it ends."""

    name: Any
    arguments: str
    end: int


def _read_block(text: str, start: int) -> tuple[ToolCall, int]:
    """The call of the block whose inside begins at `start`, and where the text goes on."""
    block = _read_object(text, start)
    if block is not None:
        after = _skip(text, block.end)
        if text.startswith(CLOSE, after) or after == len(text):
            name = block.name if isinstance(block.name, str) else ""
            return ToolCall(name, block.arguments if name else text[start : block.end].strip()), min(after + len(CLOSE), len(text))
    end = text.find(CLOSE, start)
    body = text[start:end] if end >= 0 else text[start:]
    named = _NAME.search(body, 0, 400)
    return ToolCall(named[1] if named else "", body.strip()), end + len(CLOSE) if end >= 0 else len(text)


def _read_object(text: str, start: int) -> _Block | None:
    """The JSON object at `start`, walked key by key so that the raw text of its arguments is known.

    None if it is none, or a key stands twice in it.
    """
    at = _skip(text, start)
    if not text.startswith("{", at):
        return None
    name: Any = None
    arguments = "{}"
    seen: set[str] = set()
    at = _skip(text, at + 1)
    if text.startswith("}", at):
        return _Block(name, arguments, at + 1)
    try:
        while True:
            key, at = _decoder.raw_decode(text, at)
            at = _skip(text, at)
            if not isinstance(key, str) or key in seen or not text.startswith(":", at):
                return None
            seen.add(key)
            begun = _skip(text, at + 1)
            value, at = _decoder.raw_decode(text, begun)
            if key == "name":
                name = value
            elif key == "arguments":
                arguments = value if isinstance(value, str) else "{}" if value is None else text[begun:at]
            at = _skip(text, at)
            if text.startswith("}", at):
                return _Block(name, arguments, at + 1)
            if not text.startswith(",", at):
                return None
            at = _skip(text, at + 1)
    except (ValueError, RecursionError):
        return None


def is_object(text: str) -> bool:
    """Whether a text is one JSON object, from end to end."""
    block = _read_object(text, 0)
    return block is not None and _skip(text, block.end) == len(text)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


# -- the other direction ----------------------------------------------------------------------------------


def tool_instructions(tools: Sequence[Mapping[str, Any]]) -> str:
    """The system text that shows the tools and asks for calls in this convention; empty without tools."""
    if not tools:
        return ""
    listed = "\n".join([json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in tools])
    return (
        "You can call the functions below to help the user. Each line is the JSON schema of one.\n\n"
        f"<tools>\n{listed}\n</tools>\n\n"
        "To call a function, write its name and arguments as one JSON object between these tags, once for every call:\n"
        f'{OPEN}\n{{"name": "<function name>", "arguments": {{<arguments as JSON>}}}}\n{CLOSE}\n'
        "Each result comes back between <tool_response> tags. A message without a call is read by the user and ends your turn."
    )


def as_plain_chat(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """A conversation with calls and results as text, in messages of system, user and assistant with content alone."""
    system = tool_instructions(tools)
    made: list[Message] = [{"role": "system", "content": system}] if system else []
    results: list[str] = []
    for message in messages:
        role, content = message["role"], message.get("content") or ""
        if role == "tool":
            results.append(f"<tool_response>\n{content}\n</tool_response>")
            continue
        if results:
            made.append({"role": "user", "content": "\n".join(results)})
            results = []
        if role == "system" and made and made[0]["role"] == "system" and len(made) == 1:
            made[0] = {"role": "system", "content": f"{content}\n\n{made[0]['content']}"}
        else:
            written = _with_calls(content, message.get("tool_calls") or ())
            made.append({"role": role, "content": NO_ANSWER if role == "assistant" and not written.strip() else written})
    if results:
        made.append({"role": "user", "content": "\n".join(results)})
    return made


def _with_calls(content: str, calls: Sequence[Mapping[str, Any]]) -> str:
    """An assistant's text as it would have written it; arguments raw where they are an object, else as a JSON string."""
    written = [content] if content else []
    for call in calls:
        function = call["function"]
        raw = function["arguments"]
        arguments = raw if is_object(raw) else json.dumps(raw, ensure_ascii=False)
        written.append(f'{OPEN}\n{{"name": {json.dumps(function["name"], ensure_ascii=False)}, "arguments": {arguments}}}\n{CLOSE}')
    return "\n".join(written)
