"""JSON-RPC messages before anybody acts on them: read, judged, and refused in words.

Laws: whatever arrives is answered or ignored, and nothing of it raises but `Malformed`, which holds the answer; an answer
bears the id of what it answers wherever one can be known, else null. Not here: what methods do.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

import pydantic_core

from ...errors import shorten

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
UNSUPPORTED_PROTOCOL_VERSION = -32022
LONGEST = 1 << 22  # bytes of one message, as the SDK bounds a body over HTTP
HEARD = frozenset(("notifications/initialized", "notifications/cancelled"))  # the other notifications say nothing to us
SHOWN = 4096  # bytes of either end of what is not read, in which its id is looked for
_BLANK = b" \t\r\n\0"  # the zero byte is what a line end in UTF-16 leaves before the next line
_MARK = b"\xef\xbb\xbf"
_SPACE = r"[ \t\r\n]*"
_ID = rf'"id"{_SPACE}:{_SPACE}(-?\d{{1,18}}|"[^"\\]{{0,200}}"){_SPACE}'
_FIRST = re.compile(
    rf'{_SPACE}\{{{_SPACE}(?:"(?!id")[a-z]{{1,20}}"{_SPACE}:{_SPACE}"[^"\\]{{0,200}}"{_SPACE},{_SPACE}){{0,4}}{_ID}[,}}]'.encode()
)
_LAST = re.compile(rf'[,{{]{_SPACE}{_ID}(?:,{_SPACE}"jsonrpc"{_SPACE}:{_SPACE}"2\.0"{_SPACE})?\}}{_SPACE}\Z'.encode())


class Refusal(Exception):
    """A request that is answered by an error of the protocol: its code, its words, and data beside them."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def answer(self, to: int | str | None) -> dict[str, Any]:
        """The message that says so, to the request of that id."""
        told = {"code": self.code, "message": self.message, **({} if self.data is None else {"data": self.data})}
        return {"jsonrpc": "2.0", "id": to, "error": told}


class Malformed(Exception):
    """Something arrived that is no message for us. `answer` is what is said of it."""

    def __init__(self, refusal: Refusal, to: int | str | None = None) -> None:
        super().__init__(refusal.message)
        self.code, self.answer = refusal.code, refusal.answer(to)


class Overlong(NamedTuple):
    """What stands for more bytes than are read: `SHOWN` of either end, and how many they were."""

    head: bytes
    tail: bytes
    size: int


def too_long(seen: Overlong) -> Malformed:
    """The answer to more bytes than are read."""
    words = f"a message of {seen.size:,} bytes is longer than the {LONGEST:,} that are read; send less at once"
    return Malformed(Refusal(INVALID_REQUEST, words), _id_in(seen.head, seen.tail))


def twice(to: int | str) -> Malformed:
    """The answer to a request whose id is that of another one which is not answered yet."""
    return Malformed(
        Refusal(INVALID_REQUEST, f"the request {shorten(str(to), 40)} is not answered yet; another needs an id of its own"), to
    )


def message_in(data: bytes, methods: Collection[str]) -> dict[str, Any] | None:
    """The request or notification that some bytes are; None for what needs no answer.

    Args:
        data: one line, or one body. methods: those of requests that are known.

    Raises `Malformed` for bytes that are no JSON, JSON that is no message, and requests of an unknown method.
    """
    text = data.strip(_BLANK).removeprefix(_MARK)
    if not text:
        return None
    try:
        found = pydantic_core.from_json(text)
    except ValueError as error:
        words = f"this is no JSON: {shorten(' '.join(str(error).split()), 120)}"
        raise Malformed(Refusal(PARSE_ERROR, words), _id_in(text[:SHOWN], text[-SHOWN:])) from None
    if not isinstance(found, dict):
        raise Malformed(Refusal(INVALID_REQUEST, "a message is an object; batches are not taken"))
    return _judged(found, methods)


def _judged(found: dict[str, Any], methods: Collection[str]) -> dict[str, Any] | None:
    to, method = found.get("id"), found.get("method")
    known = to if isinstance(to, str) or (isinstance(to, int) and not isinstance(to, bool)) else None
    if "method" not in found and ("result" in found or "error" in found):
        return None  # an answer, though nothing was asked; to answer it would never end
    if found.get("jsonrpc") != "2.0":
        raise Malformed(Refusal(INVALID_REQUEST, 'a message says "jsonrpc": "2.0"'), known)
    if not isinstance(method, str):
        raise Malformed(Refusal(INVALID_REQUEST, "a request names its method, a text"), known)
    if not isinstance(found.get("params", {}), dict):
        raise Malformed(Refusal(INVALID_REQUEST, "params are an object, or left out"), known)
    if "id" not in found:
        return found if method in HEARD else None
    if known is None:
        raise Malformed(Refusal(INVALID_REQUEST, "the id of a request is a text or a whole number"))
    if method not in methods:
        raise Malformed(Refusal(METHOD_NOT_FOUND, f"there is no method {shorten(method)}", shorten(method)), known)
    return found


def _id_in(head: bytes, tail: bytes) -> int | str | None:
    """The id of a request of which only the ends are seen, where it stands in plain sight at one of them."""
    found = _FIRST.match(head) or _LAST.search(tail)
    if found is None:
        return None
    told = pydantic_core.from_json(found.group(1), allow_inf_nan=False)
    return told if isinstance(told, (int, str)) else None
