"""An episode: a task being lived through, from the first user message to the verdict. No Gymnasium in here.

The policy speaks in steps; a step with calls is answered by their results, a step without ends the turn: it is
judged, time passes, held-out tools may be handed over, and the next user message arrives, or the episode is
over. A user who answers within the turn (`converse`) keeps it going: all that was said in it counts as its reply;
what was only thought (`spoken.py`) does not.
Laws: nothing a policy sends raises; a tool that is not visible cannot be called; `fork` shares nothing that can
change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from .errors import display
from .faults import Faults
from .messages import Message, doubled_ids, number_calls, tool_message, user_message
from .task import Task
from .tool import ToolCall, ToolResult
from .verdict import Judge, TurnTrace, TurnVerdict, Verdict, judge_of
from .worldset import WorldSet

Interceptor = Callable[[ToolCall, int], ToolResult | None]
_new = object.__new__


class Step(NamedTuple):
    """What one step brought.

    Attributes:
        messages: what arrived. results: one per call. judged: the turn's verdict if the step ended a turn.
        terminated: the task is over. truncated: the step limit was reached first.
    """

    messages: tuple[Message, ...]
    results: tuple[ToolResult, ...]
    judged: TurnVerdict | None
    terminated: bool
    truncated: bool


class Episode:
    """One life of a task.

    Attributes:
        task, worlds: the task and the live worlds. turn: index of the current turn. steps: steps taken.
        visible: names of the tools that can be called now, in order. verdicts: of the turns that ended.
        interceptors: asked before each call with (call, number of calls so far); a result given there stands
            in for the call, and the state is untouched.
        tried, log: (name, arguments, result) of calls so far, and messages, kept by whoever wants them.
    """

    __slots__ = (
        "_callable",
        "_faults",
        "_hidden",
        "_judge",
        "_loud",
        "_traces",
        "calls",
        "interceptors",
        "log",
        "max_steps",
        "over",
        "steps",
        "task",
        "tried",
        "turn",
        "verdicts",
        "visible",
        "worlds",
    )  # fmt: skip

    def __init__(
        self, task: Task, *, max_steps: int = 100, hidden: Collection[str] = (), interceptors: Sequence[Interceptor] = (),
        judge: Judge | None = None,
    ) -> None:  # fmt: skip
        self.task = task
        self._judge: Judge = judge or judge_of(task)
        self.worlds: WorldSet = self._judge.start.fork()
        self.turn = 0
        self.steps = 0
        self.calls = 0
        self.verdicts: tuple[TurnVerdict, ...] = ()
        self.max_steps = max_steps
        self.over = False
        self.tried: set[tuple[str, str, str]] = set()
        self.log: list[Message] = []
        self.interceptors = tuple(interceptors)
        self._hidden = frozenset(hidden)
        self._traces: list[TurnTrace] = [TurnTrace([])]
        self._loud = 0  # steps with calls in this turn
        self._faults = Faults(task.turns[0].faults)
        self._show_tools()

    def start(self) -> tuple[Message, ...]:
        """The messages that open the episode."""
        first = self.task.turns[0]
        self.worlds.advance(first.elapse)
        return (*self._judge.before(), user_message(first.user))

    def _show_tools(self) -> None:
        released = {name for turn in self.task.turns[: self.turn + 1] for name in turn.release}
        barred = (set(self.task.held_out) - released) | self._hidden
        self.visible = tuple([name for name in self.worlds.tools if name not in barred])
        self._callable = frozenset(self.worlds.tools).difference(self._hidden if self._judge.hides_only else barred)

    def schemas(self) -> list[dict[str, Any]]:
        """The visible tools as OpenAI-compatible servers take them."""
        return self._judge.schemas(self.worlds.tools, self.visible)

    def step(self, content: str, calls: Sequence[ToolCall]) -> Step:
        """Take a step: with calls they are executed in order; without, the turn ends."""
        if self.over:
            raise RuntimeError("the episode is over; start another")
        self.steps += 1
        judged: TurnVerdict | None = None
        results: tuple[ToolResult, ...] = ()
        messages: tuple[Message, ...] = ()
        silent = not calls or self._judge.is_silent(calls)
        if calls:
            messages, results = self._refuse(calls) if silent else self._execute(calls)
        overrun = self._judge.turn_steps is not None and self._loud > self._judge.turn_steps
        if silent or (overrun and self.turn + 1 == len(self.task.turns)):
            judged, following = self._end_turn(content)
            messages += following
        truncated = not self.over and (self.steps >= self.max_steps or overrun)
        terminated = self.over
        self.over = self.over or truncated
        return Step(messages, results, judged, terminated, truncated)

    def converse(self, content: str, answer: str) -> Step:
        """Take a step without calls that the user answers: the turn goes on, and `content` counts as told in it."""
        if self.over:
            raise RuntimeError("the episode is over; start another")
        self.steps += 1
        self._hear(content)
        self.over = truncated = self.steps >= self.max_steps
        return Step((user_message(answer),), (), None, False, truncated)

    def _hear(self, content: str) -> None:
        trace, content = self._traces[-1], self._judge.heard(content)
        trace.reply = f"{trace.reply}\n{content}" if trace.reply else content

    def _execute(self, calls: Sequence[ToolCall]) -> tuple[tuple[Message, ...], tuple[ToolResult, ...]]:
        """Make calls in order. Those that share an id are all refused, since their results could not be told apart; the others run."""
        messages, results = [], []
        self._loud += 1
        most = self._judge.most_calls
        numbered = number_calls(calls, self.calls)
        doubled = doubled_ids(numbered)
        for index, call in enumerate(numbered):
            if most is not None and index >= most:
                result = ToolResult.failure(call.name, "limit_exceeded", f"at most {most} calls in one message; this one was not executed")
            elif call.id in doubled:
                self.calls += 1
                told = f"several calls of this message have the id {display(call.id)}; none of them was made: give each an id of its own"
                result = ToolResult.failure(call.name, "invalid_arguments", told)
            else:
                result = self._call(call)
            results.append(result)
            messages.append(tool_message(call, result))
        self._traces[-1].results.extend(results)
        return tuple(messages), tuple(results)

    def _refuse(self, calls: Sequence[ToolCall]) -> tuple[tuple[Message, ...], tuple[ToolResult, ...]]:
        """Answer calls of which none is made, for the message that holds them cannot be read."""
        told = "the arguments of a call in this message cannot be read; no call of it was made"
        numbered = number_calls(calls, self.calls)
        self.calls += len(numbered)
        results = tuple([ToolResult.failure(call.name, "invalid_arguments", told) for call in numbered])
        return tuple([tool_message(call, result) for call, result in zip(numbered, results, strict=True)]), results

    def _call(self, call: ToolCall) -> ToolResult:
        self.calls += 1
        if call.name not in self._callable:
            return self._judge.unknown(call, self.visible)
        struck = self._faults.strike(call) if self._faults else None  # first: what a task has is not for others to use up
        for intercept in self.interceptors:
            if (answer := intercept(call, self.calls)) is not None:
                return answer
        if struck is not None:
            return struck
        return self.worlds.call(call.name, call.arguments)

    def _end_turn(self, content: str) -> tuple[TurnVerdict, tuple[Message, ...]]:
        self._hear(content)
        judged = self._judge.turn(self.turn, self.worlds, self._traces)
        self.verdicts = (*self.verdicts, judged)
        if self.turn + 1 == len(self.task.turns):
            self.over = True
            return judged, ()
        self.turn += 1
        self._loud = 0
        self._traces.append(TurnTrace([]))
        following = self.task.turns[self.turn]
        self.worlds.advance(following.elapse)
        self._faults = Faults(following.faults)
        if following.release:
            self._show_tools()
        return judged, (user_message(following.user),)

    def verdict(self) -> Verdict:
        """The verdict as things stand; turns that did not end count as failed."""
        return Verdict(self.verdicts, len(self.task.turns))

    def faults(self) -> Faults:
        """The faults of this turn that have not struck yet; a copy."""
        return self._faults.fork()

    def reached(self) -> float:
        """Share of the current turn's goal effects that the state shows now, 0..1."""
        return self._judge.reached(self.turn, self.worlds)

    def fork(self) -> Episode:
        """An independent copy of this moment."""
        twin: Episode = _new(Episode)
        for name in Episode.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.worlds = self.worlds.fork()
        twin.tried = set(self.tried)
        twin.log = list(self.log)
        twin._faults = self._faults.fork()
        twin._traces = [TurnTrace(list(trace.results), trace.reply) for trace in self._traces]
        return twin
