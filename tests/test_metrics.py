"""Promises of the figures: right by hand and by enumeration, with denominators that hide nothing."""

from __future__ import annotations

import random
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, play, some_tasks, two_turn_task

from turngym.agents import Tally, Trajectory, make_policy, run_all, summarise
from turngym.agents.estimators import bootstrap, mean, pass_at_k, pass_hat_k, wilson
from turngym.agents.metrics import DENOMINATORS


@pytest.mark.parametrize(
    ("n", "c", "k", "at", "hat"),
    [
        (1, 0, 1, 0.0, 0.0),
        (1, 1, 1, 1.0, 1.0),
        (4, 2, 2, 5 / 6, 1 / 6),
        (5, 1, 3, 0.6, 0.0),
        (10, 9, 2, 1.0, 0.8),
        (8, 4, 8, 1.0, 0.0),
        (3, 3, 3, 1.0, 1.0),
    ],
)
def test_pass_at_k_and_pass_hat_k_by_hand(n, c, k, at, hat):
    assert pass_at_k(n, c, k) == pytest.approx(at, abs=1e-15)
    assert pass_hat_k(n, c, k) == pytest.approx(hat, abs=1e-15)


def test_pass_at_k_and_pass_hat_k_by_enumeration():
    for n in range(1, 8):
        for c in range(n + 1):
            trials = [True] * c + [False] * (n - c)
            for k in range(1, n + 1):
                drawn = list(combinations(trials, k))
                assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))
                assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, drawn)) / len(drawn))


def test_estimators_refuse_what_has_no_meaning_and_stand_large_counts():
    for bad in ((3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4)):
        for estimate in (pass_at_k, pass_hat_k):
            with pytest.raises(ValueError, match="needs 0 <= c <= n"):
                estimate(*bad)
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)
    assert pass_hat_k(10_000, 9_999, 5_000) == pytest.approx(0.5)


def test_wilson_is_the_interval_of_the_textbook():
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775328, abs=1e-6))
    assert wilson(10, 10) == (pytest.approx(0.7224672, abs=1e-6), 1.0)
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_covers_the_true_rate_about_as_often_as_it_says():
    rng = random.Random(1)
    held = 0
    for _ in range(2000):
        low, high = wilson(sum(rng.random() < 0.3 for _ in range(40)), 40)
        held += low <= 0.3 <= high
    assert 0.93 < held / 2000 < 0.975


def test_bootstrap_brackets_the_mean_and_repeats():
    values = [random.Random(3).gauss(5, 2) for _ in range(3)] + [
        random.Random(n).gauss(5, 2) for _, n in zip(range(97), range(97), strict=True)
    ]
    low, high = bootstrap(values)
    half = 1.96 * (sum((value - mean(values)) ** 2 for value in values) / 99) ** 0.5 / 10
    assert low == pytest.approx(mean(values) - half, abs=0.1)
    assert high == pytest.approx(mean(values) + half, abs=0.1)
    assert bootstrap(values) == (low, high)
    assert bootstrap([]) == (0.0, 0.0)
    assert bootstrap([0.5]) == (0.5, 0.5)


def made(policy: str = "oracle", task: Any = None, trial: int = 0) -> Trajectory:
    return play(make_policy(policy), task or borrow_task(), trial=trial)


def test_denominators_are_what_they_say():
    passed, failed, policy_error, broken, unplayable = (made("oracle" if n == 0 else "null", trial=n) for n in range(5))
    policy_error.status, policy_error.reason = "error", "policy_error"
    broken.status, broken.reason = "error", "infrastructure"
    unplayable.status, unplayable.reason, unplayable.verdict = "error", "task_error", {}
    found = summarise([passed, failed, policy_error, broken, unplayable])
    assert (found["recorded"], found["episodes"], found["excluded"], found["tasks"]) == (5, 3, 2, 1)
    assert found["excluded_reasons"] == {"infrastructure": 1, "task_error": 1}
    assert (found["completed"], found["truncated"], found["errors"]) == (2, 0, 1)
    assert found["success"] == pytest.approx(1 / 3)
    assert found["success_interval"] == list(wilson(1, 3))
    assert found["pass_at"]["1"]["value"] == pytest.approx(1 / 3)
    assert found["pass_at"]["3"] == {"value": 1.0, "interval": [1.0, 1.0], "tasks": 1}
    assert found["pass_hat"]["2"]["value"] == 0.0
    assert {"success", "progress", "pass_at", "pass_hat", "excluded"} == set(found["denominators"]) == set(DENOMINATORS)


def test_pass_at_k_counts_tasks_with_enough_trials_alone():
    one, two = borrow_task(0), borrow_task(1)
    found = summarise([made("oracle", one), made("null", one, 1), made("null", two)])
    assert (found["pass_at"]["1"]["value"], found["pass_at"]["1"]["tasks"]) == (0.25, 2)
    assert (found["pass_at"]["2"]["value"], found["pass_at"]["2"]["tasks"]) == (1.0, 1)
    assert found["pass_hat"]["2"]["value"] == 0.0


def test_figures_are_kept_per_category_family_and_world():
    found = summarise([made("oracle", borrow_task()), made("null", two_turn_task(1)), made("null", borrow_task(2, category="irrelevant"))])
    assert {name: part["episodes"] for name, part in found["by_category"].items()} == {"base": 2, "irrelevant": 1}
    assert {name: part["success"] for name, part in found["by_family"].items()} == {"borrow": 0.5, "ask-then-borrow": 0.0}
    assert found["by_world"]["mini_world:Library"]["episodes"] == 3


def test_effort_and_error_kinds_are_counted():
    found = summarise([made("oracle", two_turn_task(1)), made("null", two_turn_task(3))])
    assert found["per_episode"] == {"calls": 1.5, "steps": 3.5, "turns": 2.0}
    wrong = play(make_policy("scripted", messages=[{"name": "borrow"}, {"name": "nope"}, {"name": "nope"}, ""]), borrow_task())
    assert summarise([wrong])["error_kinds"] == {"invalid_arguments": 1, "unknown_tool": 2}


def test_the_order_of_trajectories_changes_nothing():
    rows = run_all(make_policy("random"), some_tasks(), trials=7).trajectories
    rows += run_all(make_policy("oracle"), some_tasks()[::2], trials=3).trajectories
    expected = summarise(rows)
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        assert summarise(rows) == expected


def test_records_and_trajectories_count_alike_and_nothing_gives_zeros():
    rows = [made("oracle"), made("null", trial=1)]
    assert summarise(rows) == summarise(row.record() for row in rows)
    empty = Tally().summary()
    assert (empty["episodes"], empty["success"], empty["pass_at"], empty["per_episode"]) == (0, 0.0, {}, {})
