"""A server that answers at once (or after a fixed time), in a process of its own: what is measured against it is the client's work alone.

It speaks just enough HTTP/1.1: keep-alive, `Content-Length` bodies. A request whose last message is the user's is
answered by a call, any other by a text, so that episodes go through calls, results and turns. It can also take its time
(`delay`, seconds for each request, as many at once as come), and know the right answers (`answers`: a JSON file of
`key_of` a conversation -> the assistant's message), so that what it says is worth keeping.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

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


def key_of(messages: Sequence[dict[str, Any]]) -> str:
    """What tells a conversation from others: what the user said and the tools answered."""
    heard = [(message["role"], message["content"]) for message in messages if message["role"] in ("user", "tool")]
    return blake2b(json.dumps(heard).encode(), digest_size=12).hexdigest()


class Player:
    """Answers requests."""

    def __init__(self, delay: float = 0.0, answers: str = "") -> None:
        self.delay = delay
        self.known: dict[str, dict[str, Any]] = json.loads(Path(answers).read_text()) if answers else {}

    async def answer(self, body: bytes) -> bytes:
        """The response to a request's body."""
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.known:
            found = self.known.get(key_of(json.loads(body)["messages"]), {"content": "I do not know."})
            return _answer(found, "tool_calls" if "tool_calls" in found else "stop")
        asked = max(body.rfind(b'"role":"user"'), body.rfind(b'"role": "user"'))
        told = max(body.rfind(b'"role":"tool"'), body.rfind(b'"role": "tool"'))
        return CALLS if asked > told else SAYS


async def _serve(player: Player, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
            writer.write(await player.answer(body))
    writer.close()


async def _main(delay: str = "0", answers: str = "") -> None:
    player = Player(float(delay), answers)
    server = await asyncio.start_server(lambda reader, writer: _serve(player, reader, writer), "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextlib.contextmanager
def instant_server(delay: float = 0.0, answers: str = "") -> Iterator[str]:
    """The base URL of a running server; it is stopped at the end."""
    process = subprocess.Popen([sys.executable, __file__, str(delay), answers], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
