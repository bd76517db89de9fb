"""The labelled sentences are heard rightly: at least 97 % precision and recall, on those set aside as on the others."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
WHATS = ("told", "asked", "declined")


def bench() -> Any:
    """`benchmarks/sentences.py`, which measures."""
    spec = importlib.util.spec_from_file_location("sentences_bench", ROOT / "benchmarks" / "sentences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("what", WHATS)
def test_sentences_are_heard_as_labelled(what: str, held_out: bool) -> None:
    found = bench().figures(what, held_out)
    assert found["precision"] >= 0.97
    assert found["recall"] >= 0.97


@pytest.mark.parametrize("what", WHATS)
def test_there_are_three_hundred_sentences_and_a_fifth_is_set_aside(what: str) -> None:
    rows = bench().rows(what)
    held = sum(row.get("held_out", False) for row in rows)
    assert len(rows) >= 300
    assert 0.19 <= held / len(rows) <= 0.25
    assert len({json.dumps([row["text"], row.get("value"), row.get("names"), row.get("about")]) for row in rows}) == len(rows)
    for part in (True, False):
        labels = [row["label"] for row in rows if row.get("held_out", False) == part]
        assert 0.25 < sum(labels) / len(labels) < 0.75  # neither yes nor no alone would do


@pytest.mark.parametrize("what", WHATS)
def test_sentences_come_in_many_registers(what: str) -> None:
    assert len({row["register"] for row in bench().rows(what)}) >= 8


def test_the_documented_figures_are_the_measured_ones() -> None:
    text = (ROOT / "docs" / "verdicts.md").read_text()
    for what in WHATS:
        for name, held_out in (("development", False), ("held out", True)):
            found = bench().figures(what, held_out)
            row = f"| {what} | {name} | {found['sentences']} | {100 * found['precision']:.1f} % | {100 * found['recall']:.1f} % |"
            assert row in text, row
