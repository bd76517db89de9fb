"""Promises of `turngym audit`: what it prints, writes and leaves with; foreign formats; a page on which everything is escaped."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from planting import altered_number, plant, unknown_id

from turngym.cli import run
from turngym.envs.env import pack_of
from turngym.synthesis.auditing import page as pages
from turngym.synthesis.auditing.audit import AuditReport
from turngym.synthesis.auditing.audited import Audited
from turngym.synthesis.auditing.finding import Finding
from turngym.synthesis.auditing.page import page

COUNTING = str(Path(__file__).parent / "counting_case.py") + ":counting"
KEYS = {"task", "kind", "code", "severity", "confidence", "turn", "call", "why"}


def broken_lines(number: int = 2) -> list[str]:
    rng, found = Random(5), []
    for task in pack_of("Banking"):
        if len(found) < number and (line := plant(task, unknown_id, rng)) is not None:
            found.append(line)
    return found


def sound_lines(number: int = 3) -> list[str]:
    return [task.line() for task, _ in zip(pack_of("Banking"), range(number), strict=False)]


def told(capsys, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run(["audit", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_pack_without_a_finding_leaves_with_0(capsys):
    assert told(capsys, "Banking", "-n", "5") == (0, {"tasks": 5, "clean": 5, "findings": []})
    assert run(["audit", "Banking", "-n", "2"]) == 0
    assert "0 findings; 2 of 2 tasks are clean" in capsys.readouterr().out


def test_findings_leave_with_1_and_have_exactly_their_keys(tmp_path, capsys):
    file = tmp_path / "tasks.jsonl"
    file.write_text("\n".join([*sound_lines(), *broken_lines()]) + "\n")
    code, answer = told(capsys, str(file))
    assert code == 1
    assert set(answer) == {"tasks", "clean", "findings"}
    assert (answer["tasks"], answer["clean"]) == (5, 3)
    assert all(set(finding) == KEYS for finding in answer["findings"])
    assert {finding["kind"] for finding in answer["findings"]} >= {"replays"}
    assert run(["audit", str(file)]) == 1
    assert "gold-raises" in capsys.readouterr().out


def test_what_is_less_sure_can_be_left_out(tmp_path, capsys):
    task = {"name": "guess", "turns": [["Count on.", [1], 1]]}
    file = tmp_path / "counts.jsonl"
    file.write_text(json.dumps(task))
    code, answer = told(capsys, str(file), "--adapter", COUNTING)
    assert (code, [f["confidence"] for f in answer["findings"]]) == (1, ["low"])
    assert told(capsys, str(file), "--adapter", COUNTING, "--min-confidence", "medium") == (0, {"tasks": 1, "clean": 1, "findings": []})


def test_a_foreign_format_is_audited_through_a_function(tmp_path, capsys):
    lines = [
        {"name": "sound", "turns": [["Add 40 to it, then 2.", [40, 2], 42]]},
        {"name": "fails", "turns": [["Add 40 to it.", [40], 41]]},
        {"name": "unsaid", "turns": [["Add a bit to it.", [977], 977]]},
        {"name": "idle", "turns": [["Add 30, and take 30 off: add -30.", [30, -30], 0]]},
        {"name": "mismatch", "turns": [["Add 615 to it.", [977], 977]]},
    ]
    file = tmp_path / "counts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    code, answer = told(capsys, str(file), "--adapter", COUNTING)
    found = {(f["task"], f["code"]) for f in answer["findings"]}
    assert code == 1
    assert not [name for name, _ in found if name == "sound"]
    assert found >= {("fails", "gold-does-not-pass"), ("unsaid", "no-source"), ("idle", "idle-passes"), ("mismatch", "number-mismatch")}


def test_records_hold_one_line_a_task_in_order(tmp_path, capsys):
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out"
    file.write_text("\n".join([*broken_lines(1), *sound_lines(2)]))
    assert run(["audit", str(file), "--out", str(out)]) == 1
    records = [json.loads(line) for line in (out / "audit.jsonl").read_text().splitlines()]
    assert [record["clean"] for record in records] == [False, True, True]
    assert records[0]["findings"][0].keys() == KEYS - {"task"}
    assert sorted(path.name for path in out.iterdir()) == ["audit.jsonl", "audited.jsonl", "run.json"]


def test_samples_are_audited_by_their_tasks(tmp_path, capsys):
    assert run(["synthesize", "FileSystem", "-n", "3", "--out", str(tmp_path / "data")]) == 0
    capsys.readouterr()
    assert told(capsys, str(tmp_path / "data")) == (0, {"tasks": 3, "clean": 3, "findings": []})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no task"),
        ("nonsense\nmore nonsense\n", "no task of"),
        ('{"env": "x", "worlds": [{"world": "Nowhere"}], "turns": [{"user": "hi"}]}', "Nowhere"),
        ('{"env": "x", "worlds": [{"world": "Banking"}], "turns": [{"user": "hi", "gold": "sign_in()"}]}', "gold"),
    ],
)
def test_unusable_input_leaves_with_2_and_one_line(tmp_path, capsys, text: str, said: str):
    file = tmp_path / "tasks.jsonl"
    file.write_text(text)
    assert run(["audit", str(file)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-file.jsonl"], ["NoEnv"], ["Banking", "--adapter", "nobody"], ["Banking", "--adapter", "no.such.module:thing"],
        ["Banking", "--adapter", "json:dumps_"], ["Banking", "--html", "/no/such/place.html"], ["Banking", "--min-confidence", "certain"],
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_before_the_work(arguments: list[str], capsys):
    assert run(["audit", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_line_that_is_no_task_is_a_finding_among_others(tmp_path, capsys):
    file = tmp_path / "tasks.jsonl"
    file.write_text("\n".join([sound_lines(1)[0], "{broken", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")]))
    code, answer = told(capsys, str(file))
    assert code == 1
    assert [(f["task"], f["code"]) for f in answer["findings"]] == [("line 2", "malformed"), ("line 3", "malformed")]


# -- the page ---------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collects tags, and checks that they close."""

    VOID = {"meta", "input", "br"}
    LOOSE = {"html", "tr", "td", "th", "tbody", "thead"}

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in self.VOID | self.LOOSE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.LOOSE:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


