"""Matching: which tools a request is about, by the phrases, summaries and names that a world gives its tools.

A phrase such as `freeze {card}` is a template: where its fixed words stand in the request, the text between
them is what the user said for each parameter. A request that fits no phrase is matched by the words it shares
with a tool. Law: deterministic, and built from what tools show of themselves alone.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ...envs.signature import Parameter
from ...envs.tool import Tool
from .reading import Literal, field_forms, literals, mask, points

_STOP = frozenset(
    re.findall(
        r"\S+",
        "a an and all any as at be by can could for from get have i in is it its me my of on one or please "
        "show so tell that the their then this to what which who with would you your",
    )
)
_ENDS = re.compile(r"(?:ings?|ed|es|s|e)$")
_TRIES = 48


class Match(NamedTuple):
    """A request understood: the tool, what was said for which parameter, the places of that in the text, a score."""

    tool: Tool
    slots: dict[str, str]
    spans: dict[str, tuple[int, int]]
    score: float
    text: str


class _Template(NamedTuple):
    tool: Tool
    chunks: tuple[re.Pattern[str] | None, ...]
    slots: tuple[str, ...]
    weight: float


def stem(word: str) -> str:
    """A word without its ending, to compare by."""
    return _ENDS.sub("", word) if len(word) > 4 else word.removesuffix("s") if len(word) > 3 else word


def stems(text: str) -> list[str]:
    """The stems of the words of a text that carry meaning."""
    return [stem(word) for word in re.findall(r"[a-z]+", text.casefold()) if word not in _STOP]


def nouns(parameter: Parameter) -> tuple[str, ...]:
    """What people call the thing that a parameter takes."""
    named = list(field_forms(parameter.name))
    if parameter.semantic is not None:
        named += field_forms(parameter.semantic.name)
        named += [form.rsplit(" ", 1)[-1] for form in field_forms(parameter.semantic.name)[-1:]]
    return tuple(dict.fromkeys(named))


def shape(tool: Tool, name: str) -> str:
    """What a parameter takes, roughly: `key`, `date`, `month`, `number`, `bool`, `enum`, `path`, `email`, `list` or `text`."""
    return _shapes(tool)[name]


@lru_cache(maxsize=2048)
def _shapes(tool: Tool) -> dict[str, str]:
    schema = tool.parameter_schema
    return {name: _shape(p, schema["properties"][name], schema.get("$defs", {})) for name, p in tool.parameters.items()}


def _shape(parameter: Parameter, schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if parameter.semantic is not None and not parameter.semantic.known:
        return "key"
    schema = plain_schema(schema, root)
    kind, pattern = schema.get("type"), schema.get("pattern", "")
    if "enum" in schema or "const" in schema:
        return "enum"
    if kind in ("boolean", "array", "object"):
        return {"boolean": "bool", "array": "list", "object": "object"}[kind]
    if schema.get("format") == "date":
        return "date"
    if kind in ("integer", "number") or (pattern and re.search(pattern, "25.00") and not re.search(pattern, "word")):
        return "number"
    if pattern and re.search(pattern, "2026-02") and not re.search(pattern, "word"):
        return "month"
    about = f"{parameter.name} {parameter.semantic.name if parameter.semantic else ''}"
    if re.search(r"path|director|folder|archive", about) or re.search(r"\bpath\b|\bdirectory\b", parameter.description):
        return "path"
    return "email" if "mail" in about else "text"


def plain_schema(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter's schema without `$ref` and without the `null` of an optional."""
    if "$ref" in schema:
        return plain_schema(root.get(schema["$ref"].rsplit("/", 1)[-1], {}), root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            options = [part for part in schema[key] if part.get("type") != "null"]
            return plain_schema(options[0], root) if options else {}
    return schema


class Matcher:
    """Matches requests to a set of tools. Make it with `matcher_of(tools)`, which keeps it."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self.tools = tuple(tools)
        self._templates = [made for tool in self.tools for phrase in tool.phrases if (made := _compile(tool, phrase)) is not None]
        bags = {
            tool.name: Counter(stems(f"{tool.name} {tool.name} {tool.summary} {' '.join(map(_fixed, tool.phrases))}".replace("_", " ")))
            for tool in self.tools
        }
        spread = Counter(word for bag in bags.values() for word in bag)
        self._bags = bags
        self._rarity = {word: math.log(1 + len(self.tools) / count) for word, count in spread.items()}

    def best(self, text: str, visible: frozenset[str]) -> Match | None:
        """The tool whose phrase stands in the text, with what was said for each parameter; None where none does."""
        hidden = mask(text)
        found: Match | None = None
        for template in self._templates:
            if template.tool.name in visible and (found is None or template.weight + 3.0 * len(template.slots) > found.score):
                made = _fit(template, text, hidden)
                if made is not None and made.score > 0 and (found is None or made.score > found.score):
                    found = made
        return found

    def alike(self, text: str, visible: frozenset[str]) -> Match | None:
        """The tool that shares the most telling words with the text, or None where too little is shared."""
        asked = set(stems(mask(text)))
        scored = [
            (sum(self._rarity[w] for w in asked if w in self._bags[t.name]), len(asked & set(self._bags[t.name])), t)
            for t in self.tools
            if t.name in visible
        ]
        score, shared, tool = max(scored, key=lambda item: item[0], default=(0.0, 0, None))
        if tool is None or not asked or (shared < 2 and shared < len(asked)):
            return None
        return Match(tool, {}, {}, score, text)


@lru_cache(maxsize=64)
def matcher_of(tools: tuple[Tool, ...]) -> Matcher:
    """The matcher of these tools, made once."""
    return Matcher(tools)


def _fixed(phrase: str) -> str:
    return " ".join(text for text, _, _, _ in string.Formatter().parse(phrase))


def _compile(tool: Tool, phrase: str) -> _Template | None:
    chunks: list[re.Pattern[str] | None] = []
    slots: list[str] = []
    for text, name, _, _ in string.Formatter().parse(phrase):
        chunks.append(_pattern(text))
        if name:
            slots.append(name)
    if len(chunks) == len(slots):
        chunks.append(None)
    content = stems(_fixed(phrase))
    small = len(re.findall(r"[a-z]+", _fixed(phrase))) - len(content)
    if not set(slots) <= set(tool.parameters):
        return None
    return _Template(tool, tuple(chunks), tuple(slots), 2.0 * len(content) + 0.4 * small)


def _pattern(text: str) -> re.Pattern[str] | None:
    words = re.findall(r"[^\s\".,:;]+", text)
    words = [word for word in words if word.strip("'")]
    if not words:
        return None
    joined = r"[\s,:;]+".join(map(re.escape, words))
    return re.compile(rf"(?<![\w/]){joined}(?![\w/])", re.I)


def _fit(template: _Template, text: str, hidden: str) -> Match | None:
    best: Match | None = None
    tried = 0
    stack: list[tuple[int, tuple[int, ...]]] = [(0, ())]  # the next chunk, and where chunks began and ended so far
    while stack and tried < _TRIES:
        index, bounds = stack.pop()
        if index == len(template.chunks):
            tried += 1
            made = _score(template, text, bounds)
            if made is not None and (best is None or made.score > best.score):
                best = made
            continue
        chunk, start = template.chunks[index], bounds[-1] if bounds else 0
        if chunk is None:
            places = [len(text)] if index == len(template.chunks) - 1 else _gaps(template, index, text, start)
            stack.extend((index + 1, (*bounds, place, place)) for place in places)
        else:
            stack.extend((index + 1, (*bounds, m.start(), m.end())) for m in chunk.finditer(hidden, start))
    return best


def _gaps(template: _Template, index: int, text: str, start: int) -> list[int]:
    """Where the next slot may begin when no word stands before it: `pay {payee} {amount}`."""
    if not index:
        return [start]
    kind = shape(template.tool, template.slots[index])
    things = [m.start() for m in re.finditer(r"\b(?:the|that|my)\b", mask(text)) if m.start() > start]
    if kind in ("key", "text"):
        return things if kind == "key" else [item.start for item in literals(text) if item.start > start and suits(item, kind)]
    return [*things, *(item.start for item in literals(text) if item.start > start and suits(item, kind))]


def _score(template: _Template, text: str, bounds: tuple[int, ...]) -> Match | None:
    slots, spans, score = {}, {}, template.weight
    for index, name in enumerate(template.slots):
        start, end = bounds[2 * index + 1], bounds[2 * index + 2]
        raw = text[start:end]
        said = raw.strip(" ,;:.?!")
        if not said:
            return None
        start += raw.index(said)
        slots[name], spans[name] = said, (start, start + len(said))
        last = index == len(template.slots) - 1 and template.chunks[-1] is None
        score += _plausible(template.tool, name, said, last)
    return Match(template.tool, slots, spans, score, text)


def _plausible(tool: Tool, name: str, said: str, last: bool) -> float:
    """How well a text goes with a parameter: 3 for a clear case, below 0 for one that cannot be."""
    parameter, kind = tool.parameters[name], shape(tool, name)
    if points(said):
        head = " ".join(said.casefold().split()[:6])
        if parameter.semantic is not None and any(re.search(rf"\b{re.escape(noun)}s?\b", head) for noun in nouns(parameter)):
            return (
                2.5
                if len(field_forms(parameter.semantic.name)[0].split()) == 1 or field_forms(parameter.semantic.name)[-1] in head
                else 1.5
            )
        return -6.0 if kind in ("key", "date", "number", "month", "path", "enum") else -1.0
    if kind == "key":
        return -6.0
    first = next((item for item in literals(said) if item.start == 0), None)
    if first is None or not suits(first, kind):
        if kind == "path" and first is not None and first.kind in ("token", "name", "quoted"):
            return 0.5
        return _enum_fit(tool, name, said) if kind == "enum" else 0.0 if kind == "text" else -6.0
    return (2.5 if kind != "text" else 1.0) - (1.5 if first.end < len(said) and not last else 0.0)


def _enum_fit(tool: Tool, name: str, said: str) -> float:
    schema = tool.parameter_schema
    options = plain_schema(schema["properties"][name], schema.get("$defs", {})).get("enum", ())
    plain = said.casefold().replace("_", " ")
    return 2.5 if any(plain.startswith(str(o).casefold().replace("_", " ")) for o in options) else -6.0


def suits(literal: Literal, kind: str) -> bool:
    """Whether a literal is of the kind that a parameter of a shape takes."""
    fitting = {
        "date": ("date",), "month": ("month",), "number": ("number",), "path": ("path",), "email": ("email",),
        "text": ("quoted", "name", "token", "number", "word"), "enum": ("name", "token", "quoted"), "list": ("quoted", "name", "token"),
    }  # fmt: skip
    return literal.kind in fitting.get(kind, ())
