"""Learning a class of objects: what its tools change, what feeds what, and what a user knows, all found by calls.

Laws: a tool reads if it is said to, or if it succeeded often enough and was never seen to change anything; meanings are
given only where calls have proven them (`proving.py`); the same class is learnt alike in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from ...signature import OutputField, Sort
from ...types import Draw, Semantic
from ...world import Fact
from .drawing import drawer
from .fields import Field, class_of, is_scalar, nouns_of_result, state_fields
from .gates import predicate
from .kinds import Kind, fits_kind, kinds_of
from .naming import is_read_name, noun_of_method, parts_of_name
from .trying import SEEDS, Tries

_ENOUGH = 3  # successes without a change that make a read of a tool whose name does not promise it
_FEW = 6
Facts = Callable[[Any], Iterable[Fact]]


class Learnt(NamedTuple):
    """What is known of a class: its tools, its gaps, and what the user of a world knows."""

    tools: Mapping[str, Any]
    gaps: tuple[str, ...]
    facts: Facts


def unlearnt(cls: Any) -> Learnt:
    """Before anything was probed."""
    return Learnt(dict(cls.foreign_tools), cls.static_gaps, lambda world: ())


def learn(cls: Any) -> Learnt:
    """What probing finds of a class; its tools take it over."""
    tries = Tries(cls)
    tries.run(SEEDS, cls.probes)
    kinds = kinds_of(tries) + _said(cls, tries)
    doors: dict[tuple[str, bool], Any] = {}
    gaps = [*cls.static_gaps, *_gaps(cls, tries)]
    for name, tool in cls.foreign_tools.items():
        writes = _writes(cls, tries, name, gaps)
        outputs = _outputs(tries, kinds, name)
        nouns = nouns_of_result(name, cls.design.offers[name].returns)
        many = bool(tries.results[name]) and isinstance(tries.results[name][0], list)
        gates = [doors.setdefault(gate[:2], predicate(cls.__name__, *gate)) for gate in tries.gates.of(name)]
        tool.requires = tuple(gates)
        tool.settle(writes, _meanings(tries, kinds, name), outputs, many, _title(cls, name, nouns))
    return Learnt(dict(cls.foreign_tools), tuple(gaps), _facts(tries, kinds))


def _title(cls: Any, tool: str, nouns: tuple[str, ...]) -> str:
    """What a result is called, as a class is."""
    named = class_of(cls.design.offers[tool].returns)
    return named.__name__ if named is not None else "".join(part.capitalize() for part in parts_of_name(nouns[0])) if nouns else "Result"


def _gaps(cls: Any, tries: Tries) -> Iterable[str]:
    look = cls.design.look
    cls.create()
    if look.shows_private and look.was_told_nothing:
        yield "it has no public attribute; its private ones are compared instead (say what counts with state=)"
    for name in tries.tools if cls.probes else ():
        if not tries.succeeded[name]:
            yield f"{name}: no call was seen to succeed in {tries.tried[name]} tries ({tries.refusals.get(name, 'no try')})"


def _writes(cls: Any, tries: Tries, name: str, gaps: list[str]) -> set[str]:
    """The tables that a tool was seen to change, or that it is said to."""
    reads, writes = cls.declared
    seen = {table for table, count in (("state", tries.changed[name]), ("hidden", tries.noted[name])) if count}
    if name in reads:
        return set()
    if seen or name in writes:
        return seen or {"state"}
    if tries.succeeded[name] >= _ENOUGH or (tries.succeeded[name] and is_read_name(name)):
        return set()
    gaps.append(f"{name}: too few calls succeeded to tell whether it reads; it is taken for a write (say so with reads=)")
    return {"state"}


# -- meanings -----------------------------------------------------------------------------------------------


def _said(cls: Any, tries: Tries) -> list[Kind]:
    """Kinds that the author says the user knows: a parameter's name, where nothing was proven of it."""
    if cls.tells is None:
        return []
    names = list(cls.tells(cls.create().system.thing))
    found = []
    for name in names:
        slots = tuple([(tool, name) for tool, item in tries.tools.items() if name in item.parameters])
        if slots:
            found.append(Kind(Semantic(name, True), slots, frozenset()))
    return found


def _meanings(tries: Tries, kinds: list[Kind], tool: str) -> dict[str, tuple[Semantic | None, Draw | None]]:
    """Parameter -> what it means, or how it is drawn where it means nothing."""
    found: dict[str, tuple[Semantic | None, Draw | None]] = {}
    schema = tries.tools[tool].parameter_schema
    for name in tries.tools[tool].parameters:
        kind = next((kind for kind in reversed(kinds) if (tool, name) in kind.slots), None)  # what is said goes before what is found
        if kind is not None:
            found[name] = kind.semantic, None
            continue
        held = [f for f in tries.fields if not f.tool and tries.score(tool, name, f) >= 1.5]
        seen = [value for field in held for value in tries.fields[field] if is_scalar(value)]
        about = [*nouns_of_result(tool, tries.cls.design.offers[tool].returns), noun_of_method(tool)]
        made = drawer(name, about, schema["properties"][name], schema.get("$defs", {}), [*seen[:12], *_own(tries, tool, name)])
        found[name] = None, _draw(tries, tool, name, made) if made is not None else None
    return found


def _own(tries: Tries, tool: str, name: str) -> list[Any]:
    """Values with which calls succeeded, where they tell something: numbers, whose range nobody else knows."""
    return [value for value in tries.values[tool, name] if isinstance(value, (int, float)) and not isinstance(value, bool)][:12]


def _draw(tries: Tries, tool: str, name: str, made: Callable[[Random], Any]) -> Draw:
    """The drawer of a parameter; what its type refuses is drawn again."""
    adapter = tries.tools[tool]

    def draw(world: Any, rng: Random) -> Any:
        for _ in range(4):
            value = made(rng)
            if adapter.takes(name, value):
                return value
        return None

    return draw


def _facts(tries: Tries, kinds: list[Kind]) -> Facts:
    places = {field: kind for kind in kinds if kind.semantic.known for field in kind.fields if not field.tool}

    def facts(world: Any) -> Iterable[Fact]:
        if not places:
            return
        told: dict[Fact, None] = {}
        for field, values in state_fields(world.system.state()).items():
            kind = places.get(field)
            if kind is not None:
                told.update((Fact(kind.semantic.name, value), None) for value in values if fits_kind(tries, kind, value))
        yield from told

    return facts


# -- results ------------------------------------------------------------------------------------------------


def _outputs(tries: Tries, kinds: list[Kind], tool: str) -> list[OutputField]:
    """The leaves that were seen in a tool's results."""
    fields = [field for field in tries.fields if field.tool == tool and any(value != "" for value in tries.fields[field])]
    meant = {field: kind.semantic for kind in kinds for field in kind.fields}
    found = []
    for field in fields:
        held = tries.fields[field]
        semantic = meant.get(field) if field.path[-1:] != ("*",) else None  # one of a bare list cannot be pointed at
        annotation: Any = type(held[0]) if held else str
        found.append(OutputField(field.path, semantic, annotation, _sort(tries, field, held, semantic)))
    return found


def _sort(tries: Tries, field: Field, held: list[Any], semantic: Semantic | None) -> Sort:
    if semantic is not None:
        return "known" if semantic.known else "key"
    if not all(isinstance(value, str) and len(value) <= 40 and "\n" not in value for value in held):
        return "text"
    if len(held) <= _FEW and tries.succeeded[field.tool] >= 2 * len(held):
        return "literal"
    return "known" if {"name", "title", "label", "subject"} & set(parts_of_name(field.name)) else "text"
