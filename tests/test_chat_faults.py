"""Promises of the policy `chat` on a server that fails: repeated where that may help, told apart where it cannot, bounded always."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FIXED, FaultyServer, _error, says
from mini_tasks import borrow_task, play

from turngym.agents import InfrastructureError, Trajectory, make_policy, run_all
from turngym.agents.models.retrying import MOST_SECONDS, Fault, persist, retry_after, status_fault

openai = pytest.importorskip("openai")
MEBI = 1 << 20
PASSING = (
    *("500", "502", "503", "429", "429-ms", "429-garbage", "429-absurd", "reset", "close", "hang", "slow", "short", "noise"),
    *("html", "empty", "null", "cut", "list", "no-choices", "text-choices", "null-choice", "no-message", "number-content"),
    *("object-calls", "deep", "ok-error", "aborted", "huge", "huge-error"),
)
LASTING = ("400", "401", "403", "404", "422")
OVERFLOWS = {
    "openai": (400, "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens."),
    "vllm-old": (400, "The decoder prompt (length 700) is longer than the maximum model length of 512."),
    "vllm": (400, "You passed 513 input tokens and requested 0 output tokens. However, the model's context length is only 512 tokens"),
    "llama.cpp": (400, "the request exceeds the available context size, try increasing it"),
    "tgi": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens"),
    "sglang": (400, "The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
    "sglang-2": (400, "Requested token count exceeds the model's maximum context length of 4096 tokens."),
    "anthropic": (400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "gemini": (400, "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
    "groq": (400, "Please reduce the length of the messages or completion."),
    "ollama": (400, "the input length exceeds the context window"),
    "engine": (500, "Prompt exceeds the maximum context length"),
    "proxy": (413, "Request Entity Too Large"),
    "vllm-full": (400, "max_tokens must be at least 1, got -188."),
    "sglang-3": (400, "Input length (5000 tokens) exceeds the maximum allowed length (4096 tokens). Use a shorter input."),
    "tgi-2": (422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500"),
    "lmstudio": (400, "The number of tokens to keep from the initial prompt is greater than the context length."),
    "dashscope": (400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]"),
    "anthropic-2": (400, "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000"),
    "bedrock": (400, "Input is too long for requested model."),
    "vertex": (400, "the input token count is 1100000 but the model only supports up to 1048576"),
    "mistral": (400, "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"),
    "xai": (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
    "moonshot": (400, "Invalid request: Your request exceeded model token limit: 8192"),
    "minimax": (400, "invalid params, context window exceeds limit"),
    "zhipu": (400, "Prompt exceeds max length"),
    "copilot": (400, "prompt token count of 140000 exceeds the limit of 128000"),
    "openrouter": (400, "This endpoint's maximum context length is 131072 tokens. However, you requested about 132463 tokens."),
    "litellm": (400, "litellm.ContextWindowExceededError: litellm.BadRequestError: no more"),
    "cohere": (400, "too many tokens: total number of tokens in the prompt cannot exceed 4081"),
    "volcengine": (400, "Total tokens of image and text exceed max message tokens."),
    "tensorrt": (400, "The prompt length 9000 exceeds max_input_len 8192"),
}
NO_OVERFLOWS = (
    "Range of max_tokens should be [1, 8192]",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
    "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64.",
    "Rate limit reached: too many tokens per min",
    "no such field: context",
    "temperature must be at most 2",
    "Unsupported parameter: 'max_tokens' is not supported with this model.",
    "You exceeded your current quota",
)


@pytest.fixture(autouse=True)
def _no_key_of_ours(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["aiohttp", "httpx"])
def transport(request, monkeypatch):
    """Both transports of the client: the fast one, and what it falls back to."""
    if request.param == "httpx":

        def absent(**settings: Any) -> Any:
            raise RuntimeError("not installed")

        monkeypatch.setattr(openai, "DefaultAioHttpClient", absent)
    else:
        pytest.importorskip("aiohttp")
    return request.param


def live(server: FaultyServer, **options: Any) -> Trajectory:
    settings = {"model": "m", "base_url": server.url, "timeout": 1.0, "backoff": 0.01, "retries": 1, **options}
    (made,) = run_all(make_policy("chat", **settings), [borrow_task()]).trajectories
    return made


@pytest.mark.parametrize("word", PASSING)
def test_a_fault_that_passes_is_repeated_and_leaves_no_trace(word):
    with FaultyServer(script=["ok", word, "ok"]) as server:
        made = live(server)
    assert (made.status, made.detail) == ("completed", "")
    assert server.struck[1:] == [word, "ok"]


@pytest.mark.parametrize("word", ["reset", "close", "hang", "slow", "short", "noise"])
def test_sockets_that_fail_are_survived_on_both_transports(word, transport):
    with FaultyServer(script=["ok", word, "ok"]) as server:
        made = live(server)
    assert (made.status, made.detail) == ("completed", "")


@pytest.mark.parametrize("word", ["503", "hang", "html", "reset", "huge", "429-garbage"])
def test_a_fault_that_stays_is_infrastructure_and_no_failure(word):
    with FaultyServer(script=["ok", *[word] * 9]) as server:
        begun = time.monotonic()
        report = run_all(
            make_policy("chat", model="m", base_url=server.url, timeout=0.2, backoff=0.01, retries=2), [borrow_task()], concurrency=1
        )
    (made,) = report.trajectories
    assert (made.status, made.reason, made.counts) == ("error", "infrastructure", False)
    assert "after 3 attempts" in made.detail
    assert server.struck[1:] == [word] * 3
    assert (report.summary["excluded"], report.summary["episodes"]) == (1, 0)
    assert report.exit_code == 1
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("word", LASTING)
def test_what_no_repetition_mends_is_not_repeated(word):
    with FaultyServer(script=["ok", word]) as server:
        made = live(server, retries=5)
    assert (made.status, made.reason) == ("error", "infrastructure")
    assert server.struck[1:] == [word]
    assert word in made.detail


@pytest.mark.parametrize("name", OVERFLOWS)
def test_a_prompt_that_outgrew_the_context_truncates(name):
    FIXED["overflow"] = _error(*OVERFLOWS[name])
    with FaultyServer(says("", ("find_book", '{"title": "Dune"}')), script=["ok", "ok", "overflow"]) as server:
        made = live(server, retries=5)
    assert (made.status, made.reason, len(made.steps)) == ("truncated", "context", 1)
    assert made.counts
    assert server.struck[1:] == ["ok", "overflow"]


@pytest.mark.parametrize("said", NO_OVERFLOWS)
def test_what_says_nothing_of_the_prompts_length_is_no_overflow(said):
    assert not status_fault(400, {}, json.dumps({"error": {"message": said, "type": "invalid_request_error"}}).encode()).outgrew


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'[{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}]', "No."),
        (b'{"detail": [{"loc": ["body", "tools", 0, "strict"], "msg": "Extra inputs are not permitted"}]}', "tools.0.strict: Extra inputs"),
        (b'{"object": "error", "message": "No.", "code": 400}', "No."),
        (b'{"detail": "No."}', "No."),
        (b'data: {"error": {"message": "No."}}\n\ndata: [DONE]\n\n', "No."),
        (b"[1]", "[1]"),
        (b'{"error": {"message": ["a"]}}', '["a"]'),
    ],
)
def test_a_refusal_is_told_in_the_servers_words_whatever_its_form(body, said):
    assert f"400: {said}" in status_fault(400, {}, body).said


def test_a_context_error_told_by_its_code_alone_truncates():
    for code in ("context_window_exceeded", "exceed_context_size_error", "model_max_prompt_tokens_exceeded", "1261"):
        assert status_fault(400, {}, json.dumps({"error": {"message": "no", "code": code}}).encode()).outgrew
    assert status_fault(400, {}, b'{"error": {"message": "no", "code": "context_length_exceeded"}}').outgrew
    assert not status_fault(400, {}, b'{"error": {"message": "no such field: context"}}').outgrew
    assert not status_fault(429, {}, b'{"error": {"message": "too many tokens per minute"}}').outgrew


# -- bounds -----------------------------------------------------------------------------------------------


def test_one_byte_a_second_does_not_evade_the_deadline(transport):
    with FaultyServer(script=["ok", "slow", "slow"], drip=0.05) as server:
        begun = time.monotonic()
        made = live(server, timeout=0.3)
    assert made.reason == "infrastructure"
    assert "no whole answer within 0.3 s" in made.detail
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("word", ["huge", "huge-error"])
def test_a_body_of_a_gigabyte_does_not_fill_the_memory(word, transport):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with FaultyServer(script=["ok", word]) as server:
        made = live(server, retries=0, timeout=10.0)
    assert "32 MiB" in made.detail
    assert server.sent < 64 * MEBI
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


# -- waiting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "least"), [("429-seconds", 1.0), ("429-ms", 0.3), ("429-date", 0.1)])
def test_a_server_is_left_alone_as_long_as_it_asks_for(word, least):
    with FaultyServer(script=["ok", word, "ok"]) as server:
        made = live(server)
    assert made.status == "completed"
    first, second = [seen.at for seen in server.completions]
    assert least <= second - first < least + 2.5


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": formatdate(NOW + 5, usegmt=True)}, 5.0),
        ({"retry-after": formatdate(NOW - 500, usegmt=True)}, 0.0),
        ({"retry-after": "600"}, MOST_SECONDS),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e30"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Wed, 99 Foo 2099 25:61:61 GMT"}, None),
        ({"retry-after": "9" * 5000}, None),
    ],
)
def test_retry_after_is_read_in_every_form_and_garbage_ignored(headers, seconds):
    assert retry_after(headers, NOW) == seconds


def test_waiting_grows_with_full_jitter(monkeypatch):
    import tenacity

    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(tenacity.asyncio, "_portable_async_sleep", sleep)

    async def fail() -> None:
        raise Fault("no", "connection")

    async def main() -> None:
        original = tenacity.AsyncRetrying

        def retrying(**options: Any) -> Any:
            return original(sleep=sleep, **options)

        monkeypatch.setattr(tenacity, "AsyncRetrying", retrying)
        for _ in range(200):
            with pytest.raises(InfrastructureError):
                await persist(fail, 4, 1.0)

    asyncio.run(main())
    rounds = [waits[start::4] for start in range(4)]
    for number, drawn in enumerate(rounds):
        assert min(drawn) >= 0
        assert max(drawn) <= 2**number
        assert max(drawn) - min(drawn) > 0.8 * 2**number


def test_attempts_are_counted_once():
    made = 0

    async def fail() -> None:
        nonlocal made
        made += 1
        raise Fault("no", "connection")

    for retries in (0, 1, 3):
        made = 0
        with pytest.raises(InfrastructureError, match=f"after {retries + 1} attempt"):
            asyncio.run(persist(fail, retries, 0.0))
        assert made == retries + 1


def test_faults_of_one_episode_do_not_touch_another():
    with FaultyServer(script=["ok", "hang"]) as server:
        policy = make_policy("chat", model="m", base_url=server.url, timeout=1.5, backoff=0.01, retries=0)
        report = run_all(policy, [borrow_task(seed) for seed in range(4)])
    assert sorted(made.status for made in report.trajectories) == ["completed"] * 3 + ["error"]


def test_no_episode_waits_for_the_socket_of_another(transport):
    tasks = [borrow_task()]
    with FaultyServer(chances={"late": 1.0}, drip=0.8) as server:
        run_all(make_policy("chat", model="m", base_url=server.url), tasks, trials=130, concurrency=130)
    assert server.most_waiting > 115


def test_a_policy_without_a_first_look_works_too():
    with FaultyServer() as server:
        policy = make_policy("chat", model="m", base_url=server.url)

        async def one() -> Trajectory:
            from turngym.agents import rollout

            try:
                return await rollout(policy, borrow_task())
            finally:
                await policy.close()

        assert asyncio.run(one()).status == "completed"
        assert play(make_policy("null"), borrow_task()).status == "completed"
