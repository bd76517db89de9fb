"""Trying: seeded calls on forks of pristine objects, least successful tools first, to see what they do.

Arguments are taken from where names propose, from anywhere else that types allow, and from the schema, so that what is seen
depends on no name alone. Laws: the same class gives the same trials in every process; pristine worlds stay as they were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from ...literals import draw_value
from ...tool import ToolResult
from .drawing import Drawer, drawer
from .fields import MOST_VALUES, Field, Values, entries_of, is_scalar, nouns_of_result, result_fields, state_fields
from .gates import Gates
from .naming import noun_of_method, score

SEEDS = (0, 1, 2)
_WALK = 30  # calls before a walk starts anew
_EMPTY = ("[]", "{}", "null", '""')
_KEPT = 8
_JSON = {"string": str, "integer": int, "number": float}


class Trial(NamedTuple):
    """A call that was made. `world` is a fork from before it, `seen` the fields of state and results up to then."""

    tool: str
    arguments: dict[str, Any]
    world: Any
    seen: Values
    result: ToolResult
    shown: bool
    hidden: bool

    @property
    def outcome(self) -> str:
        """What became of it: a kind of error, `empty`, or `ok`."""
        return outcome_of(self.result)


def outcome_of(result: ToolResult) -> str:
    """A kind of error, `empty` where nothing came back and nothing was written, or `ok`."""
    return result.error or ("empty" if result.text in _EMPTY and not result.written else "ok")


class Tries:
    """All trials of one class.

    Attributes:
        kept: tool -> trials that tell something (successes first and foremost). succeeded, changed, noted: calls per tool that
            succeeded, that changed what is shown, and what is not.
        fields: every field of a state or a result that was seen, with values over all seeds. values: (tool, parameter) -> values
            with which calls succeeded.
    """

    def __init__(self, cls: Any) -> None:
        self.cls, self.tools = cls, dict(cls.foreign_tools)
        self.rng = Random("turngym.objects")
        self.kept: dict[str, list[Trial]] = defaultdict(list)
        self.tried: Counter[str] = Counter()
        self.succeeded: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self.fields: Values = {}
        self.results: dict[str, list[Any]] = defaultdict(list)
        self.values: dict[tuple[str, str], list[Any]] = defaultdict(list)
        self.gates = Gates()
        self.refusals: dict[str, str] = {}
        self._scores: dict[tuple[str, str, Field], float] = {}

    def run(self, seeds: Iterable[int], probes: int) -> None:
        """Make `probes` calls per tool and seed."""
        for left in range(probes * len(self.tools), 0, -_WALK):
            for seed in seeds:
                for trial in self._walk(self.cls.create(seed), min(left, _WALK)):
                    self._note(trial)

    def _walk(self, world: Any, steps: int) -> Iterator[Trial]:
        state = state_fields(world.system.state())
        self._merge(self.fields, state)
        shown: Values = {}
        for _ in range(steps):
            name = min(self.tools, key=lambda n: (self.succeeded[n] + 0.2 * self.tried[n]) * (0.5 + self.rng.random()))
            seen = {**state, **shown}
            arguments = self.arguments(name, seen)
            if self.rng.random() < (0.1 if self.succeeded[name] else 0.4):
                arguments.update(self._entry(name, world))
            before = world.fork()
            result = world.call(name, arguments)
            tables = {table for table, _ in result.written}
            if tables:
                self.gates.turn(before, world)
            yield Trial(name, arguments, before, seen, result, "state" in tables, "hidden" in tables)
            if result.error is None:
                given = result_fields(name, self.cls.design.offers[name].returns, result.value)
                shown = {**shown, **{field: [*shown.get(field, ()), *held][-MOST_VALUES:] for field, held in given.items()}}
                self._merge(self.fields, given)
            if "state" in tables:
                state = state_fields(world.system.state())
                self._merge(self.fields, state)

    def _note(self, trial: Trial) -> None:
        name = trial.tool
        self.tried[name] += 1
        self.gates.note(name, trial.world, trial.arguments, trial.result)
        if trial.result.error is None:
            self.succeeded[name] += 1
            self.changed[name] += trial.shown
            self.noted[name] += trial.hidden
            if len(self.results[name]) < MOST_VALUES:
                self.results[name].append(trial.result.value)
            for key, value in trial.arguments.items():
                held = self.values[name, key]
                if trial.outcome == "ok" and len(held) < MOST_VALUES and value not in held:
                    held.append(value)
        else:
            self.refusals[name] = str(trial.result.value["error"]["message"])
        if trial.outcome == "ok" or trial.outcome not in ("not_found", "invalid_arguments", "empty"):
            self._keep(trial)

    def _keep(self, trial: Trial) -> None:
        """Keep a trial that tells something: successes first, of those any alike, but none with the arguments of another."""
        kept = self.kept[trial.tool]
        if any(old.arguments == trial.arguments and old.outcome == trial.outcome for old in kept):
            return
        weak = next((index for index, old in enumerate(kept) if old.outcome != "ok"), None)
        if len(kept) < (_KEPT if trial.outcome == "ok" else _KEPT // 2):
            kept.append(trial)
        elif trial.outcome == "ok" and weak is not None:
            kept[weak] = trial
        elif trial.outcome == "ok" and self.rng.random() < _KEPT / self.succeeded[trial.tool]:
            kept[self.rng.randrange(_KEPT)] = trial

    @staticmethod
    def _merge(into: Values, new: Values) -> None:
        for field, values in new.items():
            held = into.setdefault(field, [])
            if len(held) < MOST_VALUES:
                held += [value for value in values if value not in held][: MOST_VALUES - len(held)]

    # -- arguments -------------------------------------------------------------------------------------

    def arguments(self, name: str, seen: Values) -> dict[str, Any]:
        """Arguments for a call: each from a field that its name proposes, from any other, or made up."""
        schema = self.tools[name].parameter_schema
        found = {}
        for parameter in self.tools[name].parameters.values():
            if not parameter.required and self.rng.random() >= 0.3:
                continue
            part, root = schema["properties"][parameter.name], schema.get("$defs", {})
            found[parameter.name] = self._argument(name, parameter.name, part, root, seen)
        return found

    def _entry(self, name: str, world: Any) -> dict[str, Any]:
        """Values of one entry of the state for the text parameters of a tool: what belongs together, as a name and its password."""
        schema = self.tools[name].parameter_schema
        wanted = [p for p in schema["required"] if str in json_types(schema["properties"][p], schema.get("$defs", {}))]
        entries = [entry for entry in entries_of(world.system.state()) if len(entry) >= len(wanted)]
        if len(wanted) < 2 or not entries:
            return {}
        return dict(zip(wanted, self.rng.sample(self.rng.choice(entries), len(wanted)), strict=True))

    def made_up(self, tool: str, parameter: str) -> Drawer | None:
        """How values of a parameter are made up, None where it is a choice or a structure."""
        schema = self.tools[tool].parameter_schema
        return drawer(parameter, (noun_of_method(tool),), schema["properties"][parameter], schema.get("$defs", {}), ())

    def _argument(self, tool: str, parameter: str, part: dict[str, Any], root: dict[str, Any], seen: Values) -> Any:
        luck, types = self.rng.random(), json_types(part, root)
        if types and luck < 0.8:
            fits = [(self.score(tool, parameter, f), f) for f, held in seen.items() if any(fitting(value, types) for value in held)]
            near = [pair for pair in fits if pair[0] > 0] if luck < 0.65 else fits
            if near:
                best = max(score for score, _ in near)
                field = self.rng.choice([f for score, f in near if score >= best - 0.5] if luck < 0.65 else [f for _, f in near])
                return self.rng.choice([value for value in seen[field] if fitting(value, types)])
        made = drawer(parameter, (noun_of_method(tool),), part, root, self.values[tool, parameter][:10])
        return made(self.rng) if made is not None else draw_value(part, self.rng, root)

    def score(self, tool: str, parameter: str, field: Field) -> float:
        """How well a parameter's name goes with a field's."""
        known = self._scores.get((tool, parameter, field))
        if known is None:
            about = nouns_of_result(tool, self.cls.design.offers[tool].returns)
            known = self._scores[tool, parameter, field] = score(parameter, about, field.name, field.nouns)
        return known


def json_types(part: dict[str, Any], root: dict[str, Any]) -> tuple[type, ...]:
    """The Python types of single values that a parameter takes from elsewhere; none for choices, yes or no, and structures."""
    if "$ref" in part:
        return json_types(root.get(part["$ref"].rsplit("/", 1)[-1], {}), root)
    if "enum" in part or "const" in part:
        return ()
    options = part.get("anyOf") or part.get("oneOf")
    if options:
        return tuple(dict.fromkeys(kind for option in options for kind in json_types(option, root)))
    return (_JSON[part["type"]],) if part.get("type") in _JSON else ()


def fitting(value: Any, types: tuple[type, ...]) -> bool:
    """Whether a value of plain data is of one of the types; a whole number passes for a number."""
    return is_scalar(value) and (type(value) in types or (type(value) is int and float in types))
