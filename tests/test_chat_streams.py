"""Promises of the policy `chat` on event streams and packed answers: read as whole ones are, and bounded as they are."""

from __future__ import annotations

import contextlib
import gzip
import json
import resource
import sys
import time
import tracemalloc
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FIXED, FaultyServer, completion, plays_gold, says
from mini_tasks import borrow_task, some_tasks, two_turn_task
from tempers import at_once, events, in_pieces, only_streams

from turngym.agents import Trajectory, make_policy, run_all
from turngym.agents.models.manner import Manner
from turngym.agents.models.retrying import status_fault
from turngym.agents.models.streaming import BrokenStreamError, assemble, is_stream
from turngym.agents.models.wire import NoCompletion, read_completion

openai = pytest.importorskip("openai")
MEBI = 1 << 20


@pytest.fixture(autouse=True)
def _no_key_of_ours(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["aiohttp", "httpx"])
def transport(request, monkeypatch):
    if request.param == "httpx":
        monkeypatch.delattr(openai, "DefaultAioHttpClient")
        monkeypatch.setattr(openai, "DefaultAioHttpClient", _absent, raising=False)
    else:
        pytest.importorskip("aiohttp")


def _absent(**settings: Any) -> Any:
    raise RuntimeError("not installed")


def live(server: FaultyServer, task: Any = None, **options: Any) -> Trajectory:
    settings = {"model": "m", "base_url": server.url, "timeout": 5.0, "backoff": 0.01, "retries": 1, **options}
    (made,) = run_all(make_policy("chat", **settings), [task or borrow_task()]).trajectories
    return made


# -- streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [in_pieces, at_once])
@pytest.mark.parametrize("asked", [False, True])
def test_a_server_that_always_streams_is_read_as_any_other(streams, asked):
    tasks = some_tasks(4)
    with FaultyServer(plays_gold(tasks)) as whole, FaultyServer(plays_gold(tasks), streams=streams) as streaming:
        plain, streamed = [
            run_all(make_policy("chat", model="m", base_url=server.url, stream=asked and server is streaming), tasks)
            for server in (whole, streaming)
        ]
    assert streamed.summary["success"] == 1.0
    for one, other in zip(sorted(plain.trajectories, key=lambda t: t.id), sorted(streamed.trajectories, key=lambda t: t.id), strict=True):
        assert (one.messages, one.steps, one.results) == (other.messages, other.steps, other.results)
    assert all(seen.json.get("stream", False) is asked for seen in streaming.completions)


def test_a_server_that_only_streams_is_found_out_before_the_first_task_and_said_once():
    with FaultyServer(refuses=only_streams, streams=in_pieces) as server:
        report = run_all(make_policy("chat", model="m", base_url=server.url, backoff=0.01), some_tasks(3))
    assert report.summary["completed"] == 3
    assert all(seen.json["stream"] and seen.json["stream_options"] == {"include_usage": True} for seen in server.completions)
    (note,) = report.notes
    assert "stream" in note


def test_a_server_that_knows_no_stream_options_gets_none():
    refuses = lambda request: "Unrecognized request argument supplied: stream_options" if "stream_options" in request else ""  # noqa: E731
    with FaultyServer(refuses=refuses, streams=in_pieces) as server:
        assert live(server, stream=True).status == "completed"


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("This model only support stream mode, please enable the stream parameter to access the model.", True),
        ("Stream must be set to true", True),
        ("parameter.enable_thinking must be set to false for non-streaming calls", True),
        ("Non-streaming requests are not supported for this model", True),
        ("streaming is required for this model", True),
        ("stream is not supported with tools", False),
        ("the upstream server must be enabled", False),
        ("temperature must be at most 2", False),
    ],
)
def test_a_refusal_that_asks_for_streams_is_known_by_its_words(said, learned):
    fault = status_fault(400, {}, json.dumps({"error": {"message": said}}).encode())
    assert Manner().adapt(fault, "here") is learned


MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | st.text(max_size=20)},
    optional={
        "reasoning_content": st.text(min_size=1, max_size=20),
        "tool_calls": st.lists(
            st.builds(
                lambda n, a, i: {"id": f"call_{i}", "type": "function", "function": {"name": n, "arguments": a}, "extra": {"k": [1]}},
                st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=12), st.integers(0, 999),
            ),
            min_size=1, max_size=4, unique_by=lambda call: call["id"],
        ),
    },
)  # fmt: skip


@given(MESSAGES, st.integers(1, 5), st.booleans())
def test_pieces_come_to_the_message_that_was_cut(message, size, whole):
    made = completion(message)
    body = at_once(made) if whole else in_pieces(made, size)
    streamed, plain = read_completion(body).message, read_completion(json.dumps(made).encode()).message
    assert streamed == plain


def test_details_of_reasoning_are_put_together_by_index():
    def chunk(**part: Any) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": {"reasoning_details": [{"type": "reasoning.text", "index": 0, **part}]}}]}

    found = assemble(events(chunk(text="I "), chunk(text="look."), chunk(signature="Er4B"), {"choices": [{"delta": {"content": "So."}}]}))
    message = found["choices"][0]["message"]
    assert message["reasoning_details"] == [{"type": "reasoning.text", "index": 0, "text": "I look.", "signature": "Er4B"}]


