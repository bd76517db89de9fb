"""English for plans: values, noun phrases for things that only results show, and clauses for calls.

Words come from the names and docstrings of tools, parameters and fields, and from the phrases an author put
beside a tool. Law: whatever is said of a thing is true of it alone (`references.py`); internal ids are never
written.
"""

from __future__ import annotations

import re
import string
from datetime import date
from random import Random
from typing import Any, NamedTuple

from ..envs.binding import Bound, Occurrence
from ..envs.tool import Tool
from .plan import PlannedCall, Reference, Round, flowing
from .references import leaf_of

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2})?", re.ASCII)
_PREPOSITIONS = {
    "origin": "from {}", "source": "from {}", "from_city": "from {}", "destination": "to {}", "to_city": "to {}", "target": "to {}",
    "city": "in {}", "date": "on {}", "day": "on {}", "on": "on {}", "check_in": "from {}", "check_out": "until {}", "since": "since {}",
    "until": "until {}", "start": "from {}", "end": "until {}", "first": "from {}", "last": "until {}", "name": "called {}",
    "title": "called {}", "nickname": "called {}", "payee": "to {}", "amount": "for {}", "path": "at {}", "directory": "in {}",
    "folder": "in {}", "file": "in {}", "cabin": "in {}", "pattern": "matching {}", "query": "matching {}", "text": "saying {}",
    "memo": "with the memo {}", "month": "for {}", "due": "due {}",
    "reason": "because of {}", "by": "by {}", "to": "to {}", "priority": "with {} priority",
    "currency": "in {}", "account": "for {}", "card": "for {}", "booking": "for {}",
    "traveller": "for {}", "flight": "for {}", "hotel": "for {}", "goal": "for {}",
}  # fmt: skip
_OWNERS = re.compile(r"\b(the|a|an|one of the)\s+(customer|user|traveller|client|holder|reader|owner)('s)?\b")
MOMENTS = ("at", "time", "date", "when", "created", "placed", "sent", "on", "departs", "departs_at", "starts_at", "modified")
_OWNED = r"([\w -]+?)(?= (?:to|from|in|on|for|with|and|of|by|at|as|into)\b|,|$)"
_VIEWS = re.compile(r" (view|summary|details|entry|line|info|row|hit|result|option|offer|text)$")
_CHEAP = ("price", "fare", "cost", "total", "fee")


class Vague(str):
    """Words that stand where a user does not say a value: `a certain name`. Never quoted, and left out of clauses."""

    __slots__ = ()


class Style(NamedTuple):
    """How a persona writes: long dates or ISO, and how values are quoted."""

    long_dates: bool = False
    quote: str = '"'


def words(name: str) -> str:
    """A field, parameter or kind as people write it."""
    text = name.replace("_", " ").strip()
    for tail in (" id", " path", " at", " minor"):
        text = text.removesuffix(tail) if len(text) > len(tail) else text
    return text


