"""Promises of the comparison of runs: right by hand, fair to both sides, and careful with what it concludes."""

from __future__ import annotations

import json
import random
import sys
from math import comb
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import some_tasks

from turngym.agents import Limits, make_policy, run_all
from turngym.agents.compare import Outcomes, compare, compare_pair, read_outcomes, read_run
from turngym.cli import run
from turngym.envs.errors import RunError
from turngym.envs.lines import TornWarning

Row = tuple[str, int, bool | None]  # task, trial, success (None: an error that is not the policy's)


def record(row: Row, **more: Any) -> dict[str, Any]:
    task, trial, success = row
    made: dict[str, Any] = {
        "id": f"{task}.{trial}",
        "task": {"id": task, "env": f"env-{task[0]}", "category": "even" if len(task) % 2 == 0 else "odd"},
        "policy": {"name": "p"},
        "trial": trial,
        "verdict": {"success": bool(success), "progress": 1.0 if success else 0.5},
    }
    if success is None:
        made |= {"status": "error", "reason": "infrastructure"}
    return made | more


def outcomes(rows: list[Row], name: str = "run", **more: Any) -> Outcomes:
    return read_outcomes((record(row, **more) for row in rows), Outcomes(name))


def solved(*tasks: str, of: str = "abcdefghij") -> list[Row]:
    return [(task, 0, task in tasks) for task in of]


def one(first: list[Row], second: list[Row]) -> dict[str, Any]:
    (pair,) = compare([outcomes(first, "A"), outcomes(second, "B")])["pairs"]
    return pair


# -- by hand ----------------------------------------------------------------------------------------------


def test_differences_wins_and_p_are_those_by_hand():
    pair = one(solved("a", "b", "c"), solved("b", "c", "d", "e", "f", "g"))
    assert (pair["tasks"], pair["wins"], pair["losses"], pair["ties"]) == (10, 4, 1, 5)
    assert pair["success"] == pytest.approx([0.3, 0.6])
    assert pair["difference"] == pytest.approx(0.3)
    assert pair["progress"] == pytest.approx([0.65, 0.8])
    assert pair["progress_difference"] == pytest.approx(0.15)
    assert pair["p"] == pair["p_adjusted"] == pytest.approx(2 * (1 + 5) / 2**5)
    assert pair["better"] == ""
    assert pair["conclusion"].startswith("no difference shown: B ahead by 30.0 points (")
    assert [(flip["task"], flip["success"]) for flip in pair["flipped"]] == [
        ("a", [1.0, 0.0]),
        *((task, [0.0, 1.0]) for task in "defg"),
    ]


def test_trials_of_a_task_are_averaged_before_tasks_are():
    first = [("a", 0, True), ("a", 1, False), ("b", 0, False), ("b", 1, False)]
    second = [("a", 0, True), ("a", 1, True), ("b", 0, True), ("b", 1, False)]
    pair = one(first, second)
    assert (pair["tasks"], pair["episodes"], pair["wins"], pair["losses"]) == (2, 4, 2, 0)
    assert pair["success"] == [0.25, 0.75]
    assert pair["difference"] == 0.5


def test_a_trial_counts_only_where_it_counts_in_both():
    first = [("a", 0, False), ("a", 1, True), ("b", 0, True)]
    second = [("a", 0, None), ("a", 1, True), ("b", 0, True)]
    pair = one(first, second)
    assert pair["difference"] == 0.0  # and not +0.5: nobody knows how trial 0 would have gone
    assert (pair["tasks"], pair["episodes"], pair["unpaired_episodes"]) == (2, 2, 1)


def test_what_is_left_out_is_told_with_why():
    first = [("a", 0, True), ("b", 0, True), ("c", 0, None), ("d", 0, True), ("e", 0, True)]
    second = [("a", 0, True), ("c", 0, True), ("d", 1, True), ("f", 0, True)]
    pair = one(first, second)
    assert pair["dropped"] == {"excluded": 1, "no_common_trial": 1, "only_first": 2, "only_second": 1}
    assert (pair["tasks"], pair["unpaired_episodes"]) == (1, 6)


