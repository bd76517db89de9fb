"""What a world's own code raises beside errors, and whose it is: the world's bug, or somebody's wish to stop.

`sys.exit()` in a tool, a `GeneratorExit`, an exception that is no `Exception`: none of these may end the run of all
others, so whoever calls a world's code takes them as he takes any bug of it. Law: what came from outside passes, that is
Ctrl-C, and whatever a signal handler raised while the world happened to be running.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import CodeType
from typing import Any

from .errors import WorldError, describe


def is_from_outside(error: BaseException) -> bool:
    """Whether an exception is no affair of the code that it passed through: an interrupt, or a signal handler's."""
    if isinstance(error, Exception):
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = _handlers()
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


@contextlib.contextmanager
def guarded(what: str) -> Iterator[None]:
    """Run a world's own code; what would end the process comes out as `WorldError`. Exceptions pass as they are."""
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if is_from_outside(error):
            raise
        raise WorldError(f"{what} raised {describe(error, 200)}; a world raises an error and never ends Python") from error


def _handlers() -> set[CodeType]:
    """The code of the signal handlers that are installed now."""
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        for part in (handler, getattr(handler, "__func__", None), getattr(handler, "func", None), vars(type(handler)).get("__call__")):
            code = getattr(part, "__code__", None)
            if isinstance(code, CodeType):
                found.add(code)
    return found
