"""How fast verified samples are made with template roles, and whether memory stays flat while they stream.

    python benchmarks/synthesis.py -n 2000                     # all envs
    python benchmarks/synthesis.py -n 20000 --envs FileSystem  # one env

One process, one core. The floor beside it is the time to execute the same gold calls once on fresh worlds:
everything above that is drawing, writing, and proving. Samples are written to a temporary directory.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import report

from turngym.envs.registry import ENVS
from turngym.envs.verdict import start_of
from turngym.synthesis.pipeline import SAMPLES, Maker, Request, synthesize, verify_directory
from turngym.synthesis.sample import Sample


def resident_mb() -> float:
    """Resident memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


def make(envs: tuple[str, ...], n: int) -> dict[str, Any]:
    """Make `n` samples and verify them; memory at each tenth of the way."""
    Maker(Request(envs, 0))  # probe the graphs, import the worlds
    directory = Path(tempfile.mkdtemp(prefix="turngym-bench-"))
    curve: list[float] = []
    replay = 0.0

    def keep(sample: Sample) -> None:
        nonlocal replay
        start = time.perf_counter()
        worlds = start_of(sample.task)
        for call in sample.task.gold():
            worlds.call(call.name, call.arguments)
        replay += time.perf_counter() - start

    def progress(done: int, wanted: int) -> None:
        if done % max(1, wanted // 10) == 0:
            curve.append(resident_mb())

    try:
        started = time.perf_counter()
        made = synthesize(Request(envs, n), directory / "set", progress=progress, keep=keep)
        seconds = time.perf_counter() - started - replay
        size = (directory / "set" / SAMPLES).stat().st_size
        started = time.perf_counter()
        verified = verify_directory(directory / "set")
        checking = time.perf_counter() - started
    finally:
        shutil.rmtree(directory)
    return {
        "envs": list(envs),
        "kept": made["kept"],
        "samples_per_second": round(made["kept"] / seconds, 1),
        "floor_replay_gold_per_second": round(made["kept"] / replay, 1),
        "verified": f"{verified['passed']} of {verified['rows']}",
        "verify_per_second": round(verified["rows"] / checking, 1),
        "mb_on_disk": round(size / 1e6, 1),
        "resident_mb_at_each_tenth": curve,
        "calls_per_turn": made["calls_per_turn"],
        "across_turns": made["across_turns"],
        "jump_score": made["jump_score"],
        "candidates": made["funnel"]["candidates"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=2000, help="samples to make")
    parser.add_argument("--envs", nargs="*", default=[info.short for info in ENVS], help="short names of envs")
    parser.add_argument("--each", action="store_true", help="also each env by itself")
    options = parser.parse_args()
    figures = {"all": make(tuple(options.envs), options.n)}
    if options.each:
        for name in options.envs:
            figures[name] = make((name,), max(1, options.n // len(options.envs)))
    report("synthesis", figures)


if __name__ == "__main__":
    main()
