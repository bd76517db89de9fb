"""The wire of chat completions, both ways, on plain JSON: what a server is sent, and what its answer means.

Laws: what stands in a record is never changed here, only the copy that is sent; that copy is always acceptable (ids are
unique, arguments are JSON objects, names are names, text is Unicode, no message is empty), whatever the model emitted; what
a server attached to a message goes back to it as it came, within its turn; an answer is read by what it must be and nothing
is guessed: what is no chat completion is a fault of the server, what the model did wrong (a call cut short, bad JSON, an
unknown tool or none) is data and passes on verbatim. Not here: sending (`connection.py`), spelling names (`naming.py`).
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ...envs.errors import shorten
from ...envs.messages import Message
from ...envs.tool import ToolCall
from ..policy import AssistantMessage
from .naming import Names
from .refusing import glimpse, read_refusal
from .streaming import BrokenStreamError, assemble, is_stream

_LONE = re.compile("[\ud800-\udfff]")
_ESCAPED_LONE = re.compile(r"\\u[dD][89a-fA-F]")
Attached = Literal["turn", "all", "none"]
NO_ANSWER = "(no answer)"  # what stands for an empty message, which many servers refuse
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
    """An answer that is no chat completion; says why.

    Attributes:
        status: the error status that the answer tells itself, 0 for none; `body` is the error then.
    """

    def __init__(self, said: str, status: int = 0, body: bytes = b"") -> None:
        super().__init__(said)
        self.status, self.body = status, body


# -- to the server ----------------------------------------------------------------------------------------


def wire_messages(messages: Sequence[Message], names: Names | None = None, attached: Attached = "turn") -> list[Message]:
    """Messages of a conversation as any server takes them back.

    Args:
        names: how tools are spelled. attached: which assistant messages go back with what the server attached to them:
            those since the last user message (`turn`), all, or none; the others go back without their reasoning.
    """
    ids, spelling = _Ids(), (names or Names(())).for_history()
    since = 0 if attached == "all" else max([at for at, message in enumerate(messages) if message["role"] == "user"], default=-1)
    made: list[Message] = []
    for at, message in enumerate(messages):
        role, content = message["role"], message.get("content") or ""
        if role == "tool":
            made.append({"role": role, "tool_call_id": ids.answered(message.get("tool_call_id", "")), "content": content})
        elif role == "assistant":
            calls = message.get("tool_calls") or ()
            ids.pending.clear()
            sent: Message = {"role": role, "content": content if content.strip() or (content and calls) else None if calls else NO_ANSWER}
            if calls:
                sent["tool_calls"] = [_wire_call(call, ids, spelling) for call in calls]
            if at >= since and attached != "none" and (own := message.get("attached")):
                _attach(sent, own, message.get("reasoning_content", ""))
            made.append(sent)
        else:
            made.append({"role": role, "content": content})
    return made


def _attach(sent: Message, attached: Mapping[str, Any], reasoning: str) -> None:
    """Put back what a server attached; null stands for the message's reasoning."""
    for name, value in attached.items():
        if name != "tool_calls":
            sent[name] = reasoning if value is None else value
    extras, calls = attached.get("tool_calls") or (), sent.get("tool_calls") or ()
    if len(extras) != len(calls):  # the calls are not those that came
        return
    for call, extra in zip(calls, extras, strict=True):
        call |= {name: value for name, value in extra.items() if name != "function"}
        call["function"] |= extra.get("function") or {}


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


def _wire_call(call: Mapping[str, Any], ids: _Ids, spelling: Names) -> Message:
    function = call["function"]
    made = {"name": spelling.wire(function["name"]), "arguments": _safe(function["arguments"])}
    return {"id": ids.asked(str(call.get("id") or "")), "type": "function", "function": made}


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


def wire_tools(tools: Sequence[Mapping[str, Any]], names: Names, strict: bool) -> list[dict[str, Any]]:
    """Tool schemas with their spelled names, marked `strict` if asked for: servers which can then hold arguments to them."""
    more = {"strict": True} if strict else {}
    return [{**tool, "function": {**tool["function"], "name": names.wire(tool["function"]["name"]), **more}} for tool in tools]


