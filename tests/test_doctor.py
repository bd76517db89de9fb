"""Promises of `turngym doctor`: every finding rests on an answer, and what fails is told with what to change."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer, completion

from turngym.agents.models.chat import ChatPolicy
from turngym.agents.models.doctor import Finding, diagnose, failed
from turngym.commands.doctor import add_to
from turngym.envs.errors import RunError
from turngym.envs.literals import draw_value

pytest.importorskip("openai")
APP = typer.Typer()
add_to(APP)


@pytest.fixture(autouse=True)
def _no_key_of_ours(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def arguments_of(function: dict[str, Any]) -> str:
    schema, rng = function["parameters"], Random(0)
    return json.dumps({name: draw_value(schema["properties"][name], rng, schema.get("$defs", {})) for name in schema["required"]})


def capable(request: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a good server and a good model answer."""
    tools = {tool["function"]["name"]: tool["function"] for tool in request.get("tools", ())}
    if request.get("return_token_ids"):
        logprobs = {"content": [{"token": "a", "logprob": -1.0}]}
        return completion({"content": "Hi"}, prompt_token_ids=[1, 2], choice={"token_ids": [3], "logprobs": logprobs})
    chosen = request.get("tool_choice", {}).get("function", {}).get("name")
    if chosen is None and "Call the tool" in request["messages"][-1]["content"]:
        chosen = next(iter(tools), None)
    if chosen is None:
        return completion({"content": "Hello", "reasoning_content": "A greeting."})
    call = {"id": "c", "type": "function", "function": {"name": chosen, "arguments": arguments_of(tools[chosen])}}
    return completion({"content": None, "tool_calls": [call]}, finish_reason="stop")


def examine(server: FaultyServer, **options: Any) -> dict[str, Finding]:
    findings = asyncio.run(diagnose(ChatPolicy("m", server.url, timeout=3.0, **options)))
    assert len({finding.name for finding in findings}) == len(findings)
    assert all(not finding.remedy for finding in findings if finding.ok)
    assert all(finding.remedy for finding in findings if finding.ok is False)
    return {finding.name: finding for finding in findings}


NAMES = ["server", "key", "model", "plain chat", "reasoning", "tool calls", "named tool_choice", "strict schemas", "call in a world"]


def test_a_good_server_is_found_well():
    with FaultyServer(capable) as server:
        found = examine(server)
    assert list(found) == [*NAMES, "calls in history", "token ids"]
    assert {name for name, finding in found.items() if finding.ok is not True} == set()
    assert len(server.seen) <= 12


def test_calls_that_come_back_as_text_name_the_parser():
    def raw(request: dict[str, Any]) -> dict[str, Any]:
        return {"content": '<tool_call>\n{"name": "list_accounts", "arguments": {}}\n</tool_call>' if "tools" in request else "Hi"}

    with FaultyServer(raw) as server:
        found = examine(server)
        assert found["tool calls"].ok is False
        assert "--enable-auto-tool-choice --tool-call-parser" in found["tool calls"].remedy
        assert failed(list(found.values()))
        assert found["call in a world"].ok is None
        assert examine(server, tools="text")["plain chat"].ok


def test_a_server_that_refuses_tools_is_told_what_it_lacks():
    wants = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    with FaultyServer(capable, refuses=lambda request: wants if "tools" in request else "") as server:
        found = examine(server)
    assert found["tool calls"].ok is False
    assert "tools=text" in found["tool calls"].remedy


def test_a_model_that_calls_only_when_it_must_is_no_fault_of_the_server():
    def unwilling(request: dict[str, Any]) -> dict[str, Any]:
        return capable(request) if "tool_choice" in request or request.get("return_token_ids") else {"content": "No."}

    with FaultyServer(unwilling) as server:
        found = examine(server)
    assert found["tool calls"].ok is None
    assert (found["named tool_choice"].ok, found["strict schemas"].ok, found["call in a world"].ok) == (True, True, True)
    assert not failed(list(found.values()))


