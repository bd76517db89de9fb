"""A row that was tampered with is named, with a reason that says what; a row that was not passes."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library

from turngym.envs.task import Task
from turngym.envs.worldset import WorldSet, WorldSpec
from turngym.synthesis import AssemblyOptions, Maker, Request, prove_task, verify_directory, verify_row
from turngym.synthesis.sample import Sample

Row = dict[str, Any]
ENV = "mini_world:Library"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Eighty good rows of the lending library, as they stand in a file."""
    maker = Maker(Request((ENV,), 80, seed=11), options=AssemblyOptions(turns={1: 1, 2: 2, 3: 1}))
    return [json.loads(made.sample.line()) for made in maker.stream() if made.sample is not None]


def retask(row: Row) -> Row:
    """Give the row the id that its changed task has: a forger who knows how ids are made."""
    row["task"].pop("id", None)
    row["task"]["id"] = row["id"] = Task.model_validate(row["task"]).id
    return row


def golds(row: Row) -> list[Row]:
    return [call for turn in row["task"]["turns"] for call in turn.get("gold", ())]


def first(row: Row, role: str, key: str = "content") -> Row:
    return next(m for m in row["messages"] if m["role"] == role and m.get(key))


def call_of(row: Row, name: str) -> Row:
    return next(c["function"] for m in row["messages"] for c in m.get("tool_calls", ()) if c["function"]["name"] == name)


def borrows(row: Row) -> bool:
    gold = golds(row)
    return any(c["name"] == "borrow" and c["sources"]["book"]["kind"] == "output" for c in gold)


def borrow_gold(row: Row) -> Row:
    return next(c for c in golds(row) if c["name"] == "borrow" and c["sources"]["book"]["kind"] == "output")


def reads_alone(row: Row) -> bool:
    return any(all(c["name"] == "find_book" for c in t["gold"]) for t in row["task"]["turns"])


# -- good rows --------------------------------------------------------------------------------------------


def test_good_rows_pass(rows: list[Row]):
    assert len(rows) == 80
    for row in rows:
        assert verify_row(row) == []


@pytest.mark.parametrize("env", ["FileSystem", "Travel", "Banking", "Assistant"])
def test_good_rows_of_every_shipped_env_pass(env: str):
    maker = Maker(Request((env,), 12, seed=5))
    made = [json.loads(item.sample.line()) for item in maker.stream() if item.sample is not None]
    assert len(made) >= 11
    for row in made:
        assert verify_row(row) == []


def test_verifying_leaves_the_row_as_it_was(rows: list[Row]):
    row = copy.deepcopy(rows[0])
    verify_row(row)
    assert row == rows[0]
    assert json.loads(Sample.from_record(rows[0]).line()) == rows[0]


# -- planted faults ---------------------------------------------------------------------------------------


def _result(row: Row) -> None:
    message = first(row, "tool")
    message["content"] = (
        message["content"].replace('"', "'", 1) if "title" not in message["content"] else message["content"].replace("title", "Title", 1)
    )


def _result_byte(row: Row) -> None:
    message = first(row, "tool")
    message["content"] += " "


def _raw_argument(row: Row) -> None:
    call = call_of(row, "borrow")
    call["arguments"] = call["arguments"].replace("BK-", "BX-", 1)


def _gold_argument(row: Row) -> None:
    borrow_gold(row)["arguments"]["book"] = "BK-0000"
    retask(row)


def _fingerprint(row: Row) -> None:
    row["fingerprints"][-1] = row["fingerprints"][-1][:-1] + ("0" if row["fingerprints"][-1][-1] != "0" else "1")


def _turn_fingerprint(row: Row) -> None:
    row["task"]["turns"][0]["fingerprint"] = "0" * 32
    retask(row)


def _user_message(row: Row) -> None:
    first(row, "user")["content"] += "!"


def _task_text(row: Row) -> None:
    row["task"]["turns"][0]["user"] += "!"


def _reply(row: Row) -> None:
    row["messages"][-1]["content"] += "."


def _silent(row: Row) -> None:
    """Both texts stop saying the value: consistent, and wrong."""
    for turn in row["task"]["turns"]:
        turn["user"] = "Please do it."
    for message in row["messages"]:
        if message["role"] == "user":
            message["content"] = "Please do it."
    retask(row)


def _leak(row: Row) -> None:
    identity = borrow_gold(row)["arguments"]["book"]
    for turn, message in zip(row["task"]["turns"], [m for m in row["messages"] if m["role"] == "user"], strict=True):
        turn["user"] += f" ({identity})"
        message["content"] = turn["user"]
    retask(row)


