"""A special task that is not what its category says is named, each lie by its own reason."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from special_rows import SPECIAL, Row, claim, retask, rows
from special_worlds import BOARD, Board, found, gold_of, handed_over, never, task_of

from turngym.envs.task import Checks, GoldCall, Source, Task, Turn
from turngym.envs.verdict import start_of
from turngym.synthesis import prove_task, verify_row

Lie = Callable[[Row], Any]


def turns(row: Row) -> list[Row]:
    return row["task"]["turns"]


def held(row: Row) -> tuple[Row, Row]:
    """The turn that is special, and the next one."""
    at = claim(row)["turn"]
    return turns(row)[at], turns(row)[at + 1]


def gold_call(row: Row) -> Row:
    made = claim(row)
    return next(c for turn in turns(row) for c in turn.get("gold", ()) if c["id"] == made["call"])


def why(row: Row) -> list[str]:
    return verify_row(retask(row))


def alone(row: Row) -> list[str]:
    """Reasons of the task alone: what the messages say is another matter."""
    return list(prove_task(Task.model_validate(retask(row)["task"])))


@pytest.mark.parametrize("category", SPECIAL)
def test_rows_that_tell_no_lie_pass(category: str):
    made = rows(category)
    assert len(made) >= 8
    for row in made:
        assert verify_row(retask(copy.deepcopy(row))) == [], row["task"]["id"]


# -- claims -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", SPECIAL[:5])
def test_a_dropped_claim_is_named(category: str):
    for row in rows(category, 1):
        row["task"]["meta"].pop("special")
        assert any("claims nothing of that kind" in line for line in why(row))
        assert any("nothing claims it" in line for line in alone(row))


@pytest.mark.parametrize("category", SPECIAL)
def test_a_row_that_is_called_base_is_named(category: str):
    for row in rows(category, 1):
        row["task"].pop("category")
        assert any("base task" in line or "gold does not have this call, and it fails" in line for line in why(row))
        assert any("base task" in line for line in alone(row))
        if row["task"]["meta"].pop("special", None):
            assert any("nothing claims it" in line for line in alone(row))


@pytest.mark.parametrize("category", SPECIAL[:5])
@pytest.mark.parametrize("other", SPECIAL)
def test_a_row_of_another_category_than_its_own_is_named(category: str, other: str):
    if other != category:
        for row in rows(category, 1):
            row["task"]["category"] = other
            assert any("claims nothing" in line or "claims to be special" in line for line in alone(row))


@pytest.mark.parametrize("category", SPECIAL[:5])
def test_a_claim_of_another_turn_is_named(category: str):
    for row in rows(category, 2):
        for shift in (-1, 1, 9):
            lying = copy.deepcopy(row)
            claim(lying)["turn"] += shift
            assert alone(lying) != []
            assert any("is no " in line or "cannot be read" in line for line in alone(lying))


@pytest.mark.parametrize("category", SPECIAL[:5])
def test_garbage_in_a_claim_is_named_and_nothing_raises(category: str):
    row = rows(category, 1)[0]
    for key in claim(row):
        for garbage in (None, 5, -1, True, "x", [], {}, [[]], {"a": 1}, ["x"]):
            lying = copy.deepcopy(row)
            claim(lying)[key] = garbage
            if lying["task"]["meta"] != row["task"]["meta"]:
                assert verify_row(retask(lying)) != [], (key, garbage)
    for garbage in (None, 5, "x", {}, [], [5], {"kind": category}, [{}], [{"kind": category}]):
        lying = copy.deepcopy(row)
        lying["task"]["meta"]["special"] = garbage
        assert verify_row(retask(lying)) != []


# -- withheld tools ---------------------------------------------------------------------------------------


def test_a_tool_that_is_handed_over_too_early_or_never_is_named():
    for row in rows("miss_func", 2):
        early, late = copy.deepcopy(row), copy.deepcopy(row)
        held(early)[0]["release"] = list(held(row)[1]["release"])
        assert any("is not withheld until the next turn" in line for line in alone(early))
        assert any("nothing claims it" in line for line in alone(early))
        held(late)[1].pop("release")
        assert any("withheld in this turn" in line for line in why(late))
        assert any("gold does not pass" in line or "which is withheld" in line for line in alone(late))
        row["task"].pop("held_out")
        assert any("is not withheld" in line for line in alone(row))


def test_gold_that_calls_what_is_withheld_is_named_though_it_would_pass():
    """Whoever knows the note's id needs no search for it; a policy cannot know it."""
    turn = Turn(user=f"Pin {found().title}.", gold=gold_of("pin"), reply="Done.")
    assert any("calls find_note, which is withheld" in line for line in prove_task(task_of(turn, held_out=("find_note", "list_notes"))))


