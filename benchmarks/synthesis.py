"""How fast verified samples are made with template roles, and whether memory stays flat while they stream.

    python benchmarks/synthesis.py -n 2000                     # all envs, one process, one core
    python benchmarks/synthesis.py -n 20000 --envs FileSystem  # one env
    python benchmarks/synthesis.py -n 16000 --workers 2        # worker processes; the whole command, their start included

In one process the floor beside it is the time to execute the same gold calls once on fresh worlds: everything above
that is drawing, writing, and proving. Samples are written to a temporary directory, and every row is verified again at
the end. Memory is resident memory (MB) of this process, and of the workers together, at each tenth of the way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import report

from turngym.agents.executors.processes import Processes
from turngym.envs.registry import ENVS
from turngym.envs.verdict import start_of
from turngym.synthesis import Maker, Request, Sample, synthesize, verify_directory
from turngym.synthesis.sample import SAMPLES


def resident_mb(pid: int | str = "self") -> float:
    """Resident memory of a process now, in MB; 0 for one that is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return round(pages * resource.getpagesize() / 1e6, 1)


def spent_by_children() -> float:
    """CPU seconds of the processes that were started here and are gone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch:
    """Takes memory at each tenth of the way, and the time to the first sample."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.first = 0.0
        self.here: list[float] = []
        self.workers: list[float] = []

    def progress(self, done: int, wanted: int) -> None:
        """What `synthesize` tells."""
        self.first = self.first or (time.perf_counter() - self.begun if done else 0.0)
        if done and done * 10 // wanted > len(self.here):
            self.here.append(resident_mb())
            self.workers.append(round(sum(resident_mb(child.pid) for child in multiprocessing.active_children() if child.pid), 1))


def make(envs: tuple[str, ...], n: int, workers: int) -> dict[str, Any]:
    """Make `n` samples and verify them."""
    directory = Path(tempfile.mkdtemp(prefix="turngym-bench-"))
    try:
        found = by_workers(envs, n, workers, directory / "set") if workers else alone(envs, n, directory / "set")
        size = (directory / "set" / SAMPLES).stat().st_size
        started = time.perf_counter()
        verified = verify_directory(directory / "set", executor=Processes(workers) if workers else None)
        checking = time.perf_counter() - started
    finally:
        shutil.rmtree(directory)
    made = found.pop("made")
    return {
        "envs": list(envs),
        "kept": made["kept"],
        **found,
        "verified": f"{verified['passed']} of {verified['rows']}",
        "verify_per_second": round(verified["rows"] / checking, 1),
        "mb_on_disk": round(size / 1e6, 1),
        "calls_per_turn": made["calls_per_turn"],
        "across_turns": made["across_turns"],
        "jump_score": made["jump_score"],
        "candidates": made["funnel"]["candidates"],
    }


def alone(envs: tuple[str, ...], n: int, out: Path) -> dict[str, Any]:
    """In this process, with the floor; graphs are probed before."""
    Maker(Request(envs, 0))  # probe the graphs, import the worlds
    replay = 0.0

    def keep(sample: Sample) -> None:
        nonlocal replay
        start = time.perf_counter()
        worlds = start_of(sample.task)
        for call in sample.task.gold():
            worlds.call(call.name, call.arguments)
        replay += time.perf_counter() - start

    watch = Watch()
    made = synthesize(Request(envs, n), out, progress=watch.progress, keep=keep)
    seconds = time.perf_counter() - watch.begun - replay
    return {
        "made": made,
        "samples_per_second": round(made["kept"] / seconds, 1),
        "floor_replay_gold_per_second": round(made["kept"] / replay, 1),
        "resident_mb_at_each_tenth": watch.here,
    }


def by_workers(envs: tuple[str, ...], n: int, workers: int, out: Path) -> dict[str, Any]:
    """By worker processes: the whole time, their start and the probing of graphs included."""
    used, watch, before = time.process_time(), Watch(), spent_by_children()
    made = synthesize(Request(envs, n), out, progress=watch.progress, executor=Processes(workers))
    seconds, here = time.perf_counter() - watch.begun, time.process_time() - used
    line = f"{made['kept']:,} verified samples by {workers} workers on {len(os.sched_getaffinity(0))} cores in {seconds:.1f} s"
    return {
        "made": made,
        "line": line,
        "workers": workers,
        "cores": len(os.sched_getaffinity(0)),
        "seconds": round(seconds, 1),
        "seconds_to_the_first": round(watch.first, 1),
        "samples_per_second": round(made["kept"] / seconds, 1),
        "cpu_ms_a_sample_in_this_process": round(here / made["kept"] * 1000, 3),
        "cpu_seconds": {"this_process": round(here, 1), "workers": round(spent_by_children() - before, 1)},
        "resident_mb_at_each_tenth": watch.here,
        "resident_mb_of_workers_at_each_tenth": watch.workers,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=2000, help="samples to make")
    parser.add_argument("--envs", nargs="*", default=[info.short for info in ENVS], help="short names of envs")
    parser.add_argument("--each", action="store_true", help="also each env by itself")
    parser.add_argument("--workers", type=int, default=0, help="worker processes; 0 is this process")
    options = parser.parse_args()
    figures = {"all": make(tuple(options.envs), options.n, options.workers)}
    if options.each:
        for name in options.envs:
            figures[name] = make((name,), max(1, options.n // len(options.envs)), options.workers)
    report("synthesis", figures)


if __name__ == "__main__":
    main()
