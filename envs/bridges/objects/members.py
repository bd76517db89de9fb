"""Which methods of a class are offered, with their schema and words, and what their definitions leave open.

Laws: nothing is guessed: a method whose arguments no schema describes is left out and named, one with a smaller gap (no
docstring, a parameter that nobody describes) is offered and the gap named; the order is that of definition, bases first.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, Union, get_type_hints

import docstring_parser
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from ...errors import shorten
from ...signature import Parameter, drop_titles
from ..canon import plain_data

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_FOREIGN = {"pydantic", "typing_extensions", "attr", "attrs"}  # bases from here bring methods that no author wrote


class Offer(NamedTuple):
    """A method that can be called: its words, schema, parameters, and the gaps of its definition.

    Attributes:
        adapter: validates JSON text against the schema. by_position: parameters that cannot be passed by name, with defaults.
        fresh: defaults that can change in place, of which each call gets a copy. returns: its annotation, None without one.
    """

    name: str
    description: str
    schema: dict[str, Any]
    parameters: tuple[Parameter, ...]
    adapter: TypeAdapter[Any]
    by_position: tuple[tuple[str, Any], ...]
    fresh: dict[str, Any]
    returns: Any
    gaps: tuple[str, ...]
    documented: bool


class _Unfit(Exception):
    """A method that cannot be offered, and why."""


def offers_of(cls: type, wanted: Collection[str] | None, skip: Collection[str]) -> tuple[list[Offer], list[str]]:
    """What a class offers, and a line for each gap, `method: what is open`.

    Args:
        wanted: names of methods, None for all public ones. skip: names that are left out without a word.
    """
    found: list[Offer] = []
    gaps: list[str] = []
    for name, member in _members(cls):
        if name in skip or (wanted is not None and name not in wanted):
            continue
        try:
            offer = _offer(cls, name, member, wanted is not None)
        except _Unfit as why:
            gaps.append(f"{name} is left out: {why}")
            continue
        if offer is not None:
            found.append(offer)
            gaps += [f"{name}: {gap}" for gap in offer.gaps]
    return found, gaps


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public members by name as they are defined; where a class overrides one, its own."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        root = base.__module__.partition(".")[0]
        if root in sys.stdlib_module_names or root in _FOREIGN:
            continue
        for name, member in vars(base).items():
            if not name.startswith("_"):
                found[name] = member
    yield from found.items()


def _offer(cls: type, name: str, member: Any, named: bool) -> Offer | None:
    """The offer of one member, None for what is no method at all."""
    if isinstance(member, (property, type)) or not (callable(member) or isinstance(member, (staticmethod, classmethod))):
        return None
    if isinstance(member, classmethod):
        raise _Unfit("it is a class method, which makes objects and does nothing to this one")
    static = isinstance(member, staticmethod)
    function = member.__func__ if static else member
    if static and not inspect.getdoc(function):
        return None
    if not isinstance(function, types.FunctionType) and not hasattr(function, "__wrapped__"):
        if not named:
            return None
        raise _Unfit(f"it is a {type(function).__name__} and no plain method")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _Unfit("it is asynchronous")
    if _NAME.fullmatch(name) is None:
        raise _Unfit("its name is none that models can call (ASCII letters, digits and _, at most 64)")
    return _Reader(cls, name, function, static).offer()


class _Reader:
    """Reads one method."""

    def __init__(self, cls: type, name: str, function: Callable[..., Any], static: bool) -> None:
        self.name, self.gaps = name, list[str]()
        self.docs = docstring_parser.parse(inspect.getdoc(getattr(cls, name)) or "")
        self.words = {p.arg_name.lstrip("*"): " ".join((p.description or "").split()) for p in self.docs.params}
        try:
            hints = get_type_hints(inspect.unwrap(function), include_extras=True)
            self.hints = {key: _readable(hint) for key, hint in hints.items()}
            listed = list(inspect.signature(function).parameters.values())
        except (NameError, TypeError, ValueError, AttributeError, SyntaxError) as error:
            raise _Unfit(f"its annotations cannot be read ({shorten(str(error), 120)})") from None
        self.items = listed if static else listed[1:]

    def offer(self) -> Offer:
        """The method as it is offered; raises `_Unfit`."""
        taken = [item for item in self.items if self._is_taken(item)]
        adapter, schema = self._shape(taken)
        parameters = tuple([self._parameter(item, schema["properties"][item.name]) for item in taken])
        description = (self.docs.description or "").strip()
        if not description:
            self.gaps.append("it has no docstring; its name stands in for one")
            description = f"{self.name.replace('_', ' ').strip().capitalize()}."
        if extra := set(self.words) - {item.name for item in self.items}:
            self.gaps.append(f"the docstring describes {', '.join(sorted(extra))}, which it does not take")
        returns = self.hints.get("return")
        if "return" not in self.hints:
            self.gaps.append("what it returns is not annotated; it is learnt from calls")
        positional = tuple(
            [(i.name, i.default) for i in self.items if i.kind is i.POSITIONAL_ONLY and (i in taken or i.default is not i.empty)]
        )
        fresh = {item.name: item.default for item in taken if isinstance(item.default, (list, dict, set, bytearray))}
        return Offer(
            self.name, description, schema, parameters, adapter, positional, fresh, returns, tuple(self.gaps), bool(self.docs.description)
        )

    def _is_taken(self, item: inspect.Parameter) -> bool:
        """Whether a parameter is offered."""
        if item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD):
            sign = "*" if item.kind is item.VAR_POSITIONAL else "**"
            self.gaps.append(f"{sign}{item.name} is not offered, for no schema names what it takes")
            return False
        if item.name not in self.hints:
            if item.default is item.empty:
                raise _Unfit(f"its parameter {item.name} has no type")
            self.gaps.append(f"its parameter {item.name} has no type and is left at its default")
            return False
        if item.name.startswith("_") and item.default is not item.empty:
            return False
        if self.hints[item.name] is Any:
            self.gaps.append(f"its parameter {item.name} may be anything, so that no schema holds it")
        return True

    def _shape(self, taken: list[inspect.Parameter]) -> tuple[TypeAdapter[Any], dict[str, Any]]:
        items = {item.name: (Required if item.default is item.empty else NotRequired)[self.hints[item.name]] for item in taken}
        shape: Any = TypedDict(f"{self.name}_arguments", items)  # type: ignore[misc]
        try:
            adapter = TypeAdapter(with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))(shape))
            schema = adapter.json_schema()
        except Exception as error:  # pydantic has a score of ways to say that it knows no such type
            raise _Unfit(f"no schema can be made of its types ({shorten(' '.join(str(error).split()), 120)})") from None
        drop_titles(schema)
        schema.setdefault("properties", {})
        schema.setdefault("required", [])
        return adapter, schema

    def _parameter(self, item: inspect.Parameter, part: dict[str, Any]) -> Parameter:
        described = self.words.get(item.name) or str(part.get("description", ""))
        if described:
            part["description"] = described
        else:
            self.gaps.append(f"its parameter {item.name} is not described")
        required = item.default is item.empty
        default = None if required else plain_data(item.default)
        if not required:
            part["default"] = default
            if isinstance(item.default, (list, dict, set, bytearray)):
                self.gaps.append(f"the default of {item.name} can change in place; each call gets a copy of it")
        return Parameter(item.name, self.hints[item.name], None, None, required, default, described)


def _readable(hint: Any) -> Any:
    """A hint as pydantic reads it: before Python 3.12 it wants the `TypedDict` of `typing_extensions`."""
    if typing.is_typeddict(hint) and type(hint).__module__ == "typing":
        parts = get_type_hints(hint, include_extras=True)
        mode = [(key, (Required if key in hint.__required_keys__ else NotRequired)[_readable(part)]) for key, part in parts.items()]
        return TypedDict(hint.__name__, dict(mode))  # type: ignore[operator]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is None or origin in (Literal, Annotated) or not any(typing.is_typeddict(part) for part in _below(hint)):
        return hint
    made = tuple([_readable(part) for part in inner])
    return Union[made] if origin in (Union, types.UnionType) else origin[made]  # noqa: UP007


def _below(hint: Any) -> Iterator[Any]:
    for part in typing.get_args(hint):
        yield part
        yield from _below(part)
