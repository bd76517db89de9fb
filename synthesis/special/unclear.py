"""`clarify`: the user's words fit several things; the assistant looks, asks which one, and the user says it mid-way.

A round in which one call takes a thing out of a list is cut in two: the reads that show the list, then the rest. The words
that tell the thing apart are left out of the request and said in the next turn. Law: another entry of the same list would
do as well and end elsewhere (the *rival*), so asking is the only way; what was looked up before the question is kept.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

from ...envs.binding import Bound, Occurrence
from ...envs.task import Checks
from ...envs.told import says
from ..aim import Aim
from ..ambiguity import ends_elsewhere
from ..brief import checks_of
from ..making import Asked, Making, Writer
from ..navigator import Rejected
from ..phrasing import Speaker
from ..plan import PlannedCall, Reference, Round, lasting
from . import wording
from .dependence import all_wait_for, upstream

MOST_RIVALS = 12


class _Cut(NamedTuple):
    """Where a round is cut: the call and argument that are unclear, another value for it, and the ids that come before."""

    call: PlannedCall
    name: str
    rival: Any
    first: frozenset[str]
    fitting: int


async def unclear(writer: Writer, making: Making, round_: Round, rng: Random) -> None:
    """The two turns; raises `Rejected`."""
    whole = await writer.ask(making.scene, round_, rng)
    cut = _choose(making, round_, whole, rng)
    seen = _seen(cut)
    speaker = Speaker([*making.scene.rounds, round_], making.scene.style)
    thing = speaker.thing(cut.call.bound[cut.name], cut.call.refs[cut.name])
    vague = _vague(round_, seen)
    brief = await writer.roles.tooling.brief(vague, making.scene, rng)
    query = await writer.roles.querying.write(brief, making.scene, rng)
    if any(says(query.text, value) for _, value in cut.call.refs[cut.name].where) or thing in query.text:
        raise Rejected("still_clear")
    place, noun = len(making.turns), Speaker.noun(seen.semantic)
    thought, reply = wording.which(noun, cut.fitting, rng)
    hint = f"The user's words fit more than one {noun}. Look them up, then ask which one is meant; change nothing before."
    aim = Aim(hint, thought, reply, asks=wording.naming(noun, cut.name))
    first, rest = _halves(round_, cut)
    opening = Asked(brief._replace(answers=()), query, whole.jump)
    chain = await writer.answer(making, first, opening, rng, aim)
    making.add(first, opening, chain, aim.checks(Checks()))
    following = Asked(whole.brief, wording.meant(thing, rng, query.persona), {})
    chain = await writer.answer(making, rest, following, rng)
    making.add(rest, following, chain, checks_of(round_, whole.brief.answers, round_.before))
    making.special.append({"kind": "clarify", "turn": place, "call": cut.call.id, "parameter": cut.name, "rival": cut.rival})


def _seen(cut: _Cut) -> Occurrence:
    seen = cut.call.bound[cut.name].seen
    assert seen is not None, "what is unclear comes out of a result"
    return seen


def _choose(making: Making, round_: Round, asked: Asked, rng: Random) -> _Cut:
    options = [(call, name) for call in round_.calls for name, bound in call.bound.items() if _pointed_at(call, name, bound, round_)]
    rng.shuffle(options)
    goals = {call.id for call in round_.sinks()}
    for call, name in options:
        seen = call.bound[name].seen
        assert seen is not None
        first = upstream(round_, seen.call)
        before = [c for c in round_.calls if c.id in first]
        if (
            call.id in first
            or first & goals
            or not all_wait_for(round_, (call.id,))
            or any(lasting(c, round_.before.incidental(), round_.before) for c in before)
        ):
            continue
        if _takers(round_, seen) != 1:
            continue
        key = seen.path.rpartition(".")[2]
        others = dict.fromkeys(rival[key] for rival in seen.rivals if rival.get(key) not in (None, "", seen.value))
        for rival in list(others)[:MOST_RIVALS]:
            if ends_elsewhere(round_, asked.brief.tool, making.earlier, swap=(call.id, name, rival)):
                return _Cut(call, name, rival, frozenset(first), 1 + len(seen.rivals))
    raise Rejected("nothing_unclear")


def _takers(round_: Round, seen: Occurrence) -> int:
    """How many arguments take the value that stood there."""
    bounds = (bound for call in round_.calls for bound in call.bound.values())
    return sum(bound.seen is not None and (bound.seen.call, bound.seen.path) == (seen.call, seen.path) for bound in bounds)


def _pointed_at(call: PlannedCall, name: str, bound: Bound, round_: Round) -> bool:
    """Whether the user tells one of several things of this round apart by words."""
    if bound.seen is None or bound.kind != "output" or not isinstance(bound.value, str) or not bound.seen.path.startswith("["):
        return False
    reference = call.refs[name]
    return bool(bound.seen.rivals) and bool(reference.where or ":" in reference.pick) and round_.call(bound.seen.call) is not None


def _vague(round_: Round, seen: Occurrence) -> Round:
    """The round as one tells it who does not tell the thing apart."""
    calls = []
    for call in round_.calls:
        refs = {
            name: Reference() if (s := call.bound[name].seen) is not None and (s.call, s.path) == (seen.call, seen.path) else reference
            for name, reference in call.refs.items()
        }
        calls.append(replace(call, refs=refs))
    return replace(round_, calls=calls, _sinks=None, _counted=-1)


def _halves(round_: Round, cut: _Cut) -> tuple[Round, Round]:
    """The calls up to the list, and the rest, whose values then come from an earlier turn."""
    first = [call for call in round_.calls if call.id in cut.first]
    middle = round_.before.fork()
    for call in first:
        if middle.call(call.name, call.arguments).text != call.result.text:
            raise Rejected("cannot_be_cut")
    rest = [
        replace(call, bound={n: b._replace(kind="earlier_turn") if b.seen is not None and b.seen.call in cut.first else b
                             for n, b in call.bound.items()})
        for call in round_.calls if call.id not in cut.first
    ]  # fmt: skip
    start = replace(round_, calls=first, after=middle, _sinks=None, _counted=-1)
    return start, replace(round_, calls=rest, before=middle, elapse=0, _sinks=None, _counted=-1)
