"""Kinds: which parameters and fields mean the same thing, found from what was proven to feed what.

Fields that feed one parameter are of one kind, and so are parameters that one field feeds; further fields join where a name
proposes it and their values are those of the kind. A kind of internal ids (`Key`) looks like ids and is shown by results; of
all others (`Known`) the user can say values, and knows those that stand in the state at the start.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

from ...types import Semantic
from .fields import Field, nouns_of_result
from .naming import GENERIC, IDS, noun_of_method, one_of, parts_of_name, stem
from .proving import Feed, feeds_of
from .trying import Tries, fitting, json_types

_ID = re.compile(r"(?=.*\d)[\w./#:-]{1,64}|[0-9a-f]{8,}(-[0-9a-f]{4,})*", re.ASCII)
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}.*|\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
Slot = tuple[str, str]  # a tool and a parameter of it


class Kind(NamedTuple):
    """One meaning: the parameters that take it, the fields that hold it."""

    semantic: Semantic
    slots: tuple[Slot, ...]
    fields: frozenset[Field]


def kinds_of(tries: Tries) -> list[Kind]:
    """All kinds of a class that were proven."""
    feeds: dict[Slot, list[Feed]] = {}
    for tool, item in tries.tools.items():
        for name in item.parameters:
            if found := feeds_of(tries, tool, name):
                feeds[tool, name] = found
    groups = _joined(feeds)
    kinds: list[Kind] = []
    for slots, fields in groups:
        fields = _extended(tries, slots, fields)
        name = _name(tries, slots, fields, {kind.semantic.name for kind in kinds})
        kinds.append(Kind(Semantic(name, not _is_key(tries, slots, fields)), tuple(slots), frozenset(fields)))
    return _reachable(tries, kinds)


def _joined(feeds: dict[Slot, list[Feed]]) -> list[tuple[list[Slot], set[Field]]]:
    """Slots and fields that hang together, in order of the first slot."""
    groups: list[tuple[list[Slot], set[Field]]] = []
    for slot, found in feeds.items():
        fields = {feed.field for feed in found}
        touching = [group for group in groups if group[1] & fields]
        slots = [s for group in touching for s in group[0]] + [slot]
        for group in touching:
            fields |= group[1]
            groups.remove(group)
        groups.append((slots, fields))
    return groups


def _extended(tries: Tries, slots: list[Slot], fields: set[Field]) -> set[Field]:
    """With the fields that a name proposes for some slot and whose values are mostly those of the kind."""
    values = {repr(value) for field in fields for value in tries.fields.get(field, ())}
    nouns = {noun for field in fields for noun in field.nouns}
    found = set(fields)
    for field, held in tries.fields.items():
        if field in fields or not held:
            continue
        named = max(tries.score(tool, parameter, field) for tool, parameter in slots)
        alike = sum(repr(value) in values for value in held) / len(held)
        if (named >= 2.0 and (alike >= 0.5 or (named >= 3.0 and not values.isdisjoint(map(repr, held))))) or (alike >= 0.9 and _text(held)):
            found.add(field)
        elif named >= 3.0 and field.tool and set(field.nouns) & nouns and _looks_like_ids(held):
            found.add(field)  # made by calls, so that no state at the start holds its values
    return found


def _text(held: list[Any]) -> bool:
    return len(held) > 1 and all(isinstance(value, str) for value in held)


def _looks_like_ids(held: list[Any]) -> bool:
    return all(
        isinstance(value, int) or (isinstance(value, str) and _ID.fullmatch(value) is not None and _DATED.fullmatch(value) is None)
        for value in held
    )


def _is_key(tries: Tries, slots: list[Slot], fields: set[Field]) -> bool:
    """Whether a kind is one of internal ids: so called, so looking, and shown by results."""
    held = [value for field in fields for value in tries.fields.get(field, ())]
    called = any(stem(name)[1] for _, name in slots) or any(field.name == "#" or stem(field.name)[1] for field in fields)
    return bool(held) and called and _looks_like_ids(held) and any(field.tool for field in fields)


def _name(tries: Tries, slots: list[Slot], fields: set[Field], taken: set[str]) -> str:
    """What a kind is called: by the parameters that take it, or by the things whose id or name it is."""
    votes: Counter[str] = Counter()
    for tool, parameter in slots:
        base, named = stem(parameter)
        if base and base not in GENERIC:
            noun = next((n for field in fields for n in field.nouns if n and (base == n or base.endswith(f"_{n}"))), "")
            votes[noun or one_of(base)] += 3
        else:
            about = nouns_of_result(tool, tries.cls.design.offers[tool].returns)
            held = [n for field in fields for n in field.nouns if n in about] or list(about) or [noun_of_method(tool)]
            word = "_".join(parts_of_name(parameter)) if not named and parameter not in IDS else ""
            votes["_".join(part for part in (held[0], word) if part) or parameter] += 2
    for field in sorted(fields):
        base, named = ("", True) if field.name == "#" else stem(field.name)
        if named and not base and field.nouns:
            votes[field.nouns[0]] += 1
    name = max(votes, key=lambda key: (votes[key], -list(votes).index(key)))
    while name in taken:
        name += "_value"
    return name


# -- whether results can show it -----------------------------------------------------------------------------


def _reachable(tries: Tries, kinds: list[Kind]) -> list[Kind]:
    """Ids that no order of calls can show from the start are said by the user, where the state holds them."""
    while True:
        lost = _out_of_reach(tries, kinds)
        told = [kind for kind in kinds if kind.semantic.name in lost and any(not field.tool for field in kind.fields)]
        if not told:
            return kinds
        kinds = [kind._replace(semantic=Semantic(kind.semantic.name, True)) if kind is told[0] else kind for kind in kinds]


def _out_of_reach(tries: Tries, kinds: list[Kind]) -> set[str]:
    keys = {kind.semantic.name for kind in kinds if not kind.semantic.known}
    needs = {
        tool: {k.semantic.name for k in kinds for t, p in k.slots if t == tool and tries.tools[t].parameters[p].required}
        for tool in tries.tools
    }
    shown: set[str] = set()
    while True:
        able = {tool for tool, wanted in needs.items() if wanted & keys <= shown}
        more = {kind.semantic.name for kind in kinds for field in kind.fields if field.tool in able} - shown
        if not more:
            return keys - shown
        shown |= more


def fits_kind(tries: Tries, kind: Kind, value: Any) -> bool:
    """Whether a value can be an argument of the kind."""
    for tool, parameter in kind.slots:
        schema = tries.tools[tool].parameter_schema
        if fitting(value, json_types(schema["properties"][parameter], schema.get("$defs", {}))):
            return True
    return False
