"""The command `eval`: a policy on the shipped packs or on tasks of one's own, and what it came to.

Laws: one run over all tasks, in one directory, from which the same command goes on; episodes that ended by errors
that are not the policy's are in no figure but `excluded`, and told with their causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import answering, bar, interval, percent, plain, styled, table, tell
from ..envs.errors import shorten
from ..sources import tasks_of
from ..stopping import STOPS
from .options import AsJson
from .setting import Setting, with_setting

if TYPE_CHECKING:
    from ..envs.task import Task


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("eval")(evaluate)


@with_setting
def evaluate(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="ENV|TASKS.jsonl", help="Envs and task files; default the shipped packs.")
    ] = None,
    *,
    setting: Setting,
    as_json: AsJson = False,
) -> None:
    """Evaluate a policy: success, progress, pass@k and pass^k per env, category and world, errors and effort."""
    with answering(as_json) as answer:
        player = setting.player()
        split = setting.split.value if setting.split else None
        report, figures = setting.run(player, lambda: _tasks(places or _packs(), setting.number, setting.seed, split), "evaluating")
        answer.data(figures)
        answer.show(*_told(figures))
    setting.leave(report)


def _packs() -> list[str]:
    from ..envs.registry import ENVS

    return [info.short for info in ENVS if info.pack]


def _tasks(places: Sequence[str], number: int | None, seed: int, split: str | None) -> list[Task]:
    """The tasks of all places, each once: a task that stands twice would get further trials."""
    found: dict[str, Task] = {}
    for place in places:
        with bar(f"tasks of {plain(shorten(place))}") as made:
            tasks = tasks_of(place, number, seed, split, made)
        again = sum(task.id in found for task in tasks)
        found.update({task.id: task for task in tasks})
        if again:
            tell(f"turngym: {again} tasks of {shorten(place)} are there already; each is taken once")
        STOPS.check()
    return list(found.values())


# -- for people -------------------------------------------------------------------------------------------


def _told(figures: dict[str, Any]) -> list[Any]:
    head = f"{figures['policy']}: {figures['episodes']} episodes of {figures['tasks']} tasks"
    resumed = f" ({figures['resumed']} found in the directory)" if figures["resumed"] else ""
    lines: list[Any] = [styled(head + resumed, "bold"), _groups(figures)]
    if len(figures["pass_at"]) > 1:
        lines.append(_passes(figures))
    lines += [styled(line) for line in (*_effort(figures), *_ends(figures))]
    if "out" in figures:
        lines.append(styled(f"Trajectories and figures: {figures['out']}", "bold"))
    return lines


def _groups(figures: dict[str, Any]) -> Any:
    most = max(figures["pass_at"], key=int, default="1")
    passes = (f"pass@{most}", f"pass^{most}") if most != "1" else ()
    apart = ("excluded",) if figures["excluded"] else ()
    numbers = ("tasks", "episodes", "success", "progress", *passes, *apart)
    shown = table("", "tasks", "episodes", "success", "95 % interval", "progress", "95 %", *passes, *apart, right=",".join(numbers))

    def add(name: str, part: dict[str, Any]) -> None:
        shares = [percent(part[kind][most]["value"]) if most in part[kind] else "-" for kind in ("pass_at", "pass_hat")] if passes else []
        shown.add_row(
            styled(name, limit=60), str(part["tasks"]), str(part["episodes"]), percent(part["success"]), interval(part["success_interval"]),
            percent(part["progress"]), interval(part["progress_interval"]), *shares, *([str(part["excluded"])] if apart else []),
        )  # fmt: skip

    for kind in ("env", "category", "world"):
        for name, part in figures[f"by_{kind}"].items():
            add(name if kind == "env" else f"{kind} {name}", part)
        shown.add_section()
    add("all", figures)
    return shown


def _passes(figures: dict[str, Any]) -> Any:
    shown = table("k", "pass@k", "95 % interval", "pass^k", "95 %", "tasks", right="k,pass@k,pass^k,tasks")
    for k, at in figures["pass_at"].items():
        hat = figures["pass_hat"][k]
        shown.add_row(k, percent(at["value"]), interval(at["interval"]), percent(hat["value"]), interval(hat["interval"]), str(at["tasks"]))
    return shown


def _effort(figures: dict[str, Any]) -> list[str]:
    spent = [f"{value:,.1f} {name.replace('_', ' ')}" for name, value in figures["per_episode"].items()]
    lines = [f"an episode: {', '.join(spent)}"] if spent else []
    times = figures["timings"]["episode"]
    if times["count"]:
        share = percent(figures["timings"]["policy_share"])
        spread = f"mean {_seconds(times['mean'])}, median {_seconds(times['p50'])}, 95 % within {_seconds(times['p95'])}"
        lines.append(f"time an episode: {spread}; the policy's share {share}")
    for name, used in figures["usage"].items():
        if used["episodes"] < figures["episodes"]:
            lines.append(f"{name.replace('_', ' ')} are reported by {used['episodes']} of {figures['episodes']} episodes")
    if figures.get("user"):
        lines.append(f"the simulated user, in all: {', '.join(f'{name} {count}' for name, count in figures['user'].items())}")
    return lines


def _ends(figures: dict[str, Any]) -> list[str]:
    ends = [f"{figures[key]} {key}" for key in ("completed", "truncated", "errors", "excluded") if figures[key]]
    lines = [", ".join(ends)] if ends else []
    for label, kind in (("truncated by", "truncated_reasons"), ("refused calls", "error_kinds")):
        if figures[kind]:
            lines.append(f"{label}: {', '.join(f'{name} {count}' for name, count in figures[kind].items())}")
    if set(figures["trials"]) - {str(figures["trials_wanted"])}:
        counts = [f"{k} for {count} tasks" for k, count in figures["trials"].items()]
        lines.append(f"trials that count, of {figures['trials_wanted']}: {', '.join(counts)}")
    if figures["missing"]:
        lines.append(f"missing: {figures['missing']} of {figures['missing'] + figures['recorded']} episodes")
    causes = list(figures["excluded_causes"].items())
    lines += [f"excluded, {count} times: {plain(cause, newlines=False)}" for cause, count in causes[:5]]
    return lines + ([f"excluded, {sum(count for _, count in causes[5:])} times: {len(causes) - 5} other causes"] if len(causes) > 5 else [])


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.1f} ms"
