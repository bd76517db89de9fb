"""BFCL's verdict on a multi-turn episode, rule by rule, without its checker.

A turn whose gold calls nothing is never checked. Else: a turn without a call that could be decoded fails
(`multi_turn:empty_turn_model_response`); every public attribute of every involved class must equal gold's
(`multi_turn:instance_state_mismatch`); and gold's results of this turn must all stand among the results of the episode so
far, each as often as gold had it (`multi_turn:execution_response_mismatch`). An episode that does not reach its last turn,
for 21 steps with calls were made in one, is `multi_turn:force_terminated`. `error_type` reads that from a verdict's record.
Law: gold is run once, in worlds of its own; what it raises is a result like any other, as in BFCL.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import MAX_VALUE_CHARS, ToolError, shorten
from ...messages import Message
from ...task import Task, TaskWorld
from ...tool import Tool, ToolCall, ToolResult
from ...verdict import Judge, TurnTrace, TurnVerdict, start_of
from ...worldset import WorldSet
from .calls import read_arguments, unknown_text
from .worlds import BfclTool, BfclWorld

EMPTY = "multi_turn:empty_turn_model_response"
STATE = "multi_turn:instance_state_mismatch"
RESPONSE = "multi_turn:execution_response_mismatch"
TERMINATED = "multi_turn:force_terminated"
_PASSED = TurnVerdict(True, True, True, True)
_State = dict[str, dict[str, Any]]  # class -> public attribute -> value


class BfclJudge(Judge):
    """Judges a multi-turn entry as BFCL does.

    Attributes:
        gold: per turn, each result of gold in order. states: per turn, the public attributes of each class after gold.
    """

    turn_steps = 20
    hides_only = True
    most_calls = None

    def _run_gold(self) -> None:
        worlds = start_of(_gold_side(self.task))
        self._pristine = _kept(_public(worlds), {})
        self.gold: list[tuple[ToolResult, ...]] = []
        self.states: list[_State] = []
        for turn in self.task.turns:
            self.gold.append(tuple([worlds.call(call.name, call.arguments) for call in turn.gold]))
            self.states.append(_kept(_public(worlds), self.states[-1] if self.states else self._pristine))
            self.goals.append(Counter())
            self.fingerprints.append(worlds.fingerprint())
        self._wanted = [Counter([result.text for result in results]) for results in self.gold]

    # -- what an episode asks --------------------------------------------------------------------------

    def heard(self, content: str) -> str:
        """The content as it stands: BFCL knows no thoughts in it."""
        return content

    def is_silent(self, calls: Sequence[ToolCall]) -> bool:
        """Whether BFCL could not decode these calls: then none is made, and the turn ends."""
        for call in calls:
            try:
                read_arguments(call.arguments)
            except ToolError:
                return True
        return False

    def unknown(self, call: ToolCall, visible: Sequence[str]) -> ToolResult:
        """What is told of a call of something that is no tool: BFCL's words."""
        return ToolResult(shorten(str(call.name)), unknown_text(shorten(str(call.name), MAX_VALUE_CHARS)), "unknown_tool")

    def schemas(self, tools: Mapping[str, Tool], visible: Sequence[str]) -> list[Message]:
        """The visible tools as BFCL shows them: what was held out comes last, in order of release, and without the hint."""
        late = [name for turn in self.task.turns for name in turn.release if name in visible]
        bare = [tool.bare for name in late if isinstance(tool := tools[name], BfclTool)]
        return [*[tools[name].schema for name in visible if name not in late], *bare]

    # -- the verdict -----------------------------------------------------------------------------------

    def turn(self, number: int, worlds: WorldSet, traces: Sequence[TurnTrace]) -> TurnVerdict:
        """Judge turn `number`; see the module."""
        if not self.gold[number]:
            return _PASSED
        if not traces[-1].results:
            return TurnVerdict(True, False, True, True, unseen=(EMPTY,))
        if differing := _differing(_public(worlds), self.states[number]):
            return TurnVerdict(False, True, True, True, missing=(STATE, *differing))
        seen = Counter([result.text for trace in traces for result in trace.results])
        if lacking := self._wanted[number] - seen:
            return TurnVerdict(True, False, True, True, unseen=(RESPONSE, *[shorten(text, 200) for text in lacking.elements()]))
        return _PASSED

    def reached(self, number: int, worlds: WorldSet) -> float:
        """Share of the attributes that gold has changed by the end of the turn whose values are gold's now, 0..1."""
        goal, now = self.states[number], _public(worlds)
        changed = [(cls, name) for cls, held in goal.items() for name in held if _unequal(self._pristine[cls].get(name), held[name])]
        if not changed:
            return 1.0
        return sum(not _unequal(now[cls].get(name), goal[cls][name]) for cls, name in changed) / len(changed)


def error_type(record: Mapping[str, Any], planned: int) -> str:
    """BFCL's error type in a verdict's record, "" where it passed. `planned`: turns of the task."""
    turns = record.get("turns", ())
    if len(turns) < planned:
        return TERMINATED
    for turn in turns:
        for part in ("missing", "unseen"):
            if turn[part]:
                return str(turn[part][0])
    return ""


def _gold_side(task: Task) -> Task:
    """The task with its worlds on gold's side, for `start_of` alone."""
    worlds = tuple([TaskWorld(world=part.world, config={**part.config, "gold": True}) for part in task.worlds])
    return task.model_copy(update={"worlds": worlds})


def _public(worlds: WorldSet) -> _State:
    """The public attributes of each class; live, for looking only."""
    return {world.api: world.system.public() for world in worlds.worlds if isinstance(world, BfclWorld)}  # type: ignore[attr-defined]


def _kept(now: _State, before: _State) -> _State:
    """A copy of a state, which shares with the one before what did not change."""
    kept: _State = {}
    for cls, held in now.items():
        last = before.get(cls, {})
        kept[cls] = {n: last[n] if n in last and not _unequal(value, last[n]) else copy.deepcopy(value) for n, value in held.items()}
    return kept


def _differing(mine: _State, goal: _State) -> list[str]:
    """The first class, in order, whose attributes are not gold's, and which these are."""
    for cls, held in goal.items():
        own = mine[cls]
        if found := [name for name, value in held.items() if name not in own or _unequal(own[name], value)]:
            return [f"{cls}.{name}: {shorten(own.get(name), 80)} is not {shorten(held[name], 80)}" for name in found]
    return []


def _unequal(a: Any, b: Any) -> bool:
    try:
        return bool(a != b)
    except RecursionError:  # a directory that stands in itself
        return True
