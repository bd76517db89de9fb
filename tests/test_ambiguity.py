"""A query with two readings that end in two places is found; one with a single reading is let through."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from planned_rounds import From, borrowing, by_hand, drawn_until, fresh
from planted_worlds import Market

from turngym.synthesis.advanced import compose
from turngym.synthesis.ambiguity import other_reading
from turngym.synthesis.phrasing import Style
from turngym.synthesis.plan import Reference, Round


def reading(round_: Round, *earlier: Round) -> str:
    return other_reading(round_, list(earlier), compose(round_, "x", "x"), Style())


def test_that_offer_is_ambiguous_where_two_were_shown():
    first = by_hand(fresh(Market), ("best_offer", {}), ("worst_offer", {}))
    for source in ("t0c0", "t0c1"):
        round_ = by_hand(first.after, ("bid", {"offer": From(source, "id", Reference((), "that"))}), turn=1, earlier=(first,))
        assert "bid.offer" in reading(round_, first)


def test_that_offer_is_clear_where_one_was_shown():
    first = by_hand(fresh(Market), ("best_offer", {}))
    round_ = by_hand(first.after, ("bid", {"offer": From("t0c0", "id", Reference((), "that"))}), turn=1, earlier=(first,))
    assert reading(round_, first) == ""


def test_the_offer_by_its_name_is_clear_in_a_list():
    worlds = fresh(Market)
    for index, row in enumerate(worlds.fork().call("list_offers").value):
        round_ = by_hand(
            worlds, ("list_offers", {}), ("bid", {"offer": From("t0c0", f"[{index}].id", Reference((("name", row["name"]),)))})
        )
        assert reading(round_) == ""


def test_the_new_bid_is_ambiguous_after_two():
    # two bids are made in one turn and both are called new: nothing here takes a bid, so the planted world stays clear
    worlds = fresh(Market)
    round_ = by_hand(worlds, ("best_offer", {}), ("bid", {"offer": From("t0c0", "id")}))
    assert reading(round_) == ""


def test_rounds_of_the_sampler_that_need_no_pronoun_are_clear():
    assert reading(borrowing()) == ""
    for seed in range(5):
        assert reading(drawn_until(Library, "borrow", seed)) == ""


def test_another_reading_that_ends_in_the_same_place_does_not_count():
    first = by_hand(fresh(Market), ("best_offer", {}), ("best_offer", {}))
    round_ = by_hand(first.after, ("bid", {"offer": From("t0c1", "id", Reference((), "that"))}), turn=1, earlier=(first,))
    assert reading(round_, first) == ""


def test_the_search_leaves_the_round_as_it_was():
    first = by_hand(fresh(Market), ("best_offer", {}), ("worst_offer", {}))
    round_ = by_hand(first.after, ("bid", {"offer": From("t0c0", "id", Reference((), "that"))}), turn=1, earlier=(first,))
    before, after = round_.before.fingerprint(), round_.after.fingerprint()
    reading(round_, first)
    assert (round_.before.fingerprint(), round_.after.fingerprint()) == (before, after)
