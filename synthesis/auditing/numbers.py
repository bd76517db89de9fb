"""Numbers as people write them: digits with separators and currency signs, words, halves and dozens, thousands and percents.

Law: reading never guesses a number that no part of the text spells. Not here: what can be made of numbers (`arithmetic.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .wording import remembered

_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen"""
_UNITS = {word: n for n, word in enumerate(re.findall(r"\w+", _SMALL))}
_TENS = {word: 10 * n for n, word in enumerate(re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety"), 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NTHS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_NTH = {word: n for n, word in enumerate(re.findall(r"\w+", _NTHS), 1)}
_WORDS: dict[str, tuple[float, ...]] = {
    "dozen": (12.0,), "couple": (2.0,), "pair": (2.0,), "both": (2.0,), "twice": (2.0,), "double": (2.0,), "triple": (3.0,),
    "thrice": (3.0,), 
    "half": (0.5, 50.0, 30.0), "quarter": (0.25, 25.0, 15.0), "single": (1.0,), "once": (1.0,), "none": (0.0,), "fully": (1.0, 100.0),
    "full": (1.0, 100.0), "completely": (1.0, 100.0), "halfway": (0.5, 50.0), "century": (100.0,), "decade": (10.0,), "score": (20.0,),
    "fortnight": (14.0,), "week": (7.0,),
}  # fmt: skip
_DIGITS = re.compile(
    r"(?<![\w.])(?P<sign>[-−](?=[\d.$€£]))?\s?[$€£¥₹]?\s?(?P<number>\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?(?![\d])|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<tail>\s?(?:k|m|mn|bn|b|hundred|thousand|million|billion|trillion|percent|%|st|nd|rd|th)\b|%)?",
    re.I | re.ASCII,
)
_TAILS = {"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9, **{name: float(size) for name, size in _SCALES.items()}}
_PART = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_CLOCK = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?|\b\d{1,2}:\d{2}(?::\d{2})?\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b", re.ASCII
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)", re.ASCII)
_WORD = re.compile(r"[a-z]+|[^\sa-z]+")


class Said(NamedTuple):
    """A number in a text. `spelt`: it stands there as a number, and not only inside a date, a time or a name."""

    value: float
    spelt: bool = True


@remembered
def numbers_in(text: str) -> tuple[Said, ...]:
    """Every number that a text spells, and every run of digits inside its tokens; once each."""
    found: dict[float, bool] = {}
    rest = _CLOCK.sub(" | ", text)
    for match in _DIGITS.finditer(rest):
        for value in _digits(match):
            found[value] = True
    for value in _spelt(_DIGITS.sub(" | ", rest)):
        found[value] = True
    for part in _PART.findall(_THOUSANDS.sub("", text)):
        if len(part) < 24:
            found.setdefault(float(part), False)
    return tuple(Said(value, spelt) for value, spelt in found.items())


@remembered
def written_in(text: str) -> tuple[float, ...]:
    """The numbers that a text writes in digits, as numbers and not inside dates, times or names."""
    return tuple(dict.fromkeys(value for match in _DIGITS.finditer(_CLOCK.sub(" | ", text)) for value in _digits(match)))


def _digits(match: re.Match[str]) -> Iterator[float]:
    plain = match["number"].replace(",", "").replace(" ", "")
    if len(plain) > 24:
        return
    value = float(plain) * (-1 if match["sign"] else 1)
    yield value
    tail = (match["tail"] or "").strip().lower()
    if tail in _TAILS:
        yield value * _TAILS[tail]
    elif tail in ("%", "percent"):
        yield value / 100
    if " " in match["number"]:
        yield from (float(part) for part in match["number"].split() if "," not in part)


def _spelt(text: str) -> Iterator[float]:
    """Numbers in words; a run such as `two hundred and fifty` is one."""
    run: list[str] = []
    for word in [*_WORD.findall(text.casefold().replace("-", " ")), ""]:
        if word in _UNITS or word in _TENS or word in _SCALES or (run and word == "and"):
            run.append(word)
            continue
        if run:
            yield from _run(run)
        run = []
        if word in _WORDS:
            yield from _WORDS[word]
        elif word in _NTH:
            yield float(_NTH[word])


def _run(words: list[str]) -> Iterator[float]:
    total, part, started = 0.0, 0.0, False
    for word in words:
        if word == "and":
            continue
        if word in _SCALES:
            size = _SCALES[word]
            if size == 100:
                part = (part or 1) * 100
            else:
                total, part = total + (part or 1) * size, 0.0
        else:
            value = float(_UNITS.get(word, _TENS.get(word, 0)))
            if started and part and not (part % 100 == 0 or (part % 10 == 0 and part % 100 >= 20 and value < 10)):
                yield total + part  # `three five`: two numbers
                total, part = 0.0, 0.0
            part += value
        started = True
    if started:
        yield total + part


def as_number(value: object) -> float | None:
    """A number, or text that is one; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, str) and len(value) < 24 and re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII):
        return float(value)
    return None


def decimals(value: float) -> int:
    """How many places a number is written with."""
    text = f"{value:.10f}".rstrip("0")
    return len(text.partition(".")[2])
