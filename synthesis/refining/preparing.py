"""The two-stage preparation of EGPO (arXiv 2508.05118): a model evaluates and corrects, rules correct, a model evaluates finally.

    prepare.examine   a model says of every call whether it is right, and corrects it
    prepare.rules     the calls as syntax trees against the schemas: corrected by rule, or dropped
    prepare.final     a model says whether the row may teach

Laws: without a model the first and the last are passed by (`no_model`) and the funnel says so; what a model corrects is
checked by the rules after it, never the other way round; a row ends at a call whose meaning was changed, since its result
was another call's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from .arguments import read_arguments, written
from .asking import Model, Unreadable, shown, shown_tools
from .fcdr import as_json, mend_by_rules, misformed
from .funnel import Step
from .row import Row
from .stage import Case, Stage, asked, flawed


class Correction(NamedTuple):
    """What a model puts in the place of a call: the message, which of its calls, the tool and the arguments."""

    message: int
    call: int
    name: str
    arguments: dict[str, Any]


class Examine:
    """The model's first look."""

    name = "prepare.examine"

    def __init__(self, model: Model | None = None) -> None:
        self.model = model

    async def run(self, case: Case) -> Step:
        """Drops `model_unreadable`; mends what the model corrects."""
        if case.plain or self.model is None:
            return Step(self.name, "exempt", "plain_statement" if case.plain else "no_model")
        try:
            found = await self.model.ask(
                case.row, "correct", lambda said: read_corrections(said, case.row),
                tools=shown_tools(case.row), conversation=shown(case.row),
            )  # fmt: skip
        except Unreadable as error:
            return Step(self.name, "dropped", "model_unreadable", str(error), "model")
        changed = corrected(case.row, found)
        if changed is None:
            return Step(self.name, "passed", by="model")
        case.row = changed
        return Step(self.name, "mended", "corrected", by="model")


class Rules:
    """The rules between the models."""

    name = "prepare.rules"

    async def run(self, case: Case) -> Step:
        """Drops `unparsable_arguments` and the kinds of flaws; mends what the rules make right."""
        if case.plain:
            return Step(self.name, "exempt", "plain_statement")
        done = [*as_json(case), *mend_by_rules(case)]
        if (wrong := misformed(case.row)) is not None:
            return Step(self.name, "dropped", wrong[1], f"message {wrong[0]}: {wrong[2]}")
        if (found := flawed(case)) is not None:
            return Step(self.name, "dropped", found[1].kind, f"message {found[0].message}: {found[1].detail}")
        return Step(self.name, "mended", ", ".join(dict.fromkeys(done))) if done else Step(self.name, "passed")


class Final:
    """The model's last word."""

    name = "prepare.final"

    def __init__(self, model: Model | None = None) -> None:
        self.model = model

    async def run(self, case: Case) -> Step:
        """Drops `not_accepted`."""
        if case.plain or self.model is None:
            return Step(self.name, "exempt", "plain_statement" if case.plain else "no_model")
        return await asked(self.name, self.model, case, "final", "not_accepted")


def stages(model: Model | None = None) -> list[Stage]:
    """The three in order."""
    return [Examine(model), Rules(), Final(model)]


def read_corrections(said: Mapping[str, Any], row: Row) -> list[Correction]:
    """A model's corrections; none for `ok`. Raises ValueError for what is none, or names no call of the row."""
    if not isinstance(said.get("ok"), bool):
        raise ValueError('it has no "ok" that is true or false')
    if said["ok"]:
        return []
    found = []
    places = {(call.message, call.place) for call in row.calls()}
    for item in said.get("corrections") or ():
        made = Correction(item["message"], item.get("call", 0), item["name"], item["arguments"])
        if (made.message, made.call) not in places or not isinstance(made.name, str) or not isinstance(made.arguments, dict):
            raise ValueError("a correction names no call of the conversation, or no tool with arguments")
        found.append(made)
    if not found:
        raise ValueError("it is not ok and has no corrections")
    return found


def corrected(row: Row, corrections: list[Correction]) -> Row | None:
    """The row with corrected calls, ending at the first whose meaning changed; None where nothing changes."""
    calls = {(call.message, call.place): call for call in row.calls()}
    real = [
        c for c in corrections if (was := calls[c.message, c.call]).name != c.name or read_arguments(was.arguments).value != c.arguments
    ]
    if not real:
        return None
    first = min(correction.message for correction in real)
    messages = copy.deepcopy(row.messages[: first + 1])
    for made in real:
        if made.message == first:
            messages[first]["tool_calls"][made.call]["function"] = {"name": made.name, "arguments": written(made.arguments)}
    return replace(row, messages=messages)
