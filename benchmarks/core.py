"""What a call, a step, a fork, a reset and a verdict cost, each beside its floor in the same run.

    python benchmarks/core.py            # one JSON object; times are medians in microseconds on one core

Floors: the bare method without validation, result text or atomicity; `copy.deepcopy` of the same records; a
Gymnasium env that returns a constant dict; CartPole; AgentDojo's banking calls, where `agentdojo` is installed. `--large N` sets
the records of the large table.
"""

from __future__ import annotations

import argparse
import copy
import resource
import statistics
import subprocess
import sys
import time
from random import Random
from typing import Annotated, Any

import gymnasium as gym
from gold_calls import gold_calls
from measure import median_us, report

import turngym  # noqa: F401  (registers the envs)
from turngym.envs import Key, Table, World, record, tool
from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import judge_of
from turngym.envs.worlds.banking import Banking
from turngym.synthesis.verify import play_gold

NoteId = Annotated[str, Key("note", "NT-#########")]


@record
class Note:
    """A record of the measured world."""

    id: NoteId
    title: str
    owner: str
    stars: int


class Notes(World):
    """A world of one table, as large as wanted, to measure what grows with it."""

    SIZE = 200
    notes: Table[NoteId, Note]

    def generate(self, rng: Random, size: str) -> None:
        """Fill the table."""
        for number in range(self.SIZE):
            self.notes.put(Note(f"NT-{number:09d}", f"title {number}", "me", number % 5))

    @tool
    def read_note(self, note: NoteId, with_title: bool = True) -> Note:
        """Read one note.

        Args:
            note: which note.
            with_title: whether the title is wanted.
        """
        return self.notes[note]

    @tool(writes="notes")
    def rate_note(self, note: NoteId, stars: int) -> Note:
        """Rate one note.

        Args:
            note: which note.
            stars: how many stars.
        """
        found = self.notes[note]
        return self.notes.put(Note(found.id, found.title, found.owner, stars))


