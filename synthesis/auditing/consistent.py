"""Consistent: the parts of a task fit each other.

Turns and gold align, what is named exists, arguments are what the schemas ask for, and the numbers and dates that the user says are
those that gold uses. Law: a number of the user's that gold has no use for is a finding only where gold uses another one instead,
which nothing else explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...envs.errors import shorten
from .declared import unsaid
from .evidence import Evidence, leaves
from .finding import Finding, Level
from .grounded import Lack
from .moments import Day, days_in, fits, whole_date
from .numbers import as_number, numbers_in, written_in
from .schema import violations


def consistent(evidence: Evidence, lacking: list[Lack]) -> Iterator[Finding]:
    """What does not fit."""
    for odd in evidence.case.oddities():
        yield Finding("consistent", odd.code, "high", "high", odd.why, odd.turn, odd.call)
    yield from _turns(evidence)
    yield from _schemas(evidence)
    yield from _sources(evidence)
    yield from _numbers(evidence, lacking)


def _turns(evidence: Evidence) -> Iterator[Finding]:
    for number, turn in enumerate(evidence.case.turns):
        if not turn.user.strip() and turn.gold and not turn.released:
            yield Finding("consistent", "gold-without-words", "high", "high", "gold acts, and the user says nothing", number)


def _schemas(evidence: Evidence) -> Iterator[Finding]:
    for made in evidence.made:
        function = evidence.schemas.get(made.call.name)
        if function is None or made.call.meant_to_fail:
            continue
        for name, why in violations(made.call.arguments, function.get("parameters") or {}):
            yield Finding("consistent", "schema-mismatch", "medium", "high", f"{name} {why}", made.turn, made.label)


def _sources(evidence: Evidence) -> Iterator[Finding]:
    ids = {made.call.id for made in evidence.made}
    for made in evidence.made:
        for name, source in made.call.sources.items():
            if name not in made.call.arguments:
                why = f"a source is declared for {name}, which is no argument of the call"
                yield Finding("consistent", "dangling-source", "medium", "high", why, made.turn, made.label)
            elif source.call and source.call not in ids:
                why = f"{name} is declared to come from {shorten(source.call, 40)!r}, which is no gold call"
                yield Finding("consistent", "dangling-source", "medium", "high", why, made.turn, made.label)


# -- numbers and dates ------------------------------------------------------------------------------------


def _numbers(evidence: Evidence, lacking: list[Lack]) -> Iterator[Finding]:
    used: tuple[set[float], set[Day]] | None = None
    for number, turn in enumerate(evidence.case.turns):
        wanted = list(_wanted(evidence, lacking, number))
        if not wanted:
            continue
        used = used or _used(evidence)
        loose = [said for said in written_in(turn.user) if abs(said) >= 2 and said not in used[0]]
        days = [day for day in days_in(turn.user) if day.day and not fits(day, used[1])]
        for label, name, value, confidence, declared in wanted:
            if declared:  # gold says that the user says it, so that what else he says in this turn is in question
                here = _said_here(evidence, number)
                loose = [said for said in written_in(turn.user) if abs(said) >= 2 and said not in here]
            if whole_date(str(value)) is not None:
                if days:
                    why = f"the user says the date {_day(days[0])}, which gold has no use for, and gold's {name} is {value}"
                    yield Finding("consistent", "date-mismatch", "high", confidence, why, number, label)
            elif loose:
                said = min(loose, key=lambda one: abs(one - (as_number(value) or 0.0)))
                why = f"the user says {said:g}, which gold has no use for, and gold's {name} is {value}"
                yield Finding("consistent", "number-mismatch", "high", confidence, why, number, label)


def _wanted(evidence: Evidence, lacking: list[Lack], turn: int) -> Iterator[tuple[str, str, Any, Level, bool]]:
    """(call, argument or field, value, confidence, whether a declared source is wrong) of numbers and dates that nothing explains."""
    for lack in lacking:
        if lack.made.turn == turn and (lack.declared or lack.found.grade in ("weak", "none")):
            for value in leaves(lack.value):
                if not isinstance(value, bool) and (as_number(value) is not None or whole_date(str(value)) is not None):
                    yield lack.made.label, lack.name, value, "high" if lack.declared else lack.found.confidence, bool(lack.declared)
    for made in evidence.of_turn(turn):
        for field, value in unsaid(evidence, made):
            if as_number(value) is not None or (whole_date(str(value)) is not None and "T" not in str(value)):
                yield made.label, f"choice by {field}", value, "high", False


def _said_here(evidence: Evidence, turn: int) -> set[float]:
    """The numbers of a turn that gold has a use for: in arguments, and in the words that pick a thing."""
    texts = [str(leaf) for made in evidence.of_turn(turn) for leaf in leaves(made.call.arguments)]
    texts += [str(value) for made in evidence.of_turn(turn) for source in made.call.sources.values() for value in source.where.values()]
    return {said.value for text in texts for said in numbers_in(text)}


def _used(evidence: Evidence) -> tuple[set[float], set[Day]]:
    """The numbers and dates in gold's arguments and results."""
    numbers: set[float] = set()
    days: set[Day] = set()
    for made in evidence.made:
        for text in (*(str(leaf) for leaf in leaves(made.call.arguments)), *(str(leaf) for leaf in leaves(made.outcome.value))):
            numbers.update(said.value for said in numbers_in(text[:4000]))
            days.update(days_in(text[:4000]))
    return numbers, days


def _day(day: Day) -> str:
    return f"{day.year:04d}-{day.month:02d}-{day.day:02d}" if day.year else f"{day.month:02d}-{day.day:02d}"
