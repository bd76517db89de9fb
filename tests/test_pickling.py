"""Envs travel: pickled or deep-copied at any moment, also into a new process, they go on as they would have gone on."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, some_tasks, two_turn_task
from mini_world import Book, Library

import turngym  # noqa: F401
from turngym.envs import TaskError
from turngym.envs.bridges.foreign import ForeignWorld
from turngym.envs.bridges.objects import world_of
from turngym.envs.env import ToolEnv
from turngym.envs.errors import NotPortableError
from turngym.envs.recall import RecallingWorlds
from turngym.envs.registry import ENVS, user_world
from turngym.envs.worldset import WorldSet
from turngym.envs.wrappers import FaultInjection, HoldOut
from turngym.synthesis.pipeline import Maker, Request

IDS = [info.id for info in ENVS]
LOCKER = Path(__file__).parent.parent / "examples" / "locker.py"
FIND = {"name": "find_book", "arguments": {"title": "Dune"}}


def gold_actions(env: Any) -> list[Any]:
    """What gold would do from the start of the env's task to its end."""
    actions: list[Any] = []
    for turn in env.unwrapped.episode.task.turns:
        for call in turn.gold:
            actions += [{"name": call.name, "arguments": call.arguments}] * (1 + sum(fault.tool == call.name for fault in turn.faults))
        actions.append(turn.reply or "Done.")
    return actions


def live(env: Any, actions: list[Any]) -> list[Any]:
    """What comes of actions: observations, rewards, ends, infos and fingerprints."""
    return [(*env.step(action), env.unwrapped.episode.worlds.fingerprint()) for action in actions]


@pytest.mark.parametrize("name", IDS)
def test_an_env_goes_on_where_it_was_pickled_at_every_step(name: str):
    env = gym.make(name, signals=True)
    assert pickle.loads(pickle.dumps(env)).reset(seed=3)[0] == env.reset(seed=3)[0]
    actions = gold_actions(env)
    middle = len(actions) // 2
    live(env, actions[:middle])
    twins = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    there = live(env, actions[middle:])
    assert there[-1][2]
    for twin in twins:
        assert live(twin, actions[middle:]) == there
        assert twin.reset(options={"task": 0})[0] == env.reset(options={"task": 0})[0]


def test_the_draws_after_it_are_the_same_ones():
    env = gym.make("turngym/Banking-v0")
    env.reset(seed=5)
    env.action_space.seed(1)
    twin = pickle.loads(pickle.dumps(env))
    drawn = [[one.reset()[1]["task"] for _ in range(4)] for one in (env, twin, copy.deepcopy(twin))]
    assert drawn[0] == drawn[1]
    assert env.action_space.sample() == twin.action_space.sample()


def test_wrapped_envs_keep_their_wrappers_and_every_twin_its_own():
    env = HoldOut(FaultInjection(ToolEnv(ENV, tasks=some_tasks(), max_steps=500), rate=0.5, seed=3), ["borrow"])
    env.reset(seed=1)
    live(env, [FIND] * 3)
    for twin in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert live(copy.deepcopy(twin), [FIND] * 20) == live(copy.deepcopy(env), [FIND] * 20)
        (intercept,) = twin.unwrapped.interceptors
        assert intercept.__self__ is twin.env
        assert twin.unwrapped.hidden == {"borrow"}


def test_twins_share_nothing_that_can_change():
    env = ToolEnv(ENV, tasks=[two_turn_task()])
    env.reset()
    twin = copy.deepcopy(env)
    before = twin.episode.worlds.fingerprint()
    live(env, gold_actions(env))
    assert (twin.episode.worlds.fingerprint(), twin.episode.turn, twin.episode.over) == (before, 0, False)
    assert live(twin, gold_actions(twin))[-1][1] == 1.0


# -- another process --------------------------------------------------------------------------------------


def _go_on(pipe: Any) -> None:
    env, actions = pipe.recv()
    pipe.send(live(env, actions))
    pipe.close()


def in_a_new_process(env: Any, actions: list[Any]) -> Any:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=_go_on, args=(there,), daemon=True)
    child.start()
    try:
        here.send((env, actions))
        assert here.poll(120)
        return here.recv()
    finally:
        child.join(30)


@pytest.mark.parametrize("name", ["turngym/Banking-v0", str(LOCKER)])
def test_a_spawned_process_goes_on_alike(name: str):
    """A world that ships, and one from a file that the user named, whose module has no name to import."""
    if name.endswith(".py"):
        made = (part.sample for part in Maker(Request((f"{name}:Locker",), 1, 0)).stream())
        env: Any = ToolEnv(f"{name}:Locker", tasks=[next(sample for sample in made if sample is not None).task])
    else:
        env = gym.make(name)
    env.reset(seed=2)
    actions = gold_actions(env)
    live(env, actions[:1])
    assert in_a_new_process(env, actions[1:]) == live(env, actions[1:])