class Constant(gym.Env[dict[str, Any], int]):
    """The least an env can do."""

    observation_space = gym.spaces.Dict({"x": gym.spaces.Discrete(2)})
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed)
        return {"x": 0}, {}

    def step(self, action: int) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Do nothing."""
        return {"x": 0}, 0.0, False, False, {}


def calls() -> dict[str, Any]:
    """One tool call through the door, from JSON text to JSON text, and the bare method."""
    world = Notes.create(0)
    text = '{"note": "NT-000000007", "with_title": true}'
    write = '{"note": "NT-000000007", "stars": 3}'
    return {
        "read_call": median_us(lambda: world.call("read_note", text)),
        "write_call": median_us(lambda: world.call("rate_note", write)),
        "refused_call": median_us(lambda: world.call("read_note", '{"note": 7}')),
        "floor_bare_method": median_us(lambda: world.read_note("NT-000000007")),
    }


def bare_method() -> float:
    """Microseconds of the bare method: the floor of `gold_calls`."""
    world = Notes.create(0)
    return median_us(lambda: world.read_note("NT-000000007"), batches=7)


def forks(large: int) -> dict[str, Any]:
    """Fork and first write in a small and a large world, and `deepcopy` of the same records."""
    figures: dict[str, Any] = {}
    for name, size in (("200_records", 200), (f"{large}_records", large)):
        cls = type("Notes", (Notes,), {"SIZE": size, "__doc__": Notes.__doc__})
        world = cls.create(0)
        for number in range(30):
            world.call("rate_note", {"note": f"NT-{number:09d}", "stars": 4})
        world.fingerprint()
        rows = {note.id: [note.title, note.owner, note.stars] for note in world.notes}

        def fork_and_write(world: World = world) -> None:
            fork = world.fork()
            fork.notes.put(Note("NT-000000003", "new", "me", 1))  # type: ignore[attr-defined]

        def write_and_print(world: World = world) -> None:
            world.notes.put(Note("NT-000000003", "new", "me", 1))  # type: ignore[attr-defined]
            world._journal.clear()
            world.fingerprint()

        figures[name] = {
            "fork": median_us(world.fork),
            "fork_and_first_write": median_us(fork_and_write),
            "fingerprint_after_one_write": median_us(write_and_print),
            "floor_deepcopy": median_us(lambda rows=rows: copy.deepcopy(rows), batch=2, batches=5),
        }
    banking = Banking.create(0)
    figures["banking_18_tables"] = {"fork": median_us(banking.fork)}
    return figures


def envs() -> dict[str, Any]:
    """Step and reset through `gym.make`, beside a constant env and CartPole; episodes of 400 steps."""
    gym.register("Constant-v0", entry_point=Constant)
    floor, cart = gym.make("Constant-v0"), gym.make("CartPole-v1")
    banking, files = (gym.make(f"turngym/{name}-v0", max_steps=1 << 30) for name in ("Banking", "FileSystem"))
    for each in (floor, cart, banking):
        each.reset(seed=0)

    def cart_step() -> None:
        if cart.step(0)[2]:
            cart.reset()

    return {
        "step_filesystem_pwd": steps(files, {"name": "pwd", "arguments": {}}),
        "step_banking_fee_schedule": steps(banking, {"name": "fee_schedule", "arguments": {}}),
        "reset_to_packed_task": median_us(lambda: banking.reset(seed=3)),
        "floor_constant_env_step": median_us(lambda: floor.step(0)),
        "floor_cartpole_step": median_us(cart_step),
    }


def steps(env: gym.Env[Any, Any], action: dict[str, Any], length: int = 400) -> float:
    """Median microseconds of a step over 31 episodes."""
    times = []
    for _ in range(31):
        env.reset(seed=0)
        start = time.perf_counter()
        for _ in range(length):
            env.step(action)
        times.append((time.perf_counter() - start) / length)
    return round(statistics.median(times) * 1e6, 3)


def verdicts() -> dict[str, Any]:
    """A verdict at the end of an episode of 50 calls."""
    task = max(pack_of("Banking"), key=lambda t: len(t.turns[0].gold) if len(t.turns) == 1 else 0)
    judge_of(task)
    episode = Episode(task, max_steps=1 << 30)
    episode.start()
    for call in task.turns[0].gold:
        episode.step("", (ToolCall(call.name, call.arguments),))
    while episode.calls < 50:
        episode.step("", (ToolCall("fee_schedule", {}),))
    reply = task.turns[0].reply

    def judge() -> None:
        episode.fork().step(reply, ())

    return {"verdict_of_50_calls": median_us(judge, batch=20), "whole_gold_episode": median_us(lambda: play_gold(task), batch=10)}


def memory() -> dict[str, Any]:
    """Resident memory of 1,000 live envs of one world, in a fresh process each."""
    code = (
        "import resource, gymnasium as gym, turngym\n"
        "def mb(): return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 1e6\n"
        "first = gym.make('turngym/Banking-v0'); first.reset(seed=0); before = mb()\n"
        "envs = [gym.make('turngym/Banking-v0') for _ in range(1000)]\n"
        "[env.reset(seed=i) for i, env in enumerate(envs)]\n"
        "[env.step({'name': 'fee_schedule'}) for env in envs]\n"
        "print(round(mb() - before, 1))"
    )
    grown = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    return {"1000_live_envs_mb": grown}


def start_up() -> dict[str, Any]:
    """Seconds to import turngym in a fresh process, with and without what it stands on."""

    def seconds(statement: str) -> float:
        code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
        runs = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(5)]
        return round(sorted(runs)[2], 3)

    return {"import_turngym_s": seconds("import turngym"), "floor_import_gymnasium_and_pydantic_s": seconds("import gymnasium, pydantic")}


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=100_000, help="records of the large world")
    large = parser.parse_args().large
    figures = {
        "call_us": calls(),
        "gold_calls_us": gold_calls(bare_method),
        "fork_us": forks(large),
        "env_us": envs(),
        "verdict_us": verdicts(),
        "memory": memory(),
        "start_up": start_up(),
    }
    figures["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    report("core", figures)


if __name__ == "__main__":
    main()
