"""Laws of generation: pristine worlds are lawful, varied, sized, and made of records that survive JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from itertools import combinations, islice
from typing import Any

from pydantic import TypeAdapter

from ..errors import shorten
from ..world import SIZES, World
from .case import Case, internal_ids
from .report import Note

_SOME_RECORDS = 60


def generation_holds(case: Case) -> str | None:
    """`invariants()` finds nothing in the pristine worlds of many seeds and all sizes."""
    for world in case.generated:
        for line in world.invariants():
            return f"seed {world.seed}, {world.size}: {line}; mend generate()"
    return None


def generator_varied(case: Case) -> str | None:
    """Other seeds give other contents (ids aside) and let the user know other things."""
    if case.foreign and "seed" not in case.foreign.heeds:
        return Note("passed over: it is made without a seed, so that it always starts alike")
    worlds = [world for world in case.generated if world.size == "small"]
    contents = [_content(world) for world in worlds]
    for (one, first), (two, second) in combinations(zip(worlds, contents, strict=True), 2):
        if first == second:
            return f"seeds {one.seed} and {two.seed} differ in nothing but ids; draw from the rng that generate() is given"
    facts = {tuple(sorted((kind, repr(value)) for kind, value in world.known())) for world in worlds}
    if facts == {()} or len(facts) > 1:
        return None
    same = f"known() tells the same {len(next(iter(facts)))} facts for every seed"
    return Note(f"{same}: names that its factory always uses") if case.foreign else f"{same}; vary what the user knows"


def _content(world: World) -> list[Any]:
    """All that a world holds but the ids, whose look depends on the seed whatever the generator does."""
    ids = internal_ids(world)
    cells = [(name, repr(getattr(world, name))) for name in world.cell_specs]
    return [cells, *(sorted(_masked(row, ids) for row in table) for table in world.tables().values())]


def _masked(row: Any, ids: set[Any]) -> str:
    values = [getattr(row, field.name) for field in dataclasses.fields(row)]
    return repr(["<id>" if isinstance(value, str) and value in ids else value for value in values])


def sizes_grow(case: Case) -> str | None:
    """`small` has fewer records than `medium`, and `medium` fewer than `large`."""
    if case.foreign and "size" not in case.foreign.heeds:
        return Note("passed over: it is made without a size")
    counts = [case.sizes[size] for size in SIZES]
    if not case.cls.table_specs or counts == sorted(set(counts)):
        return None
    told = ", ".join(f"{size} {count}" for size, count in zip(SIZES, counts, strict=True))
    return f"records by size: {told}; let generate() make more for a larger size"


def records_round_trip(case: Case) -> str | None:
    """Every record, written as JSON by its own type and read back, is equal: money, dates and bounds are legal inside."""
    for world in case.generated:
        for name, table in world.tables().items():
            adapter: TypeAdapter[Any] = TypeAdapter(table.spec.record)
            if why := lost(adapter, islice(table, _SOME_RECORDS)):
                return f"seed {world.seed}, table {name}: {why}; hold values that the field's type allows"
    return None


def lost(adapter: TypeAdapter[Any], rows: Iterable[Any]) -> str:
    for row in rows:
        try:
            back = adapter.validate_json(adapter.dump_json(row, warnings="error"))
        except ValueError as error:
            return f"{shorten(repr(row), 100)}: {shorten(' '.join(str(error).split()), 160)}"
        if back != row:
            return f"{shorten(repr(row), 100)} comes back as {shorten(repr(back), 100)}"
    return ""


def ids_differ_by_seed(case: Case) -> str | None:
    """Internal ids of two seeds are not the same ones, so that none can be learnt by heart."""
    if case.foreign:
        return Note("passed over: its ids are its own, and are not kept as the keys of a table")
    for one, two in combinations([case.pristine(seed) for seed in case.seeds], 2):
        for name, table in one.tables().items():
            meaning = table.spec.semantic
            if meaning is None or meaning.known or not len(table):
                continue
            shared = set(table.keys()) & set(two.tables()[name].keys())
            if 2 * len(shared) > min(len(table), len(two.tables()[name])):
                return f"seeds {one.seed} and {two.seed} share {len(shared)} ids of {name}, {min(shared)!r} say; use self.mint(self.{name})"
    return None
