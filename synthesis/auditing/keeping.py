"""An audit kept as it goes: a run directory that holds every task as it was finished, from which the same command goes on.

    run.json         what is audited: a digest of the texts, and the adapter
    audited.jsonl    each task as it came out alone, written when it was finished
    audit.jsonl      the report's records, once the whole set was looked at (`report.py`)

Law: what was finished is on disk before the next task begins. Not here: what a finding is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ...agents.store import RunStore
from .adapters import Entry
from .audit import AuditReport
from .audited import Audited

AUDITED = "audited.jsonl"


def keeping(directory: Path, entries: Callable[[], Iterator[Entry]], adapter: str, report: AuditReport) -> RunStore:
    """The store that keeps what a report takes in, a context manager; what stands there already is given to the report.

    Raises `RunError` for a directory that is not of an audit of these texts.
    """

    def known(record: dict[str, Any]) -> None:
        report.before.append(Audited.unpack(json.dumps(record["audited"])))

    store = RunStore(directory, {"adapter": adapter, **_digest(entries())}, kind="audit", records=AUDITED, on_record=known)

    def keep(one: Audited) -> None:
        store.append({"id": f"{one.number:08d}", "audited": json.loads(one.pack())})

    report.keep = keep
    return store


def _digest(entries: Iterator[Entry]) -> dict[str, Any]:
    digest, tasks = blake2b(digest_size=12), 0
    for entry in entries:
        digest.update(f"{entry.number}:{len(entry.text)}:{entry.text}".encode("utf-8", "surrogatepass"))
        tasks += 1
    return {"tasks": tasks, "digest": digest.hexdigest()}
