"""Messages as every chat loop knows them, and the one place where an action is understood.

An action is an assistant message: `{"content": str, "tool_calls": [{"name", "arguments"}]}`, with calls also in
the OpenAI form (`{"id", "type", "function": {"name", "arguments"}}`); or one call, a list of calls, or a plain
string. Law: understanding never raises; what cannot be understood becomes an error that the model reads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from .errors import display, shorten
from .tool import ToolCall, ToolResult

Message = dict[str, Any]
MAX_CALLS = 128
_NOBODYS: frozenset[str] = frozenset()
MAX_ID_CHARS = 500
_FORMS = 'an action is a string, {"name", "arguments"}, a list of these, or {"content", "tool_calls"}'


class Action(NamedTuple):
    """An understood action: what is said, the calls, and what was wrong with it ("" if nothing)."""

    content: str
    calls: tuple[ToolCall, ...]
    wrong: str = ""


def parse_action(action: Any) -> Action:
    """Understand an action in any accepted form; never raises."""
    if isinstance(action, str):
        return Action(action, ())
    if type(action) is dict or isinstance(action, Mapping):  # the plain test first: it is ten times as fast
        if "tool_calls" in action or ("content" in action and "name" not in action):
            content, calls = action.get("content"), action.get("tool_calls")
            return _with_calls(content if isinstance(content, str) else "", () if calls is None else calls)
        return _with_calls("", (action,))
    if isinstance(action, (list, tuple)):
        return _with_calls("", action)
    return Action("", (), f"{_FORMS}; got {shorten(type(action).__name__)}")


def _with_calls(content: str, calls: Any) -> Action:
    if not isinstance(calls, (list, tuple)):
        return Action(content, (), f"tool_calls is a list; got {shorten(type(calls).__name__)}")
    found = []
    for item in calls:
        if isinstance(item, ToolCall):
            if not (isinstance(item.name, str) and isinstance(item.id, str)):
                return Action(content, (), f"a call needs a name; got {display(item)}")
            found.append(item)
            continue
        if type(item) is not dict and not isinstance(item, Mapping):
            return Action(content, (), f"a call is an object with name and arguments; got {display(item)}")
        inner = item.get("function", item)
        name = inner.get("name") if type(inner) is dict or isinstance(inner, Mapping) else None
        if not isinstance(name, str):
            return Action(content, (), f"a call needs a name; got {display(item)}")
        arguments = inner.get("arguments")
        if arguments is None:
            arguments = "{}"
        elif not isinstance(arguments, (str, dict)):
            return Action(content, (), f"the arguments of {shorten(name)} are no object; got {display(arguments)}")
        identity = item.get("id")
        found.append(ToolCall(name, arguments, identity if isinstance(identity, str) else ""))
    return Action(content, tuple(found))


def user_message(text: str) -> Message:
    """What a user says."""
    return {"role": "user", "content": text}


def tool_message(call: ToolCall, result: ToolResult) -> Message:
    """What a tool answers, tied to its call by id."""
    return {"role": "tool", "tool_call_id": call.id, "name": result.name, "content": result.text}


def failure_of(message: Message) -> tuple[str, str] | None:
    """Kind and words of the error that a tool message tells, None where it tells a result."""
    content = message["content"]
    if not content.startswith('{"error"'):
        return None
    found = json.loads(content)
    error = found.get("error") if isinstance(found, dict) else None
    return (error["kind"], error["message"]) if isinstance(error, dict) and {"kind", "message"} <= error.keys() else None


def is_message(value: Any) -> bool:
    """Whether a value is a message: an object with a textual role and content."""
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), str)


def number_calls(calls: Sequence[ToolCall], start: int) -> list[ToolCall]:
    """Calls with ids: their own, or `call_<n>` counted from `start` where that is none, or too long to be told back.

    An id that is made here is no other call's.
    """
    own = {call.id for call in calls} if len(calls) > 1 else _NOBODYS
    return [
        call if 0 < len(call.id) <= MAX_ID_CHARS else ToolCall(call.name, call.arguments, _free(f"call_{index}", own))
        for index, call in enumerate(calls, start)
    ]


def _free(identity: str, taken: Set[str]) -> str:
    while identity in taken:
        identity += "_"
    return identity


def doubled_ids(calls: Sequence[ToolCall]) -> frozenset[str]:
    """The ids that stand at more than one call of a message: their results could not be told apart."""
    if len(calls) < 2 or len(counts := Counter([call.id for call in calls])) == len(calls):
        return _NOBODYS
    return frozenset([identity for identity, count in counts.items() if count > 1])
