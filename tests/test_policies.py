"""Promises of the policies: the bounds hold, anything callable plays, and a name gone wrong is one clear line."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import mini_tasks
from mini_tasks import borrow_gold, borrow_task, play, some_tasks, two_turn_task
from mini_world import Library

from turngym.agents import (
    POLICIES,
    AssistantMessage,
    BatchPolicy,
    CallablePolicy,
    Conversation,
    Policy,
    as_policy,
    make_policy,
    rollout,
    run_all,
)
from turngym.agents.baselines import fits
from turngym.agents.policy import policy_record, understand
from turngym.envs.errors import RunError, UnknownNameError
from turngym.envs.literals import draw_value
from turngym.envs.tool import ToolCall

# -- the bounds -------------------------------------------------------------------------------------------


def test_oracle_solves_all_null_none_and_random_next_to_none():
    tasks = [make(seed) for seed in range(20) for make in (borrow_task, two_turn_task)]
    assert run_all(make_policy("oracle"), tasks).summary["success"] == 1.0
    assert run_all(make_policy("oracle", parallel=True), tasks).summary["success"] == 1.0
    assert run_all(make_policy("null"), tasks).summary["success"] == 0.0
    assert run_all(make_policy("random"), tasks, trials=20).summary["success"] <= 0.01


def test_the_oracle_plays_gold_in_order_one_call_a_step():
    made = play(make_policy("oracle"), borrow_task(3))
    calls = [call for message in made.assistant() for call in message.tool_calls]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [(gold.name, gold.arguments) for gold in borrow_gold(3)]
    assert all(len(message.tool_calls) <= 1 for message in made.assistant())
    assert made.messages[-1]["content"] == "It is yours for 7 days."


def test_the_parallel_oracle_joins_what_the_partial_order_leaves_free():
    made = play(make_policy("oracle", parallel=True), borrow_task(3))
    assert [len(message.tool_calls) for message in made.assistant()] == [2, 1, 0]
    assert made.success


def test_only_the_oracle_sees_the_task():
    seen = []

    class Nosy:
        name = "nosy"

        def start(self, opening: Any) -> Any:
            seen.append(opening)
            return self

        async def act(self, conversation: Conversation) -> AssistantMessage:
            return AssistantMessage()

    play(Nosy(), borrow_task(), seed=4, trial=2)
    assert seen == [(borrow_task().id, mini_tasks.ENV, (mini_tasks.ENV,), 2, 4, None)]
    assert [name for name in POLICIES if name not in ("graph",) and hasattr(_class_of(name), "sees_task")] == ["oracle"]


def _class_of(name: str) -> type:
    options = {"scripted": {"messages": []}, "replay": {"run": []}}.get(name, {})
    if name in ("chat", "transformers", "vllm"):  # on a model, which is not asked for before the first task
        options = {"model": "m"}
    return type(make_policy(name, **options))


def test_random_calls_fit_their_schemas():
    made = run_all(make_policy("random", stop=0.02), [borrow_task()], trials=40).trajectories
    results = [result for trajectory in made for result in trajectory.results]
    assert len(results) > 200
    assert not [result for result in results if result["error"] in ("unknown_tool", "internal_error")]


def test_random_reuses_what_results_showed_where_it_fits():
    book = next(iter(Library.create(0).books))
    shown = {"role": "tool", "content": json.dumps([{"id": book.id, "title": book.title, "copies": 3}])}
    tools = [Library.tools["find_book"].schema, Library.tools["borrow"].schema]
    asked: dict[str, set[Any]] = {}
    for step in range(200):
        conversation = Conversation("t", "e", step=step, messages=[shown, {"role": "tool", "content": "no json"}], tools=tools)
        for call in asyncio.run(make_policy("random", stop=0.01).act(conversation)).tool_calls:
            for name, value in json.loads(call.arguments).items():
                asked.setdefault(name, set()).add(value)
    assert book.title in asked["title"]
    assert book.id in asked["book"]
    assert all(1 <= days <= 28 for days in asked["days"])


def test_random_draws_depend_on_seed_task_and_trial_alone():
    def calls(**options: Any) -> Any:
        return play(make_policy("random"), borrow_task(), **options).messages

    assert calls(seed=1, trial=1) == calls(seed=1, trial=1)
    assert len({repr(calls(seed=seed, trial=trial)) for seed in range(3) for trial in range(3)}) == 9


def test_drawn_values_fit_the_schema_they_are_drawn_from():
    rng = Random(0)
    for tool in Library.tools.values():
        for schema in tool.parameter_schema["properties"].values():
            assert all(fits(draw_value(schema, rng), schema) for _ in range(50)), schema
    assert not fits("x", {"type": "integer"})
    assert not fits(True, {"type": "integer"})
    assert not fits(29, {"type": "integer", "maximum": 28})
    assert not fits("abc", {"type": "string", "pattern": r"^\d+$"})
    assert fits(None, {"anyOf": [{"type": "string"}, {"type": "null"}]}) is False


# -- playing what was written -----------------------------------------------------------------------------


def test_replay_says_what_was_said_from_a_directory_a_file_or_memory(tmp_path):
    tasks = some_tasks(4)
    run_all(make_policy("random"), tasks, trials=2, seed=9, out=tmp_path / "run")
    known = run_all(make_policy("random"), tasks, trials=2, seed=9).trajectories
    for source in (tmp_path / "run", str(tmp_path / "run" / "trajectories.jsonl"), known):
        again = run_all(make_policy("replay", run=source), tasks, trials=2).trajectories
        assert {(t.task_id, t.trial): (t.messages, t.verdict) for t in again} == {
            (t.task_id, t.trial): (t.messages, t.verdict) for t in known
        }


def test_replay_of_what_is_not_there_is_an_error_in_the_record():
    made = play(make_policy("replay", run=[]), borrow_task())
    assert (made.status, made.reason) == ("error", "policy_error")
    assert "no trajectory of" in made.detail
    with pytest.raises(RunError, match="cannot read"):
        make_policy("replay", run="/nonexistent")


def test_a_script_that_runs_out_truncates(tmp_path):
    (tmp_path / "script.json").write_text('[{"name": "find_book", "arguments": {"title": "Emma"}}]')
    made = play(make_policy("scripted", messages=str(tmp_path / "script.json")), borrow_task())
    assert (made.status, made.reason, len(made.steps)) == ("truncated", "script_ended", 1)
    for text in ("{}", "["):
        (tmp_path / "script.json").write_text(text)
        with pytest.raises(RunError, match="script"):
            make_policy("scripted", messages=str(tmp_path / "script.json"))


# -- one's own --------------------------------------------------------------------------------------------


def gold_of(conversation: Conversation) -> dict[str, Any]:
    gold = borrow_gold(0)
    if conversation.step < len(gold):
        return {"name": gold[conversation.step].name, "arguments": gold[conversation.step].arguments}
    return {"content": "Done.", "reasoning_content": "all is done"}


async def gold_later(conversation: Conversation) -> dict[str, Any]:
    await asyncio.sleep(0)
    return gold_of(conversation)


class Batched:
    def __init__(self, size: int = 0) -> None:
        self.sizes: list[int] = []
        self.name, self.config = "batched", {"size": size}

    def batch(self, conversations: list[Conversation]) -> list[Any]:
        self.sizes.append(len(conversations))
        return [gold_of(conversation) for conversation in conversations]


class Sync:
    name = "sync"

    def act(self, conversation: Conversation) -> Any:
        return gold_of(conversation)


def broken(conversation: Conversation) -> Any:
    raise ValueError("no")


@pytest.mark.parametrize("thing", [gold_of, gold_later, Batched(), Sync(), lambda c: gold_of(c), CallablePolicy(gold_of, threads=True)])
def test_anything_callable_plays(thing):
    report = run_all(thing, [borrow_task()], trials=3)
    assert report.summary["success"] == 1.0
    assert isinstance(as_policy(thing), Policy)
    assert report.trajectories[0].messages[-1]["reasoning_content"] == "all is done"


def test_what_cannot_play_is_refused():
    with pytest.raises(TypeError, match="is no policy"):
        as_policy(42)


OWN = """
class Broken:
    def __init__(self): raise OSError("no device\\x1b[31m")
