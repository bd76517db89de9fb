"""A plain world of a newcomer works: no phrases, no predicates, no facts of its own, money and days in its records."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from turngym.envs.check import check_world
from turngym.envs.registry import user_world
from turngym.synthesis import Request, synthesize, verify_sample
from turngym.synthesis.sample import Sample

PLACE = f"{Path(__file__).parent / 'todo_world.py'}:Todo"


def test_it_keeps_every_law() -> None:
    report = check_world(user_world(PLACE), calls=800, processes=False)
    assert report.passed, report.failures


def test_facts_are_as_a_caller_writes_them_and_no_made_up_values() -> None:
    assert list(user_world(PLACE).create(3).known()) == []


def test_samples_of_it_are_verified_and_dates_mostly_come_from_the_user() -> None:
    kept: list[Sample] = []
    record = synthesize(Request((PLACE,), 25, 1), keep=kept.append)
    assert record["kept"] == 25
    assert all(not verify_sample(sample) for sample in kept)
    sources = [s.kind for sample in kept for call in sample.task.gold() for n, s in call.sources.items() if n in ("due", "cost")]
    assert sources.count("user") > len(sources) / 2


def test_a_cell_that_hides_its_predicate_is_told_at_import(tmp_path: Path) -> None:
    source = (
        "from turngym.envs import Cell, World, record, tool\n"
        "@record\nclass Note:\n    text: str\n"
        "def unlocked(world):\n    '''It is unlocked.'''\n    return world.unlocked\n"
        "class Box(World):\n    '''A box.'''\n    unlocked = Cell(False)\n"
        "    @tool(requires=unlocked)\n    def look(self) -> Note:\n        '''Look.'''\n        return Note('x')\n"
    )
    file = tmp_path / "box.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("box", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["box"] = module
    with pytest.raises(TypeError, match="not a predicate"):
        spec.loader.exec_module(module)
