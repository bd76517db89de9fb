"""Days, months and times of day in prose, in every usual English and ISO form, and which time belongs to which day.

`12/03/2026` is 12 March to some and December 3 to others, so it says both. A day without a year fits any year. Law: a
time belongs to the day that touches it (`on 12 March at 9:05`, `at 9:05 on 12 March`), else to the last day before it,
else to the first one after.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from .sentences import KEPT, Span, small_of, taken_back

_NAMES = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTHS = {name[:length]: n for n, name in enumerate(_NAMES, 1) for length in (3, 4, len(name))}
_MONTH = "|".join(sorted({*_NAMES, *(name[:3] for name in _NAMES), "sept"}, key=len, reverse=True))
_YEAR = r"(?:(?:,?\s+(?:of\s+|in\s+)?|-|,|\s*\()(?P<{0}>(?:19|20|21)\d\d)\b(?![.,:]\d))?"
_NTH = r"(?:st|nd|rd|th)?"
_SPAN = r"(?:\s?(?:-|to|until|till|and|or)\s?)"
_DAY = re.compile(
    r"(?<!\w)(?=[\djfmasond])(?:(?P<iso>(?<!-)(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?=t\d|(?!\w)(?![-/]\w)))"
    r"|(?P<flat>(?<![.,:/-])(?P<a>\d{1,2})(?P<f>[-/.])(?P<b>\d{1,2})(?P=f)(?P<fy>\d{4}|\d\d)(?!\w)(?![-/.:]\d))"
    rf"|(?P<first>(?<![.,:/-])(?:(?P<r>\d{{1,2}}){_NTH}{_SPAN})?(?P<wd>\d{{1,2}})(?P<nth>{_NTH})(?P<of>\s+of)?(?:\s+|-)(?P<wm>{_MONTH})\b\.?"
    + _YEAR.format("wy")
    + rf")|(?P<then>(?P<tm>{_MONTH})\.?\s+(?:the\s+)?(?:(?P<tr>\d{{1,2}}){_NTH}\s?(?:-|to|and)\s?)?"
    rf"(?P<td>\d{{1,2}}){_NTH}(?![\w:]|[.,]\d)" + _YEAR.format("ty") + "))",
    re.ASCII,
)
_WHOLE_MONTH = re.compile(
    rf"(?<!\w)(?=[\djfmasond])(?:(?P<name>{_MONTH})\.?(?:,|\s+of)?\s+(?P<ny>(?:19|20)\d\d)\b(?![.,:]\d)"
    r"|(?<![\w-])(?P<iy>(?:19|20)\d\d)-(?P<im>\d\d)(?![\w-])|(?<![\w./-])(?P<fm>\d\d?)/(?P<fy>(?:19|20)\d\d)(?![\w/]))",
    re.ASCII,
)
_TIME = re.compile(
    r"(?<![\w:.,/+])(?=[\dnm])(?:(?P<noon>noon|midnight|midday)\b|(?P<h>\d{1,2})(?:(?P<sep>[:.h])(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.\d+)?)?)?"
    r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?|\s?o'clock\b|\s?(?P<zone>z|utc|gmt)(?!\w)|(?P<off>[+-]\d\d:?\d\d)(?!\d))?(?![\w:]))"
    r"(?P<part>\s+in the (?:morning|afternoon|evening)|\s+at night|\s+tonight)?",
    re.ASCII,
)
_ISO_TIME = re.compile(r"(?<=[\d\x00])t(?=\d)", re.ASCII)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s+)?"
_AFTER_DAY = re.compile(r"(?:t|[\s,.(|@-]*(?:(?:at|from|by|around|about|time:?|departing|leaving|arriving)[\s|:]+)?)", re.ASCII)
_BEFORE_DAY = re.compile(rf"[\s,(|-]*(?:(?:local time|utc|z)\s*)?(?:on\s+|of\s+)?(?:the\s+)?{_WEEKDAY}(?:the\s+)?", re.ASCII)
_NEXT = re.compile(
    r"[\s,(]*(?:\+1\b|(?:on\s+)?(?:the\s+)?(?:next|following)\s+(?:day|morning|afternoon|evening|night)|(?:a|one) day later)"
)
_MAY_BEFORE = re.compile(r"\b(?:on|until|till|by|from|to|since|before|after|between|and|or|for|due|of|the|dated)\s+(?:the\s+)?$")

_GLANCE = re.compile(r"\d|noon|midnight|midday", re.ASCII)
_NEAR = 40  # characters between a day and the time that touches it


class Day(NamedTuple):
    """A day as a text says it: `year` is 0 where none is said; `back`: its sentence takes it back."""

    year: int
    month: int
    day: int
    span: Span
    back: bool = False

    def is_day(self, wanted: date) -> bool:
        """Whether it can be that day."""
        return (self.month, self.day) == (wanted.month, wanted.day) and self.year in (0, wanted.year)


class Clock(NamedTuple):
    """A time of day.

    Attributes:
        hour, minute: of the day. second: -1 where none is said. zone: minutes east of UTC, or None. span: its place.
        back: taken back. days: the days it may be of. late: 1 if it is of the day after them.
    """

    hour: int
    minute: int
    second: int
    zone: int | None
    span: Span
    back: bool
    days: tuple[Day, ...] = ()
    late: int = 0

    def is_time(self, hour: int, minute: int, second: int) -> bool:
        """Whether it is that time; seconds count where it says some."""
        return (self.hour, self.minute) == (hour, minute) and self.second in (-1, second)


class Calendar(NamedTuple):
    """What a text says of days and times, and the places of it."""

    days: tuple[Day, ...]
    clocks: tuple[Clock, ...]
    months: tuple[tuple[int, int, bool], ...]
    spans: tuple[Span, ...]


@lru_cache(maxsize=KEPT)
def calendar(text: str) -> Calendar:
    """The days, months and times of a levelled text."""
    small = small_of(text)
    if _GLANCE.search(small) is None:
        return Calendar((), (), (), ())
    days = [day for found in _DAY.finditer(small) for day in _days(found, text)]
    masked = _without(small, [day.span for day in days])
    whole = list(_WHOLE_MONTH.finditer(masked))
    months = tuple((*_month(found), taken_back(text, *found.span())) for found in whole)
    clocks = tuple(_owned(clock, days, small) for clock in _clocks(masked, text))
    places = sorted({*(d.span for d in days), *(c.span for c in clocks), *(Span(*m.span()) for m in whole)})
    return Calendar(tuple(days), clocks, months, tuple(places))


def says_day(read: Calendar, wanted: date, denied: bool) -> bool:
    """Whether a day is told. `denied`: here and below, also where it is taken back."""
    return any((denied or not day.back) and day.is_day(wanted) for day in read.days)


def says_month(read: Calendar, year: int, month: int, denied: bool) -> bool:
    """Whether a whole month is told."""
    return (year, month, False) in read.months or (denied and (year, month, True) in read.months)


def says_time(read: Calendar, wanted: time, denied: bool) -> bool:
    """Whether a time of day is told."""
    return any((denied or not clock.back) and clock.is_time(wanted.hour, wanted.minute, wanted.second) for clock in read.clocks)


def says_moment(read: Calendar, wanted: datetime, denied: bool) -> bool:
    """Whether a day is told with its time. A zone counts where both sides name one."""
    for clock in read.clocks:
        here = wanted
        if clock.zone is not None and wanted.tzinfo is not None and 1 < wanted.year < 9999:
            here = wanted.astimezone(timezone(timedelta(minutes=clock.zone)) if clock.zone else UTC)
        if (clock.back and not denied) or not clock.is_time(here.hour, here.minute, here.second):
            continue
        day = here.date()
        if clock.late and day > date.min:
            day -= timedelta(days=1)
        if any((denied or not said.back) and said.is_day(day) for said in clock.days):
            return True
    return False


def _days(found: re.Match[str], text: str) -> Iterator[Day]:
    span = Span(*found.span())
    if found["iso"]:
        said = [(int(found["y"]), int(found["m"]), int(found["d"]))]
    elif found["flat"]:
        year, a, b = int(found["fy"]), int(found["a"]), int(found["b"])
        year += 2000 if year < 100 else 0
        said = [(year, b, a), (year, a, b)] if a != b else [(year, a, b)]
    elif found["first"]:
        if found["wm"] == "may" and not _is_month(found, text):
            return
        numbers = [n for n in (found["r"], found["wd"]) if n]
        said = [(int(found["wy"] or 0), _MONTHS[found["wm"]], int(n)) for n in numbers]
    else:
        if found["tm"] == "may" and not found["ty"] and text[found.start()] == "m" and not _is_month(found, text):
            return
        numbers = [n for n in (found["tr"], found["td"]) if n]
        said = [(int(found["ty"] or 0), _MONTHS[found["tm"]], int(n)) for n in numbers]
    back = taken_back(text, *span)
    for year, month, day in said:
        if 1 <= month <= 12 and 1 <= day <= 31:
            yield Day(year, month, day, span, back)


def _is_month(found: re.Match[str], text: str) -> bool:
    """Whether `5 may` is a day, and no verb: `only 5 may board`."""
    if found["nth"] or found["of"] or found["wy"] or text[max(found.start("wm"), found.start("tm"))].isupper():
        return True
    follows = text[found.end() : found.end() + 2]
    return (
        not (follows[:1] == " " and follows[1:].isalpha())
        or _MAY_BEFORE.search(text[max(0, found.start() - 20) : found.start()]) is not None
    )


def _month(found: re.Match[str]) -> tuple[int, int]:
    if found["name"]:
        return int(found["ny"]), _MONTHS[found["name"]]
    return int(found["iy"] or found["fy"]), int(found["im"] or found["fm"])


def _clocks(masked: str, text: str) -> Iterator[Clock]:
    plain = _ISO_TIME.sub(" ", masked) if "t" in masked else masked
    for found in _TIME.finditer(plain):
        made = _clock(found)
        if made is not None:
            yield Clock(*made, Span(*found.span()), taken_back(text, *found.span()))


def _clock(found: re.Match[str]) -> tuple[int, int, int, int | None] | None:
    """Hour, minute, second and zone, or None where the figure is no time."""
    if found["noon"]:
        return (0 if found["noon"] == "midnight" else 12), 0, -1, None
    hour, minute, half, part = int(found["h"]), int(found["m"] or 0), found["half"], found["part"]
    said = half or "o'clock" in found[0]
    if not said and (found["sep"] != ":" and found["sep"] != "h"):
        return None  # a bare 6, or 6.30, is a number
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    elif part and "morning" not in part and 1 <= hour < 12:
        hour += 12
    if hour > 23 or minute > 59:
        return None
    offset = found["off"]
    zone = 0 if found["zone"] else None
    if offset:
        zone = (-1 if offset[0] == "-" else 1) * (int(offset[1:3]) * 60 + int(offset[-2:]))
    return hour, minute, int(found["s"]) if found["s"] else -1, zone


def _owned(clock: Clock, days: list[Day], text: str) -> Clock:
    """The clock with the days that it may be of."""
    late = _NEXT.match(text, clock.span.end)
    at = bisect_left(days, clock.span.start, key=lambda day: day.span.start)
    before = days[at - 1].span if at else None
    after = days[at].span if at < len(days) else None
    chosen = before or after
    touches = (
        before is not None
        and clock.span.start - before.end < _NEAR
        and _AFTER_DAY.fullmatch(text, before.end, clock.span.start) is not None
    )
    if not touches and after is not None and late is None and after.start - clock.span.end < _NEAR:
        chosen = after if _BEFORE_DAY.fullmatch(text, clock.span.end, after.start) is not None else chosen
    if chosen is None:
        return clock
    return clock._replace(days=_of_span(days, at, chosen), late=1 if late is not None else 0)


def _of_span(days: list[Day], at: int, span: Span) -> tuple[Day, ...]:
    """The readings that stand at one place, near an index."""
    return tuple(day for day in days[max(0, at - 3) : at + 3] if day.span == span)


def _without(text: str, places: list[Span]) -> str:
    """The text with places blotted out, as long as before."""
    parts, at = [], 0
    for start, end in sorted(set(places)):
        if start >= at:
            parts += [text[at:start], "\x00" * (end - start)]
            at = end
    return "".join([*parts, text[at:]])
