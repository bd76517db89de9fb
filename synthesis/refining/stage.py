"""What a stage of refinement is, and the rules and models it may use.

A stage takes a case (a row under way) and gives a step. Rules speak first and are final; a model is asked where there is
one and the rules found nothing. Law: a stage changes a row only when its step is `mended`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .asking import Model, Unreadable
from .correcting import flaws_of
from .funnel import Step
from .row import Call, Row
from .schemas import Flaw, Shape

LOOPS = 3


@dataclass(slots=True)
class Case:
    """A row under way: the shapes of its tools, whether it is a plain statement, and what later stages note on it."""

    row: Row
    shapes: Mapping[str, Shape]
    plain: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


class Stage(Protocol):
    """One stage: a name as the funnel shows it, and the work."""

    name: str

    async def run(self, case: Case) -> Step:
        """What becomes of the case; a `mended` one has another row afterwards."""
        ...


async def asked(name: str, model: Model, case: Case, section: str, reason: str) -> Step:
    """The step of a stage that asks a model whether something holds; one that cannot be read drops the row as unproven."""
    try:
        why = await model.holds(case.row, section)
    except Unreadable as error:
        return Step(name, "dropped", "model_unreadable", str(error), "model")
    return Step(name, "dropped", reason, why, "model") if why else Step(name, "passed", by="model")


def flawed(case: Case) -> tuple[Call, Flaw] | None:
    """The first call whose function or parameters are wrong, and how.

    A wrong call that the tool refused and that a right call follows is a self-correction and stays [ours, after ToolMind,
    arXiv 2511.15718]: it shows how to recover, and mending it would make its result a lie.
    """
    calls = list(case.row.calls())
    wrong = [(call, flaws) for call in calls if (flaws := flaws_of(call.name, call.arguments, case.shapes))]
    bad = {call for call, _ in wrong}
    for call, flaws in wrong:
        recovered = any(later.message > call.message and later not in bad for later in calls)
        if not (recovered and refused(case.row.result(call))):
            return call, flaws[0]
    return None


def refused(result: str | None) -> bool:
    """Whether a result tells of an error."""
    text = (result or "").strip().casefold()[:200]
    return text.startswith(
        ('{"error"', "{'error'", "error", '{"status": "error"', '{"success": false', '{"status":"error"', '{"success":false')
    )
