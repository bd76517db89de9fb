"""Figures of a run: success, progress, pass@k, pass^k, errors and effort, each with what it is a share of.

Laws: episodes that ended by an error that is not the policy's (`infrastructure`, `task_error`, `env_error`) are in
no denominator and counted apart; a policy's own error is a failure; the order of trajectories changes nothing.
A `Tally` takes them one by one and keeps a few numbers per task, so a run of any length fits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .estimators import bootstrap, mean, pass_at_k, pass_hat_k, wilson
from .trajectory import Trajectory

_PARTS = 720_720  # divisible by every number of turns up to 16
DENOMINATORS = {
    "success": "episodes that count; Wilson 95 % interval",
    "progress": "episodes that count; 95 % bootstrap interval over tasks",
    "pass_at": "tasks with at least k episodes that count, each task alike: 1 - C(n-c,k)/C(n,k); bootstrap over tasks",
    "pass_hat": "tasks with at least k episodes that count, each task alike: C(c,k)/C(n,k); bootstrap over tasks",
    "excluded": "episodes that ended by an error that is not the policy's; in no other figure",
}


class _Group:
    """Successes and progress of some episodes."""

    __slots__ = ("episodes", "progress", "successes")

    def __init__(self) -> None:
        self.episodes = 0
        self.successes = 0
        self.progress = 0  # in parts of _PARTS: sums of whole numbers do not depend on their order

    def add(self, success: bool, progress: float) -> None:
        self.episodes += 1
        self.successes += success
        self.progress += round(progress * _PARTS)

    def mean_progress(self) -> float:
        return self.progress / (_PARTS * self.episodes) if self.episodes else 0.0

    def figures(self) -> dict[str, Any]:
        rate = self.successes / self.episodes if self.episodes else 0.0
        return {
            "episodes": self.episodes,
            "successes": self.successes,
            "success": rate,
            "success_interval": list(wilson(self.successes, self.episodes)),
            "progress": self.mean_progress(),
        }


class Tally:
    """Counts trajectories as they come; `summary()` gives the figures so far as plain JSON data."""

    def __init__(self) -> None:
        self._all = _Group()
        self._tasks: defaultdict[str, _Group] = defaultdict(_Group)
        self._by: dict[str, defaultdict[str, _Group]] = {name: defaultdict(_Group) for name in ("category", "family", "world")}
        self._status: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._excluded: Counter[str] = Counter()
        self._error_kinds: Counter[str] = Counter()
        self._checks: Counter[str] = Counter()
        self._effort: Counter[str] = Counter()

    def add(self, trajectory: Trajectory | Mapping[str, Any]) -> None:
        """Count one."""
        made = trajectory if isinstance(trajectory, Trajectory) else Trajectory.from_record(trajectory)
        if not made.counts:
            self._excluded[made.reason] += 1
            return
        success, progress = made.success, made.progress
        self._all.add(success, progress)
        self._tasks[made.task_id].add(success, progress)
        for kind, name in _places(made):
            self._by[kind][name].add(success, progress)
        self._status[made.status] += 1
        if made.reason:
            self._reasons[made.reason] += 1
        self._error_kinds.update(result["error"] for result in made.results if result.get("error"))
        self._checks.update(name for name, holds in made.verdict.get("checks", {}).items() if holds)
        self._effort["calls"] += len(made.results)
        self._effort["steps"] += len(made.steps)
        self._effort["turns"] += len(made.verdict.get("turns", ()))
        for step in made.steps:
            for name, count in (step.get("usage") or {}).items():
                if isinstance(count, int):
                    self._effort[name] += count

    def summary(self) -> dict[str, Any]:
        """The figures. Counts are of episodes that count unless `excluded` or `recorded`."""
        n = self._all.episodes
        tasks = [self._tasks[name] for name in sorted(self._tasks)]
        return {
            "recorded": n + sum(self._excluded.values()),
            **self._all.figures(),
            "progress_interval": list(bootstrap([task.mean_progress() for task in tasks])),
            "tasks": len(tasks),
            "completed": self._status["completed"],
            "truncated": self._status["truncated"],
            "errors": self._status["error"],
            "excluded": sum(self._excluded.values()),
            "excluded_reasons": dict(sorted(self._excluded.items())),
            "reasons": dict(sorted(self._reasons.items())),
            "pass_at": dict(_passes(tasks, pass_at_k)),
            "pass_hat": dict(_passes(tasks, pass_hat_k)),
            "checks": {name: count / n for name, count in sorted(self._checks.items())},
            "error_kinds": dict(sorted(self._error_kinds.items())),
            "per_episode": {name: count / n for name, count in sorted(self._effort.items())} if n else {},
            **{f"by_{kind}": {name: groups[name].figures() for name in sorted(groups)} for kind, groups in self._by.items()},
            "denominators": DENOMINATORS,
        }


def summarise(trajectories: Iterable[Trajectory | Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of trajectories (or of their records), as plain JSON data."""
    tally = Tally()
    for trajectory in trajectories:
        tally.add(trajectory)
    return tally.summary()


def _places(trajectory: Trajectory) -> Iterator[tuple[str, str]]:
    task = trajectory.task
    yield "category", str(task.get("category", "base"))
    yield "family", str(task.get("family", ""))
    for world in sorted({str(part["world"]) for part in task.get("worlds", ())}):
        yield "world", world


def _passes(tasks: list[_Group], estimate: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    most = max((task.episodes for task in tasks), default=0)
    ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k <= most} | ({most} if most else set()))
    for k in ks:
        values = [estimate(task.episodes, task.successes, k) for task in tasks if task.episodes >= k]
        yield str(k), {"value": mean(values), "interval": list(bootstrap(values)), "tasks": len(values)}
