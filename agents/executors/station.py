"""The worker's side of a run that leaves its process: a station with seats, and the craft of rollouts.

Laws: pieces of work go back as lines; nothing that goes wrong here is raised here, it is told to whoever ordered the
work; a seat that is free says so, so that pieces wait where they can still go to another worker. Not here: how lines
travel (`processes.py`, `ray.py`), who gets which piece (`team.py`), and crafts of other trades.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from multiprocessing.reduction import ForkingPickler
from typing import Any

from ...envs.task import Task, parse_task
from ..executor import Job, Plan, opening_of, served
from ..policy import Policy, PolicySpec
from ..registry import make_policy
from .trade import Craft, Dumps, Parcel, Report, Wrong, craft_of, order_of, told


class Station:
    """Seats for pieces of work of one craft. Made on the worker, from an order.

    Nothing raises but the constructor: `open`, `get` and `close` tell what went wrong.
    """

    def __init__(self, order: bytes, paths: Sequence[str] = ()) -> None:
        sys.path.extend([path for path in paths if path not in sys.path])
        self._order = order
        self._craft: Craft
        self._opened = contextlib.AsyncExitStack()
        self._waiting: deque[Parcel] = deque()
        self._seats: set[asyncio.Task[None]] = set()
        self._lines: list[bytes] = []
        self._begun = self._most = self._told = 0
        self._wrong: Wrong = None
        self._news = asyncio.Event()

    async def open(self) -> Wrong:
        """Learn the craft, and get ready for it."""
        try:
            self._craft = craft_of(self._order)
            await self._opened.enter_async_context(self._craft.opened())
        except Exception as error:
            return told(error)
        return None

    def put(self, parcels: Sequence[Parcel]) -> None:
        """Take pieces in; as many begin as there are seats."""
        self._waiting.extend(parcels)
        loop = asyncio.get_running_loop()
        for _ in range(min(len(parcels), self._craft.seats - len(self._seats))):
            self._seats.add(loop.create_task(self._sit()))
        loop.call_soon(self._tell_busy)  # comes up after each new seat has begun

    async def get(self, linger: float = 0.0) -> Report:
        """What finished since the last time, as soon as there is anything to tell; `linger` seconds more while work goes on."""
        await self._news.wait()
        if linger and self._lines and self._wrong is None and (self._waiting or self._begun):
            await asyncio.sleep(linger)
        self._news.clear()
        lines, self._lines, self._told = self._lines, [], self._most
        return Report(lines, self._most, self._wrong)

    async def close(self) -> Wrong:
        """Drop what is not finished and let the craft go."""
        self._waiting.clear()
        for seat in self._seats:
            seat.cancel()
        await asyncio.gather(*self._seats, return_exceptions=True)
        try:
            await self._opened.aclose()
        except Exception as error:
            return told(error)
        return None

    async def _sit(self) -> None:
        while self._waiting:
            await self._live(self._waiting.popleft())
            await asyncio.sleep(0)  # a craft that never waits must still let pieces in and news out
        if (seat := asyncio.current_task()) is not None:
            self._seats.discard(seat)  # in the same breath as the last look, or a piece that comes now would find no seat

    async def _live(self, parcel: Parcel) -> None:
        self._begun += 1
        try:
            made = await self._craft.make(parcel)
            self._lines.append(made)  # the list of now, not the one of before the piece
        except Exception as error:  # ours or a malformed task: the run ends over there
            self._wrong = told(error)
        finally:
            self._begun -= 1
            self._news.set()

    def _tell_busy(self) -> None:
        self._most = max(self._most, self._begun)
        if self._most > self._told:
            self._news.set()


# -- rollouts ---------------------------------------------------------------------------------------------


class Player:
    """The craft of rollouts: lives through one episode a piece."""

    def __init__(self, policy: Any, user: Any, plan: Plan, first: tuple[str, str, int] | None = None) -> None:
        self._policy: Policy = player_of(policy)
        self._first = first
        self._plan = replace(plan, user=_user_of(user))
        self.seats = plan.concurrency

    def opened(self) -> contextlib.AbstractAsyncContextManager[None]:
        """With policy and user prepared."""
        first = None
        if self._first is not None:
            with contextlib.suppress(Exception):  # a malformed task is told when it is made
                identity, line, trial = self._first
                first = opening_of(self._policy, Job(identity, task_of(line), trial), self._plan)
        return served(self._policy, self._plan.user, first=first)

    async def make(self, parcel: Parcel) -> bytes:
        """The record of one rollout."""
        job = Job(parcel.id, task_of(parcel.line), parcel.trial)
        return (await self._plan.live(self._policy, job)).line()


def pack(policy: Policy, plan: Plan, seats: int, dumps: Dumps = ForkingPickler.dumps, first: Job | None = None) -> bytes:
    """The order of a worker that makes rollouts. Policies and users that know how they were made are made again over there.

    `first` is a job of the run, for which a policy is prepared.

    Raises `RunError`, with the remedy, for a policy, a user or an interceptor that cannot leave this process.
    """
    sparse = replace(plan, concurrency=seats, executor=None, user=None, label={})
    piece = (first.id, first.task.line(), first.trial) if first is not None else None
    parts = {"policy": source_of(policy), "user": source_of(plan.user), "plan": sparse, "first": piece}
    remedies = {
        "policy": "name it module:Class, or define it at the top of a module",
        "user": "make it by its name, or define it at the top of a module",
        "plan": "interceptors have to be functions at the top of a module",
    }
    return order_of(Player, parts, remedies, dumps)


def source_of(player: Any) -> Any:
    """A policy or a user as it travels: how it was made if it knows, else itself."""
    spec = getattr(player, "spec", None)
    return spec if isinstance(spec, PolicySpec) else player


def player_of(source: Any) -> Policy:
    """A policy made again from its source."""
    made: Policy = make_policy(source.name, **source.options) if isinstance(source, PolicySpec) else source
    return made


def _user_of(source: Any) -> Any:
    if not isinstance(source, PolicySpec):
        return source
    from ..user import make_user

    return make_user(source.name, **source.options)


@lru_cache(maxsize=512)
def task_of(line: str) -> Task:
    """The task of a line; the trials of one task share it."""
    return parse_task(line)
