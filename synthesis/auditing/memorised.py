"""Memorised: ids that serve as gold in task after task, so that a policy passes by knowing them.

Law: only what a user never says counts, and what is no amount, date or name; a value is memorable where it is gold in many tasks
of the set, wherever their worlds come from. One finding a value, at the first task that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .evidence import Evidence, leaves
from .finding import Finding

_ID = re.compile(r"(?=(?:\D*\d){2})[A-Za-z0-9][\w:#-]{3,}|[A-Z]{2,}-[A-Z0-9-]{4,}")
_NO_ID = re.compile(r"\d{4}-\d{2}(-\d{2}.*)?|\d{1,2}:\d{2}(:\d{2})?|(19|20)\d\d")
LEAST, SHARE = 10, 0.02


class Use(NamedTuple):
    """An id that gold uses: its value as text, and where first."""

    value: str
    turn: int
    call: str
    argument: str


def ids_of(evidence: Evidence) -> list[Use]:
    """The ids that gold uses and the user has not said, once each."""
    found: dict[str, Use] = {}
    said = ""
    turn = -1
    for made in evidence.made:
        if made.turn != turn:
            turn = made.turn
            said = "\n".join(part.user for part in evidence.case.turns[: turn + 1])
        for name, argument in made.call.arguments.items():
            for value in leaves(argument):
                text = str(value)
                if text not in said and text not in found and _is_id(value, text):
                    found[text] = Use(text, turn, made.label, name)
    return list(found.values())


def _is_id(value: object, text: str) -> bool:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return False
    return _ID.fullmatch(text) is not None and _NO_ID.fullmatch(text) is None


class Ledger:
    """Who uses which id, over a whole set."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, Use]] = {}
        self._tasks: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, task: str, uses: list[Use]) -> None:
        """Take in a task's ids."""
        for use in uses:
            self._first.setdefault(use.value, (task, use))
            self._counts[use.value] = self._counts.get(use.value, 0) + 1
            if len(kept := self._tasks.setdefault(use.value, [])) < 4:
                kept.append(task)

    def findings(self, total: int) -> Iterator[tuple[str, Finding]]:
        """(task, finding) of every id that is gold in many of `total` tasks, the most used first."""
        least = max(LEAST, SHARE * total)
        for value, count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0])):
            if count < least:
                return
            task, use = self._first[value]
            others = ", ".join(name for name in self._tasks[value] if name != task)
            why = f"the id {value} ({use.argument}), which no user says, is gold in {count} of {total} tasks, also in {others}"
            confidence = "high" if count >= max(2 * LEAST, 0.05 * total) else "medium"
            yield task, Finding("robust", "memorable-id", "medium", confidence, why, use.turn, use.call)  # type: ignore[arg-type]
