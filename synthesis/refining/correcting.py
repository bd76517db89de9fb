"""Rules that correct a call by its schema, and never by guessing (two-stage preparation of EGPO, arXiv 2508.05118).

    name        another spelling of one tool alone (`Get-Weather` for `get_weather`)
    arguments   JSON within JSON, or a Python literal, as JSON
    keys        another spelling of one parameter alone; null for a parameter that takes none; a required one that has a default
    values      "5" as 5, 5 as "5", "true" as true, JSON text as the object it is; an enum in another case or spelling

Laws: what fits is never touched; a correction stands only if the value then fits; no value comes from anywhere but the
call and the schema; the same call gives the same correction. Everything else remains a flaw. [ours]: which corrections.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .arguments import read_arguments, written
from .schemas import Flaw, Shape

_SQUASHED = re.compile(r"[\W_]+")
_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", re.ASCII)


class Corrected(NamedTuple):
    """A call after the rules: its name and raw arguments, what was done, and what is still wrong."""

    name: str
    arguments: str
    done: tuple[str, ...]
    flaws: tuple[Flaw, ...]


def flaws_of(name: str, raw: str, shapes: Mapping[str, Shape]) -> list[Flaw]:
    """What is wrong with the function and its parameters. Unreadable arguments are a matter of the format, not seen here."""
    if not name and read_arguments(raw).value is None:
        return []
    if name not in shapes:
        return [Flaw("unknown_function", f"no tool is called {name or 'nothing at all'}")]
    value = read_arguments(raw).value
    return [] if value is None else shapes[name].flaws(value)


def correct(name: str, raw: str, shapes: Mapping[str, Shape]) -> Corrected:
    """A call as the rules can mend it."""
    done: list[str] = []
    if name not in shapes:
        alike = [known for known in shapes if squashed(known) == squashed(name)]
        if len(alike) != 1:
            return Corrected(name, raw, (), tuple(flaws_of(name, raw, shapes)))
        name = alike[0]
        done.append("name")
    read = read_arguments(raw)
    if read.value is None:
        return Corrected(name, raw, tuple(done), ())
    if read.written != "json":
        done.append("arguments")
    arguments = read.value
    if shapes[name].flaws(arguments):
        arguments, more = _mended(shapes[name], arguments)
        done += more
    text = written(arguments) if done and done != ["name"] else raw
    return Corrected(name, text, tuple(dict.fromkeys(done)), tuple(shapes[name].flaws(arguments)))


def squashed(text: str) -> str:
    """A name or value without case, spaces and signs."""
    return _SQUASHED.sub("", text).casefold()


def _mended(shape: Shape, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    done: list[str] = []
    parts, required = shape.schema["properties"], shape.schema.get("required", ())
    made = _renamed(arguments, parts, done)
    for key in [key for key, value in made.items() if value is None and key not in required and not _takes(shape, parts, key, None)]:
        del made[key]
        done.append("null")
    for key, value in made.items():
        if key in parts and isinstance(parts[key], dict) and not shape.fits(parts[key], value):
            fitting = next((found for found in _candidates(shape, parts[key], value) if shape.fits(parts[key], found)), None)
            if fitting is not None:
                made[key] = fitting
                done.append("enum" if "enum" in _resolved(shape, parts[key]) else "type")
    for key in required:
        if (
            key not in made
            and isinstance(parts.get(key), dict)
            and "default" in parts[key]
            and _takes(shape, parts, key, parts[key]["default"])
        ):
            made[key] = parts[key]["default"]
            done.append("default")
    return made, done


def _renamed(arguments: dict[str, Any], parts: Mapping[str, Any], done: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in arguments.items():
        alike = [name for name in parts if squashed(name) == squashed(key)] if key not in parts else []
        if len(alike) == 1 and alike[0] not in arguments and alike[0] not in made:
            made[alike[0]] = value
            done.append("key")
        else:
            made[key] = value
    return made


def _takes(shape: Shape, parts: Mapping[str, Any], key: str, value: Any) -> bool:
    return key in parts and (parts[key] is True or (isinstance(parts[key], dict) and shape.fits(parts[key], value)))


def _resolved(shape: Shape, part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        node: Any = shape.schema
        for step in reference[2:].split("/"):
            node = node.get(step) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}
    return part


def _candidates(shape: Shape, part: dict[str, Any], value: Any) -> Iterator[Any]:
    """Other spellings of a value that a part of a schema may take, most alike first."""
    part = _resolved(shape, part)
    if isinstance(value, str) and isinstance(part.get("enum"), list):
        alike = [known for known in part["enum"] if isinstance(known, str) and squashed(known) == squashed(value)]
        if len(alike) == 1 and squashed(value):
            yield alike[0]
        return
    for key in ("anyOf", "oneOf"):
        for option in part.get(key, ()):
            if isinstance(option, dict):
                yield from _candidates(shape, option, value)
    given = part.get("type", ())
    for kind in given if isinstance(given, list) else [given]:
        found = _coerced(kind, value)
        if found is not None:
            yield found
    if isinstance(value, list) and isinstance(part.get("items"), dict):
        yield [_item(shape, part["items"], item) for item in value]
    elif isinstance(value, dict) and isinstance(part.get("properties"), dict):
        yield {key: _item(shape, part["properties"].get(key), item) for key, item in value.items()}


def _item(shape: Shape, part: Any, value: Any) -> Any:
    if not isinstance(part, dict) or shape.fits(part, value):
        return value
    return next((found for found in _candidates(shape, part, value) if shape.fits(part, found)), value)


def _coerced(kind: Any, value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if kind == "integer" and _INTEGER.fullmatch(text):
            return int(text)
        if kind == "number" and _NUMBER.fullmatch(text):
            return int(text) if _INTEGER.fullmatch(text) else float(text)
        if kind == "boolean" and text.casefold() in ("true", "false"):
            return text.casefold() == "true"
        if kind in ("array", "object"):
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                return None
            return found if isinstance(found, list if kind == "array" else dict) else None
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and kind == "string":
        return str(value)
    return None