def _late_ids(row: Row) -> set[str]:
    """Internal ids that results show, but none of the first turn's."""
    shown: list[set[str]] = []
    for message in row["messages"]:
        if message["role"] == "user":
            shown.append(set())
        elif message["role"] == "tool":
            shown[-1].update(re.findall(r"(?:BK|LN)-[0-9]+", message["content"]))
    return set().union(*shown[1:]) - shown[0]


def _early_leak(row: Row) -> None:
    """The first text names an id that only a later turn's result shows."""
    row["task"]["turns"][0]["user"] += f" ({min(_late_ids(row))})"
    first(row, "user")["content"] = row["task"]["turns"][0]["user"]
    retask(row)


def _said_instead_of_shown(row: Row) -> None:
    call = borrow_gold(row)
    call["sources"]["book"] = {"kind": "user"}
    retask(row)


def _context_instead_of_said(row: Row) -> None:
    call = next(c for c in golds(row) if c["name"] == "identify")
    call["sources"]["card"] = {"kind": "context"}
    for text in (*row["task"]["turns"], *(m for m in row["messages"] if m["role"] == "user")):
        key = "user" if "user" in text else "content"
        text[key] = text[key].replace(call["arguments"]["card"], "known to you")
    retask(row)


def _fault_source(row: Row) -> None:
    borrow_gold(row)["sources"]["book"] = {"kind": "fault"}
    retask(row)


def _no_source(row: Row) -> None:
    del borrow_gold(row)["sources"]["book"]
    retask(row)


def _path(row: Row) -> None:
    borrow_gold(row)["sources"]["book"]["path"] = "[0].title"
    retask(row)


def _path_away(row: Row) -> None:
    borrow_gold(row)["sources"]["book"]["path"] = "[7].id"
    retask(row)


def _source_call(row: Row) -> None:
    call = borrow_gold(row)
    call["sources"]["book"]["call"] = call["id"]
    retask(row)


def _not_after(row: Row) -> None:
    borrow_gold(row)["after"] = []
    retask(row)


def _no_checks(row: Row) -> None:
    for turn in row["task"]["turns"]:
        turn["checks"] = {"state": False}
    retask(row)


def _no_state_check(row: Row) -> None:
    for turn in row["task"]["turns"]:
        turn["checks"] = {**turn.get("checks", {}), "state": False}
    retask(row)


def _told_too_much(row: Row) -> None:
    row["task"]["turns"][0].setdefault("checks", {})["told"] = ["a thing nobody says"]
    retask(row)


def _twice(row: Row) -> None:
    """A second showing of the card: consistent in messages, gold and fingerprints, and needless."""
    for number, turn in enumerate(row["task"]["turns"]):
        for place, call in enumerate(turn["gold"]):
            if call["name"] == "identify":
                turn["gold"].insert(place + 1, {**call, "id": f"t{number}c99", "after": []})
                break
    index, message = next(
        (i, m) for i, m in enumerate(row["messages"]) if any(c["function"]["name"] == "identify" for c in m.get("tool_calls", ()))
    )
    again = copy.deepcopy(message)
    again["tool_calls"] = [c for c in again["tool_calls"] if c["function"]["name"] == "identify"]
    mine = again["tool_calls"][0]["id"]
    again["tool_calls"][0]["id"] = "t0c99"
    place = next(i for i, m in enumerate(row["messages"]) if m.get("tool_call_id") == mine)
    result = {**row["messages"][place], "tool_call_id": "t0c99"}
    after = max(index + len(message["tool_calls"]), place)
    row["messages"][after + 1 : after + 1] = [again, result]
    number = sum(m["role"] == "tool" for m in row["messages"][: after + 1])
    row["fingerprints"].insert(number, row["fingerprints"][number - 1])
    retask(row)


def _swapped_messages(row: Row) -> None:
    row["messages"][1], row["messages"][3] = row["messages"][3], row["messages"][1]


def _swapped_results(row: Row) -> None:
    tools = [i for i, m in enumerate(row["messages"]) if m["role"] == "tool"]
    one, two = tools[0], tools[1]
    row["messages"][one], row["messages"][two] = row["messages"][two], row["messages"][one]


def _dropped_message(row: Row) -> None:
    del row["messages"][next(i for i, m in enumerate(row["messages"]) if m["role"] == "tool")]


def _added_message(row: Row) -> None:
    row["messages"].append({"role": "user", "content": "Thanks."})


def _system_message(row: Row) -> None:
    row["messages"].insert(1, {"role": "system", "content": "x"})


def _dropped_fingerprint(row: Row) -> None:
    row["fingerprints"].pop()


def _added_fingerprint(row: Row) -> None:
    row["fingerprints"].append("0" * 32)


def _call_id(row: Row) -> None:
    next(m for m in row["messages"] if m["role"] == "tool")["tool_call_id"] = "other"


