"""Words: taking a text apart and comparing its parts, so that `final_report.pdf` is said by "the final report, a PDF".

Plain English and nothing learned. Laws: comparing ignores case, endings, quotes, and how words are joined; what is called near is
only ever a hint for people. Not here: what counts as known (`knowledge.py`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")
_SHORT = 1000  # characters

_SMALL = """a an the and or but of to in on at by for with from as is are was were be been being it its this that these those i you he
    she we they me my your his her our their them him us please do does did can could would should will shall may might have has had not
    no so if then than there here what which who whom whose when where how all any each into onto over under about also just"""
_STOP = frozenset(re.findall(r"\w+", _SMALL))
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_TOKEN = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?")
_ENDS = re.compile(r"(?:ations?|ment(?:s)?|ness|ings?|edly|ied|ies|ed|es|ly|al|s|e|y|ion|or|er)$")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "−": "-", "–": "-", "—": "-", "\u00a0": " "})


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """A function of a text that is asked again and again, remembered for short texts: long ones would fill the memory."""
    known = lru_cache(maxsize=8192)(function)

    @wraps(function)
    def asked(text: str) -> T:
        return known(text) if len(text) <= _SHORT else function(text)

    return asked


@remembered
def stem(word: str) -> str:
    """A word in lower case without its ending."""
    word = word.casefold()
    for _ in range(2):
        cut = _ENDS.sub("", word)
        if len(cut) < 3 or cut == word:
            break
        word = cut
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@remembered
def tokens(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, joined names taken apart: `DataSet_1.csv` is data, set, 1, csv."""
    return tuple(token.casefold() for token in _TOKEN.findall(_CAMEL.sub(" ", text)))


@remembered
def content(text: str) -> tuple[str, ...]:
    """The tokens that carry meaning, as stems."""
    return tuple(stem(token) for token in tokens(text) if token not in _STOP)


@remembered
def squash(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return "".join(c for c in text.casefold() if c.isalnum())


def plain(text: str) -> str:
    """Lower case, plain quotes and dashes, single spaces."""
    return " ".join(text.translate(_QUOTES).casefold().split())


def stands(part: str, text: str) -> bool:
    """Whether `part` stands in `text` as whole words; both as `plain` gives them."""
    start = text.find(part)
    while start >= 0 and part:
        end = start + len(part)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (_joined(before, part[0]) or _joined(after, part[-1])):
            return True
        start = text.find(part, start + 1)
    return False


def _joined(neighbour: str, edge: str) -> bool:
    return neighbour.isalnum() and edge.isalnum()


def share(wanted: Iterable[str], known: Collection[str]) -> float:
    """How many of some stems are known, 0..1; 1 where there are none. A stem that begins like a known one counts."""
    parts = list(wanted)
    if not parts:
        return 1.0
    return sum(part in known or _begins(part, known) for part in parts) / len(parts)


def _begins(part: str, known: Collection[str]) -> bool:
    if len(part) < 4 or part.isdigit():
        return False
    return any(len(other) >= 4 and (other.startswith(part) or part.startswith(other)) for other in known)


def initials(code: str, phrases: Iterable[str]) -> str | None:
    """The phrase that a short code stands for: by its initials, or by its letters in order from the first."""
    letters = code.casefold()
    if not 2 <= len(letters) <= 5 or not letters.isalpha():
        return None
    for phrase in phrases:
        words = [word.casefold() for word in re.findall(r"[A-Za-z]+", phrase)]
        if not words or "".join(words) == letters:
            continue
        if "".join(word[0] for word in words)[: len(letters)] == letters and len(words) >= len(letters):
            return phrase
        if words[0][0] == letters[0] and len(words[0]) > len(letters) and _in_order(letters, "".join(words)):
            return phrase
    return None


def _in_order(letters: str, text: str) -> bool:
    place = iter(text)
    return all(letter in place for letter in letters)


def nearest(text: str, known: Iterable[str], limit: int = 3) -> list[tuple[str, float]]:
    """The known texts most like one, with their likeness 0..1, best first; none below 0.55."""
    wanted = plain(text)[:200]
    scored: list[tuple[float, str]] = []
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    for other in dict.fromkeys(known):
        matcher.set_seq1(plain(other)[:200])
        if matcher.real_quick_ratio() > 0.55 and matcher.quick_ratio() > 0.55 and (ratio := matcher.ratio()) > 0.55:
            scored.append((ratio, other))
    return [(other, ratio) for ratio, other in sorted(scored, key=lambda item: (-item[0], item[1]))[:limit]]
