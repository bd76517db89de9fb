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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from ..envs.faults import Faults
from ..envs.messages import Message, tool_message, user_message
from ..envs.spoken import spoken
from ..envs.task import GoldCall
from ..envs.told import mentions, normalise, says
from ..envs.tool import ToolCall
from .aim import PLAIN, Aim
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
_TELLING = ("hint", "criti", "gold ", "ground", "reference", "previous")  # one of these stands in each


class Attempt(NamedTuple):
    """One pass of the chain: its number from 1, why it failed ("" if it passed), its calls, the hint that it earned.

    `extra` are the ids of its calls that gold does not have, all reads or failures; `slips` those of them that were the
    assistant's own mistakes.
    """

    k: int
    why: str
    calls: tuple[ToolCall, ...]
    hint: str = ""
    extra: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """As plain JSON data, without the calls."""
        more = {"extra": list(self.extra), "slips": list(self.slips)}
        return {"k": self.k, "why": self.why, "hint": self.hint, **{name: ids for name, ids in more.items() if ids}}


class Chain(NamedTuple):
    """The outcome: the messages that answer the user (empty if every attempt failed), and all attempts."""

    messages: tuple[Message, ...]
    attempts: tuple[Attempt, ...]
    fingerprints: tuple[str, ...]


async def guided_chain(
    history: Sequence[Message], query: Query, round_: Round, brief: Brief, scene: Scene, roles: Roles, rng: Random, *,
    k_max: int = K_MAX, mode: Mode = "strict", aim: Aim = PLAIN,
) -> Chain:  # fmt: skip
    """Answer a query with guidance until an attempt validates, at most `k_max` times. `aim`: what else it is to come to."""
    gold = [call.gold() for call in round_.calls]
    tools = {name: tool for name, tool in round_.before.tools.items() if name not in aim.hidden}
    prompt = Prompt(aim.hint or brief.tool.description, plan=round_, aim=aim, tools=tools)
    attempts: list[Attempt] = []
    found = Chain((), (), ())
    for k in range(1, k_max + 1):
        tried = await _attempt([*history, user_message(query.text)], round_, brief, prompt, scene, roles, rng)
        calls = tuple(tried.calls)
        why = tried.why or validate(round_, gold, tried.lasting(aim), mode) or check_reasoning(tried.messages)
        why = why or _check_words(tried.messages, brief, prompt)
        if not why:
            found = Chain(tuple(tried.settle(gold, round_, aim)), (), tuple(tried.prints))
            attempts.append(Attempt(k, "", calls, extra=tried.extra, slips=tried.slips))
            break
        hint = "" if k == k_max else await _safe_hint(roles, why, calls, gold, round_, scene, query)
        attempts.append(Attempt(k, why, calls, hint))
        prompt.critiques.append(hint)
    if roles.watch is not None:
        roles.watch(round_.turn, attempts)
    return found._replace(attempts=tuple(attempts))


@dataclass(slots=True)
class _Tried:
    """One attempt: its messages, calls and fingerprints, per call how it failed ("", `fault`, `slip`), and why it ended."""

    messages: list[Message] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    prints: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    why: str = ""
    extra: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()

    def lasting(self, aim: Aim) -> list[ToolCall]:
        """The calls that count: where things are meant to go wrong, those that went through."""
        return [call for call, how in zip(self.calls, self.failed, strict=True) if not (how and aim.troubled)]

    def settle(self, gold: Sequence[GoldCall], round_: Round, aim: Aim) -> list[Message]:
        """The messages with gold's ids on their calls; names those that gold does not have."""
        lasting = self.lasting(aim)
        found = iter(places_of(gold, lasting, round_.before.tools))
        places = ["" if how and aim.troubled else next(found) for how in self.failed]
        ids = [identity or f"t{round_.turn}x{number}" for number, identity in enumerate(places)]
        self.extra = tuple([identity for identity, place in zip(ids, places, strict=True) if not place])
        self.slips = tuple([identity for identity, how in zip(ids, self.failed, strict=True) if how == "slip"])
        if ids == [call.id for call in self.calls]:
            return self.messages
        asked, answered, made = iter(ids), iter(ids), list[Message]()
        for message in self.messages:
            if message["role"] == "tool":
                message = {**message, "tool_call_id": next(answered)}
            elif message.get("tool_calls"):
                message = {**message, "tool_calls": [{**item, "id": next(asked)} for item in message["tool_calls"]]}
            made.append(message)
        return made


