"""The tools that a server lists, as tools of a world: schemas as they came, arguments judged before they are sent.

Laws: the description and the schema are the server's; arguments that its schema does not allow, or whose names it does
not know, never reach it (`invalid_arguments`, in one line); a schema that cannot be judged by lets everything pass and is told
as a gap. A result that breaks what the tool promised by its `outputSchema` is what the server said all the same; that
it does is told as a gap, once.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from ...doubles import refuse_doubled_keys
from ...errors import ErrorKind, ToolError, display, shorten
from ...signature import OutputField, Parameter
from ...tool import MAX_ARGUMENT_CHARS, ToolResult, _require_encodable
from ...types import Semantic
from ..foreign import ForeignTool
from .answers import Result, text_of
from .declaration import Declaration
from .judging import Judge, judge_of
from .link import ServerError
from .listing import Listed
from .sdk import Refused

_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "$ref", "allOf", "anyOf", "oneOf", "if")


class UndeclaredWrite(ServerError):
    """A tool that is said to read changed the state."""


class McpTool(ForeignTool):
    """A tool of an MCP server. `promise`: what it says its results are."""

    promise: Promise

    def perform(self, world: Any, checked: dict[str, Any]) -> ToolResult:
        """Call it; the state is read afterwards where the world is watched."""
        world.reading = self.is_read
        result = super().perform(world, checked)
        if self.promise.breach and self.promise.breach not in self.gaps:
            self.gaps = (*self.gaps, self.promise.breach)
            world.learn_gap(f"{shorten(self.name)}: {self.promise.breach}")
        return result


class Promise:
    """The `outputSchema` of a tool (None: it promises nothing). `wrong`: why it is no schema; `breach`: how a result broke it first."""

    def __init__(self, schema: Any) -> None:
        self._promises = schema is not None
        self._judge, self.wrong = judge_of(schema) if self._promises else (lambda found: "", "")
        self.breach = ""

    def text(self, result: Result) -> str:
        """The text that a model reads of a result; what breaks the promise is no structure that anybody could trust."""
        structured = result.get("structuredContent")
        if self.wrong or not self._promises:
            return text_of(result, trusted=not self.wrong)
        wrong = self._judge(structured) if structured is not None else "it has no structured content"
        if wrong:
            self.breach = self.breach or f"a result broke its outputSchema ({shorten(wrong, 200)}); the text stands"
        return text_of(result, trusted=not wrong)


def offers_of(listed: Iterable[Listed], said: Declaration, owner: str) -> tuple[dict[str, McpTool], list[str]]:
    """The tools of a world from those that a server lists, and what is wanting in them, a line each."""
    found: dict[str, McpTool] = {}
    gaps: list[str] = []
    names: set[str] = set()
    for item in listed:
        names.add(item.name)
        if item.name not in said.own_tools and item.name not in said.hide:
            found[item.name] = _offer(item, said, owner)
            gaps += [f"{shorten(item.name)}: {line}" for line in found[item.name].gaps]
    places = [place for kind in said.kinds.values() for place in kind.taken]
    takes = {f"{name}.{parameter}" for name, tool in found.items() for parameter in tool.parameters}
    gaps += [f"the declaration gives a kind to {shorten(place)}, which no tool takes" for place in places if place not in takes]
    wanted = {"hides": said.hide, "reads": said.reads or (), "calls": said.own_tools}
    gaps += [
        f"the declaration {verb} {shorten(name)}, which the server does not list"
        for verb, told in wanted.items() for name in sorted(told) if name not in names
    ]  # fmt: skip
    return found, gaps


def _offer(item: Listed, said: Declaration, owner: str) -> McpTool:
    gaps: list[str] = list(item.gaps)
    judge, wrong = judge_of(item.schema, "object")
    if wrong:
        gaps.append(f"its schema cannot be judged by ({wrong}); any arguments pass")
    promise = Promise(item.output)
    if promise.wrong:
        gaps.append(f"its outputSchema cannot be judged by ({promise.wrong}); results stand as they are")
    reads = item.name in said.reads if said.reads is not None else item.reads
    schema = {"type": "object"} if wrong else item.schema
    shown = _drawable(schema)
    made = McpTool(
        owner, item.name, item.description or item.name, shown, _parameters(item.name, shown, said),
        _Door(item.name, schema, judge), writes=not reads, outputs=_outputs(item.name, said), gaps=gaps, text=promise.text,
        explain=_explained, many=any(place.startswith(f"{item.name}.*") for kind in said.kinds.values() for place in kind.told),
    )  # fmt: skip
    made.promise = promise
    return made


def _parameters(tool: str, schema: dict[str, Any], said: Declaration) -> list[Parameter]:
    required = set(schema.get("required", ()))
    meanings = {place: Semantic(name, kind.known is not None) for name, kind in said.kinds.items() for place in kind.taken}
    return [
        Parameter(name, Any, meanings.get(f"{tool}.{name}"), None, name in required, part.get("default"), str(part.get("description", "")))
        for name, part in schema["properties"].items()
    ]


def _outputs(tool: str, said: Declaration) -> list[OutputField]:
    """The leaves of a tool's results whose meaning is declared."""
    found = []
    for name, kind in said.kinds.items():
        meaning = Semantic(name, kind.known is not None)
        for place in kind.told:
            if place.startswith(f"{tool}."):
                path = tuple(place.removeprefix(f"{tool}.").split("."))
                found.append(OutputField(path, meaning, Any, "known" if meaning.known else "key"))
    return found


