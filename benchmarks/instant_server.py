"""A server that answers at once, in a process of its own: what is measured against it is the client's work alone.

It speaks just enough HTTP/1.1: keep-alive, `Content-Length` bodies. A request whose last message is the user's is
answered by a call, any other by a text, so that episodes go through calls, results and turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

CALL = {"id": "c1", "type": "function", "function": {"name": "list_accounts", "arguments": "{}"}}


def _answer(message: dict[str, object], reason: str) -> bytes:
    body = {
        "id": "x", "object": "chat.completion", "created": 0, "model": "fake",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920},
    }  # fmt: skip
    data = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


CALLS = _answer({"content": None, "tool_calls": [CALL]}, "tool_calls")
SAYS = _answer({"content": "That is all."}, "stop")
MODELS = json.dumps({"object": "list", "data": [{"id": "fake", "object": "model"}]}).encode()
LISTS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(MODELS), MODELS)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            body = await reader.readexactly(length) if length else b""
            if head.startswith(b"GET"):
                writer.write(LISTS)
                continue
            asked = max(body.rfind(b'"role":"user"'), body.rfind(b'"role": "user"'))
            told = max(body.rfind(b'"role":"tool"'), body.rfind(b'"role": "tool"'))
            writer.write(CALLS if asked > told else SAYS)
    writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextlib.contextmanager
def instant_server() -> Iterator[str]:
    """The base URL of a running server; it is stopped at the end."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_main())
