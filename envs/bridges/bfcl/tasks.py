"""BFCL's entries as tasks, under their own ids: the user's words, gold, what is held out, and where the worlds start.

Laws: nothing is left out and nothing is added but what gold's text says by position; gold is judged by `judge.py` and not
by checks of ours. All of it is a test set: no task is in the train split.
"""

from __future__ import annotations

import ast
import inspect
import json
from functools import lru_cache
from typing import Any

from ...errors import TaskError, UnknownNameError
from ...task import TASK_FORMAT, TaskFile
from .hints import language_of
from .source import MULTI_TURN, RELEASED, SINGLE_TURN, STATELESS, answers, api_class, entries, function_docs
from .spelling import first_call

FOREIGN = "bfcl-eval 2026.3.23"


def bfcl_tasks(category: str) -> TaskFile:
    """The tasks of a category (`multi_turn_base`, `simple_python`), in BFCL's order. Raises `UnknownNameError`."""
    if category not in MULTI_TURN and category not in SINGLE_TURN:
        raise UnknownNameError("BFCL category", category, (*MULTI_TURN, *SINGLE_TURN))
    asked = entries(category)
    gold = [[] for _ in asked] if "relevance" in category else answers(category)
    make = task_of if category in MULTI_TURN else single_task_of
    pairs = zip(asked, gold, strict=True)
    return TaskFile((json.dumps(make(category, entry, right), ensure_ascii=False) for entry, right in pairs), f"bfcl:{category}")


def task_of(category: str, entry: dict[str, Any], gold: list[list[str]]) -> dict[str, Any]:
    """An entry of a multi-turn category as the data of a task."""
    classes = entry["involved_classes"]
    released: dict[str, list[str]] = entry.get("missed_function", {})
    turns = [
        _turn(number, turn, calls, classes, released) for number, (turn, calls) in enumerate(zip(entry["question"], gold, strict=True))
    ]
    first = next((call["name"] for turn in turns for call in turn["gold"]), "")
    return {
        "id": entry["id"],
        "format": TASK_FORMAT,
        "env": f"turngym/BFCL-v4-{category.removeprefix('multi_turn_')}",
        "worlds": [{"world": f"bfcl:{cls}", "config": _config(cls, entry)} for cls in classes],
        "category": category.removeprefix("multi_turn_"),
        "family": f"BFCL.{first}",
        "split": "test",
        "turns": turns,
        "held_out": [name for names in released.values() for name in names],
        "judge": "bfcl",
        "meta": {"foreign": FOREIGN, "category": category},
    }


def single_task_of(category: str, entry: dict[str, Any], right: list[dict[str, Any]]) -> dict[str, Any]:
    """An entry of a single-turn category as the data of a task; gold is the first of the possible answers."""
    language, docs = language_of(category), {doc["name"]: doc for doc in entry["function"]}
    calls = [(name, first_call(docs.get(name), wanted, language)) for answer in right for name, wanted in answer.items()]
    gold = [{"id": f"c{place}", "name": name.replace(".", "_"), "arguments": given} for place, (name, given) in enumerate(calls)]
    return {
        "id": entry["id"],
        "format": TASK_FORMAT,
        "env": f"turngym/BFCL-v4-{category}",
        "worlds": [{"world": "bfcl:functions", "config": {"functions": entry["function"], "language": language}}],
        "category": "irrelevant" if "irrelevance" in category else "base",
        "family": f"BFCL.{gold[0]['name'] if gold else category}",
        "split": "test",
        "turns": [{"user": entry["question"][0][-1]["content"], "gold": gold}],
        "judge": "bfcl-ast",
        "meta": {"foreign": FOREIGN, "category": category, "answers": right, "before": entry["question"][0][:-1]},
    }


def _config(cls: str, entry: dict[str, Any]) -> dict[str, Any]:
    scenario = {} if cls in STATELESS else entry["initial_config"].get(cls, {})
    long = "long_context" in entry["id"]
    return {"scenario": scenario, "long_context": long, "entry": entry["id"], "classes": entry["involved_classes"]}


def _turn(number: int, said: list[dict[str, str]], calls: list[str], classes: list[str], released: dict[str, list[str]]) -> dict[str, Any]:
    release = released.get(str(number), [])
    return {
        "user": "\n".join(message["content"] for message in said) if said else RELEASED,
        "gold": [
            {"id": f"t{number}c{place}", "after": [f"t{number}c{place - 1}"] if place else [], **_call(text, classes)}
            for place, text in enumerate(calls)
        ],
        "release": release,
    }


def _call(text: str, classes: list[str]) -> dict[str, Any]:
    """A gold call's text as a name and named arguments; only literals are read."""
    tree = ast.parse(text, mode="eval").body
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise TaskError(f"gold of BFCL has {text!r}, which is no call")
    places = _places(tree.func.id, tuple(classes))
    arguments = {name: ast.literal_eval(node) for name, node in zip(places, tree.args, strict=False)}
    arguments.update({keyword.arg or "": ast.literal_eval(keyword.value) for keyword in tree.keywords})
    return {"name": tree.func.id, "arguments": arguments}


@lru_cache(maxsize=1024)
def _places(name: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters of a function in order."""
    for cls in classes:
        if any(doc["name"] == name for doc in function_docs(cls)):
            return tuple(inspect.signature(inspect.getattr_static(api_class(cls), name)).parameters)[1:]
    return ()
