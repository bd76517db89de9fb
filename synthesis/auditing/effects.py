"""Effects: what gold does is what the checks look at.

Doing nothing fails, in all and in each turn that has gold; so does saying gold's words without doing anything; leaving out any
call that changed something fails. Calls that change nothing and reveal nothing are named. All of it is decided by playing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...envs.errors import shorten
from .evidence import Evidence, Made, go_on, leaves
from .finding import Finding

MOST_LEFT_OUT = 100  # of a task's calls, evenly spread
_EMPTY = ("", "null", "None", "{}")


def effects(evidence: Evidence) -> Iterator[Finding]:
    """What can be left out without being noticed."""
    yield from _idle_calls(evidence)
    if not evidence.success:  # what fails with gold tells nothing by failing without it
        return
    nothing = list(_nothing(evidence))
    yield from nothing
    if nothing and nothing[0].turn is None:
        return
    yield from _left_out(evidence)


def _nothing(evidence: Evidence) -> Iterator[Finding]:
    if not any(turn.gold or turn.asks for turn in evidence.case.turns):
        yield Finding("effects", "no-gold", "high", "high", "the task has no gold call and asks for no refusal or question")
        return
    for words, code, what in ((False, "idle-passes", "doing nothing"), (True, "words-pass", "saying gold's words without a call")):
        play = evidence.case.start()
        for turn in evidence.case.turns:
            play.end_turn(turn.reply if words else "")
        if play.success() and (not words or evidence.made):
            yield Finding("effects", code, "high", "high", f"{what} passes the whole task")
            return
    for number, turn in enumerate(evidence.case.turns):
        if turn.gold and evidence.starts[number].fork().end_turn(""):
            why = "doing nothing passes this turn, although gold has calls in it"
            yield Finding("effects", "turn-idle-passes", "medium", "high", why, number)


def _left_out(evidence: Evidence) -> Iterator[Finding]:
    writes = [made for made in evidence.made if made.outcome.changed]
    for made in writes[:: 1 + len(writes) // MOST_LEFT_OUT]:
        if go_on(evidence, made.before.fork(), made.turn, made.place + 1, (made.call.id,)):
            after = made.before.fork()
            after.call(made.call.name, made.call.arguments)
            lasting = after.lasting(made.before)
            what = "this write" if lasting else "this call, which changes the state,"
            why = f"leaving out {what} passes: no check looks at what it does"
            yield Finding("effects", "write-not-checked", "high" if lasting else "medium", "high", why, made.turn, made.label)


def _idle_calls(evidence: Evidence) -> Iterator[Finding]:
    """Calls that changed nothing and told nothing that the same turn had not told before."""
    for index, made in enumerate(evidence.made):
        outcome = made.outcome
        if outcome.changed or not outcome.went_through or (not evidence.case.complete and _matters(evidence, index)):
            continue
        if outcome.text.strip() in _EMPTY:
            why = "this call changes nothing and answers nothing"
            yield Finding("effects", "no-op-call", "medium", "high", why, made.turn, made.label)
        elif (twin := _said_before(evidence, index)) is not None:
            why = f"this call changes nothing and answers what {twin.label} answered in the same turn: {shorten(outcome.text, 80)}"
            yield Finding("effects", "repeated-call", "medium", "high", why, made.turn, made.label)
        elif _echoes(made):
            why = f"this call changes nothing and answers with its own arguments: {shorten(outcome.text, 80)}"
            yield Finding("effects", "no-op-call", "medium", "medium", why, made.turn, made.label)


def _matters(evidence: Evidence, index: int) -> bool:
    """Whether what follows is another thing without a call; where nothing follows in its turn, it may matter to whoever asked."""
    made, rest = evidence.made[index], evidence.made[index + 1 :]
    if not rest or rest[0].turn != made.turn:
        return True
    play, turn = made.before.fork(), made.turn
    for other in rest:
        while turn < other.turn:
            play.end_turn(evidence.case.turns[turn].reply)
            turn += 1
        if play.call(other.call.name, other.call.arguments).text != other.outcome.text:
            return True
    return play.fingerprint() != evidence.ends[turn].fingerprint()


def _said_before(evidence: Evidence, index: int) -> Made | None:
    made = evidence.made[index]
    earlier: list[Made] = list(evidence.made[:index])
    for other in reversed(earlier):
        if other.turn != made.turn:
            return None
        same = other.call.name == made.call.name and dict(other.call.arguments) == dict(made.call.arguments)
        if same and other.outcome.text == made.outcome.text:
            return other  # type: ignore[no-any-return]
    return None


def _echoes(made: Made) -> bool:
    """Whether a result holds nothing but the call's own arguments."""
    given = {str(value) for value in leaves(made.call.arguments)}
    told = {str(value) for value in leaves(made.outcome.value)}
    return bool(given) and bool(told) and told <= given
