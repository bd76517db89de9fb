"""The report of an audit: as JSON data, as a file of records, and as lines for a table.

Laws: the same audit gives the same bytes; a task counts as clean when nothing that sure was found about it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import IO, Any

from ...agents.directory import refusal, replace_file
from .audit import AuditReport
from .audited import Audited
from .finding import KINDS, LEVELS, Finding, Level, at_least

RECORDS = "audit.jsonl"


def summary(report: AuditReport, confidence: Level = "low") -> dict[str, Any]:
    """`{tasks, clean, findings}`, with the findings that are that sure or more."""
    found = [finding.record(one.id) for one in report.audited for finding in at_least(one.findings, confidence)]
    clean = sum(not at_least(one.findings, confidence) for one in report.audited)
    return {"tasks": len(report.audited), "clean": clean, "findings": found}


def record_of(one: Audited, confidence: Level = "low") -> dict[str, Any]:
    """A task's record: what it is, and its findings."""
    found = at_least(one.findings, confidence)
    return {
        "task": one.id, "number": one.number, "clean": not found, "turns": one.turns, "calls": one.calls,
        "findings": [{key: value for key, value in finding.record(one.id).items() if key != "task"} for finding in found],
    }  # fmt: skip


def write_records(report: AuditReport, directory: Path, confidence: Level = "low") -> Path:
    """Write `audit.jsonl` into a directory of audits (`keeping.py`), one record a task, whole or not at all. Raises `RunError`."""
    path = directory / RECORDS

    def write(file: IO[bytes]) -> None:
        for one in report.audited:
            file.write(json.dumps(record_of(one, confidence), ensure_ascii=True).encode() + b"\n")

    try:
        replace_file(path, write)
    except OSError as error:
        raise refusal(error, f"cannot write {path}") from None
    return path


def counts(report: AuditReport, confidence: Level = "low") -> list[tuple[str, str, int, dict[Level, int]]]:
    """(kind, code, tasks, findings by confidence) of what was found, in the order of the kinds, the most common first."""
    found: dict[tuple[str, str], Counter[Level]] = {}
    tasks: dict[tuple[str, str], set[int]] = {}
    for one in report.audited:
        for finding in at_least(one.findings, confidence):
            key = finding.kind, finding.code
            found.setdefault(key, Counter())[finding.confidence] += 1
            tasks.setdefault(key, set()).add(one.number)
    order = sorted(found, key=lambda key: (KINDS.index(key[0]), -sum(found[key].values()), key[1]))
    return [(kind, code, len(tasks[kind, code]), {level: found[kind, code][level] for level in LEVELS}) for kind, code in order]


def worst_first(report: AuditReport, confidence: Level = "low") -> list[tuple[Audited, list[Finding]]]:
    """The tasks with findings, those that are surest and most severe first, else in order."""
    found = [(one, at_least(one.findings, confidence)) for one in report.audited]
    return sorted(((one, mine) for one, mine in found if mine), key=lambda pair: _weight(pair[1]))


def _weight(findings: list[Finding]) -> tuple[int, int, int]:
    best = min((LEVELS.index(f.confidence), LEVELS.index(f.severity)) for f in findings)
    return (*best, -len(findings))
