"""The command `pack`: make the tasks that ship with an env, proven, and show what the bounds reach on them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import answering, bar, percent, styled, table
from ..envs.errors import TurngymError
from ..sources import env_and_worlds, writable_file, write_whole
from ..stopping import STOPS
from .options import AsJson, EnvArgument, Seed, opens_data

BASELINES = ("oracle", "null", "random", "graph")
RANDOM_AT_MOST = 0.01


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(opens_data(pack))


def pack(
    env: EnvArgument,
    out: Annotated[Path, typer.Option(help="The task file (.jsonl); a former one is replaced.")],
    number: Annotated[int, typer.Option("-n", min=1, help="How many ordinary tasks.")] = 120,
    special: Annotated[int, typer.Option(min=0, help="How many more of each special category.")] = 0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Make a file of proven tasks, spread over families and split by them; exit 1 if a baseline breaks its bound."""
    from ..agents import make_policy, run_all
    from ..envs.task import TaskFile
    from ..synthesis.pack import make_pack

    with answering(as_json) as answer:
        env_and_worlds(env)
        writable_file(out)
        if out.exists():
            _ = TaskFile.read(out)[0]  # what is no task file is not ours to replace
        with bar("making tasks") as shown:
            tasks = make_pack(env, number, seed, special, shown)
        rates: dict[str, float] = {}
        for name in BASELINES:
            try:
                policy = make_policy(name)
            except TurngymError:
                continue
            with bar(f"rolling out {name}"):
                report = run_all(policy, tasks, trials=3 if name == "random" else 1)
            if report.stopped:
                STOPS.stop(report.stopped)
            rates[name] = report.summary["success"]
        sound = rates["oracle"] == 1.0 and rates["null"] == 0.0 and rates["random"] <= RANDOM_AT_MOST
        if sound:
            write_whole(out, "".join(task.line() + "\n" for task in tasks))
        splits = Counter(task.split for task in tasks)
        families = len({task.family for task in tasks})
        kinds = dict(Counter(task.category for task in tasks))
        about: dict[str, Any] = {"tasks": len(tasks), "families": families, "splits": dict(splits), "categories": kinds, "success": rates}
        about["out"] = str(out)
        answer.data({**about, "written": sound})
        shown_table = table("policy", "success", right="success")
        for name, rate in rates.items():
            shown_table.add_row(name, percent(rate))
        counts = f"{len(tasks)} tasks of {families} families ({splits['train']} train, {splits['test']} test)"
        answer.show(counts, shown_table, styled(f"Written to {out}") if sound else "[red]A bound is broken; nothing was written.[/]")
    if not sound:
        raise typer.Exit(1)
