"""Samples by index: sample i is a pure function of (seed, env, i), its worlds, its chance and its attempts.

Laws: an index gives the same bytes in every process, whatever was made before it; every candidate that was not kept is
counted with its reason. Where models play roles (a `Cast`), several indices are under way at once and are handed over in
order, and what each role used stands beside the sample. Not here: what is kept of them (`pipeline.py`).
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter, deque
from collections.abc import Coroutine, Generator, Iterator
from dataclasses import replace
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

from ..envs.graph import graph_of
from ..envs.registry import ENVS, EnvInfo, user_env, world_class
from ..envs.task import Category
from ..envs.world import Size
from ..envs.worldset import WorldSpec
from .assemble import Assembler, AssemblyOptions, Place
from .made import Made
from .meter import add_usage
from .navigator import Rejected
from .roles import Cast, Roles, Session, template_roles
from .special.mix import category_of
from .sweeping import UNSWEPT

MAX_CANDIDATES = 30
_WINDOW = 8  # indices for each place that may be under way, or wait for one before them


class Request(NamedTuple):
    """What to make: env names, how many samples over all of them, the seed, and the size of the worlds."""

    envs: tuple[str, ...]
    n: int
    seed: int = 0
    size: Size = "small"


class Maker:
    """Makes samples by index. Graphs are probed once per env.

    Args:
        request: what to make. roles: the four agents, default templates. options: how conversations are made.
    """

    def __init__(self, request: Request, roles: Roles | Cast | None = None, options: AssemblyOptions | None = None) -> None:
        self.request = request
        self.cast = None if roles is None or isinstance(roles, Roles) else roles
        self._plain = roles is None
        usual = roles if isinstance(roles, Roles) else template_roles()
        self.options = options or AssemblyOptions()
        self._infos = [user_env(name) for name in request.envs]
        self._assemblers = [self._assembler(info, usual) for info in self._infos]

    def _assembler(self, info: EnvInfo, roles: Roles) -> Assembler:
        assembler = Assembler(graph_of([world_class(name) for name in info.worlds]), roles, self.options)
        others = [other for other in ENVS if len(other.worlds) == 1 and not set(other.worlds) & set(info.worlds)]

        def stranger(rng: Random) -> tuple[Assembler, Place] | None:
            if not others:
                return None
            other = rng.choice(others)
            plain = Assembler(graph_of([world_class(other.worlds[0])]), roles, self.options)
            return plain, self._place(other, f"strange:{rng.random()}", "base")

        assembler.stranger = stranger
        return assembler

    async def make(self, index: int) -> Made:
        """The sample of an index, after as many candidates as it takes (at most `MAX_CANDIDATES`, or the cast's)."""
        if self.cast is not None:
            return await self._make(index)
        with UNSWEPT:
            return await self._make(index)

    async def _make(self, index: int) -> Made:
        which = index % len(self._infos)
        info, assembler = self._infos[which], self._assemblers[which]
        stream = f"{self.request.seed}:{info.id}:{index}"
        rejected: Counter[str] = Counter()
        rounds: Counter[str] = Counter()
        made = Made(index, None, rejected, rounds)
        for attempt in range(self.cast.candidates if self.cast else MAX_CANDIDATES):
            place = self._place(info, f"{stream}:{attempt // 6}", self._category(info, f"{stream}:{attempt // 6}:category"))
            session = self.cast.begin(index, attempt, stream, info.id) if self.cast else None
            try:
                sample = await _played(assembler, session).sample(place, Random(f"{stream}:{attempt}"), rounds)
            except Rejected as error:
                rejected[error.reason] += 1
                continue
            finally:
                if session is not None:
                    add_usage(made.usage, session.usage)
                    made.attempts.update(session.attempts)
                    made.exchanges.extend(session.exchanges)
            sample.origin = {
                "index": index,
                "seed": self.request.seed,
                "rejected": dict(sorted(rejected.items())),
                "rounds": dict(sorted(rounds.items())),
                **({"usage": made.usage, "failed_attempts": dict(sorted(made.attempts.items()))} if self.cast else {}),
            }
            return replace(made, sample=sample)
        return made

    def _category(self, info: EnvInfo, stream: str) -> Category:
        mix = self.options.mix
        return category_of(mix, [world_class(name) for name in info.worlds], Random(stream)) if len(mix) > 1 else next(iter(mix))

    def _place(self, info: EnvInfo, stream: str, category: Category) -> Place:
        seed = int.from_bytes(blake2b(stream.encode(), digest_size=4).digest(), "big") >> 1
        specs = []
        for name in info.worlds:
            world = world_class(name)
            swell = int(category == "long_context" and world.can_swell)
            specs.append((name, WorldSpec(world, seed, self.request.size, swell)))
        return Place(info.id if info.pack else info.worlds[0], tuple(specs), category)

    def stream(self, skip: set[int] | None = None) -> Generator[Made, None, None]:
        """All indices of the request in order, without those in `skip`.

        Raises what a cast's `prepare` raises, and `InfrastructureError` where a server fails a role.
        """
        wanted = (index for index in range(self.request.n) if not skip or index not in skip)
        if self.cast is not None:
            yield from self._ahead(self.cast, wanted)
            return
        if self._plain:
            yield from (_at_once(self.make(index)) for index in wanted)
            return
        box: list[Made] = []

        async def make(index: int) -> None:  # hands over by the box: asyncio would repr a returned value
            box.append(await self.make(index))

        with asyncio.Runner() as runner:
            for index in wanted:
                runner.run(make(index))
                yield box.pop()

    def _ahead(self, cast: Cast, wanted: Iterator[int]) -> Iterator[Made]:
        """Several indices under way, handed over in order; the loop runs while the next one is waited for.

        What is finished before its turn gives its place to the next index, or a slow one would leave places empty.
        """
        under_way: deque[asyncio.Task[Made]] = deque()
        places = asyncio.Semaphore(cast.ahead)
        box: list[Made] = []

        async def make(index: int) -> Made:
            async with places:
                return await self.make(index)

        async def following() -> bool:
            while len(under_way) < _WINDOW * cast.ahead and (index := next(wanted, None)) is not None:
                under_way.append(asyncio.create_task(make(index)))
            if under_way:
                box.append(await under_way.popleft())
            return bool(box)

        async def leave() -> None:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            await cast.close()

        with asyncio.Runner() as runner:
            try:
                runner.run(cast.prepare())
                while runner.run(following()):
                    yield box.pop()
            finally:
                runner.run(leave())


def _at_once(work: Coroutine[Any, Any, Made]) -> Made:
    """The outcome of work that waits for nobody: templates never do, so no loop is needed for them."""
    try:
        work.send(None)
    except StopIteration as done:
        found: Made = done.value
        return found
    raise RuntimeError("templates wait for nobody")


def _played(assembler: Assembler, session: Session | None) -> Assembler:
    """The assembler with the roles of a session."""
    if session is None:
        return assembler
    played = copy.copy(assembler)
    played.roles = session.roles
    return played