HOSTILE = "</p></div><script>alert(1)</script><img src=x onerror=alert(2)>'\"&\x1b[31m\u202e"


def test_all_that_comes_from_tasks_is_escaped():
    call = {"label": HOSTILE, "name": HOSTILE, "arguments": HOSTILE, "result": HOSTILE, "failed": True, "changed": True}
    view = [{"user": HOSTILE, "reply": HOSTILE, "released": [HOSTILE], "calls": [call]}]
    found = [Finding("replays", HOSTILE, "high", "high", HOSTILE, 0, HOSTILE), Finding("robust", "c", "low", "low", HOSTILE)]
    report = AuditReport([Audited(1, HOSTILE, found, view=view), Audited(2, HOSTILE, found[:1])])
    text = "".join(page(report, HOSTILE))
    reader = read(text)
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_finding_stands_beside_its_turn(tmp_path, capsys):
    file, html = tmp_path / "tasks.jsonl", tmp_path / "page.html"
    rng = Random(1)
    line = next(found for task in pack_of("Travel") if (found := plant(task, altered_number, rng)) is not None)
    file.write_text(line)
    assert run(["audit", str(file), "--html", str(html)]) == 1
    text = html.read_text()
    reader = read(text)
    first = json.loads(line)["turns"][0]["user"]
    assert " ".join(first.split())[:60] in " ".join(reader.text.split())
    assert "number-mismatch" in reader.text
    assert "http://" not in text.replace("http-equiv", "")
    assert "https://" not in text


def test_a_page_without_findings_says_so():
    assert "No finding" in read("".join(page(AuditReport([Audited(1, "t")]), "t"))).text


def test_a_large_audit_keeps_its_page_small(monkeypatch):
    monkeypatch.setattr(pages, "MOST", 5)
    monkeypatch.setattr(pages, "MOST_LISTED", 20)
    found = [Finding("robust", "c", "low", "low", "why", 0, "f#0")]
    view = [{"user": "u" * 500, "reply": "r", "released": [], "calls": []}]
    text = "".join(page(AuditReport([Audited(n, f"t{n}", list(found), view=view) for n in range(400)]), "t"))
    assert read(text).text.count("u" * 500) == 5
    assert "375 more" in text
    assert len(text) < 60_000
