"""Promises of writing: a command takes away only what it made, writes through no link, and is repaired by itself."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from turngym.agents import RunStore, make_policy, run_all
from turngym.agents.directory import Lock
from turngym.agents.owned import MARK, STAGING, Owned
from turngym.cli import run
from turngym.envs.env import pack_of
from turngym.envs.errors import RunError
from turngym.synthesis.export import ExportOptions, export_dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    assert run(["synthesize", "FileSystem", "-n", "3", "--out", str(place / "data")]) == 0
    run_all(make_policy("oracle"), [task for task, _ in zip(pack_of("FileSystem"), range(3), strict=False)], out=place / "run")
    return place


def everything(place: Path) -> dict[str, bytes | str]:
    """Name -> bytes, or where a link leads, of all below a place."""
    return {
        str(path.relative_to(place)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def export(made: Path, out: Path, form: str = "openai", license: str = "mit") -> int:
    return run(["export", str(made / "data"), "--format", form, "--files", "jsonl", "--license", license, "--out", str(out)])


# -- exports ----------------------------------------------------------------------------------------------


def test_a_second_export_replaces_its_own_files_and_nothing_else(made, tmp_path):
    ds = tmp_path / "ds"
    assert export(made, ds, "sharegpt") == 0
    users = {".git/HEAD": "ref: refs/heads/main", "notes.md": "mine", "jsonl/mine.txt": "mine too"}
    for name, text in users.items():
        (ds / name).parent.mkdir(exist_ok=True)
        (ds / name).write_text(text)
    for sibling in ("ds.former", "ds.aside"):
        (tmp_path / sibling).mkdir()
        (tmp_path / sibling / "thesis.tex").write_text("years")
    assert export(made, ds, "openai") == 0
    now = everything(ds)
    assert {name: now[name].decode() for name in users} == users
    assert "dataset_info.json" not in now  # its own, and not made again
    assert set(now) - set(users) == {MARK, "README.md", "jsonl/train.jsonl", *(f for f in now if f == "jsonl/test.jsonl")}
    assert everything(tmp_path / "ds.former") == everything(tmp_path / "ds.aside") == {"thesis.tex": b"years"}
    assert set(json.loads(now[MARK])["files"]) == set(now) - set(users) - {MARK}


def test_a_folder_of_others_is_refused_and_left_as_it_was(made, tmp_path, capsys):
    for name, files in {"plain": {"a.txt": "x"}, "card": {"README.md": "<!-- turngym export -->"}, "hidden": {".git/HEAD": "x"}}.items():
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
        before = everything(tmp_path / name)
        assert export(made, tmp_path / name) == 2
        assert "holds other things than an export" in capsys.readouterr().err
        assert everything(tmp_path / name) == before
    assert export(made, made / "data") == 2
    assert export(made, made / "run") == 2


def test_a_file_of_the_user_s_in_the_way_is_never_replaced(made, tmp_path, capsys):
    ds = tmp_path / "ds"
    assert export(made, ds, "openai") == 0
    (ds / "dataset_info.json").write_text("{}")  # a name that another format makes
    before = everything(ds)
    assert export(made, ds, "sharegpt") == 2
    assert "dataset_info.json is not of turngym's making" in capsys.readouterr().err
    assert everything(ds) == before


def test_a_card_that_somebody_wrote_on_is_not_written_over(made, tmp_path, capsys):
    ds = tmp_path / "ds"
    assert export(made, ds) == 0
    (ds / "README.md").write_text((ds / "README.md").read_text() + "\nOur own words.\n")
    before = everything(ds)
    assert export(made, ds) == 2
    assert "README.md was changed since turngym wrote it" in capsys.readouterr().err
    assert everything(ds) == before
    (ds / "README.md").unlink()
    assert export(made, ds) == 0


def test_an_export_that_fails_leaves_what_was_there(made, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "samples.jsonl").touch()
    with pytest.raises(RunError, match="no sample"):
        export_dataset(tmp_path / "empty", tmp_path / "ds", ExportOptions("openai", files="jsonl"))
    assert not (tmp_path / "ds").exists()
    assert export(made, tmp_path / "ds") == 0
    before = everything(tmp_path / "ds")
    with pytest.raises(RunError, match="no sample"):
        export_dataset(tmp_path / "empty", tmp_path / "ds", ExportOptions("openai", files="jsonl"))
    assert everything(tmp_path / "ds") == before


def settle(place: Path, text: str, moves: int = 99) -> int:
    """Write three files in a process of its own, which is killed before the move of that number; gives its exit."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    replace = os.replace
    counted = iter(range(moves))

    def move(source: Path, target: Path) -> None:
        if next(counted, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = move  # type: ignore[assignment]
    try:
        with Owned(place, "export") as owned:
            for name in ("a/x", "b", "README.md"):
                (owned.staging / name).parent.mkdir(exist_ok=True)
                (owned.staging / name).write_text(text + name)
            owned.settle()
    except BaseException:
        os._exit(1)
    os._exit(0)


@pytest.mark.parametrize("moves", range(6))
def test_killed_between_any_two_moves_the_same_command_repairs_it(tmp_path, moves):
    for place in (tmp_path / "new", tmp_path / "again"):
        if place.name == "again":
            assert settle(place, "old") == 0
            (place / "mine").write_text("mine")
        died = settle(place, "new", moves)
        assert died == (0 if moves == 5 and place.name == "again" else -signal.SIGKILL)  # there a first mark need not be made
        assert settle(place, "new") == 0
        found = everything(place)
        assert {name: found[name] for name in ("a/x", "b", "README.md")} == {"a/x": b"newa/x", "b": b"newb", "README.md": b"newREADME.md"}
        assert set(found) - {"a/x", "b", "README.md", "mine"} == {MARK}
        assert set(json.loads(found[MARK])) == {"format", "kind", "files"}


@pytest.mark.slow
def test_an_export_killed_at_random_moments_is_repaired_and_takes_nothing(made, tmp_path):
    rng, ds, whole = random.Random(3), tmp_path / "ds", tmp_path / "whole"
    assert export(made, whole) == 0
    wanted = everything(whole)
    for _ in range(40):
        if (ds / MARK).exists():
            (ds / "notes.md").write_text("mine")
        command = [sys.executable, "-m", "turngym", "export", str(made / "data"), "--format", "openai", "--files", "jsonl"]
        child = subprocess.Popen([*command, "--license", "mit", "--out", str(ds)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.4 + rng.random() * 0.6)
        child.kill()
        assert child.wait() in (0, -signal.SIGKILL)
        if (ds / "notes.md").exists():
            assert (ds / "notes.md").read_text() == "mine"
    assert export(made, ds) == 0
    assert {name: text for name, text in everything(ds).items() if name != "notes.md"} == wanted


def test_a_mark_names_nothing_outside(tmp_path):
    (tmp_path / "victim").write_text("x")
    for name in ("../victim", "/etc/passwd", "a/../../victim", "", MARK, f"{STAGING}/x"):
        shutil.rmtree(tmp_path / "ds", ignore_errors=True)
        (tmp_path / "ds").mkdir()
        (tmp_path / "ds" / MARK).write_text(json.dumps({"kind": "export", "files": {name: "0"}}))
        with pytest.raises(RunError, match="which is not inside"):
            Owned(tmp_path / "ds", "export")
    for text in ("", "[]", "{}", '{"kind": "export", "files": 3}', '{"kind": "demo", "files": {}}'):
        (tmp_path / "ds" / MARK).write_text(text)
        with pytest.raises(RunError, match=r"mark|place of a demo"):
            Owned(tmp_path / "ds", "export")
    assert (tmp_path / "victim").read_text() == "x"


# -- whose directory --------------------------------------------------------------------------------------


def test_no_command_writes_into_the_directory_of_another_kind(made, tmp_path, capsys):
    place = tmp_path / "run"
    shutil.copytree(made / "run", place)
    before = everything(place)
    for command in (
        ["synthesize", "FileSystem", "-n", "1"], ["synthesize", "--from", str(made / "run")], ["dedup", str(made / "data")],
        ["refine", str(made / "data" / "samples.jsonl")], ["audit", "FileSystem", "-n", "1"], ["demo"],
        ["export", str(made / "data"), "--format", "openai", "--files", "jsonl"],
    ):  # fmt: skip
        assert run([*command, "--out", str(place)]) == 2, command
        said = capsys.readouterr().err
        assert str(place) in said
        assert said.count("\n") == 1
        assert everything(place) == before, command
    (place / "trajectories.jsonl").write_bytes(b"")  # of another kind it is even where nothing was finished
    assert run(["synthesize", "FileSystem", "-n", "1", "--out", str(place)]) == 2
    assert "holds a rollout, and this is a synthesis; name another directory" in capsys.readouterr().err


def test_a_finding_is_recorded_in_a_directory_of_ours_alone(made, tmp_path, capsys):
    place = tmp_path / "data"
    place.mkdir()
    shutil.copy(made / "data" / "samples.jsonl", place)
    (place / "summary.json").write_text("[1, 2]")
    before = everything(place)
    assert run(["contamination", str(place), "--against", str(place)]) == 1
    assert "not recorded" in capsys.readouterr().err
    assert everything(place) == before


def test_a_file_that_turngym_did_not_write_is_not_replaced(made, tmp_path, capsys):
    mine = {
        "page.html": "<!doctype html><p>mine",
        "g.svg": "<svg/>",
        "g.json": "{}",
        "g.graphml": "<graphml/>",
        "t.jsonl": '{"id": "mine"}\n',
    }
    graph, bounds = ["graph", "FileSystem", "--out"], ["--high", "1", "--retire", "1", "--variants", "0"]
    commands = {"page.html": ["audit", "FileSystem", "-n", "1", "--html"], "g.svg": graph, "g.json": graph, "g.graphml": graph}
    commands["t.jsonl"] = ["refresh", str(made / "run"), *bounds, "--out"]
    for name, command in commands.items():
        place = tmp_path / name
        place.write_text(mine[name])
        assert run([*command, str(place)]) == 2
        assert "did not write" in capsys.readouterr().err
        assert place.read_text() == mine[name]
        place.unlink()
        assert run([*command, str(place)]) == 0
        first = place.read_bytes()
        assert run([*command, str(place)]) == 0  # of its own making
        assert place.read_bytes() == first
        (tmp_path / f"target-{name}").write_bytes(first)
        place.unlink()
        place.symlink_to(tmp_path / f"target-{name}")
        assert run([*command, str(place)]) == 2
        assert "is a link" in capsys.readouterr().err
        assert place.is_symlink()
        assert not [path for path in tmp_path.iterdir() if "aside" in path.name]


# -- links ------------------------------------------------------------------------------------------------


def test_nothing_is_written_through_a_link(made, tmp_path):
    """Each file of a run in turn stands elsewhere, under a symbolic or a hard link; and so does the directory itself."""
    for name in ("trajectories.jsonl", "run.json", "summary.json", "run.json.aside", "summary.json.aside", ".lock"):
        for link in (os.symlink, os.link):
            place, target = tmp_path / f"{name}-{link.__name__}", tmp_path / f"target-{name}-{link.__name__}"
            shutil.copytree(made / "run", place)
            if (place / name).exists():
                (place / name).rename(target)
            else:
                target.write_bytes(b"" if name == ".lock" else b"theirs")
            link(target, place / name)
            before = target.read_bytes()
            refused = link is os.symlink and name != "run.json.aside"  # that one is not needed here
            refused |= name in ("trajectories.jsonl", ".lock")  # which are written where they stand, and not replaced
            config = json.loads((place / "run.json").read_text())["config"]
            refusal = pytest.raises(RunError, match=r"is a link|second name") if refused else contextlib.nullcontext()
            with refusal, RunStore(place, config) as store:
                store.append({"id": "more"})
                store.write_summary({"n": 1})
            assert target.read_bytes() == before
            assert not (place / name).is_symlink() or os.readlink(place / name) == str(target)


def test_a_torn_record_behind_a_link_is_not_cut(made, tmp_path):
    shutil.copytree(made / "run", tmp_path / "run")
    torn = (tmp_path / "run" / "trajectories.jsonl").read_bytes()[:-9]
    (tmp_path / "target").write_bytes(torn)
    (tmp_path / "run" / "trajectories.jsonl").unlink()
    (tmp_path / "run" / "trajectories.jsonl").symlink_to(tmp_path / "target")
    before = everything(tmp_path)
    tasks = [task for task, _ in zip(pack_of("FileSystem"), range(3), strict=False)]
    with pytest.raises(RunError, match="is a link"):
        run_all(make_policy("oracle"), tasks, out=tmp_path / "run")
    assert everything(tmp_path) == before


def test_a_directory_that_is_a_link_is_refused(made, tmp_path, capsys):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for command in (
        ["rollout", "FileSystem", "--policy", "null", "-n", "1"], ["synthesize", "FileSystem", "-n", "1"], ["demo"],
        ["dedup", str(made / "data")],
        ["export", str(made / "data"), "--format", "openai", "--files", "jsonl"], ["audit", "FileSystem", "-n", "1"],
    ):  # fmt: skip
        assert run([*command, "--out", str(tmp_path / "link")]) == 2
        assert "is a link" in capsys.readouterr().err
    assert (tmp_path / "link").is_symlink()
    assert not list((tmp_path / "real").iterdir())
    ds = tmp_path / "ds"  # a folder inside an export is no way out either
    assert export(made, ds) == 0
    (ds / "jsonl").rename(tmp_path / "jsonl")
    (ds / "jsonl").symlink_to(tmp_path / "jsonl")
    before = everything(tmp_path)
    assert export(made, ds, license="apache-2.0") == 2
    assert everything(tmp_path) == before


# -- who writes -------------------------------------------------------------------------------------------


def test_a_second_writer_is_told_the_process_of_the_first(made, tmp_path, capsys):
    code = "import sys, pathlib; from turngym.agents.directory import Lock; Lock(pathlib.Path(sys.argv[1])); print(1, flush=True); input()"
    for place, command in (
        (tmp_path / "data", ["synthesize", "FileSystem", "-n", "1"]),
        (tmp_path / "ds", ["export", str(made / "data"), "--format", "openai", "--files", "jsonl"]),
    ):
        assert run([*command, "--out", str(place)]) == 0
        with subprocess.Popen([sys.executable, "-c", code, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline()
            capsys.readouterr()
            assert run([*command, "--out", str(place)]) == 2
            assert f"another process ({child.pid}) is writing to {place}" in capsys.readouterr().err
            child.kill()
        assert run([*command, "--out", str(place)]) == 0  # who was killed holds nothing
        assert not (place / ".lock").exists()


def test_a_lock_that_is_somebody_else_s_file_is_left_alone(tmp_path):
    (tmp_path / ".lock").write_text("my notes on locks")
    with pytest.raises(RunError, match=r"holds \.lock"):
        RunStore(tmp_path, {})
    with pytest.raises(RunError, match="not of turngym's making"):
        Lock(tmp_path)
    assert everything(tmp_path) == {".lock": b"my notes on locks"}
