"""Figures of a run: success, progress, pass@k, pass^k, errors and effort, each with what it is a share of.

Laws: episodes that ended by an error that is not the policy's (`infrastructure`, `task_error`, `env_error`) are in
no denominator and counted apart; a policy's own error is a failure; the order of trajectories changes nothing;
times stand under one key, `timings`. A `Tally` takes trajectories one by one and keeps a few numbers per task, so
a run of any length fits. Not here: two runs side by side (`compare.py`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from ..envs.errors import shorten
from .estimators import bootstrap, mean, pass_at_k, pass_hat_k, wilson
from .histogram import Histogram
from .trajectory import Trajectory

_PARTS = 720_720  # divisible by every number of turns up to 16
_ABSURD = 10**12  # tokens; a server that claims more is not believed
_CAUSES = 100  # different causes of exclusion that are kept
_VARIES = re.compile(r"\b(?=[a-f-]*\d)[0-9a-f-]{8,}\b|\d{6,}|(?<![\d.])\d+\.\d+(?![\d.])")  # ids and times in a cause
DENOMINATORS = {
    "success": "episodes that count; Wilson 95 % interval, as if trials of one task were independent (pass_at 1 does not)",
    "progress": "episodes that count; 95 % bootstrap interval over tasks",
    "pass_at": "tasks with at least k episodes that count, each task alike: 1 - C(n-c,k)/C(n,k); bootstrap over tasks",
    "pass_hat": "tasks with at least k episodes that count, each task alike: C(c,k)/C(n,k); bootstrap over tasks",
    "excluded": "episodes that ended by an error that is not the policy's; in no other figure",
    "trials": "tasks, by how many of their episodes count",
    "usage": "episodes that count and report it",
    "timings": "episodes that count; seconds; quantiles from log-spaced bins, to within 2.5 %",
}


class _Place(NamedTuple):
    """Where a task belongs."""

    env: str
    category: str
    family: str
    worlds: tuple[str, ...]


class _Task:
    """Successes and progress of the episodes of one task."""

    __slots__ = ("episodes", "excluded", "progress", "successes")

    def __init__(self) -> None:
        self.episodes = 0
        self.excluded = 0
        self.successes = 0
        self.progress = 0  # in parts of _PARTS: sums of whole numbers do not depend on their order

    def add(self, success: bool, progress: float) -> None:
        self.episodes += 1
        self.successes += success
        self.progress += round(progress * _PARTS)


class Tally:
    """Counts trajectories as they come; `summary()` gives the figures so far as plain JSON data."""

    def __init__(self) -> None:
        self._places: dict[_Place, _Place] = {}
        self._tasks: defaultdict[tuple[str, _Place], _Task] = defaultdict(_Task)
        self._status: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._truncated: Counter[str] = Counter()
        self._excluded: Counter[str] = Counter()
        self._causes, self._own_causes = _Causes(), _Causes()
        self._error_kinds: Counter[str] = Counter()
        self._checks: Counter[str] = Counter()
        self._effort: Counter[str] = Counter()
        self._usage: Counter[str] = Counter()
        self._reporting: Counter[str] = Counter()
        self._user: Counter[str] = Counter()
        self._seconds, self._acting = Histogram(), Histogram()

    def add(self, trajectory: Trajectory | Mapping[str, Any]) -> None:
        """Count one."""
        made = trajectory if isinstance(trajectory, Trajectory) else Trajectory.from_record(trajectory)
        place, success, progress = _place(made.task), made.success, made.progress
        if not 0 <= progress <= 1:
            raise ValueError(f"progress is a share of turns, not {progress}")
        key = made.task_id, self._places.setdefault(place, place)
        if not made.counts:
            self._tasks[key].excluded += 1
            self._excluded[made.reason] += 1
            self._causes.add(made.reason, made.detail)
            return
        self._tasks[key].add(success, progress)
        self._status[made.status] += 1
        if made.reason:
            self._reasons[made.reason] += 1
            self._truncated[made.reason] += made.status == "truncated"
        if made.status == "error":
            self._own_causes.add(made.reason, made.detail)
        self._error_kinds.update(result["error"] for result in made.results if result.get("error"))
        self._checks.update(name for name, holds in made.verdict.get("checks", {}).items() if holds)
        self._effort.update(calls=len(made.results), steps=len(made.steps), turns=len(made.verdict.get("turns", ())))
        for name, count in usage_of(made).items():
            self._usage[name] += count
            self._reporting[name] += 1
        self._user.update(user_effort_of(made))
        self._time(made.timings)

    def _time(self, timings: Mapping[str, Any]) -> None:
        acts = timings.get("act")
        self._seconds.add(timings.get("total"))
        self._acting.add(sum(part for part in acts if isinstance(part, (int, float))) if isinstance(acts, list) else None)

    def summary(self) -> dict[str, Any]:
        """The figures. Counts are of episodes that count unless `excluded` or `recorded`."""
        known = [(place, self._tasks[identity, place]) for identity, place in sorted(self._tasks)]
        tasks = [task for _, task in known]
        n, apart = sum(task.episodes for task in tasks), sum(self._excluded.values())
        spent = {name: count / n for name, count in sorted({**self._usage, **self._effort}.items())} if n else {}
        return {
            "recorded": n + apart,
            **_figures(tasks),
            "completed": self._status["completed"],
            "truncated": self._status["truncated"],
            "errors": self._status["error"],
            "error_causes": self._own_causes.record(),
            "excluded_reasons": dict(sorted(self._excluded.items())),
            "excluded_causes": self._causes.record(),
            "reasons": dict(sorted(self._reasons.items())),
            "truncated_reasons": {name: count for name, count in sorted(self._truncated.items()) if count},
            "trials": {str(k): count for k, count in sorted(Counter(task.episodes for task in tasks).items())},
            **_passes(tasks),
            "checks": {name: count / n for name, count in sorted(self._checks.items())},
            "error_kinds": dict(sorted(self._error_kinds.items())),
            "per_episode": spent,
            "usage": {name: {"total": count, "episodes": self._reporting[name]} for name, count in sorted(self._usage.items())},
            **({"user": dict(sorted(self._user.items()))} if self._user else {}),
            **{f"by_{kind}": {name: _figures(part) | _passes(part) for name, part in _parted(known, kind)} for kind in _KINDS},
            "by_family": {name: _figures(part) for name, part in _parted(known, "family")},
            "timings": self._timings(),
            "denominators": DENOMINATORS,
        }

    def _timings(self) -> dict[str, Any]:
        share = self._acting.total / self._seconds.total if self._seconds.total else 0.0
        return {"episode": self._seconds.record(), "policy": self._acting.record(), "policy_share": share}


def summarise(trajectories: Iterable[Trajectory | Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of trajectories (or of their records), as plain JSON data."""
    tally = Tally()
    for trajectory in trajectories:
        tally.add(trajectory)
    return tally.summary()


