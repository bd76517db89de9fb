"""The contract suite for anyone's world class: `turngym check WORLD`, or `check_world(Banking)` in a test.

Each law of a world is a small check with a stable kebab-case name; its docstring says the law, its detail says
what breaks it and the remedy. One watched random walk (schema-valid and hostile calls, time passing) feeds most
checks; its moves are then replayed on fresh worlds, on forks, and in processes with other hash seeds. Laws kept
here: checking changes neither the class nor the process it runs in; the same class gives the same report.
Not here: whether a world is plausible, or its error messages kind; read those yourself.
"""

from .report import CheckReport, CheckResult
from .suite import CHECKS, check_world

__all__ = ["CHECKS", "CheckReport", "CheckResult", "check_world"]
