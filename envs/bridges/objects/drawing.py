"""Drawing: values for parameters that nothing feeds, as a user would make them up.

Laws: a draw is a function of its `rng` alone; what is drawn fits the schema; where calls were seen to succeed with values
of their own, such values are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from ...literals import draw_value
from .naming import parts_of_name

_FIRST = ("Ada", "Bruno", "Carla", "Dmitri", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lena")
_LAST = ("Brandt", "Castell", "Demir", "Engel", "Fischer", "Lind", "Moreau", "Novak", "Okoro", "Weir")
_THINGS = ("Amber", "Cedar", "Harbour", "Lantern", "Meadow", "North", "Orchard", "River", "Silver", "Winter")
_KINDS = ("Bridge", "Garden", "House", "Journal", "Path", "Song", "Tower", "Valley", "Walk", "Window")
_REMARKS = (
    "please be careful", "as agreed on the phone", "second attempt", "for the spring meeting", "no hurry", "handle with care", "a gift",
    "the usual one", "call before you come", "from last week",
)  # fmt: skip
_COUNTS = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12, 15, 20)
_PEOPLE = frozenset(
    (
        "author",
        "owner",
        "customer",
        "member",
        "patient",
        "guest",
        "person",
        "user",
        "borrower",
        "recipient",
        "sender",
        "contact",
        "employee",
        "host",
    )
)
_TEXTS = frozenset(
    (
        "text",
        "note",
        "notes",
        "reason",
        "comment",
        "message",
        "description",
        "memo",
        "remark",
        "body",
        "content",
        "feedback",
        "summary",
        "details",
    )
)
_DAY = date(2026, 3, 2)
Drawer = Callable[[Random], Any]


def drawer(name: str, about: Sequence[str], schema: dict[str, Any], root: dict[str, Any], seen: Sequence[Any]) -> Drawer | None:
    """How a parameter's values are drawn; None where its schema alone says it (a choice, yes or no, a structure).

    Args:
        name, about: the parameter, and what its method is about. schema, root: its JSON schema and the `$defs`.
        seen: values with which calls succeeded, or that stand under its name in the state.
    """
    plain = _plain(schema, root)
    if "enum" in plain or "const" in plain or plain.get("type") in ("boolean", "array", "object", None):
        return None
    made = _maker(parts_of_name(name), about, plain)
    if made is None:
        return None
    kept = list(seen)

    def draw(rng: Random) -> Any:
        return rng.choice(kept) if kept and rng.random() < 0.6 else made(rng)

    return draw


def _plain(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _plain(root.get(schema["$ref"].rsplit("/", 1)[-1], {}), root)
    options = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    numbers = [part for part in options if part.get("type") in ("integer", "number")]
    return _plain((numbers or options)[0], root) if options else schema


def _maker(parts: tuple[str, ...], about: Sequence[str], schema: dict[str, Any]) -> Drawer | None:
    kind, form = schema.get("type"), schema.get("format", "")
    bounded = any(key in schema for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "examples"))
    if form in _FORMS:
        return _FORMS[form]
    if bounded or schema.get("pattern") or "maxLength" in schema or "minLength" in schema or form:
        return lambda rng: draw_value(schema, rng)
    if kind == "integer":
        return lambda rng: rng.choice(_COUNTS)
    if kind == "number":
        return lambda rng: float(rng.choice(_COUNTS)) * rng.choice((1, 1, 2.5, 10))
    return _text(parts, about) if kind == "string" else None


def _text(parts: tuple[str, ...], about: Sequence[str]) -> Drawer:
    words = set(parts)
    if words & {"date", "day", "due", "until", "since"}:
        return _FORMS["date"]
    if words & {"time", "hour", "slot"}:
        return _FORMS["clock"]
    if words & {"email", "mail"}:
        return lambda rng: f"{rng.choice(_FIRST).lower()}.{rng.choice(_LAST).lower()}@example.org"
    if words & {"phone", "mobile", "tel"}:
        return lambda rng: f"+49 151 {rng.randrange(10**6, 10**7)}"
    if words & _TEXTS:
        return lambda rng: rng.choice(_REMARKS)
    if words & _PEOPLE or ("name" in words and set(about) & _PEOPLE):
        return lambda rng: f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    return lambda rng: f"{rng.choice(_THINGS)} {rng.choice(_KINDS)}"


def _a_day(rng: Random) -> str:
    return (_DAY + timedelta(days=rng.randint(0, 60))).isoformat()


def _clock(rng: Random) -> str:
    return f"{rng.randint(8, 18):02d}:{rng.choice((0, 15, 30, 45)):02d}"


_FORMS: dict[str, Drawer] = {
    "date": _a_day,
    "clock": _clock,
    "time": lambda rng: f"{_clock(rng)}:00",
    "date-time": lambda rng: f"{_a_day(rng)}T{_clock(rng)}:00",
    "duration": lambda rng: f"PT{rng.choice((15, 30, 45, 60, 90))}M",
    "uuid": lambda rng: "-".join(f"{rng.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12)),
    "uri": lambda rng: f"https://example.org/{rng.choice(_THINGS).lower()}",
    "email": lambda rng: f"{rng.choice(_FIRST).lower()}@example.org",
}
