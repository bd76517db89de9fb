"""What all tests share: examples that hypothesis draws, garbage left alone, compiled modules, and trust in the tests' own worlds.

Examples: few by default, many with `--hypothesis-profile thorough` (`-m hypothesis` selects the tests that draw). A test that
draws leaves their number to the profile; its own `settings` say the rest. Garbage: a hundred modules and what they import make
a million objects that live as long as the run; looking through them again and again took half the time of collecting. Compiled
modules: the hundred processes that tests start find ours compiled, also where `PYTHONDONTWRITEBYTECODE` is set.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from turngym import allow

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("quick")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

allow("mini_world:Library", "planted_worlds:Market", "planted_worlds:Silo", "planted_worlds:Things", "special_worlds:Board")
allow(*[f"leaving_worlds:{name}" for name in ("Post", "Gone", "Late")])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """The tests of a file stay in one process, which makes what they share once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log) if config.getvalue("dist") == "load" else None
