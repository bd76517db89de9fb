"""What differs between the generations of the MCP SDK (`mcp` 1.x and 2.x), for our side as a client; others name no class of it.

The SDK carries messages: its transports, its handshake, its answers to pings. What a server answered is taken as the JSON data
that it is. Law: nothing is held against the SDK's models, for these refuse a whole list for one bad tool, and a whole
result for a word that is not in its schema; whoever asks judges what came (`answers.py`, `listing.py`).
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

from pydantic import RootModel

from ...errors import DefinitionError
from ...extras import need
from .hearing import ENCODING, MOST_BYTES, Ear, bounding

_mcp: Any = need("mcp")
_types: Any = import_module("mcp.types")

GENERATION, _MINOR = [int(part) for part in version("mcp").split(".")[:2]]
if (GENERATION, _MINOR) < (1, 24):
    raise DefinitionError(f"mcp {version('mcp')} is too old; install 'mcp>=1.24'")
CONNECTION_CLOSED: int = _types.CONNECTION_CLOSED
UNSUPPORTED_PROTOCOL_VERSION = -32022  # a server that knows no handshake; of the revision 2026-07-28
HANDSHAKE, DISCOVER = "handshake", "discover"
_ERROR: type[Exception] = _mcp.MCPError if GENERATION > 1 else _mcp.McpError
_PLAIN = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
_STANDS: dict[str, dict[str, Any]] = {
    "tools/list": {"tools": [], **_PLAIN}, "tools/call": {"content": [], **_PLAIN}, "resources/read": {"contents": [], **_PLAIN},
}  # fmt: skip
_AS_IT_CAME = "turngym/as-it-came"

logging.getLogger("mcp").addHandler(logging.NullHandler())  # or what servers print beside the protocol fills our stderr
logging.getLogger("client").addHandler(logging.NullHandler())


class Refused(Exception):
    """A refusal by protocol: its code, and the server's words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Session:
    """A session with a server. `ask` it; results are JSON data as they came.

    Attributes:
        server: what the server calls itself. instructions: what it says of itself.
    """

    def __init__(self, inner: Any, told: Any) -> None:
        self._inner = inner
        info = getattr(told, "serverInfo", None) or getattr(told, "server_info", None) or getattr(inner, "server_info", None)
        self.server: str = info.name if info is not None else ""
        self.instructions: str = told.instructions or ""

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request. Raises `Refused`."""
        request = _types.Request[dict[str, Any], str](method=method, params=params)
        with _refusals():
            raw: dict[str, Any] = (await self._inner.send_request(request, RootModel[dict[str, Any]])).root
        return raw["_meta"][_AS_IT_CAME] if GENERATION > 1 else raw


@contextlib.asynccontextmanager
async def session(transport: Any, mode: str, ended: Callable[[], None]) -> AsyncIterator[Session]:
    """A session over a transport of this module; `ended` is called once nothing more comes from the server.

    `mode` is `HANDSHAKE`, with which servers have sessions, or `DISCOVER`, which SDK 1.x does not know. Raises `Refused`.
    """
    if mode == DISCOVER and GENERATION < 2:
        raise Refused(UNSUPPORTED_PROTOCOL_VERSION, "it speaks only a revision of the protocol that mcp 1.x does not; install mcp>=2")
    async with transport as streams:
        read, write = Ear(streams[0], ended), streams[1]
        inner = import_module("mcp.client.session").ClientSession
        async with inner(dispatcher=_keeping()(read, write)) if GENERATION > 1 else inner(read, write) as client:
            with _refusals():
                told = await (client.discover() if mode == DISCOVER else client.initialize())
            yield Session(client, told)


@contextlib.contextmanager
def _refusals() -> Any:
    try:
        yield
    except _ERROR as error:
        found: Any = error
        raise Refused(found.error.code, found.error.message) from error


@cache
def _keeping() -> Any:
    """The SDK's dispatcher (2.x), which hands results past the session's models: it shows these an empty one, with ours beside it."""
    base = import_module("mcp.shared.jsonrpc_dispatcher").JSONRPCDispatcher

    class Keeping(base):  # type: ignore[misc, valid-type]
        async def send_raw_request(self, method: str, *args: Any, **options: Any) -> dict[str, Any]:
            raw: dict[str, Any] = await super().send_raw_request(method, *args, **options)
            return {**_STANDS[method], "_meta": {_AS_IT_CAME: raw}} if method in _STANDS else raw

    return Keeping


# -- transports -------------------------------------------------------------------------------------------


def over_stdio(command: str, args: list[str], env: dict[str, str], cwd: str, errors: Any) -> Any:
    """A server that is started; what it writes to stderr goes to the file `errors`."""
    said = _mcp.StdioServerParameters(command=command, args=args, env=env, cwd=cwd or None, encoding=ENCODING)
    return _mcp.stdio_client(said, errlog=errors)


@contextlib.asynccontextmanager
async def over_http(url: str, headers: Mapping[str, str], told: Callable[[str], None]) -> AsyncIterator[Any]:
    """A server at an address, over streamable HTTP; `told` hears of what is beyond the bounds, and of a session that is gone."""
    connect = import_module("mcp.client.streamable_http").streamable_http_client
    bound = {"max_sse_event_size": MOST_BYTES} if "max_sse_event_size" in inspect.signature(connect).parameters else {}
    async with _http_client(told)(headers=dict(headers)) as client, connect(url, http_client=client, **bound) as streams:
        yield streams


def over_sse(url: str, headers: Mapping[str, str], timeout: float, told: Callable[[str], None]) -> Any:
    """A server at an address, over the older transport."""
    connect = import_module("mcp.client.sse").sse_client
    return connect(url, headers=dict(headers), timeout=timeout, httpx_client_factory=_http_client(told))


def _http_client(told: Callable[[str], None]) -> Callable[..., Any]:
    """What makes HTTP clients whose answers are bounded."""

    def made(headers: dict[str, str] | None = None, timeout: Any = None, auth: Any = None) -> Any:
        client = import_module("mcp.shared._httpx_utils").create_mcp_http_client(headers, timeout, auth)
        client.headers["accept-encoding"] = "gzip, deflate"  # what `hearing.py` unpacks by itself
        client.event_hooks = {"response": [bounding(import_module("httpx2" if GENERATION > 1 else "httpx").AsyncByteStream, told)]}
        return client

    return made
