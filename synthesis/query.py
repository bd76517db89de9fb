"""The query Q, written from a brief with noise eps (FunReason-MT, arXiv 2510.24645, Eq. 4), and its jump score.

eps is drawn from persona, indirect wording, unit and date format, a distractor clause, a pronoun to an earlier
turn; strength 0, 1 or 2. The template writer is deterministic for a seed. Law: every value the user must state
stands in the text, no internal value does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random
from typing import NamedTuple

from ..envs.told import says
from .brief import Brief, is_secret
from .phrasing import Style, quoted, words
from .plan import PlannedCall, Round, implied


class Persona(NamedTuple):
    """Who asks: a name for the record, how requests open (`wishes` only for what the user wants done), and close."""

    name: str
    frames: tuple[str, ...]
    wishes: tuple[str, ...]
    closers: tuple[str, ...]


PERSONAS = (
    Persona("plain", ("Please {}.", "{}."), ("I need you to {}.", "I want to {}."), ("", "Thanks.", "Thank you.")),
    Persona(
        "polite",
        ("Could you please {}?", "Would you be so kind and {}?"),
        ("I would like to {}.", "I'd be glad if you could help me to {}."),
        ("Many thanks!", "Thank you so much.", ""),
    ),
    Persona(
        "hurried",
        ("Quick one: {}.", "{}, and make it quick please."),
        ("I'm in a rush and need to {}.", "Need to {}."),
        ("", "Thx.", "No need for long explanations."),
    ),
    Persona(
        "chatty",
        ("Hi there! Could you {}?", "Hello again, please {}."),
        ("So, what I want is to {}.", "Hi! I was thinking, I should {}."),
        ("Let me know how it goes.", "That would really help.", ""),
    ),
    Persona(
        "indirect",
        ("I was wondering whether you could {}.", "Maybe you can {}."),
        ("It would be good to {}.", "I think it's time to {}."),
        ("", "I'd rather not do it myself.", "Tell me once that is settled."),
    ),
)
_FOR_ME = re.compile(r"\b(me|tell|show|give|let|look|check|find|list|see|read|print|display|report|say|count|compare|get)\b")
_ASKS = ("Tell me {}.", "I need to know {}.", "What I want to know is {}.", "Let me know {}.", "Please tell me {}.")
_DISTRACTORS = (
    "I have been meaning to do this all week.", "Sorry if I sound distracted, the kids are home today.",
    "A colleague told me you are good at this.", "I am on the train, so my connection may drop.",
    "No rush on anything else.", "It has been a long day already.",
)  # fmt: skip
_JOINERS = ("and then", "and after that", "and also", "then")
_SMALL = {"the", "of", "each", "whether", "it", "is", "number"}
_STOP = {"get", "list", "show", "the", "and", "for", "a", "of", "my", "to", "is", "all", "set", "add"}


class Query(NamedTuple):
    """A written query: its text, the persona's name and the noise that was used."""

    text: str
    persona: str
    noise: tuple[str, ...]


def draw_style(rng: Random, strength: int) -> Style:
    """The unit and date format of a conversation."""
    return Style(long_dates=strength > 0 and rng.random() < 0.5)


def write_query(brief: Brief, rng: Random, strength: int, persona: Persona, style: Style) -> Query:
    """Write the user's message for a brief.

    Args:
        brief: what is wanted. strength: 0 plain, 1 persona, formats and wording, 2 with a distractor as well.
        persona, style: kept over the turns of a conversation.
    """
    noise = []
    goals = list(brief.goals)
    body = goals[0]
    for goal in goals[1:]:
        body = f"{body}, {rng.choice(_JOINERS)} {goal}"
    frames = persona.frames if any(_FOR_ME.match(goal) for goal in goals) else persona.frames + persona.wishes
    sentences = [_sentence("Please {}." if strength == 0 else rng.choice(frames), body)]
    if requests := _requests(brief, body):
        sentences.append((rng.choice(_ASKS) if strength else _ASKS[0]).format(requests))
    if facts := _facts(brief, style):
        sentences.insert(0 if rng.random() < 0.4 else 1, facts)
    if strength > 0:
        noise.append(f"persona:{persona.name}")
        if style.long_dates:
            noise.append("date_format")
        if closer := rng.choice(persona.closers):
            sentences.append(closer)
    if strength > 1 and rng.random() < 0.5:
        sentences.insert(rng.randrange(len(sentences)), rng.choice(_DISTRACTORS))
        noise.append("distractor")
    if any(
        ref.pick == "that" for step in brief.tool.steps for part in step.arguments.values() if (ref := getattr(part, "reference", None))
    ):
        noise.append("pronoun")
    return Query(" ".join(sentences), persona.name, tuple(noise))


