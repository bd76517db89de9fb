"""The four agents as protocols, and their template implementations: deterministic, seeded, no model.

Tooling writes the brief of a round (T_adv and what the user must say), Querying writes the user's message from
the brief alone, Reasoning answers step by step, Critiquing turns a failed attempt into a hint. Another
implementation of a role (a chat model, say) only has to keep its protocol. All are asynchronous, so that many
samples can be under way while models think.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, Protocol

from ..envs.messages import Message, failure_of
from ..envs.task import GoldCall
from ..envs.tool import Tool, ToolCall
from .aim import PLAIN, Aim
from .brief import Brief, make_brief
from .phrasing import Style
from .plan import PlannedCall, Round
from .query import Persona, Query, write_query
from .reasoning import Reasoner


class NoAnswer(Exception):
    """Raised by a role that has nothing usable to say, after as many tries as it gives itself."""


class Thought(NamedTuple):
    """One assistant message of a reasoner: its trace, its words, its calls."""

    reasoning: str
    content: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(slots=True)
class Scene:
    """A conversation as the roles share it: rounds so far, what the user said, how this persona writes."""

    persona: Persona
    style: Style
    strength: int
    rounds: list[Round] = field(default_factory=list)
    said: str = ""


@dataclass(slots=True)
class Prompt:
    """What a reasoner gets for a round: the advanced tool's description as the first hint, then critiques.

    `plan` and `aim` are for template reasoners alone, which are told what to do; models never see them. `tools` are the
    primitive ones.
    """

    hint: str
    critiques: list[str] = field(default_factory=list)
    plan: Round | None = None
    aim: Aim = PLAIN
    tools: Mapping[str, Tool] = field(default_factory=dict)


class Tooling(Protocol):
    """Sees the round, writes the brief."""

    async def brief(self, round_: Round, scene: Scene, rng: Random) -> Brief: ...


class Querying(Protocol):
    """Sees the brief alone, writes the user's message."""

    async def write(self, brief: Brief, scene: Scene, rng: Random) -> Query: ...


class Reasoning(Protocol):
    """Answers a user message step by step: thoughts with calls until one without."""

    async def think(self, messages: Sequence[Message], brief: Brief, prompt: Prompt, scene: Scene, rng: Random) -> Thought: ...


class Critiquing(Protocol):
    """Says what went wrong with an attempt, without giving internal values away."""

    async def hint(self, why: str, attempt: Sequence[ToolCall], gold: Sequence[GoldCall], said: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Roles:
    """One agent per role. `watch`, if any, is told every chain: the round's turn, and all its attempts."""

    tooling: Tooling
    querying: Querying
    reasoning: Reasoning
    critiquing: Critiquing
    watch: Callable[[int, Sequence[Any]], None] | None = None


class Session(Protocol):
    """The roles of one candidate, and what they used: `usage` is role -> counts, `attempts` counts failed ones by kind.

    `exchanges` holds everything that was said and answered, one plain JSON record each, with an `id`.
    """

    roles: Roles
    attempts: Counter[str]
    exchanges: list[dict[str, Any]]

    @property
    def usage(self) -> dict[str, dict[str, int]]: ...


class Cast(Protocol):
    """Roles that are begun anew for each candidate, since they cost something and depend on more than chance.

    Attributes:
        config: plain JSON data that decides what they say. candidates: most that an index gets. ahead: indices that are
            under way at once. prices: role -> money for a million (prompt, completion) tokens. keep_exchanges: whether
            what was said is kept in the run.
    """

    candidates: int
    ahead: int
    prices: dict[str, tuple[float, float]]
    keep_exchanges: bool

    @property
    def config(self) -> dict[str, Any]: ...

    def begin(self, index: int, attempt: int, name: str, env: str = "") -> Session: ...

    async def prepare(self) -> None: ...

    async def close(self) -> None: ...


class TemplateTooling:
    """Writes briefs from docstrings, phrases and types."""

    async def brief(self, round_: Round, scene: Scene, rng: Random) -> Brief:
        """The brief of a round."""
        return make_brief(round_, scene.rounds, scene.said, scene.style, rng)


class TemplateQuerying:
    """Writes queries with persona and noise."""

    async def write(self, brief: Brief, scene: Scene, rng: Random) -> Query:
        """The user's message."""
        return write_query(brief, rng, scene.strength, scene.persona, scene.style)


class TemplateReasoning:
    """Follows the plan it is told, one call a message (now and then independent calls together)."""

    parallel = 0.15

    async def think(self, messages: Sequence[Message], brief: Brief, prompt: Prompt, scene: Scene, rng: Random) -> Thought:
        """The next thought: the calls that come next, or the reply."""
        assert prompt.plan is not None, "a template reasoner needs the plan"
        aim, calls = prompt.aim, prompt.plan.calls
        since = _results_since_user(messages)
        failures = {message["name"]: failure for message in since if (failure := failure_of(message))}
        made = {message["tool_call_id"] for message in since}
        well = {message["tool_call_id"] for message in since if failure_of(message) is None} if failures else made
        writer = Reasoner(prompt.plan, scene.rounds, brief, scene.style, rng)
        left = [index for index, call in enumerate(calls) if call.id not in well]
        if not left:
            return Thought(aim.thought or writer.closing(), aim.reply or writer.reply())
        done, call = left[0], calls[left[0]]
        if slip := next((slip for slip in aim.slips if slip.before == done and slip.call.id not in made), None):
            return Thought(f"{slip.thought} {writer.sources_of(slip.call)}".strip(), "", (slip.call,))
        if failures and (call.name in failures or failure_of(since[-1])):
            tool = call.name if call.name in failures else since[-1]["name"]
            return Thought(writer.after_failure(done, tool, *failures[tool]), "", (_call(call),))
        batch = [call]
        if rng.random() < self.parallel:
            for later in calls[done + 1 :]:
                if later.id in well or set(later.after) & {c.id for c in batch} or later.writes or batch[-1].writes:
                    break
                batch.append(later)
        return Thought(writer.before(done), "", tuple(_call(call) for call in batch))


class TemplateCritiquing:
    """Repeats what validation found, which names no internal value."""

    async def hint(self, why: str, attempt: Sequence[ToolCall], gold: Sequence[GoldCall], said: str) -> str:
        """One sentence for the next prompt."""
        return f"The previous attempt was not right: {why}."


def template_roles() -> Roles:
    """The embedded default: no model, no key, no network."""
    return Roles(TemplateTooling(), TemplateQuerying(), TemplateReasoning(), TemplateCritiquing())


def _call(call: PlannedCall) -> ToolCall:
    return ToolCall(call.name, json.dumps(call.arguments, ensure_ascii=False), call.id)


def _results_since_user(messages: Sequence[Message]) -> list[Message]:
    found: list[Message] = []
    for message in reversed(messages):
        if message["role"] == "user":
            break
        if message["role"] == "tool":
            found.insert(0, message)
    return found


def assistant_message(thought: Thought) -> dict[str, Any]:
    """A thought as a chat message."""
    message: dict[str, Any] = {"role": "assistant", "content": thought.content}
    if thought.reasoning:
        message["reasoning_content"] = thought.reasoning
    if thought.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in thought.calls
        ]
    return message
