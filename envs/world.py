"""Worlds: a simulated service, that is, state and the tools that act on it.

    class Banking(World):
        \"\"\"Retail banking for one customer ...\"\"\"          # becomes the world's page
        accounts: Table[AccountId, Account]
        session = Cell[Session](Session())

        def generate(self, rng, size): ...                    # fill the tables
        def generate_more(self, rng, factor): ...             # if it can swell: more that nobody asks about
        def invariants(self): ...                             # yield what is wrong
        @tool(...)
        def transfer(self, ...): ...

Laws: all state is in the tables and cells; two worlds of one class, seed, size and swell are equal in every process;
a swelled world holds all that the plain one holds;
time stands still inside a turn and moves by `advance` alone; an id is the first free one of its kind's seeded
sequence, so ids of one kind do not depend on calls of another and an undone call leaves no trace.
Not here: tasks, users, rewards.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from .errors import DefinitionError, ToolError, UnknownNameError, nearest, shorten, telling
from .guard import guarded
from .minting import PROMISED, Exhausted, exhaustion, fill, first_free
from .parts import CellsSpec, Part
from .state import Cell, Cells, CellSpec, Change, Table, TableSpec
from .tool import Tool, ToolResult, tools_of
from .travelling import Changes, put_on, sent
from .types import known_name

Size = Literal["small", "medium", "large"]
SIZES: tuple[Size, ...] = get_args(Size)
_new = object.__new__
_STREAM = blake2b(digest_size=8, person=b"turngym")  # copied for each draw, which is quicker than made anew


class Fact(NamedTuple):
    """Something the user of a world knows from the start: a semantic name and a value."""

    semantic: str
    value: Any


class World:
    """Base of all worlds. Subclass it in one file; see CONTRIBUTING for the way through.

    Class attributes that an author may set:
        version: raise it when behaviour changes. START: the clock at reset, seconds since 1970 UTC.
        INCIDENTAL: names of tables whose changes never decide whether a task is solved.
        GROWS: `table.field` of records that may differ in a swelled world (an index, a quota), for a law demands it.
    """

    version: ClassVar[int] = 1
    START: ClassVar[int] = 1_772_442_000  # Monday 2026-03-02 09:00 UTC
    INCIDENTAL: ClassVar[tuple[str, ...]] = ()
    GROWS: ClassVar[tuple[str, ...]] = ()
    can_swell: ClassVar[bool] = False

    tools: ClassVar[dict[str, Tool]] = {}
    table_specs: ClassVar[dict[str, TableSpec]] = {}
    cell_specs: ClassVar[dict[str, CellSpec]] = {}

    now = Cell[int](0, incidental=True)
    _journal: list[Any]
    _cells: Cells
    seed: int
    size: Size
    swell: int = 0  # while `generate` runs it is 0: the plain state cannot depend on it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not (cls.__doc__ or "").strip():
            raise DefinitionError(f"world {cls.__name__} has no docstring; it is the world's page")
        try:
            hints = get_type_hints(cls, include_extras=True)
        except NameError as error:
            raise DefinitionError(f"world {cls.__name__}: {error}; define records at module level, before the world") from None
        cls.table_specs = {
            name: TableSpec(name, get_args(hint)[1], name in cls.INCIDENTAL) for name, hint in hints.items() if get_origin(hint) is Table
        }
        for name in ("_cells", *cls.table_specs):
            setattr(cls, name, Part(name))
        cells = {n: a for base in reversed(cls.__mro__) for n, a in vars(base).items() if isinstance(a, Cell)}
        cls.cell_specs = {n: CellSpec(n, c.initial, c.incidental) for n, c in cells.items()}
        cls._cells_spec = CellsSpec(cls.cell_specs)  # type: ignore[attr-defined]
        cls.tools = tools_of(cls)
        cls.can_swell = cls.generate_more is not World.generate_more
        state = {*cls.table_specs, *cls.cell_specs}
        for name in cls.INCIDENTAL:
            if name not in cls.table_specs:
                raise DefinitionError(f"world {cls.__name__}: INCIDENTAL names {name!r}, which is no table of it")
        for place in cls.GROWS:
            table, _, field = place.partition(".")
            if table not in cls.table_specs or field not in cls.table_specs[table].fields:
                raise DefinitionError(f"world {cls.__name__}: GROWS names {place!r}, which is no `table.field` of it")
        for name in (*cls.tools, *cls.table_specs, *cls.cell_specs):
            if name != "now" and hasattr(World, name):
                raise DefinitionError(f"world {cls.__name__}: {name} hides World.{name}; call it something else")
        for item in cls.tools.values():
            if missing := item.writes - state:
                raise DefinitionError(f"tool {cls.__name__}.{item.name}: writes {sorted(missing)}, which are no tables or cells")

    def __init__(self, seed: int = 0, size: Size = "small", swell: int = 0) -> None:
        if size not in SIZES:
            raise UnknownNameError("size", str(size), SIZES)
        if swell < 0:
            raise ValueError(f"swell={swell} is negative; 0 is the plain world")
        if swell and not self.can_swell:
            raise DefinitionError(
                f"world {type(self).__name__} cannot swell; give it generate_more(self, rng, factor), or leave swell at 0"
            )
        self.seed, self.size = seed, size
        journal: list[Any] = []
        self._journal = journal
        self._touched: list[str] = ["_cells", *self.table_specs]
        self._parts: dict[str, Table[Any, Any]] = {}
        self._cells = Cells(type(self)._cells_spec, journal)  # type: ignore[attr-defined]
        for name, spec in self.cell_specs.items():
            self._cells._set(name, (spec.initial,))
        for name, table in self.table_specs.items():
            setattr(self, name, Table(table, journal))
        self.now = self.START
        self._minted: dict[str, int] | None = {}
        name = f"world {type(self).__name__}"
        with telling(f"{name} cannot be made (seed {seed}, {size})"), guarded(f"{name}: its generator"):
            self.generate(Random(f"{type(self).__name__}:{seed}:{size}"), size)
            self.swell = swell
            if swell:
                self.generate_more(Random(f"{type(self).__name__}:{seed}:{size}:swell:{swell}"), swell)
        self._minted = None
        self._fresh: set[str] = set()  # ids made since; no state, for every fork's sequence of ids is this one
        journal.clear()
        for part in self._tables():
            part.seal()

    # -- what an author writes -------------------------------------------------------------------------

    def generate(self, rng: Random, size: Size) -> None:
        """Fill the tables with a plausible, consistent and varied state. Draw from `rng` alone."""
        raise DefinitionError(f"world {type(self).__name__} has no generate(self, rng, size)")

    def generate_more(self, rng: Random, factor: int) -> None:
        """Add records that have nothing to do with those there are, so that state and outputs grow; see `swell`.

        About five to ten times a small world for factor 1, and more for larger ones. Change nothing that is there
        but the fields in `GROWS`; share no name with it; let nothing new fall due within a week. A world without
        this method cannot swell.
        """
        raise DefinitionError(f"world {type(self).__name__} has no generate_more(self, rng, factor), so it cannot swell")

    def invariants(self) -> Iterable[str]:
        """Yield one line for each law that the state breaks (conservation, references, access). Default: none."""
        return ()

    def known(self) -> Iterable[Fact]:
        """What the user knows from the start, as a caller writes it.

        Default: every value of a `Known` type in any table, but for types that people make values up for (those
        with a `Sample`: amounts, dates). Override where a user knows less, so that nobody asks about another
        customer's affairs.
        """
        for table in self.tables().values():
            fields = [(f, m, hint) for f, hint in table.spec.fields.items() if (m := known_name(hint)) is not None]
            for row in table if fields else ():
                for field, name, hint in fields:
                    if (value := getattr(row, field)) is not None:
                        yield Fact(name, value if type(value) is str else TypeAdapter(hint).dump_python(value, mode="json"))

    def on_advance(self, before: int) -> None:
        """Do what falls due between `before` and `self.now` (scheduled payments, expiries). Default: nothing."""

    # -- what tools use --------------------------------------------------------------------------------

    def draw(self, label: str, *salt: object, below: int) -> int:
        """A number in `[0, below)`, a pure function of the world's seed, `label` and `salt`.

        The stream's counter is whatever state you pass as salt, so a read consumes nothing.
        """
        body = f"{self.seed}\x1f{label}\x1f{salt!r}".encode()
        drawn = _STREAM.copy()
        drawn.update(body)
        return int.from_bytes(drawn.digest(), "big") % below

    def mint(self, table: Table[Any, Any]) -> str:
        """A new id for `table`: the first free one of its seeded sequence, looking as its `Key` says.

        Raises `DefinitionError` where a generator has used up all that the pattern can say, and in an episode
        `ToolError("limit_exceeded")`.
        """
        semantic, name = table.spec.semantic, table.spec.name
        pattern = semantic.pattern if semantic is not None and semantic.pattern else f"{name[:3].upper()}-######"
        making = self._minted
        try:
            if making is None:
                made, _ = first_free(pattern, lambda place: self.draw("id", name, place, below=1 << 62), 0, table)
                self._fresh.add(made)
                return made
            barred = _episode_ids(type(self), self.seed, name, pattern) if self.swell else ()  # type: ignore[arg-type]
            numbers = lambda place: self.draw("generated id", name, place, below=1 << 62)  # noqa: E731
            made, making[name] = first_free(pattern, numbers, making.get(name, 0), table, barred)
            return made
        except Exhausted as error:
            if making is None:
                raise ToolError("limit_exceeded", f"no more {name} can be made: {error}") from None
            raise DefinitionError(f"world {type(self).__name__} ({self.size}): {exhaustion(table, error, bool(self.swell))}") from None

    @property
    def today(self) -> str:
        """The clock's day, ISO 8601."""
        return _moment(self.now)[:10]

    @property
    def timestamp(self) -> str:
        """The clock's moment, ISO 8601, UTC: `2026-03-02T09:00:00`."""
        return _moment(self.now)

    # -- what everyone else uses -----------------------------------------------------------------------

    @classmethod
    def create(cls, seed: int = 0, size: Size = "small", swell: int = 0, config: str = "") -> Self:
        """A fresh world; the generated state is made once per (class, seed, size, swell) and shared by forks.

        `swell`: helpings of unrelated records besides (`generate_more`). `config`: for foreign worlds alone (`bridges/`).
        """
        if config:
            raise DefinitionError(f"world {cls.__name__} generates its own state; it takes no config")
        return _pristine(cls, seed, size, swell).fork()  # type: ignore[return-value, arg-type]

    @classmethod
    def page(cls) -> str:
        """The world's docstring, dedented: what a person reads to know it."""
        return inspect.cleandoc(cls.__doc__ or "")

    def call(self, name: str, arguments: str | dict[str, Any] = "{}") -> ToolResult:
        """Call a tool by name with JSON text or a decoded object; never raises for what a model sent."""
        tool = self.tools.get(name)
        if tool is None:
            return unknown_tool(name, self.tools)
        return tool.invoke(self, arguments)

    def advance(self, seconds: int) -> None:
        """Let simulated time pass; what falls due is done. No time, nothing due. Raises ValueError for negative seconds.

        For whoever drives the world, between calls; a tool that calls it changes what it may not declare.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        if not seconds:
            return
        before = self.now
        self.now = before + seconds
        with guarded(f"world {type(self).__name__}: on_advance"):
            self.on_advance(before)

    def tables(self) -> dict[str, Table[Any, Any]]:
        """Name -> table, in order of declaration."""
        return {name: getattr(self, name) for name in self.table_specs}

    def unrelated(self) -> dict[str, frozenset[Any]]:
        """Table -> the ids of the records that swelling put there; empty for a plain world."""
        return _added(type(self), self.seed, self.size, self.swell) if self.swell else {}  # type: ignore[arg-type]

    def part(self, name: str) -> Table[Any, Any]:
        """A table by name, or the cells (`_cells`), as `ToolResult.written` calls them; for looking only."""
        state = self.__dict__
        found: Table[Any, Any] = state[name] if name in state else state["_parts"][name]
        return found

    def _tables(self) -> list[Table[Any, Any]]:
        """The cells and all tables, for looking only: what nobody has touched since a fork stays shared."""
        state = self.__dict__
        parts = state["_parts"]
        if touched := state["_touched"]:  # all, in order of declaration, in a world that was never forked
            parts = parts.copy()
            for name in touched:
                parts[name] = state[name]
        return list(parts.values())

    def fork(self) -> Self:
        """An independent copy, in a time that grows neither with the state nor with the number of tables.

        What both sides have is frozen and shared; each takes its own copy of a table at its next touch. A table
        that somebody still holds from before refuses writes: read it from the world again.
        """
        mine = self.__dict__
        parts = mine["_parts"]
        if own := mine["_touched"]:
            parts = parts.copy()
            for name in own:
                part = mine.pop(name)
                part.freeze()
                parts[name] = part
            mine["_parts"], mine["_touched"] = parts, []
        twin = _new(type(self))
        twin.__dict__.update(
            seed=mine["seed"], size=mine["size"], swell=mine["swell"],
            _journal=[], _minted=None, _fresh=mine["_fresh"], _parts=parts, _touched=[],
        )  # fmt: skip
        return twin

    snapshot = fork

    def restore(self, snapshot: World) -> None:
        """Take over the state of `snapshot` (a fork of this class), which stays usable."""
        if type(snapshot) is not type(self):
            raise TypeError(f"cannot restore {type(self).__name__} from {type(snapshot).__name__}")
        self.__dict__.clear()
        self.__dict__.update(snapshot.fork().__dict__)

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes (`travelling.py`). Raises `NotPortableError` for a class that no other process finds."""
        return sent(self)

    def __setstate__(self, changes: Changes) -> None:
        put_on(self, changes)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.fork()

    def diff(self, later: World) -> list[Change]:
        """What changed from this state to `later`: tables in order, keys sorted; cells under `_cells`."""
        changes: list[Change] = []
        for mine, theirs in zip(self._tables(), later._tables(), strict=True):
            if not mine.untouched(theirs):
                changes.extend(mine.changes(theirs))
        fresh = later._fresh
        return [c._replace(minted=True) if c.before is None and c.key in fresh else c for c in changes] if fresh else changes

    def fingerprint(self) -> str:
        """32 hex digits that are equal for equal states in every process, and for no others in practice."""
        body = f"{type(self).__name__}\x1f{self.version}\x1f{self.seed}\x1f{self.size}{f'~{self.swell}' if self.swell else ''}"
        totals = "\x1f".join([f"{table.spec.name}={table.total():x}" for table in self._tables()])
        return blake2b(f"{body}\x1f{totals}".encode(), digest_size=16).hexdigest()


