"""Grounding: what has been seen in an episode, and which of it a noun phrase points at.

A `Memory` keeps every result with the call that gave it. `fitting` tells the values in one result that the words
of a `Thing` hold for: the frozen one, the cheapest, the one called so. Law: nothing is ever picked that no
result has shown. Not here: which call to make in order to see more (`planner.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...envs.binding import Occurrence, occurrences
from ...envs.tool import Tool
from .reading import Thing, begins, field_forms

_INDEX = re.compile(r"\[\d+\]")
_WHEN = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?|\d{2}:\d{2}", re.ASCII)
_PRICE = ("price", "fare", "cost", "total", "fee", "amount", "cheapest", "premium", "due")
_NAMES = ("name", "title", "nickname", "label")


class Sight(NamedTuple):
    """A call that succeeded: its tool, arguments, plain result, the user turn, and what was seen in it by kind."""

    tool: Tool
    arguments: dict[str, Any]
    value: Any
    turn: int
    seen: dict[str, list[Occurrence]]


class Group(NamedTuple):
    """The things of one kind that stand side by side in one result."""

    sight: Sight
    items: tuple[Occurrence, ...]


@dataclass(slots=True)
class Memory:
    """What an episode knows by now: results, what the user stated, which predicates were made true, keys in use."""

    sights: list[Sight] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    holds: set[str] = field(default_factory=set)
    used: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)

    def add(self, tool: Tool, arguments: dict[str, Any], value: Any, turn: int) -> Sight:
        """Take in a result; what does not look like the tool's results is kept, and shows nothing."""
        seen: dict[str, list[Occurrence]] = {}
        for item in occurrences(tool, value, turn):
            seen.setdefault(item.semantic, []).append(item)
        sight = Sight(tool, arguments, value, turn, seen)
        self.sights.append(sight)
        return sight

    def use(self, kind: str, value: Any, turn: int) -> None:
        """Note that a call about a thing was made."""
        self.used.setdefault(kind, []).append((turn, value))

    def groups(self, kind: str, turn: int) -> list[Group]:
        """Where things of a kind were seen, this turn's results first, the latest first."""
        order = sorted(self.sights, key=lambda sight: sight.turn != turn)
        recent = [s for s in reversed(order) if s.turn == turn] + [s for s in reversed(self.sights) if s.turn != turn]
        return [group for sight in recent for group in groups_of(sight, kind)]

    def alone(self, kind: str, turn: int) -> list[Any]:
        """Things of a kind that earlier turns ended with, the latest first: what `that one` may mean."""
        single = [
            (s.turn, index, item.value)
            for index, s in enumerate(self.sights)
            if s.turn < turn
            for item in s.seen.get(kind, ())
            if not item.rivals
        ]
        ranked = [value for _, _, value in sorted(single, key=lambda part: part[:2], reverse=True)]
        ranked += [value for when, value in reversed(self.used.get(kind, ())) if when < turn]
        return list(dict.fromkeys(ranked))

    def made(self, kind: str, turn: int) -> list[Any]:
        """Things of a kind that writes brought about, this turn's first, the latest first."""
        order = sorted(range(len(self.sights)), key=lambda i: (self.sights[i].turn == turn, i), reverse=True)
        found = [item.value for i in order if self.sights[i].tool.writes for item in self.sights[i].seen.get(kind, ()) if not item.rivals]
        return list(dict.fromkeys(found))


def belonging(sights: Iterable[Sight], kind: str, owner: str, value: Any) -> list[Any]:
    """The things of a kind that stand in one object with a given thing of kind `owner`, the latest sight first."""
    found: list[Any] = []
    for sight in reversed(list(sights)):
        holders = [item.holder for item in sight.seen.get(owner, ()) if item.value == value]
        found += [item.value for item in sight.seen.get(kind, ()) if any(item.holder is holder for holder in holders)]
    return list(dict.fromkeys(found))


