"""The pipeline writes the same bytes in every process and after every stop, and its counts add up."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from planned_rounds import scene  # noqa: F401

from turngym.envs.errors import RunError, TurngymError
from turngym.synthesis import AssemblyOptions, Maker, Request, synthesize, verify_directory, verify_row
from turngym.synthesis.assemble import TURNS

ENV = "mini_world:Library"
MIXED = (ENV, "planted_worlds:Market")
SCRIPT = """
import sys
sys.path[:0] = [sys.argv[1]]
from turngym.synthesis import Request, synthesize
synthesize(Request(tuple(sys.argv[3].split(",")), int(sys.argv[4]), seed=7), sys.argv[2])
"""


def elsewhere(out: Path, envs: str, n: int, hash_seed: str) -> bytes:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(out), envs, str(n)]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True)
    return (out / "samples.jsonl").read_bytes()


def rows_of(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "samples.jsonl").read_text().split("\n") if line]


# -- the same bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hash_seed", ["77", pytest.param("1", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("envs", "n"), [(",".join(MIXED), 12), pytest.param("FileSystem", 4, marks=pytest.mark.slow)])
def test_the_same_command_writes_the_same_bytes_in_every_process(tmp_path: Path, envs: str, n: int, hash_seed: str):
    synthesize(Request(tuple(envs.split(",")), n, seed=7), tmp_path / "here")
    mine = (tmp_path / "here" / "samples.jsonl").read_bytes()
    assert len(mine.splitlines()) >= n - 2
    assert elsewhere(tmp_path / "there", envs, n, hash_seed) == mine


def test_a_sample_depends_on_its_index_alone():
    few, many = (list(Maker(Request((ENV,), n, seed=3)).stream()) for n in (4, 9))
    assert [m.sample.line() for m in few if m.sample] == [m.sample.line() for m in many[:4] if m.sample]
    alone = list(Maker(Request((ENV,), 9, seed=3)).stream(skip={0, 1, 2, 3, 4, 5, 6, 8}))
    assert [m.index for m in alone] == [7]
    assert alone[0].sample is not None
    assert alone[0].sample.line() == next(m.sample.line() for m in many if m.index == 7 and m.sample)


def test_another_seed_makes_other_samples():
    one, two = (list(Maker(Request((ENV,), 6, seed=seed)).stream()) for seed in (1, 2))
    assert not {m.sample.id for m in one if m.sample} & {m.sample.id for m in two if m.sample}


@pytest.mark.parametrize("stop", [1, 4, 9])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path, stop: int):
    request = Request(MIXED, 12, seed=7)
    synthesize(request, tmp_path / "whole")
    made = []

    def halt(sample: Any) -> None:
        made.append(sample)
        if len(made) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(request, tmp_path / "part", keep=halt)
    assert len(rows_of(tmp_path / "part")) == stop
    summary = synthesize(request, tmp_path / "part")
    assert (tmp_path / "part" / "samples.jsonl").read_bytes() == (tmp_path / "whole" / "samples.jsonl").read_bytes()
    again = json.loads((tmp_path / "part" / "summary.json").read_text())
    whole = json.loads((tmp_path / "whole" / "summary.json").read_text())
    assert again == whole
    assert summary["funnel"] == synthesize(request, tmp_path / "whole")["funnel"]


def test_a_torn_end_is_made_again_wherever_it_tears(tmp_path: Path):
    request = Request((ENV,), 6, seed=7)
    synthesize(request, tmp_path)
    path = tmp_path / "samples.jsonl"
    whole, rng = path.read_bytes(), random.Random(3)
    for _ in range(5):
        path.write_bytes(whole[: rng.randrange(1, len(whole))])
        synthesize(request, tmp_path)
        assert path.read_bytes() == whole


def test_a_finished_run_is_left_as_it_is(tmp_path: Path):
    request = Request((ENV,), 5, seed=7)
    synthesize(request, tmp_path)
    before = (tmp_path / "samples.jsonl").read_bytes()
    fresh: list[Any] = []
    synthesize(request, tmp_path, keep=fresh.append)
    assert fresh == []
    assert (tmp_path / "samples.jsonl").read_bytes() == before


def test_another_request_in_the_same_directory_is_refused(tmp_path: Path):
    synthesize(Request((ENV,), 2, seed=7), tmp_path)
    with pytest.raises(RunError, match="seed"):
        synthesize(Request((ENV,), 2, seed=8), tmp_path)
    with pytest.raises(RunError, match="min_jump"):
        synthesize(Request((ENV,), 2, seed=7), tmp_path, options=AssemblyOptions(min_jump=0.5))


# -- what is in it ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: Any) -> tuple[dict[str, Any], list[dict[str, Any]], Path]:
    out = tmp_path_factory.mktemp("made")
    summary = synthesize(Request(MIXED, 120, seed=21), out)
    return summary, rows_of(out), out


def test_the_funnel_adds_up(made: Any):
    summary, rows, _ = made
    funnel = summary["funnel"]
    assert funnel["kept"] == summary["kept"] == len(rows)
    assert funnel["candidates"] == funnel["kept"] + sum(funnel["rejected"].values())
    rounds = funnel["rounds"]
    assert rounds["drawn"] == rounds["kept"] + sum(rounds["rejected"].values())
    assert rounds["kept"] >= sum(len(row["task"]["turns"]) for row in rows)
    assert sum(summary["turns"].values()) == sum(summary["envs"].values()) == len(rows)
    assert summary["calls_per_turn"] == pytest.approx(
        sum(len(t["gold"]) for row in rows for t in row["task"]["turns"]) / sum(len(row["task"]["turns"]) for row in rows), abs=1e-3
    )


def test_every_row_is_proven_and_none_is_there_twice(made: Any):
    _, rows, out = made
    found = verify_directory(out)
    assert found == {"rows": len(rows), "passed": len(rows), "failed": [], "torn": 0}


def test_many_conversations_have_several_turns_and_turns_lean_on_earlier_ones(made: Any):
    summary, rows, _ = made
    several = [row for row in rows if len(row["task"]["turns"]) > 1]
    assert len(several) > 0.3 * len(rows)
    assert sum(weight for n, weight in TURNS.items() if n > 1) > 0.6
    leaning = [
        row for row in several
        if any(s["kind"] == "earlier_turn" for t in row["task"]["turns"] for c in t["gold"] for s in c.get("sources", {}).values())
    ]  # fmt: skip
    assert len(leaning) > 0.25 * len(several)
    assert summary["across_turns"] == pytest.approx(len(leaning) / len(rows), abs=1e-3)
    for row in leaning:
        calls = [{c["id"] for c in t["gold"]} for t in row["task"]["turns"]]
        for number, turn in enumerate(row["task"]["turns"]):
            for call in turn["gold"]:
                for source in call.get("sources", {}).values():
                    if source["kind"] == "earlier_turn":
                        assert any(source["call"] in earlier for earlier in calls[:number])


def test_every_query_leaps_far_enough(made: Any):
    _, rows, _ = made
    assert all(note["jump"]["score"] >= 0.4 and not note["jump"]["leak"] for row in rows for note in row["notes"])
    assert all(note["attempts"][-1]["why"] == "" and len(note["attempts"]) <= 3 for row in rows for note in row["notes"])


def test_no_hint_or_description_of_an_advanced_tool_is_told_to_the_assistant(made: Any):
    _, rows, _ = made
    for row in rows:
        for message in row["messages"]:
            assert set(message) <= {"role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name"}
            assert message["role"] in ("user", "assistant", "tool")
    text = json.dumps([row["messages"] for row in rows])
    for word in ("T_adv", "advanced tool", "hint"):
        assert word not in text


def test_kept_samples_are_handed_over_as_they_come():
    kept, told = [], []
    summary = synthesize(Request((ENV,), 5, seed=1), keep=kept.append, progress=lambda done, wanted: told.append((done, wanted)))
    assert len(kept) == summary["kept"]
    assert told[-1][1] == 5
    assert all(verify_row(json.loads(sample.line())) == [] for sample in kept)


# -- what cannot be made ----------------------------------------------------------------------------------


def test_a_demand_that_nothing_meets_is_told_with_the_reason(tmp_path: Path):
    with pytest.raises(RunError, match="no sample could be made"):
        synthesize(Request((ENV,), 1, seed=1), tmp_path, options=AssemblyOptions(min_jump=1.01))


def test_an_unknown_env_or_an_empty_directory_is_told(tmp_path: Path):
    with pytest.raises(TurngymError, match="Bankng"):
        synthesize(Request(("Bankng",), 1))
    with pytest.raises(RunError, match=r"samples\.jsonl"):
        verify_directory(tmp_path)


def test_the_library_alone_is_enough():
    assert Library.tools
