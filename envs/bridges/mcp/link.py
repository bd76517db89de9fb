"""One live connection to an MCP server: opened, asked, and closed, on the background thread.

Laws: every wait ends (`timeout`, `start_timeout`), and so does every answer (`hearing.py`) and every list; a server that died,
hangs, breaks the protocol or never stops gives `Unanswered`, and that link is used no more; its process is ended with
it. What a started server writes to stderr is kept aside, and its last words are told where it does not start. Results
are the JSON data that came.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from ...errors import TurngymError, shorten
from .background import BACKGROUND
from .declaration import Declaration, expanded
from .hearing import TOLD
from .sdk import (
    CONNECTION_CLOSED,
    DISCOVER,
    HANDSHAKE,
    UNSUPPORTED_PROTOCOL_VERSION,
    Refused,
    Session,
    over_http,
    over_sse,
    over_stdio,
    session,
)

T = TypeVar("T")
MOST_PAGES = 1000
MOST_LISTED = 1 << 26  # characters of all definitions of tools together
_MOST_STDERR = 1 << 20
_CLOSING = 10.0


class ServerError(TurngymError):
    """The server behind a world failed, and not who called it."""


class Unanswered(ServerError):
    """A call or a start that no answer came to; what it did, nobody knows."""


class Listing(NamedTuple):
    """The definitions of tools that a server lists, as they came, and why they are not all of them (`""`: they are)."""

    tools: list[Any]
    short: str


class Link:
    """A connection. `open` it, `ask` it, `close` it, from any thread but the background's.

    Attributes:
        server: what the server calls itself. instructions: what it says of itself.
    """

    def __init__(self, declaration: Declaration, names: Mapping[str, Any]) -> None:
        self.declaration, self._said = declaration, expanded(declaration, names)
        self.server, self.instructions = "", ""
        self._broken, self._loop = False, BACKGROUND.loop()
        self._errors = tempfile.TemporaryFile("w+b") if declaration.command else None  # noqa: SIM115
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Event | None = None
        self._lost: asyncio.Future[str] | None = None
        self._ended = False
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

    def tools(self) -> Listing:
        """What the server lists as tools, page after page; a list that does not end is cut off."""
        return self._run(self._list_tools, self.declaration.timeout * 2)

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The result of a tool. Raises `Refused` for what the server refuses by protocol, `Unanswered` for silence."""
        if self._errors is not None and os.fstat(self._errors.fileno()).st_size > _MOST_STDERR:
            self._errors.truncate(0)
        found = self._run(lambda session: session.ask("tools/call", {"name": name, "arguments": arguments}))
        if found.get("resultType", "complete") != "complete":
            raise Refused(0, "the tool wants to ask somebody before it answers, and there is nobody")
        return found

    def read(self, uri: str) -> dict[str, Any]:
        """What a resource holds."""
        return self._run(lambda session: session.ask("resources/read", {"uri": uri}))

    def _run(self, question: Callable[[Session], Awaitable[T]], limit: float | None = None) -> T:
        limit = limit if limit is not None else self.declaration.timeout
        try:
            return BACKGROUND.run(self._ask(question, limit), limit)
        except Refused as error:
            if not (self._ended and error.code == CONNECTION_CLOSED):
                raise
            self.close()
            raise Unanswered("the server ended") from error
        except (Unanswered, TimeoutError, OSError) as error:
            self.close()
            raise error if isinstance(error, Unanswered) else Unanswered(self._words(error)) from error
        except BaseException:  # interrupted, or something that no server should be able to do
            self.close()
            raise

    # -- on the loop -----------------------------------------------------------------------------------

    async def _open(self) -> None:
        for mode in (HANDSHAKE, DISCOVER):  # a handshake first: with it servers have sessions, and without it none
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._closing, self._why, self._ended = asyncio.Event(), None, False
            self._lost = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(mode, ready))
            BACKGROUND.on_close(self._close)
            waited: set[asyncio.Future[Any]] = {self._task, ready, self._lost}
            await asyncio.wait(waited, timeout=self.declaration.start_timeout, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                return
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=_CLOSING)
                why = f": {self._lost.result()}" if self._lost.done() else f" within {self.declaration.start_timeout:g} s"
                raise Unanswered(f"{self.declaration.place} does not start{why}{self._last_words()}")
            if not (isinstance(self._why, Refused) and self._why.code == UNSUPPORTED_PROTOCOL_VERSION):
                break
        raise Unanswered(f"{self.declaration.place} does not start: {self._words(self._why)}{self._last_words()}") from self._why

    async def _live(self, mode: str, ready: asyncio.Future[None]) -> None:
        TOLD.set(self._lose)
        try:
            async with session(self._transport(), mode, self._end) as found:
                self._session, self.server, self.instructions = found, found.server, found.instructions
                ready.set_result(None)
                assert self._closing is not None
                await self._closing.wait()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # groups of them, from tasks that the transport runs
            self._why = _innermost(error)
        finally:
            self._session = None

    def _lose(self, why: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(why)

    def _end(self) -> None:
        self._ended = True

    def _transport(self) -> Any:
        said = self._said
        if said.command:
            return over_stdio(said.command, list(said.args), dict(said.env), said.cwd, self._errors)
        if said.transport == "sse":
            return over_sse(said.url, said.headers, said.start_timeout, self._lose)
        return over_http(said.url, said.headers, self._lose)

    async def _ask(self, question: Callable[[Session], Awaitable[T]], limit: float) -> T:
        found, task, lost = self._session, self._task, self._lost
        if found is None or task is None or lost is None or self.broken:
            raise Unanswered(f"the connection to {self.declaration.place} is closed")
        asked = asyncio.ensure_future(question(found))
        waited: set[asyncio.Future[Any]] = {asked, task, lost}
        done, _ = await asyncio.wait(waited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if asked in done and not lost.done():
            return asked.result()
        asked.cancel()
        await asyncio.wait({asked}, timeout=1)
        if lost.done():
            raise Unanswered(lost.result())
        raise Unanswered(self._words(self._why) if task in done else f"no answer within {limit:g} s")

    async def _list_tools(self, session: Session) -> Listing:
        found: list[Any] = []
        cursors: set[str] = set()
        size, until = 0, asyncio.get_running_loop().time() + self.declaration.timeout
        params: dict[str, Any] = {}
        for number in range(1, MOST_PAGES + 1):
            page = await session.ask("tools/list", params)
            tools = page.get("tools")
            if not isinstance(tools, list):
                raise ValueError("what it lists is no list of tools")
            found += tools
            size += len(json.dumps(tools))
            cursor = page.get("nextCursor")
            if not cursor:
                return Listing(found, "")
            if not isinstance(cursor, str) or cursor in cursors:
                return Listing(found, f"its list of tools goes round in circles after page {number}")
            if size > MOST_LISTED or asyncio.get_running_loop().time() > until:
                return Listing(found, f"its list of tools does not end; the first {number} pages are taken")
            cursors.add(cursor)
            params = {"cursor": cursor}
        return Listing(found, f"its list of tools does not end; the first {MOST_PAGES} pages are taken")

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
        if isinstance(error, Refused):
            return "the server ended" if self._ended and error.code == CONNECTION_CLOSED else shorten(" ".join(error.message.split()), 300)
        if isinstance(error, TimeoutError):
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


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
