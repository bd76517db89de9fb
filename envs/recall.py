"""Worlds that recall: a call once made from a moment is answered from memory, and so is what came of it.

Whoever proves things about one conversation executes the same calls from the same states again and again: in
another order, with one left out, once more from the start. Worlds are deterministic, so a moment needs to be lived
through only once. Laws: the first time, every call is really executed; arguments are validated every time, as they
were sent; what is told and the state that follows are those of the same calls on plain worlds, byte for byte.

Not here: forgetting. The moments live as long as any set of worlds that was forked from the first one, so this is
for one task or one conversation, not for long episodes or many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from .canonical import Effect
from .state import Change
from .tool import ToolResult
from .world import World, unknown_tool
from .worldset import WorldSet

_new = object.__new__


class _Moment:
    """A state that was reached, never written to again, and what was found out about it.

    Attributes:
        worlds: the state. known: call -> what it told, and the moment after it (None where nothing was written).
        prints: fingerprint per world, "" where not asked for yet. changes, effects: from here to other moments.
    """

    __slots__ = ("changes", "effects", "known", "prints", "worlds")

    def __init__(self, worlds: tuple[World, ...], prints: list[str]) -> None:
        self.worlds = worlds
        self.prints = prints
        self.known: dict[str, tuple[ToolResult | None, _Moment | None]] = {}
        self.changes: dict[_Moment, list[Change]] = {}
        self.effects: dict[tuple[_Moment, frozenset[str], frozenset[str]], Counter[Effect]] = {}

    def with_world(self, index: int, world: World) -> _Moment:
        """The moment in which one world is another."""
        worlds, prints = list(self.worlds), list(self.prints)
        worlds[index], prints[index] = world, ""
        return _Moment(tuple(worlds), prints)


class RecallingWorlds(WorldSet):
    """A set of worlds that recalls; `fork` shares the memory. Made from plain worlds, which stay as they are."""

    __slots__ = ("_moment",)

    def __init__(self, worlds: WorldSet) -> None:
        super().__init__([world.fork() for world in worlds.worlds])
        self._moment = _Moment(self.worlds, [""] * len(self.worlds))

    def call(self, name: str, arguments: str | dict[str, Any] = "{}") -> ToolResult:
        """Call a tool by its public name; never raises for what a model sent."""
        tool, moment = self.tools.get(name), self._moment
        if tool is None:
            return unknown_tool(name, self.tools)
        index = self._owners[name]
        try:
            checked = tool.validate(arguments)
        except Exception:  # refused at the door, where no state is touched: the door says why
            return tool.invoke(moment.worlds[index], arguments)
        mark = f"{name} {checked!r}"  # what the method gets: plain values and records, whose text tells them apart
        found = moment.known.get(mark)
        if found is None:  # a read cannot write, the door sees to that: it needs no copy
            world = moment.worlds[index] if tool.is_read else moment.worlds[index].fork()
            result = tool.perform(world, checked)
            found = moment.known[mark] = result, moment.with_world(index, world) if result.written else None
        if found[1] is not None:
            self._enter(found[1])
        assert found[0] is not None
        return found[0]

    def advance(self, seconds: int) -> None:
        """Let time pass in every world."""
        if seconds == 0:
            return
        moment, mark = self._moment, f"+{seconds}"
        found = moment.known.get(mark)
        if found is None:
            later = WorldSet([world.fork() for world in moment.worlds])
            later.advance(seconds)
            found = moment.known[mark] = None, _Moment(later.worlds, [""] * len(later.worlds))
        assert found[1] is not None
        self._enter(found[1])

    def _enter(self, moment: _Moment) -> None:
        self._moment, self.worlds = moment, moment.worlds

    def fork(self) -> WorldSet:
        """Another set at the same moment."""
        twin: RecallingWorlds = _new(RecallingWorlds)
        twin.worlds, twin._moment = self.worlds, self._moment
        twin.tools, twin._owners = self.tools, self._owners
        return twin

    def diff(self, later: WorldSet) -> list[Change]:
        """What changed from here to `later`; not to be changed by whoever asks."""
        if not isinstance(later, RecallingWorlds):
            return super().diff(later)
        found = self._moment.changes.get(later._moment)
        if found is None:
            found = super().diff(later)
            if later._moment is not self._moment:  # no moment holds itself
                self._moment.changes[later._moment] = found
        return found

    def effects(self, later: WorldSet, skip: Collection[str] | None = None, ignore: Collection[str] = ()) -> Counter[Effect]:
        """The differences from here to `later` that count; not to be changed by whoever asks."""
        if not isinstance(later, RecallingWorlds) or later._moment is self._moment:
            return super().effects(later, skip, ignore)
        skip = self.incidental() if skip is None else frozenset(skip)
        key = later._moment, skip, frozenset(ignore)
        found = self._moment.effects.get(key)
        if found is None:
            found = self._moment.effects[key] = super().effects(later, skip, ignore)
        return found

    def _prints(self) -> list[str]:
        prints = self._moment.prints
        if "" in prints:
            prints[:] = [known or world.fingerprint() for known, world in zip(prints, self.worlds, strict=True)]
        return prints
