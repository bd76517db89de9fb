"""What users get of a call: every gold call of the packs, with its result's text, and AgentDojo's beside ours where it is installed.

Packs are played as episodes are: from a fork of the task's start, in order, time passing between turns. Each call is
timed by itself, JSON text in, JSON text out; a call's figure is its median over several rounds. All of it is stated
in microseconds and in bare method calls of the same run, for machines differ and are shared. Rounds of all packs and
of AgentDojo alternate, so that a busy moment strikes all alike.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from turngym.envs.env import pack_of
from turngym.envs.verdict import Judge, judge_of

PACKS = ("Banking", "Travel", "FileSystem", "Assistant")
Timed = list[tuple[str, float]]
Plan = list[tuple[Judge, list[tuple[int, list[tuple[str, str]]]]]]


def gold_calls(bare: Callable[[], float], rounds: int = 9) -> dict[str, Any]:
    """Per pack: calls, median and 90th percentile, and the slowest tool by the median of its calls.

    Args:
        bare: measures a bare method call, in microseconds. rounds: how often everything is played, after one to warm up.
    """
    players: dict[str, Callable[[], Timed]] = {name: _player(_plan(name)) for name in PACKS}
    if (rival := _agentdojo()) is not None:
        players["agentdojo_banking"] = rival
    floors = []
    seen: dict[str, list[list[float]]] = {}
    names: dict[str, list[str]] = {}
    for _ in range(rounds + 1):
        floors.append(bare())
        for name, play in players.items():
            timed = play()
            if name not in names:  # the first round warms up
                names[name], seen[name] = [tool for tool, _ in timed], [[] for _ in timed]
                continue
            for times, (_, seconds) in zip(seen[name], timed, strict=True):
                times.append(seconds * 1e6)
    floor = statistics.median(floors)
    found: dict[str, Any] = {name: _summary(names[name], [statistics.median(t) for t in seen[name]], floor) for name in players}
    return {"floor_bare_method": floor, **found}


def _summary(names: list[str], times: list[float], floor: float) -> dict[str, Any]:
    by_tool = defaultdict(list)
    for name, each in zip(names, times, strict=True):
        by_tool[name].append(each)
    tools = {name: statistics.median(found) for name, found in by_tool.items()}
    slowest = max(tools, key=tools.__getitem__)
    middle, high = statistics.median(times), statistics.quantiles(times, n=10)[-1]
    return {
        "calls": len(times),
        "median": round(middle, 1),
        "p90": round(high, 1),
        "slowest_tool": f"{slowest} {tools[slowest]:.1f}",
        "in_bare_methods": {"median": round(middle / floor), "p90": round(high / floor), "slowest_tool": round(tools[slowest] / floor)},
    }


def _plan(name: str) -> Plan:
    plan: Plan = []
    for task in pack_of(name):
        turns = [(turn.elapse, [(call.name, json.dumps(call.arguments)) for call in turn.gold]) for turn in task.turns]
        plan.append((judge_of(task), turns))
    return plan


def _player(plan: Plan) -> Callable[[], Timed]:
    clock = time.perf_counter

    def play() -> Timed:
        timed = []
        for judge, turns in plan:
            worlds = judge.start.fork()
            for elapse, calls in turns:
                worlds.advance(elapse)
                for name, arguments in calls:
                    start = clock()
                    worlds.call(name, arguments)
                    timed.append((name, clock() - start))
        return timed

    return play


def _agentdojo() -> Callable[[], Timed] | None:
    """Plays the ground truth of AgentDojo's banking tasks through its runtime, results as its pipeline writes them."""
    try:
        from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
        from agentdojo.functions_runtime import FunctionsRuntime
        from agentdojo.task_suite.load_suites import get_suite
    except ImportError:
        return None
    suite = get_suite("v1.2", "banking")
    runtime, clock = FunctionsRuntime(suite.tools), time.perf_counter

    def steps() -> Iterator[tuple[Any, Any]]:
        for task in suite.user_tasks.values():
            env = task.init_environment(suite.load_and_inject_default_environment({}))
            for call in task.ground_truth(env):
                yield env, call

    def play() -> Timed:
        timed = []
        for env, call in steps():
            start = clock()
            result, error = runtime.run_function(env, call.function, call.args)
            tool_result_to_str(result) if error is None else error
            timed.append((call.function, clock() - start))
        return timed

    return play
