"""Binding: where the arguments of a call can come from, given what has been said and seen so far.

A `Pool` holds the facts a user knows and every value that results have shown, each with its place (call, JSON
path), the object it stood in and that object's rivals in the same list. `bind` draws arguments for a tool from
the pool, from literals and from defaults, and says for each where it came from. Law: a value of an internal
kind (`Key`) is only ever taken from a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from .errors import ToolError
from .literals import draw_value
from .signature import Parameter
from .tool import Tool
from .world import Fact, World

_new = object.__new__


class Occurrence(NamedTuple):
    """A value seen in a result.

    Attributes:
        semantic, value: its kind and itself, as JSON data.
        turn, call, tool, path: where it stood: `call` is the caller's id for the call, `path` such as `[3].id`.
        holder: the object it stood in. rivals: the other objects of the same list (empty for a single result).
    """

    semantic: str
    value: Any
    turn: int
    call: str
    tool: str
    path: str
    holder: dict[str, Any]
    rivals: tuple[dict[str, Any], ...]


class Bound(NamedTuple):
    """A chosen argument: its value and source. `kind` as in `task.Source`; `seen` for values out of results."""

    value: Any
    kind: str
    seen: Occurrence | None = None


class Mix(NamedTuple):
    """How likely each kind of source is tried first, and how often an optional argument is given."""

    output: float = 0.45
    earlier: float = 0.25
    user: float = 0.3
    optional: float = 0.3


class Pool:
    """What is known at a moment of an episode. `copy()` is cheap enough to branch on."""

    __slots__ = ("facts", "seen")

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self.facts: dict[str, list[Any]] = defaultdict(list)
        for semantic, value in facts:
            if value not in self.facts[semantic]:
                self.facts[semantic].append(value)
        self.seen: dict[str, list[Occurrence]] = defaultdict(list)

    def copy(self) -> Pool:
        """An independent copy."""
        twin: Pool = _new(Pool)
        twin.facts = self.facts
        twin.seen = defaultdict(list, {k: list(v) for k, v in self.seen.items()})
        return twin

    def add(self, tool: Tool, value: Any, *, turn: int = 0, call: str = "") -> list[Occurrence]:
        """Take in the result of a call (plain JSON data); returns what was seen in it."""
        found = list(occurrences(tool, value, turn, call))
        self.extend(found)
        return found

    def extend(self, found: Iterable[Occurrence]) -> None:
        """Take in what was seen in a result already looked through."""
        for item in found:
            self.seen[item.semantic].append(item)

    def latest(self, semantic: str, turn: int | None = None, before: int | None = None) -> list[Occurrence]:
        """What was seen of a kind: in `turn`, or before turn `before`; for equal values the latest sight."""
        chosen: dict[Any, Occurrence] = {}
        for item in self.seen.get(semantic, ()):
            if (turn is None or item.turn == turn) and (before is None or item.turn < before):
                chosen[item.value] = item
        return list(chosen.values())


_Place = tuple[Any, str, dict[str, Any], tuple[dict[str, Any], ...]]


def occurrences(tool: Tool, value: Any, turn: int = 0, call: str = "", internal: bool = False) -> Iterable[Occurrence]:
    """The values in a result that carry a semantic type, with their place; `internal`: ids that only tools reveal alone."""
    walker = _Walker()
    for leaf in tool.outputs:
        if leaf.semantic is not None and not (internal and leaf.semantic.known):
            for found, path, holder, rivals in walker.walk(value, leaf.path):
                if isinstance(found, (str, int, float)) and found != "":
                    yield Occurrence(leaf.semantic.name, found, turn, call, tool.name, path, holder, rivals)


class _Walker:
    """Finds the leaves of one result. Who stands beside whom in a list is looked up once, for all leaves.

    A place is a node of the result, its JSON path, the object it stands in, and that object's rivals.
    """

    def __init__(self) -> None:
        self._beside: dict[int, list[tuple[dict[str, Any], ...] | None]] = {}

    def walk(self, value: Any, path: tuple[str, ...]) -> list[_Place]:
        """The places that a leaf's path leads to, in order."""
        places: list[_Place] = [(value, "", {}, ())]
        for step in path:
            if step == "*":
                places = [inner for place in places if isinstance(place[0], list) for inner in self._items(*place)]
            else:
                places = [
                    (found, f"{where}.{step}" if where else step, node, rivals)
                    for node, where, _, rivals in places
                    if isinstance(node, dict) and (found := node.get(step)) is not None
                ]
        return places

    def _items(self, node: list[Any], where: str, holder: dict[str, Any], rivals: tuple[dict[str, Any], ...]) -> list[_Place]:
        beside = self._beside.get(id(node))  # the result outlives the walker, so an id is one list's
        if beside is None:
            objects = [item for item in node if isinstance(item, dict)]
            beside = [tuple([o for o in objects if o is not item]) if isinstance(item, dict) else None for item in node]
            self._beside[id(node)] = beside
        return [
            (item, f"{where}[{index}]", holder, rivals if others is None else others)
            for index, (item, others) in enumerate(zip(node, beside, strict=True))
        ]


