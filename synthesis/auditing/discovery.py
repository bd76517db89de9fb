"""Discovery: whether a value that gold uses and nothing has shown could have been looked up at that moment.

Tools are called on forks of the moment: those without arguments, then those with one, given a choice of its schema or what the user
named. Laws: only tools that are visible then are called, and never one that changes something is counted; the search is bounded; a
number counts where it stands under a name that has to do with its use, or where it can be made of such ones. What can be looked
up is no secret, although gold does not look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .arithmetic import made_of
from .case import Play
from .deriving import Slot, choices
from .evidence import leaves
from .knowledge import Knowledge
from .numbers import as_number, numbers_in
from .wording import content, plain, stands

_PHRASES, _CALLS = 12, 240
_Schemas = Mapping[str, Mapping[str, Any]]


def shown_by(value: Any, slot: Slot, play: Play, visible: Iterable[str], schemas: _Schemas, known: Knowledge) -> str:
    """The call that would show a value, as text; "" if none does."""
    number, about = as_number(value), set(content(f"{slot.tool} {slot.name} {slot.schema.get('description', '')}"))
    wanted = [plain(str(part)) for part in leaves(value)] if isinstance(value, (list, dict)) else [plain(str(value))]
    found: dict[float, str] = {}
    for count, (name, arguments) in enumerate(_probes(sorted(visible), schemas, known.phrases())):
        if count == _CALLS:
            break
        outcome = play.fork().call(name, arguments)
        if not outcome.went_through or outcome.changed:
            continue
        call = f"{name}({', '.join(f'{key}={given!r}' for key, given in arguments.items())})"
        if number is not None:
            for key, told in _numbers(outcome.value, name):
                if set(content(key)) & about:
                    found.setdefault(told, call)
        elif all(_told(part, plain(outcome.text)) for part in wanted if part):
            return call
    return "" if number is None else _made(number, slot, found, known)


def _told(part: str, text: str) -> bool:
    """Whether a text holds a value, or what a file is called after."""
    name, dot, ending = part.rpartition(".")
    return stands(part, text) or (bool(dot) and len(name) > 2 and len(ending) <= 4 and " " not in part and stands(name, text))


def _made(number: float, slot: Slot, found: dict[float, str], known: Knowledge) -> str:
    """The call that shows a number, or shows one of which it can be made."""
    if number in found:
        return found[number]
    described = [said.value for said in numbers_in(slot.described) if said.spelt and said.value > 1]
    for told, call in found.items():
        made = made_of(number, [*known.said_numbers[-6:], *described], [told], known.now)
        if made is not None and f"{told:g}" in made.how:
            return call
    return ""


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    """(the name it stands under, number), of every number in plain data; names of holders are part of a name."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _numbers(part, f"{key} {name}" if isinstance(part, (Mapping, list)) else str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _numbers(part, key)
    elif (number := as_number(value)) is not None:
        yield key, number


def _probes(visible: list[str], schemas: _Schemas, phrases: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    single: list[tuple[str, str, Mapping[str, Any]]] = []
    for name in visible:
        parameters = schemas.get(name, {}).get("parameters") or {}
        required, properties = parameters.get("required") or [], parameters.get("properties") or {}
        if not required:
            yield name, {}
            for part, schema in properties.items():
                if isinstance(schema, Mapping) and schema.get("type") == "boolean":
                    yield from ((name, {part: choice}) for choice in (True, False))
        elif len(required) == 1 and isinstance(properties.get(required[0]), Mapping):
            single.append((name, required[0], properties[required[0]]))
    for name, part, schema in single:
        if options := choices(schema):
            yield from ((name, {part: choice}) for choice in options[:_PHRASES])
        elif schema.get("type") == "string":
            yield from ((name, {part: phrase}) for phrase in phrases[:_PHRASES])
        elif schema.get("type") in ("integer", "number", "float"):
            yield from ((name, {part: int(n)}) for phrase in phrases if (n := as_number(phrase)) is not None and n == int(n))
