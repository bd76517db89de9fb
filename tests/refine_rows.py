"""Conversations to refine: a good one, every way that one is spoilt on purpose, and models that say what they are told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from turngym.agents.policy import AssistantMessage, Conversation, understand

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "days"],
        },
    },
}
BOOK = {
    "type": "function",
    "function": {
        "name": "book_table",
        "description": "Book a table in a restaurant.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "guests": {"type": "integer"}}, "required": ["place"]},
    },
}


def call(arguments: Any, name: str = "get_weather", identity: str = "c1") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def good(number: int = 0) -> dict[str, Any]:
    """A row with nothing wrong."""
    return {
        "id": f"good-{number}",
        "tools": copy.deepcopy([WEATHER, BOOK]),
        "messages": [
            {"role": "user", "content": f"How is the weather in Oslo over the next {number % 14 + 1} days? Celsius please."},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "The user asks for Oslo. I will call get_weather.",
                "tool_calls": [call(json.dumps({"city": "Oslo", "days": number % 14 + 1, "unit": "celsius"}))],
            },
            {"role": "tool", "tool_call_id": "c1", "name": "get_weather", "content": '{"sky": "clear"}'},
            {"role": "assistant", "content": f"It stays clear, row {number}."},
        ],
    }


def _with(change: Callable[[dict[str, Any]], Any]) -> Callable[[], dict[str, Any]]:
    def made() -> dict[str, Any]:
        row = copy.deepcopy(good())
        change(row)
        return row

    return made


def _arguments(text: Any) -> Callable[[], dict[str, Any]]:
    return _with(lambda row: row["messages"][1].update(tool_calls=[call(text)]))


def _function(**changed: Any) -> Callable[[], dict[str, Any]]:
    return _with(lambda row: row["messages"][1]["tool_calls"][0]["function"].update(changed))


def _thought(text: str) -> Callable[[], dict[str, Any]]:
    return _with(lambda row: row["messages"][1].update(reasoning_content=text))


def _renamed(row: dict[str, Any]) -> None:
    row["messages"][1]["tool_calls"][0]["function"]["name"] = row["messages"][2]["name"] = "fetch_forecast"
    row["messages"][1]["reasoning_content"] = "The user asks for Oslo."


def _no_tool_fits(row: dict[str, Any]) -> None:
    row["messages"][0]["content"] = "Explain Hegel's dialectic in two sentences."
    row["messages"][1].update(reasoning_content="", tool_calls=[call('{"place": "Da Enzo", "guests": 4}', "book_table")])
    row["messages"][2]["name"] = "book_table"


def _twice(row: dict[str, Any]) -> None:
    row["messages"][1]["tool_calls"] *= 2


# name -> (the row, the stage that drops it, the reason)
PLANTED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "no json at all": (lambda: '{"messages": [', "read", "not_json"),
    "not an object": (lambda: [1, 2], "read", "not_an_object"),
    "no messages": (_with(lambda row: row.update(messages=[])), "read", "no_messages"),
    "a role nobody has": (_with(lambda row: row["messages"][0].update(role="narrator")), "read", "bad_message"),
    "an image": (_with(lambda row: row["messages"][0].update(content=[{"type": "image_url"}])), "read", "bad_message"),
    "a tool without a name": (_with(lambda row: row["tools"][0]["function"].pop("name")), "read", "bad_tools"),
    "tools that are no json": (_with(lambda row: row.update(tools="[{")), "read", "bad_tools"),
    "a type nobody knows": (
        _with(lambda row: row["tools"][0]["function"]["parameters"]["properties"]["city"].update(type="banana")), "read", "bad_schema",
    ),
    "a schema elsewhere": (
        _with(lambda row: row["tools"][0]["function"]["parameters"].update({"$ref": "http://127.0.0.1:9/x.json"})), "read", "bad_schema",
    ),
    "tools missing": (_with(lambda row: row.pop("tools")), "read", "tools_missing"),
    "a tool offered twice": (_with(lambda row: row["tools"].append(WEATHER)), "read", "duplicate_tool"),
    "nobody asks": (_with(lambda row: row["messages"].pop(0)), "read", "no_user"),
    "nobody answers": (_with(lambda row: row.update(messages=row["messages"][:1])), "read", "no_assistant"),
    "ends with the user": (_with(lambda row: row["messages"].append({"role": "user", "content": "And?"})), "read", "ends_with_user"),
    "result before call": (
        _with(lambda row: row["messages"].insert(1, row["messages"].pop(2))), "read", "result_before_call",
    ),
    "dangling result": (_with(lambda row: row["messages"][2].update(tool_call_id="c9")), "read", "dangling_result"),
    "result after the reply": (_with(lambda row: row["messages"].append(dict(row["messages"][2]))), "read", "dangling_result"),
    "two results": (_with(lambda row: row["messages"].insert(2, dict(row["messages"][2]))), "read", "duplicate_result"),
    "result of another tool": (_with(lambda row: row["messages"][2].update(name="book_table")), "read", "wrong_result_name"),
    "missing result": (_with(lambda row: row["messages"].pop(2)), "read", "missing_result"),
    "duplicate call ids": (_with(_twice), "read", "duplicate_call_id"),
    "empty reply": (_with(lambda row: row["messages"][3].update(content=" \n")), "fcdr.response", "empty_reply"),
    "a call although no tool fits": (_with(_no_tool_fits), "fcdr.solvable", "no_tool_fits"),
    "a call in a row of no calls": (_with(lambda row: row.update(category="irrelevant")), "fcdr.solvable", "no_tool_fits"),
    "reasoning for another tool": (_thought("A restaurant it is. I will call book_table."), "fcdr.reasoning", "reasoning_contradicts"),
    "reasoning against a call": (_thought("None of the tools can help here."), "fcdr.reasoning", "reasoning_contradicts"),
    "reasoning for other values": (
        _thought("So: get_weather(city='Bergen', days=1)."), "fcdr.reasoning", "reasoning_contradicts",
    ),
    "unknown function": (_with(_renamed), "fcdr.parameters", "unknown_function"),
    "missing required": (_arguments('{"city": "Oslo"}'), "fcdr.parameters", "missing_argument"),
    "extra argument": (_arguments('{"city": "Oslo", "days": 1, "mood": "good"}'), "fcdr.parameters", "extra_argument"),
    "wrong type": (_arguments('{"city": ["Oslo"], "days": 1}'), "fcdr.parameters", "wrong_type"),
    "bad enum": (_arguments('{"city": "Oslo", "days": 1, "unit": "kelvin"}'), "fcdr.parameters", "bad_enum"),
    "out of bounds": (_arguments('{"city": "Oslo", "days": 99}'), "fcdr.parameters", "bad_value"),
    "unparsable json": (_arguments('{"city": "Oslo", "days": 1'), "fcdr.format", "unparsable_arguments"),
    "no number": (_arguments('{"city": "Oslo", "days": NaN}'), "fcdr.format", "unparsable_arguments"),
    "python that is no literal": (_arguments("dict(city=__import__('os').getcwd())"), "fcdr.format", "unparsable_arguments"),
    "markup in the words": (
        _with(lambda row: row["messages"][3].update(content="<tool_call>{}</tool_call>")), "fcdr.format", "markup_in_content",
    ),
}  # fmt: skip

# name -> (the row, the corrections, the arguments afterwards)
MENDED: dict[str, tuple[Callable[[], Any], str, str, dict[str, Any]]] = {
    "python-literal arguments": (
        _arguments("{'city': 'Oslo', 'days': 1}"), "fcdr.format", "literal_arguments", {"city": "Oslo", "days": 1},
    ),
    "json within json": (
        _arguments(json.dumps('{"city": "Oslo", "days": 1}')), "fcdr.format", "nested_arguments", {"city": "Oslo", "days": 1},
    ),
    "a number as text": (_arguments('{"city": "Oslo", "days": "3"}'), "fcdr.parameters", "type", {"city": "Oslo", "days": 3}),
    "an enum in capitals": (
        _arguments('{"city": "Oslo", "days": 1, "unit": "Celsius"}'), "fcdr.parameters", "enum",
        {"city": "Oslo", "days": 1, "unit": "celsius"},
    ),
    "a key in another spelling": (_arguments('{"City": "Oslo", "days": 1}'), "fcdr.parameters", "key", {"city": "Oslo", "days": 1}),
    "null for an optional one": (
        _arguments('{"city": "Oslo", "days": 1, "unit": null}'), "fcdr.parameters", "null", {"city": "Oslo", "days": 1},
    ),
    "a tool in another spelling": (
        _function(name="GetWeather"), "fcdr.parameters", "name", {"city": "Oslo", "days": 1, "unit": "celsius"},
    ),
}  # fmt: skip


def mended_name(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose result bears the name that its call bears."""
    for message in row["messages"]:
        if message["role"] == "tool":
            message["name"] = ""
    return row


def line_of(row: Any) -> str:
    return row if isinstance(row, str) else json.dumps(row)


class Told:
    """A policy that answers by what it is asked: `refine:<section>` -> answers in turn, the last for ever."""

    name = "told"

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[Conversation] = []

    async def act(self, conversation: Conversation) -> AssistantMessage:
        section = conversation.env.removeprefix("refine:")
        mine = self.answers.get(section, ['{"ok": true}'])
        said = mine[min(sum(c.env == conversation.env for c in self.asked), len(mine) - 1)]
        self.asked.append(conversation)
        if isinstance(said, Exception):
            raise said
        return understand(said)
