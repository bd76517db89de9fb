"""Somebody's own benchmark format, audited: one function that makes one of our tasks of a line.

turngym audit their.jsonl --adapter examples/audit_adapter.py:case_of

A line of theirs: {"name": "pay-1", "bank": 3, "talk": [{"says": "...", "calls": [["list_accounts", {}]], "answer": "..."}]}
"""

from __future__ import annotations

import json
from typing import Any


def case_of(line: str) -> dict[str, Any]:
    """A task as plain data (docs/formats.md). Without declared sources, the audit looks for the source of every argument itself."""
    theirs = json.loads(line)
    turns = [
        {
            "user": part["says"],
            "gold": [{"id": f"t{number}c{place}", "name": name, "arguments": given} for place, (name, given) in enumerate(part["calls"])],
            "reply": part.get("answer", ""),
            "checks": {"told": part.get("must_tell", [])},
        }
        for number, part in enumerate(theirs["talk"])
    ]
    worlds = [{"world": "Banking", "seed": theirs["bank"]}]
    return {"id": theirs["name"], "env": "turngym/Banking-v0", "worlds": worlds, "turns": turns, "meta": {"foreign": "their format"}}
