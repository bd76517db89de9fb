"""Names, codes, paths and other texts in a reply: as whole words, in any of their usual spellings.

A code may stand in groups (`DE12 3456`, `KE5250`) and is no part of a longer one; a path is whole; other text ignores
case, quotes and runs of spaces. Law: what stands there may not be a part of something longer, nor taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from itertools import pairwise

from .sentences import KEPT, level, small_of, taken_back

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(:\d{2})?", re.ASCII)
_MONTH = "|".join(date(2000, n, 1).strftime("%B").casefold() for n in range(1, 13))
_CURRENCY = r"eur|usd|gbp|chf|jpy|cny|inr|sek|nok|dkk|pln|czk|huf|aud|cad|nzd|sgd|hkd|krw|brl|mxn|zar"
_GLUED = re.compile(rf"\b({_CURRENCY})(?=-?\d)|(?<=\d)({_CURRENCY})\b", re.ASCII)
_GLUE = re.compile(rf"\d((?<=({_CURRENCY}).)|(?<=({_CURRENCY})-.)|(?={_CURRENCY}))", re.ASCII)  # a quick first look for the one above
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_NO_GROUPS = str.maketrans("", "", " -")
_JOINED, _GOES_ON = re.compile(r"(\w|\w[-_]|\d[.,])\Z"), re.compile(r"\w|[-_]\w|[.,]\d")
_ABOVE = re.compile(r"/(?:home|users)/[^/]+", re.ASCII)


@lru_cache(maxsize=1024)
def normalise(text: str) -> str:
    """Lower case, plain quotes and dashes, single spaces, no thousands separators, currency codes apart from sums."""
    text = text.casefold()
    if not text.isascii():
        text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"').replace("−", "-").replace("–", "-")
    if "," in text:
        text = _THOUSANDS.sub("", text)
    if _GLUE.search(text) is not None:
        text = _GLUED.sub(r" \1\2 ", text)
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def spellings(value: str) -> tuple[str, ...]:
    """The normalised ways to write a value at the start of a text: for whoever reads requests, which are written by rule."""
    forms = [normalise(value)]
    if _NUMBER.fullmatch(value):
        plain = value.rstrip("0").rstrip(".") if "." in value else value
        forms += [plain, f"{float(value):.2f}"] if len(value) < 16 else [plain]
    elif _DATE.fullmatch(value):
        forms += _date_forms(value)
    elif match := _TIME.fullmatch(value):
        forms += [f"{day} {match[2]}" for day in (match[1], *_date_forms(match[1]))]
        forms += [f"{day} at {match[2]}" for day in (match[1], *_date_forms(match[1]))]
        forms += [f"{match[2]} on {day}" for day in (match[1], *_date_forms(match[1]))]
        forms.append(f"{match[1]}t{match[2]}")
    elif value in ("True", "False", "true", "false"):
        forms += ["yes", "on", "enabled"] if value.casefold() == "true" else ["no", "off", "disabled"]
    elif "_" in value:
        forms.append(normalise(value.replace("_", " ")))
    return tuple(dict.fromkeys(form for form in forms if form))


def says_text(text: str, value: str, denied: bool = False) -> bool:
    """Whether a raw text holds a value as whole words. `denied`: here and below, also where it is taken back."""
    haystack = normalise(text)
    return any(
        denied or not taken_back(haystack, *place) for form in _texts(value) if form in haystack for place in _places(form, haystack)
    )


def says_person(text: str, value: str, denied: bool = False) -> bool:
    """Whether a raw text names a person: in full, last name first, or by title and last name."""
    if says_text(text, value, denied):
        return True
    first, _, last = " ".join(value.split()).rpartition(" ")
    return bool(first) and any(says_text(text, form, denied) for form in (f"{last}, {first}", *(f"{t} {last}" for t in _TITLES)))


_TITLES = ("mr", "mr.", "ms", "ms.", "mrs", "mrs.", "dr", "dr.", "mx")


def says_code(text: str, value: str, denied: bool = False) -> bool:
    """Whether a raw text holds a code, grouped in any way."""
    plain = level(text)
    return any(denied or not taken_back(plain, *place) for place in _codes(_signs(value), small_of(plain)))


def says_path(text: str, value: str, denied: bool = False) -> bool:
    """Whether a raw text holds a path as a whole; one below a home may start with `~`."""
    small, wanted = normalise(text), normalise(value)
    shorter = wanted.rstrip("/") or "/"
    forms = [shorter, _ABOVE.sub("~", shorter, count=1)] if _ABOVE.match(shorter) and shorter.count("/") > 2 else [shorter]
    return any(denied or not taken_back(small, *place) for form in forms for place in _whole_paths(form, small))


@lru_cache(maxsize=KEPT)
def _texts(value: str) -> tuple[str, ...]:
    plain = normalise(value)
    forms = (plain, normalise(value.replace("_", " ")), normalise(value.replace("_", "-"))) if "_" in value else (plain,)
    return tuple(dict.fromkeys(form for form in forms if form))


@lru_cache(maxsize=KEPT)
def _signs(value: str) -> str:
    return value.casefold().translate(_NO_GROUPS)


@lru_cache(maxsize=KEPT)
def _ungrouped(text: str) -> tuple[str, list[int]]:
    """A text without what groups the signs of a code, and where each of its signs stands in the text."""
    places = [place for place, sign in enumerate(text) if sign not in " -"]
    return text.translate(_NO_GROUPS), places


def _codes(signs: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a code stands, with or without what groups its signs. Letters or digits beside it would make it another one."""
    bare, places = _ungrouped(text)
    start = bare.find(signs) if signs else -1
    while start >= 0:
        mine = places[start : start + len(signs)]
        first, end = mine[0], mine[-1] + 1
        grouped = end - first == len(mine) or all(after - before <= 2 for before, after in pairwise(mine))
        if grouped and not _JOINED.search(text[max(0, first - 2) : first]) and not _GOES_ON.match(text, end):
            yield first, end
        start = bare.find(signs, start + 1)


