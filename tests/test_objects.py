"""A plain class is a world without a change to it: schemas, gaps, errors, state and forks, and awkward classes above all."""

from __future__ import annotations

import copy
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

sys.path.insert(0, str(Path(__file__).parent))
import plain_things as things

from turngym.envs.bridges.objects import fork_cost, world_of
from turngym.envs.errors import DefinitionError
from turngym.envs.registry import user_world
from turngym.envs.worldset import WorldSet, WorldSpec

LIBRARY = f"{Path(__file__).parent.parent / 'examples' / 'plain_object.py'}:Library"
FULL = {"point": {"x": 1}, "colour": "red", "size": {"width": 2}, "note": {"text": "n"}, "day": "2026-03-02"}


def call(world: Any, tool: str, /, **arguments: Any) -> Any:
    result = world.call(tool, arguments)
    assert result.error is None, result
    return result.value


# -- schemas and gaps -------------------------------------------------------------------------------------


def test_every_hint_becomes_schema_and_arrives_as_what_it_is():
    world = world_of(things.Typed, probes=0).create()
    given = call(world, "take", **FULL, moment="2026-03-02T09:00:00", kind="b", tags=["t"], table={"a": 1}, sum=2)
    assert given["types"] == ["Point", "Colour", "Size", "dict", "date", "datetime", "str", "list", "dict", "Decimal"]
    assert given["pair"] == {"left": "ü", "right": 1}
    schema = world.tools["take"].parameter_schema
    assert schema["required"] == ["point", "colour", "size", "note", "day"]
    assert schema["properties"]["point"]["description"] == "Where."  # NumPy's way of writing
    assert world.tools["at"].parameter_schema["properties"]["x"]["description"] == "the first"  # reStructuredText's
    assert call(world, "at", x=1, z=9) == [1, 2, 9]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"point": {"x": "1"}}, {"colour": "green"}, {"size": {"width": 99}}, {"note": {}}, {"day": "tomorrow"}, {"point": None},
        {"extra": 1}, {"self": 1}, {"__class__": "x"}, {"tags": "t"}, {"table": {"a": 1.5}}, {"sum": float("nan")}, {"kind": "\ud800"},
        {"kind": object()},
    ],
)  # fmt: skip
def test_the_door_is_strict(spoilt: dict[str, Any]):
    world = world_of(things.Typed, probes=0).create()
    before = world.fingerprint()
    result = world.call("take", {**FULL, **spoilt})
    assert result.error == "invalid_arguments"
    assert world.fingerprint() == before
    json.loads(result.text.encode())


def test_gaps_are_named_and_never_guessed():
    cls = world_of(things.Gappy, probes=0)
    assert list(cls.tools) == ["silent", "many", "mutable", "bare", "add"]
    told = "\n".join(cls.gaps)
    for line in (
        "untyped is left out: its parameter what has no type", "silent: it has no docstring",
        "silent: its parameter count is not described",
        "many: *names is not offered", "many: **rest is not offered", "the default of items can change in place",
        "odd is left out: no schema",
        "later is left out: it is asynchronous", "bare: what it returns is not annotated", "its parameter hint has no type and is left at",
        "the docstring describes ghost", "from_text is left out: it is a class method", "Gappy has no docstring", "grüße is left out",
    ):  # fmt: skip
        assert line in told, line
    world = cls.create()
    assert call(world, "mutable") == call(world, "mutable") == {"result": 1}
    assert call(world, "add", a=1, b=2) == {"result": 3}
    assert cls.page() == "Gappy, a plain Python object."


def test_what_cannot_be_offered_is_told_at_once():
    with pytest.raises(DefinitionError, match="wants database"):
        world_of(things.needy)
    with pytest.raises(DefinitionError, match="tools= names untyped, which is not offered; untyped is left out: its parameter what"):
        world_of(things.Gappy, tools=("untyped",))
    with pytest.raises(DefinitionError, match="offers no tool"):
        world_of(things.Empty)
    with pytest.raises(DefinitionError, match="cannot both read and write"):
        world_of(things.Raising, reads=("step",), writes=("step",))
    with pytest.raises(DefinitionError, match="none of auto"):
        world_of(things.Raising, fork="shallow")
    with pytest.raises(DefinitionError, match="no exception class"):
        world_of(things.Raising, errors={"KeyError": "conflict"})  # type: ignore[dict-item]


