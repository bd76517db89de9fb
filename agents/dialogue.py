"""One rollout's talk with its user: what is asked of the user, when, for how long, and what is kept of it.

Laws: the user's words, tokens and time stand apart from the policy's; what fails in a user is told apart from what
fails in a policy. Not here: what a user says (`user.py`), the episode (`rollout.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter
from typing import Any

from ..envs.errors import TaskError
from ..envs.messages import Message, user_message
from ..envs.task import Task
from .policy import EndEpisode, InfrastructureError, joined
from .user import Said, User, UserEpisode, UserError


class Dialogue:
    """A user within one rollout.

    Attributes:
        record: one entry for each time that the user was asked for words: `turn`, `part` (`opening` or `answer`),
            `message` (the index of the message that came of it; none where the turn ended), and `Said.record()`.
        times: seconds that each took.
    """

    def __init__(self, user: User, task: Task, trial: int, seed: int) -> None:
        self.record: list[dict[str, Any]] = []
        self.times: list[float] = []
        self._turns = len(task.turns)
        try:
            self._user: UserEpisode = user.start(task, trial=trial, seed=seed)
        except (TaskError, InfrastructureError):
            raise
        except Exception as error:
            raise _failure(error) from error
        self._following: Said | None = None

    async def open(self, turn: int, left: float | None) -> Said:
        """The words that begin a turn. Raises as `answer` does."""
        said = await self._wait(self._user.open(turn), left)
        if not isinstance(said, Said) or not isinstance(said.text, str):
            raise UserError("a user opens a turn with Said(text)")
        return said._replace(text=joined(said.text))

    async def answer(self, text: str, turn: int, left: float | None) -> tuple[Said, Said | None]:
        """What the user says to `text`, and, where that ends the turn, the words that begin the next (None at the end).

        Raises `UserError` or `InfrastructureError` if the user fails, `EndEpisode` once `left` seconds are over.
        """
        begun = perf_counter()
        said = await self._wait(self._user.answer(text, turn), left)
        if not isinstance(said, Said) or not (said.text is None or isinstance(said.text, str)):
            raise UserError("a user answers with Said(text), or Said(None) at the end of a turn")
        if said.text is not None:
            return said._replace(text=joined(said.text)), None
        if turn + 1 == self._turns:
            return said, None
        return said, await self.open(turn + 1, None if left is None else left - (perf_counter() - begun))

    def keep(self, said: Said, turn: int, part: str, message: int | None) -> None:
        """Put what was said into the record."""
        place = {} if message is None else {"message": message}
        self.record.append({"turn": turn, "part": part, **place, **said.record()})

    async def _wait(self, coming: Awaitable[Said], left: float | None) -> Said:
        begun = perf_counter()
        clock = asyncio.timeout(left)
        try:
            async with clock:
                return await coming
        except InfrastructureError:
            raise
        except asyncio.CancelledError as error:
            if is_stopped():
                raise
            raise _failure(error) from error
        except (Exception, SystemExit) as error:  # no user ends the run of all others
            if clock.expired() and isinstance(error, TimeoutError):
                raise EndEpisode("seconds", "while the user was speaking") from None
            raise _failure(error) from error
        finally:
            self.times.append(round(perf_counter() - begun, 6))


def is_stopped() -> bool:
    """Whether a cancellation is a wish to stop this rollout, and not one of the policy's or the user's own tasks."""
    task = asyncio.current_task()
    return task is None or bool(task.cancelling())


def opening_message(said: Said | None, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages that begin a turn, in the user's words where it has its own."""
    if said is None or said.text is None or not messages:
        return messages
    return (*messages[:-1], user_message(said.text))


def _failure(error: BaseException) -> UserError:
    try:
        words = str(error)
    except Exception:  # an exception that cannot even say what it is
        words = ""
    return UserError(f"{type(error).__name__}: {words}")
