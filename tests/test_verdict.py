"""A verdict is about what was reached, told and left alone, and never about the way there."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, borrow_gold, borrow_task, free_books, two_turn_task
from mini_world import Library
from planted_worlds import Things

from turngym.envs.episode import Episode
from turngym.envs.task import Checks, GoldCall, RequiredOutput, Task, TaskWorld, Turn
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import Verdict, contains

BOOKS = free_books(0)
CARD = Library.create(0).card
FIND = ("find_book", {"title": BOOKS[0].title})
SIGN = ("identify", {"card": CARD})
BORROW = ("borrow", {"book": BOOKS[0].id, "days": 7})


def live(task: Task, *turns: Any) -> Verdict:
    """Live through a task: each turn is a list of calls, the last item of it the reply."""
    episode = Episode(task)
    episode.start()
    for turn in turns:
        *calls, reply = turn
        for name, arguments in calls:
            episode.step("", (ToolCall(name, arguments),))
        episode.step(reply, ())
    return episode.verdict()


def things_task(*names: str, **checks: Any) -> Task:
    gold = tuple(GoldCall(id=f"c{i}", name="make", arguments={"name": name}) for i, name in enumerate(names))
    world = TaskWorld(world="planted_worlds:Things")
    return Task(env="planted_worlds:Things", worlds=(world,), turns=(Turn(user="Make things.", gold=gold, checks=Checks(**checks)),))


# -- any way there ----------------------------------------------------------------------------------------


def test_gold_passes_and_nothing_else_is_needed():
    verdict = live(borrow_task(0), [FIND, SIGN, BORROW, "Done."])
    assert verdict.success
    assert verdict.progress == 1
    assert verdict.checks == {"state": True, "outputs": True, "told": True, "forbidden": True}


@pytest.mark.parametrize("order", list(itertools.permutations(("x", "y", "z"))))
def test_any_order_passes(order: tuple[str, ...]):
    assert live(things_task("x", "y", "z"), [*[("make", {"name": n}) for n in order], ""]).success


def test_any_route_passes():
    assert live(borrow_task(0), [SIGN, BORROW, "Done."]).success  # without the look-up
    assert live(borrow_task(0), [BORROW, SIGN, BORROW, ""]).success  # refused first
    assert live(borrow_task(0), [("borrow", {"book": "BK-none"}), SIGN, SIGN, ("nope", {}), ("borrow", "{"), BORROW, ""]).success


def test_extra_reads_and_incidental_writes_pass():
    extra = [("find_book", {"title": book.title}) for book in BOOKS] * 3
    assert live(borrow_task(0), [*extra, FIND, SIGN, *extra, BORROW, *extra, SIGN, ""]).success


def test_one_extra_write_fails():
    verdict = live(borrow_task(0), [FIND, SIGN, BORROW, ("borrow", {"book": BOOKS[1].id}), "Done."])
    assert not verdict.success
    assert verdict.checks["state"] is False
    assert any("Library.loans" in line for line in verdict.turns[0].unexpected)


def test_the_same_write_twice_fails():
    assert not live(things_task("x"), [("make", {"name": "x"}), ("make", {"name": "x"}), ""]).success


def test_another_argument_fails_and_is_explained():
    verdict = live(borrow_task(0), [SIGN, ("borrow", {"book": BOOKS[0].id, "days": 14}), ""])
    assert any("days=7" in line for line in verdict.turns[0].missing)
    assert any("days=14" in line for line in verdict.turns[0].unexpected)


def test_doing_nothing_fails():
    for text in ("", "Done.", "It is yours for 7 days."):
        verdict = live(borrow_task(0), [text])
        assert not verdict.success
        assert verdict.progress == 0


def test_a_mistake_that_was_undone_passes():
    task = things_task("x")
    episode = Episode(task)
    episode.start()
    episode.step("", (ToolCall("make", {"name": "wrong"}),))
    things: Any = episode.worlds.worlds[0]
    things.things.remove(next(thing.id for thing in things.things if thing.name == "wrong"))
    episode.step("", (ToolCall("make", {"name": "x"}),))
    episode.step("", ())
    assert episode.verdict().success


# -- what was shown and told ------------------------------------------------------------------------------


def test_a_missing_output_fails_and_another_tool_may_show_it():
    task = two_turn_task(0)
    shelf = f"On the {BOOKS[0].shelf} shelf."
    assert live(task, [FIND, shelf], [SIGN, BORROW, ""]).success
    verdict = live(task, [shelf], [SIGN, BORROW, ""])
    assert not verdict.turns[0].outputs
    assert verdict.turns[0].unseen
    assert verdict.turns[1].passed
    assert verdict.progress == 0.5


def test_a_missing_or_wrong_reply_fails():
    others = {"fiction", "classics", "essays"} - {BOOKS[0].shelf}
    for reply in ("", "Found it.", f"On the {others.pop()} shelf."):
        verdict = live(two_turn_task(0), [FIND, reply], [SIGN, BORROW, ""])
        assert verdict.turns[0].untold == (BOOKS[0].shelf,)
        assert not verdict.success


def test_what_was_said_in_another_turn_does_not_tell():
    verdict = live(two_turn_task(0), [FIND, "Wait."], [SIGN, BORROW, f"On the {BOOKS[0].shelf} shelf."])
    assert not verdict.turns[0].told


def test_an_output_of_an_earlier_turn_counts():
    checks = Checks(outputs=(RequiredOutput(fields={"id": BOOKS[0].id}),))
    turns = (Turn(user="a", gold=borrow_gold(0)[:1]), Turn(user="b", gold=(), checks=checks))
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=turns)
    assert live(task, [FIND, ""], [""]).success
    assert not live(task, [""], [""]).success


OUTPUTS = [
    ({"id": "LN-1"}, True),
    ({"id": "LN-2"}, False),
    ({"id": "LN-1", "days": 7}, True),
    ({"id": "LN-1", "days": 8}, False),
    ({"deep": {"a": [1]}}, True),
    ({"tags": ["x", "y"]}, True),
    ({"tags": ["y", "x"]}, False),
    ({"a": [1]}, True),
    ({"share": 0.5}, True),
    ({"text": 'a "b"\u2028ü'}, True),
    ({"none": None}, True),
    ({"gone": None}, False),
    ({}, True),
]
VALUE = [
    {"id": "LN-1", "days": 7, "tags": ["x", "y"], "share": 0.5, "text": 'a "b"\u2028ü', "none": None, "deep": {"a": [1]}},
    {"id": "LN-3"},
]


@pytest.mark.parametrize(("fields", "found"), OUTPUTS)
def test_an_object_with_all_fields_is_looked_for_at_any_depth(fields: dict[str, Any], found: bool):
    assert contains(VALUE, fields) is found


def test_a_required_output_may_hold_lists_objects_and_fractions():
    task = Task(
        env="planted_worlds:Things",
        worlds=(TaskWorld(world="planted_worlds:Things"),),
        turns=(Turn(user="x", gold=(GoldCall(id="a", name="make", arguments={"name": "x"}),), checks=Checks(state=False)),),
    )
    result = Things.create(0).call("make", {"name": "x"}).value
    for fields in ({"friends": []}, {"stamp": {"text": "", "at": 0}}, {"name": "x", "friend": None}, {"friend": None}):
        assert contains(result, fields)
        turn = task.turns[0].model_copy(update={"checks": Checks(state=False, outputs=(RequiredOutput(fields=fields),))})
        wanted = Task(env=task.env, worlds=task.worlds, turns=(turn,))
        assert live(wanted, [("make", {"name": "x"}), ""]).success, fields
        assert not live(wanted, [""]).success


def test_an_error_result_shows_nothing():
    checks = Checks(outputs=(RequiredOutput(fields={"kind": "not_found"}),))
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="x", gold=borrow_gold(0), checks=checks),))
    assert not live(task, [SIGN, ("borrow", {"book": "BK-none"}), BORROW, ""]).turns[0].outputs


# -- what must not be, what counts, what does not ---------------------------------------------------------


def test_a_forbidden_write_fails_even_if_it_is_undone():
    task = things_task(forbidden=("Things.things",))
    episode = Episode(task)
    episode.start()
    made = episode.step("", (ToolCall("make", {"name": "x"}),)).results[0].value
    episode.worlds.worlds[0].things.remove(made["id"])  # type: ignore[attr-defined]
    episode.step("", ())
    assert episode.verdict().checks == {"state": True, "outputs": True, "told": True, "forbidden": False}


def test_a_forbidden_cell_fails_too_and_only_in_its_turn():
    quiet = Turn(user="x", gold=borrow_gold(0), checks=Checks(forbidden=("Library.reader",)))
    free = Turn(user="x", gold=borrow_gold(0))
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(quiet,))
    assert live(task, [FIND, SIGN, BORROW, ""]).checks["forbidden"] is False
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(free, Turn(user="y", checks=Checks(forbidden=("Library.reader",)))))
    assert live(task, [FIND, SIGN, BORROW, ""], [""]).success
    assert not live(task, [FIND, SIGN, BORROW, ""], [SIGN, ""]).success


def test_an_incidental_change_counts_where_it_is_included():
    sign = borrow_gold(0)[1:2]
    plain = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="x", gold=sign),))
    strict = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="x", gold=sign, checks=Checks(include=("Library.reader",))),))
    assert live(plain, [""]).success
    assert not live(strict, [""]).success
    assert live(strict, [SIGN, ""]).success


def test_an_ignored_field_does_not_count():
    checks = Checks(ignore=("Library.loans.days",))
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="x", gold=borrow_gold(0), checks=checks),))
    assert live(task, [SIGN, ("borrow", {"book": BOOKS[0].id, "days": 28}), ""]).success
    assert not live(task, [SIGN, ("borrow", {"book": BOOKS[1].id, "days": 7}), ""]).success


def test_a_state_that_is_not_compared_decides_nothing():
    task = Task(
        env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="x", gold=borrow_gold(0), checks=Checks(state=False, told=("yes",))),)
    )
    assert live(task, ["yes"]).success


# -- turns ------------------------------------------------------------------------------------------------


def test_a_mistake_made_good_in_a_later_turn_fails_its_own_turn_alone():
    turns = (Turn(user="x", gold=borrow_gold(0)), Turn(user="y", gold=()))
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=turns)
    verdict = live(task, [SIGN, ""], [BORROW, ""])
    assert [turn.passed for turn in verdict.turns] == [False, True]
    assert verdict.progress == 0.5


def test_turns_that_were_never_reached_count_as_failed():
    verdict = live(two_turn_task(0), [FIND, f"On the {BOOKS[0].shelf} shelf."])
    assert verdict.turns[0].passed
    assert not verdict.success
    assert verdict.progress == 0.5
    assert verdict.checks["state"] is False


def test_held_out_tools_are_barred_until_they_are_handed_over():
    find, sign, borrow = borrow_gold(0)
    turns = (Turn(user="x", gold=(find, sign)), Turn(user="here is the tool", gold=(borrow,), release=("borrow",)))
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=turns, held_out=("borrow",), category="miss_func")
    episode = Episode(task)
    episode.start()
    assert "borrow" not in episode.visible
    assert "borrow" not in [schema["function"]["name"] for schema in episode.schemas()]
    episode.step("", (ToolCall(*SIGN),))
    assert episode.step("", (ToolCall(*BORROW),)).results[0].error == "unknown_tool"
    episode.step("I have no tool for that.", ())
    assert "borrow" in episode.visible
    assert episode.step("", (ToolCall(*BORROW),)).results[0].error is None
    episode.step("Done.", ())
    assert episode.verdict().success


def test_a_verdict_is_plain_data():
    record = live(two_turn_task(0), [FIND, "?"], [SIGN, ""]).record()
    assert json.loads(json.dumps(record))["progress"] == 0
    assert set(record) == {"success", "progress", "checks", "turns"}
