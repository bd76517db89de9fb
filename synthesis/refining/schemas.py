"""Schemas of foreign tools as JSON Schema, and what is wrong with arguments by them (EGPO, arXiv 2508.05118).

Data sets write types in dialects (`dict`, `float`, `STRING`, `str, optional`, bare maps of parameters); they are brought to
JSON Schema first. Laws: a schema that is none is `bad_schema`, once, where the row is read; no reference leaves the schema;
an object of arguments takes no others than it names, unless it says so. Checking is jsonschema's (extra `data`).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

from ...envs.errors import display, shorten
from ...envs.extras import need
from .row import Refused

TYPES = {
    **dict.fromkeys(("object", "dict", "map", "hashmap"), "object"),
    **dict.fromkeys(("array", "list", "tuple", "set", "arraylist"), "array"),
    **dict.fromkeys(("string", "str", "text", "char", "date", "datetime", "time"), "string"),
    **dict.fromkeys(("integer", "int", "long"), "integer"),
    **dict.fromkeys(("number", "float", "double", "decimal"), "number"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("null", "none"), "null"),
    **dict.fromkeys(("any", "", "mixed", "union"), ""),
}
KINDS = {
    "required": "missing_argument", "additionalProperties": "extra_argument", "type": "wrong_type", "enum": "bad_enum", "const": "bad_enum",
}  # fmt: skip
_INNER = ("properties", "$defs", "definitions", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_PARTS = ("items", "additionalProperties", "not")


class Flaw(NamedTuple):
    """One thing that is wrong with a call. `kind`: unknown_function, missing_argument, extra_argument, wrong_type, bad_enum, bad_value."""

    kind: str
    detail: str


class Shape:
    """The arguments of one tool: its schema in the standard's words, and the check."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        self.name, self.schema = name, schema
        self._library = need("jsonschema")
        registry = need("referencing").Registry()  # empty: a reference to elsewhere is an error and no request
        self._validator = self._library.Draft202012Validator(schema, registry=registry)
        try:
            self._validator.check_schema(schema)
            list(self._validator.iter_errors({}))
        except Exception as error:  # the schema is a stranger's: whatever goes wrong with it is a finding
            raise Refused("bad_schema", f"{name}: {shorten(str(error).splitlines()[0] if str(error) else type(error).__name__)}") from None

    def flaws(self, arguments: dict[str, Any]) -> list[Flaw]:
        """What is wrong with arguments, worst first as the standard orders it; empty if they fit."""
        try:
            return [Flaw(_kind(error), _told(self.name, error)) for error in self._validator.iter_errors(arguments)]
        except Exception as error:  # a reference or a pattern that fails only for some values
            return [Flaw("bad_value", f"{self.name}: {shorten(str(error))}")]

    def fits(self, part: dict[str, Any], value: Any) -> bool:
        """Whether a value fits a part of the schema."""
        try:
            return bool(self._validator.evolve(schema=part).is_valid(value))
        except Exception:
            return False


def _kind(error: Any) -> str:
    if error.validator in ("anyOf", "oneOf"):
        kinds = {KINDS.get(inner.validator, "bad_value") for inner in error.context or ()}
        return kinds.pop() if len(kinds) == 1 else "wrong_type" if kinds == {"wrong_type", "bad_enum"} else "bad_value"
    return KINDS.get(error.validator, "bad_value")


def _told(name: str, error: Any) -> str:
    where = ".".join(str(step) for step in error.absolute_path)
    return f"{name}{f' {where}' if where else ''}: {shorten(error.message, 160)}"


def shapes_of(tools: list[dict[str, Any]]) -> dict[str, Shape]:
    """The shape of every tool. Raises `Refused("bad_schema")`."""
    return {tool["function"]["name"]: _shape(json.dumps(tool["function"], sort_keys=True)) for tool in tools}


@lru_cache(maxsize=4096)
def _shape(text: str) -> Shape:
    function = json.loads(text)
    try:
        return Shape(function["name"], standard(function.get("parameters")))
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Refused("bad_schema", f"{function['name']}: {display(str(error))}") from None


def standard(parameters: Any) -> dict[str, Any]:
    """The parameters of a tool as a JSON schema of an object. Raises TypeError or ValueError for what is none."""
    if parameters is None or parameters == {} or parameters == []:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    if not isinstance(parameters, dict):
        raise TypeError(f"the parameters are {type(parameters).__name__}")
    if "properties" not in parameters and all(isinstance(part, dict) for part in parameters.values()):
        parameters = {"properties": parameters, "required": [n for n, p in parameters.items() if not _optional(p)]}
    made: dict[str, Any] = _standard(parameters)
    made.update(type="object", properties=made.get("properties") or {})
    made.setdefault("additionalProperties", False)
    return made


def _optional(part: dict[str, Any]) -> bool:
    return "default" in part or part.get("required") is False or "optional" in str(part.get("type", "")).lower()


def _standard(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    made = dict(part)
    for key in _INNER:
        if isinstance(made.get(key), dict):
            made[key] = {name: _standard(inner) for name, inner in made[key].items()}
    for key in _LISTS:
        if isinstance(made.get(key), list):
            made[key] = [_standard(inner) for inner in made[key]]
    for key in _PARTS:
        made[key] = _standard(made[key]) if key in made else None
        if made[key] is None:
            del made[key]
    if not isinstance(made.get("required", []), list):  # the third draft marks each property
        del made["required"]
    if "type" in made:
        _name_types(made)
    for key in ("enum", "properties", "required"):
        if made.get(key, "") is None:
            del made[key]
    return made


def _name_types(made: dict[str, Any]) -> None:
    given = made["type"]
    names = [_type(name) for name in (given if isinstance(given, list) else [given])]
    if made.pop("nullable", False) is True and "null" not in names:
        names.append("null")
    if "" in names:
        del made["type"]
    else:
        made["type"] = names[0] if len(names) == 1 else names


def _type(name: Any) -> str:
    word = str(name).lower().replace(", optional", "").partition("[")[0].strip()
    if word not in TYPES:
        raise ValueError(f"{name!r} is no type")
    return TYPES[word]
