"""What a data set covers: tools, pairs and edges of the tool graph, lengths and depths, words, near-duplicates.

Everything is read off gold and its sources. A tool is targeted where a turn was made for it. A pair (u, v) is seen where
a call of v directly comes after one of u, or takes a value from it. A data edge is seen where an argument takes its value
along it, a state edge where its call must come before the other, directly or not, in one turn: execution has shown both.
Laws: rows are read one by one, and memory holds counts and sketches alone; the order of rows changes nothing but which
of two near-duplicates is the second. Not here: whether the rows are right (`verify.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...envs.door import allow_given
from ...envs.errors import RunError, TaskError
from ...envs.graph import ToolGraph, graph_of
from ...envs.lines import Rows
from ...envs.registry import world_class
from ...envs.task import GoldCall, Task, parse_task
from ..sample import SAMPLES, identity_of
from .diversity import Diversity
from .nearness import THRESHOLD, Neighbours
from .shingles import shingles

Pair = tuple[str, str]
Progress = Callable[[int, int], None]


def coverage(
    place: str | Path, near: float | None = THRESHOLD, progress: Progress | None = None, *, allow: Iterable[str] = ()
) -> dict[str, Any]:
    """What a data set, or a file of tasks, covers.

    Args:
        place: a data set's directory, or a file of tasks or samples. near: the Jaccard index from which two
            conversations are near-duplicates, None to leave them uncounted. progress: told (rows, 0).
        allow: worlds of one's own that the data may name, as `turngym.allow` takes them.

    Returns:
        See `Coverage.record`. Raises `RunError` for what cannot be read, `MissingExtraError` where datasketch is absent and
        `near` is given.
    """
    allow_given(allow)
    found, rows = Coverage(near), rows_of(place)
    for number, (task, notes) in enumerate(read_tasks(rows), 1):
        found.add(task, notes)
        if progress is not None:
            progress(number, 0)
    return {**found.record(), "torn": rows.torn}


def rows_of(place: str | Path) -> Rows:
    """The rows of a data set, or of a file of tasks or samples."""
    return Rows(Path(place) / SAMPLES if Path(place).is_dir() else place, identity=identity_of)


def read_tasks(place: str | Path | Rows) -> Iterator[tuple[Task, Sequence[dict[str, Any]]]]:
    """The tasks of samples with the notes on their turns, or those of a file of tasks, one by one."""
    rows, empty = place if isinstance(place, Rows) else rows_of(place), True
    try:
        for row in rows:
            empty = False
            where = f"{rows.path}, line {row.number}"
            if isinstance(row.value.get("task"), dict):
                yield parse_task(row.value["task"], where), row.value.get("notes") or ()
            else:
                yield parse_task(row.value, where), ()
    except TaskError as error:
        raise RunError(str(error)) from None
    if empty:
        raise RunError(f"{rows.path} holds no task; name what `turngym synthesize` or `turngym pack` wrote")


class Coverage:
    """Counts tasks as they come; `record()` gives the figures so far as plain JSON data."""

    def __init__(self, near: float | None = THRESHOLD) -> None:
        self.tasks = 0
        self._worlds: dict[tuple[str, ...], Ground] = {}
        self._counts: dict[str, Counter[Any]] = {name: Counter() for name in ("turns", "categories", "plan_length", "provenance_depth")}
        self._jumps: Counter[int] = Counter()
        self._jump_sum = 0.0
        self._diversity = Diversity()
        self._neighbours = None if near is None else Neighbours(near)
        self._near = 0

    def add(self, task: Task, notes: Sequence[dict[str, Any]] = ()) -> None:
        """Count one."""
        self.tasks += 1
        worlds = tuple(part.world for part in task.worlds)
        self._worlds.setdefault(worlds, Ground(worlds)).add(task)
        self._counts["turns"][len(task.turns)] += 1
        self._counts["categories"][task.category] += 1
        for turn in task.turns:
            self._counts["plan_length"][len(turn.gold)] += 1
            self._counts["provenance_depth"][depth_of(turn.gold)] += 1
        for note in notes:
            score = (note.get("jump") or {}).get("score")
            if isinstance(score, (int, float)):
                self._jumps[min(9, int(score * 10 + 1e-9))] += 1
                self._jump_sum += score
        said = [turn.user for turn in task.turns]
        self._diversity.add(task.id, said)
        if self._neighbours is not None:
            words = shingles(said)
            if self._neighbours.find(words) is not None:
                self._near += 1
            else:
                self._neighbours.add(words)

    def record(self) -> dict[str, Any]:
        """`tasks`, `worlds` (see `Ground.record`), the histograms `turns`, `categories`, `plan_length` and `provenance_depth` (of
        turns), `jump_score` (of turns that say it: bins `0.4` holds [0.4, 0.5)), `words`, and `near_duplicates`: how many
        rows `dedup` would remove."""
        jumps, near = sum(self._jumps.values()), self._neighbours
        told = {name: {str(key): count for key, count in sorted(found.items())} for name, found in self._counts.items()}
        bins = {f"0.{number}": count for number, count in sorted(self._jumps.items())}
        return {
            "tasks": self.tasks,
            "worlds": [ground.record() for _, ground in sorted(self._worlds.items())],
            **told,
            "jump_score": {"turns": jumps, "mean": round(self._jump_sum / jumps, 4), "bins": bins} if jumps else None,
            "words": self._diversity.record(),
            "near_duplicates": None if near is None else {
                "rows": self._near, "share": round(self._near / self.tasks, 4) if self.tasks else 0.0, "threshold": near.threshold,
            },
        }  # fmt: skip


class Ground:
    """What the tasks of one set of worlds cover of its tool graph."""

    def __init__(self, worlds: tuple[str, ...]) -> None:
        self.worlds = worlds
        self.tasks = 0
        self.targets: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self.before: set[Pair] = set()
        self.flows: set[tuple[str, str, str, str]] = set()

    def add(self, task: Task) -> None:
        """Count a task."""
        self.tasks += 1
        self.targets.update(task.meta.get("targets") or [task.family])
        calls: dict[str, GoldCall] = {}
        for turn in task.turns:
            earlier: dict[str, set[str]] = {}
            for call in turn.gold:
                self.called[call.name] += 1
                calls[call.id] = call
                givers = {source.call for source in call.sources.values() if source.call in calls}
                self.pairs.update({(calls[name].name, call.name) for name in {*call.after, *givers}})
                earlier[call.id] = {*call.after}.union(*(earlier.get(name, set()) for name in call.after))
                self.before.update((calls[name].name, call.name) for name in earlier[call.id])
                for parameter, source in call.sources.items():
                    if source.call in calls:
                        self.flows.add((calls[source.call].name, call.name, parameter, source.semantic))

    def record(self) -> dict[str, Any]:
        """`tools` (reachable, targeted, `missing` and `unused` by name), `pairs` and `edges`, seen out of what the graph has.

        `beyond` are pairs that no edge joins: calls that only execution ties.
        """
        graph = graph_of([world_class(name) for name in self.worlds])
        reach = graph.reachable()
        possible = {(u, v) for u, v in graph.graph.edges() if u != v and {u, v} <= reach}
        return {
            "worlds": list(self.worlds),
            "tasks": self.tasks,
            "tools": {
                "reachable": len(reach),
                "targeted": len(reach & self.targets.keys()),
                "missing": sorted(reach - self.targets.keys()),
                "unused": sorted(reach - self.called.keys()),
            },
            "pairs": {
                "possible": len(possible),
                "seen": len(possible & self.pairs.keys()),
                "beyond": len(self.pairs.keys() - possible),
            },
            "edges": self._edges(graph, reach),
        }

    def _edges(self, graph: ToolGraph, reach: frozenset[str]) -> dict[str, dict[str, int]]:
        """Edges between reachable tools by kind; `internal` are the data edges whose values no user knows."""
        found: dict[str, dict[Any, bool]] = {"data": {}, "internal": {}, "state": {}}
        for u, v, edge in graph.graph.edges(data=True):
            if not {u, v} <= reach:
                continue
            if edge["kind"] == "data":
                key = u, v, edge["parameter"], edge["name"]
                found["data"][key] = key in self.flows
                if edge["internal"]:
                    found["internal"][key] = key in self.flows
            elif edge["kind"] == "state":
                found["state"][u, v, edge["name"]] = (u, v) in self.before
        return {kind: {"possible": len(edges), "seen": sum(edges.values())} for kind, edges in found.items()}


def depth_of(gold: Sequence[GoldCall]) -> int:
    """Length of the longest path of values from call to call of a turn; a value of an earlier turn counts one."""
    depths: dict[str, int] = {}
    for call in gold:
        depths[call.id] = max((depths.get(source.call, 0) + 1 for source in call.sources.values() if source.call), default=0)
    return max(depths.values(), default=0)
