"""A foreign world behind our door: calls are atomic, forks share nothing, what was read is what diffs tell."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from turngym.envs.binding import Pool
from turngym.envs.bridges.canon import canonical_text, parts_of, plain_data
from turngym.envs.bridges.foreign import ForeignTool, ForeignWorld
from turngym.envs.errors import DefinitionError, ToolError
from turngym.envs.registry import world_class
from turngym.envs.task import Turn
from turngym.envs.worldset import WorldSet, WorldSpec
from turngym.synthesis.making import Making, Place
from turngym.synthesis.phrasing import Style
from turngym.synthesis.query import PERSONAS
from turngym.synthesis.roles import Scene


class Shelf:
    """Somebody's own class: it half-applies before it raises, and keeps a private counter."""

    def __init__(self, books: list[str]) -> None:
        self.books = {name: {"lent": False} for name in books}
        self._asked = 0

    def lend(self, name: str) -> dict[str, Any]:
        self.books.setdefault(name, {"lent": False})["lent"] = True
        if name.startswith("!"):
            raise KeyError(name)
        return {"name": name, **self.books[name]}

    def count(self) -> int:
        self._asked += 1
        return len(self.books) * 100 + self._asked


class Frozen:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = copy.deepcopy(shelf)

    def thaw(self) -> Live:
        return Live(copy.deepcopy(self.shelf))


class Live:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        return getattr(self.shelf, name)(**arguments)

    def state(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self.shelf).items() if not name.startswith("_")}

    def freeze(self) -> Frozen:
        return Frozen(self.shelf)


def read(arguments: Any) -> dict[str, Any]:
    found = json.loads(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(found, dict):
        raise ToolError("invalid_arguments", "an object is expected")
    return found


SCHEMA = {"type": "object", "properties": {}}


class Shelves(ForeignWorld):
    """Shelves of books that somebody wrote long before this library."""

    foreign_tools = {name: ForeignTool("Shelves", name, f"Do {name}.", SCHEMA, (), read) for name in ("lend", "count")}

    @classmethod
    def open(cls, seed: int, size: str, config: dict[str, Any]) -> Live:
        return Live(Shelf(config.get("books", [f"book {seed}", "atlas"])))


class Unwatched(Shelves):
    """The same, read only when somebody asks."""

    watched = False
    atomic = False


def test_a_call_that_raises_leaves_nothing_behind():
    world = Shelves.create()
    before = world.fingerprint()
    result = world.call("lend", {"name": "!new"})
    assert result.error == "unavailable"
    assert "KeyError" in result.detail
    assert world.fingerprint() == before
    assert world.call("count").value == 201


def test_writes_are_told_and_forks_are_apart():
    world = Shelves.create(3)
    twin = world.fork()
    assert world.call("lend", '{"name": "atlas"}').written == (("state", "books/atlas"),)
    assert [(c.key, c.after.value) for c in twin.diff(world)] == [("books/atlas", '{"lent":true}')]
    assert twin.call("lend", {"name": "atlas"}).written
    assert twin.fingerprint() == world.fingerprint()
    assert Shelves.create(3).fingerprint() != world.fingerprint()


def test_what_is_not_shown_is_forked_all_the_same():
    world = Shelves.create()
    world.call("count")
    twin = world.fork()
    assert world.call("count").value == twin.call("count").value == 202


def test_restore_comes_back_any_number_of_times():
    world = Shelves.create()
    moment = world.snapshot()
    for _ in range(3):
        world.call("lend", {"name": "atlas"})
        assert world.fingerprint() != moment.fingerprint()
        world.restore(moment)
        assert world.fingerprint() == moment.fingerprint()


def test_an_unwatched_world_is_read_when_somebody_asks():
    world, start = Unwatched.create(), Unwatched.create()
    assert world.call("lend", {"name": "!new"}).written == ()
    assert [c.key for c in start.diff(world)] == ["books/!new"]  # not atomic: what it did stands
    twin = world.fork()
    world.call("lend", {"name": "atlas"})
    assert [c.key for c in twin.diff(world)] == ["books/atlas"]


def test_a_config_is_the_initial_state_and_ours_take_none():
    worlds = WorldSet.create([WorldSpec(Shelves, config='{"books": ["dune"]}')])
    assert worlds.call("count").value == 101
    banking = world_class("Banking")
    with pytest.raises(DefinitionError, match="takes no config"):
        banking.create(config='{"a": 1}')


def test_values_are_written_down_without_addresses_circles_or_order_of_sets():
    class Node:
        def __init__(self) -> None:
            self.me = self
            self.tags = {"b", "a", "c"}
            self.run = lambda: 1
            self._secret = 1

    assert plain_data(Node()) == {"me": "<Node>", "tags": ["a", "b", "c"], "run": "<function>"}
    assert canonical_text({2: float("nan"), "a": (1, b"\x01")}) == '{"2":"nan","a":[1,"01"]}'
    assert parts_of({"empty": {}, "none": [], "many": {1: "x"}}) == {"none": "[]", "many/1": '"x"'}
    plain_data("\ud800").encode()


def test_a_sample_keeps_the_config_of_its_world():
    spec = WorldSpec(Shelves, config='{"books": ["dune"]}')
    worlds = WorldSet.create([spec])
    making = Making(worlds, Pool(), Scene(PERSONAS[0], Style(), 0))
    making.turns.append(Turn(user="How many?"))
    making.notes.append({"target": "count"})
    task = making.sample(Place("shelves", (("tests:Shelves", spec),))).task
    assert task.worlds[0].config == {"books": ["dune"]}
