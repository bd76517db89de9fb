"""Samples in the layout of BFCL's multi-turn categories: entries, possible answers, and the functions' documents.

    SPLIT/BFCL_v4_multi_turn_<category>.json                    id, question, initial_config, path, involved_classes ...
    SPLIT/possible_answer/BFCL_v4_multi_turn_<category>.json    id, ground_truth: call strings by turn
    multi_turn_func_doc/<world>.json                            one function a line, in the types of that benchmark

Laws: each file holds one JSON object a line; call strings are plain names with literal keyword arguments; tools
that appear in a turn are handed over in an empty turn before it, since there a hand-over has no words. What
BFCL's own runner executes are the classes that ship with it: an entry says the seed of our world as its
initial configuration, and runs there only where that class is registered.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from ..envs.registry import world_class
from ..envs.task import Task
from ..envs.tool import Tool
from ..envs.worldset import tool_table
from .sample import Sample

_TYPES = {"object": "dict", "number": "float"}
_KEPT = ("description", "default", "enum")


class BfclLayout:
    """Turns samples into lines of files, numbered by split and category."""

    def __init__(self) -> None:
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._documented: set[tuple[str, ...]] = set()

    def lines(self, sample: Sample) -> Iterator[tuple[str, dict[str, Any]]]:
        """(file, line) pairs of a sample; the documents of a world come with the first sample in it."""
        task = sample.task
        worlds = tuple(part.world for part in task.worlds)
        if worlds not in self._documented:
            self._documented.add(worlds)
            for name, tool in _owned(worlds):
                if (name, tool.name) not in self._documented:
                    self._documented.add((name, tool.name))
                    yield f"multi_turn_func_doc/{_snake(name)}.json", function_document(tool)
        place = (task.split, task.category)
        identity = f"multi_turn_{task.category}_{self._numbers[place]}"
        self._numbers[place] += 1
        file = f"BFCL_v4_multi_turn_{task.category}.json"
        entry, answer = entry_of(task)
        yield f"{task.split}/{file}", {"id": identity, **entry, "turngym_task": task.id}
        yield f"{task.split}/possible_answer/{file}", {"id": identity, **answer}


def entry_of(task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    """An entry and its possible answer, both without an id."""
    classes = [world_class(part.world).__name__ for part in task.worlds]
    owners = {tool.name: name for name, tool in _owned(tuple(part.world for part in task.worlds))}
    question: list[list[dict[str, str]]] = []
    truth: list[list[str]] = []
    missed: dict[str, list[str]] = {}
    for turn in task.turns:
        if turn.release:
            missed[str(len(question))] = list(turn.release)
            question.append([])
            truth.append([])
        question.append([{"role": "user", "content": turn.user}])
        truth.append([call_text(call.name, call.arguments) for call in turn.gold])
    never = sorted(set(task.held_out) - {name for turn in task.turns for name in turn.release})
    if never:  # `excluded_function` is read by nobody; what is handed over after the last turn is withheld in all of them
        missed[str(len(question))] = never
    entry = {
        "question": question,
        "initial_config": {
            name: {"seed": part.seed, "size": part.size, "version": part.version} for name, part in zip(classes, task.worlds, strict=True)
        },
        "path": list(dict.fromkeys(f"{owners[call.name]}.{call.name}" for call in task.gold())),
        "involved_classes": classes,
        "excluded_function": never,
    }
    return entry | ({"missed_function": missed} if missed else {}), {"ground_truth": truth}


def call_text(name: str, arguments: dict[str, Any]) -> str:
    """A call as text: `name(key='value', other=3)`."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def function_document(tool: Tool) -> dict[str, Any]:
    """A function as that benchmark documents it: `dict` for objects, `float` for numbers, no references."""
    schema = tool.parameter_schema
    parameters = _gorilla(schema, schema.get("$defs", {}))
    response = TypeAdapter(tool.returns).json_schema(mode="serialization")
    del parameters["description"]
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": {**parameters, "required": list(schema.get("required", ()))},
        "response": _gorilla(response, response.get("$defs", {})),
    }


def _gorilla(node: dict[str, Any], defs: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    if "$ref" in node:
        node = {**defs[node["$ref"].rsplit("/", 1)[-1]], **{k: v for k, v in node.items() if k != "$ref"}}
    if options := [part for part in node.get("anyOf", ()) if part.get("type") != "null"]:
        node = {**options[0], **{k: v for k, v in node.items() if k != "anyOf"}}
        return _gorilla(node, defs, depth)
    kind = node.get("type", "string" if "enum" in node or "const" in node else "object")
    found: dict[str, Any] = {"type": _TYPES.get(kind, kind), "description": "", **{key: node[key] for key in _KEPT if key in node}}
    if kind == "object" and depth < 6:
        found["properties"] = {name: _gorilla(part, defs, depth + 1) for name, part in node.get("properties", {}).items()}
    if kind == "array" and isinstance(items := node.get("items"), dict):
        found["items"] = _gorilla(items, defs, depth + 1)
    return found


def _owned(worlds: tuple[str, ...]) -> list[tuple[str, Tool]]:
    classes = tuple(world_class(name) for name in worlds)
    table = tool_table(classes)
    return [(classes[table.owners[name]].__name__, tool) for name, tool in table.tools.items()]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name))


def line_of(row: dict[str, Any]) -> bytes:
    """A line of a file."""
    return json.dumps(row, ensure_ascii=False, separators=(", ", ": ")).encode() + b"\n"
