"""What an MCP client may ask of us besides calls: declared as it is, answered, and results as their schemas say."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from jsonschema import Draft202012Validator
from mcp_clients import Bare, called, connected, request
from mini_tasks import borrow_task
from todo_world import Todo

from turngym.envs.bridges.mcp.room import offer_of
from turngym.envs.bridges.mcp.serving import Hall, result_schema
from turngym.envs.bridges.mcp.transports import served_http
from turngym.envs.env import pack_of
from turngym.envs.registry import world_class
from turngym.envs.verdict import judge_of
from turngym.envs.worldset import WorldSpec


def test_what_is_declared_is_what_is_answered():
    with served_http(offer_of("Todo", (WorldSpec(Todo, 0),))) as (address, _):
        client = Bare(address)
        _, told = client.open()
        declared = told["result"]["capabilities"]
        assert {name for name, value in declared.items() if value or name == "logging"} >= {"tools", "resources", "prompts", "logging"}
        assert not declared["tools"].get("listChanged")
        assert not declared["resources"].get("subscribe")
        assert not declared.get("completions")
        assert client.ask(request("ping"))["result"] == {}
        assert client.ask(request("prompts/list"))["result"]["prompts"] == []
        assert client.ask(request("resources/templates/list"))["result"]["resourceTemplates"] == []
        assert client.ask(request("logging/setLevel", level="warning"))["result"] == {}
        assert len(client.ask(request("resources/list"))["result"]["resources"]) == 1
        for asked, code, words in (
            (request("prompts/get", name="x" * 3000), -32602, "there is no prompt"),
            (request("resources/read", uri="turngym://verdict"), -32602, "there is no resource"),
            (request("resources/read", uri="file:///etc/passwd"), -32602, "there is no resource"),
            (request("resources/subscribe", uri="turngym://state/fingerprint"), -32601, "there is no method"),
            (request("completion/complete"), -32601, "there is no method"),
            (request("tools/call"), -32602, ""),
            (request("logging/setLevel", level="loud"), -32602, ""),
        ):
            error = client.ask(asked)["error"]
            assert error["code"] == code, asked
            assert words in error["message"]
            assert len(error["message"]) < 200
        client.close()


@pytest.mark.parametrize("name", ["Banking", "Travel", "FileSystem"])
def test_results_are_what_their_schemas_say_and_of_lists_none_is_declared(name: str):
    checked, tools = set(), world_class(name).tools
    schemas = {tool: result_schema(found) for tool, found in tools.items()}
    assert {tool for tool, schema in schemas.items() if schema is None} == {tool for tool, found in tools.items() if found.many}
    judges = {tool: Draft202012Validator(schema) for tool, schema in schemas.items() if schema is not None}
    for judge in judges.values():
        Draft202012Validator.check_schema(judge.schema)
    for index in range(0, 120, 3):
        task = pack_of(name)[index]
        worlds = judge_of(task).start.fork()
        for turn in task.turns:
            worlds.advance(turn.elapse)
            for call in turn.gold:
                result = worlds.call(call.name, call.arguments)
                if result.error is None and call.name in judges:
                    judges[call.name].validate(result.value)
                    checked.add(call.name)
    assert len(checked) > 0.5 * len(judges), sorted(judges.keys() - checked)


def test_a_client_that_holds_results_against_schemas_gets_results_and_errors():
    async def live() -> list[Any]:
        async with connected(Hall(offer_of("Todo", (WorldSpec(Todo, 0),))).server()) as client:
            shown = {tool["name"]: tool.get("outputSchema") for tool in await client.tools()}
            item = next(iter(Todo.create(0).items.keys()))
            told = [await client.told(name, arguments) for name, arguments in (("list_items", {}), ("finish_item", {"item": item}))]
            wrong = [await client.call("finish_item", {"item": item}), await client.call("finish_item", {})]
            return [shown, told, wrong]

    shown, _, wrong = asyncio.run(live())
    assert shown["list_items"] is None
    assert set(shown["add_item"]["properties"]) == {"id", "title", "priority", "done", "due", "cost"}
    assert shown["add_item"]["properties"]["cost"]["type"] == "string"
    assert [set(result) - {"_meta", "resultType"} for result in wrong] == [{"content", "isError"}] * 2


def test_arguments_that_no_tool_takes_are_told_and_the_session_goes_on():
    with served_http(offer_of("Library", tasks=[borrow_task(0)])) as (address, _):
        client = Bare(address)
        client.open()
        for name, arguments in (
            ("nonsense", {}), ("", {}), ("find_book", {"title": None}), ("find_book", {"title": [[]] * 50}), ("find_book", {"x" * 5000: 1}),
            ("find_book", {"title": 10**400}), ("reset", {}), ("reply_to_user", {"text": "hello"}),
        ):  # fmt: skip
            told = client.ask(called(name, **arguments))["result"]
            assert told["isError"], name
            assert len(told["content"][0]["text"]) < 1500
        assert not client.ask(called("find_book", title="x"))["result"]["isError"]
        client.close()
