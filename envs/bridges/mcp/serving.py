"""Our worlds for any MCP client: an MCP server whose every session has a room of its own.

Laws: no session sees what another did; a session's end frees its room; what a model sent is answered by a typed error
(`isError`, `{"error": {"kind", "message"}}`) and never by a broken session; calls of one session are done in the order
they arrive, one at a time.

What a session is depends on the transport: over stdio it is the process's one connection, over streamable HTTP what
`initialize` opens and DELETE (or half an hour of silence) ends. The revision 2026-07-28 of the protocol has no sessions
over HTTP, so there its clients are sent back to the handshake, as the revision foresees.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from weakref import WeakKeyDictionary

import mcp_types as types
from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from ...tool import Tool, ToolResult
from .room import CONTROLS, RESET, Offer, Room

_NO_SESSIONS = (
    "this server keeps worlds for each session, and over HTTP this revision of the protocol has none;"
    " open one with the initialize handshake"
)
_INSTRUCTIONS = "Simulated services to act in. What you change is seen by your session alone."


class Hall:
    """All rooms of one offer, and the MCP server that leads to them.

    Args:
        offer: what is served. sessions: whether one server process has many sessions (HTTP), or each connection is one.
    """

    def __init__(self, offer: Offer, *, sessions: bool = False) -> None:
        self.offer = offer
        self._sessions = sessions
        self._rooms: WeakKeyDictionary[Connection, Room] = WeakKeyDictionary()
        self._open = 0
        offer.start  # noqa: B018  # made before anybody comes, so that what cannot be opened is told at once

    @property
    def open_rooms(self) -> int:
        """How many sessions have a room now."""
        return len(self._rooms) + self._open

    def server(self) -> Server[Any]:
        """A new MCP server over this hall."""
        made: Server[Any] = Server(
            f"turngym-{self.offer.name}",
            version=_version(),
            instructions=_INSTRUCTIONS,
            lifespan=self._lifespan,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_read_resource=self._read_resource,
        )
        if self._sessions:
            made.add_request_handler("server/discover", types.RequestParams, self._discover)
        return made

    # -- sessions --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _lifespan(self, server: Server[Any]) -> AsyncIterator[Room | None]:
        """Without sessions a connection lives as long as this; with them, `_room` gives each its own."""
        if self._sessions:
            yield None
            return
        room = self.offer.open()
        self._open += 1
        try:
            yield room
        finally:
            self._open -= 1
            room.close()

    def _room(self, ctx: Any) -> Room:
        if isinstance(ctx.lifespan_context, Room):
            return ctx.lifespan_context
        connection: Connection = ctx.session._connection  # the one thing that lasts as long as a session does
        if connection.session_id is None:
            raise _refused(ctx.protocol_version)
        room = self._rooms.get(connection)
        if room is None:
            room = self._rooms[connection] = self.offer.open()
            connection.exit_stack.callback(self._leave, connection, room)
        return room

    def _leave(self, connection: Connection, room: Room) -> None:
        self._rooms.pop(connection, None)
        room.close()

    async def _discover(self, ctx: Any, params: types.RequestParams | None) -> types.DiscoverResult:
        raise _refused(ctx.protocol_version)

    # -- requests --------------------------------------------------------------------------------------

    async def _list_tools(self, ctx: Any, params: Any) -> types.ListToolsResult:
        room = self._room(ctx)
        found = [_shown(name, tool) for name, tool in room.tools().items()]
        return types.ListToolsResult(tools=found + [_control(name) for name in self.offer.controls])

    async def _call_tool(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return _answered(self._room(ctx).call(params.name, params.arguments or {}))

    async def _list_resources(self, ctx: Any, params: Any) -> types.ListResourcesResult:
        found = [types.Resource(uri=r.uri, name=r.name, description=r.description, mime_type=r.mime) for r in self._room(ctx).resources()]
        return types.ListResourcesResult(resources=found)

    async def _read_resource(self, ctx: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        room, uri = self._room(ctx), str(params.uri)
        text = room.read(uri)
        if text is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no resource {uri[:80]}", {"uri": uri})
        mime = next(resource.mime for resource in room.resources() if resource.uri == uri)
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, text=text, mime_type=mime)])


def _version() -> str:
    try:
        return version("turngym")
    except PackageNotFoundError:  # run from its sources
        return ""


def _refused(revision: str) -> MCPError:
    asked = {"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": revision}
    return MCPError(types.UNSUPPORTED_PROTOCOL_VERSION, _NO_SESSIONS, asked)


def _shown(name: str, tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=tool.is_read, open_world_hint=False)
    return types.Tool(name=name, description=tool.description, input_schema=tool.parameter_schema, annotations=hints)


def _control(name: str) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=False, destructive_hint=name == RESET, open_world_hint=False)
    return types.Tool(name=name, description=CONTROLS[name].description, input_schema=CONTROLS[name].schema, annotations=hints)


def _answered(result: ToolResult) -> types.CallToolResult:
    """A result as MCP tells it: its JSON text, and the same as structure where it is an object."""
    value = result.value
    return types.CallToolResult(
        content=[types.TextContent(text=result.text)],
        structured_content=value if isinstance(value, dict) else None,
        is_error=result.error is not None,
    )
