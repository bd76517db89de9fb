"""Our worlds for any MCP client: what it sees, sessions that never mix, and a server that ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp import Client, MCPError, StdioServerParameters
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

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "turngym", "serve"]


def stdio(*arguments: str) -> StdioServerParameters:
    return StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], *arguments, "--mcp"], env={"PYTHONPATH": str(HERE)}, cwd=str(HERE))


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


async def told(client: Client, name: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(name, arguments)
    assert len(result.content) == 1
    text = str(getattr(result.content[0], "text", ""))
    assert result.is_error == text.startswith('{"error"')
    value = json.loads(text)
    assert result.structured_content == (value if isinstance(value, dict) else None)
    return text


async def looked_up(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    return str(getattr(content, "text", ""))


# -- what a client sees -----------------------------------------------------------------------------------


def test_a_client_over_stdio_sees_the_tools_and_reads_what_the_world_says():
    async def live() -> tuple[Any, list[str], str]:
        async with Client(stdio("Banking", "--seed", "5")) as client:
            tools = (await client.list_tools()).tools
            texts = [await told(client, name, arguments) for name, arguments in moves]
            return tools, texts, await looked_up(client, "turngym://state/fingerprint")

    banking, moves = world_class("Banking"), script("Banking", 5, 60)
    tools, texts, fingerprint = asyncio.run(live())
    assert {tool.name: tool.input_schema for tool in tools} == {name: tool.parameter_schema for name, tool in banking.tools.items()}
    assert {tool.name: tool.description for tool in tools} == {name: tool.description for name, tool in banking.tools.items()}
    assert {tool.name: tool.annotations.read_only_hint for tool in tools} == {name: tool.is_read for name, tool in banking.tools.items()}
    world = banking.create(5)
    assert texts == [world.call(name, arguments).text for name, arguments in moves]
    assert fingerprint == world.fingerprint() != banking.create(5).fingerprint()
    kinds = {json.loads(text)["error"]["kind"] for text in texts if text.startswith('{"error"')}
    assert {"invalid_arguments", "precondition_failed"} <= kinds


def test_hidden_tools_are_neither_shown_nor_called():
    async def live() -> tuple[set[str], str]:
        async with Client(Hall(todo(hidden=frozenset(("add_item",)))).server()) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            return names, await told(client, "add_item", {})

    names, text = asyncio.run(live())
    assert names == set(Todo.tools) - {"add_item"}
    assert json.loads(text)["error"]["kind"] == "unknown_tool"
    with pytest.raises(DefinitionError, match="no tool nonsense to hide"):
        todo(hidden=frozenset(("nonsense",)))


def test_a_session_starts_over_by_its_reset_tool_alone():
    async def live() -> list[Any]:
        async with Client(Hall(todo(3, reset_tool=True, state=True)).server()) as client:
            first = await looked_up(client, "turngym://state")
            await told(client, "finish_item", {"item": next(iter(Todo.create(3).items.keys()))})
            changed = await looked_up(client, "turngym://state")
            back = await told(client, "reset", {})
            again = await looked_up(client, "turngym://state")
            other = await told(client, "reset", {"seed": 4})
            wrong = [await told(client, "reset", arguments) for arguments in ({"seed": -1}, {"seed": "x"}, {"seed": True}, {"sead": 1})]
            return [first, changed, again, json.loads(back), json.loads(other), *wrong]

    first, changed, again, back, other, *wrong = asyncio.run(live())
    assert first == again != changed
    assert back == {"seed": 3, "fingerprint": Todo.create(3).fingerprint()}
    assert other == {"seed": 4, "fingerprint": Todo.create(4).fingerprint()}
    assert {json.loads(text)["error"]["kind"] for text in wrong} == {"invalid_arguments"}
    assert json.loads(first)["items"].keys() == set(Todo.create(3).items.keys())


def test_the_whole_state_is_shown_only_where_it_is_asked_for():
    async def live() -> list[str]:
        async with Client(Hall(todo()).server()) as client:
            with pytest.raises(MCPError, match="no resource turngym://state"):
                await client.read_resource("turngym://state")
            return [resource.uri for resource in (await client.list_resources()).resources]

    assert asyncio.run(live()) == ["turngym://state/fingerprint"]


# -- tasks ------------------------------------------------------------------------------------------------


def test_a_task_is_lived_through_and_judged_behind_resources():
    task = two_turn_task(1)

    async def live() -> list[Any]:
        offer = offer_of("Library", task=task, reply_tool=True)
        async with Client(Hall(offer).server()) as client:
            opening = json.loads(await looked_up(client, "turngym://task"))
            before = json.loads(await looked_up(client, "turngym://verdict"))
            for turn in task.turns:
                for call in turn.gold:
                    await told(client, call.name, call.arguments)
                reply = json.loads(await told(client, "reply_to_user", {"text": turn.reply}))
            after = json.loads(await looked_up(client, "turngym://verdict"))
            closed = json.loads(await told(client, "reply_to_user", {"text": "?"}))
            return [opening, before, reply, after, closed, json.loads(await looked_up(client, "turngym://task"))]

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
        async with Client(Hall(offer_of("Library", task=task)).server()) as client:
            for call in task.turns[0].gold:
                await told(client, call.name, call.arguments)
            return [json.loads(await looked_up(client, "turngym://verdict")) for _ in range(2)]

    one, two = asyncio.run(live())
    assert one == two
    assert one["success"]
    assert not one["over"]


# -- sessions ---------------------------------------------------------------------------------------------


async def _session(client: Client, label: str, calls: int, rng: Random) -> tuple[list[str], str]:
    """Add items under one's own name, and see no other's."""
    for number in range(calls):
        await told(client, "add_item", {"title": f"{label} {number}", "priority": "low", "due": "2026-03-09", "cost": "1.00"})
        if rng.random() < 0.1:
            await asyncio.sleep(0)
    listed = json.loads(await told(client, "list_items", {}))
    return [item["title"] for item in listed], await looked_up(client, "turngym://state/fingerprint")


def _alone(label: str, calls: int) -> tuple[list[str], str]:
    world = Todo.create()
    for number in range(calls):
        world.call("add_item", {"title": f"{label} {number}", "priority": "low", "due": "2026-03-09", "cost": "1.00"})
    return [item["title"] for item in world.call("list_items").value], world.fingerprint()


@pytest.mark.parametrize("calls", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_thousands_of_calls_over_parallel_sessions_never_mix(calls: int):
    hall = Hall(todo())

    async def one(label: str) -> tuple[list[str], str]:
        async with Client(hall.server()) as client:
            return await _session(client, label, calls, Random(label))

    async def live() -> list[tuple[list[str], str]]:
        return await asyncio.gather(*[one(f"session{n}") for n in range(8)])

    assert asyncio.run(live()) == [_alone(f"session{n}", calls) for n in range(8)]
    assert hall.open_rooms == 0


def test_sessions_over_http_never_mix_and_their_end_frees_their_worlds():
    async def one(address: str, label: str) -> tuple[list[str], str]:
        async with Client(address) as client:
            return await _session(client, label, 40, Random(label))

    async def live(address: str) -> list[tuple[list[str], str]]:
        return await asyncio.gather(*[one(address, f"session{n}") for n in range(5)])

    with served_http(todo()) as (address, hall):
        assert asyncio.run(live(address)) == [_alone(f"session{n}", 40) for n in range(5)]
        assert hall.open_rooms == 0


def test_calls_of_one_session_at_once_are_done_one_at_a_time():
    async def live(address: str) -> list[str]:
        async with Client(address) as client:
            fill = [told(client, "add_item", {"title": f"{n}", "priority": "low", "due": "2026-03-09", "cost": "1.00"}) for n in range(60)]
            return await asyncio.gather(*fill)

    with served_http(todo()) as (address, _):
        made = [json.loads(text) for text in asyncio.run(live(address))]
    assert len({item["id"] for item in made}) == 60
    assert {item["id"] for item in made} == {json.loads(text)["id"] for text in _texts(60)}


def _texts(calls: int) -> list[str]:
    world = Todo.create()
    arguments = [{"title": f"{n}", "priority": "low", "due": "2026-03-09", "cost": "1.00"} for n in range(calls)]
    return [world.call("add_item", one).text for one in arguments]


def test_a_revision_without_sessions_is_refused_in_words_over_http():
    async def live(address: str) -> None:
        async with Client(address, mode="2026-07-28") as client:
            await client.call_tool("list_items", {})

    with served_http(todo()) as (address, hall):
        with pytest.raises(BaseExceptionGroup) as caught:
            asyncio.run(live(address))
        assert hall.open_rooms == 0
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert "open one with the initialize handshake" in str(error)


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
        async with Client(stdio(f"{tmp_path / 'loud.py'}:Loud")) as client:
            await told(client, "shout", {})
            return await told(client, "shout", {})

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


def test_a_task_is_named_by_id_by_index_or_in_a_file(tmp_path: Path):
    from turngym.commands.serve import _task
    from turngym.envs.env import pack_of

    pack = pack_of("Banking")
    assert _task("Banking", "3") == _task("Banking", pack[3].id) == pack[3]
    file = tmp_path / "tasks.jsonl"
    file.write_text("".join(borrow_task(seed).line() + "\n" for seed in range(3)))
    assert _task("Banking", str(file)) == borrow_task(0)
    assert _task("Banking", f"{file}:2") == _task("Banking", f"{file}:{borrow_task(2).id}") == borrow_task(2)
