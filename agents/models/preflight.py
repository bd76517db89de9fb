"""The first look at a server, before any task: is it there, does it take the key, does it serve the model, and our requests.

Laws: it takes `SECONDS` at most; its request is made like those of the run, with the same options, tokens and, where the
first task is known, tools; it raises only where no episode could ever work: a server that hides its list of models, or is
slow to complete, is fine, and one fault that may pass is looked at twice; a refusal is told in the server's own words, with
our option's name. Not here: what a server is adapted to (`manner.py`), and the whole examination (`doctor.py`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from ...envs.errors import RunError, nearest, shorten
from ...envs.messages import Message
from .connection import Connection
from .manner import Manner
from .refusing import Refusal, names_field, read_refusal, says_no_model
from .retrying import Fault
from .wire import Completion, NoCompletion, read_models

T = TypeVar("T")
SECONDS = 2.0
PARSER_REMEDY = "start the server with its tool parser (vLLM: --enable-auto-tool-choice --tool-call-parser hermes, or the model's own)"
_HELLO = [{"role": "user", "content": "Hello"}]
_TEXT = {"type": "string", "description": "A text."}
_TOOL = {  # with a parameter that is optional, as those of most tools are
    "type": "function",
    "function": {
        "name": "note",
        "description": "Take a note.",
        "parameters": {
            "type": "object",
            "properties": {"text": _TEXT, "title": _TEXT},
            "required": ["text"],
            "additionalProperties": False,
        },
    },
}
_ADAPTATIONS = 4
_SENT = ("temperature", "top_p", "seed", "strict", "logprobs", "return_token_ids", "stream_options", "stream")
_REMEDIES = {
    "seed": "use seeded=false",
    "strict": "leave strict off: it asks for what the schemas of these tools cannot give here",
    "logprobs": "leave tokens off",
    "return_token_ids": "leave tokens off",
    "stream": "set stream to what it takes",
    "stream_options": "leave stream off",
}
_OPTIONS = {"seed": "the field seed", "logprobs": "tokens", "return_token_ids": "tokens"}
_STRICT = ("additionalproperties", "'required' is required", "strict")


class Client(Protocol):
    """What is looked at: a chat policy."""

    model: str
    url: str
    key_env: str
    max_tokens: int | None
    strict: bool
    extra: Mapping[str, Any] | None
    manner: Manner

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


async def look(policy: Client, tools: Sequence[dict[str, Any]] = (_TOOL,)) -> None:
    """Raise `RunError`, with the remedy, if no request of this policy with these tools could ever be answered."""
    try:
        if problem := problem_of(policy, await see(policy, tools)):
            raise RunError(problem)
    except BaseException:  # also when broken off: a run closes what was prepared, and this was not
        await policy.close()
        raise


async def see(policy: Client, tools: Sequence[dict[str, Any]] = (_TOOL,)) -> Look:
    """Ask for the models and for a completion, at once, within `SECONDS`; one repetition of what may pass, adapted where that helps.

    The completion is one as the run's are. It need not end in that time: what a server refuses, it refuses at once.
    """
    policy.connection()  # which imports the client, and that is not the server's fault
    ends = asyncio.get_running_loop().time() + SECONDS

    async def twice(ask: Callable[[float], Awaitable[T]], share: float = 0.6, last: bool = False) -> tuple[T | None, Fault | None]:
        left = ends - asyncio.get_running_loop().time()
        try:
            return await ask(max(left if last else left * share, 0.05)), None
        except Fault as fault:
            return (None, fault) if last or not fault.again else await twice(ask, last=True)

    async def complete(left: float) -> Completion:
        for _ in range(_ADAPTATIONS):
            try:
                return await policy.complete(policy.body(_HELLO, tools, 0), left)
            except Fault as fault:
                if not policy.manner.adapt(fault, policy.url):
                    raise
        return await policy.complete(policy.body(_HELLO, tools, 0), left)

    (models, listing), (_, completing) = await asyncio.gather(
        twice(lambda left: _models(policy, left)),
        twice(complete, share=1.0),  # one that takes its time is not begun a second time
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
    if completing.outgrew:
        return _too_little_room(policy, completing)
    refusal, served = read_refusal(completing.body), seen.models or {}
    if completing.status in (400, 404, 422):
        field = _field_of(policy, refusal)
        if not field and (says_no_model(refusal, policy.model) or (served and policy.model not in served)):
            told = nearest(policy.model, served) if served and policy.model not in served else "; ask the server for its names"
            return f"{policy.url} does not serve {shorten(policy.model)} ({completing.said}){told}"
        if completing.status != 404 or field:
            return _refused(policy, completing, field)
    if completing.status in (404, 405) or (completing.kind == "garbage" and listing is not None and listing.kind != "connection"):
        return _no_such_path(policy, completing)
    if listing is not None and {listing.kind, completing.kind} <= {"connection", "silent"}:
        return _nobody(policy, completing if completing.kind == "connection" else listing)
    return ""


def _has_key(policy: Client) -> bool:
    return bool(os.environ.get(policy.key_env))


def _field_of(policy: Client, refusal: Refusal) -> str:
    """The field of our request that a refusal is about, "" for none."""
    said = f"{refusal.said} {refusal.param}".lower()
    if policy.strict and any(word in said for word in _STRICT):
        return "strict"
    return names_field(refusal, (policy.manner.limit, "max_tokens", *_SENT, *(policy.extra or {})), policy.model)


def _no_such_path(policy: Client, fault: Fault) -> str:
    remedy = "check the path of base_url" if policy.url.endswith("/v1") else f"base_url should probably be {policy.url}/v1"
    return f"{policy.url} has no chat completions ({fault.said}); {remedy}"


def _refused(policy: Client, fault: Fault, field: str) -> str:
    if field in (policy.extra or {}):
        return f"{policy.url} refuses extra.{field} ({fault.said}); take it out of extra, or give another value"
    if field in ("max_tokens", policy.manner.limit):
        return f"{policy.url} refuses max_tokens {policy.max_tokens} ({fault.said}); give another max_tokens, or none"
    if field:
        return f"{policy.url} refuses {_OPTIONS.get(field, field)} ({fault.said}); {_REMEDIES.get(field, f'leave {field} out')}"
    if "tool" in fault.said.lower() or "function" in fault.said.lower():
        return f"{policy.url} refuses tools ({fault.said}); {PARSER_REMEDY}, or use tools=text"
    return f"{policy.url} refuses a plain request ({fault.said}); change the option that it names"


def _too_little_room(policy: Client, fault: Fault) -> str:
    """Only an option is told here: where tools alone are too long, other tasks may have fewer."""
    if policy.max_tokens is None and not {"max_tokens", "max_completion_tokens"} & set(policy.extra or {}):
        return ""
    return f"max_tokens leaves no room in the model's context for a task ({fault.said}); give a smaller max_tokens"


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
