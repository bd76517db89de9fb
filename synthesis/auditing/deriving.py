"""Deriving: where a value can come from that declares no source. The heart of `grounded`.

A value is looked for, in this order, in the schema's defaults and enums, the user's words, the results and arguments of earlier
calls, in every usual spelling; then as a sum, a conversion, a rounding; then by its parts. Laws: finding a derivation needs no
model and never depends on gold's later calls; `none` is graded by how sure a careful reader would be that nobody could know it;
text that is composed is judged by how much of it is known, and never with high confidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from ...envs.errors import display, shorten
from ...envs.told import says
from .arithmetic import made_of
from .finding import Level
from .knowledge import Knowledge
from .moments import Day, fits, reckoned, times_in, whole_date, whole_time
from .numbers import as_number, numbers_in, written_in
from .schema import resolved
from .wording import content, initials, nearest, plain, share, squash, stands, stem, tokens

Grade = Literal["sure", "likely", "weak", "none"]
_ORDER: tuple[Grade, ...] = ("sure", "likely", "weak", "none")
_PLACES = frozenset((".", "..", "/", "~", "*", "-", "./", "../", "\n", "\\n", " "))
_SEPARATORS = re.compile(r"\s*[,;|\n]\s*|\s+(?:and|&)\s+")
_COMPOSED = re.compile(
    r"message|content|description|comment|body|text|title|subject|note|memo|reason|resolution|summary|query|feedback|post|caption|remark",
    re.I,
)
_ALL = re.compile(r"\b(all|every|each|everything|both|remaining|rest|whole|entire|other)\b", re.I)
_LISTED = re.compile(r"enum\W{1,4}\[([^\]]{1,400})\]", re.I)
_SECRET = re.compile(r"password|passcode|token|secret|pin\b|username|user_name|_id\b|^id$|number$", re.I)
_QUOTED = 0.9  # of a text's words that are known
_LONG = 4  # content words from which on a text is a composed one


class Derivation(NamedTuple):
    """Where a value comes from.

    Attributes:
        grade: `sure` and `likely` are fine; `weak` can be guessed; `none`. how: in words.
        confidence: for `weak` and `none`, how sure it is that nobody could know. near: the nearest known values.
    """

    grade: Grade
    how: str
    confidence: Level = "low"
    near: tuple[str, ...] = ()


class Slot(NamedTuple):
    """What a value is for: the tool, the parameter, its schema, the schema's definitions, and the texts that describe both."""

    tool: str
    name: str
    schema: Mapping[str, Any]
    root: Mapping[str, Any]
    described: str

    def inner(self, schema: Any, name: str = "") -> Slot:
        """The slot of a part."""
        part = resolved(schema, self.root) if isinstance(schema, Mapping) else {}
        return Slot(self.tool, name or self.name, part, self.root, f"{self.described} {part.get('description', '')}")


def slot_of(tool: str, name: str, function: Mapping[str, Any]) -> Slot:
    """The slot of a parameter in a function schema."""
    parameters = function.get("parameters") or {}
    root = parameters.get("$defs") or {}
    schema = resolved((parameters.get("properties") or {}).get(name) or {}, root)
    for key in ("anyOf", "oneOf"):
        options = [resolved(part, root) for part in schema.get(key) or () if isinstance(part, Mapping) and part.get("type") != "null"]
        if options:
            schema = {**options[0], **{k: v for k, v in schema.items() if k != key}}
    return Slot(tool, name, schema, root, f"{function.get('description', '')} {schema.get('description', '')}")


def derive(value: Any, slot: Slot, known: Knowledge) -> Derivation:
    """Where a value comes from.

    Args:
        value: plain data. slot: what it is for. known: all that was said and shown before the call.
    """
    if "default" in slot.schema and slot.schema["default"] == value and isinstance(slot.schema["default"], bool) == isinstance(value, bool):
        return Derivation("sure", "the default")
    if value is None or value == "" or value == [] or value == {}:
        return Derivation("likely", "nothing to know")
    if isinstance(value, bool):
        return _truth(value, slot, known)
    if isinstance(value, (int, float)):
        return _number(value, slot, known)
    if isinstance(value, (list, tuple)):
        return _worst([_item(part, slot, known) for part in value])
    if isinstance(value, Mapping):
        properties = slot.schema.get("properties") or {}
        return _worst([derive(part, slot.inner(properties.get(name), str(name)), known) for name, part in value.items()])
    return _text(str(value), slot, known)


def _worst(found: Iterable[Derivation]) -> Derivation:
    return max(found, key=lambda d: (_ORDER.index(d.grade), -("high", "medium", "low").index(d.confidence)))


def _item(part: Any, slot: Slot, known: Knowledge) -> Derivation:
    inner = slot.inner(slot.schema.get("items"))
    found = derive(part, inner, known)
    if found.grade == "weak" and "enum" in inner.schema and _ALL.search(known.now):
        return Derivation("likely", "one of all that there are")
    return found


# -- truth values and enums -------------------------------------------------------------------------------


