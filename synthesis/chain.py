"""Phase III: the guided iterative chain (FunReason-MT, arXiv 2510.24645; K_max from arXiv 2601.01498).

(CoT_k, FC_k) = Reasoner(history, Q, primitive tools, Prompt_k); Validate(FC_k, gold); on failure Prompt_{k+1} =
Prompt_k + Critic's hint; the first pass with k <= K_max = 3 is kept. Prompt_1 carries the advanced tool's
description; no hint is ever part of what is stored for training. Laws: calls execute step by step and their
results feed back; a call that needs a value not yet seen is rejected; a hint that gives an internal value away
is refused, asked for once more, then replaced by a template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from ..envs.messages import Message, tool_message, user_message
from ..envs.task import GoldCall
from ..envs.told import mentions
from ..envs.tool import ToolCall
from .brief import Brief
from .plan import Round
from .query import Query
from .roles import Prompt, Roles, Scene, TemplateCritiquing, Thought, assistant_message
from .validate import Mode, literal_arguments, unseen_value, validate

K_MAX = 3
MAX_STEPS = 24
_TELLTALE = re.compile(
    r"\b(hint|critic|critique|gold (answer|call|calls|standard)|ground truth|reference (answer|solution|calls)|previous attempt)\b",
    re.IGNORECASE,
)


class Attempt(NamedTuple):
    """One pass of the chain: its number from 1, why it failed ("" if it passed), and its calls."""

    k: int
    why: str
    calls: tuple[ToolCall, ...]
    hint: str = ""


class Chain(NamedTuple):
    """The outcome: the messages that answer the user (empty if every attempt failed), and all attempts."""

    messages: tuple[Message, ...]
    attempts: tuple[Attempt, ...]
    fingerprints: tuple[str, ...]


async def guided_chain(
    history: Sequence[Message], query: Query, round_: Round, brief: Brief, scene: Scene, roles: Roles, rng: Random, *,
    k_max: int = K_MAX, mode: Mode = "strict",
) -> Chain:  # fmt: skip
    """Answer a query with guidance until an attempt validates, at most `k_max` times."""
    gold = [call.gold() for call in round_.calls]
    prompt = Prompt(brief.tool.description, plan=round_)
    attempts: list[Attempt] = []
    for k in range(1, k_max + 1):
        messages, calls, prints, why = await _attempt([*history, user_message(query.text)], round_, brief, prompt, scene, roles, rng)
        why = why or validate(round_, gold, calls, mode) or check_reasoning(messages)
        if not why:
            return Chain(tuple(messages), (*attempts, Attempt(k, "", tuple(calls))), tuple(prints))
        hint = "" if k == k_max else await _safe_hint(roles, why, calls, gold, round_, scene, query)
        attempts.append(Attempt(k, why, tuple(calls), hint))
        prompt.critiques.append(hint)
    return Chain((), tuple(attempts), ())


async def _attempt(
    messages: list[Message], round_: Round, brief: Brief, prompt: Prompt, scene: Scene, roles: Roles, rng: Random
) -> tuple[list[Message], list[ToolCall], list[str], str]:
    worlds = round_.before.fork()
    made: list[Message] = []
    calls: list[ToolCall] = []
    prints: list[str] = []
    said = f"{scene.said}\n{messages[-1]['content']}"
    shown: list[Any] = [call.value for r in scene.rounds for call in r.calls]
    for _ in range(MAX_STEPS):
        thought: Thought = await roles.reasoning.think([*messages, *made], brief, prompt, scene, rng)
        made.append(assistant_message(thought))
        if not thought.calls:
            return made, calls, prints, ""
        fresh: list[Any] = []
        for call in thought.calls:
            calls.append(call)
            if why := _unseen(worlds.tools, call, said, shown):
                return made, calls, prints, why
            result = worlds.call(call.name, call.arguments)
            prints.append(worlds.fingerprint())
            made.append(tool_message(call, result))
            if result.error is None:
                fresh.append(result.value)
        shown += fresh
    return made, calls, prints, f"no reply after {MAX_STEPS} messages"


def _unseen(tools: Any, call: ToolCall, said: str, shown: Sequence[Any]) -> str:
    arguments = literal_arguments(call.arguments)
    if call.name not in tools or arguments is None:
        return ""  # the world answers these with an error of its own
    name = unseen_value(tools[call.name], arguments, said, shown)
    return f"unseen_value: {call.name} uses a value for {name} that nobody has said or shown yet" if name else ""


async def _safe_hint(
    roles: Roles, why: str, calls: Sequence[ToolCall], gold: Sequence[GoldCall], round_: Round, scene: Scene, query: Query
) -> str:
    said = f"{scene.said}\n{query.text}"
    for _ in range(2):
        hint = await roles.critiquing.hint(why, calls, gold, said)
        if not leaking(hint, round_, scene):
            return hint
    return await TemplateCritiquing().hint(why, calls, gold, said)


def leaking(hint: str, round_: Round, scene: Scene) -> bool:
    """Whether a hint contains an internal value of the round that the history does not show."""
    shown = {value for r in scene.rounds for call in r.calls for value in call.internal()}
    return any(value not in shown and mentions(hint, value) for call in round_.calls for value in call.internal())


def check_reasoning(messages: Sequence[Message]) -> str:
    """Why a trace cannot be stored ("" if it can): it speaks of hints, critics or a reference solution."""
    for message in messages:
        if (found := _TELLTALE.search(message.get("reasoning_content") or "")) is not None:
            return f"the reasoning speaks of {found[0]!r}"
    return ""
