"""Runs side by side, paired by task and trial: which is better, by how much, and whether that can be concluded.

    found = compare([read_run("runs/a"), read_run("runs/b")])
    found["pairs"][0]["conclusion"]       # "runs/b is better than runs/a by 4.2 points (1.0 to 7.5), 240 tasks, ..."

Laws: an episode counts only if the same task, in the same version, and the same trial count in both runs; what is
left out is counted, with why; trials of a task are averaged first, so intervals are over tasks; the runs' order
turns signs and nothing else, and the records' order changes nothing. Records are read one by one, and a few
numbers kept per episode. Not here: the figures of one run (`metrics.py`).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import fsum
from pathlib import Path
from typing import Any, NamedTuple

from ..envs.errors import RunError, shorten
from .estimators import bootstrap, holm, mean, sign_test
from .metrics import usage_of
from .records import read_manifest, read_records
from .trajectory import Trajectory

LEVEL = 0.05
EFFORT = ("calls", "steps", "prompt_tokens", "completion_tokens")
METHOD = {
    "difference": "second run minus first; mean over tasks of the difference between a task's mean over its paired trials",
    "interval": "95 % paired bootstrap over tasks; not adjusted for several comparisons; without width where all tasks differ alike",
    "p": "exact two-sided sign test over tasks that one run solves more often (one trial a task: McNemar's exact test)",
    "p_adjusted": "Holm, over the pairs compared here",
    "conclusion": f"better only if the interval leaves out zero and the adjusted p is below {LEVEL}",
}


class Episode(NamedTuple):
    """What is kept of one episode; the numbers of EFFORT in their order, None where the engine did not report."""

    success: bool
    progress: float
    effort: tuple[int | None, ...]


class Kind(NamedTuple):
    """What a task is: its env and category, and the versions under which runs may be compared."""

    env: str
    category: str
    version: str


class Outcomes:
    """What a comparison keeps of a run.

    Attributes:
        name: what the run is called. policies: their names. kinds: by task id. episodes: by task id, then trial;
            None for one that ended by an error that is not the policy's. setting: what else the run was made with,
        by name. expected: episodes of the whole run, 0 for unknown. torn: torn last lines of its file, passed over.
    """

    def __init__(self, name: str, setting: Mapping[str, str] | None = None, expected: int = 0) -> None:
        self.name, self.setting, self.expected, self.torn = name, dict(setting or {}), expected, 0
        self.policies: set[str] = set()
        self.conditions: set[str] = set()
        self.kinds: dict[str, Kind] = {}
        self.episodes: defaultdict[str, dict[int, Episode | None]] = defaultdict(dict)
        self._same: dict[Kind, Kind] = {}

    def add(self, trajectory: Trajectory | Mapping[str, Any]) -> None:
        """Take one episode in. Raises `RunError` if its task and trial, or another version of the task, are here already."""
        made = trajectory if isinstance(trajectory, Trajectory) else Trajectory.from_record(trajectory)
        if not isinstance(made.trial, int) or not 0 <= made.progress <= 1:
            raise ValueError(f"a trial is a number and progress a share, not {made.trial!r} and {made.progress!r}")
        task, trials = made.task_id, self.episodes[made.task_id]
        versions = ", ".join(f"{world} {version}" for world, version in sorted(made.worlds.items()))
        kind = Kind(made.env, str(made.task.get("category", "base")), f"task {made.task.get('version', 1)}, {versions}")
        kind = self._same.setdefault(kind, kind)
        if made.trial in trials:
            raise RunError(f"{self.name} holds {shorten(task)}, trial {made.trial}, twice; give each run a file of its own")
        if self.kinds.setdefault(task, kind) != kind:
            raise RunError(f"{self.name} holds {shorten(task)} in two versions; give each run a file of its own")
        used = usage_of(made)
        effort = (len(made.results), len(made.steps), *(used.get(name) for name in EFFORT[2:]))
        trials[made.trial] = Episode(made.success, made.progress, effort) if made.counts else None
        self.policies.add(str(made.policy.get("name", "")))
        self.conditions.add(str(made.conditions.get("label") or sorted(made.conditions.items())) if made.conditions else "")

    def record(self) -> dict[str, Any]:
        """The run alone, as plain JSON data; success is over its episodes that count."""
        every = [episode for trials in self.episodes.values() for episode in trials.values()]
        counting = [episode for episode in every if episode is not None]
        return {
            "name": self.name,
            "policies": sorted(self.policies),
            "tasks": len(self.episodes),
            "episodes": len(counting),
            "excluded": len(every) - len(counting),
            "expected": self.expected or len(every),
            "success": mean([float(episode.success) for episode in counting]),
            "torn": self.torn,
        }


def read_run(place: str | Path, name: str = "") -> Outcomes:
    """The outcomes of a run directory, or of a JSONL file of trajectories.

    Args:
        place: where. name: what to call it; default the place.

    Raises `RunError` for a place that cannot be read, holds something else, or holds no finished episode.
    """
    found = Outcomes(name or str(place), *(_manifest(read_manifest(place)["config"]) if Path(place).is_dir() else ()))
    records = read_records(place, worlds=False)
    read_outcomes(records, found)
    found.torn = records.torn
    return found


def read_outcomes(records: Iterable[Mapping[str, Any]], into: Outcomes) -> Outcomes:
    """Outcomes with records taken in. Raises `RunError` for what is no trajectory, and for no record at all."""
    for record in records:
        try:
            into.add(record)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {shorten(str(error))}"
            told = f"{into.name} holds {shorten(str(record.get('id')))}, which is no trajectory ({what})"
            raise RunError(f"{told}; name a run of `rollout` or `eval`") from None
    if not into.episodes:
        raise RunError(f"{into.name} holds no finished episode; name a run that has some")
    return into


def _manifest(config: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    """What else a run was made with, and how many episodes it is to have."""
    setting = {}
    for part in ("limits", "user"):
        values = config.get(part)
        for name, value in values.items() if isinstance(values, Mapping) else ((part, values),):
            setting[f"{part}.{name}" if name != part else part] = shorten(json.dumps(value, sort_keys=True, default=str))
    tasks, trials = config.get("tasks"), config.get("trials")
    count = tasks.get("count") if isinstance(tasks, Mapping) else 0
    return setting, count * trials if isinstance(count, int) and isinstance(trials, int) else 0


def compare(runs: Sequence[Outcomes], *, every: bool = False, show: int = 20) -> dict[str, Any]:
    """Runs against the first (with `every`, each against each), as plain JSON data.

    Args:
        runs: at least two. every: compare all pairs. show: most tasks named in `flipped` of a pair.

    Raises `RunError` for fewer than two runs.
    """
    if len(runs) < 2:
        raise RunError(f"a comparison needs two runs or more, not {len(runs)}; name another")
    wanted = list(combinations(runs, 2)) if every else [(runs[0], run) for run in runs[1:]]
    pairs = [compare_pair(first, second, show=show) for first, second in wanted]
    for pair, adjusted in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
        pair["p_adjusted"] = adjusted
        pair["better"], pair["conclusion"] = _conclusion(pair, len(pairs))
    return {"runs": [run.record() for run in runs], "comparisons": len(pairs), "pairs": pairs, "method": METHOD}


def compare_pair(first: Outcomes, second: Outcomes, *, show: int = 20) -> dict[str, Any]:
    """The second run minus the first, over what both have; without conclusion, since that depends on how many are compared."""
    pairing = _Pairing(first, second)
    tasks = pairing.tasks
    return {
        "first": first.name,
        "second": second.name,
        **_differences(tasks),
        "p": sign_test(*_wins(tasks)),
        **_dropped(pairing),
        "by_env": _parted(tasks, "env"),
        "by_category": _parted(tasks, "category"),
        "effort": {name: found for index, name in enumerate(EFFORT) if (found := _effort(tasks, index))},
        "flipped": _flipped(tasks, show),
        "notes": _notes(first, second),
    }


# -- pairing ----------------------------------------------------------------------------------------------


class _Paired(NamedTuple):
    """The trials of one task that count in both runs, in order."""

    task: str
    kind: Kind
    first: tuple[Episode, ...]
    second: tuple[Episode, ...]

    @property
    def success(self) -> tuple[float, float]:
        return _share(self.first), _share(self.second)

    @property
    def change(self) -> float:
        return (sum(e.success for e in self.second) - sum(e.success for e in self.first)) / len(self.first)

    @property
    def progress(self) -> tuple[float, float]:
        return _passed(self.first) / len(self.first), _passed(self.second) / len(self.second)

    @property
    def gain(self) -> float:
        return (_passed(self.second) - _passed(self.first)) / len(self.first)


def _share(episodes: Sequence[Episode]) -> float:
    return sum(episode.success for episode in episodes) / len(episodes)


def _passed(episodes: Sequence[Episode]) -> float:
    return fsum(episode.progress for episode in episodes)


class _Pairing:
    """What two runs have in common, and what falls out of it and why."""

    def __init__(self, first: Outcomes, second: Outcomes) -> None:
        self.tasks: list[_Paired] = []
        self.dropped: Counter[str] = Counter()
        self.unpaired = 0
        for task in sorted(first.episodes.keys() | second.episodes.keys()):
            ours, theirs = first.episodes.get(task, {}), second.episodes.get(task, {})
            common = sorted(trial for trial in ours.keys() & theirs.keys())
            both = [(a, b) for trial in common if (a := ours[trial]) is not None and (b := theirs[trial]) is not None]
            if why := self._why_not(first, second, task, bool(common), bool(both)):
                self.dropped[why] += 1
                both = []
            else:
                self.tasks.append(_Paired(task, first.kinds[task], tuple(a for a, _ in both), tuple(b for _, b in both)))
            counting = sum(e is not None for trials in (ours, theirs) for e in trials.values())
            self.unpaired += counting - 2 * len(both)

    def _why_not(self, first: Outcomes, second: Outcomes, task: str, common: bool, both: bool) -> str:
        if task not in second.kinds:
            return "only_first"
        if task not in first.kinds:
            return "only_second"
        if first.kinds[task] != second.kinds[task]:
            return "other_version"
        if not common:
            return "no_common_trial"
        return "" if both else "excluded"


def _dropped(pairing: _Pairing) -> dict[str, Any]:
    """`dropped`: tasks left out, by why; `unpaired_episodes`: of both runs, that count alone but have no counterpart."""
    return {"dropped": dict(sorted(pairing.dropped.items())), "unpaired_episodes": pairing.unpaired}


def _notes(first: Outcomes, second: Outcomes) -> list[str]:
    """What makes two runs unlike beside their policies."""
    notes = []
    for run in (first, second):
        if len(run.policies) > 1:
            notes.append(f"{run.name} holds several policies: {', '.join(sorted(run.policies))}")
        if 0 < (made := sum(map(len, run.episodes.values()))) < run.expected:
            notes.append(f"{run.name} is not complete: it holds {made} of {run.expected} episodes")
    if first.conditions != second.conditions:
        notes.append("the runs were made under different conditions (the user, hidden tools, faults)")
    for name in sorted(first.setting.keys() & second.setting.keys()):
        if first.setting[name] != second.setting[name]:
            notes.append(f"{name} is {first.setting[name]} in {first.name}, {second.setting[name]} in {second.name}")
    for env in sorted({kind.env for kind in first.kinds.values()} & {kind.env for kind in second.kinds.values()}):
        ours, theirs = ({kind.version for kind in run.kinds.values() if kind.env == env} for run in (first, second))
        if ours != theirs:
            notes.append(f"{env} has {'; '.join(sorted(ours))} in {first.name}, {'; '.join(sorted(theirs))} in {second.name}")
    return notes


# -- figures ----------------------------------------------------------------------------------------------


def _differences(tasks: Sequence[_Paired]) -> dict[str, Any]:
    changes, gains = [task.change for task in tasks], [task.gain for task in tasks]
    wins, losses = _wins(tasks)
    return {
        "tasks": len(tasks),
        "episodes": sum(len(task.first) for task in tasks),
        "success": [mean([task.success[side] for task in tasks]) for side in (0, 1)],
        "difference": mean(changes),
        "interval": list(bootstrap(changes)),
        "progress": [mean([task.progress[side] for task in tasks]) for side in (0, 1)],
        "progress_difference": mean(gains),
        "progress_interval": list(bootstrap(gains)),
        "wins": wins,
        "losses": losses,
        "ties": len(tasks) - wins - losses,
    }


def _wins(tasks: Sequence[_Paired]) -> tuple[int, int]:
    return sum(task.change > 0 for task in tasks), sum(task.change < 0 for task in tasks)


def _parted(tasks: Sequence[_Paired], by: str) -> dict[str, Any]:
    found: defaultdict[str, list[_Paired]] = defaultdict(list)
    for task in tasks:
        found[getattr(task.kind, by)].append(task)
    return {name: _differences(part) for name, part in sorted(found.items())}


def _effort(tasks: Sequence[_Paired], index: int) -> dict[str, Any] | None:
    """Of one kind of effort an episode, over tasks where both runs report it; None if there is none."""
    values = []
    for task in tasks:
        sides = [[e.effort[index] for e in side] for side in (task.first, task.second)]
        known = [[value for value in side if value is not None] for side in sides]
        if all(len(found) == len(task.first) for found in known):
            values.append((sum(known[0]) / len(known[0]), (sum(known[1]) - sum(known[0])) / len(known[0])))
    if not values:
        return None
    before, change = mean([value for value, _ in values]), [value for _, value in values]
    return {"tasks": len(values), "first": before, "difference": mean(change), "interval": list(bootstrap(change))}


def _flipped(tasks: Sequence[_Paired], show: int) -> list[dict[str, Any]]:
    """Tasks that one run solves more often, the greatest difference first."""
    found = sorted((task for task in tasks if task.change), key=lambda task: (-abs(task.change), task.task))
    return [{"task": t.task, "env": t.kind.env, "category": t.kind.category, "success": list(t.success)} for t in found[:show]]


def _conclusion(pair: Mapping[str, Any], comparisons: int) -> tuple[str, str]:
    """Which run is better ("" if that is not shown), and the sentence that may be said."""
    tasks, (low, high), p = pair["tasks"], pair["interval"], pair["p_adjusted"]
    if not tasks:
        return "", "nothing can be said: no task counts in both runs"
    if not pair["wins"] + pair["losses"]:
        return "", f"no difference: each of {tasks} tasks came out alike"
    p_told = f"p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}{f' (Holm, {comparisons} comparisons)' if comparisons > 1 else ''}"
    points = abs(100 * pair["difference"])
    bounds = sorted((100 * low, 100 * high) if pair["difference"] >= 0 else (-100 * low, -100 * high))
    better, worse = ("second", "first") if pair["difference"] >= 0 else ("first", "second")
    figures = f"{points:.1f} points ({bounds[0]:.1f} to {bounds[1]:.1f}), {tasks} tasks, {p_told}"
    if not pair["difference"]:
        return "", f"no difference shown: {figures}"
    if low <= 0 <= high:
        return "", f"no difference shown: {pair[better]} ahead by {figures}"
    if p >= LEVEL:
        return "", f"no difference shown: {pair[better]} ahead by {figures}; only {pair['wins'] + pair['losses']} tasks differ"
    return pair[better], f"{pair[better]} is better than {pair[worse]} by {figures}"
