"""Policies, rollouts, trajectories, the run directory, and figures."""

from .adapters import BatchPolicy, CallablePolicy, as_policy
from .compare import Outcomes, compare, read_run
from .executor import Executor, Job, Plan
from .limits import Limits
from .metrics import Tally, summarise
from .policy import AssistantMessage, Conversation, EndEpisode, InfrastructureError, Opening, Policy, PolicySpec
from .records import read_manifest, read_records
from .registry import POLICIES, make_policy
from .rescore import Rescored, rescore
from .rollout import Conditions, rollout
from .runner import RunReport, run, run_all
from .store import RunStore
from .trajectory import Trajectory
from .user import Said, User, make_user

__all__ = [
    "POLICIES", "AssistantMessage", "BatchPolicy", "CallablePolicy", "Conditions", "Conversation", "EndEpisode", "Executor",
    "InfrastructureError", "Job", "Limits", "Opening", "Outcomes", "Plan", "Policy", "PolicySpec", "Rescored", "RunReport", "RunStore",
    "Said", "Tally", "Trajectory", "User", "as_policy", "compare", "make_policy", "make_user", "read_manifest", "read_records", "read_run",
    "rescore", "rollout", "run", "run_all", "summarise",
]  # fmt: skip
