"""Phase I: directed sampling of rounds (FunReason-MT, arXiv 2510.24645, Eq. 2).

A round has a target tool Ta. Next call: if Ta was called, a random legal tool; else Ta if it is legal; else the
legal tool nearest to Ta *within the unsatisfied closure of Ta and not yet called in this round*. The paper's
rule lacks the last restriction and can loop for ever on a called tool that stays legal and near;
`sampling="literal"` reproduces it, and `sampling="random"` has no target at all: any legal tool, each alike.
Law: every call of a round was executed and succeeded, and every argument has a source that a user or a result can
show.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ..envs.binding import Pool
from ..envs.graph import ToolGraph
from ..envs.worldset import WorldSet
from .navigator import Navigator, SamplerOptions
from .plan import Round, order_by_execution
from .walk import Errand, Walk

Worth = Callable[[Round], None]


class Sampler:
    """Draws rounds over one graph. Rounds depend on nothing that was drawn before; all chance is in `rng`.

    Attributes:
        executed: calls that were executed to draw rounds so far, those not taken included: what drawing has cost.
    """

    def __init__(self, graph: ToolGraph, options: SamplerOptions | None = None) -> None:
        self.navigator = Navigator(graph, options or SamplerOptions())
        self.executed = 0

    def round(
        self, worlds: WorldSet, pool: Pool, rng: Random, errand: Errand, elapse: int = 0, worth: Worth | None = None
    ) -> Round:  # fmt: skip
        """Execute one round on a fork of `worlds`.

        Args:
            worlds, pool: the state and what is known before the round; both stay as they are.
            errand: the turn and the tool to reach. elapse: seconds that pass first.
            worth: raises `Rejected` for calls that no order can save; asked before an order is looked for.

        Returns:
            The round with its calls and their order. Raises `Rejected`.
        """
        live = worlds.fork()
        live.advance(elapse)
        walk = Walk(self.navigator, live, pool.copy(), rng, errand)
        round_ = Round(errand.turn, errand.target, live.fork(), live, pool, elapse)
        try:
            walk.run(round_.calls)
        finally:
            self.executed += walk.executed
        round_.target, round_.after = walk.target, walk.worlds
        if worth is not None:
            worth(round_)
        order_by_execution(round_)
        return round_
