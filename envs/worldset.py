"""Several worlds side by side, with one list of tools: what an env and a task really run on.

A tool keeps its own name unless two worlds share it; then each side is shown as `<world>_<name>`, lower case.
Tables and cells are called `World.table` here. Laws: worlds do not see each other's state; time passes for
all alike; `fork`, `diff` and `fingerprint` are those of the worlds, joined.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from .canonical import Effect, effects
from .errors import TaskError, shorten
from .guard import guarded
from .state import Change, TableSpec
from .tool import Tool, ToolResult
from .world import Fact, Size, World, unknown_tool

_new = object.__new__


class WorldSpec(NamedTuple):
    """Which world to make: a class, a seed, a size, how much it is swelled, and a foreign world's config as JSON text."""

    world: type[World]
    seed: int = 0
    size: Size = "small"
    swell: int = 0
    config: str = ""


class ToolTable(NamedTuple):
    """The tools of a set of world classes: public name -> tool, and -> index of its world."""

    tools: dict[str, Tool]
    owners: dict[str, int]


@lru_cache(maxsize=64)
def tool_table(classes: tuple[type[World], ...]) -> ToolTable:
    """The joined tools of several world classes, names kept clear on collision."""
    names = [cls.__name__ for cls in classes]
    if len(set(names)) != len(names):
        raise TaskError(f"two worlds are called alike: {', '.join(names)}")
    counts = Counter(name for cls in classes for name in cls.tools)
    tools: dict[str, Tool] = {}
    owners: dict[str, int] = {}
    for index, cls in enumerate(classes):
        for name, tool in cls.tools.items():
            public = name if counts[name] == 1 else f"{cls.__name__.lower()}_{name}"
            tools[public] = tool if public == name else _renamed(tool, public)
            owners[public] = index
    return ToolTable(tools, owners)


def _renamed(tool: Tool, name: str) -> Tool:
    twin = copy.copy(tool)
    twin.__dict__.pop("schema", None)
    twin.name = name
    return twin


class WorldSet:
    """The worlds of one episode. Make it with `WorldSet.create(specs)`; it is cheap to fork.

    Attributes:
        worlds: in order. tools: public name -> `Tool`, of all worlds.
    """

    __slots__ = ("_owners", "tools", "worlds")

    def __init__(self, worlds: Sequence[World]) -> None:
        self.worlds = tuple(worlds)
        table = tool_table(tuple(type(world) for world in worlds))
        self.tools, self._owners = table

    @classmethod
    def create(cls, specs: Iterable[WorldSpec]) -> WorldSet:
        """Fresh worlds as specified; generated states are shared between calls."""
        return cls([spec.world.create(spec.seed, spec.size, spec.swell, spec.config) for spec in specs])

    def call(self, name: str, arguments: str | dict[str, Any] = "{}") -> ToolResult:
        """Call a tool by its public name; never raises for what a model sent."""
        tool = self.tools.get(name)
        if tool is None:
            return unknown_tool(name, self.tools)
        return tool.invoke(self.worlds[self._owners[name]], arguments)

    def world_of(self, name: str) -> World:
        """The world that a tool acts on."""
        return self.worlds[self._owners[name]]

    def advance(self, seconds: int) -> None:
        """Let time pass in every world."""
        for world in self.worlds:
            world.advance(seconds)

    def known(self) -> Iterator[Fact]:
        """What the user knows, over all worlds."""
        for world in self.worlds:
            with guarded(f"world {type(world).__name__}: known()"):
                facts = list(world.known())
            yield from facts

    def invariants(self) -> Iterator[str]:
        """Broken laws of all worlds."""
        for world in self.worlds:
            for line in world.invariants():
                yield f"{type(world).__name__}: {line}"

    def fork(self) -> WorldSet:
        """An independent copy."""
        twin: WorldSet = _new(WorldSet)
        twin.worlds = tuple([world.fork() for world in self.worlds])
        twin.tools, twin._owners = self.tools, self._owners
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        return WorldSet, (self.worlds,)

    def __deepcopy__(self, memo: dict[int, Any]) -> WorldSet:
        return self.fork()

    def diff(self, later: WorldSet) -> list[Change]:
        """What changed from here to `later`, as `World.table` (cells: `World.cell`, key "")."""
        changes = []
        for mine, theirs in zip(self.worlds, later.worlds, strict=True):
            if mine is theirs:
                continue
            name = type(mine).__name__
            for table, key, before, after, minted in mine.diff(theirs):
                if table == "_cells":
                    changes.append(Change(f"{name}.{key}", "", before, after))
                else:
                    changes.append(Change(f"{name}.{table}", key, before, after, minted))
        return changes

    def effects(self, later: WorldSet, skip: Collection[str] | None = None, ignore: Collection[str] = ()) -> Counter[Effect]:
        """The differences from here to `later` that count (`canonical.py`); skip: what does not, default `incidental()`."""
        return effects(self.diff(later), self.table_specs(), self.incidental() if skip is None else skip, ignore)

    def table_specs(self) -> dict[str, TableSpec]:
        """`World.table` -> its spec; not to be changed by whoever asks."""
        return _declared(tuple([type(world) for world in self.worlds]))[0]

    def incidental(self) -> frozenset[str]:
        """The tables and cells (`World.name`) whose changes never decide a task by themselves."""
        return _declared(tuple([type(world) for world in self.worlds]))[1]

    def fingerprint(self) -> str:
        """32 hex digits over all worlds; for one world, its own."""
        prints = self._prints()
        return prints[0] if len(prints) == 1 else blake2b("".join(prints).encode(), digest_size=16).hexdigest()

    def _prints(self) -> list[str]:
        return [world.fingerprint() for world in self.worlds]

    def __repr__(self) -> str:
        return f"WorldSet({shorten(', '.join(f'{type(w).__name__}(seed={w.seed})' for w in self.worlds))})"


@lru_cache(maxsize=64)
def _declared(classes: tuple[type[World], ...]) -> tuple[dict[str, TableSpec], frozenset[str]]:
    """The tables of several world classes, and the names of what is incidental in them."""
    tables = {f"{cls.__name__}.{name}": spec for cls in classes for name, spec in cls.table_specs.items()}
    names = {name for name, spec in tables.items() if spec.incidental}
    names.update(f"{cls.__name__}.{name}" for cls in classes for name, cell in cls.cell_specs.items() if cell.incidental)
    return tables, frozenset(names)
