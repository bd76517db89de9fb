"""The watched walk: thousands of random calls, legal and hostile, each held against the laws of a single call.

Law: the first breach of each law is kept with the call that made it; watching changes no outcome (reads are
repeated, ids are minted ahead, both of which leave a lawful world as it was).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random
from typing import Any

from pydantic import TypeAdapter

from ..binding import occurrences
from ..bridges.foreign import ForeignTool
from ..errors import ToolError, shorten
from ..explore import ADVANCE, Explorer, Move, Place
from ..state import _MASK, _digest
from ..tool import Tool, ToolResult
from ..types import Semantic
from ..world import World
from ..worldset import WorldSet
from .hostile import hostile_arguments, hostile_sweep

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}|\b0x[0-9a-f]{9,16}\b")
_TRACE = re.compile(r"Traceback|File \"|, line \d+|\w+Error\(")
_SPANS = (60, 3600, 86_400, 7 * 86_400, 40 * 86_400)
_WALK = 120


class Evidence:
    """What a walk showed.

    Attributes:
        broken: law -> the first breach, in words. trails: (seed, moves from the start), two for each seed.
        written: tables and cells each tool was seen to write. tried, succeeded: calls per tool.
        refusals: tool -> the last error's message. calls: how many were made in all.
    """

    def __init__(self) -> None:
        self.broken: dict[str, str] = {}
        self.trails: list[tuple[int, list[Move]]] = []
        self.written: dict[str, set[str]] = {}
        self.tried: Counter[str] = Counter()
        self.succeeded: Counter[str] = Counter()
        self.refusals: dict[str, str] = {}
        self.calls = 0

    def breach(self, law: str, detail: str) -> None:
        """Keep the first breach of a law."""
        self.broken.setdefault(law, shorten(" ".join(detail.split()), 400))


def watched_walk(cls: type[World], seeds: tuple[int, ...], calls: int) -> Evidence:
    """Walk worlds of the seeds for about `calls` calls and report what broke."""
    evidence = Evidence()
    watcher = _Watcher(cls, evidence)
    explorer = Explorer((cls,), seeds, "small", "turngym.check", watcher.call)
    rng = Random("turngym.check.hostile")
    rounds = max(2, -(-calls // (_WALK * len(seeds))))
    for count in range(rounds):
        for seed in explorer.seeds:
            place = _one_walk(explorer, watcher, rng, seed)
            watcher.recount(place)
            if count >= rounds - 2:
                evidence.trails.append((place.seed, place.trail))
    _sweep(explorer, watcher, rng)
    watcher.judge_ids()
    evidence.tried, evidence.succeeded = explorer.tried, explorer.succeeded
    evidence.trails.sort(key=lambda item: item[0])
    return evidence


def _one_walk(explorer: Explorer, watcher: _Watcher, rng: Random, seed: int) -> Place:
    place = explorer.starts[seed]
    for step in explorer.walk(seed, _WALK):
        place = step.place
        if step.arguments is not None and step.result is not None and step.result.error is None:
            watcher.good[step.name] = step.arguments, place
        chance = rng.random()
        if chance < 0.15:
            name = rng.choice(list(explorer.tools))
            arguments = hostile_arguments(explorer.tools[name], rng, dict(watcher.good[name][0]) if name in watcher.good else None)
            watcher.call(place.worlds, name, arguments)
            place.trail.append(Move(name, arguments))
        elif chance < 0.18:
            seconds = rng.choice(_SPANS)
            watcher.advance(place.worlds, seconds)
            place.trail.append(Move(ADVANCE, seconds))
    return place


def _sweep(explorer: Explorer, watcher: _Watcher, rng: Random) -> None:
    """Every hostile argument for every tool, where the tool last succeeded, on forks."""
    for name, tool in explorer.tools.items():
        known, place = watcher.good.get(name, (None, explorer.starts[explorer.seeds[0]]))
        worlds = place.worlds.fork()
        for arguments in hostile_sweep(tool, rng, known):
            watcher.call(worlds, name, arguments)


class _Watcher:
    def __init__(self, cls: type[World], evidence: Evidence) -> None:
        self.cls, self.evidence = cls, evidence
        self.adapters = {n: TypeAdapter(tool.returns) for n, tool in cls.tools.items() if not isinstance(tool, ForeignTool)}
        self.families: dict[str, list[str]] = {}
        for table, spec in cls.table_specs.items():
            if spec.semantic is not None and not spec.semantic.known:
                self.families.setdefault(spec.semantic.name, []).append(table)
        self.virtual: set[str] = set()
        self.unminted: dict[str, str] = {}
        self.good: dict[str, tuple[dict[str, Any], Place]] = {}

    def call(self, worlds: WorldSet, name: str, arguments: Any) -> ToolResult:
        """Call a tool and hold the call against the laws."""
        world, tool, seen = worlds.worlds[0], self.cls.tools[name], self.evidence
        words = f"{name}({shorten(repr(arguments), 120)})"
        seen.calls += 1
        before, earlier = world.fingerprint(), world.fork()
        try:
            result = worlds.call(name, arguments)
        except Exception as error:
            seen.breach("no-internal-errors", f"{words} raised {type(error).__name__}: {error}; a call must be answered by a result")
            world.restore(earlier)
            return ToolResult.failure(name, "internal_error", "raised through the door")
        changed = world.fingerprint() != before
        if result.error is not None:
            self._error(words, tool, result, changed)
        else:
            self._success(words, tool, result)
            if tool.is_read:
                self._note_virtual(world, tool, result)
                self._read(words, worlds, name, arguments, result, changed)
            else:
                self._write(words, earlier, world, tool, result)
        if changed:
            self._invariants("invariants-hold", f"after {words}", world)
        return result

    def _error(self, words: str, tool: Tool, result: ToolResult, changed: bool) -> None:
        seen, message = self.evidence, result.message
        if changed:
            seen.breach("atomic", f"{words} gave {result.error} and yet changed the state; change tables only through put and remove")
        if result.error == "internal_error":
            undeclared = result.detail.startswith("_UndeclaredWrite")
            law, remedy = ("writes-declared", "name it in writes=") if undeclared else ("no-internal-errors", "raise ToolError instead")
            seen.breach(law, f"{words}: {shorten(result.detail, 160)}; {remedy}")
        elif len(message.split()) < 2 or "\n" in message or _TRACE.search(message) or _ADDRESS.search(message):
            seen.breach("errors-helpful", f"{words} says {message!r}; say in one line what was wrong and what would work")
        if result.error != "invalid_arguments" or tool.name not in seen.refusals:
            seen.refusals[tool.name] = message

    def _success(self, words: str, tool: Tool, result: ToolResult) -> None:
        seen = self.evidence
        if _ADDRESS.search(result.text):
            seen.breach("results-typed", f"{words} shows a memory address: {shorten(result.text, 80)}; give the value's fields")
        try:
            json.loads(result.text, parse_constant=_no_constant)
            if tool.name not in self.adapters:  # a foreign result: nobody says how it is read back
                return
            back = self.adapters[tool.name].dump_json(self.adapters[tool.name].validate_json(result.text)).decode()
        except ValueError as error:
            reason = str(error).replace("\n", " ")
            seen.breach("results-typed", f"{words} gave {shorten(result.text, 80)}, which its return type refuses: {shorten(reason, 160)}")
            return
        if back != result.text:
            seen.breach("results-typed", f"{words} gave {shorten(result.text, 80)}, which its type reads back as {shorten(back, 80)}")

    def _read(self, words: str, worlds: WorldSet, name: str, arguments: Any, result: ToolResult, changed: bool) -> None:
        seen = self.evidence
        if changed:
            seen.breach("reads-change-nothing", f"{words} changed the state or the clock; declare writes=, and never advance in a tool")
        elif worlds.call(name, arguments).text != result.text:
            seen.breach("reads-change-nothing", f"{words} answers differently when asked again; draw from self.draw(label, ...)")

    def _write(self, words: str, earlier: World, world: World, tool: Tool, result: ToolResult) -> None:
        happened = self.evidence.written.setdefault(tool.name, set())
        made: dict[str, list[str]] = {}
        for table, key in result.written:
            happened.add(str(key) if table == "_cells" else table)
            spec = world.table_specs.get(table)
            if spec is not None and _is_key(spec.semantic) and key not in earlier.tables()[table] and key in world.tables()[table]:
                made.setdefault(spec.semantic.name, []).append(table)  # type: ignore[union-attr]
                self._look(words, table, spec.semantic, key)
        for kind, names in made.items():
            self._minted(words, kind, names, earlier, world)

    def _look(self, words: str, table: str, semantic: Semantic | None, key: Any) -> None:
        pattern = semantic.pattern if semantic is not None else ""
        if not (isinstance(key, str) and _looks(pattern).fullmatch(key)):
            self.evidence.breach("ids-minted", f"{words} made {table} {key!r}, which is not like {pattern}; use self.mint(self.{table})")

    def _minted(self, words: str, kind: str, names: list[str], earlier: World, world: World) -> None:
        family = [earlier.tables()[name] for name in self.families[kind]]
        first = {made for table in family if (made := _next_id(earlier, table))}
        old = set[Any]().union(*[table.keys() for table in family])
        fresh = set[Any]().union(*[world.tables()[name].keys() for name in names]) - old
        if fresh and first and not fresh & first:
            detail = f"{words} made {names[0]} {min(fresh)!r} where {min(first)!r} was the first free id; use self.mint(self.{names[0]})"
            self.unminted.setdefault(kind, detail)

    def _note_virtual(self, world: World, tool: Tool, result: ToolResult) -> None:
        """A kind whose ids are shown by reads though no table keeps them names computed things; it is not minted."""
        for item in occurrences(tool, result.value):
            family = self.families.get(item.semantic, ()) if item.semantic not in self.virtual else ()
            if family and not any(item.value in world.tables()[name] for name in family):
                self.virtual.add(item.semantic)

    def judge_ids(self) -> None:
        """Breaches of minting, kept back until the walk has shown which kinds are minted at all."""
        for kind, detail in self.unminted.items():
            if kind not in self.virtual:
                self.evidence.breach("ids-minted", detail)

    def advance(self, worlds: WorldSet, seconds: int) -> None:
        """Let time pass and hold the state against the invariants."""
        world = worlds.worlds[0]
        earlier = world.fork()
        try:
            world.advance(seconds)
        except Exception as error:
            self.evidence.breach("advance-holds", f"advance({seconds}) raised {type(error).__name__}: {error}; on_advance must not raise")
            world.restore(earlier)
            return
        self._invariants("advance-holds", f"after advance({seconds})", world)

    def recount(self, place: Place) -> None:
        """Hash all records anew: one that was changed in place no longer gives the hash kept of it."""
        for name, table in place.worlds.worlds[0].tables().items():
            if table.total() != sum(_digest(key, value) for key, value in table._items()) & _MASK:
                detail = (
                    f"a record of {name} was changed in place (seed {place.seed}); put a changed copy: dataclasses.replace(record, ...)"
                )
                self.evidence.breach("records-frozen", detail)

    def _invariants(self, law: str, when: str, world: World) -> None:
        world._journal.clear()  # time that passed stays in it until the next call
        for line in world.invariants():
            self.evidence.breach(law, f"{when}: {line}")
            break
        if world._journal:
            self.evidence.breach(law, f"{when}: invariants() wrote {world._journal[0][0].spec.name}; it must only look")
            world._journal.clear()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _is_key(semantic: Semantic | None) -> bool:
    return semantic is not None and not semantic.known


def _next_id(world: World, table: Any) -> str:
    """What the world would mint next; "" where the pattern is full."""
    try:
        return world.mint(table)
    except ToolError:
        return ""


def _looks(pattern: str) -> re.Pattern[str]:
    signs = {"#": "[0-9]", "@": "[A-Z]", "*": "[0-9A-Z]"}
    return re.compile("".join(signs.get(sign, re.escape(sign)) for sign in pattern))