def _same_call_id(row: Row) -> None:
    """Two calls of one id, each answered."""
    calls = [c for m in row["messages"] for c in m.get("tool_calls", ())]
    results = [m for m in row["messages"] if m["role"] == "tool"]
    calls[-1]["id"] = calls[0]["id"]
    results[-1]["tool_call_id"] = calls[0]["id"]


def _result_name(row: Row) -> None:
    next(m for m in row["messages"] if m["role"] == "tool")["name"] = "other"


def _row_id(row: Row) -> None:
    row["id"] = row["id"][:-1] + "x"


def _task_id(row: Row) -> None:
    row["task"]["id"] = row["task"]["id"][:-1] + ("0" if row["task"]["id"][-1] != "0" else "1")


def _env(row: Row) -> None:
    row["env"] = "turngym/Banking-v0"


def _category(row: Row) -> None:
    row["category"] = "miss_func"


def _seed(row: Row) -> None:
    row["task"]["worlds"][0]["seed"] += 1
    retask(row)


def _version(row: Row) -> None:
    row["task"]["worlds"][0]["version"] = 7
    retask(row)


def _world(row: Row) -> None:
    row["task"]["worlds"][0]["world"] = "NoSuchWorld"
    retask(row)


def _format(row: Row) -> None:
    row["format"] = 2


def _held_out(row: Row) -> None:
    row["task"]["held_out"] = ["borrow"]
    retask(row)


def _hint(row: Row) -> None:
    first(row, "assistant", "reasoning_content")["reasoning_content"] += " The hint told me so."


def _seer(row: Row) -> None:
    """Reasoning that knows an id before any result has shown it."""
    first(row, "assistant", "reasoning_content")["reasoning_content"] += f" Surely it is {borrow_gold(row)['arguments']['book']}."


def _elapse(row: Row) -> None:
    row["task"]["turns"][0]["elapse"] = 10**30
    retask(row)


def _needless_tool(row: Row) -> None:
    call_of(row, "identify")["name"] = "find_book"


def _always(row: Row) -> bool:
    return True


def _many_calls(row: Row) -> bool:
    return sum(m["role"] == "tool" for m in row["messages"]) > 1


def _one_by_one(row: Row) -> bool:
    return [m["role"] for m in row["messages"][:4]] == ["user", "assistant", "tool", "assistant"]


def _identifies(row: Row) -> bool:
    return any(c["name"] == "identify" for c in golds(row))


def _late(row: Row) -> bool:
    return bool(_late_ids(row))


