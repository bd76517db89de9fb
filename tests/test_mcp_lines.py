"""Serving over stdin and stdout: no line ends the server, each is answered, and the next one works."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp_clients import COMMAND, INITIALIZE, READY, answers, called, lines, process, request
from todo_world import Todo

from turngym.envs.bridges.mcp.jsonrpc import HEARD, LONGEST, Malformed, message_in
from turngym.envs.bridges.mcp.lines import Conversation, Lines
from turngym.envs.bridges.mcp.room import offer_of
from turngym.envs.bridges.mcp.sdk_serving import METHODS, serve
from turngym.envs.bridges.mcp.serving import Hall
from turngym.envs.worldset import WorldSpec

OPENING = lines(INITIALIZE, READY)
LOOK = called("list_items", 77)
DEEP = b"[" * 100_000 + b"]" * 100_000
NONE = {  # what is no message: its bytes, the code it is answered by, the id that can be known
    "garbage": (b"\xff\xfe\x00garbage}{", -32700, None),
    "words": (b"hello", -32700, None),
    "nothing but zero bytes and a word": (b"\0\0\0x\0", -32700, None),
    "UTF-16": (json.dumps(LOOK).encode("utf-16-le"), -32700, None),
    "UTF-16 with its mark": (json.dumps(LOOK).encode("utf-16"), -32700, None),
    "half a message": (json.dumps(LOOK).encode()[:40], -32700, 77),
    "deep nesting": (DEEP, -32700, None),
    "deep arguments": (b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":' + DEEP + b"}", -32700, 5),
    "a lone surrogate": (b'{"method":"ping","params":{"x":"\\ud800"},"jsonrpc":"2.0","id":"six"}', -32700, "six"),
    "a number": (b"5", -32600, None),
    "a text": (b'"hello"', -32600, None),
    "a batch": (json.dumps([LOOK, LOOK]).encode(), -32600, None),
    "an empty object": (b"{}", -32600, None),
    "no version": (b'{"id":7,"method":"ping"}', -32600, 7),
    "a method that is no text": (b'{"jsonrpc":"2.0","id":8,"method":8}', -32600, 8),
    "params that are a list": (b'{"jsonrpc":"2.0","id":9,"method":"ping","params":[1]}', -32600, 9),
    "an id that is null": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
    "an id that is a list": (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600, None),
    "an unknown method": (b'{"jsonrpc":"2.0","id":10,"method":"tools/burn"}', -32601, 10),
    "a method of nobody's": (b'{"jsonrpc":"2.0","id":11,"method":"completion/complete","params":{}}', -32601, 11),
}
SILENT = [  # what needs no answer
    b"", b"   ", b"\0", b"\xef\xbb\xbf", b'{"jsonrpc":"2.0","id":3,"result":{}}',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    b'{"jsonrpc":"2.0","method":"notifications/nonsense"}', b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":1}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"x":1}}', b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
]  # fmt: skip


def talk(sent: bytes, chunk: int = 4096) -> list[dict[str, Any]]:
    """What a session says to some bytes, in order, until it ends."""
    hall, said = Hall(offer_of("Todo", (WorldSpec(Todo, 0),))), bytearray()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(sent), chunk):
            yield sent[start : start + chunk]
            await asyncio.sleep(0)

    async def write(line: bytes) -> None:
        said.extend(line)

    server = hall.server()
    asyncio.run(asyncio.wait_for(Conversation(write).hold(chunks(), lambda incoming, outgoing: serve(server, incoming, outgoing)), 60))
    assert hall.open_rooms == 0
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_message_is_answered_and_the_next_line_works(kind: str):
    data, code, to = NONE[kind]
    told = talk(OPENING + data + b"\n" + lines(LOOK))
    (refused,) = [message for message in told if "error" in message]
    assert (refused["error"]["code"], refused["id"]) == (code, to)
    assert "\n" not in refused["error"]["message"]
    assert len(refused["error"]["message"]) < 200
    assert [message["id"] for message in told if message is not refused] == [0, 77]
    assert not told[-1]["result"]["isError"]


def test_what_needs_no_answer_gets_none():
    told = talk(OPENING + b"\n".join(SILENT) + b"\n" + lines(LOOK))
    assert [message["id"] for message in told] == [0, 77]


@pytest.mark.parametrize(
    ("head", "tail", "to"),
    [
        (b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"', b'"}}', 5),
        (b'{"jsonrpc": "2.0", "method": "tools/call", "id": "a5", "params": {"name": "', b'"}}', "a5"),
        (b'{"method":"tools/call","params":{"id":6,"name":"', b'"},"jsonrpc":"2.0","id":5}', 5),
        (b'{"params":{"name":"', b'"}, "id": 5, "jsonrpc": "2.0"}', 5),
        (b'{"method":"tools/call","params":{"name":"', b'","id":5}}', None),
        (b"", b"", None),
    ],
)
def test_a_line_that_is_too_long_is_let_pass_and_answered_where_its_id_can_be_seen(head: bytes, tail: bytes, to: Any):
    long = head + b"x" * (LONGEST + 1) + tail
    told = talk(OPENING + long + b"\n" + lines(LOOK), 1 << 16)
    (refused,) = [message for message in told if "error" in message]
    assert [message["id"] for message in told if message is not refused] == [0, 77]
    assert (refused["id"], refused["error"]["code"]) == (to, -32600)
    assert f"{len(long):,} bytes is longer than the {LONGEST:,}" in refused["error"]["message"]


def test_a_message_as_long_as_is_allowed_is_read():
    text = "x" * 900_000
    told = talk(OPENING + lines(called("add_item", 5, title=text, priority="low", due="2026-03-09", cost="1.00"), LOOK), 1 << 16)
    assert [message["id"] for message in told] == [0, 5, 77]


def test_the_last_line_needs_no_end_and_what_was_asked_before_is_answered():
    asked = [called("add_item", n, title=f"{n}", priority="low", due="2026-03-09", cost="1.00") for n in range(1, 40)]
    told = talk(OPENING + lines(*asked, LOOK).rstrip(b"\n"))
    assert [message["id"] for message in told] == [0, *range(1, 40), 77]
    assert len(json.loads(told[-1]["result"]["content"][0]["text"])) >= 39


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_the_same_however_they_arrive(seed: int):
    rng = Random(seed)
    whole = [rng.randbytes(rng.choice((0, 1, 5, 20, 21, 60))).replace(b"\n", b"") for _ in range(200)]
    data, cutter, found, start = b"\n".join(whole), Lines(20), [], 0
    while start < len(data):
        size = rng.choice((1, 3, 50, 400))
        found += cutter.feed(data[start : start + size])
        start += size
    found.append(cutter.end())
    assert [line if isinstance(line, bytes) else line.size for line in found] == [one if len(one) <= 20 else len(one) for one in whole]


def test_no_more_of_a_line_is_held_than_is_read():
    cutter, piece = Lines(), b"x" * (1 << 16)
    tracemalloc.start()
    for _ in range((70 << 20) // len(piece)):
        assert not list(cutter.feed(piece))
    (found,) = cutter.feed(b"\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not isinstance(found, bytes)
    assert found.size == 70 << 20
    assert peak < 3 * LONGEST


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_whatever_bytes_come_are_a_message_or_refused(seed: int):
    rng, good = Random(seed), [json.dumps(message).encode() for message in (LOOK, INITIALIZE, READY)]
    for _ in range(3000):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randrange(1, 5)):
            place = rng.randrange(len(data))
            data[place : place + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        with suppress(Malformed):
            found = message_in(bytes(data), METHODS)
            assert found is None or found["method"] in METHODS | HEARD


def test_the_command_outlives_a_line_of_70_megabytes():
    with process(f"{Path(__file__).parent / 'todo_world.py'}:Todo") as server:
        server.stdin.write(OPENING)
        for _ in range(70):
            server.stdin.write(b"y" * (1 << 20))
        for data in [*SILENT, *[data for data, _, _ in NONE.values()]]:
            server.stdin.write(b"\n" + data)
        out, err = server.communicate(b"\n" + lines(LOOK), timeout=60)
    assert server.returncode == 0
    assert err == b""
    told = answers(out)
    assert told[77]["result"]["isError"] is False
    assert {0, 5, "six", 7, 8, 9, 10, 11, 77, None} == told.keys()


def test_the_command_reads_a_file_as_it_reads_a_pipe(tmp_path: Path):
    asked, out = tmp_path / "asked", tmp_path / "out"
    asked.write_bytes(OPENING + b"nonsense\n" + lines(request("ping", 4)) + lines(LOOK).rstrip())
    with asked.open("rb") as source, out.open("wb") as sink:
        done = subprocess.run(
            [*COMMAND, f"{Path(__file__).parent / 'todo_world.py'}:Todo", "--mcp"],
            stdin=source, stdout=sink, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert answers(out.read_bytes()).keys() == {0, None, 4, 77}
