"""The suite: all checks in order, and the run over one class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from ..errors import describe, shorten
from ..guard import is_from_outside
from ..world import World
from . import conduct, copies, declarations, generation, replay, swelling
from .case import Case
from .report import CheckReport, CheckResult, Note

Check = Callable[[Case], str | None]
Told = Callable[[CheckResult, int], None]

CHECKS: tuple[Check, ...] = (
    declarations.docs_complete,
    declarations.arguments_drawable,
    declarations.no_clock_or_chance,
    declarations.facts_usable,
    declarations.facts_no_internal_ids,
    generation.generation_holds,
    generation.generator_varied,
    generation.sizes_grow,
    generation.records_round_trip,
    generation.ids_differ_by_seed,
    conduct.reads_change_nothing,
    conduct.writes_declared,
    conduct.writes_happen,
    conduct.atomic,
    conduct.no_internal_errors,
    conduct.errors_helpful,
    conduct.results_typed,
    conduct.invariants_hold,
    conduct.advance_holds,
    conduct.ids_minted,
    conduct.tools_succeed,
    conduct.tools_reachable,
    conduct.records_frozen,
    copies.no_hidden_state,
    copies.instances_apart,
    copies.forks_apart,
    copies.restore_exact,
    swelling.swelling_keeps_plain,
    swelling.swelling_holds,
    swelling.swelling_disturbs_nothing,
    replay.deterministic,
    replay.same_in_every_process,
    conduct.no_shared_state,
)
"""Every check: a function of the case that gives None, a `Note`, or in words what breaks its law."""


def name_of(check: Check) -> str:
    """The stable name of a check: `writes-declared`."""
    return check.__name__.replace("_", "-")


def law_of(check: Check) -> str:
    """The law that a check keeps, in a sentence."""
    return inspect.cleandoc(check.__doc__ or "")


def check_world(
    cls: type[World], *, seeds: Iterable[int] = (0, 1, 2), calls: int = 3000, processes: bool = True, told: Told | None = None
) -> CheckReport:
    """Hold a world class against every law of a world.

    Args:
        cls: the class. It is called, forked and replayed; neither it nor its worlds are changed.
        seeds: whose worlds are examined; at least two, so that they can be compared.
        calls: random calls to make in all. processes: whether to replay in processes with other hash seeds.
        told: gets each result as it is found, and how many laws there are.

    Raises ValueError for fewer than two seeds. A check that cannot run because the world raises has failed.
    """
    chosen = tuple(dict.fromkeys(seeds))
    if len(chosen) < 2:
        raise ValueError(f"seeds={chosen!r} leaves nothing to compare; give at least two")
    case = Case(cls, chosen, calls, processes)
    found: list[CheckResult] = []
    for check in CHECKS:
        found.append(_run(check, case))
        if told is not None:
            told(found[-1], len(CHECKS))
    return CheckReport(cls.__name__, tuple(found))


def _run(check: Check, case: Case) -> CheckResult:
    try:
        found = check(case)
    except BaseException as error:  # `sys.exit()` in a world's code is a breach like any other
        if is_from_outside(error):
            raise
        found = f"the world raised {describe(error)}"
    detail = "" if found is None else shorten(" ".join(found.split()), 500)
    return CheckResult(name_of(check), found is None or isinstance(found, Note), detail)