def unknown_tool(name: str, known: Iterable[str]) -> ToolResult:
    """The result for a call of a tool that is not there; offers the nearest names."""
    said = str(name)
    return ToolResult.failure(shorten(said), "unknown_tool", f"there is no tool {shorten(said)!r}{nearest(said[:80], known)}")


@lru_cache(maxsize=256)
def _pristine(cls: type[World], seed: int, size: Size, swell: int) -> World:
    return cls(seed, size, swell) if swell else cls(seed, size)


@lru_cache(maxsize=256)
def _added(cls: type[World], seed: int, size: Size, swell: int) -> dict[str, frozenset[Any]]:
    plain, swelled = [_pristine(cls, seed, size, n)._tables() for n in (0, swell)]  # type: ignore[arg-type]
    return {b.spec.name: frozenset(b.keys()).difference(a.keys()) for a, b in zip(plain[1:], swelled[1:], strict=True)}


@lru_cache(maxsize=64)
def _episode_ids(cls: type[World], seed: int, name: str, pattern: str) -> frozenset[str]:
    """The first ids that an episode will mint for a table: swelling leaves them free, so that it changes none of them."""
    world = _new(cls)
    world.__dict__["seed"] = seed
    return frozenset([fill(pattern, world.draw("id", name, count, below=1 << 62)) for count in range(PROMISED)])


@lru_cache(maxsize=64)
def _moment(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
