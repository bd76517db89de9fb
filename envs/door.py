"""The door between what is read and what runs: which worlds data may name.

    allow("examples/locker.py:Locker")      # the user trusts this world's code; data may name it from now on
    admit("mcp:touch /tmp/x", "t.jsonl, line 3")   # raises: nobody allowed it

Law: data names worlds, it never brings them. A name that stands in a file, in a row, or in what a server sent is good for
choosing among worlds that ship and worlds that the user named, and for nothing else: nothing is imported, started,
contacted or looked up on disk because of it. What a name leads to is always a place of the user's own, in the user's own
spelling. Not here: what makes a class of a place (`registry.py`).
"""

from __future__ import annotations

import ntpath
import os
import shlex
from collections.abc import Iterable
from typing import Any

from .errors import UnknownNameError, WorldRefusedError, shorten

SHIPPED = {
    "FileSystem": "turngym.envs.worlds.filesystem:FileSystem",
    "Travel": "turngym.envs.worlds.travel:Travel",
    "Banking": "turngym.envs.worlds.banking:Banking",
}
CLOSED = ("bfcl",)  # schemes whose names choose from a list that ships: they bring nothing
_SHOWN = 160  # characters of a name in a refusal

_allowed: dict[str, str] = {}  # canonical name -> the place as the user spelt it


def allow(*places: str) -> None:
    """Let data name these worlds, in this process and in the workers that it starts.

    Args:
        places: `file.py:World`, `module:World`, `mcp:server.json` or another declaration of a server; names of worlds that
            ship are allowed already. A world from a file answers to every path that ends in its file and class.

    Raises `UnknownNameError` for a name that is no place.
    """
    for place in places:
        if not isinstance(place, str):
            raise TypeError(f"a world is allowed by its place, a text; got {type(place).__name__}")
        if place in SHIPPED:
            continue
        if ":" not in place:
            raise UnknownNameError("world", place, SHIPPED)
        _allowed.setdefault(_canonical(place), place)


def allowed() -> tuple[str, ...]:
    """The places that were allowed so far, as the user spelt them."""
    return tuple(_allowed.values())


def ships(name: str) -> bool:
    """Whether a name is one of a world that ships, or of a package that an extra brings."""
    return name in SHIPPED or (":" in name and name.partition(":")[0] in CLOSED)


def place_of(name: str) -> str | None:
    """Where a world's name leads: to what ships, or to a place of the user's; None where it leads nowhere."""
    if ships(name):
        return SHIPPED.get(name, name)
    known = _allowed.get(_canonical(name))
    if known is None and (tail := _tail(name)) is not None:
        alike = [place for place in _allowed.values() if _tail(place) == tail]
        known = alike[0] if len(alike) == 1 else None
    return known


def admit(name: str, where: str = "") -> None:
    """Pass a world's name that data holds. Raises `WorldRefusedError` that says how to allow it.

    Args:
        where: what names it, such as `tasks.jsonl, line 3`.
    """
    if ":" in name and place_of(name) is None:  # a name without a place is unknown at worst, and told where it is asked for
        raise refusal(name, where)


def admit_row(row: Any, where: str) -> None:
    """Pass the worlds that a row of data names: those of a task, or of the task of a sample or of a trajectory.

    What is no such row passes: it is told by whoever reads it, and `registry.world_class` asks for every name again.
    """
    if not isinstance(row, dict):
        return
    task = row["task"] if isinstance(row.get("task"), dict) else row
    parts = task.get("worlds")
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and isinstance(name := part.get("world"), str):
            admit(name, where)


def refusal(name: str, where: str = "") -> WorldRefusedError:
    """The error for a world that nobody allowed: what to add, if it is trusted."""
    shown = shorten(name.encode("unicode_escape").decode(), _SHOWN)
    option = shlex.quote(shown) if len(name) <= _SHOWN else "PLACE"
    return WorldRefusedError(
        f"the world {shown!r} does not ship with turngym, and data may not bring one; if you trust what stands there, name it:"
        f" --world {option} (in Python: turngym.allow(...))",
        where,
    )


def allow_given(places: Iterable[str]) -> None:
    """Allow what an argument `allow=` holds; a single text is one place."""
    allow(*((places,) if isinstance(places, str) else places))


def _canonical(name: str) -> str:
    """One spelling for all of a place. By the words alone: a name of a stranger's may not make us look at a disk."""
    scheme, _, rest = name.partition(":")
    if scheme == "mcp":
        return f"mcp:{os.path.abspath(rest)}" if _is_file(rest) else name
    place, _, attribute = name.rpartition(":")
    return f"{os.path.abspath(place)}:{attribute}" if place.endswith(".py") else name


def _tail(name: str) -> tuple[str, str] | None:
    """What a world from a file goes by wherever the file lies: the file's name and the class; None for other worlds."""
    scheme, _, rest = name.partition(":")
    if scheme == "mcp":
        return (_base(rest), "mcp") if _is_file(rest) else None
    place, _, attribute = name.rpartition(":")
    return (_base(place), attribute) if place.endswith(".py") else None


def _is_file(declared: str) -> bool:
    return declared.endswith(".json") and not declared.startswith(("{", "http://", "https://"))


def _base(path: str) -> str:
    return ntpath.basename(path)  # takes both kinds of slashes, wherever the data was made
