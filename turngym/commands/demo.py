"""The command `demo`: what the library does, seen once from end to end, offline and in seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import Answer, answering, bar, percent, plain, styled, table
from ..conversation import conversation, verdict_text
from ..envs.errors import TurngymError
from ..sources import env_and_worlds, tasks_of
from ..stopping import ALL, STOPS
from .data import made_lines
from .options import AsJson
from .worlds import graph_table

if TYPE_CHECKING:
    from ..agents.owned import Owned
    from ..agents.trajectory import Trajectory
    from ..envs.task import Task

ENVS = ("FileSystem", "Travel", "Banking")
POLICIES = ("oracle", "graph", "random", "null")
SHOWN_MESSAGES = 10


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Where the files go; a former demo there is gone on with.")] = Path("turngym-demo"),
    samples: Annotated[int, typer.Option("-n", min=1, help="Samples to make.")] = 30,
    tasks: Annotated[int, typer.Option(min=1, help="Tasks an env for the table of verdicts.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Three rollouts, a table of verdicts, the tool graphs, and verified samples; offline, in seconds."""
    from ..agents.owned import Owned

    with answering(as_json) as answer, Owned(out, "demo") as place:
        started = time.perf_counter()
        STOPS.kept = ALL
        with bar("reading tasks") as shown:
            chosen = {env: tasks_of(env, tasks, 7, None, shown) for env in ENVS}
        runs = _verdicts(chosen, out, answer)
        rates = _show_verdicts(answer, runs)
        graphs = _show_graphs(answer, place)
        made, proven = _show_samples(answer, out, samples)
        seconds = round(time.perf_counter() - started, 1)
        answer.data(
            {"verdicts": rates, "graphs": graphs, "kept": made["kept"], "verified": proven["passed"], "out": str(out), "seconds": seconds}
        )
        answer.show(*_files(out, seconds))
    if proven["failed"]:
        raise typer.Exit(1)


def _verdicts(chosen: dict[str, Sequence[Task]], out: Path, answer: Answer) -> dict[str, dict[str, list[Trajectory]]]:
    """Every policy on every task; the oracle's rollouts come first, are shown at once, and are kept in a run directory."""
    from ..agents import make_policy, read_records, run_all
    from ..agents.trajectory import Trajectory

    everything = [task for tasks in chosen.values() for task in tasks]
    runs: dict[str, dict[str, list[Trajectory]]] = {}
    for name in POLICIES:
        try:
            policy = make_policy(name)
        except TurngymError:  # a policy that needs an extra
            continue
        kept = out / "rollouts" if name == "oracle" else None
        with bar(f"rolling out {name}"):
            report = run_all(policy, everything, out=kept)
        if report.stopped:
            STOPS.stop(report.stopped)
        made = [Trajectory.from_record(record) for record in read_records(kept)] if kept else report.trajectories
        found = {trajectory.task_id: trajectory for trajectory in made}
        runs[name] = {env: [found[task.id] for task in tasks] for env, tasks in chosen.items()}
        if name == "oracle":
            _show_rollouts(answer, runs[name])
    return runs


def _show_rollouts(answer: Answer, made: dict[str, list[Trajectory]]) -> None:
    answer.show("[bold]1. Three rollouts[/] (the oracle plays each task's gold; results are cut for the eye)")
    for env, trajectories in made.items():
        fitting = [t for t in trajectories if 4 < len(t.messages) <= SHOWN_MESSAGES]
        best = fitting[0] if fitting else min(trajectories, key=lambda t: len(t.messages))
        head = styled(f"\n{env} ", "bold magenta")
        head.append_text(styled(f"{best.task_id}: ", "dim"))
        head.append_text(verdict_text(best.success, best.progress))
        answer.show(head, conversation(best.messages))


def _show_verdicts(answer: Answer, runs: dict[str, dict[str, list[Trajectory]]]) -> dict[str, dict[str, float]]:
    shown = table("policy", *ENVS, "calls an episode", right=",".join((*ENVS, "calls an episode")))
    rates: dict[str, dict[str, float]] = {}
    for policy, made in runs.items():
        everything = [t for trajectories in made.values() for t in trajectories]
        rates[policy] = {env: sum(t.success for t in ts) / len(ts) for env, ts in made.items()}
        calls = sum(len(t.results) for t in everything) / len(everything)
        shown.add_row(policy, *[percent(rate) for rate in rates[policy].values()], f"{calls:.1f}")
    count = len(next(iter(runs["oracle"].values())))
    answer.show(f"\n[bold]2. Verdicts[/] (tasks solved, of {count} an env; gold must pass and doing nothing must fail)", shown)
    return rates


def _show_graphs(answer: Answer, place: Owned) -> dict[str, dict[str, Any]]:
    from ..drawing import draw
    from ..envs.graph import graph_of

    found = {}
    with bar("drawing graphs") as shown:
        for number, env in enumerate(ENVS):
            _, classes = env_and_worlds(env)
            graph = graph_of(classes)
            found[env] = graph.summary()
            (place.staging / f"{env.lower()}.svg").write_text(draw(graph, env, classes), encoding="utf-8")
            shown(number + 1, len(ENVS))
    place.settle()
    answer.show("[bold]3. Tool graphs[/] (data edges from types, state edges found by execution)", graph_table(list(found.items())))
    return found


def _show_samples(answer: Answer, out: Path, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    from ..synthesis import Request, synthesize, verify_directory

    with bar("making samples") as shown:

        def progress(done: int, wanted: int) -> None:
            shown(done, wanted)
            STOPS.check()

        made = synthesize(Request(ENVS, n), out / "samples", progress=progress)
    with bar("verifying") as shown:
        proven = verify_directory(out / "samples", progress=shown)
    colour = "red" if proven["failed"] else "green"
    answer.show(
        "[bold]4. Training data[/]",
        *made_lines(made),
        f"[{colour}]{proven['passed']} of {proven['rows']} proven again[/] from their rows alone (every call run, every value traced)",
        "\n[dim]One of them, with its reasoning:[/]",
        conversation(_short_sample(out)),
    )
    return made, proven


def _short_sample(out: Path) -> list[dict[str, Any]]:
    """The messages of the shortest sample whose turns depend on each other, or of the shortest at all."""
    from ..agents import read_records

    rows = read_records(out / "samples" / "samples.jsonl")
    best = min(rows, key=lambda row: (not any(note["across"] for note in row["notes"]), len(row["messages"])))
    return list(best["messages"])


def _files(out: Path, seconds: float) -> list[Any]:
    place = plain(out)
    rows = (
        (f"{place}/samples/samples.jsonl", "the samples; `turngym export` writes them for trainers"),
        (f"{place}/rollouts/trajectories.jsonl", "the oracle's rollouts, whole"),
        (f"{place}/banking.svg", "the tool graph as a picture (and of the other worlds beside it)"),
    )
    shown = table("file", "what it is", title=f"\nAll this in {seconds} s")
    for path, about in rows:
        shown.add_row(styled(path, "bold"), about)
    return [shown, f"Next: turngym play Banking | turngym verify {place}/samples | turngym envs show Travel"]
