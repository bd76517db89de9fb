"""Models as stages of refinement (arXiv 2505.20192, 2508.05118): their word counts, their loops end, their formulas by hand."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from refine_rows import PLANTED, Told, call, good, line_of

from turngym.synthesis.refining import Model, RefineOptions, Setting, hard_rounds, judges_of, refine, replay_count, stands
from turngym.synthesis.refining.hard import replayed
from turngym.synthesis.refining.reading import read_row


def run(tmp_path: Path, rows: list[Any], parts: tuple[str, ...], examiner: Any = None, answerer: Any = None, **options: Any) -> Any:
    (tmp_path / "in.jsonl").write_text("".join(f"{line_of(row)}\n" for row in rows))
    report = refine(
        tmp_path / "in.jsonl", tmp_path / "out", RefineOptions(parts, **options), examiner=examiner, answerer=answerer
    )  # fmt: skip
    return report, {p.stem: [json.loads(line) for line in p.read_text().splitlines()] for p in (tmp_path / "out").glob("*.jsonl")}


def says(arguments: Any, name: str = "get_weather") -> dict[str, Any]:
    return {"content": "", "tool_calls": [call(json.dumps(arguments), name)]}


RIGHT, WRONG = says({"city": "Oslo", "days": 1, "unit": "celsius"}), says({"city": "Oslo", "days": "soon"})
NO = '{"ok": false, "why": "it does not"}'


@pytest.mark.parametrize(("section", "reason"), [("solvable", "no_tool_fits"), ("reasoning", "reasoning_contradicts")])
def test_a_model_drops_what_no_rule_finds(section: str, reason: str, tmp_path: Path):
    _, files = run(tmp_path, [good()], ("fcdr",), Told(**{section: [NO]}))
    (rejected,) = files["rejected"]
    assert (rejected["stage"], rejected["reason"], rejected["by"]) == (f"fcdr.{section}", reason, "model")
    assert rejected["detail"] == "it does not"


def test_a_rule_is_final_and_asks_no_model(tmp_path: Path):
    model = Told()
    run(tmp_path, [PLANTED["a call although no tool fits"][0]()], ("fcdr",), model)
    assert not model.asked


def test_an_unreadable_model_is_asked_again_then_the_row_is_unproven(tmp_path: Path):
    model = Told(solvable=["Well, yes.", '{"fine": 1}'])
    _, files = run(tmp_path, [good()], ("fcdr",), model)
    assert files["rejected"][0]["reason"] == "model_unreadable"
    assert len(model.asked) == 2
    assert "JSON object" in model.asked[1].messages[-1]["content"]


def test_one_repair_is_enough(tmp_path: Path):
    report, _ = run(tmp_path, [good()], ("fcdr",), Told(solvable=["Well, yes.", 'Sure: {"ok": true}']))
    assert report["kept"] == 1
    assert report["usage"]["requests"] == 3  # two about the tools, one about the reasoning


@pytest.mark.parametrize(("mistakes", "loops", "kept"), [(0, 1, 1), (2, 3, 1), (3, 3, 0), (0, 0, 0)])
@pytest.mark.parametrize("kind", ["missing required", "unparsable json"])
def test_regeneration_loops_as_often_as_it_may(kind: str, mistakes: int, loops: int, kept: int, tmp_path: Path):
    model = Told(answer=[WRONG] * mistakes + [RIGHT])
    report, files = run(tmp_path, [PLANTED[kind][0]()], ("fcdr",), model, loops=loops)
    assert report["kept"] == kept
    assert sum(c.env == "refine:answer" for c in model.asked) == min(mistakes + 1, loops)
    if kept:
        (row,) = files["refined"]
        assert row["messages"][-1]["tool_calls"][0]["function"]["name"] == "get_weather"
        assert len(row["messages"]) == 2  # the former result was another call's
        assert "not accepted" in model.asked[-1].messages[-1]["content"]
    elif loops:
        assert files["rejected"][0]["reason"] == "wrong_type"


def test_preparation_corrects_by_model_then_checks_by_rule_then_asks_finally(tmp_path: Path):
    fix = {"ok": False, "corrections": [{"message": 1, "call": 0, "name": "get_weather", "arguments": {"city": "Oslo", "days": "2"}}]}
    report, files = run(tmp_path, [good()], ("prepare",), Told(correct=[json.dumps(fix)]))
    assert [(s["stage"], s["corrections"]) for s in report["stages"][1:]] == [
        ("prepare.examine", {"corrected": 1}), ("prepare.rules", {"type": 1}), ("prepare.final", {}),
    ]  # fmt: skip
    assert json.loads(files["refined"][0]["messages"][-1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo", "days": 2}


def test_what_a_model_corrects_wrongly_the_rules_drop(tmp_path: Path):
    fix = {"ok": False, "corrections": [{"message": 1, "call": 0, "name": "get_weather", "arguments": {"city": "Oslo"}}]}
    _, files = run(tmp_path, [good()], ("prepare",), Told(correct=[json.dumps(fix)]))
    assert (files["rejected"][0]["stage"], files["rejected"][0]["reason"]) == ("prepare.rules", "missing_argument")


@pytest.mark.parametrize(
    "fix", [[], [{"message": 0, "name": "get_weather", "arguments": {}}], [{"message": 1, "name": "x", "arguments": 3}]]
)
def test_corrections_of_no_call_are_unreadable(fix: Any, tmp_path: Path):
    model = Told(correct=[json.dumps({"ok": False, "corrections": fix})])
    _, files = run(tmp_path, [good()], ("prepare",), model)
    assert files["rejected"][0]["reason"] == "model_unreadable"


def test_the_final_word_is_the_models(tmp_path: Path):
    _, files = run(tmp_path, [good()], ("prepare",), Told(final=[NO]))
    assert (files["rejected"][0]["stage"], files["rejected"][0]["reason"]) == ("prepare.final", "not_accepted")


# -- HDR, by hand -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "every", "most"),
    [
        ([0.6, 0.6, 0.6], True, True),
        ([0.9, 0.9, 0.4], False, True),  # two of three
        ([0.9, 0.4, 0.4], False, False),
        ([0.5, 0.5, 0.5], False, False),  # exactly tau does not stand
        ([0.9, 0.9, 0.5], False, True),
        ([0.9, 0.1], False, False),  # a half is no majority
        ([], False, False),
    ],
)
def test_all_and_majority_by_hand(scores: list[float], every: bool, most: bool):
    assert stands(scores, 0.5, "all") is every
    assert stands(scores, 0.5, "majority") is most


def test_the_replay_share_by_hand():
    assert replay_count(8, 0.2) == 2  # 2 of 10
    assert replay_count(80, 0.2) == 20
    assert replay_count(8, 0.5) == 8
    assert replay_count(0, 0.2) == replay_count(8, 0.0) == 0
    assert replay_count(80, 0.2, available=3) == 3
    drawn = replayed([f"r{n}" for n in range(10)], 4, seed=1)
    assert len(drawn) == 4
    assert drawn == replayed([f"r{n}" for n in reversed(range(10))], 4, seed=1)


def rows_of(*numbers: int) -> list[Any]:
    return [read_row(json.dumps(good(n)).encode()) for n in numbers]


class Learner:
    """Answers the queries it has learnt, in so many of its three samples."""

    name = "learner"

    def __init__(self, knows: dict[str, int]) -> None:
        self.knows = knows
        self.seen: list[tuple[str, int, int]] = []

    async def act(self, conversation: Any) -> Any:
        from turngym.agents.policy import understand

        self.seen.append((conversation.task, conversation.seed, conversation.trial))
        days = int(conversation.task.rpartition("-")[2]) % 14 + 1
        right = conversation.trial >= 3 - self.knows.get(conversation.task, 0)
        return understand(says({"city": "Oslo", "days": days, "unit": "celsius"}) if right else {"content": "No idea."})


def test_the_loop_samples_keeps_trains_and_ends_when_the_pool_is_empty():
    learner = Learner({"good-0": 3, "good-1": 1})
    trained: list[int] = []

    async def train(made: Any) -> None:
        trained.append(made.number)
        learner.knows["good-2"] = 2

    judges = judges_of("rules", None)
    rounds, left = asyncio.run(hard_rounds(rows_of(0, 1, 2), lambda _: Model(learner), judges, Setting(), train))
    assert [(r.number, r.pool, [x.id for x in r.qualified], [x.id for x in r.hard]) for r in rounds] == [
        (1, 3, ["good-0"], ["good-1"]), (2, 1, [], ["good-2"]),
    ]  # fmt: skip
    assert left == []
    assert trained == [1, 2]
    assert len(learner.seen) == 3 * 3 + 3
    assert len(set(learner.seen)) == len(learner.seen)  # every sample has a seed and trial of its own


def test_ten_rounds_are_all_a_row_gets():
    learner = Learner({})
    rounds, left = asyncio.run(hard_rounds(rows_of(1), lambda _: Model(learner), judges_of("rules", None)))
    assert (len(rounds), len(left), len(learner.seen)) == (10, 1, 30)


def test_hard_rows_replay_and_what_is_left_are_files_of_their_own(tmp_path: Path):
    knows = {f"good-{n}": 3 for n in range(4)} | {f"good-{n}": 1 for n in range(4, 12)}
    report, files = run(
        tmp_path, [good(n) for n in range(13)], ("fcdr", "hard"), answerer=Learner(knows), hard=Setting(rounds=2)
    )  # fmt: skip
    assert report["hard"] == {
        "bins": {"hard": 8, "left": 1, "qualified": 4}, "rounds": [{"round": 1, "pool": 13, "left_it": 12}], "unanswered": 1,
    }  # fmt: skip
    assert report["files"] == {"refined.jsonl": 12, "rejected.jsonl": 0, "hard.jsonl": 10, "hard_left.jsonl": 1}
    assert sorted(row["hdr"]["from"] for row in files["hard"]) == ["hard"] * 8 + ["replay"] * 2
    assert files["hard_left"][0]["id"] == "good-12"
    assert len(files["refined"][5]["messages"]) == 2  # the query, and the model's own answer


@pytest.mark.parametrize(("keep", "kept"), [("all", 0), ("majority", 1)])
def test_two_judges_of_three_are_a_majority_and_not_all(keep: Any, kept: int, tmp_path: Path):
    judge = Told(judge_calls=['{"score": 0.9}'], judge_solves=['{"score": 0.9}'], judge_reasoning=['{"score": 0.2}'])
    report, _ = run(
        tmp_path, [good(1)], ("hard",), judge, Learner({"good-1": 2}), judges="models", hard=Setting(keep=keep, rounds=1)
    )  # fmt: skip
    assert report["kept"] == kept


def test_a_rule_bounds_a_generous_judge(tmp_path: Path):
    fond = Told(**{f"judge_{view}": ['{"score": 1}'] for view in ("calls", "solves", "reasoning")})
    report, _ = run(tmp_path, [good(1)], ("hard",), fond, Learner({}), judges="both", hard=Setting(keep="all", rounds=1))
    assert report["kept"] == 0
    (tmp_path / "fooled").mkdir()
    fooled, _ = run(tmp_path / "fooled", [good(1)], ("hard",), fond, Learner({}), judges="models", hard=Setting(keep="all", rounds=1))
    assert fooled["kept"] == 1
