"""Steering through one turn: from requests to calls, one at a time, each chosen after the last one's answer.

Laws: reads are free and writes are made once, for a request; an error leads to another reading of the request, or
to words that say so. Not here: how a request is matched, its arguments found, its preconditions met.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from ...envs.told import normalise
from ...envs.tool import ToolCall
from .answering import reply
from .arguing import Arguing
from .calling import Answer, Enough, Known, Steps, key_of
from .filling import Span
from .grounding import Memory, Sight
from .matching import Match
from .reading import facts, parts, sentences

_RETRIES, _KEPT = 6, 8


class Turn(Arguing):
    """One user turn while it lasts. `pending` holds requests that could not be met, for a later turn."""

    def __init__(self, known: Known, memory: Memory, number: int, visible: frozenset[str], calls: int) -> None:
        super().__init__(known, memory, number, visible, calls)
        self.pending: list[str] = []

    def run(self, text: str, pending: Iterable[str] = ()) -> Generator[ToolCall, Answer, str]:
        """All requests of a message, and the reply."""
        self.facts = {**self.memory.facts, **facts(text)}
        self.memory.facts.update(facts(text, own=True))
        matches = self._requests(text)
        if not matches:
            matches = [m for old in pending if (m := self.known.matcher.best(old, self.visible)) is not None]
        told: list[Sight] = []
        undone: list[str] = []
        try:
            for match in matches:
                sight, why = yield from self._fulfil(match)
                if sight is not None:
                    told.append(sight)
                else:
                    undone.append(why)
                    self.pending.append(match.text)
        except Enough:
            undone.append("it took too many calls")
        if not matches:
            self.pending = [*pending, text][-_KEPT:]
            undone = ["I do not see which of my tools this needs."]
        return reply(text, told, undone)

    def _requests(self, text: str) -> list[Match]:
        pieces = [piece for sentence in sentences(text) for piece in parts(sentence)]
        found = [m for piece in pieces for m in self._understood(piece)]
        if found:
            return found
        weak = [m for piece in pieces if (m := self.known.matcher.alike(piece, self.visible)) is not None]
        return [max(weak, key=lambda m: m.score)] if weak else []

    def _understood(self, piece: str) -> list[Match]:
        """The request of a piece; two where ` and ` joins two that fit phrases by themselves."""
        whole = self.known.matcher.best(piece, self.visible)
        best, score = ([whole], whole.score) if whole is not None else ([], 0.0)
        at = piece.find(" and ")
        while at >= 0:
            first, second = (self.known.matcher.best(part, self.visible) for part in (piece[:at], piece[at + 5 :]))
            if first is not None and second is not None and first.score + second.score > score + 4.0:
                best, score = [first, second], first.score + second.score
            at = piece.find(" and ", at + 1)
        return best

    def _fulfil(self, match: Match) -> Steps:
        tool = match.tool
        self._nearby = {}
        yield from self._open_doors(tool, 0)
        options = yield from self._arguments(tool, Span(match.text), match, 0)
        if not options:
            return None, f"{tool.summary} I lack what it takes."
        answer = Answer(None)
        for arguments in options[:_RETRIES]:
            answer = yield from self._try(tool, arguments)
            if not answer.error:
                self._note_use(match, arguments)
                return self.memory.sights[-1] if tool.writes else self._fresh[key_of(tool, arguments)], ""
        return None, answer.message or tool.summary

    def _note_use(self, match: Match, arguments: dict[str, Any]) -> None:
        """Remember what a call was about: `that one` later, or the same words again in this message."""
        for name, value in arguments.items():
            meaning = match.tool.parameters[name].semantic
            if meaning is not None and isinstance(value, str):
                self.memory.use(meaning.name, value, self.number)
                if name in match.slots:
                    self._meant[meaning.name, normalise(match.slots[name])] = [value]
