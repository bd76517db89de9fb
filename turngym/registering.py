"""The env ids in Gymnasium's registry, whichever of the two packages is imported first.

Gymnasium loads no plugins, so whoever imports turngym finds the ids there. It also takes longer to import than all that
a command or a worker needs of turngym, so it is not imported for their sake: where it is there already (`gym.make` may
have imported turngym), the ids are registered at once, else as soon as it is there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from .envs.registry import ENVS, FOREIGN_ENVS


def register_envs() -> None:
    """Register the ids now, or when Gymnasium is imported."""
    if "gymnasium" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Awaited())


def _register() -> None:
    from gymnasium import register, registry

    for info in (*ENVS, *FOREIGN_ENVS):
        if info.id not in registry:
            register(info.id, entry_point="turngym.envs.env:ToolEnv", kwargs={"name": info.id})


class _Awaited(MetaPathFinder):
    """Finds Gymnasium as all other finders would, and has the ids registered once it is loaded.

    It stays where it is: whoever takes a finder away while another thread imports makes that thread miss one.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _LoadAndRegister(spec.loader)
                return spec
        return None


class _LoadAndRegister(Loader):
    """Loads a module by its own loader, which the module then names as ever, and registers the ids."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _register()
