"""What the README shows is what there is: its code runs, its world is the file, its commands exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turngym.cli import app, run

sys.path.insert(0, str(Path(__file__).parent))
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


def test_every_command_shown_exists_with_its_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.findall(r"^(?:\$ )?turngym ([a-z]+)([^#\n|]*)", "\n".join(_blocks("bash")), re.MULTILINE)
    assert len(shown) > 8
    monkeypatch.setenv("COLUMNS", "200")
    texts: dict[str, str] = {}
    for name in {name for name, _ in shown}:
        assert run([name, "--help"]) == 0
        texts[name] = capsys.readouterr().out
    for name, rest in shown:
        help_text = texts[name]
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


def walk(part: str) -> list[list[str]]:
    """The commands of a marked block, as a shell would split them."""
    block = re.match(r"```bash\n(.*?)```", README.split(f"<!-- walk: {part} -->\n", 1)[1], re.DOTALL)
    assert block is not None
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory as the README supposes it: the examples are there, nothing else."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def played(words: list[str]) -> str:
    """Run a line of turngym; `> FILE` takes its output, `|| true` forgives it."""
    assert words[0] == "turngym", words
    forgiven = words[-2:] == ["||", "true"]
    words = words[1:-2] if forgiven else words[1:]
    to = words.index(">") if ">" in words else len(words)
    result = CliRunner().invoke(app, words[:to])
    assert forgiven or result.exit_code == 0, (words, result.output)
    if to < len(words):
        Path(words[to + 1]).write_text(result.stdout)
    return result.output


def test_the_walk_from_a_world_to_data_runs_as_printed(desk: Path) -> None:
    lines = walk("data")
    said = [played(words) for words in lines]
    assert len(lines) > 8
    assert "60 of 60 rows proven" in said[2]
    made = json.loads((desk / "runs" / "data" / "summary.json").read_text())
    assert {"base", "miss_func", "clarify", "irrelevant", "error_tool_response"} <= made["categories"].keys()
    assert (desk / "runs" / "next.jsonl").stat().st_size > 0
    accused = json.loads((desk / "runs" / "contaminated.json").read_text())
    assert accused["contaminated"] > 0, "a set is contaminated by its own tasks"


@pytest.mark.train
@pytest.mark.filterwarnings("ignore")
def test_the_walk_ends_in_two_training_runs(desk: Path) -> None:
    pytest.importorskip("trl")
    from tiny_model import make_tiny
    from trl.chat_template_utils import qwen3_chat_template

    model = make_tiny(desk / "tiny", template=qwen3_chat_template)
    for words in walk("data")[1:6]:
        played(words)
    for words in walk("train"):
        assert words[0] == "python"
        command = [sys.executable, *(model if word == "MODEL" else word for word in words[1:])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        assert done.returncode == 0, done.stderr[-3000:]
        assert "step" in done.stdout
    assert (desk / "runs" / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "SECURITY.md"])
def test_what_stands_beside_the_readme_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 200


def test_the_readme_marks_its_two_commands() -> None:
    for part in ("run", "test"):
        marked = README.split(f"<!-- setup: {part} -->\n", 1)[1]
        block = re.match(r"```\w*\n(.*?)```", marked, re.DOTALL)
        assert block is not None
        assert block[1].count("\n") == 1, f"setup: {part} is one line"
