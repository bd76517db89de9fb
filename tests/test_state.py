"""Promises of the state tables: a dict with history that leaves no trace, whatever is put, removed, forked, undone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

sys.path.insert(0, str(Path(__file__).parent))
from planted_worlds import Stamp, Thing, Things

from turngym.envs import Cell, DefinitionError, Key, Table, ToolError, World, record
from turngym.envs.state import Change, TableSpec, rollback

KEYS = [f"TH-{n:04d}" for n in range(6)]
NAMES = ["a", "b", 'ü\n"', ""]


class TableMachine(RuleBasedStateMachine):
    """A table beside a dict; forks beside copies of the dict; a journal beside its own snapshots."""

    def __init__(self) -> None:
        super().__init__()
        self.journal: list[Any] = []
        self.table: Table[str, Thing] = Table(TableSpec("things", Thing), self.journal)
        self.model: dict[str, Thing] = {}
        self.clean: dict[str, Thing] = {}  # what rollback leads back to
        self.forks: list[tuple[Table[str, Thing], dict[str, Thing]]] = []

    @rule(key=st.sampled_from(KEYS), name=st.sampled_from(NAMES))
    def put(self, key: str, name: str) -> None:
        thing = Thing(key, name)
        assert self.table.put(thing) is thing
        self.model[key] = thing

    @rule(key=st.sampled_from(KEYS))
    def remove(self, key: str) -> None:
        if key in self.model:
            assert self.table.remove(key) == self.model.pop(key)
        else:
            with pytest.raises(ToolError) as caught:
                self.table.remove(key)
            assert caught.value.kind == "not_found"

    @rule()
    def commit(self) -> None:
        self.journal.clear()
        self.clean = dict(self.model)

    @rule()
    def undo(self) -> None:
        rollback(self.journal)
        assert not self.journal
        self.model = dict(self.clean)

    @rule()
    def seal(self) -> None:
        self.commit()
        self.table.seal()

    @rule()
    def fork(self) -> None:
        self.commit()
        self.forks.append((self.table.fork([]), dict(self.model)))

    @precondition(lambda self: self.forks)
    @rule(data=st.data(), key=st.sampled_from(KEYS), name=st.sampled_from(NAMES))
    def write_in_a_fork(self, data: Any, key: str, name: str) -> None:
        table, model = data.draw(st.sampled_from(self.forks), label="fork")
        table.put(Thing(key, name))
        model[key] = Thing(key, name)

    @precondition(lambda self: self.forks)
    @rule(data=st.data())
    def swap(self, data: Any) -> None:
        self.commit()
        index = data.draw(st.integers(0, len(self.forks) - 1), label="fork")
        table, model = self.forks[index]
        self.forks[index] = (self.table, self.model)
        self.table, self.model, self.journal, self.clean = table, model, table._journal, dict(model)
        self.journal.clear()

    @invariant()
    def every_table_is_its_dict(self) -> None:
        for table, model in [(self.table, self.model), *self.forks]:
            assert list(table.keys()) == sorted(model)
            assert list(table) == [model[key] for key in sorted(model)]
            assert len(table) == len(model)
            for key in KEYS:
                assert (key in table) == (key in model)
                assert table.get(key) == model.get(key)

    @invariant()
    def totals_and_differences_are_functions_of_the_contents(self) -> None:
        for table, model in self.forks:
            expected = [
                Change("things", key, self.model.get(key), model.get(key))
                for key in sorted({*self.model, *model}) if self.model.get(key) != model.get(key)
            ]  # fmt: skip
            assert list(self.table.changes(table)) == expected
            assert (self.table.total() == table.total()) == (not expected)
        fresh: Table[str, Thing] = Table(TableSpec("things", Thing), [])
        for key in sorted(self.model, reverse=True):
            fresh.put(self.model[key])
        assert fresh.total() == self.table.total()


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(stateful_step_count=30, suppress_health_check=list(HealthCheck))


# -- order and fingerprints -------------------------------------------------------------------------------


def test_order_of_iteration_is_a_function_of_the_contents():
    one, two = Things.create(3), Things.create(3)
    things = [Thing(f"TH-{n:04d}", str(n)) for n in (5, 1, 9, 3)]
    for thing in things:
        one.things.put(thing)
    for thing in reversed(things):
        two.things.put(Thing(thing.id, "old"))
        two.things.remove(thing.id)
        two.things.put(thing)
    assert list(one.things) == list(two.things) == sorted(one.things, key=lambda t: t.id)
    assert one.fingerprint() == two.fingerprint()
    assert one.diff(two) == []


def test_a_detour_that_comes_back_leaves_the_fingerprint_and_no_difference():
    world = Things.create(0)
    before, pristine = world.fingerprint(), world.fork()
    first = next(iter(world.things))
    world.things.put(Thing(first.id, "changed"))
    world.count = 5
    assert world.fingerprint() != before
    assert {c.table for c in pristine.diff(world)} == {"things", "_cells"}
    world.things.put(first)
    world.count = 0
    assert world.fingerprint() == before
    assert pristine.diff(world) == []


def test_sealing_changes_nothing_that_can_be_seen():
    one, two = Things.create(1), Things.create(1)
    for world in (one, two):
        world.things.put(Thing("TH-0000", "x"))
        world.things.remove(next(t.id for t in world.things if t.name == "anna"))
    two.things.seal()
    assert one.fingerprint() == two.fingerprint()
    assert one.diff(two) == two.diff(one) == []
    assert list(one.things) == list(two.things)


def test_an_id_is_minted_again_after_its_record_was_undone():
    world = Things.create(0)
    first = world.mint(world.things)
    world.things.put(Thing(first, "x"))
    second = world.mint(world.things)
    assert second != first
    world.things.remove(first)
    assert world.mint(world.things) == first


SCRIPT = """
import sys
sys.path[:0] = [sys.argv[1]]
from planted_worlds import Things, Thing
from mini_world import Library
world = Things.create(7)
for n in (4, 2, 9):
    world.things.put(Thing(f"TH-{n:04d}", "é" * n, None, (f"TH-{n:04d}",)))
