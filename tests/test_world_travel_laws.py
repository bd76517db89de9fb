"""Travel's laws hold under any calls: atomic, replayable, forkable, conserved; its generator varies and is consistent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from random import Random
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from turngym.envs import Tool
from turngym.envs.types import metadata_of
from turngym.envs.worlds.travel import Travel

HOSTILE = (
    None, True, 0, -1, 10**30, 1.5, "", " ", "\x00", "²", "'; drop table", "x" * 5000, "-5.00", "NaN", "2026-02-30", "0001-01-01",
    "9999-12-31", [], {}, "../..", "\ud800", "TB-000000", "HT-000000-1", "１４C",
)  # fmt: skip


def literals(annotation: Any) -> list[Any]:
    inner, _ = metadata_of(annotation)
    if get_origin(inner) is Literal:
        return list(get_args(inner))
    return [value for part in get_args(inner) if part is not type(None) for value in literals(part)]


class Walker:
    """Calls tools with values from earlier outputs, from what the user knows, and from draws."""

    def __init__(self, world: Travel, rng: Random) -> None:
        self.world, self.rng = world, rng
        self.pool: dict[str, list[Any]] = defaultdict(list)
        for fact in world.known():
            self.pool[fact.semantic].append(fact.value)

    def arguments(self, tool: Tool, hostile: float = 0.0) -> dict[str, Any] | None:
        chosen: dict[str, Any] = {}
        for p in tool.parameters.values():
            if not p.required and self.rng.random() < 0.5:
                continue
            pool = self.pool.get(p.semantic.name, []) if p.semantic else []
            if self.rng.random() < hostile:
                chosen[p.name] = self.rng.choice(HOSTILE)
            elif options := literals(p.annotation):
                chosen[p.name] = self.rng.choice(options)
            elif pool and (p.draw is None or self.rng.random() < 0.3):
                chosen[p.name] = self.rng.choice(pool[-30:])
            elif p.draw is not None:
                chosen[p.name] = p.draw(self.world, self.rng)
            else:
                return None
        return chosen

    def step(self, hostile: float = 0.0) -> tuple[str, str | None] | None:
        tool = self.world.tools[self.rng.choice(list(self.world.tools))]
        arguments = self.arguments(tool, hostile)
        if arguments is None:
            return None
        before = self.world.fingerprint()
        result = self.world.call(tool.name, arguments)
        assert result.error != "internal_error", (tool.name, arguments, result.detail)
        if result.error is not None or tool.is_read:
            assert self.world.fingerprint() == before, (tool.name, arguments)
        else:
            assert list(self.world.invariants()) == [], (tool.name, arguments)
        if result.error is None:
            self.learn(tool, result.value)
        return tool.name, result.error

    def learn(self, tool: Tool, value: Any) -> None:
        for output in tool.outputs:
            if output.semantic is not None:
                self.pool[output.semantic.name] += [leaf for leaf in reach(value, output.path) if leaf is not None]


def reach(value: Any, path: tuple[str, ...]) -> list[Any]:
    if not path:
        return [value]
    if value is None:
        return []
    parts = value if path[0] == "*" else [value[path[0]]]
    return [leaf for part in parts for leaf in reach(part, path[1:])]


class TravelMachine(RuleBasedStateMachine):
    """Any calls, any waits, forks: the laws hold."""

    def __init__(self) -> None:
        super().__init__()
        self.walker = Walker(Travel.create(5), Random(0))

    @rule(seed=st.integers(0, 2**32), hostile=st.sampled_from((0.0, 0.0, 0.3)))
    def call(self, seed: int, hostile: float) -> None:
        self.walker.rng = Random(seed)
        for _ in range(4):
            self.walker.step(hostile)

    @rule(name=st.sampled_from(sorted(Travel.tools)), arguments=st.dictionaries(st.text(max_size=8), st.sampled_from(HOSTILE), max_size=3))
    def junk(self, name: str, arguments: dict[str, Any]) -> None:
        world = self.walker.world
        before = world.fingerprint()
        result = world.call(name, arguments)
        assert result.error != "internal_error", result
        if result.error is not None:
            assert world.fingerprint() == before

    @rule()
    def sign_in(self) -> None:
        pool = self.walker.pool
        arguments = {"email": pool["travel_email"][0], "password": pool["travel_password"][0]}
        assert self.walker.world.call("sign_in", arguments).error is None

    @rule(seconds=st.sampled_from((0, 60, 1800, 86400, 6 * 86400, 400 * 86400)))
    def wait(self, seconds: int) -> None:
        self.walker.world.advance(seconds)

    @rule()
    def fork(self) -> None:
        world, twin = self.walker.world, self.walker.world.fork()
        before = world.fingerprint()
        Walker(twin, Random(1)).step()
        twin.advance(86400)
        assert world.fingerprint() == before
        assert list(twin.invariants()) == []

    @invariant()
    def lawful(self) -> None:
        assert list(self.walker.world.invariants()) == []


TravelMachine.TestCase.settings = settings(stateful_step_count=25, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
TestTravelMachine = TravelMachine.TestCase


@pytest.fixture(scope="module")
def tally() -> Counter[tuple[str, str | None]]:
    """What 12 long walks met; every step checked atomicity, and every write the laws."""
    counts: Counter[tuple[str, str | None]] = Counter()
    for seed in range(12):
        walker = Walker(Travel.create(seed), Random(seed))
        for turn in range(250):
            if (met := walker.step()) is not None:
                counts[met] += 1
            if turn % 60 == 59:
                walker.world.advance(walker.rng.choice((900, 86400, 4 * 86400)))
                assert list(walker.world.invariants()) == []
    return counts


def test_every_tool_can_succeed(tally: Counter[tuple[str, str | None]]) -> None:
    assert [name for name in Travel.tools if not tally[name, None]] == []


def test_a_reasonable_share_of_random_calls_succeeds(tally: Counter[tuple[str, str | None]]) -> None:
    total, good = sum(tally.values()), sum([n for (_, error), n in tally.items() if error is None])
    assert good / total > 0.5


def test_hostile_arguments_never_break_a_call() -> None:
    walker = Walker(Travel.create(9), Random(9))
    for name in Travel.tools:
        for value in HOSTILE:
            for parameter in Travel.tools[name].parameters:
                arguments = {**(walker.arguments(Travel.tools[name]) or {}), parameter: value}
                result = walker.world.call(name, arguments)
                assert result.error != "internal_error", (name, arguments, result.detail)
        walker.world.call("sign_in", {"email": walker.pool["travel_email"][0], "password": walker.pool["travel_password"][0]})
        walker.step()
    assert list(walker.world.invariants()) == []


def test_undo_and_retry_reach_equal_places() -> None:
    """Holding and cancelling leaves seats and nights as they were; a failed call leaves no trace in later ids."""
    world = Travel.create(4)
    facts = {fact.semantic: fact.value for fact in reversed(list(world.known()))}
    world.call("sign_in", {"email": facts["travel_email"], "password": facts["travel_password"]})
    twin = world.fork()
    twin.call("pay_booking", {"booking": "TB-000000", "card": "TC-000000"})
    new = {"name": "Ada Byron", "birth_date": "1990-05-01"}
    assert world.call("add_traveller", new).text == twin.call("add_traveller", new).text
    assert world.fingerprint() == twin.fingerprint()


def test_paying_extras_together_or_apart_differs_in_the_ledger_only() -> None:
    world = Travel.create(6)
    facts = {fact.semantic: fact.value for fact in reversed(list(world.known()))}
    world.call("sign_in", {"email": facts["travel_email"], "password": facts["travel_password"]})
    held = next(b for b in world.call("list_bookings", {"status": "held"}).value if b["kind"] == "flight")
    card = max((c for c in world.call("list_cards").value if not c["expired"]), key=lambda c: float(c["available"]))
    twin = world.fork()
    pay, bag = {"booking": held["id"], "card": card["card"]}, {"booking": held["id"], "bags": 1}
    assert [world.call("add_baggage", bag).error, world.call("pay_booking", pay).error] == [None, None]
    assert [twin.call("pay_booking", pay).error, twin.call("add_baggage", bag).error] == [None, None]
    assert {change.table for change in world.diff(twin)} <= {"payments"} <= set(Travel.INCIDENTAL)


SCRIPT = """
from random import Random
import sys
sys.path.insert(0, {folder!r})
from test_world_travel_laws import Walker
from turngym.envs.worlds.travel import Travel
walker = Walker(Travel(8), Random(8))
for turn in range(200):
    walker.step()
    if turn % 50 == 49:
        walker.world.advance(86400)
