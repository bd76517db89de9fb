"""Proofs of what is special about a task, from the task alone: what its `meta["special"]` claims is executed again.

Each claim names the turn and, where one is needed, a witness: the withheld tool, the rival value. Laws: a task of a special
category without a claim of its kind is not proven, and neither is a claim that execution does not bear out; a `base` task
makes none. Nothing special stands in a task unclaimed. Not here: what every task has to prove (`verify.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...envs.binding import Pool
from ...envs.errors import TurngymError, WorldRefusedError, display
from ...envs.faults import ONCE
from ...envs.registry import world_class
from ...envs.task import Checks, GoldCall, Source, Task, TaskWorld
from ...envs.told import normalise, says
from ...envs.verdict import start_of
from ...envs.worldset import WorldSet, tool_table
from ..advanced import pick_value
from ..brief import states
from ..plan import Reference
from .dependence import gold_waits_for
from .search import goal_of, other_way, said_pool

_EXTREMES = re.compile(r"\b(smallest|largest|cheapest|most expensive|earliest|latest|lowest|highest)\b")
LONGER = 1.5  # times the text that gold's calls show in the plain worlds


@dataclass(slots=True)
class Moment:
    """A task just before a turn's calls: the worlds, what was shown (as `Pool` and by call id), what was said with the turn."""

    worlds: WorldSet
    pool: Pool
    shown: dict[str, Any] = field(default_factory=dict)
    said: str = ""


def moment_of(task: Task, turn: int, start: WorldSet | None = None) -> Moment:
    """Play gold up to a turn, in a fork of `start` (the worlds as generated)."""
    moment = Moment((start or start_of(task)).fork(), Pool())
    for number, part in enumerate(task.turns[: turn + 1]):
        moment.worlds.advance(part.elapse)
        moment.said = f"{moment.said}\n{part.user}"
        for call in part.gold if number < turn else ():
            result = moment.worlds.call(call.name, call.arguments)
            moment.shown[call.id] = result.value
            moment.pool.add(moment.worlds.tools[call.name], result.value, turn=number, call=call.id)
    return moment


def prove_special(task: Task, start: WorldSet | None = None) -> Iterator[str]:
    """Why a task is not what its category says; nothing if it is."""
    claims = task.meta.get("special", ())
    yield from _unclaimed(task, claims)
    if task.category in ("base", "long_context"):
        if claims:
            yield f"a {task.category} task claims to be special"
        if task.category == "long_context":
            yield from _swelled(task)
        return
    if not isinstance(claims, (list, tuple)) or not any(isinstance(c, dict) and c.get("kind") == task.category for c in claims):
        yield f"a task of the category {task.category} claims nothing of that kind"
        return
    for claim in claims:
        try:
            proof = _PROOFS[claim["kind"]]
            turn = claim["turn"]
            if not isinstance(turn, int) or not 0 <= turn < len(task.turns):
                raise LookupError(turn)
            for why in proof(task, claim, turn, start):
                yield f"turn {turn} is no {claim['kind']}: {why}"
        except WorldRefusedError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, TurngymError) as error:
            yield f"a claim cannot be read ({type(error).__name__}): {display(claim, 120)}"


def _unclaimed(task: Task, claims: Any) -> Iterator[str]:
    """What is special about a task without a claim that would prove it."""
    made = {(c.get("kind"), c.get("turn")) for c in claims if isinstance(c, dict)} if isinstance(claims, (list, tuple)) else set()
    hidden = set(task.held_out)
    for number, part in enumerate(task.turns):
        for there, what, kinds in (
            (part.checks.declines, "declines", ("miss_func", "irrelevant")),
            (part.checks.asks, "asks", ("miss_param", "clarify")),
            (part.faults, "has faults", ("error_tool_response",)),
        ):
            if there and not any((kind, number) in made for kind in kinds):
                yield f"turn {number} {what}, and nothing claims it"
        if part.release and ("miss_func", number - 1) not in made:
            yield f"turn {number} hands tools over, and nothing claims it"
        hidden.difference_update(part.release)
        if missing := sorted(hidden & {call.name for call in part.gold}):
            yield f"gold of turn {number} calls {missing[0]}, which is withheld"
    if task.category == "base" and any(part.swell for part in task.worlds):
        yield "a base task has swelled worlds"


def _withheld(task: Task, claim: dict[str, Any], turn: int, start: WorldSet | None) -> Iterator[str]:
    tool, following = claim["tool"], task.turns[turn + 1]
    if tool not in task.held_out or tool not in following.release or any(tool in t.release for t in task.turns[: turn + 1]):
        yield f"{tool} is not withheld until the next turn"
    if task.turns[turn].gold or not task.turns[turn].checks.declines:
        yield "the request is not declined"
    if tool not in [call.name for call in following.gold]:
        yield f"{tool} is not used once it is there"
    elif not gold_waits_for(moment_of(task, turn, start).worlds, following.gold, _named(following.gold, (tool,))):
        yield f"some of what is asked for can be done without {tool}"
    yield from _reachable(task, turn, following.gold, following.checks, (tool,), start)


