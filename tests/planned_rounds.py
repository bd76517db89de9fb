"""Rounds by hand and by the sampler, for tests of what comes after sampling."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library

from turngym.envs.binding import Bound, Pool
from turngym.envs.graph import graph_of
from turngym.envs.world import World
from turngym.envs.worldset import WorldSet, WorldSpec
from turngym.synthesis.navigator import Rejected, SamplerOptions, holding
from turngym.synthesis.phrasing import Style
from turngym.synthesis.plan import PlannedCall, Reference, Round, order_by_execution
from turngym.synthesis.query import PERSONAS
from turngym.synthesis.roles import Scene
from turngym.synthesis.sampler import Sampler
from turngym.synthesis.walk import Errand


class From(NamedTuple):
    """An argument out of a result: which call, where in it, and the user's words for it."""

    call: str
    path: str
    reference: Reference = Reference()


def fresh(cls: type[World], seed: int = 0) -> WorldSet:
    return WorldSet.create([WorldSpec(cls, seed)])


def by_hand(worlds: WorldSet, *steps: tuple[str, dict[str, Any]], turn: int = 0, earlier: tuple[Round, ...] = ()) -> Round:
    """Execute `(tool, {argument: value or From})` one by one; plain values are the user's."""
    live, pool = worlds.fork(), Pool(worlds.known())
    seen = {}
    for round_ in earlier:
        for call in round_.calls:
            seen.update({(call.id, o.path): o for o in pool.add(call.tool, call.value, turn=round_.turn, call=call.id)})
    round_ = Round(turn, steps[-1][0], live.fork(), live, pool.copy(), 0)
    for number, (name, arguments) in enumerate(steps):
        bound, refs = {}, {}
        for key, value in arguments.items():
            if isinstance(value, From):
                item = seen[value.call, value.path]
                bound[key] = Bound(item.value, "output" if item.turn == turn else "earlier_turn", item)
                refs[key] = value.reference
            else:
                bound[key] = Bound(value, "user")
        before, identity = holding(live), f"t{turn}c{number}"
        result = live.call(name, {key: item.value for key, item in bound.items()})
        assert result.error is None, result.text
        found = tuple(pool.add(live.tools[name], result.value, turn=turn, call=identity))
        seen.update({(identity, o.path): o for o in found})
        round_.calls.append(PlannedCall(identity, live.tools[name], bound, refs, result, result.value, holding(live) - before, found))
    order_by_execution(round_)
    return round_


def borrowing(seed: int = 0) -> Round:
    """Find a book, show the card, borrow what was found."""
    worlds = fresh(Library, seed)
    library: Any = worlds.worlds[0]
    book = next(book for book in library.books if book.copies)
    return by_hand(
        worlds,
        ("find_book", {"title": book.title}),
        ("identify", {"card": library.card}),
        ("borrow", {"book": From("t0c0", "[0].id"), "days": 7}),
    )


def drawn(cls: type[World], target: str, rng: Random, seed: int = 0, **options: Any) -> Round:
    """A round to `target` by the sampler; raises `Rejected`."""
    worlds = fresh(cls, seed)
    sampler = Sampler(graph_of([cls]), SamplerOptions(**options))
    return sampler.round(worlds, Pool(worlds.known()), rng, Errand(0, target))


def drawn_until(cls: type[World], target: str, seed: int = 0, **options: Any) -> Round:
    """The first round to `target` that is not rejected."""
    for number in range(50):
        try:
            return drawn(cls, target, Random(f"{seed}:{number}"), seed, **options)
        except Rejected:
            continue
    raise AssertionError(f"no round to {target}")


def scene(*rounds: Round, said: str = "", strength: int = 0) -> Scene:
    return Scene(PERSONAS[0], Style(), strength, list(rounds), said)
