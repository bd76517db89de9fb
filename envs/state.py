"""State as copy-on-write tables of frozen records, with a journal and an incremental fingerprint.

A table is a shared `base` (sealed after generation, never changed again) and an `overlay` of this episode's
changes. So `fork` and the first write after it cost what changed, not what exists; `diff` of two forks reads
overlays alone; the fingerprint hashes each changed record once.

Laws:
- records are frozen through and through (checked when their class is made), so sharing them is safe;
- iteration is in key order: a function of the contents, never of the history that led there;
- every write is journalled until the call that made it commits, so that a call that raises leaves no trace.

Not here: what a record means, who may write it (`world.py`, `tool.py`).
"""

from __future__ import annotations

import dataclasses
import enum
import operator
import types
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from .errors import DefinitionError, ToolError, shorten
from .types import DontCare, Semantic, metadata_of, semantic_of

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")

_ABSENT: Any = type("_Absent", (), {"__repr__": lambda self: "<absent>", "__slots__": ()})()
_MASK = (1 << 128) - 1
_SCALARS = (str, int, bool, float, type(None))
_new = object.__new__


# -- records ----------------------------------------------------------------------------------------------


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a class a frozen record: `@record class Account: id: AccountId; balance: Money`.

    The first field is the key under which a table keeps it. Fields may be scalars, literals, enums, other
    records, tuples of these, and unions of these; anything mutable raises `DefinitionError` here. A changed
    copy is `dataclasses.replace(account, balance=0)`.
    """
    plain = "__repr__" not in vars(cls)
    made = dataclasses.dataclass(frozen=True, slots=True)(cls)
    made.__turngym_record__ = True  # type: ignore[attr-defined]
    if plain:  # the guard against a record that holds itself: what is frozen through and through cannot
        made.__repr__ = getattr(made.__repr__, "__wrapped__", made.__repr__)  # type: ignore[method-assign]
    try:
        hints = get_type_hints(made, include_extras=True)
    except NameError:  # refers to a name defined later, or local to a function: judged when a world uses it
        return made
    _check_fields(made, hints)
    return made


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
    return is_record(inner) or inner in _SCALARS or (isinstance(inner, type) and issubclass(inner, enum.Enum))


# -- tables -----------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """One record that differs between two states; `before` or `after` is None where it does not exist.

    `minted` says that it is new under an id that the world made up in this episode.
    """

    table: str
    key: Any
    before: Any
    after: Any
    minted: bool = False


class TableSpec:
    """What a table is: its name, its record class, its key field, and the meaning of every field.

    Attributes:
        incidental: changes here never decide whether a task is solved (quotes, sign-in challenges, logs).
        keys: fields that hold ids -> their semantic. free: fields marked `DontCare`; counting: all others, in order.
    """

    __slots__ = ("counting", "fields", "free", "incidental", "key", "keys", "name", "record", "semantic")

    def __init__(self, name: str, record_type: type, incidental: bool = False) -> None:
        if not is_record(record_type):
            raise DefinitionError(f"table {name}: {record_type!r} is not a record; decorate the class with @record")
        self.name = name
        self.record = record_type
        self.incidental = incidental
        self.fields = fields_of(record_type)
        self.key = next(iter(self.fields))
        self.semantic: Semantic | None = semantic_of(self.fields[self.key])
        meanings = {field: semantic_of(hint) for field, hint in self.fields.items()}
        self.keys = {field: m for field, m in meanings.items() if m is not None and not m.known}
        self.free = frozenset(f for f, hint in self.fields.items() if any(isinstance(m, DontCare) for m in metadata_of(hint)[1]))
        self.counting = tuple([field for field in self.fields if field not in self.free])


class _Base:
    """The sealed contents that forks share: rows in key order, and their hash, computed at first need."""

    __slots__ = ("rows", "total")

    def __init__(self, rows: dict[Any, Any]) -> None:
        self.rows = dict(sorted(rows.items()))
        self.total: int | None = None


_EMPTY = _Base({})


@lru_cache(maxsize=1024)
def _reader(cls: type) -> tuple[str, Callable[[Any], tuple[Any, ...]]] | None:
    """A record class's name and how to read all its fields at once; None for other classes."""
    if not is_record(cls):
        return None
    names = [field.name for field in dataclasses.fields(cls)]
    return cls.__name__, operator.attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)


