"""Sessions over HTTP: their end frees them, silence ends them, so many live at once, and none keeps another waiting."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp_clients import INITIALIZE, Bare, called, request
from mini_tasks import borrow_task
from todo_world import Item, Todo

from turngym.envs import tool
from turngym.envs.bridges.mcp.jsonrpc import LONGEST
from turngym.envs.bridges.mcp.room import Offer, offer_of
from turngym.envs.bridges.mcp.serving import Hall
from turngym.envs.bridges.mcp.transports import served_http
from turngym.envs.errors import DefinitionError
from turngym.envs.worldset import WorldSpec

LOOK = called("list_items")


def todo(world: type = Todo, **more: Any) -> Offer:
    return offer_of(world.__name__, (WorldSpec(world, 0),), **more)


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something becomes true within seconds."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


def opened(address: str, query: str = "") -> Bare:
    client = Bare(address)
    assert client.open(query)[0] == 200
    return client


# -- how sessions end -------------------------------------------------------------------------------------


def test_delete_frees_a_session_and_its_worlds_at_once():
    with served_http(todo(), most=3) as (address, hall):
        client = Bare(address)
        for _ in range(12):  # four times as many as may live at once
            assert client.open()[0] == 200
            client.ask(LOOK)
            assert hall.open_rooms == 1
            assert client.send("DELETE")[0] == 200
            assert hall.open_rooms == 0
            assert client.send("POST", LOOK)[0] == 404
            client.session = ""
        client.close()


@pytest.mark.slow
def test_memory_stays_flat_over_more_than_a_thousand_sessions():
    def megabytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

    with served_http(todo(), most=50, spare=0.0) as (address, hall):
        client, seen = Bare(address), []
        for number in range(1500):
            client.session = ""
            assert client.open()[0] == 200
            client.ask(LOOK)
            if number % 2:
                client.send("DELETE")
            if number % 500 == 499:
                seen.append(megabytes())
        assert hall.open_rooms <= 50
        assert seen[2] - seen[1] <= 3, seen
        client.close()


def test_a_session_that_is_silent_is_dropped_and_that_is_told_once():
    lines: list[str] = []
    with served_http(Hall(todo(), told=lines.append), idle=0.2) as (address, hall):
        clients = [opened(address) for _ in range(3)]
        for client in clients:
            client.ask(LOOK)
        assert hall.open_rooms == 3
        assert soon(lambda: hall.open_rooms == 0)
        assert {client.send("POST", LOOK)[0] for client in clients} == {404}
        assert [line for line in lines if "silent" in line] == lines
        assert len(lines) == 1
        for client in clients:
            client.close()


def test_at_the_most_the_longest_idle_session_makes_room():
    lines: list[str] = []
    with served_http(Hall(todo(), told=lines.append), most=3, spare=0.0) as (address, hall):
        clients = [opened(address) for _ in range(3)]
        clients[0].ask(LOOK)
        late = [opened(address) for _ in range(2)]
        assert [client.send("POST", LOOK)[0] for client in (*clients, *late)] == [200, 404, 404, 200, 200]
        assert [("make room" in line, "--max-sessions" in line) for line in lines] == [(True, True)]
        assert hall.open_rooms == 3
        for client in (*clients, *late):
            client.close()


def test_at_the_most_a_new_session_is_refused_in_words_while_nobody_is_idle():
    lines: list[str] = []
    with served_http(Hall(todo(), told=lines.append), most=2) as (address, _):
        clients = [opened(address) for _ in range(2)]
        late = Bare(address)
        for _ in range(3):
            status, told = late.open()
            assert (status, told["id"]) == (503, INITIALIZE["id"])
            assert "2 sessions are open, and none was idle for 60 seconds" in told["error"]["message"]
        assert [("are refused" in line, "--max-sessions" in line) for line in lines] == [(True, True)]
        assert {client.send("POST", LOOK)[0] for client in clients} == {200}
        clients[0].send("DELETE")
        assert late.open()[0] == 200
        for client in (*clients, late):
            client.close()


# -- what is sent -----------------------------------------------------------------------------------------


def test_a_body_that_is_too_long_is_refused_by_its_id_and_the_session_goes_on():
    with served_http(todo()) as (address, _):
        client = opened(address)
        for body, to in (
            (b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"' + b"x" * LONGEST + b'"}}', 5),
            (b"x" * (5 * LONGEST), None),
        ):
            status, _, told = client.send("POST", body)
            assert (status, told["id"], told["error"]["code"]) == (413, to, -32600)
            assert client.ask(LOOK)["result"]["isError"] is False
        client.close()


def test_a_body_that_is_no_message_is_refused_and_opens_nothing():
    with served_http(todo(), most=1) as (address, hall):
        client = Bare(address)
        for session in ("", "made up", "real"):
            client.session = session if session != "real" else ""
            if session == "real":
                assert client.open()[0] == 200
            for body, code in ((b"\xff\0{", -32700), (b"[" * 99_999, -32700), (b"5", -32600), (b'{"jsonrpc":"2.0","id":1}', -32600)):
                status, _, told = client.send("POST", body)
                assert (status, told["error"]["code"]) == (400, code)
            status, _, told = client.send("POST", request("nonsense", 4))
            assert (status, told["id"], told["error"]["code"]) == (200, 4, -32601)
            if session != "real":
                assert client.send("POST", request("tools/list", 5))[0] == (404 if session else 400)
                assert client.send("DELETE")[0] == (404 if session else 400)
        client.ask(LOOK)
        assert client.send("POST", {"jsonrpc": "2.0", "id": 9, "result": {}})[0] == 202
        assert client.send("POST", LOOK, host="evil.example")[0] == 421
        assert client.send("POST", b"{}", **{"content-type": "text/plain"})[0] == 400
        assert hall.open_rooms == 1
        client.close()


# -- which task -------------------------------------------------------------------------------------------


def test_sessions_take_tasks_in_turn_or_the_one_they_ask_for():
    tasks = [borrow_task(seed) for seed in range(3)]
    read = request("resources/read", uri="turngym://task")

    with served_http(offer_of("Library", tasks=tasks)) as (address, _):
        only_looking = opened(address)
        listed = only_looking.value(request("resources/read", uri="turngym://tasks"))
        assert listed == [{"index": n, "id": task.id, "turns": 1} for n, task in enumerate(tasks)]

        def lived(query: str) -> str:
            client = opened(address, query)
            told = client.value(read)
            assert told["user"] == next(task for task in tasks if task.id == told["id"]).turns[0].user
            client.close()
            return str(told["id"])

        ids = [task.id for task in tasks]
        assert [lived("") for _ in range(4)] == [*ids, ids[0]]
        assert [lived(f"?task={wanted}") for wanted in (ids[2], "1", ids[1], "0")] == [ids[2], ids[1], ids[1], ids[0]]
        assert lived("") == ids[1]
        refused = Bare(address)
        for wanted in ("3", "-1", "nonsense", "%0A", "9" * 5000):
            status, told = refused.open(f"?task={wanted}")
            assert (status, told["id"]) == (200, INITIALIZE["id"])
            assert "there is no task" in told["error"]["message"]
            assert "turngym://tasks lists the 3 there are" in told["error"]["message"]
        only_looking.close()
        refused.close()


def test_where_no_task_is_served_none_can_be_asked_for():
    with served_http(todo()) as (address, _):
        client = Bare(address)
        assert client.open("?task=0")[1]["error"]["message"] == "there is no task 0; none is served"
        client.close()
    with pytest.raises(DefinitionError, match="comes with a task"):
        todo(verdict=True)


# -- who waits --------------------------------------------------------------------------------------------

ENTERED, LEAVE = threading.Event(), threading.Event()


class Waiting(Todo):
    """A to-do list with a tool that waits until the test lets it go on."""

    @tool
    def wait(self) -> list[Item]:
        """Wait."""
        ENTERED.set()
        LEAVE.wait(20)
        return []


def test_a_slow_call_keeps_its_own_session_waiting_and_no_other():
    with served_http(todo(Waiting)) as (address, _):
        slow, same, other = opened(address), Bare(address), opened(address)
        same.session = slow.session
        told: list[str] = []
        waits = threading.Thread(target=lambda: told.append(("slow", slow.ask(called("wait")))[0]))
        waits.start()
        assert ENTERED.wait(10)
        queued = threading.Thread(target=lambda: told.append(("same", same.ask(called("list_items", 2)))[0]))
        queued.start()
        assert other.ask(LOOK)["result"]["isError"] is False
        again = Bare(address)
        again.session = slow.session
        status, _, refused = again.send("POST", LOOK)
        assert (status, refused["id"], refused["error"]["code"]) == (400, 1, -32600)
        assert other.ask(request("ping"))["result"] == {}
        assert told == []
        LEAVE.set()
        waits.join(10)
        queued.join(10)
        assert sorted(told) == ["same", "slow"]  # which answer a client reads first is its own affair
        for client in (slow, same, other, again):
            client.close()
