"""What BFCL adds to function docs before it shows them: the language they are in, and for Java and JavaScript, how values look.

Equal to its `_func_doc_language_specific_pre_processing`. Law: the doc that is given is not changed.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from .source import HINT

Language = Literal["python", "java", "javascript"]
_NAMES: dict[Language, tuple[str, str]] = {
    "java": ("Java", " Note that the provided function is in Java 8 SDK syntax."),
    "javascript": ("JavaScript", " Note that the provided function is in JavaScript syntax."),
}


def language_of(category: str) -> Language:
    """The language that a category's functions are in."""
    return "javascript" if "javascript" in category else "java" if "java" in category else "python"


def hinted(doc: dict[str, Any], language: Language) -> dict[str, Any]:
    """A function doc as BFCL shows it."""
    shown: dict[str, Any] = json.loads(json.dumps(doc))
    if language == "python":
        shown["description"] += HINT
        return shown
    name, hint = _NAMES[language]
    shown["description"] += hint
    for part in shown["parameters"]["properties"].values():
        if part["type"] == "any":
            part["description"] += f" This parameter can be of any type of {name} object in string representation."
        else:
            part["description"] += f" This is {name} {part['type']} type parameter in string representation."
        if part["type"] in (("ArrayList", "Array") if language == "java" else ("array",)):
            part["description"] += f" The list elements are of type {part.pop('items')['type']}; they are not in string representation."
        if language == "javascript" and part["type"] == "dict" and "properties" in part:
            schema = json.dumps(part.pop("properties"))
            part["description"] += f" The dictionary entries have the following schema; they are not in string representation. {schema}"
        part["type"] = "string"
    return shown