def _digest(key: Any, value: Any) -> int:
    """The hash of one row. It names the class of a record, and `ascii` is alike in every Python, unlike `repr`."""
    known = _reader(type(value))  # type: ignore[arg-type]
    body = ascii((key, value) if known is None else (key, known[0], known[1](value)))
    return int.from_bytes(blake2b(body.encode(), digest_size=16).digest(), "big")


def _digest_all(rows: dict[Any, Any], cls: type) -> int:
    """The sum of the hashes of rows whose values are all of one class, as `_digest` gives them."""
    known, total = _reader(cls), 0
    if known is None:
        return sum([_digest(key, value) for key, value in rows.items()])
    name, read = known
    for key, value in rows.items():
        body = ascii((key, name, read(value)))
        total += int.from_bytes(blake2b(body.encode(), digest_size=16).digest(), "big")
    return total


class Table(Generic[K, R]):
    """A mapping id -> frozen record. Declare it on a world: `accounts: Table[AccountId, Account]`.

    Reads: `table[id]` (raises `ToolError("not_found")`), `get`, `in`, `len`, and iteration over the records
    in key order. Writes: `put(record)` under its first field, `remove(id)`.
    """

    __slots__ = ("_base", "_journal", "_marks", "_over", "spec")

    def __init__(self, spec: TableSpec, journal: list[Any]) -> None:
        self.spec = spec
        self._base = _EMPTY
        self._over: dict[Any, Any] = {}
        self._marks: dict[Any, int] = {}
        self._journal: list[Any] | None = journal

    # reads
    def get(self, key: K, default: Any = None) -> R | Any:
        """The record under `key`, or `default`."""
        found = self._over.get(key)
        if found is None:
            return self._base.rows.get(key, default)
        return default if found is _ABSENT else found

    def __getitem__(self, key: K) -> R:
        found = self.get(key)
        if found is None:
            words = self.spec.record.__name__
            kind = "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()
            raise ToolError("not_found", f"there is no {kind} with {self.spec.key} {shorten(str(key))!r}")
        return found

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]

    def __len__(self) -> int:
        rows, size = self._base.rows, len(self._base.rows)
        for key, value in self._over.items():
            size += (value is not _ABSENT) - (key in rows)
        return size

    def keys(self) -> Iterator[K]:
        """The ids, sorted."""
        return iter([key for key, _ in self._items()])

    def __iter__(self) -> Iterator[R]:
        if not self._over:
            return iter(self._base.rows.values())
        return iter([value for _, value in self._items()])

    def _items(self) -> list[tuple[Any, Any]]:
        rows, over = self._base.rows, self._over
        if not over:
            return list(rows.items())
        items = [(k, over.get(k, v)) for k, v in rows.items()]
        fresh = [(k, v) for k, v in over.items() if k not in rows]
        if fresh:
            items = sorted(items + fresh, key=_first)
        return [item for item in items if item[1] is not _ABSENT]

    # writes
    def put(self, value: R) -> R:
        """Keep `value` under its first field, in place of what was there; returns it."""
        spec = self.spec
        if type(value) is not spec.record:
            raise TypeError(f"table {spec.name} keeps {spec.record.__name__}, not {type(value).__name__}")
        self._set(getattr(value, spec.key), value)
        return value

    def remove(self, key: K) -> R:
        """Drop the record under `key` and return it; raises `ToolError("not_found")`."""
        found = self[key]
        self._set(key, _ABSENT)
        return found

    def _set(self, key: Any, value: Any) -> None:
        over, journal = self._over, self._journal
        if journal is None:
            raise RuntimeError(f"table {self.spec.name} was held over a fork of its world; read it from the world again")
        journal.append((self, key, over.get(key)))
        if value is _ABSENT and key not in self._base.rows:
            del over[key]
        else:
            over[key] = value
        self._marks.pop(key, None)

    def _undo(self, key: Any, previous: Any) -> None:
        if previous is None:
            self._over.pop(key, None)
        else:
            self._over[key] = previous
        self._marks.pop(key, None)

    # copies and comparison
    def fork(self, journal: list[Any]) -> Self:
        """An independent copy that shares the base; writes of either are unseen by the other."""
        twin = _new(type(self))
        twin.spec = self.spec
        twin._base = self._base
        twin._over = self._over.copy()
        twin._marks = self._marks.copy()
        twin._journal = journal
        return twin

    def freeze(self) -> None:
        """Refuse writes from now on: forks share this table. Its own forks can be written."""
        self._journal = None

    def seal(self) -> None:
        """Fold the overlay into a new base, which forks from now on share."""
        held = self._items() if self._base.rows else self._over.items()  # a base sorts by itself
        self._base = _Base({key: value for key, value in held if value is not _ABSENT})
        self._over, self._marks = {}, {}

    def total(self) -> int:
        """Sum (mod 2**128) of the hashes of all records: independent of order and history."""
        base = self._base
        if base.total is None:
            base.total = _digest_all(base.rows, self.spec.record) & _MASK
        over, marks = self._over, self._marks
        if not over:
            return base.total
        if len(marks) != len(over):
            for key, value in over.items():
                if key not in marks:
                    new = 0 if value is _ABSENT else _digest(key, value)
                    old = base.rows.get(key)
                    marks[key] = new - (0 if old is None else _digest(key, old))
        return (base.total + sum(marks.values())) & _MASK

    def untouched(self, later: Table[K, R]) -> bool:
        """Whether neither side has any change since both shared a base: then there is nothing to compare."""
        return self is later or (self._base is later._base and not self._over and not later._over)

    def changes(self, later: Table[K, R]) -> Iterator[Change]:
        """What differs from here to `later`, in key order."""
        if self is later:
            return
        if self._base is later._base:
            keys = {k for k in self._over if self._over[k] is not later._over.get(k)}
            keys.update(k for k in later._over if k not in self._over)
        else:
            keys = set(self.keys()) | set(later.keys())
        for key in sorted(keys):
            before, after = self.get(key), later.get(key)
            if before is not after and before != after:
                yield Change(self.spec.name, key, before, after)


