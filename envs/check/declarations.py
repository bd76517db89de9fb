"""Laws of declaration: what can be judged from a class and its pristine worlds, before any call."""

from __future__ import annotations

import json
from random import Random
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..errors import shorten
from ..literals import can_draw, draw_value
from ..signature import Parameter
from ..tool import Tool
from ..types import semantic_of
from ..world import World
from .case import Case, internal_ids, plain
from .code import forbidden_calls
from .report import Note

_DRAWS = 12


def docs_complete(case: Case) -> str | None:
    """The world's page says something, tools and parameters are described, and phrases name real parameters."""
    gaps = tuple(case.foreign.gaps) if case.foreign else ()
    if len(case.cls.page().split()) < 8:
        return f"the docstring of {case.cls.__name__} is its page and says {case.cls.page()!r}; tell state, laws and tools"
    for name, tool in case.cls.tools.items():
        if len(tool.summary.split()) < 2:
            return f"{name}: the first line of the docstring, {tool.summary!r}, is what the model reads; write a sentence"
        for part, schema in tool.parameter_schema["properties"].items():
            if not schema.get("description", "").strip():
                return f"{name}.{part} is not described; add it under Args:"
        for phrase in tool.phrases:
            if lost := [word for word in _placeholders(phrase) if word not in tool.parameters]:
                return f"{name}: the phrase {shorten(phrase, 60)!r} names {lost[0]!r}, which is no parameter of it"
    return Note(f"gaps of its definition: {'; '.join(gaps)}") if gaps else None


def _placeholders(phrase: str) -> list[str]:
    return [part.partition("}")[0] for part in phrase.split("{")[1:]]


def arguments_drawable(case: Case) -> str | None:
    """Every free parameter can be drawn: by its `Sample`, from examples, or from a schema without a bare pattern."""
    world = case.pristine(case.seeds[0]).fork()
    for name, tool in case.cls.tools.items():
        for parameter in tool.parameters.values():
            why = _draw_fault(tool, parameter, world)
            if why:
                return f"{name}.{parameter.name}: {why}"
    return None


def _draw_fault(tool: Tool, parameter: Parameter, world: World) -> str | None:
    schema = tool.parameter_schema
    part = schema["properties"][parameter.name]
    if parameter.draw is None:
        if parameter.semantic is not None:
            return None  # facts and results feed it
        if not _drawable(part, schema.get("$defs", {})):
            return "a pattern alone cannot be drawn from; add Sample(...) or Field(examples=[...])"
    before = world.fingerprint()
    for count in range(_DRAWS):
        if parameter.draw is None:
            value = draw_value(part, Random(count), schema.get("$defs", {}))
        else:
            value = parameter.draw(world, Random(count))
            if value != parameter.draw(world, Random(count)):
                return f"its Sample gave {shorten(plain(value))!r} and then another value for the same rng; draw from rng alone"
        if value is not None and (why := _refused(parameter.annotation, value)):
            return f"drawn {shorten(plain(value))!r} is refused by its own type ({why}); draw what a caller would write"
    if world.fingerprint() != before or world._journal:
        return "its Sample changed the world; it must only look"
    return None


def _drawable(part: dict[str, Any], root: dict[str, Any]) -> bool:
    if "$ref" in part:
        return can_draw(root[part["$ref"].rsplit("/", 1)[-1]])
    return can_draw(part) and ("items" not in part or _drawable(part["items"], root))


def _refused(annotation: Any, value: Any) -> str:
    adapter = _adapter(annotation)
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        try:  # what only JSON says as a caller does: a day, a choice
            adapter.validate_json(json.dumps(value), strict=True)
        except (ValueError, TypeError):
            pass
        else:
            return ""
        return str(error.errors(include_url=False, include_context=False)[0]["msg"])
    return ""


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    config = ConfigDict(strict=True, allow_inf_nan=False)
    return TypeAdapter(annotation) if _has_config(annotation) else TypeAdapter(annotation, config=config)


def _has_config(annotation: Any) -> bool:
    """Records and models bring their own configuration, which pydantic forbids to override."""
    inner = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    return isinstance(inner, type) and inner.__module__ != "builtins"


def no_clock_or_chance(case: Case) -> str | None:
    """The code asks neither the wall clock nor the process's chance nor memory addresses."""
    for where, what in forbidden_calls(case.reached):
        return f"{where} uses {what}; use self.now, self.draw(label, ...), the given rng, or a record's fields"
    return None


def facts_usable(case: Case) -> str | None:
    """Each fact the user knows feeds some parameter or names some field, in the form a caller writes."""
    feeds: dict[str, list[tuple[str, Any]]] = {}
    shown: set[str] = set()
    for name, tool in case.cls.tools.items():
        shown.update(leaf.semantic.name for leaf in tool.outputs if leaf.semantic is not None)
        for item in tool.parameters.values():
            if item.semantic is not None:
                feeds.setdefault(item.semantic.name, []).append((f"{name}.{item.name}", item.annotation))
    for spec in case.cls.table_specs.values():
        shown.update(m.name for hint in spec.fields.values() if (m := semantic_of(hint)) is not None)
    for facts in case.facts.values():
        for kind, value in facts:
            if kind not in feeds and kind not in shown:
                return f"known() tells {kind!r}, which no parameter takes and no record holds; name a kind that is used"
            faults = [f"{where}: {why}" for where, hint in feeds.get(kind, ()) if (why := _refused(hint, value))]
            if faults and len(faults) == len(feeds[kind]):
                return f"known() tells {kind} {value!r}, which {faults[0]}; give it as a caller writes it"
    return None


def facts_no_internal_ids(case: Case) -> str | None:
    """The user knows no internal id: no fact of a `Key` kind, and no fact whose value is such an id."""
    for seed, facts in case.facts.items():
        ids = internal_ids(case.pristine(seed))
        for kind, value in facts:
            if kind in case.internal_kinds or value in ids:
                return f"known() tells {kind} {value!r}, an internal id; only tools may reveal it"
    return None
