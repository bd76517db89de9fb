"""Our worlds for any MCP client: what it sees, sessions that never mix, and a server that ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp_clients import COMMAND, HERE, INITIALIZE, READY, Asking, Bare, called, connected, lines, process, request, stdio
from mini_tasks import borrow_task, two_turn_task
from todo_world import Todo

from turngym.cli import run
from turngym.envs.bridges.mcp.room import Offer, offer_of
from turngym.envs.bridges.mcp.serving import Hall
from turngym.envs.bridges.mcp.transports import served_http
from turngym.envs.errors import DefinitionError
from turngym.envs.explore import Explorer
from turngym.envs.registry import world_class
from turngym.envs.worldset import WorldSpec


def todo(seed: int = 0, **more: Any) -> Offer:
    return offer_of("Todo", (WorldSpec(Todo, seed),), **more)


def script(world: str, seed: int, calls: int) -> list[tuple[str, dict[str, Any]]]:
    """A walk of mostly legal calls, with some that are not."""
    rng, explorer = Random(seed), Explorer((world_class(world),), (seed,), "small", f"mcp:{seed}")
    place = explorer.starts[seed].fork()
    found: list[tuple[str, dict[str, Any]]] = []
    while len(found) < calls:
        step = explorer.step(explorer.choose(place.worlds), place, explorer.holding(place.worlds))
        found += [(step.name, step.arguments)] if step.arguments is not None else []
        if rng.random() < 0.1:
            found.append((step.name, {"nonsense": 1}))
    return found


# -- what a client sees -----------------------------------------------------------------------------------


def test_a_client_over_stdio_sees_the_tools_and_reads_what_the_world_says():
    async def live() -> tuple[Any, list[str], str]:
        async with connected(stdio("Banking", "--seed", "5")) as client:
            tools = await client.tools()
            texts = [await client.told(name, arguments) for name, arguments in moves]
            return tools, texts, await client.read("turngym://state/fingerprint")

    banking, moves = world_class("Banking"), script("Banking", 5, 60)
    tools, texts, fingerprint = asyncio.run(live())
    assert {tool["name"]: tool["inputSchema"] for tool in tools} == {name: tool.parameter_schema for name, tool in banking.tools.items()}
    assert {tool["name"]: tool["description"] for tool in tools} == {name: tool.description for name, tool in banking.tools.items()}
    reads = {tool["name"]: tool["annotations"]["readOnlyHint"] for tool in tools}
    assert reads == {name: tool.is_read for name, tool in banking.tools.items()}
    world = banking.create(5)
    assert texts == [world.call(name, arguments).text for name, arguments in moves]
    assert fingerprint == world.fingerprint() != banking.create(5).fingerprint()
    kinds = {json.loads(text)["error"]["kind"] for text in texts if text.startswith('{"error"')}
    assert {"invalid_arguments", "precondition_failed"} <= kinds


def test_hidden_tools_are_neither_shown_nor_called():
    async def live() -> tuple[set[str], str]:
        async with connected(Hall(todo(hidden=frozenset(("add_item",)))).server()) as client:
            names = {tool["name"] for tool in await client.tools()}
            return names, await client.told("add_item", {})

    names, text = asyncio.run(live())
    assert names == set(Todo.tools) - {"add_item"}
    assert json.loads(text)["error"]["kind"] == "unknown_tool"
    with pytest.raises(DefinitionError, match="no tool nonsense to hide"):
        todo(hidden=frozenset(("nonsense",)))


def test_a_session_starts_over_by_its_reset_tool_alone():
    async def live() -> list[Any]:
        async with connected(Hall(todo(3, reset_tool=True, state=True)).server()) as client:
            first = await client.read("turngym://state")
            await client.told("finish_item", {"item": next(iter(Todo.create(3).items.keys()))})
            changed = await client.read("turngym://state")
            back = await client.told("reset", {})
            again = await client.read("turngym://state")
            other = await client.told("reset", {"seed": 4})
            wrong = [await client.told("reset", arguments) for arguments in ({"seed": -1}, {"seed": "x"}, {"seed": True}, {"sead": 1})]
            return [first, changed, again, json.loads(back), json.loads(other), *wrong]

    first, changed, again, back, other, *wrong = asyncio.run(live())
    assert first == again != changed
    assert back == {"seed": 3, "fingerprint": Todo.create(3).fingerprint()}
    assert other == {"seed": 4, "fingerprint": Todo.create(4).fingerprint()}
    assert {json.loads(text)["error"]["kind"] for text in wrong} == {"invalid_arguments"}
    assert json.loads(first)["items"].keys() == set(Todo.create(3).items.keys())


def test_the_whole_state_is_shown_only_where_it_is_asked_for():
    async def live() -> list[str]:
        async with connected(Hall(todo()).server()) as client:
            with pytest.raises(Exception, match="no resource turngym://state"):
                await client.read("turngym://state")
            return await client.resources()

    assert asyncio.run(live()) == ["turngym://state/fingerprint"]


# -- tasks ------------------------------------------------------------------------------------------------


def test_a_task_is_lived_through_and_judged_behind_resources():
    task = two_turn_task(1)

    async def live() -> list[Any]:
        offer = offer_of("Library", tasks=[task], reply_tool=True, verdict=True)
        async with connected(Hall(offer).server()) as client:
            opening = json.loads(await client.read("turngym://task"))
            before = json.loads(await client.read("turngym://verdict"))
            for turn in task.turns:
                for call in turn.gold:
                    await client.told(call.name, call.arguments)
                reply = json.loads(await client.told("reply_to_user", {"text": turn.reply}))
            after = json.loads(await client.read("turngym://verdict"))
            closed = json.loads(await client.told("reply_to_user", {"text": "?"}))
            return [opening, before, reply, after, closed, json.loads(await client.read("turngym://task"))]

    opening, before, reply, after, closed, ending = asyncio.run(live())
    assert opening["user"] == task.turns[0].user
    assert "gold" not in json.dumps(opening)
    assert (before["success"], before["over"]) == (False, False)
    assert reply == {"over": True}
    assert (after["success"], after["over"]) == (True, True)
    assert closed["error"]["kind"] == "limit_exceeded"
    assert [message["role"] for message in ending["messages"]] == ["user", "assistant", "user", "assistant"]


def test_a_verdict_is_as_if_the_turn_ended_now_and_changes_nothing():
    task = borrow_task(0)

    async def live() -> list[Any]:
        async with connected(Hall(offer_of("Library", tasks=[task], verdict=True)).server()) as client:
            for call in task.turns[0].gold:
                await client.told(call.name, call.arguments)
            return [json.loads(await client.read("turngym://verdict")) for _ in range(2)]

    one, two = asyncio.run(live())
    assert one == two
    assert one["success"]
    assert not one["over"]


# -- sessions ---------------------------------------------------------------------------------------------


async def _session(client: Asking, label: str, calls: int, rng: Random) -> tuple[list[str], str]:
    """Add items under one's own name, and see no other's."""
    for number in range(calls):
        await client.told("add_item", {"title": f"{label} {number}", "priority": "low", "due": "2026-03-09", "cost": "1.00"})
        if rng.random() < 0.1:
            await asyncio.sleep(0)
    listed = json.loads(await client.told("list_items", {}))
    return [item["title"] for item in listed], await client.read("turngym://state/fingerprint")


def _alone(label: str, calls: int) -> tuple[list[str], str]:
    world = Todo.create()
    for number in range(calls):
        world.call("add_item", {"title": f"{label} {number}", "priority": "low", "due": "2026-03-09", "cost": "1.00"})
    return [item["title"] for item in world.call("list_items").value], world.fingerprint()


@pytest.mark.parametrize("calls", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_thousands_of_calls_over_parallel_sessions_never_mix(calls: int):
    hall = Hall(todo())

    async def one(label: str) -> tuple[list[str], str]:
        async with connected(hall.server()) as client:
            return await _session(client, label, calls, Random(label))

    async def live() -> list[tuple[list[str], str]]:
        return await asyncio.gather(*[one(f"session{n}") for n in range(8)])

    assert asyncio.run(live()) == [_alone(f"session{n}", calls) for n in range(8)]
    assert hall.open_rooms == 0


def test_sessions_over_http_never_mix_and_their_end_frees_their_worlds():
    async def one(address: str, label: str) -> tuple[list[str], str]:
        async with connected(address) as client:
            return await _session(client, label, 40, Random(label))

    async def live(address: str) -> list[tuple[list[str], str]]:
        return await asyncio.gather(*[one(address, f"session{n}") for n in range(5)])

    with served_http(todo()) as (address, hall):
        assert asyncio.run(live(address)) == [_alone(f"session{n}", 40) for n in range(5)]
        assert hall.open_rooms == 0


def test_calls_of_one_session_at_once_are_done_one_at_a_time():
    async def live(address: str) -> list[str]:
        async with connected(address) as client:
            fill = [client.told("add_item", {"title": f"{n}", "priority": "low", "due": "2026-03-09", "cost": "1.00"}) for n in range(60)]
            return await asyncio.gather(*fill)

    with served_http(todo()) as (address, _):
        made = [json.loads(text) for text in asyncio.run(live(address))]
    assert len({item["id"] for item in made}) == 60
    assert {item["id"] for item in made} == {json.loads(text)["id"] for text in _texts(60)}


def _texts(calls: int) -> list[str]:
    world = Todo.create()
    arguments = [{"title": f"{n}", "priority": "low", "due": "2026-03-09", "cost": "1.00"} for n in range(calls)]
    return [world.call("add_item", one).text for one in arguments]


def test_a_revision_without_sessions_is_sent_back_to_the_handshake_over_http():
    with served_http(todo()) as (address, hall):
        client = Bare(address)
        status, _, told = client.send("POST", request("server/discover", 7), **{"mcp-protocol-version": "2026-07-28"})
        assert (status, told["id"], told["error"]["code"]) == (400, 7, -32022)
        assert "open one with the initialize handshake" in told["error"]["message"]
        assert "2025-06-18" in told["error"]["data"]["supported"]
        assert client.open()[0] == 200
        assert hall.open_rooms == 0
        client.close()


# -- the command ------------------------------------------------------------------------------------------


def test_what_a_world_prints_never_reaches_the_protocol(tmp_path: Path):
    (tmp_path / "loud.py").write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\nimport os\nfrom mini_world import *\n"
        "class Loud(Library):\n"
        '    """A library whose every look prints."""\n'
        "    def invariants(self):\n        return ()\n"
        "    @tool\n    def shout(self) -> Desk:\n"
        '        """Shout."""\n'
        "        print('noise')\n        os.write(1, b'more noise\\n')\n        return Desk('x')\n"
    )

    async def live() -> str:
        async with connected(stdio(f"{tmp_path / 'loud.py'}:Loud")) as client:
            await client.told("shout", {})
            return await client.told("shout", {})

    assert json.loads(asyncio.run(live())) == {"card": "x"}


@pytest.mark.parametrize(
    ("number", "more"),
    [
        (signal.SIGINT, ()),
        (signal.SIGTERM, ("--http", "127.0.0.1:0")),
        pytest.param(signal.SIGTERM, (), marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, ("--http", "127.0.0.1:0"), marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_serving_at_once_and_cleanly(number: signal.Signals, more: tuple[str, ...]):
    command = [*COMMAND, "Library", "--mcp", *more]
    command[command.index("Library")] = f"{HERE / 'mini_world.py'}:Library"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes, env={**os.environ, "PYTHONWARNINGS": "error"}) as process:
        assert "serving" in process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--http", "127.0.0.1:0")])
def test_a_call_that_hangs_does_not_hold_the_process(tmp_path: Path, more: tuple[str, ...]):
    (tmp_path / "stuck.py").write_text(
        "import time\nfrom todo_world import *\n"
        "class Stuck(Todo):\n"
        '    """A to-do list that hangs."""\n'
        "    @tool\n    def hang(self) -> Item:\n"
        '        """Hang."""\n'
        "        time.sleep(600)\n"
    )
    with process(f"{tmp_path / 'stuck.py'}:Stuck", *more) as server:
        if more:
            client = Bare(server.told.split()[-1])
            client.open()

            def hang() -> None:
                with suppress(OSError, HTTPException):  # what came back, if anything, says that the server left
                    client.send("POST", called("hang"))

            threading.Thread(target=hang).start()
        else:
            server.stdin.write(lines(INITIALIZE, READY, called("hang")))
            server.stdin.flush()
        time.sleep(1)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=12) == 0
        if more:
            client.close()


def test_commands_that_cannot_be_followed_are_refused_in_a_line(capsys: pytest.CaptureFixture[str]):
    for arguments, words in (
        (["serve", "Banking"], "--mcp is the one protocol"),
        (["serve", "Banking", "--mcp", "--http", "nonsense"], "is no HOST:PORT"),
        (["serve", "Banking", "--mcp", "--task", "nonsense"], "holds no task nonsense"),
        (["serve", "Banking", "--mcp", "--hide", "nonsense"], "no tool nonsense"),
        (["serve", "Banking", "--mcp", "--reply-tool"], "comes with a task"),
        (["serve", "Bonking", "--mcp"], "did you mean"),
        (["serve", "Banking", "--mcp", "--http", "256.256.256.256:80"], "no address to serve at"),
    ):
        assert run(arguments) == 2
        assert words in capsys.readouterr().err
