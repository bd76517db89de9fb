"""Laws of copies: instances, forks and snapshots do not feel each other, and nothing hides outside the state."""

from __future__ import annotations

from ..explore import Move
from ..state import Cells, Table
from ..world import World
from .case import Case
from .replay import play
from .report import Note

_FOREIGN = {"_config", "_system", "_image", "_stale", "reading"}  # of a `ForeignWorld`, which forks its system with its image
_OWN = {"seed", "size", "swell", "_journal", "_cells", "_minted", "_fresh", "_parts", "_touched"}


def no_hidden_state(case: Case) -> str | None:
    """A world holds tables and cells and nothing else, so that forks and snapshots hold all of it."""
    for seed, moves in case.scripts[:3]:
        world = case.cls(seed)
        play(world, moves)
        for name, value in vars(world).items():
            if name not in _OWN and name not in case.cls.table_specs and not (case.foreign and name in _FOREIGN):
                return f"self.{name} is kept outside the state, where forks lose it; make it a Cell or a Table"
            if name in case.cls.table_specs and not isinstance(value, Table):
                return f"self.{name} was replaced by a {type(value).__name__}; change tables through put and remove"
        if (world.seed, world.size) != (seed, "small") or not isinstance(world._cells, Cells):
            return "a call changed self.seed or self.size, which are fixed for life; keep what changes in a Cell"
    return None


def instances_apart(case: Case) -> str | None:
    """What is done to one world is not felt by another of the same class and seed."""
    for (seed, moves), (_, others) in _pairs(case):
        alone = play(case.cls(seed), moves)
        world, neighbour = case.cls(seed), case.cls(seed)
        for at, move in enumerate(moves):
            play(neighbour, others[at : at + 1])
            if play(world, [move]) != alone[at : at + 1]:
                return f"{_name(move)} answers differently while another world of seed {seed} is used; share nothing between instances"
    return None


def forks_apart(case: Case) -> str | None:
    """A fork starts equal, goes on as its parent would, and neither feels what happens to the other."""
    for (seed, moves), (_, others) in _pairs(case):
        half = len(moves) // 2
        world = case.cls(seed)
        play(world, moves[:half])
        mark = world.fingerprint()
        twin, wild = world.fork(), world.fork()
        if twin.fingerprint() != mark or World.diff(world, twin):
            return f"a fork of seed {seed} differs from its parent after {half} moves; keep all state in tables and cells"
        play(wild, others)
        if world.fingerprint() != mark:
            return f"calls on a fork of seed {seed} changed its parent; share nothing that changes"
        parent = play(world, moves[half:])
        if twin.fingerprint() != mark:
            return f"calls on a world of seed {seed} changed its fork; share nothing that changes"
        if (why := _odd(moves[half:], parent, play(twin, moves[half:]))) is not None:
            return f"{why} on a fork answers differently than on its parent; keep all state in tables and cells"
    words = case.foreign.forking() if case.foreign else ""
    return Note(words) if words else None


def restore_exact(case: Case) -> str | None:
    """`restore` brings back the snapshot, from which everything goes on as before; the snapshot stays usable."""
    for (seed, moves), _ in _pairs(case):
        half = len(moves) // 2
        world = case.cls.create(seed)
        play(world, moves[:half])
        saved = world.snapshot()
        mark = saved.fingerprint()
        first = play(world, moves[half:])
        world.restore(saved)
        if world.fingerprint() != mark:
            return f"restore did not bring back the state of seed {seed} after {half} moves; keep all state in tables and cells"
        if (why := _odd(moves[half:], first, play(world, moves[half:]))) is not None:
            return f"{why} after restore answers differently than before; keep all state in tables and cells"
        if saved.fingerprint() != mark:
            return f"calls after restore changed the snapshot of seed {seed}; share nothing that changes"
    return None


def _pairs(case: Case) -> list[tuple[tuple[int, list[Move]], tuple[int, list[Move]]]]:
    """Each seed's script with another of the same seed, which wanders elsewhere."""
    found: list[tuple[tuple[int, list[Move]], tuple[int, list[Move]]]] = []
    for at, (seed, moves) in enumerate(case.scripts):
        others = [script for n, script in enumerate(case.scripts) if n != at and script[0] == seed]
        if others and seed not in {pair[0][0] for pair in found}:
            found.append(((seed, moves), others[0]))
    return found or [(script, script) for script in case.scripts[:1]]


def _odd(moves: list[Move], one: list[str], two: list[str]) -> str | None:
    return next((_name(move) for move, a, b in zip(moves, one, two, strict=True) if a != b), None)


def _name(move: Move) -> str:
    return move.name or "advance"