# -- from the server --------------------------------------------------------------------------------------


class Completion(NamedTuple):
    """A chat completion: the message, and the ids of the prompt where the server tells them."""

    message: AssistantMessage
    prompt_ids: tuple[int, ...] | None = None


def read_completion(body: bytes) -> Completion:
    """The first choice of a chat completion. Raises `NoCompletion` for anything else."""
    found = _read_stream(body) if is_stream(body) else read_object(body)
    if (error := _own_error(found)) is not None:
        raise error
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NoCompletion(f"no choices in {glimpse(body)}")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise NoCompletion(f"no message in {glimpse(body)}")
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason in _BROKEN:
        raise NoCompletion(f"the server broke off (finish_reason {reason})")
    cut = reason == "length"
    content = _content(message.get("content"))
    refusal = message.get("refusal")
    reasoning, calls = _reasoning(message), _list(message.get("tool_calls"), "tool_calls")
    made = AssistantMessage(
        content or (refusal if isinstance(refusal, str) else ""),
        tuple([_call(item, cut) for item in calls]),
        reasoning,
        token_ids=_ids(choice.get("token_ids")),
        logprobs=_logprobs(choice.get("logprobs")),
        usage=_usage(found.get("usage")),
        finish_reason=reason if isinstance(reason, str) else "",
        attached=_attached(message, calls, reasoning),
    )
    return Completion(made, _ids(found.get("prompt_token_ids", choice.get("prompt_token_ids"))))


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises `NoCompletion` for HTML, nothing, `null`, cut JSON and the like."""
    try:
        found = json.loads(body, parse_constant=lambda name: None)  # NaN is no JSON, and must not go back as if it were
    except (ValueError, RecursionError):
        raise NoCompletion(f"no JSON: {glimpse(body)}") from None
    if not isinstance(found, dict):
        raise NoCompletion(f"no object: {glimpse(body)}")
    return found


def _read_stream(body: bytes) -> dict[str, Any]:
    try:
        return assemble(body)
    except BrokenStreamError as error:
        raise NoCompletion(str(error)) from None


def _own_error(found: Mapping[str, Any]) -> NoCompletion | None:
    """The error that an answer is though its status says well, as it happens within a stream and behind gateways."""
    if found.get("choices") or not (found.get("error") or found.get("object") == "error"):
        return None
    body = json.dumps(found).encode()
    refusal = read_refusal(body)
    return NoCompletion(f"the server answers with an error: {refusal.said}", refusal.status, body)


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
    """A call as it was written; one whose name is none is a call of no tool, and the model is told so."""
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict):
        raise NoCompletion(f"a tool call without a function: {shorten(repr(item))}")
    name = function.get("name")
    raw = function.get("arguments")
    if raw is None or (raw == "" and not cut):  # how some parsers say that there are none
        raw = "{}"
    elif not isinstance(raw, str):
        raw = json.dumps(raw, ensure_ascii=False)
    identity = item.get("id")
    spelled = name if isinstance(name, str) else "" if name is None else json.dumps(name, ensure_ascii=False)
    return ToolCall(spelled, raw, identity if isinstance(identity, str) else "")


def _attached(message: Mapping[str, Any], calls: Sequence[Any], reasoning: str) -> dict[str, Any] | None:
    """The fields of a message and of its calls that are a server's own, as they came; None for none.

    Null stands for the reasoning, which is kept once; fields that came as null are left out.
    """
    found = {
        name: None if reasoning and value == reasoning else value
        for name, value in message.items()
        if name not in ("role", "tool_calls") and value is not None and (name != "content" or _has_parts(value))
    }
    extras = [_extras(item, ("id", "type", "function")) for item in calls]
    for extra, item in zip(extras, calls, strict=True):
        if inner := _extras(item["function"], ("name", "arguments")):
            extra["function"] = inner
    return found | ({"tool_calls": extras} if any(extras) else {}) or None


def _has_parts(content: Any) -> bool:
    """Whether a content is a list of parts that say something."""
    return isinstance(content, list) and any(part.get("type") != "text" or part.get("text", "").strip() for part in content)


def _extras(part: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in known and value is not None}


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
