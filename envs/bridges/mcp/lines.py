"""Messages as lines, over stdin and stdout: read in bounds, answered each, passed to and from an MCP server.

Laws: no line ends the server, however long and whatever it is: what cannot be a message is answered by an error and the
next line is read; no more of a line is held than is read of it; nothing but the protocol ever stands on stdout (what
anything else prints goes to stderr), and nobody else reads stdin; what was asked before stdin ended is answered still.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio

from .jsonrpc import LONGEST, SHOWN, Malformed, Overlong, message_in, too_long, twice
from .sdk_serving import METHODS, message_from, text_of_message

_CHUNK = 1 << 16
_LAST_ANSWERS = 30.0  # seconds that calls have to end once stdin did
Write = Callable[[bytes], Awaitable[None]]


class Lines:
    """Bytes as they come, cut into lines; of one longer than `longest` only the ends are kept."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._held = bytearray()
        self._tail = b""
        self._size = 0  # of a line that is too long, so far

    def feed(self, chunk: bytes) -> Iterator[bytes | Overlong]:
        """The lines that end in these bytes."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._take(piece)
            yield self.end()
        self._take(rest)

    def _take(self, piece: bytes) -> None:
        if not self._size and len(self._held) + len(piece) <= self._longest:
            self._held += piece
            return
        if not self._size:
            self._size, self._tail = len(self._held), bytes(self._held[-SHOWN:])
            self._held = (self._held + piece)[:SHOWN]
        self._size += len(piece)
        self._tail = (self._tail + piece)[-SHOWN:]

    def end(self) -> bytes | Overlong:
        """What was held since the last line end, as a line."""
        held = bytes(self._held)
        found: bytes | Overlong = Overlong(held, self._tail, self._size) if self._size else held
        self._held, self._tail, self._size = bytearray(), b"", 0
        return found


class Conversation:
    """The messages of one connection, between lines and an MCP server; `write` writes a line out whole."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._asked: set[int | str] = set()
        self._quiet = anyio.Event()

    async def hold(self, chunks: AsyncIterator[bytes], serve: Callable[[Any, Any], Awaitable[None]]) -> None:
        """Read until the bytes end, pass on what is asked, and write what is answered; `serve` is given both streams."""
        to_server, incoming = anyio.create_memory_object_stream[Any](0)
        outgoing, from_server = anyio.create_memory_object_stream[Any](0)
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen, chunks, to_server)
            group.start_soon(self._speak, from_server)
            await serve(incoming, outgoing)
            group.cancel_scope.cancel()

    async def _listen(self, chunks: AsyncIterator[bytes], to_server: Any) -> None:
        lines = Lines()
        async with to_server:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the server left first
                async for chunk in chunks:
                    for line in lines.feed(chunk):
                        await self._hear(line, to_server)
                await self._hear(lines.end(), to_server)
                with anyio.move_on_after(_LAST_ANSWERS):
                    while self._asked:
                        self._quiet = anyio.Event()
                        await self._quiet.wait()

    async def _hear(self, line: bytes | Overlong, to_server: Any) -> None:
        try:
            if isinstance(line, Overlong):
                raise too_long(line)
            found = message_in(line, METHODS)
            if found is None:
                return
            if (to := found.get("id")) in self._asked:
                raise twice(to)
            message = message_from(found)
        except Malformed as malformed:
            await self._write(_line(malformed.answer))
            return
        if "id" in found:
            self._asked.add(found["id"])
        elif found["method"] == "notifications/cancelled":
            self._answered((found.get("params") or {}).get("requestId"))
        await to_server.send(message)

    async def _speak(self, from_server: Any) -> None:
        async with from_server:
            async for sent in from_server:
                text, answers = text_of_message(sent)
                await self._write(text.encode() + b"\n")
                self._answered(answers)

    def _answered(self, to: Any) -> None:
        if isinstance(to, (int, str)):
            self._asked.discard(to)
        self._quiet.set()


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


# -- this process's stdin and stdout ----------------------------------------------------------------------


class Wire:
    """A descriptor that is read and one that is written. `patient`: whether whoever waits for the first can be interrupted."""

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self.patient = _is_pipe(source)
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Be ready to write."""
        if _is_pipe(self._sink):
            loop, pipe = asyncio.get_running_loop(), os.fdopen(os.dup(self._sink), "wb", 0)
            transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
            self._writer = asyncio.StreamWriter(transport, protocol, None, loop)

    async def chunks(self) -> AsyncIterator[bytes]:
        """What comes in, until it ends."""
        if not self.patient:  # a file, or a terminal: waited for on a thread
            while chunk := await anyio.to_thread.run_sync(os.read, self._source, _CHUNK, abandon_on_cancel=True):
                yield chunk
            return
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=_CHUNK)
        pipe = os.fdopen(os.dup(self._source), "rb", 0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            while chunk := await reader.read(_CHUNK):
                yield chunk
        finally:
            transport.close()

    async def write(self, line: bytes) -> None:
        """Write a line whole; nothing where nobody reads any more, for then stdin ends too."""
        with contextlib.suppress(OSError):
            if self._writer is not None:
                self._writer.write(line)
                await self._writer.drain()
                return
            while line:
                line = line[os.write(self._sink, line) :]

    def close(self) -> None:
        """Stop writing."""
        if self._writer is not None:
            self._writer.close()


@contextlib.asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    """Stdin and stdout, taken away from everybody else for good: what is printed even at the very end is no protocol."""
    sys.stdout.flush()
    own = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    taken = Wire(*own)
    try:
        await taken.open()
        yield taken
    finally:
        taken.close()
        await asyncio.sleep(0)
        for descriptor in own:
            os.close(descriptor)


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
