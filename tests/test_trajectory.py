"""Promises of the record: nothing lost, nothing changed, one line, and verdicts that can be made again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, play, some_tasks, two_turn_task

from turngym.agents import AssistantMessage, Conditions, RunStore, Trajectory, make_policy, rescore, run_all
from turngym.agents.trajectory import record_line, trajectory_id
from turngym.envs.errors import RunError
from turngym.envs.tool import ToolCall, ToolResult


def reread(trajectory: Trajectory) -> Trajectory:
    return Trajectory.from_record(json.loads(trajectory.line()))


def say(*messages: Any) -> Any:
    return make_policy("scripted", messages=list(messages))


def test_a_trajectory_comes_back_from_its_line_as_it_was():
    made = play(make_policy("oracle"), two_turn_task(1))
    assert made.success
    assert reread(made) == made
    assert next(iter(made.record())) == "id"
    assert made.read_task() == two_turn_task(1)


def test_a_line_is_one_line_of_ascii_for_every_reader():
    made = play(say({"name": "find_book", "arguments": '{"title": "a\u2028b\x85c"}'}, "né\nü\x1e"), borrow_task())
    line = made.line()
    assert line.isascii()
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1
    assert reread(made) == made


def test_raw_arguments_stand_as_emitted():
    raw = '  { "title" :\t"Dune","title":"Emma" }'
    made = play(say({"name": "find_book", "arguments": raw}, "x"), borrow_task())
    assert made.messages[1]["tool_calls"][0]["function"]["arguments"] == raw
    assert next(reread(made).assistant()).tool_calls[0].arguments == raw


@pytest.mark.parametrize("text", ["\ud800", "x\udfffy", "\udc00\ud800", "\ud83d\ude00 torn in two", "\x00"])
def test_text_that_is_no_unicode_comes_back_and_replays(text):
    made = play(
        say({"name": "find_book", "arguments": json.dumps({"title": text}, ensure_ascii=False)}, {"name": text}, text), borrow_task()
    )
    again = reread(made)
    assert again == made
    assert play(make_policy("replay", run=[again]), borrow_task()).messages == made.messages


def test_unknown_keys_are_dropped_and_missing_ones_named():
    record = play(make_policy("null"), borrow_task()).record()
    later = {**record, "format": 9, "mood": "fine"}
    assert Trajectory.from_record(later).id == record["id"]
    with pytest.raises(RunError, match="has no task, policy"):
        Trajectory.from_record({"id": "x"})


def test_records_are_strict_json_whatever_a_policy_gives():
    message = AssistantMessage("hi", (), "because", (1, 2), (-0.5, float("-inf")), (7,), {"completion_tokens": 2}, "stop", {"odd": {1, 2}})
    made = play(say(message), borrow_task())

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    step = json.loads(made.line(), parse_constant=refuse)["steps"][0]
    assert step["logprobs"] == [-0.5, None]
    assert step["token_ids"] == [1, 2]
    assert step["finish_reason"] == "stop"
    assert made.messages[1]["reasoning_content"] == "because"


def test_tokens_of_the_episode_are_concatenated_and_masked():
    call = ToolCall("find_book", '{"title": "Dune"}')
    made = play(
        say(
            AssistantMessage("", (call,), token_ids=(4, 5), context_ids=(1, 2, 3)), AssistantMessage("ok", token_ids=(9,), context_ids=(8,))
        ),
        borrow_task(),
    )
    assert reread(made).tokens() == ([1, 2, 3, 4, 5, 8, 9], [0, 0, 0, 1, 1, 0, 1])
    with pytest.raises(ValueError, match="no token ids"):
        play(make_policy("null"), borrow_task()).tokens()


def test_ids_tell_work_apart_and_nothing_else():
    same = trajectory_id("a-1", 0, "h", 0)
    assert same == "a-1.t0." + same[-8:]
    assert len({same, trajectory_id("a-1", 1, "h"), trajectory_id("a-1", 0, "g"), trajectory_id("a-1", 0, "h", 1)}) == 4
    assert play(make_policy("null"), borrow_task()).id == play(make_policy("null"), borrow_task()).id


def test_equal_runs_differ_in_times_alone():
    one, two = (play(make_policy("random"), two_turn_task(3), seed=5) for _ in range(2))
    assert one.comparable() == two.comparable()
    assert play(make_policy("random"), two_turn_task(3), seed=6).messages != one.messages


# -- rescore ----------------------------------------------------------------------------------------------


def test_verdicts_are_made_again_from_the_directory_alone(tmp_path):
    run_all(make_policy("oracle"), some_tasks(4), out=tmp_path / "o")
    run_all(make_policy("random"), some_tasks(4), trials=5, out=tmp_path / "r")
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*.json*")}
    for name, n in (("o", 4), ("r", 20)):
        report = rescore(tmp_path / name)
        assert (report.episodes, report.same) == (n, n)
        assert (report.changed, report.drifted, report.unscorable) == ([], [], [])
        assert report.summary["episodes"] == n
    assert before == {path: path.read_bytes() for path in tmp_path.glob("*/*.json*")}


def test_a_verdict_that_no_longer_holds_is_reported():
    made = play(make_policy("oracle"), borrow_task())
    made.verdict["success"], made.verdict["progress"] = False, 0.0
    report = rescore([made])
    assert [(c["id"], c["was"]["success"], c["now"]["success"]) for c in report.changed] == [(made.id, False, True)]
    assert report.summary["success"] == 1.0


def test_a_tampered_result_or_state_is_named_as_drift():
    made = play(make_policy("oracle"), borrow_task())
    made.fingerprint = "0" * 32
    assert rescore([made]).drifted == [{"id": made.id, "differs": "the final state"}]
    tool = next(message for message in made.messages if message["role"] == "tool")
    tool["content"] = "[]"
    assert "message 1" in rescore([made]).drifted[0]["differs"]


def test_what_cannot_be_played_is_named_with_its_reason():
    foreign = play(make_policy("oracle"), borrow_task())
    foreign.task = {**foreign.task, "worlds": [{"world": "Nowhere"}]}
    foreign.task.pop("id")
    broken = play(make_policy("oracle"), borrow_task())
    broken.verdict, broken.status, broken.reason = {}, "error", "infrastructure"
    report = rescore([foreign, broken])
    assert [row["id"] for row in report.unscorable] == [foreign.id, broken.id]
    assert report.summary["excluded"] == 1


def test_injected_faults_are_recorded_and_stand_in_again():
    def fail_second(call: ToolCall, number: int) -> ToolResult | None:
        return ToolResult.failure(call.name, "unavailable", "try again") if number == 2 else None

    conditions = Conditions(interceptors=(fail_second,), label="second call fails")
    made = reread(play(make_policy("oracle"), borrow_task(), conditions=conditions))
    assert [result.get("injected") for result in made.results] == [None, 2, None]
    assert not made.success
    report = rescore([made])
    assert (report.same, report.drifted) == (1, [])


def test_withheld_tools_stay_withheld_when_judged_again():
    made = reread(play(make_policy("oracle"), borrow_task(), conditions=Conditions(hidden=("borrow",))))
    assert made.results[-1]["error"] == "unknown_tool"
    assert (rescore([made]).same, rescore([made]).drifted) == (1, [])


def test_a_record_line_survives_a_store(tmp_path):
    made = play(make_policy("oracle"), borrow_task())
    with RunStore(tmp_path / "s", {}) as store:
        store.append(made.record())
    assert (tmp_path / "s" / "trajectories.jsonl").read_bytes() == record_line(made.record())
