"""What the Model Context Protocol costs, both ways, beside the same world in this process, all in one run.

    python benchmarks/mcp_bridge.py                 # JSON on stdout; about a minute

`served`: calls a second and their latency for one client of `turngym serve`, over stdio and streamable HTTP, and for eight at once;
`world`: calls a second of the same server as a world, with the state read after every call, after writes, and never;
`fork`: seconds until a fork made its first call, by the number of calls that had to be made again.
The client is the official SDK's; most of every figure is its and the transport's time, as `floor` shows (the world alone).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from mcp import Client, StdioServerParameters
from measure import report

from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world_of
from turngym.envs.registry import world_class

SERVE = ["-m", "turngym", "serve", "Banking", "--mcp", "--reset-tool", "--state"]
READ, ARGUMENTS = "fee_schedule", {}
WRITE, CREDENTIALS = "sign_in", {"username": "nobody", "password": "x"}


def spread(seconds: list[float]) -> dict[str, float]:
    """Calls a second, and the latency of one in milliseconds."""
    ordered = sorted(seconds)
    return {
        "calls_per_s": round(len(ordered) / sum(ordered), 1),
        "median_ms": round(statistics.median(ordered) * 1e3, 3),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1e3, 3),
    }


def timed(call: Callable[[], Any], times: int) -> list[float]:
    """The seconds of each of some calls."""
    found = []
    for _ in range(times):
        before = time.perf_counter()
        call()
        found.append(time.perf_counter() - before)
    return found


async def one_client(client: Client, times: int) -> list[float]:
    """The seconds of each of some calls of one session, one after the other."""
    found = []
    await client.call_tool(READ, ARGUMENTS)
    for _ in range(times):
        before = time.perf_counter()
        await client.call_tool(READ, ARGUMENTS)
        found.append(time.perf_counter() - before)
    return found


async def over_stdio(times: int) -> dict[str, float]:
    async with Client(StdioServerParameters(command=sys.executable, args=SERVE)) as client:
        return spread(await one_client(client, times))


async def over_http(times: int, clients: int) -> dict[str, float]:
    async def one(address: str) -> list[float]:
        async with Client(address) as client:
            return await one_client(client, times)

    command = [sys.executable, *SERVE, "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = server.stderr.readline().split()[-1]
        before = time.perf_counter()
        found = await asyncio.gather(*[one(address) for _ in range(clients)])
        whole = time.perf_counter() - before
        server.terminate()
    return {**spread([second for part in found for second in part]), "calls_per_s": round(times * clients / whole, 1)}


def as_world(watch: Any, times: int) -> dict[str, float]:
    said = Declaration(command=sys.executable, args=tuple(SERVE), reset="reset", state="turngym://state", watch=watch)  # type: ignore[arg-type]
    world = mcp_world_of(said).create(0).fork()
    world.call(READ)
    return spread(timed(lambda: world.call(READ), times))


def forks(counts: list[int]) -> dict[str, dict[str, float]]:
    """Milliseconds from a fork to the answer of its first call, and what a repeated call costs of it."""
    said = Declaration(command=sys.executable, args=tuple(SERVE), reset="reset", state="turngym://state", watch=False, version=2)  # type: ignore[arg-type]
    cls, found = mcp_world_of(said), {}
    for count in counts:
        world = cls.create(count)
        for _ in range(count):
            world.call(WRITE, CREDENTIALS)
        start, kept = world.fork(), []
        world.call(WRITE, CREDENTIALS)  # the connection moves on, so that no server stands where the forks begin
        for _ in range(5):
            twin, replayed = start.fork(), cls.pool.replayed
            before = time.perf_counter()
            twin.call(WRITE, CREDENTIALS)
            kept.append(time.perf_counter() - before)
            assert cls.pool.replayed - replayed == count or not kept[:-1]
            del twin
        found[str(count)] = {"first_call_ms": round(statistics.median(kept) * 1e3, 2)}
    return found


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=300, help="calls of each kind")
    times = parser.parse_args().n
    native = world_class("Banking").create(0)
    figures = {
        "floor": {"world in this process": spread(timed(lambda: native.call(READ), times * 10))},
        "served": {
            "stdio, one client": asyncio.run(over_stdio(times)),
            "http, one client": asyncio.run(over_http(times, 1)),
            "http, eight clients at once": asyncio.run(over_http(max(times // 4, 10), 8)),
        },
        "world": {
            "state after every call": as_world(True, times // 2),
            "state after writes": as_world("writes", times),
            "state when asked": as_world(False, times),
        },
        "fork, by calls made again": forks([0, 1, 10, 50, 200]),
    }
    close_connections()
    report("mcp", figures)


if __name__ == "__main__":
    main()
