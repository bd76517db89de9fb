"""What the arguments of commands mean: envs by name, task files, tasks made on the spot, directories to fill.

Laws: whatever cannot be used is refused here, before anything is written; an env of one's own, which has no
pack, gets tasks by synthesis, the same ones for the same seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from .console import Progress, tell
from .envs.errors import DefinitionError, RunError, shorten
from .stopping import STOPS

if TYPE_CHECKING:
    from .envs.registry import EnvInfo
    from .envs.task import Task
    from .envs.world import World

MADE_BY_DEFAULT = 20
Ours = Callable[[bytes], bool]
_HEAD = 1 << 22  # bytes by which a file is known


def env_and_worlds(name: str) -> tuple[EnvInfo, tuple[type[World], ...]]:
    """An env that the user named, by short name, id, `module:World` or `file.py:World`, and its world classes."""
    from .envs.registry import user_env, world_class

    try:
        info = user_env(name)
        return info, tuple(world_class(world) for world in info.worlds)
    except SystemExit as error:  # a script without a main guard
        raise DefinitionError(f"the world module of {name} leaves Python when imported (exit {error.code}); guard its main part") from None


def one_world(name: str) -> type[World]:
    """The world class of an env with a single world."""
    info, classes = env_and_worlds(name)
    if len(classes) > 1:
        raise RunError(f"{info.id} joins several worlds; name one of {', '.join(info.worlds)}")
    return classes[0]


def tasks_of(where: str, n: int | None, seed: int, split: str | None, progress: Progress) -> Sequence[Task]:
    """The tasks that `ENV` or `TASKS.jsonl` means.

    Args:
        where: a file of tasks, or an env. n: how many, drawn by `seed`; None for all. split: `train`, `test`, None.
        progress: told (done, wanted) where tasks have to be made.
    """
    from .envs.packed import pack_of
    from .envs.task import TaskFile

    if where.endswith(".jsonl") or Path(where).is_file():
        found = TaskFile.read(where)
    else:
        info, _ = env_and_worlds(where)
        found = pack_of(where) if info.pack else TaskFile((), "no pack")
        if not found:
            return made_tasks(where, MADE_BY_DEFAULT if n is None else n, seed, progress)
    chosen = found.indices(split)
    if not chosen:
        raise RunError(f"{found.name} holds no task of the split {split}; leave --split out for all {len(found)}")
    if n is not None and n > len(chosen):
        tell(f"turngym: {found.name} holds {len(chosen)} such tasks, fewer than -n {n}; all are taken")
    elif n is not None:
        chosen = sorted(Random(f"tasks:{seed}").sample(chosen, n))
    tasks = [found[index] for index in chosen]
    _check_worlds(tasks)
    return tasks


def made_tasks(env: str, n: int, seed: int, progress: Progress) -> list[Task]:
    """Proven tasks made by synthesis: equal for equal seeds."""
    from .synthesis.pipeline import Maker, Request

    tasks: list[Task] = []
    for made in Maker(Request((env,), n, seed)).stream():
        if made.sample is not None:
            tasks.append(made.sample.task)
        progress(len(tasks), n)
        STOPS.check()
    if n and not tasks:
        raise RunError(f"no task could be made in {shorten(env)}; `turngym check {shorten(env)}` says what the world lacks")
    return tasks


def _check_worlds(tasks: Iterable[Task]) -> None:
    from .envs.registry import world_class

    for name in sorted({part.world for task in tasks for part in task.worlds}):
        world_class(name)


def packed_lines(env: str) -> Iterator[tuple[int, bytes]]:
    """The tasks of an env's pack, a numbered line each. Raises `RunError` for an env without one."""
    from .envs.packed import pack_of

    info, _ = env_and_worlds(env)
    if not info.pack:
        raise RunError(f"{info.id} has no pack; name a directory that `turngym synthesize` filled, or a file of tasks")
    return ((number, task.line().encode()) for number, task in enumerate(pack_of(env), 1))


def writable_file(path: Path, ours: Ours) -> Path:
    """A file that can be written, asked before the work for it is done.

    `ours`: whether a file that begins so is one of turngym's making, which may be replaced; any other is refused, and so is a link.
    """
    from .agents.directory import refuse_symlink

    parent = path.absolute().parent
    refuse_symlink(path)
    if path.is_dir():
        raise RunError(f"{path} is a directory; name a file")
    if path.exists() and not path.is_file():
        raise RunError(f"{path} is no plain file; name another")
    if not parent.is_dir():
        raise RunError(f"there is no directory {parent}; make it first")
    if not os.access(path if path.exists() else parent, os.W_OK):
        raise RunError(f"cannot write {path}: permission denied; name another file")
    if path.exists() and (head := _head_of(path)).strip() and not ours(head):
        raise RunError(f"{path} holds something that turngym did not write, and would be replaced; name another file or move it away")
    return path


def write_whole(path: Path, text: str | bytes, ours: Ours) -> None:
    """Replace a file whole, or leave it as it was. Raises what `writable_file` raises, and `WriteError` for a full disk."""
    from .agents.directory import refusal, replace_file

    writable_file(path, ours)
    try:
        replace_file(path, text, own=False)
    except OSError as error:
        raise refusal(error, f"cannot write {path}", "make room or name another file") from error


def is_task_file(head: bytes) -> bool:
    """Whether a file begins with a task on a line of its own."""
    from .envs.lines import parse_line

    row, _ = parse_line(head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0])
    return row is not None and {"env", "worlds", "turns"} <= row.keys()


def _head_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_HEAD)
