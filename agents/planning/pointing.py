"""Pointing: from a noun phrase to the thing it means, with reads where nothing seen so far decides.

What was seen in this turn comes first, then earlier turns, then reads that show things of that kind. Law: a list
in which the words hold for exactly one thing decides. Not here: how the arguments of those reads come about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ...envs.told import normalise
from ...envs.tool import Tool
from .calling import Answer, Calls, Known, Steps, key_of
from .filling import Span
from .grounding import Group, Memory, belonging, fitting, groups_of, supports
from .matching import Match, shape, stems
from .reading import Thing, field_forms, owner, read_thing

DEPTH, _PROVIDERS = 4, 8


class Pointing(Calls, ABC):
    """Calls, and the things that noun phrases of this turn were found to mean."""

    def __init__(self, known: Known, memory: Memory, number: int, visible: frozenset[str], calls: int) -> None:
        super().__init__(known, memory, number, visible, calls)
        self._nearby: dict[str, Any] = {}
        self._meant: dict[tuple[str, str], list[Any]] = {}

    @abstractmethod
    def _arguments(self, tool: Tool, span: Span, match: Match | None, depth: int) -> Steps:
        """Where the arguments of a call come from."""

    @abstractmethod
    def _open_doors(self, tool: Tool, depth: int) -> Steps:
        """Calls that make a tool possible."""

    @abstractmethod
    def _try(self, tool: Tool, arguments: dict[str, Any]) -> Steps:
        """A call, and what to do when it is refused."""

    def _resolve(self, kind: str, span: Span, depth: int, thing: Thing | None = None, fresh: bool = False) -> Steps:
        """The values that a noun phrase may mean, best first. A list that shows exactly one decides."""
        thing = read_thing(span.text) if thing is None else thing
        for start, end in thing.said:
            span.cover(start, end)
        same = (kind, normalise(span.text))
        if thing.how == "the" and thing.plain and same in self._meant and not fresh:
            return self._meant[same]
        if thing.how == "that" and thing.plain and (found := self.memory.alone(kind, self.number)):
            return found
        if thing.how == "new" and (found := self.memory.made(kind, self.number)):
            return found
        if (at := owner(span.text)) and (found := (yield from self._owned(kind, span.part(at), depth))):
            return found
        tail = span.left()
        others: list[Any] = []
        for group in self.memory.groups(kind, self.number):
            if fresh and group.sight not in self._fresh.values():
                continue
            if tail and not {item.value for item in tail} <= {str(v) for v in group.sight.arguments.values()}:
                continue
            if (values := self._chosen(thing, group, kind, others)) is not None:
                for item in tail:
                    span.take(item)
                return values
        sure: list[Any] = []
        for tool in self._providers(kind, thing, span) if depth <= DEPTH else ():
            if sure and any(p.required for p in tool.parameters.values()):
                continue
            if (values := (yield from self._look(tool, kind, span, depth, thing, others))) is not None:
                sure += values
                if not thing.plain or tail:
                    break  # words told it from its like; bare ones may mean the only one of another list
        return list(dict.fromkeys([*sure, *(() if sure and not thing.plain else others)]))

    def _owned(self, kind: str, span: Span, depth: int) -> Steps:
        """The thing that belongs to another: `the card of the booking ...`; the owner's record shows it."""
        words = " ".join(span.text.casefold().split()[1:6])
        named = [(words.find(form), -len(form), other) for other in self._kinds() for form in field_forms(other) if form in words]
        if not named or depth > DEPTH:
            return []
        owner_kind = min(named)[2]
        before = set(span.taken)
        values = yield from self._resolve(owner_kind, span, depth + 1)
        found = belonging(self.memory.sights, kind, owner_kind, values[0]) if values else []
        if not found:
            span.taken.clear()
            span.taken.update(before)
        return found

    def _kinds(self) -> list[str]:
        return sorted({x.semantic.name for tool in self.known.tools.values() for x in tool.outputs if x.semantic is not None})

    def _look(self, tool: Tool, kind: str, span: Span, depth: int, thing: Thing, others: list[Any]) -> Steps:
        """Call a provider and see whether its result decides; None where it does not."""
        before = set(span.taken)
        yield from self._open_doors(tool, depth + 1)
        options = yield from self._arguments(tool, span, None, depth + 1)
        if options:
            answer: Answer = yield from self._try(tool, options[0])
            if not answer.error:
                sight = self._fresh.get(key_of(tool, options[0])) or self.memory.sights[-1]
                for group in groups_of(sight, kind):
                    if (values := self._chosen(thing, group, kind, others)) is not None:
                        return values
        span.taken.clear()
        span.taken.update(before)
        return None

    def _chosen(self, thing: Thing, group: Group, kind: str, others: list[Any]) -> list[Any] | None:
        if not supports(thing, group.items[0].holder, kind):
            return None
        found = fitting(thing, group.items, kind)
        if len(found) == 1:
            for name, value in found[0].holder.items():
                leaf = next((x for x in group.sight.tool.outputs if x.path[-1] == name and x.semantic is not None), None)
                if leaf is not None and leaf.semantic is not None and value is not None:
                    self._nearby[leaf.semantic.name] = value
            return [found[0].value]
        others += [item.value for item in found]
        return None

    def _providers(self, kind: str, thing: Thing, span: Span) -> list[Tool]:
        """Tools that show things of a kind, those first that show what the words speak of and need least."""
        words, tail = set(stems(span.text)), len(span.left())
        ranked = []
        for index, name in enumerate(self.known.tools):
            tool = self.known.tools[name]
            fields = {x.path[-1]: x.path[:-1] for x in tool.outputs if x.semantic is not None and x.semantic.name == kind}
            if not fields or name not in self.visible:
                continue
            beside = [x.path[-1] for x in tool.outputs if x.path[:-1] in fields.values()]
            if not supports(thing, beside, kind) or any(
                p.required and p.semantic is not None and p.semantic.name == kind and not p.semantic.known for p in tool.parameters.values()
            ):
                continue
            needed = sum(p.required for p in tool.parameters.values())
            lost = max(0, tail - sum(shape(tool, n) not in ("bool", "key") for n in tool.parameters))
            ranked.append((bool(tool.writes), lost, needed > tail, abs(needed - tail), -len(words & set(stems(tool.summary))), index, tool))
        reads = [part for part in ranked if not part[0]]
        return [part[-1] for part in sorted(reads or ranked, key=lambda part: part[:-1])][:_PROVIDERS]
