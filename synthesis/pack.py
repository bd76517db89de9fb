"""Packs: the tasks that ship with an env, chosen from synthesis and proven one by one.

Laws: every task of a pack is proven (`verify.prove_task`); what the tasks are about is spread as evenly as the
candidates allow; a family stands in one split alone, by a hash of its name that never changes (about 80/20).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b

from ..envs.errors import RunError
from ..envs.registry import user_env, world_class
from ..envs.task import Category, Task
from .maker import Maker, Request
from .making import AssemblyOptions
from .special.mix import CATEGORIES
from .verify import prove_task

CANDIDATES = 3  # to each task wanted


def split_of(family: str) -> str:
    """`train` or `test` (a fifth), from the name of the family alone."""
    return "test" if blake2b(family.encode(), digest_size=4).digest()[0] % 5 == 0 else "train"


def make_pack(
    env: str, n: int, seed: int = 0, special: int = 0, progress: Callable[[int, int], None] | None = None
) -> list[Task]:  # fmt: skip
    """`n` proven tasks of an env, and `special` more of each special category, spread over what they are about.

    Args:
        env: an env by name. n, seed: how many, drawn by what. progress: told (candidates made, candidates wanted).

    Raises `RunError` if fewer can be made. A category that the env's worlds cannot have is left out.
    """
    wanted: dict[Category, int] = {"base": n}
    if special:
        able = any(world_class(name).can_swell for name in user_env(env).worlds)
        wanted |= {name: special for name in CATEGORIES if name != "base" and (able or name != "long_context")}
    total = CANDIDATES * sum(wanted.values())
    done, chosen = 0, list[Task]()
    for category, count in wanted.items():
        found: dict[str, Task] = {}
        options = AssemblyOptions(mix={category: 1.0})
        for made in Maker(Request((env,), CANDIDATES * count, seed), options=options).stream():
            done += 1
            if made.sample is not None:
                found.setdefault(made.sample.task.id, made.sample.task)
            if progress is not None:
                progress(done, total)
        if len(found) < count:
            raise RunError(f"only {len(found)} {category} tasks could be made in {env}, {count} are wanted; ask for fewer")
        chosen += [task.model_copy(update={"split": split_of(task.family)}) for task in _spread(found.values(), count)]
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
