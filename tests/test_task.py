"""Tasks as data: ids that are hashes, a format that is told apart, errors that name the line and the field."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, some_tasks, two_turn_task

from turngym.envs import TaskError
from turngym.envs.task import GoldCall, Source, Task, TaskFile, TaskWorld, Turn, parse_task
from turngym.envs.verdict import judge_of


def task_saying(text: str, **more: Any) -> Task:
    return Task(env="turngym/Banking-v0", worlds=(TaskWorld(world="Banking"),), turns=(Turn(user=text),), **more)


# -- ids --------------------------------------------------------------------------------------------------


def test_equal_tasks_have_equal_ids_and_any_change_has_another():
    task = borrow_task(0)
    assert task.id == borrow_task(0).id != borrow_task(1).id
    data = task.model_dump(mode="json", exclude={"id"})
    for change in (
        {"family": "x"},
        {"meta": {"a": 1}},
        {"held_out": ["borrow"]},
        {"version": 2},
        {"category": "miss_func"},
        {"turns": [{**data["turns"][0], "user": "x"}]},
        {"turns": [{**data["turns"][0], "elapse": 1}]},
        {"worlds": [{**data["worlds"][0], "seed": 9}]},
    ):
        assert Task.model_validate({**data, **change}).id != task.id


def test_an_id_names_the_env_and_does_not_depend_on_the_split():
    assert task_saying("x").id.startswith("banking-")
    assert task_saying("x", split="test").id == task_saying("x").id
    assert task_saying("x", id=task_saying("x").id) == task_saying("x")


def test_an_id_that_does_not_match_is_refused_unless_foreign():
    with pytest.raises(ValueError, match="does not match the content"):
        task_saying("x", id="banking-000000000000")
    assert task_saying("x", id="mine", meta={"foreign": True}).id == "mine"


def test_a_task_is_a_dictionary_key():
    assert len({borrow_task(0), borrow_task(0), borrow_task(1)}) == 2
    assert judge_of(borrow_task(0)) is judge_of(borrow_task(0))


# -- as text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", some_tasks(4), ids=lambda t: t.id)
def test_a_line_reads_back_as_the_task(task: Task):
    assert "\n" not in task.line()
    assert parse_task(task.line()) == task


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True))
def test_a_file_reads_back_whatever_stands_in_its_texts(tmp_path_factory: Any, texts: list[str]):
    path = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    tasks = [task_saying(text) for text in texts]
    path.write_text("".join(task.line() + "\n" for task in tasks), encoding="utf-8", newline="")
    assert list(TaskFile.read(path)) == tasks


def test_separators_that_are_no_newline_stay_inside_their_line(tmp_path: Path):
    path = tmp_path / "tasks.jsonl"
    path.write_text(task_saying("a\u2028b\u2029c\x85d\x0be\x1cf").line() + "\n", encoding="utf-8")
    assert TaskFile.read(path)[0].turns[0].user == "a\u2028b\u2029c\x85d\x0be\x1cf"


def test_windows_newlines_and_empty_lines_are_passed_over(tmp_path: Path):
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b"\r\n" + task_saying("a").line().encode() + b"\r\n\r\n" + task_saying("b").line().encode())
    assert [task.turns[0].user for task in TaskFile.read(path)] == ["a", "b"]


# -- malformed --------------------------------------------------------------------------------------------

GOOD = json.loads(borrow_task(0).line())
MALFORMED = {
    "no JSON": ("{nope", "Invalid JSON"),
    "a list": ("[]", "object"),
    "null": ("null", "object"),
    "empty": ("{}", "env"),
    "an unknown field": ({**GOOD, "wrolds": []}, "wrolds"),
    "no worlds": ({**GOOD, "id": "", "worlds": []}, "at least one world"),
    "no turns": ({**GOOD, "id": "", "turns": []}, "at least one world and one turn"),
    "a later format": ({**GOOD, "id": "", "format": 2}, "task format 2 is not 1"),
    "another split": ({**GOOD, "split": "dev"}, "split"),
    "another size": ({**GOOD, "worlds": [{"world": "mini_world:Library", "size": "huge"}]}, "worlds.0.size"),
    "time running backwards": ({**GOOD, "id": "", "turns": [{"user": "x", "elapse": -1}]}, "turns.0.elapse"),
    "a source of no kind": (
        {**GOOD, "turns": [{"user": "x", "gold": [{"id": "a", "name": "b", "sources": {"c": {"kind": "magic"}}}]}]},
        "kind",
    ),
    "ids twice": (
        {**GOOD, "id": "", "turns": [{"user": "x", "gold": [{"id": "a", "name": "b"}, {"id": "a", "name": "b"}]}]},
        "stands twice",
    ),
    "after what comes later": (
        {**GOOD, "id": "", "turns": [{"user": "x", "gold": [{"id": "a", "name": "b", "after": ["c"]}, {"id": "c", "name": "b"}]}]},
        "after",
    ),
    "a foreign id": ({**GOOD, "id": "banking-1"}, "does not match"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_line_is_named_with_its_number_and_its_field(name: str):
    body, why = MALFORMED[name]
    lines = [borrow_task(0).line(), "", body if isinstance(body, str) else json.dumps(body), borrow_task(1).line()]
    tasks = TaskFile(lines, "mine.jsonl")
    assert len(tasks) == 3
    assert tasks[0].id == borrow_task(0).id
    assert tasks[2].id == borrow_task(1).id
    with pytest.raises(TaskError) as caught:
        tasks[1]
    message = str(caught.value)
    assert "mine.jsonl, line 3" in message
    assert why in message
    assert "\n" not in message
    assert len(message) < 500


def test_a_file_that_is_absent_empty_or_no_text_is_told_in_words(tmp_path: Path):
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "bytes.jsonl").write_bytes(b'{"id": "\xff"}\n')
    for name, why in (
        ("gone.jsonl", "No such file"),
        ("empty.jsonl", "no task"),
        ("bytes.jsonl", "no UTF-8 at byte 8"),
        (".", "directory"),
    ):
        with pytest.raises(TaskError, match=why):
            TaskFile.read(tmp_path / name)


def test_tasks_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        borrow_task(0).family = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        Source(kind="user").kind = "output"  # type: ignore[misc]


def test_the_split_is_found_however_a_line_is_spaced():
    tasks = [task_saying("a"), task_saying("b", split="test"), task_saying("c", meta={"split": "test"}), task_saying('"split":"test"')]
    for lines in (
        [t.line() for t in tasks],
        [json.dumps(t.model_dump(mode="json")) for t in tasks],
        [json.dumps(t.model_dump(mode="json"), indent=None) for t in tasks],
    ):
        file = TaskFile(lines, "x")
        assert file.indices("test") == [1]
        assert file.indices("train") == [0, 2, 3]
        assert file.indices(None) == [0, 1, 2, 3]


def test_gold_is_told_apart_turn_by_turn():
    task = two_turn_task(1)
    assert [call.name for call in task.gold()] == [call.name for turn in task.turns for call in turn.gold]
    assert isinstance(next(task.gold()), GoldCall)


# -- worlds -----------------------------------------------------------------------------------------------


def test_a_task_for_another_version_of_a_world_is_refused():
    task = Task(env="x", worlds=(TaskWorld(world="mini_world:Library", version=9),), turns=(Turn(user="x"),))
    with pytest.raises(TaskError, match=r"version 9, installed is 1"):
        judge_of(task)


def test_gold_that_does_not_run_is_told_with_the_turn_and_the_call():
    turn = Turn(user="x", gold=(GoldCall(id="a", name="borrow", arguments={"book": "BK-0"}),))
    task = Task(env="x", worlds=(TaskWorld(world="mini_world:Library"),), turns=(Turn(user="y"), turn))
    with pytest.raises(TaskError, match=r"turn 1: gold call borrow fails.*precondition_failed"):
        judge_of(task)
