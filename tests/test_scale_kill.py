"""The promise of the same bytes under kill -9 of the whole process group, workers and all, at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
pytestmark = pytest.mark.slow
KILLS = 40
COMMAND = [
    sys.executable,
    "-m",
    "turngym",
    "synthesize",
    "mini_world:Library",
    "planted_worlds:Market",
    "-n",
    "400",
    "--seed",
    "5",
    "--json",
]


def start(place: Path, *more: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [*COMMAND, "--out", str(place), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, start_new_session=True)


def killed(place: Path, rng: random.Random) -> bool:
    """Start a run and kill it and all its workers: from its start on, or shortly after it grew."""
    record = place / "samples.jsonl"
    with start(place, "--workers", "2") as child:
        if rng.random() < 0.3:
            time.sleep(rng.random() * 1.5)
        else:
            size, end = record.stat().st_size if record.exists() else 0, time.monotonic() + 60
            while child.poll() is None and time.monotonic() < end and not (record.exists() and record.stat().st_size > size):
                time.sleep(0.001)
            time.sleep(rng.random() * 0.15)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        said = child.communicate()[1]
    assert child.returncode in (-signal.SIGKILL, 0), said
    return child.returncode != 0


def test_kill_at_random_moments_changes_no_byte_of_the_final_data(tmp_path: Path) -> None:
    rng, whole, done, during, rounds = random.Random(11), tmp_path / "whole", 0, 0, 0
    with start(whole) as child:
        assert child.wait() == 0
    final = (whole / "samples.jsonl").read_bytes()
    while done < KILLS:
        place, before, rounds = tmp_path / str(rounds), b"", rounds + 1
        while done < KILLS:
            was_killed = killed(place, rng)
            record = place / "samples.jsonl"
            now = record.read_bytes() if record.exists() else b""
            assert final.startswith(now[: now.rfind(b"\n") + 1])  # in order, and never a wrong row
            assert now.startswith(before)
            during += was_killed and len(now) > len(before)
            done += was_killed
            before = now[: now.rfind(b"\n") + 1]
            if not was_killed:
                break
        with start(place, "--workers", str(rng.randrange(1, 4))) as child:
            said = child.communicate()[1]
            assert child.returncode == 0, said
        assert (place / "samples.jsonl").read_bytes() == final
        assert (place / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()
    assert during > KILLS / 5  # not all at the start
    assert json.loads((whole / "summary.json").read_text())["kept"] == final.count(b"\n")
