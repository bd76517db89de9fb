"""Timing for the scripts beside it: medians of batches, and the machine they were taken on."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any


def median_us(run: Callable[[], object], batch: int = 200, batches: int = 31) -> float:
    """Median microseconds of one call of `run`, over `batches` batches of `batch` calls, after one batch to warm up."""
    times = []
    for number in range(batches + 1):
        start = time.perf_counter()
        for _ in range(batch):
            run()
        if number:
            times.append((time.perf_counter() - start) / batch)
    return round(statistics.median(times) * 1e6, 3)


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}


def report(name: str, figures: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    json.dump({"benchmark": name, "on": machine(), "figures": figures}, sys.stdout, indent=2)
    print()
