"""Two states are one for a user when only generated ids, their order and what does not count tell them apart."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from planted_worlds import Entry, Link, Stamp, Tag, Thing, Things

from turngym.envs.canonical import Effect, effects
from turngym.envs.worldset import WorldSet

START = WorldSet([Things.create(0)])
OLD = [thing.id for thing in START.worlds[0].things]  # type: ignore[attr-defined]


def told(*records: Any, ignore: tuple[str, ...] = (), include: tuple[str, ...] = (), **cells: Any) -> Counter[Effect]:
    """The effects of putting `records` into fresh `Things`."""
    worlds = START.fork()
    world: Any = worlds.worlds[0]
    tables = {Thing: world.things, Link: world.links, Tag: world.tags, Entry: world.log}
    world._fresh = {item.id for item in records} - set(OLD)  # as if `mint` had made them
    for item in records:
        tables[type(item)].put(item)
    for name, value in cells.items():
        setattr(world, name, value)
    return effects(START.diff(worlds), START.table_specs(), START.incidental() - set(include), ignore)


def pair(a: str, b: str, link: str = "LK-1") -> list[Any]:
    return [Thing(a, "cat"), Thing(b, "dog"), Link(link, a, b)]


# -- the same ---------------------------------------------------------------------------------------------


def test_other_generated_ids_are_the_same_state():
    assert told(*pair("TH-X", "TH-Y")) == told(*pair("TH-7", "TH-3", "LK-9"))


def test_order_of_creation_is_irrelevant():
    things = [Thing("TH-1", "cat"), Thing("TH-2", "dog"), Link("LK-1", "TH-1", "TH-2"), Tag("TH-1", "x")]
    assert len({tuple(sorted(told(*order).items())) for order in itertools.permutations(things)}) == 1
    assert told(Thing("TH-1", "cat"), Thing("TH-2", "dog")) == told(Thing("TH-1", "dog"), Thing("TH-2", "cat"))


def test_circles_are_named_whatever_the_ids():
    def circle(a: str, b: str, c: str) -> list[Thing]:
        return [Thing(a, "cat", b), Thing(b, "dog", c), Thing(c, "owl", a)]

    assert told(*circle("TH-1", "TH-2", "TH-3")) == told(*circle("TH-9", "TH-4", "TH-6"))
    assert told(Thing("TH-1", "cat", "TH-1")) == told(Thing("TH-2", "cat", "TH-2"))


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 4), st.lists(st.integers(0, 4), max_size=3)), min_size=5, max_size=5),
    st.permutations(range(5)),
)
def test_any_web_of_new_things_is_the_same_under_any_renaming(web: Any, names: list[int]):
    def made(name: list[int]) -> Counter[Effect]:
        return told(
            *[
                Thing(f"TH-{name[i]}", text, f"TH-{name[to]}", tuple(f"TH-{name[n]}" for n in more))
                for i, (text, to, more) in enumerate(web)
            ]
        )

    assert made(list(range(5))) == made(names)


def test_what_does_not_count_does_not_count():
    assert told(Thing("TH-1", "cat", remark="one")) == told(Thing("TH-1", "cat", remark="two"))
    assert told(Thing("TH-1", "cat", stamp=Stamp("s", 1))) == told(Thing("TH-1", "cat", stamp=Stamp("s", 2)))
    assert told(mark=Stamp("s", 1)) == told(mark=Stamp("s", 2))
    assert not told(Entry("NT-1", "x"), place="away")
    assert not told(replace(START.worlds[0].things[OLD[0]], remark="changed"))  # type: ignore[attr-defined]
    assert told(Thing("TH-1", "cat"), ignore=("Things.things.name",)) == told(Thing("TH-1", "dog"), ignore=("Things.things.name",))


def test_incidental_changes_count_where_asked_for():
    include = ("Things.log", "Things.place")
    assert sum(told(Entry("NT-1", "x"), place="away", include=include).values()) == 2
    assert told(Entry("NT-1", "x"), include=include) == told(Entry("NT-2", "x"), include=include)
    assert told(Entry("NT-1", "x"), include=include) != told(Entry("NT-1", "y"), include=include)


# -- not the same -----------------------------------------------------------------------------------------

DIFFERENT = {
    "swapped contents": (pair("TH-1", "TH-2"), [Thing("TH-1", "cat"), Thing("TH-2", "dog"), Link("LK-1", "TH-2", "TH-1")]),
    "one more": (pair("TH-1", "TH-2"), [*pair("TH-1", "TH-2"), Thing("TH-3", "cat")]),
    "twice": ([Thing("TH-1", "cat")], [Thing("TH-1", "cat"), Thing("TH-2", "cat")]),
    "other text": ([Thing("TH-1", "cat")], [Thing("TH-1", "Cat")]),
    "to an old one": ([Thing("TH-1", "cat", OLD[0])], [Thing("TH-1", "cat", OLD[1])]),
    "to a new one or an old one": (
        [Thing("TH-1", "anna"), Link("LK-1", "TH-1", OLD[0])],
        [Thing("TH-1", "anna"), Link("LK-1", OLD[0], OLD[0])],
    ),
    "to itself or nobody": ([Thing("TH-1", "cat", "TH-1")], [Thing("TH-1", "cat")]),
    "order in a tuple": ([Thing("TH-1", "c", None, (OLD[0], OLD[1]))], [Thing("TH-1", "c", None, (OLD[1], OLD[0]))]),
    "the other way round a circle": (
        [Thing("TH-1", "a", "TH-2"), Thing("TH-2", "b", "TH-3"), Thing("TH-3", "c", "TH-1")],
        [Thing("TH-1", "a", "TH-3"), Thing("TH-2", "b", "TH-1"), Thing("TH-3", "c", "TH-2")],
    ),
    "swapped at the end of a chain": (
        [
            Thing("TH-1", "a", "TH-2"),
            Thing("TH-2", "m", "TH-3"),
            Thing("TH-3", "x"),
            Thing("TH-4", "b", "TH-5"),
            Thing("TH-5", "m", "TH-6"),
            Thing("TH-6", "y"),
        ],
        [
            Thing("TH-1", "a", "TH-2"),
            Thing("TH-2", "m", "TH-6"),
            Thing("TH-3", "x"),
            Thing("TH-4", "b", "TH-5"),
            Thing("TH-5", "m", "TH-3"),
            Thing("TH-6", "y"),
        ],
    ),
    "swapped things that share their ids with like tags": (
        [Thing("TH-1", "cat"), Thing("TH-2", "dog"), Tag("TH-1", "t"), Tag("TH-2", "t"), Link("LK-1", "TH-1", OLD[0])],
        [Thing("TH-1", "cat"), Thing("TH-2", "dog"), Tag("TH-1", "t"), Tag("TH-2", "t"), Link("LK-1", "TH-2", OLD[0])],
    ),
    "tags on the other one": (
        [Thing("TH-1", "cat"), Thing("TH-2", "dog"), Tag("TH-1", "t"), Tag("TH-2", "u")],
        [Thing("TH-1", "cat"), Thing("TH-2", "dog"), Tag("TH-1", "u"), Tag("TH-2", "t")],
    ),
    "new tags on old things": ([Tag(OLD[0], "t")], [Tag(OLD[1], "t")]),
    "a reference to a thing that a new tag is on": (
        [Tag(OLD[0], "t"), Link("LK-1", OLD[0], OLD[0])],
        [Tag(OLD[0], "t"), Link("LK-1", OLD[1], OLD[1])],
    ),
    "a nested record": ([Thing("TH-1", "cat", stamp=Stamp("s"))], [Thing("TH-1", "cat", stamp=Stamp("t"))]),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_that_counts_is_noticed(name: str):
    one, two = DIFFERENT[name]
    assert told(*one) != told(*two)


def test_ids_that_a_world_made_up_are_renamed_and_no_others():
    def made(*names: str) -> Counter[Effect]:
        worlds = START.fork()
        for name in names:
            worlds.call("make", {"name": name})
        return effects(START.diff(worlds), START.table_specs())

    assert made("x", "y") == made("y", "x")
    assert made("x", "y") != made("x", "x")
    assert {effect.key for effect in made("x", "y")} == {""}
    worlds = START.fork()
    worlds.worlds[0].tags.put(Tag("FL-2026-03-02", "an id from outside, of a flight on a day, say"))  # type: ignore[attr-defined]
    assert {effect.key for effect in effects(START.diff(worlds), START.table_specs())} == {"FL-2026-03-02"}


def test_cells_count():
    assert told(count=1) != told(count=2)
    assert told(count=1) != told()
    assert not told(count=0)
    assert told(mark=Stamp("s")) != told(mark=Stamp("t"))


def test_changed_and_removed_records_keep_their_names():
    worlds = START.fork()
    world: Any = worlds.worlds[0]
    world.things.remove(OLD[0])
    world.things.put(Thing(OLD[1], "new"))
    found = effects(START.diff(worlds), START.table_specs())
    assert {(e.kind, e.table, e.key) for e in found} == {("removed", "Things.things", OLD[0]), ("changed", "Things.things", OLD[1])}


def test_a_dense_web_takes_no_time():
    names = [f"TH-{n}" for n in range(14)]
    started = time.perf_counter()
    told(*[Thing(name, "x", None, tuple(names)) for name in names])
    assert time.perf_counter() - started < 1