def _truth(value: bool, slot: Slot, known: Knowledge) -> Derivation:
    about = set(content(f"{slot.name} {slot.tool} {slot.schema.get('description', '')}"))
    if not value or about & known.said_stems:
        return Derivation("likely", "the words about it")
    return Derivation("weak", "yes or no, and the user speaks of neither", "low")


def choices(schema: Mapping[str, Any]) -> list[str]:
    """The choices that a schema gives: its enum, or a list in brackets in its description, as foreign ones have it."""
    if schema.get("enum"):
        return [str(option) for option in schema["enum"]]
    listed = _LISTED.search(str(schema.get("description", "")))
    return [part for part in (piece.strip(" '\"") for piece in listed[1].split(",")) if part] if listed else []


def _enum(value: str, slot: Slot, known: Knowledge) -> Derivation | None:
    options = choices(slot.schema)
    if value not in options:
        return None
    words = content(value)
    if known.says(value) or known.shows(value) or (words and share(words, known.stems) == 1.0):
        return Derivation("sure", "a choice of the schema that is named")
    if len(options) == 1:
        return Derivation("likely", "the schema's only choice")
    if share(words, known.stems) >= 0.5 or set(content(f"{slot.name} {slot.tool}")) & known.said_stems:
        return Derivation("likely", "a choice of the schema that the words point at")
    return Derivation("weak", f"one of the schema's {len(options)} choices, and no word picks it", "low")


# -- numbers ----------------------------------------------------------------------------------------------


def _number(value: float, slot: Slot, known: Knowledge) -> Derivation:
    try:
        wanted = float(value)
    except OverflowError:
        return Derivation("none", "a number that nothing shows", "high")
    for name, pool in (("the user's words", known.said_numbers), ("a result", known.shown_numbers)):
        if any(abs(one - wanted) <= 1e-9 * max(1.0, abs(wanted)) for one in pool):
            return Derivation("sure", name)
    if wanted in known.parts:
        return Derivation("likely", "digits in what was said or shown")
    if any(number.value == wanted for number in numbers_in(slot.described)) and abs(wanted) <= 1000:
        return Derivation("likely", "the tool's description")
    if wanted in known.counts and wanted <= 50:
        return Derivation("likely", "how many there are")
    described = [number.value for number in numbers_in(slot.described) if number.spelt and number.value > 1]
    made = made_of(wanted, known.said_numbers, [*described, *known.operands], f"{known.now} {slot.described}", known.rates)
    if made is not None:
        return Derivation("likely", made.how) if made.called_for else Derivation("weak", f"only by chance, as {made.how}", "low")
    if wanted in (0.0, 1.0, -1.0):
        return Derivation("weak", "the first or only one, perhaps", "low")
    near = sorted({*known.said_numbers, *known.shown_numbers}, key=lambda one: abs(one - wanted))[:3]
    small = abs(wanted) <= 10 and wanted == int(wanted)
    return Derivation("none", "a number that nothing says, shows or gives", "medium" if small else "high", tuple(f"{n:g}" for n in near))


# -- text -------------------------------------------------------------------------------------------------


def _text(value: str, slot: Slot, known: Knowledge) -> Derivation:
    if value.strip() in _PLACES or value in _PLACES:
        return Derivation("sure", "a place that is always there")
    found = _enum(value, slot, known) or _as_it_stands(value, known) or _moment(value, known)
    if found is not None:
        return found
    number = as_number(value)
    if number is not None and not (len(value) > 6 and "." not in value):
        return _number(number, slot, known)
    return _described(value, slot) or _by_parts(value, slot, known) or _unknown(value, slot, known)


def _as_it_stands(value: str, known: Knowledge) -> Derivation | None:
    if known.says(value) or says(known.said, value):
        return Derivation("sure", "the user's words")
    if known.shows(value):
        return Derivation("sure", "a result")
    if (bare := value.strip("#@$'\"!?., ")) and bare != value and (known.says(bare) or known.shows(bare)):
        return Derivation("sure", "what was said, with its sign")
    where = known.spells(value)
    if where and len(squash(value)) >= 4:
        return Derivation("sure" if where == "said" else "likely", f"what was {where}, joined otherwise")
    return None


def _moment(value: str, known: Knowledge) -> Derivation | None:
    day, time = whole_date(value), whole_time(value)
    if day is None and time is None:
        return None
    texts = [known.said, *known.texts]
    timed = time is None or (day is not None and time == (0, 0)) or any(time in times_in(text) for text in texts)
    if day is None or fits(day, known.days):
        return Derivation("sure", "a date or time that was said") if timed else _no_moment(value, "weak", known)
    if day.day and any(fits(day._replace(day=0), [month]) for month in known.days if not month.day) and _day_said(day, known):
        return Derivation("likely", "a day and a month that were said apart")
    when = reckoned(day, known.said, known.context)
    if when:
        return Derivation("sure", "reckoned from the day that the context shows")
    return _no_moment(value, "weak" if when is None else "none", known)