# -- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("key", "not_found", "not found: 'k'"), ("lookup", "not_found", "no such thing here"),
        ("value", "invalid_arguments", "that is wrong"), ("type", "invalid_arguments", "invalid arguments (TypeError)"),
        ("permission", "permission_denied", "not for you"),
        ("runtime", "precondition_failed", "not now not ever"), ("todo", "unavailable", "unavailable (NotImplementedError)"),
        ("exists", "conflict", "it is there"), ("file", "not_found", "no file"), ("link", "unavailable", "no line"),
        ("assert", "internal_error", "fail failed inside; nothing was changed (that was thought impossible)"),
        ("attribute", "internal_error", "fail failed inside; nothing was changed (no x)"),
        ("zero", "internal_error", "fail failed inside; nothing was changed (by zero)"),
        ("deep", "internal_error", "fail failed inside; nothing was changed (too deep)"),
        ("own", "not_found", "nothing there"), ("odd", "precondition_failed", "odd it is"), ("bare", "precondition_failed", "just no"),
        ("exit", "internal_error", "fail failed inside; nothing was changed (fail tried to end the process (SystemExit))"),
        ("address", "precondition_failed", "about <object>"), ("missing!", "not_found", "not found: 'missing!'"),
    ],
)  # fmt: skip
def test_what_is_raised_has_a_kind_and_leaves_nothing_behind(how: str, kind: str, words: str):
    world = world_of(things.Raising, probes=0).create()
    call(world, "step")
    before = world.fingerprint()
    result = world.call("fail", {"how": how})
    assert (result.error, result.value["error"]["message"]) == (kind, words)
    assert world.fingerprint() == before
    assert call(world, "step") == {"result": 2}


def test_a_mapping_of_ones_own_goes_before_names_and_bases():
    world = world_of(things.Raising, errors={things.Odd: "limit_exceeded", LookupError: "conflict"}, probes=0).create()
    assert [world.call("fail", {"how": how}).error for how in ("odd", "key", "own")] == ["limit_exceeded", "conflict", "not_found"]


# -- state ------------------------------------------------------------------------------------------------


def test_private_state_is_forked_and_compared_but_decides_nothing():
    world = world_of(things.Secretive, probes=0).create()
    twin = world.fork()
    result = world.call("enter", {"name": "Ada"})
    assert {table for table, _ in result.written} == {"hidden"}
    assert world.fingerprint() != twin.fingerprint()
    assert call(twin, "enter", name="Bo") == {"result": 1}
    assert (call(world, "read"), call(twin, "read")) == (["Ada"], ["Bo"])
    assert WorldSet([world]).incidental() >= {"Secretive.hidden"}


def test_private_attributes_are_compared_where_there_are_no_others_and_that_is_told():
    cls = world_of(things.Private)
    assert set(cls.create().call("put", {"name": "a"}).written) == {("state", "_rows/a")}
    assert any("no public attribute" in gap for gap in cls.gaps)


def test_state_is_what_a_function_or_a_method_says():
    def rows(thing: things.Secretive) -> dict[str, Any]:
        return {"in": thing.read()}

    for state in (rows, "read"):
        world = world_of(things.Secretive, state=state, probes=0).create()
        assert "state" in {table for table, _ in world.call("enter", {"name": "Ada"}).written}
    world = world_of(things.Secretive, state="all", probes=0).create()
    assert ("state", "_seen/1") in world.call("enter", {"name": "Ada"}).written
    with pytest.raises(DefinitionError, match="names nothing"):
        world_of(things.Secretive, state="nothing", probes=0).create()


def test_slots_and_a_live_dictionary_are_kept_apart():
    world = world_of(things.Slotted, probes=0).create()
    call(world, "put", name="a", value=1)
    twin = world.fork()
    given = call(world, "put", name="b", value=2)
    given["c"] = 3
    assert call(world, "depth") == {"result": 2}
    assert call(twin, "depth") == {"result": 1}
    assert [row.path for row in world.state] == ["held/a", "held/b"]  # what was never set is not there


def test_generators_are_run_at_once_and_what_is_too_much_is_refused():
    world = world_of(things.Lazy, probes=0).create()
    assert call(world, "run", count=3) == [0, 1, 2]
    assert [row.value for row in world.state] == ["[0,1,2]"]
    assert world.call("forever").error == "limit_exceeded"
    assert world.call("huge").error == "limit_exceeded"
    assert call(world, "nothing") == {"result": "nan"}


def test_names_that_a_world_has_itself_and_circles_do_no_harm():
    world = world_of(things.Named, probes=0).create()
    assert call(world, "call", name="Ünal") == {"result": "calling Ünal"}
    assert call(world, "fork") == ["hammer", "fork"]
    assert call(world, "known") == {"result": "nothing"}
    circle = world_of(things.Circle, probes=0).create()
    assert call(circle, "step") == {"me": "<Circle>", "steps": 1}


# -- forks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "way"), [(things.Raising, "pickle"), (things.Slotted, "pickle"), (things.Lambda, "deepcopy")])
def test_the_first_way_that_is_proven_copies(cls: type, way: str):
    made = world_of(cls, probes=0)
    cost = fork_cost(made)
    assert cost["way"] == way
    assert cost["keep_us"] > 0
    assert (cost["bytes"] is not None) == (way == "pickle")
    world = made.create()
    twin = world.fork()
    name = next(iter(made.foreign_tools))
    world.call(name, {"name": "a", "value": 1})
    assert twin.fingerprint() == made.create().fingerprint()


