"""Everything that turngym raises on purpose, as one tree.

    TurngymError
    +-- ToolError               told to the model as the result of its call; the state is unchanged
    +-- DefinitionError         a world, tool or record is declared wrongly; raised at import of the world
    +-- WorldError              a world's own code would have ended Python outside of a call: its generator, its clock
    +-- NotPortableError        something cannot be sent to another process (pickled), and why
    +-- TaskError               a task or task file is malformed
    +-- UnknownNameError        no such env, world, tool or policy; carries the nearest names
    +-- WorldRefusedError       data names a world that nobody allowed; says how to allow it
    +-- RunError                a run directory cannot be used as asked
    |   +-- WriteError          the disk does not take what a run writes; what is there stays, the same run goes on
    +-- InfrastructureError     (agents.policy) a server or machine failed, not the task
    +-- MissingExtraError       an optional dependency is absent; says how to install it

A message is one line: what was wrong, the value (shortened), the remedy.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, get_args

ErrorKind = Literal[
    "unknown_tool",
    "invalid_arguments",
    "not_found",
    "permission_denied",
    "precondition_failed",
    "conflict",
    "limit_exceeded",
    "unavailable",
    "internal_error",
]
ERROR_KINDS: tuple[str, ...] = get_args(ErrorKind)
MAX_VALUE_CHARS = 500  # of anything that a model sent, in what it is told back
MAX_MESSAGE_CHARS = 2_000


class TurngymError(Exception):
    """Root of every error that this library raises on purpose."""


class ToolError(TurngymError):
    """A refusal that the model reads: `raise ToolError("not_found", "no payee is called 'Bob'")`.

    Args:
        kind: one of `ERROR_KINDS` except `internal_error`, which is kept for our own bugs.
        message: one helpful line; say what would work instead.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        if kind not in ERROR_KINDS:
            raise ValueError(f"unknown tool error kind {kind!r}; use one of {', '.join(ERROR_KINDS)}")
        super().__init__(message)
        self.kind = kind
        self.message = message


class DefinitionError(TurngymError, TypeError):
    """A world, tool or record breaks a law of its declaration."""


class WorldError(TurngymError, RuntimeError):
    """A world's generator or clock raised what ends Python (`sys.exit()`); a bug of the world, never the model's."""


class NotPortableError(TurngymError, TypeError):
    """Something cannot be pickled, or is not the same where it arrived; the message names it and the reason."""


class TaskError(TurngymError, ValueError):
    """A task or a task file is malformed; the message names the field or the line."""


class UnknownNameError(TurngymError, LookupError):
    """A name that is not registered; the message offers the nearest ones."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"unknown {what} {shorten(name)!r}{nearest(name, names)}")
        self.name = name


class WorldRefusedError(TurngymError):
    """Data names a world that neither ships nor was named by the user: nothing of it was imported, started or contacted.

    Args:
        what: which world, and how to allow it. where: what names it (file and line), "" where that is not known here.
    """

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.where = where

    def at(self, where: str) -> WorldRefusedError:
        """The same, told with its place unless it has one."""
        return self if self.where else WorldRefusedError(self.what, where)


class RunError(TurngymError):
    """A run directory cannot be used as asked (foreign, torn, changed configuration)."""


class WriteError(RunError):
    """The disk does not take what a run writes; what was written stays whole, and the same run goes on later."""


class MissingExtraError(TurngymError, ImportError):
    """An optional dependency is absent.

    Args:
        package: the module that failed to import.
        extra: the extra of this project that brings it. then: a further command that it takes.

    `remedy` is how to install it.
    """

    def __init__(self, package: str, extra: str, then: str = "") -> None:
        self.remedy = f"pip install 'turngym[{extra}]'{then and f' && {then}'}"
        super().__init__(f"{package} is not installed; it comes with: {self.remedy}")


def shorten(value: object, limit: int = 80) -> str:
    """`value` as text of at most `limit` characters, for use in a one-line message."""
    text = value if isinstance(value, str) else _repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def describe(error: BaseException, limit: int = 300) -> str:
    """An error that somebody else's code raised, in one bounded line: its kind and what it says. Never raises."""
    try:
        said = str(error)
    except Exception:  # one that cannot even say what it is
        said = ""
    return shorten(f"{type(error).__name__}: {' '.join(shorten(said, 4 * limit).split())}".removesuffix(": "), limit)


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """While code of somebody else's making runs: what it raises becomes a `DefinitionError` that says `what` and whose error it is."""
    try:
        yield
    except TurngymError:
        raise
    except Exception as error:
        raise DefinitionError(f"{what}: its own code raised {describe(error)}; mend it there") from error


def bounded(message: str, sent: object = None) -> str:
    """An error's message as a model may read it, with no more than `MAX_VALUE_CHARS` of anything that the model sent.

    It stands as it is up to that length, and up to `MAX_MESSAGE_CHARS` where all that was `sent` (the arguments) is too
    short to fill it; of a longer one, the beginning and the end stand.
    """
    if len(message) <= MAX_VALUE_CHARS:
        return message
    most = MAX_MESSAGE_CHARS if sent is not None and _is_short(sent) else MAX_VALUE_CHARS
    if len(message) <= most:
        return message
    told = f"… [{len(message):,} characters in all] …"
    tail = most // 4
    return f"{message[: most - tail - len(told)]}{told}{message[-tail:]}"


def _is_short(sent: object) -> bool:
    """Whether all texts and numbers in arguments together have at most `MAX_VALUE_CHARS` characters."""
    left, stack = MAX_VALUE_CHARS, [sent]
    while stack and left >= 0:
        value = stack.pop()
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, int):
            left -= value.bit_length() // 3 + 1
        elif isinstance(value, Mapping):
            stack += [*value.keys(), *value.values()] if len(value) <= left else [" " * (left + 1)]
        elif isinstance(value, (list, tuple, set, frozenset)):
            stack += value if len(value) <= left else [" " * (left + 1)]
        else:
            left -= 24 if isinstance(value, (float, type(None))) else len(_repr(value))
    return left >= 0


def display(value: object, limit: int = 80) -> str:
    """As `shorten`, with text in quotes. Never raises, whatever a model sent (numbers of any length, any depth)."""
    return shorten(_repr(value), limit)


def _repr(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # more digits than Python prints, or nested deeper than it can go
        return f"<{type(value).__name__}>"


def nearest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """A tail for an error message: the known names closest to `name`, or the first few."""
    names, name = sorted(known), name[:MAX_VALUE_CHARS]
    close = difflib.get_close_matches(name, names, n=limit, cutoff=0.5)
    if close:
        return f"; did you mean {', '.join(close)}?"
    return f"; known: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}" if names else ""
