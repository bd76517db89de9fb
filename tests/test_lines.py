"""Promises of reading: every command reads a file alike, and whatever it cannot read it tells with file, line and byte."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from turngym.cli import run
from turngym.envs import lines
from turngym.envs.env import pack_of
from turngym.envs.errors import RunError, TaskError
from turngym.envs.lines import Rows, TornWarning, no_id
from turngym.envs.task import TaskFile

Told = tuple[int, dict, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in `data`, a run in `run`, and tasks in `tasks.jsonl`, four rows each, of registered worlds."""
    place = tmp_path_factory.mktemp("made")
    assert run(["synthesize", "FileSystem", "-n", "4", "--out", str(place / "data")]) == 0
    tasks = [task.line() for task, _ in zip(pack_of("Banking"), range(4), strict=False)]
    (place / "tasks.jsonl").write_text("\n".join(tasks) + "\n")
    assert run(["rollout", str(place / "tasks.jsonl"), "--policy", "oracle", "--out", str(place / "run")]) == 0
    return place


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    def ask(*arguments: object) -> Told:
        capsys.readouterr()
        code = run([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out.strip() else {}, err

    return ask


# Each reads a file of four rows; OUT is a fresh directory, DIR the place where the spoilt file stands among its own.
READERS = {
    "tasks.jsonl": [
        ["rollout", "FILE", "--policy", "null"], ["eval", "FILE", "--policy", "null"], ["verify", "FILE"], ["coverage", "FILE"],
        ["contamination", "FILE", "--against", "FILE"], ["audit", "FILE"],
    ],
    "data/samples.jsonl": [
        ["verify", "DIR"], ["export", "DIR", "--format", "openai", "--files", "jsonl", "--out", "OUT"], ["coverage", "DIR"],
        ["dedup", "DIR", "--out", "OUT"], ["audit", "DIR"], ["refine", "FILE", "--out", "OUT"],
    ],
    "run/trajectories.jsonl": [
        ["rescore", "DIR"], ["compare", "DIR", "DIR"], ["synthesize", "--from", "DIR", "--out", "OUT"],
        ["refresh", "DIR", "--low", "0", "--high", "1", "--retire", "1", "--variants", "0", "--out", "OUT"],
    ],
}  # fmt: skip
COMMANDS = [(source, command) for source, commands in READERS.items() for command in commands]
NAMES_ROWS = ("audit", "refine")  # these two judge rows one by one: a garbled or doubled one is among what they tell
TOLERATES = ("rollout", "eval")  # of tasks, what is torn is told and no figure of theirs

ALIKE = {
    "a byte-order mark": lambda rows: b"\xef\xbb\xbf" + b"".join(rows),
    "CRLF": lambda rows: b"".join(row.replace(b"\n", b"\r\n") for row in rows),
    "blank lines": lambda rows: b"\n" + b"\n  \n\n".join(rows) + b"\r\n\n",
    "no last line end": lambda rows: b"".join(rows)[:-1],
}
REFUSED = {
    "a torn middle": (lambda rows: rows[0] + rows[1][:-40] + b"\n" + rows[2], "line 2, byte {second}: not JSON"),
    "two rows in a line": (lambda rows: rows[0] + rows[1][:-1] + rows[2] + rows[3], "line 2, byte {second}: not JSON (Extra data"),
    "an id that stands twice": (lambda rows: b"".join([*rows[:3], rows[1]]), "line 4, byte {fourth}: the id "),
    "UTF-16": (lambda rows: b"".join(rows).decode().encode("utf-16"), "is UTF-16 text, and JSON Lines are UTF-8"),
    "UTF-16 without a mark": (lambda rows: b"".join(rows).decode().encode("utf-16-be"), "is UTF-16BE text"),
    "a JSON array": (lambda rows: b"[" + b",".join(rows) + b"]\n", "is a JSON array, and JSON Lines are wanted"),
    "a pretty object": (lambda rows: json.dumps(json.loads(rows[0]), indent=2).encode(), "is a JSON object over several lines"),
    "bytes that are no text": (
        lambda rows: b"".join([rows[0], b'{"id": "\xff"}\n', *rows[1:]]),
        "line 2, byte {second}: not JSON (no UTF-8",
    ),
}


def arrange(made: Path, tmp_path: Path, source: str, command: list[str], spoil: Callable[[list[bytes]], bytes]) -> list[str]:
    """The command on a spoilt copy of what `made` holds."""
    whole = (made / source).read_bytes().splitlines(keepends=True)
    file = tmp_path / "given" / source
    file.parent.mkdir(parents=True)
    for other in (made / source).parent.iterdir():
        if other.is_file():
            (file.parent / other.name).write_bytes(other.read_bytes())
    file.write_bytes(spoil(whole))
    names = {"FILE": str(file), "DIR": str(file.parent), "OUT": str(tmp_path / "out")}
    return [names.get(word, word) for word in command]


@pytest.mark.parametrize(("source", "command"), COMMANDS, ids=lambda part: part[0] if isinstance(part, list) else None)
def test_what_is_only_spelt_otherwise_changes_nothing(source, command, made, tmp_path, told):
    plain = told(*arrange(made, tmp_path / "plain", source, command, b"".join))
    assert plain[0] in (0, 1)
    for name, spoil in ALIKE.items():
        code, answer, said = told(*arrange(made, tmp_path / name, source, command, spoil))
        assert (code, said) == (plain[0], plain[2].replace(str(tmp_path / "plain"), str(tmp_path / name))), (name, said)
        for key in ("tasks", "rows", "passed", "failed", "kept", "episodes", "same", "success", "contaminated", "clean", "funnel"):
            if command[0] != "refine" or key != "funnel":
                assert answer.get(key) == plain[1].get(key), (name, key)


@pytest.mark.parametrize(("source", "command"), COMMANDS, ids=lambda part: part[0] if isinstance(part, list) else None)
def test_what_cannot_be_read_is_refused_with_file_line_and_byte(source, command, made, tmp_path, told):
    rows = (made / source).read_bytes().splitlines(keepends=True)
    places = {"second": len(rows[0]), "fourth": sum(map(len, rows[:3]))}
    for name, (spoil, words) in REFUSED.items():
        if command[0] in NAMES_ROWS and name in (
            "a torn middle",
            "two rows in a line",
            "an id that stands twice",
            "bytes that are no text",
        ):
            continue
        code, _, said = told(*arrange(made, tmp_path / name, source, command, spoil))
        if command[0] == "contamination" and name == "a JSON array":
            assert code == 1  # where benchmarks are read, arrays are, for others write so
            continue
        assert (code, said.count("\n")) == (2, 1), (name, said)
        assert str(tmp_path / name / "given" / source) in said
        if command[0] != "contamination" or "id" not in name:
            assert words.format(**places) in said, (name, said)
        if command[0] in ("export", "dedup"):
            assert not (tmp_path / name / "out").exists()


@pytest.mark.parametrize(("source", "command"), COMMANDS, ids=lambda part: part[0] if isinstance(part, list) else None)
def test_a_torn_end_is_told_with_its_byte_and_counted(source, command, made, tmp_path, told):
    rows = (made / source).read_bytes().splitlines(keepends=True)
    code, answer, said = told(*arrange(made, tmp_path, source, command, lambda rows: b"".join(rows)[:-60]))
    if command[0] == "audit":  # it judges line by line, and names this one
        assert (code, [f["task"] for f in answer["findings"]], answer["tasks"]) == (1, ["line 4"], 4)
        return
    assert f"{tmp_path / 'given' / source}, line 4, byte {sum(map(len, rows[:3]))}: a torn last line of {len(rows[3]) - 60} bytes" in said
    if command[0] in TOLERATES:
        assert answer["tasks"] == 3
    elif command[0] == "compare":
        assert [found["torn"] for found in answer["runs"]] == [1, 1]
    else:
        assert answer["torn"] == (2 if command[0] == "contamination" else 1)
    assert code == (1 if command[0] in ("verify", "contamination") else 0), said


def test_the_run_s_own_command_cuts_a_torn_end_and_tells_file_and_byte(made, tmp_path, told):
    rows = (made / "run" / "trajectories.jsonl").read_bytes().splitlines(keepends=True)
    command = ["rollout", made / "tasks.jsonl", "--policy", "oracle", "--out", "DIR"]
    code, answer, said = told(*arrange(made, tmp_path, "run/trajectories.jsonl", command, lambda rows: b"".join(rows)[:-60]))
    assert (code, answer["made"], answer["resumed"]) == (0, 1, 3)
    assert f"trajectories.jsonl, line 4, byte {sum(map(len, rows[:3]))}: cut a torn last line" in said


def test_an_id_is_computed_for_tasks_and_demanded_of_samples_and_trajectories(made, tmp_path, told):
    def bare(rows: list[bytes]) -> bytes:
        return b"".join(json.dumps({k: v for k, v in json.loads(row).items() if k != "id"}).encode() + b"\n" for row in rows)

    for command in (["verify", "FILE"], ["rollout", "FILE", "--policy", "oracle"], ["coverage", "FILE"], ["audit", "FILE"]):
        place = tmp_path / command[0]
        code, answer, said = told(*arrange(made, place, "tasks.jsonl", command, bare))
        assert (code, answer.get("tasks", answer.get("rows"))) == (0, 4), said
        twice = told(*arrange(made, place / "twice", "tasks.jsonl", command, lambda rows: bare([rows[0], rows[0]])))
        assert twice[0] == (1 if command[0] == "audit" else 2)
        assert command[0] == "audit" or "line 2, byte" in twice[2]
    for source in ("data/samples.jsonl", "run/trajectories.jsonl"):
        for command in READERS[source]:
            if command[0] not in NAMES_ROWS:
                code, _, said = told(*arrange(made, tmp_path / source / command[0], source, command, bare))
                assert (code, "line 1, byte 0: no record with an id" in said) == (2, True), (command, said)


def test_audit_and_refine_name_the_rows_that_others_refuse(made, tmp_path, told):
    def middle(rows: list[bytes]) -> bytes:
        return b"".join([rows[0], rows[1][:-40] + b"\n", rows[2], rows[0]])

    _, answer, _ = told(*arrange(made, tmp_path / "a", "tasks.jsonl", ["audit", "FILE"], middle))
    assert [f["code"] for f in answer["findings"]] == ["malformed", "duplicate-id"]
    _, answer, _ = told(*arrange(made, tmp_path / "r", "data/samples.jsonl", ["refine", "FILE", "--out", "OUT"], middle))
    assert (answer["rows"], answer["dropped"]) == (4, 2)
    rejected = [json.loads(line) for line in (tmp_path / "r" / "out" / "rejected.jsonl").read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in rejected] == [(2, "not_json"), (4, "duplicate_row")]


# -- the reader alone -------------------------------------------------------------------------------------


def test_places_stay_true_behind_a_mark_and_blank_lines(tmp_path):
    (tmp_path / "x").write_bytes(b'\xef\xbb\xbf{"id":"a"}\r\n\n \n{"id":"b"}')
    assert [(row.number, row.offset, row.id) for row in Rows(tmp_path / "x")] == [(1, 3, "a"), (4, 18, "b")]


def test_a_tail_of_zeros_is_torn_and_zeros_amid_rows_are_named(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b'{"id":"a"}\n' + bytes(4096))
    rows = Rows(file)
    with pytest.warns(TornWarning, match="line 2, byte 11: a torn last line of 4096 bytes"):
        assert [row.id for row in rows] == ["a"]
    assert rows.torn == 1
    file.write_bytes(b'{"id":"a"}\n' + bytes(9) + b'{"id":"b"}\n')
    with pytest.raises(RunError, match=r"line 2, byte 11: not JSON \(zero bytes at byte 11\)"):
        list(Rows(file))


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_row_cut_anywhere_is_torn_and_never_a_row(tmp_path, cut):
    row = '{"id":"b","text":"é\\ud83d\\ude00 ü","n":[1]}'.encode()
    assert cut < len(row)
    (tmp_path / "x").write_bytes(b'{"id":"a"}\n' + row[:cut])
    with pytest.warns(TornWarning):
        assert [found.id for found in Rows(tmp_path / "x")] == ["a"]


def test_one_line_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MOST_BYTES", 1 << 20)
    (tmp_path / "x").write_bytes(b'{"id":"a"}\n{"id":"' + b"b" * (2 << 20) + b'"}\n')
    with pytest.raises(RunError, match="line 2, byte 11: the line is longer than 1 MB"):
        list(Rows(tmp_path / "x"))


def test_an_error_is_one_short_line_whatever_stands_there(tmp_path):
    for body in (b"[" * 100_000, b'{"id":"' + b"x" * 100_000 + b'"}\n' * 2, b'{"id": ' + b"9" * 5000 + b"}\n", b"\x1b[31m" * 9000 + b"\n"):
        (tmp_path / "x").write_bytes(body)
        with pytest.raises(RunError) as caught, warnings.catch_warnings(action="ignore", category=TornWarning):
            list(Rows(tmp_path / "x", identity=no_id))
        assert len(str(caught.value)) < 600
        assert "\n" not in str(caught.value)


def test_a_task_file_is_read_whole_before_a_task_of_it_is_used(made, tmp_path):
    rows = (made / "tasks.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "tasks.jsonl").write_bytes(rows[0] + b"{torn\n" + rows[1])
    with pytest.raises(TaskError, match=f"tasks.jsonl, line 2, byte {len(rows[0])}: not JSON"):
        TaskFile.read(tmp_path / "tasks.jsonl")
