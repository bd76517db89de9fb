"""Steering through one turn: from requests to calls, one at a time, each chosen after the last one's answer.

Written as generators: a call is yielded, its answer is sent in. Laws: reads are free and writes are made once,
for a request; preconditions are met by providers whose arguments the user stated or a result shows; an error
leads to another plan, or to words that say so.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from typing import Any, NamedTuple

from ..envs.binding import fits
from ..envs.graph import Requirement, ToolGraph
from ..envs.told import normalise
from ..envs.tool import Parameter, Tool, ToolCall
from .answering import reply
from .filling import Span, mentioned, said_by_kind, said_by_name, said_in_slot, stated
from .grounding import Group, Memory, Sight, fitting, groups_of, supports
from .matching import Match, Matcher, nouns, shape, stems
from .reading import Thing, facts, parts, points, read_thing, sentences

_DEPTH, _RETRIES, _PROVIDERS = 4, 6, 8


class Answer(NamedTuple):
    """What came back from a call: its plain value, or the kind and words of an error."""

    value: Any
    error: str = ""
    message: str = ""


class Known(NamedTuple):
    """What is known before anybody speaks: the graph, the tools by public name, and their matcher."""

    graph: ToolGraph
    tools: Mapping[str, Tool]
    matcher: Matcher


class _Enough(Exception):
    """The turn's calls are spent."""


Steps = Generator[ToolCall, Answer, Any]


