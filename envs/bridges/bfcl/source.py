"""What the package `bfcl-eval` holds: its classes, its function docs and its entries. Read, and never changed.

Only the modules of the API classes are imported; nothing else of the package is (its settings make folders beside it,
its checker and its executor evaluate text). Whoever wants the package's own verdict runs it in a process of its own
(`tests/bfcl_oracle.py`). Law: what is given out is shared, for looking only.
"""

from __future__ import annotations

import importlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...errors import TaskError, UnknownNameError
from ...extras import missing, need

PACKAGE = "bfcl_eval"
CLASSES = f"{PACKAGE}.eval_checker.multi_turn_eval.func_source_code"
LONG_CONTEXT = f"{CLASSES}.long_context"
MODULES = {  # class -> the module that holds it, which is the name of its function docs too
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}
STATELESS = frozenset(("MathAPI",))
MULTI_TURN = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
SINGLE_TURN = (
    *("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance"),
    *("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance"),
)
HINT = " Note that the provided function is in Python 3 syntax."
RELEASED = "I have updated some more functions you can choose from. What about now?"
_TYPES = {  # BFCL's GORILLA_TO_OPENAPI
    **dict.fromkeys(("integer", "byte", "short", "long", "Bigint"), "integer"),
    **dict.fromkeys(("number", "float", "double"), "number"),
    **dict.fromkeys(("string", "any", "char", "Any", "String"), "string"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("array", "list", "tuple", "ArrayList", "Array", "Queue", "Stack"), "array"),
    **dict.fromkeys(("dict", "object", "HashMap", "Hashtable"), "object"),
}


def api_class(name: str) -> type:
    """One of BFCL's eight API classes, by name."""
    if name not in MODULES:
        raise UnknownNameError("BFCL class", name, MODULES)
    need(PACKAGE)
    try:
        module = importlib.import_module(f"{CLASSES}.{MODULES[name]}")
    except ModuleNotFoundError as error:
        raise missing(error.name or PACKAGE, "bfcl") from None
    found: type = getattr(module, name)
    return found


def data_folder() -> Path:
    """Where the package keeps its entries."""
    return Path(str(need(PACKAGE).__file__)).parent / "data"


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except OSError as error:
        raise TaskError(f"the installed {PACKAGE} has no {path.name} ({error.strerror}); install bfcl-eval==2026.3.23") from None


@lru_cache(maxsize=32)
def function_docs(name: str) -> tuple[dict[str, Any], ...]:
    """The docs of a class's functions, in order, as the package holds them."""
    return tuple(_rows(data_folder() / "multi_turn_func_doc" / f"{MODULES[name]}.json"))


def entries(category: str) -> list[dict[str, Any]]:
    """The entries of a category, as the package holds them."""
    return _rows(data_folder() / f"BFCL_v4_{category}.json")


def answers(category: str) -> list[Any]:
    """`ground_truth` of each entry of a category, in the same order."""
    return [row["ground_truth"] for row in _rows(data_folder() / "possible_answer" / f"BFCL_v4_{category}.json")]


# -- docs as tools ----------------------------------------------------------------------------------------


def openai_tool(doc: dict[str, Any], hint: str = HINT) -> dict[str, Any]:
    """A function doc as OpenAI-compatible servers take it; equal to what BFCL's `convert_to_tool` makes of it.

    `hint` ends the description; held-out functions get none (`""`).
    """
    function = json.loads(json.dumps(doc))
    function["name"] = function["name"].replace(".", "_")
    function["description"] = function["description"] + hint
    function["parameters"]["type"] = "object"
    _cast(function["parameters"]["properties"])
    return {"type": "function", "function": function}


def _cast(properties: dict[str, Any]) -> None:
    for value in properties.values():
        if value.get("type") == "float":
            value["format"] = "float"
            value["description"] += " This is a float type value."
        value["type"] = _TYPES.get(value.get("type", "string"), "string")
        if value["type"] not in ("array", "object"):
            continue
        if "properties" in value:
            _cast(value["properties"])
        elif "items" in value:
            _cast_items(value["items"])


def _cast_items(items: dict[str, Any]) -> None:
    items["type"] = _TYPES[items["type"]]
    if items["type"] == "array" and "items" in items:
        items["items"]["type"] = _TYPES[items["items"]["type"]]
    elif items["type"] == "object" and "properties" in items:
        _cast(items["properties"])
