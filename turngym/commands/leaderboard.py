"""What `eval` adds where BFCL's tasks are among those that it runs: no limits but BFCL's own, its number, and its result files.

BFCL's number is binary: the share of entries that passed whole. For its four multi-turn categories it takes the unweighted
mean. Laws: the number stands beside ours and never instead of it; files are written from what the run directory holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import percent, styled, table
from ..envs.errors import RunError

if TYPE_CHECKING:
    from .setting import Setting

_PREFIX = "turngym/BFCL-v4-"
_MULTI_TURN = ("base", "miss_func", "miss_param", "long_context")
_STEPS, _REPEATS, _SHOWN = 1_000, 1_000, 1 << 20


def is_listed(place: str) -> bool:
    """Whether a place names tasks of BFCL."""
    return place.startswith("bfcl:") or place.removeprefix("turngym/").lower().startswith("bfcl-v4-")


def unlimited(setting: Setting, places: Sequence[str]) -> Setting:
    """The setting with limits that BFCL does not know lifted: it counts steps within a turn (20), and shows results whole."""
    if not any(is_listed(place) for place in places):
        return setting
    if setting.user_model is not None:
        raise RunError("BFCL's user speaks its own words; leave --user-model out where its tasks are among the others")
    return replace(
        setting,
        max_steps=max(setting.max_steps, _STEPS),
        max_repeats=max(setting.max_repeats, _REPEATS),
        shown=max(setting.shown, _SHOWN),
    )


def scores(figures: dict[str, Any]) -> dict[str, Any]:
    """BFCL's numbers from a run's figures: per category, and the mean of the four where all are there."""
    parts = {name.removeprefix(_PREFIX): part for name, part in figures["by_env"].items() if name.startswith(_PREFIX)}
    found: dict[str, Any] = {
        "categories": {
            f"multi_turn_{name}" if name in _MULTI_TURN else name: {
                "entries": part["tasks"],
                "accuracy": part["success"],
                "progress": part["progress"],
            }
            for name, part in parts.items()
        }
    }
    if all(name in parts for name in _MULTI_TURN):
        found["multi_turn"] = {
            key: sum(parts[n][of] for n in _MULTI_TURN) / 4 for key, of in (("accuracy", "success"), ("progress", "progress"))
        }
    return found


def files_of(out: Path, model: str) -> dict[str, Any]:
    """Write the result files of a run directory under `OUT/bfcl`; gives what is told of them."""
    from ..agents.bfcl_results import error_types, write_results
    from ..agents.records import read_records
    from ..agents.trajectory import Trajectory

    records = read_records(out, worlds=False)
    trajectories = [Trajectory.from_record(record) for record in records]
    written = write_results(trajectories, out / "bfcl", model)
    errors = error_types(trajectories)
    files = {name: str(path) for name, path in written.items()}
    return {"root": str(out / "bfcl"), "model": model, "files": files, "errors": errors, "torn": records.torn}


def told(found: dict[str, Any]) -> list[Any]:
    """BFCL's numbers for people."""
    shown = table("BFCL v4", "entries", "accuracy", "progress (ours)", right="entries,accuracy,progress (ours)")
    for name, part in found["categories"].items():
        shown.add_row(styled(name), str(part["entries"]), percent(part["accuracy"]), percent(part["progress"]))
    if (mean := found.get("multi_turn")) is not None:
        shown.add_row(styled("multi_turn (mean of the four)"), "", percent(mean["accuracy"]), percent(mean["progress"]))
    lines: list[Any] = [shown]
    if "root" in found:
        lines.append(styled(f"Result files: {found['root']}, for BFCL_PROJECT_ROOT={found['root']} bfcl evaluate --model {found['model']}"))
    return lines
