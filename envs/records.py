"""Records: frozen classes for what a world keeps and shows, and what can be kept with a value that never changes.

A record is frozen through and through (checked when its class is made). So two things are safe that nothing else
could be: forks share it, and its JSON text is worked out once and kept with it. What is kept is no state: no field,
no part of equality, hash, copies or fingerprints.

Not here: where records are kept (`state.py`), how their text is put together (`texts.py`).
"""

from __future__ import annotations

import dataclasses
import enum
import operator
import types
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from .errors import DefinitionError, shorten
from .types import metadata_of

__all__ = ["SCALARS", "changed", "fields_of", "is_record", "keep_text", "keep_texts", "maker", "reader", "record"]

R = TypeVar("R")
P = ParamSpec("P")
T = TypeVar("T")

SCALARS = (str, int, bool, float, type(None))
_set = object.__setattr__


class _Record:
    """Base of all records. `_text`: its JSON text, empty if it was shown once."""

    __slots__ = ("_text",)
    __turngym_texts__: ClassVar[bool] = False
    _text: str


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a class a frozen record: `@record class Account: id: AccountId; balance: Money`.

    The first field is the key under which a table keeps it. Fields may be scalars, literals, enums, other
    records, tuples of these, and unions of these; anything mutable raises `DefinitionError` here. A changed
    copy is `changed(account, balance=0)`, or more slowly `dataclasses.replace`.
    """
    plain = "__repr__" not in vars(cls)
    made = dataclasses.dataclass(frozen=True, slots=True)(_with_base(cls))
    made.__turngym_record__ = True  # type: ignore[attr-defined]
    if plain:  # the guard against a record that holds itself: what is frozen through and through cannot
        made.__repr__ = getattr(made.__repr__, "__wrapped__", made.__repr__)  # type: ignore[method-assign]
    try:
        hints = get_type_hints(made, include_extras=True)
    except NameError:  # refers to a name defined later, or local to a function: judged when a world uses it
        return made
    _check_fields(made, hints)
    return made


def _with_base(cls: type[T]) -> type[T]:
    """The class with `_Record` among its bases, made anew as `dataclass(slots=True)` makes it anew after."""
    if issubclass(cls, _Record):
        return cls
    body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    bases = (*[base for base in cls.__bases__ if base is not object], _Record)
    meta: Any = type(cls)
    return meta(cls.__name__, bases, {**body, "__qualname__": cls.__qualname__})  # type: ignore[no-any-return]


def is_record(value: Any) -> bool:
    """Whether a class or an instance was made by `record`."""
    return getattr(value, "__turngym_record__", False) is True


def fields_of(cls: type) -> dict[str, Any]:
    """Field name -> annotation (with `Annotated` kept) of a record class."""
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise DefinitionError(f"record {cls.__name__}: {error}; define records at module level, before their use") from None
    _check_fields(cls, hints)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _check_fields(cls: type, hints: dict[str, Any]) -> None:
    for field in dataclasses.fields(cls):
        if not _is_frozen(hints[field.name]):
            raise DefinitionError(
                f"record {cls.__name__}.{field.name}: {shorten(str(hints[field.name]))} can change in place;"
                " use scalars, literals, records, and tuples of these"
            )


def _is_frozen(annotation: Any) -> bool:
    inner, _ = metadata_of(annotation)
    origin = get_origin(inner)
    if origin is Literal:
        return True
    if origin in (tuple, typing.Union, types.UnionType):
        return all(part is Ellipsis or _is_frozen(part) for part in get_args(inner))
    return is_record(inner) or inner in SCALARS or (isinstance(inner, type) and issubclass(inner, enum.Enum))


# -- reading and copying ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def reader(cls: type) -> tuple[str, Callable[[Any], tuple[Any, ...]]] | None:
    """A record class's name and how to read all its fields at once; None for other classes."""
    if not is_record(cls):
        return None
    names = [field.name for field in dataclasses.fields(cls)]
    return cls.__name__, operator.attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)


class _Shape(NamedTuple):
    """How rows of a class are copied: read the fields, fill a row of the twin class `draft`, call it one of the class."""

    read: Callable[[Any], tuple[Any, ...]]
    places: dict[str, int]
    draft: Callable[..., Any]


@lru_cache(maxsize=1024)
def _shape(cls: type) -> _Shape | None:
    """None for classes whose making does more than set the fields."""
    known = reader(cls)
    if known is None or cls.__bases__ != (_Record,) or hasattr(cls, "__post_init__"):
        return None
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields]
    if not all(field.init for field in fields) or vars(cls).get("__slots__") != tuple(names):
        return None
    # laid out alike, but not frozen: a frozen row sets each field the long way round, at ten times the price
    space = {"__slots__": tuple(names)}
    draft = dataclasses.make_dataclass(cls.__name__, names, bases=(_Record,), namespace=space, eq=False, repr=False)
    return _Shape(known[1], {name: place for place, name in enumerate(names)}, draft)


if TYPE_CHECKING:
    from dataclasses import replace as changed
else:

    def changed(row: R, /, **values: Any) -> R:
        """A copy of a record with other values in some fields; what `dataclasses.replace` gives, several times as fast."""
        cls = type(row)
        shape = _shape(cls)
        if shape is None or not values.keys() <= shape.places.keys():
            return dataclasses.replace(row, **values)
        held = list(shape.read(row))
        for name, value in values.items():
            held[shape.places[name]] = value
        made = shape.draft(*held)
        made.__class__ = cls
        return made


def maker(cls: Callable[P, T]) -> Callable[P, T]:
    """What makes records of a class from all its values, at a third of the price: for those made by the dozen."""
    shape = _shape(cls)
    if shape is None:
        return cls
    draft = shape.draft

    def make(*values: P.args, **named: P.kwargs) -> T:
        made = draft(*values, **named)
        made.__class__ = cls
        return made  # type: ignore[no-any-return]

    return make


# -- texts that are kept ---------------------------------------------------------------------------


def keep_texts(cls: Any) -> None:
    """Say that records of a class are shown more than once, so that their JSON texts are worth keeping; a table says so of its own."""
    cls.__turngym_texts__ = True


def keep_text(row: Any, text: str) -> None:
    """Keep the JSON text of a record with it."""
    _set(row, "_text", text)
