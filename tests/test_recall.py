"""Promises of worlds that recall: what they tell is what plain worlds tell, and each call is executed once per moment."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty_worlds import ReadWrites
from mini_world import Library

from turngym.envs import Cell, Table, World, record, tool
from turngym.envs.binding import Pool, bind
from turngym.envs.recall import RecallingWorlds
from turngym.envs.registry import world_class
from turngym.envs.worldset import WorldSet, WorldSpec

WORLDS = (("Banking",), ("FileSystem",), ("Travel",), ("FileSystem", "Banking"))
WRONG: tuple[Any, ...] = ("{", "[]", '{"no_such": 1}', {}, {"no_such": 1}, {"path": 7}, {"path": "\ud800"}, 7)


def plain(*names: str, seed: int = 3) -> WorldSet:
    return WorldSet.create(WorldSpec(world_class(name), seed) for name in names)


class Pair:
    """One state twice, plain and recalling, and the states that both have been in."""

    def __init__(self, worlds: WorldSet, twin: WorldSet) -> None:
        self.worlds, self.twin = worlds, twin

    def fork(self) -> Pair:
        return Pair(self.worlds.fork(), self.twin.fork())

    def same(self, start: Pair) -> None:
        assert self.twin.fingerprint() == self.worlds.fingerprint()
        assert self.twin.diff(self.twin) == []
        assert start.twin.diff(self.twin) == start.worlds.diff(self.worlds)
        assert start.twin.effects(self.twin) == start.worlds.effects(self.worlds)
        assert start.twin.effects(self.twin, ()) == start.worlds.effects(self.worlds, ())


@pytest.mark.parametrize("names", WORLDS, ids="+".join)
@pytest.mark.parametrize("seed", range(3))
def test_a_walk_with_branches_repeats_and_errors_goes_as_on_plain_worlds(names: tuple[str, ...], seed: int) -> None:
    rng, worlds = Random(f"{names}{seed}"), plain(*names)
    start = Pair(worlds, RecallingWorlds(worlds))
    pool, places, made = Pool(worlds.known()), [start.fork()], list[tuple[str, Any]]()
    for number in range(120):
        here = rng.choice(places[-6:]).fork()
        roll = rng.random()
        if roll < 0.1:
            seconds = rng.choice((0, 60, 86_400))
            here.worlds.advance(seconds)
            here.twin.advance(seconds)
        else:
            name = rng.choice(list(worlds.tools))
            bound = bind(worlds.tools[name], here.worlds.world_of(name), pool, rng)
            arguments: Any = {key: item.value for key, item in bound.items()} if bound is not None else {}
            if roll < 0.2:
                arguments = rng.choice(WRONG)
            elif roll < 0.5 and made:  # once more, from here or from where it was made
                name, arguments = rng.choice(made)
            told, twin = here.worlds.call(name, arguments), here.twin.call(name, arguments)
            assert twin == told
            made.append((name, arguments))
            if told.error is None:
                pool.add(worlds.tools[name], told.value, call=str(number))
        here.same(start)
        places.append(here)
    for place in places:
        place.same(start)  # whatever came after, each moment is what it was
    assert worlds.fingerprint() == plain(*names).fingerprint()


@record
class Tally:
    id: str
    value: str


class Counting(World):
    """A world that counts how often it was really asked."""

    tallies: Table[str, Tally]
    last = Cell[str]("")
    asked: list[str] = []  # not state: what this test looks at

    def generate(self, rng: Random, size: str) -> None:
        self.tallies.put(Tally("a", "0"))

    @tool
    def look(self, what: bool | int | str) -> Tally:
        """Look at something.

        Args:
            what: what to look at.
        """
        self.asked.append(f"look {what!r}")
        return Tally("look", repr(what))

    @tool(writes=("tallies", "last"))
    def note(self, what: str) -> Tally:
        """Note something.

        Args:
            what: what to note.
        """
        self.asked.append(f"note {what!r}")
        self.last = what
        return self.tallies.put(Tally("a", what))


@pytest.fixture
def counting() -> RecallingWorlds:
    Counting.asked.clear()
    return RecallingWorlds(WorldSet.create([WorldSpec(Counting)]))


def test_a_call_is_executed_once_from_a_moment_and_again_from_another(counting: RecallingWorlds) -> None:
    for _ in range(3):
        fork = counting.fork()
        for text in ({"what": "x"}, '{"what": "x"}', '{ "what":"x" }'):
            assert fork.call("look", text).value["value"] == "'x'"
        fork.call("note", {"what": "y"})
        fork.call("look", {"what": "x"})
        fork.call("note", {"what": "y"})  # writes what is there, and is a moment of its own
    assert Counting.asked == ["look 'x'", "note 'y'", "look 'x'", "note 'y'"]


def test_arguments_that_are_equal_to_python_alone_are_not_taken_for_each_other(counting: RecallingWorlds) -> None:
    told = [counting.call("look", {"what": value}).value["value"] for value in (True, 1, "1", "True")]
    assert told == ["True", "1", "'1'", "'True'"]


def test_forks_share_what_is_known_and_nothing_else(counting: RecallingWorlds) -> None:
    one, other = counting.fork(), counting.fork()
    before = other.fingerprint()
    one.call("note", {"what": "mine"})
    assert other.fingerprint() == before == counting.fingerprint() != one.fingerprint()
    assert [worlds.worlds[0].last for worlds in (one, other)] == ["mine", ""]


def test_a_read_that_writes_is_our_bug_and_leaves_the_moment_as_it_was() -> None:
    worlds = WorldSet.create([WorldSpec(ReadWrites)])
    twin = RecallingWorlds(worlds)
    name = next(iter(worlds.worlds[0].known())).value
    for _ in range(2):
        assert twin.call("peek", {"name": name}) == worlds.call("peek", {"name": name})
        assert twin.fingerprint() == worlds.fingerprint()
    assert twin.call("peek", {"name": name}).error == "internal_error"


def test_an_unknown_tool_is_told_as_by_plain_worlds() -> None:
    worlds = WorldSet.create([WorldSpec(Library)])
    assert RecallingWorlds(worlds).call("borow", {}) == worlds.call("borow", {})


def test_what_was_recalled_goes_when_the_last_set_goes() -> None:
    worlds = RecallingWorlds(WorldSet.create([WorldSpec(Library)]))
    start = worlds.fork()
    for seconds in (0, 60):
        worlds.advance(seconds)
        worlds.call("find_book", {"title": "Dune"})
        start.effects(worlds)
    last = weakref.ref(worlds.worlds[0])
    gc.disable()
    try:
        del worlds, start
        assert last() is None, "moments hold each other in a circle"
    finally:
        gc.enable()
