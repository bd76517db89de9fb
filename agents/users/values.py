"""The values in what people write: numbers, days, times, ids, addresses, paths, quoted texts and names.

Law: reading is the same on both sides, so a value that stands in one text is found in another in any usual spelling.
Not here: which values may be said (`facts.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

_MONTHS = {date(2000, n, 1).strftime(form).casefold(): n for n in range(1, 13) for form in ("%B", "%b")} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = re.compile(
    rf"\b(?:(?P<y>\d{{4}})-(?P<m>\d{{2}})-(?P<d>\d{{2}})(?=T|\b)"
    rf"|(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m1>{_MONTH})\b(?:\.?,? (?P<y1>\d{{4}})\b)?"
    rf"|(?P<m2>{_MONTH})\b\.? (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<y2>\d{{4}})\b)?)",
    re.IGNORECASE,
)
_TIME = re.compile(r"\bT?(\d{1,2}):(\d{2})(?::\d{2})?(?:Z\b)?(?: ?([ap])\.?m\b)?|\b(\d{1,2}) ?([ap])\.?m\b", re.IGNORECASE)
_QUOTE = re.compile(r"\"([^\"\n]+)\"|«([^»\n]+)»|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
_TOKEN = re.compile(r"[^\s\"«»`<>()\[\]{},;!?|*=]+")
_NUMBER = re.compile(r"[-+]?(\d+(?:\.\d+)?)(?:st|nd|rd|th|k|kg|g|km|cm|mm|m|h|min|s|gb|mb|kb|eur|usd|gbp|chf|%|€|\$|£)?", re.IGNORECASE)
_COMPOUND = re.compile(r"\d+(?:\.\d+)?(?:-(?:\d+(?:\.\d+)?|[a-z]+))+")  # 5-7, 3-day
_DOTS = re.compile(r"\.{3,}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_ABBREVIATION = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_CAMEL = re.compile(r"[a-z][A-Z]")
_SUFFIX = re.compile(r"(?:'(?:s|m|d|ve|ll|re)|n't|')$")
_EDGE = ".:'…-–—#&_"  # what may stand around a token without being of it
_EITHER = frozenset({"and/or", "yes/no", "either/or", "n/a"})
_SMALL = (  # "two" is said in passing too often
    *("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen", "twenty"),
)
_ROUND = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
_NUMBER_WORDS = dict(zip((*_SMALL, *_ROUND, "thousand"), (*range(3, 21), *range(30, 101, 10), 1000), strict=True))
_COMMON = """
    a able about actually after afterwards again ah all alright also although always am an and another any anything apologies are as
    at awesome be because been before being below best both but by can cannot certainly cheers come correct could dear definitely did
    do does doing done each either else even every everything exactly excellent finally fine first for from further get give given go
    going good great had happy has have having he hello help her here hers hey hi him his hm hmm hold how however i id if in indeed
    instead is it its just keep kindly kinds last let like look looking looks make many maybe me might mine more most much must my name
    nah neither never next nice no none nope nor not nothing now number of off oh ok okay on once one only or other otherwise our out over
    perfect perhaps pin please possible probably really regarding right same second see she should show since so some something
    sorry sounds still such sure take tell than thank thanks that the their them then there these they thing things this those though
    to too true try two um understood unfortunately unless until up us use usually very want was we well were what whatever when
    where whether which whichever while who whom whose why will with without wonderful would yeah yep yes yet you your yours
