"""The share of work among workers that come and go, wherever they are and whatever their trade.

Laws: every item gives exactly one result; items are taken as workers have room and no sooner, so an endless stream is
fine and a slow reader is waited for; what a lost worker had is made again, and what becomes of an item that a worker
dies of three times while it is alone there is the trade's affair, so that it cannot take the run with it unseen. Not
here: what a worker is (`processes.py`, `ray.py`), and what an item is (`crew.py`, synthesis).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from typing import Generic, Protocol, TypeAlias, TypeVar

from ...envs.errors import RunError, shorten
from .trade import Dumps, Parcel, Report, raise_told

Item = TypeVar("Item")
Made = TypeVar("Made")
AHEAD_SECONDS = 0.05  # of work that lies ready at a worker, to last it from one report to the next
DEATHS_ALONE = 3  # of one item, until it is given up
_DEATHS_IN_COMPANY = 2  # until an item is tried alone: one lost machine says nothing about its work
_FALSE_STARTS = 3  # in a row, until the run is given up
_MOST_AHEAD = 64  # pieces that lie ready at a worker beyond its seats


class Lost(Exception):
    """A worker is gone; the words say how. `hopeless`: another one would go the same way."""

    def __init__(self, how: str, hopeless: bool = False) -> None:
        super().__init__(how)
        self.hopeless = hopeless


class Worker(Protocol):
    """A `Station` somewhere. Every method raises `Lost` once the worker is gone, and what `raise_told` raises."""

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Hand pieces over."""
        ...

    async def get(self) -> Report:
        """Wait for news."""
        ...

    async def close(self, kindly: bool) -> None:
        """End it: after its craft said goodbye, or at once. Never raises `Lost`."""
        ...


Hire: TypeAlias = "Callable[[], Awaitable[Worker]]"


class Trade(Protocol[Item, Made]):
    """A kind of work that workers do."""

    def order(self, size: int, dumps: Dumps = ForkingPickler.dumps) -> bytes:
        """What each of `size` workers needs to begin (`order_of`)."""
        ...

    def team(self, hire: Hire, size: int, ahead: float = AHEAD_SECONDS) -> Team[Item, Made]:
        """Who shares the work among them."""
        ...


class Workforce(Protocol):
    """Where work of any trade is done: `Processes`, `OnRay`, or one's own."""

    def employ(self, trade: Trade[Item, Made], items: Iterator[Item]) -> AsyncGenerator[Made, None]:
        """The results of all items, as the trade's team gives them. Workers end with it, however it ends."""
        ...


@dataclass(slots=True, eq=False)
class _Piece(Generic[Item]):
    """An item with its number, and the workers that died with it, in company and alone."""

    item: Item
    number: int
    deaths: int = 0
    alone: int = 0


@dataclass(slots=True, eq=False)
class _Hand(Generic[Item]):
    """A worker as the team sees it: what it has, how many pieces it can keep waiting, how fast it is."""

    worker: Worker
    pieces: dict[str, _Piece[Item]] = field(default_factory=dict)
    busy: int = 0
    rate: float = 0.0
    ahead: int = 0
    heard: float = field(default_factory=time.perf_counter)

    def room(self, seats: int) -> int:
        """How many more pieces it may have. A craft that computes gets one at a time, one that waits fills its seats."""
        return min(seats, 2 * self.busy + 1) + self.ahead - len(self.pieces)

    def hear(self, report: Report, ahead: float) -> None:
        now = time.perf_counter()
        if report.lines:
            rate = len(report.lines) / max(now - self.heard, 1e-6)
            self.rate = 0.5 * self.rate + 0.5 * rate if self.rate else rate
            self.ahead = min(_MOST_AHEAD, int(self.rate * ahead), 2 * self.ahead + 1)
        self.heard, self.busy = now, report.busy