def _first(item: tuple[Any, Any]) -> Any:
    return item[0]


# -- single values ----------------------------------------------------------------------------------------


class CellSpec(NamedTuple):
    """What a cell is: its name, first value, and whether it never decides a task (`incidental`)."""

    name: str
    initial: Any
    incidental: bool


class Cell(Generic[T]):
    """A single value of a world's state: `session = Cell[Session](Session())`, then `self.session = ...`.

    Args:
        initial: the value before the generator sets one; a scalar, a record, or a tuple of these.
        incidental: True where changes never decide whether a task is solved (the current directory, say).
    """

    __slots__ = ("incidental", "initial", "name")

    def __init__(self, initial: T, *, incidental: bool = False) -> None:
        _require_frozen(initial, "initial")  # here, not in __set_name__: Python 3.11 hides what that raises
        self.initial = initial
        self.incidental = incidental
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @typing.overload
    def __get__(self, instance: None, owner: type) -> Cell[T]: ...
    @typing.overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else instance._cells.read(self.name)

    def __set__(self, instance: Any, value: T) -> None:
        if type(value) not in _SCALARS:
            _require_frozen(value, self.name)
        instance._cells._set(self.name, (value,))


def _require_frozen(value: Any, where: str) -> None:
    if isinstance(value, tuple):
        for part in value:
            _require_frozen(part, where)
    elif not (isinstance(value, (*_SCALARS, enum.Enum)) or is_record(type(value))):
        raise DefinitionError(f"cell {where}: {shorten(repr(value))} can change in place; use scalars, records, tuples")


class Cells(Table[str, Any]):
    """The cells of one world, kept like a table: name -> (value,)."""

    __slots__ = ()

    def read(self, name: str) -> Any:
        """The value of one cell."""
        found = self._over.get(name)
        return (self._base.rows[name] if found is None else found)[0]


def rollback(journal: list[Any]) -> None:
    """Undo every write in the journal, newest first, and empty it."""
    for table, key, previous in reversed(journal):
        table._undo(key, previous)
    journal.clear()
