"""Work on many machines, by Ray: one actor a worker, spread over the nodes of a cluster.

    run_all(policy, tasks, executor=OnRay("10.0.0.1:6379", workers=64), out="runs/big")
    synthesize(request, "data", executor=OnRay("10.0.0.1:6379", workers=64))

Laws: nodes may come and go, what a lost one had is made again elsewhere, and the record holds each piece once;
what was not started here is not shut down here. Every node needs turngym and the modules that the policy and the
worlds stand in, in the versions of this machine; keys in its environment, or in `runtime_env`. Not here: who gets
which piece of work (`team.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ...envs.errors import RunError, shorten
from ...envs.extras import need
from ..executor import Job, Plan
from ..policy import Policy
from ..trajectory import Trajectory
from .crew import Rollouts
from .station import Station
from .team import Item, Lost, Made, Trade
from .trade import Parcel, Report, Wrong, raise_told

_CONNECT_SECONDS = 5.0  # until an address is held to be wrong
_JOIN_SECONDS = 30.0  # to join a cluster that answers; Ray itself ends this process after 60
_PLACE_SECONDS = 60.0  # without a node that could hold a worker
_GOODBYE_SECONDS = 30.0
_LEAVE_SECONDS = 4.0
_LINGER_SECONDS = 0.2  # between reports of a worker that finishes many: each costs Ray about a millisecond


class OnRay:
    """An executor: Ray actors that share the concurrency of a run, at least one episode (or other piece) each.

    Args:
        address: `host:port` of a cluster, `auto` for one that this machine belongs to; None starts Ray here for
            the time of the run. Ray that is running in this process already is used as it is.
        workers: how many actors; None takes as many as the cluster has room for when the run starts.
        cpus, gpus: what Ray sets apart for each actor. runtime_env: as `ray.init` takes it.

    Raises `RunError` when run, with the remedy, for a cluster that is not there, that has no node with so many
    CPUs and GPUs, and for what cannot leave this process.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        cpus: float = 1,
        gpus: float = 0,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        if (workers is not None and workers < 1) or cpus < 0 or gpus < 0:
            raise ValueError(f"at least one worker is needed, and no negative resources (workers {workers}, cpus {cpus}, gpus {gpus})")
        self.address, self.workers = address, workers
        self.cpus, self.gpus = cpus, gpus
        self.runtime_env = dict(runtime_env or {})

    def execute(self, policy: Policy, jobs: Iterator[Job], plan: Plan) -> AsyncGenerator[Trajectory, None]:
        """Make the rollouts on the cluster, and give them as they finish."""
        first = next(jobs, None)
        return self.employ(Rollouts(policy, plan, first), jobs if first is None else chain((first,), jobs))

    async def employ(self, trade: Trade[Item, Made], items: Iterator[Item]) -> AsyncGenerator[Made, None]:
        """Have the actors do the work of a trade."""
        ray = _ray()
        async with self._joined(ray):
            workers = self.workers or max(1, self._room(ray))
            order = trade.order(workers, need("ray.cloudpickle").dumps)
            team = trade.team(lambda: self._hire(ray, order), workers, 3 * _LINGER_SECONDS)
            async with contextlib.aclosing(team.results(items)) as results:
                async for made in results:
                    yield made

    async def _hire(self, ray: Any, order: bytes) -> _Actor:
        made = ray.remote(_Station).options(
            num_cpus=self.cpus, num_gpus=self.gpus, scheduling_strategy="SPREAD", max_restarts=0, max_task_retries=0
        )
        worker = _Actor(ray, made.remote(order, [path for path in sys.path if path]))
        try:
            await worker.open(lambda: bool(self._room(ray)))
        except BaseException:
            await worker.close(False)
            raise
        return worker

    # -- the cluster -----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _joined(self, ray: Any) -> AsyncIterator[None]:
        if ray.is_initialized():
            yield
            return
        _probe(self.address)
        options: dict[str, Any] = {"address": self.address or "local", "log_to_driver": False, "logging_level": logging.ERROR}
        if self.runtime_env:
            options["runtime_env"] = self.runtime_env
        if self.address is None:
            cores = len(os.sched_getaffinity(0))
            options |= {"include_dashboard": False, "num_cpus": max(cores, round((self.workers or 1) * self.cpus + 0.5))}
        membership = _Membership(ray, options)
        try:
            await membership.begin()
            yield
        finally:
            membership.end()

    def _room(self, ray: Any) -> int:
        """How many workers the nodes that are alive could hold if nothing else ran there."""
        found = 0
        for node in ray.nodes():
            has = node["Resources"] if node["Alive"] else {}
            shares = [has.get(what, 0) // each for what, each in (("CPU", self.cpus), ("GPU", self.gpus)) if each]
            found += int(min(shares, default=bool(has)))
        return found


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the default to come; unset, each actor warns
    ray = need("ray")
    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


def _probe(address: str | None) -> None:
    """Knock at an address, since Ray itself would wait for it for minutes."""
    if address in (None, "auto", "local"):
        return
    place = str(address)
    host, colon, port = place.rpartition(":")
    remedy = "give the host:port that `ray start --head` printed"
    if "://" in place or not colon or not port.isdigit():
        raise RunError(f"{shorten(place)} is no address of a Ray cluster; {remedy}, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RunError(f"no Ray cluster answers at {shorten(place)} ({error}); {remedy}") from None


class _Membership:
    """Our part in a cluster, in a thread of its own: there Ray leaves our signal handlers alone.

    The thread lives as long as the membership, since what Ray starts dies with the thread that started it.
    """

    def __init__(self, ray: Any, options: dict[str, Any]) -> None:
        self._ray, self._options = ray, options
        self._loop = asyncio.get_running_loop()
        self._joined: asyncio.Future[Exception | None] = self._loop.create_future()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="turngym-ray", daemon=True)

    async def begin(self) -> None:
        """Join, within bounded time."""
        self._thread.start()
        try:
            error = await asyncio.wait_for(self._joined, _JOIN_SECONDS)
        except TimeoutError:
            error = TimeoutError(f"it did not answer in {_JOIN_SECONDS:.0f} s")
        if error is not None:
            why = shorten(" ".join(f"{type(error).__name__}: {error}".split()), 200)
            place = self._options["address"]
            raise RunError(f"cannot join the Ray cluster at {shorten(place)}: {why}; see `ray status` there")

    def end(self) -> None:
        """Leave; what was started for this run ends."""
        self._over.set()
        self._thread.join(_LEAVE_SECONDS)

    def _live(self) -> None:
        error: Exception | None = None
        try:
            self._ray.init(**self._options)
        except Exception as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self._settle, error)
        if error is None:
            self._over.wait()
            self._ray.shutdown()

    def _settle(self, error: Exception | None) -> None:
        if not self._joined.done():
            self._joined.set_result(error)


