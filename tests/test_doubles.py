"""Promises on what a model says twice, or names with nothing: typed errors that it reads, and an untouched state."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer
from mini_tasks import borrow_gold, borrow_task

from turngym.agents import Trajectory, make_policy, run_all
from turngym.envs.doubles import refuse_doubled_keys
from turngym.envs.episode import Episode
from turngym.envs.errors import ToolError
from turngym.envs.messages import doubled_ids, number_calls
from turngym.envs.tool import ToolCall
from turngym.envs.worldset import WorldSet, WorldSpec

FIND = '{"title": "Dune"}'
GOLD = borrow_gold(0)
SIGN = ToolCall(GOLD[1].name, json.dumps(GOLD[1].arguments))


@pytest.fixture(autouse=True)
def _no_key_of_ours(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


# -- ids --------------------------------------------------------------------------------------------------


def test_calls_that_share_an_id_are_refused_and_the_others_run():
    episode = Episode(borrow_task())
    before = episode.worlds.fingerprint()
    step = episode.step("", [SIGN._replace(id="a"), ToolCall("find_book", FIND, "b"), SIGN._replace(id="a")])
    assert [result.error for result in step.results] == ["invalid_arguments", None, "invalid_arguments"]
    assert [message["tool_call_id"] for message in step.messages] == ["a", "b", "a"]
    assert "'a'" in step.results[0].message
    assert episode.worlds.fingerprint() == before
    assert episode.calls == 3


def test_the_same_id_in_another_message_is_no_double():
    episode = Episode(borrow_task())
    for _ in range(2):
        assert episode.step("", [ToolCall("find_book", FIND, "a")]).results[0].error is None


def test_an_id_that_we_give_is_never_one_that_the_model_gave():
    calls = [ToolCall("x", "{}", "call_1"), ToolCall("x"), ToolCall("x"), ToolCall("x", "{}", "call_2")]
    numbered = number_calls(calls, 0)
    assert not doubled_ids(numbered)
    assert len({call.id for call in numbered}) == 4
    assert [numbered[0].id, numbered[3].id] == ["call_1", "call_2"]
    assert [call.id for call in number_calls([ToolCall("x"), ToolCall("x")], 5)] == ["call_5", "call_6"]


def test_doubled_ids_in_a_rollout_are_the_models_mistake():
    made = _run({"role": "assistant", "tool_calls": [_call(SIGN.name, SIGN.arguments, "a"), _call(SIGN.name, SIGN.arguments, "a")]})
    assert [result["error"] for result in made.results] == ["invalid_arguments"] * 2
    assert made.fingerprint == _untouched()


# -- keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        '{"title": "Dune", "title": "Emma"}',
        '{"title":"Dune","title":"Dune"}',
        '{"title" : "10:30", "title": "Dune"}',
        '{"title"\n:"a","t\\u0069tle":"b"}',
        '{"title": "a:b", "title": "c"}',
    ],
)
def test_a_key_that_stands_twice_is_refused_by_a_tool(arguments):
    worlds = WorldSet.create([WorldSpec(type(Episode(borrow_task()).worlds.worlds[0]))])
    result = worlds.call("find_book", arguments)
    assert result.error == "invalid_arguments"
    assert "'title' stands twice" in result.message


def test_a_file_system_makes_no_directory_of_two():
    from turngym.envs.registry import world_class

    worlds = WorldSet.create([WorldSpec(world_class("FileSystem"))])
    before = worlds.fingerprint()
    assert worlds.call("mkdir", '{"directory": "a", "directory": "b"}').error == "invalid_arguments"
    assert worlds.fingerprint() == before
    assert worlds.call("mkdir", '{"directory": "b"}').error is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(['":', " :", ":", '\\"'])
    , lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, max_size=4)
STYLES = st.sampled_from([{"separators": (",", ":")}, {"separators": (", ", " : ")}, {"indent": 1}, {"ensure_ascii": False}])


@given(OBJECTS, STYLES)
def test_an_object_whose_keys_stand_once_is_taken(value, style):
    refuse_doubled_keys("x", json.dumps(value, **style), len(value))


@given(OBJECTS, STYLES, st.text(max_size=4), st.integers(0, 3), st.booleans())
def test_a_doubled_key_is_found_at_any_depth(value, style, key, depth, listed):
    twice = f"{{{json.dumps(key)}: 1, {json.dumps(key)}: 2}}"
    outer = dict(value)
    outer.pop("in", None)
    text = json.dumps({**outer, "in": "@here@"}, **style)
    for _ in range(depth):
        twice = f'[{twice}, ":"]' if listed else f'{{"k": {twice}}}'
    with pytest.raises(ToolError, match="stands twice"):
        refuse_doubled_keys("x", text.replace('"@here@"', twice), len(outer) + 1)


# -- names ------------------------------------------------------------------------------------------------


def _call(name: Any, arguments: Any = FIND, identity: str = "a") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def _run(message: dict[str, Any]) -> Trajectory:
    pytest.importorskip("openai")
    said = lambda request: message if len(request["messages"]) == 1 else {"role": "assistant", "content": "Sorry."}  # noqa: E731
    with FaultyServer(said) as server:
        (made,) = run_all(make_policy("chat", model="m", base_url=server.url, backoff=0.01), [borrow_task()]).trajectories
    assert (made.status, made.detail) == ("completed", "")
    assert len(server.completions) == 2  # nothing was repeated
    assert all(
        isinstance(call["function"]["name"], str) for m in server.completions[-1].json["messages"] for call in m.get("tool_calls", ())
    )
    return made


def _untouched() -> str:
    return run_all(make_policy("null"), [borrow_task()]).trajectories[0].fingerprint


@pytest.mark.parametrize("name", [None, 7, {"a": 1}, ["find_book"], True, ""])
def test_a_call_whose_name_is_none_is_told_to_the_model_and_the_others_run(name):
    made = _run({"role": "assistant", "content": None, "tool_calls": [_call(name), _call("find_book", FIND, "b")]})
    assert [result["error"] for result in made.results] == ["unknown_tool", None]
    assert made.messages[1]["tool_calls"][0]["function"]["name"] == ("" if name in (None, "") else json.dumps(name))
    assert made.fingerprint == _untouched()


def test_a_call_without_any_name_is_told_to_the_model():
    made = _run({"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"arguments": FIND}}]})
    assert [result["error"] for result in made.results] == ["unknown_tool"]
