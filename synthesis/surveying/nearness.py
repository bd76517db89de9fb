"""Near-duplicates: conversations in which the users say nearly the same words.

MinHash with locality-sensitive hashing (datasketch, the extra `data`) proposes candidates, and the exact Jaccard
index of their shingles decides. What is compared are the users' words *as said*, values and all: were values
masked, two conversations with the same calls and other names would be one, and other names are what data for
tool calls is made of; where little but a name differs in a long conversation, the words are near all the same.
Laws: a row is removed only if its exact index with an earlier row that stays reaches the threshold; the first of
a group stays; a pair at the threshold is missed with a chance below one in ten thousand, an equal one never.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from ...agents.directory import refusal
from ...agents.records import read_manifest, read_records
from ...agents.store import RunStore, write_json
from ...envs.errors import RunError
from ...envs.extras import need
from ...envs.lines import Rows
from ..pipeline import SAMPLES, Ledger
from .shingles import Hashes, jaccard, shingles

THRESHOLD = 0.9
PERMUTATIONS = 128
MISSED = 1e-4
REMOVED = "near_duplicates.json"
Progress = Callable[[int, int], None]


class Near(NamedTuple):
    """A neighbour: its key, and the exact Jaccard index with it."""

    key: int
    jaccard: float


class Neighbours:
    """Conversations by their words. Keys are given in the order of adding, from 0.

    Raises `MissingExtraError` where datasketch is absent. Memory: a sketch and the shingles' hashes of each.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        if not 0 < threshold <= 1:
            raise RunError(f"the threshold {threshold} is no Jaccard index; give one above 0 and at most 1")
        self.threshold = threshold
        self._sketches = need("datasketch")
        self._empty = self._sketches.MinHash(PERMUTATIONS, seed=1, hashfunc=_low, scheme="affine32")
        self._index = self._sketches.MinHashLSH(num_perm=PERMUTATIONS, params=bands(threshold))
        self._shingles: list[Hashes] = []

    def find(self, words: Hashes) -> Near | None:
        """The earliest of those added that is near, if any."""
        candidates = sorted(self._index.query(self._sketch(words)))
        found = (Near(key, jaccard(words, self._shingles[key])) for key in candidates)
        return next((near for near in found if near.jaccard >= self.threshold), None)

    def add(self, words: Hashes) -> int:
        """Take one in; returns its key."""
        key = len(self._shingles)
        self._index.insert(key, self._sketch(words))
        self._shingles.append(words)
        return key

    def _sketch(self, words: Hashes) -> Any:
        sketch = self._empty.copy()
        sketch.update_batch(words)
        return sketch


def _low(value: Any) -> int:
    return int(value) & 0xFFFFFFFF


