"""No code of a world ends Python: what a tool or a generator raises is the world's bug, told and counted; full ids are named."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from leaving_worlds import Draws, Gone, Knows, Late, Laws, Parcel, Post

from turngym.agents import run_all
from turngym.cli import run
from turngym.envs import DefinitionError
from turngym.envs.check import check_world
from turngym.envs.errors import WorldError
from turngym.envs.task import GoldCall, Task, TaskWorld, Turn
from turngym.envs.worldset import WorldSet
from turngym.stopping import Stopped, stopping

FILE = Path(__file__).parent / "leaving_worlds.py"


def task(world: str, elapse: int = 0) -> Task:
    place = f"leaving_worlds:{world}"
    turn = Turn(user="Send one to me.", gold=(GoldCall(id="a", name="send", arguments={"name": "me"}),), elapse=elapse)
    return Task(env=place, worlds=(TaskWorld(world=place),), turns=(turn,))


def leaving(how: str = "exit"):
    async def act(conversation):
        return {"tool_calls": [{"name": "leave", "arguments": {"how": how}}]} if len(conversation.messages) == 1 else "Done."

    return act


@pytest.mark.parametrize("how", ["exit", "generator", "halt"])
def test_a_tool_that_leaves_is_an_internal_error_and_undone(how: str):
    world = Post.create()
    before = world.fingerprint()
    result = world.call("leave", {"how": how})
    assert (result.error, world.fingerprint()) == ("internal_error", before)
    assert result.detail.startswith({"exit": "SystemExit: 3", "generator": "GeneratorExit", "halt": "Halt: stop"}[how])
    assert world.call("send", {"name": "me"}).error is None


def test_ctrl_c_stops_and_leaves_the_state_as_it_was():
    world = Post.create()
    before = world.fingerprint()
    with pytest.raises(KeyboardInterrupt):
        world.call("leave", {"how": "interrupt"})
    assert world.fingerprint() == before


def test_what_a_signal_handler_raises_passes_through_a_world():
    """A command's own handler, and one that exits: it is a wish to stop, whatever was running."""

    class Busy(Post):
        """A post office that is called at a bad moment."""

        def on_advance(self, before: int) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1_000_000):
                pass

    with pytest.raises(Stopped), stopping():
        Busy.create().advance(1)

    def leave(number, frame):
        sys.exit(7)

    former = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            Busy.create().advance(1)
    finally:
        signal.signal(signal.SIGTERM, former)


def test_a_rollout_counts_it_and_goes_on():
    report = run_all(leaving(), [task("Post"), task("Post", elapse=1)])
    assert report.summary["episodes"] == 2
    assert report.summary["error_kinds"] == {"internal_error": 2}
    assert all(made.results[0]["detail"].startswith("SystemExit: 3") for made in report.trajectories)


@pytest.mark.parametrize(("world", "elapse", "words"), [("Gone", 0, "its generator raised SystemExit: 3"), ("Late", 60, "on_advance")])
def test_a_generator_or_a_clock_that_leaves_is_nobody_elses_failure(world: str, elapse: int, words: str):
    report = run_all(leaving(), [task(world, elapse)])
    (made,) = report.trajectories
    assert (made.status, made.counts) == ("error", False)
    assert words in made.detail


def test_every_place_is_told_as_an_error():
    with pytest.raises(WorldError, match="generator raised SystemExit: 3"):
        Gone()
    with pytest.raises(WorldError, match="on_advance raised SystemExit: 3"):
        Late.create().advance(60)
    with pytest.raises(WorldError, match=r"known\(\) raised SystemExit: 3"):
        list(WorldSet([Knows.create()]).known())


@pytest.mark.parametrize("cls", [Post, Gone, Late, Knows, Draws, Laws])
def test_the_checker_ends_and_names_it(cls: type[Post]):
    report = check_world(cls, calls=60, processes=False)
    told = " ".join(result.detail for result in report.failures)
    assert "SystemExit: 3" in told
    assert "Key('parcel', 'PL-#') has room for 10 ids, and the table parcels holds 10" in told or cls is Gone


@pytest.mark.parametrize("world", ["Gone", "Knows", "Draws"])
def test_a_command_says_what_left(world: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["synthesize", f"{FILE}:{world}", "-n", "1", "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "SystemExit: 3" in told
    assert len(told.strip().splitlines()) == 1


# -- ids --------------------------------------------------------------------------------------------------


def test_a_generator_that_uses_up_its_ids_is_named_with_key_pattern_room_and_remedy():
    with pytest.raises(DefinitionError) as caught:
        Post.create(size="large")
    told = str(caught.value)
    assert "world Post (large): Key('parcel', 'PL-#') has room for 10 ids" in told
    assert "parcels holds 10; give the pattern more signs" in told


def test_a_call_that_finds_no_free_id_is_a_typed_error():
    world = Post.create()
    assert world.call("send", {"name": "me"}).error is None
    before = world.fingerprint()
    result = world.call("send", {"name": "you"})
    assert (result.error, result.message) == ("limit_exceeded", "no more parcels can be made: all 10 ids like PL-# are taken")
    assert world.fingerprint() == before
    assert len(Post.create(size="medium").parcels) == 10


def test_a_rollout_lives_through_full_ids():
    async def act(conversation):
        if len(conversation.messages) > 1:
            return "Done."
        return {"tool_calls": [{"name": "send", "arguments": {"name": name}} for name in "ab"]}

    report = run_all(act, [task("Post")])
    assert [result["error"] for result in report.trajectories[0].results] == [None, "limit_exceeded"]


def test_a_world_that_swells_into_what_an_episode_needs_is_named():
    class Swelling(Post):
        """A post office that gets more parcels than it has ids for."""

        def generate(self, rng, size):
            pass

        def generate_more(self, rng, factor):
            for _ in range(10):
                self.parcels.put(Parcel(self.mint(self.parcels), "more"))

    with pytest.raises(DefinitionError, match="room for 10 ids, of which swelling leaves 16 to the episode"):
        Swelling(swell=1)
