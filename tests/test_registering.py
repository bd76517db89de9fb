"""The env ids are in Gymnasium's registry whichever package is imported first, and Gymnasium is imported for its users alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

CASES = (
    pytest.param("import turngym, gymnasium; env = gymnasium.make('turngym/Banking-v0')", id="ours first"),
    pytest.param("import gymnasium; env = gymnasium.make('turngym:turngym/Banking-v0')", id="named by the id", marks=pytest.mark.slow),
    pytest.param("import gymnasium, turngym; env = gymnasium.make('turngym/Banking-v0')", id="theirs first", marks=pytest.mark.slow),
    pytest.param(
        "import turngym; from gymnasium.envs.registration import make; env = make('turngym/Banking-v0')",
        id="a part",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "import turngym, importlib.util as u; assert u.find_spec('gymnasium'); import gymnasium as g; env = g.make('turngym/Banking-v0')",
        id="looked for before",
        marks=pytest.mark.slow,
    ),
)


@pytest.mark.parametrize("code", CASES)
def test_the_ids_are_registered_whoever_is_imported_first(code: str) -> None:
    more = "; from importlib.machinery import SourceFileLoader; assert type(sys.modules['gymnasium'].__loader__) is SourceFileLoader"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(env.unwrapped.env_info.id){more}"], capture_output=True, text=True
    )
    assert done.stdout == "turngym/Banking-v0\n", done.stderr


def test_commands_and_workers_do_without_gymnasium_and_what_it_brings() -> None:
    code = (
        "import sys, turngym.cli, turngym.envs.packed, turngym.agents.executors.processes, turngym.synthesis.pipeline, turngym.envs.check\n"
        "assert len(turngym.envs.packed.pack_of('Banking')) > 100\n"
        "print({'gymnasium', 'numpy', 'networkx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
