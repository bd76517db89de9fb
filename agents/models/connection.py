"""A connection to an OpenAI-compatible server: bytes out, bytes back, everything that can go wrong as a `Fault`.

Laws: an attempt ends within its deadline, whatever the server does, since the clock runs over all of it, from connecting to
the last byte; no answer fills the memory, since it is counted while it is read, packed and unpacked; the key comes from the
environment, and where a server echoes it, it is blotted out before anyone reads the text. Not here: repeating (`retrying.py`), and what the
bytes mean (`wire.py`).
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ...envs.errors import RunError, shorten
from ...envs.extras import need
from .client import Client, installed_client
from .retrying import Fault, status_fault
from .streaming import whole_of

DEFAULT_URL = "https://api.openai.com/v1"
MOST_BYTES = 32 * 1024 * 1024
_SOCKETS = 65_536  # no episode waits for another's socket, since its clock would run meanwhile
_IDLE = 4.0  # seconds; servers close idle sockets after five, and a request must not meet that
_PACKINGS = ("gzip", "deflate")  # which grow at most a thousandfold; br and zstd grow without bound
_DEEPEST = 3  # packings of packings
_SLICE = 4096  # bytes
_NO_KEY = "none"  # what a server without keys is sent, since the client wants one
_BLOT = b"***"


def server_url(base_url: str | None) -> str:
    """The address of the server: as given, or of `OPENAI_BASE_URL`, or OpenAI's. Raises `RunError` for what is none."""
    url = base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine:
        raise RunError(f"base_url {shorten(url.rpartition('@')[2])} is no address of a server; it looks like http://localhost:8000/v1")
    if parts.username or parts.password:
        raise RunError(f"base_url of {parts.hostname} holds a password; put it into the environment as the key (OPENAI_API_KEY)")
    return url.rstrip("/")


class Connection:
    """An `openai` client of one event loop.

    Attributes:
        url: of the server. loop: where it lives.
    """

    def __init__(self, url: str, key_env: str) -> None:
        self._kind = installed_client()
        need("tenacity")  # what repeats, imported before sockets take every file descriptor
        self.url = url
        self.loop = asyncio.get_running_loop()
        key = os.environ.get(key_env, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise RunError(f"the key in {key_env} holds characters that no key has; copy it again")
        self._secret = key.encode() if len(key) >= 6 else b""
        self._client = self._kind.openai.AsyncOpenAI(
            base_url=url, api_key=key or _NO_KEY, max_retries=0, timeout=None, http_client=_http_client(self._kind)
        )  # fmt: skip

    async def post(self, path: str, body: bytes, seconds: float) -> bytes:
        """The body of the answer to a JSON body. Raises `Fault`."""
        return await self._ask(seconds, path, body)

    async def get(self, path: str, seconds: float) -> bytes:
        """The body of the answer. Raises `Fault`."""
        return await self._ask(seconds, path)

    async def close(self) -> None:
        """Close every socket."""
        await self._client.close()

    async def _ask(self, seconds: float, path: str, body: bytes | None = None) -> bytes:
        openai, http, content = self._kind
        options: dict[str, Any] = {"security": {"bearer_auth": True}}
        try:
            async with asyncio.timeout(seconds) as clock:
                if body is None:
                    answer = await self._client.get(path, cast_to=http.Response, options=options)
                else:
                    options["headers"] = {"Content-Type": "application/json"}
                    answer = await self._client.post(path, **{content: body}, cast_to=http.Response, options=options)
                return self._blotted(whole_of(answer.content) if self._secret else answer.content)  # a stream cuts a key in pieces
        except openai.APIStatusError as error:
            raise status_fault(error.status_code, error.response.headers, self._blotted(error.response.content)) from None
        except TimeoutError:
            if not clock.expired():
                raise Fault("the connection timed out", "connection") from None
            raise Fault(f"no whole answer within {seconds:g} s", "silent") from None
        except _UnreadError as error:
            raise Fault(str(error), "garbage") from None
        except Exception as error:  # of the client, or of what it stands on: resets, broken chunks, names that do not resolve
            raise Fault(self._blotted(_cause(error).encode(errors="replace")).decode(), "connection") from None

    def _blotted(self, text: bytes) -> bytes:
        return text.replace(self._secret, _BLOT) if self._secret and self._secret in text else text


# -- inside -----------------------------------------------------------------------------------------------


class _UnreadError(Exception):
    """A body that is not read: beyond the bound, or packed as nobody asked for."""


def _http_client(kind: Client) -> Any:
    """The client's own transport on aiohttp where that is installed (twice as fast), on httpx else; both bounded."""
    openai, http, _ = kind
    limits = http.Limits(max_connections=_SOCKETS, max_keepalive_connections=_SOCKETS, keepalive_expiry=_IDLE)
    warnings.filterwarnings("ignore", "Sending a large body", ResourceWarning)  # aiohttp's, of a long conversation: it is meant
    asked = {"Accept-Encoding": ", ".join(_PACKINGS)}
    trusted = _trusted(http, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    hooks = {"response": [_bounding(http)]}
    settings = {"timeout": None, "limits": limits, "headers": asked, "event_hooks": hooks, "verify": trusted}
    try:
        return openai.DefaultAioHttpClient(**settings)
    except RuntimeError:
        return openai.DefaultAsyncHttpxClient(**settings)


@lru_cache(maxsize=4)
def _trusted(http: Any, file: str | None, folder: str | None) -> Any:
    """Who is trusted, which the client reads from these places: once, since reading takes longer than many an answer."""
    return http.create_ssl_context()


def _bounding(http: Any) -> Any:
    """A hook that bounds the body of an answer before any of it is read, as it comes and as it is unpacked.

    The library may unpack what it is given at once, so it is given one packing a time, in slices that unpack to 4 MiB at most.
    """

    class Counted(http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, parts: AsyncIterable[bytes], close: Callable[[], Awaitable[None]]) -> None:
            self._parts, self._close = parts, close

        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for part in self._parts:
                read += len(part)
                if read > MOST_BYTES:
                    raise _UnreadError(f"the answer exceeds {MOST_BYTES >> 20} MiB")
                for start in range(0, len(part), _SLICE):
                    yield part[start : start + _SLICE]

        async def aclose(self) -> None:
            await self._close()

    async def bound(response: Any) -> None:
        counted = Counted(response.stream, response.stream.aclose)
        for packing in reversed(_packings(response.headers)):
            packed = http.Response(response.status_code, headers={"Content-Encoding": packing}, stream=counted)
            counted = Counted(packed.aiter_bytes(), packed.aclose)
        response.stream = counted

    return bound


def _packings(headers: Any) -> list[str]:
    """How the body is packed, in the order in which it was; the headers say so no longer. Raises `_UnreadError`."""
    named = headers.pop("content-encoding", "").lower().split(",")
    found = [packing for part in named if (packing := part.strip()) not in ("", "identity")]
    if len(found) > _DEEPEST or not set(found) <= set(_PACKINGS):
        raise _UnreadError(f"the answer is packed as {shorten(', '.join(found))}, which nobody asked for")
    return found


def _cause(error: BaseException) -> str:
    """The innermost reason in words: the client's own `Connection error.` says nothing."""
    inner: BaseException = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    said = " ".join(str(inner).split())
    return shorten(f"{type(inner).__name__}: {said}" if said else type(inner).__name__, 200)
