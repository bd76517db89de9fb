"""Our own tasks as cases: an `Episode` with its judge, in which what is withheld can be called all the same.

Laws: gold that fails is played like any other, and its goal is what the rest of gold reaches, so that an audit goes on where a
judge would refuse; nothing here decides what a finding is. Faults of a service are answered as gold answers them: once more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...envs.episode import Episode
from ...envs.errors import TaskError
from ...envs.recall import RecallingWorlds
from ...envs.task import GoldCall, Task, Turn
from ...envs.tool import ToolCall, ToolResult
from ...envs.verdict import Judge, new_judge, start_of
from ...envs.worldset import WorldSet
from .case import Call, CaseTurn, Oddity, Outcome

_ENDLESS = 1 << 30
_STATUS = re.compile(r"(^|_)(status|success|succeeded|ok)$")
_ASKING = re.compile(r"(^|_)(get|check|is|has|view|show|list|find|search|status|estimate|verify)(_|$)|[a-z](Status|State)$")


class TaskPlay:
    """A live run of a task."""

    __slots__ = ("_episode", "_start", "_withheld")

    def __init__(self, episode: Episode, start: WorldSet, withheld: tuple[frozenset[str], ...]) -> None:
        self._episode, self._start, self._withheld = episode, start, withheld

    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> function schema, of all tools of the task's worlds."""
        return {name: tool.schema["function"] for name, tool in self._episode.worlds.tools.items()}

    def visible(self) -> Collection[str]:
        """The tools that the task does not withhold now."""
        return self._episode.worlds.tools.keys() - self._withheld[min(self._episode.turn, len(self._withheld) - 1)]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Make a call, and once more for every fault that answers it."""
        if self._episode.over:
            return Outcome("", None, "limit_exceeded: the episode is over")
        before = self._episode.worlds.fingerprint()
        made, faults = ToolCall(name, dict(arguments)), self._episode.faults()
        while faults.strike(made) is not None:
            self._episode.step("", (made,))
        result = self._episode.step("", (made,)).results[0]
        value = value_of(result)
        refused = result.error is None and isinstance(value, dict) and (bool(value.get("error")) or _says_no(name, value))
        error = None if result.error is None else f"{result.error}: {_message(value)}"
        return Outcome(result.text, value, error, refused, before != self._episode.worlds.fingerprint())

    def end_turn(self, reply: str) -> bool:
        """Say the closing words of the turn."""
        judged = None if self._episode.over else self._episode.step(reply, ()).judged
        return judged is not None and judged.passed

    def success(self) -> bool:
        """Whether every turn passed."""
        return self._episode.verdict().success

    def fork(self) -> TaskPlay:
        """An independent copy."""
        return TaskPlay(self._episode.fork(), self._start, self._withheld)

    def fingerprint(self) -> str:
        """Of the worlds' state."""
        return self._episode.worlds.fingerprint()

    def lasting(self, earlier: Any) -> bool:
        """Whether the effects that count by default differ."""
        return self._start.effects(earlier._episode.worlds) != self._start.effects(self._episode.worlds)

    def context(self) -> Collection[str]:
        """The day and the time in each world."""
        found: list[str] = []
        for world in self._episode.worlds.worlds:
            found += [str(part) for name in ("today", "timestamp") if (part := getattr(world, name, None))]
        return found


class TaskCase:
    """One of our tasks, or a foreign one that became a `Task`."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.id = task.id
        self.complete = not task.judge  # a foreign class may keep things to itself
        ordered = not task.judge  # elsewhere gold is a list, and says nothing about its order
        self.turns = tuple(_turn(turn, ordered) for turn in task.turns)
        self._judged: tuple[Any, Task] | None = None

    def start(self) -> TaskPlay:
        """A run in fresh worlds, with nothing withheld."""
        if self._judged is None:
            self._judged = _judge(self.task), self.task.model_copy(update={"held_out": ()})
        judge, task = self._judged
        episode = Episode(task, max_steps=_ENDLESS, judge=judge)
        episode.start()
        return TaskPlay(episode, judge.start, _withheld(self.task))

    def oddities(self) -> list[Oddity]:
        """Names that do not exist; raises as `start` does."""
        return list(_oddities(self.task, start_of(self.task)))

    def recorded(self, turn: int) -> str:
        """The turn's fingerprint."""
        return self.task.turns[turn].fingerprint


def value_of(result: ToolResult) -> Any:
    """A result as data; its text where it is no JSON."""
    try:
        return result.value
    except (ValueError, RecursionError):
        return result.text


def _says_no(name: str, value: dict[str, Any]) -> bool:
    """Whether a call that was to do something answers that it did not: a status that is false, from a tool that does not ask for one."""
    told = [part for key, part in value.items() if _STATUS.search(key)]
    return bool(told) and all(part is False for part in told) and not _ASKING.search(name)


def _message(value: Any) -> str:
    error = value.get("error") if isinstance(value, dict) else None
    told = error.get("message") if isinstance(error, dict) else error
    return str(told if told else value)


def _turn(turn: Turn, ordered: bool) -> CaseTurn:
    asks = turn.checks.declines or bool(turn.checks.asks)
    return CaseTurn(turn.user, tuple(_call(call, ordered) for call in turn.gold), turn.reply, turn.release, asks)


def _call(call: GoldCall, ordered: bool) -> Call:
    meant = any(source.kind == "fault" for source in call.sources.values())
    return Call(call.id, call.name, call.arguments, call.sources, call.after if ordered else None, meant)


def _withheld(task: Task) -> tuple[frozenset[str], ...]:
    left, found = set(task.held_out), []
    for turn in task.turns:
        left.difference_update(turn.release)
        found.append(frozenset(left))
    return tuple(found)


def _judge(task: Task) -> Judge:
    if task.judge:  # by other rules than ours, on worlds that need not declare what they read
        judge = new_judge(task)
        judge.turn_steps = None  # a call is a step here, and nobody waits for a policy that does not end
        return judge
    start = RecallingWorlds(start_of(task))
    try:
        return Judge(task, start)
    except TaskError:
        return Judge(_without_failing(task, start.fork()), start)


def _without_failing(task: Task, worlds: WorldSet) -> Task:
    turns = []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        sound = tuple(call for call in turn.gold if worlds.call(call.name, call.arguments).error is None)
        turns.append(turn.model_copy(update={"gold": sound}))
    return task.model_copy(update={"turns": tuple(turns)})


# -- what the format itself tells -------------------------------------------------------------------------


def _oddities(task: Task, worlds: WorldSet) -> Iterator[Oddity]:
    places = {f"{name}.{field}" for name, spec in worlds.table_specs().items() for field in _fields(spec)}
    places |= set(worlds.table_specs()) | {f"{type(w).__name__}.{cell}" for w in worlds.worlds for cell in type(w).cell_specs}
    for name in task.held_out:
        if name not in worlds.tools:
            yield Oddity("unknown-name", f"the withheld tool {name} does not exist")
    for number, turn in enumerate(task.turns):
        for name in turn.release:
            if name not in worlds.tools:
                yield Oddity("unknown-name", f"the tool {name}, handed over here, does not exist", number)
        for place in (*turn.checks.include, *turn.checks.ignore, *turn.checks.forbidden):
            if place not in places:
                yield Oddity("unknown-name", f"the checks name {place}, which the worlds do not have", number)
        for output in turn.checks.outputs:
            if output.tool and output.tool not in worlds.tools:
                yield Oddity("unknown-name", f"the checks want a result of {output.tool}, which does not exist", number)


def _fields(spec: Any) -> Collection[str]:
    return tuple(getattr(spec, "fields", ()))