def _requests(brief: Brief, body: str) -> str:
    """What the user wants to hear, where the goals do not say it already."""
    said = {_stem(word) for word in re.findall(r"[a-z]+", body.lower())}
    found = [
        a.request for a in brief.answers
        if not {_stem(w) for w in re.findall(r"[a-z]+", a.request) if w not in _SMALL} <= said
    ]  # fmt: skip
    found = list(dict.fromkeys(found))
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found)


def _sentence(frame: str, body: str) -> str:
    text = frame.format(body)
    text = text[:1].upper() + text[1:]
    return text


def _facts(brief: Brief, style: Style) -> str:
    """A sentence that states what no goal mentions."""
    mine = [f"my {words(name)} is {quoted(value, style)}" for name, value in brief.facts if is_secret(name) and not isinstance(value, bool)]
    rest = [_fact(name, value, style) for name, value in brief.facts if not is_secret(name) or isinstance(value, bool)]
    text = " and ".join(mine)
    for part in rest:
        text = f"{text}, {part}" if text else part
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _fact(name: str, value: object, style: Style) -> str:
    if isinstance(value, bool):
        return f"{'with' if value else 'without'} {words(name)}"
    return f"the {words(name)} should be {quoted(value, style)}"


# -- the jump score ----------------------------------------------------------------------------------------


class Jump(NamedTuple):
    """How far a query leaps over its calls; see `jump_score`."""

    score: float
    h_call: float
    h_arg: float
    depth: float
    leak: bool


def jump_score(text: str, round_: Round) -> Jump:
    """J(Q) = (1 - leak) * (h_call + h_arg + d) / 3, each part in 0..1.

    h_call: share of calls not cued by words of Q. h_arg: hidden arguments / all arguments. d: longest path of
    values / max(1, M - 1). leak: an internal output value stands literally in Q.
    """
    calls = round_.calls
    asked = {_stem(word) for word in re.findall(r"[a-z]+", text.lower())}
    uncued = sum(not _cued(call.name, asked) for call in calls)
    h_call = uncued / len(calls)
    h_arg, depth = implied(calls)
    leak = bool(leaks(text, round_))
    return Jump(round((1 - leak) * (h_call + h_arg + depth) / 3, 4), h_call, h_arg, depth, leak)


def best_jump(calls: list[PlannedCall]) -> float:
    """The jump score if no word of the query cued a call: what no wording can exceed."""
    return (1.0 + sum(implied(calls))) / 3


def _cued(name: str, asked: set[str]) -> bool:
    parts = {_stem(part) for part in name.lower().split("_") if part not in _STOP}
    return bool(parts) and parts <= asked


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    for tail in ("ing", "es", "s", "ed"):
        if word.endswith(tail) and len(word) > len(tail) + 2:
            return word[: -len(tail)]
    return word


def leaks(text: str, round_: Round) -> list[str]:
    """Internal values of the round (kinds that only tools reveal) that stand literally in a text."""
    found: list[str] = []
    for call in round_.calls:
        for name, bound in call.bound.items():
            meaning = call.tool.parameters[name].semantic
            if bound.seen is not None and meaning is not None and not meaning.known and says(text, bound.value):
                found.append(str(bound.value))
        found += [v for v in dict.fromkeys(call.internal()) if says(text, v)]
    return list(dict.fromkeys(found))
