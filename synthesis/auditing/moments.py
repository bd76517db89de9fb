"""Dates and times as people write them, and whether one of them is the one that a call names.

Law: a date without a year fits any year; a day and a month that differ never fit. Words such as `tomorrow` are reckoned from the day
that the context shows, and are only a hint where it shows none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from .wording import remembered

_NAMES = [date(2000, n, 1).strftime("%B").casefold() for n in range(1, 13)]
_MONTH = {**{name: n for n, name in enumerate(_NAMES, 1)}, **{name[:3]: n for n, name in enumerate(_NAMES, 1)}, "sept": 9}
_NAMED = "|".join(sorted(_MONTH, key=len, reverse=True))
_NTHS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth
    seventeenth eighteenth nineteenth twentieth"""
_ORDINAL = {word: n for n, word in enumerate(re.findall(r"\w+", _NTHS), 1)}
_NTH = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join(_ORDINAL)}|twenty[- ](?:{'|'.join(list(_ORDINAL)[:9])})|thirtieth|thirty[- ]first)"
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(rf"\b(?P<d>{_NTH})\s*(?:day\s+)?(?:of\s+)?(?P<n>{_NAMED})\b\.?,?\s*(?:of\s+|in\s+)?(?P<y>\d{{4}})?", re.I),
    re.compile(rf"\b(?P<n>{_NAMED})\b\.?\s*(?:the\s+)?(?P<d>{_NTH})\b(?:\s+day)?(?:,?\s*(?:of\s+|in\s+)?(?P<y>\d{{4}}))?", re.I),
    re.compile(r"(?<!\d)(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})(?:[/.-]|,?\s+)(?P<y>\d{4}|\d{2}(?!\d))(?!\d)"),
)
_MONTH_NTH = re.compile(rf"\b(?P<n>{_NTH})\s+month\b", re.I)
_MONTHS = (
    re.compile(rf"\b(?P<n>{_NAMED})\b\.?,?\s*(?:of\s+|in\s+)?(?P<y>\d{{4}})", re.I),
    re.compile(r"(?<![\d/-])(?P<m>\d{1,2})[/-](?P<y>\d{4}|\d{2})(?![\d/-])"),
    re.compile(r"(?<![\d/-])(?P<y>\d{4})-(?P<m>\d{2})(?![\d/-])"),
)
_TIME = re.compile(r"(?<![\d:])(?P<h>\d{1,2})(?:[:.h](?P<m>\d{2}))?(?::\d{2})?\s*(?P<half>a\.?m\.?|p\.?m\.?|o'clock)?(?![\d:])", re.I)
_RELATIVE = {"today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1, "day after tomorrow": 2, "next week": 7, "in a week": 7}
_HINT = re.compile(
    r"\b(today|tonight|tomorrow|yesterday|next|coming|upcoming|this (?:week|month|year|weekend|evening)|end of|start of|beginning of|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|in (?:a|one|two|three|four|five|six|seven|\d+) (?:days?|weeks?|months?)|"
    r"new year|christmas|last|later|same day|day (?:after|before)|following)\b", re.I)  # fmt: skip


class Day(NamedTuple):
    """A date; 0 where a part is not said."""

    year: int
    month: int
    day: int


@remembered
def days_in(text: str) -> tuple[Day, ...]:
    """Every date in a text; one that can be read in two ways, in both; months with a year as days 0."""
    return tuple(dict.fromkeys(_days(text)))


def _days(text: str) -> Iterator[Day]:
    for said in _MONTH_NTH.finditer(text):
        years = [int(found) for found in re.findall(r"\b(?:19|20)\d\d\b", text)]
        for day in re.findall(rf"\b{_NTH}\b(?!\s+month)", text, re.I):
            if 1 <= _nth(said["n"]) <= 12 and 0 < _nth(day) <= 31:
                yield from (Day(year, _nth(said["n"]), _nth(day)) for year in years or [0])
    for pattern in (*_DATES, *_MONTHS):
        for match in pattern.finditer(text):
            parts = match.groupdict()
            year = int(parts.get("y") or 0)
            year += 2000 if 0 < year < 100 else 0
            if parts.get("a"):
                pairs = [(int(parts["a"]), int(parts["b"])), (int(parts["b"]), int(parts["a"]))]
            elif "d" in parts:
                pairs = [(_MONTH[parts["n"].casefold()] if parts.get("n") else int(parts["m"]), _nth(parts["d"]))]
            else:
                pairs = [(_MONTH[parts["n"].casefold()] if parts.get("n") else int(parts["m"]), 0)]
            for month, day in pairs:
                if 1 <= month <= 12 and 0 <= day <= 31:
                    yield Day(year, month, day)


def _nth(text: str) -> int:
    text = text.casefold().replace("-", " ")
    if text[:1].isdigit():
        return int(re.sub(r"\D", "", text))
    tens, _, rest = text.partition(" ")
    if tens in ("twenty", "thirty"):
        return {"twenty": 20, "thirty": 30}[tens] + _ORDINAL.get(rest, 0)
    return 30 if text == "thirtieth" else _ORDINAL.get(text, 0)


@remembered
def times_in(text: str) -> frozenset[tuple[int, int]]:
    """(hour, minute) of every time in a text, of both halves of the day where none is said."""
    found: set[tuple[int, int]] = set()
    for match in _TIME.finditer(text):
        hour, minute, half = int(match["h"]), int(match["m"] or 0), (match["half"] or "").casefold().replace(".", "")
        if hour > 24 or minute > 59 or (match["m"] is None and not half):
            continue
        if half in ("am", "pm"):
            found.add((hour % 12 + (12 if half == "pm" else 0), minute))
        else:
            found |= {(hour % 24, minute), ((hour + 12) % 24, minute)} if hour <= 12 else {(hour % 24, minute)}
    lowered = text.casefold()
    found |= {(12, 0)} if "noon" in lowered or "midday" in lowered else set()
    found |= {(0, 0)} if "midnight" in lowered else set()
    return frozenset(found)


def whole_date(text: str) -> Day | None:
    """The date that a text is, and nothing else but a time; None where it is none."""
    plain = text.strip()
    if len(plain) > 40 or not any(c.isdigit() for c in plain):
        return None
    for pattern in (*_DATES, *_MONTHS):
        match = pattern.search(plain)
        if match is None or (match.start() and pattern not in _DATES[:3]):
            continue
        if not re.sub(r"[T\s,.:\d+Z-]|[ap]m|utc|gmt", "", plain[: match.start()] + plain[match.end() :], flags=re.I):
            return next(iter(days_in(plain)), None)
    return None


def whole_time(text: str) -> tuple[int, int] | None:
    """The time of day that a text is or ends with; None where it is none."""
    match = re.fullmatch(r"(?:\d{4}-\d\d-\d\d[T ])?(\d{1,2}):(\d{2})(?::\d{2})?Z?", text.strip())
    return (int(match[1]), int(match[2])) if match and int(match[1]) < 24 else None


def fits(wanted: Day, known: Iterable[Day]) -> bool:
    """Whether a known date is the wanted one as far as it says."""
    for day in known:
        same_day = wanted.day in (0, day.day)
        if wanted.month == day.month and same_day and (0 in (wanted.year, day.year) or wanted.year == day.year):
            return True
    return False


def reckoned(wanted: Day, text: str, context: Iterable[str]) -> bool | None:
    """Whether words such as `tomorrow` give the date: True by reckoning, None where they may, False where there are none."""
    lowered = text.casefold()
    for shown in context:
        for day in days_in(shown):
            try:
                start, goal = date(day.year, day.month, day.day), date(wanted.year, wanted.month, wanted.day)
            except ValueError:
                continue
            if any(words in lowered and start + timedelta(gap) == goal for words, gap in _RELATIVE.items()):
                return True
    return None if _HINT.search(text) else False
