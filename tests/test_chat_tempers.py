"""Promises of the policy `chat` on servers as they are: what they attach goes back, what they refuse is told or adapted to."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer, completion, plays_gold, says
from mini_tasks import borrow_task, two_turn_task
from tempers import (
    all_of,
    refuses_field,
    refuses_unknown_fields,
    small,
    strict_wants_everything,
    wants_completion_tokens,
    wants_plain_names,
    wants_reasoning,
    wants_reasoning_of_all,
    wants_signatures,
    wants_something_said,
)

from turngym.agents import Limits, Trajectory, make_policy, run_all
from turngym.agents.models.chat import ChatPolicy
from turngym.agents.models.naming import Names
from turngym.agents.models.wire import NO_ANSWER
from turngym.agents.policy import Conversation
from turngym.envs.errors import RunError

pytest.importorskip("openai")


@pytest.fixture(autouse=True)
def _no_key_of_ours(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def chat(server: FaultyServer, **options: Any) -> Any:
    return make_policy("chat", **{"model": "m", "base_url": server.url, "timeout": 5.0, "backoff": 0.01, "retries": 1, **options})


def live(server: FaultyServer, task: Any = None, **options: Any) -> Trajectory:
    (made,) = run_all(chat(server, **options), [task or two_turn_task(1)], limits=Limits(steps=20)).trajectories
    return made


def refusal(server: FaultyServer, **options: Any) -> str:
    with pytest.raises(RunError) as caught:
        run_all(chat(server, **options), [borrow_task()])
    assert not server.completions  # before the first task
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sent_back(server: FaultyServer) -> list[dict[str, Any]]:
    return [message for message in server.completions[-1].json["messages"] if message["role"] == "assistant"]


# -- what a server attaches -------------------------------------------------------------------------------

SIGNED = {"google": {"thought_signature": "CiQB/x=="}}
DETAILS = [{"type": "reasoning.text", "text": "I look.", "signature": "Er4B", "index": 0}]


def attaching(tasks: Any, **more: Any) -> Any:
    """Gold, with fields of the server's own at each message and at the first call of it."""
    gold = plays_gold(tasks)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        message = {**gold(request), "reasoning_content": "I look.", "refusal": None, "annotations": [], **more}
        for call in message.get("tool_calls", ())[:1]:
            call |= {"extra_content": SIGNED, "function": {**call["function"], "tag": 7}}
        return completion(message)

    return answer


@pytest.mark.parametrize("temper", [wants_reasoning, wants_signatures])
def test_a_message_goes_back_as_it_came_within_its_turn(temper):
    task = two_turn_task(1)
    with FaultyServer(attaching([task], reasoning_details=DETAILS, reasoning="I look."), refuses=temper) as server:
        made = live(server, task)
    assert (made.status, made.success, made.detail) == ("completed", True, "")
    first, *_, last = sent_back(server)
    assert not {"reasoning_content", "reasoning", "reasoning_details", "annotations"} & set(first)  # of the turn before
    assert last["reasoning_details"] == DETAILS
    assert (last["reasoning_content"], last["reasoning"], last["annotations"]) == ("I look.", "I look.", [])
    assert "refusal" not in last  # null says nothing
    (call,) = last["tool_calls"]
    assert (call["extra_content"], call["function"]["tag"]) == (SIGNED, 7)


def test_what_was_attached_stands_in_the_record_and_comes_back_from_it(tmp_path):
    task = two_turn_task(1)
    with FaultyServer(attaching([task], reasoning_details=DETAILS)) as server:
        run_all(chat(server), [task], out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "trajectories.jsonl").read_text())
    message = next(message for message in record["messages"] if message.get("tool_calls"))
    assert message["reasoning_content"] == "I look."
    assert message["attached"]["reasoning_details"] == DETAILS
    assert message["attached"]["reasoning_content"] is None  # kept once
    assert message["attached"]["tool_calls"] == [{"extra_content": SIGNED, "function": {"tag": 7}}]
    assert next(Trajectory.from_record(record).assistant()).attached == message["attached"]


def test_a_record_without_attachments_loads_as_before():
    with FaultyServer() as server:
        made = live(server)
    assert all("attached" not in message for message in made.messages)
    assert [message.attached for message in Trajectory.from_record(made.record()).assistant()] == [None, None]


