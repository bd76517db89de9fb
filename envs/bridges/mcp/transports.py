"""Where served worlds are heard: this process's stdin and stdout, or HTTP on a port.

Laws: SIGINT and SIGTERM end serving at once and cleanly, whoever is connected, and how each task stood is told still (a call
that is being made has five seconds); a port of 0 is any free one, and what it became is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from ...errors import DefinitionError
from .lines import Conversation, wire
from .room import Offer
from .sdk_serving import keep_quiet, serve
from .serving import Hall
from .sessions import MOST_SESSIONS, Sessions

PATH = "/mcp"
_GRACE = 1  # seconds that open requests have once a signal came
_PATIENCE = 5.0  # seconds after which the process goes, whatever a world is doing then
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# -- stdio ------------------------------------------------------------------------------------------------


def serve_stdio(hall: Hall, ready: Callable[[], None] = lambda: None) -> None:
    """Serve one session over stdin and stdout, until stdin ends or a signal comes; `ready` is called once it listens."""
    keep_quiet()
    patient, stopped = asyncio.run(_stdio(hall, ready))
    if stopped and not patient:  # a thread still waits for a terminal, and nothing can interrupt it
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(0)


async def _stdio(hall: Hall, ready: Callable[[], None]) -> tuple[bool, bool]:
    """Serve; gives whether stdin can be interrupted, and whether a signal came."""
    async with wire() as taken:
        server = hall.server()
        talk = Conversation(taken.write)
        serving = asyncio.ensure_future(talk.hold(taken.chunks(), lambda incoming, outgoing: serve(server, incoming, outgoing)))
        with _signals(serving.cancel):
            ready()
            await asyncio.wait({serving})
        if not serving.cancelled():
            serving.result()
        return taken.patient, serving.cancelled()


@contextlib.contextmanager
def _signals(stop: Callable[[], Any]) -> Iterator[None]:
    """Stop on a signal, where there is a main thread and a loop that hears of them; a call that hangs cannot hold the process."""
    loop, last = asyncio.get_running_loop(), threading.Timer(_PATIENCE, os._exit, (0,))
    last.daemon = True

    def leave() -> None:
        if not last.is_alive():
            last.start()
        stop()

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, leave)
    try:
        yield
    finally:
        last.cancel()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


# -- HTTP -------------------------------------------------------------------------------------------------


def http_app(hall: Hall, host: str = "127.0.0.1", **bounds: Any) -> Starlette:
    """The hall as an ASGI application; sessions are found at `/mcp`. `bounds`: as of `Sessions`."""
    sessions = Sessions(hall, host, **bounds)
    return Starlette(routes=[Route(PATH, endpoint=sessions)], lifespan=lambda app: sessions.running())


def serve_http(hall: Hall, host: str, port: int, ready: Callable[[str], None], most: int = MOST_SESSIONS) -> None:
    """Serve sessions over streamable HTTP, `most` at once, until a signal comes; `ready` is told the address."""
    keep_quiet()
    with _bound(host, port) as bound:
        server = _Uvicorn(http_app(hall, host, most=most), lambda: ready(_address(host, bound)))
        asyncio.run(server.until_stopped(bound))


@contextlib.contextmanager
def served_http(what: Offer | Hall, host: str = "127.0.0.1", port: int = 0, **bounds: Any) -> Iterator[tuple[str, Hall]]:
    """Serve over HTTP on a thread of this process, as long as the block lasts: gives the address and the hall.

    `what`: an offer, or a hall of one's own. `bounds`: as of `Sessions`.
    """
    hall, heard = what if isinstance(what, Hall) else Hall(what), threading.Event()
    with _bound(host, port) as bound:
        server = _Uvicorn(http_app(hall, host, **bounds), heard.set)
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
        with _signals(lambda: setattr(self, "should_exit", True)):
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
