"""The audit of a set: every case looked at once, here or by workers, and then what only the whole set shows.

Laws: the report is the same wherever cases were audited, and in the order of the set; nothing that stands in a task, and nothing
that its worlds do, ends an audit. Not here: what a finding is (one file a kind), and how it is shown (`report.py`, `page.py`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...agents.executors.reading import employed
from ...agents.executors.team import Workforce
from ...envs.errors import TurngymError, shorten
from ..sweeping import UNSWEPT
from .adapters import Adapter, Entry
from .available import available
from .case import Case
from .choices import unspoken
from .consistent import consistent
from .effects import effects
from .evidence import Evidence, gather
from .finding import Finding
from .grounded import grounded, lacks
from .memorised import Ledger, Use, ids_of
from .replays import replays
from .robust import robust

_TEXT = 1200  # characters of a result that a view keeps


@dataclass(slots=True)
class Audited:
    """What a case came to.

    Attributes:
        number, id: which. findings: in order. uses: ids that gold uses. usable: whether it could be looked at at all.
        turns, calls: how many. view: the conversation as JSON data, for whoever shows a finding beside it; None where not asked for.
    """

    number: int
    id: str
    findings: list[Finding] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    usable: bool = True
    turns: int = 0
    calls: int = 0
    view: list[dict[str, Any]] | None = None

    def pack(self) -> str:
        """As one line of JSON."""
        parts = {name: getattr(self, name) for name in Audited.__slots__}
        return json.dumps({**parts, "findings": [list(f) for f in self.findings], "uses": [list(use) for use in self.uses]})

    @classmethod
    def unpack(cls, line: str | bytes) -> Audited:
        """From its line."""
        found = json.loads(line)
        findings = [Finding(*parts) for parts in found.pop("findings")]
        return cls(findings=findings, uses=[Use(*parts) for parts in found.pop("uses")], **found)


def findings_of(evidence: Evidence) -> list[Finding]:
    """All that one task's evidence shows, in the order of the kinds."""
    lacking = lacks(evidence)
    found = [*replays(evidence), *effects(evidence), *grounded(lacking), *unspoken(evidence)]
    return [*found, *available(evidence), *consistent(evidence, lacking), *robust(evidence)]


def audit_entry(adapter: Adapter, entry: Entry, view: bool = False) -> Audited:
    """Audit what a text stands for. Never raises for what stands in it.

    Args:
        view: whether to keep the conversation where there is a finding.
    """
    try:
        with UNSWEPT:
            return audit_case(adapter.case(entry.text), entry.number, view)
    except Exception as error:
        what = str(error) if isinstance(error, TurngymError) else f"{type(error).__name__}: {error}"
        why = f"this is no task: {shorten(' '.join(what.split()), 240)}"
        return Audited(entry.number, _name_of(entry), [Finding("consistent", "malformed", "high", "high", why)], usable=False)


def audit_case(case: Case, number: int = 1, view: bool = False) -> Audited:
    """Audit a case; a world that cannot be had, or that breaks, is a finding."""
    found = Audited(number, case.id, turns=len(case.turns), calls=sum(len(turn.gold) for turn in case.turns))
    try:
        evidence = gather(case)
        found.findings, found.uses = findings_of(evidence), ids_of(evidence)
        if view and found.findings:
            found.view = view_of(evidence)
    except Exception as error:
        found.usable = not isinstance(error, TurngymError)
        what = f"{type(error).__name__}: {error}" if found.usable else str(error)
        why = f"it cannot be played: {shorten(' '.join(what.split()), 240)}"
        found.findings = [Finding("replays", "breaks" if found.usable else "no-world", "high", "high", why)]
    return found


def view_of(evidence: Evidence) -> list[dict[str, Any]]:
    """The conversation as JSON data: per turn what was said, gold's calls with what came of them, and the reply."""
    return [
        {
            "user": shorten(turn.user, 4 * _TEXT), "reply": shorten(turn.reply, 4 * _TEXT), "released": list(turn.released),
            "calls": [
                {
                    "label": made.label, "name": made.call.name,
                    "arguments": shorten(json.dumps(dict(made.call.arguments), ensure_ascii=False, default=str), _TEXT),
                    "result": shorten(made.outcome.text, _TEXT), "failed": not made.outcome.went_through, "changed": made.outcome.changed,
                }
                for made in evidence.of_turn(number)
            ],
        }
        for number, turn in enumerate(evidence.case.turns)
    ]  # fmt: skip


def _name_of(entry: Entry) -> str:
    try:
        found = json.loads(entry.text)
    except (ValueError, RecursionError):
        return f"line {entry.number}"
    name = found.get("id") if isinstance(found, dict) else None
    return shorten(name, 80) if isinstance(name, str) and name else f"line {entry.number}"


# -- a whole set ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class AuditReport:
    """What an audit of a set found: the tasks in order, each with its findings."""

    audited: list[Audited] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether anything could be looked at."""
        return any(one.usable for one in self.audited)


def audit(
    entries: Callable[[], Iterator[Entry]], adapter: Adapter, name: str = "tasks", *, executor: Workforce | None = None,
    progress: Callable[[int, int], None] | None = None, view: bool = False,
) -> AuditReport:  # fmt: skip
    """Audit a set.

    Args:
        entries: gives the texts, from the start each time it is called. adapter, name: what makes cases of them, and its name.
        executor: who does it; None is this process. progress: told (tasks, 0). view: whether to keep the conversations.
    """
    report, ledger, seen = AuditReport(), Ledger(), set[str]()
    with contextlib.closing(_audited(entries(), adapter, name, executor, view)) as found:
        for one in found:
            if one is not None:
                _again(one, seen)
                ledger.add(one.id, one.uses)
                one.uses = []
                report.audited.append(one)
            if progress is not None:
                progress(len(report.audited), 0)
    _over_all(report, ledger, entries, adapter, view)
    return report


def _audited(
    entries: Iterator[Entry], adapter: Adapter, name: str, executor: Workforce | None, view: bool
) -> Generator[Audited | None, None, None]:
    if executor is None:
        yield from (audit_entry(adapter, entry, view) for entry in entries)
        return
    from .auditors import Audits

    yield from employed(executor, Audits(name, view), entries)


def _again(one: Audited, seen: set[str]) -> None:
    if one.usable and one.id in seen:
        one.findings.append(Finding("consistent", "duplicate-id", "high", "high", "the id stands twice in the set"))
    seen.add(one.id)


def _over_all(report: AuditReport, ledger: Ledger, entries: Callable[[], Iterator[Entry]], adapter: Adapter, view: bool) -> None:
    """What only the whole set shows."""
    by_id: dict[str, Audited] = {}
    for one in report.audited:
        by_id.setdefault(one.id, one)
    lacking: set[int] = set()
    for task, finding in ledger.findings(len(report.audited)):
        one = by_id[task]
        one.findings.append(finding)
        if one.view is None:
            lacking.add(one.number)
    if view and lacking:
        views = {entry.number: _view_again(adapter, entry) for entry in entries() if entry.number in lacking}
        for one in report.audited:
            one.view = views.get(one.number, one.view)


def _view_again(adapter: Adapter, entry: Entry) -> list[dict[str, Any]] | None:
    try:
        return view_of(gather(adapter.case(entry.text)))
    except Exception:  # it was looked at before; without its conversation the finding still stands
        return None
