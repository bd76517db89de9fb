"""The tasks that ship with an env, read from the package once; without Gymnasium, which takes longer to import than they do to read."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from .registry import foreign_pack, user_env
from .task import TaskFile


@lru_cache(maxsize=16)
def packed(name: str) -> TaskFile:
    """The pack called `name`, as an `EnvInfo` names it: a file of ours, or `<scheme>:...` of a foreign package.

    Without a name, and where there is no such file, it holds no task.
    """
    if not name:
        return TaskFile((), "no pack")
    if ":" in name:
        made: TaskFile = foreign_pack(name)
        return made
    found = resources.files(__package__).joinpath("packs", name)
    return TaskFile(found.read_text(encoding="utf-8").split("\n") if found.is_file() else (), name)


def pack_of(name: str) -> TaskFile:
    """The tasks that ship with an env (short name or id)."""
    return packed(user_env(name).pack)
