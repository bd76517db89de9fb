"""Modules of the user's own, by import name or by file: `my_module`, `path/to/file.py`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from .errors import DefinitionError


def load_module(name: str) -> ModuleType:
    """Import a module, or run a `.py` file as one, once per file and process.

    Raises `DefinitionError` if there is no such file, and whatever the module raises.
    """
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name).resolve()
    module_name = f"turngym_user_{path.stem}"
    known = sys.modules.get(module_name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DefinitionError(f"there is no file {name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # type hints of the module's records are looked up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module
