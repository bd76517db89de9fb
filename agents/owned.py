"""A directory whose files we made one by one, beside what others put there: a mark lists them.

    with Owned("ds", "export") as place:
        (place.staging / "train.jsonl").write_text(...)
        place.settle()                  # what is staged takes the place of what was there

Laws: only files that the mark lists, and that are as we left them, are replaced or taken away; everything else in the directory
stays untouched; a directory that is not empty and bears no mark, or another kind's, is refused before anything is written; whatever
kills it, the same command repairs it: the mark names what is there and what is coming before the first file moves. Nothing is
written through a link.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from ..envs.errors import RunError, shorten
from .directory import ASIDE, LOCK, Lock, is_ours, refuse_no_directory, refuse_symlink, replace_file, sync_directory

MARK = ".turngym.json"
STAGING = ".turngym-aside"
_OURS = (MARK, MARK + ASIDE, STAGING)
Signature = tuple[int, int, int]


class Owned:
    """A marked directory, opened for writing; a context manager.

    Args:
        path: made if absent. kind: what is made there, as it is told; a mark of another kind is refused.

    Attributes:
        staging: an empty directory inside, for what comes. files: name -> digest of what is ours.

    Raises `RunError` for a directory that is not ours or is written by somebody else, and `OSError`.
    """

    def __init__(self, path: str | Path, kind: str) -> None:
        self.path, self.kind = Path(path), kind
        self.staging = self.path / STAGING
        refuse_no_directory(self.path, kind)
        self._made = not self.path.exists()
        self._look()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock: Lock | None = Lock(self.path)
        try:
            self._look()  # now that nobody else writes here
            self._seen = self._refuse_changed()
            if self._bare:
                self._mark({})
            self._clear()
            self.staging.mkdir()
        except BaseException:
            self.close()
            raise

    # -- whose it is -----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Whose it is, and which files are ours. Raises `RunError` where it is not ours."""
        self._bare = not os.path.lexists(self.path / MARK)  # nothing of ours is there yet
        self.files: dict[str, list[str]] = {}
        if self._bare:
            self._refuse_others()
        else:
            self.files = self._read()

    def _refuse_others(self) -> None:
        entries = self.path.iterdir() if self.path.is_dir() else ()
        others = sorted(entry.name for entry in entries if not is_ours(entry, MARK))
        if others:
            names = ", ".join(shorten(name, 40) for name in others[:3])
            raise RunError(f"{self.path} holds other things than {_a(self.kind)} of turngym ({names}); name an empty or new directory")

    def _read(self) -> dict[str, list[str]]:
        """Name -> the digests that a file of ours may have: one, or two where it was killed while it was replaced."""
        mark = self.path / MARK
        refuse_symlink(mark)
        try:
            found = json.loads(mark.read_bytes())
            kind, now, coming = found["kind"], found["files"], found.get("coming", {})
            files = {name: [d for d in (now.get(name), coming.get(name)) if d is not None] for name in {**now, **coming}}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise RunError(f"cannot read the mark {mark} ({type(error).__name__}); name another directory") from None
        if kind != self.kind:
            raise RunError(f"{self.path} is the place of {_a(shorten(str(kind), 40))}, not of {_a(self.kind)}; name another directory")
        for name in files:
            if not _is_inside(name):
                raise RunError(f"the mark {mark} names {shorten(name) or 'nothing'}, which is not inside; name another directory")
        return files

    def _refuse_changed(self) -> dict[str, Signature]:
        """What is ours is as we left it; gives its signatures."""
        seen = {}
        for name, digests in self.files.items():
            path = self._at(name)
            if path.exists():
                seen[name] = _signature(path)
                if _digest(path) not in digests:
                    raise RunError(f"{path} was changed since turngym wrote it; move it away or name another directory")
        return seen

    def _at(self, name: str) -> Path:
        """The place of a file; neither it nor a directory on the way may be a link."""
        path = self.path
        for part in name.split("/"):
            path /= part
            refuse_symlink(path)
        return path

    # -- writing ---------------------------------------------------------------------------------------

    def settle(self, *, keep: bool = False) -> list[str]:
        """Let what is staged take its place, and take away what is ours and was not made again, unless `keep`; gives the names."""
        coming = {name: _digest(self.staging / name) for name in _files_in(self.staging)}
        for name in coming:
            path = self._at(name)
            if path.is_dir() or (os.path.lexists(path) and name not in self.files):
                raise RunError(f"{path} is not of turngym's making, and would be replaced; move it away or name another directory")
        for name, signature in self._seen.items():
            if os.path.lexists(path := self._at(name)) and _signature(path) != signature:
                raise RunError(f"{path} was changed meanwhile; move it away or name another directory")
        now = {name: digests[0] for name, digests in self.files.items()}
        self._bare = False
        self._mark(now, coming)
        for name in coming:
            path = self._at(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.staging / name, path)
            sync_directory(path.parent)
        for name in () if keep else now.keys() - coming.keys():
            self._take_away(name)
        files = {**(now if keep else {}), **coming}
        self._mark(files)
        self.files = {name: [digest] for name, digest in files.items()}
        self._seen = {name: _signature(self.path / name) for name in files if (self.path / name).exists()}
        self._clear()
        self.staging.mkdir()
        return sorted(coming)

    def _take_away(self, name: str) -> None:
        path = self._at(name)
        path.unlink(missing_ok=True)
        for parent in path.relative_to(self.path).parents:
            if parent != Path("."):
                try:
                    (self.path / parent).rmdir()
                except OSError:  # others have something there, or it is gone
                    break

    def _mark(self, files: Mapping[str, str], coming: Mapping[str, str] | None = None) -> None:
        told: dict[str, Any] = {"format": 1, "kind": self.kind, "files": dict(sorted(files.items()))}
        if coming is not None:
            told["coming"] = dict(sorted(coming.items()))
        replace_file(self.path / MARK, json.dumps(told, indent=1) + "\n")

    def _clear(self) -> None:
        refuse_symlink(self.staging)
        if self.staging.exists():
            shutil.rmtree(self.staging)

    def close(self) -> None:
        """Let go of it; where nothing was ever settled, nothing stays behind. Safe to call twice."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        try:
            shutil.rmtree(self.staging, ignore_errors=True)
            if self._bare:
                (self.path / MARK).unlink(missing_ok=True)
        finally:
            lock.release()
        if self._bare and self._made:
            with contextlib.suppress(OSError):  # somebody has put something there
                self.path.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


# -- inside -----------------------------------------------------------------------------------------------


def _a(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"


def _is_inside(name: Any) -> bool:
    parts = name.split("/") if isinstance(name, str) else [""]
    return not any(part in ("", ".", "..") for part in parts) and parts[0] not in (*_OURS, LOCK)


def _files_in(directory: Path) -> Iterator[str]:
    """Names of all files below, sorted; the card comes last, so that it speaks of what is there."""
    found = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    yield from sorted(found, key=lambda name: name.endswith("README.md"))


def _signature(path: Path) -> Signature:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise RunError(f"{path} is no file any more; move it away or name another directory")
    return found.st_ino, found.st_size, found.st_mtime_ns


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        os.fsync(file.fileno())
    return digest.hexdigest()
