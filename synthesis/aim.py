"""What an answer is to come to, where that is not simply to do what was asked.

An `Aim` tells the guided chain how a special turn ends (in a refusal, in a question), which tools are withheld, and what
goes wrong on the way. Law: an aim changes what an answer is checked for, never what is stored of a hint. `PLAIN`
changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ..envs.spoken import spoken
from ..envs.task import Checks, Fault
from ..envs.told import asks, declines
from ..envs.tool import ToolCall


class Slip(NamedTuple):
    """A mistake that a template reasoner makes on purpose: before which call of the round, what it thinks, what it calls."""

    before: int
    thought: str
    call: ToolCall


class Aim(NamedTuple):
    """See the module.

    Attributes:
        hint: told to a reasoner beside the brief. thought, reply: what a template thinks and says at the end.
        declines, asks: as in `Checks`. hidden: tools that are withheld.
        faults: errors of services in this turn. slips: mistakes to make. Where there are any of the two, calls that
            fail do not count against an answer.
    """

    hint: str = ""
    thought: str = ""
    reply: str = ""
    declines: bool = False
    asks: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()
    slips: tuple[Slip, ...] = ()

    @property
    def troubled(self) -> bool:
        """Whether calls may fail on the way."""
        return bool(self.faults or self.slips)

    def checks(self, checks: Checks) -> Checks:
        """The checks of a turn with what this aim asks of its reply."""
        return checks.model_copy(update={"declines": self.declines, "asks": self.asks}) if self.declines or self.asks else checks

    def missed(self, reply: str) -> str:
        """Why a reply does not come to it ("" if it does)."""
        reply = spoken(reply)
        if self.declines and not declines(reply):
            return "the reply does not say that this cannot be done with the tools at hand"
        if self.asks and not asks(reply, self.asks):
            return f"the reply does not ask for {' or '.join(self.asks[:2])}"
        return ""


PLAIN = Aim()