"""
COMMON = frozenset(_COMMON.split())
"""Words that say nothing of their own: they may begin a sentence with a capital, and tell no fact from another."""


class Value(NamedTuple):
    """A value in a text.

    Attributes:
        text: as it stands. kind: `number`, `day`, `time`, `exact` (ids, addresses, paths), `quote` or `name`.
        key: equal for equal values of a kind. implied: kinds and keys that one who knows this value knows too.
    """

    text: str
    kind: str
    key: Any
    implied: tuple[tuple[str, Any], ...] = ()


def values_of(text: str) -> list[Value]:
    """The values in a text."""
    text, found = _plain(text), []
    for match in _QUOTE.finditer(text):
        quoted = next(group for group in match.groups() if group is not None).strip(" .,;:!?")
        if quoted:
            found.append(Value(quoted, "quote", quoted.casefold()))
    text = _take_tokens(_take_moments(text, found), found)
    return [*found, *_names(text)]


def words_of(text: str) -> set[str]:
    """The words of a text, small, without endings that hang on an apostrophe; hyphened ones whole and in parts."""
    found: set[str] = set()
    for match in _WORD.finditer(_plain(text)):
        word = _SUFFIX.sub("", match[0].casefold())
        found.update((word, *word.split("-")))
    return found


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    for curly, straight in (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("„", '"'), ("−", "-"), ("–", "-"), ("‑", "-")):
        text = text.replace(curly, straight)
    return _THOUSANDS.sub("", _DOTS.sub(". ", text))


def _take_moments(text: str, found: list[Value]) -> str:
    """Put the days and times of a text into `found`; gives the text without them."""

    def day(match: re.Match[str]) -> str:
        part = match.groupdict()
        number = int(part["d"] or part["d1"] or part["d2"])
        month = int(part["m"]) if part["m"] else _MONTHS[(part["m1"] or part["m2"]).casefold()]
        year = part["y"] or part["y1"] or part["y2"]
        implied: list[tuple[str, Any]] = [("number", Decimal(number)), *(("name", word) for word, n in _MONTHS.items() if n == month)]
        if year:  # one who knows the year may leave it out
            implied += [("day", (month, number)), ("number", Decimal(int(year)))]
        found.append(Value(match[0], "day", (month, number, int(year)) if year else (month, number), tuple(implied)))
        return " "

    def time(match: re.Match[str]) -> str:
        hour, half = int(match[1] or match[4]), (match[3] or match[5] or "").casefold()
        hour = hour % 12 + 12 * (half == "p") if half else hour
        found.append(Value(match[0].strip(), "time", (hour, int(match[2] or 0))))
        return " "

    return _TIME.sub(time, _DAY.sub(day, text))


def _take_tokens(text: str, found: list[Value]) -> str:
    """Put the numbers and exact tokens of a text into `found`; gives the text with a plain word in their places."""

    def take(match: re.Match[str]) -> str:
        token = match[0].rstrip(_EDGE)
        token = token if token[:1] in ("~", "/") or re.match(r"\.{0,2}[\w/]", token) else token.lstrip(_EDGE)
        values = list(_token(token))
        found.extend(values)
        return f"x{match[0][len(match[0].rstrip(_EDGE)) :]}" if values else match[0]

    return _TOKEN.sub(take, text)


def _token(token: str) -> Iterator[Value]:
    if number := _NUMBER.fullmatch(token.lstrip("€$£")):
        yield _number(token, number[1])
    elif _COMPOUND.fullmatch(token):
        for part in token.split("-"):
            if part[0].isdigit():
                yield _number(token, part)
    elif token.casefold() in _EITHER or _ABBREVIATION.fullmatch(token):
        return
    elif any(c.isdigit() or c in "@/_~" for c in token) or _CAMEL.search(token) or re.search(r"\.\w", token):
        yield Value(token, "exact", token.casefold())


def _number(text: str, digits: str) -> Value:
    if digits[0] == "0" and digits.isdecimal() and len(digits) > 1:  # a code, whose zeros count
        return Value(text, "exact", digits)
    return Value(text, "number", Decimal(digits))


def _names(text: str) -> Iterator[Value]:
    for match in _WORD.finditer(text):
        word = _SUFFIX.sub("", match[0])
        small = word.casefold()
        if small in _NUMBER_WORDS:
            yield Value(word, "number", Decimal(_NUMBER_WORDS[small]))
        elif word[:1].isupper() and not (small in COMMON and (word.isupper() or _begins(text, match.start()))):
            yield Value(word, "name", small)


def _begins(text: str, place: int) -> bool:
    """Whether a sentence begins at a place."""
    before = text[max(0, place - 20) : place].rstrip(" \t\"'(*")
    return not before or before[-1] in ".!?:;\n…-"
