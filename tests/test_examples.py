"""Promises of the examples: each runs as its first lines say, on what a user has at hand."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer, plays_gold

from turngym.envs.env import pack_of

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run_example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    environment = {**os.environ, "OPENAI_API_KEY": "sk-none"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_model_behind_a_server_is_rolled_out(tmp_path: Path) -> None:
    with FaultyServer(answer=plays_gold(list(pack_of("Banking")))) as server:
        done = run_example("server_rollout.py", server.url, "m", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "20 of 20 tasks solved" in done.stdout
    assert len((tmp_path / "run" / "trajectories.jsonl").read_bytes().splitlines()) == 20


def test_policies_of_ones_own_run_and_batches_gather_episodes() -> None:
    done = run_example("own_policy.py")
    assert done.returncode == 0, done.stderr
    assert "sizes of the batches: [10," in done.stdout


def test_a_torch_policy_learns_in_a_vector_env() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        history = load("torch_vector_env").main(updates=8)
    finally:
        torch.set_num_threads(before)
    assert len(history) == 8
    assert sum(history[-3:]) > sum(history[:3])


@pytest.mark.parametrize(("tasks", "episodes"), [(["16"], 64), pytest.param([], 768, marks=pytest.mark.slow)])
def test_a_run_on_worker_processes_goes_on_when_asked_again(tmp_path: Path, tasks: list[str], episodes: int) -> None:
    arguments = ("ray_rollout.py", str(tmp_path / "run"), "processes", *tasks)
    first, again = run_example(*arguments), run_example(*arguments)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert f"{episodes} episodes made, 0 found" in first.stdout
    assert f"0 episodes made, {episodes} found" in again.stdout


@pytest.mark.parametrize(
    "name", ["server_rollout.py", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ray_rollout.py", "vllm_rollout.py"))]
)
def test_an_example_without_its_arguments_says_how_it_is_called(name: str) -> None:
    done = run_example(name)
    assert done.returncode == 1
    assert f"python examples/{name}" in done.stderr
