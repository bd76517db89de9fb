"""The promise of the record under kill -9, at 200 random moments, start included: none lost, none doubled, none changed."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
pytestmark = pytest.mark.slow


def lean(place: Path, workers: int) -> list[str]:
    return [sys.executable, str(TESTS / "killed_run.py"), str(place), str(workers)]


def command_line(place: Path, workers: int) -> list[str]:
    command = [sys.executable, "-m", "turngym", "rollout", "turngym/Banking-v0", "--policy", "random", "-n", "20", "-k", "40", "--json"]
    return [*command, "--out", str(place), *(["--workers", str(workers)] if workers else [])]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=TESTS.parent)


class Record:
    """What stands in a run's file, and what stood there at any time before."""

    def __init__(self, place: Path) -> None:
        self.path = place / "trajectories.jsonl"
        self.kept = b""

    def look(self) -> None:
        """Every record that was there is there still, in its place, byte by byte. A torn last line is none yet."""
        data = self.path.read_bytes() if self.path.exists() else b""
        assert data.startswith(self.kept)
        self.kept = data[: data.rfind(b"\n") + 1]

    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.kept.splitlines()]

    def timeless(self) -> dict[str, Any]:
        return {record["id"]: {**record, "timings": 0} for record in map(json.loads, self.kept.splitlines())}


def killed(command: list[str], record: Record, rng: random.Random) -> tuple[bool, bytes]:
    """Start a run and kill it: somewhere from its start on, or shortly after it grew; (whether it was, what it said)."""
    with start(command) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        if rng.random() < 0.5:
            select.select([child.stdout], [], [], rng.random() * 1.2)
        else:
            size, end = len(record.kept), time.monotonic() + 20
            while child.poll() is None and time.monotonic() < end and not (record.path.exists() and record.path.stat().st_size > size):
                time.sleep(0.001)
            time.sleep(rng.random() * 0.1)
        child.send_signal(signal.SIGKILL)
        said, wrong = child.communicate()
    assert child.returncode in (-signal.SIGKILL, 0), wrong
    return child.returncode != 0, said


@pytest.mark.parametrize(
    ("command", "workers", "kills", "episodes"),
    [(lean, 0, 120, 3000), (lean, 2, 30, 3000), (command_line, 0, 40, 800), (command_line, 2, 10, 800)],
    ids=["lean", "lean-workers", "command", "command-workers"],
)
def test_kill_at_random_moments_loses_doubles_and_changes_nothing(
    tmp_path: Path, command: Callable[[Path, int], list[str]], workers: int, kills: int, episodes: int
) -> None:
    rng = random.Random(f"{command.__name__} {workers}")
    done = rounds = 0
    during = 0
    while done < kills:
        place = tmp_path / str(rounds)
        record, acknowledged = Record(place), set()
        rounds += 1
        while done < kills:
            before = len(record.kept)
            was_killed, said = killed(command(place, workers), record, rng)
            record.look()
            done += was_killed
            during += was_killed and len(record.kept) > before
            if command is lean:
                acknowledged |= {line.decode() for line in said.split(b"\n")[:-1] if b".t" in line}
                assert acknowledged <= set(record.ids())
            if not was_killed:
                break
        finished = subprocess.run(command(place, workers), capture_output=True, cwd=TESTS.parent)
        assert finished.returncode == 0, finished.stderr
        record.look()
        identities = record.ids()
        assert len(identities) == len(set(identities)) == episodes
        assert acknowledged <= set(identities)
        summary = json.loads((place / "summary.json").read_text())
        assert (summary["complete"], summary["episodes"]) == (True, episodes)
    assert during > kills / 8  # not all at the start
    whole = Record(tmp_path / "whole")
    assert subprocess.run(command(tmp_path / "whole", 0), capture_output=True, cwd=TESTS.parent).returncode == 0
    whole.look()
    assert record.timeless() == whole.timeless()
