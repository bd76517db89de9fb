"""Words and runs of words: what texts are compared by, whoever wrote them.

A word is a run of letters or digits; signs, case and line ends say nothing, and where a script has no spaces a
letter is a word. Runs are hashed to 64 bits, equal in every process. Law: what differs in signs and case alone
has equal words. Not here: meaning; `pay` and `transfer` are two words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

SIZE = 3  # words of a shingle
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
Hashes = NDArray[np.uint64]


def words_of(text: str) -> list[str]:
    """The words of a text, lower case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def runs(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """All runs of `n` words, in order."""
    for start in range(len(words) - n + 1):
        yield tuple(words[start : start + n])


def hash_of(run: Iterable[str]) -> int:
    """64 bits of a run of words."""
    return int.from_bytes(blake2b("\x1f".join(run).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def shingles(texts: Iterable[str], n: int = SIZE) -> Hashes:
    """The hashes of all runs of `n` words within each text, sorted, each once; a shorter text is a run of its own."""
    found: set[int] = set()
    for text in texts:
        words = words_of(text)
        found.update(hash_of(run) for run in runs(words, min(n, len(words) or 1)))
    return np.array(sorted(found), dtype=np.uint64)


def jaccard(one: Hashes, other: Hashes) -> float:
    """What two sets of hashes share, 0..1: |A and B| / |A or B|, and 1 for two empty ones."""
    common = int(np.intersect1d(one, other, assume_unique=True).size)
    union = one.size + other.size - common
    return common / union if union else 1.0
