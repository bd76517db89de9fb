"""ShareGPT rows in LLaMA-Factory's tool format, read into OpenAI messages.

    human, gpt                what user and assistant say; reasoning in think tags before it
    function_call             the calls: one JSON object {name, arguments}, or a list of them
    observation               the result, or a JSON list of as many results as there were calls

Law: a call that is no JSON stays a call, with the raw text as its arguments, so that a later stage says what is wrong.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ...envs.errors import display
from ...envs.messages import Message
from .arguments import as_literal
from .row import Refused, assistant, raw_text, split_thought

SPEAKERS = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "function_call": "call",
            "observation": "tool", "tool": "tool", "system": "system"}  # fmt: skip
_NAME = re.compile(r"""["']name["']\s*:\s*["']([\w.:/-]{1,128})["']""")


def conversation_of(row: dict[str, Any]) -> list[Message]:
    """The messages of a row. Raises `Refused`: no_messages, bad_message."""
    pieces = row["conversations"]
    if not isinstance(pieces, list) or not pieces:
        raise Refused("no_messages", "conversations is no list of messages")
    system = row.get("system")
    found: list[Message] = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
    waiting: list[str] = []  # ids of calls whose results are due
    count = 0
    for index, piece in enumerate(pieces):
        speaker, value = _piece(piece, index)
        if speaker == "call":
            message = _calls(value, count)
            waiting = [call["id"] for call in message["tool_calls"]]
            count += len(waiting)
            found.append(message)
        elif speaker == "tool":
            found += _results(value, waiting)
            waiting = []
        elif speaker == "assistant":
            reasoning, content = split_thought(value)
            found.append(assistant(content, [], reasoning))
        else:
            found.append({"role": speaker, "content": value})
    return found


def _piece(piece: Any, index: int) -> tuple[str, str]:
    if not isinstance(piece, dict) or not isinstance(piece.get("from"), str) or piece["from"] not in SPEAKERS:
        raise Refused("bad_message", f"message {index}: from is none of {', '.join(SPEAKERS)}")
    value = piece.get("value")
    if value is None or not isinstance(value, (str, dict, list)):
        raise Refused("bad_message", f"message {index}: the value is {display(value)}")
    return SPEAKERS[piece["from"]], value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _calls(value: str, count: int) -> Message:
    reasoning, body = split_thought(value)
    literal = False
    try:
        made = json.loads(body)
    except (ValueError, RecursionError):
        made, literal = as_literal(body), True
    items = made if isinstance(made, list) else [made]
    if not items or not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        named = _NAME.search(body, 0, 2000)
        return assistant("", [(named[1] if named else "", body, f"call_{count}")], reasoning)
    try:
        calls = [
            (item["name"], repr(item.get("arguments", {})) if literal else raw_text(item.get("arguments")), f"call_{count + place}")
            for place, item in enumerate(items)
        ]
    except (ValueError, TypeError):
        calls = [(items[0]["name"], body, f"call_{count}")]
    return assistant("", calls, reasoning)


def _results(value: str, waiting: list[str]) -> list[Message]:
    texts = [value]
    if len(waiting) > 1:
        try:
            made = json.loads(value)
        except (ValueError, RecursionError):
            made = None
        if isinstance(made, list) and len(made) == len(waiting):
            texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in made]
    ids = waiting[: len(texts)] or [""]
    return [{"role": "tool", "tool_call_id": identity, "name": "", "content": text} for identity, text in zip(ids, texts, strict=True)]
