"""Promises of the figures: right by hand and by enumeration, with denominators that hide nothing."""

from __future__ import annotations

import random
import sys
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import borrow_task, play, some_tasks, two_turn_task

from turngym.agents import Tally, Trajectory, make_policy, run_all, summarise
from turngym.agents.estimators import bootstrap, holm, mean, pass_at_k, pass_hat_k, sign_test, wilson
from turngym.agents.histogram import Histogram
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
    assert found["denominators"] == DENOMINATORS
    assert set(DENOMINATORS) == {"success", "progress", "pass_at", "pass_hat", "excluded", "trials", "usage", "timings"} <= set(found)


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


def test_the_sign_test_is_the_exact_binomial_one():
    assert sign_test(0, 0) == 1.0
    assert sign_test(3, 0) == pytest.approx(0.25)
    assert sign_test(9, 1) == pytest.approx(22 / 1024)
    assert sign_test(5, 5) == 1.0
    assert sign_test(1, 9) == sign_test(9, 1)
    for n in range(1, 12):
        for wins in range(n + 1):
            far = [k for k in range(n + 1) if abs(k - n / 2) >= abs(wins - n / 2)]
            assert sign_test(wins, n - wins) == pytest.approx(min(1, sum(comb(n, k) for k in far) / 2**n))
    assert sign_test(20_000, 20_000) == 1.0
    assert sign_test(20_000, 0) == 0.0
    with pytest.raises(ValueError, match="counts"):
        sign_test(-1, 2)


def test_holm_is_the_step_down_of_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_bootstrap_weighs_turns_with_the_sign_and_goes_over_into_the_normal_interval():
    values = [random.Random(n).gauss(0.2, 1) for n in range(60)]
    low, high = bootstrap(values)
    assert bootstrap([-value for value in values]) == pytest.approx((-high, -low), abs=1e-12)
    assert bootstrap(values, [3] * 60) == pytest.approx((low, high), abs=1e-12)
    few, many = bootstrap([0.0] * 30 + [1.0] * 30, [1] * 30 + [9] * 30)
    assert 0.8 < few < 0.9 < many < 0.95
    for n in (999, 1000, 1001, 4000):
        rng = random.Random(n)
        some = [rng.random() for _ in range(n)]
        low, high = bootstrap(some)
        half = 1.96 * (1 / 12 / n) ** 0.5
        assert (high - low) / 2 == pytest.approx(half, rel=0.1)
        assert low < mean(some) < high
    assert bootstrap([0.0] * 5000 + [1.0])[0] == 0.0


def test_times_keep_their_mean_and_their_quantiles_to_within_a_bin():
    rng = random.Random(5)
    values = [rng.lognormvariate(0, 2) for _ in range(5000)] + [0.0]
    spread, turned = Histogram(), Histogram()
    for value in values:
        spread.add(value)
    for value in reversed(values):
        turned.add(value)
    found = spread.record()
    assert found == turned.record()
    assert found["mean"] == pytest.approx(mean(values), rel=1e-6)
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        assert found[name] == pytest.approx(sorted(values)[int(share * len(values))], rel=0.03)
    assert (spread.quantile(0), spread.quantile(1)) == (pytest.approx(0.0, abs=1e-6), max(values))
    for strange in (None, "1", True, -1.0, float("nan"), float("inf"), 10**400):
        spread.add(strange)
    assert spread.record() == found
    assert Histogram().record() == {"count": 0, "mean": 0.0, "p50": 0.0, "p95": 0.0}


def told(trial: int = 0, task: str = "a", **more: Any) -> Trajectory:
    """A record by hand."""
    about = {"id": task, "env": "e", "category": "base", "family": "f", "worlds": [{"world": "w"}]}
    verdict = {"success": trial == 0, "progress": float(trial == 0)}
    return Trajectory(**{"id": f"{task}.{trial}", "task": about, "policy": {"name": "p"}, "trial": trial, "verdict": verdict, **more})


def test_missing_trials_are_seen():
    broken = {"status": "error", "reason": "infrastructure", "detail": "the server is gone"}
    rows = [told(0), told(1), told(2, **broken), told(0, "b", **broken), told(1, "b", **broken)]
    found = summarise(rows)
    assert found["trials"] == {"0": 1, "2": 1}
    assert (found["tasks"], found["episodes"], found["excluded"]) == (1, 2, 3)
    assert found["excluded_causes"] == {"infrastructure: the server is gone": 3}
    assert found["by_env"]["e"]["excluded"] == found["by_category"]["base"]["excluded"] == found["by_world"]["w"]["excluded"] == 3


def test_progress_with_unequal_trials_lies_in_its_interval():
    rows = [told(n, f"good{n}", verdict={"success": True, "progress": 1.0}) for n in range(5)]
    rows += [told(n, "bad", verdict={"success": False, "progress": 0.0}) for n in range(40)]
    found = summarise(rows)
    low, high = found["progress_interval"]
    assert found["progress"] == pytest.approx(5 / 45)
    assert low <= found["progress"] <= high


def test_causes_of_exclusion_are_bounded_and_do_not_depend_on_their_order():
    def broken(detail: str, n: int) -> Trajectory:
        return told(n, status="error", reason="infrastructure", detail=detail)

    causes = [f"cause {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}" for n in range(400)]
    rows = [broken(cause, n) for n, cause in enumerate(causes)]
    found = summarise(rows)["excluded_causes"]
    assert len(found) == 101
    assert sum(found.values()) == 400
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        assert summarise(rows)["excluded_causes"] == found
    alike = [broken(f"HTTP 503 from 127.0.0.1:8000 after {n}.5 s, request 4f3a{n:06d}", n) for n in range(9)]
    assert list(summarise(alike)["excluded_causes"].items()) == [("infrastructure: HTTP 503 from 127.0.0.1:8000 after # s, request #", 9)]


def test_usage_says_who_reported_it_and_believes_no_absurd_count():
    steps = [{"message": 1, "usage": {"prompt_tokens": 7, "completion_tokens": True}}, {"message": 2, "usage": {"prompt_tokens": 10**400}}]
    found = summarise([told(0, steps=steps), told(1), told(2, steps=[{"message": 1, "usage": {"calls": 99, "prompt_tokens": -3}}])])
    assert found["usage"] == {"calls": {"total": 99, "episodes": 1}, "prompt_tokens": {"total": 7, "episodes": 1}}
    assert found["per_episode"] == {"calls": 0.0, "prompt_tokens": 7 / 3, "steps": 1.0, "turns": 0.0}


def test_times_stand_apart_and_truncations_by_reason():
    cut = {"status": "truncated", "reason": "context", "timings": {"total": 2.0, "act": [0.5, 1.0], "env": []}}
    found = summarise(
        [told(0, timings={"total": 1.0, "act": [0.75], "env": []}), told(1, **cut), told(2, status="error", reason="policy_error")]
    )
    assert found["timings"]["episode"] == {
        "count": 2,
        "mean": 1.5,
        "p50": pytest.approx(1.0, rel=0.03),
        "p95": pytest.approx(2.0, rel=0.03),
    }
    assert found["timings"]["policy_share"] == 0.75
    assert found["truncated_reasons"] == {"context": 1}
    assert found["reasons"] == {"context": 1, "policy_error": 1}


def test_what_is_no_verdict_counts_nowhere():
    tally = Tally()
    for progress in (float("nan"), 1e300, -1.0):
        with pytest.raises(ValueError, match="progress"):
            tally.add(told(verdict={"success": True, "progress": progress}))
    assert tally.summary() == Tally().summary()
