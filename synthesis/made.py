"""What came of one index of a request, here and on its way from another process.

Law: what travels is the line that the file will hold, byte for byte, and beside it what a ledger counts, so that whoever
writes it need not read it. Not here: how it was made (`maker.py`).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ..agents.trajectory import record_line
from .sample import Sample

_BETWEEN = b"\x1e"  # never in JSON text, which escapes it


def brief_of(row: dict[str, Any]) -> dict[str, Any]:
    """What a ledger counts of a row: all it needs where the row itself is on its way to a file."""
    turns, notes = row["task"]["turns"], row["notes"]
    return {
        **{name: row[name] for name in ("id", "origin", "env", "category")},
        "turns": len(turns),
        "calls": sum(len(turn.get("gold", ())) for turn in turns),
        "across": len(turns) > 1 and any(note["across"] for note in notes),
        "scores": [note["jump"]["score"] for note in notes if note["jump"]],  # a turn that only goes on with a request has none
    }


@dataclass(frozen=True, slots=True)
class Made:
    """One index of a request: the sample, or None after too many rejected candidates, and the funnel.

    Where models play: `usage` (role -> counts) and `attempts` (kind -> failed ones) of all its candidates, `exchanges`.
    What was made in another process has, instead of the sample, its row as a line of the file and the row's brief.
    """

    index: int
    sample: Sample | None
    rejected: Counter[str]
    rounds: Counter[str]
    usage: dict[str, dict[str, int]] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    brief: dict[str, Any] | None = None
    line: bytes = b""

    def told(self) -> Made:
        """The same with brief and line, if there is a sample."""
        if self.sample is None or self.line:
            return self
        row = self.sample.record()
        return replace(self, brief=brief_of(row), line=record_line(row))

    def parcel(self) -> bytes:
        """For another process: counts and brief as one JSON object, then the line of the file."""
        made = self.told()
        counts = {name: getattr(made, name) for name in ("rejected", "rounds", "usage", "attempts", "exchanges", "brief")}
        head = {"id": str(self.index), **{name: count for name, count in counts.items() if count}}
        return record_line(head)[:-1] + _BETWEEN + made.line.rstrip(b"\n") + b"\n"

    @classmethod
    def unpack(cls, parcel: bytes) -> Self:
        """What `parcel` packed."""
        head, _, line = parcel.rstrip(b"\n").partition(_BETWEEN)
        record = json.loads(head)
        rejected, rounds, attempts = (Counter[str](record.get(name, {})) for name in ("rejected", "rounds", "attempts"))
        usage, exchanges = record.get("usage", {}), record.get("exchanges", [])
        whole = line + b"\n" if line else b""
        return cls(int(record["id"]), None, rejected, rounds, usage, attempts, exchanges, record.get("brief"), whole)
