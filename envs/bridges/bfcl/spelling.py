"""Possible answers as calls: of each argument the first value that passes, spelt as the function's language has it.

The single-turn categories hold no gold calls, but lists of values that pass. A few of their answers pass no call at all
(`docs/bfcl.md` counts them); nothing is mended here.
"""

from __future__ import annotations

import json
from typing import Any

from .hints import Language


def first_call(doc: dict[str, Any] | None, wanted: dict[str, list[Any]], language: Language) -> dict[str, Any]:
    """The arguments of a call from possible answers; `doc` is the function's, if it is offered."""
    known = doc["parameters"]["properties"] if doc is not None else wanted
    arguments = _first_of({name: options for name, options in wanted.items() if name in known or "" not in options})
    if language == "python" or doc is None:
        return arguments
    details = doc["parameters"]["properties"]
    return {name: _spelt(value, details.get(name, {}), language) for name, value in arguments.items()}


def _first_of(wanted: dict[str, Any]) -> dict[str, Any]:
    """Of each key the first answer that is given at all: `""` means that it may be left out."""
    found = {}
    for name, options in wanted.items():
        given = [option for option in options if option != ""] if isinstance(options, list) else [options]
        if given:
            found[name] = _plain(given[0])
    return found


def _plain(value: Any) -> Any:
    """One of the possible answers as a value: a dictionary has possible answers of its own for each key."""
    if isinstance(value, dict):
        return _first_of(value)
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _spelt(value: Any, detail: dict[str, Any], language: Language) -> str:
    """A value as text of Java or JavaScript, which is how BFCL takes it."""
    kind, inner = detail.get("type", "any"), detail.get("items", {}).get("type", "any")
    if isinstance(value, list):
        bare = kind == "Array" and inner in ("String", "any")  # whose quotes BFCL would keep
        parts = ", ".join([part if bare and isinstance(part, str) else _element(part, inner) for part in value])
        if language == "javascript":
            return f"[{parts}]"
        return f"new ArrayList<>(Arrays.asList({parts}))" if kind == "ArrayList" else f"new {inner}[]{{{parts}}}"
    if isinstance(value, dict):
        spelt = [(key, _element(part, "any")) for key, part in value.items()]
        if language == "javascript":
            return "{" + ", ".join([f"{key}: {part}" for key, part in spelt]) + "}"
        return "new HashMap<String, Object>() {{ " + " ".join([f'put("{key}", {part});' for key, part in spelt]) + " }}"
    suffix = {("java", "long"): "L", ("java", "float"): "f", ("javascript", "Bigint"): "n"}.get((language, kind), "")
    return value if isinstance(value, str) else f"{_bare(value)}{suffix}"


def _element(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if kind != "char" else f"'{value}'"
    if isinstance(value, list):
        return f"[{', '.join([_element(part, kind) for part in value])}]"
    return f"{_bare(value)}{'L' if kind == 'long' else ''}"


def _bare(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
