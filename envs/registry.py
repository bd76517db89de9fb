"""Which worlds and envs exist, by name, without importing them: the one list that everything else asks.

An env id is `turngym/<Name>-v<version>`; short names (`Banking`) and `module:Class` of one's own world are
understood wherever an env is asked for. Registering costs nothing: a world is imported when it is made. Law: a world that
does not ship is had only if the user named it (`door.py`); whoever takes a name from the user says so by `user_env` or
`user_world`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from .door import SHIPPED, allow, place_of, refusal
from .errors import DefinitionError, UnknownNameError, shorten
from .loading import load_module
from .world import World

_SCHEMES = {  # `<scheme>:<rest>` names a foreign world; the function makes its class from the rest
    "bfcl": "turngym.envs.bridges.bfcl:bfcl_world",
    "mcp": "turngym.envs.bridges.mcp:mcp_world",
}
_PACKS = {"bfcl": "turngym.envs.bridges.bfcl:bfcl_tasks"}  # `<scheme>:<rest>` names tasks that a foreign package holds
_JUDGES = {"bfcl": "turngym.envs.bridges.bfcl:BfclJudge", "bfcl-ast": "turngym.envs.bridges.bfcl:BfclSingleJudge"}
_VERSION = re.compile(r"-v\d+$", re.ASCII)


class EnvInfo(NamedTuple):
    """A registered env: its id, the names of its worlds, and the file name of its pack."""

    id: str
    worlds: tuple[str, ...]
    pack: str = ""

    @property
    def short(self) -> str:
        """The id without namespace and version."""
        return _VERSION.sub("", self.id.rsplit("/", 1)[-1])


ENVS: tuple[EnvInfo, ...] = (
    *(EnvInfo(f"turngym/{name}-v0", (name,), f"{name.lower()}.jsonl") for name in SHIPPED),
    EnvInfo("turngym/Assistant-v0", tuple(SHIPPED), "assistant.jsonl"),
)
_BFCL_CLASSES = ("GorillaFileSystem", "MathAPI", "MessageAPI", "TwitterAPI", "TicketAPI", "TradingBot", "TravelAPI", "VehicleControlAPI")
FOREIGN_ENVS: tuple[EnvInfo, ...] = tuple(  # of packages that are extras; named as what they hold is named there
    [
        EnvInfo(f"turngym/BFCL-v4-{name}", tuple([f"bfcl:{cls}" for cls in _BFCL_CLASSES]), f"bfcl:multi_turn_{name}")
        for name in ("base", "miss_func", "miss_param", "long_context")
    ]
)


def user_env(name: str) -> EnvInfo:
    """The env that the user named: as `env_info`, and from now on data may name its world too (`door.allow`)."""
    if _is_own(name):
        allow(name)
    return env_info(name)


def env_info(name: str) -> EnvInfo:
    """The env called `name`: an id, a short name, or `module:World` / `file.py:World` of one's own.

    A foreign env goes by the name of its tasks too (`bfcl:multi_turn_base`). Raises `UnknownNameError` with the nearest
    names, `WorldRefusedError` for a world that nobody allowed, or `DefinitionError` if its module does not import.
    """
    for info in (*ENVS, *FOREIGN_ENVS):
        if name in (info.id, info.short, info.pack) or name.lower() == info.short.lower():
            return info
    scheme, _, rest = name.partition(":")
    if scheme in _PACKS and rest.islower():  # tasks without an env of their own: each brings its functions
        return EnvInfo(f"turngym/{scheme.upper()}-v4-{rest}", (f"{scheme}:functions",), name)
    if _is_own(name):
        cls = world_class(name)
        return EnvInfo(f"{cls.__name__}-v{cls.version}", (name,))
    raise UnknownNameError("env", name, [info.short for info in (*ENVS, *FOREIGN_ENVS)])


def _is_own(name: str) -> bool:
    """Whether a name leads to a world that does not ship."""
    return ":" in name and not name.startswith("turngym:") and name.partition(":")[0] not in _PACKS


def user_world(place: str) -> type[World]:
    """The world class of a place that the user named: as `world_class`, and from now on data may name it too."""
    allow(place)
    return world_class(place)


def world_class(name: str) -> type[World]:
    """The world class called `name`: one that ships, or one that the user named (`door.py`), however data spells it.

    Raises `WorldRefusedError` for a world that nobody allowed, `UnknownNameError` for a name that leads nowhere, and
    `DefinitionError` where its module does not import.
    """
    place = place_of(name)
    if place is None:
        raise refusal(name) if ":" in name else UnknownNameError("world", name, SHIPPED)
    return _class_at(place)


@lru_cache(maxsize=256)
def _class_at(place: str) -> type[World]:
    """The class of a place: `module:Class`, `path/to/file.py:Class`, or `<scheme>:...` of a foreign one.

    A class that is no `World`, or a factory, is made into one (`bridges/objects`).
    """
    scheme, _, rest = place.partition(":")
    if scheme in _SCHEMES:
        made: type[World] = _named(_SCHEMES[scheme])(rest)
        return made
    module_name, _, class_name = place.rpartition(":")
    module = _load(module_name)
    found = getattr(module, class_name, None)
    if found is None:
        worlds = [n for n, v in vars(module).items() if inspect.isclass(v) and issubclass(v, World) and v is not World]
        raise UnknownNameError(f"world in {module_name}", class_name, worlds)
    if inspect.isclass(found) and issubclass(found, World):
        return found
    if not callable(found):
        raise DefinitionError(f"{place} is neither a world nor a class or factory that could be one")
    bridge: Callable[..., type[World]] = _named("turngym.envs.bridges.objects:world_of")
    return bridge(found, name=place)


def foreign_pack(name: str) -> Any:
    """The tasks of a pack that a foreign package holds, as a `TaskFile`."""
    scheme, _, rest = name.partition(":")
    return _named(_PACKS[scheme])(rest)


def judge_class(name: str) -> Any:
    """The judge that a task names."""
    if name not in _JUDGES:
        raise UnknownNameError("judge", name, _JUDGES)
    return _named(_JUDGES[name])


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(load_module(module), name)


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
