"""What directed sampling is worth: beside calls drawn at random, and beside the paper's rule as printed, at equal budget.

    python benchmarks/ablation.py                      # one JSON object: 8 seeds, 1,000 calls an env and seed
    python benchmarks/ablation.py --markdown           # the table alone
    python benchmarks/ablation.py --no-model           # without the tiny model (it needs the extra `transformers`)

Arms (FunReason-MT, arXiv 2510.24645, Eq. 2): `directed` is what `synthesize` does; `restricted` is the paper's rule with our
one restriction (only prerequisites of the target, none twice) and none of our other means: no exploring, no enriching, no
second goal; `literal` is the rule as printed, with ties between tools that are as near broken by chance, and what follows the
target as in `restricted`; `random` takes any legal tool and has no target. Queries, answers and proofs are the same for all,
and so are the seeds of the worlds; binding is too, but that `random` asks for no fresh values where a call finds too few.

The budget is calls executed to draw rounds, those not taken included: a call is what costs where tools are real, and a rule
that calls in vain pays for it. Calls that prove a round, once drawn, are not in it. An env's candidates are made until its
budget is spent; the last one is finished, so that arms differ by less than one candidate an env, and rates divide by what was
really executed. A round that loops is given up after 24 choices: that cap is ours, the rule has none; `loops_free` charges
nothing for such rounds. A figure is the mean over envs, each alike, then over seeds, with Student's 95 %
interval (a seed is one value: rounds of one conversation are not independent); played tasks have Wilson's. Jump scores of kept
turns are above `min_jump` by selection; `best_jump` is before it.

Not here: whether a model trained on the data gets better. That needs a model worth training.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from measure import machine

from turngym.agents import Limits, make_policy, run_all
from turngym.envs.binding import Pool
from turngym.envs.errors import MissingExtraError
from turngym.envs.extras import need
from turngym.envs.graph import graph_of
from turngym.envs.registry import ENVS, EnvInfo, env_info, world_class
from turngym.envs.task import Task
from turngym.envs.worldset import WorldSet, WorldSpec
from turngym.synthesis import AssemblyOptions, Request, Sample, synthesize, template_roles
from turngym.synthesis.assemble import Assembler, Place
from turngym.synthesis.navigator import Rejected, SamplerOptions
from turngym.synthesis.plan import Round
from turngym.synthesis.query import best_jump
from turngym.synthesis.sampler import Sampler, Worth
from turngym.synthesis.surveying.coverage import Ground, depth_of
from turngym.synthesis.walk import Errand

ARMS: dict[str, SamplerOptions] = {
    "directed": SamplerOptions(),
    "restricted": SamplerOptions(explore=0.0, enrich=0.0, cross=0.0, min_jump=0.0),
    "literal": SamplerOptions(sampling="literal"),
    "random": SamplerOptions(sampling="random"),
}
COUNTS = ("calls_executed", "candidates", "rounds_drawn", "samples", "calls_in_loops")
PLAYED, PLAYED_BY_TINY = 60, 20
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # 97.5 % quantiles of 1, 2, ... degrees
SHOWN = {
    "rounds_drawn": "rounds drawn",
    "rounds_reached": "rounds that came to their end",
    "rounds_looped": "rounds that looped",
    "rounds_kept": "rounds kept / drawn",
    "samples_kept": "samples kept / candidates",
    "samples_per_1000_calls": "verified samples per 1,000 calls",
    "samples_per_1000_calls_loops_free": "the same, if loops cost nothing",
    "cpu_ms_per_sample": "CPU ms a sample",
    "tools_targeted": "tools that were a target",
    "tools_goal_of_a_kept_turn": "tools that were the target of a kept turn",
    "pairs": "tool pairs seen",
    "pairs_at_equal_samples": "tool pairs seen, at as many samples",
    "edges_internal": "edges of internal values seen",
    "edges_state": "state edges seen",
    "best_jump": "best jump score of a round, before the filter",
    "jump_score": "jump score of kept turns",
    "plan_length": "calls a turn",
    "provenance_depth": "provenance depth",
    "samples_across_turns": "samples that need an earlier turn",
}
TINY = {"max_tokens": 60, "temperature": 0.7}


# -- drawing ----------------------------------------------------------------------------------------------


class Watched(Sampler):
    """A sampler that counts what became of its rounds, kept or not.

    Attributes:
        aimed: tools that were the target of a round. reached: rounds that were drawn to their end. best: sum of the jump
            scores that no wording of these could exceed. looped: calls executed in rounds that looped.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.aimed: set[str] = set()
        self.reached = self.looped = 0
        self.best = 0.0

    def round(
        self, worlds: WorldSet, pool: Pool, rng: Random, errand: Errand, elapse: int = 0, worth: Worth | None = None
    ) -> Round:  # fmt: skip
        """One round, counted before it is judged."""
        self.aimed |= {errand.target} - {""}
        before = self.executed
        try:
            found = super().round(worlds, pool, rng, errand, elapse)
        except Rejected as error:
            if error.reason == "looped":
                self.looped += self.executed - before
            raise
        self.aimed.add(found.target)
        self.reached += 1
        self.best += best_jump(found.calls)
        if worth is not None:
            worth(found)
        return found