def test_another_version_of_a_task_is_another_task():
    old, new = (outcomes([("a", 0, True)], name, worlds={"Bank": version}) for name, version in (("A", 1), ("B", 2)))
    (pair,) = compare([old, new])["pairs"]
    assert (pair["tasks"], pair["dropped"]) == (0, {"other_version": 1})
    assert pair["notes"] == ["env-a has task 1, Bank 1 in A, task 1, Bank 2 in B"]
    assert pair["conclusion"] == "nothing can be said: no task counts in both runs"
    assert (pair["p"], pair["difference"], pair["effort"]) == (1.0, 0.0, {})


def test_groups_are_compared_each_for_itself():
    pair = one([("ax", 0, False), ("ay", 0, True), ("b", 0, True)], [("ax", 0, True), ("ay", 0, True), ("b", 0, False)])
    assert {name: part["difference"] for name, part in pair["by_env"].items()} == {"env-a": 0.5, "env-b": -1.0}
    assert {name: (part["wins"], part["losses"]) for name, part in pair["by_category"].items()} == {"even": (1, 0), "odd": (0, 1)}


def test_effort_is_compared_over_tasks_where_both_report_it():
    def steps(prompt: int | None) -> list[dict[str, Any]]:
        return [{"message": 1, **({} if prompt is None else {"usage": {"prompt_tokens": prompt}})}]

    first, second = Outcomes("A"), Outcomes("B")
    for task, ours, theirs in (("a", 100, 160), ("b", 50, 70), ("c", None, 9)):
        first.add(record((task, 0, True), steps=steps(ours)))
        second.add(record((task, 0, True), steps=steps(theirs) * 2, results=[{"error": None}]))
    effort = compare_pair(first, second)["effort"]
    assert set(effort) == {"calls", "steps", "prompt_tokens"}
    assert (effort["steps"]["difference"], effort["calls"]["difference"], effort["calls"]["tasks"]) == (1.0, 1.0, 3)
    tokens = effort["prompt_tokens"]
    assert (tokens["tasks"], tokens["first"], tokens["difference"]) == (2, 75.0, (320 - 100 + 140 - 50) / 2)


# -- conclusions ------------------------------------------------------------------------------------------


def test_a_clear_difference_is_concluded_and_named_after_the_better_run():
    many = [f"a{n}" for n in range(40)]
    worse, better = [(task, 0, n < 10) for n, task in enumerate(many)], [(task, 0, n < 30) for n, task in enumerate(many)]
    pair = one(worse, better)
    low, high = pair["interval"]
    assert (pair["better"], pair["p"]) == ("B", pytest.approx(2 / 2**20))
    assert pair["conclusion"] == f"B is better than A by 50.0 points ({100 * low:.1f} to {100 * high:.1f}), 40 tasks, p < 0.001"
    turned = one(better, worse)
    assert (turned["better"], turned["conclusion"].split(" (")[0]) == ("A", "A is better than B by 50.0 points")


def test_a_few_tasks_alone_conclude_nothing():
    pair = one(solved(of="abc"), solved("a", "b", "c", of="abc"))
    assert pair["interval"] == [1.0, 1.0]  # without width, and yet three wins are no proof
    assert pair["better"] == ""
    assert pair["conclusion"] == "no difference shown: B ahead by 100.0 points (100.0 to 100.0), 3 tasks, p = 0.250; only 3 tasks differ"


def test_the_same_outcomes_differ_by_nothing():
    rows = [(f"a{n}", trial, random.Random(n * 7 + trial).random() < 0.5) for n in range(30) for trial in range(3)]
    pair = one(rows, rows)
    assert (pair["difference"], pair["interval"], pair["progress_interval"]) == (0.0, [0.0, 0.0], [0.0, 0.0])
    assert (pair["p"], pair["better"], pair["flipped"], pair["dropped"], pair["unpaired_episodes"]) == (1.0, "", [], {}, 0)
    assert pair["conclusion"] == "no difference: each of 30 tasks came out alike"