def _hopeless(task: Task, claim: dict[str, Any], turn: int, start: WorldSet | None) -> Iterator[str]:
    tools = claim["tools"]
    if task.turns[turn].gold or not task.turns[turn].checks.declines:
        yield "the request is not declined"
    if len(task.turns) < 2 or not any(part.gold for part in task.turns):
        yield "there is nothing else to do, so that whoever declines everything passes"
    if "world" in claim:
        yield from _strange(task, claim, turn)
        return
    released = {name for part in task.turns for name in part.release}
    if not set(tools) <= set(task.held_out) - released:
        yield "what could serve the request is at hand"
    would = claim["would"]
    gold = tuple(GoldCall.model_validate(call) for call in would["gold"])
    if not gold_waits_for(moment_of(task, turn, start).worlds, gold, _named(gold, tools)):
        yield "some of what is asked for can be done"
    yield from _reachable(task, turn, gold, Checks.model_validate(would["checks"]), tuple(tools), start)


def _strange(task: Task, claim: dict[str, Any], turn: int) -> Iterator[str]:
    """Whether the request is one of another world, which has no tool here: it runs there, and says what it needs there."""
    there, tools = TaskWorld.model_validate(claim["world"]), claim["tools"]
    names = {part.world for part in task.worlds}
    here = tool_table(tuple(world_class(name) for name in sorted(names))).tools
    if not tools or there.world in names or set(tools) & set(here) or not set(tools) <= set(world_class(there.world).tools):
        yield f"the tools of this task serve requests of {there.world}"
        return
    worlds = start_of(task.model_copy(update={"worlds": (there,)}))
    gold = [GoldCall.model_validate(call) for call in claim["would"]["gold"]]
    if not set(tools) <= {call.name for call in gold} or any(worlds.call(c.name, c.arguments).error is not None for c in gold):
        yield f"the request cannot be served in {there.world} either"
    for call in gold:
        for name, source in call.sources.items():
            if source.kind == "user" and not states(task.turns[turn].user, name, call.arguments[name]):
                yield f"the request does not say the {name} that {call.name} of {there.world} takes"


def _reachable(
    task: Task, turn: int, gold: Any, checks: Checks, barred: tuple[str, ...], start: WorldSet | None
) -> Iterator[str]:  # fmt: skip
    """Whether a bounded search finds a way without the barred tools, or gold itself is none with them."""
    moment = moment_of(task, turn, start)
    earlier = [call for part in task.turns[:turn] for call in part.gold]
    pool = said_pool(moment.worlds, [*earlier, *gold])
    for found in moment.pool.seen.values():
        pool.extend(found)
    tried = moment.worlds.fork()
    if any(tried.call(call.name, call.arguments).error is not None for call in gold):
        yield "what is asked for cannot be done with the tools either"
        return
    way = other_way(goal_of(moment.worlds, pool, gold, checks), barred)
    if way is not None:
        yield f"another way leads there: {', '.join(call.name for call in way if moment.worlds.tools[call.name].writes) or 'reads'}"


def _unsaid(task: Task, claim: dict[str, Any], turn: int, start: WorldSet | None) -> Iterator[str]:
    following = task.turns[turn + 1]
    call, name, rival = _call(following.gold, claim["call"]), claim["parameter"], claim["rival"]
    value, moment = call.arguments[name], moment_of(task, turn, start)
    if task.turns[turn].gold or not task.turns[turn].checks.asks:
        yield "the reply need not ask"
    if states(moment.said, name, value):
        yield f"{name} is said before it is asked for"
    if not states(following.user, name, value):
        yield f"{name} is not said when it is asked for"
    if any(item.value == value for found in moment.pool.seen.values() for item in found):
        yield f"{name} was shown before it is asked for"
    if not moment.worlds.tools[call.name].parameters[name].required:
        yield f"{name} has a default"
    swaps = {
        (other.id, key): rival for other in following.gold for key, source in other.sources.items()
        if source.kind == "user" and other.arguments[key] == value
    }  # fmt: skip
    if rival == value or not _differs(moment, following.gold, swaps):
        yield f"no other {name} would do"
    if not gold_waits_for(moment.worlds, following.gold, {identity for identity, _ in swaps}):
        yield f"some of what is asked for can be done without {name}"


