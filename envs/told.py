"""Whether a reply tells a value: compared after normalisation, so that `1,250.00 EUR` tells `1250.00`.

Numbers may have thousands separators and lose trailing zeros; dates may be written out; text ignores case,
quotes and runs of spaces. A value must stand as whole words: `12.50` is not told by `112.50`. Whether a reply says
that something cannot be done, or asks for something, is read off English words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(:\d{2})?", re.ASCII)
_MOMENT = re.compile(r"\b\d{4}-\d{2}-\d{2}(t\d{2}:\d{2}(:\d{2})?)?\b|\b\d{1,2}:\d{2}(:\d{2})?\b", re.ASCII)
_MONTH = "|".join(date(2000, n, 1).strftime("%B").casefold() for n in range(1, 13))
_DAY_ALONE = re.compile(rf"\d{{1,2}} ({_MONTH}|[a-z]{{3}})|({_MONTH}|[a-z]{{3}}) \d{{1,2}}(st|nd|rd|th)?", re.ASCII)
_OTHER_YEAR = re.compile(r",? \d{4}\b(?![.,]\d)", re.ASCII)
_CURRENCY = r"eur|usd|gbp|chf|jpy|cny|inr|sek|nok|dkk|pln|czk|huf|aud|cad|nzd|sgd|hkd|krw|brl|mxn|zar"
_GLUED = re.compile(rf"\b({_CURRENCY})(?=-?\d)|(?<=\d)({_CURRENCY})\b", re.ASCII)
_GLUE = re.compile(rf"\d((?<=({_CURRENCY}).)|(?<=({_CURRENCY})-.)|(?={_CURRENCY}))", re.ASCII)  # a quick first look for the one above
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_MEANS = r"(\w+ ){0,4}(tools?|functions?|functionality|features?|way|means|option|access|possibility)"
_NOT = r"(is|are|was)(n't| not)"
_CANT, _N = r"(can(no|')t|can not)", r"(not|[a-z]+n't)"
_CANNOT = re.compile(
    rf"\b((?<!you ){_CANT} (?!be\b)|{_CANT}[.!]|unable|{_N} (able|equipped)|couldn't|could not|won't be able"
    rf"|{_CANT} be (done|fulfilled|completed|performed|carried|handled|served|met|provided|supported)"
    rf"|{_CANT} be \w+ [^.!?]{{0,80}}\b(tools?|functions?|here|by me|with what)"
    r"|(i|we|tools?|functions?) (\w+ ){0,2}(do|does)(n't| not) (\w+ )?(have|support|offer|allow|include|cover|provide)"
    rf"|no (\w+ ){{0,3}}(tools?|functions?)|(have|has|is|see|find|know) no {_MEANS}|([a-z]+n't|not|never) (\w+ )?(a|an|any) {_MEANS}"
    rf"|none of (\w+ ){{1,4}}(tools?|functions?)|(tools?|functions?|features?) [^.!?]{{0,80}}(missing|unavailable|do(es)?(n't| not) exist)"
    rf"|{_N} (\w+ )?(possible|supported|offered)|(this|that|it|functionality) (\w+ )?is (\w+ )?unavailable|{_NOT} something (that )?i"
    rf"|(this|that|it|functionality|features?|functions?|tools?) (\w+ )?{_NOT} available|{_N} available (to|here|with|in|among|for) "
    r"|impossible|beyond what|outside (of )?what|out of (my )?(scope|reach)|(have|must) to decline|must decline"
    r"|lack(s|ing)? (a|an|any|the) )",
    re.ASCII,
)
_SENTENCES = re.compile(r"(?<=[.!?;])\s")
_REQUEST = re.compile(
    r"\?|\b(please|kindly|could you|can you|would you|let me know|tell me|i (still |also )?need|i'd need|i would need|i require)\b"
    r"|^(and |so |then |but )?(provide|specify|clarify|name|choose|confirm|give me)\b"
)
_OFFER = re.compile(
    r"\b(any|no|some)thing (else|more|further)\b|\b(can|could|may) (help|assist)|\bfurther (help|questions)|\bmore questions"
)
_POINTING = re.compile(r"\b(which (one|of|do|should|would|did)|what (is it|should it|would it))\b")


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


def mentions(text: str, value: object) -> bool:
    """Whether `text` contains `value` as whole words, in any of its usual spellings."""
    haystack, value = normalise(text), str(value)
    forms = spellings(value)
    for form in forms:  # a cheap first look; taking moments out brings no form in
        if form in haystack:
            break
    else:
        return False
    if _NUMBER.fullmatch(value):
        haystack = _MOMENT.sub(" | ", haystack)  # the 12 of 12:30 or of 2026-03-12 is no number
    return any(_stands(form, haystack) for form in forms)


def declines(text: str) -> bool:
    """Whether a reply says that something cannot be done."""
    return _CANNOT.search(normalise(text)) is not None


def asks(text: str, words: Iterable[str]) -> bool:
    """Whether a reply asks for something that one of `words` names: the sentence that asks, or the one that it points back to.

    Offers of further help are no questions.
    """
    forms = [form for word in words for form in (word, f"{word}s")]
    before = ""
    for sentence in _SENTENCES.split(normalise(text)):
        left = ",".join([clause for clause in sentence.split(",") if not _OFFER.search(clause)])
        if _REQUEST.search(left) and any(mentions(left, form) for form in forms):
            return True
        if "?" in left and _POINTING.search(left) and any(mentions(before, form) for form in forms):
            return True
        before = sentence
    return False


@lru_cache(maxsize=4096)
def spellings(value: str) -> tuple[str, ...]:
    """The normalised ways to write a value."""
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


def _stands(form: str, haystack: str) -> bool:
    start = haystack.find(form)
    while start >= 0:
        end = start + len(form)
        before, after = haystack[max(0, start - 2) : start], haystack[end : end + 2]
        cut = _joins(before[-1:], form[0]) or _joins(after[:1], form[-1]) or _cuts_number(form, before, after)
        if not cut and not (_DAY_ALONE.fullmatch(form) and _OTHER_YEAR.match(haystack, end)):
            return True
        start = haystack.find(form, start + 1)
    return False


def _joins(neighbour: str, edge: str) -> bool:
    return bool(neighbour) and (neighbour.isalnum() or neighbour == "_") and (edge.isalnum() or edge == "_")


def _cuts_number(form: str, before: str, after: str) -> bool:
    """Whether the place found is only a part of a longer number: `12.5` in `12.50`, `50` in `12.50` or `-50`."""
    tail = form[-1].isdigit() and len(after) == 2 and after[0] in ".," and after[1].isdigit()
    inner = len(before) == 2 and before[0].isdigit() and before[1] in ".,"
    negative = before[-1:] == "-" and not before[:1].isalnum()
    return tail or (form[0].isdigit() and (inner or negative))
