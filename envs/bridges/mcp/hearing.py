"""What a server sends, bounded while it arrives: a line, a body, an event of a stream, packed or not.

Law: of one answer at most `MOST_BYTES` are ever held, counted as they are unpacked; what is longer is dropped as it comes, and
told to whoever waits. Knows no SDK: it hands these a codec, a hook, and a stream that looks like theirs.
"""

from __future__ import annotations

import codecs
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

MOST_BYTES = 16 * 1024 * 1024
ENCODING = "turngym_mcp_lines"
_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_PART = 1 << 18

TOLD: ContextVar[Callable[[str], None]] = ContextVar("turngym_mcp_told")  # who hears of a line beyond the bound


def _too_long() -> str:
    return f"an answer exceeds {MOST_BYTES / (1 << 20):g} MiB"


# -- lines of a process -----------------------------------------------------------------------------------


class _Lines(codecs.IncrementalDecoder):
    """UTF-8 that comes in whole lines, none of them longer than the bound."""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._parts: list[bytes] = []
        self._held = 0
        self._told = TOLD.get(None)
        self._over = False

    def decode(self, data: Any, final: bool = False) -> str:
        """The lines that are whole now; nothing more once one was too long."""
        if self._over:
            return ""
        whole, end, rest = bytes(data).rpartition(b"\n")
        found = b"".join([*self._parts, whole, end]) if end else b""
        if end:
            self._parts, self._held = [], 0
        self._parts.append(rest)
        self._held += len(rest)
        if self._held > MOST_BYTES or (len(found) > MOST_BYTES and max(map(len, found.split(b"\n"))) > MOST_BYTES):
            self._over, self._parts = True, []
            if self._told is not None:
                self._told(_too_long())
            return ""
        return found.decode("utf-8", "replace")

    def reset(self) -> None:
        self._parts, self._held, self._over = [], 0, False


def _codec(name: str) -> codecs.CodecInfo | None:
    plain = codecs.lookup("utf-8")
    if name != ENCODING:
        return None
    return codecs.CodecInfo(plain.encode, plain.decode, plain.streamreader, plain.streamwriter, plain.incrementalencoder, _Lines, name)


codecs.register(_codec)


# -- bodies over HTTP -------------------------------------------------------------------------------------


def bounding(base: Any, told: Callable[[str], None]) -> Callable[[Any], Awaitable[None]]:
    """A hook for the answers of an HTTP client: unpacks bodies itself, and ends those that are too long, having told so.

    `base` is the client's class of byte streams. A status that stands in place of an answer is told too.
    """

    class Bounded(base):  # type: ignore[misc]
        def __init__(self, inner: Any, packed: str, events: bool) -> None:
            self._inner, self._packed, self._events = inner, packed, events

        async def __aiter__(self) -> AsyncIterator[bytes]:
            held, tail = 0, b""
            async for part in _unpacked(self._inner, self._packed):
                held += len(part)
                if self._events:  # a stream lasts; what is held of it is the event that has not ended
                    tail = tail[-3:] + part
                    last = max([tail.rfind(end) + len(end) for end in _ENDS if end in tail], default=-1)
                    held = min(held, len(tail) - last) if last >= 0 else held
                if held > MOST_BYTES:
                    told(_too_long())
                    return
                yield part

        async def aclose(self) -> None:
            await self._inner.aclose()

    async def bound(response: Any) -> None:
        packed = response.headers.pop("content-encoding", "identity").strip().lower()
        if packed not in ("", "identity", "gzip", "deflate"):
            told("the server packs its answers in a way that it was not asked for")
            packed = "unknown"
        kind = response.headers.get("content-type", "").lower()
        response.stream = Bounded(response.stream, packed, kind.startswith("text/event-stream"))
        if response.status_code >= 400 and response.request.method == "POST" and (wrong := await _no_answer(response, kind)):
            told(wrong)

    return bound


async def _no_answer(response: Any, kind: str) -> str:
    """Why no answer to a request of the protocol can come of this; "" where one can. Notifications have none."""
    status, request = response.status_code, response.request
    if "id" not in _object(request.content):
        return ""
    if status == 404 and "mcp-session-id" in request.headers:
        return "the server does not know the session any more"
    if kind.startswith("application/json") and "jsonrpc" in _object(await response.aread()):  # an error by protocol, which the SDK reads
        return ""
    return f"the server answers with status {status} {response.reason_phrase}".rstrip()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


async def _unpacked(inner: Any, packed: str) -> AsyncIterator[bytes]:
    """The parts of a body, unpacked in small pieces; what cannot be unpacked ends it."""
    if packed == "unknown":
        return
    if packed in ("", "identity"):
        async for part in inner:
            yield part
        return
    unpacker = zlib.decompressobj(47)  # gzip or zlib, as the data says
    async for part in inner:
        data = part
        while data:
            try:
                piece = unpacker.decompress(data, _PART)
            except zlib.error:
                return
            data = unpacker.unconsumed_tail
            if piece:
                yield piece


# -- the end of a connection ------------------------------------------------------------------------------


class Ear:
    """A stream of messages that says when it ended, so that a server's own words are not taken for that."""

    def __init__(self, inner: Any, ended: Callable[[], None]) -> None:
        self._inner, self._ended = inner, ended

    @property
    def last_context(self) -> Any:
        """Of the message that came last, where the stream knows one."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        """The next message."""
        try:
            return await self._inner.receive()
        except Exception:  # it ended, was closed or broke
            self._ended()
            raise

    def __aiter__(self) -> Ear:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except Exception:
            self._ended()
            raise

    async def aclose(self) -> None:
        """Close it."""
        await self._inner.aclose()

    def close(self) -> None:
        """Close it."""
        self._inner.close()

    async def __aenter__(self) -> Ear:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *why: Any) -> Any:
        return await self._inner.__aexit__(*why)
