"""Many rollouts: a policy on tasks, concurrently, kept in a run directory from which the same call goes on.

    async for trajectory in run(policy, tasks, trials=4, out="runs/mine"): ...
    report = run_all(policy, tasks, trials=4, out="runs/mine")

Laws: what is finished is kept, whatever happens; a deterministic policy gives equal trajectories at every
concurrency; memory does not grow with the number of tasks beyond their ids. Where rollouts run is an
`Executor`'s affair; the default runs them in this process, on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Unpack

from ..envs.errors import RunError
from ..envs.task import Task
from .adapters import as_policy
from .executor import Executor, InProcess, Job, Plan, RunOptions
from .metrics import Tally
from .policy import Policy, policy_record
from .store import RunStore
from .trajectory import INFRASTRUCTURE, Trajectory, trajectory_id


async def run(
    policy: Any, tasks: Iterable[Task], *, out: str | Path | None = None, **options: Unpack[RunOptions]
) -> AsyncGenerator[Trajectory, None]:
    """Rollouts of a policy on tasks, given as they finish; with `out`, each is on disk before it is given.

    A task that stands several times among `tasks` gets further trials. With `out`, what a directory holds
    already is not made again and not given; `summary.json` is written at the end, over everything there, also
    when the run is broken off. Raises `RunError` for a directory that cannot be used, `TaskError` for a
    malformed task when it is reached. A run that meets an outage (`RunOptions`) ends early, like one broken off.
    """
    plan, player = Plan(**options), as_policy(policy)
    session = _Session(player, plan, tasks, out)
    try:
        async for trajectory in session.live():
            yield trajectory
    finally:
        session.close()


@dataclass(slots=True)
class RunReport:
    """What a run came to.

    Attributes:
        summary: the figures, over resumed episodes too. trajectories: only of runs without a directory.
        made, resumed: episodes made now, and found. notes: what was mended, and what a policy adapted itself to.
        stopped: the signal's name or "".
        outage: the last cause, where too many episodes in a row ended by infrastructure errors.
    """

    summary: dict[str, Any]
    trajectories: list[Trajectory] = field(default_factory=list)
    made: int = 0
    resumed: int = 0
    notes: list[str] = field(default_factory=list)
    stopped: str = ""
    outage: str = ""

    @property
    def exit_code(self) -> int:
        """For a command: 128 + signal if stopped, 1 if episodes ended by errors that are not the policy's, else 0."""
        return 128 + signal.Signals[self.stopped] if self.stopped else int(bool(self.outage or self.summary.get("excluded")))


def run_all(
    policy: Any,
    tasks: Iterable[Task],
    *,
    out: str | Path | None = None,
    on_trajectory: Callable[[Trajectory], None] | None = None,
    keep: bool = True,
    **options: Unpack[RunOptions],
) -> RunReport:
    """`run` to its end, from sync code. SIGINT and SIGTERM stop it with everything finished kept.

    Args:
        policy: a policy, or anything `as_policy` takes. tasks: tasks, a `TaskFile`, or any iterable.
        out: the run directory. on_trajectory: called with each trajectory as it finishes. keep: without a
            directory, keep the trajectories in the report. options: `RunOptions`.
    """
    plan, player = Plan(**options), as_policy(policy)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        session = _Session(player, plan, tasks, out)
        try:
            return asyncio.run(_drive(session, on_trajectory, keep))
        finally:
            session.close()
    raise RunError("run_all cannot run inside an event loop; use: async for trajectory in run(...)")


async def _drive(session: _Session, on_trajectory: Callable[[Trajectory], None] | None, keep: bool) -> RunReport:
    kept: list[Trajectory] = []
    stopped = ""

    async def consume() -> None:
        async with contextlib.aclosing(session.live()) as trajectories:
            async for trajectory in trajectories:
                if keep and session.store is None:
                    kept.append(trajectory)
                if on_trajectory is not None:
                    on_trajectory(trajectory)

    working = asyncio.ensure_future(consume())

    def stop(name: str) -> None:
        nonlocal stopped
        stopped = name
        working.cancel()

    with _signals(asyncio.get_running_loop(), stop):
        try:
            await working
        except asyncio.CancelledError:
            if not stopped:  # cancelled from outside, not by a signal of ours
                working.cancel()
                raise
    report = session.report()
    report.trajectories, report.stopped = kept, stopped
    return report


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[str], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call `stop` once; a second one interrupts at once. Only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)
        loop.call_soon_threadsafe(stop, signal.Signals(number).name)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Session:
    """One run: its jobs, its store, its figures."""

    def __init__(self, policy: Policy, plan: Plan, tasks: Iterable[Task], out: str | Path | None) -> None:
        self.plan, self.policy, self._tasks = plan, policy, tasks
        self.made = 0
        self.tally = Tally()
        self.store: RunStore | None = None
        self._whole = False
        self._down = 0
        self.outage = ""
        if out is not None:
            redo = (lambda record: record.get("reason") == INFRASTRUCTURE) if plan.redo else None
            self.store = RunStore(out, plan.config(policy, tasks), repair=plan.repair, redo=redo, on_record=self._count)
        self.resumed = self.store.resumed if self.store else 0

    def _count(self, record: dict[str, Any]) -> None:
        Tally().add(record)  # first apart: a record that only half counts must not count at all
        self.tally.add(record)

    def jobs(self) -> Iterator[Job]:
        """The rollouts that are not there yet, in order of the tasks, all trials of a task together."""
        made_by = policy_record(self.policy)["hash"]
        done = self.store.ids if self.store is not None else frozenset()  # growing: a finished id does not come again
        before: Counter[str] = Counter()
        for task in self._tasks:
            first = before[task.id]
            before[task.id] += self.plan.trials
            for trial in range(first, first + self.plan.trials):
                identity = trajectory_id(task.id, trial, made_by, self.plan.seed)
                if identity not in done:
                    yield Job(identity, task, trial)

    async def live(self) -> AsyncGenerator[Trajectory, None]:
        executor: Executor = self.plan.executor or InProcess()
        async with contextlib.aclosing(executor.execute(self.policy, self.jobs(), self.plan)) as trajectories:
            async for trajectory in trajectories:
                if self.store is not None:
                    if trajectory.id in self.store.ids:
                        continue  # an executor that lost sight of a worker may have made it twice
                    self.store.append(trajectory.record())
                self.tally.add(trajectory)
                self.made += 1
                yield trajectory
                if self._is_outage(trajectory):
                    return
        self._whole = True

    def _is_outage(self, trajectory: Trajectory) -> bool:
        self._down = self._down + 1 if trajectory.reason == INFRASTRUCTURE else 0
        if self._down == self.plan.outage:
            self.outage = trajectory.detail
        return bool(self.outage)

    def report(self) -> RunReport:
        notes = [*(self.store.notes if self.store else ()), *getattr(self.policy, "notes", ())]
        return RunReport(self.summary(), made=self.made, resumed=self.resumed, notes=notes, outage=self.outage)

    def summary(self) -> dict[str, Any]:
        return {"complete": self._whole, **self.tally.summary()}

    def close(self) -> None:
        """Write the summary and let go of the directory; safe to call twice."""
        store, self.store = self.store, None
        if store is not None:
            with store:
                store.write_summary(self.summary())