class Turn:
    """One user turn while it lasts. `pending` holds requests that could not be met, for a later turn."""

    def __init__(self, known: Known, memory: Memory, number: int, visible: frozenset[str], calls: int) -> None:
        self.known, self.memory, self.number = known, memory, number
        self.visible = visible & frozenset(known.tools)
        self.facts: dict[str, str] = {}
        self.pending: list[str] = []
        self._calls_left = calls
        self._fresh: dict[tuple[str, str], Sight] = {}
        self._nearby: dict[str, Any] = {}
        self._opening: set[str] = set()
        self._meant: dict[tuple[str, str], list[Any]] = {}

    # -- the turn --------------------------------------------------------------------------------------

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
        except _Enough:
            undone.append("it took too many calls")
        if not matches:
            self.pending.append(text)
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
            answer = yield from self._call(tool, arguments)
            if _locked(tool, answer) and (yield from self._reopen(tool)):
                answer = yield from self._call(tool, arguments)
            if not answer.error:
                self._note_use(match, arguments)
                return self.memory.sights[-1] if tool.writes else self._fresh[_key(tool, arguments)], ""
        return None, answer.message or tool.summary

    def _note_use(self, match: Match, arguments: dict[str, Any]) -> None:
        """Remember what a call was about: `that one` later, or the same words again in this message."""
        for name, value in arguments.items():
            meaning = match.tool.parameters[name].semantic
            if meaning is not None and isinstance(value, str):
                self.memory.use(meaning.name, value, self.number)
                if name in match.slots:
                    self._meant[meaning.name, normalise(match.slots[name])] = [value]

    # -- calls -----------------------------------------------------------------------------------------

    def _call(self, tool: Tool, arguments: dict[str, Any]) -> Steps:
        key = _key(tool, arguments)
        if tool.is_read and key in self._fresh:
            return Answer(self._fresh[key].value)
        answer = Answer(None, "unavailable")
        for _ in range(2):
            if self._calls_left <= 0:
                raise _Enough
            self._calls_left -= 1
            answer = yield ToolCall(tool.name, key[1])
            if answer.error not in ("unavailable", "unreadable"):
                break
        if answer.error:
            return answer
        sight = self.memory.add(tool, arguments, answer.value, self.number)
        if tool.writes:
            self._fresh.clear()
            self.memory.holds.update(
                n.name for needs in self.known.graph.requirements.values() for n in needs if n.kind == "state" and tool.name in n.providers
            )
        else:
            self._fresh[key] = sight
        return answer

    # -- preconditions ---------------------------------------------------------------------------------

    def _open_doors(self, tool: Tool, depth: int) -> Steps:
        """Meet the declared preconditions of a tool as far as what is known allows."""
        for need in self.known.graph.requirements[tool.name]:
            if need.kind == "state" and not need.given and need.name not in self.memory.holds:
                yield from self._make_true(need, depth)

    def _reopen(self, tool: Tool) -> Steps:
        """Meet the preconditions again: something undid them. Whether anything was done."""
        needs = [n for n in self.known.graph.requirements[tool.name] if n.kind == "state"]
        for need in needs:
            self.memory.holds.discard(need.name)
        yield from self._open_doors(tool, 0)
        return any(need.name in self.memory.holds for need in needs)

    def _make_true(self, need: Requirement, depth: int) -> Steps:
        if need.name in self._opening or depth > _DEPTH:
            return
        self._opening.add(need.name)
        for name in sorted(need.providers & self.visible):
            tool = self.known.tools[name]
            yield from self._open_doors(tool, depth + 1)
            arguments = yield from self._stated_arguments(tool, depth)
            if arguments is not None and not (yield from self._call(tool, arguments)).error:
                self.memory.holds.add(need.name)
                break
        self._opening.discard(need.name)

    def _stated_arguments(self, tool: Tool, depth: int) -> Steps:
        """Arguments for a call that nobody asked for: only what the user stated, and keys that a result shows."""
        chosen: dict[str, Any] = {}
        for parameter in tool.parameters.values():
            if not parameter.required:
                continue
            value = stated(self.facts, tool, parameter)
            if (
                value is None
                and shape(tool, parameter.name) == "key"
                and (values := (yield from self._implied(parameter, Span(""), depth + 1, True)))
            ):
                value = values[0]
            if value is None:
                return None
            chosen[parameter.name] = value
        return chosen if fits(tool, chosen) else None

    # -- arguments -------------------------------------------------------------------------------------

    def _arguments(self, tool: Tool, span: Span, match: Match | None, depth: int) -> Steps:
        """Ways to call a tool, best first; none where something required has no source."""
        chosen: dict[str, list[Any]] = {}
        slots = match.spans if match is not None else {}
        for name, (start, end) in slots.items():
            if not points(span.text[start:end]) and (value := said_in_slot(span.part(start, end), tool, name)) is not None:
                chosen[name] = [value]
        for parameter in tool.parameters.values():
            if parameter.name not in chosen and parameter.name not in slots and (value := said_by_name(span, tool, parameter)) is not None:
                chosen[parameter.name] = [value]
        for name, (start, end) in slots.items():
            if name not in chosen and (values := (yield from self._slot(tool, name, span.part(start, end), depth))):
                chosen[name] = values
        for parameter in tool.parameters.values():
            if parameter.name not in chosen and (values := (yield from self._unsaid(tool, parameter, span, depth, match is None))):
                chosen[parameter.name] = values
        if any(p.required and p.name not in chosen for p in tool.parameters.values()):
            return []
        return [option for option in _combined(tool, chosen) if fits(tool, option)] or [
            option for option in _required(tool, chosen) if fits(tool, option)
        ]

    def _slot(self, tool: Tool, name: str, span: Span, depth: int) -> Steps:
        parameter = tool.parameters[name]
        meaning = parameter.semantic
        head = " ".join(span.text.casefold().split()[:8])
        if meaning is not None and (shape(tool, name) == "key" or any(noun in head for noun in nouns(parameter))):
            values = yield from self._resolve(meaning.name, span, depth)
            if values or shape(tool, name) != "text":
                return values
        value = said_in_slot(span, tool, name)
        return [] if value is None else [value]

    def _unsaid(self, tool: Tool, parameter: Parameter, span: Span, depth: int, helper: bool) -> Steps:
        """A parameter that no phrase names: what is mentioned, stated, left over, or implied."""
        kind = shape(tool, parameter.name)
        if not parameter.required:
            if helper and kind == "path" and (where := mentioned(span, parameter)) is not None and parameter.semantic is not None:
                return (yield from self._resolve(parameter.semantic.name, where, depth + 1))
            value = stated(self.facts, tool, parameter) if not helper else None
            if value is None and not (helper and kind == "enum"):
                value = said_by_kind(span, tool, parameter, led=not (helper and kind == "path"))
            return [] if value is None else [value]
        if kind != "key":
            for value in (said_by_kind(span, tool, parameter, led=True), stated(self.facts, tool, parameter)):
                if value is not None:
                    return [value]
        if parameter.semantic is not None and (where := mentioned(span, parameter)) is not None:
            if values := (yield from self._resolve(parameter.semantic.name, where, depth + 1)):
                return values
        if kind != "key":
            value = said_by_kind(span, tool, parameter)
            return [] if value is None else [value]
        return (yield from self._implied(parameter, span, depth + 1))

    def _implied(self, parameter: Parameter, span: Span, depth: int, fresh: bool = False) -> Steps:
        """A key that nobody speaks of: of the thing in hand, of the only one, or of the latest."""
        assert parameter.semantic is not None
        kind = parameter.semantic.name
        if kind in self._nearby:
            return [self._nearby[kind]]
        values = yield from self._resolve(
            kind, Span("the one", span.offset, span.taken) if not span.text else span, depth, Thing("the one"), fresh
        )
        if len(values) > 1:
            latest = yield from self._resolve(kind, Span(""), depth, Thing("the latest", order="max", by="time"), fresh)
            values = list(dict.fromkeys([*latest, *values]))
        return values

    # -- pointing --------------------------------------------------------------------------------------

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
        for tool in self._providers(kind, thing, span) if depth <= _DEPTH else ():
            if sure and any(p.required for p in tool.parameters.values()):
                continue
            if (values := (yield from self._look(tool, kind, span, depth, thing, others))) is not None:
                sure += values
                if not thing.plain or tail:
                    break  # words told it from its like; bare ones may mean the only one of another list
        return list(dict.fromkeys([*sure, *(() if sure and not thing.plain else others)]))

    def _look(self, tool: Tool, kind: str, span: Span, depth: int, thing: Thing, others: list[Any]) -> Steps:
        """Call a provider and see whether its result decides; None where it does not."""
        before = set(span.taken)
        yield from self._open_doors(tool, depth + 1)
        options = yield from self._arguments(tool, span, None, depth + 1)
        if options:
            answer = yield from self._call(tool, options[0])
            if not answer.error:
                sight = self._fresh.get(_key(tool, options[0])) or self.memory.sights[-1]
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


def _locked(tool: Tool, answer: Answer) -> bool:
    """Whether a call was refused because a declared precondition does not hold: the refusal quotes its doc."""
    return answer.error == "precondition_failed" and any(
        first in answer.message for p in tool.requires if (first := (p.__doc__ or "?").strip().splitlines()[0])
    )


def _key(tool: Tool, arguments: dict[str, Any]) -> tuple[str, str]:
    return tool.name, json.dumps(arguments, ensure_ascii=False)


def _combined(tool: Tool, chosen: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The best of everything first, then with one argument exchanged for another that may be meant."""
    first = {name: values[0] for name, values in chosen.items()}
    options = [first] + [{**first, name: value} for name, values in chosen.items() for value in values[1:5]]
    kinds = [(p.semantic.name, p.name) for p in tool.parameters.values() if p.semantic is not None and not p.semantic.known]

    def twice(option: dict[str, Any]) -> bool:
        ends = [(kind, str(option[name])) for kind, name in kinds if name in option]
        return len(ends) != len(set(ends))

    return sorted(options, key=twice)  # from one account to itself comes last


def _required(tool: Tool, chosen: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return _combined(tool, {name: values for name, values in chosen.items() if tool.parameters[name].required})