async def _attempt(messages: list[Message], round_: Round, brief: Brief, prompt: Prompt, scene: Scene, roles: Roles, rng: Random) -> _Tried:
    worlds, faults = round_.before.fork(), Faults(prompt.aim.faults)
    tried = _Tried()
    said = f"{scene.said}\n{messages[-1]['content']}"
    shown: list[Any] = [call.value for r in scene.rounds for call in r.calls]
    drawn = {call.result.text: call.value for call in round_.calls}  # read already
    for _ in range(MAX_STEPS):
        try:
            thought: Thought = await roles.reasoning.think([*messages, *tried.messages], brief, prompt, scene, rng)
        except NoAnswer as error:
            tried.why = f"no usable message: {error}"
            return tried
        tried.messages.append(assistant_message(thought))
        if not thought.calls:
            return tried
        fresh: list[Any] = []
        for call in thought.calls:
            tried.calls.append(call)
            tried.failed.append("")
            tried.why = _unseen(worlds.tools, call, said, shown) or (
                f"there is no {call.name} now" if call.name in prompt.aim.hidden else ""
            )
            if tried.why:
                return tried
            struck = faults.strike(call)
            result = struck or worlds.call(call.name, call.arguments)
            tried.prints.append(worlds.fingerprint())
            tried.messages.append(tool_message(call, result))
            if result.error is None:
                read = drawn.get(result.text)
                fresh.append(result.value if read is None else read)
            else:
                tried.failed[-1] = "slip" if struck is None else "fault"
        shown += fresh
    tried.why = f"no reply after {MAX_STEPS} messages"
    return tried


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
    if any(says(hint, value) or (len(_squeeze(value)) > 4 and _squeeze(value) in squeezed) for value in ids):
        return True
    shown = ids_shown | {str(item.value) for call in earlier for item in call.seen}
    flowing = {
        str(bound.value) for call in round_.calls for bound in call.bound.values()
        if bound.kind == "output" and isinstance(bound.value, (str, int, float)) and len(str(bound.value)) > 2 and bound.value is not True
    }  # fmt: skip
    return any(says(hint, value) and not says(said, value) for value in flowing - shown - {"False"})


def _squeeze(text: str) -> str:
    return "".join([sign for sign in text.casefold() if sign.isalnum()])


def _telltales(text: str) -> Iterator[re.Match[str]]:
    """Words of guidance in a text."""
    folded = text.lower()  # a cheap first look, for ASCII alone: other letters may match these whatever their case
    if text.isascii() and not any(word in folded for word in _TELLING):
        return iter(())
    return _TELLTALE.finditer(text)


def check_reasoning(messages: Sequence[Message]) -> str:
    """Why a trace cannot be stored ("" if it can): it speaks of hints, critics or a reference solution."""
    for message in messages:
        if (found := next(_telltales(message.get("reasoning_content") or ""), None)) is not None:
            return f"the reasoning speaks of {found[0]!r}"
    return ""


def _check_words(messages: Sequence[Message], brief: Brief, prompt: Prompt) -> str:
    """Why what the assistant says cannot be stored ("" if it can): it speaks of guidance, or the reply lacks an answer."""
    heard = "\n".join([message["content"] for message in messages if message["role"] == "tool"])
    own = [message for message in messages if message["role"] == "assistant"]
    for message in own:
        for found in _telltales(message["content"]):
            if found[0] not in heard:
                return f"the answer speaks of {found[0]!r}"
    if prompt.critiques:
        words = normalise("\n".join([f"{m.get('reasoning_content') or ''}\n{m['content']}" for m in own]))
        if any(len(hint) > 20 and normalise(hint) in words for hint in prompt.critiques):
            return "the answer repeats a hint"
    reply = spoken(own[-1]["content"])
    if why := prompt.aim.missed(reply):
        return why
    for answer in brief.answers:
        for label, values in zip(answer.labels, answer.values, strict=True):
            if not all(mentions(reply, value) for value in values):
                return f"the reply does not tell {label}"
    return ""
