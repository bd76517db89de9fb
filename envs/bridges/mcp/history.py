"""How a live server came to be where it is: a start, and the calls made since, as a chain that forks share.

Law: two moments with equal keys were reached by equal calls with equal answers from equal starts, so that a server which
stands at one stands at the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple


class Start(NamedTuple):
    """Where a history begins: what a reset is told."""

    seed: int
    size: str
    config: str

    @property
    def names(self) -> dict[str, Any]:
        """What declarations may ask for by name."""
        held: dict[str, Any] = json.loads(self.config) if self.config else {}
        return {**held, "seed": self.seed, "size": self.size}


class Moment:
    """A place in a history; it never changes.

    Attributes:
        start: where it began. earlier: the moment before the last call, None at the start. name, arguments: that call.
        told: the mark of what it answered (`mark_of`). key: equal for equal histories. depth: calls since the start.
    """

    __slots__ = ("arguments", "depth", "earlier", "key", "name", "start", "told")

    def __init__(self, start: Start, earlier: Moment | None = None, name: str = "", arguments: Any = None, told: str = "") -> None:
        self.start, self.earlier, self.name, self.arguments, self.told = start, earlier, name, arguments, told
        self.depth: int = earlier.depth + 1 if earlier is not None else 0
        body = [earlier.key, name, arguments, told] if earlier is not None else list(start)
        self.key: str = blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).hexdigest()

    def then(self, name: str, arguments: Any, told: str) -> Moment:
        """The moment after one more call."""
        return Moment(self.start, self, name, arguments, told)

    def calls(self) -> Iterator[Moment]:
        """The moments since the start, in order; the start left out."""
        found: list[Moment] = []
        moment: Moment | None = self
        while moment is not None and moment.earlier is not None:
            found.append(moment)
            moment = moment.earlier
        return reversed(found)


def mark_of(text: str, failed: bool) -> str:
    """A short mark of an answer: whether it failed, and what it said."""
    return f"{'!' if failed else '.'}{blake2b(text.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"
