"""What the README shows is what there is: its code runs, its world is the file, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turngym.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_step_loop_runs_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    loops = [block for block in _blocks("python") if "gym.make" in block]
    for loop, printed in zip(loops, ("'success'", "reward of the last step"), strict=True):
        exec(compile(loop, "README.md", "exec"), {})
        assert printed in capsys.readouterr().out


def test_the_world_in_sixty_lines_is_the_example() -> None:
    text = (ROOT / "examples" / "locker.py").read_text(encoding="utf-8")
    assert text in _blocks("python")
    assert len([line for line in text.splitlines() if line.strip()]) <= 60


def test_every_command_shown_exists_with_its_options() -> None:
    runner = CliRunner()
    shown = re.findall(r"^(?:\$ )?turngym ([a-z]+)([^#\n|]*)", "\n".join(_blocks("bash")), re.MULTILINE)
    assert len(shown) > 8
    for name, rest in shown:
        help_text = runner.invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        assert "Usage" in help_text, name
        for option in re.findall(r"(?<!\w)(--?[a-z][\w-]*)", rest):
            assert option in help_text, f"turngym {name} has no {option}"


def test_the_world_of_ones_own_is_checked_rolled_out_and_synthesised(tmp_path: Path) -> None:
    runner = CliRunner()
    world = f"{ROOT / 'examples' / 'locker.py'}:Locker"
    for arguments in (
        ["check", world, "--json"],
        ["rollout", world, "--policy", "oracle", "-n", "5", "--json"],
        ["synthesize", world, "-n", "20", "--out", str(tmp_path / "data"), "--json"],
        ["verify", str(tmp_path / "data"), "--json"],
    ):
        result = runner.invoke(app, arguments)
        assert result.exit_code == 0, (arguments, result.output)


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "SECURITY.md"])
def test_what_stands_beside_the_readme_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 200


def test_the_readme_marks_its_two_commands() -> None:
    for part in ("run", "test"):
        marked = README.split(f"<!-- setup: {part} -->\n", 1)[1]
        block = re.match(r"```\w*\n(.*?)```", marked, re.DOTALL)
        assert block is not None
        assert block[1].count("\n") == 1, f"setup: {part} is one line"
