"""Days as numbers: days since 1970-01-01, so that `clock // 86400` is today. Moments as ISO text, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

_EPOCH = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=4096)
def iso(day: int) -> str:
    """The ISO form of a day number."""
    return date.fromordinal(day + _EPOCH).isoformat()


def number(day: str) -> int:
    """The number of an ISO day; years far away give numbers far away, never an error."""
    return date.fromisoformat(day).toordinal() - _EPOCH


def weekday(day: int) -> int:
    """0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


@lru_cache(maxsize=4096)
def moment(seconds: int) -> str:
    """A clock reading as ISO text without zone: `2026-03-02T09:00:00` (UTC)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def seconds(text: str) -> int:
    """The clock reading of what `moment` wrote."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())
