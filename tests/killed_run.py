"""A run to be killed: `python killed_run.py DIR WORKERS`; says when it works, and what it acknowledges."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def main(place: str, workers: int) -> int:
    from mini_tasks import some_tasks

    from turngym.agents import make_policy, run_all

    executor = None
    if workers:
        from turngym.agents.executors.processes import Processes

        executor = Processes(workers)
    report = run_all(
        make_policy("random"), some_tasks(20), trials=150, seed=1, out=place, concurrency=4, executor=executor,
        on_trajectory=lambda made: print(made.id, flush=True),
    )  # fmt: skip
    print("done", report.made, report.resumed, flush=True)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
