"""The optional dependencies, each named here and nowhere else, imported when they are first used.

Law: an absent one is a single line that says how to install it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from importlib.util import find_spec
from types import ModuleType

from .errors import MissingExtraError

EXTRAS: dict[str, str] = {
    "bfcl_eval": "bfcl",
    "datasketch": "data",
    "httpx": "chat",
    "httpx2": "chat",
    "huggingface_hub": "transformers",
    "jsonschema": "data",
    "llguidance": "transformers",
    "mcp": "mcp",
    "mpmath": "bfcl",
    "openai": "chat",
    "pyarrow": "data",
    "ray": "ray",
    "referencing": "data",
    "tenacity": "chat",
    "torch": "transformers",
    "transformers": "transformers",
    "vllm": "vllm",
}
_THEN = {"bfcl": "pip install --no-deps bfcl-eval==2026.3.23"}  # with its own needs it would pull gigabytes


def missing(package: str, extra: str) -> MissingExtraError:
    """The error for an absent package, with all that installing it takes."""
    return MissingExtraError(package, extra, _THEN.get(extra, ""))


def lacking(worlds: Iterable[str]) -> str:
    """How to install what worlds of these names stand on and is not here; "" where nothing is missing. Imports nothing.

    Args:
        worlds: names as the registry takes them; `<extra>:...` stands on all packages of that extra.
    """
    extras = sorted({scheme for scheme, colon, _ in (world.partition(":") for world in worlds) if colon and scheme in EXTRAS.values()})
    absent = [extra for extra in extras if any(find_spec(package) is None for package, of in EXTRAS.items() if of == extra)]
    return " && ".join([missing("", extra).remedy for extra in absent])


def need(module: str) -> ModuleType:
    """Import an optional dependency (`"pyarrow.parquet"` counts as `pyarrow`).

    Raises `MissingExtraError`, which names the extra, where it is not installed.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise missing(package, EXTRAS[package]) from None
