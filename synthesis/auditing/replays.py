"""Replays: gold runs in a fresh world, call by call, twice with the same end, and passes the checks it is gold for.

Law: a gold call that raises or is refused is a finding, whatever the verdict makes of it. A call that passes a wrong value on
purpose, and says so, is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...envs.errors import shorten
from .evidence import Evidence, gather
from .finding import Finding


def replays(evidence: Evidence) -> Iterator[Finding]:
    """What stands in the way of a replay."""
    failed = False
    for made in evidence.made:
        if made.outcome.went_through or made.call.meant_to_fail:
            continue
        failed = True
        if made.outcome.error is not None:
            code = "gold-raises" if made.call.name in evidence.schemas else "unknown-tool"
            why = f"gold fails: {shorten(made.outcome.error, 240)}"
        else:
            code, why = "gold-refused", f"gold is refused: {shorten(made.outcome.text, 240)}"
        yield Finding("replays", code, "high", "high", why, made.turn, made.label)
    yield from _differs(evidence)
    if not failed:
        yield from _verdict(evidence)


def _verdict(evidence: Evidence) -> Iterator[Finding]:
    """Gold that runs has to pass, and to end where the task says it ends."""
    for number, passed in enumerate(evidence.passed):
        if not passed:
            yield Finding(
                "replays", "gold-does-not-pass", "high", "high", "gold runs, and does not pass the checks of its own turn", number
            )
            return
    for number, play in enumerate(evidence.ends):
        recorded = evidence.case.recorded(number)
        if recorded and recorded != play.fingerprint():
            why = "the state after gold is not the one that the task records"
            yield Finding("replays", "another-state", "high", "high", why, number)
            return


def _differs(evidence: Evidence) -> Iterator[Finding]:
    """Whether another run of gold tells or leaves something else."""
    again = gather(evidence.case)
    for one, other in zip(evidence.made, again.made, strict=True):
        if one.outcome.text != other.outcome.text:
            told = f"{shorten(one.outcome.text, 80)} and then {shorten(other.outcome.text, 80)}"
            why = f"a second run in a fresh world answers otherwise: {told}"
            yield Finding("replays", "not-deterministic", "high", "high", why, one.turn, one.label)
            return
    for number, (mine, theirs) in enumerate(zip(evidence.ends, again.ends, strict=True)):
        if mine.fingerprint() != theirs.fingerprint():
            yield Finding("replays", "not-deterministic", "high", "high", "a second run in a fresh world ends in another state", number)
            return
