"""Verdicts: whether an episode did what its task asks, turn by turn, by effects and not by route.

A turn passes when the state equals gold's (canonically, `canonical.py`), tools returned the required outputs,
the reply tells what was asked, and nothing forbidden was written. Reward is 1 when every turn passes, else 0;
`progress` is the share of turns that pass. Order, detours, retries and extra reads never fail a run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .canonical import Effect
from .errors import TaskError, shorten
from .messages import MAX_CALLS, Message
from .registry import judge_class, world_class
from .spoken import spoken
from .task import Checks, RequiredOutput, Task, TaskWorld
from .told import asks, declines, mentions
from .tool import Tool, ToolCall, ToolResult
from .world import unknown_tool
from .worldset import WorldSet, WorldSpec


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """How one turn went. `missing` and `unexpected` explain a failed state; `untold` and `unseen` the others."""

    state: bool
    outputs: bool
    told: bool
    forbidden: bool
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all checks of the turn hold."""
        return self.state and self.outputs and self.told and self.forbidden


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an episode went. Turns that were never reached count as failed."""

    turns: tuple[TurnVerdict, ...]
    planned: int

    @property
    def success(self) -> bool:
        """Every turn reached and passed."""
        return len(self.turns) == self.planned and all(turn.passed for turn in self.turns)

    @property
    def progress(self) -> float:
        """Share of the task's turns that passed, 0..1."""
        return sum(turn.passed for turn in self.turns) / self.planned

    @property
    def checks(self) -> dict[str, bool]:
        """Each named check over all turns; False where the episode ended early."""
        whole = len(self.turns) == self.planned
        return {name: whole and all(getattr(t, name) for t in self.turns) for name in ("state", "outputs", "told", "forbidden")}

    def record(self) -> dict[str, Any]:
        """The verdict as plain JSON data, for a trajectory or `info`."""
        return {
            "success": self.success,
            "progress": self.progress,
            "checks": self.checks,
            "turns": [{name: getattr(turn, name) for name in TurnVerdict.__slots__} for turn in self.turns],
        }


@dataclass(slots=True)
class TurnTrace:
    """What a turn of an episode left behind, as far as checks look at it; `reply` is all that was said in it."""

    results: list[ToolResult]
    reply: str = ""


