"""`error_tool_response`: services fail once, and now and then the assistant is wrong itself; it recovers.

The task carries one or two faults (a service that is unavailable, busy, in conflict, or does not know the session), which
every policy meets. A template reasoner also makes a mistake of its own in some conversations: a call before its
precondition, an argument left out or put in the user's words; the world refuses it, which changes nothing. Law: gold is
what it was; what failed is named in the notes, the assistant's own mistakes as `slips`, so that nobody trains on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from ...envs.faults import ONCE
from ...envs.task import Fault
from ...envs.tool import ToolCall
from ...envs.worldset import WorldSet
from ..aim import Aim, Slip
from ..brief import checks_of
from ..making import Making, Writer
from ..navigator import Rejected
from ..plan import PlannedCall, Round

SLIPS = 0.5  # share of these conversations with a mistake of the assistant's own
_EAGER = ("{tool} should do it.", "I can call {tool} right away.", "I try {tool}.")


async def troubled(writer: Writer, making: Making, round_: Round, rng: Random) -> None:
    """The turn; raises `Rejected`."""
    asked = await writer.ask(making.scene, round_, rng)
    names = list(dict.fromkeys(call.name for call in round_.calls))
    struck = rng.sample(names, min(len(names), 2 if len(names) > 2 and rng.random() < 0.25 else 1))
    faults = tuple(Fault(tool=name, kind=rng.choice(ONCE)) for name in names if name in struck)
    slips = _slips(round_, rng) if rng.random() < SLIPS else ()
    place = len(making.turns)
    chain = await writer.answer(making, round_, asked, rng, Aim(faults=faults, slips=slips))
    if not chain.attempts[-1].extra:
        raise Rejected("nothing_failed")
    making.add(round_, asked, chain, checks_of(round_, asked.brief.answers, round_.before), faults=faults)
    making.special.append({"kind": "error_tool_response", "turn": place})


def _slips(round_: Round, rng: Random) -> tuple[Slip, ...]:
    """One mistake that the world refuses, where there is one to make."""
    found = [*_too_early(round_), *_wrong(round_)]
    if not found:
        return ()
    index, call = rng.choice(found)
    return (Slip(index, rng.choice(_EAGER).format(tool=call.name), call._replace(id=f"t{round_.turn}s0")),)


def _too_early(round_: Round) -> Iterator[tuple[int, ToolCall]]:
    """Calls made before the one that opens their door."""
    for index, door in enumerate(round_.calls):
        if not door.enables:
            continue
        worlds, before = _at(round_, index), {call.id for call in round_.calls[:index]}
        for later in round_.calls[index + 1 :]:
            known = all(b.seen is None or b.seen.call in before or round_.call(b.seen.call) is None for b in later.bound.values())
            if known and _refused(worlds, later.name, later.arguments):
                yield index, _made(later.name, later.arguments)


def _wrong(round_: Round) -> Iterator[tuple[int, ToolCall]]:
    """Calls with an argument left out, or with the user's words where an id belongs."""
    for index, call in enumerate(round_.calls):
        worlds = _at(round_, index)
        for name, arguments in _worse(call):
            if _refused(worlds, name, arguments):
                yield index, _made(name, arguments)


def _worse(call: PlannedCall) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, bound in call.bound.items():
        if call.tool.parameters[name].required:
            yield call.name, {key: value for key, value in call.arguments.items() if key != name}
        if bound.seen is not None:
            for _, value in call.refs[name].where:
                if isinstance(value, str):
                    yield call.name, {**call.arguments, name: value}


def _at(round_: Round, index: int) -> WorldSet:
    worlds = round_.before.fork()
    for call in round_.calls[:index]:
        worlds.call(call.name, call.arguments)
    return worlds


def _refused(worlds: WorldSet, name: str, arguments: dict[str, Any]) -> bool:
    return worlds.fork().call(name, arguments).error not in (None, "internal_error")


def _made(name: str, arguments: dict[str, Any]) -> ToolCall:
    return ToolCall(name, json.dumps(arguments, ensure_ascii=False))
