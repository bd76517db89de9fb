"""Assembly: N rounds on one running state become one conversation, its task and its proof.

Each round is drawn (phase I), briefed and written (phase II), answered (phase III), and only then the next one
begins from where it ended. With probability 0.5 a later round's target needs a value of an earlier turn; one round of a
conversation of a special category is given its twist (`special/`). Law: whatever is returned has been verified;
whatever is not carries the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from ..envs.binding import Pool
from ..envs.graph import ToolGraph
from ..envs.recall import RecallingWorlds
from ..envs.task import TaskWorld
from ..envs.worldset import WorldSet
from .making import TURNS, AssemblyOptions, Making, Place, Writer
from .navigator import Rejected
from .plan import Round
from .query import PERSONAS, draw_style
from .roles import Roles, Scene
from .sample import Sample
from .sampler import Sampler
from .special.twists import Request, Twist, twist_of
from .verify import verify_sample
from .walk import Errand

__all__ = ["ELAPSE", "TURNS", "Assembler", "AssemblyOptions", "Place"]
OWN_IRRELEVANT = 0.3  # share of irrelevant requests that tools of the env's own worlds could serve, were they not withheld
ELAPSE = (0, 60, 300, 900, 3600, 14400, 86400)
Stranger = Callable[[Random], "tuple[Assembler, Place] | None"]


class Assembler:
    """Makes samples over one graph with one set of roles.

    Attributes:
        stranger: gives an assembler and a place of another world, for requests that no tool here can serve; None for none.
    """

    def __init__(self, graph: ToolGraph, roles: Roles, options: AssemblyOptions | None = None) -> None:
        self.options = options or AssemblyOptions()
        self.roles = roles
        self.sampler = Sampler(graph, self.options.sampler._replace(min_jump=self.options.min_jump))
        self.stranger: Stranger | None = None

    async def sample(self, place: Place, rng: Random, funnel: Counter[str]) -> Sample:
        """One verified sample; raises `Rejected` with the reason. `funnel` counts rounds drawn and rejected."""
        making = self._begin(place, rng)
        writer = Writer(self.roles, self.options)
        length = rng.choices(list(self.options.turns), list(self.options.turns.values()))[0]
        twist = twist_of(place.category)
        at = -1
        if twist is not None:
            length = max(length, twist.least)
            at = rng.randrange(length)
            twist.strange = await self._strange_request(place, rng, making.scene)
        taken: Counter[str] = Counter()
        for turn in range(length):
            try:
                await self._add_round(making, writer, twist if turn == at else None, rng, taken, funnel)
            except Rejected:
                if turn == 0 or turn <= at:
                    raise
                break  # a shorter conversation is still a conversation
        return self._proven(making, place)

    async def sample_of(self, place: Place, rounds: list[Round], rng: Random) -> Sample:
        """One verified sample of rounds that somebody else drew (an agent's rollout); raises `Rejected`."""
        strength = self.options.strength if self.options.strength is not None else 1
        scene = Scene(rng.choice(PERSONAS), draw_style(rng, strength), strength)
        making = Making(rounds[0].before, rounds[0].pool, scene)
        writer = Writer(self.roles, self.options)
        for round_ in rounds:
            writer.worth(round_)
            await writer.play(making, round_, rng)
        return self._proven(making, place)

    def _begin(self, place: Place, rng: Random) -> Making:
        strength = self.options.strength if self.options.strength is not None else rng.choices((0, 1, 2), (0.2, 0.5, 0.3))[0]
        scene = Scene(rng.choice(PERSONAS), draw_style(rng, strength), strength)
        worlds = RecallingWorlds(WorldSet.create(spec for _, spec in place.worlds))
        if not any(spec.swell for _, spec in place.worlds):
            return Making(worlds, Pool(worlds.known()), scene)
        plain = WorldSet.create(spec._replace(swell=0) for _, spec in place.worlds)  # what was swelled is nobody's affair
        making = Making(worlds, Pool(plain.known()), scene)
        making.shadow = plain
        return making

    @staticmethod
    def _proven(making: Making, place: Place) -> Sample:
        sample = making.sample(place)
        if why := verify_sample(sample):
            raise Rejected("not_proven", why[0])
        return sample

    async def _add_round(
        self, making: Making, writer: Writer, twist: Twist | None, rng: Random, taken: Counter[str], funnel: Counter[str]
    ) -> None:
        first = not making.turns
        across = not first and rng.random() < self.options.across
        elapse = 0 if first else rng.choice(ELAPSE)
        number = len(making.turns) + (twist.delay if twist is not None else 0)
        mark = making.mark()
        for attempt in range(self.options.tries):
            funnel["rounds_drawn"] += 1
            try:
                target = self.sampler.navigator.choose_target(rng, making.worlds, making.pool, number, across, taken)
                taken[target] += 1
                errand = Errand(number, target, across, tuple(c for r in making.scene.rounds for c in r.calls))
                round_ = self.sampler.round(making.worlds, making.pool, rng, errand, elapse, writer.worth)
                if any(call.name in making.barred for call in round_.calls):
                    raise Rejected("withheld_tool")
                shadow = _shadowed(making, round_)
                await (writer.play(making, round_, rng) if twist is None else twist.apply(writer, making, round_, rng))
            except Rejected as error:
                making.back_to(mark)
                funnel[f"round:{error.reason}"] += 1
                if attempt + 1 == self.options.tries:
                    raise Rejected("no_round", str(error)) from None
            else:
                making.shadow = shadow
                funnel["rounds_kept"] += 1
                return

    async def _strange_request(self, place: Place, rng: Random, scene: Scene) -> Request | None:
        """What a user of another world would ask, by this conversation's persona; None for a request of this one."""
        if place.category != "irrelevant" or self.stranger is None or rng.random() < OWN_IRRELEVANT:
            return None
        found = self.stranger(rng)
        if found is None:
            return None
        other, there = found
        worlds = WorldSet.create(spec for _, spec in there.worlds)
        pool = Pool(worlds.known())
        target = other.sampler.navigator.choose_target(rng, worlds, pool, 0, False, Counter())
        writer = Writer(self.roles, self.options)
        round_ = other.sampler.round(worlds, pool, rng, Errand(0, target), worth=writer.worth)
        asked = await writer.ask(Scene(scene.persona, scene.style, scene.strength), round_, rng)
        name, spec = there.worlds[0]
        return Request(asked, round_, TaskWorld(world=name, seed=spec.seed, size=spec.size, version=spec.world.version))


def _shadowed(making: Making, round_: Round) -> WorldSet | None:
    """The plain twin of swelled worlds after a round; `Rejected` where the round does not run there."""
    if making.shadow is None:
        return None
    twin = making.shadow.fork()
    twin.advance(round_.elapse)
    if any(twin.call(call.name, call.arguments).error is not None for call in round_.calls):
        raise Rejected("not_in_plain_worlds")
    return twin
