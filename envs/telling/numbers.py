"""Numbers and money in prose: any usual grouping and sign, figures and words, and what a number counts.

Read are `1,250.00`, `1.250,00`, `1 250.00`, `1'250.00`, `-€5.00`, `12 euros and 50 cents`, `twenty-one`, and zero as `none`
or `no files`. Not read as a number: the mark of a list item, what is only a label (`step 3`, `line 7`), part of a code, a
path, a day or a time. Law: a figure is one number, and no other stands in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from .days import calendar
from .sentences import KEPT, Span, small_of, taken_back, words

_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "zł": "PLN", "us$": "USD", "r$": "BRL", "a$": "AUD"}
_NAMES = {
    "euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "bucks": "USD", "pound": "GBP", "pounds": "GBP", "quid": "GBP",
    "francs": "CHF", "franc": "CHF", "yen": "JPY", "yuan": "CNY", "rupees": "INR", "kronor": "SEK", "kroner": "NOK", "zloty": "PLN",
}  # fmt: skip
CODES = words("eur usd gbp chf jpy cny inr sek nok dkk pln czk huf aud cad nzd sgd hkd krw brl mxn zar ils bgn isk")
_CURRENCY = "|".join(re.escape(sign) for sign in sorted((*_SIGNS, *CODES), key=len, reverse=True))
_NAMED = "|".join(sorted(_NAMES, key=len, reverse=True))
_FIGURE = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d\d)+,\d{3}(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}"
    r"|\d{1,3}(?:[ ']\d{3})+(?:[.,]\d+)?|\d+[.,]\d+|\d+"
)
_NUMBER = re.compile(
    rf"(?<![\w\x00])(?=[^\d\s]{{0,5}}\s?-?\d)(?P<neg>[-+])?(?:(?P<cur>{_CURRENCY})\s?)?(?P<neg2>-)?(?<!\d[.,:/'])(?<![a-z_]-)(?P<figure>{_FIGURE})"
    rf"(?:\s?(?P<after>{_CURRENCY})(?![a-z_])|\s?(?P<named>{_NAMED})(?:\s(?:and\s)?(?P<cents>\d\d?)(?:\s?cents?)?)?(?![\w])"
    r"|(?P<small>\s?cents?\b|\s?pence\b|[pc](?!\w))"
    r"|(?P<unit>[kmgt]?i?b|kg|km|cm|mm|min|mins|hrs?|h|pcs|x|%)(?!\w))?"
    r"(?![a-z_\d]|[.,:'/]\d)",
    re.ASCII,
)
_GLANCE = re.compile(
    r"\d|zero|one|two|three|four|five|six|seven|eight|nine|ten|lev|twe|twi|thri|thir|fif|ty|dozen|hundred|thousand|no\b|none|nothing"
    r"|nil|\bany\b|empty|free|single|without"
)

_WORDY = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|dozen|hundred"
    r"|thousand|twice|thrice|single)\b",
    re.I,
)
_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORTH = {word: n for n, word in enumerate((*_ONES, *_TEENS), 1)} | {word: 10 * n for n, word in enumerate(_TENS, 2)} | {"zero": 0, "a": 1}
_ONE, _TEEN, _TEN = "|".join(_ONES), "|".join(_TEENS), "|".join(_TENS)
_BELOW = rf"(?:(?:{_TEN})(?:[- ](?:{_ONE}))?|{_TEEN}|{_ONE})"
_WORDED = re.compile(
    rf"(?<![\w-])(?:(?P<thousands>{_BELOW}|a) thousand(?:,? (?:and )?)?)?(?:(?P<hundreds>{_ONE}|a) hundred(?: and | )?)?"
    rf"(?P<rest>{_BELOW}|zero|(?:a )?dozen)?(?:\s(?P<named>{_NAMED}))?(?![\w-])"
)
_TIMES = re.compile(r"\b(?:(?P<twice>twice)|thrice)\b|\b(?<!not a )(?P<single>single)\b(?= [a-z])")
_FIRST = re.compile(r"(?<![\w-])(?=[zotfsenad])(?=ze|on|tw|th|fo|fi|si|se|ei|ni|te|el|do|a [hdt])", re.ASCII)
_IDLE = (
    "problems?|worr(?:y|ies)|doubts?|need|matter|longer|more|later|earlier|less|one|way|ideas?|rush|trouble|questions?|tools?"
    "|functions?|"
    "access|comment|surprises?|wonder|further|other|such|means|changes?|chance|harm|hidden|thanks?|sooner|better|different|need|can"
)
_NONE = re.compile(
    rf"(?:\bno (?!(?:{_IDLE})\b|(?:\w+ ){{1,3}}(?:needed|necessary|required)\b)(?P<what>[a-z][a-z'-]*(?: [a-z][a-z'-]*){{0,2}})"
    rf"|(?:(?:n't|not)(?: (?!need|require|change|touch|mind|affect)\w+)?"
    rf"|without) any(?: (?P<any>[a-z][a-z'-]*(?: [a-z][a-z'-]*){{0,2}}))?"
    r"|\bnot a single (?P<single>[a-z]+)|\b(?P<none>none|nil)\b|\bnothing (?:(?:was|is|has been|got|were) )?(?:found|there|in"
    r"|matche?[sd]?|match|came|shows|"
    r"returned|left|listed|stored|like)\b|\b(?:found|see|contains?|holds?|shows?|is|returned|costs?|paid|has|have|pay"
    r"|owe) nothing(?! (?:else|more|further|wrong))\b"
    r"|(?P<empty>(?<!not )\bempty)|\b(?P<free>free of (?:charge|cost)|for free|gratis|for nothing)\b|\bnothing(?=[\s.!]*$))"
)
_MAY_BE_NONE = re.compile(r"\bno\b|\bany\b|none|nil\b|nothing|single|empty|free|gratis")
_COSTS = re.compile(r"\b(?:fees?|charges?|costs?|refunds?|premium|balance|money|payment|tips?|surcharges?|price|interest|amount)\b")
_MARK = re.compile(r"(?:(?:(?<=\n)|^)[ (]*(?P<n>\d{1,3})[.)]|(?<=[\s,;:])\(?(?P<inner>\d{1,2})\))(?=\s+\S)", re.ASCII)
_WORD = re.compile(r"[a-z][a-z'-]*")
_LABELS = words(
    "step option page line row seat room gate terminal platform chapter section table version no nr number attempt round part "
    "point item phase level floor track figure appendix article question task choice case rule stage flight train bus tram channel "
    "door apartment suite zone exit"
)
_COUNTED = re.compile(r"\s*[-)]?\s*(?P<words>(?:[a-z][a-z'-]*)(?: [a-z][a-z'-]*){0,3})")
_CLOSED = words(
    "a an the and or but in on at to from for of by with as is are was were be been has have had do does did will would can could "
    "may might must shall should it its this that these those i you we they he she me my your his her their our so if than then "
    "when while which who not no only just also each per every all left total altogether overall now today there here remaining "
    "more less please yet still because since until before after during via into onto out up down over under about between above "
    "below within without exactly thus less plus minus always perhaps sometimes besides including instead across towards "
    "afterwards"
)
_BEFORE_ONE = words(
    "only just exactly is are has have had found see with contains holds of and got into for returned shows gives by least most a "
    "took add added"
)
_IDIOM = words(
    "moment second minute thing more detail last day question more of way or by could would can might should note sec small quick"
)
_MASKED = re.compile(
    r"(?<![\w/~.+-])(?=[\w.+~-]*[/@.:])(?:(?:[a-z][a-z+.-]*+://|~?/|\.{1,2}/|(?=[\d.-]*[a-z_])[\w.-]++/)[^\s,;\"'<>()\[\]|]*"
    r"|[\w.+-]++@[\w.-]+|(?=[\d-]*[a-z_])[\w-]++(?:\.[a-z]\w{0,4})+(?!\w))"
)
_PREFIX = re.compile(r"(?<!\w)[A-Z]{2} ?\d+", re.ASCII)
_PLAIN_PAIRS = words("OK IS OF IN AT TO NO BY ID OR ON UP WE US AM AN AS BE DO GO HE IF IT ME MY SO")


class Number(NamedTuple):
    """A number of a text.

    Attributes:
        value: its worth; of an amount of money in whole units. currency: ISO code, or "". span: its place.
        exact: written with decimals. label: it only names (`step 3`). back: taken back. worded: in words.
        after: words that follow it up to the end of its phrase. before: the words just before it in its sentence.
        free: a zero of money (`no charge`).
    """

    value: Decimal
    currency: str
    span: Span
    exact: bool = False
    label: bool = False
    back: bool = False
    worded: bool = False
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    free: bool = False

    @property
    def counted(self) -> tuple[str, ...]:
        """The words of the phrase that it counts, none where it stands alone."""
        found = []
        for word in self.after:
            if word in _CLOSED:
                break
            found.append(word)
        return tuple(found)

    @property
    def counts_things(self) -> bool:
        """Whether a plural follows: `5 open accounts`, `0 files`."""
        return not self.currency and any(
            (word[-1] == "s" and len(word) > 2 and word[-2:] != "ss") or word == "people" for word in self.counted
        )


def may_hold(text: str, value: Decimal) -> bool:
    """A cheap first look: whether the last figures of a number stand in a raw text, or words for numbers do."""
    whole = abs(int(value))
    if whole == 0 or str(whole)[-3:] in text:
        return True
    return value == whole and whole < 10_000 and _WORDY.search(text) is not None


@lru_cache(maxsize=KEPT)
def numbers(text: str) -> tuple[Number, ...]:
    """The numbers of a levelled text, in no certain order."""
    small = small_of(text)
    if _GLANCE.search(small) is None:
        return ()
    masked = _masked(text, small)
    found = [*_figures(masked), *_worded(masked), *_zeros(masked)]
    return tuple(number._replace(back=taken_back(text, *number.span)) for number in found)


def amount_of(figure: str, money: bool) -> Decimal:
    """The worth of a figure: `1.250,00`, `1,250.00`, `1 250`, `1'250.5`. `money`: `1.250` is a thousand."""
    figure = figure.replace(" ", "").replace("'", "")
    dot, comma = figure.rfind("."), figure.rfind(",")
    if dot >= 0 and comma >= 0:
        group, point = (",", ".") if dot > comma else (".", ",")
        return Decimal(figure.replace(group, "").replace(point, "."))
    if figure.count(",") > 1 or (comma >= 0 and len(figure) - comma == 4):
        return Decimal(figure.replace(",", ""))
    if figure.count(".") > 1 or (money and dot >= 0 and len(figure) - dot == 4):
        return Decimal(figure.replace(".", ""))
    return Decimal(figure.replace(",", "."))


def _masked(text: str, small: str) -> str:
    """The text with days, times, paths, addresses, codes and marks of lists blotted out."""
    places = (
        [*calendar(text).spans, *(Span(*m.span()) for m in _MASKED.finditer(small))]
        if "/" in small or "." in small
        else [*calendar(text).spans]
    )
    places += [Span(*m.span()) for m in _PREFIX.finditer(text) if m[0][:2] not in _PLAIN_PAIRS]
    places += _marks(small)
    if not places:
        return small
    parts, at = [], 0
    for start, end in sorted(places):
        if start >= at:
            parts += [small[at:start], "\x00" * (end - start)]
            at = end
        elif end > at:
            parts.append("\x00" * (end - at))
            at = end
    return "".join([*parts, small[at:]])


def _marks(text: str) -> Iterator[Span]:
    """The marks of a numbered list: they run from 1."""
    wanted = 1
    for found in _MARK.finditer(text):
        if int(found["n"] or found["inner"]) == wanted:
            wanted += 1
            yield Span(*found.span())


def _figures(text: str) -> Iterator[Number]:
    for found in _NUMBER.finditer(text):
        figure, sign = found["figure"], found["cur"] or found["after"]
        if len(figure) > 1 and figure[0] == "0" and figure[1].isdigit():
            continue  # a code
        currency = (_SIGNS.get(sign) or sign.upper()) if sign else _NAMES.get(found["named"] or "", "")
        value = amount_of(figure, bool(currency))
        if found["cents"]:
            value += Decimal(found["cents"]) / 100
        if found["small"] and "." not in figure:
            value, currency = value / 100, currency or "CENT"
        before = _before(text, found.start())
        if "-" in (found["neg"], found["neg2"]) or (before and before[-1] in ("minus", "negative")) or before[-2:] == ("overdrawn", "by"):
            value = -value
        after = () if currency else _following(text, found.end())
        if found["unit"]:
            after = ("percent" if found["unit"] == "%" else found["unit"], *after)
        label = bool(before) and before[-1] in _LABELS and not currency and text[found.start() - 1 : found.start()] in " #"
        exact = len(figure) > 2 and figure[-3] in ".,"
        yield Number(
            value, currency, Span(*found.span()), exact, label or text[found.start() - 1 : found.start()] == "#", after=after, before=before
        )


def _worded(text: str) -> Iterator[Number]:
    for start in _FIRST.finditer(text):
        found = _WORDED.match(text, start.start())
        if found is None or not found[0]:
            continue
        value = sum(_worth(found[name]) * times for name, times in (("thousands", 1000), ("hundreds", 100), ("rest", 1)))
        before, after = _before(text, found.start()), _following(text, found.end())
        if found["rest"] == "one" and value == 1 and not _counts_one(before, after):
            continue
        if not any(found[name] for name in ("thousands", "hundreds", "rest")):
            continue
        label = bool(before) and before[-1] in _LABELS - {"number"}
        currency = _NAMES.get(found["named"] or "", "")
        yield Number(
            Decimal(value), currency, Span(*found.span()), label=label, worded=True, after=() if currency else after, before=before
        )
    for found in _TIMES.finditer(text):
        value = 1 if found["single"] else 2 if found["twice"] else 3
        yield Number(
            Decimal(value), "", Span(*found.span()), worded=True, after=_following(text, found.end()), before=_before(text, found.start())
        )


def _worth(said: str | None) -> int:
    if said is None:
        return 0
    return 12 if "dozen" in said else sum(_WORTH[word] for word in said.replace("-", " ").split())


def _counts_one(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Whether `one` is a number, and does not stand for a thing."""
    if after[:1] and after[0] in _IDIOM and after[:2] != ("of", "them"):
        return False
    return not before or before[-1] in _BEFORE_ONE


def _zeros(text: str) -> Iterator[Number]:
    if _MAY_BE_NONE.search(text) is None:
        return
    for found in _NONE.finditer(text):
        what = found["what"] or found["any"] or found["single"] or ""
        yield Number(
            Decimal(0), "", Span(*found.span()), worded=True, after=tuple(what.split()), before=_before(text, found.start()),
            free=bool(found["free"]) or _COSTS.search(what) is not None or "nothing" in found[0],
        )  # fmt: skip


def _following(text: str, end: int) -> tuple[str, ...]:
    found = _COUNTED.match(text, end, end + 80)
    return tuple(found["words"].split()) if found is not None else ()


def _before(text: str, start: int) -> tuple[str, ...]:
    """Up to eight words before a place, within its sentence."""
    part = text[max(0, start - 60) : start]
    for sign in "\n.;!?\x00":
        part = part[part.rfind(sign) + 1 :]
    return tuple(_WORD.findall(part)[-8:]) if ":" not in part[-2:] else (*_WORD.findall(part)[-8:], ":")
