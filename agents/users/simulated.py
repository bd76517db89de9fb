"""A user played by a model: says the request, answers questions from the task's facts, and tells when it is done.

Its model has a conversation of its own in which the policy's words come as the other side's. That conversation only
grows, roles alternate, and every assistant message in it is the model's own, so that it fits every server, template
and engine. Laws: the model is told the request, earlier requests and the facts, and never gold, a later turn or an
id of ours; no word of it reaches the policy unchecked (`facts.py`); refused twice, a template answers; rounds
are bounded. Not here: the words it is given (`prompt.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, get_args

from ...envs.errors import shorten
from ...envs.messages import user_message
from ...envs.spoken import spoken
from ...envs.task import Task
from ..policy import Conversation, Opening, Policy, policy_record, understand
from ..trajectory import assistant_message
from ..user import Said
from .facts import Errand, Knowledge, errand_of
from .prompt import Prompt

Wording = Literal["scripted", "model"]
STOP = "###DONE###"
_STOP = re.compile(r"#{2,}\s*DONE\s*#{2,}", re.IGNORECASE)
_STOP_ALONE = re.compile(r"[\W_]*DONE[\W_]*", re.IGNORECASE)
_HEARD_CHARS = 16_384
_SAID_CHARS = 2_000
_TRIES = 2


class SimulatedUser:
    """A user on any policy that can talk.

    Args:
        policy: whose words they are; it gets no tools. prompt: `user_v1`, or the path of a file of one's own.
        patience: answers in one turn; what the policy says after that ends the turn.
        wording: who words the opening of a turn: the task (`scripted`), or the `model` from the task's text.

    Raises `RunError` for a prompt that cannot be used, ValueError for other bad options.
    """

    name = "simulated"

    def __init__(self, policy: Policy, *, prompt: str | Path = "user_v1", patience: int = 3, wording: Wording = "scripted") -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 0:
            raise ValueError(f"patience is a number of answers, 0 or more, not {shorten(patience)}")
        if wording not in get_args(Wording):
            raise ValueError(f"wording is scripted or model, not {shorten(wording)}")
        self.policy, self.patience, self.wording = policy, patience, wording
        self.prompt = Prompt(prompt)
        self.config = {
            "policy": policy_record(policy),
            "prompt": self.prompt.name,
            "prompt_hash": self.prompt.hash,
            "patience": patience,
            "wording": wording,
        }

    @classmethod
    def make(
        cls, policy: str = "chat", *, prompt: str = "user_v1", patience: int = 3, wording: Wording = "scripted", **options: Any
    ) -> Self:
        """From the name of a policy and its options."""
        from ..registry import make_policy

        return cls(make_policy(policy, **options), prompt=prompt, patience=patience, wording=wording)

    async def prepare(self) -> None:
        """Prepare the policy that it stands on."""
        if prepare := getattr(self.policy, "prepare", None):
            await prepare()

    async def close(self) -> None:
        """Close the policy that it stands on."""
        if close := getattr(self.policy, "close", None):
            await close()

    def start(self, task: Task, *, trial: int = 0, seed: int = 0) -> SimulatedEpisode:
        """The user of one episode. Raises `TaskError` for facts that are none."""
        return SimulatedEpisode(self, task, trial, seed)


class SimulatedEpisode:
    """One user while its episode lasts."""

    def __init__(self, user: SimulatedUser, task: Task, trial: int, seed: int) -> None:
        self._user, self._task, self._prompt = user, task, user.prompt
        self._errands = [errand_of(task, turn) for turn in range(len(task.turns))]
        self._actor: Any = user.policy
        start: Callable[[Opening], Any] | None = getattr(user.policy, "start", None)
        if start is not None:
            self._actor = start(Opening(task.id, task.env, tuple([part.world for part in task.worlds]), trial, seed))
        self._conversation = Conversation(task.id, task.env, trial, seed)
        self._conversation.messages.append({"role": "system", "content": self._prompt.fill("rules", stop=STOP)})
        self._knows = Knowledge()
        self._pending: list[str] = []
        self._answers = 0

    async def open(self, turn: int) -> Said:
        """The request of a turn: the task's words, or the model's own for it."""
        errand = self._errands[turn]
        self._answers = 0
        self._conversation.turn = turn
        self._knows.learn(errand, self._task, turn)
        self._pending.append(self._prompt.fill("turn", request=errand.request, facts=self._facts(errand)))
        if self._user.wording == "scripted":
            self._pending.append(self._prompt.fill("said"))
            return Said(errand.request, "scripted")
        self._pending.append(self._prompt.fill("open"))
        return await self._speak(errand.request, ends=False)

    async def answer(self, text: str, turn: int) -> Said:
        """An answer from the facts, or `Said(None)` once the model says that it is done, or the patience is spent."""
        heard = text[:_HEARD_CHARS]
        self._knows.hear(heard)
        self._pending.append(self._prompt.fill("heard", text=heard) if heard.strip() else self._prompt.fill("silence"))
        if self._answers >= self._user.patience:
            return Said(None, "patience")
        self._answers += 1
        return await self._speak(self._errands[turn].answer_to(heard), ends=True)

    def _facts(self, errand: Errand) -> str:
        lines = [self._prompt.fill("known", fact=fact) for fact in errand.facts]
        lines += [self._prompt.fill("earlier", fact=text) for text in errand.earlier]
        return "\n".join(lines) or self._prompt.fill("nothing")

    async def _speak(self, template: str, *, ends: bool) -> Said:
        refused: list[dict[str, str]] = []
        usage: Counter[str] = Counter()
        for tries in range(1, _TRIES + 1):
            words = await self._ask(usage)
            if ends and _stops(words):
                return Said(None, "done", tries, usage, tuple(refused))
            why = self._wrong(words)
            if not why:
                return Said(words, "model", tries, usage, tuple(refused))
            refused.append({"said": shorten(words, 300), "why": why})
            if tries < _TRIES:
                self._pending.append(self._prompt.fill("refused", why=why))
        self._pending.append(self._prompt.fill("replaced", why=why, text=template))
        return Said(template, "template", _TRIES, usage, tuple(refused))

    async def _ask(self, usage: Counter[str]) -> str:
        conversation = self._conversation
        conversation.messages.append(user_message("\n\n".join(self._pending)))
        self._pending.clear()
        message = understand(await self._actor.act(conversation))
        conversation.step += 1
        conversation.messages.append(assistant_message(message, ()))  # it has no tools; what it called is garbage
        usage.update({name: count for name, count in (message.usage or {}).items() if isinstance(count, int)})
        return spoken(message.content).strip()

    def _wrong(self, words: str) -> str:
        """Why words may not be said, or ""."""
        if not words:
            return "it was empty"
        if len(words) > _SAID_CHARS:
            return f"it had more than {_SAID_CHARS} characters"
        if _stops(words):
            return "the request is not said yet"
        return self._knows.leak(words)


def _stops(words: str) -> bool:
    return bool(_STOP.search(words) or _STOP_ALONE.fullmatch(words))
