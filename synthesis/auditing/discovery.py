"""Discovery: whether a value that gold uses and nothing has shown could have been looked up at that moment.

Tools are called on forks of the moment: those without arguments, then those with one, given what the user named. Laws: only tools
that are visible then are called, and never one that changes something is counted; the search is bounded. What can be looked up is
no secret, although gold does not look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .case import Play
from .evidence import leaves
from .numbers import as_number
from .wording import plain, stands

_PHRASES, _CALLS = 12, 240


def shown_by(value: Any, play: Play, visible: Iterable[str], schemas: Mapping[str, Mapping[str, Any]], phrases: list[str]) -> str:
    """The call that would show a value, as text; "" if none does."""
    wanted = [plain(str(part)) for part in leaves(value)] if isinstance(value, (list, dict)) else [plain(str(value))]
    number = as_number(value)
    for count, (name, arguments) in enumerate(_probes(sorted(visible), schemas, phrases)):
        if count == _CALLS:
            break
        outcome = play.fork().call(name, arguments)
        if not outcome.went_through or outcome.changed:
            continue
        text = plain(outcome.text)
        seen = all(stands(part, text) for part in wanted if part)
        if seen or (number is not None and any(as_number(leaf) == number for leaf in leaves(outcome.value))):
            return f"{name}({', '.join(f'{key}={given!r}' for key, given in arguments.items())})"
    return ""


def _probes(visible: list[str], schemas: Mapping[str, Mapping[str, Any]], phrases: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    single: list[tuple[str, str, Mapping[str, Any]]] = []
    for name in visible:
        parameters = schemas.get(name, {}).get("parameters") or {}
        required, properties = parameters.get("required") or [], parameters.get("properties") or {}
        if not required:
            yield name, {}
            for part, schema in properties.items():
                if isinstance(schema, Mapping) and schema.get("type") == "boolean":
                    yield name, {part: True}
        elif len(required) == 1 and isinstance(properties.get(required[0]), Mapping):
            single.append((name, required[0], properties[required[0]]))
    for name, part, schema in single:
        if "enum" in schema:
            yield from ((name, {part: choice}) for choice in schema["enum"][:_PHRASES])
        elif schema.get("type") == "string":
            yield from ((name, {part: phrase}) for phrase in phrases[:_PHRASES])
        elif schema.get("type") in ("integer", "number", "float"):
            yield from ((name, {part: int(n)}) for phrase in phrases if (n := as_number(phrase)) is not None and n == int(n))