def test_all_messages_go_back_whole_to_a_server_that_wants_it_so():
    task = two_turn_task(1)
    with FaultyServer(attaching([task]), refuses=wants_reasoning_of_all) as server:
        report = run_all(chat(server), [task] * 2, limits=Limits(steps=20))
        refused = len(server.completions) - sum(len(made.steps) for made in report.trajectories)
        assert [made.success for made in report.trajectories] == [True, True]
        assert (len(report.notes), "attached=all" in report.notes[0]) == (1, True)  # found out, and said once
        assert 1 <= refused <= 2
        made = live(server, task, attached="all")
    assert (made.status, made.success) == ("completed", True)
    assert all(message["reasoning_content"] == "I look." for message in sent_back(server))


def test_a_server_that_wants_more_than_it_gave_is_infrastructure():
    task = two_turn_task(1)
    with FaultyServer(plays_gold([task]), refuses=wants_reasoning) as server:  # which attached nothing
        made = live(server, task)
    assert (made.reason, "must be passed back" in made.detail) == ("infrastructure", True)


def test_a_server_that_takes_no_field_of_its_own_gets_none():
    task = two_turn_task(1)
    with FaultyServer(attaching([task]), refuses=refuses_unknown_fields) as server:
        assert live(server, task).reason == "infrastructure"
        assert live(server, task, attached="none").success
        with pytest.raises(ValueError, match="attached is turn or all or none"):
            chat(server, attached="some")


def test_parts_of_a_content_go_back_as_parts():
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "So."}]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return (
            {**says("", ("find_book", '{"title": "Dune"}'))(request), "content": parts}
            if len(request["messages"]) == 1
            else {"content": "."}
        )

    with FaultyServer(answer) as server:
        made = live(server, borrow_task())
    assert made.messages[1]["content"] == "So."
    assert sent_back(server)[0]["content"] == parts


# -- empty messages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [{"content": None}, {"content": ""}, {"content": " \n"}, {}, {"content": []}])
@pytest.mark.parametrize("tools", ["native", "text"])
def test_an_empty_answer_is_the_models_and_goes_back_as_a_text(empty, tools):
    with FaultyServer(lambda request: {"role": "assistant", **empty}, refuses=wants_something_said) as server:
        made = live(server, tools=tools)
    assert (made.status, made.success, len(made.steps)) == ("completed", False, 2)
    assert not made.messages[1]["content"].strip()  # the record keeps what was said: nothing
    assert [message["content"] for message in sent_back(server)] == [NO_ANSWER]


# -- names ------------------------------------------------------------------------------------------------

ODD = ("files.read", "files/read", "files_read", "x" * 80, "x" * 80 + "y", "查询", "读", "a b", "", "mcp__a.b-c")


def schema(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "Odd.", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("name", ODD)
def test_a_declared_name_is_spelled_alike_in_tools_and_history_and_leads_back(name):
    tools = [schema(own) for own in ODD]
    names = Names(ODD)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return says("", (request["tools"][ODD.index(name)]["function"]["name"], "{}"))(request)

    async def ask(policy: ChatPolicy) -> str:
        function = {"name": name, "arguments": "{}"}
        history = [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "a", "name": name, "content": "{}"},
        ]
        try:
            return (await policy.act(Conversation("t", "e", messages=history, tools=tools))).tool_calls[0].name
        finally:
            await policy.close()

    with FaultyServer(answer, refuses=wants_plain_names) as server:
        assert asyncio.run(ask(ChatPolicy("m", server.url, retries=0))) == name
    (sent,) = server.completions
    assert sent.json["messages"][1]["tool_calls"][0]["function"]["name"] == names.wire(name)


@given(st.lists(st.text(max_size=70) | st.sampled_from(ODD), unique=True, max_size=12), st.text(max_size=70))
def test_spelling_is_one_to_one_and_plain_names_stay(own, other):
    import re

    names = Names(own)
    spelled = [names.wire(name) for name in own]
    assert len(set(spelled)) == len(own)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) for name in spelled)
    assert [names.own(name) for name in spelled] == own
    assert all(names.wire(name) == name for name in own if re.fullmatch("[A-Za-z0-9_-]{1,64}", name))
    if other not in own:
        assert names.for_history().wire(other) not in spelled  # what no tool is called is spelled like no tool
        assert names.own(other) in (other, *own)


@pytest.mark.parametrize("name", ["library.find_book", "find/book", "f" * 200, "find book!", "查询"])
def test_a_made_up_name_is_an_unknown_tool_and_its_history_is_taken(name):
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return says("", (name, "{}"))(request) if len(request["messages"]) == 1 else {"content": "Oh."}

    with FaultyServer(answer, refuses=wants_plain_names) as server:
        made = live(server, borrow_task())
    assert (made.status, [result["error"] for result in made.results]) == ("completed", ["unknown_tool"])
    assert made.messages[1]["tool_calls"][0]["function"]["name"] == name  # as the model spelled it


