"""FileSystem: what holds whatever is called: atomic calls, pure reads, free forks, equal runs, varied seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from random import Random
from typing import Any, get_args, get_origin

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from turngym.envs.tool import Tool
from turngym.envs.types import metadata_of
from turngym.envs.world import World
from turngym.envs.worlds.filesystem import FileSystem

NAMES = sorted(FileSystem.tools)
READS = [name for name in NAMES if FileSystem.tools[name].is_read]
HOSTILE = (
    "",
    "/",
    ".",
    "..",
    "~",
    "~x",
    "a\x00",
    "x/" * 300,
    "//",
    "/..",
    "current",
    "team/../..",
    "*",
    "\n",
    0,
    -1,
    None,
    True,
    [],
    {},
    1e308,
    "9" * 400,
)


def values_in(value: Any, path: tuple[str, ...]) -> list[Any]:
    """The leaves at `path` of a decoded result."""
    if not path or value is None:
        return [] if value is None else [value]
    if path[0] == "*":
        return [leaf for part in value for leaf in values_in(part, path[1:])]
    return values_in(value[path[0]], path[1:])


class Caller:
    """Calls tools with values from facts, outputs and draws, as the synthesis layer does."""

    def __init__(self, world: FileSystem, rng: Random) -> None:
        self.world, self.rng = world, rng
        self.pool: dict[str, list[Any]] = {}
        for semantic, value in world.known():
            self.pool.setdefault(semantic, []).append(value)

    def argument(self, parameter: Any) -> Any:
        seen = self.pool.get(parameter.semantic.name, []) if parameter.semantic else []
        if seen and (parameter.draw is None or self.rng.random() < 0.5):
            return self.rng.choice(seen)
        if parameter.draw is not None:
            return parameter.draw(self.world, self.rng)
        inner, _ = metadata_of(parameter.annotation)
        if inner is bool:
            return self.rng.random() < 0.4
        return self.rng.choice(get_args(inner)) if get_origin(inner) is not None else None

    def arguments(self, tool: Tool) -> dict[str, Any]:
        wanted = [p for p in tool.parameters.values() if p.required or self.rng.random() < 0.3]
        values = {p.name: self.argument(p) for p in wanted}
        return {name: value for name, value in values.items() if value is not None}

    def call(self, name: str) -> Any:
        tool = self.world.tools[name]
        arguments = self.arguments(tool)
        result = self.world.call(name, json.dumps(arguments))
        assert result.error != "internal_error", (name, arguments, result.detail)
        if result.error is None:
            for output in tool.outputs:
                if output.semantic is not None:
                    seen = self.pool.setdefault(output.semantic.name, [])
                    seen.extend(v for v in values_in(result.value, output.path) if v not in seen)
        return result


def closed_part(world: FileSystem) -> list[Any]:
    """What the user may change in no way: the system's files, and what the colleague closed."""
    tops = ("/etc/", "/var/log/")
    nodes = [f for f in world.files if f.path.startswith(tops) or "/private/" in f.path or f.path.endswith("diary.txt")]
    return [node for node in nodes if node.owner != world.user and not node.path.startswith(world.account.home)]


class Driving(RuleBasedStateMachine):
    """Plausible and hostile calls in any order, with time passing between them."""

    @initialize(seed=st.integers(0, 40))
    def start(self, seed: int) -> None:
        self.world = FileSystem.create(seed)
        self.caller = Caller(self.world, Random(seed))
        self.closed = closed_part(self.world)

    @rule(name=st.sampled_from(NAMES))
    def plausible(self, name: str) -> None:
        before, fork = self.world.fingerprint(), self.world.fork()
        result = self.caller.call(name)
        if result.error is not None or name in READS:
            assert self.world.fingerprint() == before
        assert fork.fingerprint() == before

    @rule(name=st.sampled_from(NAMES), data=st.data())
    def hostile(self, name: str, data: st.DataObject) -> None:
        tool, before = self.world.tools[name], self.world.fingerprint()
        arguments = self.caller.arguments(tool)
        for key in tool.parameters:
            if data.draw(st.booleans()):
                arguments[key] = data.draw(st.sampled_from(HOSTILE) | st.text(max_size=8))
        if tool.parameters:
            result = self.world.call(name, arguments)
            assert result.error != "internal_error", (name, arguments, result.detail)
            if result.error is not None or name in READS:
                assert self.world.fingerprint() == before

    @rule(days=st.integers(0, 20))
    def time_passes(self, days: int) -> None:
        self.world.advance(days * 86_400)

    @invariant()
    def laws_hold(self) -> None:
        if hasattr(self, "world"):
            assert list(self.world.invariants()) == []
            assert closed_part(self.world) == self.closed


TestDriving = Driving.TestCase
TestDriving.settings = settings(stateful_step_count=40, database=None, suppress_health_check=list(HealthCheck))


def scripted(seed: int, steps: int = 150) -> FileSystem:
    world = FileSystem.create(seed)
    rng = Random(seed)
    caller = Caller(world, rng)
    for _ in range(steps):
        caller.call(rng.choice(NAMES))
    return world


