"""Filling: arguments out of a text, where the text itself says them.

A `Span` is a stretch of the message with a record of what has been taken from it. `coerce` turns what a user
wrote into what a schema takes: `25` into `25.00`, `30 October 2025` into a day. Law: a value is only given if it
fits the parameter's schema. Not here: things that only results show (`grounding.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ...envs.signature import Parameter
from ...envs.tool import Tool
from ..baselines import fits
from .matching import nouns, plain_schema, shape, suits
from .reading import Literal, field_forms, literals, mask, points

_BEFORE = 48
_TAIL = re.compile(r"\s+(?:with|without|in|at|from|for|to|on|since|until|as|by|of|and|or|please|instead)\b", re.I)
_LEADS: dict[str, tuple[str, ...]] = {
    "from": ("origin", "source", "since", "start", "check_in", "first", "from"),
    "to": ("destination", "target", "payee", "to"),
    "in": ("directory", "folder", "city", "currency", "path"),
    "at": ("path", "directory"), "on": ("date", "on", "day", "check_in"), "until": ("until", "end", "check_out"),
    "since": ("since", "modified_since"), "matching": ("pattern", "text", "query"), "mentioning": ("pattern", "text", "query"),
    "containing": ("pattern", "text", "query"),
    "for": ("amount", "month", "name"), "called": ("name", "title"), "named": ("name",), "saying": ("content", "text"),
}  # fmt: skip
_SMALL = frozenset(
    re.findall(
        r"\S+",
        "whose that which with without in at from for to on since until as by of and or is the a an my",
    )
)
_NO_NAMES = frozenset(
    re.findall(
        r"\S+",
        "I I'd I'm I've Please Could Would Can Hello Hi Thanks Quick Maybe Also Then And So Sorry",
    )
)


@dataclass(slots=True)
class Span:
    """A stretch of a message; `taken` holds the places (in the whole message) of literals used already."""

    text: str
    offset: int = 0
    taken: set[int] = field(default_factory=set)

    def left(self) -> list[Literal]:
        """The literals that nothing has used yet."""
        return [
            x for x in literals(self.text) if self.offset + x.start not in self.taken and not (x.kind == "name" and x.value in _NO_NAMES)
        ]

    def take(self, literal: Literal) -> None:
        """Mark a literal as used."""
        self.taken.add(self.offset + literal.start)

    def cover(self, start: int, end: int) -> None:
        """Mark all literals between two places of the text as used."""
        for item in literals(self.text):
            if start <= item.start < end:
                self.take(item)

    def part(self, start: int, end: int | None = None) -> Span:
        """A stretch of this one, with the same record."""
        return Span(self.text[start:end], self.offset + start, self.taken)


def coerce(text: str, tool: Tool, name: str, literal: Literal | None = None) -> Any:
    """What a text gives for a parameter, None where nothing in it fits the schema."""
    root = tool.parameter_schema
    schema = plain_schema(root["properties"][name], root.get("$defs", {}))
    for form in _forms(text, schema, literal):
        if fits(form, dict(schema)):
            return form
    if schema.get("type") == "array":
        item = dict(schema.get("items", {}))
        pieces = [piece.strip().strip("\"'") for piece in re.split(r",|\band\b", text) if piece.strip()]
        return [form for piece in pieces for form in _forms(piece, item, None) if fits(form, item)] or None
    return None


def _forms(text: str, schema: Any, literal: Literal | None) -> list[Any]:
    if "enum" in schema:
        plain = text.casefold().replace("_", " ").strip()
        return sorted(
            (o for o in schema["enum"] if re.match(rf"{re.escape(str(o).casefold().replace('_', ' '))}\b", plain)),
            key=lambda o: -len(str(o)),
        )
    kind = schema.get("type")
    number = text.replace(",", "").strip()
    if kind in ("integer", "number"):
        if re.fullmatch(r"-?\d{1,15}", number):
            return [int(number)]
        return [float(number)] if re.fullmatch(r"-?\d{1,15}\.\d+", number) else []
    forms: list[Any] = [text]
    if literal is not None and literal.kind == "stamp":
        forms.append(text[:10])
    if literal is not None and literal.kind == "number":
        forms += [number, f"{number}.00"]
    return forms


def said_in_slot(span: Span, tool: Tool, name: str) -> Any:
    """The value that a slot of a phrase holds, None where it holds none; marks the literals that it took."""
    text, kind = span.text, shape(tool, name)
    first = next((item for item in literals(text) if item.start == 0), None)
    if first is not None and (suits(first, kind) or first.kind == "quoted" or first.end == len(text)):
        whole = (
            kind in ("text", "path")
            and first.kind in ("token", "number", "name")
            and first.end < len(text)
            and not _TAIL.match(text, first.end)
        )
        value = None if whole else coerce(first.value, tool, name, first)
        if value is not None:
            span.take(first)
            return value
    match = _TAIL.search(mask(text))
    for piece in (
        dict.fromkeys((text, text[: match.start()] if match else text))
        if kind == "list"
        else (text[: match.start()] if match else text, text)
    ):
        if (value := coerce(piece.strip(" ,;:\"'“”"), tool, name)) is not None:
            span.cover(0, len(piece))
            return value
    for item in span.left():
        if suits(item, kind) and (value := coerce(item.value, tool, name, item)) is not None:
            span.take(item)
            return value
    return None


def said_by_name(span: Span, tool: Tool, parameter: Parameter) -> Any:
    """The value that stands behind a parameter's own name: `with min bytes 200`, `since 3 May 2026`, `without overwrite`."""
    forms, hidden = field_forms(parameter.name), mask(span.text).casefold()
    if shape(tool, parameter.name) == "bool":
        for form in forms:
            if match := re.search(rf"\b(with|without|not|no)\s+(?:the\s+)?{re.escape(form)}\b", hidden):
                return match[1] == "with"
        return None
    for item in span.left():
        if shape(tool, parameter.name) == "key" and item.kind != "token":
            continue  # a name is no id
        before = hidden[max(0, item.start - _BEFORE) : item.start].rstrip(" :=")
        before = re.sub(r"\s+(?:is|of|to|at|on|being)$", "", before)
        behind = hidden[item.end : item.end + _BEFORE] if item.kind == "number" else ""  # `7 days`
        named = any(re.search(rf"(?<!\w){re.escape(f)}$", before) or re.match(rf" {re.escape(f)}\b", behind) for f in forms)
        if named and (value := coerce(item.value, tool, parameter.name, item)) is not None:
            span.take(item)
            return value
    for form in forms if shape(tool, parameter.name) in ("enum", "text") else ():  # a plain word: `with kind file`
        if match := re.search(rf"\b(?:with|the)\s+{re.escape(form)}\s+(?:is\s+|of\s+|to\s+)?(?=\S)", hidden):
            word = re.match(r"[\w.*?+=-]+", span.text[match.end() :])
            if word is not None and word[0] not in _SMALL and (value := coerce(word[0].rstrip(".,?"), tool, parameter.name)) is not None:
                return value
    return None


