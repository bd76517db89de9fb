"""The policy `chat`: a model behind any OpenAI-compatible server.

    make_policy("chat", model="Qwen/Qwen3-8B", base_url="http://localhost:8000/v1")

Laws: what the model did wrong is data that the episode answers, what the server did wrong is repeated and then recorded as
infrastructure, never as a failed task; the key stays in the environment; a run that cannot work is refused before its first
task. Not here: the wire (`wire.py`), the socket (`connection.py`), repeating (`retrying.py`), that first look (`preflight.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Literal

from ...envs.messages import Message
from ..policy import AssistantMessage, Conversation, EndEpisode, InfrastructureError, Opening
from ..secrets import find_secrets
from .connection import Connection, server_url
from .manner import Manner
from .naming import Names
from .preflight import look
from .retrying import Fault, persist, status_fault
from .textcalls import as_plain_chat, read_text
from .wire import Attached, Completion, NoCompletion, read_completion, read_failed_call, wire_messages, wire_text, wire_tools

PATH = "/chat/completions"
_OURS = frozenset(("messages", "model", "n", "stream", "stream_options", "tools"))
_CHOICES = {"tools": ("native", "text"), "attached": ("turn", "all", "none")}
_TOOL_SETS = 16  # how many sets of tools are kept as text
_RANGES = (("timeout", 0.0), ("retries", -1), ("requests", 0), ("backoff", -1e-9))


@dataclass(eq=False)
class ChatPolicy:
    """A model behind a server.

    Args:
        model: its name as served. base_url: of the server, ending in `/v1`; default `OPENAI_BASE_URL`, then OpenAI's.
        tools: `native` tool calls, or `text` for servers without them (see `textcalls.py`).
        temperature, top_p, max_tokens: sent if given. strict: mark tools `strict`, which holds arguments to their schemas
            on servers that can. seeded: send a seed drawn from run seed, task, trial and step.
        timeout: seconds for one request, from connecting to the last byte. retries: of one request, after the first try.
        backoff: seconds of the first wait; it doubles. requests: most requests of an episode, failed ones included.
        tokens: ask for token ids and logprobs (vLLM gives them) and record them.
        key_env: the environment variable that holds the key. extra: more fields of the request's body.
        attached: what servers attach to a message (reasoning, signatures) goes back with the messages of the same user
            `turn`, with `all` messages, or with `none`. stream: ask for event streams; found out by itself where a server
            gives nothing else.
    """

    model: str
    base_url: str | None = None
    tools: Literal["native", "text"] = "native"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    strict: bool = False
    seeded: bool = True
    timeout: float = 120.0
    retries: int = 8
    backoff: float = 0.5
    requests: int = 200
    tokens: bool = False
    key_env: str = "OPENAI_API_KEY"
    extra: Mapping[str, Any] | None = None
    attached: Attached = "turn"
    stream: bool = False
    name: ClassVar[str] = "chat"
    _connection: Connection | None = field(default=None, init=False, repr=False)
    _tool_sets: list[tuple[Sequence[Any], Names, str]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model:
            raise ValueError("chat needs the model's name as the server knows it; give model")
        for name, choices in _CHOICES.items():
            if (chosen := getattr(self, name)) not in choices:
                raise ValueError(f"{name} is {' or '.join(choices)}, not {chosen}")
        for name, least in _RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > least:
                raise ValueError(f"{name} is out of range: {value}")
        self.url = server_url(self.base_url)
        self.manner = Manner(stream=bool(self.stream))
        self._check_extra()

    def _check_extra(self) -> None:
        if self.extra is None:
            return
        if not isinstance(self.extra, Mapping):
            raise ValueError("extra is an object of request fields")
        if taken := sorted(_OURS & set(self.extra)):
            raise ValueError(f"extra cannot hold {', '.join(taken)}; these are the policy's own")
        try:
            wire_text(dict(self.extra))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("extra is plain JSON data") from None
        if secrets := list(find_secrets(dict(self.extra))):
            raise ValueError(f"extra.{secrets[0]} looks like a secret; keys stay in the environment ({self.key_env})")

    @property
    def config(self) -> dict[str, Any]:
        """What decides the answers; where the server stands, and how patient we are with it, does not."""
        found: dict[str, Any] = {"model": self.model, "tools": self.tools, "seeded": self.seeded, "requests": self.requests}
        more = {"temperature": self.temperature, "top_p": self.top_p, "max_tokens": self.max_tokens, "extra": self.extra}
        found |= {name: value for name, value in more.items() if value is not None}
        found |= {"attached": self.attached} if self.attached != "turn" else {}
        return found | {name: True for name in ("strict", "tokens") if getattr(self, name)}

    @property
    def notes(self) -> list[str]:
        """What was adapted to the server, in words for people."""
        return self.manner.notes

    # -- the run ---------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Look whether the server is there, takes the key, serves the model. Raises `RunError` with the remedy."""
        await look(self)

    async def prepare_for(self, conversation: Conversation) -> None:
        """As `prepare`, with a first request that has the tools of the first task's conversation."""
        await look(self, conversation.tools)

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.loop is asyncio.get_running_loop():
            await connection.close()

    def connection(self) -> Connection:
        """The connection of the running event loop, opened when first asked for."""
        if self._connection is None or self._connection.loop is not asyncio.get_running_loop():
            self._connection = Connection(self.url, self.key_env)
        return self._connection

    def start(self, opening: Opening) -> ChatEpisode:
        """The policy of one episode."""
        return ChatEpisode(self)

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """One step without memory, for use outside a rollout."""
        return await ChatEpisode(self).act(conversation)

    # -- one request -----------------------------------------------------------------------------------

    def body(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], seed: int | None = None, most: int | None = None) -> bytes:
        """The body of a request, as it is sent; `most` tokens instead of `max_tokens` if given."""
        fields: dict[str, Any] = {"model": self.model}
        if self.tools == "text":
            fields["messages"] = as_plain_chat(messages, tools)
        else:
            fields["messages"] = wire_messages(messages, self.names(tools), "all" if self.manner.whole else self.attached)
        options: dict[str, Any] = {"temperature": self.temperature, "top_p": self.top_p, self.manner.limit: self.max_tokens}
        if self.manner.stream:
            options |= {"stream": True, "stream_options": {"include_usage": True} if self.manner.usage else None}
        options |= {"seed": seed if self.seeded else None, **({"logprobs": True, "return_token_ids": True} if self.tokens else {})}
        fields |= {name: value for name, value in (options | dict(self.extra or {})).items() if value is not None}
        if most is not None:  # under the name that this server takes
            fields["max_completion_tokens" if "max_completion_tokens" in fields else self.manner.limit] = most
        text = wire_text(fields)
        if tools and self.tools == "native":
            text = f'{text[:-1]},"tools":{self._spelled(tools)[1]}}}'
        return text.encode()

    def names(self, tools: Sequence[dict[str, Any]]) -> Names:
        """How the names of tools are spelled on the wire."""
        return self._spelled(tools)[0]

    def _spelled(self, tools: Sequence[dict[str, Any]]) -> tuple[Names, str]:
        for known, names, text in self._tool_sets:  # episodes of one world share their schemas, so this compares by identity
            if known == tools:
                return names, text
        names = Names([tool["function"]["name"] for tool in tools])
        text = wire_text(tools if names.plain and not self.strict else wire_tools(tools, names, self.strict))
        self._tool_sets = [*self._tool_sets[1 - _TOOL_SETS :], (list(tools), names, text)]
        return names, text

    async def complete(self, body: bytes, seconds: float | None = None) -> Completion:
        """One attempt at a completion. Raises `Fault`."""
        try:
            return read_completion(await self.connection().post(PATH, body, self.timeout if seconds is None else seconds))
        except NoCompletion as error:
            if error.status:
                raise status_fault(error.status, {}, error.body) from None
            raise Fault(f"the answer is no chat completion: {error}", "garbage") from None
        except Fault as fault:
            if fault.status == 400 and (failed := read_failed_call(fault.body)) is not None:
                return failed
            raise


