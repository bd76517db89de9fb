"""What plain objects mean is proposed by names and proven by calls; checks, rollouts and synthesis work on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import plain_services as services
import plain_things as things

from turngym.cli import run
from turngym.envs.bridges.objects import world_of
from turngym.envs.bridges.objects.naming import noun_of_method, one_of, result_key, score, stem
from turngym.envs.bridges.objects.wording import phrase_of
from turngym.envs.check import check_world
from turngym.envs.graph import graph_of
from turngym.envs.registry import user_world
from turngym.synthesis import Request, synthesize, verify_sample
from turngym.synthesis.sample import Sample

HERE = Path(__file__).parent
LIBRARY = f"{HERE.parent / 'examples' / 'plain_object.py'}:Library"
SHOP = f"{HERE / 'plain_services.py'}:Shop"


def meanings(cls: Any) -> dict[str, str]:
    """`tool.parameter` -> its kind, `*` before an internal one."""
    return {
        f"{name}.{p.name}": ("" if p.semantic.known else "*") + p.semantic.name
        for name, tool in cls.tools.items()
        for p in tool.parameters.values()
        if p.semantic is not None
    }


def failures(cls: Any, **options: Any) -> dict[str, str]:
    return {check.name: check.detail for check in check_world(cls, calls=500, processes=False, **options).failures}


# -- names ------------------------------------------------------------------------------------------------


def test_names_are_read_as_people_write_them():
    assert [one_of(name) for name in ("books", "openOrders", "categories", "boxes", "address")] == [
        "book", "open_order", "category", "box", "address",
    ]  # fmt: skip
    assert [noun_of_method(name) for name in ("list_books_by_author", "getOrder", "cancel", "find_all_rooms")] == [
        "book",
        "order",
        "",
        "room",
    ]
    assert [stem(name) for name in ("book_id", "id", "title")] == [("book", True), ("", True), ("title", False)]
    assert [result_key(name) for name in ("get_balance", "count_books", "pay_fine", "balance")] == ["balance", "count", "result", "result"]
    assert score("book_id", ("loan",), "id", ("book",)) == 3.0
    assert score("from_account", (), "#", ("account",)) == 2.0
    assert score("author", ("book",), "author", ("book",)) == 3.0
    assert score("name", ("member",), "name", ("book",)) < score("name", ("member",), "name", ("member",))
    assert score("weeks", (), "pages", ("book",)) == 0.0


# -- meanings ---------------------------------------------------------------------------------------------


def test_typed_records_are_tied_by_what_calls_prove():
    cls = user_world(LIBRARY)
    assert meanings(cls) == {
        "find_books.author": "author", "find_member.name": "member_name",
        "borrow_book.book_id": "*book", "borrow_book.member_id": "*member",
        "return_book.loan_id": "*loan", "list_loans.member_id": "*member", "renew_card.member_id": "*member",
        "pay_fine.member_id": "*member",
    }  # fmt: skip
    graph = graph_of((cls,))
    assert {("list_books", "borrow_book"), ("find_member", "pay_fine"), ("borrow_book", "return_book")} <= graph.edges("data")
    assert graph.edges("state") == {("pay_fine", "borrow_book"), ("renew_card", "borrow_book"), ("return_book", "borrow_book")}
    assert {fact.semantic for fact in cls.create(3).known()} == {"author", "member_name"}
    assert cls.tools["pay_fine"].phrases == ("take the payment of the fine of {member_id}",)


def test_dictionaries_and_numbers_are_tied_as_well_and_a_session_is_a_gate():
    cls = user_world(SHOP)
    assert meanings(cls) == {
        "login.username": "username", "login.password": "password", "place_order.product_id": "*product", "cancel_order.order_id": "*order",
    }  # fmt: skip
    assert [(name, [p.__doc__ for p in tool.requires]) for name, tool in cls.tools.items() if tool.requires] == [
        ("place_order", ["nobody is logged in"]), ("my_orders", ["nobody is logged in"]),
    ]  # fmt: skip
    assert ("login", "place_order") in graph_of((cls,)).edges("state")
    reads = [name for name, tool in cls.tools.items() if tool.is_read]
    assert reads == ["list_products", "my_orders"]


def test_names_as_keys_are_said_by_the_user_and_both_ends_are_of_one_kind():
    cls = world_of(services.Wallets)
    assert meanings(cls) == {"balance.owner": "owner", "send.from_owner": "owner", "send.to_owner": "owner"}
    assert sorted(fact.value for fact in cls.create(0).known()) == sorted(cls.create(0).system.thing.wallets)


def test_what_takes_any_value_gets_no_meaning_and_fitting_draws():
    cls = world_of(services.Rooms)
    assert "book.day" not in meanings(cls)
    draw = cls.tools["book"].parameters["day"].draw
    assert draw is not None
    from random import Random

    day = draw(cls.create(), Random(1))
    assert cls.create().call("book", {"room": "hall", "day": day, "people": 3}).error is None
    assert meanings(cls)["cancel.ref"] == "*booking"


def test_what_was_said_goes_before_what_is_found():
    cls = world_of(things.Sneaky, reads=("peek",))
    result = cls.create().call("peek", {"number": 77})
    assert result.error == "internal_error"
    assert "_UndeclaredWrite" in result.detail
    assert cls.create().call("peek", {"number": 76}).error is None
    cls = world_of(services.Wallets, known=lambda thing: {"owner": list(thing.wallets)[:1]}, writes=("balance",))
    assert not cls.tools["balance"].is_read


def test_learning_is_the_same_in_every_process():
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "from turngym.envs.registry import user_world\n"
        f"for place in ({LIBRARY!r}, {SHOP!r}):\n"
        "    for tool in user_world(place).tools.values():\n"
        "        print(tool.name, sorted(tool.writes), list(tool.parameters.values())[:0], tool.outputs, tool.phrases)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "77")
    }
    assert len(told) == 1


def test_nothing_is_probed_before_somebody_asks():
    cls = world_of(things.Raising)
    assert vars(cls).get("_found") is None
    _ = cls.tools
    assert vars(cls)["_found"] is not None


def test_phrases_have_the_words_of_the_docstring():
    parameters = user_world(LIBRARY).tools["borrow_book"].parameters.values()
    assert phrase_of("Lend a book to a member.", parameters) == "lend {book_id} to {member_id}"
    assert phrase_of("Renew the card's {thing}.", parameters) == ""
    assert phrase_of("PIN of a member's card, please.", parameters) == "PIN of the card of {member_id}, please"


# -- checks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [LIBRARY, pytest.param(SHOP, marks=pytest.mark.slow)])
def test_lawful_objects_keep_every_law_that_applies(place: str):
    report = check_world(user_world(place), calls=500)
    assert report.passed, report.failures
    notes = {check.name: check.detail for check in report.checks if check.detail}
    assert "passed over" in notes["sizes-grow"]
    assert "passed over" in notes["ids-minted"]
    assert "pickle" in notes["forks-apart"]
    assert "passed over" not in notes.get("same-in-every-process", "")


def test_a_clock_chance_and_shared_state_are_found():
    assert "time.time" in failures(world_of(things.Clocked))["no-clock-or-chance"]
    found = failures(world_of(things.Leaky))
    assert "ROWS" in found["no-shared-state"] or "SHARED" in found["no-shared-state"]
    assert "instances-apart" in found


def test_a_read_that_writes_is_found():
    found = failures(world_of(things.Raising, tools=("step",), reads=("step",)))
    assert "yet changed state count" in found["writes-declared"]


def test_gaps_stand_in_the_report():
    checks = {check.name: check for check in check_world(user_world(SHOP), calls=60, processes=False).checks}
    assert "list_products: what it returns is not annotated" in checks["docs-complete"].detail
    assert checks["docs-complete"].passed
    assert "is not described" in failures(world_of(things.Typed, skip=("at",)))["docs-complete"]


# -- data -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [LIBRARY, SHOP])
def test_samples_of_plain_objects_are_verified(place: str):
    kept: list[Sample] = []
    record = synthesize(Request((place,), 12, 1), keep=kept.append)
    assert record["kept"] == 12
    assert all(not verify_sample(sample) for sample in kept)
    sources = {s.kind for sample in kept for c in sample.task.gold() for s in c.sources.values()}
    assert {"user", "output"} <= sources
    text = json.dumps([sample.task.turns[0].user for sample in kept])
    assert not any(word in text for word in ("'s card called", "with member the member", "None"))


def test_rollouts_of_plain_objects_give_oracle_all_and_null_nothing(tmp_path: Path):
    for policy, success in (("oracle", 1.0), ("null", 0.0), ("random", 0.0)):
        out = tmp_path / policy
        assert run(["rollout", LIBRARY, "--policy", policy, "-n", "12", "--out", str(out)]) == 0
        rows = [json.loads(line) for line in (out / "trajectories.jsonl").read_text().splitlines()]
        assert sum(row["verdict"]["success"] for row in rows) / len(rows) == success
