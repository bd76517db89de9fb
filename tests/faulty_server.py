"""A chat-completion server on a real socket that fails as told: by a script, one word a request, or by chance.

    with FaultyServer(script=["503", "reset"], answer=says("Hi")) as server:
        make_policy("chat", model="m", base_url=server.url)

It speaks as much HTTP/1.1 as the tests need, in a thread of its own, and remembers what it was sent. `FAULTS` lists the
words; what no script or chance covers is answered by `answer(request) -> message` (an OpenAI message, or a whole completion).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from random import Random
from typing import Any

Message = dict[str, Any]
Answer = Callable[[dict[str, Any]], Message]
HUGE = 1 << 30
LOOK = {"role": "user", "content": "Hello"}
TOO_LONG = "This model's maximum context length is 512 tokens. However, your request has 700 input tokens."


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


def says(content: str, *calls: tuple[str, str]) -> Answer:
    """An answer that is always the same: content, and (name, arguments) of calls."""
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{i}", "type": "function", "function": {"name": n, "arguments": a}} for i, (n, a) in enumerate(calls)
        ]
    return lambda request: dict(message)


def plays_gold(tasks: Iterable[Any], as_text: bool = False) -> Answer:
    """The gold of tasks, told apart by what their users say first; stateless, as a server is."""
    steps = {task.turns[0].user: [step for turn in task.turns for step in (*turn.gold, turn.reply or "Done.")] for task in tasks}

    def answer(request: dict[str, Any]) -> Message:
        opening = next(message["content"] for message in request["messages"] if message["role"] == "user")
        made = sum(message["role"] == "assistant" for message in request["messages"])
        step = steps.get(opening, ["Hello."])[made]
        if isinstance(step, str):
            return {"role": "assistant", "content": step}
        if as_text:
            call = json.dumps({"name": step.name, "arguments": step.arguments})
            return {"role": "assistant", "content": f"<think>Hm.</think>\n<tool_call>\n{call}\n</tool_call>"}
        function = {"name": step.name, "arguments": json.dumps(step.arguments)}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": f"chatcmpl-{made}", "type": "function", "function": function}]}

    return answer


def completion(message: Message, **more: Any) -> dict[str, Any]:
    """A whole chat completion around a message."""
    reason = more.pop("finish_reason", "tool_calls" if message.get("tool_calls") else "stop")
    choice = {"index": 0, "message": message, "finish_reason": reason, **more.pop("choice", {})}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage, **more}


class FaultyServer:
    """The server; a context manager.

    Args:
        answer: what is said when nothing fails. script: a word for each completion in turn, "ok" for none.
        chances: how often each word strikes, drawn by `seed` when the script is used up. models: names served.
        refuses: request -> why it is answered 400 (words, or a whole error), "" for well. streams: completion -> the body of
            an event stream that answers instead (`tempers.py`). packs: content encoding, and what packs the body of each
            answer. key: the key it wants. listing: the word that `/models` fails with. drip: seconds between bytes of
            `slow`, and before `late`.
    """

    def __init__(
        self,
        answer: Answer | None = None,
        *,
        script: Iterable[str] = (),
        chances: Mapping[str, float] | None = None,
        seed: int = 0,
        models: tuple[str, ...] = ("m",),
        **settings: Any,
    ) -> None:
        self.answer = answer or says("Done.")
        self.script = list(script)
        self.chances = dict(chances or {})
        self.models = models
        self.refuses: Callable[[dict[str, Any]], str | dict[str, Any]] = settings.pop("refuses", lambda request: "")
        self.streams: Callable[[dict[str, Any]], bytes] | None = settings.pop("streams", None)
        self.packs: tuple[str, Callable[[bytes], bytes]] | None = settings.pop("packs", None)
        self.key: str = settings.pop("key", "")
        self.listing: str = settings.pop("listing", "ok")
        self.drip: float = settings.pop("drip", 1.0)
        assert not settings, settings
        self.seen: list[Seen] = []
        self.struck: list[str] = []
        self.sent = 0
        self.waiting = self.most_waiting = 0
        self._rng = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    # -- life ------------------------------------------------------------------------------------------

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def completions(self) -> list[Seen]:
        """The requests for completions, without those of a policy's first look."""
        return [seen for seen in self.seen if seen.method == "POST" and seen.json["messages"][-1] != LOOK]

    @property
    def looks(self) -> list[dict[str, Any]]:
        """The bodies of a policy's first looks."""
        return [seen.json for seen in self.seen if seen.method == "POST" and seen.json["messages"][-1] == LOOK]

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        self._talks: set[asyncio.Task[None]] = set()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._talks.add(task)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
            writer.transport.abort()
            self._talks.discard(task)

        server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1024)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in list(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    # -- one request -----------------------------------------------------------------------------------

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(method, path, headers, body)
        self.seen.append(seen)
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return await self._say(writer, 401, {"error": {"message": f"Incorrect API key: {headers.get('authorization')}"}})
        if path == "/v1/models":
            if self.listing != "ok":
                return await self._fail(self.listing, seen, writer)
            return await self._say(writer, 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        if path != "/v1/chat/completions":
            return await self._say(writer, 404, {"detail": "Not Found"})
        if (name := seen.json["model"]) not in self.models:
            return await self._say(writer, 404, {"error": {"message": f"The model `{name}` does not exist.", "code": 404}})
        if refusal := self.refuses(seen.json):
            return await self._say(writer, 400, {"error": {"message": refusal} if isinstance(refusal, str) else refusal})
        word = self._word()
        self.struck.append(word)
        if word != "ok":
            return await self._fail(word, seen, writer)
        return await self._well(seen, writer)

    def _word(self) -> str:
        if self.script:
            return self.script.pop(0)
        drawn = self._rng.random()
        for word, chance in self.chances.items():
            if (drawn := drawn - chance) < 0:
                return word
        return "ok"

    def _good(self, seen: Seen) -> dict[str, Any]:
        made = self.answer(seen.json)
        return made if "choices" in made else completion(made)

    async def _well(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        if self.streams is not None:
            return await self._say(writer, 200, self.streams(self._good(seen)), kind="text/event-stream")
        if self.packs is not None:
            name, pack = self.packs
            return await self._say(writer, 200, pack(json.dumps(self._good(seen)).encode()), f"Content-Encoding: {name}\r\n")
        return await self._say(writer, 200, self._good(seen))

    async def _say(self, writer: asyncio.StreamWriter, status: int, body: Any, headers: str = "", kind: str = "application/json") -> bool:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Word\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        writer.write(head.encode() + data)
        await writer.drain()
        return True

    async def _fail(self, word: str, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        if word in FIXED:
            return await self._say(writer, *FIXED[word](self, seen))
        return await SPECIAL[word](self, seen, writer)

    # -- faults that need the socket -------------------------------------------------------------------

    async def _reset(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    async def _close(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        return False

    async def _hang(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        await self._over.wait()
        return False

    async def _slow(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        data = json.dumps(self._good(seen)).encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(self.drip)
        return True

    async def _huge(self, seen: Seen, writer: asyncio.StreamWriter, status: str = "200 OK") -> bool:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n".encode() + b'{"choices": "')
        chunk = b"x" * (1 << 20)
        for _ in range(HUGE >> 20):
            writer.write(chunk)
            await writer.drain()
            self.sent += len(chunk)
        return True

    async def _huge_error(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        return await self._huge(seen, writer, "500 Oh")

    async def _short(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        data = json.dumps(self._good(seen)).encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[: len(data) // 2])
        await writer.drain()
        return False

    async def _noise(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"\x00\xff\xfeno http at all\r\n\r\n")
        await writer.drain()
        return False

    async def _late(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        """A good answer that takes a while."""
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await asyncio.sleep(self.drip)
        self.waiting -= 1
        return await self._well(seen, writer)


def _error(status: int, message: str, **more: Any) -> Callable[[FaultyServer, Seen], tuple[Any, ...]]:
    headers = more.pop("headers", "")
    return lambda server, seen: (status, {"error": {"message": message, **more}}, headers() if callable(headers) else headers)


def _raw(body: bytes, kind: str = "application/json", status: int = 200) -> Callable[[FaultyServer, Seen], tuple[Any, ...]]:
    return lambda server, seen: (status, body, "", kind)


def _echo(server: FaultyServer, seen: Seen) -> tuple[Any, ...]:
    return 500, {"error": {"message": f"I got {seen.headers.get('authorization')}"}}


def _echo_well(server: FaultyServer, seen: Seen) -> tuple[Any, ...]:
    return 200, completion({"role": "assistant", "content": f"I got {seen.headers.get('authorization')}"})


FIXED: dict[str, Callable[[FaultyServer, Seen], tuple[Any, ...]]] = {
    "500": _error(500, "inside"),
    "502": _raw(b"<html>Bad Gateway</html>", "text/html", 502),
    "503": _error(503, "busy"),
    "429": _error(429, "slow down"),
    "429-seconds": _error(429, "slow down", headers="Retry-After: 1\r\n"),
    "429-ms": _error(429, "slow down", headers="retry-after-ms: 300\r\n"),
    "429-date": _error(429, "slow down", headers=lambda: f"Retry-After: {formatdate(time.time() + 1.2, usegmt=True)}\r\n"),
    "429-garbage": _error(429, "slow down", headers="Retry-After: soon, I hope\r\n"),
    "429-absurd": _error(429, "slow down", headers="Retry-After: 999999999\r\n"),
    "400": _error(400, "bad request: no such field"),
    "401": _error(401, "who are you"),
    "tool-use-failed": _error(400, "Failed to call a function.", code="tool_use_failed", failed_generation="<function=x>{"),
    "403": _error(403, "not you"),
    "404": _error(404, "no such thing"),
    "422": _error(422, "not like this"),
    "context": _error(400, TOO_LONG, code="context_length_exceeded"),
    "html": _raw(b"<!doctype html><html><body>Welcome to nginx!</body></html>", "text/html"),
    "empty": _raw(b""),
    "null": _raw(b"null"),
    "cut": _raw(b'{"id": "x", "choices": [{"message": {"role": "assist'),
    "list": _raw(b"[]"),
    "no-choices": _raw(b'{"choices": []}'),
    "text-choices": _raw(b'{"choices": "one"}'),
    "null-choice": _raw(b'{"choices": [null]}'),
    "no-message": _raw(b'{"choices": [{"index": 0}]}'),
    "number-content": _raw(b'{"choices": [{"message": {"content": 7}}]}'),
    "object-calls": _raw(b'{"choices": [{"message": {"content": "", "tool_calls": {"a": 1}}}]}'),
    "nameless-call": _raw(b'{"choices": [{"message": {"content": "", "tool_calls": [{"function": {"arguments": "{}"}}]}}]}'),
    "deep": _raw(b"[" * 200_000),
    "ok-error": _raw(b'{"error": {"message": "upstream failed"}}'),
    "aborted": _raw(b'{"choices": [{"message": {"content": ""}, "finish_reason": "abort"}]}'),
    "echo": _echo,
    "echo-well": _echo_well,
}
SPECIAL: dict[str, Any] = {
    "reset": FaultyServer._reset,
    "close": FaultyServer._close,
    "hang": FaultyServer._hang,
    "slow": FaultyServer._slow,
    "huge": FaultyServer._huge,
    "huge-error": FaultyServer._huge_error,
    "short": FaultyServer._short,
    "noise": FaultyServer._noise,
    "late": FaultyServer._late,
}
FAULTS = (*FIXED, *SPECIAL)
