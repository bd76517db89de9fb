"""Commands about rollouts: `rollout` makes them, `rescore` judges a stored run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import answering, bar, interval, percent, plain, styled, table
from ..sources import tasks_of
from .ending import ends_of, torn_words
from .options import AsJson, opens_data
from .setting import Setting, with_setting

if TYPE_CHECKING:
    from ..envs.task import Task


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(opens_data(rollout))
    app.command()(opens_data(rescore))


@with_setting
def rollout(
    tasks: Annotated[str, typer.Argument(metavar="ENV|TASKS.jsonl", help="An env (its tasks), or a file of tasks.")],
    setting: Setting,
    as_json: AsJson = False,
) -> None:
    """Let a policy live through tasks, keep the trajectories, and show the figures."""
    with answering(as_json) as answer:
        player = setting.player()

        def chosen() -> Sequence[Task]:
            with bar("making tasks") as made:
                return tasks_of(tasks, setting.number, setting.seed, setting.split.value if setting.split else None, made)

        report, figures = setting.run(player, chosen, "rolling out")
        answer.data(figures)
        answer.show(*_told(figures))
    setting.leave(report)


def _told(figures: dict[str, Any]) -> list[Any]:
    shown = table("", "figure", "95 % interval", right="figure")
    if figures["episodes"]:  # a share of nothing is no figure
        shown.add_row("success", percent(figures["success"]), interval(figures["success_interval"]))
        shown.add_row("progress (turns passed)", percent(figures["progress"]), interval(figures["progress_interval"]))
    for label, kind in (("pass@", "pass_at"), ("pass^", "pass_hat")):
        for k, estimate in figures[kind].items():
            if k != "1":
                shown.add_row(f"{label}{k}", percent(estimate["value"]), interval(estimate["interval"]))
    for label, value in figures["per_episode"].items():
        shown.add_row(f"{label.replace('_', ' ')} an episode", f"{value:,.1f}", "")
    head = f"{figures['policy']}: {figures['episodes']} episodes of {figures['tasks']} tasks"
    found = f" ({figures['resumed']} found in the directory)" if figures["resumed"] else ""
    lines: list[Any] = [
        styled(head + found, "bold"),
        *([shown] if figures["episodes"] else []),
        *(styled(line) for line in ends_of(figures)),
    ]
    return [*lines, *([styled(f"Trajectories and figures: {figures['out']}", "bold")] if "out" in figures else [])]


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
            why = "; ".join(f"turn {part['turn']}: {_ways(part)}" for part in item["turns"])
            was, now = item["was"].get("success"), item["now"].get("success")
            shown.add_row(plain(item["id"]), styled(f"success was {was}, is {now}{f' ({why})' if why else ''}"))
        for item in report.drifted[:20]:
            shown.add_row(plain(item["id"]), styled(f"drifted: {item['differs']}"))
        for item in report.unscorable[:20]:
            shown.add_row(plain(item["id"]), styled(f"cannot be judged: {item['reason']}"))
        counts = f"{len(report.changed)} changed, {len(report.drifted)} drifted, {len(report.unscorable)} could not be judged"
        told = f"{report.same} of {report.episodes} verdicts stand; {counts}{torn_words(report.record())}"
        answer.show(*([shown] if differ else []), told)
        for name, ways in sorted(report.by_check.items()):
            answer.show(f"{name}: lost in {ways['lost']} episodes, gained in {ways['gained']}")
    if differ:
        raise typer.Exit(1)


def _ways(turn: dict[str, Any]) -> str:
    """The checks that a turn lost and gained, in words."""
    return ", ".join(f"{way} {' and '.join(turn[way])}" for way in ("lost", "gained") if turn[way])
