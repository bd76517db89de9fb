"""Policies, rollouts, trajectories, the run directory, and figures."""

from .adapters import BatchPolicy, CallablePolicy, as_policy
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

__all__ = [
    "POLICIES", "AssistantMessage", "BatchPolicy", "CallablePolicy", "Conditions", "Conversation", "EndEpisode", "Executor",
    "InfrastructureError", "Job", "Limits", "Opening", "Plan", "Policy", "PolicySpec", "Rescored", "RunReport", "RunStore", "Tally",
    "Trajectory",
    "as_policy", "make_policy", "read_manifest", "read_records", "rescore", "rollout", "run", "run_all", "summarise",
]  # fmt: skip
