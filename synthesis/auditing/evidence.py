"""Evidence: gold played once, call by call, with a fork at every moment that a check may want to go back to.

Law: nothing is skipped; a call that fails is evidence too, and the calls after it are made all the same. Every kind of finding
reads this, and no check plays gold again unless it plays something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ...envs.errors import TaskError
from .case import Call, Case, Outcome, Play, label

MOST_CALLS = 2000
_IDENTITY = re.compile(r"(?=.*\d)[\w.:/@#-]{3,}")


class Made(NamedTuple):
    """A gold call that was made: where it stands, the play just before it, what came of it, and what was visible then."""

    turn: int
    place: int
    call: Call
    before: Play
    outcome: Outcome
    visible: frozenset[str]

    @property
    def label(self) -> str:
        """For people."""
        return label(self.call, self.place)


@dataclass(frozen=True)
class Evidence:
    """All that gold did.

    Attributes:
        case: what was played. made: every gold call, in order. starts: the play as each turn begins.
        ends: just before each turn's closing words. passed: per turn. success: all of it. schemas: name -> function schema.
    """

    case: Case
    made: Sequence[Made]
    starts: Sequence[Play]
    ends: Sequence[Play]
    passed: Sequence[bool]
    success: bool
    schemas: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def of_turn(self, turn: int) -> list[Made]:
        """The calls of a turn."""
        return [made for made in self.made if made.turn == turn]

    @cached_property
    def needs(self) -> dict[str, frozenset[str]]:
        """Gold call -> the gold calls whose results its arguments come from: as declared, else as they can be seen to."""
        found: dict[str, frozenset[str]] = {}
        for index, made in enumerate(self.made):
            if made.call.sources:
                found[made.call.id] = frozenset(source.call for source in made.call.sources.values() if source.call)
            else:
                found[made.call.id] = frozenset(self._seen_to_need(index))
        return found

    def _seen_to_need(self, index: int) -> Iterator[str]:
        made = self.made[index]
        said = "\n".join(turn.user for turn in self.case.turns[: made.turn + 1])
        for value in leaves(made.call.arguments):
            text = str(value)
            if isinstance(value, bool) or text in said or not (_IDENTITY.fullmatch(text) or len(text) > 8):
                continue
            for earlier in self.made[:index]:
                if text in earlier.outcome.text:
                    yield earlier.call.id
                    break


def gather(case: Case) -> Evidence:
    """Play gold. Raises `TurngymError` where the case has no worlds to be played in, or more calls than are ever gold."""
    if (count := sum(len(turn.gold) for turn in case.turns)) > MOST_CALLS:
        raise TaskError(f"it has {count} gold calls; at most {MOST_CALLS} are played")
    play = case.start()
    schemas = play.tools()
    made: list[Made] = []
    starts, ends, passed = [], [], []
    for number, turn in enumerate(case.turns):
        starts.append(play.fork())
        visible = frozenset(play.visible())
        for place, call in enumerate(turn.gold):
            before = play.fork()
            made.append(Made(number, place, call, before, play.call(call.name, call.arguments), visible))
        ends.append(play.fork())
        passed.append(play.end_turn(turn.reply))
    return Evidence(case, made, starts, ends, passed, play.success(), schemas)


def go_on(evidence: Evidence, play: Play, turn: int, place: int, gone: Iterable[str] = ()) -> bool:
    """Whether gold passes from a moment on, made by somebody who cannot make a call whose argument no result has shown.

    Args:
        play: the moment; used up. turn, place: the next gold call. gone: ids of calls that were left out before it.
    """
    lost = set(gone)
    for number, part in enumerate(evidence.case.turns[turn:], turn):
        for call in part.gold[place if number == turn else 0 :]:
            if evidence.needs[call.id] & lost or not play.call(call.name, call.arguments).went_through:
                lost.add(call.id)
        if not play.end_turn(part.reply):
            return False
    return play.success()


def leaves(value: Any) -> Iterator[Any]:
    """The scalars in plain data, keys of objects left out; `None` and empty text are none."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)
    elif value is not None and value != "":
        yield value
