"""Which worlds and envs exist, by name, without importing them: the one list that everything else asks.

An env id is `turngym/<Name>-v<version>`; short names (`Banking`) and `module:Class` of one's own world are
understood wherever an env is asked for. Registering costs nothing: a world is imported when it is made.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

from .errors import DefinitionError, UnknownNameError, shorten
from .loading import load_module
from .world import World

_WORLDS = {
    "FileSystem": "turngym.envs.worlds.filesystem:FileSystem",
    "Travel": "turngym.envs.worlds.travel:Travel",
    "Banking": "turngym.envs.worlds.banking:Banking",
}


class EnvInfo(NamedTuple):
    """A registered env: its id, the names of its worlds, and the file name of its pack."""

    id: str
    worlds: tuple[str, ...]
    pack: str = ""

    @property
    def short(self) -> str:
        """The id without namespace and version."""
        return self.id.rsplit("/", 1)[-1].split("-v", 1)[0]


ENVS: tuple[EnvInfo, ...] = (
    *(EnvInfo(f"turngym/{name}-v0", (name,), f"{name.lower()}.jsonl") for name in _WORLDS),
    EnvInfo("turngym/Assistant-v0", tuple(_WORLDS), "assistant.jsonl"),
)


def env_info(name: str) -> EnvInfo:
    """The env called `name`: an id, a short name, or `module:World` / `file.py:World` of one's own.

    Raises `UnknownNameError` with the nearest names, or `DefinitionError` if a module does not import.
    """
    for info in ENVS:
        if name in (info.id, info.short) or name.lower() == info.short.lower():
            return info
    if ":" in name and not name.startswith("turngym:"):
        cls = world_class(name)
        return EnvInfo(f"{cls.__name__}-v{cls.version}", (name,))
    raise UnknownNameError("env", name, [info.short for info in ENVS])


@lru_cache(maxsize=256)
def world_class(name: str) -> type[World]:
    """The world class called `name` (registered, or `module:Class`, or `path/to/file.py:Class`)."""
    place = _WORLDS.get(name, name)
    if ":" not in place:
        raise UnknownNameError("world", name, _WORLDS)
    module_name, _, class_name = place.rpartition(":")
    module = _load(module_name)
    found = getattr(module, class_name, None)
    if found is None:
        worlds = [n for n, v in vars(module).items() if inspect.isclass(v) and issubclass(v, World) and v is not World]
        raise UnknownNameError(f"world in {module_name}", class_name, worlds)
    if not (inspect.isclass(found) and issubclass(found, World)):
        raise DefinitionError(f"{name} is no World class")
    return found


def _load(name: str) -> ModuleType:
    try:
        return load_module(name)
    except DefinitionError:
        raise
    except Exception as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]
        remedy = "stand where it lies, or name its file (path/to/file.py:World)" if absent else "mend it there"
        raise DefinitionError(
            f"the world module {name} does not import: {type(error).__name__}: {shorten(str(error), 160)}; {remedy}"
        ) from error
