"""What is said in special turns: by the user who hands a tool over or adds what was missing, and by template reasoners.

Law: no text names a tool that is not at hand to the user, nor a value that nobody has said or shown.
"""

from __future__ import annotations

from random import Random
from typing import Any

from ..phrasing import Style, quoted, words
from ..query import Query

_HANDED_OVER = (
    "I have added what was missing. Please try again.", "You can do more now than a moment ago. Please go on with what I asked.",
    "There are further functions for you now. What about now?", "That should be possible now, so please do it.",
)  # fmt: skip
_ANSWERS = (
    "The {what} is {value}.",
    "Sorry, I forgot that: the {what} is {value}.",
    "Right, the {what} is {value}.",
    "{value} is the {what}.",
)
_MEANT = ("I mean {thing}.", "Sorry, {thing} is the one I mean.", "That would be {thing}.", "{thing}, please.")
_DECLINES = (
    "I cannot do that with the tools I have. Nothing was changed.", "I'm afraid this is not possible: none of my tools can do it.",
    "I don't have a tool for that, so I have left everything as it is.", "Sorry, I'm not able to do that; there is no tool for it here.",
)  # fmt: skip
_NO_TOOL = (
    "None of the tools I have does what is asked, and no other way leads there. I say so instead of trying something else.",
    "I look for a tool that can do this and find none. Guessing would only do harm, so I tell the user.",
)
_QUESTIONS = (
    "One thing is missing before I can do that: what is the {what}?", "Could you tell me the {what}? I need it for that.",
    "I can do that once I know the {what}. Which {what} should I use?",
)  # fmt: skip
_UNSAID = (
    "The user has not said which {what} to use, and nothing that I have seen settles it. I ask instead of guessing.",
    "What I lack is the {what}. No result can tell me what the user wants there, so I have to ask.",
)
_WHICH = (
    "I found several that this could be. Which {what} do you mean?", "There is more than one {what} that fits. Which {what} should it be?",
    "Could you tell me which {what} you mean? Several fit what you said.",
)  # fmt: skip
_SEVERAL = (
    "There are {n} of them, and the words of the user fit more than one {what}. I must not choose for the user, so I ask.",
    "{n} entries came back, and nothing says which {what} is meant. I ask before I change anything.",
)


def handed_over(rng: Random, persona: str) -> Query:
    """What a user says who has handed a tool over."""
    return Query(rng.choice(_HANDED_OVER), persona, ())


def added(name: str, value: Any, style: Style, rng: Random, persona: str) -> Query:
    """What a user says who adds a value."""
    return Query(rng.choice(_ANSWERS).format(what=words(name), value=quoted(value, style)), persona, ())


def meant(thing: str, rng: Random, persona: str) -> Query:
    """What a user says who tells which thing is meant."""
    text = rng.choice(_MEANT).format(thing=thing)
    return Query(text[:1].upper() + text[1:], persona, ())


def decline(rng: Random) -> tuple[str, str]:
    """Thought and reply where no tool helps."""
    return rng.choice(_NO_TOOL), rng.choice(_DECLINES)


def question(name: str, rng: Random) -> tuple[str, str]:
    """Thought and reply where a value was not said."""
    return rng.choice(_UNSAID).format(what=words(name)), rng.choice(_QUESTIONS).format(what=words(name))


def which(noun: str, count: int, rng: Random) -> tuple[str, str]:
    """Thought and reply where several things fit."""
    return rng.choice(_SEVERAL).format(what=noun, n=count), rng.choice(_WHICH).format(what=noun)


def naming(*names: str) -> tuple[str, ...]:
    """Words of which a question for something holds one: its names, and the words they are made of."""
    whole = [words(name) for name in names if name]
    parts = [part for text in whole for part in text.split() if len(part) > 3]
    return tuple(dict.fromkeys([*whole, *parts]))
