"""Rollouts as a trade: jobs that travel, trajectories that come back, and the record of an episode that nobody survived.

Law: every job gives exactly one trajectory. Not here: who gets which job (`team.py`), how an episode is lived
(`station.py`), and doubles (`runner.py` passes over them).
"""

from __future__ import annotations

import json
from multiprocessing.reduction import ForkingPickler
from typing import NamedTuple

from ..executor import Job, Plan
from ..policy import Policy, policy_record
from ..trajectory import INFRASTRUCTURE, Trajectory, installed_versions, task_record
from .station import pack
from .team import AHEAD_SECONDS, DEATHS_ALONE, Hire, Lost, Team, seats_of
from .trade import Dumps, Parcel

__all__ = ["Crew", "Lost", "Rollouts"]


class Rollouts(NamedTuple):
    """The trade of rollouts: a policy under a plan; `first` is the first of its jobs."""

    policy: Policy
    plan: Plan
    first: Job | None = None

    def order(self, size: int, dumps: Dumps = ForkingPickler.dumps) -> bytes:
        """See `pack`; each worker has its share of the plan's concurrency, at least one episode."""
        return pack(self.policy, self.plan, seats_of(self.plan.concurrency, size), dumps, self.first)

    def team(self, hire: Hire, size: int, ahead: float = AHEAD_SECONDS) -> Crew:
        """Its crew."""
        return Crew(hire, size, self.policy, self.plan, ahead)


class Crew(Team[Job, Trajectory]):
    """Up to `size` workers that share the plan's concurrency; trajectories come as they finish."""

    stray = "the policy's config is not the same there as here: it may depend on nothing but the policy's options"

    def __init__(self, hire: Hire, size: int, policy: Policy, plan: Plan, ahead: float = AHEAD_SECONDS) -> None:
        super().__init__(hire, size, plan.concurrency, ahead)
        self._policy, self._plan = policy, plan

    def parcel(self, item: Job) -> Parcel:
        """A job with the line of its task."""
        return Parcel(item.id, item.trial, item.task.line())

    def read(self, line: bytes) -> tuple[str, Trajectory]:
        """A trajectory from its record."""
        made = Trajectory.from_record(json.loads(line))
        return made.id, made

    def give_up(self, item: Job, how: str) -> Trajectory:
        """An infrastructure error: the record of a rollout that nobody survived to tell of."""
        user = self._plan.user
        return Trajectory(
            id=item.id,
            task=task_record(item.task),
            policy=policy_record(self._policy),
            seed=self._plan.seed,
            trial=item.trial,
            worlds={part.world: part.version for part in item.task.worlds},
            status="error",
            reason=INFRASTRUCTURE,
            detail=f"{DEATHS_ALONE} workers died while they made this episode and no other; the last: {how}",
            conditions={**self._plan.conditions.record(), **({"user": policy_record(user)} if user is not None else {})},
            versions=dict(installed_versions()),
        )
