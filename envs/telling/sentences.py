"""Plain text of a reply: levelled signs, its sentences, its lists, and what a sentence takes back.

Law: every position is one of the levelled text (`level`), which keeps case and lines and drops marks of emphasis. Time is
proportional to the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

KEPT = 512  # texts whose reading is kept
_SIGNS = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "−": "-", "–": "-", "—": "-", "‑": "-", "…": ".", "•": " ",
     "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\r": " ", "*": "", "`": ""}
)  # fmt: skip
_SPACES = re.compile(r"[^\S\n]{2,}")
_END = re.compile(r"(?<![.!?;])[.!?;]++[\"')\]]*+(?=\s)|\n")
_SHORT = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|no|nr|vs|e\.g|i\.e|approx|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|[ap]\.m)"
    r"|^[ \d]*\d)$"
)
_ITEM = re.compile(r"\s*(?:[-+#>|]|\d{1,2}[.)]|\[)\s*")

_QUOTED = re.compile(r'"[^"\n]*"')
_ENDINGS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would", "s": "is"}
_FULL = {
    "can't": "cannot", "cant": "cannot", "can not": "cannot",
    "won't": "will not", "wont": "will not", "shan't": "shall not", "im": "i am", "ive": "i have",
    "wich": "which", "wat": "what", "pls": "please", "plz": "please", "u": "you", "ur": "your", "dunno": "do not know", "gotta": "have to",
}  # fmt: skip
_SHORT_FORM = re.compile(
    r"\b(?:can't|cant|can not|won't|wont|shan't|im|ive|(?:do|does|did|is|are|was|were|has|have|had|could|would|should|might"
    r"|must|need)n'?t"
    r"|(?:i|you|we|they|he|she|it|that|there|what|who|where|how|this|which|when)'(?:m|re|ve|ll|d|s))\b"
)
_CHAT = re.compile(r"\b(?:wich|wat|pls|plz|u|ur|dunno|gotta)\b")

_SMALL = (
    "the|an?|on|at|in|to|from|for|of|by|with|your|my|its|his|her|their|this|that|exactly|quite|really|actually|about|around|due|"
    "be|been|being|cost|costing|equal|going|named|called|eur|usd|gbp|chf|is|it"
)
_DENIED = re.compile(
    rf"(?:\b(?:not|cannot|never|neither|nor|no longer)|n't|\b(?:instead of|rather than|as opposed to|other than|apart from"
    rf"|except(?: for)?))"
    rf"\s+(?:(?:{_SMALL})\s+){{0,4}}[\"'(\[€$£¥]*-?$"
)
_WRONG = (
    r"(?:wrong|incorrect|false|outdated|out of date|untrue|mistaken|a mistake|an error|a typo|a slip|my mistake"
    r"|not (?:right|correct|true|it)|no longer \w+)"
)
_REVOKED = re.compile(
    rf"[\"')\]]*(?:\s*(?:eur|usd|gbp|chf|euros?|dollars?|pounds?|files?|\w+s))?(?:\s+(?:is|was|are|were|would be|seems"
    rf"|looks)\s+{_WRONG}\b"
    rf"|\s*[,;.(-]*\s*(?:(?:but|though|although|which)\s+)?(?:that|this|it|which)?(?:'s|\s+is|\s+was)\s+{_WRONG}\b"
    r"|\s*[,;.(-]+\s*(?:scratch that|correction\b|i mean\b|or rather\b|make that\b|no, wait|wait, no)"
    r"|\s*[,;.?(-]+\s*(?:no|oops|sorry|pardon|actually)[,.: -]+(?:i mean|i meant|it's|it is|that should|that's|make that|rather"
    r"|[€$£]?\d))"
)
_TAKING = re.compile(
    r"\b(?:not|cannot|never|neither|nor|no|instead|rather|opposed|other than|apart|except|wrong|incorrect|false|outdated|out of"
    r"|untrue|mistaken|mistake|error|typo|slip|scratch|correction|mean|meant|make that|oops|sorry|pardon|actually|wait)\b|n't"
)
_BREATH = 800  # characters of a sentence that are read as one
_REACH = 80  # characters that a denial may stand away


def any_of(*parts: str) -> re.Pattern[str]:
    """A pattern that finds any of its parts, tried in their order."""
    return re.compile("|".join(parts))


def words(text: str) -> frozenset[str]:
    """The words of a text, to look one up."""
    return frozenset(text.split())


class Span(NamedTuple):
    """A piece of a text: where it starts and where it ends."""

    start: int
    end: int


@lru_cache(maxsize=KEPT)
def level(text: str) -> str:
    """The text with plain quotes, dashes and spaces, and without marks of emphasis; case and lines stay."""
    if not text.isascii() or "*" in text or "`" in text or "\t" in text or "\r" in text:
        text = text.translate(_SIGNS)
    return _SPACES.sub(" ", text) if "  " in text else text


@lru_cache(maxsize=KEPT)
def small_of(text: str) -> str:
    """The text in small letters, sign for sign: positions stay."""
    if text.isascii() or len(text.lower()) == len(text):
        return text.lower()
    return "".join([low if len(low := sign.lower()) == 1 else sign for sign in text])


@lru_cache(maxsize=KEPT)
def spans(text: str) -> tuple[Span, ...]:
    """Where the sentences of a levelled text stand. A line ends one; the `.` of `Mar.` or `p.m.` does not."""
    found, start = [], 0
    for end in _END.finditer(text):
        if end[0] == "." and _SHORT.search(text[max(start, end.start() - 8) : end.start()].casefold()):
            continue
        if text[start : end.end()].strip():
            found.append(Span(start, end.end()))
        start = end.end()
    if text[start:].strip():
        found.append(Span(start, len(text)))
    return tuple(found)


@lru_cache(maxsize=KEPT)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a raw text, small, stripped, without quotations, and with short forms written out.

    The items of a list belong to the line with a colon before them.
    """
    plain = _QUOTED.sub('""', small_of(level(text)))
    found: list[str] = []
    opened: list[str] | None = None
    for start, end in spans(plain):
        part = written_out(" ".join(plain[start:end].split()))
        if opened is not None and _ITEM.match(part):
            opened.append(_ITEM.sub("", part, count=1))
            continue
        if opened is not None:
            found.append(" ".join(opened))
        opened = [part] if part.endswith(":") else None
        if opened is None:
            found.append(part)
    if opened is not None:
        found.append(" ".join(opened))
    return tuple(piece for sentence in found for piece in _pieces(sentence))


