"""Files of records as a run directory holds them: read line by line, written whole or not at all.

Law: reading changes nothing, tolerates a torn last line alone, and names the line that is wrong. Not here: who
may write to a directory, and when (`store.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..envs.door import admit_row
from ..envs.errors import RunError, shorten

TRAJECTORIES = "trajectories.jsonl"
ASIDE = ".aside"


def read_manifest(directory: str | Path) -> dict[str, Any]:
    """What `run.json` says. Raises `RunError` if there is none or it is no manifest."""
    path = Path(directory) / "run.json"
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{directory} is no run directory: it has no run.json") from None
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}") from None
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        raise RunError(f"{path} is no run manifest; it should be an object with kind and config")
    return found


def read_records(place: str | Path, records: str = TRAJECTORIES) -> Iterator[dict[str, Any]]:
    """The records of a run directory (or of a JSONL file), one by one; a torn last line is passed over.

    Raises `RunError` for a missing file, and with the line number for a garbled line; `WorldRefusedError` for a row that
    names a world which nobody allowed.
    """
    path = Path(place) / records if Path(place).is_dir() else Path(place)
    try:
        for number, line in lines_of(path):
            record, why = parse_line(line)
            if record is not None:
                admit_row(record, f"{path}, line {number}")
                yield record
            elif line.endswith(b"\n"):
                raise RunError(f"{path}, line {number}: {why}; the run's own command with --repair (repair=True) moves it aside")
    except OSError as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}") from None


def parse_line(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """A record from its line, or None and what is wrong with it."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({shorten(str(error), 100)})"
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        return None, "no record with an id"
    return found, ""


def write_aside(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file whole: written beside it, synced, moved over it."""
    fresh = path.with_name(path.name + ASIDE)
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, default=str)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file, split at newline bytes and nowhere else."""
    with open(path, "rb") as file:
        yield from enumerate(file, 1)


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def reason_of(error: BaseException) -> str:
    """Why the system refused, in words."""
    return getattr(error, "strerror", None) or shorten(str(error), 100)
