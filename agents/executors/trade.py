"""What travels between a run and its workers, whatever their trade: an order, pieces of work, finished lines, errors.

A trade has two ends. Here, a `Trade` (`team.py`) says what workers need and who shares the work among them; there, a
`Craft` is made from the order and does one piece after another. Laws: a piece comes as an id, a number and a text, and
goes back as one line; what goes wrong there is told as data and raised again here, equal in kind and words.
Not here: how lines travel (`processes.py`, `ray.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, Protocol, TypeAlias

from ...envs.door import allow, allowed
from ...envs.errors import RunError, TaskError, TurngymError, WorldRefusedError, shorten
from ..policy import InfrastructureError

Wrong: TypeAlias = "tuple[str, str] | None"
Dumps: TypeAlias = "Callable[[Any], bytes | memoryview]"
_KINDS: tuple[tuple[str, type[Exception]], ...] = (
    ("infrastructure", InfrastructureError), ("task", TaskError), ("refused", WorldRefusedError), ("run", TurngymError),
)  # fmt: skip


class Parcel(NamedTuple):
    """A piece of work as it travels; what `trial` and `line` hold is the trade's affair."""

    id: str
    trial: int
    line: str


class Report(NamedTuple):
    """What a worker has to say: finished lines, how many pieces waited at most at once, and what went wrong."""

    lines: Sequence[bytes] = ()
    busy: int = 0
    wrong: Wrong = None


class Craft(Protocol):
    """What a worker can do. Made where it works, from the parts of an order.

    Attributes:
        seats: how many pieces may be under way at once.
    """

    seats: int

    def opened(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Ready for work, until it is closed again; what is raised ends the run."""
        ...

    async def make(self, parcel: Parcel) -> bytes:
        """Do a piece: one line that the trade reads; what is raised ends the run."""
        ...


def order_of(
    craft: Callable[..., Craft], parts: Mapping[str, Any], remedies: Mapping[str, str], dumps: Dumps = ForkingPickler.dumps
) -> bytes:
    """All that a worker needs to begin: `craft(**parts)` is called there, and data may name the worlds that it may name here.

    Raises `RunError` for a part that cannot leave this process, with its remedy.
    """
    with contextlib.suppress(Exception):
        return bytes(dumps((craft, dict(parts), allowed())))
    for name, remedy in remedies.items():
        try:
            dumps(parts[name])
        except Exception as error:
            why = shorten(f"{type(error).__name__}: {error}", 160)
            raise RunError(f"the {name} cannot be sent to another process ({why}); {remedy}, or run in this process") from None
    raise RunError("this run cannot be sent to another process; run it in this one")


def craft_of(order: bytes) -> Craft:
    """The craft of an order, on the worker. Raises what its making raises."""
    craft, parts, places = ForkingPickler.loads(order)
    allow(*places)  # what the user named is named there as well
    made: Craft = craft(**parts)
    return made


# -- errors as data ---------------------------------------------------------------------------------------


def told(error: Exception) -> tuple[str, str]:
    """An error as data: its kind and its words."""
    for kind, cls in _KINDS:
        if isinstance(error, cls):
            return kind, str(error)
    return "bug", shorten(f"{type(error).__name__}: {error}", 500)


def raise_told(wrong: Wrong) -> None:
    """Raise what a worker told, if it told anything: equal in kind and words to what a run in one process raises."""
    if wrong is not None:
        kinds: Mapping[str, type[Exception]] = {**dict(_KINDS), "run": RunError}
        kind, words = wrong
        raise kinds.get(kind, RuntimeError)(words if kind in kinds else f"in a worker: {words}")
