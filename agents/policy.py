"""The contract between a rollout and whoever decides: conversation in, next assistant message out.

    class Mine:
        name = "mine"
        async def act(self, conversation: Conversation) -> AssistantMessage: ...

One policy object serves many episodes at once. A policy that remembers things between steps gives each episode
an object of its own from the optional hook `start(opening)`. Laws: a conversation never holds gold, a world's
seed or a check; what a policy does to its conversation stays out of the record; whatever it answers is
understood or told back as an error, never raised. Not here: how callables become policies (`adapters.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..envs.errors import TurngymError, shorten
from ..envs.messages import Message, parse_action
from ..envs.task import Task
from ..envs.tool import ToolCall
from .secrets import without_secrets


class EndEpisode(Exception):
    """Raised by a policy to end its episode as `truncated`, for a reason that is no fault: `context`, `requests`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class InfrastructureError(TurngymError):
    """Raised by a policy when what it stands on failed (server, network, device): no verdict on the policy.

    Law: such an episode is recorded and counted apart, never as a failed task.
    """


@dataclass(slots=True)
class Conversation:
    """What a policy sees of its episode.

    Attributes:
        messages: in OpenAI chat form, growing; the policy's own copy, which it may shorten or rewrite.
        tools: OpenAI tool schemas visible now; shared between episodes, so read and do not write.
        task, env: the ids. turn: index of the user turn. step: assistant messages so far. trial, seed: as run.
    """

    task: str
    env: str
    trial: int = 0
    seed: int = 0
    turn: int = 0
    step: int = 0
    messages: list[Message] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)


class AssistantMessage(NamedTuple):
    """What a policy says and calls. A message without calls ends the turn.

    Attributes:
        content: what the user hears. tool_calls: arguments as the raw text emitted. reasoning: kept apart.
        token_ids, logprobs: of this message exactly as sampled. context_ids: the tokens that stand between the
            previous message's and these, so that the episode is the concatenation of all and never re-tokenised.
        usage: counts such as `prompt_tokens`, `completion_tokens`. finish_reason: as the engine gave it.
        extra: anything else worth recording, as plain JSON data.
        attached: fields of the server's own, of the message and (as `tool_calls`, call by call) of its calls, which it wants
            back as they came; null stands for the reasoning.
    """

    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    context_ids: tuple[int, ...] | None = None
    usage: Mapping[str, int] | None = None
    finish_reason: str = ""
    extra: Mapping[str, Any] | None = None
    attached: Mapping[str, Any] | None = None


class Opening(NamedTuple):
    """What a policy is told before an episode; `task` only where it has `sees_task = True` (the oracle)."""

    task_id: str
    env: str
    worlds: tuple[str, ...]
    trial: int
    seed: int
    task: Task | None = None


@runtime_checkable
class Policy(Protocol):
    """Decides. Optional beside these:

    - `config`: plain JSON data that tells it from its like; no keys or secrets. `sees_task`: as in `Opening`.
    - `start(opening) -> Policy`: gives the policy for one episode.
    - `async prepare()`: called once before the first task of a run, in its event loop. Raises `RunError`, with the
      remedy, if no episode could ever work (no server, a wrong key or model name); the run then never starts.
    - `async prepare_for(conversation)`: called instead of `prepare` where the first task of a run is known, with the
      conversation in which it begins (its messages and tools).
    - `notes`: a list of what it adapted itself to, in words for people; told once by a run.
    - `async close()`: called once when a run ends, however it ends; `prepare` may be called again after it.
    - `spec`: a `PolicySpec`, set by `make_policy`, from which other processes make it again.
    """

    name: str

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The next assistant message."""
        ...


class PolicySpec(NamedTuple):
    """How a policy (or a user) was made by name: enough to make it again in another process."""

    name: str
    options: dict[str, Any]


class Named(Protocol):
    """Whatever has a name, and perhaps a `config`: a policy, a user."""

    name: str


def policy_record(policy: Named) -> dict[str, Any]:
    """Name, config and hash of a policy (or a user), as plain JSON data. Secrets in the config are left out."""
    config = without_secrets(dict(getattr(policy, "config", None) or {}))
    body = json.dumps({"name": policy.name, "config": config}, sort_keys=True, default=str)
    return {"name": policy.name, "config": json.loads(body)["config"], "hash": blake2b(body.encode(), digest_size=6).hexdigest()}


# -- understanding ----------------------------------------------------------------------------------------


def understand(answer: Any) -> AssistantMessage:
    """Whatever a policy answered, as an `AssistantMessage` with text in every place of text; never raises.

    Takes every form of an action (`envs/messages.py`) and OpenAI assistant messages with `reasoning_content`.
    """
    if isinstance(answer, AssistantMessage):
        message = answer
        content, calls, wrong = parse_action({"content": answer.content, "tool_calls": answer.tool_calls})
    else:
        content, calls, wrong = parse_action((answer,) if isinstance(answer, ToolCall) else answer)
        reasoning = answer.get("reasoning_content", answer.get("reasoning", "")) if isinstance(answer, Mapping) else ""
        message = AssistantMessage(reasoning=reasoning)
    if wrong:  # answered like a call that no tool understands
        content, calls = "", (ToolCall("", json.dumps({"action": wrong})),)
    return message._replace(
        content=joined(content),
        tool_calls=tuple([_textual(call) for call in calls]),
        reasoning=joined(message.reasoning),
        finish_reason=joined(message.finish_reason),
    )


def joined(text: Any) -> str:
    """Text whose surrogate pairs are joined, so that it comes back from JSON as it went in; "" for no text.

    Lone surrogates stay: the record keeps what was emitted, and the tool's door refuses it.
    """
    if not isinstance(text, str):
        return ""
    plain = str(text)
    if plain.isascii():
        return plain
    try:
        plain.encode()
    except UnicodeEncodeError:
        return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return plain


def _textual(call: ToolCall) -> ToolCall:
    arguments = call.arguments
    if type(arguments) is not str:
        try:
            arguments = json.dumps(arguments, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):  # no JSON: the tool will say so
            arguments = shorten(f"not JSON: {type(call.arguments).__name__}")
    name, raw, identity = joined(call.name), joined(arguments), joined(call.id)
    return ToolCall(name, raw, identity)