def test_several_comparisons_are_said_and_adjusted_for():
    tasks = [f"a{n}" for n in range(20)]
    runs = [outcomes([(task, 0, n < passed) for n, task in enumerate(tasks)], name) for name, passed in (("A", 0), ("B", 7), ("C", 6))]
    found = compare(runs)
    p = [2 / 2**7, 2 / 2**6]
    assert (found["comparisons"], [pair["second"] for pair in found["pairs"]]) == (2, ["B", "C"])
    assert [pair["p"] for pair in found["pairs"]] == pytest.approx(p)
    assert [pair["p_adjusted"] for pair in found["pairs"]] == pytest.approx([2 * p[0], p[1]])
    assert "(Holm, 2 comparisons)" in found["pairs"][0]["conclusion"]
    every = compare(runs, every=True)["pairs"]
    assert [(pair["first"], pair["second"]) for pair in every] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert every[1]["p_adjusted"] == pytest.approx(2 * p[1])  # 0.0625: what one comparison showed, three do not
    assert (found["pairs"][1]["better"], every[1]["better"]) == ("C", "")


# -- laws -------------------------------------------------------------------------------------------------

ROWS = st.dictionaries(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), st.sampled_from([True, False, None]), min_size=1)


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_of_runs_turns_signs_and_the_order_of_records_nothing(first: dict, second: dict, rng: random.Random):
    rows = [[(task, trial, success) for (task, trial), success in part.items()] for part in (first, second)]
    pair, turned = one(rows[0], rows[1]), one(rows[1], rows[0])
    for name in ("difference", "progress_difference"):
        assert turned[name] == -pair[name]
    for name in ("interval", "progress_interval"):
        assert turned[name] == pytest.approx([-pair[name][1], -pair[name][0]], abs=1e-12)
    assert (turned["wins"], turned["losses"], turned["p"]) == (pair["losses"], pair["wins"], pair["p"])
    assert {"A": "B", "B": "A", "": ""}[turned["better"]] == pair["better"]
    assert pair["wins"] + pair["losses"] + pair["ties"] == pair["tasks"]
    every = {task for task, _, _ in rows[0] + rows[1]}
    assert pair["tasks"] + sum(pair["dropped"].values()) == len(every)
    counting = sum(success is not None for part in rows for _, _, success in part)
    assert 2 * pair["episodes"] + pair["unpaired_episodes"] == counting
    for part in rows:
        rng.shuffle(part)
    assert one(*rows) == pair


@given(ROWS)
def test_a_run_against_itself_covers_zero(rows: dict):
    same = [(task, trial, success) for (task, trial), success in rows.items()]
    pair = one(same, same)
    assert pair["interval"] == [0.0, 0.0]
    assert pair["better"] == ""


@pytest.mark.parametrize("times", [75, pytest.param(300, marks=pytest.mark.slow)])
def test_intervals_cover_the_true_difference_about_as_often_as_they_say(times: int):
    rng = random.Random(11)
    held = falsely = 0
    for _ in range(times):
        first, second = Outcomes("A"), Outcomes("B")
        for n in range(60):
            base = rng.random()  # tasks differ in how hard they are, so that pairing matters
            chance = min(1.0, base + 0.1) if rng.random() < 0.5 else base
            for trial in range(2):
                first.add(record((f"a{n}", trial, rng.random() < base)))
                second.add(record((f"a{n}", trial, rng.random() < chance)))
        low, high = compare_pair(first, second)["interval"]
        held += low <= 0.0475 <= high  # 0.5 * (0.1 - 0.1 ** 2 / 2)
        falsely += high < 0
    assert 0.91 < held / times < 0.985
    assert falsely <= times / 50


