"""Estimates from counts: pass@k, pass^k, intervals for rates and means, and tests. Plain functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, fsum, sqrt

Z95 = 1.959963984540054
_RESAMPLES = 1000
_RESAMPLED = 1000  # values: more are not resampled


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of `k` trials succeeds, from `c` successes in `n` trials: 1 - C(n-c,k)/C(n,k).

    Unbiased (Chen et al. 2021, arXiv:2107.03374, equation 1). Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check(n, c, k)
    return 1 - comb(n - c, k) / comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that all of `k` trials succeed (pass^k), from `c` successes in `n` trials: C(c,k)/C(n,k).

    Unbiased (Yao et al. 2024, arXiv:2406.12045). Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check(n, c, k)
    return comb(c, k) / comb(n, k)


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a rate, 95 % by default; (0, 1) where nothing was tried."""
    if n == 0:
        return 0.0, 1.0
    rate, zz = successes / n, z * z
    centre = (rate + zz / (2 * n)) / (1 + zz / n)
    half = z * sqrt(rate * (1 - rate) / n + zz / (4 * n * n)) / (1 + zz / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == n else min(1.0, centre + half)


def bootstrap(values: Sequence[float], weights: Sequence[float] | None = None, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of `values`, by resampling; equal for equal values in any process.

    Give one value per task, not per trial: trials of one task are not independent. Beyond 1,000 values, where
    resampling comes to the same, the normal interval. Negated values give the negated interval. Values that are
    all alike give an interval without width, which says nothing of what was not seen.

    Args:
        values: in an order of their own (by task id, say). weights: of each value in the mean, above zero; None
            for all alike.
    """
    import numpy as np  # here, since nothing else in this package needs it

    n = len(values)
    if n < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    data = np.asarray(values, dtype=np.float64)
    share = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if n > _RESAMPLED:
        centre = fsum(data * share) / fsum(share)
        half = Z95 * sqrt(n / (n - 1) * fsum((share * (data - centre)) ** 2)) / fsum(share)
        return max(float(data.min()), centre - half), min(float(data.max()), centre + half)
    rng = np.random.default_rng(seed)
    weighted, means = data * share, []
    for _ in range(_RESAMPLES // 100):  # in parts, for the memory of a run is to stay flat
        drawn = rng.integers(n, size=(100, n))
        means += (weighted[drawn].mean(axis=1) / share[drawn].mean(axis=1)).tolist()
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def sign_test(wins: int, losses: int) -> float:
    """The exact two-sided p value of so many wins against losses if both were alike likely; ties are left out.

    With one trial a task this is McNemar's exact test. 1.0 of nothing. Raises ValueError for a count below zero.
    """
    if min(wins, losses) < 0:
        raise ValueError(f"wins and losses are counts, not {wins} and {losses}")
    n = wins + losses
    ways = total = 1
    for i in range(min(wins, losses)):
        ways = ways * (n - i) // (i + 1)
        total += ways
    return min(1.0, 2 * total / (1 << n))


def holm(values: Sequence[float]) -> list[float]:
    """p values adjusted for being several (Holm 1979), in the order given."""
    adjusted, most = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        most = max(most, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = most
    return adjusted


def mean(values: Sequence[float]) -> float:
    """The mean, in any order the same; 0.0 of nothing."""
    return fsum(values) / len(values) if values else 0.0


def _check(n: int, c: int, k: int) -> None:
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"needs 0 <= c <= n and 1 <= k <= n, not n={n}, c={c}, k={k}")
