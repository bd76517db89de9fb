"""What serving takes from the official SDK, and what differs between its generations: `mcp` 1.x and 2.x.

A server is built from a table of handlers, method -> plain parameters -> plain result, in the
spelling of the protocol (`inputSchema`); the models that check both are those of the SDK that is installed. Laws: a
`Refusal` of a handler is the protocol's error of the same code; nothing else of serving imports the SDK.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.shared.message import SessionMessage

from .jsonrpc import INVALID_REQUEST, Malformed, Refusal
from .sdk import GENERATION

__all__ = [
    "HANDSHAKES", "METHODS", "LocalOnly", "built", "keep_quiet", "message_from", "serve", "text_of_message", "transport_of",
]  # fmt: skip

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]

types: Any = importlib.import_module("mcp_types" if GENERATION == 2 else "mcp.types")
_versions: Any = importlib.import_module("mcp_types.version" if GENERATION == 2 else "mcp.shared.version")
HANDSHAKES: tuple[str, ...] = tuple(_versions.HANDSHAKE_PROTOCOL_VERSIONS if GENERATION == 2 else _versions.SUPPORTED_PROTOCOL_VERSIONS)
"""The revisions of the protocol that open a session by `initialize`."""

_MODELS = {  # method -> what its request, its parameters and its result are called
    "tools/list": ("ListToolsRequest", "PaginatedRequestParams", "ListToolsResult"),
    "tools/call": ("CallToolRequest", "CallToolRequestParams", "CallToolResult"),
    "resources/list": ("ListResourcesRequest", "PaginatedRequestParams", "ListResourcesResult"),
    "resources/templates/list": ("ListResourceTemplatesRequest", "PaginatedRequestParams", "ListResourceTemplatesResult"),
    "resources/read": ("ReadResourceRequest", "ReadResourceRequestParams", "ReadResourceResult"),
    "prompts/list": ("ListPromptsRequest", "PaginatedRequestParams", "ListPromptsResult"),
    "prompts/get": ("GetPromptRequest", "GetPromptRequestParams", "GetPromptResult"),
    "logging/setLevel": ("SetLevelRequest", "SetLevelRequestParams", "EmptyResult"),
}
METHODS = frozenset((*_MODELS, "initialize", "ping", *(("server/discover",) if GENERATION == 2 else ())))
"""The methods of requests that are answered; a server has a handler for each that is in `_MODELS`."""

logging.getLogger("mcp").addHandler(logging.NullHandler())  # or what clients send wrongly fills our stderr


def keep_quiet() -> None:
    """For a process that only serves: the first generation repeats on stderr what clients send wrongly, of any length."""
    logging.getLogger().addHandler(logging.NullHandler())


def built(name: str, version: str, instructions: str, handlers: Mapping[str, Handler], lifespan: Lifespan) -> Server[Any]:
    """An MCP server for one connection. Its capabilities are those of the handlers."""
    made: Server[Any] = Server(name, version=version, instructions=instructions, lifespan=lifespan)
    add = _add_to_second if GENERATION == 2 else _add_to_first
    for method, handler in handlers.items():
        add(made, method, handler)
    return made


def _add_to_second(made: Any, method: str, handler: Handler) -> None:
    _, params, result = [getattr(types, name) for name in _MODELS[method]]

    async def handle(ctx: Any, asked: Any) -> Any:
        try:
            return result.model_validate(await handler(asked.model_dump(by_alias=True, mode="json")))
        except Refusal as refusal:
            raise importlib.import_module("mcp").MCPError(refusal.code, refusal.message, refusal.data) from None

    made.add_request_handler(method, params, handle)


def _add_to_first(made: Any, method: str, handler: Handler) -> None:
    request, _, result = [getattr(types, name) for name in _MODELS[method]]

    async def handle(asked: Any) -> Any:
        try:
            params = asked.params.model_dump(by_alias=True, mode="json") if asked.params is not None else {}
            return types.ServerResult(result.model_validate(await handler(params)))
        except Refusal as refusal:
            told = types.ErrorData(code=refusal.code, message=refusal.message, data=refusal.data)
            raise importlib.import_module("mcp.shared.exceptions").McpError(told) from None

    made.request_handlers[request] = handle


async def serve(server: Server[Any], incoming: Any, outgoing: Any) -> None:
    """Serve one connection over a pair of streams of `SessionMessage`, until the incoming one is closed."""
    await server.run(incoming, outgoing, server.create_initialization_options())


def message_from(found: dict[str, Any]) -> SessionMessage:
    """A judged message as the SDK takes it. Raises `Malformed` where its own models know better."""
    try:
        if GENERATION == 2:
            return SessionMessage(types.jsonrpc_message_adapter.validate_python(found, by_name=False))
        return SessionMessage(types.JSONRPCMessage.model_validate(found))
    except ValueError:
        raise Malformed(Refusal(INVALID_REQUEST, "this is no request of JSON-RPC 2.0"), found.get("id")) from None


def text_of_message(sent: SessionMessage) -> tuple[str, int | str | None]:
    """A message of the SDK as one line of JSON, and the id of the request that it answers."""
    message: Any = sent.message if GENERATION == 2 else sent.message.root  # type: ignore[union-attr]
    skip: dict[str, Any] = {"exclude_unset": True} if GENERATION == 2 else {"exclude_none": True}
    answers = getattr(message, "id", None) if not hasattr(message, "method") else None
    return str(message.model_dump_json(by_alias=True, **skip)), answers


class LocalOnly:
    """The check of `Host` and `Origin` that keeps web pages from a server at a local address. At others it checks neither."""

    def __init__(self, host: str) -> None:
        local = host in ("127.0.0.1", "localhost", "::1")
        names = ("127.0.0.1:*", "localhost:*", "[::1]:*") if local else ()
        self.settings = TransportSecuritySettings(
            enable_dns_rebinding_protection=local, allowed_hosts=list(names), allowed_origins=[f"http://{name}" for name in names]
        )
        self._judge = TransportSecurityMiddleware(self.settings)

    async def refusal(self, request: Any) -> Any:
        """The response that refuses a request, or None."""
        return await self._judge.validate_request(request, is_post=request.method == "POST")


def transport_of(session: str, guard: LocalOnly) -> StreamableHTTPServerTransport:
    """The HTTP side of one session, which answers requests by JSON and not by event streams."""
    return StreamableHTTPServerTransport(session, is_json_response_enabled=True, security_settings=guard.settings)
