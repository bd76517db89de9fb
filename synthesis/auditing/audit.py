"""The audit of a set: every case looked at once, here or by workers, and then what only the whole set shows.

Law: the report is the same wherever cases were audited, and in the order of the set. Not here: one case (`audited.py`), and how
findings are shown (`report.py`, `page.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...agents.executors.reading import employed
from ...agents.executors.team import Workforce
from .adapters import Adapter, Entry
from .audited import Audited, audit_entry, view_of
from .auditors import Audits
from .evidence import gather
from .finding import Finding
from .memorised import Ledger


@dataclass(slots=True)
class AuditReport:
    """What an audit of a set found: the tasks in order, each with its findings.

    Attributes:
        audited: the tasks, also of an audit that was broken off. view: whether conversations are wanted beside findings.
        before: tasks that were audited before and need not be again. keep: gets each task as it is finished, without what only
            the whole set shows.
    """

    audited: list[Audited] = field(default_factory=list)
    view: bool = False
    before: list[Audited] = field(default_factory=list)
    keep: Callable[[Audited], None] | None = None

    @property
    def usable(self) -> bool:
        """Whether anything could be looked at."""
        return any(one.usable for one in self.audited)


def audit(
    entries: Callable[[], Iterator[Entry]], adapter: Adapter, name: str = "tasks", *, executor: Workforce | None = None,
    progress: Callable[[int, int], None] | None = None, into: AuditReport | None = None,
) -> AuditReport:  # fmt: skip
    """Audit a set.

    Args:
        entries: gives the texts, from the start each time it is called. adapter, name: what makes cases of them, and its name.
        executor: who does it; None is this process. progress: told (tasks, 0). into: the report to fill, which says what is wanted.
    """
    report, ledger, seen = into or AuditReport(), Ledger(), set[str]()

    def take(one: Audited) -> None:
        _again(one, seen)
        ledger.add(one.id, one.uses)
        one.uses = []
        report.audited.append(one)

    for one in sorted(report.before, key=lambda one: one.number):
        take(one)
    done = {one.number for one in report.before}
    fresh = (entry for entry in entries() if entry.number not in done)
    with contextlib.closing(_audited(fresh, adapter, name, executor, report.view)) as found:
        for made in found:
            if made is not None:
                if report.keep is not None:
                    report.keep(made)
                take(made)
            if progress is not None:
                progress(len(report.audited), 0)
    _over_all(report, ledger, entries, adapter)
    return report


def _audited(
    entries: Iterator[Entry], adapter: Adapter, name: str, executor: Workforce | None, view: bool
) -> Generator[Audited | None, None, None]:
    if executor is None:
        yield from (audit_entry(adapter, entry, view) for entry in entries)
        return
    yield from employed(executor, Audits(name, view), entries)


def _again(one: Audited, seen: set[str]) -> None:
    if one.usable and one.id in seen:
        one.findings.append(Finding("consistent", "duplicate-id", "high", "high", "the id stands twice in the set"))
    seen.add(one.id)


def _over_all(report: AuditReport, ledger: Ledger, entries: Callable[[], Iterator[Entry]], adapter: Adapter) -> None:
    """What only the whole set shows."""
    by_id: dict[str, Audited] = {}
    for one in report.audited:
        by_id.setdefault(one.id, one)
    for task, finding in ledger.findings(len(report.audited)):
        by_id[task].findings.append(finding)
    lacking = {one.number for one in report.audited if one.findings and one.usable and one.view is None}
    if report.view and lacking:
        views = {entry.number: _view_again(adapter, entry) for entry in entries() if entry.number in lacking}
        for one in report.audited:
            one.view = views.get(one.number, one.view)


def _view_again(adapter: Adapter, entry: Entry) -> list[dict[str, Any]] | None:
    try:
        return view_of(gather(adapter.case(entry.text)))
    except Exception:  # it was looked at before; without its conversation the finding still stands
        return None
