"""How a run that computes grows with its workers: worker processes and Ray, one and two of them, beside one process.

    python benchmarks/executors.py            # one JSON object; episodes per second, and what two do over one

The policy is `graph`, which searches for each call and waits for nothing. Rates leave out the start and the first
quarter of the episodes, in which workers fill their caches; `start` is the time to the first episode in seconds.
Each figure is the best of `--rounds`, taken in turns, since other work on the machine slows what it meets.
`--ray` adds Ray, which needs the extra.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any

from measure import report

from turngym.agents import make_policy, run
from turngym.agents.executors.processes import Processes
from turngym.agents.executors.ray import OnRay
from turngym.envs.env import pack_of


def tasks_of(trials: int) -> list[Any]:
    """Forty tasks, each that often."""
    return list(pack_of("turngym/Banking-v0"))[:40] * trials


async def rate(executor: Any, trials: int) -> tuple[float, float]:
    """Episodes per second once it runs, and the seconds until the first."""
    tasks = tasks_of(trials)
    begun = time.perf_counter()
    times = [time.perf_counter() async for _ in run(make_policy("graph"), tasks, executor=executor, concurrency=8)]
    warm = len(times) // 4
    return (len(times) - 1 - warm) / (times[-1] - times[warm]), times[0] - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    kinds: dict[str, Any] = {"processes": Processes, **({"ray": lambda n: OnRay(workers=n)} if options.ray else {})}
    places: dict[str, Any] = {"one_process": None}
    places |= {f"{name}_{n}": kind(n) for name, kind in kinds.items() for n in (1, 2)}
    taken = [{name: asyncio.run(rate(place, options.trials)) for name, place in places.items()} for _ in range(options.rounds)]
    top = {name: max(found[name] for found in taken) for name in places}
    figures: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "episodes": 40 * options.trials}
    figures |= {name: {"per_second": round(fast, 1), "start": round(start, 2)} for name, (fast, start) in top.items()}
    figures |= {f"{name}_2_over_1": round(top[f"{name}_2"][0] / top[f"{name}_1"][0], 2) for name in kinds}
    report("executors", figures)


if __name__ == "__main__":
    main()
