"""Arithmetic: whether a number can be made of the known ones, by what people do in their heads or a tool would.

Two operands at most, percents, averages and sums of what stands together, roundings, conversions of units, and rates that a call
showed. Law: arithmetic is only as good as its reason, so that each kind of it has words that call for it, and what comes out
without them is marked as chance.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .numbers import decimals

_CUES = {
    "rounding": "",
    "scale": r"half|halve|double|twice|triple|thrice|third|quarter|split|equal",
    "sign": r"minus|negative|withdraw|less|below|owe",
    "step": r"next|previous|prior|following|one more|another|increment",
    "sum": r"total|sum|add|plus|combin|together|more|increase|both|extra|top|raise|overall|entire",
    "difference": r"minus|subtract|less|differ|remain|left|rest|reduc|decreas|change|fill|full|complet|brim|until|up to|top|rais|lower"
    r"|twice|tank|capacity|budget",
    "product": r"times|each|every|per|cost|price|total|worth|share|multipl|rate|stock|twice|double",
    "quotient": r"per|each|divid|ratio|split|average|share|rate|conver|equivalent|exchange",
    "percent": r"percent|%|discount|\btax|\btip\b",
    "temperature": r"celsius|fahrenheit|degree|temperature",
    "group": r"total|sum|averag|mean|combin|together|overall|altogether|\ball\b",
    "rate": r"conver|exchange|rate|equivalent|approximat|currenc|euro|dollar|pound|yen|usd|eur|gbp|rmb|gallon|lit|mile|km|worth|budget"
    r"|cost",
}
_LENGTH, _WEIGHT, _VOLUME = r"mile|km|kilomet", r"kilo|kg|pound|lbs?", r"gallon|lit"
_UNITS = (
    ("km per mile", 1.609344, _LENGTH), ("km per mile, rounded", 1.6, _LENGTH), ("mile per km", 0.621371, _LENGTH),
    ("lb per kg", 2.20462262, _WEIGHT), ("kg per lb", 0.453592, _WEIGHT), ("l per gallon", 3.785411784, _VOLUME),
    ("l per gallon, rounded", 3.785, _VOLUME), ("gallon per l", 0.264172, _VOLUME), ("cm per inch", 2.54, r"inch|cm|centimet"),
    ("m per foot", 0.3048, r"f[oe][oe]t|met(re|er)"), ("minutes per hour", 60.0, r"minute|hour|second"),
    ("hours per day", 24.0, r"hour|day"), ("days per week", 7.0, r"day|week"), ("months per year", 12.0, r"month|year"),
    ("seconds per hour", 3600.0, r"second|hour"), ("percent", 100.0, r"percent|%|fraction"), ("thousand", 1000.0, r"thousand|\bk\b|kilo"),
    ("ounces per pound", 16.0, r"ounce|\boz\b"), ("cents", 100.0, r"\bcents?\b"),
)  # fmt: skip
MOST_OPERANDS, _HUGE = 24, 1e100
_Way = tuple[bool, str, tuple[float, ...], float]  # whether it is called for, how, of what, what comes out


class Made(NamedTuple):
    """How a number comes about, and whether something said calls for it."""

    how: str
    called_for: bool


def made_of(value: float, said: Sequence[float], shown: Sequence[float], words: str, rates: Sequence[float] = ()) -> Made | None:
    """How `value` comes out of known numbers, or None; what is called for first.

    Args:
        said: what the user said, the latest last. shown: what results showed, the latest last. words: what was said with it.
        rates: what a conversion was seen to multiply by.
    """
    said, shown = ([one for one in group[-MOST_OPERANDS:] if abs(one) < _HUGE] for group in (said, shown))
    operands = list(dict.fromkeys([*reversed(said), *reversed(shown)]))
    latest = list(dict.fromkeys([*reversed(said[-10:]), *reversed(shown[-12:])]))
    called, places, chance = _called(words), decimals(value), None
    ways = itertools.chain(_single(operands, words, called), _at_rates(operands, rates, called), _together(said, shown, called))
    for fits, found in ((_near, ways), (_exact, _exactly(latest, called)), (_near, _roughly(latest, called))):
        for asked, how, parts, result in found:
            if math.isfinite(result) and fits(result, value, places) and (asked or chance is None):
                told = Made(how.format(*parts), asked)
                if asked:
                    return told
                chance = told
    return chance


@lru_cache(maxsize=1024)
def _called(words: str) -> frozenset[str]:
    return frozenset(family for family, cue in _CUES.items() if re.search(cue, words, re.I))


@lru_cache(maxsize=1024)
def _units(words: str) -> tuple[tuple[str, float, bool], ...]:
    return tuple((name, factor, re.search(cue, words, re.I) is not None) for name, factor, cue in _UNITS)


def _exact(found: float, value: float, places: int) -> bool:
    return math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9)


def _near(found: float, value: float, places: int) -> bool:
    return _exact(found, value, places) or (places > 0 and abs(found - value) <= 0.5001 * 10**-places)


def _single(operands: Sequence[float], words: str, called: frozenset[str]) -> Iterator[_Way]:
    units = _units(words)
    degrees = "temperature" in called
    for one in operands:
        for digits in (0, 1, 2, 3):
            yield True, "rounded {:g}", (one,), round(one, digits)
        yield True, "rounded down {:g}", (one,), float(math.floor(one))
        yield True, "rounded up {:g}", (one,), float(math.ceil(one))
        yield "sign" in called, "-{:g}", (one,), -one
        for part in (2, 3, 4):
            yield "scale" in called, "{:g} / {:g}", (one, part), one / part
            yield "scale" in called, "{:g} * {:g}", (one, part), one * part
        for name, factor, asked in units:
            yield asked, f"{{:g}} * {factor:g} ({name})", (one,), one * factor
            yield asked, f"{{:g}} / {factor:g} ({name})", (one,), one / factor
        yield degrees, "{:g} F in C", (one,), (one - 32) * 5 / 9
        yield degrees, "{:g} C in F", (one,), one * 9 / 5 + 32
        yield "step" in called, "one after {:g}", (one,), one + 1
        yield "step" in called, "one before {:g}", (one,), one - 1


def _at_rates(operands: Sequence[float], rates: Sequence[float], called: frozenset[str]) -> Iterator[_Way]:
    for rate in dict.fromkeys(rates[-12:]):
        for one in operands:
            yield "rate" in called, "{:g} at the rate {:g}", (one, rate), one * rate
            yield "rate" in called, "{:g} back at the rate {:g}", (one, rate), one / rate


def _together(said: Sequence[float], shown: Sequence[float], called: frozenset[str]) -> Iterator[_Way]:
    for name, group in (("said", said), ("shown", shown)):
        for size in range(2, min(len(group), 12) + 1):
            total = sum(group[-size:])
            yield "group" in called, f"the sum of {size} numbers {name}", (), total
            yield "group" in called, f"the average of {size} numbers {name}", (), total / size


def _exactly(operands: Sequence[float], called: frozenset[str]) -> Iterator[_Way]:
    for one, other in itertools.permutations(operands, 2):
        yield "difference" in called, "{:g} - {:g}", (one, other), one - other
        if one < other:
            yield "sum" in called, "{:g} + {:g}", (one, other), one + other
            if 1 not in (one, other):
                yield "product" in called, "{:g} * {:g}", (one, other), one * other


def _roughly(operands: Sequence[float], called: frozenset[str]) -> Iterator[_Way]:
    for one, other in itertools.permutations(operands, 2):
        if other not in (0, 1):
            yield "quotient" in called, "{:g} / {:g}", (one, other), one / other
        if 0 < other <= 100:
            yield "percent" in called, "{1:g} % of {0:g}", (one, other), one * other / 100
            yield "percent" in called, "{:g} and {:g} %", (one, other), one * (1 + other / 100)
            yield "percent" in called, "{:g} less {:g} %", (one, other), one * (1 - other / 100)
