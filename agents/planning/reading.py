"""Reading a user's message: sentences, requests, literals, stated facts, and noun phrases that point at things.

Plain English and nothing else: no tool is known here. Law: positions are kept, so that what one argument took is
not taken again, and nothing inside quotes is ever split. Not here: which tool is meant (`matching.py`).
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from ...envs.told import normalise, spellings

_NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
_MONTHS = {name.casefold(): index for index, name in enumerate(_NAMES, 1)}
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _NAMES)
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_LITERAL = re.compile(
    rf"""(?P<quoted>"[^"]*"|“[^”]*”|(?<!\w)'[^'\n]*'(?!\w))
    |(?P<stamp>\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)
    |(?P<long>(?:{_NTH}\ (?:of\ )?(?:{_MONTH})|(?:{_MONTH})\ {_NTH}),?\ \d{{4}}(?:\ at\ \d\d:\d\d(?::\d\d)?)?)
    |(?P<date>\d{{4}}-\d\d-\d\d)(?![\w-])
    |(?P<month>\d{{4}}-\d\d(?![\w-])|(?:{_MONTH})\ \d{{4}})
    |(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    |(?P<path>(?<![\w/])(?:~|\.{{1,2}})?/[^\s,;:"'?!]*|(?<!\S)~(?=\s|$))
    |(?P<number>(?<![\w.-])-?\d+(?:,\d{{3}})*(?:\.\d+)?%?(?![\w-]))
    |(?P<word>(?:(?<=matching\ )|(?<=mentioning\ )|(?<=containing\ ))[a-z][\w*?.-]*)
    |(?P<token>(?<!\w)(?=[\w.*?+-]*[\d_*.=+])[\w*][\w.*?+=-]*[\w*])
    |(?P<name>(?<![\w"])[A-Z][\w'-]*(?:\ (?:(?:de|da|van|von|of|and|in)\ )?[A-Z][\w'-]*)*)""",
    re.VERBOSE,
)
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=\S)")
_THEN = r"(?:then|also|after that|afterwards|next|finally)"
_JOINER = re.compile(rf"[,;]\s*(?:and\s+)?{_THEN}\b[,:]?\s*|\s+and\s+{_THEN}\s+|;\s+")
_WORD = r"(?!(?:whose|that|which|with|the|is|my)\b)[a-z]+"
_FACT = re.compile(rf"\b(?:my|the|with|use)\s+({_WORD}(?:[ -]{_WORD}){{0,3}}?)\s*(?:\bis\b|:|=|\bshould be\b)\s+(\S+)", re.I)
_DETERMINER = re.compile(r"(?:the|that|this|these|those|my|one of|its|it|an?)\b", re.I)
_CALLED = re.compile(r"\b(?:called|named|titled)\s+", re.I)
_WHOSE = re.compile(r"\b(?:whose|where the|with the)\s+([a-z][a-z ]*?)\s+(?:is|are|being)\s+", re.I)
_STATE = re.compile(r"\b(?:that|which) (?:is|are) (not )?([a-z]+(?: [a-z]+)?)", re.I)
_NESTED = re.compile(r"\s(?:for|of|in|from|on|at|to|until|since|by|below|under)\s+(?:the|that)\s", re.I)
_LOW = "lowest|smallest|least|fewest|shortest|minimum"
_HIGH = "highest|largest|biggest|greatest|most|longest|maximum"
_SIZES = ("smallest", "shortest", "largest", "biggest", "greatest", "longest")
_OWNED = re.compile(r"^[^\x01]*?\sof\s+(?=(?:the|that)\s)", re.I)
_EARLY, _LATE = "earliest|oldest|first|soonest", "latest|newest|last|most recent"
_SUPERLATIVE = re.compile(
    rf"\bthe (?:(cheapest|least expensive)|(most expensive|dearest)|({_EARLY})|({_LATE})|({_LOW})|({_HIGH}))\b\s*", re.I
)


class Literal(NamedTuple):
    """A value that stands in a text: its kind (`quoted`, `date`, `path`, ...), plain value, and place."""

    kind: str
    value: str
    start: int
    end: int


class Thing(NamedTuple):
    """A noun phrase that points at a thing.

    Attributes:
        text: all of it. how: `that`, `new`, or `the`. order: `min` or `max` of something, or "".
        by: what the order is by: `money`, `time`, or words that begin with a field's name.
        called: text that begins with its name, or "". whose: (field words, text that begins with the value).
        state: (words, whether it is so), such as `frozen`. said: places of the text that these traits cover.
    """

    text: str
    how: str = "the"
    order: str = ""
    by: str = ""
    called: str = ""
    whose: tuple[tuple[str, str], ...] = ()
    state: tuple[tuple[str, bool], ...] = ()
    said: tuple[tuple[int, int], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether nothing is said that tells it from others of its kind."""
        return not (self.order or self.called or self.whose or self.state)


@lru_cache(maxsize=4096)
def literals(text: str) -> tuple[Literal, ...]:
    """All values in a text, in order. Dates and months come out as ISO, numbers without thousands separators."""
    found = []
    for match in _LITERAL.finditer(text):
        kind, value = str(match.lastgroup), match.group()
        end = match.end()
        if kind == "quoted":
            value = value[1:-1]
        elif kind == "long" or (kind == "month" and not value[0].isdigit()):
            value = _iso(value)
            kind = "month" if len(value) == 7 else "date" if len(value) == 10 else "stamp"
        elif kind == "number":
            value = value.replace(",", "")
        elif kind in ("path", "token", "email", "word"):
            cut = value.rstrip(".,;:!?")
            end -= len(value) - len(cut)
            value = cut
        if value or kind == "quoted":
            found.append(Literal(kind, value, match.start(), end))
    return tuple(found)


def _iso(text: str) -> str:
    parts = text.replace(",", "").replace(" of ", " ").split()
    numbers = [int(n) for part in parts if (n := re.sub(r"\D", "", part)) and ":" not in part]
    month = next(index for name, index in _MONTHS.items() if any(p.casefold() in (name, name[:3]) for p in parts))
    if len(numbers) == 1:
        return f"{numbers[0]:04}-{month:02}"
    day, year = numbers[0], numbers[1]
    try:
        made = date(year, month, day).isoformat()
    except ValueError:
        return text
    return f"{made}T{parts[-1]}" if ":" in parts[-1] else made


@lru_cache(maxsize=4096)
def mask(text: str) -> str:
    """The text with everything quoted blanked out, every character in its place."""
    out = list(text)
    for item in literals(text):
        if item.kind == "quoted":
            out[item.start : item.end] = "\x01" * (item.end - item.start)
    return "".join(out)


def sentences(text: str) -> list[str]:
    """The sentences of a message; quotes stay whole."""
    return _cut(text, _SENTENCE)


def parts(sentence: str) -> list[str]:
    """What a sentence asks for one after the other: split at `then`, `and also` and their like."""
    return _cut(sentence, _JOINER)


def _cut(text: str, where: re.Pattern[str]) -> list[str]:
    found, start = [], 0
    for match in where.finditer(mask(text)):
        found.append(text[start : match.start()])
        start = match.end()
    found.append(text[start:])
    return [piece.strip() for piece in found if piece.strip()]


def facts(text: str, own: bool = False) -> dict[str, str]:
    """What the user states: `my password is X`, `the reference is X`; words -> value. `own`: only the former."""
    found: dict[str, str] = {}
    known = {item.start: item for item in literals(text)}
    for match in _FACT.finditer(mask(text)):
        if own and not match[0].casefold().startswith("my"):
            continue
        literal = known.get(match.start(2))
        value = text[match.start(2) : match.end(2)].rstrip(".,;!?") if literal is None else literal.value
        found.setdefault(match[1].strip().casefold().replace("-", " "), value)
    return found


def points(text: str) -> bool:
    """Whether a text starts like a noun phrase that points at something: `the ...`, `that ...`."""
    return _DETERMINER.match(text) is not None


def read_thing(text: str) -> Thing:
    """What a noun phrase says of the thing that it points at."""
    hidden, said = mask(text), []
    if nested := _NESTED.search(hidden):  # what stands behind it is said of another thing
        hidden = hidden[: nested.start()]
    how = "that" if re.match(r"(?:that|this|it|the same)\b", text, re.I) else "the"
    if re.match(r"the (?:new|just)\b", text, re.I):
        how = "new"
    order = by = called = ""
    if match := _SUPERLATIVE.search(hidden):
        group = next(index for index in range(1, 7) if match[index])
        order = "min" if group in (1, 3, 5) else "max"
        by = "money" if group <= 2 else "time" if group <= 4 else "size" if match[group].casefold() in _SIZES else ""
        led = hidden[: match.start()].rstrip().endswith("with")
        by = text[match.end() :] if led or not by else by
    if match := _CALLED.search(hidden):
        rest = text[match.end() :]
        if "*" not in rest[: _first(rest)]:  # a pattern is what to search for, no name
            called = rest
            said.append((match.start(), match.end() + _first(rest)))
    whose = []
    for match in _WHOSE.finditer(hidden):
        rest = text[match.end() :]
        whose.append((match[1].casefold(), rest))
        said.append((match.start(), match.end() + _first(rest)))
    state = tuple((match[2].casefold(), not match[1]) for match in _STATE.finditer(hidden))
    return Thing(text, how, order, by, called, tuple(whose), state, tuple(said))


def owner(text: str) -> int:
    """Where the owner starts in `the card of the booking ...`; 0 where none is named, or only after traits."""
    match = _OWNED.match(mask(text))
    return 0 if match is None or re.search(r"\b(?:whose|called|with)\b", match[0]) else match.end()


def _first(text: str) -> int:
    """Where the value that a text starts with ends."""
    head = next((item for item in literals(text) if item.start == 0), None)
    return head.end if head is not None else len(text.split(" ", 1)[0])


def begins(text: str, value: object) -> bool:
    """Whether a text starts with a value, in any of its usual spellings."""
    plain = normalise(text).lstrip("\"'")
    date_first = next((item for item in literals(text) if item.start == 0 and item.kind in ("date", "stamp")), None)
    if date_first is not None and isinstance(value, str) and value[: len(date_first.value)] == date_first.value:
        return True
    return any(plain.startswith(form) and not plain[len(form) : len(form) + 1].isalnum() for form in spellings(str(value)))


def field_forms(name: str) -> tuple[str, ...]:
    """How people write the name of a field or a parameter: `departs_at` is `departs at` or `departs`."""
    text = name.replace("_", " ").strip().casefold()
    head, _, tail = text.rpartition(" ")
    return (text, head) if head and tail in ("id", "at", "path", "minor", "name", "nickname") else (text,)
