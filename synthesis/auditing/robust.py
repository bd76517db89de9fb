"""Robust: another way to do the same passes too.

Small perturbations of gold are played: an order that gold allows, a mistaken call that is refused before each right one, reads
that nobody asked for, a write that is taken back and done again, a by-product made once more. Law: a perturbation counts only
where it provably ends in the same place, or is declared not to matter; what would change the outcome says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .case import Call, Play
from .evidence import Evidence, Made, go_on, leaves
from .finding import Finding

_READS, _SWAPS, _WRITES, _TAKEN_BACK = 6, 8, 6, 12


def robust(evidence: Evidence) -> Iterator[Finding]:
    """Perturbations on which a correct run fails."""
    if not evidence.success:
        return
    yield from _declared_order(evidence)
    yield from _swapped(evidence)
    yield from _mistaken(evidence)
    yield from _extra_reads(evidence)
    yield from _by_products(evidence)
    yield from _undone(evidence)


# -- order ------------------------------------------------------------------------------------------------


def _declared_order(evidence: Evidence) -> Iterator[Finding]:
    """Gold in the order most unlike its own that its partial order allows."""
    if any(call.after is None for turn in evidence.case.turns for call in turn.gold):
        return
    orders = [latest_order(turn.gold) for turn in evidence.case.turns]
    play = evidence.case.start()
    for number, (order, turn) in enumerate(zip(orders, evidence.case.turns, strict=True)):
        for call in order:
            play.call(call.name, call.arguments)
        if not play.end_turn(turn.reply):
            said = ", ".join(call.name for call in order)
            why = f"the partial order allows {said}, and that does not pass"
            yield Finding("robust", "order-sensitive", "medium", "high", why, number)
            return


def latest_order(gold: Iterable[Call]) -> list[Call]:
    """Always the last call that may come."""
    waiting, order, done = list(gold), list[Call](), set[str]()
    inside = {call.id for call in waiting}
    while waiting:
        place = max((n for n, call in enumerate(waiting) if done.issuperset(inside.intersection(call.after or ()))), default=0)
        order.append(waiting.pop(place))
        done.add(order[-1].id)
    return order


def _swapped(evidence: Evidence) -> Iterator[Finding]:
    """Neighbours that answer the same in either order and end in the same state, where no order is declared."""
    tried = 0
    for one, other in zip(evidence.made, evidence.made[1:], strict=False):
        if one.turn != other.turn or one.call.after is not None or tried == _SWAPS or one.call.id in evidence.needs[other.call.id]:
            continue
        tried += 1
        play = one.before.fork()
        told = [play.call(made.call.name, made.call.arguments).text for made in (other, one)]
        if told != [other.outcome.text, one.outcome.text] or play.fingerprint() != _after(other):
            continue
        if not go_on(evidence, play, one.turn, other.place + 1):
            why = f"{other.label} answers the same before {one.label}, and in that order gold does not pass"
            yield Finding("robust", "order-sensitive", "medium", "medium", why, one.turn, other.label)


def _after(made: Made) -> str:
    play = made.before.fork()
    play.call(made.call.name, made.call.arguments)
    return play.fingerprint()


# -- detours ----------------------------------------------------------------------------------------------


def _mistaken(evidence: Evidence) -> Iterator[Finding]:
    """Each call first with an argument missing, refused and without effect."""
    play, blamed = evidence.case.start(), None
    for number, turn in enumerate(evidence.case.turns):
        for call in turn.gold:
            wrong = _incomplete(call, evidence.schemas.get(call.name, {}))
            if wrong is not None:
                trial = play.fork()
                outcome = trial.call(call.name, wrong)
                if not outcome.went_through and not outcome.changed:
                    play, blamed = trial, call
            play.call(call.name, call.arguments)
        if not play.end_turn(turn.reply):
            name = blamed.name if blamed else "a call"
            why = f"a run that first gets {name} wrong, is refused without effect and then does it right does not pass"
            yield Finding("robust", "retry-sensitive", "medium", "high", why, number)
            return


def _incomplete(call: Call, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    required = [name for name in schema.get("parameters", {}).get("required") or () if name in call.arguments]
    return {name: value for name, value in call.arguments.items() if name != required[-1]} if required else None


def _extra_reads(evidence: Evidence) -> Iterator[Finding]:
    """Reads that nobody asked for, at the end of each turn; for each, that it changes nothing is seen first."""
    play = evidence.case.start()
    for number, turn in enumerate(evidence.case.turns):
        for call in turn.gold:
            play.call(call.name, call.arguments)
        read = [made for name in reads(evidence, play) if (made := _harmless(play, name)) is not None][:_READS]
        for name in read:
            play.call(name, {})
        if not play.end_turn(turn.reply):
            if read:
                why = f"a run that also reads {', '.join(read)} does not pass"
                yield Finding("robust", "read-sensitive", "medium", "high", why, number)
            return


def reads(evidence: Evidence, play: Play) -> list[str]:
    """Visible tools that need no argument."""
    shown = play.visible()
    return [n for n, s in evidence.schemas.items() if n in shown and not s.get("parameters", {}).get("required")]


def _harmless(play: Play, name: str) -> str | None:
    outcome = play.fork().call(name, {})
    return name if outcome.went_through and not outcome.changed else None


# -- by-products and undone mistakes ----------------------------------------------------------------------


def _by_products(evidence: Evidence) -> Iterator[Finding]:
    """What gold does on its way, and the world declares not to count, is done once more when the turn is done."""
    for number in range(len(evidence.case.turns)):
        made = evidence.of_turn(number)
        wanted = {name for other in made for name in (*(other.call.after or ()), *evidence.needs[other.call.id])}
        for one in made:
            if not one.outcome.changed or one.call.id not in wanted or _counts(one):
                continue
            play = evidence.ends[number].fork()
            before = play.fork()
            outcome = play.call(one.call.name, one.call.arguments)
            if not outcome.went_through or play.lasting(before) or play.fork().end_turn(evidence.case.turns[number].reply):
                continue
            if all(_as_able(before, play, other) for other in made):
                why = f"making {one.label} once more, which only prepares other calls, does not pass"
                yield Finding("robust", "retry-sensitive", "medium", "high", why, number, one.label)


def _as_able(before: Play, after: Play, made: Made) -> bool:
    """Whether a call goes through after something exactly if it does before."""
    one, other = (play.fork().call(made.call.name, made.call.arguments).went_through for play in (before, after))
    return one == other


def _counts(made: Made) -> bool:
    after = made.before.fork()
    after.call(made.call.name, made.call.arguments)
    return after.lasting(made.before)


def _undone(evidence: Evidence) -> Iterator[Finding]:
    """A write that is taken back, so that the state is the one before it, and done again."""
    writes = [made for made in evidence.made if made.outcome.changed][:_WRITES]
    for made in writes:
        for name, arguments in _inverses(evidence, made):
            play = made.before.fork()
            play.call(made.call.name, made.call.arguments)
            if not play.call(name, arguments).went_through or play.fingerprint() != made.before.fingerprint():
                continue
            if play.call(made.call.name, made.call.arguments).text != made.outcome.text:
                break
            if not go_on(evidence, play, made.turn, made.place + 1):
                why = f"undoing this call by {name} and making it again ends in the same state and does not pass"
                yield Finding("robust", "undo-sensitive", "medium", "high", why, made.turn, made.label)
            break


def _inverses(evidence: Evidence, made: Made) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls that may take a call back: tools whose required arguments are among its arguments or its result's fields."""
    told = made.outcome.value if isinstance(made.outcome.value, dict) else {}
    given = {**{k: v for k, v in told.items() if isinstance(v, (str, int))}, **made.call.arguments}
    identity = next((v for v in leaves(told) if isinstance(v, (str, int)) and not isinstance(v, bool)), None)
    count = 0
    for name in sorted(made.visible & evidence.schemas.keys()):
        required = evidence.schemas[name].get("parameters", {}).get("required") or []
        unknown = [part for part in required if part not in given]
        if not required or len(unknown) > 1 or (unknown and identity is None) or count == _TAKEN_BACK:
            continue
        if not set(required) & set(made.call.arguments) and not unknown:
            continue
        count += 1
        yield name, {part: given.get(part, identity) for part in required}
