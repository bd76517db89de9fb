"""Promises of shortcuts: a quick first look, or a text kept, gives what the long way gives."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turngym.envs import record
from turngym.envs.minting import _DIGITS, _LETTERS, fill
from turngym.envs.registry import world_class
from turngym.envs.state import _digest, _digest_all
from turngym.envs.telling.words import _GLUED, _THOUSANDS, normalise
from turngym.envs.types import format_money
from turngym.envs.world import World
from turngym.envs.worlds.banking.iban import _remainder
from turngym.synthesis.chain import _TELLTALE, _telltales

PIECES = (
    "eur", "USD", "chf", "12", "1,250.00", "-3", ",", ".", " ", "neural", "x", "A", "\u0130", "\u017f", "\u212a", "\u0131", "\u0661", "-",
    "1,000,000", "zar", "2026-03-02", "\u2019",
)  # fmt: skip
TELLING = (
    "hint", "hints", "HINT", "h\u0131nt", "h\u0130nt", "critic", "Critique", "criticise", "gold", "gold call", "Gold standard",
    "marigold call",
    "ground truth", "ground", "reference solution", "Reference", "previous attempt", "previou\u017f attempt", " ", "-", "_", "a", ". ",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join))
def test_texts_are_normalised_as_without_the_first_look(text: str) -> None:
    folded = text.casefold()
    for odd, plain in zip("\u2019\u2018\u201c\u201d\u2212\u2013", "''\"\"--", strict=True):
        folded = folded.replace(odd, plain)
    assert normalise(text) == " ".join(_GLUED.sub(r" \1\2 ", _THOUSANDS.sub("", folded)).split())


@given(st.lists(st.sampled_from(TELLING) | st.text(max_size=2)).map("".join))
def test_no_word_of_guidance_is_overlooked(text: str) -> None:
    assert [found.span() for found in _telltales(text)] == [found.span() for found in _TELLTALE.finditer(text)]


@given(st.text("#@*X-1", max_size=14), st.integers(0, 1 << 62))
def test_ids_look_as_drawn_sign_by_sign(pattern: str, number: int) -> None:
    out, left = [], number
    for sign in pattern:
        letters = {"#": _DIGITS, "@": _LETTERS, "*": _LETTERS + _DIGITS[2:]}.get(sign, sign)
        left, place = divmod(left, len(letters))
        out.append(letters[place])
    assert fill(pattern, number) == "".join(out)


@given(st.integers(-(10**14), 10**14))
def test_money_is_written_with_its_sign_before_everything(minor: int) -> None:
    text = format_money(minor)
    assert text == f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


@given(st.text("0123456789ABCXYZaz", min_size=1, max_size=30))
def test_letters_of_an_iban_count_from_ten(text: str) -> None:
    assert _remainder(text) == int("".join(str(int(sign, 36)) for sign in text)) % 97


@pytest.mark.parametrize("name", ["Banking", "FileSystem", "Travel"])
def test_all_rows_of_a_table_hash_as_each_alone(name: str) -> None:
    world = world_class(name).create(5)
    for table in world._tables():
        rows = table._base.rows
        assert _digest_all(rows, table.spec.record) == sum(_digest(key, value) for key, value in rows.items())


@pytest.mark.parametrize("name", ["Banking", "FileSystem", "Travel"])
def test_tables_come_in_their_order_whoever_touched_which_first(name: str) -> None:
    cls = world_class(name)
    order = ["_cells", *cls.table_specs]
    assert [table.spec.name for table in cls(4)._tables()] == order
    for seed in range(8):
        world, rng = cls.create(4), Random(seed)
        for touched in rng.sample(order, rng.randrange(len(order) + 1)):
            getattr(world, touched)
        for seen in (world, world.fork(), world):
            assert [table.spec.name for table in seen._tables()] == order


@pytest.mark.parametrize("now", [World.START, 0, 1_772_495_999, 1_772_496_000])
def test_the_clock_reads_as_the_calendar_does(now: int) -> None:
    world = world_class("Banking").create()
    world.now = now
    moment = datetime.fromtimestamp(now, UTC)
    assert (world.today, world.timestamp) == (moment.date().isoformat(), moment.isoformat()[:19])
    assert world.day_before(3) == date.fromordinal(moment.toordinal() - 3).isoformat()  # type: ignore[attr-defined]


@record
class Coin:
    name: str
    worth: int = 1


@record
class Purse:
    name: str
    coins: tuple[Coin, ...] = ()


@record
class Secret:
    name: str

    def __repr__(self) -> str:
        return "***"


def test_a_record_is_written_as_a_dataclass_is() -> None:
    purse = Purse("mine", (Coin("groat"), Coin("penny", 2)))
    assert repr(purse) == "Purse(name='mine', coins=(Coin(name='groat', worth=1), Coin(name='penny', worth=2)))"
    assert repr(Secret("x")) == "***"
    assert repr(dataclasses.replace(purse, coins=(purse.coins[0],))) == "Purse(name='mine', coins=(Coin(name='groat', worth=1),))"
