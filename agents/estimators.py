"""Estimates from counts: pass@k, pass^k, and intervals for rates and means. Plain functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, fsum, sqrt

Z95 = 1.959963984540054


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


def bootstrap(values: Sequence[float], resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of `values`, by resampling; equal for equal values in any process.

    Give one value per task, not per trial: trials of one task are not independent.
    """
    import numpy as np  # here, since nothing else in this package needs it

    if len(values) < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    rng, data = np.random.default_rng(seed), np.asarray(values, dtype=np.float64)
    means = [float(data[rng.integers(len(data), size=len(data))].mean()) for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def mean(values: Sequence[float]) -> float:
    """The mean, in any order the same; 0.0 of nothing."""
    return fsum(values) / len(values) if values else 0.0


def _check(n: int, c: int, k: int) -> None:
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"needs 0 <= c <= n and 1 <= k <= n, not n={n}, c={c}, k={k}")