def test_nothing_leaks_in_long_runs() -> None:
    for seed in range(3):
        world = FileSystem.create(seed)
        rng = Random(seed)
        caller = Caller(world, rng)
        for step in range(600):
            caller.call(rng.choice(NAMES))
            if step % 20 == 0:
                world.advance(rng.randrange(200_000))
                assert list(world.invariants()) == []


@pytest.mark.parametrize("hash_seed", ["4711", pytest.param("0", marks=pytest.mark.slow)])
def test_runs_are_equal_in_every_process(hash_seed: str) -> None:
    code = "import test_world_filesystem_laws as t; print([t.scripted(s).fingerprint() for s in (3, 4)])"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.path.dirname(__file__)}
    seen = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    assert seen == f"{[scripted(s).fingerprint() for s in (3, 4)]}\n"


def test_every_tool_succeeds_often_on_plausible_calls() -> None:
    good, tried = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    for seed in range(40):
        world = FileSystem.create(seed)
        rng = Random(seed)
        caller = Caller(world, rng)
        for name in rng.sample(NAMES, len(NAMES)):
            if world.tools[name].unmet(world) is None:
                tried[name] += 1
                good[name] += caller.call(name).error is None
    poor = {name: f"{good[name]}/{tried[name]}" for name in NAMES if good[name] < 0.25 * tried[name] or not good[name]}
    assert not poor


def test_searches_mostly_find_something() -> None:
    counts = {"search_files": 0, "find": 0}
    for seed in range(30):
        caller = Caller(FileSystem.create(seed), Random(seed))
        counts["search_files"] += len(caller.call("search_files").value) > 0
        counts["find"] += any(v for k, v in caller.call("find").value.items() if k != "unreadable_directories")
    assert min(counts.values()) >= 10, counts


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_generated_worlds_keep_the_laws(size: Any) -> None:
    for seed in range({"small": 30, "medium": 4, "large": 1}[size]):
        assert list(FileSystem(seed, size).invariants()) == []


def test_sizes_are_apart() -> None:
    small, medium, large = (sum(len(t) for t in FileSystem(1, size).tables().values()) for size in ("small", "medium", "large"))
    assert 80 <= small <= 200
    assert 3 * small < medium < 8 * small
    assert large > 25 * small


def test_seeds_vary_in_all_that_matters() -> None:
    worlds = [FileSystem.create(seed) for seed in range(30)]
    assert len({w.user for w in worlds}) >= 10
    assert len({tuple(w.directories.keys()) for w in worlds}) == 30
    assert len({w.account.byte_limit for w in worlds}) >= 15
    assert len({f.content for w in worlds for f in w.files if f.path.endswith("notes.txt")}) >= 30
    items = [item.id for w in worlds for item in w.trash]
    assert items
    assert len(items) == len(set(items))


def test_every_semantic_that_a_tool_needs_is_known_drawn_or_given() -> None:
    world = FileSystem.create(2)
    known = {semantic for semantic, _ in world.known()}
    given = {o.semantic.name for tool in world.tools.values() for o in tool.outputs if o.semantic is not None}
    for tool in world.tools.values():
        for parameter in tool.parameters.values():
            if parameter.required:
                assert parameter.draw or (parameter.semantic and parameter.semantic.name in known | given), (tool.name, parameter.name)
    assert {"file_path", "directory", "archive_path"} <= known
    assert "trash_item" not in known


def test_what_the_user_knows_is_there_and_not_a_strangers() -> None:
    for seed in range(10):
        world = FileSystem.create(seed)
        for semantic, value in world.known():
            if semantic in ("file_path", "archive_path"):
                assert world.files[value].packed is (semantic == "archive_path")
            elif semantic == "directory":
                assert value in world.directories
            assert "/private" not in str(value)
            assert not str(value).startswith("/etc")


def test_no_tool_hides_a_method_of_the_world() -> None:
    assert [name for name in NAMES if hasattr(World, name)] == []


def test_every_tool_can_be_asked_for_in_words() -> None:
    for tool in FileSystem.tools.values():
        required = {p.name for p in tool.parameters.values() if p.required}
        fields = [{part.split("}")[0] for part in phrase.split("{")[1:]} for phrase in tool.phrases]
        assert len(fields) >= 3, tool.name
        assert any(names == required for names in fields), tool.name
        assert all(names <= set(tool.parameters) for names in fields), tool.name
        assert all(phrase[0].islower() for phrase in tool.phrases), tool.name


def test_drawn_values_pass_the_door_and_change_nothing() -> None:
    world = FileSystem.create(5)
    before, caller = world.fingerprint(), Caller(world, Random(0))
    for tool in world.tools.values():
        for _ in range(20):
            arguments = caller.arguments(tool)
            if all(p.name in arguments for p in tool.parameters.values() if p.required):
                tool.validate(json.dumps(arguments))
    assert world.fingerprint() == before
