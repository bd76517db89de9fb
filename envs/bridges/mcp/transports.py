"""Where served worlds are heard: this process's stdin and stdout, or HTTP on a port.

Laws: over stdio nothing but the protocol ever stands on stdout (what anything else prints goes to stderr); SIGINT and
SIGTERM end serving at once and cleanly, whoever is connected; a port of 0 is any free one, and what it became is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import uvicorn
from anyio import AsyncFile
from mcp.server.stdio import stdio_server
from starlette.applications import Starlette

from ...errors import DefinitionError
from .room import Offer
from .serving import Hall

PATH = "/mcp"
_LINE_LIMIT = 1 << 26
_GRACE = 1  # seconds that open requests have once a signal came
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# -- stdio ------------------------------------------------------------------------------------------------


def serve_stdio(offer: Offer, ready: Callable[[], None] = lambda: None) -> None:
    """Serve one session over stdin and stdout, until stdin ends or a signal comes; `ready` is called once it listens."""
    asyncio.run(_stdio(Hall(offer), ready))


async def _stdio(hall: Hall, ready: Callable[[], None]) -> None:
    server = hall.server()
    async with _wire() as (stdin, stdout):
        serving = asyncio.ensure_future(_run(server, stdin, stdout))
        with _signals(serving.cancel, patient=stdin is not None), contextlib.suppress(asyncio.CancelledError):
            ready()
            await serving


async def _run(server: Any, stdin: Any, stdout: Any) -> None:
    async with stdio_server(stdin, stdout) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


@contextlib.contextmanager
def _signals(stop: Callable[[], Any], patient: bool) -> Iterator[None]:
    """Stop on a signal. A reader of a terminal cannot be interrupted, so there the process just goes."""
    loop = asyncio.get_running_loop()

    def leave() -> None:
        if not patient:
            os._exit(0)
        stop()

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # no main thread, no such loop
        for number in _SIGNALS:
            loop.add_signal_handler(number, leave)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


class _Lines:
    """Stdin as lines, and stdout as what is written to it: the two files that `stdio_server` asks for, without threads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> str:
        line = await self._reader.readline()
        if not line:
            raise StopAsyncIteration
        return line.decode("utf-8", "replace")

    async def write(self, text: str) -> None:
        self._writer.write(text.encode())

    async def flush(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client left; stdin will end too
            await self._writer.drain()


@contextlib.asynccontextmanager
async def _wire() -> AsyncIterator[tuple[AsyncFile[str] | None, AsyncFile[str] | None]]:
    """Stdin and stdout of this process, taken away from everybody else; (None, None) where they are no pipes."""
    if not (_is_pipe(0) and _is_pipe(1)):
        yield None, None
        return
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(0), "rb", 0))
    outgoing, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(own, "wb", 0))
    lines: Any = _Lines(reader, asyncio.StreamWriter(outgoing, protocol, None, loop))
    try:
        yield cast("AsyncFile[str]", lines), cast("AsyncFile[str]", lines)
    finally:
        incoming.close()
        outgoing.close()
        await asyncio.sleep(0)


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


# -- HTTP -------------------------------------------------------------------------------------------------


def http_app(hall: Hall, host: str = "127.0.0.1") -> Starlette:
    """The hall as an ASGI application; sessions are found at `/mcp`. `hall` is one with `sessions=True`."""
    return hall.server().streamable_http_app(streamable_http_path=PATH, json_response=True, host=host)


def serve_http(offer: Offer, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve sessions over streamable HTTP until a signal comes; `ready` is told the address."""
    hall = Hall(offer, sessions=True)
    with _bound(host, port) as bound:
        server = _Uvicorn(http_app(hall, host), lambda: ready(_address(host, bound)))
        asyncio.run(server.until_stopped(bound))


@contextlib.contextmanager
def served_http(offer: Offer, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, Hall]]:
    """Serve over HTTP on a thread of this process, as long as the block lasts: gives the address and the hall."""
    hall, heard = Hall(offer, sessions=True), threading.Event()
    with _bound(host, port) as bound:
        server = _Uvicorn(http_app(hall, host), heard.set)
        thread = threading.Thread(target=lambda: asyncio.run(server.until_stopped(bound)), name="turngym-serve", daemon=True)
        thread.start()
        try:
            heard.wait(30)
            yield _address(host, bound), hall
        finally:
            server.should_exit = True
            thread.join(10)


class _Uvicorn(uvicorn.Server):
    """Uvicorn that leaves signals to us, and says when it hears."""

    def __init__(self, app: Starlette, ready: Callable[[], None]) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE, ws="none"))
        self._ready = ready

    async def until_stopped(self, bound: socket.socket) -> None:
        """Serve on a bound socket until a signal comes or `should_exit` is set."""
        with _signals(lambda: setattr(self, "should_exit", True), patient=True):
            await self.serve(sockets=[bound])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)  # with its protocol, or asyncio does not turn off the delay of small packets
    except OSError as error:
        raise DefinitionError(f"{host} is no address to serve at: {error.strerror or error}; name one of this machine") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise DefinitionError(f"cannot serve at {host}:{port}: {error.strerror or error}; name another port, or 0 for any") from None
    return bound


def _address(host: str, bound: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound.getsockname()[1]}{PATH}"
