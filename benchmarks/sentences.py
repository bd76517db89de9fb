"""How well replies are heard: precision and recall of `mentions`, `asks` and `declines` over the labelled sentences.

    python benchmarks/sentences.py            # one JSON object; --wrong lists the development sentences that are misheard

The sentences stand in `tests/sentences/`. A fifth of them was set aside before the rules were written; of those only
figures are shown, so that no rule is ever written for one of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turngym.envs.told import Told, asks, declines, mentions, tells

PLACE = Path(__file__).parent.parent / "tests" / "sentences"


def rows(what: str) -> list[dict[str, Any]]:
    """The sentences for `told`, `asked` or `declined`, each a record with its `label`."""
    return [json.loads(line) for line in (PLACE / f"{what}.jsonl").read_text().splitlines()]


def heard(what: str, row: dict[str, Any]) -> bool:
    """What the judge makes of a sentence."""
    if what == "declined":
        return declines(row["text"])
    if what == "asked":
        return asks(row["text"], row["names"])
    if "kind" in row:
        return tells(row["text"], Told(row["kind"], _value(row["value"]), tuple(row.get("about", ()))))
    return mentions(row["text"], row["value"])


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def figures(what: str, held_out: bool) -> dict[str, float]:
    """Number of sentences, precision and recall of one part; a share is 1 where nothing counts."""
    part = [row for row in rows(what) if row.get("held_out", False) == held_out]
    pairs = [(heard(what, row), row["label"]) for row in part]
    right = sum(said and label for said, label in pairs)
    said, labelled = sum(said for said, _ in pairs), sum(label for _, label in pairs)
    return {
        "sentences": len(part),
        "precision": round(right / said, 4) if said else 1.0,
        "recall": round(right / labelled, 4) if labelled else 1.0,
    }


def misheard() -> Iterator[str]:
    """The development sentences that are misheard, a line each."""
    for what in ("told", "asked", "declined"):
        for row in rows(what):
            if not row.get("held_out") and heard(what, row) != row["label"]:
                yield f"{what}: {json.dumps(row, ensure_ascii=False)}"


def main() -> None:
    """Print the figures, or what is misheard."""
    if "--wrong" in sys.argv[1:]:
        print("\n".join(misheard()))
        return
    parts = {"development": False, "held out": True}
    found = {what: {name: figures(what, held) for name, held in parts.items()} for what in ("told", "asked", "declined")}
    json.dump({"benchmark": "sentences", "figures": found}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
