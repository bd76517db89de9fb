"""What models used to make a data set: requests, tokens and money, for each role and for each kept sample.

Laws: what rejected candidates used is counted too, since it was paid for; tokens that a policy did not report are told
as `unmetered` requests and never guessed; money is there where a price is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

_TOKENS = ("prompt_tokens", "completion_tokens")


class Meter:
    """Sums usage. `prices`: role -> money for a million (prompt, completion) tokens."""

    def __init__(self, prices: Mapping[str, tuple[float, float]] | None = None) -> None:
        self._prices = dict(prices or {})
        self._usage: dict[str, dict[str, int]] = {}
        self._attempts: Counter[str] = Counter()

    def add(self, usage: Mapping[str, Mapping[str, int]], attempts: Mapping[str, int]) -> None:
        """Count what one index used, and its attempts that failed."""
        add_usage(self._usage, usage)
        self._attempts.update(attempts)

    def record(self, kept: int) -> dict[str, Any]:
        """The figures as plain JSON data; `kept` samples share the whole."""
        roles = {role: {**counts, **self._cost(role, counts)} for role, counts in sorted(self._usage.items())}
        shared: dict[str, Any] = {}
        if kept:
            shared = {
                "requests": round(sum(counts["requests"] for counts in self._usage.values()) / kept, 3),
                "tokens": round(sum(counts[name] for counts in self._usage.values() for name in _TOKENS) / kept, 1),
            }
            if self._prices:
                shared["cost"] = round(sum(part.get("cost", 0.0) for part in roles.values()) / kept, 6)
        return {"roles": roles, "per_kept_sample": shared, "failed_attempts": dict(sorted(self._attempts.items()))}

    def _cost(self, role: str, counts: Mapping[str, int]) -> dict[str, float]:
        if role not in self._prices:
            return {}
        return {"cost": round(sum(counts[name] * price for name, price in zip(_TOKENS, self._prices[role], strict=True)) / 1e6, 6)}


def add_usage(into: dict[str, dict[str, int]], usage: Mapping[str, Mapping[str, int]]) -> None:
    """Add counts by role."""
    for role, counts in usage.items():
        mine = into.setdefault(role, {})
        for name, count in counts.items():
            mine[name] = mine.get(name, 0) + count
