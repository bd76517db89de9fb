"""Arguing: the arguments of a call, and the preconditions that must hold before it.

Arguments come from the phrase's slots, from names and kinds of parameters in the text, from what the user stated,
and from things pointed at or implied. Preconditions are met by providers that the graph names. Law: for calls that
nobody asked for, only stated values and shown keys are used.
"""

from __future__ import annotations

import re
from typing import Any

from ...envs.binding import fits
from ...envs.graph import Requirement
from ...envs.signature import Parameter
from ...envs.tool import Tool
from .calling import Answer, Known, Steps
from .filling import Span, mentioned, said_by_kind, said_by_name, said_in_slot, stated
from .grounding import Memory
from .matching import Match, nouns, shape
from .pointing import DEPTH, Pointing
from .reading import Thing, field_forms, points


class Arguing(Pointing):
    """Pointing, with arguments and preconditions. `facts`: what the user stated."""

    def __init__(self, known: Known, memory: Memory, number: int, visible: frozenset[str], calls: int) -> None:
        super().__init__(known, memory, number, visible, calls)
        self.facts: dict[str, str] = {}
        self._opening: set[str] = set()

    # -- preconditions ---------------------------------------------------------------------------------

    def _open_doors(self, tool: Tool, depth: int) -> Steps:
        """Meet the declared preconditions of a tool as far as what is known allows."""
        for need in self.known.graph.requirements[tool.name]:
            if need.kind == "state" and not need.given and need.name not in self.memory.holds:
                yield from self._make_true(need, depth)

    def _try(self, tool: Tool, arguments: dict[str, Any]) -> Steps:
        """Make a call; where a precondition turns out not to hold, meet it and make the call once more."""
        answer: Answer = yield from self._call(tool, arguments)
        if _locked(tool, answer) and not self._opening and (yield from self._reopen(tool)):
            answer = yield from self._call(tool, arguments)
        return answer

    def _reopen(self, tool: Tool) -> Steps:
        """Meet the preconditions again: something undid them. Whether anything was done."""
        needs = [n for n in self.known.graph.requirements[tool.name] if n.kind == "state"]
        self.memory.holds.clear()  # what led there may be undone as well: a session that ended needs a new code
        yield from self._open_doors(tool, 0)
        return any(need.name in self.memory.holds for need in needs)

    def _make_true(self, need: Requirement, depth: int) -> Steps:
        if need.name in self._opening or depth > DEPTH:
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
        outside = span
        for start, end in slots.values():
            if end < len(span.text.rstrip(" .?!,")):  # what is said inside is said of that thing
                outside = Span(outside.text[:start] + "\x01" * (end - start) + outside.text[end:], span.offset, span.taken)
        for name, (start, end) in slots.items():
            if not points(span.text[start:end]) and (value := said_in_slot(span.part(start, end), tool, name)) is not None:
                chosen[name] = [value]
        for name in [name for name in tool.parameters if name not in chosen and name not in slots]:
            if (value := said_by_name(outside, tool, tool.parameters[name])) is not None:
                chosen[name] = [value]
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
            if parameter.semantic is not None and (where := _by_name(span, parameter)) is not None:
                return (yield from self._resolve(parameter.semantic.name, where, depth + 1))
            value = stated(self.facts, tool, parameter) if not helper else None
            if value is None and not (helper and kind == "enum"):
                value = said_by_kind(span, tool, parameter, led=not (helper and kind == "path"))
            return [] if value is None else [value]
        if kind != "key":
            for value in (said_by_kind(span, tool, parameter, led=True), stated(self.facts, tool, parameter)):
                if value is not None:
                    return [value]
        where = mentioned(span, parameter) if parameter.semantic is not None else None
        if where is not None and parameter.semantic is not None:
            values = yield from self._resolve(parameter.semantic.name, where, depth + 1)
            if values:
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


def _by_name(span: Span, parameter: Parameter) -> Span | None:
    """A noun phrase behind a parameter's own name: `with at most the amount of ...`."""
    for form in field_forms(parameter.name):
        if match := re.search(rf"\bwith {re.escape(form)} (?=(?:the|that) )", span.text, re.I):
            return span.part(match.end())
    return None


def _locked(tool: Tool, answer: Answer) -> bool:
    """Whether a call was refused because a declared precondition does not hold: the refusal quotes its doc."""
    return answer.error == "precondition_failed" and any(
        first in answer.message for p in tool.requires if (first := (p.__doc__ or "?").strip().splitlines()[0])
    )


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
