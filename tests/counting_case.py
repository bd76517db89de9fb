"""A foreign format in a page: counters that count, as cases of their own, without a world or a task of ours.

A line may name moods, each of which breaks a promise: `reads` and `tries` (the check minds extra reads and refused calls), `moves`
(it minds what is undone), `drifts` (no two runs are alike), `refuses` (a call answers that it did not do it).
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from turngym.synthesis.auditing.case import Call, CaseTurn, Oddity, Outcome, Play

NUMBER = {"type": "integer", "description": "how much"}
BY = {"type": "object", "properties": {"by": NUMBER}, "required": ["by"]}
TOOLS: dict[str, dict[str, Any]] = {
    "add": {"description": "Count on.", "parameters": BY},
    "take": {"description": "Count back.", "parameters": BY},
    "show": {"description": "Show the count.", "parameters": {"type": "object", "properties": {}, "required": []}},
}
DRIFT = itertools.count()


class CountingPlay:
    """A live counter; a turn passes when it shows what the line wants, and nothing is done that the line's moods mind."""

    def __init__(self, wanted: list[int], moods: Collection[str], moves: int) -> None:
        self.wanted, self.moods, self.moves = wanted, moods, moves
        self.count, self.turn, self.passed = 0, 0, True
        self.done: Counter[str] = Counter()

    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        return TOOLS

    def visible(self) -> Collection[str]:
        return TOOLS

    def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        if name == "show":
            self.done["reads"] += 1
            return Outcome(str(self.count), self.count)
        if name not in ("add", "take") or not isinstance(arguments.get("by"), int):
            self.done["tries"] += 1
            return Outcome("no", "no", error="invalid_arguments: by is a number")
        if "refuses" in self.moods:
            return Outcome('{"error": "not today"}', {"error": "not today"}, refused=True)
        self.done["moves"] += 1
        self.count += arguments["by"] if name == "add" else -arguments["by"]
        told = f"done {next(DRIFT)}" if "drifts" in self.moods else "done"
        return Outcome(told, told, changed=bool(arguments["by"]))

    def end_turn(self, reply: str) -> bool:
        right = self.count == self.wanted[self.turn]
        right = right and not ("reads" in self.moods and self.done["reads"]) and not ("tries" in self.moods and self.done["tries"])
        right = right and not ("moves" in self.moods and self.done["moves"] > self.moves)
        self.turn, self.passed = self.turn + 1, self.passed and right
        return right

    def success(self) -> bool:
        return self.passed and self.turn == len(self.wanted)

    def fork(self) -> CountingPlay:
        twin = CountingPlay(self.wanted, self.moods, self.moves)
        twin.count, twin.turn, twin.passed, twin.done = self.count, self.turn, self.passed, self.done.copy()
        return twin

    def fingerprint(self) -> str:
        return str(self.count)

    def lasting(self, earlier: Any) -> bool:
        return bool(self.count != earlier.count)

    def context(self) -> Collection[str]:
        return ()


class CountingCase:
    """A line `{"name", "turns": [[words, [amounts], count]], "moods"}`."""

    complete = True

    def __init__(self, line: str) -> None:
        found = json.loads(line)
        self.id: str = found["name"]
        self._moods = frozenset(found.get("moods", ()))
        self._wanted = [count for _, _, count in found["turns"]]
        self.turns = tuple(
            CaseTurn(words, tuple(Call(f"{turn}.{place}", "add", {"by": by}) for place, by in enumerate(amounts)))
            for turn, (words, amounts, _) in enumerate(found["turns"])
        )

    def start(self) -> Play:
        return CountingPlay(self._wanted, self._moods, sum(len(turn.gold) for turn in self.turns))

    def oddities(self) -> list[Oddity]:
        return []

    def recorded(self, turn: int) -> str:
        return ""


def counting(line: str) -> CountingCase:
    """The adapter."""
    return CountingCase(line)
