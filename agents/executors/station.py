"""The worker's side of a run that leaves its process: a policy made again, and the jobs it is handed.

Laws: jobs come as lines of text and go back as lines of the record; what goes wrong here is told as data and
raised again by whoever ordered the work; a seat that is free says so, so that jobs wait where they can still go to
another worker. Not here: how lines travel (`processes.py`, `ray.py`) and who gets which job (`crew.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, TypeAlias

from ...envs.errors import RunError, TaskError, TurngymError, shorten
from ...envs.task import Task, parse_task
from ..executor import Job, Plan, served
from ..policy import InfrastructureError, Policy, PolicySpec
from ..registry import make_policy

Wrong: TypeAlias = "tuple[str, str] | None"
_Dumps: TypeAlias = "Callable[[Any], bytes | memoryview]"
_KINDS: tuple[tuple[str, type[Exception]], ...] = (("infrastructure", InfrastructureError), ("task", TaskError), ("run", TurngymError))


class Parcel(NamedTuple):
    """A job as it travels."""

    id: str
    trial: int
    line: str


class Report(NamedTuple):
    """What a worker has to say: finished records, how many episodes waited at most at once, and what went wrong."""

    lines: Sequence[bytes] = ()
    busy: int = 0
    wrong: Wrong = None


def pack(policy: Policy, plan: Plan, seats: int, dumps: _Dumps = ForkingPickler.dumps) -> bytes:
    """All that a worker needs to begin. Policies and users that know how they were made are made again over there.

    Raises `RunError`, with the remedy, for a policy, a user or an interceptor that cannot leave this process.
    """
    sparse = replace(plan, concurrency=seats, executor=None, user=None, label={})
    parts = {"policy": _source(policy), "user": _source(plan.user), "plan": sparse, "paths": [path for path in sys.path if path]}
    with contextlib.suppress(Exception):
        return bytes(dumps(parts))
    remedies = {
        "policy": "name it module:Class, or define it at the top of a module",
        "user": "make it by its name, or define it at the top of a module",
        "plan": "interceptors have to be functions at the top of a module",
    }
    for name, remedy in remedies.items():
        try:
            dumps(parts[name])
        except Exception as error:
            why = shorten(f"{type(error).__name__}: {error}", 160)
            raise RunError(f"the {name} cannot be sent to another process ({why}); {remedy}, or run in this process") from None
    raise RunError("this run cannot be sent to another process; run it in this one")


def _source(player: Any) -> Any:
    spec = getattr(player, "spec", None)
    return spec if isinstance(spec, PolicySpec) else player


class Station:
    """Seats for episodes under one policy. Made on the worker, from what `pack` gave.

    Nothing raises but the constructor: `open`, `get` and `close` tell what went wrong.
    """

    def __init__(self, order: bytes, paths: Sequence[str] = ()) -> None:
        sys.path.extend([path for path in paths if path not in sys.path])
        self._order = order
        self._players = contextlib.AsyncExitStack()
        self._waiting: deque[Parcel] = deque()
        self._seats: set[asyncio.Task[None]] = set()
        self._lines: list[bytes] = []
        self._begun = self._most = self._told = 0
        self._wrong: Wrong = None
        self._news = asyncio.Event()

    async def open(self) -> Wrong:
        """Make the policy, and let it prepare itself."""
        try:
            parts = ForkingPickler.loads(self._order)
            self._policy: Policy = _policy_of(parts["policy"])
            self._plan: Plan = replace(parts["plan"], user=_user_of(parts["user"]))
            await self._players.enter_async_context(served(self._policy, self._plan.user))
        except Exception as error:
            return told(error)
        return None

    def put(self, parcels: Sequence[Parcel]) -> None:
        """Take jobs in; as many begin as there are seats."""
        self._waiting.extend(parcels)
        loop = asyncio.get_running_loop()
        for _ in range(min(len(parcels), self._plan.concurrency - len(self._seats))):
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
        """Drop what is not finished and let the policy go."""
        self._waiting.clear()
        for seat in self._seats:
            seat.cancel()
        await asyncio.gather(*self._seats, return_exceptions=True)
        try:
            await self._players.aclose()
        except Exception as error:
            return told(error)
        return None

    async def _sit(self) -> None:
        while self._waiting:
            await self._live(self._waiting.popleft())
            await asyncio.sleep(0)  # a policy that never waits must still let jobs in and news out
        if (seat := asyncio.current_task()) is not None:
            self._seats.discard(seat)  # in the same breath as the last look, or a job that comes now would find no seat

    async def _live(self, parcel: Parcel) -> None:
        self._begun += 1
        try:
            job = Job(parcel.id, task_of(parcel.line), parcel.trial)
            made = await self._plan.live(self._policy, job)
            self._lines.append(made.line())  # the list of now, not the one of before the episode
        except Exception as error:  # ours or a malformed task: the run ends over there
            self._wrong = told(error)
        finally:
            self._begun -= 1
            self._news.set()

    def _tell_busy(self) -> None:
        self._most = max(self._most, self._begun)
        if self._most > self._told:
            self._news.set()


@lru_cache(maxsize=512)
def task_of(line: str) -> Task:
    """The task of a line; the trials of one task share it."""
    return parse_task(line)


def _policy_of(source: Any) -> Policy:
    made: Policy = make_policy(source.name, **source.options) if isinstance(source, PolicySpec) else source
    return made


def _user_of(source: Any) -> Any:
    if not isinstance(source, PolicySpec):
        return source
    from ..user import make_user

    return make_user(source.name, **source.options)


# -- errors as data ---------------------------------------------------------------------------------------


def told(error: Exception) -> tuple[str, str]:
    """An error as data: its kind and its words."""
    for kind, cls in _KINDS:
        if isinstance(error, cls):
            return kind, str(error)
    return "bug", shorten(f"{type(error).__name__}: {error}", 500)


def raise_told(wrong: Wrong) -> None:
    """Raise what a worker told, if it told anything: equal in kind and words to what a run in one process raises."""
    if wrong is not None:
        kinds: Mapping[str, type[Exception]] = {**dict(_KINDS), "run": RunError}
        kind, words = wrong
        raise kinds.get(kind, RuntimeError)(words if kind in kinds else f"in a worker: {words}")