FAULTS: dict[str, tuple[Callable[[Row], None], Callable[[Row], bool], str]] = {
    "a result": (_result, _always, "the result differs"),
    "one byte of a result": (_result_byte, _always, "the result differs"),
    "an argument that was sent": (_raw_argument, borrows, ""),
    "an argument of gold": (_gold_argument, borrows, ""),
    "a fingerprint": (_fingerprint, _always, "fingerprint"),
    "a turn's fingerprint": (_turn_fingerprint, _always, "fingerprint"),
    "the user's message": (_user_message, _always, "the user's message is not the task's"),
    "the task's text": (_task_text, _always, "does not match the content"),
    "the reply": (_reply, _always, "closing reply"),
    "values that nobody says": (_silent, borrows, "the user never says"),
    "an id given away": (_leak, borrows, "gives the internal value"),
    "an id given away before it is shown": (_early_leak, _late, "internal value"),
    "a shown value called said": (_said_instead_of_shown, borrows, "the user never says"),
    "a said value called context": (_context_instead_of_said, _identifies, "card"),
    "a source of a fault": (_fault_source, borrows, "fault"),
    "an argument without a source": (_no_source, borrows, "names its source"),
    "a path to another field": (_path, borrows, "its source shows"),
    "a path to nowhere": (_path_away, borrows, "nothing at"),
    "a source that comes later": (_source_call, borrows, "no call that could supply it"),
    "an order that does not hold": (_not_after, borrows, "does not come after"),
    "no checks at all": (_no_checks, _always, "nothing passes"),
    "a state that is not compared": (_no_state_check, borrows, "leaving out the write"),
    "a check that gold fails": (_told_too_much, _always, "gold does not pass"),
    "a superfluous write": (_twice, _identifies, "leaving out the write"),
    "messages in another order": (_swapped_messages, _one_by_one, ""),
    "results in another order": (_swapped_results, _many_calls, "no result follows"),
    "a message that is gone": (_dropped_message, _always, ""),
    "a message too many": (_added_message, _always, "more messages"),
    "a system message": (_system_message, _always, "system message"),
    "a fingerprint that is gone": (_dropped_fingerprint, _always, "fingerprint"),
    "a fingerprint too many": (_added_fingerprint, _always, "fingerprint"),
    "a call's id": (_call_id, _always, "no result follows"),
    "one id for two calls": (_same_call_id, _many_calls, "twice"),
    "a result's name": (_result_name, _always, ""),
    "the row's id": (_row_id, _always, "is not the task's id"),
    "the task's id": (_task_id, _always, "does not match the content"),
    "the env": (_env, _always, "env"),
    "the category": (_category, _always, "category"),
    "another seed": (_seed, borrows, ""),
    "another version": (_version, _always, "version 7"),
    "another world": (_world, _always, "NoSuchWorld"),
    "another format": (_format, _always, "format"),
    "a held-out tool that gold needs": (_held_out, borrows, "withheld in this turn"),
    "reasoning that mentions the hint": (_hint, _always, "hint"),
    "reasoning that knows too much": (_seer, borrows, "reasoning"),
    "time without end": (_elapse, _always, ""),
    "another tool": (_needless_tool, _identifies, ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_and_named(rows: list[Row], name: str):
    spoil, fits, why = FAULTS[name]
    fitting = [row for row in rows if fits(row)]
    assert fitting, "no row to spoil"
    for row in fitting[:6]:
        spoilt = copy.deepcopy(row)
        spoil(spoilt)
        assert spoilt != row
        found = verify_row(spoilt)
        assert found, spoilt["task"]["turns"]
        assert why in " ".join(found), found


def test_dropping_the_checks_of_one_turn_is_caught(rows: list[Row]):
    """A turn that only reads, amid others that write, passes whatever is done in it."""
    mixed = [row for row in rows if reads_alone(row) and len(row["task"]["turns"]) > 1]
    assert mixed
    for row in mixed:
        spoilt = copy.deepcopy(row)
        turn = next(t for t in spoilt["task"]["turns"] if all(c["name"] == "find_book" for c in t["gold"]))
        turn.pop("checks")
        assert verify_row(retask(spoilt)), turn


def test_dropping_the_words_that_pick_one_of_several_is_caught():
    """`the cheapest` told apart from `one of them`: the path alone is no source."""
    maker = Maker(Request(("planted_worlds:Market",), 30, seed=2))
    picked = 0
    for made in maker.stream():
        if made.sample is None:
            continue
        row = json.loads(made.sample.line())
        sources = [
            s
            for c in golds(row)
            for s in c.get("sources", {}).values()
            if s["kind"] == "output" and (s.get("where") or s.get("pick", "").startswith("m"))
        ]
        assert verify_row(row) == []
        if sources:
            picked += 1
            sources[0].pop("where", None)
            sources[0]["pick"] = "only"
            assert any("fit several" in why for why in verify_row(retask(row)))
    assert picked


@pytest.mark.parametrize(
    "row", [{}, {"id": "x"}, {"id": "x", "format": 1}, {"format": 1, "task": [], "messages": {}, "fingerprints": 5}, [], None, "row", 5]
)
def test_a_row_that_is_no_row_is_named_and_nothing_raises(row: Any):
    assert any("malformed" in why for why in verify_row(row))


def test_garbage_anywhere_in_a_row_raises_nothing(rows: list[Row]):
    def spoilings(node: Any) -> Any:
        places = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        for key, value in places:
            for garbage in (None, 5, "x", [], {}, [[]], {"a": 1}):
                if garbage != value:
                    yield node, key, value, garbage
            yield from spoilings(value)

    row = copy.deepcopy(min(rows, key=lambda r: len(json.dumps(r))))
    kept = {"notes", "origin"}
    for node, key, value, garbage in list(spoilings({k: v for k, v in row.items() if k not in kept})):
        node[key] = garbage
        assert isinstance(verify_row(row), list)
        node[key] = value
    assert verify_row(row) == []


# -- tasks and directories --------------------------------------------------------------------------------


def test_a_task_is_proven_alone(rows: list[Row]):
    for row in rows[:10]:
        assert list(prove_task(Task.model_validate(row["task"]))) == []


def test_a_directory_is_verified_row_by_row_and_doubles_are_named(tmp_path: Path, rows: list[Row]):
    spoilt = copy.deepcopy(rows[2])
    _fingerprint(spoilt)
    lines = [json.dumps(row, ensure_ascii=False) for row in (rows[0], rows[1], spoilt, rows[1])]
    (tmp_path / "samples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = verify_directory(tmp_path)
    assert (found["rows"], found["passed"]) == (4, 2)
    assert [f["id"] for f in found["failed"]] == [spoilt["id"], rows[1]["id"]]
    assert "twice" in found["failed"][1]["reason"]


def test_the_library_has_what_these_tests_need():
    worlds = WorldSet.create([WorldSpec(Library, 0)])
    assert set(worlds.tools) == {"identify", "find_book", "borrow"}