def said_by_kind(span: Span, tool: Tool, parameter: Parameter, led: bool = False) -> Any:
    """A literal of the right kind that nothing else took, one with a fitting preposition first (`led`: only such)."""
    kind = shape(tool, parameter.name)
    if kind in ("bool", "object", "key"):
        return None
    options = [item for item in span.left() if suits(item, kind)]
    ranked = sorted(options, key=lambda item: not _leads(span.text, item, parameter.name))
    for item in ranked:
        if led and not _leads(span.text, item, parameter.name):
            return None
        if (value := coerce(item.value, tool, parameter.name, item)) is not None:
            span.take(item)
            return value
    return _option(span, tool, parameter) if kind == "enum" else None


def _leads(text: str, item: Literal, name: str) -> bool:
    word = text[: item.start].split()[-1:]
    return bool(word) and any(part == name or part in name.split("_") for part in _LEADS.get(word[0].casefold(), ()))


def _option(span: Span, tool: Tool, parameter: Parameter) -> Any:
    """One of a parameter's fixed options, where the text has it as a word that is no noun of its own."""
    hidden = mask(span.text)
    for match in re.finditer(r"(?<!the )(?<!that )(?<!my )(?<!each )\b[A-Za-z][\w-]*", hidden):
        value = coerce(hidden[match.start() :], tool, parameter.name)
        if value is not None and (parameter.required or len(str(value)) > 2):
            return value
    return None


def mentioned(span: Span, parameter: Parameter) -> Span | None:
    """The stretch of the text that starts with a noun phrase for what a parameter takes, the head itself left out."""
    hidden = mask(span.text)
    for noun in nouns(parameter):
        for match in re.finditer(
            rf"\b(?:the|that|my|this)\s+(?:(?!of\b|in\b|from\b|for\b|with\b)[\w-]+\s+){{0,3}}?{re.escape(noun)}\b", hidden, re.I
        ):
            if match.start() > 0 and points(span.text[match.start() :]):
                return span.part(match.start())
    return None


def stated(facts: dict[str, str], tool: Tool, parameter: Parameter) -> Any:
    """The value that the user stated for a parameter by its name or kind, in this turn or an earlier one."""
    for noun in (*field_forms(parameter.name), *(field_forms(parameter.semantic.name) if parameter.semantic else ())):
        if noun in facts:
            item = next(iter(literals(facts[noun])), None)
            if (value := coerce(facts[noun], tool, parameter.name, item)) is not None:
                return value
    return None
