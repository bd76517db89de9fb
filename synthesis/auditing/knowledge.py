"""Knowledge: all that has been said and shown by a moment of a conversation, ready to be asked for a value.

Law: it only grows, and only by what a policy has seen: the user's words, results of earlier calls, the arguments of earlier calls,
and what the context shows. Not here: schemas, which a value may come from as well (`deriving.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .evidence import leaves
from .moments import Day, days_in
from .numbers import as_number, numbers_in
from .wording import content, plain, squash, stands

_PHRASE = re.compile(
    r"\"([^\"]{1,80})\"|“([^”]{1,80})”|(?<!\w)'([^'\n]{1,80})'(?!\w)|([\w.+-]+@[\w.-]+)|([A-Z][\w&'-]*(?:\s+[A-Z][\w&'-]*)*)|([\w./@#$-]*[\d_@#./-][\w./@#$-]*)"
)
_MOST_TEXT, _MOST_LEAVES, _SERIES = 200_000, 4000, 12


class Knowledge:
    """What is known.

    Attributes:
        said: what the user said, all of it. now: his latest words. shown: texts of results and earlier arguments.
        operands: shown numbers that one can reckon with, series left out. rates: what a call's number became in its result, as a ratio.
        said_numbers, shown_numbers: in order, the latest last. parts: runs of digits inside names, dates and the like.
    """

    def __init__(self, context: Iterable[str] = ()) -> None:
        self.said = self.now = ""
        self.context = tuple(context)
        self.said_numbers: list[float] = []
        self.shown_numbers: list[float] = []
        self.parts: set[float] = set()
        self.counts: set[float] = set()
        self.days: set[Day] = {day for text in self.context for day in days_in(text)}
        self.said_stems: set[str] = set()
        self.shown_stems: set[str] = set()
        self.texts: dict[str, None] = {}
        self.operands: list[float] = []
        self.rates: list[float] = []
        self._asked: list[float] = []
        self._said_plain = self._shown_plain = ""
        self._said_squashed = self._shown_squashed = ""

    def hear(self, text: str) -> None:
        """Take in a message of the user."""
        self.now = text
        self.said = f"{self.said}\n{text}" if self.said else text
        for number in numbers_in(text):
            if number.spelt:
                self.said_numbers.append(number.value)
            else:
                self.parts.add(number.value)
        self.days.update(days_in(text))
        self.said_stems.update(content(text))
        self._said_plain += f"\n{plain(text)}"
        self._said_squashed += f"\n{squash(text)}"

    def see(self, value: Any, text: str) -> None:
        """Take in a result, as data and as the text that was shown."""
        numbers = [number for leaf in _some_leaves(value) if (number := as_number(leaf)) is not None]
        self.rates += [told / given for given in self._asked[:3] for told in numbers[:3] if given and told]
        self.operands += _apart(value)
        for leaf in _some_leaves(value):
            self._take(leaf)
        if isinstance(value, (dict, list)):
            self._count(value)
            self.shown_stems.update(content(text[:_MOST_TEXT]))
        self._show(text[:_MOST_TEXT])

    def use(self, arguments: Any) -> None:
        """Take in the arguments of a call that was made: whatever they came from, they are known now."""
        self._asked = [number for leaf in _some_leaves(arguments) if (number := as_number(leaf)) is not None]
        self.operands += self._asked
        for leaf in _some_leaves(arguments):
            self._take(leaf)
            self._show(str(leaf)[:_MOST_TEXT])

    def _take(self, leaf: Any) -> None:
        number = as_number(leaf)
        if number is not None:
            self.shown_numbers.append(number)
        elif isinstance(leaf, str):
            text = leaf[:_MOST_TEXT]
            self.texts[text] = None
            for found in numbers_in(text[:2000]):
                if found.spelt:
                    self.shown_numbers.append(found.value)
                elif found.value >= 100:  # fewer digits stand in any id
                    self.parts.add(found.value)
            self.days.update(days_in(text[:2000]))
            self.shown_stems.update(content(text))
            self.counts.update((float(len(text)), float(len(text.split())), float(text.count("\n") + 1)))

    def _count(self, value: Any) -> None:
        if isinstance(value, (list, dict)):
            self.counts.add(float(len(value)))
            for part in value.values() if isinstance(value, dict) else value:
                self._count(part)

    def _show(self, text: str) -> None:
        if len(self._shown_plain) < 10 * _MOST_TEXT:
            self._shown_plain += f"\n{plain(text)}"
            self._shown_squashed += f"\n{squash(text)}"

    # -- asking ----------------------------------------------------------------------------------------

    def says(self, text: str) -> bool:
        """Whether the user has said a text as whole words."""
        return stands(plain(text), self._said_plain)

    def shows(self, text: str) -> bool:
        """Whether a result has shown a text as whole words."""
        return text in self.texts or stands(plain(text), self._shown_plain)

    def spells(self, text: str) -> str:
        """`said` or `shown` where a text's letters and digits stand there in order, however joined; "" where nowhere."""
        wanted = squash(text)
        if len(wanted) < 3:
            return ""
        return "said" if wanted in self._said_squashed else "shown" if wanted in self._shown_squashed else ""

    @property
    def stems(self) -> set[str]:
        """The stems of all words said or shown."""
        return self.said_stems | self.shown_stems

    def phrases(self) -> list[str]:
        """Names, quoted texts and odd tokens in the user's words, the latest message first."""
        found: dict[str, None] = {}
        for text in (self.now, self.said):
            for match in _PHRASE.finditer(text):
                phrase = next(part for part in match.groups() if part).strip(" .,;:!?'\"")
                if phrase:
                    found[phrase] = None
        return list(found)


def _some_leaves(value: Any) -> list[Any]:
    found = []
    for leaf in leaves(value):
        found.append(leaf)
        if len(found) == _MOST_LEAVES:
            break
    return found


def _apart(value: Any) -> list[float]:
    """The numbers in plain data, and in its texts, but those of long series."""
    found: list[float] = []
    if isinstance(value, dict):
        for part in value.values():
            found += _apart(part)
    elif isinstance(value, list):
        for part in value if len(value) <= _SERIES else value[:2]:
            found += _apart(part)
    elif (number := as_number(value)) is not None:
        found.append(number)
    elif isinstance(value, str):
        found += [said.value for said in numbers_in(value[:400]) if said.spelt][:_SERIES]
    return found
