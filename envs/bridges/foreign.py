"""Foreign worlds: state and tools that were not written for this library, behind the same door as our own.

What is foreign stands behind a `System`: it is called, its state is read, and it is frozen into an `Image` from which
equal systems are thawed. A `ForeignWorld` keeps what was read of the state in one table of frozen parts, so that diffs,
effects, fingerprints and checks are those of every world. Laws:

- a call is atomic (`atomic`): what raises leaves nothing behind, for the system is thawed again from before it;
- `fork` shares nothing that can change: the image is shared, each side thaws a system of its own at its next call;
- what the state shows is read after each call (`watched`), or when somebody asks (not `watched`: cheaper, and then
  `ToolResult.written` stays empty);
- nothing is evaluated: names are looked up, arguments are passed as data.

Not here: where tools and their schemas come from (`objects/`, `mcp/`, `bfcl/`). A method may change what it does not
show; that is forked and restored with the image, but no check sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, ClassVar, Protocol, Self

from ..errors import DefinitionError, ErrorKind, NotPortableError, ToolError, describe, shorten
from ..records import record
from ..registry import user_world
from ..signature import OutputField, Parameter
from ..state import Table, rollback
from ..tool import Predicate, Tool, ToolResult
from ..travelling import Place, class_at, place_of, require_same
from ..world import SIZES, Size, World
from .canon import parts_of, result_text


class Image(Protocol):
    """A system as it was at one moment; it never changes."""

    def thaw(self) -> System:
        """A new system, equal to the one that was frozen and sharing nothing with it that can change."""
        ...


class System(Protocol):
    """Something foreign that is alive: one for each world that has been touched."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Make a call; whatever it raises is mapped by the tool (`ForeignTool.explain`)."""
        ...

    def state(self) -> Mapping[str, Any]:
        """What checks compare: named parts, of whatever values (`canon.py` writes them down)."""
        ...

    def freeze(self) -> Image:
        """This moment. May be the costly part of a fork."""
        ...


@record
class Part:
    """One named part of a foreign state, as canonical JSON text."""

    path: str
    value: str


class ForeignTool(Tool):
    """A tool made from data and not from a method of a `World`.

    Args:
        owner: the world's name. name, description: as the model reads them (the first line is the summary).
        schema: JSON schema of the arguments, an object. parameters: the same, with meanings where they are known.
        writes: whether it may change state. outputs: the leaves of its results, where they are known. many: whether it gives a list.
        gaps: what its definition leaves open, a line each.
        validate: from JSON text or decoded data to what `System.call` takes; raises `ToolError("invalid_arguments")`.
        text: from what a call gave to the text that the model reads; default canonical JSON.
        explain: from an exception to the kind and message of a `ToolError`; default `unavailable`.
    """

    def __init__(
        self,
        owner: str,
        name: str,
        description: str,
        schema: dict[str, Any],
        parameters: Iterable[Parameter],
        validate: Callable[[str | dict[str, Any]], dict[str, Any]],
        *,
        writes: bool = True,
        outputs: Iterable[OutputField] = (),
        many: bool = False,
        returns: Any = Any,
        gaps: Iterable[str] = (),
        text: Callable[[Any], str] = result_text,
        explain: Callable[[Exception], tuple[ErrorKind, str]] | None = None,
    ) -> None:
        self.owner, self.name = owner, name
        self.method = _unbound
        self.requires: tuple[Predicate, ...] = ()
        self.writes = frozenset(("state",)) if writes else frozenset()
        self.phrases, self.after, self.raises = (), (), ()
        self.description = description.strip()
        self.summary = self.description.splitlines()[0].strip() if self.description else ""
        self.parameters = {parameter.name: parameter for parameter in parameters}
        self.returns, self.many, self.item_type = returns, many, Part
        self.gaps = tuple(gaps)
        self.learn(outputs)
        self.__dict__["parameter_schema"] = schema
        self._validate, self._text, self._explain_error = validate, text, explain or _unavailable

    def learn(self, outputs: Iterable[OutputField]) -> None:
        """Take over what is known of its results."""
        self.outputs = tuple(outputs)
        self.internal_kinds = frozenset(o.semantic.name for o in self.outputs if o.semantic is not None and not o.semantic.known)

    def validate(self, arguments: str | dict[str, Any]) -> dict[str, Any]:
        """The arguments as the system takes them; raises `ToolError("invalid_arguments")`."""
        try:
            return self._validate(arguments)
        except (RecursionError, UnicodeError, OverflowError) as error:
            raise ToolError("invalid_arguments", f"{self.name}: the arguments cannot be read ({type(error).__name__})") from None

    def perform(self, world: Any, checked: dict[str, Any]) -> ToolResult:
        """Call the system of `world`; the state is untouched on any error where the world is `atomic`."""
        journal = world._journal
        journal.clear()
        try:
            world.before_call()
            text = self._text(world.system.call(self.name, checked))
            world.after_call()
            written = tuple([(table.spec.name, key) for table, key, _ in journal])
            journal.clear()
            return ToolResult(self.name, text, None, written)
        except BaseException as error:
            rollback(journal)
            world.undo_call()
            if isinstance(error, ToolError):
                return ToolResult.failure(self.name, error.kind, error.message, sent=checked)
            if not isinstance(error, Exception):
                return self._broken(error)
            kind, message = self._explain_error(error)
            return ToolResult.failure(self.name, kind, message, describe(error, 2_000), sent=checked)


