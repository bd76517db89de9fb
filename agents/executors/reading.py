"""The results of workers, read from code that is not asynchronous.

Laws: results come as the team gives them; nobody outlives the reading, however it ends. Not here: signals, which the
reader minds itself: it hears from here at least every fifth of a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Generic

from ...envs.errors import RunError, shorten
from .team import Item, Made, Trade, Workforce

_TICK_SECONDS = 0.2
_MOST_AT_ONCE = 16


def employed(workforce: Workforce, trade: Trade[Item, Made], items: Iterator[Item]) -> Generator[Made | None, None, None]:
    """The results of a trade; None each time that nothing came for a while, so that the reader may stop.

    Whoever leaves it early closes it. Raises `RunError` for an executor that only makes rollouts, and what its workers tell.
    """
    if not hasattr(workforce, "employ"):
        name = shorten(type(workforce).__name__, 60)
        raise RunError(f"the executor {name} makes rollouts alone (it has no `employ`); use Processes or OnRay")
    if _in_a_loop():
        raise RunError("workers cannot be waited for inside an event loop; call this in a thread: await asyncio.to_thread(...)")
    reading = _Reading(workforce.employ(trade, items))
    with asyncio.Runner() as runner:
        try:
            more = True
            while more:
                more = runner.run(reading.go_on())
                if more and not reading.box:
                    yield None
                yield from reading.taken()
        finally:
            runner.run(reading.leave())


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Reading(Generic[Made]):
    """Results as they come; the wait for the next one outlives a run of the loop."""

    def __init__(self, found: AsyncGenerator[Made, None]) -> None:
        self.box: deque[Made] = deque()
        self._found = found
        self._waiting: asyncio.Task[bool] | None = None

    async def go_on(self) -> bool:
        """Wait for a result, and take what lies ready behind it; False at the end."""
        while len(self.box) < _MOST_AT_ONCE:
            self._waiting = self._waiting or asyncio.create_task(self._next())
            await asyncio.wait({self._waiting}, timeout=0 if self.box else _TICK_SECONDS)
            if not self._waiting.done():
                break
            done, self._waiting = self._waiting, None
            if not done.result():
                return False
        return True

    async def _next(self) -> bool:
        async for made in self._found:
            self.box.append(made)
            return True
        return False

    def taken(self) -> Iterator[Made]:
        """What is there, for the reader."""
        while self.box:
            yield self.box.popleft()

    async def leave(self) -> None:
        """End the work."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
        await self._found.aclose()
