"""Verdicts of a stored run, made again under the checks that are installed now.

Each trajectory's messages are played into a fresh episode of the task it carries; where an interceptor had
answered, its recorded answer stands in again. Laws: nothing but the run directory is needed, and nothing in it is
changed; a trajectory that plays otherwise than recorded is named as drifted, one that cannot be played with why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ..envs.door import allow_given
from ..envs.episode import Episode
from ..envs.errors import TurngymError, WorldRefusedError, shorten
from ..envs.task import Task
from ..envs.tool import ToolCall, ToolResult
from .limits import cut
from .metrics import Tally
from .records import read_records
from .trajectory import Trajectory, plain


@dataclass(slots=True)
class Rescored:
    """What came of it.

    Attributes:
        episodes: trajectories looked at. same: those whose verdict stands.
        changed: `id`, `was`, `now` (verdicts as recorded), and `turns`: the number of each turn that changed, with the
            checks that it `lost` and `gained`. by_check: `success` and each check -> of how many episodes it was `lost`
            (in some turn) and `gained`. drifted: `id` and what differs from the record.
        unscorable: `id` and why. torn: torn last lines of the file, passed over. summary: the figures under the new verdicts.
    """

    episodes: int = 0
    same: int = 0
    changed: list[dict[str, Any]] = field(default_factory=list)
    by_check: dict[str, dict[str, int]] = field(default_factory=dict)
    drifted: list[dict[str, str]] = field(default_factory=list)
    unscorable: list[dict[str, str]] = field(default_factory=list)
    torn: int = 0
    summary: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {name: getattr(self, name) for name in Rescored.__slots__}


def rescore(run: str | Path | Iterable[Trajectory], *, allow: Iterable[str] = ()) -> Rescored:
    """Judge a run directory (a JSONL file, or trajectories) again.

    Raises `RunError` for a directory that cannot be read, `WorldRefusedError` for a world that nobody allowed. Trajectories
    without a verdict are passed over. `allow`: worlds of one's own that they may name, as `turngym.allow` takes them.
    """
    allow_given(allow)
    report, tally = Rescored(), Tally()
    records = read_records(run) if isinstance(run, (str, Path)) else None
    given = [] if isinstance(run, (str, Path)) else run
    trajectories = given if records is None else (Trajectory.from_record(record) for record in records)
    for trajectory in trajectories:
        report.episodes += 1
        if not trajectory.verdict:
            report.unscorable.append({"id": trajectory.id, "reason": f"no verdict was made ({trajectory.reason or trajectory.status})"})
            tally.add(trajectory)
            continue
        try:
            episode, drift = play(trajectory)
        except WorldRefusedError:
            raise
        except (TurngymError, ValueError, LookupError, TypeError) as error:
            report.unscorable.append({"id": trajectory.id, "reason": f"{type(error).__name__}: {shorten(str(error), 200)}"})
            continue
        _compare(trajectory, episode, drift, report)
        record = trajectory.record() | {"verdict": plain(episode.verdict().record())}
        tally.add(record)
    report.torn = records.torn if records is not None else 0
    report.summary = tally.summary()
    return report


def _compare(trajectory: Trajectory, episode: Episode, drift: str, report: Rescored) -> None:
    now = plain(episode.verdict().record())
    if _essence(now) == _essence(trajectory.verdict):
        report.same += 1
    else:
        turns = _turned(trajectory.verdict, now)
        report.changed.append({"id": trajectory.id, "was": trajectory.verdict, "now": now, "turns": turns})
        _count(report, turns, bool(trajectory.verdict.get("success")), bool(now["success"]))
    if not drift and trajectory.fingerprint != episode.worlds.fingerprint():
        drift = "the final state"
    if drift:
        report.drifted.append({"id": trajectory.id, "differs": drift})


def play(trajectory: Trajectory, task: Task | None = None) -> tuple[Episode, str]:
    """A fresh episode with a trajectory's messages played into it, and the first thing that differs ("" if none).

    Args:
        trajectory: what to play. task: judged under this task instead of the one recorded.
    """
    answers = _Answers(trajectory)
    hidden = trajectory.conditions.get("hidden", ())
    task = trajectory.read_task() if task is None else task
    episode = Episode(task, max_steps=len(trajectory.steps) + 1, hidden=hidden, interceptors=(answers.stand_in,))
    recorded = [(place, message) for place, message in enumerate(trajectory.messages) if message["role"] != "assistant"]
    spoken = {entry.get("message") for entry in trajectory.user if entry["how"] != "scripted"}  # words that no task holds
    kept = iter([result.get("kept") for result in trajectory.results])
    brought, drift = [message for message in episode.start() if message["role"] != "assistant"], ""
    for step, message in zip(trajectory.steps, trajectory.assistant(), strict=True):
        if episode.over:
            return episode, "it is over before the record ends"
        heard = step.get("heard")
        if heard is False:  # the user failed before it was heard
            break
        if heard:
            brought += episode.converse(message.content, trajectory.messages[step["message"] + 1]["content"]).messages
        else:
            brought += episode.step(message.content, message.tool_calls).messages
    for index, ((place, was), now) in enumerate(zip(recorded, brought, strict=False)):
        same = plain(now) == was or (place in spoken and now["role"] == was["role"] == "user")
        if was["role"] == "tool":
            same = was.get("content") in (now["content"], cut(now["content"], next(kept, None)))
        if not same:
            drift = f"message {index} that reached the policy: was {shorten(str(was.get('content')), 120)}"
            break
    return episode, drift or ("the number of messages" if len(recorded) != len(brought) else "")


class _Answers:
    """The recorded answers of interceptors, by number of the call as an episode counts them."""

    def __init__(self, trajectory: Trajectory) -> None:
        texts = [message["content"] for message in trajectory.messages if message["role"] == "tool"]
        self._answers: dict[int, ToolResult] = {}
        for text, result in zip(texts, trajectory.results, strict=True):
            if "injected" in result:
                self._answers[result["injected"]] = ToolResult(result["name"], text, result["error"])

    def stand_in(self, call: ToolCall, number: int) -> ToolResult | None:
        """The recorded answer to this call, if it was one of an interceptor."""
        return self._answers.get(number)


_CHECKS = ("state", "outputs", "told", "forbidden")


def _turned(was: dict[str, Any], now: dict[str, Any]) -> list[dict[str, Any]]:
    """The turns that came out otherwise; one that was not reached holds no check."""
    found = []
    pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]] = zip_longest(was.get("turns", ()), now.get("turns", ()), fillvalue={})
    for number, (before, after) in enumerate(pairs):
        lost = [name for name in _CHECKS if before.get(name) and not after.get(name)]
        gained = [name for name in _CHECKS if after.get(name) and not before.get(name)]
        if lost or gained:
            found.append({"turn": number, "lost": lost, "gained": gained})
    return found


def _count(report: Rescored, turns: list[dict[str, Any]], was: bool, now: bool) -> None:
    ways = {way: {name for turn in turns for name in turn[way]} for way in ("lost", "gained")}
    if was != now:
        ways["gained" if now else "lost"].add("success")
    for way, names in ways.items():
        for name in sorted(names):
            counts = report.by_check.setdefault(name, {"lost": 0, "gained": 0})
            counts[way] += 1


def _essence(verdict: dict[str, Any]) -> Any:
    """What of a verdict decides: its explanations may change their words."""
    turns = [[turn.get(name) for name in _CHECKS] for turn in verdict.get("turns", ())]
    return verdict.get("success"), verdict.get("progress"), turns
