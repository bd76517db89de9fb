"""The contract between a rollout and whoever speaks to the policy, and the user that speaks the task's own words.

    class Mine:
        name = "mine"
        def start(self, task, *, trial=0, seed=0): return MyEpisode(...)      # one object an episode

    class MyEpisode:
        async def open(self, turn: int) -> Said: ...                          # what begins a turn
        async def answer(self, text: str, turn: int) -> Said: ...             # Said(None): satisfied, the turn ends

A user hears words alone: what the policy says without a call. Laws: what a user says never changes how a turn is
judged; a user that fails is an error of the episode and never the policy's failure. Not here: the user on a model
(`users/simulated.py`), what it may say (`users/facts.py`), how a rollout talks with it (`dialogue.py`).
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from ..envs.errors import RunError, TurngymError, UnknownNameError, shorten
from ..envs.task import Task
from .policy import PolicySpec

How = Literal["scripted", "model", "template", "done", "patience"]


class UserError(TurngymError):
    """The user failed at its part: the episode says nothing about the policy."""


class Said(NamedTuple):
    """What a user says, and what it took.

    Attributes:
        text: the words; None where the user is satisfied (or gave up) and the turn ends.
        how: `scripted` (the task's words), `model`, `template` (put in the place of refused words), `done`,
            `patience` (it answered as often as it does, and heard no end).
        requests: how often a model was asked. usage: its tokens, summed. refused: `said` and `why` of words that
            were not let through.
    """

    text: str | None
    how: How = "model"
    requests: int = 0
    usage: Mapping[str, int] | None = None
    refused: tuple[Mapping[str, str], ...] = ()

    def record(self) -> dict[str, Any]:
        """As plain JSON data without the words, which stand among the messages."""
        found = {"how": self.how, "requests": self.requests, "usage": dict(self.usage or {}), "refused": [dict(r) for r in self.refused]}
        return {name: value for name, value in found.items() if value}


class UserEpisode(Protocol):
    """A user within one episode."""

    async def open(self, turn: int) -> Said:
        """The words that begin turn `turn` (from 0); `Said.text` is never None. Called once a turn, in order."""
        ...

    async def answer(self, text: str, turn: int) -> Said:
        """The answer to what the policy said in turn `turn`."""
        ...


class User(Protocol):
    """Speaks to policies; one object serves many episodes at once. Optional beside these: `config`, `prepare`,
    `close` and `spec`, as a `Policy` has them."""

    name: str

    def start(self, task: Task, *, trial: int = 0, seed: int = 0) -> UserEpisode:
        """The user of one episode. Raises `TaskError` for a task that it cannot speak for."""
        ...


class ScriptedUser:
    """Says the task's turns as they stand, and takes every message without a call for the end of the turn.

    A rollout without a user is the same thing.
    """

    name = "scripted"

    def start(self, task: Task, *, trial: int = 0, seed: int = 0) -> ScriptedEpisode:
        """The turns of one task."""
        return ScriptedEpisode(task)


class ScriptedEpisode:
    """The turns of one task, said in order."""

    def __init__(self, task: Task) -> None:
        self._task = task

    async def open(self, turn: int) -> Said:
        """The turn's text."""
        return Said(self._task.turns[turn].user, "scripted")

    async def answer(self, text: str, turn: int) -> Said:
        """Satisfied."""
        return Said(None, "done")


USERS: dict[str, str] = {
    "scripted": "turngym.agents.user:ScriptedUser",
    "simulated": "turngym.agents.users.simulated:SimulatedUser",
}


def make_user(name: str, **options: Any) -> User:
    """A user by its name; it carries a `spec` from which other processes make it again.

    Args:
        name: `scripted` or `simulated`. options: for `simulated`, `policy` (the name of the policy that it stands
            on, default `chat`), `prompt`, `patience`, `wording`; all others are that policy's.

    Raises `UnknownNameError` with the nearest names, `RunError` for options it does not take.
    """
    place = USERS.get(name)
    if place is None:
        raise UnknownNameError("user", name, USERS)
    module, _, attribute = place.partition(":")
    cls = getattr(importlib.import_module(module), attribute)
    make = getattr(cls, "make", cls)
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        raise RunError(f"user {shorten(name)}: {error}; its options: {', '.join(inspect.signature(make).parameters) or 'none'}") from None
    try:
        user: User = make(**options)
    except ValueError as error:
        raise RunError(f"user {shorten(name)}: {error}") from None
    with contextlib.suppress(AttributeError):
        user.spec = PolicySpec(name, dict(options))  # type: ignore[attr-defined]
    return user
