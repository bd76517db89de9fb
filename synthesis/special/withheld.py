"""`miss_func` and `irrelevant`: the user asks for what no tool at hand can do.

`miss_func` withholds one needed tool of a round from the beginning of the conversation; the request is declined, the next
turn hands the tool over, and the round is played. `irrelevant` is never served: either every tool that could do it is
withheld for good, or the request is one of another world. Laws: a bounded search (`search.py`) finds no way without what
is withheld; nobody has used it before.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from random import Random
from typing import NamedTuple

from ...envs.task import Checks, TaskWorld
from ...envs.tool import ToolCall
from ..aim import Aim
from ..brief import checks_of
from ..making import Asked, Making, Writer
from ..navigator import Rejected
from ..plan import Round
from . import wording
from .dependence import all_wait_for
from .search import Goal, goal_of, other_way, said_pool

_HINT = "No tool that is at hand now can do what the user asks. Say so in plain words, and call nothing."
MOST_WITHHELD = 4


class Request(NamedTuple):
    """A request of another world: in words, the round that would serve it there, and that world."""

    asked: Asked
    round: Round
    world: TaskWorld

    @property
    def tools(self) -> list[str]:
        """The tools that would serve it: those of its goals."""
        return [call.name for call in self.round.sinks()]

    def claim(self, turn: int) -> dict[str, object]:
        """What a task claims of it."""
        gold = [call.gold().model_dump(mode="json", exclude_defaults=True) for call in self.round.calls]
        world = self.world.model_dump(mode="json", exclude_defaults=True)
        return {"kind": "irrelevant", "turn": turn, "world": world, "tools": self.tools, "would": {"gold": gold}}


async def withheld(writer: Writer, making: Making, round_: Round, rng: Random) -> None:
    """The two turns of `miss_func`; raises `Rejected`."""
    asked = await writer.ask(making.scene, round_, rng)
    checks = checks_of(round_, asked.brief.answers, round_.before)
    goal = _goal(making, round_, checks)
    used = {call.name for r in making.scene.rounds for call in r.calls}
    names = list(dict.fromkeys(call.name for call in round_.calls if call.name not in used))
    rng.shuffle(names)
    tool = next((name for name in names if _stops(round_, (name,)) and other_way(goal, (name,)) is None), None)
    if tool is None:
        raise Rejected("no_needed_tool")
    place = len(making.turns)
    await writer.say(making, round_, asked, rng, _refusal(rng, frozenset((tool,))))
    following = asked._replace(query=wording.handed_over(rng, asked.query.persona), jump={})
    now = replace(round_, elapse=0)
    chain = await writer.answer(making, now, following, rng)
    making.add(now, following, chain, checks, release=(tool,))
    making.held_out = (tool,)
    making.special.append({"kind": "miss_func", "turn": place, "tool": tool})


async def hopeless(writer: Writer, making: Making, round_: Round, rng: Random, strange: Request | None) -> None:
    """The one turn of `irrelevant`; raises `Rejected`."""
    place = len(making.turns)
    if strange is not None:
        if set(strange.tools) & set(making.worlds.tools):
            raise Rejected("not_irrelevant")
        await writer.say(making, replace(round_, target=strange.round.target), strange.asked, rng, _refusal(rng, frozenset()))
        making.special.append(strange.claim(place))
        return
    asked = await writer.ask(making.scene, round_, rng)
    checks = checks_of(round_, asked.brief.answers, round_.before)
    goal = _goal(making, round_, checks)
    used = {call.name for r in making.scene.rounds for call in r.calls}
    barred = _cut_off(round_, goal, used, rng)
    await writer.say(making, round_, asked, rng, _refusal(rng, barred))
    making.held_out, making.barred = tuple(sorted(barred)), barred
    would = {"gold": [call.model_dump(mode="json", exclude_defaults=True) for call in goal.gold], "checks": _data(checks)}
    making.special.append({"kind": "irrelevant", "turn": place, "tools": sorted(barred), "would": would})


def _cut_off(round_: Round, goal: Goal, used: set[str], rng: Random) -> frozenset[str]:
    """Tools without which the goal cannot be reached: one of the plan, and of each other way that is found."""
    barred: set[str] = set()
    plan = [call.name for call in goal.gold]
    for _ in range(MOST_WITHHELD):
        free = sorted(set(plan) - used - barred)
        if not free:
            break
        barred.add(rng.choice(free))
        way = other_way(goal, barred)
        if way is None and _stops(round_, barred):
            return frozenset(barred)
        if way is None:
            way = tuple(ToolCall(call.name, call.arguments) for call in goal.gold)  # a goal is left that does not wait for them
        plan = [call.name for call in way if goal.before.tools[call.name].writes] or [call.name for call in way]
    raise Rejected("no_needed_tool")


def _stops(round_: Round, tools: Collection[str]) -> bool:
    return all_wait_for(round_, [call.id for call in round_.calls if call.name in tools])


def _goal(making: Making, round_: Round, checks: Checks) -> Goal:
    gold = [call.gold() for call in round_.calls]
    earlier = [call.gold() for r in making.scene.rounds for call in r.calls]
    pool = said_pool(round_.before, [*earlier, *gold])
    for occurrences in making.pool.seen.values():
        pool.extend(occurrences)
    return goal_of(round_.before, pool, gold, checks)


def _refusal(rng: Random, hidden: frozenset[str]) -> Aim:
    thought, reply = wording.decline(rng)
    return Aim(_HINT, thought, reply, declines=True, hidden=hidden)


def _data(checks: Checks) -> dict[str, object]:
    return checks.model_dump(mode="json", exclude_defaults=True)
