"""Our worlds for any MCP client: an MCP server whose every session has a room of its own.

Laws: no session sees what another did; a session's end frees its room, and how its task stood then is told to whoever
serves, not to who is judged; what a model sent is answered by a typed error (`isError`, `{"error": {"kind", "message"}}`) and
never by a broken session; calls of one session are done in the order they arrive, one at a time, on threads, so that a slow
one keeps no other session waiting.

A session is one connection: over stdio the process's own, over HTTP what `sessions.py` opens. It takes its task at its
first need, the next in turn, unless it was opened for a certain one. Not here: what travels (`lines.py`, `sessions.py`), and
what the SDK makes of it (`sdk_serving.py`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import anyio
from pydantic import TypeAdapter

from ...errors import TurngymError, shorten
from ...signature import drop_titles
from ...task import Task
from ...tool import Tool, ToolResult
from ..foreign import ForeignTool
from .jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, Refusal
from .room import CONTROLS, RESET, TASKS, Offer, Room
from .sdk_serving import Handler, built

T = TypeVar("T")
_INSTRUCTIONS = "Simulated services to act in. What you change is seen by your session alone."
_MOST_THREADS = 64  # calls that are made at once, over all sessions


class Ended(NamedTuple):
    """How a session with a task stood when it ended.

    Attributes:
        session: its name. task: the task's id. verdict: as `turngym://verdict` tells it, None where it could not be found out.
        calls, resets: how many there were. problem: why there is no verdict.
    """

    session: str
    task: str
    verdict: dict[str, Any] | None
    calls: int
    resets: int
    problem: str = ""

    def line(self) -> str:
        """The same for people, in one line."""
        head = f"session {self.session[:8]}, task {shorten(self.task, 80)}:"
        if self.verdict is None:
            return f"{head} no verdict: {self.problem}"
        again = f", {self.resets} resets" if self.resets else ""
        told = "success" if self.verdict["success"] else "failure"
        return f"{head} {told}, progress {self.verdict['progress']:.2f}, {self.calls} calls{again}"


class Hall:
    """All rooms of one offer, and the MCP servers that lead to them, one for each connection.

    Args:
        offer: what is served. ended: told of each session with a task that ends; from the event loop's thread. told: told in a
        line of what whoever serves should know.
    """

    def __init__(
        self, offer: Offer, *, ended: Callable[[Ended], None] = lambda ended: None, told: Callable[[str], None] = lambda line: None
    ) -> None:
        self.offer, self.ended, self.told = offer, ended, told
        self.rooms: set[Room] = set()
        self.threads = anyio.CapacityLimiter(_MOST_THREADS)
        self._turn = 0
        self._said: set[str] = set()
        offer.start  # noqa: B018  # made before anybody comes, so that what cannot be opened is told at once

    @property
    def open_rooms(self) -> int:
        """How many sessions have a room now."""
        return len(self.rooms)

    def server(self, session: Session | None = None) -> Any:
        """A new MCP server (the SDK's) for one connection."""
        one = session or Session(self)
        return built(f"turngym-{self.offer.name}", _version(), _INSTRUCTIONS, one.handlers, one.lifespan)

    def tell_once(self, line: str) -> None:
        """Tell whoever serves what is the same for many sessions; no more than a hundred lines of that kind."""
        if line not in self._said and len(self._said) < 100:
            self._said.add(line)
            self.told(line)

    def next_task(self) -> Task | None:
        """The task whose turn it is."""
        if not self.offer.tasks:
            return None
        self._turn += 1
        return self.offer.tasks[(self._turn - 1) % len(self.offer.tasks)]


class Session:
    """One connection's requests, answered: plain parameters in, plain results out, as the protocol spells them.

    Args:
        hall: where its room is. name: what it is called. task: which it lives through; None for the next in turn.
    """

    def __init__(self, hall: Hall, name: str = "", task: Task | None = None) -> None:
        self.hall, self.name = hall, name or uuid4().hex
        self._task = task
        self._room: Room | None = None
        self._over = False
        self._order = anyio.Lock()
        self.handlers: dict[str, Handler] = {
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": self._list_resources,
            "resources/templates/list": self._nothing("resourceTemplates"),
            "resources/read": self._read_resource,
            "prompts/list": self._nothing("prompts"),
            "prompts/get": self._get_prompt,
            "logging/setLevel": self._set_level,
        }

    @asynccontextmanager
    async def lifespan(self, server: Any) -> AsyncIterator[None]:
        """A connection's life; at its end the room is left."""
        try:
            yield
        finally:
            self._over = True
            with anyio.CancelScope(shield=True):
                async with self._order:
                    await self._leave()

    async def _leave(self) -> None:
        room, self._room = self._room, None
        if room is None:
            return
        if room.task is not None:
            self.hall.ended(await anyio.to_thread.run_sync(_ending, self.name, room, limiter=self.hall.threads))
        self.hall.rooms.discard(room)
        room.close()

    async def _in_room(self, work: Callable[[Room], T]) -> T:
        """Do something in the room, after all that was asked before; the room is opened at first need."""
        async with self._order:
            if self._over:
                raise Refusal(INTERNAL_ERROR, "the session is over")
            try:
                if self._room is None:
                    task = self._task or self.hall.next_task()
                    self._room = await anyio.to_thread.run_sync(self.hall.offer.open, task, limiter=self.hall.threads)
                    self.hall.rooms.add(self._room)
                return await anyio.to_thread.run_sync(work, self._room, limiter=self.hall.threads)
            except TurngymError as error:
                self.hall.tell_once(f"a session: {error}")
                raise Refusal(INTERNAL_ERROR, shorten(str(error), 300)) from error

    # -- requests --------------------------------------------------------------------------------------

    async def _list_tools(self, params: dict[str, Any]) -> dict[str, Any]:
        found = await self._in_room(lambda room: [_shown(name, tool) for name, tool in room.tools().items()])
        return {"tools": found + [_control(name) for name in self.hall.offer.controls]}

    async def _call_tool(self, params: dict[str, Any]) -> dict[str, Any]:
        name, arguments = params["name"], params.get("arguments") or {}
        return await self._in_room(lambda room: _answered(room.call(name, arguments)))

    async def _list_resources(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self.hall.offer.resources()
        return {"resources": [{"uri": r.uri, "name": r.name, "description": r.description, "mimeType": r.mime} for r in found]}

    async def _read_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        uri, offer = params["uri"], self.hall.offer
        mime = next((resource.mime for resource in offer.resources() if resource.uri == uri), None)
        if mime is None:
            raise Refusal(INVALID_PARAMS, f"there is no resource {shorten(uri, 80)}", {"uri": shorten(uri, 200)})
        if uri == TASKS:  # whoever only looks takes no task
            text = json.dumps(offer.listed(), ensure_ascii=False)
        else:
            text = await self._in_room(lambda room: room.read(uri) or "")
        return {"contents": [{"uri": uri, "text": text, "mimeType": mime}]}

    async def _get_prompt(self, params: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(INVALID_PARAMS, f"there is no prompt {shorten(params['name'], 80)}; this server has none")

    async def _set_level(self, params: dict[str, Any]) -> dict[str, Any]:
        """Nothing is ever logged to clients, at any level."""
        return {}

    def _nothing(self, name: str) -> Handler:
        async def none(params: dict[str, Any]) -> dict[str, Any]:
            return {name: []}

        return none


def _ending(session: str, room: Room) -> Ended:
    assert room.task is not None
    try:
        return Ended(session, room.task.id, room.verdict(), room.calls, room.resets)
    except Exception as error:  # a foreign world that is gone, say: its session ends all the same
        return Ended(session, room.task.id, None, room.calls, room.resets, f"{type(error).__name__}: {shorten(str(error), 200)}")


def _version() -> str:
    try:
        return version("turngym")
    except PackageNotFoundError:  # run from its sources
        return ""


# -- tools and results ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def result_schema(tool: Tool) -> dict[str, Any] | None:
    """The JSON schema of a tool's results where they are known to be objects; None for lists and what is foreign."""
    if tool.many or isinstance(tool, ForeignTool):
        return None
    schema = TypeAdapter(tool.returns).json_schema(mode="serialization")
    drop_titles(schema)
    return schema if schema.get("type") == "object" else None


def _shown(name: str, tool: Tool) -> dict[str, Any]:
    shown = {"name": name, "description": tool.description, "inputSchema": tool.parameter_schema}
    if (schema := result_schema(tool)) is not None:
        shown["outputSchema"] = schema
    return {**shown, "annotations": {"readOnlyHint": tool.is_read, "openWorldHint": False}}


def _control(name: str) -> dict[str, Any]:
    hints = {"readOnlyHint": False, "destructiveHint": name == RESET, "openWorldHint": False}
    return {"name": name, "description": CONTROLS[name].description, "inputSchema": CONTROLS[name].schema, "annotations": hints}


def _answered(result: ToolResult) -> dict[str, Any]:
    """A result as MCP tells it: its text, and the same as structure where it is an object; of an error the text alone."""
    told: dict[str, Any] = {"content": [{"type": "text", "text": result.text}], "isError": result.error is not None}
    if result.error is None and isinstance(value := result.value, dict):
        told["structuredContent"] = value
    return told