class Judge:
    """Judges episodes of one task. Make it with `judge_of(task)`, which keeps recent ones; or on a `start` of one's own.

    Attributes:
        task: the task. start: its worlds, pristine (fork before use). goals: per turn, gold's effects.
        turn_steps: steps with calls that one turn may have; one more ends the episode, and a last turn is judged as it stands
            then. most_calls: calls of one message that are made. None: no limit.
        hides_only: whether a tool that is held out is only not shown, and works all the same.
    """

    turn_steps: int | None = None
    most_calls: int | None = MAX_CALLS
    hides_only: bool = False

    def __init__(self, task: Task, start: WorldSet | None = None) -> None:
        self.task = task
        self.start = start or start_of(task)
        self._incidental = self.start.incidental()
        self.goals: list[Counter[Effect]] = []
        self.fingerprints: list[str] = []
        self._run_gold()

    def __reduce__(self) -> tuple[Any, ...]:
        return judge_of, (self.task,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Judge:
        return self  # it never changes

    def _run_gold(self) -> None:
        worlds = self.start.fork()
        for number, turn in enumerate(self.task.turns):
            worlds.advance(turn.elapse)
            for call in turn.gold:
                result = worlds.call(call.name, call.arguments)
                meant = any(source.kind == "fault" for source in call.sources.values())
                if result.error and not meant:
                    raise TaskError(f"task {self.task.id}, turn {number}: gold call {call.name} fails: {shorten(result.text, 200)}")
            self.goals.append(self._effects(worlds, turn.checks))
            self.fingerprints.append(worlds.fingerprint())

    def _effects(self, worlds: WorldSet, checks: Checks) -> Counter[Effect]:
        skip = self._incidental.difference(checks.include)
        return self.start.effects(worlds, skip, checks.ignore)

    def turn(self, number: int, worlds: WorldSet, traces: Sequence[TurnTrace]) -> TurnVerdict:
        """Judge turn `number` at its end.

        Args:
            number: from 0. worlds: the episode's state now. traces: of all turns so far, this one last.
        """
        checks, trace = self.task.turns[number].checks, traces[-1]
        missing: tuple[str, ...] = ()
        unexpected: tuple[str, ...] = ()
        if checks.state:
            mine, goal = self._effects(worlds, checks), self.goals[number]
            if not dict.__eq__(mine, goal):  # most often they are equal, and that is told much faster
                missing, unexpected = _explain(goal - mine), _explain(mine - goal)
        unseen = tuple(_name(o) for o in checks.outputs if not _returned(o, traces))
        untold = tuple(value for value in checks.told if not mentions(trace.reply, value)) + _unspoken(checks, trace.reply)
        clean = not checks.forbidden or not _touched(checks.forbidden, trace.results, worlds)
        return TurnVerdict(not missing and not unexpected, not unseen, not untold, clean, missing, unexpected, untold, unseen)

    # -- what an episode asks, for rules that are not ours ---------------------------------------------

    def before(self) -> tuple[Message, ...]:
        """What was said before the task's first words."""
        return ()

    def heard(self, content: str) -> str:
        """What of a message counts as its reply: what is said in it, not what is only thought (`spoken.py`)."""
        return spoken(content)

    def is_silent(self, calls: Sequence[ToolCall]) -> bool:
        """Whether a step with these calls counts as one without: none is made, and the turn ends."""
        return False

    def unknown(self, call: ToolCall, visible: Sequence[str]) -> ToolResult:
        """The result of a call of a tool that cannot be called."""
        return unknown_tool(call.name, visible)

    def schemas(self, tools: Mapping[str, Tool], visible: Sequence[str]) -> list[dict[str, Any]]:
        """The visible tools as OpenAI-compatible servers take them."""
        return [tools[name].schema for name in visible]

    def reached(self, number: int, worlds: WorldSet) -> float:
        """Share of the turn's goal effects that the state shows now, 0..1 (1 where there are none)."""
        goal = self.goals[number]
        if not goal:
            return 1.0
        mine = self._effects(worlds, self.task.turns[number].checks)
        return sum((goal & mine).values()) / sum(goal.values())


@lru_cache(maxsize=512)
def judge_of(task: Task) -> Judge:
    """The judge of a task; gold is replayed once and kept. Raises `TaskError` if gold does not run."""
    return new_judge(task)


def new_judge(task: Task, start: WorldSet | None = None) -> Judge:
    """A judge by the rules that the task names; `start`: its worlds as generated, if they are at hand."""
    made: type[Judge] = judge_class(task.judge) if task.judge else Judge
    return made(task, start)


def start_of(task: Task) -> WorldSet:
    """The worlds of a task as generated. Raises `TaskError` for another version of a world than installed."""
    specs = []
    for part in task.worlds:
        spec = spec_of(part)
        if spec.world.version != part.version:
            raise TaskError(f"task {task.id} was made for {part.world} version {part.version}, installed is {spec.world.version}")
        specs.append(spec)
    return WorldSet.create(specs)


def spec_of(part: TaskWorld) -> WorldSpec:
    """What a task says of one of its worlds, as `WorldSet.create` takes it."""
    config = json.dumps(part.config, ensure_ascii=False) if part.config else ""  # in its own order, which may mean something
    return WorldSpec(world_class(part.world), part.seed, part.size, part.swell, config)


def contains(value: Any, fields: dict[str, Any]) -> bool:
    """Whether some object inside `value` (plain JSON data) holds all `fields` with equal values."""
    if isinstance(value, dict):
        if all(name in value and value[name] == wanted for name, wanted in fields.items()):
            return True
        return any(contains(part, fields) for part in value.values() if isinstance(part, (dict, list)))
    if isinstance(value, list):
        return any(contains(part, fields) for part in value)
    return False


def _returned(output: RequiredOutput, traces: Sequence[TurnTrace]) -> bool:
    value = next(iter(output.fields.values()), None)
    first = json.dumps(value, ensure_ascii=False) if isinstance(value, (str, int)) else ""  # spelt one way only: a cheap first look
    for trace in reversed(traces):
        for result in trace.results:
            if result.error is None and first in result.text and contains(_read(result.text), output.fields):
                return True
    return False


@lru_cache(maxsize=256)
def _read(text: str) -> Any:
    """A result's text as data, for looking only: several checks look at the same one. None for a foreign tool's plain words."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _unspoken(checks: Checks, reply: str) -> tuple[str, ...]:
    """What a reply lacks that has no value: a refusal, or a question."""
    refusal = ("that it cannot be done",) if checks.declines and not declines(reply) else ()
    question = (f"a question for: {', '.join(checks.asks)}",) if checks.asks and not asks(reply, checks.asks) else ()
    return refusal + question


def _touched(forbidden: Iterable[str], results: Iterable[ToolResult], worlds: WorldSet) -> bool:
    barred = set(forbidden)
    for result in results:
        for table, key in result.written:
            world = type(worlds.world_of(result.name)).__name__
            if f"{world}.{key if table == '_cells' else table}" in barred:
                return True
    return False


def _explain(difference: Counter[Effect]) -> tuple[str, ...]:
    return tuple(shorten(f"{e.kind} {e.table} {e.key} {e.content}".replace("  ", " "), 200) for e in sorted(difference.elements()))


def _name(output: RequiredOutput) -> str:
    return shorten(f"{output.tool}: {json.dumps(output.fields, ensure_ascii=False)}", 200)
