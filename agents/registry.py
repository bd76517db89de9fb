"""Policies by name, imported when one is made.

`make_policy("random")` gives one that ships; `make_policy("my_module:thing")` or
`make_policy("path/to/file.py:thing")` one of your own: a class (made with the
options), an object with `act` or `batch`, or a function. Law: a wrong name or option is one clear line.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

from ..envs.errors import RunError, TurngymError, UnknownNameError, shorten
from ..envs.loading import load_module
from .adapters import as_policy
from .policy import Policy, PolicySpec

POLICIES: dict[str, str] = {
    "null": "turngym.agents.baselines:NullPolicy",
    "random": "turngym.agents.baselines:RandomPolicy",
    "oracle": "turngym.agents.baselines:OraclePolicy",
    "graph": "turngym.agents.planning.planner:GraphPolicy",
    "scripted": "turngym.agents.playback:ScriptedPolicy",
    "replay": "turngym.agents.playback:ReplayPolicy",
    "transformers": "turngym.agents.models.small:TransformersPolicy",
    "chat": "turngym.agents.models.chat:ChatPolicy",
    "vllm": "turngym.agents.models.vllm:VLLMPolicy",
}


def make_policy(name: str, **options: Any) -> Policy:
    """A policy by its name, or from `module:object` or `file.py:object`.

    Raises `UnknownNameError` with the nearest names, and `RunError` for options it does not take, a module
    that does not import, a constructor that fails, or an object that is no policy.
    """
    place = POLICIES.get(name, name)
    module_name, colon, attribute = place.rpartition(":")
    if not colon or not module_name or not attribute:
        raise UnknownNameError("policy", name, [*POLICIES, "module:object", "file.py:object"])
    found = _load(name, module_name, attribute)
    if inspect.isclass(found):
        _check_options(name, found, options)
        return _specified(_policy(name, _made(name, found, options), "" if name in POLICIES else name), name, options)
    if options:
        raise RunError(
            f"policy {shorten(name)} is made already and takes no options; got {', '.join(sorted(options))}; name a class instead"
        )
    return _specified(_policy(name, found, "" if hasattr(found, "act") and hasattr(found, "name") else name), name, options)


def _made(name: str, cls: type, options: dict[str, Any]) -> Any:
    try:
        return cls(**options)
    except (TurngymError, ValueError):  # said for whoever gave the options
        raise
    except Exception as error:
        if name in POLICIES:
            raise
        raise RunError(f"policy {shorten(name)} cannot be made ({type(error).__name__}: {shorten(str(error), 160)}); mend it") from error


def _policy(name: str, thing: Any, shown: str) -> Policy:
    try:
        return as_policy(thing, shown)
    except TypeError as error:
        raise RunError(f"policy {shorten(name)}: {error}") from None


def _specified(policy: Policy, name: str, options: dict[str, Any]) -> Policy:
    with contextlib.suppress(AttributeError):  # one with fixed slots stays in this process
        policy.spec = PolicySpec(name, dict(options))  # type: ignore[attr-defined]
    return policy


def _load(name: str, module_name: str, attribute: str) -> Any:
    try:
        module = load_module(module_name)
    except TurngymError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(str(error), 160)}"
        raise RunError(f"policy {shorten(name)}: the module {shorten(module_name)} does not import ({why})") from error
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UnknownNameError(
                f"policy in {module_name}", attribute, [n for n, v in vars(module).items() if callable(v) and n[0] != "_"]
            )
        found = getattr(found, part)
    return found


def _check_options(name: str, cls: type, options: dict[str, Any]) -> None:
    try:
        inspect.signature(cls).bind(**options)
    except TypeError as error:
        takes = ", ".join(inspect.signature(cls).parameters) or "none"
        raise RunError(f"policy {shorten(name)}: {error}; its options: {takes}") from None
    except ValueError:  # a class without a readable signature: let it speak for itself
        return
