"""The run directory: what a run was, every record it finished, and the way to go on after anything.

    run.json              what was run: kind, config, versions
    trajectories.jsonl    one finished record a line, with its `id`
    summary.json          the figures of the last time the run ended or was stopped

Laws: a record is on disk whole or not at all (one `os.write` each, cut back if it comes out short); the same
command again goes on where it stopped; nothing is ever thrown away in silence; one run at a time in a directory;
no key or password is written. Not here: what a record means.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Self

from ..envs.errors import RunError, WriteError, shorten
from ..envs.lines import Line, is_torn, lines_of, own_id, parse_line, reason_of
from .directory import FULL, Lock, is_ours, open_own, refusal, refuse_link, refuse_no_directory, refuse_symlink, replace_file
from .records import TRAJECTORIES, read_manifest
from .secrets import find_secrets
from .trajectory import installed_versions, record_line

STORE_FORMAT = 1
_SYNC_SECONDS = 2.0
OnRecord = Callable[[dict[str, Any]], None]


class RunStore:
    """A run directory opened for writing; a context manager.

    Raises `RunError`, and changes nothing, for a directory that is foreign, of another kind of run, in use (it says by which
    process), unwritable, a link or with links among its files, that was made with another config, or that holds a garbled line.
    A torn last line is cut, and `notes` tells.

    Args:
        directory: made if absent. config: plain JSON data that decides what the run gives.
        kind, records: what kind of run it is, and the name of its record file.
        repair: move garbled lines to `<records>.quarantine` instead of refusing.
        redo: says of a record that is there whether it is to be made again; those move to `<records>.redone`.
        on_record: called with every record that is there already; what it raises makes the line a garbled one.

    Attributes:
        ids: of all records here. notes: what was mended, in words. resumed: how many records were there.
    """

    def __init__(
        self,
        directory: str | Path,
        config: Mapping[str, Any],
        *,
        kind: str = "rollout",
        records: str = TRAJECTORIES,
        repair: bool = False,
        redo: Callable[[dict[str, Any]], bool] | None = None,
        on_record: OnRecord | None = None,
    ) -> None:
        self.path = Path(directory)
        self.records_path = self.path / records
        self.ids: set[str] = set()
        self.notes: list[str] = []
        self._fd = -1
        self._lock: Lock | None = None
        self._size = 0
        self._synced = time.monotonic()
        try:
            self._take_place(kind, config)
            self._read_back(repair, redo or _never, on_record)
            self._fd = open_own(self.records_path, os.O_WRONLY | os.O_APPEND)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            self.close()
            raise _unusable(self.path, error) from error
        except BaseException:
            self.close()
            raise
        self.resumed = len(self.ids)

    # -- taking the directory --------------------------------------------------------------------------

    def _take_place(self, kind: str, config: Mapping[str, Any]) -> None:
        if found := next(find_secrets(config), None):
            raise RunError(f"config field {found} looks like a secret and is not stored; pass it by the environment")
        manifest = {"format": STORE_FORMAT, "kind": kind, "config": config, "versions": dict(installed_versions())}
        manifest = json.loads(record_line(manifest))
        self._check_place(kind, manifest)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self.path)
        if self._check_place(kind, manifest):  # again, now that nobody else writes here
            write_json(self.path / "run.json", manifest)

    def _check_place(self, kind: str, manifest: Mapping[str, Any]) -> bool:
        """Refuse a directory that cannot be used, unchanged; whether its `run.json` is to be written."""
        refuse_no_directory(self.path, "run")
        known = self.path / "run.json"
        refuse_symlink(known)
        refuse_link(self.records_path)
        if not known.exists():
            if self.path.exists() and (foreign := _foreign(self.path)):
                raise RunError(f"{self.path} is no run directory (it holds {foreign}); name an empty or new one")
            return True
        before = read_manifest(self.path)
        if before.get("kind") != kind:
            raise RunError(f"{self.path} holds a {shorten(str(before.get('kind')))}, and this is a {kind}; name another directory")
        changes = _differences(before, manifest)
        if changes and _holds_something(self.records_path):
            raise RunError(f"{self.path} was made otherwise: {'; '.join(changes)}; run as before or name another directory")
        return bool(changes)  # a run that never finished a record binds nobody

    def _read_back(self, repair: bool, redo: Callable[[dict[str, Any]], bool], on_record: OnRecord | None) -> None:
        if not self.records_path.exists():
            return
        bad: list[tuple[int, str]] = []
        again: set[int] = set()
        where: dict[str, int] = {}
        last = None
        for line in lines_of(self.records_path):
            last = line
            if is_torn(line):
                continue
            record, why = parse_line(line)
            if record is not None and not own_id(record, ""):
                record, why = None, "no record with an id"
            if record is not None and redo(record):
                again.add(line.number)
            elif record is not None:
                record, why = self._accept(record, where, on_record)
            if record is None:
                bad.append((line.number, f"{line.place(self.records_path)}: {why}"))
                if not repair:
                    raise RunError(f"{bad[-1][1]}; --repair (repair=True) moves it aside")
            elif line.number not in again:
                where[record["id"]] = line.number
        self.ids.update(where)
        if last is not None and not last.ended:
            self._mend_tail(last)
        if bad or again:
            self._move_aside({".quarantine": {number for number, _ in bad}, ".redone": again})
        self.notes += [f"{why}; moved to {self.records_path.name}.quarantine" for _, why in bad]
        if again:
            self.notes.append(f"{len(again)} records are made again; the former ones are in {self.records_path.name}.redone")

    @staticmethod
    def _accept(record: dict[str, Any], where: Mapping[str, int], on_record: OnRecord | None) -> tuple[dict[str, Any] | None, str]:
        if (first := where.get(record["id"])) is not None:
            return None, f"the id {shorten(record['id'])} stands twice, in line {first} too"
        try:
            if on_record is not None:
                on_record(record)
        except (RunError, LookupError, TypeError, ValueError, AttributeError) as error:
            return None, f"no record of this kind ({type(error).__name__}: {shorten(str(error))})"
        return record, ""

    def _mend_tail(self, last: Line) -> None:
        """Cut a last line that was never finished, or give it the line end it lacks."""
        with open(open_own(self.records_path, os.O_RDWR), "r+b") as file:
            if is_torn(last):
                file.truncate(last.offset)
                told = f"cut a torn last line of {len(last.text)} bytes; that record is made again"
            else:
                file.seek(0, os.SEEK_END)
                file.write(b"\n")
                told = "the last line lacked its end; mended"
        self.notes.append(f"{last.place(self.records_path)}: {told}")

    def _move_aside(self, lines: Mapping[str, set[int]]) -> None:
        """Move numbered lines to the files of these endings; they are safe there before they leave the record."""
        place = {number: ending for ending, numbers in lines.items() for number in numbers}
        with contextlib.ExitStack() as stack:
            moved = {
                ending: stack.enter_context(open(open_own(Path(f"{self.records_path}{ending}"), os.O_WRONLY | os.O_APPEND), "ab"))
                for ending, numbers in lines.items()
                if numbers
            }

            def write(good: IO[bytes]) -> None:
                for line in lines_of(self.records_path):
                    (moved[place[line.number]] if line.number in place else good).write(line.text)
                for file in moved.values():
                    file.flush()
                    os.fsync(file.fileno())

            replace_file(self.records_path, write)

    # -- writing ---------------------------------------------------------------------------------------

    def append(self, record: Mapping[str, Any], line: bytes = b"") -> None:
        """Write a finished record; once this returns, it survives the death of the process.

        `line` is the whole record as `record_line` gives it, where somebody has made it already: then `record` may hold
        its id alone. Raises `RunError` if its id is here already, `WriteError` if the disk does not take it: then the file is as it was.
        """
        if record["id"] in self.ids:
            raise RunError(f"{self.records_path} holds {shorten(record['id'])} already; ids are unique in a run")
        line = line or record_line(record)
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, "the record was written in part")
        except OSError as error:
            self._cut_back()
            raise WriteError(f"cannot write to {self.records_path}: {reason_of(error)}; make room and run the same again") from error
        self._size += len(line)
        self.ids.add(record["id"])
        now = time.monotonic()
        if now - self._synced > _SYNC_SECONDS:
            os.fsync(self._fd)
            self._synced = now

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:  # then nothing more may follow the torn line; the next start cuts it
            os.close(self._fd)
            self._fd = -1

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Replace `summary.json` whole."""
        try:
            write_json(self.path / "summary.json", summary)
        except OSError as error:
            raise WriteError(f"cannot write {self.path / 'summary.json'}: {reason_of(error)}; make room and run the same again") from error

    def close(self) -> None:
        """Sync and let go of the directory; safe to call twice."""
        fd, self._fd = self._fd, -1
        lock, self._lock = self._lock, None
        try:
            if fd >= 0:
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
        except OSError as error:
            raise WriteError(f"cannot finish {self.records_path}: {reason_of(error)}; make room and run the same again") from error
        finally:
            if lock is not None:
                lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file of a run directory whole."""
    replace_file(path, json.dumps(value, indent=1, default=str) + "\n")


# -- inside -----------------------------------------------------------------------------------------------


def _never(record: dict[str, Any]) -> bool:
    return False


def _unusable(path: Path, error: OSError) -> RunError:
    return refusal(error, f"cannot use {path} as a run directory", "make room" if error.errno in FULL else "name another directory")


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _foreign(directory: Path) -> str:
    names = sorted(entry.name for entry in directory.iterdir() if not is_ours(entry, "run.json"))
    return ", ".join(names[:3])


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each field that decides what a run gives and is not as it was. Python's version decides nothing."""
    old, new = _flat(before), _flat(now)
    for fields in (old, new):
        fields.pop("versions.python", None)
    names = [*new, *(name for name in old if name not in new)]
    absent = "absent"
    return [f"{n}: was {_told(old, n, absent)}, now {_told(new, n, absent)}" for n in names if old.get(n, absent) != new.get(n, absent)]


def _told(values: Mapping[str, Any], name: str, absent: str) -> str:
    return shorten(json.dumps(values[name])) if name in values else absent


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and (value or not path):
        return {n: v for name, part in value.items() for n, v in _flat(part, f"{path}.{name}" if path else str(name)).items()}
    return {path: value}
