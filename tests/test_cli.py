"""The command line: what it prints where, how it refuses, how it stops and goes on."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from turngym.cli import run
from turngym.console import plain

HERE = Path(__file__).parent
LIBRARY = f"{HERE / 'mini_world.py'}:Library"

NOISY = '''
"""A world that talks to the terminal, where it should not."""
from random import Random
from typing import Annotated
from turngym.envs import Cell, Key, Known, Table, ToolError, World, record, tool

print("imported: noise on stdout")
LampId = Annotated[str, Key("noisy_lamp", "LP-####")]
Room = Annotated[str, Known("noisy_room")]

@record
class Lamp:
    id: LampId
    room: Room
    note: str
    lit: bool

class House(World):
    """Lamps in rooms; their notes hold what a terminal would obey."""

    lamps: Table[LampId, Lamp]

    def generate(self, rng, size):
        for room in ("kitchen", "cellar", "attic"):
            self.lamps.put(Lamp(self.mint(self.lamps), room, "\\x1b[31mred\\x07\\u202e[bold]", False))

    @tool
    def find_lamps(self, room: Room) -> list[Lamp]:
        """Find the lamps of a room.

        Args:
            room: which room.
        """
        print("called: noise on stdout")
        return [lamp for lamp in self.lamps if lamp.room == room]

    @tool(writes="lamps")
    def light(self, lamp: LampId) -> Lamp:
        """Light a lamp.

        Args:
            lamp: which lamp.
        """
        found = self.lamps[lamp]
        if found.lit:
            raise ToolError("conflict", "it is lit already")
        return self.lamps.put(Lamp(found.id, found.room, found.note, True))
'''
BROKEN = NOISY.replace("return self.lamps.put(Lamp(found.id, found.room, found.note, True))", 'raise KeyError("oops")')


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def one_object(capsys: pytest.CaptureFixture[str]) -> Any:
    out = capsys.readouterr().out
    assert out.count("\n") == 1, out
    return json.loads(out)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "100", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "turngym", *arguments]


# -- what it prints ---------------------------------------------------------------------------------------


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from turngym.cli import run; codes = [run(['--version']), run(['--help']), run(['rollout', '--help'])];"
        "heavy = ('networkx', 'pyarrow', 'turngym.synthesis', 'turngym.agents', 'turngym.envs.worlds');"
        "print(codes, [m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines()[-1] == "[0, 0, 0] []"
    assert done.stdout.startswith("turngym 0.")


def test_envs_lists_every_env(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["envs", "--json"]) == 0
    rows = one_object(capsys)
    assert [set(row) - {"needs"} for row in rows] == [{"id", "worlds", "tools", "tasks", "available"}] * len(rows)
    assert all(row["available"] is ("needs" not in row) for row in rows)
    assert {"turngym/Banking-v0", "turngym/Assistant-v0"} <= {row["id"] for row in rows}
    assert all(row["tools"] >= 20 for row in rows if "BFCL" not in row["id"])
    assert {row["tools"] for row in rows if "BFCL" in row["id"]} <= {None, 128}  # None without the extra
    assert run(["envs"]) == 0
    assert "turngym/Travel-v0" in capsys.readouterr().out


def test_envs_show_tells_tools_state_and_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["envs", "show", LIBRARY, "--json"]) == 0
    about = one_object(capsys)
    assert {tool["name"] for tool in about["tools"]} >= {"find_book", "borrow"}
    assert about["state"]["Library.books"]["small"] == 5
    assert about["state"]["Library.books"]["large"] == 10
    assert run(["envs", "show", LIBRARY]) == 0
    assert "lending library" in capsys.readouterr().out


def test_graph_writes_what_the_ending_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("g.svg", "g.json", "g.graphml"):
        assert run(["graph", LIBRARY, "--out", name, "--json"]) == 0
        assert one_object(capsys)["tools"] == 3
    assert (tmp_path / "g.svg").read_text().startswith("<svg")
    assert json.loads((tmp_path / "g.json").read_text())["nodes"]
    assert "graphml" in (tmp_path / "g.graphml").read_text()[:200]


def test_json_stays_alone_on_stdout_whatever_a_world_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    assert run(["rollout", "noisy.py:House", "--policy", "oracle", "-n", "3", "--json"]) == 0
    figures = one_object(capsys)
    assert {"episodes", "success", "progress", "truncated", "errors"} <= set(figures)
    assert figures["success"] == 1.0
    assert run(["synthesize", "noisy.py:House", "-n", "2", "--out", "made", "--json"]) == 0
    assert {"kept", "funnel", "seconds"} <= set(one_object(capsys))
    assert run(["verify", "made", "--json"]) == 0
    assert one_object(capsys) == {"rows": 2, "passed": 2, "failed": [], "torn": 0}


def test_text_of_worlds_reaches_the_terminal_escaped(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    typed = 'find_lamps {"room": "attic"}\ntools\nhelp light\ngold\n\x1b[2Jhello\nquit\n'
    done = subprocess.run(command("play", "noisy.py:House"), input=typed, capture_output=True, text=True, env=environment(), check=True)
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "\\x1b[31mred\\x07\\u202e[bold]" in done.stdout
    assert "turn" in done.stdout
    assert plain("a\x9b\u200b\ud800\u2028b\n\tc") == "a\\x9b\\u200b\\ud800\\u2028b\n\tc"


def test_play_leads_through_a_task(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("tools\nhelp borrow\nborrow\nhelp\n\nThat is all.\n"))
    assert run(["play", LIBRARY]) == 0
    out = capsys.readouterr().out
    assert "Find the books with a title" in out
    assert "invalid_arguments" in out
    assert "did not pass" in out


# -- how it refuses ---------------------------------------------------------------------------------------


REFUSED = [
    (["rollout", "Bankin", "--policy", "null"], "Banking"),
    (["rollout", LIBRARY, "--policy", "nul"], "null"),
    (["rollout", LIBRARY, "--policy", "random", "--option", "stop=7"], "stop"),
    (["rollout", LIBRARY, "--policy", "random", "--option", "stop"], "NAME=VALUE"),
    (["rollout", "none.jsonl", "--policy", "null", "--out", "r"], "none.jsonl"),
    (["rollout", "bad.jsonl", "--policy", "null", "--out", "r"], "line 2"),
    (["synthesize", "no_such_module:World", "--out", "r"], "no_such_module"),
    (["synthesize", "leaves.py:World", "--out", "r"], "leaves Python"),
    (["synthesize", "--out", "r"], "--from"),
    (["synthesize", LIBRARY, "--turns", "0", "--out", "r"], "--turns"),
    (["synthesize", LIBRARY, "--out", "full"], "full"),
    (["synthesize", LIBRARY, "--out", "a_file"], "a_file"),
    (["verify", "full"], "samples.jsonl"),
    (["export", "full", "--format", "trl", "--out", "e"], "samples.jsonl"),
    (["export", "full", "--format", "csv", "--out", "e"], "csv"),
    (["rescore", "nowhere"], "nowhere"),
    (["graph", LIBRARY, "--out", "g.png"], ".svg"),
    (["graph", LIBRARY, "--out", "absent/g.svg"], "absent"),
    (["check", "Assistant"], "Travel"),
    (["pack", LIBRARY, "-n", "2", "--out", "a_file"], "a_file"),
    (["demo", "--out", "full"], "full"),
    (["envs", "show", "Bankng"], "Banking"),
    (["rollout", LIBRARY], "--policy"),
    (["rolout"], "rolout"),
    (["rollout", LIBRARY, "--policy", "null", "-n", "0"], "-n"),
]


@pytest.mark.parametrize(("arguments", "named"), REFUSED, ids=lambda part: " ".join(part)[-60:] if isinstance(part, list) else "")
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "a_file").write_text("mine")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    good = '{"env":"x","worlds":[{"world":"Banking"}],"turns":[{"user":"hi"}]}'
    (tmp_path / "bad.jsonl").write_text(f"{good}\n{good[:-3]}\n")
    before = sorted(str(path) for path in tmp_path.rglob("*") if "__pycache__" not in str(path))
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("turngym: error: ")
    assert named in printed.err
    assert sorted(str(path) for path in tmp_path.rglob("*") if "__pycache__" not in str(path)) == before


def test_a_changed_command_is_refused_and_nothing_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rollout", LIBRARY, "--policy", "null", "-n", "2", "--out", "r"]) == 0
    kept = (tmp_path / "r" / "trajectories.jsonl").read_bytes()
    capsys.readouterr()
    assert run(["rollout", LIBRARY, "--policy", "null", "-n", "2", "--seed", "5", "--out", "r"]) == 2
    assert "seed: was 0, now 5" in capsys.readouterr().err
    assert (tmp_path / "r" / "trajectories.jsonl").read_bytes() == kept


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        run(["envs", "show", "Bankng", "--debug"])


# -- what it finds ----------------------------------------------------------------------------------------


def test_check_names_each_law_and_exits_1_for_a_broken_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    assert run(["check", "broken.py:House", "--calls", "60", "--json"]) == 1
    report = one_object(capsys)
    assert report["world"] == "House"
    assert {"name", "passed", "detail"} == set(report["checks"][0])
    assert "no-internal-errors" in {check["name"] for check in report["checks"] if not check["passed"]}


def test_rollout_resumes_and_rescore_confirms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["rollout", LIBRARY, "--policy", "oracle", "-n", "4", "-k", "2", "--out", "r", "--json"]
    assert run(arguments) == 0
    first = one_object(capsys)
    assert (first["episodes"], first["success"], first["made"], first["resumed"]) == (8, 1.0, 8, 0)
    assert run(arguments) == 0
    again = one_object(capsys)
    assert (again["episodes"], again["made"], again["resumed"]) == (8, 0, 8)
    assert run(["rescore", "r", "--json"]) == 0
    assert one_object(capsys)["same"] == 8
    path = tmp_path / "r" / "trajectories.jsonl"
    path.write_text(path.read_text().replace('"success":true', '"success":false', 1))
    assert run(["rescore", "r", "--json"]) == 1
    assert len(one_object(capsys)["changed"]) == 1


def test_verify_names_the_failing_row_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synthesize", LIBRARY, "-n", "3", "--turns", "1", "--out", "s"]) == 0
    path = tmp_path / "s" / "samples.jsonl"
    rows = path.read_text().splitlines()
    row = json.loads(rows[1])
    row["messages"][-1]["content"] += " And more."
    path.write_text("\n".join([rows[0], json.dumps(row), rows[2]]) + "\n")
    capsys.readouterr()
    assert run(["verify", "s", "--json"]) == 1
    report = one_object(capsys)
    assert (report["rows"], report["passed"]) == (3, 2)
    assert [item["id"] for item in report["failed"]] == [row["id"]]
    assert run(["verify", "s"]) == 1
    assert row["id"] in capsys.readouterr().out


def test_rollouts_become_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rollout", LIBRARY, "--policy", "oracle", "-n", "4", "--out", "r"]) == 0
    assert run(["synthesize", "--from", "r", "--out", "s"]) == 0
    capsys.readouterr()
    assert run(["verify", "s", "--json"]) == 0
    assert one_object(capsys)["passed"] >= 1


def test_a_pack_is_proven_split_by_family_and_usable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pack", LIBRARY, "-n", "12", "--out", "p.jsonl", "--json"]) == 0
    about = one_object(capsys)
    assert about["success"]["oracle"] == 1.0
    assert about["success"]["null"] == 0.0
    tasks = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    families: dict[str, set[str]] = {}
    for task in tasks:
        families.setdefault(task["family"], set()).add(task.get("split", "train"))
    assert all(len(splits) == 1 for splits in families.values())
    written = (tmp_path / "p.jsonl").read_bytes()
    assert run(["pack", LIBRARY, "-n", "12", "--out", "p.jsonl"]) == 0
    assert (tmp_path / "p.jsonl").read_bytes() == written
    capsys.readouterr()
    assert run(["rollout", "p.jsonl", "--policy", "oracle", "-n", "5", "--json"]) == 0
    assert one_object(capsys)["episodes"] == 5


# -- how it stops -----------------------------------------------------------------------------------------


def stop_when(arguments: list[str], number: int, lines: Path, at_least: int) -> subprocess.CompletedProcess[str]:
    """Run a command, send it a signal once a file holds some lines, and wait for its end."""
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        if lines.exists() and lines.read_bytes().count(b"\n") >= at_least:
            process.send_signal(number)
            break
        time.sleep(0.01)
    out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.mark.parametrize(("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)])
def test_a_stopped_synthesis_keeps_all_and_goes_on_to_the_same_bytes(number: int, code: int, tmp_path: Path) -> None:
    samples = tmp_path / "s" / "samples.jsonl"
    stopped = stop_when(["synthesize", LIBRARY, "-n", "100000", "--out", "s", "--json"], number, samples, 5)
    assert stopped.returncode == code
    assert stopped.stdout == ""
    assert stopped.stderr.count("\n") == 1
    assert "Traceback" not in stopped.stderr
    text = samples.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert text.endswith("\n")
    assert json.loads((tmp_path / "s" / "summary.json").read_text())["kept"] == len(rows)
    manifest = tmp_path / "s" / "run.json"  # let the same run end a little later than where it was stopped
    wanted = len(rows) + 3
    manifest.write_text(manifest.read_text().replace("100000", str(wanted)))
    assert run(["synthesize", LIBRARY, "-n", str(wanted), "--out", "s"]) == 0
    assert run(["synthesize", LIBRARY, "-n", str(wanted), "--out", "whole"]) == 0
    assert samples.read_bytes() == (tmp_path / "whole" / "samples.jsonl").read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)])
def test_a_stopped_rollout_keeps_all_and_goes_on(number: int, code: int, tmp_path: Path) -> None:
    records = tmp_path / "r" / "trajectories.jsonl"
    arguments = ["rollout", LIBRARY, "--policy", "random", "-n", "2", "-k", "100000", "--out", "r", "--json"]
    stopped = stop_when(arguments, number, records, 5)
    assert stopped.returncode == code
    assert "Traceback" not in stopped.stderr
    kept = [json.loads(line) for line in records.read_text().splitlines()]
    assert json.loads(stopped.stdout)["episodes"] == len(kept) >= 5
    again = stop_when(arguments, number, records, len(kept) + 5)
    assert again.returncode == code
    assert json.loads(again.stdout)["resumed"] == len(kept)
    assert len(records.read_text().splitlines()) > len(kept)


@pytest.mark.parametrize("room", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_a_full_disk_is_one_line_and_exit_1_and_the_run_goes_on(room: int, tmp_path: Path) -> None:
    arguments = ["rollout", "Banking", "--policy", "oracle", "-n", "40", "--out", str(tmp_path / "run")]
    limits = (resource.RLIMIT_FSIZE, (room, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    full = subprocess.run(
        command(*arguments), capture_output=True, text=True, env=environment(), preexec_fn=lambda: resource.setrlimit(*limits)
    )
    assert full.returncode == 1
    assert full.stderr.count("\n") == 1
    assert "make room and run the same again" in full.stderr
    kept = (tmp_path / "run" / "trajectories.jsonl").read_bytes()
    assert len(kept) <= room
    again = subprocess.run(command(*arguments, "--json"), capture_output=True, text=True, env=environment())
    figures = json.loads(again.stdout)
    assert (figures["resumed"], figures["episodes"]) == (kept.count(b"\n"), 40)
    assert (tmp_path / "run" / "trajectories.jsonl").read_bytes().startswith(kept)


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(command("envs", "show", "Banking"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=30)
    assert b"Traceback" not in said
    assert said == b""


# -- the demo ---------------------------------------------------------------------------------------------


def test_demo_shows_the_whole_way_and_goes_on(tmp_path: Path) -> None:
    arguments = command("demo", "--out", "shown", "-n", "3", "--tasks", "1")
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment(), check=True)
    for words in ("Three rollouts", "oracle", "Verdicts", "Tool graphs", "3 of 3 proven again", "samples.jsonl"):
        assert words in done.stdout
    assert done.stderr == ""
    for name in ("banking.svg", "rollouts/trajectories.jsonl", "samples/samples.jsonl"):
        assert (tmp_path / "shown" / name).stat().st_size > 0
