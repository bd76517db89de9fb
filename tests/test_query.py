"""A query says all that only the user knows, nothing that only results show, and its score is the paper's formula."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from planned_rounds import From, borrowing, by_hand, drawn_until, fresh, scene
from planted_worlds import Market, Rocket

from turngym.synthesis.brief import make_brief, states
from turngym.synthesis.phrasing import Style
from turngym.synthesis.plan import Reference, value_depth
from turngym.synthesis.query import PERSONAS, best_jump, draw_style, jump_score, leaks, write_query

# -- J(Q) = (1 - leak) * (h_call + h_arg + d) / 3, by hand ------------------------------------------------


def test_the_score_of_a_borrowing_is_as_worked_out_by_hand():
    round_ = borrowing()  # find_book(title), identify(card), borrow(book <- find_book, days): one of four arguments is hidden
    jump = jump_score("I need something to read.", round_)
    assert (jump.h_call, jump.h_arg, jump.depth, jump.leak) == (1, 0.25, 0.5, False)
    assert jump.score == pytest.approx((1 + 0.25 + 0.5) / 3, abs=1e-4)
    cued = jump_score("Please borrow that one and identify me.", round_)
    assert cued.h_call == pytest.approx(1 / 3)
    assert cued.score == pytest.approx((1 / 3 + 0.25 + 0.5) / 3, abs=1e-4)


def test_a_single_call_leaps_by_what_words_do_not_cue_alone():
    round_ = by_hand(fresh(Library), ("find_book", {"title": "Dune"}))
    assert jump_score("Is Dune here?", round_)[:4] == (pytest.approx(1 / 3, abs=1e-4), 1, 0, 0)
    assert jump_score("Which book is Dune?", round_).h_call == 1  # half a name cues nothing
    assert jump_score("Finding books called Dune", round_).score == 0


def test_a_chain_is_as_deep_as_its_values():
    rows = fresh(Market).call("list_offers").value
    words = Reference((("name", rows[0]["name"]),))
    deep = by_hand(fresh(Market), ("list_offers", {}), ("bid", {"offer": From("t0c0", "[0].id", words)}))
    assert value_depth(deep.calls) == 1
    assert jump_score("I want it.", deep).depth == 1
    assert jump_score("I want it.", deep).score == 1
    padded = by_hand(
        fresh(Market), ("list_offers", {}), ("best_offer", {}), ("worst_offer", {}), ("bid", {"offer": From("t0c0", "[0].id", words)})
    )
    assert jump_score("I want it.", padded).depth == pytest.approx(1 / 3)
    assert jump_score("I want it.", padded).h_arg == 1


def test_no_wording_exceeds_the_best_score():
    for round_ in (borrowing(), drawn_until(Rocket, "launch"), drawn_until(Market, "bid")):
        assert jump_score("zzz", round_).score == pytest.approx(best_jump(round_.calls), abs=1e-4)


# -- leaks ------------------------------------------------------------------------------------------------


def test_a_leak_makes_the_score_nothing():
    round_ = borrowing()
    book, loan = round_.calls[2].arguments["book"], round_.calls[2].value["id"]
    for value in (book, loan, book.lower()):
        for text in (f"Lend me {value}.", f"Lend me ({value})", f'"{value}"'):
            assert leaks(text, round_)
            assert jump_score(text, round_).score == 0
            assert jump_score(text, round_).leak
    for text in (f"Lend me {book}9.", "Lend me BK.", f"x{book}", ""):
        assert not leaks(text, round_)


# -- what stands in a query -------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "target"), [(Library, "borrow"), (Library, "find_book"), (Rocket, "launch"), (Market, "bid")])
@pytest.mark.parametrize("strength", [0, 1, 2])
def test_every_exposed_value_is_stated_and_no_internal_one(cls: type, target: str, strength: int):
    for seed in range(8):
        rng = Random(f"{target}:{seed}:{strength}")
        round_ = drawn_until(cls, target, seed)
        style = draw_style(rng, strength)
        brief = make_brief(round_, [], "", style, rng)
        query = write_query(brief, rng, strength, PERSONAS[seed % len(PERSONAS)], style)
        for item in brief.tool.exposed:
            assert states(query.text, item.parameter, item.value), (item, query.text)
        assert not leaks(query.text, round_)
        assert query.text.strip() == query.text
        assert "{" not in query.text
        assert "  " not in query.text


def test_the_brief_names_no_tool_in_between_and_no_internal_value():
    round_ = borrowing()
    brief = make_brief(round_, [], "", Style(), Random(0))
    seen = repr((brief.tool.name, brief.tool.description, brief.tool.exposed, brief.goals, brief.facts))
    for value in [v for call in round_.calls for v in call.internal()]:
        assert value not in seen.replace(repr(brief.tool.steps), "")
    assert "identify" not in brief.tool.name
    assert brief.tool.name == "borrow"


def test_noise_grows_with_strength():
    round_ = borrowing()
    noises: dict[int, set[str]] = {0: set(), 1: set(), 2: set()}
    texts: dict[int, set[str]] = {0: set(), 1: set(), 2: set()}
    for strength in noises:
        for seed in range(40):
            rng = Random(seed)
            style = draw_style(rng, strength)
            query = write_query(make_brief(round_, [], "", style, rng), rng, strength, PERSONAS[seed % len(PERSONAS)], style)
            noises[strength].update(query.noise)
            texts[strength].add(query.text)
    assert not noises[0]
    assert any(noise.startswith("persona:") for noise in noises[1])
    assert "distractor" not in noises[1]
    assert "distractor" in noises[2]
    assert len(texts[0]) < len(texts[1]) < len(texts[2]) + 10


def test_equal_chances_write_equal_queries():
    round_ = borrowing()

    def text() -> str:
        rng = Random(5)
        style = draw_style(rng, 2)
        return write_query(make_brief(round_, [], "", style, rng), rng, 2, PERSONAS[3], style).text

    assert text() == text()


def test_what_was_said_before_need_not_be_said_again():
    round_ = borrowing()
    card = round_.before.worlds[0].card
    silent = make_brief(round_, [], f"My card is {card}.", Style(), Random(0))
    assert all(value != card for _, value in silent.facts)
    assert any(value == card for _, value in make_brief(round_, [], "", Style(), Random(0)).facts)


@pytest.mark.parametrize(
    ("text", "parameter", "value", "stated"),
    [
        ("for 7 days", "days", 7, True),
        ("for 17 days", "days", 7, False),
        ("with express delivery", "express_delivery", True, True),
        ("soon", "express", True, False),
        ("on 2 March 2026", "day", "2026-03-02", True),
        ("on 2 March 2027", "day", "2026-03-02", False),
        ("cats and dogs", "pets", ["cats", "dogs"], True),
        ("cats", "pets", ["cats", "dogs"], False),
        ("pay 1,250", "amount", "1250.00", True),
        ("pay 125", "amount", "1250.00", False),
    ],
)
def test_a_value_is_stated_exactly_normalised_or_by_alias(text: str, parameter: str, value: object, stated: bool):
    assert states(text, parameter, value) is stated


def test_scenes_start_empty():
    assert scene().rounds == []
