"""Laws of swelling: a swelled world holds all that the plain one does, lawfully, and what is done there goes as before."""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from ..errors import shorten
from ..explore import ADVANCE, Move
from ..world import World
from .case import Case
from .generation import lost
from .report import Note

_SOME_MOVES = 120
_SOME_NEW = 40
_CANNOT = Note("passed over: it has no generate_more, so it cannot swell")


def swelling_keeps_plain(case: Case) -> str | None:
    """A swelled world has every record, cell and fact of the plain one, but for the fields in `GROWS`, and more records."""
    if not case.cls.can_swell:
        return _CANNOT
    for plain, swelled in case.swelled:
        where = f"seed {plain.seed}, {plain.size}"
        for name, table in plain.tables().items():
            if why := _changed(case.cls, name, table, swelled.tables()[name]):
                return f"{where}: {why}"
        for name in case.cls.cell_specs:
            if getattr(plain, name) != getattr(swelled, name):
                return f"{where}: generate_more() changed the cell {name}; leave it as generate() set it"
        if gone := set(map(repr, plain.known())) - set(map(repr, swelled.known())):
            return f"{where}: the user no longer knows {shorten(min(gone))}; let known() tell all that it tells of the plain world"
        if not any(swelled.unrelated().values()):
            return f"{where}: generate_more() adds no record; put some into the tables"
    return None


def _changed(cls: type[World], name: str, plain: Any, swelled: Any) -> str:
    for row in plain:
        twin = swelled.get(getattr(row, plain.spec.key))
        if twin is None:
            return f"generate_more() removed {name} {getattr(row, plain.spec.key)!r}; only add"
        for field in dataclasses.fields(row) if twin != row else ():
            if getattr(row, field.name) != getattr(twin, field.name) and f"{name}.{field.name}" not in cls.GROWS:
                return f"generate_more() changed {name}.{field.name} of {getattr(row, plain.spec.key)!r}; leave it, or name it in GROWS"
    return ""


def swelling_holds(case: Case) -> str | None:
    """Swelled worlds keep the invariants, made of legal records with ids of their own, and take no id that an episode would mint."""
    if not case.cls.can_swell:
        return _CANNOT
    for plain, swelled in case.swelled:
        where = f"seed {plain.seed}, {plain.size}, swelled"
        for line in swelled.invariants():
            return f"{where}: {line}; mend generate_more()"
        added = swelled.unrelated()
        for name, table in swelled.tables().items():
            adapter: TypeAdapter[Any] = TypeAdapter(table.spec.record)
            if why := lost(adapter, (table[key] for key in islice(sorted(added[name]), _SOME_NEW))):
                return f"{where}, table {name}: {why}; hold values that the field's type allows"
            if table.spec.semantic is not None and not table.spec.semantic.known:
                one, two = (world.fork().mint(world.tables()[name]) for world in (plain, swelled))
                if one != two:
                    return f"{where}: the next id of {name} is {two!r} instead of {one!r}; use self.mint(self.{name}) for all new ids"
    return None


def swelling_disturbs_nothing(case: Case) -> str | None:
    """What succeeds in the plain world succeeds in the swelled one, until a limit is reached; and the laws hold after it."""
    if not case.cls.can_swell:
        return _CANNOT
    for seed, moves in case.scripts[: 2 * len(case.seeds)]:
        plain, swelled = case.cls.create(seed), case.cls.create(seed, swell=1)
        for count, move in enumerate(moves[:_SOME_MOVES], 1):
            one, two = _done(plain, move), _done(swelled, move)
            if two == "limit_exceeded" != one:
                break  # more was copied than in the plain world, say
            if one == "" != two:
                words = f"{move.name}({shorten(repr(move.arguments), 100)})" if move.name else f"advance({move.arguments})"
                return f"seed {seed}: {words} succeeds in the plain world and in the swelled one gives {two}; keep what is added apart"
            for line in swelled.invariants() if count % 20 == 0 else ():
                return f"seed {seed}, swelled, after {count} moves: {line}; mend generate_more()"
    return None


def _done(world: World, move: Move) -> str:
    """Make a move; the kind of error, if any."""
    if move.name != ADVANCE:
        return world.call(move.name, move.arguments).error or ""
    try:
        world.advance(move.arguments)
    except Exception as error:
        return type(error).__name__
    finally:
        world._journal.clear()
    return ""