# -- a worker ---------------------------------------------------------------------------------------------


class _Station(Station):
    """A station as an actor: its methods are asked from far away."""

    async def put(self, parcels: Sequence[Parcel]) -> None:  # type: ignore[override]  # every call of an actor is async
        """Take pieces in."""
        super().put(parcels)


class _Actor:
    """A worker on the cluster, as the crew uses it."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor

    async def open(self, has_room: Callable[[], bool]) -> None:
        """Wait until it has a place and its craft is ready."""
        opening = asyncio.ensure_future(self._ask(self._actor.open.remote()))
        try:
            while not (await asyncio.wait({opening}, timeout=_PLACE_SECONDS))[0]:
                if not has_room():
                    raise RunError("no node of the Ray cluster has the CPUs and GPUs that a worker asks for; add one, or ask for less")
            raise_told(opening.result())
        finally:
            opening.cancel()

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Hand pieces over."""
        await self._ask(self._actor.put.remote(list(parcels)))

    async def get(self) -> Report:
        """Wait for news."""
        report: Report = await self._ask(self._actor.get.remote(_LINGER_SECONDS))
        return report

    async def close(self, kindly: bool) -> None:
        """End it."""
        try:
            if kindly:
                with contextlib.suppress(Lost, TimeoutError):
                    wrong: Wrong = await asyncio.wait_for(self._ask(self._actor.close.remote()), _GOODBYE_SECONDS)
                    raise_told(wrong)
        finally:
            with contextlib.suppress(Exception):
                self._ray.kill(self._actor)

    async def _ask(self, reference: Any) -> Any:
        try:
            return await reference
        except self._ray.exceptions.RayTaskError as error:  # a bug of ours over there
            raise RuntimeError(f"in a worker: {shorten(str(error.cause), 500)}") from error
        except self._ray.exceptions.RayError as error:
            raise Lost(f"a worker on the cluster is gone: {shorten(' '.join(str(error).split()), 300)}") from None
