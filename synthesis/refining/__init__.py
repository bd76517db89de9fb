"""Refinement of conversation data with tools: FCDR, the two-stage preparation of EGPO, and the data side of HDR."""

from .asking import Model
from .funnel import Funnel, Step
from .hard import Setting, hard_rounds, judges_of, replay_count, stands
from .pipeline import RefineOptions, Refiner, refine

__all__ = ["Funnel", "Model", "RefineOptions", "Refiner", "Setting", "Step", "hard_rounds", "judges_of", "refine", "replay_count", "stands"]
