"""How a world travels to another process: what is sent of it, and how it is made again over there.

Sent are the place of its class, how it was generated, and what has changed since; the same start is generated over there,
and the changes are put on it. Law: what arrives has the fingerprint of what was sent, or is refused. Not here: envs
(`env.py`), and the state of foreign systems (`bridges/foreign.py`).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple

from .errors import DefinitionError, NotPortableError
from .loading import load_module
from .state import _ABSENT


class Place(NamedTuple):
    """Where another process finds a class: the module, its file ("" for none), and the name in there."""

    module: str
    file: str
    name: str


class Changes(NamedTuple):
    """What became of a generated world: records put and ids removed by table, ids made up since, and the fingerprint of it all."""

    put: dict[str, dict[Any, Any]]
    removed: dict[str, list[Any]]
    fresh: tuple[str, ...]
    fingerprint: str


def place_of(cls: type) -> Place:
    """Where a class is found. Raises `NotPortableError` for one that its module does not hold under its name."""
    module = sys.modules.get(cls.__module__)
    if _inside(module, cls.__qualname__) is not cls:
        lost = f"no other process finds {cls.__module__}.{cls.__qualname__}"
        raise NotPortableError(f"world {cls.__name__} cannot be pickled: {lost}; define it at the top of a module, and name it there")
    return Place(cls.__module__, str(getattr(module, "__file__", None) or ""), cls.__qualname__)


def class_at(place: Place) -> Any:
    """The class at a place; its module is imported, or run from its file. Raises `DefinitionError` where it is not there."""
    try:
        module = importlib.import_module(place.module)
    except ModuleNotFoundError as error:
        if error.name != place.module or not place.file:
            raise
        module = load_module(place.file)  # a file that the user named, which has no name to import
    found = _inside(module, place.name)
    if found is None:
        raise DefinitionError(f"{place.file or place.module} holds no {place.name} here; it was pickled from another version of it")
    return found


def _inside(module: Any, name: str) -> Any:
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def sent(world: Any) -> tuple[Any, ...]:
    """A world as `__reduce__` gives it."""
    put: dict[str, dict[Any, Any]] = {}
    removed: dict[str, list[Any]] = {}
    for table in world._tables():
        over = table._over
        put[table.spec.name] = {key: value for key, value in over.items() if value is not _ABSENT}
        removed[table.spec.name] = [key for key, value in over.items() if value is _ABSENT]
    changes = Changes(put, removed, tuple(sorted(world._fresh)), world.fingerprint())
    return start_again, (place_of(type(world)), world.seed, world.size, world.swell), changes


def start_again(place: Place, seed: int, size: Any, swell: int) -> Any:
    """The world as it was generated; `put_on` follows, once its records can be read."""
    return class_at(place).create(seed, size, swell)


def put_on(world: Any, changes: Changes) -> None:
    """Put on a generated world what became of it. Raises `NotPortableError` where it is not the one that was sent."""
    for name, rows in changes.put.items():
        if rows or changes.removed[name]:
            table = getattr(world, name)
            for key in changes.removed[name]:
                table._set(key, _ABSENT)
            for key, value in rows.items():
                table._set(key, value)
    world._journal.clear()
    world.__dict__["_fresh"] = set(changes.fresh)
    require_same(world, changes.fingerprint)


def require_same(world: Any, fingerprint: str) -> None:
    """Raise `NotPortableError` where a world that was made again is not the one that was sent."""
    if world.fingerprint() != fingerprint:
        raise NotPortableError(
            f"world {type(world).__name__} (seed {world.seed}) cannot be made again here: its generator gives another start than where it"
            " was pickled; `turngym check` says what in it is left to chance, or the file has changed"
        )
