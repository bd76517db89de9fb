"""References: how a user can point at one thing among the things that a result will show.

A user does not know internal ids. One object of a list is told apart by what people would say: a name they
know, the cheapest, the earliest, the frozen one. `refer` finds such words that hold for exactly one object, or
says that there are none. Law: a reference is true of the chosen object and of no rival.
"""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random
from typing import Any, Literal

from ..envs.binding import Occurrence
from ..envs.signature import OutputField
from ..envs.tool import Tool
from .plan import Reference

Kind = Literal["known", "key", "money", "number", "time", "literal", "bool", "text"]
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?|\d{2}:\d{2}", re.ASCII)
_INDEX = re.compile(r"\[\d+\]")
_ORDER: dict[str, int] = {"known": 0, "literal": 2, "bool": 3, "time": 4, "money": 5, "number": 6}


def refer(item: Occurrence, tool: Tool, rng: Random) -> Reference | None:
    """Words for `item` among its rivals, or None where nothing a person would say tells it apart."""
    if not item.rivals:
        return Reference()
    prefix = _INDEX.sub(".*", item.path).strip(".").rpartition(".")[0]
    singles = [
        (name, kind)
        for name, value in item.holder.items()
        if _usable(item, value) and (kind := classify(_leaf(tool, prefix, name), value)) in _ORDER
    ]
    known = [name for name, kind in singles if kind == "known" and _alone(item, (name,))]
    if known:
        return _equal(item, (rng.choice(known),))
    extremes = [pick for name, kind in singles if kind in ("money", "number", "time") for pick in _extremes(item, name)]
    if extremes and rng.random() < 0.8:
        return Reference((), rng.choice(extremes))
    names = [name for name, _ in sorted(singles, key=lambda pair: _ORDER[pair[1]])]
    for name in names:
        if _alone(item, (name,)):
            return _equal(item, (name,))
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if _alone(item, (first, second)):
                return _equal(item, (first, second))
    return Reference((), extremes[0]) if extremes else None


def matches(reference: Reference, holder: dict[str, Any], others: list[dict[str, Any]]) -> bool:
    """Whether the words of a reference hold for `holder` among `others`."""
    if any(holder.get(name) != value for name, value in reference.where):
        return False
    how, _, name = reference.pick.partition(":")
    if how not in ("min", "max"):
        return True
    mine: Any = comparable(holder.get(name))
    rest: list[Any] = [comparable(other.get(name)) for other in others]
    if mine is None or any(type(value) is not type(mine) for value in rest):
        return False
    return all(mine < value for value in rest) if how == "min" else all(mine > value for value in rest)


def classify(leaf: OutputField | None, value: Any) -> Kind:
    """What a value of a result is, from its declared type and how it looks."""
    if leaf is None or value is None or isinstance(value, (dict, list)):
        return "text"
    if leaf.sort == "key":
        return "key"
    if isinstance(value, bool):
        return "bool"
    if leaf.sort == "money":
        return "money"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return "time"
    return leaf.sort


@lru_cache(maxsize=4096)
def _leaf(tool: Tool, prefix: str, name: str) -> OutputField | None:
    wanted = f"{prefix}.{name}" if prefix else name
    return next((leaf for leaf in tool.outputs if ".".join(leaf.path) == wanted), None)


def leaf_of(tool: Tool, path: str) -> OutputField | None:
    """The declared leaf at a concrete JSON path such as `[2].legs[0].fare`."""
    prefix, _, name = _INDEX.sub(".*", path).strip(".").rpartition(".")
    return _leaf(tool, prefix, name)


def comparable(value: Any) -> float | str | None:
    """A value as something to order by: numbers and decimal strings as numbers, times as text."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return _text_comparable(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _text_comparable(value: str) -> float | str | None:
    if _TIME.fullmatch(value):
        return value
    try:
        return float(value)
    except ValueError:
        return None


def _usable(item: Occurrence, value: Any) -> bool:
    return value not in (None, "") and value != item.value and len(str(value)) <= 80 and "\n" not in str(value)


def _alone(item: Occurrence, names: tuple[str, ...]) -> bool:
    if len(names) == 1:
        name, mine = names[0], item.holder[names[0]]
        return all(rival.get(name) != mine for rival in item.rivals)
    wanted = [item.holder[name] for name in names]
    return not any([rival.get(name) for name in names] == wanted for rival in item.rivals)


def _equal(item: Occurrence, names: tuple[str, ...]) -> Reference:
    return Reference(tuple((name, item.holder[name]) for name in names))


def _extremes(item: Occurrence, name: str) -> list[str]:
    mine: Any = comparable(item.holder.get(name))
    rest: list[Any] = [comparable(other.get(name)) for other in item.rivals]
    if mine is None or any(type(value) is not type(mine) for value in rest):
        return []
    low, high = min(rest), max(rest)
    return [f"min:{name}"] if mine < low else [f"max:{name}"] if mine > high else []
