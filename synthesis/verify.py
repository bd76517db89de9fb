"""Verification: proving a sample again from nothing but its row and the installed worlds.

Every call runs and answers what the row says, every state fingerprint is equal, every argument has the source
it names, the text states every value the user must state and leaks no internal one, the reasoning speaks of
nothing unseen; the task passes with gold and fails when nothing is done and when any gold write is left out.
Law: a row that differs in any of these by one byte is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..envs.binding import follow, occurrences
from ..envs.episode import Episode
from ..envs.errors import TurngymError, WorldRefusedError, display, shorten
from ..envs.faults import Faults
from ..envs.messages import tool_message
from ..envs.recall import RecallingWorlds
from ..envs.task import GoldCall, Task, parse_task
from ..envs.told import says
from ..envs.tool import ToolCall, ToolResult
from ..envs.verdict import Judge, Verdict, new_judge, start_of
from ..envs.worldset import WorldSet
from .advanced import has_rivals, pick_value
from .brief import states
from .chain import check_reasoning
from .plan import Reference
from .sample import Sample
from .special.proofs import prove_special
from .staging import staged
from .sweeping import UNSWEPT
from .validate import match_calls

_MALFORMED = (TurngymError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RecursionError)


def _malformed(error: Exception) -> str:
    return f"malformed: {type(error).__name__}: {shorten(' '.join(str(error).split()), 200)}"


def verify_row(row: dict[str, Any]) -> list[str]:
    """Why a row is not proven; empty if it is. Raises `WorldRefusedError` for a world that nobody allowed, and else nothing."""
    try:
        sample = Sample.from_record(row)
        if row.get("id") != sample.task.id:
            return [f"id {shorten(repr(row.get('id')))} is not the task's id {sample.task.id}"]
        for name in ("env", "category"):
            if row.get(name) != getattr(sample.task, name):
                return [f"{name} {display(row.get(name))} is not the task's {name}"]
        with UNSWEPT:
            return verify_sample(sample)
    except WorldRefusedError:
        raise
    except _MALFORMED as error:
        return [_malformed(error)]


def verify_task(row: dict[str, Any]) -> list[str]:
    """Why a task, as plain data, is not sound; empty if it is: gold as a conversation is verified as any other.

    Raises `WorldRefusedError` for a world that nobody allowed, and else nothing.
    """
    try:
        with UNSWEPT:
            return verify_sample(staged(parse_task(row)))
    except WorldRefusedError:
        raise
    except _MALFORMED as error:
        return [_malformed(error)]


def verify_sample(sample: Sample) -> list[str]:
    """Why a sample is not proven; empty if it is."""
    found: list[str] = []
    start = RecallingWorlds(start_of(sample.task))  # of its own: whatever made the sample, all of it is executed here
    replay = _Replay(sample, start.fork())
    found += replay.run()
    if not found:
        found += _sources(sample.task, replay)
        found += _words(replay)
        found += _thoughts(replay)
    if why := check_reasoning(sample.messages):
        found.append(why)
    return found or list(prove_task(sample.task, start))


def prove_task(task: Task, start: WorldSet | None = None) -> Iterator[str]:
    """Why a task is not sound: gold must pass, in the order most unlike its own that it allows too; doing nothing
    must fail, and so must leaving out any gold write. `start`: its worlds as generated, if they are at hand."""
    judge = new_judge(task, start or RecallingWorlds(start_of(task)))
    verdict, moments = play_gold(task, judge)
    if not verdict.success:
        why = next((t for t in verdict.turns if not t.passed), None)
        yield f"gold does not pass: {shorten(repr(why), 300)}"
        return
    idle = _idle(task, judge)
    if idle.success:
        yield "doing nothing passes"
    elif all(turn.state and turn.outputs and turn.forbidden for turn in idle.turns):  # words alone are lacking, and gold has them
        yield "declining and asking without doing anything passes"
    if not _latest_first(task, judge, verdict).success:
        yield "gold in another order that its partial order allows does not pass"
    writing = {moment.turn for moment in moments}
    for number, turn in enumerate(task.turns):
        checks = turn.checks
        if number not in writing and not (checks.outputs or checks.told or checks.declines or checks.asks):
            yield f"turn {number} changes nothing and asks for nothing: doing nothing passes it"
    if any(turn.faults for turn in task.turns) and _gives_up(task, judge).success:
        yield "giving up at the first error of a service passes"
    yield from prove_special(task, judge.start)
    for moment in moments:
        if _passes_without(task, moment):
            yield f"leaving out the write {moment.call} passes"


class _Moment(NamedTuple):
    """The episode just before a gold call that writes: its turn, its place there, its id."""

    episode: Episode
    turn: int
    place: int
    call: str


def play_gold(task: Task, judge: Judge | None = None) -> tuple[Verdict, list[_Moment]]:
    """Play gold; returns the verdict and the moment before each call that wrote something."""
    episode = Episode(task, max_steps=1 << 30, judge=judge)
    episode.start()
    moments = []
    for number, turn in enumerate(task.turns):
        for index, call in enumerate(turn.gold):
            tool = episode.worlds.tools.get(call.name)
            before = episode.fork() if tool is not None and tool.writes else None
            if _send(episode, call).written and before is not None:
                moments.append(_Moment(before, number, index, call.id))
        episode.step(turn.reply, ())
    return episode.verdict(), moments


def _send(episode: Episode, call: GoldCall) -> ToolResult:
    """Make a gold call, and once more for every fault that answers it."""
    made, faults = ToolCall(call.name, call.arguments, call.id), episode.faults()
    while faults.strike(made) is not None:
        episode.step("", (made,))
    return episode.step("", (made,)).results[0]


def _idle(task: Task, judge: Judge) -> Verdict:
    episode = Episode(task, max_steps=1 << 30, judge=judge)
    episode.start()
    for _ in task.turns:
        episode.step("", ())
    return episode.verdict()


def _gives_up(task: Task, judge: Judge) -> Verdict:
    """Gold by somebody who makes no call twice, and none whose argument then has no source."""
    episode, gone = Episode(task, max_steps=1 << 30, judge=judge), set[str]()
    episode.start()
    for turn in task.turns:
        for call in turn.gold:
            grounded = all(source.call not in gone for source in call.sources.values())
            made = (ToolCall(call.name, call.arguments, call.id),)
            if not grounded or episode.step("", made).results[0].error is not None:
                gone.add(call.id)
        episode.step(turn.reply, ())
    return episode.verdict()


def _latest_first(task: Task, judge: Judge, verdict: Verdict) -> Verdict:
    """Gold in the order most unlike its own that the partial order allows; `verdict`, its own, where it allows no other."""
    orders = [_latest_order(turn.gold) for turn in task.turns]
    if all([call.id for call in order] == [call.id for call in turn.gold] for order, turn in zip(orders, task.turns, strict=True)):
        return verdict
    episode = Episode(task, max_steps=1 << 30, judge=judge)
    episode.start()
    for order, turn in zip(orders, task.turns, strict=True):
        for call in order:
            _send(episode, call)
        episode.step(turn.reply, ())
    return episode.verdict()


def _latest_order(gold: Iterable[GoldCall]) -> list[GoldCall]:
    """Always the last call that may come."""
    waiting, order, done = list(gold), list[GoldCall](), set[str]()
    inside = {call.id for call in waiting}
    while waiting:
        place = max(n for n, call in enumerate(waiting) if done.issuperset(inside.intersection(call.after)))
        order.append(waiting.pop(place))
        done.add(order[-1].id)
    return order


def _passes_without(task: Task, moment: _Moment) -> bool:
    """Whether gold passes from here without one call.

    A call whose argument comes from a call that is left out or fails cannot be made, and is left out as well.
    """
    episode, gone = moment.episode.fork(), {moment.call}
    for number, turn in enumerate(task.turns[moment.turn :], moment.turn):
        for call in turn.gold[moment.place + 1 if number == moment.turn else 0 :]:
            grounded = all(source.call not in gone for source in call.sources.values())
            if not grounded or _send(episode, call).error is not None:
                gone.add(call.id)
        judged = episode.step(turn.reply, ()).judged
        if judged is None or not judged.passed:
            return False
    return True


class _Replay:
    """Runs the messages of a sample in fresh `worlds` and keeps what each turn said and showed."""

    def __init__(self, sample: Sample, worlds: WorldSet) -> None:
        self.sample = sample
        self.worlds = worlds
        self.texts: list[str] = []
        self.values: dict[str, Any] = {}
        self.tools_of: dict[str, str] = {}
        self.shown: dict[str, int] = {}
        self.thoughts: list[tuple[int, str, int]] = []
        self.days: list[set[str]] = []
        self._answered: set[str] = set()
        self._faults, self._troubled, self._slips = Faults(), False, sample.slips()
        self._withheld = set(sample.task.held_out)

    def run(self) -> list[str]:
        """Differences between the row and the replay, first one only per kind."""
        prints = iter(self.sample.fingerprints)
        messages = iter(self.sample.messages)
        message = next(messages, None)
        for number, turn in enumerate(self.sample.task.turns):
            if message is None or message.get("role") != "user" or message.get("content") != turn.user:
                return [f"turn {number}: the user's message is not the task's"]
            self.worlds.advance(turn.elapse)
            self._faults, self._troubled = Faults(turn.faults), bool(turn.faults)
            self._withheld.difference_update(turn.release)
            self.texts.append(turn.user)
            self.days.append({day for world in self.worlds.worlds for day in (world.today, world.timestamp)})
            message = next(messages, None)
            calls: list[ToolCall] = []
            extra = self._extra(number)
            while message is not None and message.get("role") != "user":
                if message.get("role") != "assistant":
                    return [f"turn {number}: a {message.get('role')} message stands where the assistant speaks"]
                made = [_call(item) for item in message.get("tool_calls") or ()]
                self.thoughts.append((number, message.get("reasoning_content") or "", len(self._answered)))
                for call in made:
                    message = next(messages, None)
                    if why := self._answer(number, call, message, next(prints, ""), call.id in extra):
                        return [why]
                calls += made
                last = message
                message = next(messages, None)
            if why := match_calls(turn.gold, [call for call in calls if call.id not in extra], self.worlds.tools):
                return [f"turn {number}: the messages do not follow gold: {why}"]
            if last is None or last.get("role") != "assistant" or last.get("content") != turn.reply:
                return [f"turn {number}: the closing reply is not the task's"]
            if turn.fingerprint and turn.fingerprint != self.worlds.fingerprint():
                return [f"turn {number}: the state after gold has another fingerprint"]
        if message is not None or next(prints, None) is not None:
            return ["there are more messages or fingerprints than turns"]
        return []

    def _extra(self, number: int) -> set[str]:
        """Ids of a turn's calls that gold does not have: reads beside the way, as the turn's notes name them."""
        notes = self.sample.notes
        attempts = notes[number].get("attempts", ()) if number < len(notes) else ()
        return set(attempts[-1].get("extra", ())) if attempts else set()

    def _answer(self, number: int, call: ToolCall, message: dict[str, Any] | None, fingerprint: str, extra: bool) -> str:
        where = f"turn {number}, {call.name}"
        if message is None or message.get("role") != "tool" or message.get("tool_call_id") != call.id:
            return f"{where}: no result follows the call"
        if call.id in self._answered:
            return f"{where}: the call id {shorten(call.id)} stands twice"
        self._answered.add(call.id)
        struck = self._faults.strike(call)
        result = struck or self.worlds.call(call.name, call.arguments)
        if call.name in self._withheld:
            return f"{where}: the tool is withheld in this turn"
        if extra and result.error is not None:
            if not self._troubled:
                return f"{where}: gold does not have this call, and it fails"
            if (struck is None) != (call.id in self._slips):
                return f"{where}: the notes do not tell a mistake of the assistant's own from an error of a service"
        if result.text != message.get("content"):
            return f"{where}: the result differs from the row: {shorten(result.text, 120)}"
        if message != tool_message(call, result):
            return f"{where}: the result's message holds more or other things than name, id and text"
        if extra and result.written:
            return f"{where}: gold does not have this call, and it writes"
        if self.worlds.fingerprint() != fingerprint:
            return f"{where}: the state after it has another fingerprint"
        if result.error is None:
            self.values[call.id] = result.value
            self.tools_of[call.id] = call.name
            tool = self.worlds.tools[call.name]
            for item in occurrences(tool, self.values[call.id], internal=True):
                self.shown.setdefault(str(item.value), len(self._answered))
        return ""


def _call(item: dict[str, Any]) -> ToolCall:
    return ToolCall(item["function"]["name"], item["function"]["arguments"], item["id"])


def _sources(task: Task, replay: _Replay) -> Iterator[str]:
    before: set[str] = set()
    for number, turn in enumerate(task.turns):
        here: set[str] = set()
        said = "\n".join(replay.texts[: number + 1])
        for call in turn.gold:
            tool = replay.worlds.tools[call.name]
            if set(call.sources) != set(call.arguments):
                yield f"turn {number}, {call.name}: not every argument names its source"
            for name, source in call.sources.items():
                allowed = here if source.kind == "output" else before
                value = call.arguments.get(name)
                if source.kind in ("output", "earlier_turn"):
                    why = _flows(source.call, source.path, Reference(tuple(source.where.items()), source.pick), value, allowed, replay)
                    if not why and source.kind == "output" and not _after(turn.gold, call, source.call):
                        why = f"does not come after {source.call}"
                elif source.kind == "user":
                    why = "" if states(said, name, value) else f"the user never says {shorten(repr(value))}"
                elif source.kind == "default":
                    why = "" if value == tool.parameters[name].default else "is not the default"
                elif source.kind == "context":
                    why = "" if value in replay.days[number] else "is nothing that the context shows"
                else:
                    why = f"has a source of kind {source.kind}"
                if why:
                    yield f"turn {number}, {call.name}.{name}: {why}"
            here.add(call.id)
        before |= here


def _flows(call: str, path: str, reference: Reference, value: Any, allowed: set[str], replay: _Replay) -> str:
    if call not in allowed or call not in replay.values:
        return f"its source {call!r} is no call that could supply it"
    try:
        found = follow(replay.values[call], path)
        picked = pick_value(replay.values[call], path, reference)
    except (LookupError, ValueError):
        return f"its source has nothing at {path}, or the user's words fit several"
    if reference == Reference() and has_rivals(replay.values[call], path):
        return f"its source has several at {path}, and the user's words fit several"
    return "" if found == value == picked else f"its source shows {shorten(repr(found), 40)} at {path}, not {shorten(repr(value), 40)}"


def _after(gold: Iterable[GoldCall], call: GoldCall, source: str) -> bool:
    calls = {item.id: item for item in gold}
    waiting, seen = list(call.after), set()
    while waiting:
        name = waiting.pop()
        if name == source:
            return True
        if name not in seen and name in calls:
            seen.add(name)
            waiting += calls[name].after
    return False


def _words(replay: _Replay) -> Iterator[str]:
    for number, text in enumerate(replay.texts):
        for value in sorted(_mentioned(text, replay.shown)):
            yield f"turn {number}: the text gives the internal value {shorten(value, 40)} away"


def _thoughts(replay: _Replay) -> Iterator[str]:
    for number, text, answered in replay.thoughts:
        for value in sorted(_mentioned(text, replay.shown)):
            if replay.shown[value] > answered:
                yield f"turn {number}: the reasoning knows {shorten(value, 40)} before a result shows it"


def _mentioned(text: str, values: Iterable[str]) -> list[str]:
    folded = text.casefold()  # a cheap first look: ids are spelt one way
    return [value for value in values if value.casefold() in folded and says(text, value)]