def bands(threshold: float, permutations: int = PERMUTATIONS) -> tuple[int, int]:
    """(bands, rows): the longest rows with which a pair at the threshold is missed by fewer than one in ten thousand.

    A pair of index s becomes a candidate with probability 1 - (1 - s**rows)**bands (Leskovec, Rajaraman, Ullman:
    Mining of Massive Datasets, 3.4).
    """
    fitting = [r for r in range(1, permutations + 1) if (1 - threshold**r) ** (permutations // r) < MISSED]
    rows = max(fitting, default=1)
    return permutations // rows, rows


def said_in(row: dict[str, Any]) -> list[str]:
    """What the user says in a row of samples, turn by turn."""
    return [str(turn["user"]) for turn in row["task"]["turns"]]


# -- a data set without them ------------------------------------------------------------------------------


def deduplicate(directory: str | Path, out: str | Path, threshold: float = THRESHOLD, progress: Progress | None = None) -> dict[str, Any]:
    """Write a data set without its near-duplicates; the same command again goes on.

    Args:
        directory: a data set. out: the directory to fill. threshold: the Jaccard index from which rows are near.

    Returns:
        The summary that is written too: figures of the rows that stay, a funnel that has `near_duplicate` among
        what was rejected, and `near_duplicates` (`rows`, `removed`, `threshold`, `torn`); `torn`; and `removed`, which is written as
        `near_duplicates.json`: each `id` with the earlier row it is `near` and their index. Raises `RunError` for a
        directory without samples.
    """
    source = Path(directory) / SAMPLES
    if not source.is_file():
        raise RunError(f"{directory} holds no {SAMPLES}; `turngym synthesize ... --out {directory}` makes one")
    if Path(out).resolve() == Path(directory).resolve():
        raise RunError(f"{out} is the data set itself; name another directory")
    whole, kept, ids = Ledger(), Ledger(), list[str]()  # counts of all rows and of those that stay, and the ids of these
    removed: list[dict[str, Any]] = []
    neighbours = Neighbours(threshold)
    records = read_records(source, worlds=False)
    with RunStore(out, _config(Path(directory), source, threshold), kind="synthesis", records=SAMPLES) as store:
        for number, row in enumerate(records, 1):
            words = _taken(row, source, whole)
            near = neighbours.find(words)
            if near is not None:
                removed.append({"id": row["id"], "near": ids[near.key], "jaccard": round(near.jaccard, 4)})
            else:
                neighbours.add(words)
                ids.append(row["id"])
                kept.add(row)
                if row["id"] not in store.ids:
                    store.append(row)
            if progress is not None:
                progress(number, 0)
        if stray := store.ids.difference(ids):
            raise RunError(f"{out} holds {len(stray)} rows that do not stay, {min(stray)} for one; name another directory")
        about = {"rows": kept.kept + len(removed), "removed": len(removed), "threshold": threshold, "torn": records.torn}
        summary = _summary(_summary_of(Path(directory), whole.kept) or whole.record(), kept.record(), about)
        try:
            write_json(Path(out) / REMOVED, {"threshold": threshold, "removed": removed})
        except OSError as error:
            raise refusal(error, f"cannot write {Path(out) / REMOVED}") from error
        store.write_summary(summary)
    return {**summary, "removed": removed, "torn": records.torn, "out": str(out)}


def _taken(row: dict[str, Any], source: Path, whole: Ledger) -> Hashes:
    """The shingles of a row, which is counted."""
    try:
        whole.add(row)
        return shingles(said_in(row))
    except (LookupError, TypeError) as error:
        raise RunError(f"{source}: the row {row['id']} is no sample ({type(error).__name__}); `turngym verify` names all") from None


def _config(directory: Path, source: Path, threshold: float) -> dict[str, Any]:
    """How the source was made, and what was done with it."""
    digest = blake2b(digest_size=16)
    for row in Rows(source, worlds=False):  # read whole first: what cannot be read is told before a row is written
        digest.update(row.text)
    made = read_manifest(directory) if (directory / "run.json").is_file() else {"config": {}}
    about = {"threshold": threshold, "rows": digest.hexdigest(), "versions": made.get("versions", {})}
    if former := made["config"].get("deduplicated"):
        about["before"] = former
    return {**made["config"], "deduplicated": about}


def _summary_of(directory: Path, rows: int) -> dict[str, Any]:
    """The summary of a data set, {} where there is none or it speaks of other rows than are there."""
    try:
        found = json.loads((directory / "summary.json").read_bytes())
    except (OSError, ValueError):
        return {}
    told = isinstance(found, dict) and isinstance(found.get("funnel"), dict) and found.get("kept") == rows
    return found if told else {}


def _summary(before: dict[str, Any], now: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The funnel of the source with one more way out, and the figures of the rows that stay."""
    funnel = before["funnel"]
    rejected = {**funnel.get("rejected", {}), **({"near_duplicate": about["removed"]} if about["removed"] else {})}
    shared: dict[str, Any] = {name: before[name] for name in ("roles", "failed_attempts") if name in before}
    return {
        **now,
        "funnel": {**funnel, "kept": now["kept"], "rejected": dict(sorted(rejected.items()))},
        **shared,
        "near_duplicates": about,
    }
