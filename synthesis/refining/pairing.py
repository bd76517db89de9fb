"""Whether a conversation hangs together: who speaks, and which result belongs to which call.

Laws: results follow the message whose calls they answer, one for each call; only the last message of a row may have calls
without results, since rows that teach one message end with it. Results without ids are given those of their calls in
order where the numbers agree.
"""

from __future__ import annotations

from dataclasses import replace

from ...envs.errors import display
from ...envs.messages import Message
from .row import Refused, Row


def paired(row: Row) -> Row:
    """The row with every result tied to its call.

    Raises `Refused`: no_user, no_assistant, ends_with_user, tools_missing, duplicate_tool, result_before_call,
    dangling_result, missing_result, duplicate_call_id, duplicate_result, wrong_result_name.
    """
    roles = [message["role"] for message in row.messages]
    if "user" not in roles:
        raise Refused("no_user", "nobody asks anything")
    if "assistant" not in roles:
        raise Refused("no_assistant", "the assistant says nothing")
    if roles[-1] == "user":
        raise Refused("ends_with_user", "the last message is the user's and has no answer")
    names = [tool["function"]["name"] for tool in row.tools]
    if len(set(names)) < len(names):
        raise Refused("duplicate_tool", f"{next(n for n in names if names.count(n) > 1)} is offered twice")
    if not names and any(True for _ in row.calls()):
        raise Refused("tools_missing", "the row has calls and offers no tools")
    messages: list[Message] = []
    at = 0
    while at < len(row.messages):
        end = at + 1
        while end < len(row.messages) and row.messages[end]["role"] == "tool":
            end += 1
        messages += _block(row, at, end)
        at = end
    return replace(row, messages=messages)


def _block(row: Row, at: int, end: int) -> list[Message]:
    """A message and the results that follow it up to `end`, tied together."""
    head, results = row.messages[at], row.messages[at + 1 : end]
    if head["role"] == "tool":
        raise _orphan(row, head, at)
    calls = {call["id"]: call["function"]["name"] for call in head.get("tool_calls", ())}
    if len(calls) < len(head.get("tool_calls", ())):
        raise Refused("duplicate_call_id", f"message {at}: two calls have the same id")
    if not calls and results:
        raise _orphan(row, results[0], at + 1)
    if calls and not results:
        if end < len(row.messages):
            raise Refused("missing_result", f"message {at}: its calls have no results and the conversation goes on")
        return [head]
    tied = _tied(results, list(calls))
    seen: set[str] = set()
    for offset, result in enumerate(tied, 1):
        identity = result["tool_call_id"]
        if identity not in calls:
            raise _orphan(row, result, at + offset)
        if identity in seen:
            raise Refused("duplicate_result", f"message {at + offset}: the call {display(identity)} has two results")
        if result["name"] not in ("", calls[identity]):
            raise Refused("wrong_result_name", f"message {at + offset} is of {display(result['name'])}, the call of {calls[identity]}")
        seen.add(identity)
        result["name"] = calls[identity]
    if len(seen) < len(calls):
        raise Refused("missing_result", f"message {at}: {len(calls) - len(seen)} of its calls have no result")
    return [head, *tied]


def _tied(results: list[Message], ids: list[str]) -> list[Message]:
    if len(results) == len(ids) and not any(result["tool_call_id"] for result in results):
        return [{**result, "tool_call_id": identity} for result, identity in zip(results, ids, strict=True)]
    return [dict(result) for result in results]


def _orphan(row: Row, result: Message, at: int) -> Refused:
    calls = list(row.calls())
    if not any(call.message < at for call in calls) or any(call.id == result["tool_call_id"] for call in calls if call.message > at):
        return Refused("result_before_call", f"message {at} is a result and its call does not stand before it")
    return Refused("dangling_result", f"message {at} answers {display(result['tool_call_id'])}, which the message before did not call")
