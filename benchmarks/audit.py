"""How much the auditor finds of what was planted, and how often it cries wolf.

    python benchmarks/audit.py                 # one JSON object: kind -> planted, found, missed; and the clean packs
    python benchmarks/audit.py -n 40 --seed 1  # so many tasks an operator and env; another draw

Defects are planted in tasks of the four packs by `planting.py`, which proves each label without the auditor. A defect is found where
the audit of its task (of its set, for ids that many tasks share) has a finding of its kind. False alarms are findings on the 768
tasks as they ship. The same tasks without their declared sources show what the search makes of sound gold, and what the declarations hide:
a request that takes itself back (discard it, then undelete it) can be left out whole, and no check of the state can see it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from measure import report
from planting import OPERATORS, Planted, calls, made, plant, retold

from turngym.envs.env import pack_of
from turngym.envs.registry import ENVS
from turngym.envs.task import Task
from turngym.synthesis.auditing.adapters import Entry, Tasks
from turngym.synthesis.auditing.audit import AuditReport, audit
from turngym.synthesis.auditing.finding import KINDS

RETOLD = 24


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=24, help="defects an operator and env, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    envs = [info.short for info in ENVS if info.short in ("FileSystem", "Travel", "Banking", "Assistant")]
    packs = {env: list(pack_of(env)) for env in envs}
    clean = {env: _clean(tasks) for env, tasks in packs.items()}
    kinds = _measured(packs, options.n, options.seed)
    bare = {env: _clean([found for task in tasks if (found := _undeclared(task)) is not None]) for env, tasks in packs.items()}
    total = sum(part["tasks"] for part in clean.values())
    rate, rate_bare = (sum(p["with_findings"] for p in part.values()) / total for part in (clean, bare))
    figures = {"planted": kinds, "clean": clean, "false_alarm_rate": round(rate, 5)}
    report("audit", {**figures, "clean_without_declarations": bare, "false_alarm_rate_without_declarations": round(rate_bare, 5)})


def audited(lines: list[str]) -> AuditReport:
    """The audit of some lines."""
    return audit(lambda: (Entry(number, line) for number, line in enumerate(lines, 1)), Tasks())


def _undeclared(task: Task) -> Task | None:
    """A task whose gold names no source and no order, as foreign ones: what is sound in it has to be found out."""
    data = json.loads(task.line())
    for _, call in calls(data):
        call.pop("sources", None)
    return made(data)


def _clean(tasks: list[Task]) -> dict[str, Any]:
    started = time.perf_counter()
    found = audited([task.line() for task in tasks]).audited
    return {
        "tasks": len(found), "with_findings": sum(bool(one.findings) for one in found),
        "findings": [f"{one.id}: {f.code}" for one in found for f in one.findings], "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip


def planted(packs: dict[str, list[Task]], number: int, seed: int) -> Iterator[Planted]:
    """Defects of every operator in every env, drawn by a seed."""
    for env, tasks in packs.items():
        for kind, operators in OPERATORS.items():
            for operator in operators:
                rng, left = Random(f"{seed}:{env}:{operator.__name__}"), number
                for task in rng.sample(tasks, len(tasks)):
                    line = plant(task, operator, rng) if left else None
                    if line is not None:
                        left -= 1
                        yield Planted(kind, operator.__name__, (line,))
        yield from _shared(env, tasks, seed)


def _shared(env: str, tasks: list[Task], seed: int) -> Iterator[Planted]:
    """Sets in which one task is told again and again, beside the env's own."""
    rng, left = Random(f"{seed}:{env}:retold"), 3
    for task in rng.sample(tasks, len(tasks)):
        ids = [v for c in task.gold() for n, v in c.arguments.items() if n in c.sources and c.sources[n].kind != "user" and _is_id(v)]
        if left and ids and (lines := retold(json.loads(task.line()), RETOLD)) is not None:
            left -= 1
            yield Planted("robust", "shared_ids", (*lines, *(other.line() for other in tasks[:40])))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) > 6 and any(c.isdigit() for c in value) and "-" in value and value[0].isalpha()


def _measured(packs: dict[str, list[Task]], number: int, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {kind: {"planted": 0, "found": 0, "missed": 0, "operators": {}} for kind in KINDS}
    for one in planted(packs, number, seed):
        report_ = audited(list(one.lines))
        hit = any(f.kind == one.kind for part in report_.audited for f in part.findings)
        part = found[one.kind]
        by = part["operators"].setdefault(one.operator, {"planted": 0, "found": 0, "missed": []})
        for figures in (part, by):
            figures["planted"] += 1
            figures["found"] += hit
        part["missed"] += not hit
        if not hit and len(by["missed"]) < 5:
            by["missed"].append(report_.audited[0].id)
    for part in found.values():
        part["share"] = round(part["found"] / part["planted"], 4) if part["planted"] else None
    return found


if __name__ == "__main__":
    main()
