"""Near-duplicates: what is near by its words, what is not, and the data set without them."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from turngym.cli import run
from turngym.envs.errors import MissingExtraError, RunError
from turngym.synthesis import Request, synthesize, verify_directory
from turngym.synthesis.export import export_dataset
from turngym.synthesis.formats import ExportOptions
from turngym.synthesis.surveying.nearness import MISSED, Neighbours, bands, deduplicate
from turngym.synthesis.surveying.shingles import jaccard, shingles, words_of

HERE = Path(__file__).parent
LIBRARY = f"{HERE / 'mini_world.py'}:Library"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "samples"
    synthesize(Request((LIBRARY,), 12, 3), out)
    return out


def rows_in(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "samples.jsonl").read_text().splitlines()]


def doubled(source: Path, out: Path, *places: int, change: Any = str) -> Path:
    """The data set with further rows that say what these rows say, changed by `change`."""
    out.mkdir(parents=True)
    for name in ("run.json", "summary.json"):
        (out / name).write_text((source / name).read_text())
    rows = rows_in(source)
    for number, place in enumerate(places):
        row = copy.deepcopy(rows[place])
        row["id"] = f"copy-{number}"
        for turn in row["task"]["turns"]:
            turn["user"] = change(turn["user"])
        rows.append(row)
    (out / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return out


# -- words ------------------------------------------------------------------------------------------------


def test_words_are_told_by_letters_and_digits_alone():
    assert words_of("Move 'Final_Report.pdf', NOW!") == ["move", "final", "report", "pdf", "now"]
    assert words_of("Straße １２ caffè") == ["strasse", "12", "caffè"]
    assert words_of("東京へ 行く") == ["東", "京", "へ", "行", "く"]
    assert words_of("  …  ") == []


def test_the_index_of_shingles_by_hand():
    one, other = shingles(["a b c d e"]), shingles(["a b c d x"])  # abc bcd cde / abc bcd cdx
    assert jaccard(one, other) == 2 / 4
    assert jaccard(one, one) == 1.0
    assert jaccard(shingles(["yes"]), shingles(["no"])) == 0.0
    assert jaccard(shingles([]), shingles([])) == 1.0
    assert shingles(["a b", "c d"]).size == 2  # runs do not reach from turn to turn
    assert jaccard(shingles(["a b", "c d"]), shingles(["a b c d"])) == 0.0


# -- the sketch and the exact index -----------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_a_pair_at_the_threshold_is_missed_with_less_than_the_stated_chance(threshold: float):
    number, rows = bands(threshold)
    assert number * rows <= 128
    missed = (1 - threshold**rows) ** number
    assert missed < MISSED or rows == 1
    if rows < 128:  # the longest rows that do so: one more would miss too many
        assert (1 - threshold ** (rows + 1)) ** (128 // (rows + 1)) >= MISSED


def texts(rng: Random, n: int, same: int) -> tuple[str, str]:
    """Two texts of n words, of which the first `same` are equal."""
    first = [f"w{rng.randrange(10**6)}" for _ in range(n)]
    return " ".join(first), " ".join([*first[:same], *(f"v{rng.randrange(10**6)}" for _ in range(n - same))])


def test_near_pairs_are_found_and_far_ones_are_not():
    rng, found, wanted = Random(1), 0, 0
    for number in range(300):
        one, other = (shingles([text]) for text in texts(rng, 100, rng.randrange(60, 101)))
        neighbours = Neighbours(0.8)
        neighbours.add(one)
        near = neighbours.find(other)
        exact = jaccard(one, other)
        assert near is None or near.jaccard == exact >= 0.8, number
        wanted += exact >= 0.8
        found += near is not None
    assert found == wanted > 50


def test_a_sketch_alone_never_removes_what_is_not_near(monkeypatch: pytest.MonkeyPatch):
    neighbours = Neighbours(0.9)
    for text in ("one two three four", "five six seven eight", "nine ten eleven twelve"):
        neighbours.add(shingles([text]))
    monkeypatch.setattr(neighbours._index, "query", lambda sketch: [2, 1, 0])  # a sketch that takes all for near
    assert neighbours.find(shingles(["alpha beta gamma delta"])) is None
    near = neighbours.find(shingles(["Nine, ten: eleven TWELVE!"]))
    assert near is not None
    assert (near.key, near.jaccard) == (2, 1.0)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_equal_words_are_always_found_and_the_first_of_them(said: list[str]):
    neighbours = Neighbours(0.9)
    firsts: dict[bytes, int] = {}
    for text in said:
        words = shingles([text])
        near = neighbours.find(words)
        assert (near.key if near else None) == firsts.get(words.tobytes())
        if near is None:
            firsts[words.tobytes()] = neighbours.add(words)


def test_the_same_calls_with_other_names_are_no_duplicates_and_the_same_words_are():
    neighbours = Neighbours(0.9)
    neighbours.add(shingles(["Please borrow the book called Emma, and send it to Anna."]))
    assert neighbours.find(shingles(["Please borrow the book called Dune, and send it to Boris."])) is None
    assert neighbours.find(shingles(["please borrow the book called emma AND send it to 'Anna'"])) is not None


def test_thresholds_that_are_none_are_refused():
    for threshold in (0.0, -1, 1.1):
        with pytest.raises(RunError, match="no Jaccard index"):
            Neighbours(threshold)


def test_without_datasketch_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(MissingExtraError, match=r"turngym\[data\]"):
        Neighbours(0.9)


# -- a data set without them ------------------------------------------------------------------------------


def test_a_data_set_without_near_duplicates_is_a_data_set(made: Path, tmp_path: Path):
    source = doubled(made, tmp_path / "doubled", 0, 4, 4, 7, change=str.upper)
    report = deduplicate(source, tmp_path / "out")
    assert (tmp_path / "out" / "samples.jsonl").read_bytes() == (made / "samples.jsonl").read_bytes()  # the first of a group stays
    ids = [row["id"] for row in rows_in(made)]
    assert [(item["id"], item["near"]) for item in report["removed"]] == [
        ("copy-0", ids[0]), ("copy-1", ids[4]), ("copy-2", ids[4]), ("copy-3", ids[7]),
    ]  # fmt: skip
    verified = verify_directory(tmp_path / "out")
    assert (verified["rows"], verified["failed"]) == (12, [])
    assert export_dataset(tmp_path / "out", tmp_path / "export", ExportOptions("openai", files="jsonl"))["samples"] == 12
    assert "near_duplicate" in (tmp_path / "export" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "near_duplicates.json").read_text())["removed"] == report["removed"]


def test_the_funnel_still_adds_up(made: Path, tmp_path: Path):
    source = doubled(made, tmp_path / "doubled", 1, 2)
    summary = json.loads((source / "summary.json").read_text())
    (source / "summary.json").write_text(json.dumps({**summary, "kept": 14, "funnel": {**summary["funnel"], "kept": 14, "candidates": 40}}))
    found = deduplicate(source, tmp_path / "out")
    funnel = json.loads((tmp_path / "out" / "summary.json").read_text())["funnel"]
    assert funnel == found["funnel"]
    assert (funnel["kept"], funnel["rejected"]["near_duplicate"], funnel["candidates"]) == (12, 2, 40)
    assert found["near_duplicates"] == {"rows": 14, "removed": 2, "threshold": 0.9, "torn": 0}
    (source / "summary.json").unlink()  # then the rows themselves say what they know
    again = deduplicate(source, tmp_path / "again")["funnel"]
    assert again["candidates"] == again["kept"] + sum(again["rejected"].values())


def test_the_same_command_goes_on_to_the_same_bytes(made: Path, tmp_path: Path):
    source = doubled(made, tmp_path / "doubled", 3, 3)
    deduplicate(source, tmp_path / "out")
    whole = (tmp_path / "out" / "samples.jsonl").read_bytes()
    cut = whole[: len(whole) * 2 // 3]
    (tmp_path / "out" / "samples.jsonl").write_bytes(cut)
    deduplicate(source, tmp_path / "out")
    assert (tmp_path / "out" / "samples.jsonl").read_bytes() == whole
    with pytest.raises(RunError, match="made otherwise"):
        deduplicate(source, tmp_path / "out", 0.5)
    with pytest.raises(RunError, match="made otherwise"):  # other rows
        deduplicate(made, tmp_path / "out")


def test_what_is_no_data_set_is_refused(made: Path, tmp_path: Path):
    with pytest.raises(RunError, match="is the data set itself"):
        deduplicate(made, made)
    with pytest.raises(RunError, match=r"holds no samples\.jsonl"):
        deduplicate(tmp_path, tmp_path / "out")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "samples.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(RunError, match="the row x is no sample"):
        deduplicate(tmp_path / "odd", tmp_path / "out")


def test_the_command_tells_what_it_removed(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = doubled(made, tmp_path / "doubled", 5)
    assert run(["dedup", str(source), "--out", str(tmp_path / "out")]) == 0
    assert "12 of 13 rows stay, 1 were near an earlier one" in capsys.readouterr().out
    assert run(["dedup", str(source), "--out", str(tmp_path / "out2"), "--threshold", "0.95", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["near_duplicates"]["threshold"] == 0.95
    assert run(["dedup", str(source), "--out", str(tmp_path / "out3"), "--threshold", "0"]) == 2