def test_a_call_of_a_tool_that_is_not_there_yet_is_named():
    """The messages call the tool a turn before it is handed over, and everything else is in order."""
    row = rows("miss_func", 1)[0]
    at, tool = claim(row)["turn"], claim(row)["tool"]
    call = next(c for m in row["messages"] for c in m.get("tool_calls", ()) if c["function"]["name"] == tool)
    users = [i for i, m in enumerate(row["messages"]) if m["role"] == "user"]
    made = {"role": "assistant", "content": "", "tool_calls": [{**call, "id": "early"}]}
    answer = next(m for m in row["messages"] if m.get("tool_call_id") == call["id"])
    row["messages"][users[at] + 1 : users[at] + 1] = [made, {**answer, "tool_call_id": "early"}]
    row["fingerprints"].insert(sum(m["role"] == "tool" for m in row["messages"][: users[at]]), row["fingerprints"][0])
    row["notes"][at]["attempts"][-1]["extra"] = ["early"]
    assert any("withheld in this turn" in line for line in why(row))


@pytest.mark.parametrize(("tool", "said", "way"), [("pin", {}, "fasten"), ("fasten", {}, "pin"), ("relabel", {"label": "red"}, "brand")])
def test_a_tool_that_another_replaces_is_no_missing_one(tool: str, said: Any, way: str):
    assert any(f"another way leads there: {way}" in line for line in prove_task(handed_over(tool, **said)))
    assert any(f"another way leads there: {way}" in line for line in prove_task(never((tool,), tool, **said)))


def test_a_tool_that_two_others_replace_is_no_missing_one():
    """Without `relabel` and `brand` one peels the old label off and stamps the new one on."""
    lines = list(prove_task(never(("relabel", "brand"), "relabel", label="red")))
    assert any("another way leads there: peel, stamp" in line for line in lines)
    assert list(prove_task(never(("relabel", "brand", "stamp"), "relabel", label="red"))) == []
    assert list(prove_task(never(("relabel", "brand", "peel"), "relabel", label="red"))) == []


def test_a_tool_that_nothing_replaces_is_a_missing_one():
    assert list(prove_task(handed_over("tear_off"))) == []
    assert list(prove_task(never(("tear_off",), "tear_off"))) == []


def test_a_request_that_can_be_served_in_part_is_named():
    """The note cannot be torn off, but the door can be opened: whoever does so is as right as who does nothing."""
    gold = (*gold_of("tear_off"), GoldCall(id="u", name="unlock"))
    assert any("some of what is asked for can be done" in line for line in prove_task(handed_over("tear_off", gold=gold)))
    task = never(("tear_off",), "tear_off")
    data = task.model_dump(mode="json", exclude={"id"})
    data["meta"]["special"][0]["would"]["gold"].append({"id": "u2", "name": "unlock"})
    data["turns"] = [*data["turns"][1:], {"user": "Pin it.", "gold": [c.model_dump() for c in gold_of("pin")], "reply": "Done."}]
    data["meta"]["special"][0]["turn"] = 0
    assert any("some of what is asked for can be done" in line for line in prove_task(Task.model_validate(data)))


def test_a_tool_that_nobody_needs_afterwards_is_named():
    task = handed_over("tear_off", gold=gold_of("peel"))
    assert any("tear_off is not used once it is there" in line for line in prove_task(task))


def test_a_request_of_this_very_world_is_not_irrelevant():
    for row in rows("irrelevant", 3):
        made = claim(row)
        if "world" in made:
            here = row["task"]["worlds"][0]["world"]
            there = made["world"]
            worlds = [{"world": {**there, "world": name}} for name in (here, "NoSuchWorld")]
            for lie in (*worlds, {"tools": []}, {"tools": ["no_such_tool"]}):
                lying = copy.deepcopy(row)
                claim(lying).update(lie)
                assert any("is no irrelevant" in line or "cannot be read" in line for line in alone(lying)), lie
        else:
            row["task"]["held_out"] = []
            assert any("what could serve the request is at hand" in line for line in alone(row))


