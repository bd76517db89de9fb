"""Directories and files that turngym writes: whose they are, who writes in them now, and how a file is replaced.

    with Lock(directory): ...                            # one writer; a second one is told who it is
    replace_file(directory / "summary.json", text)       # written beside it, synced, moved over it
    fd = open_own(directory / "samples.jsonl", os.O_APPEND)

Laws: nothing is written through a link, symbolic or hard, be it the directory or a file in it; a file is replaced whole or stays;
what the disk does not take is a `WriteError` and what the system refuses otherwise a `RunError`, a line each. Not here: marks
with a list of files (`owned.py`), and records (`store.py`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Self

from ..envs.errors import RunError, WriteError
from ..envs.lines import reason_of

ASIDE = ".aside"
LOCK = ".lock"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HOLDER = re.compile(rb"(\d+) (\S*)\n")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def refusal(error: OSError, what: str, remedy: str = "make room and run the same again") -> RunError:
    """The error to raise for what the system refused: `WriteError` where the disk is full, else `RunError`."""
    return (WriteError if error.errno in FULL else RunError)(f"{what}: {reason_of(error)}; {remedy}")


def refuse_symlink(path: Path) -> None:
    """Raise `RunError` where `path` is a symbolic link."""
    if path.is_symlink():
        raise RunError(f"{path} is a link, and nothing is written through links; name the place itself, or take the link away")


def refuse_link(path: Path) -> None:
    """Raise `RunError` where writing into `path` would write elsewhere: a link, a file with a second name, no file at all."""
    refuse_symlink(path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise RunError(f"{path} has a second name (a hard link), which would change with it; put a copy in its place")
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise RunError(f"{path} is neither a file nor a directory; name another place")


def refuse_no_directory(path: Path, what: str) -> None:
    """Raise `RunError` where `path` is there and is no directory, or is a link to one."""
    refuse_symlink(path)
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is no directory; name one for the {what}")


def open_own(path: Path, flags: int) -> int:
    """Open a file of one's own directory for writing, made if absent; a descriptor. Raises `RunError` for links."""
    refuse_link(path)
    found = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    if os.fstat(found).st_nlink > 1:
        os.close(found)
        refuse_link(path)
    return found


def replace_file(path: Path, content: str | bytes | Callable[[IO[bytes]], object], *, own: bool = True) -> None:
    """Replace a file whole, or leave it as it was.

    Args:
        content: text, bytes, or what writes them into the open file. own: whether it stands in a directory of ours, where the name
            `<name>.aside` is ours too; elsewhere a name is taken that nobody has.

    Raises `RunError` where `path` is a link, and `OSError` (`refusal` puts it into words).
    """
    refuse_symlink(path)
    aside = path.with_name(path.name + ASIDE) if own else path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}{ASIDE}")
    if own and os.path.lexists(aside):
        refuse_symlink(aside)
        aside.unlink()
    with open(os.open(aside, _NEW, 0o666), "wb") as file:
        try:
            if callable(content):
                content(file)
            else:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)


@contextlib.contextmanager
def replacing(directory: Path, names: Iterable[str]) -> Iterator[dict[str, IO[bytes]]]:
    """Several files of a directory of ours, replaced together once all are written; none, if that fails."""
    asides = {name: directory / (name + ASIDE) for name in names}
    with contextlib.ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        try:
            for name, aside in asides.items():
                refuse_symlink(directory / name)
                refuse_symlink(aside)
                aside.unlink(missing_ok=True)
                files[name] = stack.enter_context(open(os.open(aside, _NEW, 0o666), "wb"))
            yield files
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            for name in files:
                asides[name].unlink(missing_ok=True)
            raise
    for name, aside in asides.items():
        os.replace(aside, directory / name)
    sync_directory(directory)


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Lock:
    """The one who writes in a directory; its process stands in `.lock`, which goes when it is done. A context manager.

    Raises `RunError` with the process where another one holds it, and for a `.lock` that is not ours.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._fd = self._taken()

    def _taken(self) -> int:
        while True:
            refuse_link(self._path)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not self._is(fd):  # who held it took the file away
                    os.close(fd)
                    continue
                self._sign(fd)
            except BlockingIOError:
                told = _holder(fd)
                os.close(fd)
                raise RunError(f"{told} is writing to {self._path.parent}; wait for it or name another directory") from None
            except BaseException:
                os.close(fd)
                raise
            return fd

    def _is(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.lstat())
        except FileNotFoundError:
            return False

    def _sign(self, fd: int) -> None:
        found = os.pread(fd, 512, 0)
        if found and not _HOLDER.fullmatch(found):
            raise RunError(f"{self._path} is not of turngym's making; name another directory")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {os.uname().nodename}\n".encode(), 0)

    def release(self) -> None:
        """Let go; safe to call twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                if self._is(fd):
                    self._path.unlink()
            finally:
                os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def is_ours(path: Path, mark: str) -> bool:
    """Whether a file is what a command that died at once leaves in a directory: a lock, or a `mark` that was begun."""
    if path.name == mark + ASIDE:
        return path.is_file()
    try:
        found = path.read_bytes()[:512] if path.name == LOCK and path.is_file() else b"?"
    except OSError:
        return False
    return not found or _HOLDER.fullmatch(found) is not None


def _holder(fd: int) -> str:
    found = _HOLDER.fullmatch(os.pread(fd, 512, 0))
    if found is None:
        return "another process"
    process, node = found[1].decode(), found[2].decode("utf-8", "replace")
    return f"another process ({process})" if node == os.uname().nodename else f"another process ({process} on {node})"
