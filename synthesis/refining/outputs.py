"""The files that a finished refinement leaves, made of its record: refined, rejected, hard, hard_left.

Laws: every record goes into exactly one of refined, rejected and hard_left, in the order of the source; files are replaced
whole. `hard.jsonl` repeats rows: what HDR trains on next (arXiv 2505.20192).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...agents.directory import refusal, replacing
from ...agents.records import read_records
from .hard import Setting, replay_count, replayed

RECORDS = "rows.jsonl"
REFINED, REJECTED, HARD, LEFT = "refined.jsonl", "rejected.jsonl", "hard.jsonl", "hard_left.jsonl"


def write_outputs(directory: Path, hard: Setting | None) -> dict[str, int]:
    """Write the files of a run; gives rows by file. Raises `WriteError` where the disk does not take them."""
    names = [REFINED, REJECTED, *([HARD, LEFT] if hard is not None else [])]
    counts = dict.fromkeys(names, 0)
    again = _replay(directory, hard) if hard is not None else set()
    try:
        with replacing(directory, names) as files:
            for record in read_records(directory, RECORDS, worlds=False):
                for name, row in _places(record, again):
                    files[name].write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
                    counts[name] += 1
    except OSError as error:
        raise refusal(error, f"cannot write to {directory}") from error
    return counts


def _places(record: dict[str, Any], again: set[str]) -> list[tuple[str, Any]]:
    stage, what, reason, detail, by = record["steps"][-1]
    if what != "dropped":
        found = [(REFINED, record["data"])]
        if record.get("bin") == "hard" or record["id"] in again:
            about = {"from": "hard" if record["bin"] == "hard" else "replay", "round": record["round"]}
            found.append((HARD, {**record["data"], "hdr": about}))
        return found
    if record.get("bin") == "left":
        return [(LEFT, record["data"])]
    return [(REJECTED, {"line": int(record["id"]), "stage": stage, "reason": reason, "detail": detail, "by": by, "row": record["data"]})]


def _replay(directory: Path, setting: Setting) -> set[str]:
    hard, qualified = 0, list[str]()
    for record in read_records(directory, RECORDS, worlds=False):
        hard += record.get("bin") == "hard"
        if record.get("bin") == "qualified":
            qualified.append(record["id"])
    return replayed(qualified, replay_count(hard, setting.replay, len(qualified)), setting.seed)