def _whole_paths(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        end = start + len(form)
        before, after = text[max(0, start - 1) : start], text[end : end + 3].removeprefix("/")
        longer = after[:1].isalnum() or after[:1] in tuple("_-~/") or (after[:1] == "." and after[1:2].isalnum())
        if not (longer or before.isalnum() or before in tuple("_/.~-")):
            yield start, end
        start = text.find(form, start + 1)


def _date_forms(value: str) -> list[str]:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return []
    month, short = day.strftime("%B").casefold(), day.strftime("%b").casefold()
    n, year = day.day, day.year
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return [
        form
        for name in (month, short)
        for form in (f"{n} {name} {year}", f"{name} {n}, {year}", f"{name} {n} {year}", f"{n}{suffix} {name} {year}",
                     f"{n}{suffix} of {name} {year}", f"{name} {n}{suffix}, {year}", f"{n} {name}", f"{name} {n}", f"{name} {n}{suffix}")
    ]  # fmt: skip


def _places(form: str, haystack: str) -> Iterator[tuple[int, int]]:
    start = haystack.find(form)
    while start >= 0:
        end = start + len(form)
        before, after = haystack[max(0, start - 2) : start], haystack[end : end + 2]
        if not (_joins(before[-1:], form[0]) or _joins(after[:1], form[-1]) or _cuts_number(form, before, after)):
            yield start, end
        start = haystack.find(form, start + 1)


def _joins(neighbour: str, edge: str) -> bool:
    return bool(neighbour) and (neighbour.isalnum() or neighbour == "_") and (edge.isalnum() or edge == "_")


def _cuts_number(form: str, before: str, after: str) -> bool:
    """Whether the place found is only a part of a longer number: `12.5` in `12.50`, `50` in `12.50` or `-50`."""
    tail = form[-1].isdigit() and len(after) == 2 and after[0] in ".," and after[1].isdigit()
    inner = len(before) == 2 and before[0].isdigit() and before[1] in ".,"
    negative = before[-1:] == "-" and not before[:1].isalnum()
    return tail or (form[0].isdigit() and (inner or negative))
