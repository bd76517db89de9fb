"""Commands about rollouts: `rollout` makes them, `rescore` judges a stored run again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import Progress, answering, bar, interval, percent, plain, styled, table, tell
from ..sources import tasks_of
from ..stopping import STOPS
from .options import AsJson, OptionalOut, Seed, SplitName
from .policies import (
    BaseUrl,
    Concurrency,
    MaxRepeats,
    MaxSeconds,
    MaxSteps,
    MaxTokens,
    Model,
    Outage,
    PolicyName,
    PolicyOptions,
    RayAddress,
    Redo,
    Repair,
    Shown,
    Trials,
    UserModel,
    UserOptions,
    UserUrl,
    Workers,
    executor_of,
    limits_of,
    player_of,
    user_of,
)  # fmt: skip

if TYPE_CHECKING:
    from ..agents.runner import RunReport


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(rollout)
    app.command()(rescore)


def rollout(
    tasks: Annotated[str, typer.Argument(metavar="ENV|TASKS.jsonl", help="An env (its tasks), or a file of tasks.")],
    policy: PolicyName = None,
    option: PolicyOptions = None,
    model: Model = None,
    base_url: BaseUrl = None,
    number: Annotated[int | None, typer.Option("-n", min=1, help="How many tasks, drawn by the seed; default all.")] = None,
    trials: Trials = 1,
    seed: Seed = 0,
    split: Annotated[SplitName | None, typer.Option(help="Which tasks of a pack; default both.")] = None,
    concurrency: Concurrency = 32,
    max_steps: MaxSteps = 100,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    max_repeats: MaxRepeats = 16,
    shown: Shown = 16_384,
    user_model: UserModel = None,
    user_url: UserUrl = None,
    user_option: UserOptions = None,
    workers: Workers = None,
    ray: RayAddress = None,
    out: OptionalOut = None,
    repair: Repair = False,
    redo: Redo = False,
    outage: Outage = 100,
    as_json: AsJson = False,
) -> None:
    """Let a policy live through tasks, keep the trajectories, and show the figures."""
    from ..agents import run_all

    with answering(as_json) as answer:
        player = player_of(policy, option, model, base_url)
        limits = limits_of(max_steps, max_tokens, max_seconds, max_repeats, shown)
        user, executor = user_of(user_model, user_url, user_option), executor_of(workers, ray)
        with bar("making tasks") as made:
            chosen = tasks_of(tasks, number, seed, split.value if split else None, made)
        STOPS.check()
        with bar("rolling out") as progress:
            report = run_all(
                player, chosen, out=out, keep=False, on_trajectory=counted(progress, len(chosen) * trials), trials=trials, seed=seed,
                concurrency=concurrency, limits=limits, user=user, executor=executor, repair=repair, redo=redo, outage=outage or None,
            )  # fmt: skip
        for note in report.notes:
            tell(f"turngym: {note}")
        about = {"policy": player.name, "made": report.made, "resumed": report.resumed, "stopped": report.stopped}
        answer.data({**report.summary, **about, **({"out": str(out)} if out else {})})
        answer.show(*_figures(player.name, report, out))
    leave(report, out)


def counted(progress: Progress, wanted: int) -> Callable[[Any], None]:
    """What counts trajectories for a progress bar."""
    numbers = itertools.count(1)
    return lambda trajectory: progress(next(numbers), wanted)


def leave(report: RunReport, out: Path | None) -> None:
    """Say why a run ended early, and leave with its exit code."""
    kept = f"{report.made} episodes are kept, and the same command goes on" if out else "without --out nothing is kept"
    if report.stopped:
        tell(f"turngym: stopped by {report.stopped}; {kept}")
    if report.outage:
        tell(f"turngym: stopped, since nothing works any more ({plain(report.outage)}); {kept}" + (" with --redo" if out else ""))
    elif out and report.summary["excluded_reasons"].get("infrastructure"):
        tell("turngym: some episodes ended by infrastructure errors; the same command with --redo makes them again")
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _figures(name: str, report: RunReport, out: Path | None) -> list[Any]:
    figures = report.summary
    shown = table("", "figure", "95 % interval", right="figure")
    shown.add_row("success", percent(figures["success"]), interval(figures["success_interval"]))
    shown.add_row("progress (turns passed)", percent(figures["progress"]), interval(figures["progress_interval"]))
    for label, kind in (("pass@", "pass_at"), ("pass^", "pass_hat")):
        for k, estimate in figures[kind].items():
            if k != "1":
                shown.add_row(f"{label}{k}", percent(estimate["value"]), interval(estimate["interval"]))
    for label, value in figures["per_episode"].items():
        shown.add_row(f"{label} an episode", f"{value:.1f}", "")
    head = f"[bold]{plain(name)}[/]: {figures['episodes']} episodes of {figures['tasks']} tasks"
    ends = [f"{figures[key]} {key}" for key in ("completed", "truncated", "errors", "excluded") if figures[key]]
    lines: list[Any] = [head + (f" ({report.resumed} found in the directory)" if report.resumed else ""), shown, ", ".join(ends)]
    if figures["error_kinds"]:
        kinds = ", ".join(f"{kind} {count}" for kind, count in figures["error_kinds"].items())
        lines.append(styled(f"refused calls: {kinds}", "dim"))
    return [*lines, *([f"Trajectories and figures: [bold]{plain(out)}[/]"] if out else [])]


def rescore(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory, or a JSONL file of trajectories.")],
    as_json: AsJson = False,
) -> None:
    """Judge a stored run again under the installed checks; exit 1 if a verdict changes or a replay drifts."""
    from ..agents import rescore as judge_again

    with answering(as_json) as answer:
        with bar("judging again"):
            report = judge_again(directory)
        differ = bool(report.changed or report.drifted or report.unscorable)
        answer.data(report.record())
        shown = table("trajectory", "what differs")
        for item in report.changed[:20]:
            shown.add_row(plain(item["id"]), f"success was {item['was'].get('success')}, is {item['now'].get('success')}")
        for item in report.drifted[:20]:
            shown.add_row(plain(item["id"]), styled(f"drifted: {item['differs']}"))
        for item in report.unscorable[:20]:
            shown.add_row(plain(item["id"]), styled(f"cannot be judged: {item['reason']}"))
        counts = f"{len(report.changed)} changed, {len(report.drifted)} drifted, {len(report.unscorable)} could not be judged"
        answer.show(*([shown] if differ else []), f"{report.same} of {report.episodes} verdicts stand; {counts}")
    if differ:
        raise typer.Exit(1)
