"""Worker processes on this machine, for work that computes: rollouts, and whatever trade employs them.

    run_all(policy, tasks, executor=Processes(8))
    synthesize(request, out, executor=Processes(8))

Laws: a worker that dies is replaced and its work made again; no worker outlives its run, not even when this
process is killed; a signal from the terminal is this process's affair alone. A policy made by name is made again in
each worker, any other is sent there; a script that starts a run guards it with `if __name__ == "__main__":`, since
workers import it. Not here: who gets which piece of work (`team.py`).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import chain
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from ...envs.errors import RunError
from ..executor import Job, Plan
from ..policy import Policy
from ..trajectory import Trajectory
from .crew import Rollouts
from .line import Line
from .station import Station
from .team import Item, Lost, Made, Trade
from .trade import Parcel, Report, raise_told

_HELLO, _ORDER, _READY, _WORK, _NEWS, _END = b"H", b"O", b"R", b"W", b"N", b"E"  # frames, in order of their life
_GOODBYE_SECONDS = 30.0  # for a craft's close at the end of a run
_HURRY_SECONDS = 1.0  # for the same when the run is broken off
_LOOK_SECONDS = 0.5
_ALIVE: set[BaseProcess] = set()


class Processes:
    """An executor: worker processes that share the concurrency of a run, at least one episode (or other piece) each.

    Args:
        workers: how many; None takes one for each core this process may use.

    Raises `RunError` when run, with the remedy, for what cannot leave this process, and for workers that do not
    start.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"at least one worker is needed, not {workers}")
        self.workers = workers or len(os.sched_getaffinity(0))

    def execute(self, policy: Policy, jobs: Iterator[Job], plan: Plan) -> AsyncGenerator[Trajectory, None]:
        """Make the rollouts in the workers, and give them as they finish."""
        first = next(jobs, None)
        return self.employ(Rollouts(policy, plan, first), jobs if first is None else chain((first,), jobs))

    async def employ(self, trade: Trade[Item, Made], items: Iterator[Item]) -> AsyncGenerator[Made, None]:
        """Have the workers do the work of a trade."""
        order = trade.order(self.workers)

        async def hire() -> _Process:
            worker = _Process()
            try:
                await worker.open(order)
            except BaseException:
                await worker.close(False)
                raise
            return worker

        async with contextlib.aclosing(trade.team(hire, self.workers).results(items)) as results:
            async for made in results:
                yield made


# -- this side --------------------------------------------------------------------------------------------


class _Process:
    """A worker process and the line to it."""

    def __init__(self) -> None:
        self._end, theirs = socket.socketpair()
        self._process = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs,), name="turngym-worker")
        self._line: Line | None = None
        self._watch: asyncio.Task[None] | None = None
        self._greeted = False
        resource_tracker.ensure_running()  # by itself it would take the mask below away again
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the child starts with this mask
        try:
            self._process.start()
        except OSError as error:
            self._end.close()
            raise RunError(f"cannot start a worker process ({error.strerror or error}); ask for fewer workers") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
            theirs.close()
        _ALIVE.add(self._process)

    async def open(self, order: bytes) -> None:
        """Wait until its craft is ready."""
        self._line = await Line.over(self._end)
        self._watch = asyncio.create_task(self._look_after(self._line))
        await self._hear()
        self._greeted = True
        await self._send(_ORDER, order)
        raise_told((await self._hear()).wrong)

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Hand pieces over."""
        await self._send(_WORK, json.dumps(parcels).encode())

    async def get(self) -> Report:
        """Wait for news."""
        return await self._hear()

    async def close(self, kindly: bool) -> None:
        """End it. Where the run ended well, what its craft's close raises is raised."""
        try:
            if kindly:
                with contextlib.suppress(Lost, TimeoutError):
                    async with asyncio.timeout(_GOODBYE_SECONDS):
                        await self._say_goodbye()
        finally:
            try:
                if self._line is not None:
                    await self._line.close()
                await self._gone()
            finally:
                self._bury()

    def _bury(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._end.close()
        self._process.kill()
        self._process.join()
        _ALIVE.discard(self._process)

    async def _say_goodbye(self) -> None:
        await self._send(_END)
        while True:
            what, body = await self._frame()
            if what == _END:
                return raise_told(_report_of(body).wrong)

    async def _send(self, what: bytes, body: bytes = b"") -> None:
        assert self._line is not None
        try:
            await self._line.send(what, body)
        except OSError:
            raise await self._loss() from None

    async def _hear(self) -> Report:
        return _report_of((await self._frame())[1])

    async def _frame(self) -> tuple[bytes, bytes]:
        assert self._line is not None
        try:
            return await self._line.hear()
        except (OSError, asyncio.IncompleteReadError):
            raise await self._loss() from None

    async def _loss(self) -> Lost:
        await self._gone()
        code = self._process.exitcode
        if code is not None and code < 0:
            return Lost(f"a worker process was ended by {signal.Signals(-code).name}")
        if code == 1 and not self._greeted:  # what its interpreter could not import stands on stderr
            words = 'a worker process could not import the script of this run; guard it with: if __name__ == "__main__":'
            return Lost(words, hopeless=True)
        return Lost(f"a worker process ended with exit code {code}")

    async def _gone(self) -> None:
        """Wait a moment for the process to end by itself."""
        for _ in range(int(_HURRY_SECONDS / 0.01)):
            if self._process.exitcode is not None:
                return
            await asyncio.sleep(0.01)

    async def _look_after(self, line: Line) -> None:
        """Notice a death even where a child of the worker keeps its end of the socket open."""
        while self._process.exitcode is None:
            await asyncio.sleep(_LOOK_SECONDS)
        line.cut()


@atexit.register
def _leave_nobody() -> None:
    for process in _ALIVE:  # a run that was broken off without being closed
        process.kill()


# -- that side --------------------------------------------------------------------------------------------


def _work(end: socket.socket) -> None:
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_follow_parent, daemon=True).start()
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # the other side hung up
        asyncio.run(_serve(end))


def _follow_parent() -> None:
    """End with the parent, even where the event loop is kept busy by its craft."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    while os.getppid() == parent.pid and not wait([parent.sentinel], _LOOK_SECONDS):
        pass
    os._exit(1)


async def _serve(end: socket.socket) -> None:
    line = await Line.over(end)
    await line.send(_HELLO, _report_line(Report()))
    _, order = await line.hear()
    station = Station(order)
    wrong = await station.open()
    await line.send(_READY, _report_line(Report(wrong=wrong)))
    if wrong is not None:
        return
    telling = asyncio.create_task(_tell(line, station))
    what = b""
    try:
        while what != _END:
            what, body = await line.hear()
            if what == _WORK:
                station.put([Parcel(*parcel) for parcel in json.loads(body)])
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        wrong = await station.close()
        await line.send(_END, _report_line(Report(wrong=wrong)))
        await line.close()


async def _tell(line: Line, station: Station) -> None:
    while True:
        await line.send(_NEWS, _report_line(await station.get()))


def _report_line(report: Report) -> bytes:
    """A report as bytes: its figures on one line, then the records as they are."""
    return b"".join([json.dumps([report.busy, report.wrong]).encode(), b"\n", *report.lines])


def _report_of(body: bytes) -> Report:
    figures, *lines = body.splitlines()
    busy, wrong = json.loads(figures)
    return Report(lines, busy, wrong)
