"""An advanced tool is its round: executed it gives the same, elsewhere the same kind of thing, and it hides the way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from planned_rounds import From, borrowing, by_hand, drawn_until, fresh
from planted_worlds import Market, Rocket

from turngym.synthesis.advanced import Hidden, compose, pick_value
from turngym.synthesis.plan import Reference

ROWS = [
    {"id": "a", "name": "lamp", "price": 5, "owner": {"id": "x"}},
    {"id": "b", "name": "chair", "price": 9, "owner": {"id": "y"}},
    {"id": "c", "name": "chair", "price": 20, "owner": {"id": "z"}},
]


def test_executed_where_it_was_made_it_gives_the_same_results_and_state():
    for cls, target in ((Library, "borrow"), (Rocket, "launch"), (Market, "bid")):
        for seed in range(4):
            round_ = drawn_until(cls, target, seed)
            tool = compose(round_, "goal", "Do it.")
            worlds = round_.before.fork()
            done = tool.execute(worlds)
            assert not done.failed
            assert {k: r.text for k, r in done.results.items()} == {c.id: c.result.text for c in round_.calls}
            assert worlds.fingerprint() == round_.after.fingerprint()


def test_executed_from_another_seed_with_other_values_it_does_the_same_kind_of_thing():
    tool = compose(borrowing(0), "borrow_a_book", "Borrow a book.")
    for seed in range(1, 6):
        worlds = fresh(Library, seed)
        library = worlds.worlds[0]
        book = next(book for book in library.books if book.copies)
        done = tool.execute(worlds, {"title": book.title, "card": library.card, "days": 21})
        assert not done.failed
        (loan,) = library.loans
        assert (loan.book, loan.title, loan.days) == (book.id, book.title, 21)


def test_values_of_the_wrong_seed_fail_at_the_step_that_shows_it():
    tool = compose(borrowing(0), "b", "b")
    worlds = fresh(Library, 1)
    assert tool.execute(worlds, {"card": "nobody's"}).failed in ("t0c0", "t0c1", "t0c2")
    gone = tool.execute(fresh(Library, 0), {"title": "No such book"})
    assert gone.failed == "t0c2"  # nothing was found to borrow
    assert list(gone.results) == ["t0c0", "t0c1"]


def test_what_the_user_says_is_exposed_and_what_flows_is_hidden():
    round_ = borrowing()
    tool = compose(round_, "b", "b")
    assert [(e.name, e.call, e.parameter) for e in tool.exposed] == [
        ("title", "t0c0", "title"),
        ("card", "t0c1", "card"),
        ("days", "t0c2", "days"),
    ]
    assert isinstance(tool.steps[2].arguments["book"], Hidden)
    schema = tool.schema()["function"]["parameters"]
    assert set(schema["properties"]) == {"title", "card", "days"}
    assert schema["properties"]["days"] == {"type": "integer"}
    assert tool.returns == ("t0c2",)
    for call in round_.calls:
        for value in call.internal():
            assert value not in json.dumps(tool.schema())


def test_two_parameters_of_one_name_stay_two():
    round_ = by_hand(fresh(Rocket), ("find_job", {"name": "alpha"}), ("find_job", {"name": "beta"}))
    tool = compose(round_, "b", "b")
    assert len({e.name for e in tool.exposed}) == 2
    done = tool.execute(fresh(Rocket), {tool.exposed[1].name: "gamma"})
    assert [json.loads(r.text)[0]["name"] for r in done.results.values()] == ["alpha", "gamma"]


def test_a_value_of_an_earlier_turn_flows_in():
    first = by_hand(fresh(Market), ("list_offers", {}))
    round_ = by_hand(
        first.after,
        ("bid", {"offer": From("t0c0", "[1].id", Reference((("name", first.calls[0].value[1]["name"]),)))}),
        turn=1,
        earlier=(first,),
    )
    tool = compose(round_, "b", "b")
    assert not tool.exposed
    assert tool.execute(round_.before.fork(), earlier={"t0c0": first.calls[0].value}).results["t1c0"].text == round_.calls[0].result.text
    with pytest.raises(KeyError):
        tool.execute(round_.before.fork()).results["t1c0"]


def test_the_cheapest_elsewhere_is_the_cheapest_there():
    worlds = fresh(Market)
    rows = worlds.fork().call("list_offers").value
    cheap = min(range(3), key=lambda i: rows[i]["price"])
    round_ = by_hand(worlds, ("list_offers", {}), ("bid", {"offer": From("t0c0", f"[{cheap}].id", Reference((), "min:price"))}))
    tool = compose(round_, "b", "b")
    for seed in range(1, 8):
        there = fresh(Market, seed)
        assert not tool.execute(there).failed
        market = there.worlds[0]
        (bid,) = market.bids
        assert market.offers[bid.offer].name == "lamp"


def test_a_swapped_argument_is_another_reading():
    round_ = borrowing()
    tool = compose(round_, "b", "b")
    other = next(book.id for book in round_.before.worlds[0].books if book.id != round_.calls[2].arguments["book"])
    done = tool.execute(round_.before.fork(), swap=("t0c2", "book", other))
    assert done.failed in ("", "t0c2")
    assert tool.execute(round_.before.fork(), swap=("t0c2", "book", "BK-none")).failed == "t0c2"


# -- references -------------------------------------------------------------------------------------------

PICKS = [
    ("[0].id", Reference((("name", "lamp"),)), "a"),
    ("[0].id", Reference((("name", "chair"), ("price", 20))), "c"),
    ("[2].id", Reference((), "min:price"), "a"),
    ("[0].id", Reference((), "max:price"), "c"),
    ("[0].id", Reference((("name", "chair"),), "max:price"), "c"),
    ("[1].owner.id", Reference((), "only"), "y"),
    ("[1].id", Reference((), "that"), "b"),
]


@pytest.mark.parametrize(("path", "reference", "value"), PICKS)
def test_words_pick_the_right_object(path: str, reference: Reference, value: str):
    assert pick_value(ROWS, path, reference) == value


NO_PICKS = [
    ("[0].id", Reference((("name", "chair"),))),
    ("[0].id", Reference((("name", "sofa"),))),
    ("[0].id", Reference((("gone", 1),))),
    ("[0].id", Reference((("name", "lamp"),), "max:price")),
    ("[0].id", Reference((), "min:name")),
    ("[0].id", Reference((), "max:gone")),
    ("[7].id", Reference()),
    ("id", Reference()),
]


@pytest.mark.parametrize(("path", "reference"), NO_PICKS)
def test_words_that_fit_nothing_or_several_pick_nothing(path: str, reference: Reference):
    with pytest.raises(LookupError):
        pick_value(ROWS, path, reference)


def test_two_equal_extremes_are_not_one():
    rows = [{"id": "a", "price": 5}, {"id": "b", "price": 5}]
    with pytest.raises(LookupError):
        pick_value(rows, "[0].id", Reference((), "min:price"))


def test_prices_as_text_are_compared_as_numbers():
    rows = [{"id": "a", "price": "100.00"}, {"id": "b", "price": "20.00"}]
    assert pick_value(rows, "[0].id", Reference((), "max:price")) == "a"
    assert pick_value(rows, "[0].id", Reference((), "min:price")) == "b"