def follow(value: Any, path: str) -> Any:
    """The part of plain JSON data at a path such as `[3].id` or `legs[0].flight`; raises LookupError."""
    for step in path.replace("[", ".[").split("."):
        if not step:
            continue
        if step.startswith("["):
            if not isinstance(value, list):
                raise LookupError(path)
            value = value[int(step[1:-1])]
        else:
            if not isinstance(value, dict):
                raise LookupError(path)
            value = value[step]
    return value


def bind(tool: Tool, world: World, pool: Pool, rng: Random, *, turn: int = 0, mix: Mix | None = None) -> dict[str, Bound] | None:
    """Draw arguments for a call; None where a required one has no source.

    Args:
        tool, world: what to call, on what (literal drawers look at the world).
        pool: what is known. turn: the current turn, for telling this turn's outputs from earlier ones.
        mix: the mixing law; default `Mix()`.
    """
    mix = mix or Mix()
    chosen: dict[str, Bound] = {}
    for parameter in tool.parameters.values():
        if not parameter.required and rng.random() >= mix.optional:
            continue
        bound = _bind_one(tool, parameter, world, pool, rng, turn, mix)
        if bound is not None and _clashes(tool, parameter, bound, chosen):  # two ends of one thing: draw once more
            bound = _bind_one(tool, parameter, world, pool, rng, turn, mix)
        if bound is None:
            if parameter.required:
                return None
            continue
        if not parameter.required and bound.value == parameter.default:
            continue  # saying the default says nothing
        chosen[parameter.name] = bound
    return chosen


def is_loose(parameter: Parameter, pool: Pool) -> bool:
    """Whether its values are made up (an amount, a date), so that a result is seldom where they come from."""
    return parameter.draw is not None and (parameter.semantic is None or not pool.facts.get(parameter.semantic.name))


def _clashes(tool: Tool, parameter: Parameter, bound: Bound, chosen: dict[str, Bound]) -> bool:
    kind = parameter.semantic
    return kind is not None and any(b.value == bound.value and tool.parameters[n].semantic == kind for n, b in chosen.items())


def _bind_one(tool: Tool, p: Parameter, world: World, pool: Pool, rng: Random, turn: int, mix: Mix) -> Bound | None:
    if p.semantic is None:
        return _literal(tool, p, world, rng)
    name = p.semantic.name
    options: list[tuple[float, Bound]] = []
    loose = is_loose(p, pool)
    now = pool.latest(name, turn=turn)
    past = pool.latest(name, before=turn)
    facts = pool.facts.get(name) or []
    if now:
        options.append((mix.output * (0.15 if loose else 1.0), Bound(*_pick(now, rng, "output"))))
    if past:
        options.append((mix.earlier * (0.1 if loose else 1.0), Bound(*_pick(past, rng, "earlier_turn"))))
    if facts:
        options.append((mix.user * (0.5 if loose else 1.0), Bound(rng.choice(facts), "user")))
    if p.draw is not None and (drawn := p.draw(world, rng)) is not None:
        options.append((mix.user, Bound(drawn, "user")))
    if not options:
        return None if not p.semantic.known else _examples(tool, p, rng)
    return rng.choices([bound for _, bound in options], [weight + 1e-9 for weight, _ in options])[0]


def _pick(found: list[Occurrence], rng: Random, kind: str) -> tuple[Any, str, Occurrence]:
    item = rng.choice(found)
    return item.value, kind, item


def _literal(tool: Tool, p: Parameter, world: World, rng: Random) -> Bound | None:
    if p.draw is not None:
        drawn = p.draw(world, rng)
        return None if drawn is None else Bound(drawn, "user")
    schema = tool.parameter_schema
    return Bound(draw_value(schema["properties"][p.name], rng, schema.get("$defs", {})), "user")


def _examples(tool: Tool, p: Parameter, rng: Random) -> Bound | None:
    part = tool.parameter_schema["properties"][p.name]
    return Bound(rng.choice(part["examples"]), "user") if part.get("examples") else None


def fits(tool: Tool, arguments: Mapping[str, Any]) -> bool:
    """Whether arguments pass the tool's schema."""
    try:
        tool.validate(dict(arguments))
    except ToolError:
        return False
    return True
