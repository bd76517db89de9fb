"""Packs: the tasks that ship with an env, chosen from synthesis and proven one by one.

Laws: every task of a pack is proven (`verify.prove_task`); what the tasks are about is spread as evenly as the
candidates allow; a family stands in one split alone, by a hash of its name that never changes (about 80/20).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b

from ..envs.errors import RunError
from ..envs.task import Task
from .pipeline import Maker, Request
from .verify import prove_task

CANDIDATES = 3  # to each task wanted


def split_of(family: str) -> str:
    """`train` or `test` (a fifth), from the name of the family alone."""
    return "test" if blake2b(family.encode(), digest_size=4).digest()[0] % 5 == 0 else "train"


def make_pack(env: str, n: int, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> list[Task]:
    """`n` proven tasks of an env, spread over what they are about.

    Args:
        env: an env by name. n, seed: how many, drawn by what. progress: told (candidates made, candidates wanted).

    Raises `RunError` if fewer can be made.
    """
    found: dict[str, Task] = {}
    wanted = CANDIDATES * n
    for done, made in enumerate(Maker(Request((env,), wanted, seed)).stream(), 1):
        if made.sample is not None:
            found.setdefault(made.sample.task.id, made.sample.task)
        if progress is not None:
            progress(done, wanted)
    if len(found) < n:
        raise RunError(f"only {len(found)} tasks could be made in {env}, {n} are wanted; ask for fewer")
    chosen = [task.model_copy(update={"split": split_of(task.family)}) for task in _spread(found.values(), n)]
    for task in chosen:
        if why := next(prove_task(task), None):
            raise RunError(f"task {task.id} is not proven: {why}; report this, synthesis must not let it through")
    return chosen


def _spread(candidates: Iterable[Task], n: int) -> list[Task]:
    """Take, one after another, the task whose parts have been taken least; ties by place."""
    left = list(candidates)
    taken: Counter[str] = Counter()
    chosen = []
    for _ in range(n):
        best = min(left, key=lambda task: _worn(task, taken))
        left.remove(best)
        chosen.append(best)
        taken.update(_parts(best))
    return chosen


def _parts(task: Task) -> list[str]:
    return [*task.meta.get("targets", (task.family,)), f"{len(task.turns)} turns"]


def _worn(task: Task, taken: Counter[str]) -> float:
    *goals, length = _parts(task)
    return sum(taken[goal] for goal in goals) / len(goals) + taken[length] / 1000
