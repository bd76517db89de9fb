"""Assembly: N rounds on one running state become one conversation, its task and its proof.

Each round is drawn (phase I), briefed and written (phase II), answered (phase III), and only then the next one
begins from where it ended. With probability 0.5 a later round's target needs a value of an earlier turn. Law:
whatever is returned has been verified; whatever is not carries the reason.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, NamedTuple

from ..envs.binding import Pool
from ..envs.graph import ToolGraph
from ..envs.messages import Message, user_message
from ..envs.task import Task, TaskWorld, Turn
from ..envs.worldset import WorldSet, WorldSpec
from .ambiguity import other_reading
from .brief import Brief, checks_of, states
from .chain import K_MAX, Chain, guided_chain
from .navigator import Rejected, SamplerOptions
from .plan import Round, idle_writes
from .query import PERSONAS, Query, best_jump, draw_style, jump_score, leaks
from .roles import Roles, Scene
from .sample import Sample, TurnNotes
from .sampler import Sampler
from .validate import Mode
from .verify import verify_sample
from .walk import Errand

TURNS = {1: 0.30, 2: 0.32, 3: 0.22, 4: 0.10, 5: 0.06}
ELAPSE = (0, 60, 300, 900, 3600, 14400, 86400)


class AssemblyOptions(NamedTuple):
    """How conversations are made.

    turns: number of user turns -> weight. across: chance that a later round needs an earlier value. min_jump:
    the least jump score of a query. strength: noise 0..2, None draws one per sample. k_max, mode: of the chain.
    """

    turns: dict[int, float] = TURNS
    across: float = 0.5
    min_jump: float = 0.4
    strength: int | None = None
    k_max: int = K_MAX
    mode: Mode = "strict"
    tries: int = 4
    sampler: SamplerOptions = SamplerOptions()


class Place(NamedTuple):
    """Where a conversation happens: the env's id, and the worlds as a task names them."""

    env: str
    worlds: tuple[tuple[str, WorldSpec], ...]


class Assembler:
    """Makes samples over one graph with one set of roles."""

    def __init__(self, graph: ToolGraph, roles: Roles, options: AssemblyOptions | None = None) -> None:
        self.options = options or AssemblyOptions()
        self.roles = roles
        self.sampler = Sampler(graph, self.options.sampler._replace(min_jump=self.options.min_jump))

    async def sample(self, place: Place, rng: Random, funnel: Counter[str]) -> Sample:
        """One verified sample; raises `Rejected` with the reason. `funnel` counts rounds drawn and rejected."""
        strength = self.options.strength if self.options.strength is not None else rng.choices((0, 1, 2), (0.2, 0.5, 0.3))[0]
        scene = Scene(rng.choice(PERSONAS), draw_style(rng, strength), strength)
        worlds = WorldSet.create(spec for _, spec in place.worlds)
        made = _Made(worlds, Pool(worlds.known()), scene)
        length = rng.choices(list(self.options.turns), list(self.options.turns.values()))[0]
        taken: Counter[str] = Counter()
        for turn in range(length):
            try:
                await self._add_round(made, turn, rng, taken, funnel)
            except Rejected:
                if turn == 0:
                    raise
                break  # a shorter conversation is still a conversation
        sample = made.sample(place)
        if why := verify_sample(sample):
            raise Rejected("not_proven", why[0])
        return sample

    async def sample_of(self, place: Place, rounds: list[Round], rng: Random) -> Sample:
        """One verified sample of rounds that somebody else drew (an agent's rollout); raises `Rejected`."""
        strength = self.options.strength if self.options.strength is not None else 1
        scene = Scene(rng.choice(PERSONAS), draw_style(rng, strength), strength)
        made = _Made(rounds[0].before, rounds[0].pool, scene)
        for round_ in rounds:
            await self._answer(made, round_, rng)
        sample = made.sample(place)
        if why := verify_sample(sample):
            raise Rejected("not_proven", why[0])
        return sample

    async def _add_round(self, made: _Made, turn: int, rng: Random, taken: Counter[str], funnel: Counter[str]) -> None:
        across = turn > 0 and rng.random() < self.options.across
        elapse = 0 if turn == 0 else rng.choice(ELAPSE)
        for attempt in range(self.options.tries):
            funnel["rounds_drawn"] += 1
            try:
                target = self.sampler.navigator.choose_target(rng, made.worlds, made.pool, turn, across, taken)
                taken[target] += 1
                errand = Errand(turn, target, across, tuple(c for r in made.scene.rounds for c in r.calls))
                round_ = self.sampler.round(made.worlds, made.pool, rng, errand, elapse)
                await self._answer(made, round_, rng)
            except Rejected as error:
                funnel[f"round:{error.reason}"] += 1
                if attempt + 1 == self.options.tries:
                    raise Rejected("no_round", str(error)) from None
            else:
                funnel["rounds_kept"] += 1
                return

    async def _answer(self, made: _Made, round_: Round, rng: Random) -> None:
        """Phases II and III of a round, and its place in the conversation."""
        scene = made.scene
        self._worth(round_)
        brief = await self.roles.tooling.brief(round_, scene, rng)
        query = await self.roles.querying.write(brief, scene, rng)
        notes = self._judge_query(round_, brief, query, scene)
        chain = await guided_chain(
            made.messages, query, round_, brief, scene, self.roles, rng, k_max=self.options.k_max, mode=self.options.mode
        )
        if not chain.messages:
            raise Rejected("chain_failed", chain.attempts[-1].why)
        made.add(round_, brief, query, chain, notes)

    def _worth(self, round_: Round) -> None:
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


