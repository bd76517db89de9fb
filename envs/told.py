"""What a reply says: whether it tells a value, asks for something, or declines. The verdict, and so the reward, rests on it.

A value is told as what it is: money, a number, a day, a moment, a name, a path, ... (`Told`, `tells`); `mentions` takes
the kind from the form of the value (`kind_of`). `docs/verdicts.md` says what counts, and how often the labelled sentences
are heard rightly. Law: each answer takes time in proportion to the text, and what was read of a text is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .telling import asking
from .telling.days import calendar, says_day, says_moment, says_month, says_time
from .telling.declining import declines
from .telling.flags import says_flag
from .telling.numbers import CODES, Number, may_hold, numbers
from .telling.sentences import level, words
from .telling.words import normalise, says_code, says_path, says_person, says_text, spellings

__all__ = ["KINDS", "Told", "asks", "declines", "kind_of", "mentions", "normalise", "says", "spellings", "tells"]

_MONEY = re.compile(r"(?:(?P<before>[A-Z]{3})\s?)?(?P<figure>-?\d+(?:\.\d+)?)(?:\s?(?P<after>[A-Z]{3}))?", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_PATH = re.compile(r"(?:~|\.{1,2})?/[^\n]*|[^\s/\"']+/[^\n\"']+", re.ASCII)
_CODE = re.compile(r"(?=.*\d)[A-Z0-9]+(?:[ -][A-Z0-9]+)*", re.ASCII)
_SHORT = 100  # a number below it proves nothing as bare digits
_STEM = re.compile(r"(?:ies|es|s|y)$")
_NEUTRAL = words(
    "result results item items entry entries total number count amount one ones thing things match matches hit hits them these "
    "those it there altogether overall row rows record records percent"
)

_AMOUNTS = words("number count total sum amount")


@dataclass(frozen=True, slots=True)
class Told:
    """A value that a reply is to tell.

    Attributes:
        kind: one of `KINDS`. value: as text, or a number, a bool, a date; of a list the values, each a `Told` or plain.
        about: words for what a number counts or a yes-or-no is about; with them a number counts beside them alone.
    """

    kind: str
    value: Any
    about: tuple[str, ...] = ()


def mentions(text: str, value: object) -> bool:
    """Whether the reply `text` tells `value`, whose kind its form says."""
    return tells(text, Told(kind_of(value), value))


def says(text: str, value: object) -> bool:
    """Whether `text` says `value` in any way, also to deny it or as a label: what a request gives, or a hint gives away."""
    return tells(text, Told(kind_of(value), value), denied=True)


def tells(text: str, told: Told, denied: bool = False) -> bool:
    """Whether a reply says that value of that kind.

    Args:
        text: the reply. told: the value. denied: whether it counts too where its sentence takes it back or only labels with it.

    Raises:
        ValueError: for a kind that is none.
    """
    check = _CHECKS.get(told.kind)
    if check is None:
        raise ValueError(f"no kind of told value: {told.kind!r}; take one of {', '.join(KINDS)}")
    return check(text, told, denied)


def asks(text: str, names: Iterable[str], kinds: Iterable[str] = ()) -> bool:
    """Whether a reply asks for something that is called by one of `names`, or says that it is missing.

    Args:
        text: the reply. names: of the parameter, and what a person calls it. kinds: of `asking.KINDS`; what its names say
            already need not be said.
    """
    return asking.asks(text, tuple(names), tuple(kinds))


def kind_of(value: object) -> str:
    """The kind of a value by its form: `12.50` is money, `2026-03-12` a day, `KE 5250` a code; what is nothing else is a name."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, (list, tuple)):
        return "list"
    return _kind_of(str(value))


@lru_cache(maxsize=4096)
def _kind_of(value: str) -> str:
    if value in ("True", "False", "true", "false"):
        return "flag"
    if _NUMBER.fullmatch(value):
        return "money" if value[-3:-2] == "." else "number"
    for kind, form in (("day", _DAY), ("moment", _MOMENT), ("month", _MONTH), ("time", _TIME)):
        if form.fullmatch(value):
            return kind if kind not in ("day", "moment") or _moment(value) is not None else "name"
    found = _MONEY.fullmatch(value)
    if found and (found["before"] or found["after"] or "").lower() in CODES:
        return "money"
    if _CODE.fullmatch(value) and not (value.isdigit() and value[0] != "0"):
        return "code"
    return "path" if _PATH.fullmatch(value) else "name"


@lru_cache(maxsize=1024)
def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value.replace(" ", "T"))
    except ValueError:
        return None


# -- numbers and money -------------------------------------------------------------------------------------


def _tells_number(text: str, told: Told, denied: bool) -> bool:
    wanted = _worth(told.value)
    if wanted is None:
        return says_text(text, str(told.value), denied)
    if not may_hold(text, wanted):
        return False
    found = [number for number in numbers(level(text)) if number.value == wanted]
    return any((_is_said(number) if denied else not number.back and _is_count(number, told.about)) for number in found)


