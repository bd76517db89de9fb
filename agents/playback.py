"""Policies that say what was written before: `scripted` a given list, `replay` what a stored run said.

Law: what is played is what stands there, raw arguments included; when it runs out, the episode ends as
`truncated` and not by an invented message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..envs.errors import RunError, shorten
from ..envs.lines import Rows, parse_line
from .policy import AssistantMessage, Conversation, EndEpisode, Opening, understand
from .records import TRAJECTORIES
from .trajectory import Trajectory


class PlaybackEpisode:
    """Plays messages in order within one episode."""

    def __init__(self, name: str, messages: Iterable[Any], ended: str) -> None:
        self.name = name
        self._messages: Iterator[Any] = iter(messages)
        self._ended = ended

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The next message, or `EndEpisode`."""
        for message in self._messages:
            return understand(message)
        raise EndEpisode(self._ended, f"all messages were played by step {conversation.step}")


class ScriptedPolicy:
    """Says the same messages in every episode.

    Args:
        messages: actions in any form (`envs/messages.py`), or a JSON file that holds a list of them.
    """

    name = "scripted"

    def __init__(self, messages: Sequence[Any] | str | Path) -> None:
        self.messages = _read_script(messages) if isinstance(messages, (str, Path)) else list(messages)
        digest = blake2b(json.dumps(self.messages, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
        self.config = {"messages": digest}

    def start(self, opening: Opening) -> PlaybackEpisode:
        """The script from its beginning."""
        return PlaybackEpisode(self.name, self.messages, "script_ended")

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The message for the conversation's step, for use outside a rollout."""
        return await PlaybackEpisode(self.name, self.messages[conversation.step :], "script_ended").act(conversation)


class ReplayPolicy:
    """Says what trajectories said, each in the task and trial it was recorded in.

    Args:
        run: a run directory, a JSONL file of trajectories, or trajectories. A file is indexed once and its
            records are read as they are needed.
    """

    name = "replay"

    def __init__(self, run: str | Path | Iterable[Trajectory]) -> None:
        self._made: dict[tuple[str, int], Trajectory] = {}
        self._places: dict[tuple[str, int], int] = {}
        self._file: Path | None = None
        if isinstance(run, (str, Path)):
            self._file = Path(run) / TRAJECTORIES if Path(run).is_dir() else Path(run)
            self._index(self._file)
            self.config = {"run": str(run)}
        else:
            self._made = {(made.task_id, made.trial): made for made in run}
            digest = blake2b("\n".join(sorted(made.id for made in self._made.values())).encode(), digest_size=8).hexdigest()
            self.config = {"run": digest}

    def _index(self, path: Path) -> None:
        for row in Rows(path, worlds=False):  # what is said is replayed, in the worlds of the run that asks
            made = Trajectory.from_record(row.value)
            self._places[made.task_id, made.trial] = row.offset

    def find(self, task_id: str, trial: int) -> Trajectory:
        """The trajectory recorded for a task and trial. Raises `RunError` if there is none."""
        key = task_id, trial
        if key in self._made:
            return self._made[key]
        if self._file is None or key not in self._places:
            raise RunError(f"the run to replay holds no trajectory of {shorten(task_id)}, trial {trial}")
        with open(self._file, "rb") as file:
            file.seek(self._places[key])
            record, why = parse_line(file.readline())
        if record is None:
            raise RunError(f"{self._file} changed while it was replayed: {why}")
        return Trajectory.from_record(record)

    def start(self, opening: Opening) -> PlaybackEpisode:
        """The messages of the episode's own trajectory."""
        return PlaybackEpisode(self.name, self.find(opening.task_id, opening.trial).assistant(), "replay_ended")

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The message for the conversation's step, for use outside a rollout."""
        messages = list(self.find(conversation.task, conversation.trial).assistant())[conversation.step :]
        return await PlaybackEpisode(self.name, messages, "replay_ended").act(conversation)


def _read_script(path: str | Path) -> list[Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read the script {path}: {shorten(str(error), 120)}") from None
    if not isinstance(found, list):
        raise RunError(f"the script {path} holds no list of messages")
    return found
