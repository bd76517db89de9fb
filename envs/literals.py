"""Values that fit a JSON schema, drawn at random: for the action space, the random policy, and literals in tasks.

Covers what pydantic emits: `const`, `enum`, `examples`, `anyOf`, `$ref`, bounds, lengths, arrays, objects and
dates. A `pattern` without `examples` cannot be drawn from; the world checker reports it.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

_WORDS = (
    *("alpha", "bravo", "cedar", "delta", "ember", "fjord", "grove", "harbor"),
    *("indigo", "juniper", "kettle", "lantern", "meadow", "north", "orchard", "pine"),
)
_DAY = date(2026, 3, 2)


def draw_arguments(schema: dict[str, Any], rng: Random, optional: float = 0.5) -> dict[str, Any]:
    """Arguments that fit an object schema; each optional one stands with probability `optional`."""
    required = set(schema.get("required", ()))
    root = schema.get("$defs", {})
    return {
        name: draw_value(part, rng, root)
        for name, part in schema.get("properties", {}).items()
        if name in required or rng.random() < optional
    }


def draw_value(schema: dict[str, Any], rng: Random, root: dict[str, Any] | None = None) -> Any:
    """A value that fits `schema`; `root` holds its `$defs`."""
    if "$ref" in schema:
        return draw_value((root or {})[schema["$ref"].rsplit("/", 1)[-1]], rng, root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return draw_value(rng.choice(schema[key]), rng, root)
    if "const" in schema:
        return schema["const"]
    for key in ("enum", "examples"):
        if schema.get(key):
            return rng.choice(schema[key])
    kind = schema.get("type", "string")
    return _DRAWERS.get(kind, _text)(schema, rng, root)


def can_draw(schema: dict[str, Any]) -> bool:
    """Whether `draw_value` is sure to fit the schema (no bare pattern)."""
    if schema.get("examples") or "enum" in schema or "const" in schema:
        return True
    return "pattern" not in schema and all(can_draw(part) for part in schema.get("anyOf", ()))


def _integer(schema: dict[str, Any], rng: Random, root: Any) -> int:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 101) - 1)
    step = schema.get("multipleOf", 1)
    return int(rng.randrange(-(-low // step), high // step + 1) * step)


def _number(schema: dict[str, Any], rng: Random, root: Any) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0.0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 100.0))
    return float(round(low + (high - low) * (0.05 + 0.9 * rng.random()), 2) if high - low > 0.2 else (low + high) / 2)


def _boolean(schema: dict[str, Any], rng: Random, root: Any) -> bool:
    return rng.random() < 0.5


def _nothing(schema: dict[str, Any], rng: Random, root: Any) -> None:
    return None


def _array(schema: dict[str, Any], rng: Random, root: Any) -> list[Any]:
    if "prefixItems" in schema:
        return [draw_value(part, rng, root) for part in schema["prefixItems"]]
    low = schema.get("minItems", 0)
    return [draw_value(schema.get("items", {}), rng, root) for _ in range(rng.randint(low, min(schema.get("maxItems", low + 3), low + 3)))]


def _object(schema: dict[str, Any], rng: Random, root: Any) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    parts = schema.get("properties", {})
    return {name: draw_value(part, rng, root) for name, part in parts.items() if name in required or rng.random() < 0.5}


def _text(schema: dict[str, Any], rng: Random, root: Any) -> str:
    if schema.get("format") == "date":
        return (_DAY + timedelta(days=rng.randint(0, 60))).isoformat()
    low, high = schema.get("minLength", 1), schema.get("maxLength", 40)
    text = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 3)))
    return text.ljust(low, "x")[: max(low, high)]


_DRAWERS = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _nothing,
    "array": _array,
    "object": _object,
    "string": _text,
}
