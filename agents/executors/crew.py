"""The share of work among workers that come and go, wherever they are.

Laws: every job gives exactly one trajectory; jobs are taken as workers have room and no sooner, so an endless
stream of tasks is fine and a slow reader is waited for; what a lost worker had is made again, and a job that a
worker dies of three times while it is alone there is recorded as an infrastructure error, so that it cannot take
the run with it. Not here: what a worker is (`processes.py`, `ray.py`), and doubles (`runner.py` passes over them).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...envs.errors import RunError, shorten
from ..executor import Job, Plan
from ..policy import Policy, policy_record
from ..trajectory import INFRASTRUCTURE, Trajectory, installed_versions, task_record
from .station import Parcel, Report, raise_told

_DEATHS_ALONE = 3  # of one job, until it is given up
_DEATHS_IN_COMPANY = 2  # until a job is tried alone: one lost machine says nothing about its jobs
_FALSE_STARTS = 3  # in a row, until the run is given up
_MOST_AHEAD = 64  # jobs that lie ready at a worker beyond its seats


class Lost(Exception):
    """A worker is gone; the words say how. `hopeless`: another one would go the same way."""

    def __init__(self, how: str, hopeless: bool = False) -> None:
        super().__init__(how)
        self.hopeless = hopeless


class Worker(Protocol):
    """A `Station` somewhere. Every method raises `Lost` once the worker is gone, and what `raise_told` raises."""

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Hand jobs over."""
        ...

    async def get(self) -> Report:
        """Wait for news."""
        ...

    async def close(self, kindly: bool) -> None:
        """End it: after its policy said goodbye, or at once. Never raises `Lost`."""
        ...


@dataclass(slots=True, eq=False)
class _Piece:
    """A job and the workers that died with it, in company and alone."""

    job: Job
    deaths: int = 0
    alone: int = 0


@dataclass(slots=True, eq=False)
class _Hand:
    """A worker as the crew sees it: what it has, how many episodes it can keep waiting, how fast it is."""

    worker: Worker
    pieces: dict[str, _Piece] = field(default_factory=dict)
    busy: int = 0
    rate: float = 0.0
    ahead: int = 0
    heard: float = field(default_factory=time.perf_counter)

    def room(self, seats: int) -> int:
        """How many more jobs it may have. A policy that computes gets one at a time, one that waits fills its seats."""
        return min(seats, 2 * self.busy + 1) + self.ahead - len(self.pieces)

    def hear(self, report: Report, ahead: float) -> None:
        now = time.perf_counter()
        if report.lines:
            rate = len(report.lines) / max(now - self.heard, 1e-6)
            self.rate = 0.5 * self.rate + 0.5 * rate if self.rate else rate
            self.ahead = min(_MOST_AHEAD, int(self.rate * ahead), 2 * self.ahead + 1)
        self.heard, self.busy = now, report.busy