world.things.remove("TH-0002")
world.count = 3
library = Library.create(5, "large")
library.call("identify", {"card": library.card})
print(world.fingerprint(), Things(7).fingerprint(), library.fingerprint(), [t.id for t in world.things])
"""


def test_fingerprints_are_equal_in_every_process_and_hash_seed():
    said = set()
    for seed in ("0", "1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(run.stdout)
    assert len(said) == 1
    assert Things(7).fingerprint() in said.pop()


def test_states_that_differ_in_seed_size_or_any_field_have_other_fingerprints():
    prints = {Things.create(seed, size).fingerprint() for seed in range(5) for size in ("small", "large")}
    world = Things.create(0)
    for change in (
        Thing("TH-0000", "x"),
        Thing("TH-0000", "x", "TH-0000"),
        Thing("TH-0000", "x", None, ("TH-0000",)),
        Thing("TH-0000", "X"),
    ):
        world.things.put(change)
        prints.add(world.fingerprint())
    assert len(prints) == 14


@record
class Cat:
    name: str


@record
class Dog:
    name: str


@record
class Home:
    id: Annotated[str, Key("home")]
    pet: Cat | Dog


def test_fingerprints_tell_records_of_two_kinds_apart():
    prints = set()
    for pet in (Cat("Tom"), Dog("Tom")):
        table: Table[str, Home] = Table(TableSpec("homes", Home), [])
        table.put(Home("H", pet))
        prints.add(table.total())
    assert len(prints) == 2


# -- what copies cost -------------------------------------------------------------------------------------


def _filled(count: int) -> Table[str, Thing]:
    table: Table[str, Thing] = Table(TableSpec("things", Thing), [])
    for n in range(count):
        table.put(Thing(f"TH-{n:06d}", str(n)))
    table.seal()
    return table


def test_a_fork_shares_the_base_and_the_first_write_does_not_copy_it():
    table = _filled(2000)
    twin = table.fork([])
    assert twin._base is table._base
    twin.put(Thing("TH-000001", "new"))
    assert twin._base is table._base
    assert len(twin._over) == 1
    assert not table._over
    assert table["TH-000001"].name == "1"


def test_fork_and_first_write_cost_the_same_in_a_large_table_as_in_a_small_one():
    def cost(table: Table[str, Thing]) -> float:
        best = 1.0
        for _ in range(30):
            start = time.perf_counter()
            for _ in range(20):
                twin = table.fork([])
                twin.put(Thing("TH-000001", "new"))
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(_filled(20_000)) < 5 * cost(_filled(20)) + 1e-4


def test_a_difference_of_forks_reads_their_overlays_alone():
    table = _filled(20_000)
    twin = table.fork([])
    twin.put(Thing("TH-000001", "new"))
    started = time.perf_counter()
    for _ in range(50):
        assert len(list(table.changes(twin))) == 1
    assert time.perf_counter() - started < 0.05


# -- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["list[int]", "dict[str, int]", "set[int]", "Any", "bytearray"])
def test_a_record_that_could_change_in_place_is_refused(field: str):
    space: dict[str, Any] = {"__annotations__": {"id": str, "bad": eval(field)}}
    with pytest.raises(DefinitionError, match="bad"):
        record(type("Bad", (), space))


def test_records_cannot_be_changed():
    thing = Thing("TH-0000")
    with pytest.raises(AttributeError):
        thing.name = "x"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        thing.extra = "x"  # type: ignore[attr-defined]


def test_a_table_keeps_its_own_kind_alone():
    with pytest.raises(TypeError, match="keeps Thing"):
        Things.create(0).things.put(Stamp("x"))  # type: ignore[arg-type]


def test_a_cell_takes_nothing_that_can_change_in_place():
    world = Things.create(0)
    with pytest.raises(DefinitionError, match="count"):
        world.count = [1]  # type: ignore[assignment]
    with pytest.raises(DefinitionError):
        Cell[Any]([1])


def test_restore_takes_over_a_snapshot_that_stays_usable():
    world = Things.create(0)
    saved = world.snapshot()
    for name in ("one", "two"):
        world.things.put(Thing("TH-0000", name))
        assert world.fingerprint() != saved.fingerprint()
        world.restore(saved)
        assert world.fingerprint() == saved.fingerprint()
    with pytest.raises(TypeError, match="cannot restore"):
        world.restore(World.__new__(World))
