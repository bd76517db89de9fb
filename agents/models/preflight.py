"""The first look at a server, before any task: is it there, does it take the key, does it serve the model, and tools.

Laws: it takes `SECONDS` at most, and raises only where no episode could ever work: a server that hides its list of
models, or is slow to complete, is fine, and one fault that may pass is looked at twice. Not here: the whole
examination (`doctor.py`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from ...envs.errors import RunError, nearest, shorten
from ...envs.messages import Message
from .connection import Connection
from .retrying import Fault
from .wire import Completion, NoCompletion, read_models

T = TypeVar("T")
SECONDS = 2.0
PARSER_REMEDY = "start the server with its tool parser (vLLM: --enable-auto-tool-choice --tool-call-parser hermes, or the model's own)"
_HELLO = [{"role": "user", "content": "Hello"}]
_TOOL = {
    "type": "function",
    "function": {"name": "note", "description": "Take a note.", "parameters": {"type": "object", "properties": {}, "required": []}},
}
_TINY = ("max_tokens", "max_completion_tokens", "output limit")  # a refusal of our one-token request says nothing about others


class Client(Protocol):
    """What is looked at: a chat policy."""

    model: str
    url: str
    key_env: str
    max_tokens: int | None

    def connection(self) -> Connection:
        """Its connection."""
        ...

    def body(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], seed: int | None = None, most: int | None = None) -> bytes:
        """A request, of `most` tokens at most."""
        ...

    async def complete(self, body: bytes, seconds: float | None = None) -> Completion:
        """One attempt; raises `Fault`."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


class Look(NamedTuple):
    """What was seen: the models served (None if not told), and the faults of the list and of a completion (None if well)."""

    models: dict[str, int] | None
    listing: Fault | None
    completing: Fault | None


async def look(policy: Client) -> None:
    """Raise `RunError`, with the remedy, if no request of this policy could ever be answered."""
    try:
        if problem := problem_of(policy, await see(policy)):
            raise RunError(problem)
    except BaseException:  # also when broken off: a run closes what was prepared, and this was not
        await policy.close()
        raise


async def see(policy: Client) -> Look:
    """Ask for the models and for one token of completion, at once, within `SECONDS`; one repetition of what may pass."""
    policy.connection()  # which imports the client, and that is not the server's fault
    ends = asyncio.get_running_loop().time() + SECONDS

    async def twice(ask: Callable[[float], Awaitable[T]], last: bool = False) -> tuple[T | None, Fault | None]:
        left = ends - asyncio.get_running_loop().time()
        try:
            return await ask(max(left if last else left * 0.6, 0.05)), None
        except Fault as fault:
            return (None, fault) if last or not fault.again else await twice(ask, True)

    body = policy.body(_HELLO, [_TOOL], 0, most=1)  # the smallest request that is like those of the run
    (models, listing), (_, completing) = await asyncio.gather(
        twice(lambda left: _models(policy, left)), twice(lambda left: policy.complete(body, left))
    )
    return Look(models, listing, completing)


async def _models(policy: Client, seconds: float) -> dict[str, int]:
    body = await policy.connection().get("/models", seconds)
    try:
        return read_models(body)
    except NoCompletion as error:
        raise Fault(f"the list of models is none: {error}", "garbage") from None


# -- judging ----------------------------------------------------------------------------------------------


def problem_of(policy: Client, seen: Look) -> str:
    """What makes every episode impossible, with the remedy, in one line; "" if nothing is known to."""
    listing, completing = seen.listing, seen.completing
    if completing is None:
        return _too_many_tokens(policy, seen.models)
    if completing.status in (401, 403):
        given = "is refused" if _has_key(policy) else "is missing"
        return f"the key of {policy.url} {given} ({completing.said}); put a valid one into the environment as {policy.key_env}"
    served = seen.models or {}
    if _names_model(policy, completing) or (served and policy.model not in served):
        told = nearest(policy.model, served) if served else f" ({completing.said}); ask the server for its names"
        return f"{policy.url} does not serve {shorten(policy.model)}{told}"
    if completing.status in (404, 405) or (completing.kind == "garbage" and listing is not None and listing.kind != "connection"):
        return _no_such_path(policy, completing)
    if completing.status in (400, 422) and not any(word in completing.said for word in _TINY):
        return _refused(policy, completing)
    if listing is not None and {listing.kind, completing.kind} <= {"connection", "silent"}:
        return _nobody(policy, completing if completing.kind == "connection" else listing)
    return ""


def _has_key(policy: Client) -> bool:
    return bool(os.environ.get(policy.key_env))


def _names_model(policy: Client, fault: Fault) -> bool:
    said = fault.said.lower()
    return fault.status in (400, 404, 422) and "model" in said and (policy.model.lower() in said or "model_not_found" in said)


def _no_such_path(policy: Client, fault: Fault) -> str:
    remedy = "check the path of base_url" if policy.url.endswith("/v1") else f"base_url should probably be {policy.url}/v1"
    return f"{policy.url} has no chat completions ({fault.said}); {remedy}"


def _refused(policy: Client, fault: Fault) -> str:
    if "tool" in fault.said.lower():
        return f"{policy.url} refuses tools ({fault.said}); {PARSER_REMEDY}, or use tools=text"
    if "seed" in fault.said.lower():
        return f"{policy.url} refuses the field seed ({fault.said}); use seeded=false"
    return f"{policy.url} refuses a plain request ({fault.said}); change the option that it names"


def _nobody(policy: Client, fault: Fault) -> str:
    if fault.kind == "silent":
        return f"{policy.url} takes connections and does not answer within {SECONDS:g} s; restart that server or name another base_url"
    if proxy := _proxy_of(policy.url):
        return f"no server answers at {policy.url} through the proxy of {proxy} ({fault.said}); put its host into NO_PROXY, or start it"
    return f"no server answers at {policy.url} ({fault.said}); start it, or name another with base_url or OPENAI_BASE_URL"


def _proxy_of(url: str) -> str:
    """The environment's name of the proxy that requests to this address take, "" for none."""
    from urllib.request import getproxies, proxy_bypass  # heavy, and wanted here alone

    parts = urlsplit(url)
    taken = parts.scheme in getproxies() and not proxy_bypass(parts.netloc)
    return f"{parts.scheme}_proxy" if taken else ""


def _too_many_tokens(policy: Client, models: dict[str, int] | None) -> str:
    context = (models or {}).get(policy.model, 0)
    if context and policy.max_tokens is not None and policy.max_tokens >= context:
        return f"max_tokens {policy.max_tokens} leaves no room in the context of {context} tokens; give a smaller one"
    return ""
