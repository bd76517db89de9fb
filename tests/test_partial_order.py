"""Gold is a partial order: every order that it allows passes, and one that allows too much is named."""

from __future__ import annotations

from random import Random

import pytest

from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.registry import ENVS
from turngym.envs.task import Task
from turngym.envs.tool import ToolCall
from turngym.synthesis.verify import prove_task


def _any_order(task: Task, rng: Random) -> tuple[bool, bool]:
    """Play gold in a random allowed order: whether it differs from gold's own, and whether it passes."""
    episode, moved = Episode(task, max_steps=1 << 30), False
    episode.start()
    for turn in task.turns:
        waiting, inside, done = list(turn.gold), {call.id for call in turn.gold}, set[str]()
        while waiting:
            call = rng.choice([c for c in waiting if done.issuperset(inside.intersection(c.after))])
            moved |= call is not waiting[0]
            waiting.remove(call)
            done.add(call.id)
            made, faults = ToolCall(call.name, call.arguments, call.id), episode.faults()
            while faults.strike(made) is not None:
                episode.step("", (made,))
            episode.step("", (made,))
        episode.step(turn.reply, ())
    return moved, episode.verdict().success


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("env", [info.short for info in ENVS])
def test_every_allowed_order_of_a_shipped_task_passes(env: str, step: int) -> None:
    outcomes = [_any_order(task, Random(trial)) for task in list(pack_of(env))[::step] for trial in range(2)]
    assert sum(moved for moved, _ in outcomes) > 60 / step
    assert all(passed for _, passed in outcomes)


@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_gold_that_allows_a_wrong_order_is_named(step: int) -> None:
    """A copy taken before the move, and the move: without their order the copy would hold something else."""
    found = 0
    for task in list(pack_of("FileSystem"))[::step]:
        loose = task.model_dump(mode="json", exclude_defaults=True, exclude={"id"})
        for turn in loose["turns"]:
            for call in turn.get("gold", ()):
                call.pop("after", None)
        changed = Task.model_validate(loose)
        if changed.id != task.id:
            found += any("another order" in why for why in prove_task(changed))
    assert found > 3 / step
