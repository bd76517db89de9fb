"""Rows of BFCL's result files: what a model said, turn by turn and step by step, judged as the official runner judges them.

A row's `result` is a list of turns, a turn a list of steps, a step of calls `[{name: arguments as JSON text}]` or what was
said. Laws: a step that BFCL's handlers for function calling cannot decode counts for nothing, and neither does an empty one;
nothing that a row holds raises.
"""

from __future__ import annotations

from typing import Any

from ...errors import ToolError
from ...task import Task
from ...tool import ToolCall
from ...verdict import TurnTrace, TurnVerdict, Verdict, judge_of
from ...worldset import WorldSet
from .calls import read_arguments
from .judge import BfclJudge, error_type

NO_LIST = "multi_turn:inference_error"


def read_step(step: Any) -> list[ToolCall]:
    """The calls of a step; none where it says something, or cannot be decoded."""
    calls = []
    for part in [step] if isinstance(step, dict) else step if isinstance(step, list) else ():
        if not isinstance(part, dict):
            return []
        for name, arguments in part.items():
            if not isinstance(arguments, (str, dict)):
                return []
            try:
                read_arguments(arguments)
            except ToolError:
                return []
            calls.append(ToolCall(name, arguments))
    return calls


def judge_result(task: Task, result: Any) -> tuple[Verdict | None, str]:
    """The verdict on a row's `result` and BFCL's error type, "" where it passed; no verdict where BFCL makes none."""
    planned = len(task.turns)
    if not isinstance(result, list):
        return None, NO_LIST
    if len(result) != planned:
        return None, error_type({"turns": ()}, planned)
    judge = judge_of(task)
    assert isinstance(judge, BfclJudge)
    worlds, traces, verdicts = judge.start.fork(), list[TurnTrace](), list[TurnVerdict]()
    for number, steps in enumerate(result):
        traces.append(TurnTrace([]))
        for step in steps if isinstance(steps, list) else ():
            traces[-1].results += [_result(judge, worlds, call) for call in read_step(step)]
        verdicts.append(judge.turn(number, worlds, traces))
    verdict = Verdict(tuple(verdicts), planned)
    return verdict, error_type(verdict.record(), planned)


def _result(judge: BfclJudge, worlds: WorldSet, call: ToolCall) -> Any:
    return worlds.call(call.name, call.arguments) if call.name in worlds.tools else judge.unknown(call, ())