def test_a_request_that_is_not_the_one_of_the_other_world_is_named():
    """The words of a strange request say what it would need there; words about something else do not."""
    for row in rows("irrelevant", 3):
        made = claim(row)
        said = [s for c in made.get("would", {}).get("gold", ()) for s in c.get("sources", {}).values() if s["kind"] == "user"]
        if "world" in made and said:
            turns(row)[made["turn"]]["user"] = "Please do the usual thing for me."
            assert any("does not say the" in line for line in alone(row))
        elif "world" in made:
            made["would"]["gold"] = []
            assert any("cannot be served" in line for line in alone(row))


def test_a_conversation_in_which_all_is_declined_is_named():
    for row in rows("irrelevant", 2):
        at = claim(row)["turn"]
        row["task"]["turns"] = [turns(row)[at]]
        claim(row)["turn"] = 0
        assert any("nothing else to do" in line or "declining and asking" in line for line in alone(row))


@pytest.mark.parametrize(("category", "reason"), [("miss_func", "is not declined"), ("irrelevant", "is not declined")])
def test_a_request_whose_refusal_is_not_asked_for_is_named(category: str, reason: str):
    for row in rows(category, 1):
        turns(row)[claim(row)["turn"]]["checks"] = {"told": ["a"]}
        turns(row)[claim(row)["turn"]]["reply"] = "a"
        assert any(reason in line for line in alone(row))


@pytest.mark.parametrize("category", ["miss_func", "irrelevant", "miss_param", "clarify"])
def test_a_reply_that_neither_declines_nor_asks_is_named(category: str):
    for row in rows(category, 1):
        turn = turns(row)[claim(row)["turn"]]
        for message in row["messages"]:
            if message["role"] == "assistant" and message["content"] == turn["reply"]:
                message["content"] = "It is done."
        turn["reply"] = "It is done."
        assert any("gold does not pass" in line for line in why(row))


# -- what is not said -------------------------------------------------------------------------------------


def _say(row: Row, words: str) -> None:
    turn, _ = held(row)
    for message in row["messages"]:
        if message["role"] == "user" and message["content"] == turn["user"]:
            message["content"] += words
    turn["user"] += words


def test_a_value_that_is_said_after_all_is_named():
    for row in rows("miss_param"):
        _say(row, f" I mean {gold_call(row)['arguments'][claim(row)['parameter']]}.")
        assert any("is said before it is asked for" in line for line in why(row))


def test_a_value_that_is_never_said_is_named():
    for row in rows("miss_param", 1):
        _, following = held(row)
        following["user"] = "You know which one."
        assert any("is not said when it is asked for" in line for line in alone(row))


def test_a_value_that_a_result_shows_before_is_named():
    """The note is looked up in the turn before, under the very title that the user then leaves out."""
    note = found()
    look = GoldCall(id="l", name="list_notes")
    shown = Turn(user="Unlock, then list the notes.", gold=(GoldCall(id="u", name="unlock"), look), reply="There.")
    asked = Turn(user="Pin a certain note.", reply="Which title does it have?", checks=Checks(asks=("title",)))
    done = Turn(user=f"{note.title}.", gold=gold_of("pin"), reply="Done.")
    rival = found(which=1).title
    special = [{"kind": "miss_param", "turn": 1, "call": "f", "parameter": "title", "rival": rival}]
    task = task_of(shown, asked, done, category="miss_param", meta={"special": special})
    assert any("title was shown before it is asked for" in line for line in prove_task(task))
    special[0]["turn"] = 0
    assert list(prove_task(task_of(asked, done, category="miss_param", meta={"special": special}))) == []


def test_a_rival_that_is_none_is_named():
    for row in rows("miss_param"):
        same, absurd = copy.deepcopy(row), copy.deepcopy(row)
        claim(same)["rival"] = gold_call(row)["arguments"][claim(row)["parameter"]]
        claim(absurd)["rival"] = {"no": "value"}
        for lying in (same, absurd):
            assert any("would do" in line for line in alone(lying))
    for row in rows("clarify"):
        for rival in (gold_call(row)["arguments"][claim(row)["parameter"]], "XX-0000", None, 5):
            lying = copy.deepcopy(row)
            claim(lying)["rival"] = rival
            assert any("is no other thing that was looked up" in line for line in alone(lying))