def groups_of(sight: Sight, kind: str) -> list[Group]:
    """The things of a kind in one result, list by list; what merely echoes the call's arguments is left out."""
    given = {value for value in sight.arguments.values() if isinstance(value, str)}
    lists: dict[str, list[Occurrence]] = {}
    for item in sight.seen.get(kind, ()):
        if item.rivals or item.value not in given:
            lists.setdefault(_INDEX.sub("", item.path), []).append(item)
    return [Group(sight, tuple(items)) for items in lists.values()]


def fitting(thing: Thing, items: Iterable[Occurrence], kind: str) -> list[Occurrence]:
    """The things that the words hold for, one of each value; an order that several share gives none."""
    left = [item for item in items if _described(thing, item, kind)]
    if thing.order and left:
        left = _extreme(thing, left)
    return list({item.value: item for item in left}.values())


def _described(thing: Thing, item: Occurrence, kind: str) -> bool:
    holder = item.holder
    for words, rest in thing.whose:
        if not any(words in field_forms(name) and begins(rest, value) for name, value in holder.items()):
            return False
    if thing.called and not any(
        _naming(name, kind) and begins(thing.called, value) for name, value in holder.items() if isinstance(value, str)
    ):
        return False
    return all(_is(holder, words, wanted) for words, wanted in thing.state)


def _naming(name: str, kind: str) -> bool:
    return any(part in name.split("_") for part in _NAMES) or name in kind


def _is(holder: dict[str, Any], words: str, wanted: bool) -> bool:
    for name, value in holder.items():
        if isinstance(value, bool) and words.startswith(field_forms(name)[0]):
            return value is wanted
    states = {str(value).casefold().replace("_", " ") for value in holder.values() if isinstance(value, str)}
    return (words in states or words.split()[0] in states) is wanted


def supports(thing: Thing, fields: Iterable[str], kind: str) -> bool:
    """Whether objects with these fields could be told apart by the words."""
    names = tuple(fields)
    if thing.called and not any(_naming(name, kind) for name in names):
        return False
    if any(not any(words in field_forms(name) for name in names) for words, _ in thing.whose):
        return False
    return (
        not thing.order
        or thing.by in ("money", "time", "size")
        or any(begins(thing.by, form) for name in names for form in field_forms(name))
    )


def _extreme(thing: Thing, items: list[Occurrence]) -> list[Occurrence]:
    for name in _ordered_by(thing, items[0].holder):
        values = [comparable(item.holder.get(name)) for item in items]
        if any(value is None or type(value) is not type(values[0]) for value in values):
            continue
        best = min(values) if thing.order == "min" else max(values)  # type: ignore[type-var]
        if chosen := [item for item, value in zip(items, values, strict=True) if value == best]:
            return chosen
    return []


def _ordered_by(thing: Thing, holder: dict[str, Any]) -> list[str]:
    if thing.by == "money":
        return sorted(
            (n for n in holder if any(part in _PRICE for part in n.split("_"))),
            key=lambda n: min(_PRICE.index(p) for p in n.split("_") if p in _PRICE),
        )
    if thing.by == "time":
        return [name for name, value in holder.items() if isinstance(value, str) and _WHEN.fullmatch(value)]
    if thing.by == "size":
        sized = [name for name in holder if comparable(holder[name]) is not None and not isinstance(comparable(holder[name]), str)]
        return sorted(sized, key=lambda name: not re.search(r"size|bytes|length|duration|minutes|amount|balance", name))
    found = [(len(form), name) for name in holder for form in field_forms(name) if begins(thing.by, form)]
    return [name for _, name in sorted(found, reverse=True)]


def comparable(value: Any) -> float | str | None:
    """A value as something to order by: numbers and decimal strings as numbers, times as text; None for others."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    if _WHEN.fullmatch(value):
        return value
    return float(value) if re.fullmatch(r"-?\d{1,15}(\.\d+)?", value, re.ASCII) else None