def say(value: Any, style: Style) -> str:
    """A value as a person writes it, without quotes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and style.long_dates:
        if _DATE.fullmatch(value):
            return _long_date(value)
        if match := _STAMP.fullmatch(value):
            return f"{_long_date(match[1])} at {match[2]}"
    if isinstance(value, (list, tuple)):
        return ", ".join(say(item, style) for item in value)
    if value is None:
        return "none"
    return str(value)


def quoted(value: Any, style: Style) -> str:
    """A value as a person writes it, in quotes where it would not stand by itself."""
    text = say(value, style)
    if isinstance(value, Vague):
        return text
    plain = not isinstance(value, str) or bool(_DATE.fullmatch(value) or _STAMP.fullmatch(value) or re.fullmatch(r"[\w.@:+/~-]+", text))
    name = isinstance(value, str) and re.fullmatch(r"[A-Z][a-zà-ÿ]+( [A-Z][a-zà-ÿ]+)?", text) is not None
    if plain or name:
        return text
    mark = "'" if '"' in text else style.quote
    return f"{mark}{text}{mark}"


def _long_date(value: str) -> str:
    day = date.fromisoformat(value)
    return f"{day.day} {day.strftime('%B')} {day.year}"


# -- things ----------------------------------------------------------------------------------------------


class Speaker:
    """Talks about the calls of a conversation. Holds the rounds so far, the one that is asked for last, to find who made a value.

    `spoken` are the things (kind, value) that were put into words.
    """

    def __init__(self, rounds: list[Round], style: Style) -> None:
        self.style = style
        self.calls = {call.id: call for round_ in rounds for call in round_.calls}
        self.spoken: set[tuple[str, str]] = set()
        goals = {call.id for call in rounds[-1].sinks()} if rounds else set()
        self._between = {call.id for call in rounds[-1].calls} - goals if rounds else set()  # calls that nobody asks for by themselves

    def unsaid(self, round_: Round) -> tuple[str, ...]:
        """The arguments (`tool.argument`) that are picked among others by words which were not spoken, where it matters.

        It matters for what flows into a goal; what only opens a door (the latest code) is right or refused.
        """
        return tuple(
            [
                f"{call.name}.{name}"
                for call in flowing(round_)
                for name, reference in call.refs.items()
                if (reference.where or reference.pick.startswith(("min:", "max:"))) and _thing_of(call.bound[name]) not in self.spoken
            ]
        )

    def thing(self, bound: Bound, reference: Reference, depth: int = 0) -> str:
        """A noun phrase for a value that a result shows."""
        seen = bound.seen
        assert seen is not None
        noun, maker = self.noun(seen.semantic), self.calls[seen.call]
        self.spoken.add(_thing_of(bound))
        if reference.pick == "that":
            return f"that {noun}"
        if reference.pick == "new":  # made on the way: of what, only these words can say
            picked = [n for n, b in maker.bound.items() if b.seen is not None and maker.id in self._between]
            return " ".join([f"the new {noun}", *(self.clauses(maker, picked, depth + 1) if depth < 2 else [])])
        field = seen.path.rpartition(".")[2]
        owner = noun if next(iter(seen.holder), field) == field else self._owner(seen, maker.tool)
        how, _, by = reference.pick.partition(":")
        head = self._extreme(owner, how, by, seen.holder.get(by)) if how in ("min", "max") else f"the {owner}"
        if how == "only" and not reference.where and not maker.bound:
            head = self._object(maker.tool, owner)
        parts = [self._trait(name, value, owner) for name, value in reference.where]
        if depth < 2:
            parts += self.clauses(maker, list(maker.bound), depth + 1)
        whole = " ".join([head, *parts])
        return whole if owner == noun else f"the {noun} of {whole}"

    def _owner(self, seen: Occurrence, tool: Tool) -> str:
        """What the object is that holds a value which is not its own id: a standing order holds an account."""
        first = next(iter(seen.holder))
        leaf = leaf_of(tool, f"{seen.path.rpartition('.')[0]}.{first}")
        name = tool.item_type.__name__.lower()
        if leaf is not None and leaf.semantic is not None and not leaf.semantic.known:
            noun = self.noun(leaf.semantic.name)
            if first == "id" or len(leaf.path) > 1 + tool.many or noun.split()[-1] in name:  # its own id, not a mere reference
                return noun
        name = "".join(f" {c.lower()}" if c.isupper() else c for c in tool.item_type.__name__).strip()
        return _VIEWS.sub("", name) or name

    @staticmethod
    def _object(tool: Tool, noun: str) -> str:
        """What a tool without arguments shows: `Show the current directory.` gives `the current directory`."""
        found = re.match(rf"\w+ ((the|my) [\w\' -]*?\b{re.escape(noun)})\b", _OWNERS.sub("my", tool.summary))
        return found[1] if found is not None else f"the {noun}"

    @staticmethod
    def noun(semantic: str) -> str:
        """A kind of thing: `file_path` is a file, `bank_card` a bank card."""
        text = words(semantic)
        for tail in (" name", " nickname"):
            text = text.removesuffix(tail)
        return text or words(semantic)

    def _extreme(self, noun: str, how: str, field: str, value: Any) -> str:
        low = how == "min"
        if "size" in field:
            return f"the {'smallest' if low else 'largest'} {noun}"
        if field in _CHEAP:
            return f"the {'cheapest' if low else 'most expensive'} {noun}"
        if field in MOMENTS:
            return f"the {'earliest' if low else 'latest'} {noun}"
        if isinstance(value, str) and (_DATE.match(value) or ":" in value):
            return f"the {noun} with the {'earliest' if low else 'latest'} {words(field)}"
        return f"the {noun} with the {'lowest' if low else 'highest'} {words(field)}"

    def _trait(self, field: str, value: Any, noun: str) -> str:
        if isinstance(value, bool):
            return f"that {'is' if value else 'is not'} {words(field)}"
        if field in ("name", "title", "nickname") or words(field) == noun:
            return f"called {self._name(value)}"
        return f"whose {words(field)} is {quoted(value, self.style)}"

    def _name(self, value: Any) -> str:
        text = say(value, self.style)
        mark = "'" if '"' in text else self.style.quote
        return f"{mark}{text}{mark}"

    # -- calls -------------------------------------------------------------------------------------------

    def argument(self, call: PlannedCall, name: str, depth: int = 0) -> str:
        """An argument as people write it: the value, or the noun phrase of what it stands for."""
        bound = call.bound[name]
        if bound.seen is not None:
            return self.thing(bound, call.refs[name], depth)
        return quoted(bound.value, self.style)

    def clauses(self, call: PlannedCall, names: list[str], depth: int = 0) -> list[str]:
        """Prepositional clauses for arguments."""
        said = []
        for name in names:
            bound = call.bound[name]
            if isinstance(bound.value, Vague):
                continue
            if bound.seen is None and isinstance(bound.value, bool):
                said.append(f"{'with' if bound.value else 'without'} {words(name)}")
                continue
            text = self.argument(call, name, depth)
            form = _PREPOSITIONS.get(name)
            twice = rf"(the|that)\b{'' if depth else '.*?'} ?\b{re.escape(words(name))}\b"
            if form is None and bound.seen is not None and re.match(twice, text):
                form = "for {}"  # `with loan the loan of` says it twice
            joined = "and" if not form and said and said[-1].startswith(("with ", "and ")) else "with"
            said.append(form.format(text) if form else f"{joined} {words(name)} {text}")
        return said

    def ask(self, call: PlannedCall, rng: Random) -> str:
        """An imperative clause that asks for what a call does."""
        fitting = [p for p in call.tool.phrases if _names(p) <= set(call.bound)]
        if fitting:
            most = max(len(_names(p)) for p in fitting)
            best = [p for p in fitting if len(_names(p)) == most] if rng.random() < 0.7 else fitting
            phrase = rng.choice(best)
            text = self._fill(phrase, call)
            rest = [n for n in call.bound if n not in _names(phrase)]
        else:
            text, rest = self._embed(_mine(call.tool.summary), call)
        return " ".join([text, *self.clauses(call, rest)])

    def _embed(self, text: str, call: PlannedCall) -> tuple[str, list[str]]:
        """Put arguments where a summary speaks of them: `borrow a book` becomes `borrow the book called Emma`."""
        rest = []
        for name, bound in call.bound.items():
            semantic = call.tool.parameters[name].semantic
            nouns = [words(name), *([self.noun(semantic.name)] if semantic is not None else [])]
            form = rf"\b(?:one of (?:my|the) |an? |the |some )({'|'.join(map(re.escape, nouns))})(?:s|es)?\b"
            if bound.seen is None or re.search(form, text) is None:
                rest.append(name)
                continue
            said = self.argument(call, name).replace("\\", "\\\\")
            owned = re.search(rf"{form}'s {_OWNED}", text)  # `a member's card`: the card of the member called Ada
            text = re.sub(rf"{form}'s {_OWNED}", rf"the \2 of {said}", text, count=1) if owned else re.sub(form, said, text, count=1)
        return text, rest

    def _fill(self, phrase: str, call: PlannedCall) -> str:
        for name, bound in call.bound.items():
            if bound.seen is not None or isinstance(bound.value, Vague):  # what is pointed at is not quoted
                phrase = re.sub(rf"""(["'])\{{{name}\}}\1""", f"{{{name}}}", phrase)
        out: list[str] = []
        for text, slot, _, _ in string.Formatter().parse(phrase):
            out.append(text)
            if slot:
                inside = text.endswith(('"', "'")) and call.bound[slot].seen is None
                out.append(say(call.bound[slot].value, self.style) if inside else self.argument(call, slot))
        return "".join(out)


def _thing_of(bound: Bound) -> tuple[str, str]:
    assert bound.seen is not None
    return bound.seen.semantic, str(bound.value)


def _names(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def _mine(summary: str) -> str:
    """A tool's summary as the user would ask for it."""
    text = summary.rstrip(".")
    text = _OWNERS.sub(lambda m: "my" if m[3] else "me", text)
    return text[:1].lower() + text[1:]
