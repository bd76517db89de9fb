"""What the built-in policies reach on the packs that ship: the bounds of every benchmark made from them.

    python benchmarks/baselines.py             # one JSON object: env -> policy -> success, interval, progress, by category

Oracle must be 1, null 0, random at most 0.01 (three trials a task).
"""

from __future__ import annotations

from typing import Any

from measure import report

from turngym.agents import make_policy, run_all
from turngym.envs.env import pack_of
from turngym.envs.registry import ENVS

TRIALS = {"random": 3}


def figures(env: str) -> dict[str, Any]:
    """Success and progress of each policy on one pack."""
    tasks = list(pack_of(env))
    found: dict[str, Any] = {"tasks": len(tasks)}
    for name in ("oracle", "graph", "random", "null"):
        summary = run_all(make_policy(name), tasks, trials=TRIALS.get(name, 1)).summary
        found[name] = {
            "success": round(summary["success"], 4),
            "interval_95": [round(bound, 4) for bound in summary["success_interval"]],
            "progress": round(summary["progress"], 4),
            "episodes": summary["episodes"],
            "by_category": {kind: round(part["success"], 4) for kind, part in summary["by_category"].items()},
        }
    return found


def main() -> None:
    """Measure and print."""
    report("baselines", {info.short: figures(info.short) for info in ENVS})


if __name__ == "__main__":
    main()
