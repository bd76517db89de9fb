"""Proving: whether what a name proposes is so, by calls with other values at the same moment.

A parameter is bound where made-up values fare otherwise than the one that worked. A field feeds it where other values of the
field are taken, at the same moment, as made-up ones are not. Law: nothing is believed that no call has shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from typing import Any, NamedTuple

from .fields import Field
from .trying import Trial, Tries, fitting, json_types, outcome_of

_PLACES, _JUNK, _OTHERS = 5, 3, 3
_STRANGE = ("zq-40917", "Xanthe Quill", "7b3f-none", "qqq")


class Feed(NamedTuple):
    """A field that was shown to feed a parameter; `score` is how well the names go together."""

    field: Field
    score: float


class _Tally:
    """What was counted for the fields that hold a parameter's value: at how many bound places, and how their other values fared."""

    def __init__(self) -> None:
        self.places = 0
        self.holds: dict[Field, list[Any]] = defaultdict(list)
        self.hits: Counter[Field] = Counter()
        self.misses: Counter[Field] = Counter()

    def is_telling(self, field: Field) -> bool:
        """Whether a field held the value everywhere, and not always the same: two things that go together (a name and its
        password) are told by that, though no other value is taken beside the same partner."""
        held = self.holds[field]
        if len(held) == self.places and len(set(map(repr, held))) > 1 and all(isinstance(value, str) and len(value) > 1 for value in held):
            return True
        return self.hits[field] >= 2 and not self.misses[field]

    def believes(self, field: Field) -> bool:
        """Whether the field feeds the parameter."""
        return self.hits[field] > self.misses[field] or self.is_telling(field)


def feeds_of(tries: Tries, tool: str, parameter: str) -> list[Feed]:
    """The fields that feed a parameter, best names first; none where it takes what one likes, or where no call shows otherwise."""
    schema = tries.tools[tool].parameter_schema
    types = json_types(schema["properties"][parameter], schema.get("$defs", {}))
    places = [trial for trial in tries.kept[tool] if fitting(trial.arguments.get(parameter), types)]
    places.sort(key=lambda trial: trial.outcome != "ok")
    votes, tally = Counter[bool](), _Tally()
    rng = Random(f"{tool}.{parameter}")
    for trial in places[:_PLACES]:
        strange = _strange_outcomes(tries, trial, parameter, rng)
        bound = bool(strange) and trial.outcome not in strange
        votes[bound] += 1
        if bound:
            tally.places += 1
            _hold(trial, parameter, types, strange, tally, rng)
    if votes[True] <= votes[False]:
        return []
    found = [Feed(field, tries.score(tool, parameter, field)) for field in tally.hits if tally.believes(field)]
    named = [feed for feed in found if feed.score > 0]
    if not named:  # a name that says nothing: text alone is distinctive enough, and only where several values were taken
        named = [feed for feed in found if tally.is_telling(feed.field) and _is_distinctive(tries.fields.get(feed.field, []))]
    best = max((feed.score for feed in named), default=0.0)
    return sorted([feed for feed in named if feed.score >= best - 1.0], key=lambda feed: -feed.score)


def _is_distinctive(values: list[Any]) -> bool:
    return len(values) > 1 and all(isinstance(value, str) and len(value) > 1 for value in values)


def _strange_outcomes(tries: Tries, trial: Trial, parameter: str, rng: Random) -> set[str]:
    """What becomes of the call with made-up values, of which none stands where names propose."""
    mine = trial.arguments[parameter]
    near = {repr(value) for field, held in trial.seen.items() if tries.score(trial.tool, parameter, field) > 0 for value in held}
    options: list[Any]
    if isinstance(mine, str):
        options = [*rng.sample(_STRANGE, 2), _alike(mine, rng)]
        options = [value for value in options if tries.tools[trial.tool].takes(parameter, value)]
    else:
        options = [mine + 1, mine + 2, 7, 3, 1, mine + 100_003]
        options = options if isinstance(mine, int) else [value + 0.5 for value in options]
    made = tries.made_up(trial.tool, parameter)
    options += [made(rng) for _ in range(2)] if made is not None else []
    fresh = [value for value in options if repr(value) not in near and value != mine][-_JUNK:]
    return {_fares(trial, parameter, value) for value in fresh}


def _alike(text: str, rng: Random) -> str:
    """A text that looks as another does: digits for digits, letters for letters."""
    signs = [rng.choice("0123456789") if s.isdigit() else rng.choice("bcdfghjklmnpqrstvwxz") if s.isalpha() else s for s in text]
    return "".join(sign.upper() if old.isupper() else sign for sign, old in zip(signs, text, strict=True))


def _fares(trial: Trial, parameter: str, value: Any) -> str:
    """What becomes of the call with another value."""
    return outcome_of(trial.world.fork().call(trial.tool, {**trial.arguments, parameter: value}))


def _hold(trial: Trial, parameter: str, types: tuple[type, ...], strange: set[str], tally: _Tally, rng: Random) -> None:
    """Count for each field that holds the value whether its other values are taken as well."""
    mine = trial.arguments[parameter]
    known: dict[str, bool] = {}
    for field, held in trial.seen.items():
        if not any(value == mine and type(value) is type(mine) for value in held):
            continue
        tally.holds[field].append(mine)
        tally.hits[field] += 1
        others = [value for value in held if value != mine and fitting(value, types)]
        for value in rng.sample(others, min(_OTHERS, len(others))):
            if repr(value) not in known:
                known[repr(value)] = _fares(trial, parameter, value) not in strange
            (tally.hits if known[repr(value)] else tally.misses)[field] += 1