def _is_said(number: Number) -> bool:
    """Whether a number stands there at all: `no files` states no 0."""
    return not number.worded or number.value != 0


def _is_count(number: Number, about: tuple[str, ...]) -> bool:
    """Whether a number says how many, and of what was meant."""
    if about:
        return _beside(number, _stems(" ".join(about)))
    if number.label and number.value < _SHORT:
        return False
    return not number.currency or number.value >= _SHORT


def _beside(number: Number, wanted: frozenset[str]) -> bool:
    """Whether a number stands beside one of the words, or alone where nothing else is counted."""
    counted, before = number.counted, number.before
    if any(_stem(word) in wanted for word in counted):
        return True
    if number.label or number.currency:
        return bool(before) and _stem(before[-1]) in wanted
    named = _named(before)
    if not counted or counted[0] in _NEUTRAL:
        return not named or named in _NEUTRAL or _stem(named) in wanted
    return not number.counts_things and _stem(named) in wanted


def _named(before: tuple[str, ...]) -> str:
    """What a number is said to be of by the words before it: `lines: 12`, `the number of lines is 12`; "" if by none."""
    if before[-1:] == (":",):
        return before[-2] if len(before) > 1 else ""
    places = [n for n, word in enumerate(before[:-1]) if word == "of" and n and before[n - 1] in _AMOUNTS]
    return before[places[-1] + 1] if places else ""


def _tells_money(text: str, told: Told, denied: bool) -> bool:
    wanted, currency = _worth(told.value), _currency(told.value)
    if wanted is None:
        return says_text(text, str(told.value), denied)
    if not may_hold(text, wanted):
        return False
    found = [number for number in numbers(level(text)) if number.value == wanted]
    return any((_is_said(number) if denied else not number.back) and _is_money(number, currency) for number in found)


def _is_money(number: Number, currency: str) -> bool:
    """Whether a number can be an amount, of that currency if one is wanted."""
    if number.currency:
        return not currency or number.currency in (currency, "CENT") or {number.currency, currency} <= _DOLLARS
    if number.worded and number.value == 0:
        return number.free or not number.counted
    return number.exact or not (number.label or number.counts_things or (number.worded and number.counted))


_DOLLARS = frozenset(("USD", "AUD", "CAD", "NZD", "SGD", "HKD"))  # all are written `$`


def _worth(value: Any) -> Decimal | None:
    found = _MONEY.fullmatch(str(value).strip())
    return Decimal(found["figure"]) if found is not None else None


def _currency(value: Any) -> str:
    found = _MONEY.fullmatch(str(value).strip())
    return (found["before"] or found["after"] or "") if found is not None else ""


@lru_cache(maxsize=1024)
def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in re.findall(r"[a-z]+", text.casefold()))


def _stem(word: str) -> str:
    return _STEM.sub("", word) if len(word) > 3 else word


# -- the other kinds ---------------------------------------------------------------------------------------


def _tells_moment(text: str, told: Told, denied: bool) -> bool:
    value = told.value if isinstance(told.value, datetime) else _moment(str(told.value))
    return says_text(text, str(told.value), denied) if value is None else says_moment(calendar(level(text)), value, denied)


def _tells_day(text: str, told: Told, denied: bool) -> bool:
    value = told.value if isinstance(told.value, date) else _moment(str(told.value))
    if value is None:
        return says_text(text, str(told.value), denied)
    return says_day(calendar(level(text)), date(value.year, value.month, value.day), denied)


def _tells_month(text: str, told: Told, denied: bool) -> bool:
    year, month = str(told.value).split("-")[:2]
    return says_month(calendar(level(text)), int(year), int(month), denied)


def _tells_time(text: str, told: Told, denied: bool) -> bool:
    value = told.value if isinstance(told.value, time) else time.fromisoformat(str(told.value))
    return says_time(calendar(level(text)), value, denied)


def _tells_flag(text: str, told: Told, denied: bool) -> bool:
    return says_flag(text, str(told.value).casefold() == "true", told.about)


def _tells_list(text: str, told: Told, denied: bool) -> bool:
    return all(tells(text, item if isinstance(item, Told) else Told(kind_of(item), item), denied) for item in told.value)


def _as_text(check: Callable[[str, str, bool], bool]) -> Callable[[str, Told, bool], bool]:
    return lambda text, told, denied: check(text, str(told.value), denied)


_CHECKS: dict[str, Callable[[str, Told, bool], bool]] = {
    "money": _tells_money,
    "number": _tells_number,
    "day": _tells_day,
    "month": _tells_month,
    "moment": _tells_moment,
    "time": _tells_time,
    "person": _as_text(says_person),
    "name": _as_text(says_text),
    "path": _as_text(says_path),
    "code": _as_text(says_code),
    "flag": _tells_flag,
    "list": _tells_list,
}
KINDS = tuple(_CHECKS)
