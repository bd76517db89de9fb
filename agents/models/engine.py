"""Policies on engines in this process: prompts built by concatenating token ids, never by tokenising twice.

An `Engine` continues token ids; `EnginePolicy` makes an episode of it: the chat template gives the tokens that stand
between two messages of the model, the engine samples the next message, its parsers tell calls, reasoning and content
apart. Laws: the tokens of an episode, as recorded, are exactly those that the engine was given and sampled; what the
model emits is never evaluated. Not here: how templates are split (`prompting.py`), engines (`small.py`, `vllm.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..policy import AssistantMessage


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
