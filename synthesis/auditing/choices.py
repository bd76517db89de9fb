"""Choices: what else gold could have passed, and whether anybody would have minded; decided by playing it.

A value that is picked among several by words has to be picked by words that were said, unless every other pick is refused. A
value that nobody can know does no harm where any other passes as well. Law: nothing is concluded without a call that was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...envs.binding import follow
from ...envs.errors import display
from ...envs.task import Source
from .declared import unsaid
from .evidence import Evidence, Made, go_on
from .finding import Finding

_RIVALS = 6
_MOST_PLAYED = 40  # of a task's values


def unspoken(evidence: Evidence) -> Iterator[Finding]:
    """Arguments that are declared to be picked by a value which the user has not said, where another pick is taken as well."""
    for made in evidence.made:
        words = dict(unsaid(evidence, made))
        for name, source in made.call.sources.items() if words else ():
            field = next((field for field in source.where if field in words), None)
            if field is not None and (other := _taken(evidence, made, name, source)) is not None:
                told = f"it is picked by {field} {display(words[field], 40)}, which the user never says"
                why = f"{name}: {told}; {display(other, 40)} is taken too"
                yield Finding("grounded", "unsaid-choice", "high", "high", why, made.turn, made.label)


def _taken(evidence: Evidence, made: Made, name: str, source: Source) -> Any:
    """A rival of the value that was picked which the tool takes as well; None if there is none."""
    maker = next((one for one in evidence.made if one.call.id == source.call), None)
    for rival in _rivals(maker.outcome.value, source.path, made.call.arguments.get(name)) if maker is not None else ():
        if made.before.fork().call(made.call.name, {**made.call.arguments, name: rival}).went_through:
            return rival
    return None


def _rivals(shown: Any, path: str, value: Any) -> Iterator[Any]:
    """What stands at the same place in the other objects of the list."""
    if "[" not in path:
        return
    cut = path.rindex("[")
    rest = path[path.index("]", cut) + 1 :]
    try:
        siblings = follow(shown, path[:cut]) if path[:cut] else shown
    except LookupError:
        return
    for index in range(min(len(siblings), 4 * _RIVALS) if isinstance(siblings, list) else 0):
        try:
            found = follow(shown, f"{path[:cut]}[{index}]{rest}")
        except (LookupError, ValueError):
            continue
        if found != value:
            yield found


def anything_passes(evidence: Evidence, made: Made, name: str) -> bool:
    """Whether gold passes with another value in one argument's place, all else being equal."""
    if not evidence.success or len(evidence.made) > _MOST_PLAYED * 4:
        return False
    for other in _others(made.call.arguments.get(name), evidence.schemas.get(made.call.name, {}), name):
        play = made.before.fork()
        outcome = play.call(made.call.name, {**made.call.arguments, name: other})
        if outcome.went_through != made.outcome.went_through or not go_on(evidence, play, made.turn, made.place + 1):
            return False
    return True


def _others(value: Any, function: Mapping[str, Any], name: str) -> Iterator[Any]:
    """Two other values of the same sort."""
    schema = ((function.get("parameters") or {}).get("properties") or {}).get(name) or {}
    options = [option for option in schema.get("enum") or () if option != value]
    if options:
        yield from options[:2]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield from (value + 1, value * 2 + 3)
    elif isinstance(value, str):
        yield from ("something else", f"{value}7")
    else:
        yield from ([], {})
