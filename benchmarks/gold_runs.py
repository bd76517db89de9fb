"""Gold run plainly, for whoever has to show that a planted defect is one; nothing of the auditor is used here."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from turngym.envs.episode import Episode
from turngym.envs.errors import TurngymError
from turngym.envs.faults import Faults
from turngym.envs.task import Task
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import Judge, Verdict, start_of

Data = dict[str, Any]


def made(data: Data) -> Task | None:
    """The task of data, with the id that its content has; None where it is no task any more."""
    data = {key: value for key, value in data.items() if key != "id"}
    try:
        return Task.model_validate(data)
    except ValueError:
        return None


def errors(task: Task) -> list[str | None]:
    """What each gold call fails with, in plain worlds."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        found += [worlds.call(call.name, call.arguments).error for call in turn.gold]
    return found


def shown(task: Task) -> str:
    """All that is said and shown: the user's words, and the results of gold."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        found.append(turn.user)
        found += [worlds.call(call.name, call.arguments).text for call in turn.gold]
    return "\n".join(found)


def played(
    task: Task, without: str = "", order: dict[int, list[int]] | None = None, again: tuple[int, str] | None = None
) -> Verdict | None:
    """The verdict of gold; None where it cannot be judged.

    Args:
        without: the id of a call that is left out. order: turn -> places in the order of playing. again: (turn, id) of a call that
            is made once more at the end of its turn.
    """
    try:
        episode = Episode(task.model_copy(update={"held_out": ()}), max_steps=1 << 30, judge=Judge(task))
    except TurngymError:
        return None
    episode.start()
    for number, turn in enumerate(task.turns):
        gold = [turn.gold[place] for place in (order or {}).get(number, range(len(turn.gold)))]
        gold += [call for call in turn.gold if again == (number, call.id)]
        faults = Faults(turn.faults)
        for call in gold:
            if call.id != without:
                sent = ToolCall(call.name, call.arguments)
                while faults.strike(sent) is not None:
                    episode.step("", (sent,))
                episode.step("", (sent,))
        episode.step(turn.reply, ())
    return episode.verdict()


def passes(task: Task, **how: Any) -> bool:
    """Whether gold passes, played in a way."""
    verdict = played(task, **how)
    return verdict is not None and verdict.success


def calls(data: Data) -> Iterator[tuple[Data, Data]]:
    """(turn, gold call), all of them."""
    for turn in data["turns"]:
        for call in turn.get("gold", ()):
            yield turn, call


def loose(data: Data) -> Data:
    """A copy without the fingerprints, which a changed gold would betray."""
    data = copy.deepcopy(data)
    for turn in data["turns"]:
        turn.pop("fingerprint", None)
    return data


def used_by_others(data: Data, identity: str) -> bool:
    """Whether another gold call needs a call, by its sources or its order."""
    return any(
        identity in call.get("after", ()) or any(s.get("call") == identity for s in call.get("sources", {}).values())
        for _, call in calls(data)
    )


def keep(data: Data | None) -> Data | None:
    return data if data is not None and made(data) is not None else None


def before(task: Task, identity: str) -> str:
    """What was said and shown before a call."""
    worlds, found = start_of(task), []
    for turn in task.turns:
        worlds.advance(turn.elapse)
        found.append(turn.user)
        for call in turn.gold:
            if call.id == identity:
                return "\n".join(found)
            found.append(worlds.call(call.name, call.arguments).text)
    return "\n".join(found)
