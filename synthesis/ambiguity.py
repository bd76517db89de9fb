"""Whether a query can be read another way: a bounded search over other things that its words fit.

For every argument that the user only pointed at, each other value of that kind known by then is tried that the
same words would describe; the plan is executed with it from the round's snapshot. If one is legal and ends in
another state, or shows other results, the query is ambiguous; so it is when it calls two things by the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..envs.binding import Bound, Occurrence, Pool
from .advanced import AdvancedTool, Executed
from .phrasing import Speaker, Style
from .plan import PlannedCall, Reference, Round
from .references import matches

MAX_READINGS = 24


def other_reading(round_: Round, rounds: list[Round], tool: AdvancedTool, style: Style) -> str:
    """A description of another legal reading that ends elsewhere ("" if the bounded search finds none)."""
    speaker = Speaker([*rounds, round_], style)
    pool = round_.pool.copy()
    for call in round_.calls:
        pool.extend(call.seen)
    earlier = {call.id: call.value for r in rounds for call in r.calls}
    if twins := _twins(round_, speaker):
        return twins
    tried = 0
    for call in round_.calls:
        for name, bound in call.bound.items():
            for value in _rivals(call, name, bound, pool, speaker, round_.turn):
                tried += 1
                if tried > MAX_READINGS:
                    return ""
                if ends_elsewhere(round_, tool, earlier, swap=(call.id, name, value)):
                    return f"{call.name}.{name} could also mean another {speaker.noun(bound.seen.semantic) if bound.seen else name}"
    return ""


def _twins(round_: Round, speaker: Speaker) -> str:
    """Two things of one kind that the query calls by the same words."""
    named: dict[tuple[str, str], object] = {}
    for call in round_.calls:
        for name, bound in call.bound.items():
            if bound.seen is not None:
                words = speaker.thing(bound, call.refs[name])
                if named.setdefault((bound.seen.semantic, words), bound.value) != bound.value:
                    return f"{call.name}.{name}: {words} means two things"
    return ""


def _rivals(call: PlannedCall, name: str, bound: Bound, pool: Pool, speaker: Speaker, turn: int) -> Iterable[object]:
    seen = bound.seen
    if seen is None:
        return
    reference = call.refs[name]
    words = speaker.thing(bound, reference)
    order = list(speaker.calls)
    for other in pool.seen.get(seen.semantic, ()):
        if other.value == bound.value or order.index(other.call) >= order.index(call.id):
            continue
        if (
            _fits(reference, other, seen, turn, speaker)
            and speaker.thing(Bound(other.value, bound.kind, other), _as(reference, other)) == words
        ):
            yield other.value


def _fits(reference: Reference, other: Occurrence, seen: Occurrence, turn: int, speaker: Speaker) -> bool:
    if reference.pick == "that":
        return other.turn < turn and not other.rivals
    if reference.pick == "new":
        return other.turn == seen.turn and not other.rivals and bool(speaker.calls[other.call].writes)
    if other.turn != seen.turn:
        return False
    if reference.where or reference.pick != "only":
        return matches(reference, other.holder, list(other.rivals))
    return not other.rivals


def _as(reference: Reference, other: Occurrence) -> Reference:
    return Reference(tuple((field, other.holder.get(field)) for field, _ in reference.where), reference.pick)


def ends_elsewhere(
    round_: Round, tool: AdvancedTool, earlier: dict[str, Any], *, swap: tuple[str, str, Any] | None = None,
    values: dict[str, Any] | None = None,
) -> bool:  # fmt: skip
    """Whether a round's advanced tool runs with another value too, and shows or changes something else.

    Args:
        earlier: results of earlier turns (call id -> plain data). swap, values: as `AdvancedTool.execute` takes them.
    """
    worlds = round_.before.fork()
    done: Executed = tool.execute(worlds, values, earlier, swap)
    if done.failed:
        return False
    if any(done.results[call.id].text != call.result.text for call in round_.sinks()):
        return True
    return bool(round_.before.effects(worlds) != round_.before.effects(round_.after))