def _day_said(day: Day, known: Knowledge) -> bool:
    last = day.day >= 28 and (date(day.year or 2000, day.month, 1) + timedelta(days=day.day)).day == 1
    return day.day in known.said_numbers or day.day in known.parts or (last and "last day" in known.said.casefold())


def _no_moment(value: str, grade: Grade, known: Knowledge) -> Derivation:
    near = tuple(f"{d.year:04d}-{d.month:02d}-{d.day:02d}" for d in sorted(known.days)[:3])
    how = "a date or time that words may point at" if grade == "weak" else "a date or time that nobody names"
    return Derivation(grade, how, "low" if grade == "weak" else "high", near)


def _described(value: str, slot: Slot) -> Derivation | None:
    texts = [slot.described, *(str(part) for part in slot.schema.get("examples") or ())]
    if any(stands(plain(value), plain(text)) if len(value) > 1 else f"'{value}'" in text or f'"{value}"' in text for text in texts):
        return Derivation("likely", "the tool's description")
    return None


def _by_parts(value: str, slot: Slot, known: Knowledge) -> Derivation | None:
    """Paths, lists in one text, file names and joined words, by what they are made of."""
    if "/" in value.strip("/") and " " not in value:
        parts = [part for part in value.split("/") if part]
        whole = _worst([_text(part, slot, known) for part in parts])
        if whole.grade in ("sure", "likely"):
            return Derivation("likely", "a path of known parts")
    pieces = [piece for piece in _SEPARATORS.split(value) if piece.strip()]
    if len(pieces) > 1 and all(_as_it_stands(piece.strip(), known) is not None for piece in pieces):
        return Derivation("likely", "known values side by side")
    words = content(value)
    if words and share(words, known.stems) == 1.0:
        return Derivation("likely", "known words, joined")
    stem_part, dot, ending = value.rpartition(".")
    if (
        dot
        and 1 <= len(ending) <= 4
        and " " not in value
        and (_as_it_stands(stem_part, known) or share(content(stem_part), known.stems) == 1.0)
    ):
        return Derivation("likely", f"a known name, as a {ending} file")
    return None


def _unknown(value: str, slot: Slot, known: Knowledge) -> Derivation:
    words = content(value)
    partly = share(words, known.stems)
    near = tuple(text for text, _ in nearest(value, [*known.phrases(), *list(known.texts)[-300:]]))
    if " " in value.strip() and (len(words) >= _LONG or (len(words) > 1 and _COMPOSED.search(slot.name))):
        return _composed(value, words, partly, known, near)
    if phrase := initials(value.strip("#@$"), known.phrases()):
        return Derivation("weak", f"perhaps short for {phrase}", "low", near)
    if value.isupper() and value.isalpha() and len(value) <= 5:
        return Derivation("weak", "a code of the world at large, perhaps", "low" if known.phrases() else "medium", near)
    if next((ratio for _, ratio in nearest(value, known.phrases())), 0.0) >= 0.84:
        return Derivation("weak", f"almost what was said: {near[0]}", "low", near)
    if any(len(t) >= 3 and t.isdigit() and float(t) not in known.parts and t not in known.stems for t in tokens(value)):
        return Derivation("none", "made of digits that nothing says or shows", _sureness(value, slot), near)
    if partly >= 0.5 or any(len(t) >= 4 and stem(t) in known.stems for t in tokens(value)):
        return Derivation("none", "known in part only", "low" if _COMPOSED.search(slot.name) else "medium", near)
    if any(len(stem_) >= 4 and stem_ in squash(value) for stem_ in known.said_stems):
        return Derivation("none", "made of a known word and something else", "medium", near)
    return Derivation("none", "text that nothing says or shows", _sureness(value, slot), near)


def _composed(value: str, words: tuple[str, ...], partly: float, known: Knowledge, near: tuple[str, ...]) -> Derivation:
    seen = {*known.parts, *known.said_numbers, *known.shown_numbers}
    loose = [number for number in written_in(value) if number > 12 and number not in seen]
    if loose and made_of(loose[0], known.said_numbers, known.operands, known.now) is None:
        sure: Level = "high" if partly >= _QUOTED else "medium"  # the user's own sentence, with another number in it
        return Derivation("none", f"a text with the number {loose[0]:g}, which nothing says or shows", sure, near)
    if partly >= 0.7:
        return Derivation("likely", f"{partly:.0%} of its words were said or shown")
    return Derivation("weak" if partly >= 0.4 else "none", f"a text of which {partly:.0%} of the words were said or shown", "low", near)


def _sureness(value: str, slot: Slot) -> Level:
    """How sure it is that a text that is nowhere could not be known."""
    if _COMPOSED.search(slot.name):
        return "low"
    telling = any(c.isdigit() for c in value) or "@" in value or any(c.isupper() for c in value) or _SECRET.search(slot.name)
    return "high" if telling else "medium"


def explained(found: Derivation, value: Any) -> str:
    """A derivation that is lacking, for people."""
    near = f"; nearest: {', '.join(shorten(text, 40) for text in found.near)}" if found.near else ""
    return f"{display(value, 60)} is {found.how}{near}"
