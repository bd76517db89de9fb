"""A policy as examiner, corrector and answerer: what it is asked, and how its answers are read.

Laws: an answer is read as one JSON object and checked, asked for again a bounded number of times, and then it is `Unreadable`:
never guessed. What a model says decides about rows and is no instruction; `InfrastructureError` passes through, so that
a failing server ends the run instead of emptying the data. Every model goes through `Policy` and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...agents.policy import AssistantMessage, Conversation, EndEpisode, Opening, Policy, policy_record, understand
from ...agents.users.prompt import Prompt
from ...envs.errors import shorten
from ...envs.messages import Message
from .row import Row, assistant

T = TypeVar("T")
TRIES = 2
SECTIONS: dict[str, tuple[str, ...]] = {
    "examiner": (),
    "solvable": ("tools", "conversation"),
    "reasoning": ("conversation",),
    "correct": ("tools", "conversation"),
    "final": ("tools", "conversation"),
    "regenerate": ("why",),
    "judge_calls": ("tools", "conversation", "answer", "reference"),
    "judge_solves": ("tools", "conversation", "answer"),
    "judge_reasoning": ("conversation", "answer"),
    "again": ("why",),
}


class Unreadable(Exception):
    """A model gave no answer that can be read, as often as it was asked."""


class Model:
    """A policy that is asked about rows.

    Args:
        policy: any. prompt: the words, a packaged name or a file. tries: how often the same is asked. seed: passed on.

    Attributes:
        usage: row id -> counts of requests and tokens, until taken by `used`.
    """

    def __init__(self, policy: Policy, prompt: str = "refine_v1", tries: int = TRIES, seed: int = 0) -> None:
        self.policy, self.tries, self.seed = policy, tries, seed
        self.prompt = Prompt(prompt, SECTIONS, __package__)
        self.usage: dict[str, Counter[str]] = {}

    @property
    def record(self) -> dict[str, Any]:
        """What decides about its answers, as plain JSON data."""
        return {**policy_record(self.policy), "prompt": self.prompt.name, "prompt_hash": self.prompt.hash, "tries": self.tries}

    def used(self, row: Row) -> Counter[str]:
        """What a row has cost so far; forgotten afterwards."""
        return self.usage.pop(row.id, Counter())

    async def ask(self, row: Row, section: str, read: Callable[[dict[str, Any]], T], **values: str) -> T:
        """Ask one section of the prompt; `read` raises ValueError for an object that is no answer. Raises `Unreadable`."""
        messages: list[Message] = [
            {"role": "system", "content": self.prompt.fill("examiner")},
            {"role": "user", "content": self.prompt.fill(section, **values)},
        ]
        for trial in range(self.tries):
            said = await self._act(row, section, messages, [], trial)
            try:
                return read(first_object(said.content))
            except (ValueError, LookupError, TypeError) as error:
                why = shorten(" ".join(str(error).split()), 120)
            messages = [*messages, assistant(said.content, []), {"role": "user", "content": self.prompt.fill("again", why=why)}]
        raise Unreadable(f"{section}: {why}")

    async def holds(self, row: Row, section: str) -> str:
        """Ask whether something holds of a row: "" if it does, else why not. Raises `Unreadable`."""
        return await self.ask(row, section, read_verdict, tools=shown_tools(row), conversation=shown(row))

    async def answer(self, row: Row, trial: int, note: str = "", seed: int | None = None) -> Message:
        """The assistant's next message after a row's messages, in the form of a row. Raises `Unreadable` if there is none."""
        messages = [*row.messages, {"role": "user", "content": note}] if note else list(row.messages)
        said = await self._act(row, "answer", messages, row.tools, trial, seed)
        count = sum(len(message.get("tool_calls", ())) for message in row.messages)
        taken = {call.id for call in row.calls()}
        calls = []
        for place, call in enumerate(said.tool_calls):
            identity = call.id if call.id and call.id not in taken else f"call_{count + place}"
            while identity in taken:
                identity += "_"
            taken.add(identity)
            calls.append((call.name, str(call.arguments), identity))
        return assistant(said.content, calls, said.reasoning)

    async def rewrite(self, row: Row, index: int, why: str, trial: int) -> Message:
        """Another assistant message in the place of the one at `index` (FCDR's regeneration). Raises `Unreadable`."""
        before = Row(row.id, row.form, row.messages[:index], row.tools, row.about)
        return await self.answer(before, trial, self.prompt.fill("regenerate", why=why))

    async def _act(
        self, row: Row, step: str, messages: list[Message], tools: list[dict[str, Any]], trial: int, seed: int | None = None
    ) -> AssistantMessage:
        seed = self.seed if seed is None else seed
        start = getattr(self.policy, "start", None)
        player = start(Opening(row.id, "refine", (), trial, seed)) if start is not None else self.policy
        talk = Conversation(row.id, f"refine:{step}", trial, seed, messages=[dict(m) for m in messages], tools=tools)
        try:
            said = understand(await player.act(talk))
        except EndEpisode as error:
            raise Unreadable(f"{step}: the model ended ({error.reason})") from None
        counts = self.usage.setdefault(row.id, Counter())
        counts["requests"] += 1
        counts.update({name: n for name, n in (said.usage or {}).items() if type(n) is int})
        return said


# -- what is shown, and what is read ----------------------------------------------------------------------


def shown(row: Row) -> str:
    """A conversation as lines of JSON, each with its index."""
    return "\n".join([json.dumps({"index": i, **message}, ensure_ascii=False) for i, message in enumerate(row.messages)])


def shown_tools(row: Row) -> str:
    """The tools as lines of JSON."""
    return "\n".join([json.dumps(tool["function"], ensure_ascii=False) for tool in row.tools]) or "none"


def first_object(text: str) -> dict[str, Any]:
    """The first JSON object in a text; raises ValueError if there is none."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0 and at < 20_000:
        try:
            found, _ = decoder.raw_decode(text, at)
        except RecursionError:
            break
        except ValueError:
            at = text.find("{", at + 1)
            continue
        return dict(found)
    raise ValueError("there is no JSON object")


def read_verdict(answer: Mapping[str, Any]) -> str:
    """A verdict: "" for ok, else why not; raises ValueError for an object without `ok`."""
    if not isinstance(answer.get("ok"), bool):
        raise ValueError('it has no "ok" that is true or false')
    return "" if answer["ok"] else str(answer.get("why") or "the model gave no reason")


def read_score(answer: Mapping[str, Any]) -> float:
    """A score from 0 to 1; raises ValueError for anything else."""
    score = answer.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise ValueError('it has no "score" from 0 to 1')
    return float(score)
