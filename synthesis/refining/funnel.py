"""The funnel: every row in and out of every stage, with reasons.

Laws, asserted whenever it is read: a stage's rows in are its rows out and those it dropped, by reason; the rows out of a
stage are the rows into the next; rows read are rows kept and rows dropped. It is made of the traces that records hold
and of nothing else, so a run that went on counts as one that never stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

What = Literal["passed", "mended", "exempt", "dropped"]
WHATS: tuple[What, ...] = ("passed", "mended", "exempt", "dropped")


class Step(NamedTuple):
    """What a stage made of a row.

    Attributes:
        stage: its name. what: `passed`, `mended` (changed, then passed), `exempt` (the stage has nothing to say of such a
            row) or `dropped`. reason: one word, of drops and exemptions; for mended rows the corrections, comma-separated.
        detail: a line for people. by: `rule` or `model`.
    """

    stage: str
    what: What
    reason: str = ""
    detail: str = ""
    by: str = "rule"


class Funnel:
    """Counts steps; memory is flat.

    Args:
        stages: names in order; the first is where rows come in.
    """

    def __init__(self, stages: Iterable[str]) -> None:
        self.stages = tuple(stages)
        self.counts: dict[str, Counter[What]] = {name: Counter() for name in self.stages}
        self.reasons: dict[str, Counter[str]] = {name: Counter() for name in self.stages}
        self.corrections: dict[str, Counter[str]] = {name: Counter() for name in self.stages}
        self.rows = self.kept = 0

    def add(self, steps: Sequence[Step]) -> None:
        """Count a row's way; raises ValueError for one that is no way through these stages."""
        dropped = bool(steps) and steps[-1].what == "dropped"
        names = tuple(step.stage for step in steps)
        if names != self.stages[: len(names)] or (len(names) < len(self.stages)) != (dropped and len(names) < len(self.stages)):
            raise ValueError(f"{', '.join(names) or 'nothing'} is no way through {', '.join(self.stages)}")
        if any(step.what not in WHATS or (step.what == "dropped" and not step.reason) for step in steps):
            raise ValueError("a step is of no known kind, or drops a row without a reason")
        if any(step.what == "dropped" for step in steps[:-1]):
            raise ValueError("a dropped row goes no further")
        self.rows += 1
        self.kept += not dropped
        for step in steps:
            self.counts[step.stage][step.what] += 1
            if step.what == "dropped":
                self.reasons[step.stage][step.reason] += 1
            elif step.what == "mended":
                self.corrections[step.stage].update(step.reason.split(", "))

    def record(self) -> dict[str, Any]:
        """The figures as plain JSON data; asserts that they add up."""
        stages = []
        came = self.rows
        for name in self.stages:
            counts = self.counts[name]
            out = counts["passed"] + counts["mended"] + counts["exempt"]
            into = out + counts["dropped"]
            assert into == came, f"{came} rows came to {name} and it counts {into}"
            assert counts["dropped"] == sum(self.reasons[name].values()), f"{name} drops rows without a reason"
            stages.append({
                "stage": name, "in": into, "out": out, "passed": counts["passed"], "mended": counts["mended"], "exempt": counts["exempt"],
                "dropped": dict(sorted(self.reasons[name].items())), "corrections": dict(sorted(self.corrections[name].items())),
            })  # fmt: skip
            came = out
        assert came == self.kept, f"{came} rows left the last stage and {self.kept} are kept"
        return {"rows": self.rows, "kept": self.kept, "dropped": self.rows - self.kept, "stages": stages}
