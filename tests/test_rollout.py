"""Promises of the rollout and the runner: a bad rollout is data, limits truncate, nothing a policy does gets out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, free_books, play, some_tasks, two_turn_task

from turngym.agents import (
    AssistantMessage,
    BatchPolicy,
    Conversation,
    EndEpisode,
    InfrastructureError,
    Limits,
    Plan,
    Trajectory,
    as_policy,
    make_policy,
    rescore,
    rollout,
    run,
    run_all,
)
from turngym.agents.limits import cut
from turngym.envs.errors import RunError, TaskError
from turngym.envs.task import Task, TaskFile
from turngym.envs.tool import ToolCall

LOOK = {"name": "find_book", "arguments": '{"title": "Dune"}'}


def say(*messages: Any) -> Any:
    return make_policy("scripted", messages=list(messages))


# -- how episodes end -------------------------------------------------------------------------------------


def test_gold_completes_and_passes():
    made = play(make_policy("oracle"), two_turn_task(1))
    assert (made.status, made.reason, made.success, made.progress) == ("completed", "", True, 1.0)
    assert [message["role"] for message in made.messages] == [
        "user",
        *["assistant", "tool"],
        "assistant",
        "user",
        *["assistant", "tool"] * 2,
        "assistant",
    ]
    assert len(made.timings["act"]) == len(made.timings["env"]) == len(made.steps) == 5
    assert made.fingerprint
    assert made.worlds == {"mini_world:Library": 1}


@pytest.mark.parametrize(
    ("limits", "reason", "steps"),
    [
        (Limits(steps=3), "steps", 3),
        (Limits(repeats=4), "repeats", 4),
        (Limits(tokens=25), "tokens", 3),
        (Limits(seconds=1e-9), "seconds", 0),
    ],
)
def test_a_limit_ends_an_episode_as_truncated(limits, reason, steps):
    message = AssistantMessage("", (ToolCall("find_book", '{"title": "Dune"}'),), usage={"completion_tokens": 10})
    made = play(say(*[message] * 50), borrow_task(), limits=limits)
    assert (made.status, made.reason, len(made.steps)) == ("truncated", reason, steps)
    assert not made.success
    assert made.counts


def test_a_policy_that_waits_too_long_is_interrupted():
    async def hang(conversation: Conversation) -> str:
        await asyncio.sleep(60)
        return ""

    begun = time.monotonic()
    made = play(as_policy(hang), borrow_task(), limits=Limits(seconds=0.05))
    assert (made.status, made.reason) == ("truncated", "seconds")
    assert time.monotonic() - begun < 5


def test_repeats_are_counted_within_a_turn_and_in_a_row_only():
    made = play(say(LOOK, LOOK, "so?", LOOK, LOOK, {"name": "borrow"}, LOOK, "so?"), two_turn_task(1), limits=Limits(repeats=3))
    assert made.status == "completed"


def test_limits_are_above_zero():
    for bad in ({"steps": 0}, {"seconds": -1.0}, {"repeats": 0}):
        with pytest.raises(ValueError, match="above zero"):
            Limits(**bad)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("error", "status", "reason", "counts"),
    [
        (ValueError("boom"), "error", "policy_error", True),
        (TimeoutError("mine"), "error", "policy_error", True),
        (asyncio.CancelledError(), "error", "policy_error", True),
        (Unspeakable(), "error", "policy_error", True),
        (InfrastructureError("no server"), "error", "infrastructure", False),
        (EndEpisode("context", "too long"), "truncated", "context", True),
    ],
)
def test_what_a_policy_raises_is_data(error, status, reason, counts):
    async def act(conversation: Conversation) -> Any:
        if conversation.step:
            raise error
        return LOOK

    report = run_all(act, [borrow_task()], limits=Limits(seconds=5))
    (made,) = report.trajectories
    assert (made.status, made.reason, made.counts) == (status, reason, counts)
    assert type(error).__name__ in made.detail
    assert len(made.steps) == 1
    assert made.verdict["success"] is False
    assert report.summary["episodes"] == int(counts)
    assert report.exit_code == int(not counts)


def test_a_hook_that_raises_is_data_too():
    class Bad:
        name = "bad"

        def start(self, opening: Any) -> Any:
            raise KeyError("start")

        async def act(self, conversation: Conversation) -> AssistantMessage:
            return AssistantMessage()

    assert play(Bad(), borrow_task()).reason == "policy_error"


def test_a_task_that_cannot_be_played_is_nobodys_failure():
    task = borrow_task()
    broken = task.model_copy(update={"worlds": (task.worlds[0].model_copy(update={"version": 99}),)})
    made = play(make_policy("oracle"), broken)
    assert (made.status, made.reason, made.verdict, made.counts) == ("error", "task_error", {}, False)
    assert "version 99" in made.detail


# -- hostile answers --------------------------------------------------------------------------------------

loop: dict[str, Any] = {}
loop["self"] = loop
HOSTILE = [
    {"tool_calls": [LOOK] * 10_000},
    {"name": "find_book", "arguments": "not json"},
    {"name": "find_book", "arguments": "[" * 100_000},
    {"name": "find_book", "arguments": '{"title": "' + "x" * 2_000_000 + '"}'},
    {"name": "find_book", "arguments": '{"title": "Dune"'},
    {"name": "find_book", "arguments": {"title": {1, 2}}},
    {"name": "find_book", "arguments": loop},
    {"name": "find_book", "arguments": {"title": float("nan")}},
    {"name": "\ud800" * 1000, "arguments": "\udfff"},
    {"name": "__init__"},
    {"name": "x" * 1_000_000},
    {"tool_calls": [{"id": "same", **LOOK}, {"id": "same", **LOOK}, {"id": "", **LOOK}]},
    {"tool_calls": "find_book"},
    {"tool_calls": [None]},
    [[[]]],
    3.14,
    None,
    object(),
    AssistantMessage(None, ("x",)),  # type: ignore[arg-type]
    AssistantMessage("", (ToolCall(3, None, b""),)),  # type: ignore[arg-type]
    ToolCall("find_book", '{"title": "Dune"}'),
    {"content": "<tool_call>{}</tool_call>" * 1000, "tool_calls": [LOOK]},
]


def test_hostile_answers_are_answered_recorded_and_replayed(tmp_path):
    answers = [*HOSTILE, "\ud83d" + "\ude00" + "y" * 1_000_000]
    report = run_all(answering(answers), [borrow_task()], out=tmp_path / "run", limits=Limits(repeats=None))
    assert (report.made, report.summary["completed"]) == (1, 1)
    (record,) = map(json.loads, (tmp_path / "run" / "trajectories.jsonl").read_bytes().splitlines())
    made = Trajectory.from_record(record)
    assert len(made.steps) == len(answers)
    assert len(made.results) == sum(message["role"] == "tool" for message in made.messages) > 10_000
    assert made.verdict["turns"][0]["state"] is False
    assert sum(result["error"] == "limit_exceeded" for result in made.results) == 10_000 - 128
    again = play(make_policy("replay", run=tmp_path / "run"), borrow_task(), limits=Limits(repeats=None))
    assert (again.messages, again.results, again.fingerprint) == (made.messages, made.results, made.fingerprint)
    assert (rescore(tmp_path / "run").same, rescore(tmp_path / "run").drifted) == (1, [])


def answering(answers: list[Any]) -> Any:
    def act(conversation: Conversation) -> Any:
        return answers[conversation.step]

    return as_policy(act)


def test_every_call_gets_an_id_of_its_own_unless_it_brought_one():
    made = play(say({"tool_calls": [LOOK] * 200}, LOOK, {"id": "mine", **LOOK}, "x"), borrow_task(), limits=Limits(repeats=None))
    asked = [call["id"] for message in made.messages for call in message.get("tool_calls", ())]
    assert asked == [f"call_{n}" for n in range(201)] + ["mine"]
    assert asked == [message["tool_call_id"] for message in made.messages if message["role"] == "tool"]


def test_what_a_policy_does_to_its_conversation_stays_out_of_the_record():
    plain = play(answering([LOOK, LOOK, "x"]), borrow_task())

    def vandal(conversation: Conversation) -> Any:
        answer = [LOOK, LOOK, "x"][conversation.step]
        for message in conversation.messages:
            message["content"] = "gone"
            for call in message.get("tool_calls", ()):
                call["function"]["arguments"] = "gone"
        conversation.messages.clear()
        conversation.turn = conversation.trial = 99
        return answer

    assert play(as_policy(vandal), borrow_task()).messages == plain.messages


def test_a_policy_sees_what_a_model_would_and_no_gold():
    task = two_turn_task(1)
    book = free_books(1)[0]
    seen: list[str] = []

    def act(conversation: Conversation) -> Any:
        seen.append(repr([getattr(conversation, name) for name in Conversation.__slots__]))
        assert conversation.tools
        return "hello"

    made = play(as_policy(act), task)
    assert len(seen) == 2
    assert task.turns[1].user not in seen[0]
    assert task.turns[1].user in seen[1]
    assert not any(book.id in text or task.turns[0].reply in text for text in seen)
    assert made.messages[-1] == {"role": "assistant", "content": "hello"}


def test_tools_handed_over_in_a_later_turn_are_shown_from_then_on():
    task = two_turn_task(1)
    turns = (task.turns[0], task.turns[1].model_copy(update={"release": ("borrow",)}))
    held = Task(env=task.env, worlds=task.worlds, turns=turns, held_out=("borrow",))
    shown: list[list[str]] = []

    def act(conversation: Conversation) -> str:
        shown.append([tool["function"]["name"] for tool in conversation.tools])
        return "x"

    play(as_policy(act), held)
    assert [("borrow" in names) for names in shown] == [False, True]
    assert play(make_policy("oracle"), held).success


def test_a_rollout_of_ten_calls_takes_a_millisecond():
    policy, task = say(*[LOOK] * 10, "x"), borrow_task()

    async def best() -> float:
        times = []
        for _ in range(200):
            begun = time.perf_counter()
            await rollout(policy, task)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert asyncio.run(best()) < 0.001


# -- many -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["oracle", "random"])
def test_concurrency_changes_nothing_but_the_order(policy):
    def made(concurrency: int) -> dict[str, Any]:
        report = run_all(make_policy(policy), some_tasks(), trials=3, seed=2, concurrency=concurrency)
        return {made.id: made.comparable() for made in report.trajectories}

    one = made(1)
    assert len(one) == 18
    assert one == made(7) == made(100)


def test_a_task_that_stands_twice_gets_further_trials():
    tasks = [borrow_task(0), borrow_task(1), borrow_task(0)]
    report = run_all(make_policy("null"), tasks, trials=2)
    assert sorted((made.task_id, made.trial) for made in report.trajectories) == sorted(
        [(tasks[0].id, trial) for trial in range(4)] + [(tasks[1].id, trial) for trial in range(2)]
    )


def test_tasks_are_taken_as_needed_and_a_malformed_one_ends_the_run_with_the_rest_kept(tmp_path):
    lines = [task.line() for task in some_tasks(4)]
    tasks = TaskFile([*lines, "{broken"], "mine.jsonl")
    with pytest.raises(TaskError, match=r"mine\.jsonl, line 5"):
        run_all(make_policy("oracle"), (task for task in tasks), out=tmp_path / "run", concurrency=2)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["complete"], summary["episodes"]) == (False, 4)
    taken = []

    async def first() -> None:
        def stream() -> Any:
            for task in some_tasks(6) * 100:
                taken.append(task)
                yield task

        async with contextlib.aclosing(run(make_policy("oracle"), stream(), concurrency=3)) as trajectories:
            async for _ in trajectories:
                break

    asyncio.run(first())
    assert len(taken) < 30


def test_each_trajectory_is_on_disk_before_it_is_given(tmp_path):
    async def check() -> int:
        n = 0
        async for made in run(make_policy("oracle"), some_tasks(), out=tmp_path / "run"):
            n += 1
            assert made.id.encode() in (tmp_path / "run" / "trajectories.jsonl").read_bytes()
        return n

    assert asyncio.run(check()) == 6


def test_a_run_broken_off_is_whole_on_disk_and_goes_on(tmp_path):
    async def some() -> None:
        async with contextlib.aclosing(run(make_policy("oracle"), some_tasks(), out=tmp_path / "run", concurrency=1)) as trajectories:
            async for _ in trajectories:
                break

    asyncio.run(some())
    report = run_all(make_policy("oracle"), some_tasks(), out=tmp_path / "run")
    assert (report.made, report.resumed, report.summary["success"]) == (5, 1, 1.0)


def test_an_error_of_the_listener_closes_the_directory(tmp_path):
    def fail(made: Trajectory) -> None:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            run_all(make_policy("oracle"), some_tasks(), out=tmp_path / "run", on_trajectory=fail)
    assert run_all(make_policy("oracle"), some_tasks(), out=tmp_path / "run").resumed == 2


def test_an_executor_of_ones_own_takes_the_place_of_this_process(tmp_path):
    class Backwards:
        async def execute(self, policy: Any, jobs: Any, plan: Plan) -> Any:
            for job in reversed(list(jobs)):
                for _ in range(2):  # at least once: the run keeps one
                    yield await rollout(policy, job.task, trial=job.trial, seed=plan.seed)

    here = run_all(make_policy("random"), some_tasks(), trials=2)
    there = run_all(make_policy("random"), some_tasks(), trials=2, executor=Backwards(), out=tmp_path / "run")
    assert (there.made, there.summary | {"timings": {}}) == (12, here.summary | {"timings": {}})


def test_run_all_says_what_to_use_inside_an_event_loop():
    async def inside() -> None:
        run_all(make_policy("null"), some_tasks(1))

    with pytest.raises(RunError, match="async for"):
        asyncio.run(inside())


def test_bad_options_are_refused():
    for bad in ({"trials": 0}, {"concurrency": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            run_all(make_policy("null"), [], **bad)
    assert run_all(make_policy("null"), []).summary["episodes"] == 0


# -- servers and their ends --------------------------------------------------------------------------------


class Frail:
    """A policy on a server that is down for its first `down` episodes."""

    name = "frail"

    def __init__(self, down: int) -> None:
        self.left, self.log = down, list[str]()

    async def prepare(self) -> None:
        self.log.append("prepare")

    async def close(self) -> None:
        self.log.append("close")

    async def act(self, conversation: Conversation) -> AssistantMessage:
        self.log.append("act")
        if self.left:
            self.left -= 1
            raise InfrastructureError("the server is gone")
        return AssistantMessage("no")


def test_a_policy_is_prepared_once_before_the_first_task_and_closed_at_the_end(tmp_path):
    policy = Frail(0)
    run_all(policy, some_tasks(4), out=tmp_path / "run")
    assert policy.log[0] == "prepare"
    assert policy.log[-1] == "close"
    assert policy.log.count("prepare") == policy.log.count("close") == 1
    done = list(policy.log)
    assert run_all(policy, some_tasks(4), out=tmp_path / "run").made == 0
    assert policy.log == done  # nothing to do asks nobody


def test_a_policy_that_cannot_be_prepared_ends_the_run_before_its_first_task(tmp_path):
    class Broken(Frail):
        async def prepare(self) -> None:
            raise RunError("no server at x; start one")

    policy = Broken(0)
    with pytest.raises(RunError, match="no server"):
        run_all(policy, some_tasks(4), out=tmp_path / "run")
    assert policy.log == []
    assert run_all(say("no"), some_tasks(4), out=tmp_path / "run").made == 4  # the directory is bound to nothing


def test_a_run_closes_its_policy_however_it_ends(tmp_path):
    policy = Frail(0)

    def fail(made: Trajectory) -> None:
        raise KeyError("listener")

    with pytest.raises(KeyError):
        run_all(policy, some_tasks(4), on_trajectory=fail)
    assert policy.log[-1] == "close"


def test_an_outage_stops_a_run_and_redo_makes_it_whole(tmp_path):
    tasks = some_tasks(12)
    report = run_all(Frail(99), tasks, out=tmp_path / "run", concurrency=1, outage=5)
    assert (report.made, report.exit_code) == (5, 1)
    assert "the server is gone" in report.outage
    assert not report.summary["complete"]
    assert report.summary["excluded_reasons"] == {"infrastructure": 5}
    as_it_is = run_all(Frail(0), tasks, out=tmp_path / "run", concurrency=1)
    assert (as_it_is.made, as_it_is.summary["excluded"]) == (7, 5)
    again = run_all(Frail(0), tasks, out=tmp_path / "run", redo=True)
    assert (again.made, again.resumed, again.summary["excluded"], again.exit_code) == (5, 7, 0, 0)
    assert len({json.loads(line)["id"] for line in (tmp_path / "run" / "trajectories.jsonl").read_bytes().splitlines()}) == 12


def test_single_failures_are_no_outage():
    class Flaky(Frail):
        async def act(self, conversation: Conversation) -> AssistantMessage:
            self.left += 1
            if self.left % 3:
                raise InfrastructureError("now and then")
            return AssistantMessage("no")

    assert not run_all(Flaky(0), [borrow_task(seed) for seed in range(12)], concurrency=1, outage=3).outage


# -- long outputs -----------------------------------------------------------------------------------------

FIND = {"name": "find_book", "arguments": json.dumps({"title": free_books(0)[0].title})}


def test_a_long_result_is_cut_for_the_policy_and_whole_in_the_record():
    seen: list[str] = []

    def act(conversation: Conversation) -> Any:
        seen.extend(m["content"] for m in conversation.messages if m["role"] == "tool")
        return "no" if seen else FIND

    whole = play(as_policy(act), borrow_task())
    text = whole.messages[2]["content"]
    assert seen == [text]
    seen.clear()
    made = play(as_policy(act), borrow_task(), limits=Limits(shown=20))
    assert made.messages == whole.messages
    assert seen == [f"{text[:20]}\n[cut: 20 of {len(text.encode())} bytes are shown]"]


def test_the_record_of_a_result_has_a_bound_and_replays():
    made = play(say(FIND, "no"), borrow_task(), limits=Limits(kept=30))
    content = made.messages[2]["content"]
    assert content.endswith("bytes are shown]")
    assert len(content) < 80
    report = rescore([made])
    assert (report.same, report.drifted) == (1, [])


@pytest.mark.parametrize("limit", range(1, 24))
def test_a_cut_never_splits_a_character(limit: int):
    text = "aé中😀" * 2
    shown = cut(text, limit)
    head, _, note = shown.partition("\n[cut")
    assert text.startswith(head)
    assert bool(note) == (limit < len(text.encode()))
    assert len(head.encode()) <= max(limit, len(text.encode()) if not note else 0)


def test_a_preparation_that_breaks_is_one_clear_line():
    class Half(Frail):
        async def prepare(self) -> None:
            raise OSError("no device")

    with pytest.raises(RunError, match=r"frail could not prepare itself \(OSError: no device\)"):
        run_all(Half(0), [borrow_task()])


def test_a_policy_that_leaves_the_program_ends_its_own_episode_alone():
    def leaves(conversation: Conversation) -> str:
        if conversation.trial == 1:
            sys.exit(3)
        return "x"

    def leaves_together(many: list[Conversation]) -> list[str]:
        return [leaves(one) for one in many]

    report = run_all(leaves, [borrow_task()], trials=3)
    assert (report.summary["completed"], report.summary["errors"]) == (2, 1)
    assert report.summary["error_causes"] == {"policy_error: SystemExit: 3": 1}
    assert run_all(BatchPolicy(leaves_together, size=1), [borrow_task()], trials=3).summary["errors"] == 1


def test_a_limit_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="seconds must be above zero"):
        Limits(seconds=float("nan"))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC])
def test_a_machine_that_ran_out_of_something_is_no_failure_of_the_policy(number: int):
    def fails(conversation: Conversation) -> str:
        raise OSError(number, "out of it")

    report = run_all(fails, [borrow_task()], trials=2)
    assert (report.summary["episodes"], report.summary["excluded_reasons"]) == (0, {"infrastructure": 2})
    assert report.exit_code == 1


def test_a_policys_own_missing_file_is_its_failure():
    def fails(conversation: Conversation) -> str:
        raise FileNotFoundError(errno.ENOENT, "no such file")

    assert run_all(fails, [borrow_task()]).summary["reasons"] == {"policy_error": 1}
