"""Cases: what an audit looks at, whatever format a task has at home.

A `Case` says what the user says and which calls are gold; its `start` gives a `Play`, a live run in fresh worlds. Laws:
two plays of one case are equal until they are treated differently; a fork shares nothing that can change; nothing that is
called raises. Not here: how a format becomes cases (`adapters.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

from ...envs.task import Source


class Call(NamedTuple):
    """One gold call.

    Attributes:
        id: unique in its case. name, arguments: what is called.
        sources: argument -> where its value is declared to come from; empty where nothing is declared.
        after: ids of gold calls that must come first; None where no partial order is declared.
        meant_to_fail: gold passes a wrong value on purpose.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    sources: Mapping[str, Source] = {}
    after: tuple[str, ...] | None = None
    meant_to_fail: bool = False


class CaseTurn(NamedTuple):
    """A user message and gold's answer to it. `released`: tools handed over now; `asks`: gold asks back or declines."""

    user: str
    gold: tuple[Call, ...]
    reply: str = ""
    released: tuple[str, ...] = ()
    asks: bool = False


class Outcome(NamedTuple):
    """What came of a call.

    Attributes:
        text: what the model reads. value: the same as data, the text itself where it is none.
        error: why the call failed, or None. refused: it ran, and answered that it did not do it.
        changed: whether any state is another one now.
    """

    text: str
    value: Any = None
    error: str | None = None
    refused: bool = False
    changed: bool = False

    @property
    def went_through(self) -> bool:
        """Whether the call did what it was asked."""
        return self.error is None and not self.refused


class Oddity(NamedTuple):
    """Something wrong that a format can tell of a task by itself: a name that does not exist, turns that do not align."""

    code: str
    why: str
    turn: int | None = None
    call: str | None = None


class Play(Protocol):
    """A live run of a case. Tools that are withheld can be called all the same: whether they may be is judged by `visible`."""

    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> function schema (`description`, `parameters`), of every tool there is, withheld or not."""
        ...

    def visible(self) -> Collection[str]:
        """The tools that a policy is shown now."""
        ...

    def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool; never raises for what is passed."""
        ...

    def end_turn(self, reply: str) -> bool:
        """Say the closing words of a turn; whether it passed."""
        ...

    def success(self) -> bool:
        """Whether every turn ended and passed."""
        ...

    def fork(self) -> Play:
        """An independent copy."""
        ...

    def fingerprint(self) -> str:
        """Equal for equal states."""
        ...

    def lasting(self, earlier: Play) -> bool:
        """Whether anything is different from an earlier play of this case that counts by the world's own declaration."""
        ...

    def context(self) -> Collection[str]:
        """What a policy is shown besides words and results: the date, say."""
        ...


class Case(Protocol):
    """A task as an audit sees it."""

    @property
    def id(self) -> str: ...

    @property
    def turns(self) -> tuple[CaseTurn, ...]: ...

    @property
    def complete(self) -> bool:
        """Whether a play's fingerprint tells of all state there is; where it does not, a call may change what nobody sees."""
        ...

    def start(self) -> Play:
        """A live run in fresh worlds. Raises `TurngymError` where there are none to be had."""
        ...

    def oddities(self) -> list[Oddity]:
        """What the format itself can tell to be wrong."""
        ...

    def recorded(self, turn: int) -> str:
        """The fingerprint that the state should have after gold's turn; "" where none is recorded."""
        ...


def label(call: Call, place: int) -> str:
    """A gold call for people: `name#place in its turn`."""
    return f"{call.name}#{place}"
