"""Validation of calls against gold (FunReason-MT, arXiv 2510.24645, section 3.3).

(a) arguments are parsed as literals, never evaluated; (b) `strict`: a bijection with the gold calls, same tool,
arguments equal after schema normalisation, respecting the partial order; (c) replay from the round's snapshot:
same final state, and gold's sink outputs among the outputs. Mode `strict` asks a, b and c; `state` a and c, so
that extra harmless reads are allowed. `unseen_value` guards each step: no argument from nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from ..envs.errors import ToolError
from ..envs.task import GoldCall
from ..envs.tool import Tool, ToolCall
from ..envs.verdict import contains
from .brief import states
from .plan import Round

Mode = Literal["strict", "state"]


def literal_arguments(raw: str | dict[str, Any]) -> dict[str, Any] | None:
    """Arguments as plain data, or None where the text is no JSON object."""
    if isinstance(raw, dict):
        return raw
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def normalised(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Arguments as the method takes them, defaults filled in; None where they do not fit the schema."""
    try:
        checked = tool.validate(arguments)
    except ToolError:
        return None
    return {name: checked.get(name, p.default) for name, p in tool.parameters.items()}


def match_calls(gold: Sequence[GoldCall], calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> str:
    """Why `calls` are not `gold` in some allowed order ("" if they are)."""
    if _letter_for_letter(gold, calls, tools):
        return ""
    waiting = list(gold)
    done: set[str] = set()
    for number, call in enumerate(calls):
        arguments = literal_arguments(call.arguments)
        if arguments is None:
            return f"call {number} ({call.name}): the arguments are no JSON object"
        if call.name not in tools:
            return f"call {number}: there is no tool {call.name}"
        mine = normalised(tools[call.name], arguments)
        alike = [g for g in waiting if g.name == call.name]
        if not alike:
            return f"call {number} ({call.name}) is not needed"
        equal = [g for g in alike if mine is not None and normalised(tools[g.name], g.arguments) == mine]
        if not equal:
            return f"call {number} ({call.name}): {_difference(alike[0], arguments)}"
        ready = [g for g in equal if set(g.after) <= done | _outside(g, gold)]
        if not ready:
            return f"call {number} ({call.name}) comes too early"
        waiting.remove(ready[0])
        done.add(ready[0].id)
    return f"{waiting[0].name} is missing" if waiting else ""


def places_of(gold: Sequence[GoldCall], calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> list[str]:
    """The id of the gold call that each call is, in order, as `match_calls` pairs them; "" for one that is none."""
    if _letter_for_letter(gold, calls, tools):
        return [g.id for g in gold]
    waiting, found = list(gold), list[str]()
    for call in calls:
        arguments = literal_arguments(call.arguments)
        mine = normalised(tools[call.name], arguments) if arguments is not None and call.name in tools else None
        done = {identity for identity in found if identity}
        fitting = [
            g for g in waiting
            if mine is not None and g.name == call.name and normalised(tools[g.name], g.arguments) == mine
            and set(g.after) <= done | _outside(g, gold)
        ]  # fmt: skip
        waiting = [g for g in waiting if not fitting or g is not fitting[0]]
        found.append(fitting[0].id if fitting else "")
    return found


def _letter_for_letter(gold: Sequence[GoldCall], calls: Sequence[ToolCall], tools: Mapping[str, Tool]) -> bool:
    """Whether calls are gold itself, in its order, as JSON writes it: then there is nothing to compare."""
    return len(gold) == len(calls) and all(
        g.name == call.name and call.arguments == json.dumps(g.arguments, ensure_ascii=False)
        and g.name in tools and normalised(tools[g.name], g.arguments) is not None
        for g, call in zip(gold, calls, strict=True)
    )  # fmt: skip


def _outside(call: GoldCall, gold: Sequence[GoldCall]) -> set[str]:
    return set(call.after) - {g.id for g in gold}


def _difference(gold: GoldCall, arguments: dict[str, Any]) -> str:
    names = sorted(set(gold.arguments) | set(arguments))
    wrong = [name for name in names if gold.arguments.get(name) != arguments.get(name)]
    return f"{', '.join(wrong[:3]) or 'arguments'} {'differs' if len(wrong) == 1 else 'differ'}"


def same_end(round_: Round, calls: Iterable[ToolCall]) -> str:
    """Why `calls`, run from the round's snapshot, end elsewhere than the round ("" if they do not)."""
    worlds = round_.before.fork()
    results = [worlds.call(call.name, call.arguments) for call in calls]
    mine, goal = round_.before.effects(worlds), round_.before.effects(round_.after)
    if mine != goal:
        missing, extra = goal - mine, mine - goal
        return "the state lacks " + _first(missing) if missing else "the state has " + _first(extra)
    shown = [result.value for result in results if result.error is None]
    for sink in round_.sinks():
        if not sink.tool.writes and sink.value not in shown and not _inside(sink.value, shown):
            return f"no result shows what {sink.name} shows"
    return ""


def _inside(value: Any, shown: list[Any]) -> bool:
    parts = value if isinstance(value, list) else [value]
    return bool(parts) and all(isinstance(part, dict) and contains(shown, part) for part in parts)


def _first(counter: Any) -> str:
    effect = min(counter)
    return f"{effect.kind} {effect.table}"


def validate(round_: Round, gold: Sequence[GoldCall], calls: Sequence[ToolCall], mode: Mode = "strict") -> str:
    """Why the calls of a round are not accepted ("" if they are)."""
    if mode == "strict" and (why := match_calls(gold, calls, round_.before.tools)):
        return why
    if [(g.name, g.arguments) for g in gold] == [(c.name, literal_arguments(c.arguments)) for c in calls]:
        return ""  # the round itself, call for call: worlds are deterministic
    if any(literal_arguments(call.arguments) is None for call in calls):
        return "some arguments are no JSON object"
    return same_end(round_, calls)


def unseen_value(tool: Tool, arguments: dict[str, Any], said: str, shown: Sequence[Any]) -> str:
    """The first argument whose value neither the user's words, nor a result, nor the schema shows ("" if none).

    Args:
        said: all the user said so far. shown: the results so far, as plain data.
    """
    for name, value in arguments.items():
        parameter = tool.parameters.get(name)
        if parameter is None or (not parameter.required and value == parameter.default):
            continue
        internal = parameter.semantic is not None and not parameter.semantic.known
        if (not internal and _from_words(tool, name, value, said)) or any(_holds(result, value) for result in reversed(shown)):
            continue  # words first, then the latest result: there it most often stands
        return name
    return ""


def _from_words(tool: Tool, name: str, value: Any, said: str) -> bool:
    part = tool.parameter_schema["properties"].get(name, {})
    return isinstance(value, bool) or value in part.get("enum", ()) or states(said, name, value)


def _holds(node: Any, value: Any) -> bool:
    """Whether a value stands as a leaf somewhere in plain JSON data."""
    kind, waiting = type(value), [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
        elif type(here) is kind and here == value:
            return True
    return False