# -- options ----------------------------------------------------------------------------------------------


def test_the_first_look_asks_as_the_run_does():
    options = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 99, "strict": True, "extra": {"top_k": 7}, "tokens": True}
    with FaultyServer() as server:
        live(server, **options)
    (look,) = server.looks
    first = server.completions[0].json
    assert {name: look[name] for name in look if name not in ("messages", "seed")} == {
        name: first[name] for name in first if name not in ("messages", "seed")
    }


def test_a_run_in_other_processes_looks_with_its_own_tools():
    from turngym.agents.executors.processes import Processes

    with FaultyServer() as server:
        report = run_all(chat(server), [borrow_task()], executor=Processes(1))
    assert report.summary["completed"] == 1
    assert server.looks[0]["tools"] == server.completions[0].json["tools"]


def test_tokens_under_another_name_are_adapted_to_and_said_once():
    with FaultyServer(refuses=wants_completion_tokens) as server:
        policy = chat(server, max_tokens=99)
        report = run_all(policy, [borrow_task(seed) for seed in range(3)])
        again = run_all(policy, [borrow_task()])
    assert (report.summary["completed"], again.summary["completed"]) == (3, 1)
    assert all(seen.json["max_completion_tokens"] == 99 and "max_tokens" not in seen.json for seen in server.completions)
    (note,) = again.notes
    assert "max_completion_tokens" in note
    assert chat(server, max_tokens=99).config == policy.config  # it decides no answer


def test_more_tokens_than_the_context_holds_are_told_as_max_tokens():
    with FaultyServer(refuses=small(4096)) as server:
        said = refusal(server, max_tokens=100_000)
        assert "max_tokens" in said
        assert "maximum context length is 4096" in said
        assert live(server, borrow_task(), max_tokens=100).status == "completed"


def test_more_tokens_than_a_model_writes_are_told_as_max_tokens():
    with FaultyServer(refuses=lambda r: "Range of max_tokens should be [1, 8192]" if r.get("max_tokens", 0) > 8192 else "") as server:
        assert "refuses max_tokens 9000 (400: Range of max_tokens should be [1, 8192]); give another" in refusal(server, max_tokens=9000)


def knows_no_strict(request: dict[str, Any]) -> str:
    return "tools.0.function.strict: Extra inputs are not permitted" if "strict" in str(request.get("tools")) else ""


@pytest.mark.parametrize("temper", [strict_wants_everything, knows_no_strict])
def test_a_strict_that_is_refused_is_told_as_strict(temper):
    with FaultyServer(refuses=temper) as server:
        said = refusal(server, strict=True)
        assert "refuses strict (400: " in said
        assert "leave strict off" in said
        assert live(server, borrow_task()).status == "completed"


@pytest.mark.parametrize(
    ("field", "options", "words", "remedy"),
    [
        ("temperature", {"temperature": 0.5}, "Unsupported value: 'temperature' does not support 0.5.", "leave temperature out"),
        ("top_p", {"top_p": 0.5}, "`top_p` is not supported with model m", "leave top_p out"),
        ("seed", {}, "Unknown name seed: cannot find field; model m", "use seeded=false"),
        ("logprobs", {"tokens": True}, "logprobs are not supported by the model m, not found", "leave tokens off"),
        ("top_k", {"extra": {"top_k": 7}}, "Unrecognized request argument supplied: top_k (model m does not exist here)", "out of extra"),
    ],
)  # fmt: skip
def test_a_refusal_that_names_a_field_is_told_in_the_servers_words(field, options, words, remedy):
    with FaultyServer(refuses=refuses_field(field, words)) as server:
        said = refusal(server, **options)
    assert words in said
    assert remedy in said
    assert "did you mean" not in said


def test_the_name_of_a_model_is_not_taken_for_a_field():
    with FaultyServer(models=("seed-oss",), refuses=lambda request: "bad request of seed-oss") as server:
        said = refusal(server, model="seed-oss", seeded=True)
    assert "bad request of seed-oss" in said
    assert "seeded" not in said


def test_several_adaptations_go_together():
    from tempers import in_pieces, only_streams

    with FaultyServer(refuses=all_of(only_streams, wants_completion_tokens), streams=in_pieces) as server:
        report = run_all(chat(server, max_tokens=50), [borrow_task()])
    assert (report.summary["completed"], len(report.notes)) == (1, 2)
