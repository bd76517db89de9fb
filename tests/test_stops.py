"""Promises of ends: what a stopped, failing or refused command says is true, and its exit code is the documented one."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from turngym.cli import run
from turngym.envs.env import pack_of
from turngym.envs.errors import WriteError
from turngym.synthesis.export import ExportOptions, export_dataset

SLOW = """
import os, signal
from todo_world import Todo


class Slow(Todo):
    "A list whose worlds of middle size never come."

    def generate(self, rng, size):
        if size == "medium":
            os.kill(os.getpid(), signal.SIGTERM)
        super().generate(rng, size)
"""

READER = """
import os, signal
from turngym.envs.task import parse_task

seen = []


def case(line):
    seen.append(line)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGTERM)
    return parse_task(line)
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "turngym", *map(str, arguments)]


def stopped(arguments: list[str], ready: Path, lines: int, number: int) -> tuple[int, str, str]:
    """Run a command, send it a signal once a file has so many lines, and give its exit code, stdout and stderr."""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        end = time.monotonic() + 60
        while child.poll() is None and time.monotonic() < end and not (ready.exists() and ready.read_bytes().count(b"\n") >= lines):
            time.sleep(0.005)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    return child.returncode, out, err


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    (tmp_path / "tasks.jsonl").write_text("".join(task.line() + "\n" for task in pack_of("Travel")))
    return tmp_path / "tasks.jsonl"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_audit_that_was_stopped_keeps_what_it_finished_and_goes_on(tasks: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    code, said, told = stopped(command("audit", tasks, "--out", out, "--json"), out / "audited.jsonl", 3, number)
    kept = (out / "audited.jsonl").read_text().splitlines()
    answer = json.loads(said)
    assert code == 128 + number
    assert (answer["stopped"], answer["tasks"]) == (signal.Signals(number).name, len(kept))
    assert 3 <= len(kept) < len(pack_of("Travel"))
    assert f"{len(kept)} tasks were audited" in told
    assert "the same command goes on" in told
    assert not (out / "audit.jsonl").exists()
    tasks.write_text("".join(tasks.read_text().splitlines(keepends=True)[: len(kept) + 2]))
    assert run(["audit", str(tasks), "--out", str(out)]) == 2  # another set is another audit


def test_the_same_audit_goes_on_and_comes_to_the_same(tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks.write_text("".join(tasks.read_text().splitlines(keepends=True)[:6]) + "no task\n")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(["audit", str(tasks), "--out", str(whole), "--html", str(tmp_path / "whole.html"), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert run(["audit", str(tasks), "--out", str(out)]) == 1
    (out / "audit.jsonl").unlink()
    kept = (out / "audited.jsonl").read_bytes().splitlines(keepends=True)
    (out / "audited.jsonl").write_bytes(b"".join(kept[:3]) + kept[3][:20])
    capsys.readouterr()
    assert run(["audit", str(tasks), "--out", str(out), "--html", str(tmp_path / "out.html"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == answer
    assert (out / "audit.jsonl").read_bytes() == (whole / "audit.jsonl").read_bytes()
    assert (tmp_path / "out.html").read_bytes() == (tmp_path / "whole.html").read_bytes()


def test_an_audit_without_a_directory_says_that_nothing_is_kept(tasks: Path, tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER)  # the stop comes from within, at the third task
    found = subprocess.run(command("audit", tasks, "--json", "--adapter", f"{tmp_path / 'reader.py'}:case"), capture_output=True, text=True)
    assert found.returncode == 143, found.stderr
    assert json.loads(found.stdout)["stopped"] == "SIGTERM"
    assert "nothing of it is kept" in found.stderr


def test_a_check_that_was_stopped_tells_the_laws_it_looked_at(tmp_path: Path) -> None:
    """The world stops the check itself, midway through a law: one that takes for ever would look the same."""
    (tmp_path / "slow.py").write_text(SLOW)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    found = subprocess.run(command("check", f"{tmp_path / 'slow.py'}:Slow", "--json"), capture_output=True, text=True, env=environment)
    answer = json.loads(found.stdout)
    assert found.returncode == 143, found.stderr
    assert answer["stopped"] == "SIGTERM"
    names = [check["name"] for check in answer["checks"]]
    assert names[0] == "docs-complete"
    assert len(names) < 33
    assert f"stopped by SIGTERM; {len(names)} laws were looked at, and nothing of it is kept" in found.stderr
    assert "goes on" not in found.stderr


def test_only_what_keeps_says_that_it_keeps(tasks: Path, tmp_path: Path) -> None:
    found = stopped(command("verify", tasks), tasks, 1, signal.SIGTERM)
    assert found[0] in (143, -signal.SIGTERM)  # before its handlers stand, a signal ends any process
    assert "goes on" not in found[2]
    out = tmp_path / "data"
    code, _, told = stopped(command("synthesize", "FileSystem", "-n", 5000, "--out", out), out / "samples.jsonl", 2, signal.SIGTERM)
    assert (code, "what was finished is kept, and the same command goes on" in told) == (143, True)


# -- a full disk ------------------------------------------------------------------------------------------


LIMITED = """
import resource, sys
from turngym.cli import run
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(run(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "data"
    assert run(["synthesize", "FileSystem", "-n", "3", "--out", str(out)]) == 0
    return out


def test_a_full_disk_ends_every_command_that_writes_with_1(data: Path, tmp_path: Path) -> None:
    size = (data / "samples.jsonl").stat().st_size // 2
    for arguments in (
        ["export", data, "--format", "openai", "--files", "jsonl"],
        ["dedup", data],
        ["refine", data / "samples.jsonl"],
        ["synthesize", "FileSystem", "-n", "3"],
    ):
        out = tmp_path / arguments[0]
        found = subprocess.run(
            [sys.executable, "-c", LIMITED, str(size // 2), *map(str, arguments), "--out", str(out)], capture_output=True, text=True
        )
        assert (found.returncode, found.stderr.count("\n")) == (1, 1), (arguments, found.stderr)
        assert "cannot write" in found.stderr
        assert "make room" in found.stderr
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_leaves_the_former_export(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    out, options = tmp_path / "ds", ExportOptions("openai", files="jsonl")
    export_dataset(data, out, options)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="make room"):
        export_dataset(data, out, options)
    monkeypatch.undo()
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


# -- whose error it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "def thing():\n    raise ValueError('x' * 100_000)\n",
        "def thing():\n    raise KeyError('\\x1b[31m\\n' * 1000)\n",
        "class Sly(Exception):\n    def __str__(self):\n        raise RuntimeError\ndef thing():\n    raise Sly\n",
        "class thing:\n    'A thing.'\n    def __init__(self):\n        raise OSError('no ' * 50_000)\n    def go(self) -> int:\n"
        "        'Go.'\n        return 1\n",
        "from turngym.envs import World\nclass thing(World):\n    'A thing.'\n    def generate(self, rng, size):\n"
        "        raise ZeroDivisionError('y' * 100_000)\n",
    ],
    ids=["function", "escapes", "mute", "class", "world"],
)
def test_an_error_of_a_world_s_own_factory_is_told_as_its_own_in_a_line(
    body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "things.py").write_text(body)
    for arguments in (["graph"], ["synthesize", "-n", "1", "--out", str(tmp_path / "out")], ["pack", "--out", str(tmp_path / "p.jsonl")]):
        assert run([arguments[0], f"{tmp_path / 'things.py'}:thing", *arguments[1:]]) == 2
        said = capsys.readouterr().err
        assert "its own code raised" in said
        assert "bug of turngym" not in said
        assert "\x1b" not in said
        assert said.count("\n") == 1
        assert len(said) < 700


def test_a_bug_is_one_bounded_line_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("z" * 100_000)

    monkeypatch.setattr("turngym.commands.worlds.env_and_worlds", broken)
    assert run(["graph", "Banking"]) == 70
    said = capsys.readouterr().err
    assert "a bug of turngym: RuntimeError" in said
    assert len(said) < 700
