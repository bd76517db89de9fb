"""Out and back: our worlds served over MCP and opened as MCP worlds are what they were, over stdio and over HTTP."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from todo_world import Todo

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:  # mcp 1.x
    from mcp.server.fastmcp import FastMCP as MCPServer

from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world_of
from turngym.envs.bridges.mcp.room import offer_of
from turngym.envs.bridges.mcp.transports import _bound, _Uvicorn, served_http
from turngym.envs.check.hostile import hostile_arguments
from turngym.envs.explore import Explorer
from turngym.envs.registry import world_class
from turngym.envs.worldset import WorldSpec

OURS = {"reset": "reset", "state": "turngym://state"}
SERVE = ("-m", "turngym", "serve", "Banking", "--mcp", "--reset-tool", "--state")


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    yield
    close_connections()


def walk(world: str, seed: int, calls: int) -> list[tuple[str, Any]]:
    """Legal calls in an order that leads somewhere, with hostile ones between them."""
    rng, explorer = Random(seed), Explorer((world_class(world),), (seed,), "small", f"round:{seed}")
    place = explorer.starts[seed].fork()
    found: list[tuple[str, Any]] = []
    while len(found) < calls:
        step = explorer.step(explorer.choose(place.worlds), place, explorer.holding(place.worlds))
        found += [(step.name, step.arguments)] if step.arguments is not None else []
        if rng.random() < 0.25:
            found.append((step.name, hostile_arguments(explorer.tools[step.name], rng, step.arguments)))
    return found


def same(ours: Any, theirs: Any) -> bool:
    """Equal kinds of error, and equal texts; arguments are refused here in words of the schema, and there in pydantic's."""
    return bool(ours.error == theirs.error and (ours.error == "invalid_arguments" or ours.text == theirs.text))


@pytest.mark.parametrize(("seed", "calls"), [(0, 50), pytest.param(1, 200, marks=pytest.mark.slow)])
def test_banking_over_stdio_gives_the_same_results_and_error_kinds(seed: int, calls: int):
    native, foreign = world_class("Banking"), mcp_world_of(Declaration(command=sys.executable, args=SERVE, **OURS))
    assert foreign.tools.keys() == native.tools.keys()
    assert {n: t.is_read for n, t in foreign.tools.items()} == {n: t.is_read for n, t in native.tools.items()}
    assert {n: t.description for n, t in foreign.tools.items()} == {n: t.description for n, t in native.tools.items()}
    mine, theirs = native.create(seed), foreign.create(seed)
    start, moves = theirs.fork(), walk("Banking", seed, calls)
    for number, (name, arguments) in enumerate(moves):
        if number == calls // 2:
            forked = mine.fork(), theirs.fork()
        one, two = mine.call(name, arguments), theirs.call(name, arguments)
        assert same(one, two), (number, name, arguments, one, two)
        assert bool(one.written) == bool(two.written), (number, name, one, two)
    assert json.loads(theirs.state["accounts/" + next(iter(mine.accounts)).id].value)
    assert start.diff(theirs)
    for name, arguments in moves[calls // 2 :]:  # the fork goes the same way, on a server that is brought there again
        assert same(forked[0].call(name, arguments), forked[1].call(name, arguments))
    assert forked[1].fingerprint() == theirs.fingerprint() != start.fingerprint()


def test_worlds_on_one_server_over_http_have_a_session_each():
    with served_http(offer_of("Todo", (WorldSpec(Todo),), reset_tool=True, state=True)) as (address, hall):
        cls = mcp_world_of(Declaration(url=address, connections=4, **OURS))
        worlds = [cls.create(seed).fork() for seed in range(3)]
        natives = [Todo.create(seed) for seed in range(3)]
        for number in range(4):
            for one, two in zip(worlds, natives, strict=True):
                arguments = {"title": f"{number}", "priority": "low", "due": "2026-03-09", "cost": "1.00"}
                assert same(two.call("add_item", arguments), one.call("add_item", arguments))
        assert [w.call("list_items").text for w in worlds] == [w.call("list_items").text for w in natives]
        assert 1 <= hall.open_rooms <= 4
        cls.pool.close()
        close_connections()
        assert hall.open_rooms == 0


def test_a_restart_over_http_is_a_session_of_its_own():
    with served_http(offer_of("Todo", (WorldSpec(Todo, 4),), state=True)) as (address, _):
        cls = mcp_world_of(Declaration(url=address, state="turngym://state"))
        world = cls.create(4)
        item = next(iter(Todo.create(4).items)).id
        twin = world.fork()
        assert world.call("finish_item", {"item": item}).error is None
        assert twin.call("list_items").text == Todo.create(4).call("list_items").text
        cls.pool.close()
        close_connections()


@contextmanager
def tally() -> Iterator[str]:
    """A server of the SDK's own making, whose one state is shared by all who are connected."""
    server, counts = MCPServer("tally"), {"n": 0}

    @server.tool()
    def count(by: int = 1) -> int:
        """Count on."""
        counts["n"] += by
        return counts["n"]

    @server.tool()
    def reset(seed: int) -> str:
        """Start over."""
        counts["n"] = seed * 100
        return "ok"

    @server.tool()
    def look() -> dict[str, int]:
        """Tell the state."""
        return dict(counts)

    heard = threading.Event()
    with _bound("127.0.0.1", 0) as bound:
        uvicorn = _Uvicorn(server.streamable_http_app(), heard.set)
        import asyncio

        thread = threading.Thread(target=lambda: asyncio.run(uvicorn.until_stopped(bound)), daemon=True)
        thread.start()
        heard.wait(20)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/mcp"
        uvicorn.should_exit = True
        thread.join(10)


def test_a_server_with_one_state_for_all_serves_one_world_at_a_time_if_it_is_said_to():
    with tally() as address:
        cls = mcp_world_of(Declaration(url=address, reset="reset", state="look", exclusive=True))
        one, two = cls.create(1).fork(), cls.create(2).fork()
        told = [(one.call("count").value, two.call("count").value) for _ in range(3)]
        assert told == [({"result": 101 + n}, {"result": 201 + n}) for n in range(3)]
        assert "One world at a time" in cls.page()
        shared = mcp_world_of(Declaration(url=address, reset="reset", state="look"))
        one, two = shared.create(1).fork(), shared.create(2).fork()
        mixed = [(one.call("count").value, two.call("count").value) for _ in range(2)]
        assert mixed != [({"result": 101 + n}, {"result": 201 + n}) for n in range(2)]  # so this is what `exclusive` is for
        cls.pool.close()
        close_connections()