class _Made:
    """A conversation while it grows."""

    def __init__(self, worlds: WorldSet, pool: Pool, scene: Scene) -> None:
        self.worlds, self.pool, self.scene = worlds, pool, scene
        self.messages: list[Message] = []
        self.fingerprints: list[str] = []
        self.turns: list[Turn] = []
        self.notes: list[dict[str, Any]] = []

    def add(self, round_: Round, brief: Brief, query: Query, chain: Chain, jump: dict[str, Any]) -> None:
        """Take in an answered round; the next one starts from its end."""
        scene = self.scene
        self.messages += [user_message(query.text), *chain.messages]
        self.fingerprints += chain.fingerprints
        self.turns.append(
            Turn(
                user=query.text,
                gold=tuple(call.gold() for call in round_.calls),
                reply=chain.messages[-1]["content"],
                checks=checks_of(round_, brief.answers, round_.before),
                elapse=round_.elapse,
                fingerprint=round_.after.fingerprint(),
            )
        )
        across = any(b.kind == "earlier_turn" for call in round_.calls for b in call.bound.values())
        advanced = {
            "name": brief.tool.name, "description": brief.tool.description, "exposed": {e.name: e.value for e in brief.tool.exposed},
            "steps": [step.tool for step in brief.tool.steps], "returns": list(brief.tool.returns),
        }  # fmt: skip
        attempts = [{"k": a.k, "why": a.why, "hint": a.hint, **({"extra": list(a.extra)} if a.extra else {})} for a in chain.attempts]
        self.notes.append(TurnNotes(round_.target, advanced, jump, query.persona, list(query.noise), attempts, across).record())
        scene.rounds.append(round_)
        scene.said = f"{scene.said}\n{query.text}" if scene.said else query.text
        self.worlds = round_.after
        self.pool = self.pool.copy()
        for call in round_.calls:
            self.pool.extend(call.seen)

    def sample(self, place: Place) -> Sample:
        """The conversation as a sample with its task."""
        worlds = tuple(TaskWorld(world=name, seed=spec.seed, size=spec.size, version=spec.world.version) for name, spec in place.worlds)
        targets = [note["target"] for note in self.notes]
        task = Task(env=place.env, worlds=worlds, family=targets[0], turns=tuple(self.turns), meta={"targets": targets})
        return Sample(task, self.messages, self.fingerprints, self.notes)
