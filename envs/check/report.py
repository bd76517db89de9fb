"""What a check found: one result a law, one report a world."""

from __future__ import annotations

from typing import Any, NamedTuple


class Note(str):
    """A detail that does not make a check fail: why it was passed over, say."""

    __slots__ = ()


class CheckResult(NamedTuple):
    """One law: its stable name, whether it holds, and in one line what breaks it and the remedy."""

    name: str
    passed: bool
    detail: str = ""


class CheckReport(NamedTuple):
    """All laws of one world class, in a fixed order."""

    world: str
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every law holds."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The laws that do not hold."""
        return tuple(check for check in self.checks if not check.passed)

    def record(self) -> dict[str, Any]:
        """The report as plain JSON data."""
        return {"world": self.world, "checks": [check._asdict() for check in self.checks]}
