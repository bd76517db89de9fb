"""FCDR's five stages (Function Call Data Refinement, FunReason, arXiv 2505.20192): one class each.

    1 response      what kind of answer is it? A plain statement is kept as it is and passes the other four by
    2 solvable      can the tools solve the query? no: drop
    3 reasoning     does the reasoning lead to the answer? no: drop
    4 parameters    are function and parameters right? no: regenerate, loop
    5 format        is the format right? no: regenerate, loop

Laws: each has a rule and, if there is a model, the model's word on top; loops are bounded (`LOOPS`, [ours]). Without a
model, regeneration is the corrections of `correcting.py`. A message that a model writes anew in what it calls ends its row,
since what followed belonged to the message before.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .arguments import read_arguments, written
from .asking import Model, Unreadable
from .correcting import correct, flaws_of
from .funnel import Step
from .relevance import contradiction, irrelevant_turn
from .row import Call, Row
from .stage import LOOPS, Case, Stage, asked, flawed, refused

_MARKUP = re.compile(r"</?tool_calls?>|</?tool_response>|<\|?(tool_call|function_call|im_start|im_end|python_tag)\|?>|</?think>|<function=")


class Response:
    """Stage 1: a row without calls is a plain statement and kept as it is; an empty reply is nothing and dropped."""

    name = "fcdr.response"

    async def run(self, case: Case) -> Step:
        """Drops `empty_reply`; exempts plain statements."""
        for index, message in enumerate(case.row.messages):
            if message["role"] == "assistant" and not message["content"].strip() and not message.get("tool_calls"):
                return Step(self.name, "dropped", "empty_reply", f"message {index} says and calls nothing")
        case.plain = not any(True for _ in case.row.calls())
        return Step(self.name, "exempt", "plain_statement") if case.plain else Step(self.name, "passed")


class Solvable:
    """Stage 2: can the tools solve the query?"""

    name = "fcdr.solvable"

    def __init__(self, model: Model | None = None) -> None:
        self.model = model

    async def run(self, case: Case) -> Step:
        """Drops `no_tool_fits`, by rule or model."""
        if case.plain:
            return Step(self.name, "exempt", "plain_statement")
        if why := irrelevant_turn(case.row):
            return Step(self.name, "dropped", "no_tool_fits", why)
        return await asked(self.name, self.model, case, "solvable", "no_tool_fits") if self.model else Step(self.name, "passed")


class Reasoning:
    """Stage 3: does the reasoning lead to the answer?"""

    name = "fcdr.reasoning"

    def __init__(self, model: Model | None = None) -> None:
        self.model = model

    async def run(self, case: Case) -> Step:
        """Drops `reasoning_contradicts`; exempts rows without any reasoning."""
        if case.plain:
            return Step(self.name, "exempt", "plain_statement")
        if not any(message.get("reasoning_content") for message in case.row.messages):
            return Step(self.name, "exempt", "no_reasoning")
        if why := contradiction(case.row):
            return Step(self.name, "dropped", "reasoning_contradicts", why)
        return await asked(self.name, self.model, case, "reasoning", "reasoning_contradicts") if self.model else Step(self.name, "passed")


class Parameters:
    """Stage 4: are function and parameters right? Else regenerate and look again, at most `loops` times a row.

    Args:
        model: writes wrong messages anew, after the rules had their try. loops: regenerations a row.
    """

    name = "fcdr.parameters"

    def __init__(self, model: Model | None = None, loops: int = LOOPS) -> None:
        self.model, self.loops = model, loops

    async def run(self, case: Case) -> Step:
        """Drops by the kind of the first flaw that remains: `unknown_function`, `missing_argument`, `extra_argument`, ..."""
        if case.plain:
            return Step(self.name, "exempt", "plain_statement")
        done = mend_by_rules(case)
        by = "rule"
        for loop in range(self.loops + 1):
            found = flawed(case)
            if found is None:
                return Step(self.name, "mended", ", ".join(done), by=by) if done else Step(self.name, "passed")
            call, flaw = found
            if self.model is None or loop == self.loops:
                return Step(self.name, "dropped", flaw.kind, f"message {call.message}: {flaw.detail}", by)
            by = "model"
            if await regenerate(case, self.model, call.message, flaw.detail, loop):
                done = list(dict.fromkeys([*done, "regenerated"]))
        raise AssertionError("the loop ends inside")


class Format:
    """Stage 5: is the format right? Else regenerate and look again; what is written anew must pass stage 4 as well.

    Args:
        model: writes wrong messages anew, after the rules had their try. loops: regenerations a row.
    """

    name = "fcdr.format"

    def __init__(self, model: Model | None = None, loops: int = LOOPS) -> None:
        self.model, self.loops = model, loops

    async def run(self, case: Case) -> Step:
        """Drops `unparsable_arguments`, `markup_in_content`, and flaws of stage 4 in what was regenerated."""
        if case.plain:
            return Step(self.name, "exempt", "plain_statement")
        done = as_json(case)
        by = "rule"
        for loop in range(self.loops + 1):
            found = misformed(case.row)
            if found is None and by == "model" and (left := flawed(case)) is not None:
                found = (left[0].message, left[1].kind, left[1].detail)
            if found is None:
                return Step(self.name, "mended", ", ".join(done), by=by) if done else Step(self.name, "passed")
            index, reason, why = found
            if self.model is None or loop == self.loops:
                return Step(self.name, "dropped", reason, f"message {index}: {why}", by)
            by = "model"
            if await regenerate(case, self.model, index, why, loop):
                done = list(dict.fromkeys([*done, "regenerated"]))
        raise AssertionError("the loop ends inside")


def stages(model: Model | None = None, loops: int = LOOPS) -> list[Stage]:
    """The five in order."""
    return [Response(), Solvable(model), Reasoning(model), Parameters(model, loops), Format(model, loops)]


# -- the work ---------------------------------------------------------------------------------------------


def mend_by_rules(case: Case) -> list[str]:
    """Correct every call that is flawed and that the rules make right; what was done, in words of `correcting.py`.

    A call that its tool refused stays what it was: mended, it would have another result.
    """
    done: list[str] = []
    for call in list(case.row.calls()):
        if flaws_of(call.name, call.arguments, case.shapes) and not refused(case.row.result(call)):
            made = correct(call.name, call.arguments, case.shapes)
            if made.done and not made.flaws:
                case.row = case.row.rewritten(call, made.name, made.arguments)
                if made.name != call.name:
                    case.row = _renamed_result(case.row, call, made.name)
                done += made.done
    return list(dict.fromkeys(done))


def _renamed_result(row: Row, call: Call, name: str) -> Row:
    messages = list(row.messages)
    for index in range(call.message + 1, len(messages)):
        if messages[index]["role"] != "tool":
            break
        if messages[index]["tool_call_id"] == call.id:
            messages[index] = {**messages[index], "name": name}
    return replace(row, messages=messages)


def as_json(case: Case) -> list[str]:
    """Write arguments that are Python literals, or JSON within JSON, as JSON; what was done."""
    done: list[str] = []
    for call in list(case.row.calls()):
        read = read_arguments(call.arguments)
        if read.value is not None and read.written != "json":
            case.row = case.row.rewritten(call, call.name, written(read.value))
            done.append(f"{read.written}_arguments")
    return list(dict.fromkeys(done))


def misformed(row: Row) -> tuple[int, str, str] | None:
    """The first assistant message whose format is wrong: its index, the reason, a line."""
    for call in row.calls():
        if read_arguments(call.arguments).written != "json":
            return call.message, "unparsable_arguments", f"the arguments of {call.name or 'a call'} are no JSON object"
    for index, message in enumerate(row.messages):
        if message["role"] == "assistant" and (markup := _MARKUP.search(message["content"])):
            return index, "markup_in_content", f"the words contain {markup[0]}"
    return None


async def regenerate(case: Case, model: Model, index: int, why: str, trial: int) -> bool:
    """Have a message written anew, where the row then ends; False, with the row as it was, where the model has nothing to say."""
    try:
        message = await model.rewrite(case.row, index, why, trial)
    except Unreadable:
        return False
    if not message["content"].strip() and not message.get("tool_calls"):
        return False
    case.row = case.row.ending_with(index, message)
    return True