class ForeignWorld(World):
    """A world whose state lives in a foreign system. A bridge subclasses it and sets `foreign_tools`.

    Class attributes: `gaps`, what the foreign definition leaves open, a line each; `made_of`, the classes and functions of
    others whose code it runs, for the checker to look at; `heeds`, which of `seed` and `size` make another start; `place`,
    the name under which the registry finds the class, where its own module does not hold it.
    """

    foreign_tools: ClassVar[Mapping[str, ForeignTool]] = {}
    watched: ClassVar[bool] = True
    atomic: ClassVar[bool] = True
    gaps: ClassVar[Sequence[str]] = ()
    made_of: ClassVar[tuple[Any, ...]] = ()
    heeds: ClassVar[frozenset[str]] = frozenset()
    place: ClassVar[str] = ""

    state: Table[str, Part]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.tools = {**cls.tools, **cls.foreign_tools}

    def __init__(self, seed: int = 0, size: Size = "small", swell: int = 0, config: str = "") -> None:
        self._config = config
        self._system: System | None = None
        self._image: Image | None = None
        self._stale = False
        super().__init__(seed, size, swell)

    # -- what a bridge writes --------------------------------------------------------------------------

    @classmethod
    def open(cls, seed: int, size: Size, config: dict[str, Any]) -> System:
        """A fresh system; equal for equal arguments."""
        raise DefinitionError(f"world {cls.__name__} does not say how its system is opened")

    @classmethod
    def forking(cls) -> str:
        """In words how its systems are copied and how much a moment of one takes; "" where there is nothing to tell."""
        return ""

    # -- what everyone else uses -----------------------------------------------------------------------

    @classmethod
    def create(cls, seed: int = 0, size: Size = "small", swell: int = 0, config: str = "") -> Self:
        """A fresh world; opened once per (class, seed, size, config), and shared by forks."""
        if size not in SIZES:
            raise DefinitionError(f"size {shorten(size)} is none of {', '.join(SIZES)}")
        return _opened(cls, seed, size, swell, config).fork()  # type: ignore[return-value, arg-type]

    def generate(self, rng: Random, size: Size) -> None:
        """Open the system and read its state."""
        self._system = type(self).open(self.seed, size, json.loads(self._config) if self._config else {})
        self._image, self._stale = None, True
        self._read()

    @property
    def system(self) -> System:
        """The live system, thawed at first need after a fork."""
        found = self._system
        if found is None:
            assert self._image is not None
            found = self._system = self._image.thaw()
        return found

    def before_call(self) -> None:
        """Remember this moment, where a failed call is to be undone."""
        if self.atomic and self._image is None:
            self._image = self.system.freeze()

    def after_call(self) -> None:
        """The system may have changed: read it now or later, and forget the image of before."""
        self._image = None
        self._stale = True
        if self.watched:
            self._read()

    def undo_call(self) -> None:
        """Go back to the moment of `before_call`; without `atomic`, what the call did stands."""
        if self.atomic:
            self._system = None
        else:
            self._image, self._stale = None, True

    def settle(self) -> None:
        """Read the state where nobody has since the last call, so that tables tell what is."""
        if self._stale:
            self._read()
            self._journal.clear()

    def _read(self) -> None:
        """Bring the table of parts to what the system shows; writes are journalled as any are."""
        self._stale = False
        self._bring(self.state, parts_of(self.system.state()))

    @staticmethod
    def _bring(table: Table[str, Part], now: Mapping[str, str]) -> None:
        """Make a table of parts hold what is now; what did not change is not written."""
        held = {row.path: row.value for row in table}
        for path in held.keys() - now.keys():
            table.remove(path)
        for path, value in now.items():
            if held.get(path) != value:
                table.put(Part(path, value))

    def fork(self) -> Self:
        """An independent copy: costs a freeze here if anything was called since the last, and a thaw there at its next call."""
        if self._image is None:
            self._image = self.system.freeze()
        twin = super().fork()
        twin.__dict__.update(_config=self._config, _image=self._image, _system=None, _stale=self._stale)
        return twin

    snapshot = fork

    def packed(self) -> Any:
        """This moment as something that pickles, for other processes. Raises `NotPortableError` where there is none."""
        raise NotPortableError(f"world {type(self).__name__} cannot be pickled: its state lives in a foreign system of this process alone")

    def unpack(self, moment: Any) -> None:
        """Go to a moment that `packed` gave."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        place = type(self).place or place_of(type(self))
        return _again, (place, self.seed, self.size, self.swell, self._config), (self.packed(), self.fingerprint())

    def __setstate__(self, moment: tuple[Any, str]) -> None:  # type: ignore[override]
        self.unpack(moment[0])
        require_same(self, moment[1])

    def tables(self) -> dict[str, Table[Any, Any]]:
        """Name -> table: the parts of the state."""
        self.settle()
        return super().tables()

    def _tables(self) -> list[Table[Any, Any]]:
        self.settle()
        return super()._tables()


@lru_cache(maxsize=1024)
def _opened(cls: type[ForeignWorld], seed: int, size: Size, swell: int, config: str) -> ForeignWorld:
    return cls(seed, size, swell, config)


def _again(place: str | Place, seed: int, size: Size, swell: int, config: str) -> ForeignWorld:
    """A world that another process sent, as it starts."""
    cls: type[ForeignWorld] = user_world(place) if isinstance(place, str) else class_at(place)  # type: ignore[assignment]
    return cls.create(seed, size, swell, config)


def _unbound(world: Any, **arguments: Any) -> Any:
    """Stands where a tool of our own has its method."""
    raise DefinitionError("a foreign tool is called through its system")


def _unavailable(error: Exception) -> tuple[ErrorKind, str]:
    return "unavailable", shorten(" ".join(str(error).split()) or type(error).__name__, 500)
