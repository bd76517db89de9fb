"""An MCP server as a world: tools as listed, calls judged before they are sent, forks by making calls again, and servers that die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from turngym.agents import make_policy, rollout
from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world, mcp_world_of
from turngym.envs.bridges.mcp.declaration import declared
from turngym.envs.errors import DefinitionError
from turngym.envs.registry import env_info, user_world
from turngym.envs.task import Checks, GoldCall, RequiredOutput, Task, TaskWorld, Turn

HERE = Path(__file__).parent
CRUDE = [sys.executable, str(HERE / "mcp_crude.py")]
SHOP = {"reset": "reset", "state": "dump", "ignore": ["orders/*/at"], "timeout": 5.0}


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_open():
    yield
    close_connections()


def shop(*arguments: str, **more: Any) -> Any:
    """A world class of the crude server; `version` tells classes apart that must not share connections."""
    return mcp_world_of(Declaration(command=CRUDE[0], args=(*CRUDE[1:], *arguments), **{**SHOP, **more}))


def kind(result: Any) -> str:
    return str(json.loads(result.text)["error"]["kind"])


# -- tools ------------------------------------------------------------------------------------------------


def test_tools_are_as_the_server_lists_them_page_after_page():
    many = shop("--more", "1000")
    assert len([name for name in many.tools if name.startswith("more_")]) == 1000
    assert {"reset", "dump"}.isdisjoint(many.tools)
    add = many.tools["add"]
    assert add.description == "Order something.\n\nMore words."
    assert (add.summary, add.is_read, many.tools["orders"].is_read) == ("Order something.", False, True)
    assert add.parameter_schema["properties"]["amount"] == {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null", "minimum": 1}]}
    assert [p.required for p in add.parameters.values()] == [True, False]
    assert many.__name__ == "CrudeShop"
    assert many.page().startswith("A shop.")


def test_what_a_server_leaves_open_is_told():
    gaps = "\n".join(shop().gaps)
    assert "add is listed twice; the first is taken" in gaps
    assert "bad_schema: its schema cannot be judged by" in gaps
    assert "nowhere: its schema cannot be judged by" in gaps
    assert "silent: the server does not describe it" in gaps
    assert "state is not declared" not in gaps
    bare = shop(state=(), reads=("nonsense",), hide=("add",))
    assert "state is not declared" in bare.gaps[0]
    assert "the declaration reads nonsense, which the server does not list" in bare.gaps
    assert bare.gaps[0] in bare.page()
    assert "add" not in bare.tools


def test_arguments_are_judged_before_they_are_sent():
    world = shop().create()
    before = world.system.moment.depth
    for arguments in (
        "",
        "[]",
        "{",
        "null",
        '{"item": NaN}',
        {},
        {"item": 1},
        {"item": "x", "amount": 0},
        {"item": "x", "amuont": 1},
        {"item": "\ud800"},
    ):
        result = world.call("add", arguments)
        assert kind(result) == "invalid_arguments", arguments
        assert "\n" not in json.loads(result.text)["error"]["message"]
    assert world.system.moment.depth == before
    assert kind(world.call("deep", {"x": "c"})) == "invalid_arguments"
    assert world.call("deep", {"x": "b"}).error is None
    assert world.call("open", {"anything": 1}).error is None
    assert world.call("bad_schema", {"x": [1]}).error is None
    assert world.call("add", '{"item": "tea", "amount": null}').error is None
    assert kind(world.call("nope")) == "unknown_tool"


def test_results_are_text_or_structure_and_what_is_neither_stands_as_a_placeholder():
    world = shop().create()
    assert world.call("structured").text == '{"n": 1}'
    assert world.call("picture").text == "<image image/png, 3 bytes>\na picture"
    assert world.call("say", {"text": '{"a":1}'}).value == {"a": 1}
    assert world.call("say", {"text": "plain words"}).value == "plain words"
    assert len(world.call("huge", {"size": 3_000_000}).text) == 3_000_000
    assert world.call("garbage").text == "after garbage"
    broken = world.call("broken_promise")
    assert (broken.error, broken.text) == (None, "one")
    assert world.call("structured").error is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("There is no order 7", "not_found"),
        ("Error: user does not exist", "not_found"),
        ("Permission denied", "permission_denied"),
        ("It is taken already", "conflict"),
        ("Too many requests", "limit_exceeded"),
        ("You must first sign in", "precondition_failed"),
        ("Invalid date", "invalid_arguments"),
        ("Service unavailable, try again", "unavailable"),
        ("Hm.", "unavailable"),
        ('{"error": {"kind": "conflict", "message": "not found"}}', "conflict"),
        ('{"error": {"kind": "nonsense", "message": "not found"}}', "not_found"),
    ],
)
def test_errors_keep_the_servers_words_and_get_a_kind(words: str, expected: str):
    result = shop().create().call("say", {"text": words, "error": True})
    assert result.error == kind(result) == expected
    assert json.loads(result.text)["error"]["message"] in (words, "not found")


def test_a_refusal_by_protocol_is_an_error_like_any_other():
    assert kind(shop().create().call("protocol")) == "not_found"


# -- state, forks -----------------------------------------------------------------------------------------


def test_writes_are_told_and_forks_are_apart():
    world = shop().create(3)
    start = world.fork()
    made = world.call("add", {"item": "tea"})
    assert ("state", "orders/O3-1") in made.written
    assert world.call("orders").written == ()
    twin = world.fork()
    world.call("add", {"item": "milk"})
    twin.call("add", {"item": "salt"})
    twin.call("add", {"item": "oil"})
    assert world.call("orders").value == ["O3-1", "O3-2"]
    assert twin.call("orders").value == ["O3-1", "O3-2", "O3-3"]
    assert start.call("orders").value == []
    assert {"orders/O3-1", "orders/O3-2"} <= {c.key for c in start.diff(world)}
    again = start.fork()
    for item in ("tea", "milk"):
        again.call("add", {"item": item})
    assert again.fingerprint() == world.fingerprint() != twin.fingerprint()
    assert start.fingerprint() == shop().create(3).fingerprint() != shop().create(4).fingerprint()


def test_restore_comes_back_any_number_of_times():
    world = shop().create(5)
    world.call("add", {"item": "tea"})
    moment = world.snapshot()
    for _ in range(3):
        world.call("remove", {"id": "O5-1"})
        assert world.call("orders").value == []
        world.restore(moment)
        assert world.call("orders").value == ["O5-1"]


def test_one_life_never_makes_a_call_again_and_needs_one_connection():
    cls = shop(version=2)
    for seed in range(4):
        world = cls.create(seed).fork()
        for item in ("tea", "milk"):
            assert world.call("add", {"item": item}).error is None
        assert world.call("remove", {"id": "nope"}).error == "not_found"
        world.fingerprint()
        del world
    assert (cls.pool.opened, cls.pool.replayed) == (1, 0)
    assert cls.pool.resets == 4


def test_many_worlds_on_few_connections_never_mix():
    cls = shop(version=3, connections=2)
    worlds = [cls.create(seed).fork() for seed in range(5)]
    for turn in range(3):
        for world in worlds:
            made = world.call("add", {"item": f"{turn}"})
            assert made.value["id"] == f"O{world.seed}-{turn + 1}"
    assert cls.pool.open_connections <= 2
    assert [world.call("orders").value for world in worlds] == [[f"O{s}-{n}" for n in (1, 2, 3)] for s in range(5)]


def test_threads_that_share_a_server_take_turns():
    cls = shop(version=4, exclusive=True)
    found: dict[int, list[str]] = {}

    def live(seed: int) -> None:
        world = cls.create(seed).fork()
        found[seed] = [world.call("add", {"item": "x"}).value["id"] for _ in range(4)]

    cls.create(0)
    threads = [threading.Thread(target=live, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: [f"O{seed}-{n}" for n in range(1, 5)] for seed in range(3)}
    assert cls.pool.open_connections == 1


def test_a_config_reaches_the_reset_and_a_restart_takes_the_seed():
    assert shop().create(1, config='{"orders": {"A": {"item": "old"}}}').call("orders").value == ["A"]
    restarted = mcp_world_of(Declaration(command=CRUDE[0], args=(CRUDE[1], "--seed", "{seed}"), state=("dump",), ignore=("orders/*/at",)))
    assert [restarted.create(seed).call("add", {"item": "x"}).value["id"] for seed in (1, 2)] == ["O1-1", "O2-1"]


def test_the_state_may_be_resources_and_be_read_only_when_asked():
    cls = shop(state=("shop://orders",), ignore=("*/at",), watch=False)
    world = cls.create()
    start = world.fork()
    assert world.call("add", {"item": "tea"}).written == ()
    assert [(c.key, c.after.value) for c in start.diff(world)] == [("O0-1/amount", "1"), ("O0-1/item", '"tea"')]


def test_hints_may_be_trusted_so_that_reads_cost_no_look_at_the_state():
    world = shop(watch="writes").create()
    assert ("state", "orders/O0-1") in world.call("add", {"item": "tea"}).written
    before = world.fingerprint()
    assert world.call("lie").error is None
    assert world.fingerprint() == before


def test_what_is_not_declared_cannot_be_seen_but_is_forked():
    world = shop(state=()).create()
    assert world.call("add", {"item": "tea"}).written == ()
    assert world.fork().call("orders").value == ["O0-1"]
    assert world.fingerprint() == shop(state=()).create().fingerprint()


# -- servers that misbehave -------------------------------------------------------------------------------


def test_a_server_that_does_not_repeat_itself_is_caught_and_named():
    world = shop(version=5).create()
    world.call("clock")
    twin = world.fork()
    assert world.call("orders").error is None
    result = twin.call("add", {"item": "x"})
    assert result.error is None or kind(result) == "unavailable"  # whoever stands there first goes on; the other is made anew
    failed = [w.call("orders") for w in (world, twin)]
    told = [r for r in (result, *failed) if r.error]
    assert "call 1 since the reset, clock, answered otherwise" in told[0].text
    loose = shop(version=5, strict=False).create()
    loose.call("clock")
    twin = loose.fork()
    assert loose.call("add", {"item": "x"}).error is None
    assert twin.call("orders").value == ["clock"]


def test_a_read_that_writes_is_refused_and_undone():
    world = shop().create()
    before = world.fingerprint()
    result = world.call("lie")
    assert kind(result) == "internal_error"
    assert "said to read changed orders" in result.detail
    assert world.fingerprint() == before
    assert world.call("orders").value == []


def test_what_a_failed_call_did_stands_unless_it_is_to_be_undone():
    plain, atomic = shop().create(), shop(atomic=True).create()
    for world in (plain, atomic):
        assert kind(world.call("half", {"item": "h"})) == "limit_exceeded"
    assert plain.call("orders").value == ["h"]
    assert plain.fork().call("orders").value == ["h"]
    assert atomic.call("orders").value == []


def test_a_server_that_dies_in_a_call_gives_an_error_and_is_started_again():
    world = shop().create(7)
    world.call("add", {"item": "tea"})
    before = time.monotonic()
    result = world.call("die")
    assert kind(result) == "unavailable"
    assert "the server ended" in result.detail
    assert time.monotonic() - before < 5
    assert world.call("orders").value == ["O7-1"]


def test_a_server_that_is_killed_in_a_call_gives_an_error_within_the_timeout():
    world = shop(version=6).create()
    process = int(world.call("pid").text)
    threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
    before = time.monotonic()
    assert kind(world.call("slow", {"seconds": 30})) == "unavailable"
    assert time.monotonic() - before < 5
    assert world.call("orders").value == []
    assert int(world.call("pid").text) != process


def test_a_slow_call_ends_with_the_timeout_and_leaves_nothing_behind():
    world = shop(version=7, timeout=0.5).create()
    world.call("add", {"item": "tea"})
    before = time.monotonic()
    result = world.call("slow", {"seconds": 30})
    assert kind(result) == "unavailable"
    assert "no answer within 0.5 s" in result.text
    assert time.monotonic() - before < 4
    assert world.call("orders").value == ["O0-1"]


def test_a_server_whose_tools_change_keeps_those_of_the_beginning():
    cls = shop("--changing")
    world = cls.create()
    assert "other" not in world.tools
    assert world.call("add", {"item": "x"}).error is None


def test_noise_before_the_protocol_is_passed_over():
    assert shop("--noisy").create().call("orders").value == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--crash",), "its last words: cannot open the shop: no key"), (("--deaf",), "does not start within 0.5 s")],
)
def test_a_server_that_does_not_start_is_told_in_a_line(arguments: tuple[str, ...], words: str):
    with pytest.raises(DefinitionError, match=words) as caught:
        shop(*arguments, start_timeout=0.5 if "--deaf" in arguments else 20)
    assert "\n" not in str(caught.value)


def test_connections_closed_are_opened_again_and_none_is_left():
    world = shop(version=8).create()
    process = int(world.call("pid").text)
    world.call("add", {"item": "tea"})
    close_connections()
    assert not [thread for thread in threading.enumerate() if thread.name == "turngym-mcp"]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert world.call("orders").value == ["O0-1"]


def test_a_process_that_ends_leaves_no_server(tmp_path: Path):
    code = (
        f"from turngym.envs.registry import user_world\nw = user_world({'mcp:' + str(declare(tmp_path))!r}).create()\n"
        "w.call('add', {'item': 'x'}); f = w.fork(); f.call('add', {'item': 'y'}); w.call('orders')\n"
        "print(w.call('pid').text, f.call('pid').text)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "Warning" not in done.stderr
    for process in {int(word) for word in done.stdout.split()}:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


# -- declarations -----------------------------------------------------------------------------------------


def declare(folder: Path, **more: Any) -> Path:
    file = folder / "shop.json"
    file.write_text(json.dumps({"command": CRUDE[0], "args": CRUDE[1:], **SHOP, **more}))
    return file


def test_a_world_is_named_by_file_by_command_line_and_as_desktop_clients_write_it(tmp_path: Path):
    file = declare(tmp_path)
    assert user_world(f"mcp:{file}") is user_world(f"mcp:{file}") is mcp_world(str(file))
    assert user_world(user_world(f"mcp:{file}").place) is user_world(f"mcp:{file}")
    assert env_info(f"mcp:{file}").worlds == (f"mcp:{file}",)
    by_line = mcp_world(" ".join(CRUDE))
    assert "reset" in by_line.tools
    desktop = tmp_path / "desktop.json"
    desktop.write_text(json.dumps({"mcpServers": {"corner-shop": {"command": CRUDE[0], "args": CRUDE[1:]}}}))
    assert mcp_world(str(desktop)).__name__ == "CornerShop"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "by a command or by a url"),
        ({"command": "x", "url": "http://y"}, "one of them"),
        ({"command": "x", "restart": True}, "restart: Extra inputs"),
        ({"url": "ftp://x"}, "neither http:// nor https://"),
        ({"command": "x", "timeout": 0}, "timeout: Input should be greater than 0"),
    ],
)
def test_a_wrong_declaration_is_told_in_a_line(tmp_path: Path, said: dict[str, Any], words: str):
    file = tmp_path / "x.json"
    file.write_text(json.dumps(said))
    with pytest.raises(DefinitionError, match=words):
        declared(str(file))


def test_what_cannot_be_reached_is_told_in_a_line(tmp_path: Path):
    for text, words in (
        (str(tmp_path / "none.json"), "No such file"),
        ("", "wants a JSON file"),
        ("no_such_command --x", "there is no no_such_command"),
        ("http://127.0.0.1:9/mcp", "no tools from http://127.0.0.1:9/mcp"),
    ):
        with pytest.raises(DefinitionError, match=words):
            mcp_world(text)


# -- a task -----------------------------------------------------------------------------------------------


def test_a_task_on_a_server_is_judged_by_its_state(tmp_path: Path):
    name = f"mcp:{declare(tmp_path)}"
    gold = (GoldCall(id="a", name="add", arguments={"item": "tea"}), GoldCall(id="b", name="add", arguments={"item": "milk"}))
    turn = Turn(
        user="Tea and milk, please.", gold=gold, reply="Ordered.", checks=Checks(outputs=(RequiredOutput(fields={"item": "milk"}),))
    )
    task = Task(env=name, worlds=(TaskWorld(world=name, seed=2),), turns=(turn,))
    assert asyncio.run(rollout(make_policy("oracle"), task)).verdict["success"]
    lazy = asyncio.run(rollout(make_policy("null"), task)).verdict
    assert not lazy["success"]
    assert len([line for line in lazy["turns"][0]["missing"] if line.startswith("added")]) == 2


def test_plain_words_are_no_required_output_and_break_no_verdict(tmp_path: Path):
    name = f"mcp:{declare(tmp_path)}"
    gold = (GoldCall(id="a", name="say", arguments={"text": "5 of them"}), GoldCall(id="b", name="add", arguments={"item": "tea"}))
    turn = Turn(user="How many?", gold=gold, reply="5", checks=Checks(outputs=(RequiredOutput(fields={"n": 5}),)))
    told = asyncio.run(rollout(make_policy("oracle"), Task(env=name, worlds=(TaskWorld(world=name),), turns=(turn,))))
    assert (told.status, told.verdict["checks"]["state"], told.verdict["checks"]["outputs"]) == ("completed", True, False)
