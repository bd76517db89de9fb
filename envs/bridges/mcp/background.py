"""The one thread of this process that speaks with MCP servers: it owns an event loop, and everybody else waits for it.

Laws: the thread starts at first need and ends at exit, after everything that was left open is closed; a process that was
forked off starts its own; whoever waits may be interrupted.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_PATIENCE = 15.0  # seconds beyond its own limit after which a coroutine is given up; it never comes to that


class Background:
    """A thread with an event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0
        self._lock = threading.RLock()  # a finaliser may come at any moment
        self._closers: set[Callable[[], Coroutine[Any, Any, None]]] = set()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running."""
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                self._closers = set()
                self._thread = threading.Thread(target=self._loop.run_forever, name="turngym-mcp", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            return self._loop

    @property
    def running(self) -> asyncio.AbstractEventLoop | None:
        """The loop if it runs in this process."""
        return self._loop if self._process == os.getpid() else None

    def run(self, work: Coroutine[Any, Any, T], limit: float) -> T:
        """Do `work` on the loop and wait for it; it minds `limit` (seconds) itself."""
        future = self.start(work)
        try:
            return future.result(limit + _PATIENCE)
        except BaseException:
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Do `work` on the loop without waiting."""
        return asyncio.run_coroutine_threadsafe(work, self.loop())

    def on_close(self, closer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have something closed before the thread ends."""
        self._closers.add(closer)

    def off_close(self, closer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """It is closed already."""
        self._closers.discard(closer)

    def close(self) -> None:
        """Close all that is open, and end the thread; the next need starts another."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None or self._process != os.getpid():
            return
        atexit.unregister(self.close)

        async def close_all() -> None:
            await asyncio.gather(*[closer() for closer in list(self._closers)], return_exceptions=True)
            left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=1)
            await loop.shutdown_asyncgens()

        asyncio.run_coroutine_threadsafe(close_all(), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        loop.close()


BACKGROUND = Background()
