"""Promises of the run directory: what was acknowledged is there once, whatever happened in between."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import some_tasks

from turngym.agents import RunStore, make_policy, read_manifest, read_records, run_all
from turngym.agents.secrets import find_secrets, without_secrets
from turngym.agents.trajectory import record_line
from turngym.envs.errors import RunError
from turngym.envs.lines import TornWarning

WRITER = """
import resource, sys
from turngym.agents.store import RunStore
from turngym.envs.errors import RunError
place, count, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with RunStore(place, {"n": 1}) as store:
        for number in range(count):
            if f"r{number}" not in store.ids:
                store.append({"id": f"r{number}", "body": f"{number} " * (number % 97 * 20)})
                print(number, flush=True)
except RunError as error:
    print(f"refused: {error}", flush=True)
    sys.exit(1)
"""


def body(number: int) -> dict[str, Any]:
    return {"id": f"r{number}", "body": f"{number} " * (number % 97 * 20)}


def writer(place: Path, count: int, limit: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(place), str(count), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "error"})


def fill(place: Path, count: int, **options: Any) -> list[str]:
    with RunStore(place, {"n": 1}, **options) as store:
        for number in range(count):
            if f"r{number}" not in store.ids:
                store.append(body(number))
        return store.notes


def lines(place: Path) -> list[bytes]:
    return (place / "trajectories.jsonl").read_bytes().splitlines(keepends=True)


# -- death ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kills", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_kill_at_random_moments_loses_and_doubles_nothing(tmp_path, kills):
    rng = random.Random(7)
    acknowledged: set[int] = set()
    place = tmp_path / "run"
    for _ in range(kills):
        with writer(place, 1_000_000) as child:
            assert child.stdout is not None
            acknowledged.add(int(child.stdout.readline()))
            time.sleep(rng.random() * 0.01)
            child.kill()
            heard = child.stdout.read().splitlines(keepends=True)
        acknowledged.update(int(line) for line in heard if line.endswith(b"\n"))
    with RunStore(place, {"n": 1}) as store:
        assert {f"r{number}" for number in acknowledged} <= store.ids
    written = lines(place)
    assert len(written) == len(set(written)) >= len(acknowledged) >= kills
    assert set(written) == {record_line(body(number)) for number in range(len(written))}


def test_a_last_line_cut_at_any_byte_is_mended_and_told(tmp_path):
    place = tmp_path / "run"
    fill(place, 3)
    path = place / "trajectories.jsonl"
    whole = path.read_bytes()
    start = len(whole) - len(record_line(body(2)))
    for length in range(start, len(whole) + 1):
        path.write_bytes(whole[:length])
        notes = fill(place, 3)
        assert path.read_bytes() == whole
        assert len(notes) == (start < length < len(whole)), notes


def test_a_tail_of_zeros_after_a_power_cut_is_cut(tmp_path):
    place = tmp_path / "run"
    fill(place, 2)
    whole = (place / "trajectories.jsonl").read_bytes()
    (place / "trajectories.jsonl").write_bytes(whole + b"\0" * 4096)
    assert "torn" in fill(place, 2)[0]
    assert (place / "trajectories.jsonl").read_bytes() == whole


@pytest.mark.parametrize("garbage", [b"{not json}", b"[]", b'{"no": "id"}', b"\xff\xfe", b"\0\0", b'{"id": 3}', b'{"id": "r0"}'])
def test_a_garbled_middle_line_is_named_refused_and_moved_aside_on_request(tmp_path, garbage):
    place = tmp_path / "run"
    fill(place, 4)
    good = lines(place)
    spoiled = [good[0], garbage + b"\n", *good[2:]]
    path = place / "trajectories.jsonl"
    path.write_bytes(b"".join(spoiled) + b'{"id": "to')
    before = path.read_bytes()
    with pytest.raises(RunError, match="line 2"):
        fill(place, 4)
    assert path.read_bytes() == before
    notes = fill(place, 4, repair=True)
    assert any("line 2" in note for note in notes)
    assert (place / "trajectories.jsonl.quarantine").read_bytes() == garbage + b"\n"
    assert sorted(lines(place)) == sorted(good)
    assert fill(place, 4) == []


def test_a_record_of_another_kind_counts_as_garbled(tmp_path):
    tasks = some_tasks(2)
    run_all(make_policy("null"), tasks, out=tmp_path / "run")
    path = tmp_path / "run" / "trajectories.jsonl"
    path.write_bytes(b'{"id": "stranger"}\n' + path.read_bytes())
    with pytest.raises(RunError, match="line 1, byte 0: no record of this kind"):
        run_all(make_policy("null"), tasks, out=tmp_path / "run")
    report = run_all(make_policy("null"), tasks, out=tmp_path / "run", repair=True)
    assert (report.made, report.resumed, report.summary["episodes"], len(report.notes)) == (0, 2, 2, 1)


def test_a_full_disk_is_reported_in_a_line_and_resumable(tmp_path):
    place = tmp_path / "run"
    with writer(place, 400, limit=60_000) as child:
        assert child.stdout is not None
        said = child.stdout.read().decode().splitlines()
    assert child.returncode == 1
    assert said[-1].startswith("refused: cannot write")
    assert "run the same again" in said[-1]
    assert [json.loads(line)["id"] for line in lines(place)] == [f"r{number}" for number in map(int, said[:-1])]
    assert fill(place, 400) == []
    assert sorted(lines(place)) == sorted(record_line(body(number)) for number in range(400))


def test_a_short_write_is_cut_back_at_once(tmp_path, monkeypatch):
    real = os.write
    with RunStore(tmp_path / "run", {"n": 1}) as store:
        store.append(body(5))
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
        with pytest.raises(RunError, match="in part"):
            store.append(body(6))
        monkeypatch.undo()
        assert lines(tmp_path / "run") == [record_line(body(5))]
        store.append(body(6))
    assert lines(tmp_path / "run") == [record_line(body(5)), record_line(body(6))]


# -- whose directory --------------------------------------------------------------------------------------


def test_two_runs_in_one_directory_are_refused(tmp_path):
    with RunStore(tmp_path / "run", {"n": 1}) as first:
        with pytest.raises(RunError, match=rf"another process \({os.getpid()}\) is writing"):
            RunStore(tmp_path / "run", {"n": 1})
        child = writer(tmp_path / "run", 3)
        assert child.stdout is not None
        assert f"another process ({os.getpid()}) is writing".encode() in child.stdout.read()
        child.stdout.close()
        assert child.wait() == 1
        first.append(body(0))
    assert fill(tmp_path / "run", 2) == []


def test_foreign_and_impossible_places_are_refused_untouched(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for place, words in (("home", "thesis.tex"), ("file", "no directory"), ("file/run", "cannot use"), ("x" * 300, "cannot use")):
        with pytest.raises(RunError, match=words):
            RunStore(tmp_path / place, {})
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["file", "home", "thesis.tex"]
    (tmp_path / "empty").mkdir()
    assert fill(tmp_path / "empty", 1) == []


def test_a_directory_whose_first_run_died_at_once_is_taken(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / "run.json.aside").write_text('{"conf')
    assert fill(tmp_path, 2) == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run.json", "trajectories.jsonl"]


def test_a_broken_manifest_is_refused(tmp_path):
    fill(tmp_path / "run", 1)
    for text in ("", "[]", '{"config": 3}'):
        (tmp_path / "run" / "run.json").write_text(text)
        with pytest.raises(RunError, match=r"run\.json"):
            fill(tmp_path / "run", 1)


def test_a_changed_config_is_refused_field_by_field(tmp_path):
    place = tmp_path / "run"
    old = {"seed": 1, "policy": {"name": "chat", "model": "a"}, "gone": [1], "empty": {}}
    with RunStore(place, old) as store:
        store.append(body(0))
    before = {path: path.read_bytes() for path in place.iterdir()}
    with pytest.raises(RunError) as caught:
        RunStore(place, {"seed": 2, "policy": {"name": "chat", "model": "b", "top_p": None}, "empty": {}})
    for part in (
        "config.seed: was 1, now 2",
        'model: was "a", now "b"',
        "top_p: was absent, now null",
        "gone: was [1], now absent",
    ):
        assert part in str(caught.value)
    assert "empty" not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(RunError, match="holds a rollout, and this is a synthesis; name another directory"):
        RunStore(place, old, kind="synthesis")
    assert before == {path: path.read_bytes() for path in place.iterdir()}
    RunStore(place, old).close()


def test_a_run_that_finished_nothing_binds_nobody(tmp_path):
    place = tmp_path / "run"
    RunStore(place, {"model": "mistyped"}).close()
    with RunStore(place, {"model": "right"}) as store:
        store.append(body(0))
    assert read_manifest(place)["config"] == {"model": "right"}
    with pytest.raises(RunError, match=r"config\.model: was"):
        RunStore(place, {"model": "mistyped"})


@pytest.mark.parametrize("torn", [0, 1, 9])
def test_what_is_made_again_moves_aside_and_nothing_is_lost(tmp_path, torn):
    place = tmp_path / "run"
    fill(place, 9)
    before = lines(place)
    path = place / "trajectories.jsonl"
    path.write_bytes(path.read_bytes()[: -torn or None])
    counted: list[str] = []
    odd = lambda record: int(record["id"][1:]) % 2 == 1  # noqa: E731
    with RunStore(place, {"n": 1}, redo=odd, on_record=lambda record: counted.append(record["id"])) as store:
        assert store.ids == set(counted)
        kept = {f"r{n}" for n in range(0, 9, 2)} - ({"r8"} if torn > 1 else set())
        assert store.ids == kept
        assert any("4 records are made again" in note for note in store.notes)
    assert (place / "trajectories.jsonl.redone").read_bytes() == b"".join(before[1::2])
    assert lines(place) == [line for line in before[::2] if json.loads(line)["id"] in kept]
    fill(place, 9)
    assert sorted(lines(place)) == sorted(before)


def test_another_version_of_turngym_is_a_changed_config_and_of_python_is_not(tmp_path):
    place = tmp_path / "run"
    with RunStore(place, {}) as store:
        store.append(body(0))
    manifest = read_manifest(place)
    manifest["versions"]["python"] = "2.7"
    (place / "run.json").write_text(json.dumps(manifest))
    RunStore(place, {}).close()
    manifest["versions"]["turngym"] = "0.0.1"
    (place / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match=r"versions\.turngym: was"):
        RunStore(place, {})


@pytest.mark.parametrize(
    "config",
    [
        {"policy": {"api_key": "x"}},
        {"OPENAI_API_KEY": "x"},
        {"hf_token": "x"},
        {"headers": [{"Authorization": "x"}]},
        {"note": "Bearer abcdefghijk"},
        {"base_url": "https://me:pw@host/v1"},
        {"model": "sk-abcdefghijklmnop1234"},
    ],
)
def test_no_key_is_ever_stored(tmp_path, config):
    with pytest.raises(RunError, match="looks like a secret"):
        RunStore(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
    assert not list(find_secrets(without_secrets(config)))


def test_what_only_sounds_like_a_key_is_stored(tmp_path):
    config = {"max_tokens": 5, "tokens": 3, "stop_token": "</s>", "api_key": None, "base_url": "http://host:8000/v1", "key_field": "id"}
    RunStore(tmp_path / "run", config).close()
    assert read_manifest(tmp_path / "run")["config"] == config == without_secrets(config)


# -- runs -------------------------------------------------------------------------------------------------


def test_the_same_run_again_makes_only_what_is_missing(tmp_path):
    tasks = some_tasks(5)
    whole = run_all(make_policy("random"), tasks, trials=3, seed=4, out=tmp_path / "a")
    assert (whole.made, whole.resumed) == (15, 0)
    path = tmp_path / "a" / "trajectories.jsonl"
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(kept[:7]) + kept[7][:20])
    again = run_all(make_policy("random"), tasks, trials=3, seed=4, out=tmp_path / "a", concurrency=1)
    assert (again.made, again.resumed) == (8, 7)
    assert again.summary == json.loads((tmp_path / "a" / "summary.json").read_text())
    assert again.summary | {"timings": {}} == whole.summary | {"timings": {}}
    assert path.read_bytes().startswith(b"".join(kept[:7]))

    def timeless(rows: list[bytes]) -> dict[str, Any]:
        return {record["id"]: {**record, "timings": 0} for record in map(json.loads, rows)}

    assert timeless(path.read_bytes().splitlines()) == timeless(kept)
    with pytest.raises(RunError, match=r"config\.seed: was 4, now 5"):
        run_all(make_policy("random"), tasks, trials=3, seed=5, out=tmp_path / "a")
    with pytest.raises(RunError, match=r"config\.tasks\.hash"):
        run_all(make_policy("random"), tasks[:-1], trials=3, seed=4, out=tmp_path / "a")


def test_other_kinds_of_runs_use_the_same_store(tmp_path):
    with RunStore(tmp_path / "s", {"seed": 0}, kind="synthesis", records="samples.jsonl") as store:
        store.append({"id": "a", "text": "é\u2028"})
        with pytest.raises(RunError, match="already"):
            store.append({"id": "a"})
        store.write_summary({"kept": 1})
    assert list(read_records(tmp_path / "s", "samples.jsonl")) == [{"id": "a", "text": "é\u2028"}]
    assert json.loads((tmp_path / "s" / "summary.json").read_text()) == {"kept": 1}
    assert not list((tmp_path / "s").glob("*.aside"))


def test_reading_passes_over_a_torn_last_line_and_changes_nothing(tmp_path):
    fill(tmp_path / "run", 2)
    path = tmp_path / "run" / "trajectories.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": "to')
    before = path.read_bytes()
    with pytest.warns(TornWarning, match=f"trajectories.jsonl, line 3, byte {len(before) - 10}"):
        assert [record["id"] for record in read_records(tmp_path / "run")] == ["r0", "r1"]
    assert path.read_bytes() == before
    path.write_bytes(b"oops\n" + before)
    with pytest.raises(RunError, match="line 1"):
        list(read_records(path))
    with pytest.raises(RunError, match="cannot read"):
        list(read_records(tmp_path / "nothing"))
    with pytest.raises(RunError, match=r"no run\.json"):
        read_manifest(tmp_path / "nothing")
    path.write_bytes(before)


SLOW = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from mini_tasks import some_tasks
from turngym.agents import run_all
if len(sys.argv) > 3:
    async def slow(conversation):
        done = len(open(sys.argv[2] + "/trajectories.jsonl").readlines())
        await asyncio.sleep(0.001 if done < 3 else 60)
        return "no"
else:
    async def slow(conversation):
        return "no"
slow.__qualname__ = "slow"
report = run_all(slow, some_tasks(6), out=sys.argv[2], concurrency=2, on_trajectory=lambda t: print(t.id, flush=True))
print("stopped" if report.stopped else "done", report.made, report.resumed, flush=True)
sys.exit(report.exit_code)
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)])
def test_a_signal_stops_a_run_with_everything_finished_kept(tmp_path, sent, code):
    command = [sys.executable, "-c", SLOW, str(Path(__file__).parent), str(tmp_path / "run")]
    with subprocess.Popen([*command, "slow"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        finished = [child.stdout.readline() for _ in range(3)]
        select.select([], [], [], 0.2)
        begun = time.monotonic()
        child.send_signal(sent)
        said = child.stdout.read().decode().splitlines()
        assert child.wait() == code
        assert time.monotonic() - begun < 5
    made = len(finished) + len(said) - 1
    assert said[-1] == f"stopped {made} 0"
    assert len(lines(tmp_path / "run")) == made
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["complete"], summary["episodes"]) == (False, made)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"done {6 - made} {made}"
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["complete"] is True