def _unclear(task: Task, claim: dict[str, Any], turn: int, start: WorldSet | None) -> Iterator[str]:
    following = task.turns[turn + 1]
    call, name, rival = _call(following.gold, claim["call"]), claim["parameter"], claim["rival"]
    source, moment = call.sources[name], moment_of(task, turn + 1, start)
    if not task.turns[turn].checks.asks:
        yield "the reply need not ask"
    if source.call not in {other.id for other in task.turns[turn].gold}:
        yield f"{name} does not come out of what was looked up"
    seen = [item for item in moment.pool.seen.get(source.semantic, ()) if item.call == source.call]
    mine = next((item for item in seen if item.path == source.path), None)
    other = next((item for item in seen if item.value == rival), None)
    if mine is None or other is None or rival == call.arguments[name]:
        yield f"{display(rival)} is no other thing that was looked up"
        return
    if _tells_apart(task.turns[turn].user, source, following.user) or _fits_alone(task.turns[turn].user, mine.holder, other.holder):
        yield "the request tells the thing apart"
    if not all(states(following.user, field, value) for field, value in source.where.items()):
        yield "the thing is not told apart when it is asked for"
    if not _differs(moment, following.gold, {(call.id, name): rival}):
        yield f"no other {name} would do"
    if not gold_waits_for(moment.worlds, following.gold, {call.id}):
        yield f"some of what is asked for can be done without {name}"


def _tells_apart(request: str, source: Source, answer: str) -> bool:
    """Whether a request says what the answer says to point at the thing."""
    if any(states(request, field, value) for field, value in source.where.items()):
        return True
    extremes = set(_EXTREMES.findall(normalise(answer))) if source.pick.startswith(("min", "max")) else set()
    return not extremes.isdisjoint(_EXTREMES.findall(normalise(request)))


def _fits_alone(request: str, mine: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a request says something that is true of the thing and not of its rival."""
    return any(isinstance(value, str) and value and other.get(field) != value and says(request, value) for field, value in mine.items())


def _named(gold: Iterable[GoldCall], tools: Collection[str]) -> set[str]:
    return {call.id for call in gold if call.name in tools}


def _troubled(task: Task, claim: dict[str, Any], turn: int, start: WorldSet | None) -> Iterator[str]:
    part = task.turns[turn]
    called = {call.name for call in part.gold}
    for fault in part.faults:
        if fault.tool not in called:
            yield f"no gold call meets the fault of {fault.tool}"
        if fault.kind not in ONCE:
            yield f"a service that answers {fault.kind} without a reason tells a lie about the call"
    if len({fault.tool for fault in part.faults}) < len(part.faults):
        yield "a tool has more than one fault"
    if not part.faults:
        yield "nothing fails"


def _swelled(task: Task) -> Iterator[str]:
    """Gold of a `long_context` task does the same in plain worlds, where it shows much less."""
    if not all(part.swell for part in task.worlds if world_class(part.world).can_swell) or not any(p.swell for p in task.worlds):
        yield "its worlds are no larger than those of other tasks"
        return
    plain = task.model_copy(update={"worlds": tuple(_plain(part) for part in task.worlds)})
    lengths = [_shown_by_gold(one) for one in (plain, task)]
    if lengths[0] is None or lengths[1] is None:
        yield "gold does not run in the plain worlds"
    elif lengths[1] < LONGER * lengths[0]:
        yield f"its results are {lengths[1] / max(1, lengths[0]):.2f} times as long as in plain worlds, not {LONGER}"


def _shown_by_gold(task: Task) -> int | None:
    """How much text the results of gold are; None if a call fails."""
    worlds, length = start_of(task), 0
    for part in task.turns:
        worlds.advance(part.elapse)
        for call in part.gold:
            result = worlds.call(call.name, call.arguments)
            if result.error is not None:
                return None
            length += len(result.text)
    return length


def _plain(part: TaskWorld) -> TaskWorld:
    return part.model_copy(update={"swell": 0})


def _call(gold: tuple[GoldCall, ...], identity: str) -> GoldCall:
    for call in gold:
        if call.id == identity:
            return call
    raise LookupError(identity)


def _differs(moment: Moment, gold: tuple[GoldCall, ...], swaps: dict[tuple[str, str], Any]) -> bool:
    """Whether gold also runs with other values in some places, and shows or changes something else."""
    usual, other = moment.worlds.fork(), moment.worlds.fork()
    shown, changed, same = dict(moment.shown), dict(moment.shown), True
    for call in gold:
        arguments = {n: swaps.get((call.id, n), _resolved(v, call.sources.get(n), changed)) for n, v in call.arguments.items()}
        result = other.call(call.name, arguments)
        expected = usual.call(call.name, call.arguments)
        if result.error is not None or expected.error is not None:
            return False
        shown[call.id], changed[call.id] = expected.value, result.value
        same = same and result.text == expected.text
    return not same or moment.worlds.effects(other) != moment.worlds.effects(usual)


def _resolved(value: Any, source: Source | None, shown: dict[str, Any]) -> Any:
    """A value that flows from a result, as that result now has it; what cannot be picked again stays as it is."""
    if source is None or source.call not in shown:
        return value
    try:
        return pick_value(shown[source.call], source.path, Reference(tuple(source.where.items()), source.pick))
    except (LookupError, ValueError):
        return value


_Proof = Callable[[Task, dict[str, Any], int, "WorldSet | None"], Iterator[str]]
_PROOFS: dict[str, _Proof] = {
    "miss_func": _withheld, "irrelevant": _hopeless, "miss_param": _unsaid, "clarify": _unclear, "error_tool_response": _troubled,
}  # fmt: skip
