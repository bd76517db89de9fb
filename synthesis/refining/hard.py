"""The data side of HDR, hard-data re-sampling (FunReason / BalanceSFT, arXiv 2505.20192, as a third party reads it).

The current model answers the hard queries, three samples each at temperature 0.7; three judges score every sample from 0 to
1; a sample stands if its scores exceed tau = 0.5, for `all` judges (the formula) or a `majority` (the text). A query with a
sample that stands leaves the pool with it; the model is trained on what left; this repeats until the pool is empty, or ten
rounds. A replay share of 0.2 of qualified data is added [ours].

[ours]: the query is what stands before the first assistant message after the user's last words, and that message with its
calls is the reference of the judges; a score of exactly tau does not stand; the first sample that stands is taken; a query
of which all samples of the first round stand is not hard: it is qualified, keeps its own answer, and is replayed.
Training between rounds is the caller's (`hard_rounds`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from heapq import nsmallest
from typing import Literal, NamedTuple, Protocol

from ...envs.messages import Message
from ...envs.spoken import spoken
from .arguments import read_arguments
from .asking import Model, Unreadable, read_score, shown, shown_tools
from .correcting import flaws_of
from .funnel import Step
from .relevance import contradiction
from .row import Row
from .schemas import Shape, shapes_of
from .stage import Case

SAMPLES, TEMPERATURE, TAU, ROUNDS, REPLAY = 3, 0.7, 0.5, 10, 0.2
Keep = Literal["all", "majority"]
Bin = Literal["qualified", "hard", "left"]


class Setting(NamedTuple):
    """How hard rows are answered: samples a round, tau, the rule of keeping, rounds, replay share, seed (arXiv 2505.20192)."""

    samples: int = SAMPLES
    tau: float = TAU
    keep: Keep = "majority"
    rounds: int = ROUNDS
    replay: float = REPLAY
    seed: int = 0


def stands(scores: Sequence[float], tau: float = TAU, keep: Keep = "majority") -> bool:
    """Whether judges let a sample stand: all scores above tau, or more than half of them (arXiv 2505.20192). None at all: no."""
    above = sum(score > tau for score in scores)
    return bool(scores) and (above == len(scores) if keep == "all" else 2 * above > len(scores))


def replay_count(kept: int, share: float = REPLAY, available: int | None = None) -> int:
    """How many qualified rows make `share` of the rows that are trained on: kept * share / (1 - share), to the nearest.

    For 8 kept rows and 0.2 that is 2, so that 2 of 10 are replayed ([ours]; HDR is of arXiv 2505.20192).
    """
    wanted = int(kept * share / (1 - share) + 0.5)
    return wanted if available is None else min(wanted, available)


def replayed(ids: Sequence[str], count: int, seed: int = 0) -> set[str]:
    """`count` of the ids, drawn by the seed whatever their order."""
    return set(nsmallest(count, ids, key=lambda name: blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()))


# -- queries and judges -----------------------------------------------------------------------------------


def query_of(row: Row) -> tuple[Row, Message]:
    """What is asked, and the message that answered it; raises ValueError for a row without such a place."""
    last = max((i for i, message in enumerate(row.messages) if message["role"] == "user"), default=-1)
    if last < 0 or last + 1 >= len(row.messages) or row.messages[last + 1]["role"] != "assistant":
        raise ValueError("no assistant message follows the user's last words")
    return replace(row, messages=row.messages[: last + 1]), row.messages[last + 1]


class Judge(Protocol):
    """Scores an answer from 0 to 1."""

    async def score(self, query: Row, answer: Message, reference: Message) -> float: ...


@dataclass(frozen=True, slots=True)
class RuleJudge:
    """A judge without a model: `calls` are the reference's, `solves` (every call fits its schema, or a reply is none), `reasoning`."""

    view: str

    async def score(self, query: Row, answer: Message, reference: Message) -> float:
        """1 or 0."""
        if self.view == "calls":
            return float(same_calls(answer, reference))
        row = replace(query, messages=[*query.messages, answer])
        if self.view == "reasoning":
            return float(not contradiction(row))
        shapes: Mapping[str, Shape] = shapes_of(query.tools)
        mine = [call for call in row.calls() if call.message == len(query.messages)]
        sound = all(read_arguments(c.arguments).written == "json" and not flaws_of(c.name, c.arguments, shapes) for c in mine)
        return float(sound and bool(mine or spoken(answer["content"]).strip()) and bool(mine) == bool(reference.get("tool_calls")))


