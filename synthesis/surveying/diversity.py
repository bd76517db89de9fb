"""How varied the users' words are: vocabulary, distinct n-grams, types to tokens.

Law: memory does not grow with the data set, and the order of its rows changes nothing. Distinct runs are counted exactly
up to a bound, and estimated beyond it from the smallest of their hashes (k minimum values, Bar-Yossef et al. 2002), to
within about 0.6 %. Types to tokens fall with length, so that ratio is of a sample of fixed size, drawn by the hash of ids.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from .shingles import hash_of, runs, words_of

KEPT = 1 << 15
SAMPLE_WORDS = 10_000
_CONVERSATIONS = 600
_SPACE = 1 << 64


class Distinct:
    """Counts different 64-bit hashes; exactly while they are no more than `kept`."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._seen: set[int] = set()
        self._heap: list[int] = []  # negated: the largest hash that is kept comes first

    def add(self, value: int) -> None:
        """Take a hash in."""
        if value in self._seen or (len(self._heap) > self._kept and value >= -self._heap[0]):
            return
        self._seen.add(value)
        heapq.heappush(self._heap, -value)
        if len(self._heap) > self._kept + 1:
            self._seen.discard(-heapq.heappop(self._heap))

    @property
    def exact(self) -> bool:
        """Whether `count` is no estimate."""
        return len(self._heap) <= self._kept

    @property
    def count(self) -> int:
        """How many different ones there were."""
        return len(self._heap) if self.exact else round((len(self._heap) - 1) * _SPACE / (-self._heap[0] + 1))


class Diversity:
    """Counts the words of conversations. Feed it texts; `record()` gives the figures so far."""

    def __init__(self) -> None:
        self._total = [0, 0, 0]
        self._distinct = [Distinct(), Distinct(), Distinct()]
        self._drawn: list[tuple[int, str, list[str]]] = []

    def add(self, identity: str, texts: Iterable[str]) -> None:
        """Count what the user says in a conversation; runs do not reach from turn to turn."""
        words = [words_of(text) for text in texts]
        for turn in words:
            for n in (1, 2, 3):
                for run in runs(turn, n):
                    self._total[n - 1] += 1
                    self._distinct[n - 1].add(hash_of(run))
        entry = -hash_of((identity,)), identity, [word for turn in words for word in turn]
        if len(self._drawn) < _CONVERSATIONS:
            heapq.heappush(self._drawn, entry)
        else:
            heapq.heappushpop(self._drawn, entry)

    def record(self) -> dict[str, Any]:
        """`words`, `vocabulary`, `distinct` (n -> share of the runs of n words that are different), `estimated` (whether
        any of them is), and `type_token`: the ratio, and of how many words."""
        drawn = [word for _, _, words in sorted(self._drawn, reverse=True) for word in words][:SAMPLE_WORDS]
        shares = {
            str(n + 1): round(found.count / total, 4) if total else 0.0
            for n, (found, total) in enumerate(zip(self._distinct, self._total, strict=True))
        }
        return {
            "words": self._total[0],
            "vocabulary": self._distinct[0].count,
            "distinct": shares,
            "estimated": not all(found.exact for found in self._distinct),
            "type_token": {"ratio": round(len(set(drawn)) / len(drawn), 4) if drawn else 0.0, "words": len(drawn)},
        }
