"""Available: the tool of every gold call can be seen at its turn.

A tool that is nowhere in the task's worlds is a matter of `replays.py`: the call fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import Evidence
from .finding import Finding


def available(evidence: Evidence) -> Iterator[Finding]:
    """Gold calls of tools that are withheld from whoever should make them."""
    for made in evidence.made:
        name = made.call.name
        if name in made.visible or name not in evidence.schemas:
            continue
        later = [n for n, turn in enumerate(evidence.case.turns) if n > made.turn and name in turn.released]
        when = f"it is handed over in turn {later[0]} only" if later else "no turn hands it over"
        yield Finding("available", "withheld", "high", "high", f"gold calls {name}, which nobody is shown: {when}", made.turn, made.label)
