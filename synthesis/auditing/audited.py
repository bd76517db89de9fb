"""One case audited: its evidence gathered, every kind of finding asked, and what it came to as a line that travels.

Laws: nothing that stands in a task, and nothing that its worlds do, ends an audit; a task that cannot be read or played is a
finding itself. Not here: what a finding is (one file a kind), and what only a whole set shows (`audit.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ...envs.errors import TurngymError, WorldRefusedError, shorten
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
from .memorised import Use, ids_of
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
    """Audit what a text stands for. Raises `WorldRefusedError` for a world that nobody allowed, and nothing else for what it says.

    Args:
        view: whether to keep the conversation where there is a finding.
    """
    try:
        with UNSWEPT:
            return audit_case(adapter.case(entry.text), entry.number, view)
    except WorldRefusedError as error:
        raise error.at(f"line {entry.number}") from None
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
    except WorldRefusedError:
        raise
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
