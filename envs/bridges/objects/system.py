"""A living object behind the door: how its methods are called, and what may come back of it.

Laws: arguments are passed as data; what a method gives is taken whole at once (a generator is run to its end), so that
nothing happens after the call; a result of more than `MOST_CHARS` characters or `MOST_ITEMS` items is refused, and the call
undone.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ...errors import ToolError
from ..canon import result_text
from .copying import Copier, Kept
from .looking import Look
from .members import Offer

MOST_ITEMS = 10_000
MOST_CHARS = 1_000_000
_SCALARS = (str, int, float, bool)


class Design:
    """What all objects of one world class have in common: methods by name, how they are looked at, and copied."""

    def __init__(self, offers: Mapping[str, Offer], look: Look, copier: Copier) -> None:
        self.offers, self.look, self.copier = dict(offers), look, copier


class ObjectImage:
    """A moment of an object."""

    __slots__ = ("_design", "kept")

    def __init__(self, design: Design, kept: Kept) -> None:
        self._design, self.kept = design, kept

    def thaw(self) -> ObjectSystem:
        """A new object, equal to the one that was frozen."""
        with _quiet():
            return ObjectSystem(self._design, self.kept.thing())


class ObjectSystem:
    """One living object."""

    __slots__ = ("_design", "thing")

    def __init__(self, design: Design, thing: Any) -> None:
        self._design, self.thing = design, thing

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call a method; raises what it raises."""
        offer, arguments = self._design.offers[name], dict(arguments)
        for key, default in offer.fresh.items():
            arguments.setdefault(key, copy.deepcopy(default))
        placed = [arguments.pop(key) if key in arguments else default for key, default in offer.by_position]
        try:
            found = getattr(self.thing, name)(*placed, **arguments)
            return _whole(found)
        except (SystemExit, GeneratorExit) as error:
            raise AssertionError(f"{name} tried to end the process ({type(error).__name__})") from None

    def state(self) -> Mapping[str, Any]:
        """The named parts that are compared."""
        return self._design.look.shown(self.thing)

    def parts(self) -> tuple[dict[str, str], dict[str, str]]:
        """What is shown and what is not, as parts."""
        return self._design.look.parts(self.thing)

    def is_as(self, image: ObjectImage) -> bool:
        """Whether the object is for certain what an image holds; False where that cannot be told at once."""
        return self._design.copier.same(image.kept, self.thing)

    def freeze(self) -> ObjectImage:
        """This moment. Raises `DefinitionError` where the object holds something that cannot be copied."""
        with _quiet():
            return ObjectImage(self._design, self._design.copier.keep(self.thing))


def _quiet() -> warnings.catch_warnings[None]:
    """Copying what will not be copied in a later Python (`itertools.count`) warns, to whom it does not concern."""
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)


def _whole(found: Any) -> Any:
    if isinstance(found, Iterator) and not hasattr(found, "read"):
        items = list(islice(found, MOST_ITEMS + 1))
        if len(items) > MOST_ITEMS:
            raise ToolError("limit_exceeded", f"the result has more than {MOST_ITEMS:,} items")
        return items
    if inspect.isawaitable(found):
        raise AssertionError("an awaitable came back, which nobody awaits")
    return found


def text_of(value: Any, key: str = "result") -> str:
    """A result as the model reads it: JSON, a single value as `{key: value}`. Raises `ToolError` if it is too long."""
    kind = type(value)
    text = result_text({key: value} if kind in _SCALARS else value)
    if text[:1] not in "{[n":  # something that is written as a single value: a date, an enum, an amount
        text = f'{{"{key}": {text}}}'
    if len(text) > MOST_CHARS:
        raise ToolError("limit_exceeded", f"the result has {len(text):,} characters, more than {MOST_CHARS:,}")
    return text
