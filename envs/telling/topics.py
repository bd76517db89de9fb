"""What a question may be about: the kinds of things that a tool takes, by their names and by how a person asks for them.

A topic is what its names say, their synonyms, and the questions of its kinds; nothing here knows a world. A name that is
no word of a kind is asked for by itself alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .sentences import KEPT

_GOING = r"(?!.*\b(?:money|pay|paid|fly|travel|stay|go)\b)"
QUESTIONS = {
    "money": r"\bhow (?:much|high|large|big)\b|\bwhat (?:sum|figure|price)\b|\bup to what\b|\bhow many (?:euros|dollars|pounds"
    r"|francs)\b",
    "file": rf"\bwhere\b{_GOING}(?!.*\bcome from\b)|\bwhat\b.*\b(?:called|named|copy|open|pack|delete|move|compare|rename|edit|link"
    rf"|name the)\b"
    r"|\bwhich (?:one|of (?:them|these|those))\b.*\b(?:copy|open|pack|read|compare|rename|edit)\b",
    "directory": rf"\bwhere\b{_GOING}(?!.*\bcome from\b)",
    "words": r"\bwhat\b(?!.*\bcall(?:ed)? it\b).*\b(?:say|write|written|contain|read|put in|put into|go in|go into|include|look for"
    r"|looking for|add)\b"
    r"|\bsaying what\b|\bwhat (?:would|do|should) (?:you like|you want|i put|go) (?:in|on|into) (?:it|the|there)\b"
    r"|\bhow should it read\b",
    "search": r"\bwhat\b.*\b(?:look(?:ing)? for|search(?:ed|ing)?|find)\b|\b(?:which|what) (?:word|words|text|phrase|term|expression"
    r"|string)\b",
    "day": r"\bwhen\b(?! (?:i|it|the)\b)|\b(?:what|which) (?:\w+ )?(?:day|date|dates)\b|\bstarting (?:when|from)\b|\bas of when\b"
    r"|\bhow soon\b",
    "month": r"\b(?:what|which) (?:month|period)\b",
    "time": r"\bwhen\b(?! (?:i|it|the)\b)|\bwhat time\b|\bat what hour\b",
    "account": r"\bwhere\b.*\b(?:money|come|paid|pay|taken|take)\b|\bfrom where\b|\bto where\b.*\bmoney\b",
    "person": r"\b(?:who|whom|whose|who is)\b(?! asks)",
    "name": r"\bwhat\b.*\b(?:call(?:ed)?|named?)\b|\bhow (?:should|shall|do|would|to)\b.*\b(?:name|call|called|named)\b",
    "count": r"\bhow many\b(?:$|\W*\?| (?:do|should|would|shall|can|of|in all|are)\b)",
    "city": r"\bwhere\b(?:\W*$| to\b|.*\b(?:go|going|travel|fly|stay|headed|look)\b)",
    "place": r"\bwhere\b(?:\W*$| (?:to|from)\b|.*\b(?:go|going|travel|fly|leave|depart|land|stay)\b)",
}  # fmt: skip
KINDS = tuple(QUESTIONS)
_KIND_OF = {
    "money": "amount price sum budget fee cost limit deposit target", "file": "path file archive document source first second link",
    "directory": "directory folder destination", "words": "content text body message wording memo reference note comment reason new",
    "search": "pattern query term keyword old", "day": "day date start end since until on checkin expires birth", "month": "month",
    "time": "time hour moment", "person": "payee recipient traveller passenger person guest owner user customer",
    "name": "name title label nickname", "count": "points bags nights lines number count limit quantity guests rooms stars depth",
    "city": "city town place", "place": "origin airport destination", "account": "account",
}  # fmt: skip
_NOUNS = {  # what a thing of a kind is called, whatever the name of the parameter
    "money": "sum, figure, amount", "words": "text, wording, content", "day": "day, date, dates", "month": "month, period",
    "time": "time, hour",
    "account": "account", "directory": "folder, directory", "search": "word, phrase, term", "name": "name, title",
}  # fmt: skip
_SYNONYMS = {
    "booking": "trip, reservation", "payee": "recipient, beneficiary", "traveller": "passenger, traveler",
    "bags": "bag, baggage, luggage",
    "directory": "folder", "folder": "directory", "file": "document", "path": "file, document", "source": "file, document",
    "city": "town",
    "iban": "account number, bank details", "room": "kind of room", "archive": "tar file", "points": "miles",
    "limit": "ceiling", "cover": "coverage",
    "pattern": "word, phrase, term", "card": "credit card", "destination": "folder, directory", "group": "team",
    "mode": "rights, permissions",
}  # fmt: skip
_NEVER = re.compile(r"(?!)")


class Topic(NamedTuple):
    """A thing that may be asked for. `called`: words for it. `questions`: what asks for it without naming it."""

    called: re.Pattern[str]
    questions: re.Pattern[str]


@lru_cache(maxsize=KEPT)
def topic_of(names: tuple[str, ...], kinds: tuple[str, ...] = ()) -> Topic:
    """The topic of a parameter, from its names and its kinds."""
    words = [name.casefold().replace("_", " ") for name in names]
    parts = {part for word in words for part in (word, *word.split())}
    asked = {*kinds, *(kind for kind, known in _KIND_OF.items() if parts & set(known.split()))}
    if "account" in parts or "bank" in parts:
        asked.discard("file")  # a source may be both
    lists = [_NOUNS[kind] for kind in asked if kind in _NOUNS] + [_SYNONYMS[part] for part in parts if part in _SYNONYMS]
    if "account" in asked:
        lists = [words for words in lists if words != _SYNONYMS["source"]]
    called = {*words, *(noun for words in lists for noun in words.split(", "))} - {""}
    nouns = "|".join(sorted((re.escape(word) for word in called), key=len, reverse=True))
    questions = "|".join(QUESTIONS[kind] for kind in sorted(asked) if kind in QUESTIONS)
    return Topic(re.compile(rf"\b(?:{nouns})s?\b") if nouns else _NEVER, re.compile(questions) if questions else _NEVER)