def seats_of(concurrency: int, size: int) -> int:
    """How many pieces each of `size` workers has under way at once."""
    return -(-concurrency // size)


class Team(ABC, Generic[Item, Made]):
    """Up to `size` workers that share `concurrency`; a trade says what it does by three methods.

    `hire` gives a worker that is ready, or raises `Lost`. `ahead`: seconds of work that lie ready at a worker. `window`:
    results come in the order of the items, and none is begun that many places after the first that was not yet taken
    in; None: they come as they finish.
    """

    stray = "it may depend on nothing but what was sent"  # what makes a worker answer to another id

    def __init__(self, hire: Hire, size: int, concurrency: int, ahead: float = AHEAD_SECONDS, window: int | None = None) -> None:
        self._hire_one, self._size, self._ahead, self._window = hire, size, ahead, window
        self._seats = seats_of(concurrency, size)
        self._items: Iterator[Item] = iter(())
        self._fresh: deque[_Piece[Item]] = deque()  # one at most: taken from the items to know that there are more
        self._again: deque[_Piece[Item]] = deque()
        self._suspects: deque[_Piece[Item]] = deque()
        self._apart: set[_Hand[Item]] = set()  # hands that finish what they have, then try suspects one by one
        self._out = self._taken = self._read = 0
        self._over = False
        self._alive = self._false_starts = 0
        self._hiring: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._held: dict[int, Made] = {}  # results that wait for one before them
        self._turn = 0
        self._ready: asyncio.Queue[Made | Exception | None] = asyncio.Queue()
        self._space = asyncio.Semaphore(window or concurrency)  # results that may wait for the reader

    @abstractmethod
    def parcel(self, item: Item) -> Parcel:
        """An item as it travels."""

    @abstractmethod
    def read(self, line: bytes) -> tuple[str, Made]:
        """The id of a finished piece, and its result."""

    @abstractmethod
    def give_up(self, item: Item, how: str) -> Made:
        """The result of an item that nobody survived, or an error that ends the run; `how` the last worker ended."""

    async def results(self, items: Iterator[Item]) -> AsyncGenerator[Made, None]:
        """The results of all items. Workers end with it, however it ends."""
        self._items = items
        if not self._has_work():
            return
        keepers = [asyncio.ensure_future(self._keep()) for _ in range(self._size)]
        try:
            while (made := await self._ready.get()) is not None:
                if isinstance(made, Exception):
                    raise made
                self._space.release()
                yield made
                self._read += 1
                if self._window is not None:  # there may be room for an item that was too far ahead
                    self._end_if_done()
                    self._wake()
            for keeper in self._hiring:  # its worker would come too late
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            if not self._ready.empty() and isinstance(made := self._ready.get_nowait(), Exception):
                raise made  # from the iterator of items, or a craft's close
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    # -- one worker after another ----------------------------------------------------------------------

    async def _keep(self) -> None:
        """Keep one place filled for as long as there is work."""
        try:
            while await self._work():
                await self._employ(_Hand(await self._hire()))
        except Exception as error:
            self._ready.put_nowait(error)

    async def _employ(self, hand: _Hand[Item]) -> None:
        """Have a worker work until nothing is left, or it is lost."""
        kindly = False
        self._alive += 1
        try:
            await self._serve(hand)
            kindly = True
        except Lost as lost:
            await self._recover(hand, str(lost))
        except Exception as error:  # told before the worker ends, which takes its time
            self._ready.put_nowait(error)
        finally:
            self._alive -= 1
            self._apart.discard(hand)
            await hand.worker.close(kindly)

    async def _hire(self) -> Worker:
        this = asyncio.current_task()
        assert this is not None
        self._hiring.add(this)
        try:
            while True:
                try:
                    worker = await self._hire_one()
                except Lost as lost:
                    self._false_starts += 1
                    if lost.hopeless or (self._false_starts >= _FALSE_STARTS and not self._alive):
                        raise RunError(f"workers do not start: {lost}") from None
                    await asyncio.sleep(min(10.0, 0.1 * 2**self._false_starts))
                else:
                    self._false_starts = 0
                    return worker
        finally:
            self._hiring.discard(this)

    async def _serve(self, hand: _Hand[Item]) -> None:
        while True:
            await self._top_up(hand)
            if hand.pieces:
                report = await hand.worker.get()
                raise_told(report.wrong)
                hand.hear(report, self._ahead)
                for line in report.lines:
                    await self._deliver(hand, line)
            elif not await self._work():
                return

    async def _top_up(self, hand: _Hand[Item]) -> None:
        parcels = []
        for _ in range(hand.room(self._seats)):
            if (piece := self._take(hand)) is None:
                break
            parcel = self.parcel(piece.item)
            hand.pieces[parcel.id] = piece
            self._out += 1
            parcels.append(parcel)
        if parcels:
            await hand.worker.put(parcels)

    async def _deliver(self, hand: _Hand[Item], line: bytes) -> None:
        identity, made = self.read(line)
        piece = hand.pieces.pop(identity, None)
        if piece is None:
            raise RunError(f"a worker made {shorten(identity)} and was asked for another; {self.stray}")
        await self._give(piece, made)

    async def _give(self, piece: _Piece[Item], made: Made) -> None:
        await self._space.acquire()  # waits for the reader
        if self._window is None:
            self._ready.put_nowait(made)
        else:
            self._held[piece.number] = made
            while self._turn in self._held:
                self._ready.put_nowait(self._held.pop(self._turn))
                self._turn += 1
        self._out -= 1
        self._end_if_done()

    def _end_if_done(self) -> None:
        if not self._out and not self._over and not self._has_work() and not self._is_far():
            self._over = True
            self._wake()
            self._ready.put_nowait(None)

    # -- what is there to do ---------------------------------------------------------------------------

    def _take(self, hand: _Hand[Item]) -> _Piece[Item] | None:
        if self._suspects and (not hand.pieces or len(self._apart) < max(1, self._size // 2)):
            self._apart.add(hand)
        if hand in self._apart:
            if hand.pieces:
                return None
            if self._suspects:
                return self._suspects.popleft()
            self._apart.discard(hand)
        if self._again:
            return self._again.popleft()
        return self._fresh.popleft() if self._has_work() else None

    def _has_work(self) -> bool:
        if not self._fresh and not self._again and not self._is_far():
            for item in _one_of(self._items):
                self._fresh.append(_Piece(item, self._taken))
                self._taken += 1
        return bool(self._fresh or self._again or self._suspects)

    def _is_far(self) -> bool:
        """Whether the next item lies too far ahead of what was taken in."""
        return self._window is not None and self._taken - self._read >= self._window

    async def _work(self) -> bool:
        """Wait until there is something to do; False once nothing is left, or will come back from a lost worker."""
        while not self._over and not self._has_work():
            await self._changed.wait()
        return not self._over

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- losses ----------------------------------------------------------------------------------------

    async def _recover(self, hand: _Hand[Item], how: str) -> None:
        """Make what a lost worker had again, or give it up."""
        pieces, hand.pieces = list(hand.pieces.values()), {}
        given_up = []
        for piece in pieces:
            if len(pieces) == 1:
                piece.alone += 1
            else:
                piece.deaths += 1
            if piece.alone >= DEATHS_ALONE:
                given_up.append(piece)
                continue
            self._out -= 1
            (self._suspects if piece.alone or piece.deaths >= _DEATHS_IN_COMPANY else self._again).append(piece)
        self._wake()
        for piece in given_up:
            await self._give(piece, self.give_up(piece.item, how))


def _one_of(items: Iterator[Item]) -> Iterator[Item]:
    with contextlib.suppress(StopIteration):
        yield next(items)
