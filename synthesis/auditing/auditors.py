"""Audits made elsewhere: auditing as a trade of workers (`agents/executors`), a task a piece.

Laws: what comes back is what this process would have found, in order; a task that no worker survives is a finding, not the end.
Not here: workers, and who gets which task.
"""

from __future__ import annotations

import contextlib
from multiprocessing.reduction import ForkingPickler
from typing import NamedTuple

from ...agents.executors.team import AHEAD_SECONDS, DEATHS_ALONE, Hire, Team
from ...agents.executors.trade import Dumps, Parcel, order_of
from ..workshop import WINDOW
from .adapters import Entry, adapter_of
from .audited import Audited, audit_entry
from .finding import Finding


class Auditor:
    """The craft: audits a task."""

    seats = 1

    def __init__(self, adapter: str, view: bool) -> None:
        self._adapter, self._view = adapter_of(adapter), view

    def opened(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Nothing is needed."""
        return contextlib.nullcontext()

    async def make(self, parcel: Parcel) -> bytes:
        """What a task came to."""
        _, number, text = parcel
        return audit_entry(self._adapter, Entry(number, text), self._view).pack().encode()


class Audits(NamedTuple):
    """The trade: entries in, `Audited` out, in order."""

    adapter: str
    view: bool

    def order(self, size: int, dumps: Dumps = ForkingPickler.dumps) -> bytes:
        """Auditors need to know the adapter's name."""
        return order_of(Auditor, self._asdict(), {}, dumps)

    def team(self, hire: Hire, size: int, ahead: float = AHEAD_SECONDS) -> Team[Entry, Audited]:
        """A task at a time each."""
        return _Auditors(hire, size, size, ahead, WINDOW * size)


class _Auditors(Team[Entry, Audited]):
    def parcel(self, item: Entry) -> Parcel:
        return Parcel(str(item.number), item.number, item.text)

    def read(self, line: bytes) -> tuple[str, Audited]:
        found = Audited.unpack(line)
        return str(found.number), found

    def give_up(self, item: Entry, how: str) -> Audited:
        why = f"{DEATHS_ALONE} workers died while they played it and no other; the last: {how}"
        return Audited(item.number, f"line {item.number}", [Finding("replays", "breaks", "high", "high", why)], usable=False)