def test_calls_that_share_an_index_are_told_apart_by_id():
    calls = [{"index": 0, "id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    found = read_completion(events(*[{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]))
    assert [(call.name, call.id, call.arguments) for call in found.message.tool_calls] == [("a", "a", "{}"), ("b", "b", "{}")]


def test_tokens_and_logprobs_of_a_stream_are_those_of_the_whole():
    def chunk(token: int, **more: Any) -> dict[str, Any]:
        told = {"content": [{"token": "x", "logprob": -0.5 * token}]}
        return {"choices": [{"index": 0, "delta": {"content": "x"}, "token_ids": [token], "logprobs": told}], **more}

    found = read_completion(events(chunk(1, prompt_token_ids=[7, 8]), chunk(2)))
    assert (found.prompt_ids, found.message.token_ids, found.message.logprobs) == ((7, 8), (1, 2), (-0.5, -1.0))


@pytest.mark.parametrize(
    "body",
    [
        events({"choices": [{"index": 0, "delta": {"content": "Half"}}]}, done=False),
        b"data: {]\n\n",
        b"data: [1]\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: [DONE]\n\n",
        b": nothing\n\n",
        events({"error": {"message": "upstream failed"}}),
        events({"choices": [{"index": 0, "delta": {"tool_calls": {"a": 1}}}]}),
        events({"choices": [{"index": 0, "delta": {"tool_calls": [7]}}]}),
        events({"choices": [{"index": 0, "delta": {"content": 7}}]}),
    ],
)
def test_a_stream_that_is_no_answer_is_told_apart(body):
    assert is_stream(body)
    with pytest.raises(NoCompletion):
        read_completion(body)


def test_an_error_within_a_stream_has_the_status_that_it_tells():
    FIXED["streamed-overflow"] = lambda server, seen: (
        200, events({"error": {"message": "This model's maximum context length is 512 tokens.", "code": 400}}), "", "text/event-stream",
    )  # fmt: skip
    with FaultyServer(says("", ("find_book", '{"title": "Dune"}')), script=["ok", "ok", "streamed-overflow"], streams=in_pieces) as server:
        made = live(server)
    assert (made.status, made.reason, len(made.steps)) == ("truncated", "context", 1)
    assert server.struck[1:] == ["ok", "streamed-overflow"]


@given(
    st.lists(
        st.sampled_from([b"data:", b" ", b"\n", b"\n\n", b"\r\n", b"[DONE]", b'{"choices":[{"delta":', b'{"content":"a"}', b"}]}", b":"])
    )
)
def test_reading_a_stream_never_raises_anything_else(parts):
    with contextlib.suppress(BrokenStreamError):
        assemble(b"".join(parts))


def test_putting_together_takes_time_in_proportion():
    piece = {"choices": [{"index": 0, "delta": {"content": "x" * 40, "tool_calls": [{"index": 0, "function": {"arguments": "y" * 40}}]}}]}
    body = events(*[piece] * 60_000)
    begun = time.monotonic()
    found = assemble(body)
    assert time.monotonic() - begun < 6
    assert len(found["choices"][0]["message"]["content"]) == 40 * 60_000


def test_a_stream_without_end_is_bounded():
    endless = b'data: {"choices": [{"index": 0, "delta": {"content": "' + b"x" * MEBI + b'"}}]}\n\n'
    FIXED["flood"] = lambda server, seen: (200, endless * 34, "", "text/event-stream")
    with FaultyServer(script=["ok", "flood"]) as server:
        made = live(server, retries=0)
    assert (made.reason, "32 MiB" in made.detail) == ("infrastructure", True)


def test_a_key_that_a_stream_echoes_in_pieces_stands_nowhere(monkeypatch):
    key = "sk-proj-0123456789abcdefXYZ"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with FaultyServer(says(f"I got {key}."), streams=in_pieces, key=key) as server:
        made = live(server)
    assert made.messages[-1]["content"] == "I got ***."


# -- packed answers ---------------------------------------------------------------------------------------


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": deflated,
    "gzip, gzip": lambda body: gzip.compress(gzip.compress(body)),
}


@pytest.mark.parametrize("name", PACKERS)
def test_packed_answers_are_read(name, transport):
    with FaultyServer(plays_gold([two_turn_task(1)]), packs=(name.removeprefix("raw "), PACKERS[name])) as server:
        assert live(server, two_turn_task(1)).success


@lru_cache(maxsize=1)
def gzip_bomb() -> bytes:
    """1 MB that is 1 GB: a block of 4 MiB that stands 256 times, the end never comes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    head = packer.compress(b'{"choices": "') + packer.flush(zlib.Z_FULL_FLUSH)
    return head + (packer.compress(b"0" * (4 * MEBI)) + packer.flush(zlib.Z_FULL_FLUSH)) * 256


BOMBS = {"gzip": gzip_bomb, "gzip, gzip": lambda: gzip.compress(gzip_bomb())}


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("name", BOMBS)
def test_what_a_packed_answer_unpacks_to_is_bounded_while_it_is_unpacked(name, status, transport):
    bomb = BOMBS[name]()
    FIXED["bomb"] = lambda server, seen: (status, bomb, f"Content-Encoding: {name}\r\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    begun = time.monotonic()
    try:
        with FaultyServer(script=["ok", "bomb"]) as server:
            made = live(server, retries=0, timeout=20.0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "32 MiB" in made.detail
    assert made.reason == "infrastructure"
    assert most < 128 * MEBI
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, br", ", ".join(["gzip"] * 9)])
def test_an_answer_packed_as_nobody_asked_is_refused_unread(name, transport):
    FIXED["packed"] = lambda server, seen: (200, b"0" * 64, f"Content-Encoding: {name}\r\n")
    with FaultyServer(script=["ok", "packed"]) as server:
        made = live(server, retries=0)
        assert {seen.headers["accept-encoding"] for seen in server.seen} == {"gzip, deflate"}
    assert (made.reason, "nobody asked for" in made.detail) == ("infrastructure", True)


def test_an_answer_that_packs_well_is_not_taken_for_a_bomb():
    text = "a" * (8 * MEBI)
    with FaultyServer(lambda request: {"role": "assistant", "content": text}, packs=("gzip", gzip.compress)) as server:
        assert len(live(server).messages[-1]["content"]) > MEBI