@dataclass(slots=True)
class Cell:
    """What one arm drew in one env with one seed."""

    info: EnvInfo
    sampler: Watched
    candidates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    def ground(self, first: int | None = None) -> dict[str, Any]:
        """What the kept samples, or the first of them, cover of the graph."""
        ground = Ground(self.info.worlds)
        for sample in self.samples[:first]:
            ground.add(sample.task)
        return ground.record()


def draw(info: EnvInfo, options: SamplerOptions, seed: int, budget: int) -> Cell:
    """Make candidates in one env until the budget of executed calls is spent."""
    begun = time.process_time()
    assembler = Assembler(graph_of([world_class(name) for name in info.worlds]), template_roles(), AssemblyOptions())
    sampler = assembler.sampler = Watched(assembler.sampler.navigator.graph, options)
    cell = Cell(info, sampler)
    while sampler.executed < budget:
        stream = f"ablation:{seed}:{info.id}:{cell.candidates}"
        drawn = Random(stream).getrandbits(31)
        place = Place(info.worlds[0], tuple((name, WorldSpec(world_class(name), drawn)) for name in info.worlds))
        cell.candidates += 1
        try:
            cell.samples.append(asyncio.run(assembler.sample(place, Random(stream), cell.rounds)))
        except Rejected as error:
            cell.rejected[error.reason] += 1
    cell.seconds = time.process_time() - begun
    return cell


# -- figures ----------------------------------------------------------------------------------------------


def figures(cell: Cell, first: int) -> dict[str, float | None]:
    """The figures of one cell; None where there is nothing to take a share of. `first`: how many samples every arm kept here."""
    rounds, samples, sampler = cell.rounds, cell.samples, cell.sampler
    drawn, kept = rounds["rounds_drawn"], len(samples)
    notes = [note for sample in samples for note in sample.notes]
    turns = [turn.gold for sample in samples for turn in sample.task.turns]
    across = sum(len(sample.task.turns) > 1 and any(note["across"] for note in sample.notes) for sample in samples)
    ground, reach = cell.ground(), set(sampler.navigator.targets)
    return {
        "calls_executed": sampler.executed,
        "candidates": cell.candidates,
        "rounds_drawn": drawn,
        "samples": kept,
        "calls_in_loops": sampler.looped,
        "rounds_reached": _share(sampler.reached, drawn),
        "rounds_looped": _share(rounds["round:looped"], drawn),
        "rounds_low_jump": _share(rounds["round:low_jump"], drawn),
        "rounds_kept": _share(rounds["rounds_kept"], drawn),
        "samples_kept": _share(kept, cell.candidates),
        "samples_per_1000_calls": _share(1000 * kept, sampler.executed),
        "cpu_ms_per_sample": _share(1000 * cell.seconds, kept),
        "tools_targeted": _share(len(reach & sampler.aimed), len(reach)),
        "tools_goal_of_a_kept_turn": _share(ground["tools"]["targeted"], len(reach)),
        "pairs": _seen(ground["pairs"]),
        "pairs_at_equal_samples": _seen(cell.ground(first)["pairs"]),
        **{f"edges_{kind}": _seen(ground["edges"][kind]) for kind in ("data", "internal", "state")},
        "best_jump": _share(sampler.best, sampler.reached),
        "jump_score": _mean([note["jump"]["score"] for note in notes if note["jump"]]),
        "plan_length": _mean([len(gold) for gold in turns]),
        "provenance_depth": _mean([depth_of(gold) for gold in turns]),
        "samples_across_turns": _share(across, kept),
    }


