"""Data names worlds and never brings them: what the door lets through, and where a name leads."""

import contextlib
import importlib
import inspect
import os
import shlex
import shutil
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turngym.cli import run
from turngym.envs import door
from turngym.envs.door import admit, admit_row, allow, allowed, place_of
from turngym.envs.errors import TaskError, UnknownNameError, WorldRefusedError
from turngym.envs.registry import env_info, user_env, user_world, world_class
from turngym.envs.task import Task, TaskFile, TaskWorld, Turn, parse_task
from turngym.envs.verdict import start_of

LOCKER = str(Path(__file__).parent.parent / "examples" / "locker.py")
STRANGE = ["mcp:touch /tmp/x", "mcp:server.json", 'mcp:{"url": "http://127.0.0.1/"}', "evil.py:World", "/a/evil.py:World", "os:system",
           "turngym.envs.worlds.banking:Banking", "turngym.cli:run", ":", "a:", ":b", "bfcl2:x", "http://x:y", "évil.py:Welt"]  # fmt: skip


@pytest.fixture(autouse=True)
def as_at_the_start(monkeypatch):
    """Nothing that one test allows is allowed in the next."""
    monkeypatch.setattr(door, "_allowed", {})


@pytest.mark.parametrize("name", STRANGE)
def test_what_nobody_named_leads_nowhere(name):
    assert place_of(name) is None
    for ask in (admit, world_class, env_info):
        with pytest.raises(WorldRefusedError, match="--world"):
            ask(name)
    with pytest.raises(WorldRefusedError, match=r"^a file, line 7: "):
        admit_row({"worlds": [{"world": "Banking"}, {"world": name}]}, "a file, line 7")
    with pytest.raises(WorldRefusedError):
        parse_task({"env": "x", "worlds": [{"world": name}], "turns": [{"user": "hi"}]}, "x")


@pytest.mark.parametrize("name", ["Banking", "Travel", "FileSystem", "bfcl:GorillaFileSystem", "bfcl:functions"])
def test_what_ships_needs_nobody(name):
    admit(name)
    assert place_of(name) is not None


def test_a_name_without_a_place_is_unknown_and_no_danger():
    admit("Nowhere")
    with pytest.raises(UnknownNameError):
        world_class("Nowhere")
    with pytest.raises(UnknownNameError, match="Banking"):
        allow("Bankng")
    with pytest.raises(TypeError):
        allow(3)


@given(st.tuples(st.text(max_size=20), st.text(max_size=20)).map(":".join))
def test_no_text_opens_the_door_but_one_that_was_allowed(name):
    if not name.startswith("bfcl:"):
        assert place_of(name) is None


@given(st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["task", "worlds", "world", "turns"]), inner), max_leaves=12))  # fmt: skip
def test_no_row_breaks_the_door(row):
    with contextlib.suppress(WorldRefusedError):
        admit_row(row, "here")


@pytest.mark.parametrize("where", ["a sample", "a trajectory"])
def test_the_worlds_of_samples_and_trajectories_are_those_of_their_task(where):
    row = {"id": "x", "worlds": {"Banking": 1}, "task": {"worlds": [{"world": "evil.py:World"}]}}
    with pytest.raises(WorldRefusedError, match="evil"):
        admit_row(row, where)