@dataclass(frozen=True, slots=True)
class ModelJudge:
    """A judge that is a model, with one view; an answer that cannot be read scores 0. `rule`, if any, bounds it from above.

    Code and model together verify better than either (arXiv 2602.10090).
    """

    model: Model
    view: str
    rule: RuleJudge | None = None

    async def score(self, query: Row, answer: Message, reference: Message) -> float:
        """The lesser of the model's score and the rule's."""
        most = 1.0 if self.rule is None else await self.rule.score(query, answer, reference)
        if not most:
            return 0.0
        try:
            said = await self.model.ask(
                query, f"judge_{self.view}", read_score, tools=shown_tools(query), conversation=shown(query),
                answer=json.dumps(answer, ensure_ascii=False), reference=json.dumps(reference, ensure_ascii=False),
            )  # fmt: skip
        except Unreadable:
            return 0.0
        return min(most, said)


VIEWS = ("calls", "solves", "reasoning")


def judges_of(kind: str, model: Model | None) -> list[Judge]:
    """Three judges, one a view: `rules`, `models`, or `both` (each model bounded by its rule)."""
    if kind == "rules" or model is None:
        return [RuleJudge(view) for view in VIEWS]
    return [ModelJudge(model, view, RuleJudge(view) if kind == "both" else None) for view in VIEWS]


def same_calls(answer: Message, reference: Message) -> bool:
    """Whether two messages make the same calls, in any order; of two replies, whether both say something."""
    mine, theirs = (Counter(_plain(message)) for message in (answer, reference))
    return mine == theirs and (bool(mine) or bool(spoken(answer["content"]).strip()))


def _plain(message: Message) -> list[str]:
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return [json.dumps([c["name"], read_arguments(c["arguments"]).value or c["arguments"]], sort_keys=True) for c in calls]


# -- rounds -----------------------------------------------------------------------------------------------


class Answered(NamedTuple):
    """What a round made of a query: the samples that stand among all, and the first of them."""

    stand: int
    of: int
    row: Row | None


async def answered(row: Row, round_: int, model: Model, judges: Sequence[Judge], setting: Setting) -> Answered:
    """One round for one row: sample, judge, keep the first that stands."""
    query, reference = query_of(row)
    stand, first = 0, None
    for trial in range(setting.samples):
        try:
            answer = await model.answer(query, trial, seed=setting.seed + round_)
        except Unreadable:
            continue
        scores = [await judge.score(query, answer, reference) for judge in judges]
        if stands(scores, setting.tau, setting.keep):
            stand += 1
            first = first or answer
    return Answered(stand, setting.samples, None if first is None else replace(query, messages=[*query.messages, first]))


class Round(NamedTuple):
    """A round over a pool: what left it, by bin."""

    number: int
    pool: int
    hard: list[Row]
    qualified: list[Row]


async def hard_rounds(
    pool: Sequence[Row], current: Callable[[int], Model], judges: Sequence[Judge], setting: Setting | None = None,
    train: Callable[[Round], Awaitable[None]] | None = None,
) -> tuple[list[Round], list[Row]]:  # fmt: skip
    """The loop of HDR (arXiv 2505.20192): rounds until the pool is empty or `setting.rounds` are over.

    Args:
        pool: the rows. current: round (from 1) -> the model as it is then. judges: of every sample. train: called with
            every round that kept something, before the next begins.

    Returns:
        The rounds, and the rows that no round answered.
    """
    setting = setting or Setting()
    left, rounds = list(pool), list[Round]()
    for number in range(1, setting.rounds + 1):
        if not left:
            break
        made, rest = Round(number, len(left), [], []), []
        for row in left:
            found = await answered(row, number, current(number), judges, setting)
            if number == 1 and found.stand == found.of:
                made.qualified.append(row)
            elif found.row is not None:
                made.hard.append(found.row)
            else:
                rest.append(row)
        rounds.append(made)
        left = rest
        if train is not None and made.hard:
            await train(made)
    return rounds, left


class Hard:
    """The stage: every row through the rounds of one unchanging model, so that rows need not wait for each other.

    Args:
        model: the current one, which samples at its temperature. judges: of every sample. setting: as above.
    """

    name = "hard"

    def __init__(self, model: Model, judges: Sequence[Judge], setting: Setting | None = None) -> None:
        self.model, self.judges, self.setting = model, judges, setting or Setting()

    async def run(self, case: Case) -> Step:
        """Drops `unanswered`; notes `bin` and `round` on the case; a kept row carries the model's own answer."""
        try:
            rounds, left = await hard_rounds([case.row], lambda _: self.model, self.judges, self.setting)
        except ValueError as error:
            return Step(self.name, "exempt", "no_query", str(error))
        number = len(rounds)
        if left:
            self._note(case, "left", number)
            return Step(self.name, "dropped", "unanswered", f"no sample of {number} rounds stands", "model")
        if rounds[-1].qualified:
            self._note(case, "qualified", number)
            return Step(self.name, "passed", by="model")
        self._note(case, "hard", number)
        case.row = rounds[-1].hard[0]
        return Step(self.name, "mended", "answered", by="model")

    @staticmethod
    def _note(case: Case, name: Bin, number: int) -> None:
        case.notes = {"bin": name, "round": number}
