"""The wire of chat completions, both ways, on plain JSON: what a server is sent, and what its answer means.

Laws: what stands in a record is never changed here, only the copy that is sent; that copy is always acceptable (ids are
unique, arguments are JSON objects, names are names, text is Unicode), whatever the model emitted; an answer is read by
what it must be and nothing is guessed: what is no chat completion is a fault of the server, what the model did wrong
(a call cut short, bad JSON, an unknown tool) is data and passes on verbatim. Not here: sending (`connection.py`).
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...envs.errors import shorten
from ...envs.messages import Message
from ...envs.tool import ToolCall
from ..policy import AssistantMessage

_BAD_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_LONE = re.compile("[\ud800-\udfff]")
_ESCAPED_LONE = re.compile(r"\\u[dD][89a-fA-F]")
_SHOWN = 1000  # characters of unreadable arguments that the model sees again
_LARGEST = 2**53
_COUNTS = (
    ("", "prompt_tokens"),
    ("", "completion_tokens"),
    ("", "total_tokens"),
    ("completion_tokens_details", "reasoning_tokens"),
    ("prompt_tokens_details", "cached_tokens"),
)
_BROKEN = frozenset(("error", "abort"))  # finish reasons of a server that gave up


class NoCompletion(Exception):
    """An answer that is no chat completion; says why."""


# -- to the server ----------------------------------------------------------------------------------------


def wire_messages(messages: Iterable[Message]) -> list[Message]:
    """Messages of a conversation as any server takes them back; reasoning of earlier messages stays out."""
    ids = _Ids()
    made: list[Message] = []
    for message in messages:
        role, content = message["role"], message.get("content") or ""
        if role == "tool":
            made.append({"role": role, "tool_call_id": ids.answered(message.get("tool_call_id", "")), "content": content})
        elif role == "assistant" and message.get("tool_calls"):
            ids.pending.clear()
            made.append({"role": role, "content": content or None, "tool_calls": [_wire_call(c, ids) for c in message["tool_calls"]]})
        else:
            made.append({"role": role, "content": content})
    return made


class _Ids:
    """Ids of calls, made unique in a conversation; results are tied to calls of one id in order."""

    def __init__(self) -> None:
        self.pending: dict[str, deque[str]] = defaultdict(deque)
        self._seen: set[str] = set()
        self._counts: dict[str, int] = defaultdict(int)

    def asked(self, own: str) -> str:
        identity = own[:64]
        while not identity or identity in self._seen:
            self._counts[own] += 1
            identity = f"{own[:48] or 'call'}_{self._counts[own]}"
        self._seen.add(identity)
        self.pending[own].append(identity)
        return identity

    def answered(self, own: str) -> str:
        waiting = self.pending[own]
        return waiting.popleft() if waiting else own


def _wire_call(call: Mapping[str, Any], ids: _Ids) -> Message:
    function = call["function"]
    made = {"name": _name(function["name"]), "arguments": _safe(function["arguments"])}
    return {"id": ids.asked(str(call.get("id") or "")), "type": "function", "function": made}


def _name(name: str) -> str:
    return _BAD_NAME.sub("_", name)[:64] or "unknown"


def _safe(arguments: str) -> str:
    """Arguments that a server's template can read: as they are if they are a JSON object, else one that shows the text."""
    try:
        found = json.loads(arguments, parse_constant=_refuse)
        if isinstance(found, dict):
            if _ESCAPED_LONE.search(arguments):
                json.dumps(found, ensure_ascii=False).encode()
            return arguments
    except (ValueError, RecursionError):  # UnicodeEncodeError is one
        pass
    return json.dumps({"not_a_json_object": arguments[:_SHOWN]}, ensure_ascii=False)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def wire_text(value: Any) -> str:
    """JSON text that is valid Unicode: a lone surrogate stands as its escape, to be read as text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text.isascii():
        return text
    return _LONE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)


def strict_tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tool schemas marked `strict`, so that servers which can will hold arguments to them."""
    return [{**tool, "function": {**tool["function"], "strict": True}} for tool in tools]


# -- from the server --------------------------------------------------------------------------------------


class Completion(NamedTuple):
    """A chat completion: the message, and the ids of the prompt where the server tells them."""

    message: AssistantMessage
    prompt_ids: tuple[int, ...] | None = None


