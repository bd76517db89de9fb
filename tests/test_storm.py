"""Promises of a run in a storm: every task reaches a recorded end, and no fault of the server counts as a failure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer, plays_gold
from mini_tasks import ENV, borrow_gold, free_books

from turngym.agents import make_policy, read_records, run_all
from turngym.envs.task import Task, TaskWorld, Turn

pytest.importorskip("openai")
KEY = "sk-storm-0123456789abcdefXYZ"
STORM = {
    "500": 0.04,
    "502": 0.03,
    "503": 0.03,
    "429": 0.02,
    "429-ms": 0.01,
    "429-garbage": 0.02,
    "hang": 0.05,
    "html": 0.01,
    "null": 0.01,
    "empty": 0.01,
    "number-content": 0.01,
    "echo": 0.01,
    "cut": 0.02,
    "short": 0.02,
    "reset": 0.01,
}


def ticket(seed: int) -> Task:
    """A task whose user's words are like no other's, so that the server knows whose gold to play."""
    turn = Turn(user=f"Ticket {seed}: lend me {free_books(seed)[0].title}.", gold=borrow_gold(seed), reply="It is yours.")
    return Task(env=ENV, worlds=(TaskWorld(world=ENV, seed=seed),), family="ticket", turns=(turn,))


TASKS = [ticket(seed) for seed in range(100)]


def weather(out: Path, chances: dict[str, float], **options: Any) -> tuple[Any, FaultyServer]:
    settings = {"timeout": 2.0, "backoff": 0.02, "retries": 12, **options}
    with FaultyServer(plays_gold(TASKS), chances=chances, key=KEY) as server:
        report = run_all(make_policy("chat", model="m", base_url=server.url, **settings), TASKS, out=out, concurrency=64)
    return report, server


def test_a_storm_is_survived_whole(tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level("INFO")
    calm, still = weather(tmp_path / "calm", {}, timeout=60.0)  # a busy machine is no storm
    storm, wild = weather(tmp_path / "storm", STORM)
    assert sum(STORM.values()) == pytest.approx(0.30)
    assert len(still.completions) == 4 * len(TASKS)
    assert len(wild.completions) > 1.3 * len(still.completions)  # it did blow
    assert len(wild.completions) <= 1.6 * len(still.completions)
    for report in (calm, storm):
        assert (report.summary["episodes"], report.summary["excluded"], report.summary["success"]) == (len(TASKS), 0, 1.0)
        assert report.exit_code == 0
    quiet, loud = [{r["id"]: r["messages"] for r in read_records(tmp_path / name)} for name in ("calm", "storm")]
    assert quiet == loud
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in (*texts, *capfd.readouterr(), caplog.text) if KEY in text]


def test_what_a_storm_breaks_is_told_apart_from_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    report, _ = weather(tmp_path / "run", STORM, retries=0)
    records = list(read_records(tmp_path / "run"))
    assert len({record["id"] for record in records}) == len(TASKS)
    broken = [record for record in records if record["status"] == "error"]
    assert len(broken) > 20
    assert {record["reason"] for record in broken} == {"infrastructure"}
    assert all(record["detail"] for record in broken)
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (figures["excluded"], figures["episodes"], figures["success"]) == (len(broken), len(TASKS) - len(broken), 1.0)
    assert report.exit_code == 1
    assert KEY not in (tmp_path / "run" / "trajectories.jsonl").read_text()
