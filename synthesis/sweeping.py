"""Sweeping between pieces of work: the cyclic collector waits while one sample is made or proven.

Making a sample lets thousands of objects live for some milliseconds; a collector that runs every few hundred objects
walks over them again and again and finds next to nothing. Held back, it runs once after each piece, when what the piece
used is gone already. Laws: whoever had switched the collector off finds it off; pieces may overlap; memory stays flat,
for one piece is small. Not here: work that waits for models, where the collector costs nothing.
"""

from __future__ import annotations

import gc
from threading import Lock
from types import TracebackType


class _HeldBack:
    """The one switch of this process, since there is one collector. The last piece to end gives it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pieces = 0
        self._enabled = False

    def __enter__(self) -> None:
        with self._lock:
            if self._pieces == 0:
                self._enabled = gc.isenabled()
                gc.disable()
            self._pieces += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._pieces -= 1
            if self._pieces == 0 and self._enabled:
                gc.enable()  # it has counted on, so that the next object made sets it off


UNSWEPT = _HeldBack()
"""`with UNSWEPT: ...` holds the cyclic collector back."""
