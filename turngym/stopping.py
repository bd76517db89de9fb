"""Ctrl-C and SIGTERM as one exception that arrives at a good moment.

While a command prepares, a signal raises `Stopped` at once. Once work is under way that keeps what it finishes,
the command calls `Stops.check` after each finished piece, and the signal waits for that; a second one does not.
Law: the handlers of before are back afterwards. Not here: the rollout loop, which minds its own signals.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Stopped(BaseException):
    """A signal asked the command to stop. Not an `Exception`, so that nothing takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell expects: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


NOTHING = "nothing of it is kept; the same command begins anew"
ALL = "what was finished is kept, and the same command goes on"


class Stops:
    """Whether a signal came, whether it may interrupt at once, and what to say of what was done (`kept`: `NOTHING`, `ALL`, or words)."""

    def __init__(self) -> None:
        self._number = 0
        self._patient = False
        self.kept = NOTHING

    def check(self, done: int = 0, total: int = 0) -> None:
        """Raise `Stopped` if a signal came; from now on signals wait for this call. Takes what progress is told."""
        self._patient = True
        if self._number:
            raise Stopped(self._number)

    def stop(self, name: str) -> None:
        """Stop because of a signal, known by name, that somebody else received (the rollout loop)."""
        raise Stopped(signal.Signals[name])

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self._patient and not self._number:
            self._number = number
            return
        raise Stopped(number)


STOPS = Stops()


@contextlib.contextmanager
def stopping() -> Iterator[Stops]:
    """Turn SIGINT and SIGTERM into `Stopped`. Outside the main thread nothing changes."""
    STOPS.__init__()  # type: ignore[misc]  # one command at a time in a process; each starts anew
    if threading.current_thread() is not threading.main_thread():
        yield STOPS
        return
    before = {number: signal.signal(number, STOPS.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield STOPS
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watched(shown: Callable[[int, int], None], kept: str = NOTHING) -> Callable[[int, int], None]:
    """A progress report after which a signal may stop the command. `kept`: what is then true of what was done (`Stops.kept`)."""
    STOPS.kept = kept

    def progress(done: int, wanted: int) -> None:
        shown(done, wanted)
        STOPS.check()

    return progress
