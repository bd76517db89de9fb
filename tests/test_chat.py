"""Promises of the policy `chat`: requests any server takes, answers read by what they are, keys nowhere, a first look."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer, completion, plays_gold, says
from mini_tasks import borrow_task, some_tasks, two_turn_task

from turngym.agents import Limits, Trajectory, make_policy, rescore, run_all
from turngym.agents.models import preflight
from turngym.agents.models.textcalls import as_plain_chat, read_text, tool_instructions
from turngym.agents.models.wire import NoCompletion, read_completion, wire_messages, wire_text
from turngym.envs.errors import RunError

pytest.importorskip("openai")
KEY = "sk-proj-0123456789abcdefXYZ"


@pytest.fixture(autouse=True)
def _no_key_of_ours(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def chat(server: FaultyServer, **options: Any) -> Any:
    return make_policy("chat", **{"model": "m", "base_url": server.url, "timeout": 5.0, "backoff": 0.01, **options})


def live(server: FaultyServer, task: Any = None, limits: Limits | None = None, **options: Any) -> Trajectory:
    (made,) = run_all(chat(server, **options), [task or borrow_task()], limits=limits or Limits(steps=20)).trajectories
    return made


# -- a good server ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tools", ["native", "text"])
def test_a_model_that_knows_gold_passes_every_task(tools):
    tasks = some_tasks(6)
    with FaultyServer(plays_gold(tasks, tools == "text")) as server:
        report = run_all(chat(server, tools=tools), tasks)
    assert (report.summary["success"], report.exit_code) == (1.0, 0)
    wanted = sum(len(turn.gold) + 1 for task in tasks for turn in task.turns)
    assert len(server.completions) == wanted
    for seen in server.completions:
        assert ("tools" in seen.json) is (tools == "native")
        assert seen.path == "/v1/chat/completions"
        if tools == "text":
            assert {message["role"] for message in seen.json["messages"]} <= {"system", "user", "assistant"}
            assert "tool_calls" not in json.dumps(seen.json["messages"])


def test_the_base_url_comes_from_the_environment_too(monkeypatch):
    with FaultyServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
        (made,) = run_all(make_policy("chat", model="m"), [borrow_task()]).trajectories
    assert made.status == "completed"


def test_requests_carry_what_was_asked_for_and_nothing_else():
    with FaultyServer() as server:
        live(server, two_turn_task(1), temperature=0.5, max_tokens=99, strict=True, extra={"top_k": 7})
        live(server, two_turn_task(1))
        live(server, two_turn_task(1), seeded=False)
    first, second, plain, plain_second, unseeded, _ = [seen.json for seen in server.completions]
    assert set(first) == {"model", "messages", "seed", "temperature", "max_tokens", "top_k", "tools"}
    assert set(plain) == {"model", "messages", "seed", "tools"}
    assert set(unseeded) == {"model", "messages", "tools"}
    assert all(tool["function"]["strict"] is True for tool in first["tools"])
    assert not any("strict" in tool["function"] for tool in plain["tools"])
    assert (first["seed"], second["seed"]) == (plain["seed"], plain_second["seed"])
    assert first["seed"] != second["seed"]
    assert all(0 <= seen["seed"] < 2**31 for seen in (first, second))
    assert {seen.headers["authorization"] for seen in server.completions} == {"Bearer none"}


def test_reasoning_stands_apart_and_is_not_sent_back():
    for name in ("reasoning_content", "reasoning"):
        answer = {"role": "assistant", "content": "On the shelf.", name: "I wonder."}
        with FaultyServer(lambda request, answer=answer: answer) as server:
            made = live(server, two_turn_task(1))
        assert made.messages[1]["reasoning_content"] == "I wonder."
        assert made.messages[1]["content"] == "On the shelf."
        assert "I wonder" not in server.completions[-1].body.decode()


def test_usage_is_counted_in_whole_numbers_alone():
    body = completion({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": True, "total_tokens": 1e9, "cost": 2})
    body["usage"]["prompt_tokens_details"] = {"cached_tokens": 1}
    assert read_completion(json.dumps(body).encode()).message.usage == {"prompt_tokens": 3, "cached_tokens": 1}


# -- a bad model: data ------------------------------------------------------------------------------------

FIND = '{"title": "Dune"}'


def calls_of(*calls: tuple[str, Any, str]) -> dict[str, Any]:
    made = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for n, a, i in calls]
    return {"role": "assistant", "content": None, "tool_calls": made}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (calls_of(("no_such_tool", "{}", "a")), "unknown_tool"),
        (calls_of(("", "{}", "a")), "unknown_tool"),
        (calls_of(("bad name\n<x>" * 40, "{}", "a")), "unknown_tool"),
        (calls_of(("find_book", "{'title': 'Dune'}", "a")), "invalid_arguments"),
        (calls_of(("find_book", '{"title": "Du', "a")), "invalid_arguments"),
        (calls_of(("find_book", '["Dune"]', "a")), "invalid_arguments"),
        (calls_of(("find_book", '{"title": NaN}', "a")), "invalid_arguments"),
        (calls_of(("find_book", '{"title": "\\ud800"}', "a")), "invalid_arguments"),
        (calls_of(("find_book", '{"title": "\ud800"}', "a")), "invalid_arguments"),
        (calls_of(("find_book", '{"title": "\x00"}', "a")), "invalid_arguments"),
        (calls_of(("find_book", "[" * 100_000, "a")), "invalid_arguments"),
        (calls_of(("find_book", 7, "a")), "invalid_arguments"),
        (calls_of(("find_book", None, "a")), "invalid_arguments"),
        (calls_of(("borrow", '{"book": "__import__(\\"os\\")", "days": 7}', "a")), "precondition_failed"),
    ],
)
def test_what_a_model_gets_wrong_is_told_to_it_and_changes_nothing(message, kind):
    said = lambda request: message if len(request["messages"]) == 1 else {"role": "assistant", "content": "Sorry."}  # noqa: E731
    with FaultyServer(said) as server:
        made = live(server)
    untouched = run_all(make_policy("null"), [borrow_task()]).trajectories[0].fingerprint
    assert (made.status, made.fingerprint) == ("completed", untouched)
    assert [result["error"] for result in made.results] == [kind]
    raw = message["tool_calls"][0]["function"]["arguments"]
    if isinstance(raw, str):
        assert made.messages[1]["tool_calls"][0]["function"]["arguments"] == raw  # the record keeps what was emitted
    resent = server.completions[-1].json["messages"]
    assert isinstance(json.loads(resent[1]["tool_calls"][0]["function"]["arguments"]), dict)  # the wire is always acceptable
    json.dumps(server.completions[-1].json, ensure_ascii=False).encode()
    assert resent[2]["tool_call_id"] == resent[1]["tool_calls"][0]["id"]


def test_arguments_cut_by_length_are_refused_at_the_tools_door():
    cut = completion(calls_of(("find_book", '{"title": "Dune', "a")), finish_reason="length")
    said = lambda request: cut if len(request["messages"]) == 1 else {"content": "Oh."}  # noqa: E731
    with FaultyServer(said) as server:
        made = live(server)
    assert made.steps[0]["finish_reason"] == "length"
    assert [result["error"] for result in made.results] == ["invalid_arguments"]


def test_a_call_that_the_server_could_not_read_is_the_models_doing():
    with FaultyServer(script=["ok", "tool-use-failed", "ok"]) as server:
        made = live(server)
    assert (made.status, [result["error"] for result in made.results]) == ("completed", ["unknown_tool"])
    assert made.messages[1]["tool_calls"][0]["function"]["arguments"] == "<function=x>{"
    assert len(server.completions) == 2


def test_ten_thousand_calls_in_one_message_are_answered_each():
    flood = calls_of(*[("find_book", FIND, "same")] * 10_000)
    said = lambda request: flood if len(request["messages"]) == 1 else {"content": "Enough."}  # noqa: E731
    begun = time.monotonic()
    with FaultyServer(said) as server:
        made = live(server, limits=Limits(repeats=None))
    assert (made.status, made.detail) == ("completed", "")
    assert len(made.results) == 10_000
    assert sum(result["error"] == "limit_exceeded" for result in made.results) > 9_800
    sent = server.completions[-1].json["messages"]
    ids = [call["id"] for call in sent[1]["tool_calls"]]
    assert len(set(ids)) == len(ids)
    assert [message["tool_call_id"] for message in sent[2:]] == ids
    assert time.monotonic() - begun < 10


def test_ids_that_repeat_are_unique_on_the_wire_and_verbatim_in_the_record(tmp_path):
    twin = calls_of(("find_book", FIND, "call_1"), ("find_book", '{"title": "Emma"}', "call_1"))
    said = lambda request: twin if len(request["messages"]) < 7 else {"content": "Done."}  # noqa: E731
    with FaultyServer(said) as server:
        report = run_all(chat(server), [borrow_task()], out=tmp_path / "run")
    assert report.summary["completed"] == 1
    sent = server.completions[-1].json["messages"]
    asked = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    answered = [message["tool_call_id"] for message in sent if message["role"] == "tool"]
    assert len(asked) == 4
    assert asked == answered
    assert len(set(asked)) == 4
    record = json.loads((tmp_path / "run" / "trajectories.jsonl").read_text())
    assert {call["id"] for message in record["messages"] for call in message.get("tool_calls", ())} == {"call_1"}
    again = rescore(tmp_path / "run")
    assert (again.same, again.drifted) == (1, [])


def test_markup_of_calls_in_content_is_text_on_a_native_server():
    text = '<tool_call>{"name": "find_book", "arguments": {"title": "Dune"}}</tool_call>'
    with FaultyServer(says(text)) as server:
        made = live(server)
    assert (made.results, made.messages[1]["content"]) == ([], text)


@given(st.lists(st.tuples(st.sampled_from(["", "a", "a_1", "a_2", "b", "call"]), st.text(max_size=8)), max_size=12), st.integers(1, 4))
def test_wire_copies_pair_calls_and_results_whatever_their_ids(calls, group):
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
    for start in range(0, len(calls), group):
        part = calls[start : start + group]
        messages.append({"role": "assistant", "content": "", "tool_calls": calls_of(*[(n, "{}", i) for i, n in part])["tool_calls"]})
        messages += [{"role": "tool", "tool_call_id": identity, "name": "x", "content": "{}"} for identity, _ in part]
    before = json.dumps(messages)
    sent = wire_messages(messages)
    asked = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    assert asked == [message["tool_call_id"] for message in sent if message["role"] == "tool"]
    assert len(set(asked)) == len(asked) == len(calls)
    assert json.dumps(messages) == before


@given(st.recursive(st.text(st.characters(), max_size=6) | st.none() | st.integers(), st.lists, max_leaves=5), st.booleans())
def test_wire_text_is_unicode_and_reads_back(value, lone):
    text = wire_text([value, "\udc80\ud83d" if lone else ""])
    text.encode()
    assert json.loads(text)[1] == ("\\udc80\\ud83d" if lone else "")


# -- text calls -------------------------------------------------------------------------------------------


def block(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "content", "calls", "reasoning"),
    [
        ("Hello. ", "Hello. ", [], ""),
        ("", "", [], ""),
        ("<think>Why?</think>\n\nBecause.", "Because.", [], "Why?"),
        ("Why?\n</think>\nBecause.", "Because.", [], "Why?"),
        ("<think>never ends", "", [], "never ends"),
        (f"<think>{block('a', '{}')}</think>No.", "No.", [], block("a", "{}")),
        (block("a", '{"x":  1}'), "", [("a", '{"x":  1}')], ""),
        ("A " + block("a", "{}") + "\n" + block("b", "[1]") + " B", "A\nB", [("a", "{}"), ("b", "[1]")], ""),
        ('<tool_call>{"name": "a"}</tool_call>', "", [("a", "{}")], ""),
        ('<tool_call>{"name": "a", "arguments": "{\\"x\\": 1}"}</tool_call>', "", [("a", '{"x": 1}')], ""),
        ('<tool_call>{"arguments": {"x": 1}, "name": "a"}', "", [("a", '{"x": 1}')], ""),
        (block("a", '{"x": "</tool_call><tool_call>"}'), "", [("a", '{"x": "</tool_call><tool_call>"}')], ""),
        ('<tool_call>{"name": "a", "arguments": {"x": "cu', "", [("a", '{"name": "a", "arguments": {"x": "cu')], ""),
        ('<tool_call>{"name": "a", "arguments": {"x": 1}', "", [("a", '{"name": "a", "arguments": {"x": 1}')], ""),
        ('<tool_call>{"name": "a", "name": "b"}</tool_call>', "", [("a", '{"name": "a", "name": "b"}')], ""),
        ("<tool_call>a(x=1)</tool_call>", "", [("", "a(x=1)")], ""),
        ('<tool_call>[{"name": "a"}]</tool_call>', "", [("a", '[{"name": "a"}]')], ""),
        ('<tool_call>{"name": 7}</tool_call>', "", [("", '{"name": 7}')], ""),
        ("<tool_call></tool_call>", "", [("", "")], ""),
        ("<tool_call>" * 3, "", [("", "<tool_call><tool_call>")], ""),
    ],
)
def test_text_is_read_as_it_stands(text, content, calls, reasoning):
    read = read_text(text)
    assert (read.content, [(c.name, c.arguments) for c in read.tool_calls], read.reasoning) == (content, calls, reasoning)


PIECES = st.sampled_from(
    ["<tool_call>", "</tool_call>", "<think>", "</think>", '{"name": "a", "arguments": ', "{}", "}", '"', "[", " x ", "\\"]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=24).map("".join))
def test_reading_never_raises_and_a_call_never_comes_from_reasoning(text):
    read = read_text(text)
    assert all(isinstance(call.name, str) and isinstance(call.arguments, str) for call in read.tool_calls)
    if "<tool_call>" not in text:
        assert not read.tool_calls


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=6
)


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.dictionaries(st.text(max_size=5), JSON, max_size=3)), max_size=4)
)
def test_calls_written_as_text_are_read_back(calls):
    raw = [(name, json.dumps(arguments, ensure_ascii=False)) for name, arguments in calls]
    message = {"role": "assistant", "content": "So:", "tool_calls": calls_of(*[(n, a, "i") for n, a in raw])["tool_calls"]}
    (written,) = as_plain_chat([message], [])
    assert [(call.name, call.arguments) for call in read_text(written["content"]).tool_calls] == raw


def test_reading_takes_time_in_proportion():
    for text in (
        "<tool_call>" * 100_000,
        '<tool_call>{"name": "a"' * 50_000,
        '<tool_call>["' * 50_000,
        "<tool_call>[1,</tool_call>" * 50_000,
    ):
        begun = time.monotonic()
        read_text(text)
        assert time.monotonic() - begun < 2


def test_tools_are_shown_in_one_system_message():
    tools = [{"type": "function", "function": {"name": "find_book", "parameters": {}}}]
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    first, second = as_plain_chat(messages, tools)
    assert first["content"] == f"Be kind.\n\n{tool_instructions(tools)}"
    assert second == messages[1]
    assert as_plain_chat(messages[1:], []) == messages[1:]


# -- tokens -----------------------------------------------------------------------------------------------


def token_server(drift: bool) -> FaultyServer:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        assert request["logprobs"] is True
        assert request["return_token_ids"] is True
        step = sum(message["role"] == "assistant" for message in request["messages"])
        prompt = [1, 2] + [9, 8, 3] * step
        if drift and step == 2:
            prompt[3] = 77
        told = {"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]}
        message = calls_of(("find_book", FIND, "")) if step < 3 else {"content": "Done."}
        return completion(message, prompt_token_ids=prompt, choice={"token_ids": [9, 8], "logprobs": told})

    return FaultyServer(answer)


def test_tokens_of_an_episode_are_the_concatenation_of_what_the_server_saw_and_sampled():
    with token_server(False) as server:
        made = live(server, tokens=True)
    assert made.tokens() == ([1, 2, 9, 8] + [3, 9, 8] * 3, [0, 0, 1, 1] + [0, 1, 1] * 3)
    assert made.steps[0]["logprobs"] == [-0.5, -1.0]


def test_a_prompt_that_does_not_go_on_where_the_message_ended_is_marked_and_stays_so():
    with token_server(True) as server:
        made = live(server, tokens=True)
    assert [step.get("context_ids") is not None for step in made.steps] == [True, True, False, False]
    assert [step.get("extra") for step in made.steps] == [None, None, {"drift": True}, {"drift": True}]
    assert all(step["token_ids"] == [9, 8] for step in made.steps)


# -- bounds -----------------------------------------------------------------------------------------------


def test_an_episode_sends_no_more_requests_than_it_may():
    with FaultyServer(says("", ("find_book", FIND))) as server:
        made = live(server, requests=5)
    assert (made.status, made.reason, len(server.completions)) == ("truncated", "requests", 5)


def test_requests_used_up_by_faults_are_no_failure_of_the_policy():
    with FaultyServer(says("", ("find_book", FIND)), script=["ok", "500", "ok", "500", "ok", "ok", "ok"]) as server:
        made = live(server, requests=5)
    assert (made.status, made.reason, len(server.completions)) == ("error", "infrastructure", 5)


def test_a_cancelled_episode_lets_go_of_its_request():
    with FaultyServer(script=["ok", "hang"]) as server:
        begun = time.monotonic()
        made = live(server, timeout=60.0, limits=Limits(seconds=0.3))
    assert (made.status, made.reason) == ("truncated", "seconds")
    assert time.monotonic() - begun < 5


# -- keys -------------------------------------------------------------------------------------------------


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level("DEBUG")
    with FaultyServer(key=KEY, script=["ok", "echo", "echo-well", "401"]) as server:
        policy = chat(server, retries=0)
        report = run_all(policy, some_tasks(4), out=tmp_path / "run", concurrency=1)
    assert {seen.headers["authorization"] for seen in server.seen} == {f"Bearer {KEY}"}
    assert report.summary["excluded"] == 2
    texts = [path.read_text() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert any("I got Bearer ***" in text for text in texts)
    for text in (*texts, *capfd.readouterr(), caplog.text, repr(policy), json.dumps(policy.config)):
        assert KEY not in text
        assert KEY[8:24] not in text


@pytest.mark.parametrize("key", ["sk-ümlaut-000000", "sk-a\nX-Evil: 1"])
def test_a_key_that_no_header_can_carry_is_refused(key, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with FaultyServer() as server:
        said = first_look(chat(server))
    assert "OPENAI_API_KEY" in said
    assert key not in said
    assert not server.seen


def test_keys_have_no_place_among_the_options():
    with pytest.raises(ValueError, match="looks like a secret"):
        make_policy("chat", model="m", extra={"api_key": KEY})
    with pytest.raises(ValueError, match="looks like a secret"):
        make_policy("chat", model="m", extra={"user": KEY})
    with pytest.raises(RunError, match="holds a password") as caught:
        make_policy("chat", model="m", base_url="http://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": ""}, "model"),
        ({"tools": "both"}, "native or text"),
        ({"timeout": 0}, "timeout"),
        ({"retries": -1}, "retries"),
        ({"timeout": "soon"}, "timeout"),
        ({"extra": {"stream": True}}, "stream"),
        ({"extra": 7}, "object"),
        ({"extra": {"stop": {1}}}, "plain JSON"),
    ],
)
def test_a_wrong_option_is_told_at_once(options, said):
    with pytest.raises(ValueError, match=said):
        make_policy("chat", **{"model": "m", **options})


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "http://", "http://[::1", "http://x:99999/v1"])
def test_an_address_that_is_none_is_told_at_once(url):
    with pytest.raises(RunError, match="base_url"):
        make_policy("chat", model="m", base_url=url)


def test_a_run_goes_on_at_another_address_but_not_with_another_model(tmp_path):
    tasks = some_tasks(2)
    with FaultyServer() as first:
        run_all(chat(first), tasks[:1] * 1, out=tmp_path / "run", label={})
    with FaultyServer(models=("m", "other")) as second:
        report = run_all(chat(second, timeout=9.0, retries=1), tasks[:1], out=tmp_path / "run", label={})
        assert (report.made, report.resumed) == (0, 1)
        with pytest.raises(RunError, match="model"):
            run_all(chat(second, model="other"), tasks[:1], out=tmp_path / "run", label={})


# -- the first look ---------------------------------------------------------------------------------------


def first_look(policy: Any) -> str:
    begun = time.monotonic()
    with pytest.raises(RunError) as caught:
        run_all(policy, [borrow_task()])
    assert time.monotonic() - begun < 4
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_server_is_found_before_the_first_task():
    with FaultyServer() as server:
        port = server.port
    policy = make_policy("chat", model="m", base_url=f"http://127.0.0.1:{port}/v1")
    assert "no server answers" in first_look(policy)
    assert "start it" in first_look(make_policy("chat", model="m", base_url="http://no-such-host.invalid/v1"))


def test_a_wrong_key_is_found_before_the_first_task(monkeypatch):
    with FaultyServer(key=KEY) as server:
        assert "key" in (said := first_look(chat(server)))
        assert "is missing" in said
        monkeypatch.setenv("OTHER_KEY", "sk-wrong-00000000000000000000")
        said = first_look(chat(server, key_env="OTHER_KEY"))
    assert "is refused" in said
    assert "OTHER_KEY" in said
    assert "sk-wrong" not in said


def test_a_wrong_model_is_found_before_the_first_task():
    with FaultyServer(models=("Qwen/Qwen3-8B", "llama")) as server:
        assert "did you mean Qwen/Qwen3-8B" in first_look(chat(server, model="Qwen3-8B"))
        server.listing = "404"
        assert "does not serve Qwen3-8B" in first_look(chat(server, model="Qwen3-8B"))


def test_an_address_without_v1_is_found_before_the_first_task():
    with FaultyServer() as server:
        assert "/v1" in first_look(chat(server, base_url=server.url.removesuffix("/v1")))


@pytest.mark.parametrize(
    ("word", "said"), [("html", "no chat completions"), ("hang", "does not answer"), ("422", "refuses a plain request")]
)
def test_a_server_that_is_none_is_found_before_the_first_task(word, said, monkeypatch):
    monkeypatch.setattr(preflight, "SECONDS", 0.8)
    with FaultyServer(chances={word: 1.0}, listing=word) as server:
        assert said in first_look(chat(server))


def test_a_server_without_tool_parser_is_found_before_the_first_task():
    wants = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    with FaultyServer(refuses=lambda request: wants if "tools" in request else "") as server:
        assert "tools=text" in first_look(chat(server))


@pytest.mark.parametrize("listing", ["404", "html", "500", "hang"])
def test_a_server_without_a_list_of_models_is_fine_if_it_completes(listing, monkeypatch):
    monkeypatch.setattr(preflight, "SECONDS", 0.8)
    with FaultyServer(listing=listing) as server:
        assert live(server).status == "completed"


def test_a_slow_server_with_a_list_of_models_is_fine(monkeypatch):
    monkeypatch.setattr(preflight, "SECONDS", 0.5)
    with FaultyServer(script=["late", "late"], drip=1.0) as server:
        assert live(server).status == "completed"


def test_a_fault_that_passes_does_not_keep_a_run_from_starting():
    with FaultyServer(script=["503", "ok"], listing="503") as server:
        assert live(server).status == "completed"


def test_more_tokens_than_the_context_holds_are_refused_before_the_first_task():
    policy = make_policy("chat", model="m", max_tokens=512)
    assert "512" in preflight.problem_of(policy, preflight.Look({"m": 512}, None, None))
    assert not preflight.problem_of(policy, preflight.Look({"m": 1024}, None, None))


def test_the_command_exits_2_within_five_seconds():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    with FaultyServer(listing="hang", chances={"hang": 1.0}) as server:
        options = ["--option", f"base_url={server.url}", "--option", "model=m"]
        command = [sys.executable, "-m", "turngym", "rollout", "Banking", "-n", "2", "--policy", "chat", *options]
        made = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert made.returncode == 2
    assert "does not answer" in made.stderr
    assert made.stderr.count("\n") == 1
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert preflight.SECONDS <= 2  # the rest is starting Python, which takes a second on a good core and several on a poor one
    assert worked < 10
    assert time.monotonic() - begun < 25


def test_a_proxy_that_stands_in_the_way_is_named(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with FaultyServer() as server:
        with pytest.raises(RunError, match=r"through the proxy of http_proxy .*NO_PROXY"):
            asyncio.run(chat(server).prepare())
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert run_all(chat(server), [borrow_task()]).summary["completed"] == 1


def test_a_first_look_that_is_broken_off_leaves_no_connection_open():
    async def impatient(policy: Any) -> None:
        async with asyncio.timeout(0.2):
            await policy.prepare()

    with FaultyServer(listing="hang", chances={"hang": 1.0}) as server:
        policy = chat(server)
        with pytest.raises(TimeoutError):
            asyncio.run(impatient(policy))
    assert policy._connection is None


# -- the house --------------------------------------------------------------------------------------------


def test_the_client_is_imported_when_it_is_used():
    code = "import sys, turngym.agents.models.chat as c; c.ChatPolicy('m', 'http://x/v1'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"openai", "httpx2", "httpx", "aiohttp", "tenacity"} & set(run.stdout.split())


def test_a_policy_serves_one_event_loop_after_another():
    with FaultyServer() as server:
        policy = chat(server)
        for _ in range(2):
            assert run_all(policy, [borrow_task()]).summary["completed"] == 1
        asyncio.run(policy.close())


def test_what_is_no_completion_is_told_apart():
    for body in (b"", b"null", b"7", b"<html>", b"{}", b'{"choices": [{"message": null}]}'):
        with pytest.raises(NoCompletion):
            read_completion(body)
