"""What depends on what within a round: who comes before a call, and whether every goal waits for some calls.

A special turn stops a round before certain calls. Law: it may do so only where every goal of the round waits for them;
else an assistant that did the rest first would be as right as one that did nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ...envs.task import GoldCall
from ...envs.worldset import WorldSet
from ..navigator import holding
from ..plan import PlannedCall, Round, tables_written


def upstream(round_: Round, identity: str) -> set[str]:
    """A call and all calls of its round that have to come before it."""
    found, waiting = set[str](), [identity]
    while waiting:
        call = round_.call(waiting.pop())
        if call is not None and call.id not in found:
            found.add(call.id)
            waiting += _needs(call)
    return found


def all_wait_for(round_: Round, calls: Iterable[str]) -> bool:
    """Whether every goal of the round is one of `calls` (ids), or waits for one."""
    stopped = set(calls)
    return all(stopped & upstream(round_, goal.id) for goal in round_.sinks())


def _needs(call: PlannedCall) -> list[str]:
    return [*call.after, *(bound.seen.call for bound in call.bound.values() if bound.seen is not None)]


def gold_waits_for(before: WorldSet, gold: Sequence[GoldCall], stopped: Collection[str]) -> bool:
    """Whether every goal of gold (calls of one turn, from the worlds before it) is one of `stopped` (ids), or waits for one.

    Goals are what `Round.sinks` says, told from the calls alone.
    """
    calls = {call.id: call for call in gold}
    for goal in _goals(before, gold):
        found, waiting = set[str](), [goal]
        while waiting:
            call = calls.get(waiting.pop())
            if call is not None and call.id not in found:
                found.add(call.id)
                waiting += [*call.after, *(source.call for source in call.sources.values())]
        if not found & set(stopped):
            return False
    return True


def _goals(before: WorldSet, gold: Sequence[GoldCall]) -> list[str]:
    worlds, incidental, found = before.fork(), before.incidental(), list[str]()
    used = {source.call for call in gold for source in call.sources.values()}
    tools = [worlds.tools[call.name] for call in gold]
    needed = {f"{tool.owner}.{predicate.__name__}" for tool in tools for predicate in tool.requires}
    for call in gold:
        held = holding(worlds)
        result = worlds.call(call.name, call.arguments)
        opened = (holding(worlds) - held) & needed
        if not incidental.issuperset(tables_written(result, worlds)) or (call.id not in used and not opened):
            found.append(call.id)
    return found
