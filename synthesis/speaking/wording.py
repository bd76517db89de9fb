"""What a model may write for a user: everything that the brief says must be in it, and nothing beside.

The rules are those of a simulated user (`agents/users/facts.py`): a value (number, day, id, address, quoted text, name)
that the brief does not hold is invented, and a tool's name with its underscore is such a value. Law: a rule refuses
without need sooner than it lets a changed request pass, since the checks of a task were made for the request as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...agents.users.facts import Knowledge
from ...agents.users.values import values_of
from ..advanced import Exposed
from ..brief import Answer, states
from ..phrasing import Style, quoted, words
from .forms import Unusable

_MOST = re.compile(r"\b(?:most|least|first|last|next|minimum|maximum|newest|\w{3,}est)\b", re.IGNORECASE)
_SMALL = {"the", "of", "each", "whether", "it", "is", "number", "in", "and"}
_BEGIN = re.compile(r"(?:^|[.!?:;\n]\s+|[\"(*-]\s*)[A-Z](?=[a-z])")  # a sentence's first letter makes no name
_WORD = re.compile(r"[a-z]+")


def check_wording(text: str, allowed: Iterable[str], kept: str) -> None:
    """Raise `Unusable` for a text with values that none of `allowed` holds, or without the values of `kept`."""
    knows = Knowledge()
    for part in (*allowed, kept):
        knows.hear(part)
    if why := knows.leak(_begun_small(text)):
        raise Unusable(f"{why.removesuffix(' is nothing that you know')} does not stand in what you were given; invent nothing")
    said = {(value.kind, value.key) for value in values_of(text)} | {i for value in values_of(text) for i in value.implied}
    folded = text.casefold()
    for value in values_of(_begun_small(kept)):
        if (value.kind, value.key) not in said and value.text.casefold() not in folded:
            raise Unusable(f"it leaves out {value.text!r}")
    if _MOST.search(kept) and not _MOST.search(text):
        raise Unusable(f"it leaves out which one is meant ({_MOST.findall(kept)[0]})")


def _begun_small(text: str) -> str:
    return _BEGIN.sub(lambda match: match[0].lower(), text)


def check_stated(text: str, exposed: Iterable[Exposed], said: str, style: Style) -> None:
    """Raise `Unusable` if a value that the user must state stands neither in `text` nor in what was `said` before."""
    for item in exposed:
        if not states(f"{said}\n{text}", item.parameter, item.value):
            raise Unusable(f"it does not say that the {words(item.parameter)} is {quoted(item.value, style)}")


def check_asked(text: str, answers: Iterable[Answer]) -> None:
    """Raise `Unusable` if something that the user wants to hear is not asked for."""
    asked = {_stem(word) for word in _WORD.findall(text.lower())}
    for answer in answers:
        if {_stem(word) for word in _WORD.findall(answer.request.lower()) if word not in _SMALL} - asked:
            raise Unusable(f"it does not ask for {answer.request}; use these words")


def listed(lines: Iterable[str]) -> str:
    """Lines with a dash each, or a word for none."""
    return "\n".join([f"- {line}" for line in lines]) or "- nothing"


def _stem(word: str) -> str:
    return word.rstrip("s")[:6]
