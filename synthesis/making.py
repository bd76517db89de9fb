"""A conversation while it grows, and the writer who answers its rounds (phases II and III).

A `Making` holds the running state and all that was said; a `Writer` holds the roles and options, and does with a round
what its turn needs: brief, query, judgement of the query, answer. Law: nothing enters a conversation before it was
judged and answered. Not here: which rounds are drawn (`assemble.py`), and what is special about a turn (`special/`).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

from ..envs.binding import Pool
from ..envs.messages import Message, user_message
from ..envs.task import Category, Checks, Task, TaskWorld, Turn
from ..envs.worldset import WorldSet, WorldSpec
from .aim import PLAIN, Aim
from .ambiguity import other_reading
from .brief import Brief, checks_of, states
from .chain import K_MAX, Chain, guided_chain
from .navigator import Rejected, SamplerOptions
from .plan import Round, idle_writes
from .query import Query, best_jump, jump_score, leaks
from .roles import Roles, Scene
from .sample import Sample, TurnNotes
from .validate import Mode

TURNS = {1: 0.30, 2: 0.32, 3: 0.22, 4: 0.10, 5: 0.06}


class AssemblyOptions(NamedTuple):
    """How conversations are made.

    turns: number of rounds -> weight. across: chance that a later round needs an earlier value. min_jump:
    the least jump score of a query. strength: noise 0..2, None draws one per sample. k_max, mode: of the chain.
    mix: category -> weight; see `special/`.
    """

    turns: dict[int, float] = TURNS
    across: float = 0.5
    min_jump: float = 0.4
    strength: int | None = None
    k_max: int = K_MAX
    mode: Mode = "strict"
    tries: int = 4
    sampler: SamplerOptions = SamplerOptions()
    mix: dict[Category, float] = {"base": 1.0}


class Place(NamedTuple):
    """Where a conversation happens: the env's id, the worlds as a task names them, and the category it is to be of."""

    env: str
    worlds: tuple[tuple[str, WorldSpec], ...]
    category: Category = "base"


class Asked(NamedTuple):
    """A round put into words: its brief, the query, and the query's jump score (as plain data)."""

    brief: Brief
    query: Query
    jump: dict[str, Any]


class Making:
    """A conversation while it grows.

    Attributes:
        worlds, pool: the state and what is known by now. scene: as the roles share it. turns: of the task so far.
        held_out, special: of the task; see `special/`. barred: tools that no later round may call.
        shadow: the plain twin of swelled worlds, where the same calls have to run; None elsewhere.
    """

    def __init__(self, worlds: WorldSet, pool: Pool, scene: Scene) -> None:
        self.worlds, self.pool, self.scene = worlds, pool, scene
        self.messages: list[Message] = []
        self.fingerprints: list[str] = []
        self.turns: list[Turn] = []
        self.notes: list[dict[str, Any]] = []
        self.held_out: tuple[str, ...] = ()
        self.special: list[dict[str, Any]] = []
        self.barred: frozenset[str] = frozenset()
        self.shadow: WorldSet | None = None

    @property
    def earlier(self) -> dict[str, Any]:
        """Call id -> result, of all rounds so far."""
        return {call.id: call.value for round_ in self.scene.rounds for call in round_.calls}

    def mark(self) -> tuple[Any, ...]:
        """Where it stands, for `back_to`: a special turn that fails half-way must leave nothing behind."""
        lists: tuple[list[Any], ...] = (self.messages, self.fingerprints, self.turns, self.notes, self.special, self.scene.rounds)
        return (self.worlds, self.pool, self.held_out, self.barred, self.scene.said, *map(len, lists))

    def back_to(self, mark: tuple[Any, ...]) -> None:
        """Forget what came after `mark`."""
        self.worlds, self.pool, self.held_out, self.barred, self.scene.said, *lengths = mark
        lists: tuple[list[Any], ...] = (self.messages, self.fingerprints, self.turns, self.notes, self.special, self.scene.rounds)
        for found, length in zip(lists, lengths, strict=True):
            del found[length:]

    def add(self, round_: Round, asked: Asked, chain: Chain, checks: Checks, **more: Any) -> None:
        """Take in an answered round; the next one starts from its end. `more` are further fields of its `Turn`."""
        brief, query, jump = asked
        scene = self.scene
        self.messages += [user_message(query.text), *chain.messages]
        self.fingerprints += chain.fingerprints
        turn = Turn(
            user=query.text,
            gold=tuple(call.gold() for call in round_.calls),
            reply=chain.messages[-1]["content"],
            checks=checks,
            elapse=round_.elapse,
            fingerprint=round_.after.fingerprint(),
        )
        self.turns.append(turn.model_copy(update=more) if more else turn)
        across = any(b.kind == "earlier_turn" for call in round_.calls for b in call.bound.values())
        advanced = {
            "name": brief.tool.name, "description": brief.tool.description, "exposed": {e.name: e.value for e in brief.tool.exposed},
            "steps": [step.tool for step in brief.tool.steps], "returns": list(brief.tool.returns),
        }  # fmt: skip
        attempts = [a.record() for a in chain.attempts]
        self.notes.append(TurnNotes(round_.target, advanced, jump, query.persona, list(query.noise), attempts, across).record())
        self.worlds = round_.after
        scene.said = f"{scene.said}\n{query.text}" if scene.said else query.text
        if not round_.calls:
            return
        scene.rounds.append(round_)
        self.pool = self.pool.copy()
        for call in round_.calls:
            self.pool.extend(call.seen)

    def sample(self, place: Place) -> Sample:
        """The conversation as a sample with its task."""
        worlds = tuple(
            TaskWorld(
                world=name,
                seed=spec.seed,
                size=spec.size,
                version=spec.world.version,
                swell=spec.swell,
                config=json.loads(spec.config) if spec.config else {},
            )
            for name, spec in place.worlds
        )
        targets = [note["target"] for note in self.notes]
        meta = {"targets": targets, **({"special": self.special} if self.special else {})}
        task = Task(
            env=place.env, worlds=worlds, family=targets[0], turns=tuple(self.turns), meta=meta,
            category=place.category, held_out=self.held_out,
        )  # fmt: skip
        return Sample(task, self.messages, self.fingerprints, self.notes)


