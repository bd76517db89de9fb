"""Variables of our environment are expanded where a user wrote them, in a declaration, and nowhere that data speaks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp_scripted import over_http

from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world, mcp_world_of
from turngym.envs.bridges.mcp.declaration import expanded
from turngym.envs.errors import DefinitionError

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "envs" / "bridges" / "mcp"
SECRET = "s3cret-of-ours"
ASKING = '{"orders": "${TURNGYM_TEST_SECRET}", "place": "${TURNGYM_TEST_SECRET}"}'


@pytest.fixture(autouse=True)
def _a_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TURNGYM_TEST_SECRET", SECRET)
    yield
    close_connections()


def test_what_a_user_declared_is_expanded():
    said = Declaration(
        command="${TURNGYM_TEST_SECRET}{seed}", args=("--key=${TURNGYM_TEST_SECRET}", "{seed}"), env={"KEY": "${TURNGYM_TEST_SECRET}"}
    )
    found = expanded(said, {"seed": 3, "size": "small"})
    assert (found.command, found.args, found.env) == (f"{SECRET}3", (f"--key={SECRET}", "3"), {"KEY": SECRET})
    over = expanded(Declaration(url="http://x/${TURNGYM_TEST_SECRET}", headers={"A": "${TURNGYM_TEST_SECRET} {seed}"}), {"seed": 3})
    assert (over.url, over.headers) == ("http://x/${TURNGYM_TEST_SECRET}", {"A": f"{SECRET} {{seed}}"})


def test_a_tasks_config_cannot_ask_for_a_variable_nor_name_the_command():
    names = {"seed": 1, "size": "small", "place": "${TURNGYM_TEST_SECRET}", "TURNGYM_TEST_SECRET": "${HOME}", "tool": "rm"}
    said = Declaration(command="{tool}", args=("--at={place}", "${TURNGYM_TEST_SECRET}"), env={"PLACE": "{place}"})
    found = expanded(said, names)
    assert found.args == ("--at=${TURNGYM_TEST_SECRET}", SECRET)
    assert found.env == {"PLACE": "${TURNGYM_TEST_SECRET}"}
    assert found.command == "{tool}"


def test_neither_reset_nor_calls_nor_results_nor_lists_are_expanded():
    asks = "${TURNGYM_TEST_SECRET}"
    tools = [
        {"name": name, "description": asks, "inputSchema": {"type": "object", "description": asks}} for name in ("reset", "say", "echo")
    ]
    with over_http({"tools": tools, "results": {"say": {"content": [{"type": "text", "text": asks}]}}, "instructions": asks}) as (
        address,
        seen,
    ):
        cls = mcp_world_of(Declaration(url=address, reset={"tool": "reset", "arguments": {"a": asks, "b": "{place}"}}, state=("echo",)))
        world = cls.create(1, config=ASKING)
        assert world.call("say").text == asks
        assert cls.tools["say"].description == asks
        assert asks in cls.page()
        assert world.system.state() is not None
        bodies = json.dumps([seen, cls.page(), [row.value for row in world.state]])
        assert SECRET not in bodies
        cls.pool.close()


def test_a_server_is_not_told_what_a_config_asks_for():
    server = [sys.executable, str(HERE / "mcp_crude.py")]
    cls = mcp_world_of(Declaration(command=server[0], args=(server[1], "--note", "{place}"), state=("dump",)))
    state = {row.path: row.value for row in cls.create(1, config=ASKING).state}
    assert SECRET not in json.dumps(state)
    assert [value for path, value in state.items() if path.startswith("notes")] == ['["${TURNGYM_TEST_SECRET}"]']


@pytest.mark.parametrize("field", [{"env": {"X": "${NO_SUCH_VARIABLE}"}}, {"args": ["${NO_SUCH_VARIABLE}"]}])
def test_a_variable_that_is_not_set_is_named_before_anything_starts(tmp_path: Path, field: dict[str, Any]):
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"command": "no_such_command", **field}))
    with pytest.raises(DefinitionError, match=r"wants \$\{NO_SUCH_VARIABLE\}, which is not set") as caught:
        mcp_world(str(file))
    assert "\n" not in str(caught.value)


def test_the_environment_is_read_in_one_place():
    readers = [file.name for file in sorted(PACKAGE.glob("*.py")) if "environ" in file.read_text().replace("environment", "")]
    assert readers == ["declaration.py"]
    assert (PACKAGE / "declaration.py").read_text().count("os.environ[") == 1
