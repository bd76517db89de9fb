"""The mix of categories: how often a conversation is of which kind, spelt `base=0.5,miss_func=0.1`.

Law: a category that the worlds of a conversation cannot have (`long_context` where none can swell) is left out and the
others keep their proportions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import get_args

from ...envs.errors import RunError, UnknownNameError, shorten
from ...envs.task import Category
from ...envs.world import World

CATEGORIES: tuple[Category, ...] = get_args(Category)
FULL: dict[Category, float] = {
    "base": 0.52, "miss_func": 0.08, "miss_param": 0.08, "clarify": 0.08, "irrelevant": 0.08, "error_tool_response": 0.08,
    "long_context": 0.08,
}  # fmt: skip


def parse_mix(text: str) -> dict[Category, float]:
    """A mix as it is spelt, `full` for all categories. Raises `RunError`, or `UnknownNameError` for a category."""
    if text == "full":
        return dict(FULL)
    found: dict[Category, float] = {}
    for part in text.split(","):
        name, sign, weight = part.strip().partition("=")
        if name not in CATEGORIES:
            raise UnknownNameError("category", name, CATEGORIES)
        try:
            found[name] = float(weight) if sign else 1.0
        except ValueError:
            raise RunError(f"the weight of {name} is no number: {shorten(weight)}; write {name}=0.1") from None
    if not all(0 <= weight < float("inf") for weight in found.values()) or not sum(found.values()) > 0:
        raise RunError(f"the weights of a mix are at least 0, and not all 0: {shorten(text)}")
    return found


def category_of(mix: Mapping[Category, float], worlds: Iterable[type[World]], rng: Random) -> Category:
    """A category by its weight."""
    able = any(world.can_swell for world in worlds)
    weights = {name: weight for name, weight in mix.items() if weight > 0 and (able or name != "long_context")}
    return rng.choices(list(weights), list(weights.values()))[0] if weights else "base"
