"""Without the package of the extra bfcl: one line says how to install it, wherever it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from turngym.cli import run
from turngym.envs.errors import MissingExtraError
from turngym.envs.extras import lacking
from turngym.envs.packed import pack_of, packed
from turngym.envs.registry import ENVS, FOREIGN_ENVS, _class_at, env_info, world_class

HOW = "bfcl_eval is not installed; it comes with: pip install 'turngym[bfcl]' && pip install --no-deps bfcl-eval==2026.3.23"


@pytest.fixture(autouse=True)
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "bfcl_eval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bfcl_eval", None)
    packed.cache_clear()
    _class_at.cache_clear()


def test_tasks_say_how_to_install_it():
    with pytest.raises(MissingExtraError) as caught:
        pack_of("bfcl:multi_turn_base")
    assert str(caught.value) == HOW


@pytest.mark.parametrize("name", ["bfcl:functions", "bfcl:simple_python"])
def test_worlds_and_single_turn_tasks_say_it_too(name: str):
    with pytest.raises(MissingExtraError, match="no-deps bfcl-eval"):
        world_class(name) if name == "bfcl:functions" else pack_of(name)


def test_the_command_says_it_in_one_line(capsys: pytest.CaptureFixture[str]):
    assert run(["eval", "--tasks", "bfcl:multi_turn_base", "--policy", "oracle"]) != 0
    told = " ".join(capsys.readouterr().err.split())
    assert HOW in told
    assert "Traceback" not in told


def test_the_list_of_envs_says_what_is_not_available_and_what_to_install(capsys: pytest.CaptureFixture[str]):
    assert run(["envs", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert {identity for identity, row in rows.items() if row["available"]} == {info.id for info in ENVS}
    assert all("needs" not in rows[info.id] and rows[info.id]["tools"] and rows[info.id]["tasks"] for info in ENVS)
    for info in FOREIGN_ENVS:
        row = rows[info.id]
        assert (row["available"], row["tools"], row["tasks"]) == (False, None, None)
        assert row["needs"] == HOW.partition(": ")[2]
    assert run(["envs"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"What is not available here comes with: {HOW.partition(': ')[2]}" in told
    assert told.count(" no ") == len(FOREIGN_ENVS)


def test_whether_an_env_is_available_is_told_without_importing_what_it_stands_on():
    asked = "lacking(['mcp:x', 'bfcl:MathAPI', 'Banking', 'my.py:World'])"
    code = f"import sys; from turngym.envs.extras import lacking; {asked}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"mcp", "bfcl_eval", "mpmath"} & set(loaded)
    assert lacking(["Banking", "my.py:World"]) == ""


def test_the_ids_are_known_all_the_same():
    assert env_info("bfcl:multi_turn_miss_func").id == "turngym/BFCL-v4-miss_func"
    assert env_info("BFCL-v4-base").pack == "bfcl:multi_turn_base"
