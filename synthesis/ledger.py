"""The counts of a data set: the funnel, and the figures of what was kept.

Law: the counts add up: candidates = kept + the sum of rejected, rounds drawn = kept + the sum of rejected.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .made import Made, brief_of
from .meter import Meter


class Ledger:
    """Counts what was made: the funnel and the figures of the kept samples. Feed it records; memory is flat.

    `meter`, if any, counts what models used.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self.kept = 0
        self.meter = meter
        self.rejected: Counter[str] = Counter()
        self.rounds: Counter[str] = Counter()
        self.turns: Counter[int] = Counter()
        self.envs: Counter[str] = Counter()
        self.indices: set[int] = set()
        self._calls = self._across = 0
        self._jump = 0.0
        self._jumps = 0
        self.categories: Counter[str] = Counter()

    def add(self, row: dict[str, Any]) -> None:
        """Count a kept row."""
        self.take(brief_of(row))

    def take(self, brief: dict[str, Any]) -> None:
        """Count a kept row by its brief."""
        origin = brief["origin"]
        self.kept += 1
        self.indices.add(origin.get("index", self.kept))
        self.rejected.update(origin.get("rejected", {}))
        self.rounds.update(origin.get("rounds", {}))
        self.turns[brief["turns"]] += 1
        self.envs[brief["env"]] += 1
        if self.meter is not None:
            self.meter.add(origin.get("usage", {}), origin.get("failed_attempts", {}))
        self._calls += brief["calls"]
        self._across += brief["across"]
        self._jump += sum(brief["scores"])
        self._jumps += len(brief["scores"])
        self.categories[brief["category"]] += 1

    def give_up(self, made: Made) -> None:
        """Count an index that gave nothing."""
        self.rejected.update(made.rejected)
        self.rounds.update(made.rounds)
        if self.meter is not None:
            self.meter.add(made.usage, made.attempts)

    def record(self) -> dict[str, Any]:
        """The figures as plain JSON data; see the module for how they add up."""
        turns = sum(n * count for n, count in self.turns.items())
        drawn = self.rounds.get("rounds_drawn", 0)
        return {
            "kept": self.kept,
            "funnel": {
                "candidates": self.kept + sum(self.rejected.values()),
                "kept": self.kept,
                "rejected": dict(sorted(self.rejected.items())),
                "rounds": {
                    "drawn": drawn,
                    "kept": self.rounds.get("rounds_kept", 0),
                    "rejected": {k.removeprefix("round:"): v for k, v in sorted(self.rounds.items()) if k.startswith("round:")},
                },
            },
            "envs": dict(sorted(self.envs.items())),
            "turns": {str(k): v for k, v in sorted(self.turns.items())},
            "calls_per_turn": round(self._calls / turns, 3) if turns else 0.0,
            "across_turns": round(self._across / self.kept, 4) if self.kept else 0.0,
            "jump_score": round(self._jump / self._jumps, 4) if self._jumps else 0.0,
            "categories": dict(sorted(self.categories.items())),
            **(self.meter.record(self.kept) if self.meter is not None else {}),
        }
