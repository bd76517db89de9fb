"""Promises of the policy `chat` on a real server of vLLM: a process of its own, real sockets, a tiny model made on the spot.

Run with `pytest -m vllm tests/test_vllm_server.py`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tiny_model import tiny_model

from turngym.agents import Limits, make_policy, run_all
from turngym.envs.env import pack_of
from turngym.envs.registry import world_class

_ABSENT = [name for name in ("vllm", "openai") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(bool(_ABSENT), reason=f"not installed: {', '.join(_ABSENT)}"),
]
LIGHT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TORCHDYNAMO_DISABLE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR",
}  # fmt: skip
FLAGS = (
    "--served-model-name", "tiny", "--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--dtype", "float32",
    "--max-model-len", "16384", "--enforce-eager", "--no-enable-chunked-prefill",
)  # fmt: skip
STARTS_WITHIN = 240.0


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", tiny_model(), "--host", "127.0.0.1"]
    with log.open("w") as said:
        server = subprocess.Popen(
            [*command, "--port", str(port), *FLAGS], env={**os.environ, **LIGHT}, stdout=said, stderr=said, start_new_session=True
        )
    try:
        ends = time.monotonic() + STARTS_WITHIN
        while not _healthy(port):
            assert server.poll() is None, f"the server ended: {log.read_text()[-3000:]}"
            assert time.monotonic() < ends, f"the server does not start: {log.read_text()[-3000:]}"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
        assert server.poll() is None, f"the server went down: {log.read_text()[-3000:]}"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def tasks():
    pack = pack_of("Banking")
    return [pack[index] for index in range(8)]


def _chat(url: str, **options: Any) -> Any:
    return make_policy("chat", **{"model": "tiny", "base_url": url, "temperature": 0.8, "max_tokens": 120, **options})


@pytest.fixture(scope="module")
def report(url, tasks):
    return run_all(_chat(url, strict=True, tokens=True), tasks, limits=Limits(steps=4), concurrency=8)


def test_every_task_reaches_an_end_that_is_no_error(report, tasks):
    assert report.exit_code == 0
    assert sorted(made.task_id for made in report.trajectories) == sorted(task.id for task in tasks)
    assert {made.status for made in report.trajectories} <= {"completed", "truncated"}
    assert all(step["usage"]["completion_tokens"] <= 120 for made in report.trajectories for step in made.steps)


def test_strict_calls_are_recorded_and_fit_their_schemas(report):
    from jsonschema import Draft202012Validator

    tools = world_class("Banking").tools
    checked = 0
    for made in report.trajectories:
        for step, message in zip(made.steps, made.assistant(), strict=True):
            for call in message.tool_calls[: None if step["finish_reason"] != "length" else -1]:
                wrong = Draft202012Validator(tools[call.name].schema["function"]["parameters"]).iter_errors(json.loads(call.arguments))
                assert [error.message for error in wrong if error.validator != "maxLength"] == []
                checked += 1
    assert checked > 0
    assert all(result["name"] in tools for made in report.trajectories for result in made.results)


def test_token_ids_and_logprobs_are_recorded_as_the_server_sampled_them(report):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model())
    for made in report.trajectories:
        known: list[int] = []
        for number, step in enumerate(made.steps):
            assert len(step["token_ids"]) == len(step["logprobs"]) == step["usage"]["completion_tokens"]
            if step.get("context_ids") is None:
                assert step["extra"] == {"drift": True}
                assert number > 0
                continue
            known += step["context_ids"]
            assert len(known) == step["usage"]["prompt_tokens"]
            known += step["token_ids"]
        assert tokenizer.decode(made.steps[0]["context_ids"]).endswith("<|im_start|>assistant\n")


def test_equal_seeds_give_equal_answers(url, tasks, report):
    again = run_all(_chat(url, strict=True, tokens=True), tasks[:3], limits=Limits(steps=1), concurrency=1)
    first = {made.task_id: made.steps[0]["token_ids"] for made in report.trajectories}
    assert {made.task_id: made.steps[0]["token_ids"] for made in again.trajectories} == {task.id: first[task.id] for task in tasks[:3]}


def test_tools_as_text_work_as_well(url, tasks):
    report = run_all(_chat(url, tools="text"), tasks[:4], limits=Limits(steps=3), concurrency=4)
    assert report.exit_code == 0
    assert all(made.steps for made in report.trajectories)


def test_a_conversation_that_outgrows_the_context_is_truncated(url, tasks):
    (turn, *_) = tasks[0].turns
    long = tasks[0].model_copy(update={"turns": (turn.model_copy(update={"user": "word " * 40_000}),)})
    (made,) = run_all(_chat(url), [long]).trajectories
    assert (made.status, made.reason, made.counts) == ("truncated", "context", True)


def _turngym(*words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    begun = time.perf_counter()
    made = subprocess.run([sys.executable, "-m", "turngym", *words], capture_output=True, text=True, timeout=120, check=False)
    return made, time.perf_counter() - begun


def test_a_wrong_model_name_exits_with_two_within_five_seconds(url):
    made, took = _turngym("rollout", "Banking", "-n", "1", "--policy", "chat", "--model", "tiniest", "--base-url", url)
    assert made.returncode == 2
    assert "tiny" in made.stderr
    assert took < 5


def test_the_doctor_finds_the_server_well(url):
    made, _ = _turngym("doctor", "--model", "tiny", "--base-url", url, "--json")
    told = json.loads(made.stdout)
    assert (made.returncode, told["ok"]) == (0, True)
    assert {found["name"]: found["ok"] for found in told["findings"] if found["essential"]}.keys() >= {"server", "model", "plain chat"}
    assert not [found for found in told["findings"] if found["ok"] is False and found["essential"]]


@pytest.mark.parametrize("role", ["all", "querying"])
def test_a_teacher_on_the_server_makes_what_is_proven_and_the_funnel_tells_the_rest(url, tmp_path, role):
    """A model of random weights can hardly teach: what it keeps is proven, what it does not keep is counted by reason."""
    out = tmp_path / "data"
    teacher = ["--teacher", "chat", "--model", "tiny"] if role == "all" else ["--role", "querying.model=tiny"]
    options = ["--tries", "2", "--candidates", "2", "--keep-exchanges", "--base-url", url, "--json"]
    limits = [
        f"--role={part}.max_tokens=80" for part in (("tooling", "querying", "reasoning", "critiquing") if role == "all" else ("querying",))
    ]
    made, _ = _turngym("synthesize", "Banking", "-n", "2", *teacher, *limits, *options, "--mix", "full", "--out", str(out))
    told = json.loads(made.stdout)
    funnel = told["funnel"]
    assert funnel["candidates"] == told["kept"] + sum(funnel["rejected"].values())
    assert funnel["candidates"] > 0
    assert made.returncode == (0 if told["kept"] else 1), made.stderr
    spoken = [json.loads(line) for line in (out / "exchanges" / "exchanges.jsonl").read_text().splitlines()]
    assert spoken
    asked = {name: used["requests"] for name, used in told["roles"].items() if used["requests"]}
    assert sum(asked.values()) == len(spoken)
    if told["kept"]:
        proof, _ = _turngym("verify", str(out), "--json")
        assert json.loads(proof.stdout)["failed"] == []