def over_envs(rows: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """Counts together, and of each other figure the mean over the envs that have it, each env alike.

    So an env whose budget goes into few rounds counts as much as any other. What a thousand calls give if those of loops are
    free is one rate of all envs: in some of them hardly any other calls may be left.
    """
    found: dict[str, float | None] = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        found[name] = sum(values) if name in COUNTS else _mean(values)
    calls, loops, kept = (found[name] or 0.0 for name in ("calls_executed", "calls_in_loops", "samples"))
    return {**found, "samples_per_1000_calls_loops_free": _share(1000 * kept, calls - loops)}


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _seen(count: dict[str, int]) -> float | None:
    return _share(count["seen"], count["possible"])


def over_seeds(rows: Sequence[dict[str, float | None]]) -> dict[str, Any]:
    """Of each figure the mean over seeds, half of Student's 95 % interval, and over how many seeds; None for none."""
    found: dict[str, Any] = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        if not values:
            found[name] = None
            continue
        n = len(values)
        half = STUDENT[n - 2] * statistics.stdev(values) / n**0.5 if n > 1 else None
        found[name] = {"mean": round(statistics.fmean(values), 4), "half_95": None if half is None else round(half, 4), "seeds": n}
    return found


def compare(envs: Sequence[EnvInfo], seeds: Sequence[int], budget: int) -> tuple[dict[str, Any], dict[str, list[Cell]]]:
    """All arms on all envs and seeds: arm -> its figures and funnel, and arm -> its cells, seed by seed."""
    for info in envs:
        graph_of([world_class(name) for name in info.worlds])  # probed before anything is timed
    rows: dict[str, list[list[dict[str, float | None]]]] = {arm: [] for arm in ARMS}
    cells: dict[str, list[Cell]] = {arm: [] for arm in ARMS}
    for seed in seeds:
        drawn = {arm: [draw(info, options, seed, budget) for info in envs] for arm, options in ARMS.items()}
        for arm in ARMS:
            first = [min(len(drawn[other][at].samples) for other in ARMS) for at in range(len(envs))]
            rows[arm].append([figures(cell, n) for cell, n in zip(drawn[arm], first, strict=True)])
            cells[arm] += drawn[arm]
        print(f"ablation: seed {seed} drawn", file=sys.stderr)
    found = {
        arm: {
            "figures": over_seeds([over_envs(row) for row in rows[arm]]),
            "by_env": {info.short: over_seeds([row[at] for row in rows[arm]]) for at, info in enumerate(envs)},
            **funnel(cells[arm]),
        }
        for arm in ARMS
    }
    return found, cells


def funnel(cells: Sequence[Cell]) -> dict[str, Any]:
    """What became of candidates and rounds, over all envs and seeds: counts that add up."""
    rounds, rejected = sum((cell.rounds for cell in cells), Counter[str]()), sum((cell.rejected for cell in cells), Counter[str]())
    lost = {name.removeprefix("round:"): count for name, count in sorted(rounds.items()) if name.startswith("round:")}
    return {
        "rounds": {"drawn": rounds["rounds_drawn"], "kept": rounds["rounds_kept"], "rejected": lost},
        "candidates": {
            "drawn": sum(cell.candidates for cell in cells),
            "kept": sum(len(cell.samples) for cell in cells),
            "rejected": dict(sorted(rejected.items())),
        },
    }


# -- playing ----------------------------------------------------------------------------------------------


def tasks_to_play(cells: Sequence[Cell], most: int = PLAYED) -> list[Task]:
    """As many kept tasks of each env as of any other, the first ones of the first seeds; fewer where fewer were kept."""
    by_env: dict[str, list[Task]] = {}
    for cell in cells:
        by_env.setdefault(cell.info.id, []).extend(sample.task for sample in cell.samples)
    return [task for tasks in by_env.values() for task in tasks[: most // len(by_env)]]


def play(tasks: Sequence[Task], model: str = "") -> dict[str, Any]:
    """Success of the built-in policies, and of a tiny model where one is given, with Wilson's 95 % interval."""
    players: dict[str, Any] = {name: make_policy(name) for name in ("oracle", "graph", "random")}
    if model:
        players["tiny"] = make_policy("transformers", model=model, **TINY)
    found: dict[str, Any] = {}
    for name, policy in players.items():
        limits = Limits(steps=8) if name == "tiny" else Limits()
        mine = tasks[:: max(1, len(tasks) // PLAYED_BY_TINY)][:PLAYED_BY_TINY] if name == "tiny" else tasks  # it is slow
        summary = run_all(policy, mine, limits=limits, keep=False).summary
        found[name] = {
            "tasks": len(mine),
            "success": round(summary["success"], 4),
            "interval_95": [round(bound, 4) for bound in summary["success_interval"]],
            "progress": round(summary["progress"], 4),
        }
        if name == "tiny":
            asyncio.run(policy.close())
    return found


def reason(envs: Sequence[EnvInfo], options: SamplerOptions, model: str, n: int) -> dict[str, Any]:
    """The tiny model in the reasoning role: what it keeps of `n` candidates of one turn."""
    from turngym.synthesis.speaking import make_cast

    cast = make_cast({"reasoning": {"policy": "transformers", "model": model, "tries": 1, **TINY}}, candidates=1, ahead=4)
    usual = AssemblyOptions(turns={1: 1.0}, sampler=options, k_max=2)
    made = synthesize(Request(tuple(info.short for info in envs), n), roles=cast, options=usual)["funnel"]
    return {
        "candidates": made["candidates"],
        "kept": made["kept"],
        "rounds_answered": made["rounds"]["kept"] + made["rounds"]["rejected"].get("chain_failed", 0),
        "rounds_failed": made["rounds"]["rejected"].get("chain_failed", 0),
    }


def tiny() -> str:
    """The directory of the tiny model of the tests. Raises `MissingExtraError`."""
    for module in ("torch", "transformers", "llguidance"):
        need(module)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from tiny_model import tiny_model  # type: ignore[import-not-found]

    need("torch").set_num_threads(1)
    return str(tiny_model())


# -- showing ----------------------------------------------------------------------------------------------


def markdown(found: dict[str, Any]) -> str:
    """The table: a row a figure, a column an arm."""
    arms = found["arms"]
    lines = [f"| figure | {' | '.join(arms)} |", f"|---|{'---:|' * len(arms)}"]
    for name, label in SHOWN.items():
        lines.append(f"| {label} | {' | '.join(_cell(arm['figures'][name]) for arm in arms.values())} |")
    for name in ("samples_per_1000_calls", "rounds_looped"):
        for env in next(iter(arms.values()))["by_env"]:
            lines.append(f"| {SHOWN[name]}, {env} | {' | '.join(_cell(arm['by_env'][env][name]) for arm in arms.values())} |")
    for player in ("oracle", "graph", "random", "tiny"):
        if all(player in arm["played"] for arm in arms.values()):
            shown = [_played(arm["played"], player) for arm in arms.values()]
            lines.append(f"| played by {player} | {' | '.join(shown)} |")
    if all("tiny_reasoning" in arm for arm in arms.values()):
        told = ["{kept} of {candidates}".format(**arm["tiny_reasoning"]) for arm in arms.values()]
        lines.append(f"| kept, tiny model reasoning | {' | '.join(told)} |")
    return "\n".join(lines)


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "-"
    mean, half = figure["mean"], figure["half_95"]
    digits = 0 if mean >= 100 else 1 if mean >= 10 else 2
    return f"{mean:,.{digits}f}" + ("" if half is None else f" ± {half:,.{digits}f}")


def _played(played: dict[str, Any], player: str) -> str:
    low, high = played[player]["interval_95"]
    return f"{played[player]['success']:.2f} ({low:.2f}-{high:.2f}) of {played[player]['tasks']}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8, help="how many seeds, from 0; 2 to 10")
    parser.add_argument("--budget", type=int, default=1000, help="executed calls an env and seed")
    parser.add_argument("--envs", nargs="*", default=[info.short for info in ENVS], help="short names of envs")
    parser.add_argument("--no-model", action="store_true", help="without the tiny model")
    parser.add_argument("--markdown", action="store_true", help="print the table instead of JSON")
    options = parser.parse_args()
    begun, envs = time.perf_counter(), [env_info(name) for name in options.envs]
    arms, cells = compare(envs, range(options.seeds), options.budget)
    model, word = "", "left out"
    if not options.no_model:
        try:
            model, word = tiny(), "random weights, 2 layers"
        except MissingExtraError as error:
            word = f"left out: {error}"
    for arm, drawn in cells.items():
        arms[arm]["played"] = play(tasks_to_play(drawn), model)
        if model:
            arms[arm]["tiny_reasoning"] = reason(envs, ARMS[arm], model, 2 * len(envs))
        print(f"ablation: {arm} played", file=sys.stderr)
    set_up = {"envs": options.envs, "seeds": list(range(options.seeds)), "calls_an_env_and_seed": options.budget, "tiny_model": word}
    found = {"benchmark": "ablation", "on": machine(), **set_up, "seconds": round(time.perf_counter() - begun, 1), "arms": arms}
    print(markdown(found) if options.markdown else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
