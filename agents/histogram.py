"""A spread of numbers in little room: the exact mean, and quantiles to within 2.5 %.

Laws: numbers are counted in fixed log-spaced bins (each 5 % wider than the one before), so that the order they
come in changes nothing and memory does not grow with them. Not here: what the numbers are (`metrics.py`).
"""

from __future__ import annotations

from collections import Counter
from math import ceil, inf, log

_STEP = log(1.05)
_LEAST = 1e-7
_PARTS = 1_000_000  # a sum of whole millionths does not depend on its order


class Histogram:
    """Numbers of at least zero, counted."""

    __slots__ = ("_bins", "_high", "_low", "_sum", "count")

    def __init__(self) -> None:
        self.count = 0
        self._bins: Counter[int] = Counter()
        self._sum = 0
        self._low, self._high = inf, 0.0

    def add(self, value: object) -> None:
        """Count a number; anything else, negative and endless ones too, is passed over."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
            return
        self.count += 1
        self._sum += round(value * _PARTS)
        self._bins[round(log(max(value, _LEAST)) / _STEP)] += 1
        self._low, self._high = min(self._low, value), max(self._high, value)

    @property
    def total(self) -> float:
        """The sum."""
        return self._sum / _PARTS

    def quantile(self, share: float) -> float:
        """The number that `share` (0..1) of all do not exceed; 0.0 of nothing."""
        wanted, seen = ceil(share * self.count), 0
        for index in sorted(self._bins):
            seen += self._bins[index]
            if seen >= wanted:
                return float(min(self._high, max(self._low, 1.05**index)))
        return 0.0

    def record(self) -> dict[str, float]:
        """Mean, median and 95th percentile, and of how many numbers."""
        mean = self.total / self.count if self.count else 0.0
        return {"count": self.count, "mean": mean, "p50": self.quantile(0.5), "p95": self.quantile(0.95)}
