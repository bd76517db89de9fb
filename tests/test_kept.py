"""Promises of what is kept: an index finds what a look through all finds, a kept text is the one written anew."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from functools import cache
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from turngym.envs import Key, Money, Table, World, changed, record, tool
from turngym.envs.env import pack_of
from turngym.envs.records import keep_texts, maker
from turngym.envs.sealed import Seal
from turngym.envs.state import TableSpec, rollback
from turngym.envs.texts import writer_of
from turngym.envs.verdict import judge_of

PieceId = Annotated[str, Key("piece")]


@record
class Part:
    name: str
    weight: Money


@record
class Piece:
    id: PieceId
    owner: str
    price: Money
    tag: str | None = None
    parts: tuple[Part, ...] = ()
    count: int = 0
    spares: tuple[Part, ...] = ()


@record
class Branch:
    id: PieceId
    arms: tuple[Branch, ...]


def label(piece: Piece) -> Part:
    """How a piece is shown: with what its owner is called."""
    return Part(f"{piece.owner}: {piece.id}", piece.price)


WORDS = st.sampled_from(["a", "b", 'ü\n"\\', "\x00\x1f\x7f", "\u2028😀", ""])
PARTS = st.lists(st.builds(Part, WORDS, st.integers(-(10**9), 10**9)), max_size=3).map(tuple)
KEYS, OWNERS = st.sampled_from("KLMNOP"), st.sampled_from("xyz")
PIECES = st.builds(Piece, KEYS, OWNERS, st.integers(-3, 3), st.none() | WORDS, PARTS, st.integers(), PARTS)
STEPS = st.lists(
    st.tuples(st.just("put"), PIECES)
    | st.tuples(st.just("remove"), KEYS)
    | st.tuples(st.sampled_from(["commit", "undo", "fork", "seal"]), st.none()),
    max_size=25,
)


# -- indexes ----------------------------------------------------------------------------------------------


def _scan(table: Table[str, Piece], **values: Any) -> list[Piece]:
    return [row for row in table if all(getattr(row, field) == value for field, value in values.items())]


def _agrees(table: Table[str, Piece]) -> None:
    for owner in "xyzw":
        assert table.where(owner=owner) == _scan(table, owner=owner)
        assert table.where(price=0, owner=owner) == _scan(table, owner=owner, price=0)
    assert table.where(tag=None) == _scan(table, tag=None)
    assert [table.get(key) for key in "KLMNOP"] == [table.getter()(key) for key in "KLMNOP"]


@given(STEPS)
def test_an_index_finds_what_a_look_through_all_finds(steps: list[tuple[str, Any]]) -> None:
    journal: list[Any] = []
    table: Table[str, Piece] = Table(TableSpec("pieces", Piece), journal)
    forks: list[tuple[Table[str, Piece], list[Piece]]] = []
    for step, what in steps:
        if step == "put":
            table.put(what)
        elif step == "remove" and what in table:
            table.remove(what)
        elif step == "commit":
            journal.clear()
        elif step == "undo":
            rollback(journal)
        elif step == "fork":
            forks.append((table, list(table)))
            journal = []
            table = table.fork(journal)
        elif step == "seal":
            table.seal()
            journal.clear()
        _agrees(table)
    for other, rows in forks:  # neither felt what happened later
        assert list(other) == rows
        _agrees(other)


def test_forks_share_an_index_and_a_write_makes_none_anew() -> None:
    table: Table[str, Piece] = Table(TableSpec("pieces", Piece), [])
    for number in range(100):
        table.put(Piece(f"P{number:03d}", "x" if number % 10 else "y", number))
    table.seal()
    twin, other = table.fork([]), table.fork([])
    assert len(twin.where(owner="y")) == 10
    assert len(other.where(owner="y")) == 10
    made = table._base.indexes["owner",]
    assert made is not None
    twin.put(Piece("P000", "z", 1))
    twin.put(Piece("P001", "y", 1))
    assert [row.id for row in twin.where(owner="y")][:2] == ["P001", "P010"]
    assert len(other.where(owner="y")) == 10
    assert twin._base.indexes["owner",] is made


def test_what_is_found_is_the_askers_own_list() -> None:
    table: Table[str, Piece] = Table(TableSpec("pieces", Piece), [])
    table.put(Piece("P", "x", 1))
    table.seal()
    table.where(owner="x").clear()
    assert len(table.where(owner="x")) == 1


def test_a_field_that_records_do_not_have_is_an_error() -> None:
    table: Table[str, Piece] = Table(TableSpec("pieces", Piece), [])
    table.put(Piece("P", "x", 1))
    table.seal()
    with pytest.raises(AttributeError, match="colour"):
        table.where(colour="red")
    with pytest.raises(TypeError):
        table.where()


# -- texts ------------------------------------------------------------------------------------------------


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _whole(annotation: Any, value: Any) -> str:
    return _adapter(annotation).dump_json(value).decode()


@given(st.lists(PIECES, max_size=4))
def test_a_kept_text_is_the_one_that_is_written_anew(pieces: list[Piece]) -> None:
    keep_texts(Part)
    for annotation, value in ((list[Piece], pieces), *[(Piece, piece) for piece in pieces], (list[Part], [label(p) for p in pieces])):
        write = writer_of(annotation)
        assert [write(value) for _ in range(3)] == [_whole(annotation, value)] * 3
    again = [changed(piece, count=1, parts=(*piece.parts, label(piece))) for piece in pieces]  # a copy does not take it along
    assert writer_of(list[Piece])(again) == _whole(list[Piece], again)


ODD = [Part("a", 1), None, changed(Piece("K", "x", 1), count="many"), Piece("K", "x", 1, parts=(Piece("L", "x", 1),))]


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_of_the_declared_type_fares_as_with_pydantic_whatever_was_kept(odd: Any) -> None:
    def outcome(write: Any, value: Any) -> tuple[Any, ...]:
        try:
            return ("told", write(value))
        except Exception as error:
            return (type(error), str(error))

    plain = Piece("K", "x", 1, parts=(Part("b", 2),))
    for annotation, values in ((list[Piece], ([plain], [plain, odd], [odd])), (Piece, (plain, odd))):
        write, whole = writer_of(annotation), _adapter(annotation).serializer
        for value in (*values, *values):
            assert outcome(write, value) == outcome(lambda v, whole=whole: whole.to_json(v, warnings="error").decode(), value)


class Pieces(World):
    """A world whose tools show the same records again and again."""

    pieces: Table[PieceId, Piece]

    def generate(self, rng: Any, size: str) -> None:
        """Two pieces of each owner."""
        for number in range(6):
            self.pieces.put(Piece(f"P{number}", "xyz"[number % 3], number, None, (Part("a", number),)))

    @tool
    def of(self, owner: str) -> list[Piece]:
        """List what somebody owns.

        Args:
            owner: who.
        """
        return self.pieces.where(owner=owner)

    @tool(writes="pieces")
    def price(self, piece: PieceId, price: Money) -> Piece:
        """Change a price.

        Args:
            piece: of what.
            price: the new one.
        """
        return self.pieces.put(changed(self.pieces[piece], price=price))


def test_a_result_tells_what_is_written_now_in_every_fork() -> None:
    world = Pieces.create(0)
    before, mark = world.call("of", {"owner": "x"}).text, world.fingerprint()
    twin = world.fork()
    assert json.loads(twin.call("price", {"piece": "P0", "price": "9.00"}).text)["price"] == "9.00"
    assert [row["price"] for row in twin.call("of", {"owner": "x"}).value] == ["9.00", "0.03"]
    assert (world.call("of", {"owner": "x"}).text, world.fingerprint()) == (before, mark)
    assert twin.fingerprint() != mark


@pytest.mark.parametrize("name", ["Banking", "Travel", "FileSystem", "Assistant"])
def test_gold_calls_are_told_as_their_values_are_written(name: str) -> None:
    _gold_is_written(name, 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Banking", "Travel", "FileSystem", "Assistant"])
def test_every_gold_call_is_told_as_its_value_is_written(name: str) -> None:
    _gold_is_written(name, 1_000_000)


def _gold_is_written(name: str, most: int) -> None:
    for task, _ in zip(pack_of(name), range(most), strict=False):
        worlds = judge_of(task).start.fork()
        for turn in task.turns:
            worlds.advance(turn.elapse)
            for call in turn.gold:
                item, twin = worlds.tools[call.name], worlds.fork()
                result = worlds.call(call.name, call.arguments)
                if result.error is None:
                    value = item.method(twin.world_of(call.name), **item.validate(call.arguments))
                    assert result.text == _whole(item.returns, value)


# -- copies -----------------------------------------------------------------------------------------------


@given(PIECES, st.fixed_dictionaries({}, optional={"owner": WORDS, "price": st.integers(), "spares": PARTS}))
def test_a_changed_copy_is_what_dataclasses_replace_gives(piece: Piece, values: dict[str, Any]) -> None:
    made, wanted = changed(piece, **values), dataclasses.replace(piece, **values)
    assert (made, type(made), hash(made), repr(made)) == (wanted, type(wanted), hash(wanted), repr(wanted))
    assert made is not piece
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.owner = "me"  # type: ignore[misc]


@given(PIECES)
def test_a_maker_makes_what_the_class_makes(piece: Piece) -> None:
    made = maker(Piece)(piece.id, piece.owner, piece.price, piece.tag, piece.parts, piece.count, piece.spares)
    assert (made, type(made), hash(made)) == (piece, Piece, hash(piece))
    with pytest.raises(TypeError):
        maker(Piece)("K", "x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.owner = "me"  # type: ignore[misc]


def test_a_field_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="colour"):
        changed(Piece("K", "x", 1), colour="red")  # type: ignore[call-arg]


def test_a_record_that_does_more_when_it_is_made_does_it_for_a_changed_copy_too() -> None:
    @record
    class Odd:
        id: str
        twice: str = dataclasses.field(default="", init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "twice", self.id * 2)

    @record
    class Odder(Odd):
        more: int = 0

    assert changed(Odd("a"), id="b").twice == "bb"
    assert (changed(Odder("a"), more=3).twice, changed(Odder("a"), more=3).more) == ("aa", 3)


def test_what_is_kept_is_no_part_of_a_record() -> None:
    plain, used = Piece("K", "x", 1), Piece("K", "x", 1)
    for _ in range(2):
        writer_of(list[Piece])([used])
    assert (used, hash(used), repr(used), dataclasses.asdict(used)) == (plain, hash(plain), repr(plain), dataclasses.asdict(plain))
    assert pickle.dumps(used) == pickle.dumps(plain)
    for twin in (copy.copy(used), copy.deepcopy(used), pickle.loads(pickle.dumps(used)), changed(used)):
        assert twin == used
        assert not hasattr(twin, "_text")


def test_what_is_found_out_about_sealed_contents_is_kept_until_something_changes() -> None:
    journal: list[Any] = []
    table: Table[str, Piece] = Table(TableSpec("pieces", Piece), journal)
    table.put(Piece("K", "x", 1))
    table.seal()
    twin, seal, other, price = table.fork(journal), table.sealed(), Seal(), [1]
    assert seal is not None
    assert twin.sealed() is seal
    ask = lambda mark, *others: seal.keep(mark, others, lambda: price[0] * 10)  # noqa: E731
    assert ask("sum", other) == 10
    price[0] = 2
    assert (ask("sum", other), ask("all", other), ask("sum", Seal()), ask("sum", other)) == (10, 20, 20, 20)
    journal.clear()
    twin.put(Piece("K", "x", 2))
    assert (twin.sealed(), table.sealed()) == (None, seal)
    rollback(journal)
    assert twin.sealed() is seal
    table.seal()
    assert table.sealed() is not seal


def test_a_record_that_holds_its_own_kind_is_told_too() -> None:
    leaf = Branch("leaf", ())
    tree = Branch("top", (leaf, Branch("arm", (leaf, leaf))))
    write = writer_of(list[Branch])
    table: Table[str, Branch] = Table(TableSpec("branches", Branch), [])
    table.put(tree)
    assert [write([tree, leaf]) for _ in range(2)] == [_whole(list[Branch], [tree, leaf])] * 2
