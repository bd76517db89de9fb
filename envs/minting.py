"""New ids: how the pattern of a `Key` is filled, and how many ids it has room for.

Law: an id is the first free one of its table's seeded sequence, a pure function of the world's seed and of what is taken.
Where all that a pattern can say is taken, that is an error and no search without end. Not here: which table an id is for
(`World.mint`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import groupby
from typing import Any

from .state import Table

_DIGITS, _LETTERS = "0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ"


PROMISED = 16  # ids of a kind that swelling leaves to the episode: more than any conversation mints


class Exhausted(Exception):
    """A pattern is full: every id that it can say is taken. `room`: how many these are."""

    def __init__(self, pattern: str, room: int) -> None:
        super().__init__(f"all {room} ids like {pattern} are taken")
        self.pattern, self.room = pattern, room


def first_free(
    pattern: str, draw: Callable[[int], int], count: int, taken: Table[Any, Any], barred: Collection[str] = ()
) -> tuple[str, int]:
    """The first id of a sequence that is free, and the place after it.

    Args:
        pattern: as a `Key` has it. draw: place in the sequence -> a number. count: where to begin.
        taken: the table whose ids are in use. barred: others that are to be left free.

    Raises `Exhausted` where there is none.
    """
    tries = 0
    while True:
        candidate = fill(pattern, draw(count))
        count += 1
        if candidate not in taken and candidate not in barred:
            return candidate, count
        tries += 1
        if tries >= 64 and not tries & (tries - 1):  # seldom, for it looks at all ids
            _require_room(pattern, taken, barred)


def _require_room(pattern: str, taken: Table[Any, Any], barred: Collection[str]) -> None:
    room = room_of(pattern)
    if len(taken) + len(barred) >= room and sum(_is_like(_runs(pattern), key) for key in {*taken.keys(), *barred}) >= room:
        raise Exhausted(pattern, room)


def exhaustion(table: Table[Any, Any], error: Exhausted, swelled: bool) -> str:
    """What a generator is told that has used up a pattern: the key, its room, what the table holds, and the remedy."""
    kind = table.spec.semantic.name if table.spec.semantic is not None else table.spec.name
    kept = f", of which swelling leaves {PROMISED} to the episode" if swelled else ""
    return (
        f"Key({kind!r}, {error.pattern!r}) has room for {error.room} ids{kept}, and the table {table.spec.name} holds {len(table)};"
        " give the pattern more signs, or generate fewer records"
    )


@lru_cache(maxsize=1024)
def room_of(pattern: str) -> int:
    """How many different ids a pattern can say."""
    room = 1
    for _, times, letters in _runs(pattern):
        room *= (len(letters) or len(_DIGITS)) ** times
    return room


def fill(pattern: str, number: int) -> str:
    """A pattern with its signs drawn from a number."""
    out = []
    for text, times, letters in _runs(pattern):
        if times and not letters:  # a run of digits at once, lowest first
            number, digits = divmod(number, 10**times)
            text = str(digits).zfill(times)[::-1]
        for _ in range(times if letters else 0):
            number, digit = divmod(number, len(letters))
            text += letters[digit]
        out.append(text)
    return "".join(out)


def _is_like(runs: tuple[tuple[str, int, str], ...], key: object) -> bool:
    """Whether an id is one that the pattern can say."""
    if not isinstance(key, str):
        return False
    at = 0
    for text, times, letters in runs:
        piece = key[at : at + (times or len(text))]
        if len(piece) != (times or len(text)) or not (all(sign in (letters or _DIGITS) for sign in piece) if times else piece == text):
            return False
        at += len(piece)
    return at == len(key)


@lru_cache(maxsize=1024)
def _runs(pattern: str) -> tuple[tuple[str, int, str], ...]:
    """A pattern in runs: text as it stands, or how many digits or letters are to be drawn, and from which letters."""
    drawn = {"#": "", "@": _LETTERS, "*": _LETTERS + _DIGITS[2:]}
    runs = [(sign, "".join(same)) for sign, same in groupby(pattern, lambda sign: sign if sign in drawn else "")]
    return tuple([("", len(text), drawn[sign]) if sign else (text, 0, "") for sign, text in runs])
