"""Whether an argument is what a tool's JSON schema asks for: types, enums, bounds, patterns, required and unknown names.

Foreign dialects are read too (`dict`, `float`, `any`, `tuple`). Laws: a whole number passes for a number and never the other
way round unless it has no fraction; what the schema does not say is allowed. Not here: formats, which no world agrees about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...envs.errors import display

_TYPES = {"dict": "object", "float": "number", "double": "number", "tuple": "array", "list": "array", "int": "integer", "bool": "boolean",
          "str": "string"}  # fmt: skip
_NOT = re.compile(r"\A(any|)\Z")
_DEEPEST = 12


def violations(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(argument, what is wrong with it), for the arguments of a call and a function schema's `parameters`."""
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in arguments:
            yield name, "is required, and gold does not give it"
    for name, value in arguments.items():
        if name not in properties:
            yield name, f"is no parameter; it takes {', '.join(properties) or 'none'}"
        elif why := _wrong(value, properties[name], schema.get("$defs") or {}):
            yield name, why


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """A schema without `$ref`."""
    if "$ref" not in schema or depth > _DEEPEST:
        return schema
    found = root.get(str(schema["$ref"]).rsplit("/", 1)[-1])
    return resolved(found, root, depth + 1) if isinstance(found, Mapping) else {}


def _wrong(value: Any, schema: Any, root: Mapping[str, Any], depth: int = 0) -> str:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return ""
    schema = resolved(schema, root)
    for key in ("anyOf", "oneOf"):
        options = schema.get(key)
        if isinstance(options, list) and options:
            whys = [_wrong(value, option, root, depth + 1) for option in options]
            if all(whys):
                return whys[0]
    return _type(value, schema) or _limits(value, schema) or _parts(value, schema, root, depth)


def _type(value: Any, schema: Mapping[str, Any]) -> str:
    wanted = schema.get("type")
    names = [_TYPES.get(str(t), str(t)) for t in (wanted if isinstance(wanted, list) else [wanted or ""])]
    if any(_NOT.match(name) for name in names) or any(_is(value, name) for name in names):
        return ""
    if value is None and ("default" in schema or schema.get("nullable")):
        return ""
    return f"is {display(value, 60)}, and the schema wants {' or '.join(names)}"


def _is(value: Any, name: str) -> bool:
    if name == "boolean":
        return isinstance(value, bool)
    if name == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "null":
        return value is None
    kinds: dict[str, Any] = {"string": str, "array": (list, tuple), "object": Mapping}
    return isinstance(value, kinds[name]) if name in kinds else True


def _limits(value: Any, schema: Mapping[str, Any]) -> str:
    if "enum" in schema and value not in schema["enum"]:
        return f"is {display(value, 60)}, which is none of {display(schema['enum'], 120)}"
    if "const" in schema and value != schema["const"]:
        return f"is {display(value, 60)}, and must be {display(schema['const'], 60)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (_number(low) and value < low) or (_number(high) and value > high):  # type: ignore[operator]
            return f"is {value}, outside of {low} to {high}"
    pattern = schema.get("pattern")
    if isinstance(value, str) and isinstance(pattern, str):
        try:
            if re.search(pattern, value) is None:
                return f"is {display(value, 60)}, which does not match {display(pattern, 60)}"
        except re.error:
            return ""
    return ""


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parts(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    if isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            if why := _wrong(part, schema.get("items"), root, depth + 1):
                return f"[{index}] {why}"
    elif isinstance(value, Mapping):
        inner = schema.get("properties")
        if not isinstance(inner, Mapping):
            return ""
        for name, part in value.items():
            if why := _wrong(part, inner.get(name), root, depth + 1):
                return f".{name} {why}"
    return ""
