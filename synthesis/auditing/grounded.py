"""Grounded: every argument of every gold call can be known at that moment.

Where gold declares a source, the declaration is executed; where it does not, or the declaration is wrong, a derivation is
searched. Laws: only what stands before the call counts; a value that gold could have looked up is a lesser matter than one that
nobody can know; each argument gives one finding at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .choices import anything_passes
from .declared import wrong_source
from .deriving import Derivation, Slot, derive, explained, slot_of
from .discovery import shown_by
from .evidence import Evidence, Made
from .finding import Finding, Level, rank
from .knowledge import Knowledge

_LONGEST = 120  # characters of a value that may be looked up


class Lack(NamedTuple):
    """An argument without a good source.

    Attributes:
        made, name, value: which. found: the best derivation. declared: what is wrong with its declaration, "" where there is none.
        lookup: a call that would show the value, "" where none was found. free: any other value passes as well.
    """

    made: Made
    name: str
    value: Any
    found: Derivation
    declared: str = ""
    lookup: str = ""
    free: bool = False


def lacks(evidence: Evidence) -> list[Lack]:
    """The arguments that have no good source, in order."""
    wrong: dict[tuple[str, str], str] = {}
    searched = False
    for made in evidence.made:
        for name in made.call.arguments:
            source = made.call.sources.get(name)
            why = wrong_source(evidence, made, name, source) if source is not None else ""
            if why:
                wrong[made.call.id, name] = why
            searched = searched or bool(why) or source is None
    return list(_search(evidence, wrong)) if searched else []


def _search(evidence: Evidence, wrong: dict[tuple[str, str], str]) -> Iterator[Lack]:
    known = Knowledge(evidence.starts[0].context() if evidence.starts else ())
    turn = -1
    for made in evidence.made:
        while turn < made.turn:
            turn += 1
            known.hear(evidence.case.turns[turn].user)
        function = evidence.schemas.get(made.call.name, {})
        for name, value in made.call.arguments.items():
            why = wrong.get((made.call.id, name), "")
            if name in made.call.sources and not why:
                continue
            slot = slot_of(made.call.name, name, function)
            found = derive(value, slot, known)
            if found.grade in ("weak", "none") or why:
                lookup = _looked_up(evidence, made, value, slot, found, known)
                free = found.grade == "none" and not lookup and not why and anything_passes(evidence, made, name)
                yield Lack(made, name, value, found, why, lookup, free)
        known.use(dict(made.call.arguments))
        known.see(made.outcome.value, made.outcome.text)


def _looked_up(evidence: Evidence, made: Made, value: Any, slot: Slot, found: Derivation, known: Knowledge) -> str:
    if found.grade not in ("weak", "none") or isinstance(value, bool) or len(str(value)) > _LONGEST:
        return ""
    return shown_by(value, slot, made.before, made.visible, evidence.schemas, known)


def grounded(found: list[Lack]) -> Iterator[Finding]:
    """What nobody could know, or what does not come from where gold says."""
    for lack in found:
        code, severity, confidence, why = _judged(lack)
        yield Finding("grounded", code, severity, confidence, f"{lack.name}: {why}", lack.made.turn, lack.made.label)


def _judged(lack: Lack) -> tuple[str, Level, Level, str]:
    told = explained(lack.found, lack.value)
    if lack.found.grade in ("sure", "likely"):
        why = f"the declared source is wrong ({lack.declared}), although {lack.value!r} is in: {lack.found.how}"
        return "wrong-source", "medium", "high", why
    because = f"; its declared source does not hold: {lack.declared}" if lack.declared else ""
    if lack.lookup:
        why = f"{told}; {lack.lookup} would show it, and gold never looks{because}"
        return "not-looked-up", "low", "medium" if lack.declared else "low", why
    confidence = lack.found.confidence
    if lack.declared and rank(confidence) > rank("medium"):
        confidence = "medium"
    if lack.found.grade == "weak":
        return "guessed", "low", confidence, told + because
    if lack.free:
        return "no-source", "low", confidence, f"{told}; no check minds, for other values pass as well"
    return "no-source", "high" if confidence == "high" else "medium", confidence, told + because