class Choosy:
    def __init__(self, size=0): raise ValueError("size is above zero")
class Idle:
    pass
five = 5
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [("Broken", r"cannot be made \(OSError: no device"), ("Idle", "is no policy"), ("five", "5 is no policy")],
)
def test_a_policy_of_ones_own_that_cannot_be_made_is_told_as_that(tmp_path, name, said):
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(RunError, match=said):
        make_policy(f"{tmp_path}/own.py:{name}")
    with pytest.raises(ValueError, match="above zero"):
        make_policy(f"{tmp_path}/own.py:Choosy")


def test_batches_are_gathered_over_all_episodes_that_wait():
    batched = Batched()
    report = run_all(batched, [borrow_task()], trials=60, concurrency=20)
    assert report.summary["success"] == 1.0
    assert batched.sizes == [20] * 12


def test_batches_hold_no_more_than_their_size_and_leave_in_time():
    batched = Batched()
    report = run_all(BatchPolicy(batched.batch, size=8), [borrow_task()], trials=20, concurrency=20)
    assert report.summary["success"] == 1.0
    assert max(batched.sizes) == 8
    assert sum(batched.sizes) == 80
    begun = time.monotonic()
    assert run_all(BatchPolicy(Batched().batch, wait=0.01), [borrow_task()], trials=4, concurrency=2).summary["success"] == 1.0
    assert time.monotonic() - begun < 2
    with pytest.raises(ValueError, match="at least one"):
        BatchPolicy(batched.batch, size=0)


