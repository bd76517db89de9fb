"""Findings: what an audit says about a task, each with its kind, how bad it is, and how sure the auditor is.

Law: `high` confidence is kept for what was executed, or for a value that a careful reader would agree nobody could know;
whatever rests on reading English is `medium` or `low`.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

Kind = Literal["replays", "effects", "grounded", "available", "consistent", "robust"]
Level = Literal["high", "medium", "low"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LEVELS: tuple[Level, ...] = get_args(Level)


class Finding(NamedTuple):
    """One thing that is wrong with a task.

    Attributes:
        kind: which promise it breaks. code: a stable name of the rule within the kind.
        severity: how much it spoils a measurement or a training row. confidence: how sure it is.
        why: one line for people. turn: from 0, None where it is about the whole task. call: the gold call, as
            `name#place in its turn`.
    """

    kind: Kind
    code: str
    severity: Level
    confidence: Level
    why: str
    turn: int | None = None
    call: str | None = None

    def record(self, task: str) -> dict[str, Any]:
        """The finding as JSON data, in the order in which it is read."""
        return {
            "task": task, "kind": self.kind, "code": self.code, "severity": self.severity, "confidence": self.confidence,
            "turn": self.turn, "call": self.call, "why": self.why,
        }  # fmt: skip


def rank(level: str) -> int:
    """0 for the highest level."""
    return LEVELS.index(level)


def at_least(findings: list[Finding], confidence: Level) -> list[Finding]:
    """The findings that are that sure or more, in order."""
    return [finding for finding in findings if rank(finding.confidence) <= rank(confidence)]