def test_a_world_of_ones_own_answers_to_every_path_that_ends_like_it(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    shutil.copy(LOCKER, tmp_path / "mine" / "locker.py")
    monkeypatch.chdir(tmp_path)
    allow("mine/locker.py:Locker")
    for name in ("mine/locker.py:Locker", "./mine/../mine/locker.py:Locker", f"{tmp_path}/mine/locker.py:Locker", "locker.py:Locker",
                 "/home/a stranger/worlds/locker.py:Locker", "C:\\worlds\\locker.py:Locker"):  # fmt: skip
        assert place_of(name) == "mine/locker.py:Locker", name
    assert world_class("/somewhere/else/locker.py:Locker") is world_class("mine/locker.py:Locker")
    for name in ("mine/locker.py:Other", "mine/lockers.py:Locker", "locker:Locker", "mine/locker.py:Locker:Locker"):
        assert place_of(name) is None, name


def test_two_worlds_that_end_alike_answer_to_their_own_paths_alone(tmp_path):
    one, other = f"{tmp_path}/a/locker.py:Locker", f"{tmp_path}/b/locker.py:Locker"
    allow(one, other)
    assert place_of(one) == one
    assert place_of(other) == other
    assert place_of("locker.py:Locker") is None


def test_servers_answer_to_their_declaration_alone():
    allow("mcp:servers/shop.json", "mcp:python shop.py")
    assert place_of("mcp:/elsewhere/shop.json") == "mcp:servers/shop.json"
    assert place_of("mcp:python shop.py") == "mcp:python shop.py"
    for name in ("mcp:python shop.py --evil", "mcp:python  shop.py", "mcp:other.json", 'mcp:{"command": "python", "args": ["shop.py"]}',
                 'mcp:{"command": "servers/shop.json"}', "mcp:http://x/shop.json"):  # fmt: skip
        assert place_of(name) is None, name


def test_what_the_user_names_is_allowed_by_that(tmp_path, monkeypatch):
    place = f"{LOCKER}:Locker"
    task = {"env": "x", "worlds": [{"world": place}], "turns": [{"user": "hi"}]}
    with pytest.raises(WorldRefusedError):
        parse_task(task)
    user_env(place)
    assert parse_task(task).worlds[0].world == place
    monkeypatch.setattr(door, "_allowed", {})
    user_world(place)
    assert allowed() == (place,)
    monkeypatch.setattr(door, "_allowed", {})
    gym.make("turngym:turngym/Banking-v0", allow=[place]).close()
    assert parse_task(task)
    monkeypatch.setattr(door, "_allowed", {})
    file = tmp_path / "tasks.jsonl"
    file.write_text(parse_task_line(place))
    with pytest.raises(WorldRefusedError, match=r"tasks.jsonl, line 1: "):
        _ = TaskFile.read(file)[0]
    assert TaskFile.read(file, allow=place)[0].worlds[0].world == place


def parse_task_line(place):
    return Task(env="x", worlds=(TaskWorld(world=place),), turns=(Turn(user="hi"),)).line()


def test_a_task_made_in_python_runs_no_world_that_was_not_named():
    task = Task(env="x", worlds=(TaskWorld(world=f"{LOCKER}:Locker"),), turns=(Turn(user="hi"),))
    with pytest.raises(WorldRefusedError):
        start_of(task)
    allow(f"{LOCKER}:Locker")
    assert start_of(task).worlds


def test_a_stranger_s_name_makes_us_look_at_no_disk(tmp_path):
    """Not even whether its file is there: `sys.addaudithook` cannot be taken back, so what would be called is watched."""
    looked = []
    names = ("stat", "lstat", "open", "readlink", "listdir", "scandir", "access")
    kept = {name: getattr(os, name) for name in names}
    try:
        for name in names:
            setattr(os, name, lambda *given, name=name, **more: looked.append(name) or kept[name](*given, **more))
        for name in STRANGE:
            place_of(name)
    finally:
        for name in names:
            setattr(os, name, kept[name])
    assert not looked


def test_a_refusal_is_one_plain_line_whatever_the_name_is():
    with pytest.raises(WorldRefusedError) as caught:
        admit("mcp:\x1b[2J\n<script>" + "x" * 100_000, "t.jsonl, line 1")
    said = str(caught.value)
    assert len(said) < 600
    assert not {"\n", "\x1b"} & set(said)
    assert not isinstance(caught.value, TaskError)  # a malformed task is one row's affair, this one is the user's
    assert "evil" not in sys.modules


@pytest.mark.parametrize(
    "opener", ["rescore", "synthesize_rollouts", "export_dataset", "refine", "refresh", "coverage", "verify_directory"]
)
def test_whatever_opens_data_in_python_can_be_told_which_worlds_are_allowed(opener, tmp_path):
    """The place need hold nothing: what is allowed is allowed before it is looked at."""
    places = [importlib.import_module(f"turngym.{name}") for name in (
        "agents", "synthesis.from_rollouts", "synthesis.export", "synthesis.refining.pipeline", "synthesis.aiming.refresh",
        "synthesis.surveying.coverage", "synthesis")]  # fmt: skip
    call = next(getattr(place, opener) for place in places if hasattr(place, opener))
    given = [tmp_path / "none", *([tmp_path / "out"] if "out" in inspect.signature(call).parameters else [])]
    with contextlib.suppress(Exception):
        call(*given, allow=[f"{LOCKER}:Locker"])
    assert allowed() == (f"{LOCKER}:Locker",)


def test_what_a_command_says_to_run_next_is_what_it_takes(tmp_path, capsys):
    """A set made in a world of one's own is proven by the very words that `synthesize` ends with."""
    assert run(["synthesize", f"{LOCKER}:Locker", "-n", "2", "--out", str(tmp_path / "set")]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    again = shlex.split(said[said.index("turngym verify") :])[1:]
    door._allowed.clear()
    assert run(again[:4]) == 0
    door._allowed.clear()
    assert run(again[:2]) == 2
