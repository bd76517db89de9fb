"""Declared sources: whether an argument really has the source that gold names for it.

Law: a declaration is never believed. A value said to come from a result must stand where it says, alone or picked by words that
the user said; one said to come from the user must stand in his words. Not here: values without a declaration (`deriving.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...envs.binding import follow
from ...envs.errors import display, shorten
from ...envs.task import Source
from ...envs.told import says
from ..advanced import has_rivals, pick_value
from ..brief import states
from ..plan import Reference
from .case import Call
from .evidence import Evidence, Made


def wrong_source(evidence: Evidence, made: Made, name: str, source: Source) -> str:
    """What is wrong with the declared source of an argument; "" if it holds."""
    value = made.call.arguments.get(name)
    said = words_until(evidence, made.turn)
    if source.kind == "user":
        return "" if states(said, name, value) else "the user never says it"
    if source.kind in ("output", "earlier_turn"):
        return _flows(evidence, made, source, value)
    if source.kind == "default":
        return "" if value == default_of(evidence, made, name) else "the schema has no such default"
    if source.kind == "context":
        return "" if str(value) in made.before.context() else "the context does not show it"
    return "" if made.call.meant_to_fail else f"its source is of the kind {source.kind}"


def words_until(evidence: Evidence, turn: int) -> str:
    """What the user has said by a turn."""
    return "\n".join(part.user for part in evidence.case.turns[: turn + 1])


def default_of(evidence: Evidence, made: Made, name: str) -> Any:
    """The default that a tool's schema has for a parameter; a new object where it has none."""
    parameters = evidence.schemas.get(made.call.name, {}).get("parameters", {})
    return parameters.get("properties", {}).get(name, {}).get("default", object())


def _flows(evidence: Evidence, made: Made, source: Source, value: Any) -> str:
    here = source.kind == "output"
    found = next((m for m in evidence.made if m.call.id == source.call), None)
    if found is None:
        return f"its source {shorten(source.call, 40)!r} is no gold call"
    if (found.turn == made.turn) != here or (found.turn, found.place) >= (made.turn, made.place):
        return f"its source {found.label} is not where it is said to be"
    if not found.outcome.went_through:
        return f"its source {found.label} fails"
    if here and made.call.after is not None and not _comes_after(evidence, made.call, source.call):
        return f"nothing says that it comes after its source {found.label}"
    return _stands(found, source, value)


def _stands(found: Made, source: Source, value: Any) -> str:
    reference = Reference(tuple(source.where.items()), source.pick)
    try:
        shown = follow(found.outcome.value, source.path)
        picked = pick_value(found.outcome.value, source.path, reference)
        if reference == Reference() and has_rivals(found.outcome.value, source.path):
            return f"{found.label} has several at {source.path}, and nothing tells which"
    except (LookupError, ValueError, TypeError):
        return f"{found.label} has nothing at {source.path or 'its top'}, or the words fit several"
    return "" if shown == value == picked else f"{found.label} shows {display(shown, 40)} at {source.path}"


def _comes_after(evidence: Evidence, call: Call, source: str) -> bool:
    calls = {made.call.id: made.call for made in evidence.made}
    waiting, seen = list(call.after or ()), set[str]()
    while waiting:
        name = waiting.pop()
        if name == source:
            return True
        if name not in seen and name in calls:
            seen.add(name)
            waiting += calls[name].after or ()
    return False


def unsaid(evidence: Evidence, made: Made) -> Iterable[tuple[str, Any]]:
    """(field, value) of what a source is picked by, where the user has not said it by now."""
    said = words_until(evidence, made.turn)
    for source in made.call.sources.values():
        for field, value in source.where.items():
            if not isinstance(value, bool) and not says(said, value):
                yield field, value
