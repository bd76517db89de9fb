"""Reading rows: our samples, OpenAI messages with tools, ShareGPT; told apart by their keys, row by row.

Laws: reading never raises anything but `Refused`; legacy `function_call` messages and content in parts are understood;
a call without an id gets `call_<n>`. Not here: whether calls and results fit together (`pairing.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from ...envs.errors import TurngymError, WorldRefusedError, display
from ...envs.messages import Message
from ...envs.registry import world_class
from ...envs.worldset import tool_table
from .row import ROLES, Refused, Row, assistant, raw_text, split_thought
from .sharegpt import conversation_of

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
_ABOUT = ("env", "category")


def read_row(line: bytes) -> Row:
    """The row of a line. Raises `Refused`: not_json, not_an_object, no_messages, bad_message, bad_tools, unknown_world."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused("not_json", display(str(error))) from None
    if not isinstance(found, dict):
        raise Refused("not_an_object", f"the line is {type(found).__name__}")
    given = found.get("id")
    identity = (
        str(given)
        if isinstance(given, (str, int)) and not isinstance(given, bool) and given != ""
        else f"row-{blake2b(line.strip(), digest_size=6).hexdigest()}"
    )
    about = {key: found[key] for key in _ABOUT if isinstance(found.get(key), str)}
    if "conversations" in found:
        messages, tools = conversation_of(found), tools_of(found.get("tools"))
        return Row(identity, "sharegpt", messages, tools, about)
    if "task" in found and "fingerprints" in found:
        return Row(identity, "samples", _messages(found.get("messages")), _world_tools(found["task"]), about)
    tools = tools_of(found["tools"] if found.get("tools") is not None else found.get("functions"))
    return Row(identity, "openai", _messages(found.get("messages")), tools, about)


# -- tools ------------------------------------------------------------------------------------------------


def tools_of(value: Any) -> list[dict[str, Any]]:
    """Tools as a list of OpenAI schemas, from a list or its JSON text, wrapped in `function` or bare."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError):
            raise Refused("bad_tools", f"the tools are no JSON: {display(value)}") from None
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused("bad_tools", f"the tools are no list but {type(value).__name__}")
    return [_tool(item) for item in value]


def _tool(item: Any) -> dict[str, Any]:
    inner = item.get("function", item) if isinstance(item, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise Refused("bad_tools", f"a tool has no name: {display(item)}")
    return {"type": "function", "function": dict(inner)}


def _world_tools(task: Any) -> list[dict[str, Any]]:
    try:
        worlds = tuple(part["world"] for part in task["worlds"])
        released = {name for turn in task["turns"] for name in turn.get("release", ())}
        return list(_schemas(worlds, frozenset(task.get("held_out", ())) - released))
    except WorldRefusedError:
        raise
    except TurngymError as error:
        raise Refused("unknown_world", str(error)) from None
    except MALFORMED as error:
        raise Refused("bad_tools", f"the task is malformed ({type(error).__name__})") from None


@lru_cache(maxsize=64)
def _schemas(worlds: tuple[str, ...], hidden: frozenset[str]) -> tuple[dict[str, Any], ...]:
    table = tool_table(tuple(world_class(name) for name in worlds)).tools
    return tuple(tool.schema for name, tool in table.items() if name not in hidden)


# -- messages ---------------------------------------------------------------------------------------------


def _messages(value: Any) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise Refused("no_messages", "the row has no list of messages")
    found: list[Message] = []
    try:
        for item in value:
            found.append(_message(item, found))
    except MALFORMED as error:
        raise Refused("bad_message", f"message {len(found)}: {display(str(error))}") from None
    return found


def _message(item: Any, before: list[Message]) -> Message:
    role = item["role"]
    role = {"function": "tool", "developer": "system"}.get(role, role)
    if role not in ROLES:
        raise ValueError(f"the role is {display(role)}")
    content = _text(item.get("content"))
    if role == "assistant":
        return _spoken(item, content, sum(len(m.get("tool_calls", ())) for m in before))
    if role == "tool":
        identity, name = item.get("tool_call_id") or "", item.get("name") or ""
        if not isinstance(identity, str) or not isinstance(name, str):
            raise TypeError("a result's tool_call_id or name is no text")
        return {"role": "tool", "tool_call_id": identity, "name": name, "content": content}
    return {"role": role, "content": content}


def _spoken(item: Mapping[str, Any], content: str, count: int) -> Message:
    reasoning = item.get("reasoning_content") or item.get("reasoning") or ""
    if not isinstance(reasoning, str):
        raise TypeError("the reasoning is no text")
    if not reasoning:
        reasoning, content = split_thought(content)
    listed = item.get("tool_calls") or ([item["function_call"]] if item.get("function_call") else [])
    if not isinstance(listed, list):
        raise TypeError("tool_calls is no list")
    calls = []
    for place, call in enumerate(listed):
        inner = call.get("function", call)
        name, identity = inner["name"], call.get("id")
        if not isinstance(name, str):
            raise TypeError("a call has no name")
        calls.append(
            (name, raw_text(inner.get("arguments")), identity if isinstance(identity, str) and identity else f"call_{count + place}")
        )
    return assistant(content, calls, reasoning)


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, list):  # parts, of which text alone can be refined
        return "".join([part["text"] for part in content])
    if not isinstance(content, str):
        raise TypeError(f"the content is {type(content).__name__}")
    return content
