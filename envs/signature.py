"""Signatures: what a tool takes and gives, read once from annotations and JSON schema.

A `Parameter` is one argument with its meaning; an `OutputField` is one leaf of a result with its path, found by
walking the result's record class. Not here: calling anything.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import PlainSerializer

from .records import fields_of, is_record
from .types import Draw, Semantic, format_money, metadata_of, semantic_of


class Parameter(NamedTuple):
    """One parameter of a tool: its annotation, meaning, literal drawer, default and description."""

    name: str
    annotation: Any
    semantic: Semantic | None
    draw: Draw | None
    required: bool
    default: Any
    description: str


Sort = Literal["key", "money", "known", "literal", "text"]


class OutputField(NamedTuple):
    """One leaf of a tool's result. `path` holds field names, and `"*"` for each list that is passed through.

    `sort` is what its declaration makes of it: an internal id, money, something people know, one of a few words, or text.
    """

    path: tuple[str, ...]
    semantic: Semantic | None
    annotation: Any
    sort: Sort = "text"


def unwrap_list(annotation: Any) -> tuple[bool, Any]:
    """Whether an annotation is a list or an open tuple, and of what; else False and the bare annotation."""
    inner, _ = metadata_of(annotation)
    if get_origin(inner) is list:
        return True, metadata_of(get_args(inner)[0])[0]
    if get_origin(inner) is tuple and get_args(inner)[-1] is Ellipsis:
        return True, metadata_of(get_args(inner)[0])[0]
    return False, inner


def leaves_of(record_type: type, path: tuple[str, ...], depth: int = 0) -> Iterable[OutputField]:
    """The leaves of a record class, nested records and lists walked through (four levels at most)."""
    for name, hint in fields_of(record_type).items():
        many, inner = unwrap_list(hint)
        here = (*path, name, "*") if many else (*path, name)
        for part in _options(inner):
            if is_record(part) and depth < 4:
                yield from leaves_of(part, here, depth + 1)
                break
        else:
            meaning = semantic_of(hint)
            leaf = inner if many else hint
            yield OutputField(here, meaning, leaf, _sort_of(leaf, meaning))


def _sort_of(annotation: Any, meaning: Semantic | None) -> Sort:
    if meaning is not None and not meaning.known:
        return "key"
    inner, marks = metadata_of(annotation)
    if any(isinstance(mark, PlainSerializer) and mark.func is format_money for mark in marks):
        return "money"
    if meaning is not None and meaning.name != "text":
        return "known"
    return "literal" if any(get_origin(part) is Literal for part in (inner, *get_args(inner))) else "text"


def _options(annotation: Any) -> tuple[Any, ...]:
    inner, _ = metadata_of(annotation)
    return get_args(inner) if get_origin(inner) in (typing.Union, types.UnionType) else (inner,)


def drop_titles(node: Any) -> None:
    """Remove the titles that pydantic puts everywhere, but no property that is called `title`."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for key, value in node.items():
            if key == "properties":  # here keys are names of the author's, one may be "title"
                for child in value.values():
                    drop_titles(child)
            elif key not in ("default", "examples", "const", "enum"):
                drop_titles(value)
    elif isinstance(node, list):
        for child in node:
            drop_titles(child)
