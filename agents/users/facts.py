"""What a simulated user may say: the facts of its errand, and the rule that nothing else leaks or is invented.

A value (a number, a day, a time, an id, an address, a path, a quoted text, a capitalised name) may be said if the
facts hold it or the policy said it first, in any usual spelling. Beside that, values that only tools reveal and the
choices of the tools that gold calls are barred as words. Laws: facts come from the task's texts and `meta["facts"]`
alone; what is barred is known to the guard and never shown to a model. The rule reads English and is strict: words
refused without need cost one more request, words let through without need spoil the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ...envs.errors import TaskError, shorten
from ...envs.registry import world_class
from ...envs.task import GoldCall, Task
from ...envs.told import says
from ...envs.tool import Tool
from ...envs.worldset import tool_table
from .values import COMMON, Value, values_of, words_of

ALL_SAID = "I have said all I know."
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_INTERNAL = ("output", "earlier_turn", "context")


class Errand(NamedTuple):
    """What the user of a turn knows: its request, the facts given for it, and what it asked in earlier turns."""

    request: str
    facts: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    def answer_to(self, question: str) -> str:
        """The fact, or the sentence of a request, that has most in common with a question; else `ALL_SAID`."""
        wanted = _stems(question)
        best, most = ALL_SAID, 0
        for fact in (*self.facts, *_sentences(self.request), *(s for text in self.earlier for s in _sentences(text))):
            shared = len(wanted & _stems(fact))
            if shared > most:
                best, most = fact, shared
        return best


def errand_of(task: Task, turn: int) -> Errand:
    """What the user knows in a turn: `task.meta["facts"]` holds a list of sentences, in the user's voice, per turn.

    Facts of earlier turns stay known. Raises `TaskError` where `facts` is no such list.
    """
    given = task.meta.get("facts", [])
    if not isinstance(given, (list, tuple)) or not all(
        isinstance(part, (list, tuple)) and all(isinstance(fact, str) for fact in part) for part in given
    ):
        raise TaskError(f'task {task.id}: meta["facts"] is a list of texts for each turn, not {shorten(given)}')
    facts = tuple(fact for part in reversed(given[: turn + 1]) for fact in part)
    return Errand(task.turns[turn].user, facts, tuple(earlier.user for earlier in task.turns[:turn]))


class Knowledge:
    """What a user may say by now: it grows with every turn, and with what the policy says."""

    def __init__(self) -> None:
        self._text = ""
        self._values: set[tuple[str, Any]] = set()
        self._words: set[str] = set()
        self._barred: tuple[str, ...] = ()

    def learn(self, errand: Errand, task: Task, turn: int) -> None:
        """Take in the facts of a turn, and what is barred in it."""
        for text in (errand.request, *errand.facts, *errand.earlier):
            self.hear(text)
        self._barred = barred(task, turn)

    def hear(self, text: str) -> None:
        """Take in what was said to the user."""
        self._text = f"{self._text}\n{text}"
        self._words |= words_of(text)
        for value in values_of(text):
            self._values.update(((value.kind, value.key), *value.implied))

    def leak(self, text: str) -> str:
        """Why a text may not be said, naming its first value that is not known; "" if it may."""
        for value in values_of(text):
            if not self._knows(value):
                return f"{shorten(value.text, 60)!r} is nothing that you know"
        for word in self._barred:
            if says(text, word) and not says(self._text, word):
                return f"{shorten(word, 60)!r} is nothing that you know"
        return ""

    def _knows(self, value: Value) -> bool:
        if (value.kind, value.key) in self._values:
            return True
        if value.kind == "name":
            return all(part in self._words for part in value.key.split("-"))
        if value.kind in ("exact", "quote") and says(self._text, value.text):
            return True
        above = f"{value.text.rstrip('/')}/"  # who knows a file knows the directory it lies in
        return value.kind == "exact" and value.text.startswith(("/", "~/")) and f" {above}" in f" {' '.join(self._text.split())}"


@lru_cache(maxsize=2048)
def barred(task: Task, turn: int) -> tuple[str, ...]:
    """Texts that a user of this turn cannot know: internal values of gold, and the choices of the tools it calls."""
    tools = tool_table(tuple(world_class(part.world) for part in task.worlds)).tools
    found: dict[str, None] = {}
    for number, item in enumerate(task.turns):
        for call in item.gold:
            tool = tools.get(call.name)
            found |= dict.fromkeys(_internal(call, tool))
            if number == turn and tool is not None:
                found |= dict.fromkeys(_choices(tool.schema))
    return tuple(text for text in found if len(text) > 2 and text.casefold() not in COMMON)


def _internal(call: GoldCall, tool: Tool | None) -> Iterator[str]:
    for name, value in call.arguments.items():
        source = call.sources.get(name)
        semantic = tool.parameters[name].semantic if tool is not None and name in tool.parameters else None
        if (source is not None and source.kind in _INTERNAL) or (semantic is not None and not semantic.known):
            yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    """The texts inside a value; numbers are told apart by the guard itself, booleans by nobody."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)


def _choices(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for name, part in schema.items():
            if name in ("enum", "const"):
                yield from _texts(part)
            else:
                yield from _choices(part)
    elif isinstance(schema, (list, tuple)):
        for part in schema:
            yield from _choices(part)


def _sentences(text: str) -> Iterator[str]:
    return (part.strip() for part in _SENTENCES.split(text) if part.strip())


def _stems(text: str) -> set[str]:
    """The telling words of a text, cut to their beginnings, so that `days` meets `day` and `borrowed` meets `borrow`."""
    return {word.rstrip("s")[:6] for word in words_of(text) if len(word) > 2 and word not in COMMON}