def _explained(error: Exception) -> tuple[ErrorKind, str]:
    if isinstance(error, UndeclaredWrite):
        return "internal_error", "the tool failed inside; nothing was changed"
    if isinstance(error, (ServerError, Refused)):
        return "unavailable", f"the service is not available: {shorten(' '.join(str(error).split()), 300)}"
    return "unavailable", f"the service gave no usable answer: {shorten(' '.join(str(error).split()), 300)}"


# -- arguments --------------------------------------------------------------------------------------------


class _Door:
    """Reads and judges the arguments of one tool."""

    def __init__(self, name: str, schema: dict[str, Any], judge: Judge) -> None:
        self._name, self._judge = name, judge
        properties = schema.get("properties")
        self._names = list(properties) if isinstance(properties, dict) else []
        required = schema.get("required")
        self._required = set(required) if isinstance(required, list) else set()
        self._closed = isinstance(properties, dict) and not any(schema.get(key) for key in _OPEN)

    def __call__(self, arguments: str | dict[str, Any]) -> dict[str, Any]:
        try:
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, allow_nan=False)
            if len(text) > MAX_ARGUMENT_CHARS:
                raise ToolError("invalid_arguments", f"{self._name}: the arguments exceed {MAX_ARGUMENT_CHARS} characters")
            found = json.loads(text, parse_constant=_no_number)
        except (ValueError, TypeError) as error:
            raise self._refuse(f"Invalid JSON: {error}") from None
        if not isinstance(found, dict):
            raise self._refuse(f"an object is expected (got {display(found, 60)})")
        refuse_doubled_keys(self._name, text, len(found))
        _require_encodable(found.values())
        _require_encodable(list(found))
        if self._closed and (unknown := [name for name in found if name not in self._names]):
            raise self._refuse("; ".join(f"{shorten(name)}: it takes no such argument" for name in unknown[:4]))
        if wrong := self._judge(found):
            raise self._refuse(wrong)
        return found

    def _refuse(self, why: str) -> ToolError:
        takes = ", ".join(name if name in self._required else f"{name} (optional)" for name in self._names) or "no arguments"
        return ToolError("invalid_arguments", f"{self._name}: {shorten(' '.join(why.split()), 400)}. It takes: {takes}.")


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


# -- schemas ----------------------------------------------------------------------------------------------


def _drawable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in the spelling that this library draws from: `$defs`, no lists of types, `properties` and `required`."""
    found = _respelt(copy.deepcopy(schema))
    if isinstance(found.get("definitions"), dict):
        found["$defs"] = {**found.pop("definitions"), **found.get("$defs", {})}
    properties = found.get("properties")
    found["properties"] = {str(n): p if isinstance(p, dict) else {} for n, p in properties.items()} if isinstance(properties, dict) else {}
    required = found.get("required")
    found["required"] = [name for name in required if name in found["properties"]] if isinstance(required, list) else []
    return {"type": "object", **found}


def _respelt(node: Any) -> Any:
    if isinstance(node, list):
        return [_respelt(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: value if key in ("default", "examples", "const", "enum") else _respelt(value) for key, value in node.items()}
    if isinstance(ref := found.get("$ref"), str):
        found["$ref"] = ref.replace("#/definitions/", "#/$defs/")
    if isinstance(kinds := found.get("type"), list):
        rest = {key: found.pop(key) for key in [k for k in found if k not in ("description", "default", "title", "$defs")]}
        return {**found, "anyOf": [{**rest, "type": kind} for kind in kinds]}
    return found
