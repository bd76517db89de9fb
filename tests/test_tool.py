"""Promises of the door: what a tool shows, what it lets in, that a call is whole or never was, that errors help."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from planted_worlds import Door, Echo, Things

from turngym.envs import DefinitionError, ToolError, tool
from turngym.envs.errors import ERROR_KINDS
from turngym.envs.tool import MAX_ARGUMENT_CHARS, Tool


@pytest.fixture
def door() -> Door:
    return Door.create(0)


def refused(door: Door, arguments: Any, name: str = "say") -> str:
    """The message of a call that must be refused as invalid, leaving no trace."""
    before = door.fingerprint()
    result = door.call(name, arguments)
    assert result.error == "invalid_arguments", (result.error, result.detail, result.text[:200])
    assert door.fingerprint() == before
    result.text.encode()  # whatever came in, what goes out can be written down
    message = json.loads(result.text)["error"]["message"]
    assert "\n" not in message
    assert len(message) < 1500
    return str(message)


# -- what a model sees ------------------------------------------------------------------------------------


def test_schema_comes_from_signature_and_docstring():
    function = Door.tools["say"].schema["function"]
    assert function["name"] == "say"
    assert function["description"].startswith("Say back what came in.")
    assert "More than one paragraph" in function["description"]
    schema = function["parameters"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["text"]
    parts = schema["properties"]
    assert parts["text"] == {"type": "string", "maxLength": 2_000_000, "description": "what to say."}
    assert parts["times"] == {"type": "integer", "minimum": 0, "default": 1, "description": "how often."}
    assert parts["colour"]["enum"] == ["red", "green"]
    assert parts["loud"]["default"] is False
    assert parts["amount"]["default"] is None
    assert "title" not in json.dumps(schema)
    json.dumps(schema, allow_nan=False)


def test_a_tool_without_parameters_has_a_closed_empty_schema():
    assert Door.tools["nothing"].parameter_schema == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert Door.create(0).call("nothing", "{}").error is None


def test_a_parameter_may_be_called_title():
    assert "title" in Library.tools["find_book"].parameter_schema["properties"]


def test_defaults_are_filled_in_and_may_be_said(door: Door):
    plain = door.call("say", {"text": "a"})
    said = door.call(
        "say", {"text": "a", "times": 1, "share": 0.5, "loud": False, "colour": "red", "words": None, "amount": None, "day": None}
    )
    assert plain.error is None
    assert plain.value == said.value


def test_text_and_object_are_the_same_call(door: Door):
    arguments = {"text": 'ünïcode \u2028 "q"', "times": 3, "share": 2, "words": ["a", "b"], "amount": "12.50", "day": "2026-03-02"}
    assert door.call("say", arguments) == door.call("say", json.dumps(arguments))
    assert door.call("say", arguments).error is None


# -- hostile arguments ------------------------------------------------------------------------------------

DEEP_LIST: Any = []
for _ in range(5000):
    DEEP_LIST = [DEEP_LIST]
LOOP: list[Any] = []
LOOP.append(LOOP)

HOSTILE_TEXT = {
    "no JSON": "text=a",
    "empty": "",
    "spaces": "  ",
    "null": "null",
    "a list": "[]",
    "a list of the object": '[{"text": "a"}]',
    "a string": '"text"',
    "a number": "7",
    "truncated": '{"text": "a"',
    "trailing": '{"text": "a"} {"text": "b"}',
    "comment": '{"text": "a"} // so',
    "single quotes": "{'text': 'a'}",
    "python": "{'text': __import__('os').getcwd()}",
    "NaN": '{"text": "a", "share": NaN}',
    "Infinity": '{"text": "a", "share": Infinity}',
    "1e999": '{"text": "a", "share": 1e999}',
    "NaN for an integer": '{"text": "a", "times": NaN}',
    "huge float for an integer": '{"text": "a", "times": 1e400}',
    "float for an integer": '{"text": "a", "times": 1.5}',
    "whole float for an integer": '{"text": "a", "times": 1.0}',
    "below the bound": '{"text": "a", "times": -1}',
    "huge negative": '{"text": "a", "times": -' + "9" * 4000 + "}",
    "5,000 digits": '{"text": "a", "times": ' + "9" * 5000 + "}",
    "string for an integer": '{"text": "a", "times": "1"}',
    "bool for an integer": '{"text": "a", "times": true}',
    "integer for a bool": '{"text": "a", "loud": 1}',
    "string for a bool": '{"text": "a", "loud": "true"}',
    "other case of a literal": '{"text": "a", "colour": "RED"}',
    "number for a literal": '{"text": "a", "colour": 1}',
    "number for a string": '{"text": 5}',
    "null for a string": '{"text": null}',
    "null where a default stands": '{"text": "a", "times": null}',
    "string for a list": '{"text": "a", "words": "abc"}',
    "mixed list": '{"text": "a", "words": ["a", 1]}',
    "too long a list": '{"text": "a", "words": ["a", "b", "c", "d"]}',
    "float money": '{"text": "a", "amount": 12.5}',
    "three decimals": '{"text": "a", "amount": "1.005"}',
    "money with a sign": '{"text": "a", "amount": "+5"}',
    "no money": '{"text": "a", "amount": "0.00"}',
    "money in other digits": '{"text": "a", "amount": "١٢"}',
    "money with a newline": '{"text": "a", "amount": "5.00\\n"}',
    "no such day": '{"text": "a", "day": "2026-02-30"}',
    "compact day": '{"text": "a", "day": "20260302"}',
    "week day": '{"text": "a", "day": "2026-W10-1"}',
    "missing": "{}",
    "extra": '{"text": "a", "self": 1}',
    "dunder": '{"text": "a", "__class__": "x"}',
    "world": '{"text": "a", "world": "x"}',
    "extra with a long name": '{"text": "a", "' + "x" * 100_000 + '": 1}',
    "lone surrogate": '{"text": "\\ud800"}',
    "lone surrogate as a key": '{"text": "a", "\\ud800": 1}',
    "deep": '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "raw surrogate": '{"text": "\ud800"}',
    "a NUL outside": "\x00",
    "over the limit": '{"text": "' + "x" * MAX_ARGUMENT_CHARS + '"}',
    "byte order mark": '\ufeff{"text": "a"}',
}


@pytest.mark.parametrize("name", HOSTILE_TEXT)
def test_hostile_text_is_answered_and_leaves_no_trace(door: Door, name: str):
    refused(door, HOSTILE_TEXT[name])


HOSTILE_OBJECTS: dict[str, Any] = {
    "none": None,
    "list": [],
    "bytes": b'{"text": "a"}',
    "integer": 5,
    "huge integer": {"text": "a", "times": -(10**5000)},
    "huge integer for a string": {"text": 10**5000},
    "huge extra": {"text": "a", "more": 10**5000},
    "nan": {"text": "a", "share": float("nan")},
    "inf": {"text": "a", "share": float("inf")},
    "bytes inside": {"text": b"a"},
    "integer key": {"text": "a", 1: 2},
    "tuple key": {"text": "a", (1, 2): 2},
    "surrogate": {"text": "\ud800"},
    "surrogate in a list": {"text": "a", "words": ["\udfff"]},
    "surrogate as a key": {"text": "a", "\ud800": 1},
    "surrogate of the wrong place": {"text": "a", "colour": "\ud800"},
    "deep": {"text": DEEP_LIST},
    "deep list": {"text": "a", "words": DEEP_LIST},
    "loop": {"text": LOOP},
    "loop in a list": {"text": "a", "words": LOOP},
    "a set": {"text": "a", "words": {"a"}},
    "an object": {"text": object()},
    "a class": {"text": str},
    "bool for an integer": {"text": "a", "times": True},
    "decoded money": {"text": "a", "amount": 1250},
}


@pytest.mark.parametrize("name", HOSTILE_OBJECTS)
def test_hostile_objects_are_answered_and_leave_no_trace(door: Door, name: str):
    refused(door, HOSTILE_OBJECTS[name])


def test_a_megabyte_of_text_is_served(door: Door):
    text = "x" * (MAX_ARGUMENT_CHARS - 20)
    assert door.call("say", json.dumps({"text": text})).error is None
    assert door.call("say", {"text": text}).error is None


def test_a_doubled_key_is_refused_and_leaves_no_trace(door: Door):
    refused(door, '{"text": "first", "text": "second"}')


def test_a_huge_valid_integer_is_no_bug_of_ours(door: Door):
    for arguments in ({"by": 10**5000}, '{"by": ' + "9" * 4200 + "}"):
        result = door.call("add", arguments)
        assert result.error in (None, "invalid_arguments"), result.detail
        door.fingerprint()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["text", "times", "words"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_data_raises_or_is_called_our_bug(data: Any):
    door = Door.create(0)
    before = door.fingerprint()
    for name in ("say", "nothing", "half"):
        for arguments in (data, json.dumps(data)):
            result = door.call(name, arguments)
            assert result.error != "internal_error", result.detail
            result.text.encode()
    assert door.fingerprint() == before


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_no_name_raises(name: str):
    result = Door.create(0).call(name, "{}")
    assert result.error == "unknown_tool" or name in Door.tools
    result.text.encode()


# -- errors help ------------------------------------------------------------------------------------------


def test_an_invalid_call_is_told_where_what_and_what_would_work(door: Door):
    message = refused(door, {"times": "x" * 500, "colour": "blue"})
    for part in ("say:", "times", "colour", "text", "missing" if "missing" in message else "required", "It takes:", "loud (optional)"):
        assert part in message
    assert "x" * 100 not in message
    assert "pydantic" not in message
    assert "takes: no arguments" in refused(door, {"a": 1}, "nothing")


def test_an_unknown_tool_offers_the_nearest_names(door: Door):
    message = door.call("sya", "{}").value["error"]["message"]
    assert "did you mean say" in message
    assert len(door.call("x" * 10_000, "{}").text) < 500


def test_an_unmet_precondition_tells_what_it_needs():
    world = Library.create(0)
    result = world.call("borrow", {"book": next(iter(world.books)).id})
    assert result.error == "precondition_failed"
    assert "library card" in result.value["error"]["message"]


def test_arguments_are_judged_before_preconditions():
    assert Library.create(0).call("borrow", {}).error == "invalid_arguments"


def test_a_thing_that_is_not_there_is_named_in_words():
    world = Library.create(0)
    world.call("identify", {"card": world.card})
    assert world.call("borrow", {"book": "BK-none"}).value == {
        "error": {"kind": "not_found", "message": "there is no book with id 'BK-none'"}
    }


def test_error_kinds_are_a_closed_list():
    assert "unknown_tool" in ERROR_KINDS
    with pytest.raises(ValueError, match="unknown tool error kind"):
        ToolError("oops", "x")  # type: ignore[arg-type]


# -- whole or not at all ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "kind"), [("refuse", "conflict"), ("crash", "internal_error"), ("return", "internal_error")])
def test_a_call_that_fails_half_way_never_was(door: Door, how: str, kind: str):
    before, ids = door.fingerprint(), list(door.things.keys())
    pristine = door.fork()
    result = door.call("half", {"how": how})
    assert result.error == kind
    assert result.written == ()
    assert door.fingerprint() == before
    assert list(door.things.keys()) == ids
    assert pristine.diff(door) == []
    assert door.call("add", {}).value == {"text": "1"}


def test_an_inner_failure_is_ours_and_tells_the_model_nothing(door: Door):
    result = door.call("half", {"how": "crash"})
    assert "secret inner detail" not in result.text
    assert "secret inner detail" in result.detail


def test_an_interrupt_gets_out_and_leaves_no_trace(door: Door):
    before = door.fingerprint()
    with pytest.raises(KeyboardInterrupt):
        door.call("half", {"how": "exit"})
    assert door.fingerprint() == before
    assert door.call("add", {}).written == (("_cells", "count"),)


@pytest.mark.parametrize("name", ["sly_read", "sly_there_and_back", "sly_write"])
def test_a_write_that_was_not_declared_is_undone_and_called_our_bug(door: Door, name: str):
    before = door.fingerprint()
    result = door.call(name, {})
    assert result.error == "internal_error"
    assert "_UndeclaredWrite" in result.detail
    assert door.fingerprint() == before


def test_what_was_written_is_named():
    world = Things.create(0)
    result = world.call("make", {"name": "x"})
    assert result.written == (("things", result.value["id"]),)


# -- declarations -----------------------------------------------------------------------------------------


def _tool(method: Any) -> Tool:
    return Tool("Some", tool(method))


def test_a_tool_declared_wrongly_is_refused_with_the_reason():
    def silent(self: Any) -> Echo: ...
    def undescribed(self: Any, a: int) -> Echo:
        """Do."""

    def untyped(self: Any, a) -> Echo:  # type: ignore[no-untyped-def]
        """Do.

        Args:
            a: x.
        """

    def stale(self: Any) -> Echo:
        """Do.

        Args:
            gone: x.
        """

    def nowhere(self: Any):  # type: ignore[no-untyped-def]
        """Do."""

    def plain(self: Any) -> int:
        """Do."""

    def star(self: Any, *a: int) -> Echo:
        """Do."""

    def mutable(self: Any, a: list[int] = []) -> Echo:  # noqa: B006
        """Do.

        Args:
            a: x.
        """

    cases = (
        (silent, "docstring"), (undescribed, "not described"), (untyped, "no type"), (stale, "does not take"),
        (nowhere, "return"), (plain, "record"), (star, "plain named"), (mutable, "mutable default"),
    )  # fmt: skip
    for method, why in cases:
        with pytest.raises(DefinitionError, match=why):
            _tool(method)