def test_async_batches_work_in_one_loop_after_another():
    async def batch(conversations: list[Conversation]) -> list[Any]:
        await asyncio.sleep(0.001)
        return [gold_of(conversation) for conversation in conversations]

    policy = BatchPolicy(batch)
    for _ in range(3):
        assert run_all(policy, [borrow_task()], trials=5).summary["success"] == 1.0


@pytest.mark.parametrize("batch", [lambda many: [broken(one) for one in many], lambda many: ["x"] * (len(many) + 1), lambda many: None])
def test_a_batch_that_fails_fails_its_episodes_and_no_more(batch):
    report = run_all(BatchPolicy(batch), [borrow_task()], trials=5, concurrency=2)
    assert report.summary["errors"] == 5
    assert report.summary["reasons"] == {"policy_error": 5}


def test_a_cancelled_episode_leaves_the_others_their_batch():
    async def both() -> Any:
        policy = BatchPolicy(Batched().batch, wait=0.02)
        first, second = (asyncio.ensure_future(rollout(policy, borrow_task(), trial=trial)) for trial in range(2))
        await asyncio.sleep(0.005)
        first.cancel()
        return await second

    assert asyncio.run(both()).success


def test_threads_let_blocking_calls_overlap():
    meeting = threading.Barrier(4, timeout=10)

    def blocked(conversation: Conversation) -> str:
        meeting.wait()
        return "x"

    report = run_all(CallablePolicy(blocked, threads=True), [borrow_task()], trials=4)
    assert report.summary["completed"] == 4


# -- names and records ------------------------------------------------------------------------------------


def test_policies_are_made_by_name_and_from_modules(tmp_path, monkeypatch):
    (tmp_path / "my_policies_x.py").write_text(
        "class Mine:\n name='mine'\n def __init__(self, word='no'): self.word=word; self.config={'word': word}\n"
        " async def act(self, conversation): return self.word\n"
        "def plain(conversation): return 'plain'\nready = Mine('ready')\nnumber = 3\n"
    )
    (tmp_path / "broken_policies_x.py").write_text("import nothing_of_the_kind\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, options, word in (
        ("my_policies_x:Mine", {"word": "yes"}, "yes"),
        ("my_policies_x:plain", {}, "plain"),
        ("my_policies_x:ready", {}, "ready"),
    ):
        assert play(make_policy(name, **options), borrow_task()).messages[-1]["content"] == word
    for name, error, words in (
        ("randum", UnknownNameError, "did you mean random"),
        ("", UnknownNameError, "unknown policy"),
        ("my_policies_x:Mien", UnknownNameError, "did you mean Mine"),
        ("nothing_of_the_kind:x", RunError, "does not import"),
        ("broken_policies_x:x", RunError, "does not import"),
    ):
        with pytest.raises(error, match=words):
            make_policy(name)
    with pytest.raises(RunError, match=r"its options: stop, reuse"):
        make_policy("random", speed=3)
    with pytest.raises(RunError, match="takes no options; got word"):
        make_policy("my_policies_x:plain", word="x")
    with pytest.raises(RunError, match="is no policy"):
        make_policy("my_policies_x:number")


def test_a_policys_record_tells_it_from_its_like_and_holds_no_key():
    def record(**config: Any) -> dict[str, Any]:
        return policy_record(CallablePolicy(gold_of, "mine", config=config))

    assert record(model="a") == record(model="a") != record(model="b")
    assert record(model="a", api_key="sk-1") == record(model="a", api_key="other")
    assert "sk-1" not in json.dumps(record(model="a", api_key="sk-1"))
    assert policy_record(make_policy("random", stop=0.5))["hash"] != policy_record(make_policy("random"))["hash"]


@pytest.mark.parametrize(
    ("answer", "content", "calls"),
    [
        ("hi", "hi", ()),
        ({"content": None, "tool_calls": None}, "", ()),
        (
            {"role": "assistant", "content": "a", "tool_calls": [{"id": "1", "function": {"name": "t", "arguments": "{"}}]},
            "a",
            (ToolCall("t", "{", "1"),),
        ),
        (ToolCall("t", {"a": "é"}), "", (ToolCall("t", '{"a": "é"}'),)),
        ([{"name": "t"}, ToolCall("u", "x")], "", (ToolCall("t", "{}"), ToolCall("u", "x"))),
        (AssistantMessage("a", (ToolCall("t"),)), "a", (ToolCall("t"),)),
    ],
)
def test_answers_are_understood_in_every_form(answer, content, calls):
    message = understand(answer)
    assert (message.content, message.tool_calls) == (content, calls)
