"""MCP sessions over streamable HTTP: opened by `initialize`, found again by their id, ended by DELETE, silence or need.

Laws: a body is bounded while it arrives; a request that cannot be one is answered in words and opens nothing; the end of a
session frees its room at once; as many sessions live as are allowed: where one more comes, the longest idle one makes
room for it if it was idle for a minute, else the new one is refused (503). Who opens one may ask for a task in the address,
`/mcp?task=ID`. The revision 2026-07-28 of the protocol has no sessions over HTTP, so its clients are sent back to the
handshake, as it foresees.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup, TaskStatus
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ...errors import DefinitionError, shorten
from .jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LONGEST,
    METHOD_NOT_FOUND,
    SHOWN,
    UNSUPPORTED_PROTOCOL_VERSION,
    Malformed,
    Overlong,
    Refusal,
    message_in,
    too_long,
    twice,
)
from .sdk_serving import HANDSHAKES, METHODS, LocalOnly, serve, transport_of
from .serving import Hall, Session

MOST_SESSIONS, IDLE, SPARE = 1000, 1800.0, 60.0
"""How many sessions live by default; seconds of silence after which one is dropped; and after which it makes room."""
_NO_SESSIONS = (
    "this server keeps worlds for each session, and over HTTP this revision of the protocol has none;"
    " open one with the initialize handshake"
)
_ID, _REVISION = "mcp-session-id", "mcp-protocol-version"


class _Live:
    """A session that lives: its HTTP side, when it was last used, and what ends it."""

    def __init__(self, name: str, transport: Any) -> None:
        self.name, self.transport = name, transport
        self.used, self.busy = anyio.current_time(), 0
        self.asked: set[str] = set()  # ids of requests that are not answered yet; the SDK takes 1 and "1" for the same
        self.scope, self.ended = anyio.CancelScope(), anyio.Event()

    @property
    def idle(self) -> float:
        """Seconds since anything was asked and answered."""
        return 0.0 if self.busy else anyio.current_time() - self.used


class Sessions:
    """All sessions of one server, as an ASGI application. Serve it inside `running()`.

    Args:
        hall: where their rooms are. host: what is served at; at a local address foreign `Host` headers are refused.
        most: how many live at once. idle, spare: see `IDLE` and `SPARE`.
    """

    def __init__(self, hall: Hall, host: str, *, most: int = MOST_SESSIONS, idle: float = IDLE, spare: float = SPARE) -> None:
        self.hall, self._guard = hall, LocalOnly(host)
        self._most, self._idle, self._spare = most, idle, spare
        self._live: dict[str, _Live] = {}
        self._group: TaskGroup | None = None

    @property
    def open(self) -> int:
        """How many live now."""
        return len(self._live)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sessions live in here; all end with it."""
        async with anyio.create_task_group() as group:
            self._group = group
            group.start_soon(self._sweep)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(min(30.0, self._idle / 4))
            for live in [live for live in self._live.values() if live.idle > self._idle]:
                self.hall.tell_once(f"sessions that are silent for {self._idle / 60:g} minutes are dropped; the first was just now")
                self._end(live)

    # -- requests --------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive)
        response: Response | None = await self._guard.refusal(request)
        if response is None:
            try:
                response = await self._answer(request, send)
            except Malformed as malformed:
                response = _told(malformed.answer, 200 if malformed.code == METHOD_NOT_FOUND else 400)
            except ClientDisconnect:
                return
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> Response | None:
        """A response of our own, or None where the session's HTTP side has answered."""
        name, body, found = request.headers.get(_ID), b"", None
        if request.method == "POST":
            read = await _body_of(request)
            if isinstance(read, Overlong):
                return _told(too_long(read).answer, 413)
            body = read
            if name is None and request.headers.get(_REVISION, HANDSHAKES[0]) not in HANDSHAKES:
                return _no_sessions(request, body)
            found = message_in(body, METHODS)
        if name is None:
            if found is None or found["method"] != "initialize":
                return _told(Refusal(INVALID_REQUEST, f"a request without {_ID} opens a session by initialize").answer(_of(found)), 400)
            return await self._open(request, body, found, send)
        live = self._live.get(name)
        if live is None:
            return _told(Refusal(INVALID_REQUEST, "Session not found").answer(_of(found)), 404)
        if request.method == "DELETE":
            self._end(live)
            with anyio.move_on_after(1):  # a call that is being made is not cut short
                await live.ended.wait()
            return Response(status_code=200)
        if request.method == "POST" and found is None:
            return Response(status_code=202)
        to = _of(found)
        if to is not None and str(to) in live.asked:
            raise twice(to)
        await self._pass(live, request, body, send, to)
        return None

    async def _pass(self, live: _Live, request: Request, body: bytes, send: Send, to: int | str | None) -> None:
        """Let a session's HTTP side answer. An open stream of events (GET) is no sign of life."""
        counts, asked = request.method == "POST", set() if to is None else {str(to)}
        live.busy += counts
        live.asked |= asked
        try:
            await live.transport.handle_request(request.scope, _replayed(body, request.receive) if counts else request.receive, send)
        finally:
            live.busy -= counts
            live.asked -= asked
            if counts:
                live.used = anyio.current_time()

    # -- sessions --------------------------------------------------------------------------------------

    async def _open(self, request: Request, body: bytes, found: dict[str, Any], send: Send) -> Response | None:
        wanted = request.query_params.get("task")
        try:
            task = None if wanted is None else self.hall.offer.task(wanted)
        except DefinitionError as error:
            return _told(Refusal(INVALID_PARAMS, str(error)).answer(found["id"]), 200)
        if not self._has_room():
            words = f"{self._most} sessions are open, and none was idle for {self._spare:g} seconds; end one, or come again"
            return _told(Refusal(INTERNAL_ERROR, words).answer(found["id"]), 503, {"retry-after": f"{math.ceil(self._spare)}"})
        name = uuid4().hex
        live = self._live[name] = _Live(name, transport_of(name, self._guard))
        opened = False

        async def watched(message: Message) -> None:
            nonlocal opened
            opened = opened or (message["type"] == "http.response.start" and message["status"] < 400)
            await send(message)

        try:
            assert self._group is not None
            await self._group.start(self._run, live, Session(self.hall, name, task))
            await self._pass(live, request, body, watched, found["id"])
        finally:
            if not opened:
                self._end(live)
        return None

    def _has_room(self) -> bool:
        if len(self._live) < self._most:
            return True
        longest = max(self._live.values(), key=lambda live: live.idle)
        if longest.idle <= self._spare:
            self.hall.tell_once(f"{self._most} sessions are open (--max-sessions) and none is idle: new ones are refused until one ends")
            return False
        self.hall.tell_once(f"{self._most} sessions are open (--max-sessions): the longest idle ones make room for new ones from now on")
        self._end(longest)
        return True

    async def _run(self, live: _Live, session: Session, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        try:
            with live.scope:
                async with live.transport.connect() as (incoming, outgoing):
                    task_status.started()
                    await serve(self.hall.server(session), incoming, outgoing)
        except Exception as error:  # of the SDK: one session's end is not the others'
            self.hall.tell_once(f"a session broke off: {type(error).__name__}: {shorten(str(error), 200)}")
        finally:
            self._live.pop(live.name, None)
            live.ended.set()
            with anyio.CancelScope(shield=True):
                await live.transport.terminate()

    def _end(self, live: _Live) -> None:
        """End a session: it is found no more from now on."""
        self._live.pop(live.name, None)
        live.scope.cancel()


# -- HTTP -------------------------------------------------------------------------------------------------


async def _body_of(request: Request) -> bytes | Overlong:
    """The body, or what stands for one that is too long: the rest of it is let pass unread."""
    held, size, tail = bytearray(), 0, b""
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LONGEST:
            held += chunk
        else:
            del held[SHOWN:]
            tail = (tail + chunk)[-SHOWN:]
        if size > 64 * LONGEST:
            break
    return bytes(held) if size <= LONGEST else Overlong(bytes(held), tail, size)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, then whatever comes."""
    read = False

    async def again() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _told(answer: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(answer), status, headers, "application/json")


def _of(found: dict[str, Any] | None) -> int | str | None:
    return (found or {}).get("id")


def _no_sessions(request: Request, body: bytes) -> Response:
    """What a client of a revision without sessions is told: which revisions have them."""
    asked = {"supported": list(HANDSHAKES), "requested": request.headers[_REVISION][:80]}
    try:
        to = _of(message_in(body, METHODS))
    except Malformed as malformed:
        to = malformed.answer["id"]
    return _told(Refusal(UNSUPPORTED_PROTOCOL_VERSION, _NO_SESSIONS, asked).answer(to), 400)
