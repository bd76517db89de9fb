"""Where rollouts run: the seam between a run and the machines it uses, and the default, this process.

An executor of one's own implements `Executor.execute`. It gets the policy as an object and the `Plan`; one that
crosses processes makes the policy again over there. Those in `executors/` do other trades too, such as synthesis
(`executors/team.py`, `Workforce`). Not here: what is kept of a trajectory (`runner.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from ..envs.episode import Episode
from ..envs.errors import RunError, TurngymError, shorten
from ..envs.task import Task, TaskFile
from .limits import Limits
from .policy import Conversation, Policy, policy_record
from .rollout import Conditions, rollout
from .trajectory import Trajectory

if TYPE_CHECKING:
    from .user import User


class Job(NamedTuple):
    """One rollout to make."""

    id: str
    task: Task
    trial: int


class Executor(Protocol):
    """Where rollouts run. Law: every job gives exactly one trajectory, in any order; jobs are taken as needed."""

    def execute(self, policy: Policy, jobs: Iterator[Job], plan: Plan) -> AsyncGenerator[Trajectory, None]:
        """Make the rollouts of `jobs` under `plan`, and give them as they finish."""
        ...


class RunOptions(TypedDict, total=False):
    """Options of `run` and `run_all`.

    trials: rollouts per task. seed: of the policy's draws. concurrency: episodes at once. limits, conditions: of
    each episode. user: who speaks to the policy; None plays the task's own words. executor: where they run.
    label: plain JSON data kept in the run's config (an env's name, a split); part of what a resume compares.
    repair: move garbled lines of the record aside instead of refusing. redo: move episodes that ended by
    infrastructure errors aside, and make them again. outage: that many such episodes in a row stop the run, since
    a dead server serves no task; None goes on to the end.
    """

    trials: int
    seed: int
    concurrency: int
    limits: Limits
    conditions: Conditions
    user: User | None
    executor: Executor | None
    repair: bool
    redo: bool
    outage: int | None
    label: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of a run with their defaults; see `RunOptions`."""

    trials: int = 1
    seed: int = 0
    concurrency: int = 32
    limits: Limits = field(default_factory=Limits)
    conditions: Conditions = field(default_factory=Conditions)
    user: User | None = None
    executor: Executor | None = None
    repair: bool = False
    redo: bool = False
    outage: int | None = 100
    label: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.trials < 1 or self.concurrency < 1:
            raise ValueError(f"trials and concurrency are at least 1, not {self.trials} and {self.concurrency}")
        if self.outage is not None and self.outage < 1:
            raise ValueError(f"an outage is at least one episode, not {self.outage}; None never stops")

    def config(self, policy: Policy, tasks: Iterable[Task]) -> dict[str, Any]:
        """What decides the trajectories: not where and how many at once."""
        return {
            "policy": policy_record(policy),
            "tasks": _tasks_digest(tasks),
            "trials": self.trials,
            "seed": self.seed,
            "limits": asdict(self.limits),
            "conditions": self.conditions.record(),
            **({"user": policy_record(self.user)} if self.user is not None else {}),
            **({"label": self.label} if self.label else {}),
        }

    def live(self, policy: Policy, job: Job) -> Coroutine[Any, Any, Trajectory]:
        """The rollout of one job under this plan."""
        return rollout(
            policy, job.task, trial=job.trial, seed=self.seed, limits=self.limits, conditions=self.conditions, user=self.user
        )  # fmt: skip


def opening_of(policy: Policy, job: Job, plan: Plan) -> Conversation | None:
    """The conversation in which a job begins, for a policy that is prepared for one; None for others, and where a task cannot open."""
    if not hasattr(policy, "prepare_for"):
        return None
    task = job.task
    try:
        episode = Episode(task, hidden=plan.conditions.hidden)
        return Conversation(task.id, task.env, job.trial, plan.seed, messages=list(episode.start()), tools=episode.schemas())
    except Exception:  # told in the record of its rollout
        return None


@contextlib.asynccontextmanager
async def served(*players: Any, first: Conversation | None = None) -> AsyncIterator[None]:
    """Policies (and users) with their `prepare` called, and `close` at the end; None is passed over.

    The first of them has its `prepare_for` called instead where `first` is given. Raises what a `prepare` raises, as
    `RunError` if it was not said for people, with those before it closed again.
    """
    async with contextlib.AsyncExitStack() as stack:
        for player in players:
            prepare_for = getattr(player, "prepare_for", None) if first is not None and player is players[0] else None
            prepare = functools.partial(prepare_for, first) if prepare_for else getattr(player, "prepare", None)
            if prepare:
                await _prepared(player, prepare)
            if close := getattr(player, "close", None):
                stack.push_async_callback(close)
        yield


async def _prepared(player: Any, prepare: Callable[[], Awaitable[None]]) -> None:
    try:
        await prepare()
    except TurngymError:
        raise
    except Exception as error:
        name, why = shorten(str(getattr(player, "name", "")), 80), f"{type(error).__name__}: {shorten(str(error), 160)}"
        raise RunError(f"{name} could not prepare itself ({why}); mend what it needs") from error


class InProcess:
    """The default executor: episodes as coroutines on this event loop."""

    async def execute(self, policy: Policy, jobs: Iterator[Job], plan: Plan) -> AsyncGenerator[Trajectory, None]:
        """Keep `plan.concurrency` episodes going; no more results wait than that."""
        first = next(jobs, None)
        if first is None:
            return  # nothing to do needs no server
        begun = served(policy, plan.user, first=opening_of(policy, first, plan))
        async with begun, contextlib.aclosing(self._play(policy, chain((first,), jobs), plan)) as trajectories:
            async for trajectory in trajectories:
                yield trajectory

    async def _play(self, policy: Policy, jobs: Iterator[Job], plan: Plan) -> AsyncGenerator[Trajectory, None]:
        ready: asyncio.Queue[Trajectory | Exception | None] = asyncio.Queue(plan.concurrency)

        async def work() -> None:
            try:
                for job in jobs:  # shared: each worker takes the next one
                    await ready.put(await plan.live(policy, job))
                    await asyncio.sleep(0)  # a policy that never waits must still let others, and signals, in
                await ready.put(None)
            except Exception as error:  # a malformed task, say: the run ends, what is finished is kept
                await ready.put(error)

        workers = [asyncio.ensure_future(work()) for _ in range(plan.concurrency)]
        try:
            left = len(workers)
            while left:
                item = await ready.get()
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    left -= 1
                else:
                    yield item
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


def _tasks_digest(tasks: Iterable[Task]) -> dict[str, Any] | str:
    """How many tasks and a hash of their ids, where that can be known without using them up."""
    if not isinstance(tasks, (Sequence, TaskFile)):
        return "streamed"
    digest = blake2b("\n".join(task.id for task in tasks).encode(), digest_size=8).hexdigest()
    return {"count": len(tasks), "hash": digest}
