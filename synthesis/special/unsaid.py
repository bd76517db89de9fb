"""`miss_param`: the user leaves out a value that nothing else settles; the assistant asks, and the next turn gives it.

Which value: one that the user says, that a call needs, that was neither said nor shown before, and for which another
value of its kind would do as well and end elsewhere: the *rival*. Law: with the rival the same calls run and end
differently, so nothing that can be known settles the value. Values that no other can stand for (a password) are never
left out: there a guess fails, and whether some result shows them would have to be searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from ...envs.binding import Bound, occurrences
from ...envs.literals import draw_value
from ...envs.told import says
from ..advanced import AdvancedTool, Exposed
from ..aim import Aim
from ..ambiguity import ends_elsewhere
from ..brief import checks_of, states
from ..making import Asked, Making, Writer
from ..navigator import Rejected
from ..phrasing import Speaker, Vague, words
from ..plan import PlannedCall, Round
from . import wording
from .dependence import all_wait_for

RIVALS = 8
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_NOUNS = {"expires", "on", "by", "since", "until", "at most", "at least", "to", "from", "old", "new", "starts", "ends"}


async def unsaid(writer: Writer, making: Making, round_: Round, rng: Random) -> None:
    """The two turns; raises `Rejected`."""
    whole = await writer.ask(making.scene, round_, rng)
    item, rival = _choose(making, round_, whole, rng)
    short = _without(round_, item.value)
    brief = await writer.roles.tooling.brief(short, making.scene, rng)
    if not any("a certain " in goal for goal in brief.goals):
        raise Rejected("not_missed", item.name)  # the request would read as a whole one, and need no question
    query = await writer.roles.querying.write(brief, making.scene, rng)
    said = f"{making.scene.said}\n{query.text}"
    if states(said, item.parameter, item.value) or not all(states(said, e.parameter, e.value) for e in brief.tool.exposed):
        raise Rejected("value_still_said", item.name)
    place = len(making.turns)
    noun = _noun(_call_of(round_, item), item.parameter)
    thought, reply = wording.question(noun, rng)
    hint = f"The user has not said the {item.parameter}, and no tool can tell it. Ask for it, and call nothing."
    aim = Aim(hint, thought, reply, asks=wording.naming(noun, item.parameter))
    await writer.say(making, round_, Asked(brief, query, whole.jump), rng, aim)
    answer = wording.added(noun, item.value, making.scene.style, rng, query.persona)
    if not states(answer.text, item.parameter, item.value):
        raise Rejected("value_not_stated", item.name)
    now = replace(round_, elapse=0)
    following = Asked(whole.brief, answer, {})
    chain = await writer.answer(making, now, following, rng)
    making.add(now, following, chain, checks_of(round_, whole.brief.answers, round_.before))
    making.special.append(
        {"kind": "miss_param", "turn": place, "call": item.call, "parameter": item.parameter, "rival": rival}
    )  # fmt: skip


def _choose(making: Making, round_: Round, asked: Asked, rng: Random) -> tuple[Exposed, Any]:
    """A value to leave out, and its rival."""
    tool = asked.brief.tool
    items = list(tool.exposed)
    rng.shuffle(items)
    for item in items:
        parameter = _call_of(round_, item).tool.parameters[item.parameter]
        if not parameter.required or isinstance(item.value, bool) or not isinstance(item.value, (str, int, float)):
            continue
        takers = _takers(round_, item.value)
        if words(item.parameter) in _NO_NOUNS or not all_wait_for(round_, takers):
            continue
        if says(making.scene.said, item.value) or shown_before(making, item.value) or item.value in ("", None):
            continue
        if sum(says(str(other.value), item.value) for other in items if other.value != item.value):
            continue
        for rival in _rivals(making, round_, item, rng):
            if ends_elsewhere(round_, tool, making.earlier, values=_values(tool, item.value, rival)):
                return item, rival
    raise Rejected("no_value_to_leave_out")


def shown_before(making: Making, value: Any) -> bool:
    """Whether a result of an earlier turn shows a value."""
    calls = (call for r in making.scene.rounds for call in r.calls)
    return any(seen.value == value for call in calls for seen in occurrences(call.tool, call.value))


def _takers(round_: Round, value: Any) -> list[str]:
    return [call.id for call in round_.calls if any(_says(bound, value) for bound in call.bound.values())]


def _noun(call: PlannedCall, name: str) -> str:
    """What a person calls a parameter: `day` for a date, `file` for a path, else its own name."""
    if isinstance(value := call.bound[name].value, str) and _DATE.fullmatch(value):
        return "day"
    meaning = call.tool.parameters[name].semantic
    return Speaker.noun(meaning.name) if meaning is not None and not meaning.known else words(name)


def _says(bound: Bound, value: Any) -> bool:
    return bound.kind == "user" and bound.seen is None and bool(bound.value == value)


def _values(tool: AdvancedTool, value: Any, rival: Any) -> dict[str, Any]:
    return {item.name: rival for item in tool.exposed if item.value == value and type(item.value) is type(value)}


def _rivals(making: Making, round_: Round, item: Exposed, rng: Random) -> Iterator[Any]:
    """Other values of its kind: facts of the world first, then made-up ones."""
    call = _call_of(round_, item)
    parameter = call.tool.parameters[item.parameter]
    facts = list(making.pool.facts.get(parameter.semantic.name) or ()) if parameter.semantic is not None else []
    found = rng.sample(facts, min(len(facts), RIVALS))
    schema = call.tool.parameter_schema
    for _ in range(RIVALS - len(found)):
        drawn = parameter.draw(round_.before.world_of(call.name), rng) if parameter.draw is not None else None
        if drawn is None and parameter.semantic is None:
            drawn = draw_value(schema["properties"][parameter.name], rng, schema.get("$defs", {}))
        found.append(drawn)
    yield from [value for value in dict.fromkeys(found) if value is not None and value != item.value]


def _call_of(round_: Round, item: Exposed) -> PlannedCall:
    call = round_.call(item.call)
    assert call is not None, "an exposed parameter belongs to a call of its round"
    return call


def _without(round_: Round, value: Any) -> Round:
    """The round as one tells it who leaves a value out."""
    calls = [
        replace(
            call, bound={n: Bound(Vague(f"a certain {_noun(call, n)}"), "vague") if _says(b, value) else b for n, b in call.bound.items()}
        )
        for call in round_.calls
    ]
    return replace(round_, calls=calls, _sinks=None, _counted=-1)
