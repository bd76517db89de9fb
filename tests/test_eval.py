"""Promises of `turngym eval`: one run over all tasks, figures with their denominators, nothing counted that should not be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import some_tasks

from turngym.cli import run

POLICIES = '''
"""Policies that fail in ways of their own."""
from turngym.agents import EndEpisode, InfrastructureError


class Frail:
    """Its server is down for the first task's second trial, and for all of another task."""

    name = "frail\\x1b[31m"

    def __init__(self, down=()):
        self.down = [tuple(part) for part in down]

    async def act(self, conversation):
        if (conversation.task, conversation.trial) in self.down:
            raise InfrastructureError("the server\\x07 is gone")
        return "no"


class Cut:
    """Its context is always full."""

    name = "cut"

    async def act(self, conversation):
        raise EndEpisode("context", "too long")


class Counting:
    """Reports its usage."""

    name = "counting"

    async def act(self, conversation):
        from turngym.agents import AssistantMessage
        return AssistantMessage("no", usage={"prompt_tokens": 40, "completion_tokens": 2})
'''


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "frail_policies", raising=False)
    (tmp_path / "frail_policies.py").write_text(POLICIES)
    (tmp_path / "tasks.jsonl").write_text("".join(f"{task.line()}\n" for task in some_tasks(6)))
    return tmp_path


def answered(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(["eval", *arguments, "--json"]) == code
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_the_default_is_every_shipped_pack(capsys: pytest.CaptureFixture[str]):
    found = answered(capsys, "--policy", "oracle", "-n", "2", "--split", "test")
    assert {name: (part["tasks"], part["success"]) for name, part in found["by_env"].items()} == {
        f"turngym/{name}-v0": (2, 1.0) for name in ("Assistant", "Banking", "FileSystem", "Travel")
    }
    assert (found["episodes"], found["success"], found["tasks_wanted"], found["missing"]) == (8, 1.0, 8, 0)
    assert set(found["by_world"]) == {"Banking", "FileSystem", "Travel"}


def test_one_directory_holds_it_all_and_the_same_command_goes_on(place: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ("tasks.jsonl", "Banking", "-n", "3", "--policy", "null", "-k", "2", "--out", "run")
    whole = answered(capsys, *arguments)
    assert (whole["made"], whole["resumed"], whole["recorded"]) == (12, 0, 12)
    records = place / "run" / "trajectories.jsonl"
    kept = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(kept[:5]))
    again = answered(capsys, *arguments)
    assert (again["made"], again["resumed"]) == (7, 5)
    stored = json.loads((place / "run" / "summary.json").read_text())
    assert {name: again[name] for name in stored} == stored
    assert stored["complete"] is True
    for name in ("by_env", "by_category", "by_world", "pass_at", "pass_hat", "trials", "usage", "timings", "denominators"):
        assert name in stored
    assert {name: value for name, value in stored.items() if name != "timings"}.items() <= whole.items()
    assert set(stored["pass_at"]) == set(stored["pass_hat"]) == {"1", "2"}
    assert stored["timings"]["episode"]["count"] == 12


def test_infrastructure_errors_are_counted_apart_and_told_with_their_cause(capsys: pytest.CaptureFixture[str]):
    first, second, *_ = some_tasks(6)
    down = json.dumps([[first.id, 1], [second.id, 0], [second.id, 1]])
    arguments = ("tasks.jsonl", "--policy", "frail_policies:Frail", "--option", f"down={down}", "-k", "2")
    found = answered(capsys, *arguments, code=1)
    assert (found["recorded"], found["episodes"], found["excluded"], found["tasks"]) == (12, 9, 3, 5)
    assert (found["trials"], found["missing"]) == ({"0": 1, "1": 1, "2": 4}, 0)
    assert found["excluded_reasons"] == {"infrastructure": 3}
    assert list(found["excluded_causes"].values()) == [3]
    assert run(["eval", *arguments]) == 1
    out = capsys.readouterr().out
    assert "trials that count, of 2: 0 for 1 tasks, 1 for 1 tasks, 2 for 4 tasks" in out
    assert "excluded, 3 times: infrastructure: InfrastructureError: the server\\x07 is gone" in out
    assert not {"\x1b", "\x07"} & set(out)


def test_an_outage_shows_what_is_missing(capsys: pytest.CaptureFixture[str]):
    down = json.dumps([[task.id, 0] for task in some_tasks(6)])
    arguments = ("--policy", "frail_policies:Frail", "--option", f"down={down}", "--outage", "2", "--concurrency", "1")
    found = answered(capsys, "tasks.jsonl", *arguments, code=1)
    assert (found["recorded"], found["episodes"], found["missing"], found["complete"]) == (2, 0, 4, False)
    assert run(["eval", "tasks.jsonl", *arguments]) == 1
    assert "missing: 4 of 6 episodes" in capsys.readouterr().out


def test_truncations_usage_and_times_are_told(capsys: pytest.CaptureFixture[str]):
    assert run(["eval", "tasks.jsonl", "--policy", "frail_policies:Cut"]) == 0
    assert "truncated by: context 6" in capsys.readouterr().out
    found = answered(capsys, "tasks.jsonl", "--policy", "frail_policies:Counting")
    turns = found["per_episode"]["steps"]
    assert found["usage"]["prompt_tokens"] == {"total": 40 * turns * 6, "episodes": 6}
    assert found["per_episode"]["completion_tokens"] == 2 * turns
    assert run(["eval", "tasks.jsonl", "--policy", "frail_policies:Counting"]) == 0
    out = capsys.readouterr().out
    assert "prompt tokens" in out
    assert "time an episode: mean" in out


def test_a_task_that_is_named_twice_is_taken_once(capsys: pytest.CaptureFixture[str]):
    assert run(["eval", "tasks.jsonl", "tasks.jsonl", "--policy", "null", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["recorded"] == 6
    assert "6 tasks of tasks.jsonl are there already" in told.err


@pytest.mark.parametrize(
    "arguments",
    [["tasks.jsonl"], ["nowhere.jsonl", "--policy", "null"], ["Bankink", "--policy", "null"], ["tasks.jsonl", "--policy", "nul"]],
)
def test_bad_input_is_refused_in_a_line(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(["eval", *arguments]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)


def test_another_policy_does_not_go_on_in_the_directory_of_one(capsys: pytest.CaptureFixture[str]):
    assert run(["eval", "tasks.jsonl", "--policy", "null", "--out", "run"]) == 0
    assert run(["eval", "tasks.jsonl", "--policy", "oracle", "--out", "run"]) == 2
    assert "policy.name" in capsys.readouterr().err


@pytest.mark.parametrize("wide", [80, pytest.param(100, marks=pytest.mark.slow), pytest.param(120, marks=pytest.mark.slow), 200])
def test_tables_fit_the_terminal_and_break_no_word(wide: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", str(wide))
    down = json.dumps([[some_tasks(1)[0].id, 0]])
    assert run(["eval", "FileSystem", "Assistant", "-n", "2", "-k", "2", "--policy", "null", "--out", "one"]) == 0
    assert run(["eval", "tasks.jsonl", "-k", "2", "--policy", "frail_policies:Frail", "--option", f"down={down}"]) == 1
    assert run(["eval", "FileSystem", "Assistant", "-n", "2", "-k", "2", "--policy", "oracle", "--out", "two"]) == 0
    assert run(["compare", "one", "two"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= wide
    assert out.count("turngym/FileSystem-v0  ") == 3


def test_a_share_of_no_episodes_is_no_figure(capsys: pytest.CaptureFixture[str]):
    down = json.dumps([[task.id, 0] for task in some_tasks(6)])
    arguments = ("tasks.jsonl", "--policy", "frail_policies:Frail", "--option", f"down={down}")
    for command in ("eval", "rollout"):
        assert run([command, *arguments]) == 1
        out = capsys.readouterr().out
        assert "0.0 %" not in out
        assert "excluded, 6 times: infrastructure: InfrastructureError: the server\\x07 is gone" in out


def test_a_policys_own_errors_are_told_with_their_cause(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "own.py").write_text("def fails(conversation):\n    raise KeyError('weights[/]')\n")
    for command in ("eval", "rollout"):
        assert run([command, "tasks.jsonl", "--policy", "own.py:fails", "--out", f"[{command}]"]) == 0
        out = capsys.readouterr().out
        assert "6 errors" in out
        assert "error, 6 times: policy_error: KeyError: 'weights[/]'" in out
        assert f"Trajectories and figures: [{command}]" in out