class ChatEpisode:
    """One episode: its requests are counted, its tokens concatenated."""

    name = "chat"

    def __init__(self, policy: ChatPolicy) -> None:
        self._policy = policy
        self._sent = 0
        self._failed = 0
        self._ids: list[int] = []
        self._drifted = False

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """Ask the server for the next message.

        Raises `EndEpisode` (`context`, `requests`) and `InfrastructureError`.
        """
        policy, seed = self._policy, _seed(conversation)
        whole = policy.manner.whole or policy.attached != "turn" or not any(m.get("attached") for m in conversation.messages)
        body = policy.body(conversation.messages, conversation.tools, seed)

        async def attempt() -> Completion:
            nonlocal body, whole
            self._count()
            try:
                return await policy.complete(body)
            except Fault as fault:
                if not whole and policy.manner.wants_whole(fault, policy.url):
                    whole, body = True, policy.body(conversation.messages, conversation.tools, seed)
                    return await attempt()
                self._failed += 1
                raise

        message, prompt_ids = await persist(attempt, policy.retries, policy.backoff)
        if policy.tools == "text":
            message = _from_text(message)
        elif message.tool_calls and not (names := policy.names(conversation.tools)).plain:
            message = message._replace(tool_calls=tuple([call._replace(name=names.own(call.name)) for call in message.tool_calls]))
        return self._with_tokens(message, prompt_ids) if policy.tokens else message._replace(token_ids=None, logprobs=None)

    def _count(self) -> None:
        if self._sent >= self._policy.requests:
            if self._failed:
                raise InfrastructureError(f"{self._failed} of the {self._sent} requests that an episode may send failed")
            raise EndEpisode("requests", f"the episode sent {self._sent} requests, which is its limit")
        self._sent += 1

    def _with_tokens(self, message: AssistantMessage, prompt_ids: tuple[int, ...] | None) -> AssistantMessage:
        """Tokens are recorded as an episode's only while each prompt goes on exactly where the last message ended."""
        own, told = message.token_ids, message.logprobs
        if own is None or prompt_ids is None:
            self._drifted = True
            return message._replace(token_ids=None, logprobs=told)
        logprobs = told if told is not None and len(told) == len(own) else None
        known = len(self._ids)
        self._drifted = self._drifted or list(prompt_ids[:known]) != self._ids
        if self._drifted:
            return message._replace(logprobs=logprobs, extra={"drift": True})
        self._ids = [*prompt_ids, *own]
        return message._replace(logprobs=logprobs, context_ids=prompt_ids[known:])


def _from_text(message: AssistantMessage) -> AssistantMessage:
    read = read_text(message.content)
    reasoning = "\n".join([part for part in (message.reasoning, read.reasoning) if part])
    return message._replace(content=read.content, tool_calls=(*message.tool_calls, *read.tool_calls), reasoning=reasoning)


def _seed(conversation: Conversation) -> int:
    """A seed of 31 bits: equal for equal work, whatever the order of episodes."""
    text = f"{conversation.seed}:{conversation.task}:{conversation.trial}:{conversation.step}"
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) >> 1
