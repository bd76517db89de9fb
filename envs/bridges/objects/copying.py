"""Copies of objects: how a moment of one is kept, so that equal objects can be made from it any number of times.

Laws: a way of copying is used only after it was proven on a first object (the copy holds the same, and nothing that can
change is shared); where no way works, `DefinitionError` names the attribute that stands in the way. Not here: state
outside the object (class attributes, globals); no copy holds that, and `turngym check` looks for it.
"""

from __future__ import annotations

import copy
import pickle
import statistics
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from ...errors import DefinitionError, shorten
from ..canon import attributes_of
from .looking import Look

Fork = str | Callable[[Any], Any]
WAYS = ("auto", "pickle", "deepcopy")
_ATOMS = (str, int, float, bool, bytes, complex, type(None))


class Kept(NamedTuple):
    """A moment of an object: pickled bytes, or a copy that nobody touches."""

    body: Any
    again: Callable[[Any], Any]

    def thing(self) -> Any:
        """A new object, equal to the one that was kept."""
        return self.again(self.body)


class Copier:
    """Keeps moments of objects of one class; the way is settled by the first one.

    Args:
        owner: the class's name, for messages. way: one of `WAYS`, or a function that copies. look: what copies must agree in.
    """

    def __init__(self, owner: str, way: Fork, look: Look) -> None:
        if not callable(way) and way not in WAYS:
            raise DefinitionError(f"fork={shorten(repr(way))} is none of {', '.join(WAYS)}, nor a function that copies an object")
        self.owner, self._wanted, self._look = owner, way, look
        self.way = ""

    def keep(self, thing: Any) -> Kept:
        """This moment. Raises `DefinitionError` where the object holds something that cannot be copied."""
        if not self.way:
            self._settle(thing)
        try:
            return self._keep(self.way, thing)
        except Exception as error:
            raise self._refused(thing, error) from None

    def again(self, body: Any) -> Kept:
        """A moment from its body alone, as another process had it."""
        if not self.way:
            raise DefinitionError(f"{self.owner}: no object has been kept here yet")
        if self.way == "pickle":
            return Kept(body, pickle.loads)
        return Kept(body, self._wanted if callable(self._wanted) else copy.deepcopy)

    def same(self, kept: Kept, thing: Any) -> bool:
        """Whether an object is for certain as it was at a moment: its pickle is the same. False says nothing."""
        return self.way == "pickle" and bool(pickle.dumps(thing, 5) == kept.body)

    def _keep(self, way: str, thing: Any) -> Kept:
        if way == "pickle":
            return Kept(pickle.dumps(thing, 5), pickle.loads)
        again: Callable[[Any], Any] = self._wanted if callable(self._wanted) else copy.deepcopy
        return Kept(again(thing), again)

    def _settle(self, thing: Any) -> None:
        """Find the first way that is proven on an object."""
        ways = ("pickle", "deepcopy") if self._wanted == "auto" else (self._wanted if isinstance(self._wanted, str) else "function",)
        why: Exception | None = None
        for way in ways:
            try:
                if (lost := self._lost(thing, self._keep(way, thing).thing())) == "":
                    self.way = way
                    return
                why = ValueError(lost)
            except Exception as error:
                why = error
        assert why is not None
        raise self._refused(thing, why)

    def _lost(self, thing: Any, twin: Any) -> str:
        """What a copy does not hold as the object does, in words."""
        if type(twin) is not type(thing):
            return f"a copy is a {type(twin).__name__}"
        if self._look.picture(twin) != self._look.picture(thing):
            return "a copy holds something else"
        return f"{shared}, which copies would share" if (shared := _shared(thing, twin)) else ""

    def _refused(self, thing: Any, error: Exception) -> DefinitionError:
        place = self._culprit(thing)
        where = f"its attribute {place} cannot be copied" if place else "it cannot be copied"
        return DefinitionError(
            f"{self.owner} cannot be forked: {where} ({type(error).__name__}: {shorten(' '.join(str(error).split()), 160)});"
            " leave it out in __getstate__, or give fork= a function that copies"
        )

    def _culprit(self, thing: Any, path: str = "", depth: int = 0) -> str:
        """The place of the first thing inside that does not survive a copy; "" where all parts do."""
        for name, part in _inside(thing):
            here = f"{path}.{name}" if path else name
            try:
                sound = self._look.picture(_Box(copy.deepcopy(part))) == self._look.picture(_Box(part)) and not _shared(part, part)
            except Exception:
                sound = False
            if not sound:
                return self._culprit(part, here, depth + 1) or here if depth < 4 else here
        return ""


class _Box:
    """Holds one value, so that it is looked at as an attribute is."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _inside(thing: Any) -> list[tuple[str, Any]]:
    if isinstance(thing, dict):
        return [(str(key), part) for key, part in thing.items()]
    if isinstance(thing, (list, tuple)):
        return [(f"[{index}]", part) for index, part in enumerate(thing)]
    return list((attributes_of(thing, True) or {}).items())


def _shared(thing: Any, twin: Any) -> str:
    """A function that closes over something that can change: it is not copied, and goes on acting on the original."""
    stack: list[tuple[str, Any, int]] = [("", twin, 0)]
    seen: set[int] = set()
    while stack:
        name, value, depth = stack.pop()
        if isinstance(value, _ATOMS) or id(value) in seen or depth > 8:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            for label, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
                try:
                    held = cell.cell_contents
                except ValueError:
                    continue
                if not isinstance(held, (*_ATOMS, FunctionType, type)):
                    return f"{name or 'it'} is a function that closes over {label}"
            continue
        stack += [(inner if not name else f"{name}.{inner}", part, depth + 1) for inner, part in _inside(value)]
    return ""


def measure(copier: Copier, thing: Any, times: int = 50) -> dict[str, Any]:
    """What a fork of an object costs: the way, and medians in microseconds of keeping a moment and of making an object from it."""
    kept = copier.keep(thing)
    keeping, making = [], []
    for _ in range(times):
        start = time.perf_counter()
        kept = copier.keep(thing)
        middle = time.perf_counter()
        kept.thing()
        keeping.append(middle - start)
        making.append(time.perf_counter() - middle)
    return {
        "way": copier.way,
        "keep_us": round(1e6 * statistics.median(keeping), 1),
        "make_us": round(1e6 * statistics.median(making), 1),
        "bytes": len(kept.body) if isinstance(kept.body, bytes) else None,
    }
