"""One live connection to an MCP server: opened, asked, and closed, on the background thread.

Laws: every wait ends (`timeout`, `start_timeout`); a server that died, hangs or breaks the protocol gives `Unanswered`, and
that link is used no more; its process is ended with it. What a started server writes to stderr is kept aside, and its
last words are told where it does not start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from ...errors import TurngymError, shorten
from .background import BACKGROUND
from .declaration import Declaration, filled, from_environment

T = TypeVar("T")
MOST_PAGES = 1000
_MOST_STDERR = 1 << 20
_CLOSING = 10.0
_LOST = frozenset((types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT))

logging.getLogger("mcp").addHandler(logging.NullHandler())  # or what servers print beside the protocol fills our stderr


class ServerError(TurngymError):
    """The server behind a world failed, and not who called it."""


class Unanswered(ServerError):
    """A call or a start that no answer came to; what it did, nobody knows."""


class Link:
    """A connection. `open` it, `ask` it, `close` it, from any thread but the background's.

    Attributes:
        server: what the server calls itself. instructions: what it says of itself.
    """

    def __init__(self, declaration: Declaration, names: Mapping[str, Any]) -> None:
        self.declaration, self._names = declaration, names
        self.server, self.instructions = "", ""
        self._broken, self._loop = False, BACKGROUND.loop()
        self._errors = tempfile.TemporaryFile("w+b") if declaration.command else None  # noqa: SIM115
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Event | None = None
        self._why: BaseException | None = None

    # -- from outside ----------------------------------------------------------------------------------

    @property
    def broken(self) -> bool:
        """Whether it can be used no more: it is closed, or belongs to another process."""
        return self._broken or BACKGROUND.running is not self._loop

    def open(self) -> None:
        """Connect. Raises `Unanswered` where that does not succeed in time."""
        try:
            BACKGROUND.run(self._open(), self.declaration.start_timeout * 2)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave, and end the process; does not wait for it."""
        gone, self._broken = self.broken, True
        if self._task is not None:
            if not gone:
                BACKGROUND.start(self._close())
        elif self._errors is not None:
            self._errors.close()

    def tools(self) -> list[types.Tool]:
        """All tools that the server lists, page after page."""
        return self._run(self._list_tools)

    def call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Call a tool. Raises `MCPError` for what the server refuses by protocol, `Unanswered` for silence."""
        limit = self.declaration.timeout
        if self._errors is not None and os.fstat(self._errors.fileno()).st_size > _MOST_STDERR:
            self._errors.truncate(0)
        return self._run(lambda client: client.call_tool(name, arguments, read_timeout_seconds=limit))

    def read(self, uri: str) -> types.ReadResourceResult:
        """Read a resource."""
        return self._run(lambda client: client.read_resource(uri))

    def _run(self, question: Callable[[Client], Awaitable[T]]) -> T:
        limit = self.declaration.timeout
        try:
            return BACKGROUND.run(self._ask(question, limit), limit)
        except MCPError as error:
            if error.code not in _LOST and not (error.code == types.INVALID_REQUEST and "session" in error.message.lower()):
                raise
            self.close()
            raise Unanswered(self._words(error)) from error
        except (Unanswered, TimeoutError, OSError) as error:
            self.close()
            raise error if isinstance(error, Unanswered) else Unanswered(self._words(error)) from error
        except RuntimeError:  # an answer that breaks the tool's own schema, say: the link is sound
            raise
        except BaseException:  # interrupted, or something that no server should be able to do
            self.close()
            raise

    # -- on the loop -----------------------------------------------------------------------------------

    async def _open(self) -> None:
        for mode in ("legacy", "auto"):  # a handshake first: with it servers have sessions, and without it none
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._closing, self._why = asyncio.Event(), None
            self._task = asyncio.create_task(self._live(mode, ready))
            BACKGROUND.on_close(self._close)
            await asyncio.wait({self._task, ready}, timeout=self.declaration.start_timeout, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=_CLOSING)
                raise Unanswered(f"{self.declaration.place} does not start within {self.declaration.start_timeout:g} s{self._last_words()}")
            if not (isinstance(self._why, MCPError) and self._why.code == types.UNSUPPORTED_PROTOCOL_VERSION):
                break
        raise Unanswered(f"{self.declaration.place} does not start: {self._words(self._why)}{self._last_words()}") from self._why

    async def _live(self, mode: str, ready: asyncio.Future[None]) -> None:
        try:
            async with Client(self._transport(), mode=mode, cache=None, read_timeout_seconds=self.declaration.start_timeout) as client:
                self._client = client
                info = client.server_info
                self.server, self.instructions = info.name if info is not None else "", client.instructions or ""
                ready.set_result(None)
                assert self._closing is not None
                await self._closing.wait()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # groups of them, from tasks that the transport runs
            self._why = _innermost(error)
        finally:
            self._client = None

    def _transport(self) -> Any:
        said = self.declaration
        if said.command:
            command, *args = [from_environment(str(filled(text, self._names))) for text in (said.command, *said.args)]
            env = {name: from_environment(str(filled(text, self._names))) for name, text in said.env.items()}
            assert self._errors is not None
            return stdio_client(StdioServerParameters(command=command, args=args, env=env, cwd=said.cwd or None), errlog=self._errors)  # type: ignore[arg-type]
        headers = {name: from_environment(text) for name, text in said.headers.items()}
        if said.transport == "sse":
            return sse_client(said.url, headers=headers, timeout=said.start_timeout)
        return _over_http(said.url, headers)

    async def _ask(self, question: Callable[[Client], Awaitable[T]], limit: float) -> T:
        client, task = self._client, self._task
        if client is None or task is None or self.broken:
            raise Unanswered(f"the connection to {self.declaration.place} is closed")
        asked = asyncio.ensure_future(question(client))
        done, _ = await asyncio.wait({asked, task}, timeout=limit + 1, return_when=asyncio.FIRST_COMPLETED)
        if asked in done:
            return asked.result()
        asked.cancel()
        await asyncio.wait({asked}, timeout=1)
        raise Unanswered(self._words(self._why) if task in done else f"no answer within {limit:g} s")

    async def _list_tools(self, client: Client) -> list[types.Tool]:
        found: list[types.Tool] = []
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if not cursor or cursor in seen:
                break
            seen.add(cursor)
        return found

    async def _close(self) -> None:
        task, closing, self._broken = self._task, self._closing, True
        if task is None or closing is None:
            return
        closing.set()
        await asyncio.wait({task}, timeout=_CLOSING)  # the SDK ends a process in six seconds, and must not be cut short
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1)
        BACKGROUND.off_close(self._close)
        if self._errors is not None:
            self._errors.close()

    # -- words -----------------------------------------------------------------------------------------

    def _words(self, error: BaseException | None) -> str:
        if isinstance(error, MCPError) and error.code == types.CONNECTION_CLOSED:
            return "the server ended"
        if isinstance(error, TimeoutError) or (isinstance(error, MCPError) and error.code == types.REQUEST_TIMEOUT):
            return f"no answer within {self.declaration.timeout:g} s"
        if isinstance(error, FileNotFoundError):
            return f"there is no {error.filename or self.declaration.command}"
        return shorten(" ".join(f"{type(error).__name__}: {error}".split()), 300) if error is not None else "the server ended"

    def _last_words(self) -> str:
        if self._errors is None or self._errors.closed:
            return ""
        size = os.fstat(self._errors.fileno()).st_size
        lines = os.pread(self._errors.fileno(), 4000, max(0, size - 4000)).decode("utf-8", "replace").strip().splitlines()
        return f"; its last words: {shorten(lines[-1].strip(), 200)}" if lines else ""


@contextlib.asynccontextmanager
async def _over_http(url: str, headers: dict[str, str]) -> AsyncIterator[Any]:
    async with create_mcp_http_client(headers=headers) as client, streamable_http_client(url, http_client=client) as streams:
        yield streams


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
