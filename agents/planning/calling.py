"""Calling: one turn's calls, their answers, and what was learned from them.

A call is yielded and its answer sent in. Laws: a read is not made twice while nothing has changed, nor a call that
was refused; a turn has a budget. Not here: which call to make.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from ...envs.graph import ToolGraph
from ...envs.tool import Tool, ToolCall
from .grounding import Memory, Sight
from .matching import Matcher


class Answer(NamedTuple):
    """What came back from a call: its plain value, or the kind and words of an error."""

    value: Any
    error: str = ""
    message: str = ""


class Known(NamedTuple):
    """What is known before anybody speaks: the graph, the tools by public name, and their matcher."""

    graph: ToolGraph
    tools: Mapping[str, Tool]
    matcher: Matcher


class Enough(Exception):
    """The turn's calls are spent."""


Steps = Generator[ToolCall, Answer, Any]


class Calls:
    """The calls of one turn, counted and kept."""

    def __init__(self, known: Known, memory: Memory, number: int, visible: frozenset[str], calls: int) -> None:
        self.known, self.memory, self.number = known, memory, number
        self.visible = visible & frozenset(known.tools)
        self._calls_left = calls
        self._fresh: dict[tuple[str, str], Sight] = {}
        self._refused: dict[tuple[str, str], Answer] = {}

    def _call(self, tool: Tool, arguments: dict[str, Any]) -> Steps:
        """Make a call, or give the answer it had already; once more where the tool was out of order."""
        key = key_of(tool, arguments)
        if tool.is_read and key in self._fresh:
            return Answer(self._fresh[key].value)
        if key in self._refused:
            return self._refused[key]
        answer = Answer(None, "unavailable")
        for _ in range(2):
            if self._calls_left <= 0:
                raise Enough
            self._calls_left -= 1
            answer = yield ToolCall(tool.name, key[1])
            if answer.error not in ("unavailable", "unreadable"):
                break
        if answer.error:
            self._refused[key] = answer
            return answer
        sight = self.memory.add(tool, arguments, answer.value, self.number)
        if tool.writes:
            self._fresh.clear()
            self._refused.clear()
            self.memory.holds.update(
                n.name for needs in self.known.graph.requirements.values() for n in needs if n.kind == "state" and tool.name in n.providers
            )
        else:
            self._fresh[key] = sight
        return answer


def key_of(tool: Tool, arguments: dict[str, Any]) -> tuple[str, str]:
    return tool.name, json.dumps(arguments, ensure_ascii=False)
