"""Clients for tests of serving: the SDK's own, of whichever generation is installed, and bare HTTP and lines without any."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import mcp
from mcp import StdioServerParameters

from turngym.envs.bridges.mcp.sdk import GENERATION

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "turngym", "serve"]
HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


def stdio(*arguments: str) -> StdioServerParameters:
    return StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], *arguments, "--mcp"], env={"PYTHONPATH": str(HERE)}, cwd=str(HERE))


class Asking:
    """A connected client of the SDK: what it is told, as the protocol spells it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def tools(self) -> list[dict[str, Any]]:
        return [_plain(tool) for tool in (await self._client.list_tools()).tools]

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return _plain(await self._client.call_tool(name, arguments))

    async def told(self, name: str, arguments: dict[str, Any]) -> str:
        """The text of a result, which says the same as its structure."""
        result = await self.call(name, arguments)
        (content,) = result["content"]
        value, failed = json.loads(content["text"]), result.get("isError", False)
        assert failed == content["text"].startswith('{"error"')
        assert result.get("structuredContent") == (value if isinstance(value, dict) and not failed else None)
        return str(content["text"])

    async def resources(self) -> list[str]:
        return [str(resource.uri) for resource in (await self._client.list_resources()).resources]

    async def read(self, uri: str) -> str:
        (content,) = (await self._client.read_resource(uri if GENERATION == 2 else _url(uri))).contents
        return str(content.text)


@asynccontextmanager
async def connected(target: Any) -> AsyncIterator[Asking]:
    """Connect to a command, an address, or a server of this process."""
    if GENERATION == 2:
        async with mcp.Client(mcp.stdio_client(target) if isinstance(target, StdioServerParameters) else target) as client:
            yield Asking(client)
    else:
        async with _first(target) as session:
            yield Asking(session)


@asynccontextmanager
async def _first(target: Any) -> AsyncIterator[Any]:
    from mcp.client import streamable_http
    from mcp.shared.memory import create_connected_server_and_client_session

    if not isinstance(target, (str, StdioServerParameters)):
        async with create_connected_server_and_client_session(target) as session:
            yield session
        return
    over_http = getattr(streamable_http, "streamable_http_client", None) or streamable_http.streamablehttp_client  # before 1.24
    opened = over_http(target) if isinstance(target, str) else mcp.stdio_client(target)
    async with opened as (incoming, outgoing, *_), mcp.ClientSession(incoming, outgoing) as session:
        await session.initialize()
        yield session


def _plain(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.model_dump(by_alias=True, mode="json", exclude_none=True)
    return found


def _url(text: str) -> Any:
    from pydantic import AnyUrl

    return AnyUrl(text)


# -- without the SDK --------------------------------------------------------------------------------------


def request(method: str, to: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": to, "method": method, "params": params}


def called(name: str, to: Any = 1, **arguments: Any) -> dict[str, Any]:
    return request("tools/call", to, name=name, arguments=arguments)


INITIALIZE = request("initialize", 0, protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "bare", "version": "1"})
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Bare:
    """One HTTP connection to `address`, and the session that it opened."""

    def __init__(self, address: str) -> None:
        self._http = http.client.HTTPConnection(address.split("/")[2], timeout=20)
        self.session = ""

    def send(self, verb: str, body: Any = None, query: str = "", **headers: str) -> tuple[int, dict[str, str], Any]:
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        own = {"mcp-session-id": self.session} if self.session else {}
        self._http.request(verb, f"/mcp{query}", data, {**HEADERS, **own, **headers})
        response = self._http.getresponse()
        text = response.read()
        found = json.loads(text) if response.getheader("content-type") == "application/json" and text else text
        return response.status, dict(response.getheaders()), found

    def open(self, query: str = "") -> tuple[int, Any]:
        """Open a session: the status, and the answer."""
        status, headers, told = self.send("POST", INITIALIZE, query)
        if status == 200 and "result" in told:
            self.session = headers["mcp-session-id"]
            assert self.send("POST", READY)[0] == 202
        return status, told

    def ask(self, asked: dict[str, Any]) -> Any:
        status, _, told = self.send("POST", asked)
        assert status == 200, told
        return told

    def value(self, asked: dict[str, Any]) -> Any:
        """What a tool's result or a resource says."""
        found = self.ask(asked)["result"]
        return json.loads((found.get("content") or found["contents"])[0]["text"])

    def close(self) -> None:
        self._http.close()


@contextmanager
def process(*arguments: str, cwd: Path = HERE) -> Iterator[subprocess.Popen[bytes]]:
    """The command `serve`, once it listens; its stdin, stdout and stderr are pipes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "error"}
    with subprocess.Popen([*COMMAND, *arguments, "--mcp"], cwd=cwd, env=env, **pipes) as started:
        started.told = started.stderr.readline().decode()  # type: ignore[attr-defined]
        assert "serving" in started.told
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def lines(*messages: Any) -> bytes:
    return b"".join([json.dumps(message).encode() + b"\n" for message in messages])


def answers(out: bytes | Iterable[bytes]) -> dict[Any, dict[str, Any]]:
    """Answers by the id they bear."""
    found = [json.loads(line) for line in (out.splitlines() if isinstance(out, bytes) else out)]
    return {message.get("id"): message for message in found}
