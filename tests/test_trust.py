"""A stranger's data never runs: every command and every public function that opens data, met with hostile rows.

The walk itself is `trust_walk.py`, in a process of its own, since an audit hook cannot be taken back.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from turngym.envs.env import pack_of
from turngym.envs.errors import WorldRefusedError
from turngym.envs.task import Task
from turngym.synthesis.verify import verify_task

WALK = Path(__file__).with_name("trust_walk.py")


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """What the walk found."""
    done = subprocess.run([sys.executable, str(WALK), str(tmp_path_factory.mktemp("walk"))], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_watch_sees_a_world_that_is_imported(walk):
    for kind in ("exec", "open"):
        assert any(event.startswith(kind) for event in walk["control"]), walk["control"]


def test_nothing_is_imported_started_contacted_or_opened_because_data_says_so(walk):
    assert walk["crimes"] == []
    assert not walk["marked"]


def test_every_command_refuses_in_one_line_that_names_file_line_world_and_remedy(walk):
    asked = [answer for answer in walk["answers"] if "asked" in answer and answer["bound"]]
    assert len(asked) > 60
    for answer in asked:
        said, world = answer["said"], walk["worlds"][answer["world"]]
        assert answer["code"] == 2, answer
        assert said.count("\n") == 1, answer
        assert "jsonl, line 1" in said, answer
        assert world.replace("\\", "")[:60] in said, answer
        assert "--world " in said, answer


def test_every_function_that_would_have_a_world_refuses(walk):
    called = [answer for answer in walk["answers"] if "called" in answer and answer["bound"]]
    assert len(called) > 60
    assert [answer for answer in called if not answer["said"].startswith("refused")] == []


def test_what_needs_no_world_reads_such_rows_and_makes_none(walk):
    for answer in walk["answers"]:
        if not answer["bound"] and "called" in answer:
            assert answer["said"] == "nothing", answer


def test_a_world_that_only_a_claim_names_is_refused_too():
    task = next(task for task in pack_of("Banking") if task.category == "irrelevant")
    row = json.loads(task.line().replace(task.meta["special"][0]["world"]["world"], "evil.py:World"))
    del row["id"]
    row["id"] = Task.model_validate(row).id
    with pytest.raises(WorldRefusedError, match=r"evil\.py"):
        verify_task(row)


def test_no_command_and_no_function_that_takes_a_path_is_unknown_to_the_walk(walk):
    assert walk["strangers"] == [], "tell tests/trust_walk.py how it is called with data, or why it opens none"