def test_a_rival_that_ends_alike_is_named():
    """Whichever title is looked up, the same notes are counted: a title that no note has would do as well."""
    note = found()
    look = GoldCall(id="f", name="find_note", arguments={"title": note.title}, sources={"title": Source(kind="user")})
    count = GoldCall(id="c", name="count_notes")
    done = Turn(user=f"{note.title}.", gold=(look, count), reply="4.", checks=Checks(told=("4",)))
    asked = Turn(user="Count them.", reply="Which title?", checks=Checks(asks=("title",)))

    def lines(call: str, rival: str) -> list[str]:
        special = [{"kind": "miss_param", "turn": 0, "call": call, "parameter": "title", "rival": rival}]
        return list(prove_task(task_of(asked, done, category="miss_param", meta={"special": special})))

    assert any("cannot be read" in line for line in lines("c", "x"))  # `c` takes no title
    assert any("some of what is asked for can be done without title" in line for line in lines("f", found(which=1).title))


def test_a_default_needs_no_question():
    """`brand` takes a label, or its default."""
    asked = Turn(user=f"Brand {found().title}.", reply="Which label?", checks=Checks(asks=("label",)))
    done = Turn(user="red", gold=gold_of("brand", label="red"), reply="Done.")
    special = [{"kind": "miss_param", "turn": 0, "call": "a", "parameter": "label", "rival": "blue"}]
    task = task_of(asked, done, category="miss_param", meta={"special": special})
    assert any("label has a default" in line for line in prove_task(task))


def test_a_question_that_need_not_be_asked_is_named():
    for category in ("miss_param", "clarify"):
        for row in rows(category, 1):
            turn, _ = held(row)
            turn["checks"] = {"told": ["a"]}
            turn["reply"] = "a"
            assert any("the reply need not ask" in line for line in alone(row))


# -- what is unclear --------------------------------------------------------------------------------------


def test_a_request_that_tells_the_thing_apart_is_named():
    told = 0
    for row in rows("clarify", 4):
        source = gold_call(row)["sources"][claim(row)["parameter"]]
        _, following = held(row)
        said = [str(v) for v in source.get("where", {}).values() if isinstance(v, str)] or [following["user"]]
        lying = copy.deepcopy(row)
        _say(lying, f" That is {said[0]}")
        assert any("the request tells the thing apart" in line for line in alone(lying)), (source, said)
        told += 1
    assert told >= 12


def test_a_thing_that_the_answer_does_not_tell_apart_is_named():
    some = 0
    for row in rows("clarify", 4):
        source = gold_call(row)["sources"][claim(row)["parameter"]]
        if source.get("where"):
            held(row)[1]["user"] = "That one, you know."
            assert any("not told apart" in line for line in alone(row))
            some += 1
    assert some >= 4


def test_a_thing_that_was_never_looked_up_is_named():
    for row in rows("clarify", 2):
        gold_call(row)["sources"][claim(row)["parameter"]]["call"] = "elsewhere"
        assert any("does not come out of what was looked up" in line for line in alone(row))


# -- much more --------------------------------------------------------------------------------------------


def test_a_world_that_is_not_swelled_is_named():
    for row in rows("long_context", 1):
        for part in row["task"]["worlds"]:
            part.pop("swell")
        assert any("no larger" in line for line in alone(row))


def test_gold_that_needs_what_was_swelled_is_named():
    """A file that stands in the swelled world alone is read: gold is not what it was in the plain one."""
    row = rows("long_context", 1, ("FileSystem",))[0]
    task = Task.model_validate(row["task"])
    extra = next(str(i) for ids in start_of(task).worlds[0].unrelated().values() for i in ids if str(i).endswith(".txt"))
    call = {"id": "zz", "name": "cat", "arguments": {"path": extra}, "sources": {"path": {"kind": "user"}}}
    turns(row)[0]["gold"].append(call)
    assert any("gold does not run in the plain worlds" in line for line in alone(row))


def test_a_world_that_cannot_swell_makes_no_long_context():
    assert not Board.can_swell
    turn = Turn(user=f"Pin {found().title}.", gold=gold_of("pin"), reply="Done.")
    assert any("no larger" in line for line in prove_task(task_of(turn, category="long_context")))
    assert list(prove_task(task_of(turn))) == []
    assert BOARD in repr(task_of(turn))
