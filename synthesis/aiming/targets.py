"""Targets out of failures: how often the current policy failed with each tool (arXiv 2601.01498).

From a run of rollouts: an episode that did not pass counts one failure for every tool among the gold calls of its
turns that did not pass. Of the turns that it never reached, the first alone counts: what comes after says nothing
of the policy. Laws: episodes that ended by an error that is not the policy's count nothing; a tool is counted as
what it is (`Banking.sign_in`), whatever the worlds joined in an env call it; the order of records changes nothing.
The draw itself, P proportional to 1 + failures, is the navigator's (`SamplerOptions.failures`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...agents.records import read_records
from ...agents.trajectory import Trajectory
from ...envs.errors import RunError, shorten
from ...envs.registry import user_env, world_class
from ...envs.worldset import tool_table


@dataclass(slots=True)
class Failures:
    """What a run says of its policy's failures.

    Attributes:
        tools: `World.tool` -> failures. episodes: those that count. failed: of these. excluded: those that do not count.
    """

    tools: Counter[str] = field(default_factory=Counter)
    episodes: int = 0
    failed: int = 0
    excluded: int = 0

    def add(self, trajectory: Trajectory) -> None:
        """Count one. Raises `TurngymError` for a world that is not installed."""
        if not trajectory.counts:
            self.excluded += 1
            return
        self.episodes += 1
        if trajectory.success:
            return
        self.failed += 1
        names = owned_names(tuple(part["world"] for part in trajectory.task["worlds"]))
        turns = trajectory.task["turns"]
        missed = {call["name"] for number in unpassed(trajectory.verdict, len(turns)) for call in turns[number].get("gold", ())}
        self.tools.update({names.get(name, name) for name in missed})

    def of_envs(self, envs: Iterable[str]) -> dict[str, int]:
        """Public tool name -> failures, for the envs that data is made in; tools without a failure are left out.

        Raises `RunError` where two envs call different tools alike and these failed unequally often.
        """
        found: dict[str, tuple[str, int]] = {}
        for env in envs:
            for public, own in owned_names(user_env(env).worlds).items():
                count = self.tools[own]
                other, before = found.setdefault(public, (own, count))
                if before != count:
                    raise RunError(f"{public} is {other} and {own}, with {before} and {count} failures; name their envs one at a time")
        return {public: count for public, (_, count) in sorted(found.items()) if count}


def failures_in(run: str | Path) -> Failures:
    """The failures of a run directory of rollouts, or of a file of trajectories.

    Raises `RunError` for what cannot be read, and where no episode counts.
    """
    found = Failures()
    for record in read_records(run):
        try:
            found.add(Trajectory.from_record(record))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise RunError(f"{run}: {shorten(str(record['id']))} is no trajectory of a task ({type(error).__name__})") from None
    if not found.episodes:
        excluded = f"; {found.excluded} ended by errors that are not the policy's" if found.excluded else ""
        raise RunError(f"{run} holds no episode that counts{excluded}; name a run of `turngym rollout`")
    return found


def unpassed(verdict: Mapping[str, Any], planned: int) -> list[int]:
    """The turns that did not pass: those judged so, and the first that was never reached."""
    judged = verdict.get("turns", ())
    failed = [n for n, turn in enumerate(judged) if not all(value for value in turn.values() if isinstance(value, bool))]
    return [*failed, *([len(judged)] if len(judged) < planned else [])]


@lru_cache(maxsize=64)
def owned_names(worlds: tuple[str, ...]) -> Mapping[str, str]:
    """Public tool name -> `World.tool`, for worlds joined in this order. Shared: read and do not write."""
    classes = tuple(world_class(name) for name in worlds)
    table = tool_table(classes)
    found = {}
    for public, tool in table.tools.items():
        cls = classes[table.owners[public]]
        own = public if cls.tools.get(public) is tool else public.removeprefix(f"{cls.__name__.lower()}_")
        found[public] = f"{cls.__name__}.{own}"
    return found
