"""Boundary refresh: which tasks still teach a policy something, and fresh ones like them (RODS, arXiv 2606.19047).

A task's mean progress over the trials of a run says where it stands: within [0.20, 0.85] it is kept, above 0.95
retired; below 0.20 it is too hard yet, between 0.85 and 0.95 nearly solved, and both stay out. For what is kept, and on
demand for what is retired, isomorphic variants are made from other seeds (`variants.py`). Laws: means are exact
fractions, so a bound belongs to what it bounds; episodes that ended by errors that are not the policy's count
nothing; every task of the run stands in the report with its fate and the reason; the order of records changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...agents.records import read_records
from ...agents.trajectory import Trajectory
from ...envs.door import allow_given
from ...envs.errors import RunError, TurngymError, WorldRefusedError, shorten
from ...envs.task import Task, parse_task
from .variants import variants_of

VARIED = "base"  # the category that variants are made of
Fate = Literal["kept", "retired", "too_hard", "nearly_solved", "unjudged"]
FATES: tuple[Fate, ...] = ("kept", "retired", "too_hard", "nearly_solved", "unjudged")
Progress = Callable[[int, int], None]


class Refreshing(NamedTuple):
    """The bounds of mean progress, how many variants a task gets, and whether retired tasks get them too."""

    low: float = 0.20
    high: float = 0.85
    retire: float = 0.95
    variants: int = 1
    vary_retired: bool = False


@dataclass(slots=True)
class Standing:
    """How a task fared: its record as read, the episodes that count, their progress in sum, and those that do not count."""

    task: dict[str, Any]
    episodes: int = 0
    progress: Fraction = field(default_factory=Fraction)
    excluded: int = 0

    @property
    def mean(self) -> Fraction:
        """Mean progress, 0..1."""
        return self.progress / self.episodes


class Refreshed(NamedTuple):
    """The tasks to go on with (kept ones, then variants), and the report as plain JSON data."""

    tasks: list[Task]
    report: dict[str, Any]


def refresh(
    run: str | Path, options: Refreshing | None = None, progress: Progress | None = None, *, allow: Iterable[str] = ()
) -> Refreshed:
    """Sort the tasks of a run of rollouts, and make variants.

    Args:
        run: a run directory, or a file of trajectories. options: see `Refreshing`. progress: told (tasks varied, to vary).
        allow: worlds of one's own that the data may name, as `turngym.allow` takes them.

    Returns:
        Tasks by id, each kept one before its variants; the report has `tasks`, `torn` (last lines passed over), a count for
        each fate, `each` (id, fate, reason, mean progress, episodes), `variants` (`wanted`, `made`, `refused` worlds by reason,
        `short` ids with fewer than wanted), and `not_varied` by category. Raises `RunError` for a run without episodes or
        bounds out of order.
    """
    allow_given(allow)
    options = options or Refreshing()
    if not 0 <= options.low <= options.high <= options.retire <= 1:
        raise RunError(f"the bounds {options.low}, {options.high}, {options.retire} are out of order; give 0 <= low <= high <= retire <= 1")
    records = read_records(run)
    standings = standings_of(run, records)
    fates = {identity: fate_of(standing, options) for identity, standing in standings.items()}
    varied = [i for i, (fate, _) in fates.items() if fate == "kept" or (fate == "retired" and options.vary_retired)]
    tasks: list[Task] = []
    refused, others, short, made = Counter[str](), Counter[str](), list[str](), 0
    for number, identity in enumerate(varied):
        task = parse_task(standings[identity].task, f"{run}, task {identity}")
        if fates[identity][0] == "kept":
            tasks.append(task)
        if task.category != VARIED:
            others[task.category] += 1
        elif options.variants:
            fresh = _variants(task, options.variants, refused)
            made += len(fresh)
            tasks += fresh
            short += [identity] if len(fresh) < options.variants else []
        if progress is not None:
            progress(number + 1, len(varied))
    counts = Counter(fate for fate, _ in fates.values())
    variants = {
        "wanted": options.variants * (len(varied) - sum(others.values())), "made": made,
        "refused": dict(sorted(refused.items())), "short": short,
    }  # fmt: skip
    each = [_told(identity, standing, *fates[identity]) for identity, standing in standings.items()]
    report: dict[str, Any] = {
        "tasks": len(standings),
        "torn": records.torn,
        **{str(fate): counts[fate] for fate in FATES},
        "variants": variants,
    }
    return Refreshed(tasks, {**report, "not_varied": dict(sorted(others.items())), "bounds": list(options[:3]), "each": each})


def standings_of(run: str | Path, records: Iterable[dict[str, Any]] | None = None) -> dict[str, Standing]:
    """How the tasks of a run stand, by id in order. `records`: those of the run, if they are at hand."""
    found: dict[str, Standing] = {}
    for record in read_records(run) if records is None else records:
        try:
            made = Trajectory.from_record(record)
            standing = found.setdefault(made.task_id, Standing(made.task))
            share = Fraction(made.progress).limit_denominator(1000)  # passed turns / turns, as it was before it was a float
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise RunError(f"{run}: {shorten(str(record['id']))} is no trajectory of a task ({type(error).__name__})") from None
        if made.counts:
            standing.episodes += 1
            standing.progress += share
        else:
            standing.excluded += 1
    if not found:
        raise RunError(f"{run} holds no trajectory; name a run of `turngym rollout -k 4` or more")
    return dict(sorted(found.items()))


def fate_of(standing: Standing, options: Refreshing) -> tuple[Fate, str]:
    """What becomes of a task, and why."""
    if not standing.episodes:
        return "unjudged", f"none of its {standing.excluded} episodes counts"
    low, high, retire = (Fraction(str(bound)) for bound in options[:3])
    mean, said = standing.mean, f"mean progress {float(standing.mean):.3f} over {standing.episodes}"
    if mean < low:
        return "too_hard", f"{said} is below {float(low):g}"
    if mean <= high:
        return "kept", f"{said} lies in [{float(low):g}, {float(high):g}]"
    if mean <= retire:
        return "nearly_solved", f"{said} is above {float(high):g} and not above {float(retire):g}"
    return "retired", f"{said} is above {float(retire):g}"


def _variants(task: Task, n: int, refused: Counter[str]) -> list[Task]:
    try:
        return [sample.task for sample in variants_of(task, n, refused)]
    except WorldRefusedError:
        raise
    except TurngymError as error:  # a world that is not installed, gold that does not run here
        refused[type(error).__name__] += 1
        return []


def _told(identity: str, standing: Standing, fate: Fate, reason: str) -> dict[str, Any]:
    mean = round(float(standing.mean), 6) if standing.episodes else None
    return {"id": identity, "fate": fate, "reason": reason, "progress": mean, "episodes": standing.episodes, "excluded": standing.excluded}
