"""Twists: what a conversation of a special category does with one of its rounds.

A twist takes a round that was drawn as any other and makes the turns of it: the request and its refusal, then the tool
handed over; the request and the question, then the answer; and so on. Law: a twist that cannot be proven is `Rejected`
with its reason, and another round is drawn. Not here: the proof from the finished task (`proofs.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from ...envs.task import Category
from ..making import Making, Writer
from ..plan import Round
from .trouble import troubled
from .unclear import unclear
from .unsaid import unsaid
from .withheld import Request, hopeless, withheld

__all__ = ["Request", "Twist", "twist_of"]
_Play = Callable[[Writer, Making, Round, Random], Awaitable[None]]


@dataclass(slots=True)
class Twist:
    """One category's way with a round.

    Attributes:
        category: which. least: rounds that a conversation needs, so that something is left to do. delay: turns between the
            request and the calls. strange: a request of another world, for `irrelevant`.
    """

    category: Category
    least: int = 1
    delay: int = 1
    strange: Request | None = None

    async def apply(self, writer: Writer, making: Making, round_: Round, rng: Random) -> None:
        """Make the turns of a round, in `making`; raises `Rejected`."""
        if self.category == "irrelevant":
            await hopeless(writer, making, round_, rng, self.strange)
        else:
            await _PLAYS[self.category](writer, making, round_, rng)


_PLAYS: dict[Category, _Play] = {
    "miss_func": withheld, "miss_param": unsaid, "clarify": unclear, "error_tool_response": troubled,
}  # fmt: skip


def twist_of(category: Category) -> Twist | None:
    """The twist of a category; None for `base` and `long_context`, whose turns are ordinary."""
    if category == "irrelevant":
        return Twist(category, least=2, delay=0)
    if category == "error_tool_response":
        return Twist(category, delay=0)
    return Twist(category) if category in _PLAYS else None