# -- worlds -----------------------------------------------------------------------------------------------


def test_a_world_is_sent_as_its_changes():
    world = Library.create(4)
    (book, *_) = [book for book in world.books if book.copies]
    assert world.call("identify", {"card": world.card}).error is None
    assert world.call("borrow", {"book": book.id}).error is None
    world.books.remove(next(other.id for other in world.books if other.id != book.id))
    world.advance(60)
    body = pickle.dumps(world)
    assert len(body) < len(pickle.dumps(list(world.books))) + 2_000
    for twin in (pickle.loads(body), copy.deepcopy(world), copy.copy(world)):
        assert (twin.fingerprint(), twin.diff(world)) == (world.fingerprint(), [])
        assert Library.create(4).diff(twin) == Library.create(4).diff(world)
        twin.books.remove(book.id)
        assert book.id in world.books
    worlds = pickle.loads(pickle.dumps(RecallingWorlds(WorldSet([world]))))
    assert worlds.fingerprint() == world.fingerprint()


def test_what_does_not_travel_says_so():
    class Local(Library):
        """A library that no other process finds."""

    with pytest.raises(NotPortableError, match=r"world Local cannot be pickled: no other process finds .*; define it at the top"):
        pickle.dumps(Local.create())
    assert copy.deepcopy(Local.create()).fingerprint() == Local.create().fingerprint()
    with pytest.raises(NotPortableError, match="its state lives in a foreign system of this process alone"):
        ForeignWorld.packed(Library.create())  # type: ignore[arg-type]


def test_a_world_on_a_live_server_says_so():
    pytest.importorskip("mcp")
    from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world_of

    crude = Path(__file__).parent / "mcp_crude.py"
    world = mcp_world_of(Declaration(command=sys.executable, args=(str(crude),), reset="reset", state="dump", timeout=5.0)).create()
    try:
        with pytest.raises(NotPortableError, match=r"its server \(.*\) is alive for this process alone; make the env anew"):
            pickle.dumps(WorldSet([world]))
    finally:
        close_connections()


def test_a_world_that_comes_out_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch):
    body = pickle.dumps(Library(seed=77))
    monkeypatch.setattr(Library, "generate", lambda self, rng, size: self.books.put(Book(self.mint(self.books), "Emma", "essays", 1)))
    with pytest.raises(NotPortableError, match="its generator gives another start"):
        pickle.loads(body)


class Shelf:
    """A plain shelf."""

    def __init__(self) -> None:
        self.books = ["Dune"]

    def add(self, title: str) -> int:
        """Add a book."""
        self.books.append(title)
        return len(self.books)


def test_a_plain_object_travels_by_the_name_it_was_found_under():
    world = user_world(f"{__file__}:Shelf").create()
    assert world.call("add", {"title": "Emma"}).value == {"result": 2}
    twins = [pickle.loads(pickle.dumps(world)), copy.deepcopy(world)]
    assert [twin.fingerprint() for twin in twins] == [world.fingerprint()] * 2
    assert world.call("add", {"title": "Kindred"}).error is None
    assert [twin.call("add", {"title": "Walden"}).value for twin in twins] == [{"result": 3}] * 2
    assert world.call("add", {"title": "Utopia"}).value == {"result": 4}
    unnamed = world_of(Shelf).create()
    with pytest.raises(NotPortableError, match="no other process finds"):
        pickle.dumps(unnamed)


# -- whole numbers of any kind ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [int, np.int64, np.int8, np.uint32])
def test_any_whole_number_is_an_index_and_a_seed(kind: Any):
    env = ToolEnv(ENV, tasks=some_tasks())
    assert env.reset(options={"task": kind(3)})[1]["task"] == env.tasks[3].id
    assert env.reset(seed=kind(7))[1]["task"] == env.reset(seed=7)[1]["task"]


@pytest.mark.parametrize("value", [True, np.bool_(True), 1.0, np.float64(1)])
def test_a_truth_value_or_a_fraction_is_none(value: Any):
    env = ToolEnv(ENV, tasks=some_tasks())
    with pytest.raises(TaskError, match="there is no task"):
        env.reset(options={"task": value})
    with pytest.raises(TypeError, match=r"seed=.* is no whole number"):
        env.reset(seed=value)
