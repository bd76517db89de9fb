"""Contamination: what was planted is found by its evidence, in any layout, and clean rows are not accused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from turngym.cli import run
from turngym.envs.errors import RunError, UnknownNameError
from turngym.synthesis import Request, synthesize
from turngym.synthesis.export import export_dataset
from turngym.synthesis.formats import ExportOptions
from turngym.synthesis.surveying.contamination import RUN, SHORT, Phrases, contamination
from turngym.synthesis.surveying.conversations import Call, parse_call, read_conversations

HERE = Path(__file__).parent
LIBRARY = f"{HERE / 'mini_world.py'}:Library"
WORDS = [
    f"{a}{b}" for a in ("ba", "de", "fi", "go", "lu", "me", "no", "pi", "ra", "su") for b in ("len", "mar", "nic", "pos", "ron", "tal")
]


def sentence(rng: Random, n: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n))


def task(identity: str, *said: str, calls: tuple[tuple[str, dict[str, Any]], ...] = ()) -> dict[str, Any]:
    gold = [{"id": f"c{n}", "name": name, "arguments": arguments} for n, (name, arguments) in enumerate(calls)]
    return {"id": identity, "turns": [{"user": text, **({"gold": gold} if not n else {})} for n, text in enumerate(said)]}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def signs_of(report: dict[str, Any]) -> dict[str, list[str]]:
    return {item["id"]: [piece["sign"] for piece in item["evidence"]] for item in report["found"]}


# -- the signs --------------------------------------------------------------------------------------------


def test_thirteen_words_in_a_row_accuse_and_twelve_do_not(tmp_path: Path):
    rng = Random(1)
    entry = sentence(rng, 40).split()
    rows = [task(f"row{n}", f"{sentence(rng, 20)} {' '.join(entry[5 : 5 + n])} {sentence(rng, 20)}") for n in (RUN - 1, RUN, RUN + 7)]
    report = contamination(write(tmp_path / "rows.jsonl", *rows), [write(tmp_path / "given.jsonl", task("entry", " ".join(entry)))])
    assert signs_of(report) == {"row13": ["words"], "row20": ["words"]}
    evidence = report["found"][0]["evidence"][0]
    assert evidence == {"sign": "words", "file": "given.jsonl", "entry": "entry", "shared": " ".join(entry[5:18])}
    assert (report["rows"], report["contaminated"], report["signs"]) == (3, 2, {"words": 2, "similar": 0, "calls": 0})


def test_signs_and_case_hide_nothing(tmp_path: Path):
    text = sentence(Random(2), 16)
    dressed = "... ".join(word.upper() for word in text.split())
    assert contamination(write(tmp_path / "rows.jsonl", task("row", dressed)), [write(tmp_path / "given.jsonl", task("e", text))])[
        "contaminated"
    ]


@pytest.mark.parametrize(("length", "accused"), [(SHORT - 1, False), (SHORT, True), (RUN - 1, True)])
def test_a_short_turn_counts_where_the_whole_turn_is_the_same(length: int, accused: bool, tmp_path: Path):
    rng = Random(length)
    text = sentence(rng, length)
    given = write(tmp_path / "given.jsonl", task("e", sentence(rng, 30), text))
    same = contamination(write(tmp_path / "same.jsonl", task("row", sentence(rng, 30), text)), [given])
    inside = contamination(write(tmp_path / "inside.jsonl", task("row", f"{sentence(rng, 30)} {text}")), [given])
    assert bool(same["contaminated"]) == accused
    assert not inside["contaminated"]


def test_a_phrase_that_all_rows_are_made_of_accuses_nobody_and_a_copied_passage_does(tmp_path: Path):
    rng = Random(4)
    phrase = "would you be so kind and tell me what is left of my money if you can"
    given = write(tmp_path / "given.jsonl", task("e1", f"{phrase} {sentence(rng, 30)}"), task("e2", sentence(rng, 40)))
    common = [task(f"row{n}", f"{sentence(rng, 9)} {' '.join(rng.sample(phrase.split(), 16))} {sentence(rng, 9)}") for n in range(60)]
    polite = [task(f"polite{n}", f"{phrase} {sentence(rng, 9)}") for n in range(5)]
    clean = contamination(write(tmp_path / "clean.jsonl", *common, *polite), [given])
    assert clean["contaminated"] == 0
    passage = " ".join(json.loads(given.read_text().splitlines()[1])["turns"][0]["user"].split()[3:19])
    stolen = " ".join(f"xx{n}" for n in range(20))
    given = write(tmp_path / "given2.jsonl", task("e1", f"{phrase} {sentence(rng, 30)}"), task("e2", f"{passage} {stolen}"))
    copies = [task(f"copy{n}", f"{sentence(rng, 12)} {stolen}") for n in range(30)]  # a rare word copied thirty times stays rare
    report = contamination(write(tmp_path / "copied.jsonl", *common, *polite, *copies), [given])
    assert set(signs_of(report)) == {f"copy{n}" for n in range(30)}


def test_what_is_rare_is_counted_outside_of_what_is_shared():
    phrases = Phrases()
    entry = [f"w{n}" for n in range(20)]
    phrases.hold([" ".join(entry)], 0)
    for _ in range(50):
        phrases.count([" ".join(entry)])
    assert phrases.told([" ".join(entry)]) == (0, " ".join(entry[:RUN]))
    for _ in range(3):
        phrases.count([" ".join(reversed(entry))])  # now everybody uses these words
    assert phrases.told([" ".join(entry)]) is None


def test_a_conversation_with_few_other_words_is_similar(tmp_path: Path):
    rng = Random(5)
    words = sentence(rng, 120).split()
    near = [*words]
    for place in range(11, 120, 12):  # no thirteen in a row are left
        near[place] = f"other{place}"
    far = [word if n % 3 else f"other{n}" for n, word in enumerate(words)]
    rows = write(tmp_path / "rows.jsonl", task("near", " ".join(near)), task("far", " ".join(far)))
    given = [write(tmp_path / "given.jsonl", task("e", " ".join(words)))]
    assert signs_of(contamination(rows, given, similar=0.5)) == {"near": ["similar"]}
    assert signs_of(contamination(rows, given)) == {}


def test_equal_calls_with_equal_arguments_accuse_whatever_the_words(tmp_path: Path):
    rng = Random(6)
    calls = (("find", {"title": "Emma"}), ("borrow", {"book": "BK-1", "days": 7}))
    given = [write(tmp_path / "given.jsonl", task("e", sentence(rng, 20), calls=calls))]
    rows = {
        "same": calls,
        "floats": (calls[0], ("borrow", {"days": 7.0, "book": "BK-1"})),
        "other": (calls[0], ("borrow", {"book": "BK-2", "days": 7})),
        "order": calls[::-1],
        "more": (*calls, ("find", {"title": "Dune"})),
    }
    report = contamination(
        write(tmp_path / "rows.jsonl", *(task(name, sentence(rng, 20), calls=made) for name, made in rows.items())), given
    )
    assert signs_of(report) == {"same": ["calls"], "floats": ["calls"]}
    assert report["found"][0]["evidence"][0]["shared"] == "find, borrow"


def test_calls_that_are_too_few_to_tell_accuse_nobody(tmp_path: Path):
    rng = Random(7)
    for number, calls in enumerate(
        [(("ls", {}),), (("ls", {}), ("pwd", {})), (("ls", {}), ("cd", {"to": "x"})), (("say", {"a": 1, "b": 2}),)]
    ):
        given = [write(tmp_path / f"given{number}.jsonl", task("e", sentence(rng, 20), calls=calls))]
        assert not contamination(write(tmp_path / f"rows{number}.jsonl", task("r", sentence(rng, 20), calls=calls)), given)["contaminated"]


def test_signs_can_be_chosen(tmp_path: Path):
    text = sentence(Random(8), 40)
    rows, given = write(tmp_path / "rows.jsonl", task("r", text)), [write(tmp_path / "given.jsonl", task("e", text))]
    assert signs_of(contamination(rows, given)) == {"r": ["words", "similar"]}
    assert signs_of(contamination(rows, given, signs=("calls",))) == {}
    with pytest.raises(UnknownNameError, match="similar"):
        contamination(rows, given, signs=("simlar",))
    with pytest.raises(RunError, match="--against"):
        contamination(rows, [])


# -- layouts ----------------------------------------------------------------------------------------------


def bfcl(folder: Path, entries: list[tuple[str, list[str], list[list[str]]]]) -> Path:
    questions = [{"id": i, "question": [[{"role": "user", "content": t}] if t else [] for t in said]} for i, said, _ in entries]
    write(folder / "possible_answer" / "BFCL_x.json", *({"id": i, "ground_truth": truth} for i, _, truth in entries))
    document = {"name": "mv", "parameters": {"properties": {"source": {}, "destination": {}}}}
    write(folder / "multi_turn_func_doc" / "files.json", document)
    return write(folder / "BFCL_x.json", *questions)


def test_every_layout_says_the_same(tmp_path: Path):
    said, calls = ("Move it.", "And back."), ((Call("mv", {"source": "a", "destination": "b"}),), (Call("pwd", {}),))
    call = {"id": "1", "function": {"name": "mv", "arguments": '{"source": "a", "destination": "b"}'}}
    messages = [
        {"role": "system", "content": "Help."}, {"role": "user", "content": said[0]},
        {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1", "content": "ok"},
        {"role": "assistant", "content": "done"}, {"role": "user", "content": said[1]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "2", "function": {"name": "pwd", "arguments": "{}"}}]},
    ]  # fmt: skip
    turns = [{"user": said[0], "gold": [{"id": "1", "name": "mv", "arguments": calls[0][0].arguments}]}]
    turns.append({"user": said[1], "gold": [{"id": "2", "name": "pwd"}]})
    paths = [
        write(tmp_path / "tasks.jsonl", {"id": "x", "turns": turns}),
        write(tmp_path / "samples.jsonl", {"id": "x", "task": {"turns": turns}, "fingerprints": [], "messages": []}),
        bfcl(tmp_path / "bfcl", [("x", list(said), [["mv('a', destination='b')"], ["pwd()"]])]),
        write(tmp_path / "openai.jsonl", {"id": "x", "messages": messages}),
        write(tmp_path / "trl.jsonl", {"id": "x", "prompt": messages[:5], "completion": messages[5:]}),
    ]
    (tmp_path / "list.json").write_text(json.dumps([{"id": "x", "messages": messages}]))
    for path in [*paths, tmp_path / "list.json"]:
        assert [tuple(found) for found in read_conversations(path)] == [("x", said, calls)], path


def test_our_own_export_to_bfcls_layout_is_read_back(tmp_path: Path):
    synthesize(Request((LIBRARY,), 5, 3), tmp_path / "data")
    export_dataset(tmp_path / "data", tmp_path / "bfcl", ExportOptions("bfcl"))
    files = [path for path in (tmp_path / "bfcl").rglob("BFCL_*.json") if path.parent.name != "possible_answer"]
    report = contamination(tmp_path / "data", files)
    assert report["contaminated"] == 5
    assert report["signs"]["similar"] == 5
    assert report["signs"]["calls"] >= 3


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch planted')",
        "f(open('planted', 'w'))",
        "f(a=1+g())",
        "f(**{'a': 1})",
        "f",
        "f(",
        "1",
        "f(a=x)",
        "\x00",
    ],
)
def test_call_strings_are_never_evaluated(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = parse_call(text)
    assert found is None or (found.name == "system" and found.arguments == {"0": "touch planted"})
    assert not (tmp_path / "planted").exists()


def test_call_strings_as_they_stand_in_bfcl():
    assert parse_call("sort('final_report.pdf')") == Call("sort", {"0": "final_report.pdf"})
    assert parse_call("ls(a=True)") == Call("ls", {"a": True})
    assert parse_call("Api.post(tags=['#a', '#b'], n=-1.5)") == Call("post", {"tags": ["#a", "#b"], "n": -1.5})
    assert parse_call(r"echo(content='C:\data')") == Call("echo", {"content": r"C:\data"})


def test_files_that_cannot_be_read_are_one_line_with_the_place(tmp_path: Path):
    for text, why in (
        ("", "holds no conversation"),
        ("{}\n", "row 1"),
        ("nonsense\n", "line 1, byte 0: not JSON"),
        ("[1]\n", "row 1"),
        ("7\n", "line 1, byte 0: no object but int"),
    ):
        (tmp_path / "given.jsonl").write_text(text)
        with pytest.raises(RunError, match=why):
            list(read_conversations(tmp_path / "given.jsonl"))
    with pytest.raises(RunError, match="cannot read"):
        list(read_conversations(tmp_path / "absent.jsonl"))


# -- data sets --------------------------------------------------------------------------------------------


def test_planted_rows_of_a_data_set_are_found_and_told_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = Random(9)
    synthesize(Request((LIBRARY,), 10, 3), tmp_path / "data")
    lines = (tmp_path / "data" / "samples.jsonl").read_text().splitlines()
    entries = [(f"multi_turn_base_{n}", [sentence(rng, 25), sentence(rng, 9)], [["pwd()"], []]) for n in range(20)]
    given = bfcl(tmp_path / "given", entries)
    assert run(["contamination", str(tmp_path / "data"), "--against", str(given)]) == 0
    assert "0 of 10 rows are contaminated" in capsys.readouterr().out
    finding = json.loads((tmp_path / "data" / "summary.json").read_text())["contamination"]
    assert [item["contaminated"] for item in finding["comparisons"]] == [0]
    planted = json.loads(lines[4])
    planted["task"]["turns"][0]["user"] += f" {entries[7][1][0]}"
    (tmp_path / "data" / "samples.jsonl").write_text("\n".join([*lines[:4], json.dumps(planted), *lines[5:]]) + "\n")
    other = write(tmp_path / "other.jsonl", task("o", sentence(rng, 30)))
    assert run(["contamination", str(tmp_path / "data"), "--against", str(given), str(other), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in report["found"]] == [planted["id"]]
    assert report["found"][0]["evidence"][0]["entry"] == "multi_turn_base_7"
    assert [file["entries"] for file in report["files"]] == [20, 1]
    summary = json.loads((tmp_path / "data" / "summary.json").read_text())
    assert summary["kept"] == 10  # the rest of the summary stays
    assert summary["contamination"]["comparisons"][0]["first"] == [planted["id"]]
    assert str(tmp_path) not in json.dumps(summary["contamination"])


def test_comparisons_of_equal_rows_stand_side_by_side(tmp_path: Path):
    rng = Random(10)
    synthesize(Request((LIBRARY,), 4, 3), tmp_path / "data")
    files = [write(tmp_path / f"{name}.jsonl", task("e", sentence(rng, 30))) for name in ("one", "two")]
    for file in (*files, files[0]):
        assert run(["contamination", str(tmp_path / "data"), "--against", str(file)]) == 0
    finding = json.loads((tmp_path / "data" / "summary.json").read_text())["contamination"]
    assert [item["files"][0]["file"] for item in finding["comparisons"]] == ["two.jsonl", "one.jsonl"]
    export_dataset(tmp_path / "data", tmp_path / "export", ExportOptions("openai", files="jsonl"))
    assert '"file": "two.jsonl"' in (tmp_path / "export" / "README.md").read_text()


def test_a_data_set_is_not_accused_of_another_seeds_data(tmp_path: Path):
    for seed in (1, 2):
        synthesize(Request(("FileSystem",), 12, seed), tmp_path / f"data{seed}")
    report = contamination(tmp_path / "data1", [tmp_path / "data2"])
    assert report["signs"]["similar"] == report["signs"]["calls"] == 0
    assert contamination(tmp_path / "data1", [tmp_path / "data1"])["contaminated"] == 12
