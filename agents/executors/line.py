"""Frames over a socket: what a frame is, how long, and its bytes.

Law: the end of the other side, however it came, is an `OSError` or an `asyncio.IncompleteReadError` and never a
half frame. Not here: what frames mean (`processes.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Self

_HEAD = struct.Struct("!cQ")


class Line:
    """One end of a connection between two processes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Take a connected socket over."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, what: bytes, body: bytes = b"") -> None:
        """Send a frame; returns when the other side has room for more."""
        self._writer.write(_HEAD.pack(what, len(body)) + body)
        await self._writer.drain()

    async def hear(self) -> tuple[bytes, bytes]:
        """The next frame."""
        what, size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
        return what, await self._reader.readexactly(size)

    def cut(self) -> None:
        """Make whoever waits here see the end now."""
        self._reader.feed_eof()

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
