"""Semantic types: what a value means, beside what it is made of.

A tool's parameters and the fields of its results carry their meaning in `Annotated`. Equal meanings tie
tools together (the graph's `data` edges) and say who may know a value:

    AccountId = Annotated[str, Key("account", "AC-######")]   # internal: only tools reveal it
    City      = Annotated[str, Known("city")]                 # a user can say it
    Note      = Annotated[str, Sample(draw_note)]             # free: drawn where a literal is wanted

Law: a semantic name means the same thing in every world, so that worlds can be joined; name kinds that must
not mix apart (`bank_card`, `travel_card`). Not here: validation rules, which are pydantic's (`Field`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as _date
from random import Random
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

Draw = Callable[[Any, Random], Any]


@dataclass(frozen=True, slots=True)
class Semantic:
    """The meaning of a value. Build it with `Key` or `Known`.

    Attributes:
        name: the kind, global over all worlds.
        known: True where a user can say such a value, False for internal ids that only tools reveal.
        pattern: for keys, how new ids look: `#` a digit, `@` a capital letter, `*` either.
    """

    name: str
    known: bool
    pattern: str = ""

    @property
    def words(self) -> str:
        """The kind as people write it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Sample:
    """How to draw a literal of this type: `draw(world, rng)` gives a plausible value, or None for none.

    Values are what the tool's caller would write (for `Money` the decimal string, not the integer).
    """

    draw: Draw


@dataclass(frozen=True, slots=True)
class DontCare:
    """Marks a record field that never decides whether two states are equal (free text, a log line)."""


def Key(name: str, pattern: str = "") -> Semantic:
    """An internal id of kind `name`: minted by a world, revealed by tools only."""
    return Semantic(name, False, pattern or f"{name[:3].upper()}-######")


def Known(name: str) -> Semantic:
    """A value of kind `name` that a user can say: a name, a city, a nickname, a path."""
    return Semantic(name, True)


def metadata_of(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split `Annotated[T, a, b]` into `(T, (a, b))`; other annotations give `(annotation, ())`."""
    if get_origin(annotation) is Annotated:
        inner, *rest = get_args(annotation)
        return inner, tuple(rest)
    return annotation, ()


def semantic_of(annotation: Any) -> Semantic | None:
    """The semantic of an annotation, looking through `Optional`, or None. The last marker wins."""
    inner, marks = metadata_of(annotation)
    found = [mark for mark in marks if isinstance(mark, Semantic)]
    if found:
        return found[-1]
    for part in get_args(inner):
        if (meaning := semantic_of(part)) is not None:
            return meaning
    return None


def sample_of(annotation: Any) -> Draw | None:
    """The literal drawer of an annotation, looking through `Optional`, or None."""
    inner, marks = metadata_of(annotation)
    found = [mark.draw for mark in marks if isinstance(mark, Sample)]
    if found:
        return found[-1]
    for part in get_args(inner):
        if (draw := sample_of(part)) is not None:
            return draw
    return None


# -- values that many worlds share ------------------------------------------------------------------------

_MONEY = re.compile(r"-?\d{1,12}(\.\d{1,2})?", re.ASCII)


def parse_money(value: object, least: int | None = None) -> int:
    """Decimal string to minor units: `parse_money("12.50") == 1250`. Raises ValueError on anything else."""
    if not isinstance(value, str) or not _MONEY.fullmatch(value):
        raise ValueError('an amount is a decimal string such as "25.00"')
    whole, _, cents = value.lstrip("-").partition(".")
    minor = int(whole) * 100 + int(cents.ljust(2, "0") or 0)
    minor = -minor if value.startswith("-") else minor
    if least is not None and minor < least:
        raise ValueError(f"the amount must be at least {format_money(least)}")
    return minor


def format_money(minor: int) -> str:
    """Minor units to a decimal string: `format_money(-5) == "-0.05"`."""
    return f"{minor // 100}.{minor % 100:02d}" if minor >= 0 else f"-{-minor // 100}.{-minor % 100:02d}"


def _positive_money(value: object) -> int:
    return parse_money(value, 1)


def draw_amount(world: Any, rng: Random) -> str:
    """A plausible amount of money: mostly round, sometimes to the cent."""
    whole = rng.choice((5, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 75, 80, 90, 100, 120, 150, 180, 200, 250))
    cents = rng.choice(("00", "00", "00", "50", "25", "90", "99", "49"))
    return f"{whole}.{cents}"


def _real_date(value: str) -> str:
    if _date.fromisoformat(value).isoformat() != value:  # Python reads 20260314 and 2026-W11-6 as well
        raise ValueError("a day is written like 2026-03-14")
    return value


def draw_date(world: Any, rng: Random) -> str:
    """A day in the next two months of the world's clock."""
    return _date.fromordinal(_date(1970, 1, 1).toordinal() + world.now // 86400 + rng.randint(1, 60)).isoformat()


Money = Annotated[
    int,
    BeforeValidator(parse_money),
    PlainSerializer(format_money, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,12}(\.\d{1,2})?$", "examples": ["25.00", "149.90"]}),
]
"""Money: integer minor units inside, a decimal string such as "25.00" outside. May be zero or negative."""

Amount = Annotated[
    int,
    BeforeValidator(_positive_money),
    PlainSerializer(format_money, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,12}(\.\d{1,2})?$", "examples": ["25.00", "149.90"]}),
    Known("amount"),
    Sample(draw_amount),
]
"""An amount of money above zero that a user can say. Integer minor units inside, a decimal string outside."""

Date = Annotated[
    str,
    AfterValidator(_real_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-03-14", "2026-04-02"]}),
    Known("date"),
    Sample(draw_date),
]
"""A calendar day, ISO 8601 (`2026-03-14`), that really exists."""

Text = Annotated[str, Known("text")]
"""A block of text that one tool prints and another can keep; what joins worlds of different services."""


def known_name(annotation: Any) -> str | None:
    """The semantic name of a `Known` type whose values nobody makes up (one without a `Sample`); None for all others."""
    meaning = semantic_of(annotation)
    return meaning.name if meaning is not None and meaning.known and sample_of(annotation) is None else None
