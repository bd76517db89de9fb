"""State as copy-on-write tables of frozen records, with a journal and an incremental fingerprint.

A table is a shared `base` (sealed after generation, never changed again) and an `overlay` of this episode's
changes. So `fork` and the first write after it cost what changed, not what exists; `diff` of two forks reads
overlays alone; the fingerprint hashes each changed record once.

Laws:
- records are frozen through and through (checked when their class is made), so sharing them is safe;
- iteration is in key order: a function of the contents, never of the history that led there;
- an index is made of the base alone, which never changes, and the overlay is looked through: it cannot be stale;
- every write is journalled until the call that made it commits, so that a call that raises leaves no trace.

Not here: what a record means, who may write it (`world.py`, `tool.py`).
"""

from __future__ import annotations

import enum
import operator
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, Self, TypeVar

from .errors import DefinitionError, ToolError, shorten
from .records import SCALARS, fields_of, is_record, keep_texts, reader
from .sealed import Seal, Sealed
from .types import DontCare, Semantic, metadata_of, semantic_of

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")

_ABSENT: Any = type("_Absent", (), {"__repr__": lambda self: "<absent>", "__slots__": ()})()
_MASK = (1 << 128) - 1
_new = object.__new__


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
        keep_texts(record_type)
        self.incidental = incidental
        self.fields = fields_of(record_type)
        self.key = next(iter(self.fields))
        self.semantic: Semantic | None = semantic_of(self.fields[self.key])
        meanings = {field: semantic_of(hint) for field, hint in self.fields.items()}
        self.keys = {field: m for field, m in meanings.items() if m is not None and not m.known}
        self.free = frozenset(f for f, hint in self.fields.items() if any(isinstance(m, DontCare) for m in metadata_of(hint)[1]))
        self.counting = tuple([field for field in self.fields if field not in self.free])


_reader_of = lru_cache(maxsize=1024)(lambda fields: operator.attrgetter(*fields))
_EMPTY = Sealed({})


def _digest(key: Any, value: Any) -> int:
    """The hash of one row. It names the class of a record, and `ascii` is alike in every Python, unlike `repr`."""
    known = reader(type(value))  # type: ignore[arg-type]
    body = ascii((key, value) if known is None else (key, known[0], known[1](value)))
    return int.from_bytes(blake2b(body.encode(), digest_size=16).digest(), "big")


def _digest_all(rows: dict[Any, Any], cls: type) -> int:
    """The sum of the hashes of rows whose values are all of one class, as `_digest` gives them."""
    known, total = reader(cls), 0
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
    in key order; `where(owner=x)` gives the records with these values in these fields by an index, not by looking
    through all. Writes: `put(record)` under its first field, `remove(id)`.
    """

    __slots__ = ("_base", "_journal", "_marks", "_over", "_rows", "spec")

    def __init__(self, spec: TableSpec, journal: list[Any]) -> None:
        self.spec = spec
        self._base = _EMPTY
        self._rows = _EMPTY.rows
        self._over: dict[Any, Any] = {}
        self._marks: dict[Any, int] = {}
        self._journal: list[Any] | None = journal

    # reads
    def get(self, key: K, default: Any = None) -> R | Any:
        """The record under `key`, or `default`."""
        found = self._over.get(key)
        if found is None:
            return self._rows.get(key, default)
        return default if found is _ABSENT else found

    def __getitem__(self, key: K) -> R:
        found = self._over.get(key)
        if found is None:
            found = self._rows.get(key)
        if found is None or found is _ABSENT:
            words = self.spec.record.__name__
            kind = "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()
            raise ToolError("not_found", f"there is no {kind} with {self.spec.key} {shorten(str(key))!r}")
        return found  # type: ignore[no-any-return]

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]

    def getter(self) -> Callable[[Any], Any]:
        """`get` as it is now, for many keys at one moment: as quick as a dict where nothing has changed. Not to be held over a write."""
        return self.get if self._over else self._rows.get

    def sealed(self) -> Seal | None:
        """The seal of the contents, the same for all forks, where nothing has changed since; else None."""
        return None if self._over else self._base.seal

    def where(self, **values: Any) -> list[R]:
        """The records that hold these values in these fields, in key order: `accounts.where(owner=customer)`.

        The second time a combination of fields is asked for, the sealed base is indexed by it, for all forks; then it
        costs what is found and what this episode changed. Raises `AttributeError` for a field that records do not have.
        """
        fields = tuple(values)
        read = _reader_of(fields)
        wanted = tuple(values.values()) if len(fields) > 1 else values[fields[0]]
        found, over = self._base.find(fields, read, wanted), self._over
        if not over:
            return list(found.values())
        merged = found.copy()
        for key, row in over.items():
            if row is not _ABSENT and read(row) == wanted:
                merged[key] = row
            elif key in found:
                del merged[key]
        return list(merged.values()) if merged.keys() <= found.keys() else [merged[key] for key in sorted(merged)]

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
            return iter(self._rows.values())
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
        twin._rows = self._rows
        over = self._over
        twin._over, twin._marks = (over.copy(), self._marks.copy()) if over else ({}, {})
        twin._journal = journal
        return twin

    def freeze(self) -> None:
        """Refuse writes from now on: forks share this table. Its own forks can be written."""
        self._journal = None

    def seal(self) -> None:
        """Fold the overlay into a new base, which forks from now on share."""
        held = self._items() if self._base.rows else self._over.items()  # a base sorts by itself
        self._base = Sealed({key: value for key, value in held if value is not _ABSENT})
        self._rows = self._base.rows
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
        if instance is None:
            return self
        cells, name = instance._cells, self.name
        found = cells._over.get(name)
        return (cells._rows[name] if found is None else found)[0]

    def __set__(self, instance: Any, value: T) -> None:
        if type(value) not in SCALARS and not is_record(type(value)):
            _require_frozen(value, self.name)
        instance._cells._set(self.name, (value,))


def _require_frozen(value: Any, where: str) -> None:
    if isinstance(value, tuple):
        for part in value:
            _require_frozen(part, where)
    elif not (isinstance(value, (*SCALARS, enum.Enum)) or is_record(type(value))):
        raise DefinitionError(f"cell {where}: {shorten(repr(value))} can change in place; use scalars, records, tuples")


class Cells(Table[str, Any]):
    """The cells of one world, kept like a table: name -> (value,)."""

    __slots__ = ()

    def read(self, name: str) -> Any:
        """The value of one cell."""
        found = self._over.get(name)
        return (self._rows[name] if found is None else found)[0]


def rollback(journal: list[Any]) -> None:
    """Undo every write in the journal, newest first, and empty it."""
    for table, key, previous in reversed(journal):
        table._undo(key, previous)
    journal.clear()