print(walker.world.fingerprint())
"""


def test_a_run_is_the_same_in_every_process() -> None:
    script = SCRIPT.format(folder=os.path.dirname(__file__))
    prints = []
    for seed in ("1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        prints.append(done.stdout.strip())
    assert prints[0] == prints[1]
    assert len(prints[0]) == 32


@pytest.mark.parametrize(("size", "seeds"), [("small", 30), ("medium", 3), ("large", 1)])
def test_generated_worlds_keep_the_laws(size: Any, seeds: int) -> None:
    for seed in range(seeds):
        assert list(Travel(seed, size).invariants()) == []


def test_generated_worlds_vary_and_share_no_ids() -> None:
    seen: Counter[str] = Counter()
    cities, emails = set(), set()
    for seed in range(30):
        world = Travel(seed)
        cities.add(tuple(world.cities.keys()))
        emails.add(next(f.value for f in world.known() if f.semantic == "travel_email"))
        for name in ("airports", "hotels", "customers", "travellers", "cards", "bookings", "payments", "policies", "invoices"):
            seen.update(world.tables()[name].keys())
    assert len(cities) == len(emails) == 30
    assert [key for key, count in seen.items() if count > 1] == []


def test_every_internal_id_a_tool_needs_is_given_by_another() -> None:
    given = {o.semantic.name for tool in Travel.tools.values() for o in tool.outputs if o.semantic and not o.semantic.known}
    facts = {fact.semantic for fact in Travel.create(1).known()}
    for tool in Travel.tools.values():
        for p in tool.parameters.values():
            if p.semantic is not None and not p.semantic.known:
                assert p.semantic.name in given, (tool.name, p.name)
            elif p.required and p.draw is None and not literals(p.annotation):
                assert (p.semantic.name if p.semantic else None) in facts, (tool.name, p.name)


def test_every_tool_has_phrases_that_fit() -> None:
    for tool in Travel.tools.values():
        required = {p.name for p in tool.parameters.values() if p.required}
        used = [{part.split("}")[0] for part in phrase.split("{")[1:]} for phrase in tool.phrases]
        assert len(tool.phrases) >= 3, tool.name
        assert all(names <= set(tool.parameters) for names in used), tool.name
        assert any(names <= required for names in used), tool.name
        assert all(phrase[0].islower() for phrase in tool.phrases)


def test_draws_are_plausible_and_depend_on_their_stream_alone() -> None:
    world = Travel.create(2)
    for tool in Travel.tools.values():
        for p in tool.parameters.values():
            if p.draw is not None:
                assert p.draw(world, Random(5)) == p.draw(world, Random(5))
    assert json.dumps(Travel.tools["search_flights"].schema)
