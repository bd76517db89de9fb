"""Callables as policies: sync, async, or batched, so that a model of one's own needs no class.

    as_policy(lambda conversation: "I cannot help.")             # sync
    as_policy(my_async_function)                                 # async
    as_policy(Mine())            # with `batch(conversations) -> answers`, gathered over concurrent episodes

An answer may take any form that `understand` takes. Law: what the callable raises belongs to the episodes it was
asked for, and to no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..envs.errors import shorten
from .policy import AssistantMessage, Conversation, Policy, understand


class CallablePolicy:
    """A function `(Conversation) -> answer`, sync or async.

    Args:
        function: asked once a step. name: for records. config: plain JSON data that tells it from its like.
        threads: run a sync function in a worker thread, so that blocking calls of episodes overlap.
    """

    def __init__(
        self, function: Callable[[Conversation], Any], name: str = "", *, config: Mapping[str, Any] | None = None, threads: bool = False
    ) -> None:
        self.function = function
        self.name = name or name_of(function)
        self.config = dict(config or {})
        self._threads = threads

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """Ask the function."""
        answer = await asyncio.to_thread(self.function, conversation) if self._threads else self.function(conversation)
        if inspect.isawaitable(answer):
            answer = await answer
        return understand(answer)


class BatchPolicy:
    """A function `(list of conversations) -> list of answers`, asked once for all episodes that wait.

    A batch leaves when `size` conversations wait, when `wait` seconds passed since the first, or, with `wait=0`,
    as soon as every episode that could run has run. Batches do not overlap. Answers come in the order asked.

    Args:
        function: sync or async. name, config: as in `CallablePolicy`. size: most conversations in one batch.
        wait: seconds to wait for more.
    """

    _HOPS = 4  # turns of the event loop an episode needs from its end to the first step of the next

    def __init__(
        self,
        function: Callable[[list[Conversation]], Any],
        name: str = "",
        *,
        config: Mapping[str, Any] | None = None,
        size: int = 256,
        wait: float = 0.0,
    ) -> None:
        if size < 1 or wait < 0:
            raise ValueError(f"a batch holds at least one conversation and waits no negative time (size {size}, wait {wait})")
        self.function = function
        self.name = name or name_of(function)
        self.config = dict(config or {})
        self._size, self._wait = size, wait
        self._waiting: list[tuple[Conversation, asyncio.Future[AssistantMessage]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._full: asyncio.Event | None = None

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """Wait for a batch to leave and give this conversation's answer."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # another run, another loop: nothing can wait on the old one
            self._loop, self._waiting, self._flusher, self._full = loop, [], None, asyncio.Event()
        future: asyncio.Future[AssistantMessage] = loop.create_future()
        self._waiting.append((conversation, future))
        if len(self._waiting) >= self._size and self._full is not None:
            self._full.set()
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        try:
            while any(not future.cancelled() for _, future in self._waiting):
                await self._gather()
                batch = [item for item in self._waiting[: self._size] if not item[1].cancelled()]
                self._waiting = self._waiting[self._size :]
                await self._ask(batch)
        finally:
            self._flusher = None
            self._waiting = [item for item in self._waiting if not item[1].done()]

    async def _gather(self) -> None:
        if self._wait and self._full is not None:
            self._full.clear()
            if len(self._waiting) < self._size:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self._wait)
            return
        for _ in range(self._HOPS):
            if len(self._waiting) >= self._size:
                return
            await asyncio.sleep(0)

    async def _ask(self, batch: Sequence[tuple[Conversation, asyncio.Future[AssistantMessage]]]) -> None:
        if not batch:
            return
        try:
            answers = self.function([conversation for conversation, _ in batch])
            if inspect.isawaitable(answers):
                answers = await answers
            answers = list(answers)
            if len(answers) != len(batch):
                raise ValueError(f"{self.name} was asked for {len(batch)} answers and gave {len(answers)}")
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except (Exception, SystemExit) as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(understand(answer))


def as_policy(thing: Any, name: str = "") -> Policy:
    """A policy from a policy, an object with `batch`, or a function. Raises TypeError for anything else."""
    if inspect.iscoroutinefunction(getattr(thing, "act", None)):
        if isinstance(thing, Policy):
            return thing
        return CallablePolicy(thing.act, name or name_of(thing), config=getattr(thing, "config", None))
    if callable(getattr(thing, "act", None)):  # a sync `act`
        return CallablePolicy(thing.act, name or str(getattr(thing, "name", "") or name_of(thing)), config=getattr(thing, "config", None))
    if callable(getattr(thing, "batch", None)):
        return BatchPolicy(thing.batch, name or str(getattr(thing, "name", "") or name_of(thing)), config=getattr(thing, "config", None))
    if callable(thing):
        return CallablePolicy(thing, name)
    raise TypeError(f"{shorten(repr(thing))} is no policy; give an object with act(conversation) or batch(conversations), or a function")


def name_of(thing: Any) -> str:
    """`module:qualified_name` of a function or class, or of an object's class."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}:{named.__qualname__}"