def _pieces(sentence: str) -> Iterator[str]:
    """A sentence, or parts of one that nobody would say in one breath: rules look over all of a part, so it may not be long."""
    while len(sentence) > _BREATH:
        cut = sentence.rfind(" ", 1, _BREATH)
        cut = cut if cut > 0 else _BREATH
        yield sentence[:cut]
        sentence = sentence[cut:].lstrip()
    yield sentence


def written_out(sentence: str) -> str:
    """Short forms in full: `can't` as `cannot`, `I'm` as `i am`, `there isn't` as `there is not`; and words of chats."""
    sentence = _SHORT_FORM.sub(lambda found: _FULL.get(found[0]) or _ending(found[0]), sentence)
    return _CHAT.sub(lambda found: _FULL[found[0]], sentence)


def _ending(word: str) -> str:
    """A word with `n't`, `'m` or their like, in full."""
    if word.endswith(("n't", "nt")):
        return f"{word.removesuffix('t').removesuffix(chr(39)).removesuffix('n')} not"
    stem, _, end = word.partition("'")
    return f"{stem} {_ENDINGS[end]}"


@lru_cache(maxsize=KEPT)
def _may_take_back(text: str) -> bool:
    """A cheap first look: whether a text has any word that takes something back."""
    return _TAKING.search(text.casefold()) is not None


def taken_back(text: str, start: int, end: int) -> bool:
    """Whether what stands there in a levelled text is denied or corrected by its own sentence or the words after it."""
    if not _may_take_back(text):
        return False
    whole = spans(text)
    number = bisect_right(whole, start, key=lambda span: span.start) - 1
    first = whole[number].start if number >= 0 else 0
    before = text[max(first, start - _REACH) : start].casefold()
    if _DENIED.search(before) is not None:
        return True
    return _REVOKED.match(text[end : end + _REACH].casefold()) is not None
