"""Faults: calls that a service answers by an error although nothing is wrong with them.

A fault has a kind and leaves the state as it was; the same call once more goes through. Tasks carry faults per turn
(`Turn.faults`), so that every policy meets them at the same place; the wrapper `FaultInjection` throws them by chance.
Law: which call fails is a pure function of the calls made, and a gold call that is made once more for every strike has
its effect. Not here: errors of the worlds themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .errors import ErrorKind
from .tool import ToolCall, ToolResult

if TYPE_CHECKING:
    from .task import Fault

WORDS: dict[str, str] = {
    "unavailable": "the service is temporarily unavailable; try again",
    "limit_exceeded": "too many requests right now; try again",
    "conflict": "the record is being changed by somebody else; try again",
    "permission_denied": "the service did not recognise the session this time; try again",
}
ONCE: tuple[ErrorKind, ...] = ("unavailable", "limit_exceeded", "conflict", "permission_denied")  # may be answered to a right call


def failed(name: str, kind: ErrorKind) -> ToolResult:
    """The answer of a service that fails for no reason of the caller's."""
    return ToolResult.failure(name, kind, WORDS.get(kind, "the call failed; try again"))


class Faults:
    """The faults of one turn that have not struck yet; `strike` uses them up, so `fork` before you share them."""

    __slots__ = ("_left",)

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._left = list(faults)

    def strike(self, call: ToolCall) -> ToolResult | None:
        """The error that answers a call, or None where the call goes through. Each fault strikes once."""
        for fault in self._left:
            if fault.tool == call.name:
                self._left.remove(fault)
                return failed(call.name, fault.kind)
        return None

    def __bool__(self) -> bool:
        return bool(self._left)

    def fork(self) -> Faults:
        """An independent copy."""
        return Faults(self._left)
