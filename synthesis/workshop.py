"""Samples made elsewhere: synthesis as a trade of workers (`agents/executors`), an index a piece.

Laws: rows come in the order of their indices, whichever worker had them, so that the bytes are those of one process;
what waits for a slower index is bounded; an index that nobody survives ends the run with its number, since a data set
that lacks it in silence would be another one. Not here: workers, and who gets which index.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator
from multiprocessing.reduction import ForkingPickler
from typing import NamedTuple

from ..agents.executors.team import AHEAD_SECONDS, DEATHS_ALONE, Hire, Team, seats_of
from ..agents.executors.trade import Dumps, Parcel, order_of
from ..envs.errors import RunError
from .assemble import AssemblyOptions
from .made import Made
from .maker import Maker, Request
from .roles import Cast, Roles

WINDOW = 64  # pieces of each worker that may be under way, or wait for one before them


class Workshop:
    """The craft: makes the sample of an index."""

    def __init__(self, request: Request, roles: Roles | Cast | None, options: AssemblyOptions, seats: int) -> None:
        self._maker = Maker(request, roles, options)
        self.seats = seats
        gc.freeze()  # this process does nothing else: what is there by now stays, and need not be looked at again

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """With the cast prepared, if models play."""
        cast = self._maker.cast
        try:
            if cast is not None:
                await cast.prepare()
            yield
        finally:
            if cast is not None:
                await cast.close()

    async def make(self, parcel: Parcel) -> bytes:
        """What an index gave."""
        made = await self._maker.make(Parcel(*parcel).trial)
        return made.parcel()


class Samples(NamedTuple):
    """The trade: indices of a request in, `Made` out, in order."""

    request: Request
    roles: Roles | Cast | None
    options: AssemblyOptions

    def order(self, size: int, dumps: Dumps = ForkingPickler.dumps) -> bytes:
        """Raises `RunError`, with the remedy, for roles and options that cannot leave this process."""
        parts = {**self._asdict(), "seats": seats_of(self._concurrency(size), size)}
        remedies = {
            "roles": "define them, and their policies, at the top of a module, or make the policies by their names",
            "options": "they are plain data",
            "request": "it is plain data",
        }
        return order_of(Workshop, parts, remedies, dumps)

    def team(self, hire: Hire, size: int, ahead: float = AHEAD_SECONDS) -> Team[int, Made]:
        """Workers that share what is under way at once: an index each, or as many as the cast says."""
        return _Makers(hire, size, self._concurrency(size), ahead, WINDOW * size)

    def _concurrency(self, size: int) -> int:
        return size if self.roles is None or isinstance(self.roles, Roles) else self.roles.ahead


class _Makers(Team[int, Made]):
    def parcel(self, item: int) -> Parcel:
        return Parcel(str(item), item, "")

    def read(self, line: bytes) -> tuple[str, Made]:
        made = Made.unpack(line)
        return str(made.index), made

    def give_up(self, item: int, how: str) -> Made:
        raise RunError(
            f"{DEATHS_ALONE} workers died while they made index {item} and no other; the last: {how}; without workers the"
            " same command shows why, and another seed makes other samples"
        )