class Writer:
    """Puts rounds into words and has them answered, with one set of roles. Raises `Rejected` with the reason."""

    def __init__(self, roles: Roles, options: AssemblyOptions) -> None:
        self.roles, self.options = roles, options

    async def ask(self, scene: Scene, round_: Round, rng: Random) -> Asked:
        """Brief and query of a round that is worth it, judged."""
        brief = await self.roles.tooling.brief(round_, scene, rng)
        query = await self.roles.querying.write(brief, scene, rng)
        return Asked(brief, query, self._judge_query(round_, brief, query, scene))

    async def answer(self, making: Making, round_: Round, asked: Asked, rng: Random, aim: Aim = PLAIN) -> Chain:
        """The answer to what was asked, by guided attempts."""
        options = self.options
        chain = await guided_chain(
            making.messages, asked.query, round_, asked.brief, making.scene, self.roles, rng,
            k_max=options.k_max, mode=options.mode, aim=aim,
        )  # fmt: skip
        if not chain.messages:
            raise Rejected("chain_failed", chain.attempts[-1].why)
        return chain

    async def say(self, making: Making, round_: Round, asked: Asked, rng: Random, aim: Aim, **more: Any) -> None:
        """Have a request answered in words alone: a turn without calls at the round's beginning, in `making`."""
        silent = replace(round_, calls=[], after=round_.before, _sinks=None, _counted=-1)
        spoken = asked._replace(brief=asked.brief._replace(answers=()))
        chain = await self.answer(making, silent, spoken, rng, aim)
        making.add(silent, spoken, chain, aim.checks(Checks()), **more)

    async def play(self, making: Making, round_: Round, rng: Random) -> None:
        """An ordinary round: asked, answered and taken in."""
        asked = await self.ask(making.scene, round_, rng)
        chain = await self.answer(making, round_, asked, rng)
        making.add(round_, asked, chain, checks_of(round_, asked.brief.answers, round_.before))

    def worth(self, round_: Round) -> None:
        """Reject a round that no words could make a good turn of."""
        if best_jump(round_.calls) < self.options.min_jump:
            raise Rejected("low_jump", "whatever the words")
        sinks = round_.sinks()
        if not sinks:
            raise Rejected("no_goal")
        if len(sinks) > 3:
            raise Rejected("too_many_goals")
        if idle := idle_writes(round_):
            raise Rejected("idle_write", idle[0].name)

    def _judge_query(self, round_: Round, brief: Brief, query: Query, scene: Scene) -> dict[str, Any]:
        told = brief.answers or any(call.tool.writes for call in round_.sinks())
        if not told or len(brief.answers) < sum(not call.tool.writes for call in round_.sinks()):
            raise Rejected("nothing_to_tell")
        if brief.unsaid:
            raise Rejected("unsaid_choice", brief.unsaid[0])
        unclear = Counter(name for name, _ in brief.facts)
        if unclear and max(unclear.values()) > 1:
            raise Rejected("unclear_facts", unclear.most_common(1)[0][0])
        said = f"{scene.said}\n{query.text}"
        for item in brief.tool.exposed:
            if not states(said, item.parameter, item.value):
                raise Rejected("value_not_stated", item.name)
        if leaks(query.text, round_) or any(leaks(query.text, earlier) for earlier in scene.rounds):
            raise Rejected("leak")
        jump = jump_score(query.text, round_)
        if jump.score < self.options.min_jump:
            raise Rejected("low_jump", f"{jump} {query.text} {[c.name for c in round_.calls]}")
        if why := other_reading(round_, scene.rounds, brief.tool, scene.style):
            raise Rejected("ambiguous", why)
        return jump._asdict()
