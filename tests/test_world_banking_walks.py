"""The banking world under random calls: laws, atomicity, forks, and that every tool can succeed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from random import Random
from typing import Any, Literal, get_args, get_origin

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from turngym.envs.types import metadata_of
from turngym.envs.worlds.banking import Banking

HOSTILE = (
    None,
    "",
    " ",
    "AC-00000000",
    "0.00",
    "-1.00",
    "1e9",
    "99999999999999",
    "2026-02-30",
    "0000-01-01",
    -1,
    10**30,
    1.5,
    True,
    [],
    {},
)
NAMES = tuple(Banking.tools)


def choices(annotation: Any) -> list[Any]:
    inner, _ = metadata_of(annotation)
    if get_origin(inner) is Literal:
        return list(get_args(inner))
    if inner is bool:
        return [True, False]
    return [value for part in get_args(inner) for value in choices(part)]


def dig(value: Any, path: tuple[str, ...]) -> list[Any]:
    if value is None or not path:
        return [] if value is None else [value]
    if path[0] == "*":
        return [found for item in value for found in dig(item, path[1:])]
    return dig(value[path[0]], path[1:])


class Walker:
    """Makes calls as the synthesis layer does: from what tools showed, what the user knows, and drawn literals."""

    def __init__(self, seed: int) -> None:
        self.bank, self.rng = Banking.create(seed), Random(seed)
        self.facts: defaultdict[str, list[str]] = defaultdict(list)
        self.shown: defaultdict[str, set[str]] = defaultdict(set)
        for semantic, value in self.bank.known():
            self.facts[semantic].append(value)

    def bind(self, name: str) -> dict[str, Any] | None:
        arguments = {}
        for p in Banking.tools[name].parameters.values():
            if not p.required and self.rng.random() < 0.6:
                continue
            if p.semantic and not p.semantic.known:
                sources = sorted(self.shown[p.semantic.name])
            else:
                sources = [*(self.facts[p.semantic.name] if p.semantic else ()), *choices(p.annotation)]
                if p.draw and (not sources or self.rng.random() < 0.5):
                    sources = [p.draw(self.bank, self.rng)]
            if sources:
                arguments[p.name] = self.rng.choice(sources)
            elif p.required:
                return None
        return arguments

    def call(self, name: str, arguments: dict[str, Any]) -> str | None:
        result = self.bank.call(name, json.dumps(arguments))
        if result.error is None:
            for leaf in Banking.tools[name].outputs:
                if leaf.semantic is not None:
                    self.shown[leaf.semantic.name].update(dig(result.value, leaf.path))
        return result.error

    def enter(self) -> None:
        self.call("sign_in", {"username": self.facts["bank_username"][0], "password": self.facts["bank_password"][0]})
        self.shown["sign_in_code"].clear()
        self.call("read_messages", {})
        for code in sorted(self.shown["sign_in_code"]):
            self.call("confirm_sign_in", {"code": code})

    def explore(self) -> None:
        for name in NAMES:
            if name.startswith("list_") or name == "search_transactions":
                self.call(name, {})


def test_every_tool_succeeds_and_none_fails_inside():
    tried: Counter[str] = Counter()
    well: Counter[str] = Counter()
    for seed in range(10):
        walker = Walker(seed)
        for _ in range(250):
            if not walker.bank.session.customer:
                walker.enter()
                walker.explore()
            name = walker.rng.choice([n for n in NAMES if n != "sign_out"])
            if (arguments := walker.bind(name)) is not None:
                tried[name] += 1
                error = walker.call(name, arguments)
                assert error != "internal_error", (name, arguments)
                well[name] += error is None
            if walker.rng.random() < 0.02:
                walker.bank.advance(walker.rng.choice((60, 7200, 86_400, 9 * 86_400)))
        assert list(walker.bank.invariants()) == []
    assert {name for name in NAMES if not well[name]} <= {"sign_out", "sign_in", "confirm_sign_in"}
    assert sum(well.values()) > 0.55 * sum(tried.values())


def test_money_is_conserved_over_long_runs():
    for size in ("small", "medium"):
        walker = Walker(77)
        walker.bank = Banking.create(77, size)
        walker.facts.clear()
        for semantic, value in walker.bank.known():
            walker.facts[semantic].append(value)
        moved = 0
        for n in range(600):
            if not walker.bank.session.customer:
                walker.enter()
                walker.explore()
            name = walker.rng.choice([t for t in NAMES if "ledger" in Banking.tools[t].writes or t in ("quote_exchange", "create_goal")])
            moved += (arguments := walker.bind(name)) is not None and walker.call(name, arguments) is None
            if n % 40 == 39:
                walker.bank.advance(10 * 86_400)
                assert list(walker.bank.invariants()) == []
        assert moved > 30


class Bank(RuleBasedStateMachine):
    """Drives a bank with legal, hostile and nonsense calls, waits and forks."""

    @initialize(seed=st.integers(0, 7), inside=st.booleans())
    def open(self, seed: int, inside: bool) -> None:
        self.walker = Walker(seed)
        if inside:
            self.walker.enter()
            self.walker.explore()

    def guarded(self, name: str, arguments: dict[str, Any]) -> None:
        bank = self.walker.bank
        before = bank.fingerprint()
        error = self.walker.call(name, arguments)
        assert error != "internal_error", (name, arguments)
        if error is not None or Banking.tools[name].is_read:
            assert bank.fingerprint() == before

    @rule(name=st.sampled_from(NAMES), dice=st.integers(0, 2**32))
    def legal(self, name: str, dice: int) -> None:
        self.walker.rng.seed(dice)
        if (arguments := self.walker.bind(name)) is not None:
            self.guarded(name, arguments)

    @rule(name=st.sampled_from(NAMES), dice=st.integers(0, 2**32), bad=st.sampled_from(HOSTILE))
    def hostile(self, name: str, dice: int, bad: Any) -> None:
        self.walker.rng.seed(dice)
        arguments = self.walker.bind(name) or {}
        if Banking.tools[name].parameters:
            arguments[self.walker.rng.choice(list(Banking.tools[name].parameters))] = bad
        self.guarded(name, arguments)

    @rule(dice=st.integers(0, 2**32))
    def stranger(self, dice: int) -> None:
        """An id of anybody, or of another kind, where an id is wanted."""
        rng, bank = Random(dice), self.walker.bank
        name = rng.choice(NAMES)
        self.walker.rng.seed(dice)
        arguments = self.walker.bind(name) or {}
        everything = [row.id for table in bank.tables().values() for row in table if hasattr(row, "id")]
        for p in Banking.tools[name].parameters.values():
            if p.semantic and not p.semantic.known:
                arguments[p.name] = rng.choice(everything)
        theirs = [change for table in bank.tables().values() for change in table if getattr(change, "owner", bank.me) != bank.me]
        self.guarded(name, arguments)
        after = [change for table in bank.tables().values() for change in table if getattr(change, "owner", bank.me) != bank.me]
        assert theirs == after or name == "pay_payee"

    @rule(arguments=st.text(max_size=30), name=st.sampled_from(NAMES))
    def nonsense(self, arguments: str, name: str) -> None:
        before = self.walker.bank.fingerprint()
        if self.walker.bank.call(name, arguments).error is not None:
            assert self.walker.bank.fingerprint() == before

    @rule(dice=st.integers(0, 2**32))
    def fork(self, dice: int) -> None:
        bank = self.walker.bank
        before, twin = bank.fingerprint(), bank.fork()
        assert twin.fingerprint() == before
        self.walker.rng.seed(dice)
        name = self.walker.rng.choice(NAMES)
        arguments = self.walker.bind(name) or {}
        first = twin.call(name, dict(arguments))
        assert bank.fingerprint() == before
        again = bank.fork()
        assert again.call(name, dict(arguments)) == first
        assert again.fingerprint() == twin.fingerprint()

    @rule()
    def sign_in(self) -> None:
        if not self.walker.bank.session.customer:
            self.walker.enter()
            self.walker.explore()

    @rule(seconds=st.sampled_from((0, 59, 600, 3_600, 40_000, 86_400, 8 * 86_400, 40 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.walker.bank.advance(seconds)

    @invariant()
    def lawful(self) -> None:
        if hasattr(self, "walker"):
            assert list(self.walker.bank.invariants()) == []


Bank.TestCase.settings = settings(stateful_step_count=25, derandomize=True, suppress_health_check=list(HealthCheck))
TestBankUnderFire = Bank.TestCase