def usage_of(trajectory: Trajectory) -> dict[str, int]:
    """What an episode used, as far as its policy reported it: sums of whole numbers by name."""
    found: Counter[str] = Counter()
    for step in trajectory.steps:
        for name, count in (step.get("usage") or {}).items():
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < _ABSURD:
                found[str(name)] += count
    return dict(found)


def user_effort_of(trajectory: Trajectory) -> dict[str, int]:
    """What a simulated user did and used in an episode, never part of the policy's figures: times it spoke by how it came
    to its words (`said_model`, `said_template`, ...), `refused` words, `requests` of its model and their `usage`."""
    found: Counter[str] = Counter()
    for entry in trajectory.user:
        found[f"said_{entry['how']}"] += 1
        found["refused"] += len(entry.get("refused", ()))
        found["requests"] += entry.get("requests", 0)
        found.update({str(name): count for name, count in entry.get("usage", {}).items() if isinstance(count, int)})
    return {name: count for name, count in found.items() if count}


class _Causes:
    """Causes of errors, counted. Bounded: of too many, a draw by hash is kept, the same in any order."""

    def __init__(self) -> None:
        self._counts: dict[tuple[bytes, str], int] = {}
        self._all = 0

    def add(self, reason: str, detail: str) -> None:
        cause = f"{reason}: {shorten(_VARIES.sub('#', str(detail)), 200)}" if detail else str(reason)
        key = blake2b(cause.encode("utf-8", "backslashreplace"), digest_size=8).digest(), cause
        self._all += 1
        self._counts[key] = self._counts.get(key, 0) + 1
        if len(self._counts) > _CAUSES:  # what leaves cannot come back: as many lesser hashes stay
            del self._counts[max(self._counts)]

    def record(self) -> dict[str, int]:
        """Cause to episodes, the most frequent first."""
        found = sorted(self._counts.items(), key=lambda item: (-item[1], item[0][1]))
        rest = self._all - sum(self._counts.values())
        return {cause: count for (_, cause), count in found} | ({"other causes": rest} if rest else {})


# -- inside -----------------------------------------------------------------------------------------------

_KINDS = ("env", "category", "world")


def _place(task: Mapping[str, Any]) -> _Place:
    worlds = tuple(sorted({str(part["world"]) for part in task.get("worlds", ())}))
    return _Place(str(task.get("env", "")), str(task.get("category", "base")), str(task.get("family", "")), worlds)


def _parted(known: Iterable[tuple[_Place, _Task]], kind: str) -> Iterator[tuple[str, list[_Task]]]:
    found: defaultdict[str, list[_Task]] = defaultdict(list)
    for place, task in known:
        for name in place.worlds if kind == "world" else (getattr(place, kind),):
            found[name].append(task)
    yield from sorted(found.items())


def _figures(tasks: Sequence[_Task]) -> dict[str, Any]:
    counting = [task for task in tasks if task.episodes]
    episodes, successes = sum(task.episodes for task in counting), sum(task.successes for task in counting)
    shares = [task.progress / (_PARTS * task.episodes) for task in counting]
    return {
        "tasks": len(counting),
        "episodes": episodes,
        "excluded": sum(task.excluded for task in tasks),
        "successes": successes,
        "success": successes / episodes if episodes else 0.0,
        "success_interval": list(wilson(successes, episodes)),
        "progress": sum(task.progress for task in counting) / (_PARTS * episodes) if episodes else 0.0,
        "progress_interval": list(bootstrap(shares, [task.episodes for task in counting])),
    }


def _passes(tasks: Sequence[_Task]) -> dict[str, Any]:
    most = max((task.episodes for task in tasks), default=0)
    ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k <= most} | ({most} if most else set()))
    return {"pass_at": {str(k): _pass(tasks, k, pass_at_k) for k in ks}, "pass_hat": {str(k): _pass(tasks, k, pass_hat_k) for k in ks}}


def _pass(tasks: Sequence[_Task], k: int, estimate: Callable[[int, int, int], float]) -> dict[str, Any]:
    values = [estimate(task.episodes, task.successes, k) for task in tasks if task.episodes >= k]
    return {"value": mean(values), "interval": list(bootstrap(values)), "tasks": len(values)}
