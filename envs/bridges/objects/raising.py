"""What a plain object raises, as a kind and a message that a model can read.

Laws: the nearest class wins (the author's mapping first, then the name of a class of his own, then the builtin it
descends from); the message is the exception's own text in one line, never a traceback and never an address; what nobody
raises on purpose (an assertion, a missing attribute) is a bug of the object and is told as `internal_error`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import DefinitionError, ErrorKind, shorten

_BUILTIN: dict[type[BaseException], ErrorKind] = {
    NotImplementedError: "unavailable",
    RecursionError: "internal_error",
    RuntimeError: "precondition_failed",
    LookupError: "not_found",
    FileNotFoundError: "not_found",
    FileExistsError: "conflict",
    PermissionError: "permission_denied",
    ConnectionError: "unavailable",
    TimeoutError: "unavailable",
    OSError: "unavailable",
    ValueError: "invalid_arguments",
    TypeError: "invalid_arguments",
    OverflowError: "limit_exceeded",
    AssertionError: "internal_error",
    AttributeError: "internal_error",
    NameError: "internal_error",
    ArithmeticError: "internal_error",
    MemoryError: "internal_error",
    StopIteration: "internal_error",
    StopAsyncIteration: "internal_error",
    EOFError: "internal_error",
    ImportError: "internal_error",
    Warning: "internal_error",
    SyntaxError: "internal_error",
    SystemError: "internal_error",
    Exception: "precondition_failed",  # the interpreter never raises it bare: somebody refused
}
_NAMES: tuple[tuple[str, ErrorKind], ...] = (
    (r"not_?found|missing|unknown|no_?such|does_?not_?exist|not_?exist", "not_found"),
    (r"permission|forbidden|denied|unauthori[sz]ed|unauthenticated|not_?allowed|auth", "permission_denied"),
    (r"conflict|already|exists|duplicate|taken", "conflict"),
    (r"limit|quota|too_?many|exceed|insufficient|full|capacity|out_?of", "limit_exceeded"),
    (r"invalid|validation|bad|malformed|illegal", "invalid_arguments"),
    (r"unavailable|time_?out|busy|offline", "unavailable"),
    (r"state|precondition|not_?ready|closed|locked|required", "precondition_failed"),
)
_ADDRESS = re.compile(r"( object)? at 0x[0-9a-fA-F]+")
_MOST = 300


class Explainer:
    """Maps exceptions, for one class of objects.

    Args:
        mapping: exception class -> kind, before everything else.
    """

    def __init__(self, mapping: Mapping[type[BaseException], ErrorKind] | None = None) -> None:
        self._mapping = dict(mapping or {})
        for cls in self._mapping:
            if not (isinstance(cls, type) and issubclass(cls, BaseException)):
                raise DefinitionError(f"errors= maps {shorten(repr(cls))}, which is no exception class")
        self._known: dict[type[BaseException], ErrorKind] = {}

    def __call__(self, error: Exception) -> tuple[ErrorKind, str]:
        """The kind and the message of an exception."""
        cls = type(error)
        kind = self._known.get(cls)
        if kind is None:
            kind = self._known[cls] = self._kind(cls)
        return kind, _words(error, kind)

    def _kind(self, cls: type[BaseException]) -> ErrorKind:
        for base in cls.__mro__:
            if base in self._mapping:
                return self._mapping[base]
            if base.__module__ != "builtins":
                name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", base.__name__).lower().removesuffix("_error").removesuffix("_exception")
                for pattern, kind in _NAMES:
                    if re.search(pattern, name):
                        return kind
            elif base in _BUILTIN:
                return _BUILTIN[base]
        return "internal_error"


def _words(error: Exception, kind: ErrorKind) -> str:
    """The exception's own text in one line; where that says too little, what kind of refusal it is stands before it."""
    try:
        own = error.args[0] if isinstance(error, KeyError) and len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
        text = shorten(_ADDRESS.sub("", " ".join(own.split())), _MOST).encode("utf-8", "backslashreplace").decode()
    except Exception:  # an exception that cannot even be written down
        text = ""
    if len(text.split()) > 1:
        return text
    head = kind.replace("_", " ")
    return f"{head}: {text!r}" if text else f"{head} ({type(error).__name__})"
