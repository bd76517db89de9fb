"""Tempers of servers for `FaultyServer`: what each refuses, and how it streams; each is named after whoever is known for it.

    FaultyServer(answer, refuses=wants_reasoning, streams=in_pieces)

A temper is `request -> why it is answered 400`, "" for well. The words are those of the servers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
Temper = Callable[[Request], str | dict[str, Any]]


def all_of(*tempers: Temper) -> Temper:
    """Several tempers at once."""
    return lambda request: next((why for temper in tempers if (why := temper(request))), "")


def _this_turn(request: Request) -> list[dict[str, Any]]:
    messages = request["messages"]
    since = max(at for at, message in enumerate(messages) if message["role"] == "user")
    return [message for message in messages[since:] if message["role"] == "assistant"]


def wants_reasoning(request: Request) -> str:
    """DeepSeek and Moonshot in thinking mode."""
    if any(not message.get("reasoning_content") for message in _this_turn(request) if message.get("tool_calls")):
        return "The `reasoning_content` in the thinking mode must be passed back to the API."
    return ""


def wants_reasoning_of_all(request: Request) -> str:
    """Moonshot, where calls of earlier turns stand in the history."""
    for at, message in enumerate(request["messages"]):
        if message.get("tool_calls") and not message.get("reasoning_content"):
            return f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {at}"
    return ""


def wants_signatures(request: Request) -> str:
    """Gemini 3 behind its OpenAI-compatible endpoint."""
    for message in _this_turn(request):
        for call in message.get("tool_calls", ())[:1]:
            if not call.get("extra_content", {}).get("google", {}).get("thought_signature"):
                return "Function call is missing a thought_signature in functionCall parts."
    return ""


def refuses_unknown_fields(request: Request) -> str:
    """Servers that take no field which they do not know."""
    for at, message in enumerate(request["messages"]):
        if unknown := set(message) - {"role", "content", "name", "tool_calls", "tool_call_id"}:
            return f"'messages.{at}' : property '{min(unknown)}' is unsupported"
    return ""


def wants_plain_names(request: Request) -> str | dict[str, Any]:
    """OpenAI: names in `tools` and in the history."""
    named = [("tools", tool["function"]["name"]) for tool in request.get("tools", ())]
    named += [("messages", call["function"]["name"]) for m in request["messages"] for call in m.get("tool_calls", ())]
    for where, name in named:
        if not re.fullmatch("[a-zA-Z0-9_-]{1,64}", name):
            said = f"Invalid '{where}[0].function.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
            return {"message": said, "type": "invalid_request_error", "param": f"{where}[0].function.name", "code": "invalid_value"}
    return ""


def wants_something_said(request: Request) -> str:
    """Mistral and Anthropic: no assistant message without content and calls."""
    for message in request["messages"]:
        if message["role"] == "assistant" and not (message.get("content") or "").strip() and not message.get("tool_calls"):
            return "Assistant message must have either content or tool_calls, but not none."
    return ""


def wants_completion_tokens(request: Request) -> str | dict[str, Any]:
    """OpenAI's reasoning models."""
    if "max_tokens" not in request:
        return ""
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    return {"message": said, "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}


def small(context: int) -> Temper:
    """vLLM with a context of so many tokens."""

    def refuses(request: Request) -> str:
        if (most := request.get("max_tokens", 0)) < context:
            return ""
        return (
            f"'max_tokens' or 'max_completion_tokens' is too large: {most}. This model's maximum context length is {context} tokens "
            f"and your request has 10 input tokens ({most} > {context} - 10)."
        )

    return refuses


def strict_wants_everything(request: Request) -> str | dict[str, Any]:
    """OpenAI: what `strict` asks of a schema."""
    for tool in request.get("tools", ()):
        function = tool["function"]
        if function.get("strict") and set(function["parameters"]["properties"]) - set(function["parameters"]["required"]):
            said = (
                f"Invalid schema for function '{function['name']}': In context=(), 'required' is required to be supplied and to be an "
                "array including every key in properties. Missing 'title'."
            )
            return {
                "message": said, "type": "invalid_request_error", "param": "tools[0].function.parameters",
                "code": "invalid_function_parameters",
            }  # fmt: skip
    return ""


def only_streams(request: Request) -> str:
    """DashScope, for some models."""
    return "" if request.get("stream") else "This model only support stream mode, please enable the stream parameter to access the model."


def refuses_field(name: str, said: str) -> Temper:
    """A server that does not take a field."""
    return lambda request: {"message": said, "type": "invalid_request_error", "param": None} if name in request else ""


# -- streams ----------------------------------------------------------------------------------------------


def in_pieces(whole: dict[str, Any], size: int = 3) -> bytes:
    """A completion as OpenAI and vLLM stream it: text and arguments in pieces, calls by index, counts at the end."""
    choice, about = whole["choices"][0], {name: whole[name] for name in ("id", "created", "model")}
    message = choice["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning_content", "reasoning", "content"):
        text = message.get(name) or ""
        deltas += [{name: text[at : at + size]} for at in range(0, len(text), size)]
    deltas += [{"reasoning_details": [part]} for part in message.get("reasoning_details", ())]
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        raw = function["arguments"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": raw[at : at + size]}}]} for at in range(0, len(raw), size)]
    chunks = [{**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**about, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    chunks.append({**about, "choices": [], "usage": whole["usage"]})
    return events(*chunks, comment=True)


def at_once(whole: dict[str, Any]) -> bytes:
    """A completion as gateways stream it: calls whole, without an index."""
    choice = whole["choices"][0]
    return events({**whole, "choices": [{"index": 0, "delta": choice["message"], "finish_reason": choice["finish_reason"]}]})


def events(*chunks: dict[str, Any], comment: bool = False, done: bool = True) -> bytes:
    """Server-sent events, with a comment in between if asked for."""
    lines = [f"data: {json.dumps(chunk)}" for chunk in chunks]
    if comment:
        lines.insert(1, ": PROCESSING")
    return "".join([f"{line}\n\n" for line in [*lines, *(["data: [DONE]"] if done else [])]]).encode()
