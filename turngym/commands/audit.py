"""The command `audit`: decides for every task of a set whether it is sound, and explains each finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import answering, bar, plain, styled, table
from ..envs.errors import RunError
from ..sources import tasks_of, writable_file, write_whole
from ..stopping import STOPS, watched
from .options import AsJson, opens_data
from .setting import RayAddress, Workers, executor_of

if TYPE_CHECKING:
    from ..synthesis.auditing.adapters import Adapter, Entry
    from ..synthesis.auditing.audit import AuditReport

_LISTED = 40


class ConfidenceName(StrEnum):
    """How sure a finding is."""

    high = "high"
    medium = "medium"
    low = "low"


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(opens_data(audit))


def audit(
    tasks: Annotated[
        str,
        typer.Argument(
            metavar="TASKS", help="An env, for its pack; a file of tasks or samples, or a directory of samples; or what --adapter reads."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write audit.jsonl there, one record a task.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with each finding beside its conversation.")
    ] = None,
    min_confidence: Annotated[ConfidenceName, typer.Option(help="Leave out what is less sure.")] = ConfidenceName.low,
    number: Annotated[int | None, typer.Option("-n", min=1, help="The first so many tasks alone.")] = None,
    adapter: Annotated[str, typer.Option(help="What reads the tasks: tasks, module:thing or file.py:thing.")] = "tasks",
    workers: Workers = None,
    ray: RayAddress = None,
    as_json: AsJson = False,
) -> None:
    """Decide for every task whether it is sound, and explain each finding; exit 1 if there is one.

    A sound task replays, is checked by what it does, is grounded, available, consistent and robust.
    """
    from ..synthesis.auditing.adapters import adapter_of
    from ..synthesis.auditing.audit import audit as audit_all
    from ..synthesis.auditing.page import page
    from ..synthesis.auditing.report import summary, write_records

    with answering(as_json) as answer:
        if html is not None:
            writable_file(html)
        if out is not None and out.exists() and not out.is_dir():
            raise RunError(f"{out} is a file; name a directory")
        reader, executor = adapter_of(adapter), executor_of(workers, ray)
        entries = _entries(tasks, adapter, reader, number)
        with bar("auditing") as shown:
            if executor is not None:
                STOPS.check()
            report = audit_all(entries, reader, adapter, executor=executor, progress=watched(shown), view=html is not None)
        if not report.audited:
            raise RunError(f"{plain(tasks, 80)} holds no task; one JSON object a line is expected")
        if not report.usable:
            raise RunError(f"no task of {plain(tasks, 80)} can be looked at; the first: {plain(report.audited[0].findings[0].why, 300)}")
        level = min_confidence.value
        told = summary(report, level)  # type: ignore[arg-type]
        if out is not None:
            write_records(report, out, level)  # type: ignore[arg-type]
        if html is not None:
            write_whole(html, "".join(page(report, tasks, level)))  # type: ignore[arg-type]
        answer.data(told)
        answer.show(*_lines(report, told, level), *_where(out, html))
    if told["findings"]:
        raise typer.Exit(1)


def _entries(tasks: str, name: str, reader: Adapter, number: int | None) -> Callable[[], Iterator[Entry]]:
    """What gives the texts of the tasks, from the start each time."""
    from ..synthesis.auditing.adapters import Entry

    if name != "tasks" or tasks.endswith(".jsonl") or Path(tasks).exists():
        next(iter(reader.entries(tasks)), None)  # what cannot be read is told before the work begins
        return lambda: islice(reader.entries(tasks), number)
    found = tasks_of(tasks, None, 0, None, lambda done, wanted: None)
    return lambda: islice((Entry(index, task.line()) for index, task in enumerate(found, 1)), number)


def _lines(report: AuditReport, told: dict[str, Any], level: str) -> Iterator[Any]:
    from ..synthesis.auditing.report import counts, worst_first

    if told["findings"]:
        kinds = table("kind", "rule", "tasks", "high", "medium", "low", right="tasks,high,medium,low")
        for kind, code, tasks, by in counts(report, level):  # type: ignore[arg-type]
            kinds.add_row(kind, styled(code), str(tasks), *(str(by[name]) for name in ("high", "medium", "low")))
        listed = table("task", "turn", "call", "finding", "why")
        rows = [(one, finding) for one, found in worst_first(report, level) for finding in found]  # type: ignore[arg-type]
        for one, f in rows[:_LISTED]:
            turn = "" if f.turn is None else str(f.turn)
            listed.add_row(styled(one.id), turn, styled(f.call or ""), styled(f"{f.kind}, {f.confidence}"), styled(f.why, limit=300))
        yield from (kinds, listed)
        if len(rows) > _LISTED:
            yield f"and {len(rows) - _LISTED} more; --html, --out and --json give them all"
    colour = "red" if told["findings"] else "green"
    yield f"[{colour}]{len(told['findings'])} findings[/]; {told['clean']} of {told['tasks']} tasks are clean"


def _where(out: Path | None, html: Path | None) -> Iterator[Any]:
    if out is not None:
        yield styled(f"Records: {out}/audit.jsonl")
    if html is not None:
        yield styled(f"Page: {html}")
