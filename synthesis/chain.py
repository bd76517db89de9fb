"""Phase III: the guided iterative chain (FunReason-MT, arXiv 2510.24645; K_max from arXiv 2601.01498).

(CoT_k, FC_k) = Reasoner(history, Q, primitive tools, Prompt_k); Validate(FC_k, gold); on failure Prompt_{k+1} =
Prompt_k + Critic's hint; the first pass with k <= K_max = 3 is kept. Prompt_1 carries the advanced tool's
description; no hint is ever part of what is stored for training. Laws: calls execute step by step and their
results feed back; a call that needs a value not yet seen is rejected; a hint that gives an internal value away
is refused, asked for once more, then replaced by a template; every attempt is kept. What an accepted attempt
calls bears the ids of gold, so that sources stay what they are; further reads (mode `state`) are named as such.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from ..envs.messages import Message, tool_message, user_message
from ..envs.task import GoldCall
from ..envs.told import mentions, normalise
from ..envs.tool import ToolCall
from .brief import Brief
from .plan import Round
from .query import Query
from .roles import NoAnswer, Prompt, Roles, Scene, TemplateCritiquing, Thought, assistant_message
from .validate import Mode, literal_arguments, places_of, unseen_value, validate

K_MAX = 3
MAX_STEPS = 24
_TELLTALE = re.compile(
    r"\b(hint|critic|critique|gold (answer|call|calls|standard)|ground truth|reference (answer|solution|calls)|previous attempt)\b",
    re.IGNORECASE,
)


class Attempt(NamedTuple):
    """One pass of the chain: its number from 1, why it failed ("" if it passed), its calls, the hint that it earned.

    `extra` are the ids of its calls that gold does not have, all reads.
    """

    k: int
    why: str
    calls: tuple[ToolCall, ...]
    hint: str = ""
    extra: tuple[str, ...] = ()


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
    prompt = Prompt(brief.tool.description, plan=round_, tools=round_.before.tools)
    attempts: list[Attempt] = []
    found = Chain((), (), ())
    for k in range(1, k_max + 1):
        messages, calls, prints, why = await _attempt([*history, user_message(query.text)], round_, brief, prompt, scene, roles, rng)
        why = why or validate(round_, gold, calls, mode) or check_reasoning(messages) or _check_words(messages, brief, prompt)
        if not why:
            messages, extra = _settled(messages, gold, calls, round_)
            found = Chain(tuple(messages), (), tuple(prints))
            attempts.append(Attempt(k, "", tuple(calls), extra=extra))
            break
        hint = "" if k == k_max else await _safe_hint(roles, why, calls, gold, round_, scene, query)
        attempts.append(Attempt(k, why, tuple(calls), hint))
        prompt.critiques.append(hint)
    if roles.watch is not None:
        roles.watch(round_.turn, attempts)
    return found._replace(attempts=tuple(attempts))


def _settled(
    messages: list[Message], gold: Sequence[GoldCall], calls: Sequence[ToolCall], round_: Round
) -> tuple[list[Message], tuple[str, ...]]:
    """The messages with gold's ids on their calls, and the ids of the calls that gold does not have."""
    places = places_of(gold, calls, round_.before.tools)
    ids = [identity or f"t{round_.turn}x{number}" for number, identity in enumerate(places)]
    extra = tuple([identity for identity, place in zip(ids, places, strict=True) if not place])
    if ids == [call.id for call in calls]:
        return messages, extra
    asked, answered, made = iter(ids), iter(ids), list[Message]()
    for message in messages:
        if message["role"] == "tool":
            message = {**message, "tool_call_id": next(answered)}
        elif message.get("tool_calls"):
            message = {**message, "tool_calls": [{**item, "id": next(asked)} for item in message["tool_calls"]]}
        made.append(message)
    return made, extra


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
        try:
            thought: Thought = await roles.reasoning.think([*messages, *made], brief, prompt, scene, rng)
        except NoAnswer as error:
            return made, calls, prints, f"no usable message: {error}"
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
    asked = why
    for _ in range(2):
        try:
            hint = await roles.critiquing.hint(asked, calls, gold, said)
        except NoAnswer:
            break
        if not leaking(hint, round_, scene, said):
            return hint
        asked = f"{why} (a first hint was refused since it gave an internal value away: say where to look, never what is there)"
    return await TemplateCritiquing().hint(why, calls, gold, said)


def leaking(hint: str, round_: Round, scene: Scene, said: str = "") -> bool:
    """Whether a hint gives a value of the round away that neither the history nor the user (`said`) shows.

    Such are the internal ids in its results, and every argument that comes from a result. Ids are found in any
    spacing and case.
    """
    earlier = [call for r in scene.rounds for call in r.calls]
    ids_shown = {value for call in earlier for value in call.internal()}
    ids = {value for call in round_.calls for value in call.internal()} - ids_shown
    squeezed = _squeeze(hint)
    if any(mentions(hint, value) or (len(_squeeze(value)) > 4 and _squeeze(value) in squeezed) for value in ids):
        return True
    shown = ids_shown | {str(item.value) for call in earlier for item in call.seen}
    flowing = {
        str(bound.value) for call in round_.calls for bound in call.bound.values()
        if bound.kind == "output" and isinstance(bound.value, (str, int, float)) and len(str(bound.value)) > 2 and bound.value is not True
    }  # fmt: skip
    return any(mentions(hint, value) and not mentions(said, value) for value in flowing - shown - {"False"})


def _squeeze(text: str) -> str:
    return "".join([sign for sign in text.casefold() if sign.isalnum()])


def check_reasoning(messages: Sequence[Message]) -> str:
    """Why a trace cannot be stored ("" if it can): it speaks of hints, critics or a reference solution."""
    for message in messages:
        if (found := _TELLTALE.search(message.get("reasoning_content") or "")) is not None:
            return f"the reasoning speaks of {found[0]!r}"
    return ""


def _check_words(messages: Sequence[Message], brief: Brief, prompt: Prompt) -> str:
    """Why what the assistant says cannot be stored ("" if it can): it speaks of guidance, or the reply lacks an answer."""
    heard = "\n".join([message["content"] for message in messages if message["role"] == "tool"])
    own = [message for message in messages if message["role"] == "assistant"]
    for message in own:
        for found in _TELLTALE.finditer(message["content"]):
            if found[0] not in heard:
                return f"the answer speaks of {found[0]!r}"
    if prompt.critiques:
        words = normalise("\n".join([f"{m.get('reasoning_content') or ''}\n{m['content']}" for m in own]))
        if any(len(hint) > 20 and normalise(hint) in words for hint in prompt.critiques):
            return "the answer repeats a hint"
    reply = own[-1]["content"]
    for answer in brief.answers:
        for label, values in zip(answer.labels, answer.values, strict=True):
            if not all(mentions(reply, value) for value in values):
                return f"the reply does not tell {label}"
    return ""
