"""Who serves and who is judged: verdicts go to the one, tasks are offered to the other."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp_clients import INITIALIZE, READY, Bare, called, lines, process, request
from mini_tasks import borrow_task, two_turn_task

from turngym.cli import run
from turngym.commands.serve import _tasks
from turngym.envs.bridges.mcp.room import Offer, Room, offer_of
from turngym.envs.bridges.mcp.serving import Ended, Hall
from turngym.envs.bridges.mcp.transports import served_http
from turngym.envs.env import pack_of

WORLD = f"{Path(__file__).parent / 'mini_world.py'}:Library"
VERDICT = request("resources/read", uri="turngym://verdict")


def served(**more: bool) -> Offer:
    return offer_of("Library", tasks=[borrow_task(0), two_turn_task(1)], reply_tool=True, reset_tool=True, **more)


def played(client: Bare, index: int) -> None:
    task = (borrow_task(0), two_turn_task(1))[index]
    for turn in task.turns:
        for call in turn.gold:
            assert not client.ask(called(call.name, **call.arguments))["result"]["isError"]
        client.ask(called("reply_to_user", text=turn.reply))


def test_who_is_judged_reads_no_verdict_unless_that_is_asked_for():
    for shown in (False, True):
        with served_http(served(verdict=shown)) as (address, _):
            client = Bare(address)
            client.open()
            uris = [resource["uri"] for resource in client.ask(request("resources/list"))["result"]["resources"]]
            assert ("turngym://verdict" in uris) == shown
            told = client.ask(VERDICT)
            assert ("result" in told) == shown
            text = json.dumps([told, client.ask(request("resources/read", uri="turngym://task"))]) if not shown else ""
            assert "untold" not in text
            assert "gold" not in text
            client.close()


def test_how_a_task_stood_is_told_to_whoever_serves_when_its_session_ends():
    ended: list[Ended] = []
    with served_http(Hall(served(), ended=ended.append)) as (address, hall):
        winner, loser, looker, idler = [Bare(address) for _ in range(4)]
        for client, query in ((winner, "?task=1"), (loser, "?task=0"), (looker, ""), (idler, "?task=0")):
            client.open(query)
        played(winner, 1)
        loser.ask(called("reset"))
        loser.ask(called("find_book", title="x"))
        looker.value(request("resources/read", uri="turngym://tasks"))  # has lived through nothing
        winner.send("DELETE")
        assert [(e.session, e.task, e.calls, e.resets) for e in ended] == [(winner.session, two_turn_task(1).id, 5, 0)]
        looker.send("DELETE")
        assert len(ended) == 1
        hall_before = hall.open_rooms
    assert hall_before == 1
    assert [e.session for e in ended] == [winner.session, loser.session]  # the end of serving ends sessions too
    one, two = ended
    assert (one.verdict["success"], one.verdict["progress"], two.verdict["success"]) == (True, 1.0, False)
    assert one.line() == f"session {winner.session[:8]}, task {two_turn_task(1).id}: success, progress 1.00, 5 calls"
    assert "failure, progress 0.00, 2 calls, 1 resets" in two.line()
    for client in (winner, loser, looker, idler):
        client.close()


def test_a_verdict_that_cannot_be_found_out_ends_a_session_all_the_same(monkeypatch: pytest.MonkeyPatch):
    def broken(self: Room) -> None:
        raise OSError("the server of this world is gone")

    monkeypatch.setattr(Room, "verdict", broken)
    ended: list[Ended] = []
    with served_http(Hall(served(), ended=ended.append)) as (address, hall):
        client = Bare(address)
        client.open()
        client.ask(called("find_book", title="x"))
        client.send("DELETE")
        assert hall.open_rooms == 0
        client.close()
    assert [(e.verdict, e.problem) for e in ended] == [(None, "OSError: the server of this world is gone")]
    assert "no verdict: OSError" in ended[0].line()


def test_the_command_tells_verdicts_on_stderr_and_in_its_log(tmp_path: Path):
    file, log = tmp_path / "tasks.jsonl", tmp_path / "verdicts.jsonl"
    tasks = [borrow_task(0), two_turn_task(1)]
    file.write_text("".join(task.line() + "\n" for task in tasks))
    log.write_text('{"kept": true}\n')
    asked = [request("resources/read", n, uri=f"turngym://{what}") for n, what in enumerate(("tasks", "task", "verdict"), 1)]
    with process(WORLD, "--world", "mini_world:Library", "--task", str(file), "--verdict-log", str(log)) as server:
        out, err = server.communicate(lines(INITIALIZE, READY, *asked), timeout=60)
    told = {message["id"]: message for message in map(json.loads, out.splitlines())}
    assert len(json.loads(told[1]["result"]["contents"][0]["text"])) == 2
    assert json.loads(told[2]["result"]["contents"][0]["text"])["id"] == tasks[0].id
    assert "error" in told[3]
    (line,) = err.decode().splitlines()
    assert f"task {tasks[0].id}: failure, progress 0.00, 0 calls" in line
    kept, record = [json.loads(one) for one in log.read_text().splitlines()]
    assert kept == {"kept": True}
    assert (record["task"], record["verdict"]["success"], record["calls"]) == (tasks[0].id, False, 0)
    assert record["session"].startswith(line.split("session ")[1][:8])


def test_tasks_are_named_by_id_by_index_all_at_once_or_in_a_file(tmp_path: Path):
    pack = pack_of("Banking")
    assert _tasks("Banking", "3") == _tasks("Banking", pack[3].id) == (pack[3],)
    assert _tasks("Banking", "all") == list(pack)
    mine = [borrow_task(seed) for seed in range(3)]
    file = tmp_path / "tasks.jsonl"
    file.write_text("".join(task.line() + "\n" for task in mine))
    assert _tasks("Banking", str(file)) == _tasks("Banking", f"{file}:all") == mine
    assert _tasks("Banking", f"{file}:2") == _tasks("Banking", f"{file}:{mine[2].id}") == (mine[2],)
    foreign = [task.model_copy(update={"id": name, "meta": {"foreign": True}}) for task, name in zip(mine, "210", strict=True)]
    file.write_text("".join(task.line() + "\n" for task in foreign))
    assert [task.id for task in _tasks("Banking", f"{file}:0")] == ["0"]
    assert offer_of("Library", tasks=foreign).task("0") == foreign[2]


def test_commands_that_cannot_be_followed_are_refused_before_anything_is_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "target")
    os.mkfifo(pipe)
    for more, words in (
        (["--verdict"], "comes with a task"),
        (["--task", "0", "--verdict-log", str(link)], "is a link"),
        (["--task", "0", "--verdict-log", str(pipe)], "plain file"),
        (["--task", "0", "--verdict-log", str(tmp_path)], "is a directory"),
        (["--task", "0", "--verdict-log", str(tmp_path / "no" / "file")], "there is no directory"),
        (["--max-sessions", "0"], "max-sessions"),
        (["--task", "all", "--hide", "nonsense"], "no tool nonsense"),
        (["--task", str(tmp_path / "none.jsonl")], "holds no task"),
    ):
        assert run(["serve", "Banking", "--mcp", *more]) == 2, more
        assert words in capsys.readouterr().err
    assert not (tmp_path / "target").exists()
