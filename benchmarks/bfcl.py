"""What BFCL costs through the bridge, beside BFCL itself on the same gold calls in the same run.

    python benchmarks/bfcl.py            # one JSON object; needs the extra bfcl and its package

Calls per second: gold of a category, one call at a time with arguments as JSON text, instances made beforehand; theirs are
timed inside a process of their own (`tests/bfcl_oracle.py`), in turns with ours. Forks: freezing an instance that was called
and thawing it, beside what pickling it whole and a deep copy cost. Verdict: a whole episode of gold, and its judging alone.
"""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import median_us, report

from turngym.envs.bridges.bfcl.results import judge_result
from turngym.envs.bridges.bfcl.source import MULTI_TURN
from turngym.envs.bridges.bfcl.worlds import BfclImage
from turngym.envs.env import pack_of
from turngym.envs.task import Task
from turngym.envs.verdict import TurnTrace, judge_of, new_judge, start_of

ORACLE = Path(__file__).parents[1] / "tests" / "bfcl_oracle.py"
ROUNDS = 5


def ours(tasks: list[Task]) -> float:
    """Calls per second of gold through `WorldSet.call`."""
    work = []
    for task in tasks:
        worlds = start_of(task)
        for world in worlds.worlds:
            _ = world.system  # type: ignore[attr-defined]
        work.append((worlds, [(call.name, json.dumps(call.arguments)) for call in task.gold()]))
    gc.collect()
    gc.disable()  # as `timeit` does; on their side too
    before = time.perf_counter()
    for worlds, calls in work:
        for name, arguments in calls:
            worlds.call(name, arguments)
    spent = time.perf_counter() - before
    gc.enable()
    return sum(len(calls) for _, calls in work) / spent


def calls() -> dict[str, Any]:
    """Both sides, in turns."""
    figures = {}
    with tempfile.TemporaryDirectory() as root:
        env = {"BFCL_PROJECT_ROOT": root, "PATH": os.environ["PATH"]}
        command = [sys.executable, "-W", "ignore", str(ORACLE)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as oracle:
            assert oracle.stdin is not None
            assert oracle.stdout is not None
            for category in MULTI_TURN:
                tasks, mine, theirs = list(pack_of(f"bfcl:{category}")), [], []
                for _ in range(ROUNDS):
                    oracle.stdin.write(json.dumps({"time": category, "rounds": 1}) + "\n")
                    oracle.stdin.flush()
                    theirs.append(json.loads(oracle.stdout.readline())["calls_per_second"])
                    mine.append(ours(tasks))
                fast, slow = statistics.median(mine), statistics.median(theirs)
                figures[category] = {"ours_per_s": round(fast), "bfcl_per_s": round(slow), "times": round(fast / slow, 1)}
            oracle.stdin.close()
    return figures


def forks() -> dict[str, Any]:
    """Per class of the long context (the larger states), and of a whole entry after a call to each of its worlds."""
    seen: dict[str, list[Any]] = {}
    for task in pack_of("bfcl:multi_turn_long_context"):
        for world in start_of(task).worlds:
            seen.setdefault(world.api, []).append(world.system)  # type: ignore[attr-defined]
    figures: dict[str, Any] = {}
    for name, systems in sorted(seen.items()):
        system = systems[len(systems) // 2]
        image, whole = BfclImage(system.instance, system.names), pickle.dumps(system.instance, pickle.HIGHEST_PROTOCOL)
        figures[name] = {
            "freeze": median_us(system.freeze, 50),
            "thaw": median_us(image.thaw, 50),
            "pickle_whole_and_back": median_us(lambda s=system: pickle.dumps(s.instance, pickle.HIGHEST_PROTOCOL), 50)
            + median_us(lambda w=whole: pickle.loads(w), 50),
            "deepcopy": median_us(lambda s=system: copy.deepcopy(s.instance), 10, 11),
        }
    for category in ("multi_turn_base", "multi_turn_long_context"):
        costs = []
        for task in pack_of(f"bfcl:{category}"):
            worlds = start_of(task)
            for call in task.turns[0].gold:
                worlds.call(call.name, call.arguments)
            before = time.perf_counter()
            twin = worlds.fork()
            for world in twin.worlds:
                _ = world.system  # type: ignore[attr-defined]
            costs.append(time.perf_counter() - before)
        figures[f"entry_of_{category}"] = round(statistics.median(costs) * 1e6, 1)
    return figures


def verdicts() -> dict[str, Any]:
    """Medians over all entries: gold run once for its judge, a whole episode of gold, and the judging of its last turn."""
    figures = {}
    for category in MULTI_TURN:
        making, living, judging = [], [], []
        for task in pack_of(f"bfcl:{category}"):
            result = [[*[[{call.name: json.dumps(call.arguments)}] for call in turn.gold], "Done."] for turn in task.turns]
            making.append(_spent(lambda t=task: new_judge(t)))
            judge = judge_of(task)
            living.append(_spent(lambda t=task, r=result: judge_result(t, r)))
            worlds, results = judge.start.fork(), []
            for call in task.gold():
                results.append(worlds.call(call.name, call.arguments))
            last = len(task.turns) - 1
            judging.append(_spent(lambda j=judge, n=last, w=worlds, r=results: j.turn(n, w, [TurnTrace(r)])))
        parts = {"judge_made": making, "episode_and_verdict": living, "one_turn_judged": judging}
        figures[category] = {name: round(statistics.median(part) * 1e6, 1) for name, part in parts.items()}
    return figures


def _spent(run: Any) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


if __name__ == "__main__":
    report("bfcl", {"calls": calls(), "fork_us": forks(), "verdict_us": verdicts()})
