"""Arithmetic: whether a number can be made of the known ones, by what people do in their heads or a tool would.

Two operands at most, percents, averages and sums of what stands together, roundings, and conversions of units. Law: arithmetic is
only as good as its reason, so that a result without a word that calls for it is marked as chance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .numbers import decimals

_CUES = re.compile(
    r"\b(percent|half|halve|double|twice|triple|third|quarter|total|sum|add|plus|minus|subtract|less|more|differ\w*|remain\w*|left|rest|"
    r"average|mean|per|each|every|split|divid\w*|times|multipl\w*|combined|together|increase\w*|decrease\w*|reduc\w*|raise|lower|"
    r"discount\w*|off|extra|top|budget|converted|conver\w*|equivalent|exchange\w*|gallons?|lit(?:er|re)s?|miles?|km|kilomet\w*|pounds?|kg|"
    r"hours?|minutes?|days?|weeks?|months?|fill|full|fuel|tank|share|shares|cost|price|rate|tax|tip|next|previous|prior|last|adjust\w*|"
    r"threshold|round\w*|nearest|approximat\w*|about|compar\w*|calculat\w*|comput\w*)\b|%",
    re.I,
)
_UNITS = {
    "km per mile": 1.609344, "lb per kg": 2.20462262, "l per gallon": 3.785411784, "cm per inch": 2.54, "m per foot": 0.3048,
    "minutes per hour": 60.0, "hours per day": 24.0, "days per week": 7.0, "months per year": 12.0, "seconds per hour": 3600.0,
    "percent": 100.0, "thousand": 1000.0,
    "ounces per pound": 16.0, "cents": 100.0, "l per gallon, rounded": 3.785, "km per mile, rounded": 1.6,
    "gallon per l": 0.264172, "mile per km": 0.621371, "kg per lb": 0.453592,
}  # fmt: skip
MOST_OPERANDS = 24


class Made(NamedTuple):
    """How a number comes about, and whether something said calls for it."""

    how: str
    called_for: bool


def made_of(value: float, said: Sequence[float], shown: Sequence[float], words: str, rates: Sequence[float] = ()) -> Made | None:
    """How `value` comes out of known numbers, or None.

    Args:
        said: what the user said, the latest last. shown: what results showed, the latest last. words: what was said with it.
        rates: what a conversion was seen to multiply by.
    """
    called_for = _CUES.search(words) is not None
    operands = list(dict.fromkeys([*reversed(said[-MOST_OPERANDS:]), *reversed(shown[-MOST_OPERANDS:])]))[: 2 * MOST_OPERANDS]
    places = decimals(value)
    for how, found in _single(operands):
        if _equal(found, value, places):
            return Made(how, called_for or how.startswith("rounded"))
    for rate in dict.fromkeys(rates[-12:]):
        for one in operands:
            for how, found in ((f"{one:g} at the rate {rate:g}", one * rate), (f"{one:g} back at the rate {rate:g}", one / rate)):
                if _equal(found, value, places):
                    return Made(how, called_for)
    for how, found in _together(said, shown):
        if _equal(found, value, places):
            return Made(how, called_for)
    latest = list(dict.fromkeys([*reversed(said[-10:]), *reversed(shown[-12:])]))
    for how, found in _pairs(latest):
        if math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9) or (("/" in how or "%" in how) and _equal(found, value, places)):
            return Made(how, called_for)
    return None


def _equal(found: float, value: float, places: int) -> bool:
    if not math.isfinite(found):
        return False
    return math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9) or (places > 0 and abs(found - value) <= 0.5001 * 10**-places)


def _single(operands: Sequence[float]) -> Iterator[tuple[str, float]]:
    for one in operands:
        for places in (0, 1, 2, 3):
            yield f"rounded {one:g}", round(one, places)
        yield f"rounded down {one:g}", float(math.floor(one))
        yield f"rounded up {one:g}", float(math.ceil(one))
        yield f"-{one:g}", -one
        for half in (2, 3, 4):
            yield f"{one:g} / {half}", one / half
            yield f"{one:g} * {half}", one * half
        for name, factor in _UNITS.items():
            yield f"{one:g} * {factor:g} ({name})", one * factor
            yield f"{one:g} / {factor:g} ({name})", one / factor
        yield f"{one:g} F in C", (one - 32) * 5 / 9
        yield f"{one:g} C in F", one * 9 / 5 + 32
        if one >= 0:
            yield f"the root of {one:g}", math.sqrt(one)
        yield f"one after {one:g}", one + 1
        yield f"one before {one:g}", one - 1


def _pairs(operands: Sequence[float]) -> Iterator[tuple[str, float]]:
    for one in operands:
        for other in operands:
            if one < other:
                yield f"{one:g} + {other:g}", one + other
            if one != other:
                yield f"{one:g} - {other:g}", one - other
            if one <= other and 1 not in (one, other):
                yield f"{one:g} * {other:g}", one * other
            if other not in (0, 1) and one != other:
                yield f"{one:g} / {other:g}", one / other
            if 0 < other <= 100:
                yield f"{other:g} % of {one:g}", one * other / 100
                yield f"{one:g} and {other:g} %", one * (1 + other / 100)
                yield f"{one:g} less {other:g} %", one * (1 - other / 100)


def _together(said: Sequence[float], shown: Sequence[float]) -> Iterator[tuple[str, float]]:
    for name, group in (("said", said), ("shown", shown)):
        for size in range(2, min(len(group), 12) + 1):
            part = group[-size:]
            yield f"the sum of {size} numbers {name}", math.fsum(part)
            yield f"the average of {size} numbers {name}", math.fsum(part) / size