def test_schemas_that_do_not_hold_are_found_at_the_tools_own_door():
    def loose(request: dict[str, Any]) -> dict[str, Any]:
        made = capable(request)
        for call in made["choices"][0]["message"].get("tool_calls", ()):
            call["function"]["arguments"] = '{"nonsense": 1}'
        return made

    with FaultyServer(loose) as server:
        found = examine(server)
    assert found["strict schemas"].ok is False
    assert "nonsense" in found["strict schemas"].detail


def test_thoughts_in_the_content_name_the_reasoning_parser():
    def thinking(request: dict[str, Any]) -> dict[str, Any]:
        made = capable(request)
        if not made["choices"][0]["message"].get("tool_calls"):
            made["choices"][0]["message"] = {"content": "<think>Well</think>Hello"}
        return made

    with FaultyServer(thinking) as server:
        assert "--reasoning-parser" in examine(server)["reasoning"].remedy


def test_a_server_that_cannot_read_calls_back_is_found():
    broken = lambda request: "tool role unknown" if any(m["role"] == "tool" for m in request["messages"]) else ""  # noqa: E731
    with FaultyServer(capable, refuses=broken) as server:
        found = examine(server)
    assert found["calls in history"].ok is False
    assert failed(list(found.values()))


def test_a_context_too_short_for_the_tools_is_called_that():
    short = lambda request: "This model's maximum context length is 512 tokens" if len(request.get("tools", ())) > 1 else ""  # noqa: E731
    with FaultyServer(capable, refuses=short) as server:
        assert "--max-model-len" in examine(server)["tool calls"].remedy


def test_a_server_that_goes_down_meanwhile_is_told_and_asked_no_more():
    with FaultyServer(capable, script=["ok", "ok", *["reset"] * 9]) as server:
        found = examine(server)
    assert list(found) == ["server", "key", "model", "plain chat", "reasoning", "tool calls"]
    assert "went down" in found["tool calls"].remedy
    assert failed(list(found.values()))


def test_a_wrong_model_and_a_wrong_key_end_the_examination():
    with FaultyServer(capable, models=("mm",)) as server:
        found = examine(server)
        assert list(found) == ["server", "key", "model"]
        assert "mm" in found["model"].remedy + found["model"].detail
    with FaultyServer(capable, key="sk-right-00000000000000000") as server:
        found = examine(server)
    assert (list(found), found["key"].ok) == (["server", "key"], False)


def test_no_server_is_an_error_of_its_own():
    with FaultyServer() as server:
        port = server.port
    with pytest.raises(RunError, match="no server answers"):
        asyncio.run(diagnose(ChatPolicy("m", f"http://127.0.0.1:{port}/v1")))


def command(*arguments: str) -> int:
    try:
        return int(APP(["--model", "m", *arguments], standalone_mode=False) or 0)
    except RunError:
        return 2


def test_the_command_tells_and_exits_accordingly(capsys):
    with FaultyServer(capable) as server:
        assert command("--base-url", server.url) == 0
        assert "Rollouts can run" in capsys.readouterr().out
        assert command("--base-url", server.url, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] is True
        assert [finding["name"] for finding in told["findings"]][:3] == ["server", "key", "model"]
    with FaultyServer(capable, refuses=lambda request: "no tools here" if "tools" in request else "") as server:
        assert command("--base-url", server.url) == 1
        assert "tools=text" in " ".join(capsys.readouterr().out.split())
    assert command("--base-url", f"http://127.0.0.1:{server.port}/v1") == 2
    assert command("--tools", "both") == 2
    assert command("--base-url", "nonsense") == 2


def test_what_a_server_says_does_nothing_to_the_terminal(capsys):
    with FaultyServer(lambda request: {"content": "\x1b[31mred[bold]"}) as server:
        command("--base-url", server.url)
    out = capsys.readouterr().out
    assert "\x1b[31mred" not in out
    assert "[bold]" in "".join(out.split())


def test_a_server_on_which_no_call_was_seen_is_not_called_fit(capsys):
    with FaultyServer(lambda request: {"content": "I would rather talk."}) as server:
        assert command("--base-url", server.url) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "no call was seen" in out
    assert "Rollouts can run" not in out
