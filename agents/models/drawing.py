"""Drawing a token from logits, in numpy, so that equal seeds draw equal tokens on every device.

Each request has a random stream of its own and takes one number per token of the vocabulary at each step, whatever is allowed:
a draw does not depend on what else is in the batch, and tiny differences of the logits seldom change it (an exponential race;
with one number and a cumulated sum they would far more often).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..policy import InfrastructureError
from .engine import Sampling

Logits = NDArray[np.float32]


class Drawn(NamedTuple):
    """A token, and its natural logprob under the model itself: before temperature, filters and grammar."""

    token: int
    logprob: float


def draw(logits: Logits, sampling: Sampling, numbers: np.random.Generator, allowed: NDArray[Any]) -> Drawn:
    """Draw a token.

    Args:
        logits: of the model, shape (vocabulary,). numbers: the request's own. allowed: booleans, same shape.

    Raises `InfrastructureError` where the logits hold no numbers or nothing is allowed.
    """
    top = logits.max()
    if not np.isfinite(top) or not allowed.any():
        raise InfrastructureError("the model computed no numbers (nan)" if not np.isfinite(top) else "the grammar allows no token here")
    shifted = logits - top
    total = float(np.log(np.exp(shifted).sum(dtype=np.float64)))
    scores = np.where(allowed, shifted, -np.inf)
    if sampling.temperature:
        race = np.log(numbers.standard_exponential(logits.shape[0]))
        scores = _filtered(scores / sampling.temperature, sampling) - race
    token = int(scores.argmax())
    return Drawn(token, float(shifted[token]) - total)


def _filtered(scores: NDArray[Any], sampling: Sampling) -> NDArray[Any]:
    """Scores with what top_k and then top_p leave out at minus infinity."""
    if 0 < sampling.top_k < scores.shape[0]:
        scores = np.where(scores >= np.partition(scores, -sampling.top_k)[-sampling.top_k], scores, -np.inf)
    if sampling.top_p < 1:
        order = np.argsort(-scores, kind="stable")
        chances = np.exp(scores[order] - scores[order[0]], dtype=np.float64)
        before = np.cumsum(chances / chances.sum()) - chances / chances.sum()
        scores = scores.copy()
        scores[order[before >= sampling.top_p]] = -np.inf
    return scores
