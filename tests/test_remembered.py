"""What is remembered of the shipped worlds is what probing finds; anything else is probed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import pytest
from mini_world import Library
from probe_worlds import probed

from turngym.envs import remembered
from turngym.envs.graph import ToolGraph, graph_of
from turngym.envs.probe import probe
from turngym.envs.registry import world_class
from turngym.envs.worldset import tool_table

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_what_is_remembered_is_what_probing_finds():
    stored = json.loads((ROOT / "envs" / remembered.FILE).read_text())
    assert stored == probed(), "the worlds have changed: python tests/probe_worlds.py"


def test_a_graph_is_the_same_whether_it_was_remembered_or_probed():
    classes = [world_class("FileSystem")]
    found = probe(classes, (0, 1, 2), "small")
    assert ToolGraph(tool_table(tuple(classes)).tools, found.edges, found.given).to_json() == graph_of(classes).to_json()


def test_other_seeds_sizes_versions_and_worlds_are_probed(monkeypatch):
    bank = world_class("Banking")
    assert remembered.recalled([bank], (0, 1, 2), "small") is not None
    assert remembered.recalled([bank], (0, 1), "small") is None
    assert remembered.recalled([bank], (0, 1, 2), "medium") is None
    assert remembered.recalled([Library], (0, 1, 2), "small") is None
    monkeypatch.setattr(bank, "version", bank.version + 1)
    assert remembered.recalled([bank], (0, 1, 2), "small") is None


def test_a_changed_byte_of_a_world_is_another_world(monkeypatch):
    bank = world_class("Banking")
    monkeypatch.setattr(remembered, "_source", lambda world: "another")
    assert remembered.recalled([bank], (0, 1, 2), "small") is None


def test_a_file_that_cannot_be_read_means_probing(monkeypatch):
    remembered._all.cache_clear()
    monkeypatch.setattr(remembered, "FILE", "absent.json")
    try:
        assert remembered.recalled([world_class("Banking")], (0, 1, 2), "small") is None
    finally:
        remembered._all.cache_clear()
