"""A foreign format in a page: counters that count, as cases of their own, without a world or a task of ours."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from turngym.synthesis.auditing.case import Call, CaseTurn, Oddity, Outcome, Play

NUMBER = {"type": "integer", "description": "how much"}
TOOLS: dict[str, dict[str, Any]] = {
    "add": {"description": "Count on.", "parameters": {"type": "object", "properties": {"by": NUMBER}, "required": ["by"]}},
    "show": {"description": "Show the count.", "parameters": {"type": "object", "properties": {}, "required": []}},
}


class CountingPlay:
    """A live counter; a turn passes when it shows what the line wants."""

    def __init__(self, wanted: list[int], count: int = 0, turn: int = 0, passed: bool = True) -> None:
        self.wanted, self.count, self.turn, self.passed = wanted, count, turn, passed

    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        return TOOLS

    def visible(self) -> Collection[str]:
        return TOOLS

    def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        if name == "show":
            return Outcome(str(self.count), self.count)
        if name != "add" or not isinstance(arguments.get("by"), int):
            return Outcome("no", "no", error="invalid_arguments: by is a number")
        self.count += arguments["by"]
        return Outcome("done", "done", changed=bool(arguments["by"]))

    def end_turn(self, reply: str) -> bool:
        right = self.count == self.wanted[self.turn]
        self.turn, self.passed = self.turn + 1, self.passed and right
        return right

    def success(self) -> bool:
        return self.passed and self.turn == len(self.wanted)

    def fork(self) -> CountingPlay:
        return CountingPlay(self.wanted, self.count, self.turn, self.passed)

    def fingerprint(self) -> str:
        return str(self.count)

    def lasting(self, earlier: Any) -> bool:
        return bool(self.count != earlier.count)

    def context(self) -> Collection[str]:
        return ()


class CountingCase:
    """A line `{"name", "turns": [[words, [amounts], count]]}`."""

    complete = True

    def __init__(self, line: str) -> None:
        found = json.loads(line)
        self.id: str = found["name"]
        self._wanted = [count for _, _, count in found["turns"]]
        self.turns = tuple(
            CaseTurn(words, tuple(Call(f"{turn}.{place}", "add", {"by": by}) for place, by in enumerate(amounts)))
            for turn, (words, amounts, _) in enumerate(found["turns"])
        )

    def start(self) -> Play:
        return CountingPlay(self._wanted)

    def oddities(self) -> list[Oddity]:
        return []

    def recorded(self, turn: int) -> str:
        return ""


def counting(line: str) -> CountingCase:
    """The adapter."""
    return CountingCase(line)
