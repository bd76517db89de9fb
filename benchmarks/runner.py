"""What the runner costs: messages a second against a server that answers at once, and memory over many episodes.

    python benchmarks/runner.py                # messages: the whole loop, and the client library alone beside it
    python benchmarks/runner.py --memory       # 50,000 episodes into a run directory, memory after each tenth

The floor of the loop is the `openai` client asked the same thing with nothing around it, in the same process and run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from instant_server import instant_server
from measure import report

from turngym.agents import make_policy, run_all
from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.task import Task

CONCURRENCY = 32
REPEATS = 3


def loop_rate(url: str, tasks: Sequence[Task]) -> dict[str, float]:
    """Assistant messages a second through rollouts of a `chat` policy, and the share of CPU spent meanwhile."""
    policy = make_policy("chat", model="fake", base_url=url)
    with tempfile.TemporaryDirectory() as place:
        used, start = time.process_time(), time.perf_counter()
        messages = 0

        def count(trajectory: Any) -> None:
            nonlocal messages
            messages += len(trajectory.steps)

        summary = run_all(policy, tasks, concurrency=CONCURRENCY, out=place, on_trajectory=count).summary
        seconds, cpu = time.perf_counter() - start, time.process_time() - used
    assert summary["excluded"] == 0, summary["excluded_reasons"]
    return {"messages_per_s": messages / seconds, "cpu_ms_per_message": cpu / messages * 1000}


async def client_rate(url: str, task: Task, seconds: float = 4.0) -> dict[str, float]:
    """Completions a second of the bare client with the first request of an episode."""
    import openai

    episode = Episode(task)
    messages: list[Any] = list(episode.start())
    tools: list[Any] = episode.schemas()
    done = 0
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        end = time.perf_counter() + seconds

        async def ask() -> None:
            nonlocal done
            while time.perf_counter() < end:
                await client.chat.completions.create(model="fake", messages=messages, tools=tools)
                done += 1

        await ask_once(client, messages, tools)
        used = time.process_time()
        await asyncio.gather(*[ask() for _ in range(CONCURRENCY)])
    return {"messages_per_s": done / seconds, "cpu_ms_per_message": (time.process_time() - used) / done * 1000}


async def ask_once(client: Any, messages: list[Any], tools: list[Any]) -> None:
    """The first request, which also imports and compiles what later ones find ready."""
    await client.chat.completions.create(model="fake", messages=messages, tools=tools)


def messages() -> dict[str, Any]:
    """Both rates, taken in turn; medians of a few repeats."""
    tasks = list(pack_of("Banking"))
    loops, clients = [], []
    with instant_server() as url:
        loop_rate(url, tasks[:20])
        for _ in range(REPEATS):
            loops.append(loop_rate(url, tasks * 5))
            clients.append(asyncio.run(client_rate(url, tasks[0])))
    found = {"whole_loop": _medians(loops), "client_alone": _medians(clients)}
    found["share"] = {"of_client": round(found["whole_loop"]["messages_per_s"] / found["client_alone"]["messages_per_s"], 2)}
    return found


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(row[name] for row in rows), 2) for name in rows[0]}


def memory(episodes: int) -> dict[str, Any]:
    """Resident memory (MB) after each tenth of that many episodes, kept in a run directory."""
    pack = list(pack_of("Banking"))
    tasks = pack * -(-episodes // len(pack))  # round after round, so that what is kept per task is there early
    total, tenth, grown = len(tasks), -(-len(tasks) // 10), list[float]()
    made = 0

    def count(trajectory: Any) -> None:
        nonlocal made
        made += 1
        if made % tenth == 0 or made == total:
            grown.append(_resident())

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        run_all(make_policy("oracle"), tasks, out=place, on_trajectory=count)
        size = sum(entry.stat().st_size for entry in os.scandir(place))
    return {
        "episodes": total,
        "seconds": round(time.perf_counter() - start, 1),
        "resident_mb": grown,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "written_mb": round(size / 1e6, 1),
    }


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true", help="memory over many episodes instead of messages a second")
    parser.add_argument("-n", type=int, default=50_000, help="episodes")
    chosen = parser.parse_args()
    report("runner", memory(chosen.n) if chosen.memory else messages())


if __name__ == "__main__":
    main()