@pytest.mark.parametrize(("cls", "place"), [(things.Locked, r"inner\.deep\.\[1\]"), (things.Filed, "_file"), (things.Closing, "bump")])
def test_what_cannot_be_copied_is_refused_by_name(cls: type, place: str):
    with pytest.raises(DefinitionError, match=f"{place}.*cannot be copied"):
        world_of(cls, probes=0).create()


def test_a_copier_of_ones_own_is_proven_too():
    def twin(thing: things.Closing) -> things.Closing:
        made = things.Closing()
        made.count = thing.count
        return made

    with pytest.raises(DefinitionError, match="bump"):  # a function that closes over its own copy cannot be told from one that does not
        world_of(things.Closing, fork=twin, probes=0).create()
    with pytest.raises(DefinitionError, match="a copy is a NoneType"):
        world_of(things.Locked, fork=lambda thing: None, probes=0).create()


def test_a_call_that_makes_an_object_uncopyable_is_undone():
    world = world_of(things.Turning, probes=0).create()
    before = world.fingerprint()
    result = world.call("lock")
    assert result.error == "internal_error"
    assert "held cannot be copied" in result.detail
    assert world.fingerprint() == before


# -- factories --------------------------------------------------------------------------------------------


def test_a_factory_is_given_what_it_names():
    cls = world_of(things.make_stock, probes=0)
    assert cls.__name__ == "Stock"
    assert [len(cls.create(1, size).tables()["state"]) for size in ("small", "medium", "large")] == [5, 7, 10]
    assert cls.create(1).fingerprint() != cls.create(2).fingerprint()
    worlds = WorldSet.create([WorldSpec(cls, config='{"more": {"bolt": 9}}')])
    assert worlds.call("take", {"part": "bolt", "count": 2}).value == {"result": 7}
    assert worlds.call("take", {"part": "bolt", "count": 99}).error == "invalid_arguments"
    assert worlds.call("take", {"part": "bolt"}).value == {"result": 6}
    with pytest.raises(DefinitionError, match="takes no more in its config"):
        WorldSet.create([WorldSpec(world_of(things.Slotted, probes=0), config='{"more": 1}')])


def test_the_registry_finds_a_plain_class_and_a_declaration():
    cls = user_world(LIBRARY)
    assert cls is user_world(LIBRARY)
    assert cls.__name__ == "Library"
    assert len(cls.create(0).call("list_books").value) == 6


# -- driven directly, and through the world ----------------------------------------------------------------


class BesidesThePlainObject(RuleBasedStateMachine):
    """Whatever is called, a world tells what the plain object tells, but for what a failed call leaves behind."""

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.cls = user_world(LIBRARY)
        self.world = self.cls.create(seed)
        self.plain = copy.deepcopy(self.world.system.thing)  # type: ignore[attr-defined]
        self.forks: list[tuple[Any, Any]] = []
        self.chance = random.Random(seed)

    def value(self, name: str) -> Any:
        held = {"book_id": self.plain.books, "member_id": self.plain.members, "loan_id": self.plain.loans or {"L1": 0}}
        pool = list(held.get(name, ())) or [book.author for book in self.plain.books.values()]
        return self.chance.choice([*pool, "nobody"])

    @rule(name=st.sampled_from(("list_books", "find_books", "borrow_book", "return_book", "list_loans", "renew_card", "pay_fine")))
    def act(self, name: str) -> None:
        arguments = {p.name: self.value(p.name) for p in self.cls.tools[name].parameters.values() if p.required}
        kept = copy.deepcopy(self.plain)
        result = self.world.call(name, arguments)
        try:
            given = getattr(self.plain, name)(**arguments)
        except Exception:
            self.plain = kept
            assert result.error is not None
            return
        assert result.error is None
        told = result.value
        rows = told if isinstance(told, list) else [told]
        for row, thing in zip(rows, given if isinstance(given, list) else [given], strict=True):
            assert row == (vars(thing) if hasattr(thing, "__dict__") else {"result": thing})

    @rule()
    def fork(self) -> None:
        self.forks.append((self.world.fork(), copy.deepcopy(self.plain)))

    @rule(pick=st.integers(0, 9))
    def go_back(self, pick: int) -> None:
        if self.forks:
            world, plain = self.forks[pick % len(self.forks)]
            self.world.restore(world)
            self.plain = copy.deepcopy(plain)

    def teardown(self) -> None:
        if hasattr(self, "plain"):
            from turngym.envs.bridges.canon import parts_of

            shown = {name: held for name, held in vars(self.plain).items() if not name.startswith("_")}
            assert {row.path: row.value for row in self.world.tables()["state"]} == parts_of(shown)


TestBesidesThePlainObject = BesidesThePlainObject.TestCase
TestBesidesThePlainObject.settings = settings(stateful_step_count=25)
