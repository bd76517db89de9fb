"""JSON schemas of others as judges of values: of what a tool takes, and of what it promised to give.

Laws: a schema that is none, or that refers to what is not in it, judges nothing and is told why in a line; nothing is fetched;
no value and no schema raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError  # type: ignore[import-untyped]
from jsonschema.validators import validator_for  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from ...errors import display, shorten

MOST_SCHEMA = 200_000  # characters
_PLAIN = ("default", "examples", "const", "enum")
Judge = Callable[[Any], str]


def judge_of(schema: Any, kind: str = "") -> tuple[Judge, str]:
    """What judges values by a schema (it tells in a line what is wrong with one), and why none does.

    `kind`: the JSON type that it has to be a schema of, if any.
    """
    if not isinstance(schema, dict):
        return _pass, f"it is {'null' if schema is None else f'no object but {display(schema, 40)}'}"
    try:
        if (size := len(json.dumps(schema))) > MOST_SCHEMA:
            return _pass, f"its {size} characters are more than {MOST_SCHEMA}"
        cls = validator_for(schema)
        cls.check_schema(schema)
        if kind and schema.get("type", kind) != kind:
            return _pass, f"it is no {kind} but {display(schema.get('type'), 40)}"
        if lost := next(_lost(schema), ""):
            return _pass, f"it refers to {shorten(lost)}, which is not in it"
        validator = cls(schema, registry=Registry())
        list(validator.iter_errors({}))
    except SchemaError as error:
        return _pass, shorten(" ".join(error.message.split()), 120)
    except Exception as error:  # whatever a schema does to its judge: too deep, a reference to nothing, no pattern
        return _pass, f"{type(error).__name__}: {shorten(' '.join(str(error).split()), 120)}"

    def judged(found: Any) -> str:
        try:
            errors = sorted(validator.iter_errors(found), key=lambda e: list(map(str, e.absolute_path)))[:4]
        except (Unresolvable, RecursionError):  # a reference to nothing, where no property led before
            return ""
        return "; ".join(_wrong(error) for error in errors)

    return judged, ""


def _lost(schema: dict[str, Any]) -> Iterator[str]:
    """References to other documents, and to nothing."""
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = (resource @ Registry() if resource.id() else Registry()).resolver_with_root(resource)
    for ref in _references(schema):
        try:
            if not ref.startswith("#"):
                yield ref
            resolver.lookup(ref)
        except Unresolvable:
            yield ref


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            yield ref
        for key, value in node.items():
            if key not in _PLAIN or isinstance(value, dict):
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _pass(found: Any) -> str:
    return ""


def _wrong(error: ValidationError) -> str:
    where = ".".join(str(step) for step in error.absolute_path)
    return f"{shorten(where)}: {shorten(error.message, 160)}" if where else shorten(error.message, 160)