@pytest.mark.parametrize("times", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_equal_policies_are_rarely_told_apart(times: int):
    rng = random.Random(3)
    told = 0
    for _ in range(times):
        first, second = ([(f"a{n}", 0, rng.random() < 0.5) for n in range(40)] for _ in range(2))
        told += bool(one(first, second)["better"])
    assert told / times < 0.07
    assert sum(comb(20, k) for k in range(6)) * 2 / 2**20 < 0.05  # the exact test is conservative: it never exceeds its level


# -- files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    run_all(make_policy("oracle"), some_tasks(8), out=place / "oracle", trials=2)
    run_all(make_policy("null"), some_tasks(8), out=place / "null", limits=Limits(steps=7))
    run_all(make_policy("oracle"), some_tasks(4), out=place / "half")
    return place


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["compare", *arguments, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_the_command_compares_directories_and_files(runs: Path, capsys: pytest.CaptureFixture[str]):
    null, oracle, half = (str(runs / name) for name in ("null", "oracle", "half"))
    found = answered(capsys, null, f"{oracle}/trajectories.jsonl", half)
    assert [part["policies"] for part in found["runs"]] == [["null"], ["oracle"], ["oracle"]]
    pair = found["pairs"][0]
    assert (pair["tasks"], pair["wins"], pair["better"], pair["unpaired_episodes"]) == (8, 8, f"{oracle}/trajectories.jsonl", 8)
    assert found["pairs"][1]["dropped"] == {"only_first": 4}
    assert f"limits.steps is 7 in {null}, 100 in {half}" in found["pairs"][1]["notes"]
    assert set(pair["by_category"]) == {"base"}


def test_the_command_says_it_in_words(runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(runs)
    assert run(["compare", "null", "oracle", "--show", "2"]) == 0
    out = capsys.readouterr().out
    assert "oracle is better than null by 100.0 points (100.0 to 100.0), 8 tasks, p = 0.008" in out
    assert "6 other tasks came out otherwise" in out
    assert "limits.steps is 7 in null, 100 in oracle" in out
    assert run(["compare", "oracle", "oracle"]) == 0
    assert "no difference: each of 8 tasks came out alike" in capsys.readouterr().out


def test_a_run_that_is_not_complete_is_told(runs: Path, tmp_path: Path):
    kept = (runs / "oracle" / "trajectories.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "run.json").write_bytes((runs / "oracle" / "run.json").read_bytes())
    (tmp_path / "cut" / "trajectories.jsonl").write_bytes(b"".join(kept[:5]) + kept[5][:30])
    with pytest.warns(TornWarning, match="line 6"):
        cut = read_run(tmp_path / "cut", "cut")
    made = compare([cut, read_run(runs / "oracle", "whole")])
    assert made["pairs"][0]["notes"] == ["cut is not complete: it holds 5 of 16 episodes"]
    assert [run["torn"] for run in made["runs"]] == [1, 0]


def test_what_cannot_be_compared_is_refused_in_a_line(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    good = runs / "oracle" / "trajectories.jsonl"
    lines = good.read_bytes().splitlines(keepends=True)
    wrong = json.loads(lines[0])
    files = {
        "empty.jsonl": (b"", "no finished episode"),
        "garbled.jsonl": (lines[0] + b"{nonsense\n" + lines[1], "line 2"),
        "twice.jsonl": (lines[0] + lines[0], "twice"),
        "sample.jsonl": (b'{"id": "x", "messages": []}\n', "no trajectory"),
        "verdict.jsonl": (json.dumps(wrong | {"verdict": [1]}).encode() + b"\n", "no trajectory"),
        "trial.jsonl": (json.dumps(wrong | {"trial": [1]}).encode() + b"\n", "no trajectory"),
        "text.jsonl": (json.dumps(wrong | {"trial": "0"}).encode() + b"\n", "no trajectory"),
        "nan.jsonl": (json.dumps(wrong | {"verdict": {"progress": float("nan")}}).encode() + b"\n", "no trajectory"),
        "steps.jsonl": (json.dumps(wrong | {"steps": [3]}).encode() + b"\n", "no trajectory"),
    }
    for name, (content, why) in files.items():
        (tmp_path / name).write_bytes(content)
        assert run(["compare", str(good), str(tmp_path / name)]) == 2, name
        told = capsys.readouterr().err
        assert why in told, (name, told)
        assert told.count("\n") == 1, (name, told)
    for arguments in ([str(good)], [str(good), str(tmp_path / "absent")], [str(good), str(tmp_path)]):
        assert run(["compare", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(RunError, match="two runs or more"):
        compare([outcomes(solved("a"))])


def test_text_from_records_does_nothing_to_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    evil = "a\x1b[31mred\x07[bold]\nb"
    for name, success in (("one", True), ("two", False)):
        made = record((evil, 0, success), policy={"name": evil})
        made["task"] |= {"env": evil, "category": evil}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(made) + "\n")
    assert run(["compare", str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")]) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07"} & set(out)
    assert "[bold]" in out
