"""What probing tells of a class of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ...world import Fact


class Learnt(NamedTuple):
    """What is known of a class: its tools, its gaps, and what the user of a world knows."""

    tools: Mapping[str, Any]
    gaps: tuple[str, ...]
    facts: Callable[[Any], Iterable[Fact]]


def unlearnt(cls: Any) -> Learnt:
    """Before anything was probed."""
    return Learnt(dict(cls.foreign_tools), cls.static_gaps, lambda world: ())


def learn(cls: Any) -> Learnt:
    """What probing finds of a class."""
    cls.create()
    gaps = list(cls.static_gaps)
    look = cls.design.look
    if look.shows_private and not look.by_function:
        gaps.append("it has no public attribute; its private ones are compared instead (say what counts with state=)")
    return unlearnt(cls)._replace(gaps=tuple(gaps))
