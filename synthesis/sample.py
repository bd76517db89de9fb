"""Samples: one training conversation with all that is needed to prove it again.

A row of `samples.jsonl` holds the task (worlds, seeds, turns, gold with sources, checks), the messages verbatim
(reasoning apart from content), the state fingerprint after every call, and how each turn was made. Tools are
not repeated per row: they are those of the installed worlds, minus what the task holds out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ..envs.messages import Message
from ..envs.task import Task, parse_task

SAMPLES = "samples.jsonl"
SAMPLE_FORMAT = 1


@dataclass(slots=True)
class TurnNotes:
    """How a turn was made: target, advanced tool, jump score, persona and noise, attempts of the chain."""

    target: str
    advanced: dict[str, Any]
    jump: dict[str, Any]
    persona: str
    noise: list[str]
    attempts: list[dict[str, Any]]
    across: bool

    def record(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {name: getattr(self, name) for name in TurnNotes.__slots__}


@dataclass(slots=True)
class Sample:
    """One training conversation."""

    task: Task
    messages: list[Message]
    fingerprints: list[str]
    notes: list[dict[str, Any]] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of its task."""
        return self.task.id

    def slips(self) -> frozenset[str]:
        """Ids of calls that were mistakes of the assistant's own, which nobody should be trained on."""
        return frozenset(
            identity for note in self.notes for attempt in note.get("attempts", ())[-1:] for identity in attempt.get("slips", ())
        )

    def record(self) -> dict[str, Any]:
        """The row as plain JSON data."""
        return {
            "id": self.task.id,
            "format": SAMPLE_FORMAT,
            "env": self.task.env,
            "category": self.task.category,
            "origin": self.origin,
            "task": self.task.model_dump(mode="json", exclude_defaults=True),
            "messages": self.messages,
            "fingerprints": self.fingerprints,
            "notes": self.notes,
        }

    def line(self) -> str:
        """The row as one line of JSON."""
        return json.dumps(self.record(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_record(cls, row: dict[str, Any]) -> Sample:
        """The sample of a row; raises ValueError or KeyError for a malformed one."""
        if row.get("format") != SAMPLE_FORMAT:
            raise ValueError(f"sample format {row.get('format')!r} is not {SAMPLE_FORMAT}")
        return cls(parse_task(row["task"]), list(row["messages"]), list(row["fingerprints"]), row.get("notes", []), row.get("origin", {}))
