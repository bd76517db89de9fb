"""What docs/mcp.md shows is what there is: commands, declarations, code, and the examples it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp")

from typer.testing import CliRunner

from turngym.cli import app
from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world
from turngym.envs.graph import ToolGraph
from turngym.envs.worldset import tool_table

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    yield
    close_connections()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)


def test_every_command_shown_exists_with_its_options():
    shown = re.findall(r"^turngym ([a-z]+)([^#\n]*)", "\n".join(blocks("bash")), re.MULTILINE)
    assert len(shown) > 8
    for name, rest in shown:
        help_text = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r"(?<!\S)(--?[a-z][\w-]*)", rest):
            assert option in help_text, f"turngym {name} has no {option}"


def test_the_declaration_shown_is_one_and_every_field_is_told_of():
    (shown,) = blocks("json")
    assert Declaration.model_validate(json.loads(shown)).kinds.keys() == {"good", "order"}
    table = DOCS[DOCS.index("| field |") : DOCS.index("A file with one entry")]
    assert set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE)))) == set(Declaration.model_fields)


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks("python"))
def test_code_runs_as_printed(code: str):
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, timeout=60)


def test_kinds_tie_tools_together_and_users_know_what_the_state_tells():
    shop = mcp_world("examples/mcp_shop.json")
    assert shop.__name__ == "CornerShop"
    assert shop.heeds == {"seed"}
    graph = ToolGraph(tool_table((shop,)).tools)
    assert ("place_order", "take_back") in graph.edges("data")
    assert "take_back" in graph.reachable()
    world = shop.create(3)
    goods = {item["name"] for item in world.call("list_shelf").value["goods"]}
    assert {fact.value for fact in world.known()} == goods
    assert {fact.semantic for fact in world.known()} == {"good"}
    assert shop.create(4).call("list_shelf").text != world.call("list_shelf").text
    refused = world.call("take_back", {"order": "OR-001"})
    assert (refused.error, "there is no order 'OR-001'" in refused.text) == ("not_found", True)


def test_the_client_of_the_examples_lives_through_a_task():
    done = subprocess.run(
        [sys.executable, "-W", "error", "examples/mcp_client.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("success: True")


@pytest.mark.slow
def test_a_server_is_checked_rolled_out_and_synthesised_from(tmp_path: Path):
    world = "mcp:examples/mcp_shop.json"
    for arguments in (
        ["envs", "show", world, "--json"],
        ["check", world, "--calls", "60", "--json"],
        ["rollout", world, "--policy", "oracle", "-n", "3", "--json"],
        ["synthesize", world, "-n", "4", "--out", str(tmp_path / "data"), "--json"],
        ["verify", str(tmp_path / "data"), "--json"],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output[-3000:]
