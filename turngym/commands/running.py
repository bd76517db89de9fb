"""Commands about rollouts: `rollout` makes them, `rescore` judges a stored run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import answering, bar, percent, plain, styled, table, tell
from ..envs.errors import RunError, shorten
from ..sources import tasks_of
from ..stopping import STOPS
from .options import AsJson, OptionalOut, Seed, SplitName

if TYPE_CHECKING:
    from ..agents.runner import RunReport


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(rollout)
    app.command()(rescore)


def rollout(
    tasks: Annotated[str, typer.Argument(metavar="ENV|TASKS.jsonl", help="An env (its tasks), or a file of tasks.")],
    policy: Annotated[str, typer.Option(help="null, random, oracle, graph, scripted, replay, or module:object.")],
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the policy; value as JSON or text.")] = None,
    number: Annotated[int | None, typer.Option("-n", min=1, help="How many tasks, drawn by the seed; default all.")] = None,
    trials: Annotated[int, typer.Option("-k", min=1, help="Rollouts of each task.")] = 1,
    seed: Seed = 0,
    split: Annotated[SplitName | None, typer.Option(help="Which tasks of a pack; default both.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Episodes at once.")] = 32,
    max_steps: Annotated[int, typer.Option(min=1, help="Assistant messages until an episode is cut.")] = 100,
    out: OptionalOut = None,
    repair: Annotated[bool, typer.Option(help="Move garbled lines of the run's record aside.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a policy live through tasks, keep the trajectories, and show the figures."""
    from ..agents import Limits, make_policy, run_all

    with answering(as_json) as answer:
        try:
            player = make_policy(policy, **_options(option or ()))
        except ValueError as error:  # what the policy itself says of its options
            raise RunError(f"policy {shorten(policy)}: {error}; see its --option") from None
        with bar("making tasks") as made:
            chosen = tasks_of(tasks, number, seed, split.value if split else None, made)
        STOPS.check()
        with bar("rolling out") as shown:
            done = [0]

            def count(trajectory: Any) -> None:
                done[0] += 1
                shown(done[0], len(chosen) * trials)

            report = run_all(
                player, chosen, out=out, on_trajectory=count, trials=trials, seed=seed, concurrency=concurrency,
                limits=Limits(steps=max_steps), repair=repair,
            )  # fmt: skip
        for note in report.notes:
            tell(f"turngym: {note}")
        about = {"policy": player.name, "made": report.made, "resumed": report.resumed, "stopped": report.stopped}
        answer.data({**report.summary, **about, **({"out": str(out)} if out else {})})
        answer.show(*_figures(player.name, report, out))
    if report.stopped:
        tell(f"turngym: stopped by {report.stopped}; {_kept(report, out)}")
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _kept(report: RunReport, out: Path | None) -> str:
    return f"{report.made} episodes are kept, and the same command goes on" if out else "without --out nothing is kept"


def _options(pairs: Any) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise RunError(f"--option {shorten(pair)} is no NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _figures(name: str, report: RunReport, out: Path | None) -> list[Any]:
    figures = report.summary
    shown = table("", "figure", "95 % interval", right="figure")
    low, high = figures["success_interval"]
    shown.add_row("success", percent(figures["success"]), f"{percent(low)} to {percent(high)}")
    low, high = figures["progress_interval"]
    shown.add_row("progress (turns passed)", percent(figures["progress"]), f"{percent(low)} to {percent(high)}")
    for label, kind in (("pass@", "pass_at"), ("pass^", "pass_hat")):
        for k, estimate in figures[kind].items():
            if k != "1":
                low, high = estimate["interval"]
                shown.add_row(f"{label}{k}", percent(estimate["value"]), f"{percent(low)} to {percent(high)}")
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