def seats_of(plan: Plan, size: int) -> int:
    """How many episodes each of `size` workers has at once."""
    return -(-plan.concurrency // size)


class Crew:
    """Up to `size` workers that share the plan's concurrency.

    `hire` gives a worker that is ready, or raises `Lost`. `ahead`: seconds of work that lie ready at a worker, to
    last it from one report to the next.
    """

    def __init__(self, hire: Callable[[], Awaitable[Worker]], size: int, policy: Policy, plan: Plan, ahead: float = 0.05) -> None:
        self._hire_one, self._size, self._ahead = hire, size, ahead
        self._seats = seats_of(plan, size)
        self._policy, self._plan = policy, plan
        self._jobs: Iterator[Job] = iter(())
        self._fresh: deque[_Piece] = deque()  # one at most: taken from the jobs to know that there are more
        self._again: deque[_Piece] = deque()
        self._suspects: deque[_Piece] = deque()
        self._apart: set[_Hand] = set()  # hands that finish what they have, then try suspects one by one
        self._out = 0
        self._over = False
        self._alive = self._false_starts = 0
        self._hiring: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._ready: asyncio.Queue[Trajectory | Exception | None] = asyncio.Queue()
        self._space = asyncio.Semaphore(plan.concurrency)  # trajectories that may wait for the reader

    async def results(self, jobs: Iterator[Job]) -> AsyncGenerator[Trajectory, None]:
        """The trajectories of all jobs, as they finish. Workers end with it, however it ends."""
        self._jobs = jobs
        if not self._has_work():
            return
        keepers = [asyncio.ensure_future(self._keep()) for _ in range(self._size)]
        try:
            while (item := await self._ready.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                self._space.release()
                yield item
            for keeper in self._hiring:  # its worker would come too late
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            if not self._ready.empty() and isinstance(item := self._ready.get_nowait(), Exception):
                raise item  # from the iterator of jobs, or a policy's close
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

    async def _employ(self, hand: _Hand) -> None:
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

    async def _serve(self, hand: _Hand) -> None:
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

    async def _top_up(self, hand: _Hand) -> None:
        parcels = []
        for _ in range(hand.room(self._seats)):
            if (piece := self._take(hand)) is None:
                break
            hand.pieces[piece.job.id] = piece
            self._out += 1
            parcels.append(Parcel(piece.job.id, piece.job.trial, piece.job.task.line()))
        if parcels:
            await hand.worker.put(parcels)

    async def _deliver(self, hand: _Hand, line: bytes) -> None:
        made = Trajectory.from_record(json.loads(line))
        if hand.pieces.pop(made.id, None) is None:
            raise RunError(
                f"a worker made {shorten(made.id)} and was asked for another; the policy's config is not the same there"
                " as here: it may depend on nothing but the policy's options"
            )
        await self._give(made)

    async def _give(self, made: Trajectory) -> None:
        await self._space.acquire()  # waits for the reader
        self._ready.put_nowait(made)
        self._out -= 1
        if not self._out and not self._over and not self._has_work():
            self._over = True
            self._wake()
            self._ready.put_nowait(None)

    # -- what is there to do ---------------------------------------------------------------------------

    def _take(self, hand: _Hand) -> _Piece | None:
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
        if not self._fresh and not self._again:
            self._fresh.extend(_Piece(job) for job in _one_of(self._jobs))
        return bool(self._fresh or self._again or self._suspects)

    async def _work(self) -> bool:
        """Wait until there is something to do; False once nothing is left, or will come back from a lost worker."""
        while not self._over and not self._has_work():
            await self._changed.wait()
        return not self._over

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- losses ----------------------------------------------------------------------------------------

    async def _recover(self, hand: _Hand, how: str) -> None:
        """Make what a lost worker had again, or give it up."""
        pieces, hand.pieces = list(hand.pieces.values()), {}
        given_up = []
        for piece in pieces:
            if len(pieces) == 1:
                piece.alone += 1
            else:
                piece.deaths += 1
            if piece.alone >= _DEATHS_ALONE:
                given_up.append(piece)
                continue
            self._out -= 1
            (self._suspects if piece.alone or piece.deaths >= _DEATHS_IN_COMPANY else self._again).append(piece)
        self._wake()
        for piece in given_up:
            await self._give(self._obituary(piece.job, how))

    def _obituary(self, job: Job, how: str) -> Trajectory:
        """The record of a rollout that nobody survived to tell of."""
        user = self._plan.user
        return Trajectory(
            id=job.id,
            task=task_record(job.task),
            policy=policy_record(self._policy),
            seed=self._plan.seed,
            trial=job.trial,
            worlds={part.world: part.version for part in job.task.worlds},
            status="error",
            reason=INFRASTRUCTURE,
            detail=f"{_DEATHS_ALONE} workers died while they made this episode and no other; the last: {how}",
            conditions={**self._plan.conditions.record(), **({"user": policy_record(user)} if user is not None else {})},
            versions=dict(installed_versions()),
        )


def _one_of(jobs: Iterator[Job]) -> Iterator[Job]:
    with contextlib.suppress(StopIteration):
        yield next(jobs)