def read_completion(body: bytes) -> Completion:
    """The first choice of a chat completion. Raises `NoCompletion` for anything else."""
    found = read_object(body)
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NoCompletion(f"no choices in {_glimpse(body)}")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise NoCompletion(f"no message in {_glimpse(body)}")
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason in _BROKEN:
        raise NoCompletion(f"the server broke off (finish_reason {reason})")
    cut = reason == "length"
    content = _content(message.get("content"))
    refusal = message.get("refusal")
    made = AssistantMessage(
        content or (refusal if isinstance(refusal, str) else ""),
        tuple([_call(item, cut) for item in _list(message.get("tool_calls"), "tool_calls")]),
        _reasoning(message),
        token_ids=_ids(choice.get("token_ids")),
        logprobs=_logprobs(choice.get("logprobs")),
        usage=_usage(found.get("usage")),
        finish_reason=reason if isinstance(reason, str) else "",
    )
    return Completion(made, _ids(found.get("prompt_token_ids", choice.get("prompt_token_ids"))))


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises `NoCompletion` for HTML, nothing, `null`, cut JSON and the like."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise NoCompletion(f"no JSON: {_glimpse(body)}") from None
    if not isinstance(found, dict):
        raise NoCompletion(f"no object: {_glimpse(body)}")
    return found


def read_failed_call(body: bytes) -> Completion | None:
    """What the model wrote where a server answers 400 to a call that it could not read; None if that is not what it says.

    It is the model's doing and no fault of the server: a call of no tool, whose arguments are the text.
    """
    try:
        error = read_object(body).get("error")
    except NoCompletion:
        return None
    if not isinstance(error, dict) or error.get("code") != "tool_use_failed":
        return None
    written = error.get("failed_generation")
    call = ToolCall("", written if isinstance(written, str) else "")
    return Completion(AssistantMessage("", (call,), finish_reason="tool_use_failed"))


def read_models(body: bytes) -> dict[str, int]:
    """Names of the models served, each with its context length in tokens, 0 if not told. Raises `NoCompletion`."""
    listed = _list(read_object(body).get("data"), "data")
    names = [item for item in listed if isinstance(item, dict) and isinstance(item.get("id"), str)]
    return {item["id"]: length if type(length := item.get("max_model_len")) is int else 0 for item in names}


def error_text(body: bytes) -> str:
    """What a server says is wrong: the message of its error object, or the beginning of the body; one line."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return _glimpse(body)
    said = found
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    if isinstance(said, dict):
        said = json.dumps(said)
    return shorten(" ".join(said.split()), 300) if isinstance(said, str) and said else _glimpse(body)


def _glimpse(body: bytes) -> str:
    return shorten(" ".join(body[:200].decode("utf-8", "replace").split()), 100) if body else "an empty body"


def _list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise NoCompletion(f"{name} is no list")
    return value


def _content(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # parts, as some servers answer
        parts = [part.get("text", "") for part in value if isinstance(part, dict)]
        if len(parts) == len(value) and all(isinstance(part, str) for part in parts):
            return "".join(parts)
    raise NoCompletion(f"content is no text but {shorten(repr(value))}")


def _reasoning(message: Mapping[str, Any]) -> str:
    for name in ("reasoning_content", "reasoning"):
        if isinstance(value := message.get(name), str) and value:
            return value
    return ""


def _call(item: Any, cut: bool) -> ToolCall:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise NoCompletion(f"a tool call without a function: {shorten(repr(item))}")
    raw = function.get("arguments")
    if raw is None or (raw == "" and not cut):  # how some parsers say that there are none
        raw = "{}"
    elif not isinstance(raw, str):
        raw = json.dumps(raw, ensure_ascii=False)
    identity = item.get("id")
    return ToolCall(function["name"], raw, identity if isinstance(identity, str) else "")


def _ids(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(item) is int and item >= 0 for item in value):
        return None
    return tuple(value)


def _logprobs(value: Any) -> tuple[float, ...] | None:
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return None
    found: list[Any] = [item.get("logprob") if isinstance(item, dict) else None for item in content]
    if not all(type(item) in (int, float) and math.isfinite(item) for item in found):
        return None
    return tuple([float(item) for item in found])


def _usage(value: Any) -> dict[str, int] | None:
    if not isinstance(value, dict):
        return None
    found: dict[str, int] = {}
    for outer, name in _COUNTS:
        part = value.get(outer) if outer else value
        count = part.get(name) if isinstance(part, dict) else None
        if type(count) is int and 0 <= count < _LARGEST:
            found[name] = count
    return found or None
