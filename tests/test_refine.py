"""Refinement as a whole: planted rows end in the right bin with the right reason, the funnel adds up, a run goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from refine_rows import MENDED, PLANTED, Told, call, good, line_of, mended_name

from turngym.agents.policy import InfrastructureError
from turngym.commands import refine as command
from turngym.envs.errors import RunError, UnknownNameError
from turngym.synthesis import Request, synthesize
from turngym.synthesis.formats import sharegpt
from turngym.synthesis.refining import Funnel, RefineOptions, Step, refine


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(f"{line_of(row)}\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def adds_up(report: dict[str, Any]) -> None:
    """The law of the funnel, computed here again from the figures alone."""
    came = report["rows"]
    for stage in report["stages"]:
        assert stage["in"] == came
        assert stage["out"] == stage["passed"] + stage["mended"] + stage["exempt"]
        assert stage["in"] == stage["out"] + sum(stage["dropped"].values())
        came = stage["out"]
    assert came == report["kept"] == report["rows"] - report["dropped"]


# -- planted rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANTED)
def test_a_spoilt_row_ends_in_its_bin_with_its_reason(name: str, tmp_path: Path):
    made, stage, reason = PLANTED[name]
    spoilt = made()
    report = refine(write(tmp_path / "in.jsonl", [good(1), spoilt, good(2)]), tmp_path / "out")
    adds_up(report)
    (rejected,) = read(tmp_path / "out" / "rejected.jsonl")
    assert (rejected["stage"], rejected["reason"], rejected["line"]) == (stage, reason, 2)
    assert rejected["detail"]
    assert rejected["row"] == spoilt
    assert [row["id"] for row in read(tmp_path / "out" / "refined.jsonl")] == ["good-1", "good-2"]


def test_the_planted_kinds_are_many_and_the_good_row_is_good(tmp_path: Path):
    assert len(PLANTED) >= 15
    report = refine(write(tmp_path / "in.jsonl", [good(n) for n in range(5)]), tmp_path / "out")
    assert report["kept"] == 5


def test_all_planted_rows_in_one_file_are_all_found(tmp_path: Path):
    rows = [made() for made, _, _ in PLANTED.values()]
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            row["id"] = f"planted-{number}"
    report = refine(write(tmp_path / "in.jsonl", rows), tmp_path / "out")
    adds_up(report)
    assert report["kept"] == 0
    assert [item["reason"] for item in read(tmp_path / "out" / "rejected.jsonl")] == [reason for _, _, reason in PLANTED.values()]


@pytest.mark.parametrize("name", MENDED)
def test_what_the_rules_can_mend_is_mended_and_counted(name: str, tmp_path: Path):
    made, stage, how, arguments = MENDED[name]
    report = refine(write(tmp_path / "in.jsonl", [mended_name(made())]), tmp_path / "out")
    (row,) = read(tmp_path / "out" / "refined.jsonl")
    function = row["messages"][1]["tool_calls"][0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == ("get_weather", arguments)
    assert row["messages"][2]["name"] == "get_weather"
    assert how in next(item for item in report["stages"] if item["stage"] == stage)["corrections"]


def test_rows_with_one_id_and_equal_rows_are_taken_once(tmp_path: Path):
    other = {**good(2), "id": "good-1"}
    nameless = {k: v for k, v in good(3).items() if k != "id"}
    report = refine(write(tmp_path / "in.jsonl", [good(1), good(1), other, nameless, nameless]), tmp_path / "out")
    assert report["stages"][0]["dropped"] == {"duplicate_id": 1, "duplicate_row": 2}
    assert report["kept"] == 2


def test_a_row_that_was_mended_twice_over_is_as_it_was(tmp_path: Path):
    rows = [mended_name(made()) | {"id": f"m{n}"} for n, (made, *_) in enumerate(MENDED.values())]
    for number, row in enumerate(rows):
        row["messages"][3]["content"] = f"It stays clear, row {number}."
    assert refine(write(tmp_path / "in.jsonl", rows), tmp_path / "one")["kept"] == len(MENDED)
    report = refine(tmp_path / "one" / "refined.jsonl", tmp_path / "two")
    assert (tmp_path / "one" / "refined.jsonl").read_bytes() == (tmp_path / "two" / "refined.jsonl").read_bytes()
    assert all(not stage["mended"] for stage in report["stages"])


def test_a_plain_statement_is_kept_as_it_is(tmp_path: Path):
    plain = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello, how can I help?"}]}
    report = refine(write(tmp_path / "in.jsonl", [plain]), tmp_path / "out")
    assert all(stage["exempt"] for stage in report["stages"][1:])
    assert read(tmp_path / "out" / "refined.jsonl")[0]["messages"] == plain["messages"]


def test_a_wrong_call_that_was_refused_and_put_right_stays_verbatim(tmp_path: Path):
    row = good()
    wrong = {"role": "assistant", "content": "", "tool_calls": [call('{"city": "Oslo"}', identity="c0")]}
    row["messages"][1:1] = [wrong, {"role": "tool", "tool_call_id": "c0", "content": '{"error": "days is missing"}'}]
    assert refine(write(tmp_path / "in.jsonl", [row]), tmp_path / "out")["kept"] == 1
    assert read(tmp_path / "out" / "refined.jsonl")[0]["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Oslo"}'
    row["messages"][2]["content"] = '{"sky": "clear"}'  # accepted by a tool whose schema forbids it: no recovery
    assert refine(write(tmp_path / "in2.jsonl", [row]), tmp_path / "out2")["kept"] == 0


# -- forms ------------------------------------------------------------------------------------------------


def test_our_samples_pass_all_stages_untouched_and_from_every_form(tmp_path: Path):
    synthesize(Request(("banking", "filesystem"), 6, 3), tmp_path / "made")
    report = refine(tmp_path / "made" / "samples.jsonl", tmp_path / "out")
    assert report["kept"] == 6
    assert not any(stage["mended"] for stage in report["stages"])
    refined = read(tmp_path / "out" / "refined.jsonl")
    assert [row["messages"] for row in refined] == [row["messages"] for row in read(tmp_path / "made" / "samples.jsonl")]
    shared = [
        {"id": row["id"], "conversations": sharegpt(row["messages"]), "tools": json.dumps([tool["function"] for tool in row["tools"]])}
        for row in refined
    ]
    report = refine(write(tmp_path / "share.jsonl", shared), tmp_path / "share")
    assert report["kept"] == 6

    def bare(row: dict[str, Any]) -> Any:
        return [
            (m["role"], m.get("content"), m.get("reasoning_content"),
             [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in m.get("tool_calls", ())])
            for m in row["messages"] if m["role"] != "tool"
        ]  # fmt: skip

    assert [bare(row) for row in read(tmp_path / "share" / "refined.jsonl")] == [bare(row) for row in refined]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ('{"name": "get_weather", "arguments": {"city": "Oslo", "days": 2}}', "kept"),
        ("{'name': 'get_weather', 'arguments': {'city': 'Oslo', 'days': 2}}", "kept"),
        ('<think>Oslo it is.</think>[{"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\", \\"days\\": 2}"}]', "kept"),
        ('{"name": "get_weather", "arguments": {"city": "Oslo", ', "unparsable_arguments"),
        ("call the weather", "unparsable_arguments"),
        ('{"name": "get_weather", "arguments": {"city": "Oslo"}}', "missing_argument"),
    ],
)
def test_sharegpt_calls_are_read_or_named(value: str, what: str, tmp_path: Path):
    row = {
        "conversations": [
            {"from": "human", "value": "The weather in Oslo, two days."},
            {"from": "function_call", "value": value},
            {"from": "observation", "value": '[{"sky": "clear"}]'},
            {"from": "gpt", "value": "Clear."},
        ],
        "tools": json.dumps([tool["function"] for tool in good()["tools"]]),
    }
    refine(write(tmp_path / "in.jsonl", [row]), tmp_path / "out")
    kept, rejected = read(tmp_path / "out" / "refined.jsonl"), read(tmp_path / "out" / "rejected.jsonl")
    assert what == (rejected[0]["reason"] if rejected else "kept")
    if kept:
        assert json.loads(kept[0]["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo", "days": 2}
        assert kept[0]["messages"][2]["tool_call_id"] == kept[0]["messages"][1]["tool_calls"][0]["id"]


def test_an_observation_of_nothing_is_no_result(tmp_path: Path):
    row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "observation", "value": "1"}, {"from": "gpt", "value": "Yes"}]}
    refine(write(tmp_path / "in.jsonl", [row]), tmp_path / "out")
    assert read(tmp_path / "out" / "rejected.jsonl")[0]["reason"] == "result_before_call"


# -- the funnel -------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _spoilt(row: dict[str, Any], path: list[int], value: Any) -> dict[str, Any]:
    node: Any = row
    for step in path[:-1]:
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not keys or not isinstance(node[keys[step % len(keys)]], (dict, list)):
            break
        node = node[keys[step % len(keys)]]
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if keys:
        node[keys[path[-1] % len(keys)]] = value
    return row


@given(st.lists(st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=8), _JSON), max_size=8), st.lists(_JSON, max_size=3))
def test_whatever_comes_in_is_counted_and_nothing_raises(tmp_path_factory: Any, spoils: list[Any], foreign: list[Any]):
    place = tmp_path_factory.mktemp("refine")
    rows = [_spoilt(good(n), path, value) for n, (path, value) in enumerate([([0], 1), *spoils])]  # a file of arrays is refused
    rows += [*(json.dumps(item) for item in foreign), good(99)]
    report = refine(write(place / "in.jsonl", rows), place / "out")
    adds_up(report)
    assert report["rows"] == len(rows) == sum(report["files"].values())
    kept, rejected = read(place / "out" / "refined.jsonl"), read(place / "out" / "rejected.jsonl")
    assert (len(kept), len(rejected)) == (report["kept"], report["dropped"])
    assert all(item["reason"] for item in rejected)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Step("a", "passed")],
        [Step("b", "passed")],
        [Step("a", "dropped")],
        [Step("a", "dropped", "x"), Step("b", "passed")],
        [Step("a", "lost", "x"), Step("b", "passed")],  # type: ignore[arg-type]
        [Step("a", "passed"), Step("b", "passed"), Step("b", "passed")],
    ],
)
def test_a_funnel_refuses_ways_that_do_not_add_up(steps: list[Step]):
    funnel = Funnel(["a", "b"])
    with pytest.raises(ValueError, match=r"way|kind|further"):
        funnel.add(steps)
    assert funnel.record()["rows"] == 0


# -- runs -------------------------------------------------------------------------------------------------


class Cut(Exception):
    """Stops a run."""


def test_a_run_that_was_cut_goes_on_to_the_same_bytes(tmp_path: Path):
    rows = [made() for made, _, _ in list(PLANTED.values())[::3]] + [good(n) for n in range(6)] + [good(2)]
    source = write(tmp_path / "in.jsonl", rows)
    whole = refine(source, tmp_path / "whole")
    for at in (1, 5, 9):

        def cut(done: int, wanted: int, at: int = at) -> None:
            if done == at:
                raise Cut

        with pytest.raises(Cut):
            refine(source, tmp_path / "parts", progress=cut)
        with (tmp_path / "parts" / "rows.jsonl").open("ab") as file:
            file.write(b'{"id": "0000')  # what a killed process may leave
    again = refine(source, tmp_path / "parts")
    assert {k: v for k, v in again.items() if k not in ("seconds", "out")} == {
        k: v for k, v in whole.items() if k not in ("seconds", "out")
    }
    for name in ("rows.jsonl", "refined.jsonl", "rejected.jsonl"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_failing_server_ends_the_run_and_the_next_goes_on(tmp_path: Path):
    source = write(tmp_path / "in.jsonl", [good(n) for n in range(4)])
    failing = Told(solvable=['{"ok": true}', '{"ok": true}', InfrastructureError("no server")])
    options = RefineOptions(("fcdr",), concurrency=1)
    with pytest.raises(InfrastructureError):
        refine(source, tmp_path / "out", options, examiner=failing)
    assert len(read(tmp_path / "out" / "rows.jsonl")) == 2
    well = Told()
    assert refine(source, tmp_path / "out", options, examiner=well)["kept"] == 4
    assert sum(c.env == "refine:solvable" for c in well.asked) == 2


def test_another_file_or_other_options_are_refused(tmp_path: Path):
    refine(write(tmp_path / "in.jsonl", [good()]), tmp_path / "out")
    with pytest.raises(RunError, match="stages"):
        refine(tmp_path / "in.jsonl", tmp_path / "out", RefineOptions(("prepare",)))
    with pytest.raises(RunError, match="source"):
        refine(write(tmp_path / "in2.jsonl", [good(1)]), tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (RefineOptions(()), "none"),
        (RefineOptions(("fcdr", "fcdr")), "twice"),
        (RefineOptions(("fcdr", "hard")), "--policy or --model"),
        (RefineOptions(("hard", "fcdr")), "last"),
        (RefineOptions(loops=-1), "loops"),
    ],
)
def test_options_that_cannot_be_followed_are_refused_in_a_line(options: RefineOptions, words: str, tmp_path: Path):
    with pytest.raises(RunError, match=words):
        refine(write(tmp_path / "in.jsonl", [good()]), tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_unknown_parts_and_absent_files_are_named(tmp_path: Path):
    with pytest.raises(UnknownNameError, match="fdcr"):
        refine(write(tmp_path / "in.jsonl", [good()]), tmp_path / "out", RefineOptions(("fdcr",)))
    with pytest.raises(RunError, match=r"absent\.jsonl"):
        refine(tmp_path / "absent.jsonl", tmp_path / "out")
    with pytest.raises(RunError, match="empty"):
        refine(write(tmp_path / "empty.jsonl", []), tmp_path / "out")


def test_the_command_prints_the_funnel_as_data_and_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    app = typer.Typer()
    command.add_to(app)
    source = write(tmp_path / "in.jsonl", [good(), PLANTED["bad enum"][0]() | {"id": "x"}])
    app([str(source), "--out", str(tmp_path / "out"), "--json"], standalone_mode=False)
    shown = json.loads(capsys.readouterr().out)
    adds_up(shown)
    assert shown["files"] == {"refined.jsonl": 1, "rejected.jsonl": 1}
    app([str(source), "--out", str(tmp_path / "out")], standalone_mode=False)
    told = capsys.readouterr().out
    assert "bad_enum 1" in told
    assert "1 of 2 rows kept" in told
