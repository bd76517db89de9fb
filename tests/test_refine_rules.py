"""Corrections by rule (arXiv 2508.05118): what fits is never touched, a correction fits, nothing is evaluated or invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turngym.synthesis.refining.arguments import as_literal, read_arguments
from turngym.synthesis.refining.correcting import correct, flaws_of
from turngym.synthesis.refining.row import Refused
from turngym.synthesis.refining.schemas import shapes_of, standard


def shapes(parameters: Any, name: str = "act") -> Any:
    return shapes_of([{"type": "function", "function": {"name": name, "parameters": parameters}}])


def shape(**parts: Any) -> Any:
    required = [key for key, part in parts.items() if not part.pop("optional", False)]
    return shapes({"type": "object", "properties": parts, "required": required})


@pytest.mark.parametrize(
    ("part", "value", "made"),
    [
        ({"type": "integer"}, "12", 12),
        ({"type": "integer"}, "12.5", None),
        ({"type": "integer"}, "twelve", None),
        ({"type": "integer"}, True, None),
        ({"type": "number"}, "-1.50", -1.5),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "nan", None),
        ({"type": "boolean"}, "True", True),
        ({"type": "boolean"}, 1, None),
        ({"type": "string"}, 12, "12"),
        ({"type": "string"}, True, None),
        ({"type": "array", "items": {"type": "integer"}}, "[1, 2]", [1, 2]),
        ({"type": "array", "items": {"type": "integer"}}, ["1", 2], [1, 2]),
        ({"type": "array", "items": {"type": "integer"}}, ["one"], None),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": "3"}, {"n": 3}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "4", 4),
        ({"type": "string", "enum": ["one_way", "return"]}, "One way", "one_way"),
        ({"type": "string", "enum": ["AB", "ab"]}, "Ab", None),  # two are alike: a guess
        ({"type": "integer", "maximum": 5}, "6", None),
        ({"type": "float"}, "2", 2),
    ],
)
def test_values_are_coerced_by_hand(part: dict[str, Any], value: Any, made: Any):
    found = correct("act", json.dumps({"x": value}), shape(x=part))
    assert bool(found.flaws) is (made is None)
    if made is not None:
        assert json.loads(found.arguments) == {"x": made}
        assert type(json.loads(found.arguments)["x"]) is type(made)


def test_a_missing_one_is_filled_from_its_default_and_from_nowhere_else():
    known = shape(x={"type": "integer", "default": 3}, y={"type": "integer"})
    assert json.loads(correct("act", '{"y": 1}', known).arguments) == {"y": 1, "x": 3}
    assert [flaw.kind for flaw in correct("act", '{"x": 1}', known).flaws] == ["missing_argument"]


def test_a_name_is_mended_only_where_one_tool_alone_is_meant():
    tools = [{"function": {"name": name, "parameters": None}} for name in ("get_it", "getIt", "set_it")]
    known = shapes_of(tools)
    assert correct("Set-It", "{}", known).name == "set_it"
    assert [flaw.kind for flaw in correct("GET_IT", "{}", known).flaws] == ["unknown_function"]


@given(st.dictionaries(st.sampled_from("xyz"), st.integers() | st.text(max_size=4) | st.booleans() | st.none() | st.lists(st.integers())))
def test_a_correction_fits_or_says_that_it_does_not_and_what_fits_is_untouched(arguments: dict[str, Any]):
    known = shape(x={"type": "integer"}, y={"type": "string", "optional": True}, z={"type": "boolean", "optional": True})
    raw = json.dumps(arguments)
    found = correct("act", raw, known)
    assert list(found.flaws) == flaws_of(found.name, found.arguments, known)
    if not flaws_of("act", raw, known):
        assert (found.arguments, found.done) == (raw, ())
    assert correct(found.name, found.arguments, known).arguments == found.arguments


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "open('x')", "{1, 2}", "b'x'", "{1: 2}", "1j", "[" * 5000, "'" * 3, "{'a': 1e999}"]
)
def test_what_is_no_literal_of_plain_data_is_nothing(text: str):
    assert as_literal(text) is None
    assert read_arguments(text).value is None


def test_dialects_become_the_standard():
    made = standard(
        {"type": "dict", "properties": {"a": {"type": "float"}, "b": {"type": "tuple", "items": {"type": "int"}}, "c": {"type": "any"}}}
    )
    assert made["properties"] == {"a": {"type": "number"}, "b": {"type": "array", "items": {"type": "integer"}}, "c": {}}
    assert made["additionalProperties"] is False
    bare = standard({"city": {"type": "str"}, "days": {"type": "int, optional", "default": 1}})
    assert (bare["required"], bare["properties"]["days"]["type"]) == (["city"], "integer")


def test_a_reference_leaves_no_schema_and_a_broken_one_is_said():
    for parameters in (
        {"properties": {"x": {"type": "banana"}}},
        "none",
        {"$ref": "http://127.0.0.1:9/a"},
        {"type": "object", "$ref": "#"},
    ):
        with pytest.raises(Refused) as refused:
            shapes(parameters, name=f"f{len(str(parameters))}")
        assert refused.value.reason == "bad_schema"
