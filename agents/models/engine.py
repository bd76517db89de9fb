"""Policies on engines in this process: prompts built by concatenating token ids, never by tokenising twice.

An `Engine` continues token ids; `EnginePolicy` makes an episode of it: the chat template gives the tokens that stand
between two messages of the model, the engine samples the next message, its parsers tell calls, reasoning and content
apart. Laws: the tokens of an episode, as recorded, are exactly those that the engine was given and sampled; a draw is
decided by seed, task, trial and step alone; what the model emits is never evaluated. Not here: how templates are split
(`prompting.py`), engines (`small.py`, `vllm.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from ...envs.errors import RunError
from ..policy import AssistantMessage, Conversation, EndEpisode, Opening
from .prompting import ChatTemplate


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an engine samples.

    Attributes:
        temperature: 0 is greedy. top_p, top_k: as usual; 1 and 0 switch them off. max_tokens: of one message.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.top_k < 0 or self.max_tokens < 1:
            raise RunError(
                f"no way to sample: temperature {self.temperature}, top_p {self.top_p}, top_k {self.top_k}, max_tokens {self.max_tokens};"
                " give temperature >= 0, 0 < top_p <= 1, top_k >= 0, max_tokens >= 1"
            )


class Generation(NamedTuple):
    """What an engine sampled: `token_ids` with the end token if it was sampled, their `logprobs` (natural, one each),
    and `finish_reason`: `stop` (an end token) or `length`."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: str


class Engine(Protocol):
    """Continues token ids. One engine serves many episodes at once and batches them as it can.

    Attributes:
        tokenizer: the Hugging Face tokenizer, once open. context: most tokens of prompt and message together.
        config: plain JSON data that tells it from its like.
    """

    tokenizer: Any
    context: int
    config: dict[str, Any]

    async def open(self) -> None:
        """Load the model; called again, does nothing. Raises `RunError` with the remedy if it cannot be loaded."""
        ...

    async def close(self) -> None:
        """Give back what `open` took; safe to call twice."""
        ...

    async def generate(self, prompt: Sequence[int], sampling: Sampling, seed: int, tools: Sequence[dict[str, Any]]) -> Generation:
        """Continue `prompt` (token ids) until an end token or `sampling.max_tokens`.

        Args:
            seed: of this draw: equal seeds on equal prompts give equal tokens. tools: OpenAI schemas that calls have
                to fit; empty if nothing constrains what is sampled. Raises `InfrastructureError` if the engine fails.
        """
        ...

    def parse(self, text: str, tools: Sequence[dict[str, Any]]) -> AssistantMessage:
        """Calls, reasoning and content of a sampled text; never raises, never evaluates."""
        ...


_PLAIN = Sampling()


class EnginePolicy:
    """A policy on an engine, with token ids, logprobs and context ids of every message.

    Args:
        engine: not yet open; `prepare` opens it. name: for records. sampling: how messages are sampled.
        template: options that the model's chat template knows (`{"enable_thinking": False}`).
    """

    def __init__(
        self, engine: Engine, name: str = "engine", sampling: Sampling = _PLAIN, template: Mapping[str, Any] | None = None
    ) -> None:
        self.engine = engine
        self.name = name
        self.sampling = sampling
        self._options = dict(template or {})
        self._template: ChatTemplate | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What decides the answers."""
        chosen = {"template": self._options} if self._options else {}
        return {**self.engine.config, **asdict(self.sampling), **chosen}

    async def prepare(self) -> None:
        """Open the engine and check the chat template. Raises `RunError` with the remedy."""
        await self.engine.open()
        try:
            self._template = ChatTemplate(self.engine.tokenizer, self._options, str(self.engine.config.get("model", self.name)))
        except RunError:
            await self.engine.close()
            raise

    async def close(self) -> None:
        """Give the engine back."""
        self._template = None
        await self.engine.close()

    def start(self, opening: Opening) -> EpisodeTokens:
        """What speaks in one episode, and keeps its tokens."""
        return EpisodeTokens(self)

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """One message by itself, its prompt rendered whole; episodes go through `start`."""
        return await EpisodeTokens(self).act(conversation)

    async def template(self) -> ChatTemplate:
        """The chat template, once the engine is open."""
        if self._template is None:
            await self.prepare()
        assert self._template is not None
        return self._template


class EpisodeTokens:
    """One episode on an engine: all its tokens so far, growing by concatenation alone.

    Attributes:
        ids: what the engine was given and sampled, in order.
    """

    def __init__(self, policy: EnginePolicy) -> None:
        self.name = policy.name
        self.ids: list[int] = []
        self._policy = policy
        self._seen = 0  # messages whose tokens stand in `ids`, before the model's own last one
        self._end: int | None = None  # the end token of that one, if it was sampled
        self._tools: list[dict[str, Any]] = []

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """Sample the next message. Raises `EndEpisode("context")` where no room is left for one."""
        template, engine, sampling = await self._policy.template(), self._policy.engine, self._policy.sampling
        tools = conversation.tools
        context = self._context(template, conversation)
        prompt = [*self.ids, *context]
        room = engine.context - len(prompt)
        if room < 2:
            raise EndEpisode("context", f"{len(prompt)} tokens, and the engine takes {engine.context}")
        made = await engine.generate(prompt, replace(sampling, max_tokens=min(sampling.max_tokens, room)), draw_seed(conversation), tools)
        ended = made.finish_reason == "stop" and len(made.token_ids) > 0
        text = engine.tokenizer.decode(
            list(made.token_ids[:-1] if ended else made.token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        if not self.ids or any(message["role"] == "user" for message in conversation.messages[self._seen + 1 :]):
            self._tools = tools  # shown by the template, or announced to the user's message
        self.ids = [*prompt, *made.token_ids]
        self._seen = len(conversation.messages)
        self._end = made.token_ids[-1] if ended else None
        return engine.parse(text, tools)._replace(
            token_ids=tuple(made.token_ids),
            logprobs=tuple(made.logprobs),
            context_ids=tuple(context),
            usage={"prompt_tokens": len(prompt), "completion_tokens": len(made.token_ids)},
            finish_reason=made.finish_reason,
        )

    def _context(self, template: ChatTemplate, conversation: Conversation) -> list[int]:
        messages = conversation.messages
        if not self.ids:
            return template.opening(messages, conversation.tools)
        own = messages[self._seen] if len(messages) > self._seen else {}
        if own.get("role") != "assistant" or any(message["role"] == "assistant" for message in messages[self._seen + 1 :]):
            raise RunError("the conversation was rewritten between two messages of the engine; its tokens can only be added to")
        return template.following(own, messages[self._seen + 1 :], self._end, (self._tools, conversation.tools))


def draw_seed(conversation: Conversation) -> int:
    """The seed of a draw, 0 to 2**63 - 1: equal for equal seed, task, trial and step, in every process."""
    place = f"{conversation.seed}\0{conversation.task}\0{conversation.trial}\0{conversation.step}"
    return int.from_bytes(blake2b(place.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1
