"""Files of records as a run directory holds them, and what its `run.json` says.

Law: reading changes nothing, warns of a torn last line and counts it (`envs/lines.py`), and names the line that is wrong. Not here:
who may write to a directory, and when (`directory.py`, `store.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from ..envs.errors import RunError
from ..envs.lines import Rows, reason_of

TRAJECTORIES = "trajectories.jsonl"
_REMEDY = "; the run's own command with --repair (repair=True) moves it aside"


def read_manifest(directory: str | Path) -> dict[str, Any]:
    """What `run.json` says. Raises `RunError` if there is none or it is no manifest."""
    path = Path(directory) / "run.json"
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{directory} is no run directory: it has no run.json") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}") from None
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        raise RunError(f"{path} is no run manifest; it should be an object with kind and config")
    return found


class Records(Iterator[dict[str, Any]]):
    """The records of a run directory (or of a JSONL file), one by one.

    Raises `RunError` for a missing file, and with line and byte for a garbled line; `WorldRefusedError` for a row that names a
    world which nobody allowed, unless `worlds` says that none will be had. `torn`: torn last lines passed over so far.
    """

    def __init__(self, place: str | Path, records: str = TRAJECTORIES, *, worlds: bool = True) -> None:
        inside = Path(place).is_dir()
        self.path = Path(place) / records if inside else Path(place)
        self._rows = Rows(self.path, remedy=_REMEDY if inside else "", worlds=worlds)

    @property
    def torn(self) -> int:
        """How many torn last lines were passed over so far: 0 or 1."""
        return self._rows.torn

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._rows).value


def read_records(place: str | Path, records: str = TRAJECTORIES, *, worlds: bool = True) -> Records:
    """The records of a run directory (or of a JSONL file), one by one; see `Records`."""
    return Records(place, records, worlds=worlds)
