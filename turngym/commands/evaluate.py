"""The command `eval`: a policy on the shipped packs or on tasks of one's own, and what it came to.

Laws: one run over all tasks, in one directory, from which the same command goes on; episodes that ended by errors
that are not the policy's are in no figure but `excluded`, and told with their causes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import Fitting, answering, bar, interval, percent, plain, styled, table, tell
from ..envs.errors import shorten
from ..sources import tasks_of
from ..stopping import STOPS
from . import leaderboard
from .ending import ends_of
from .options import AsJson, opens_data
from .setting import Setting, with_setting

if TYPE_CHECKING:
    from ..envs.task import Task


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("eval")(opens_data(evaluate))


@with_setting
def evaluate(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="ENV|TASKS.jsonl", help="Envs and task files; default the shipped packs.")
    ] = None,
    *,
    setting: Setting,
    more: Annotated[
        list[str] | None,
        typer.Option("--tasks", metavar="ENV|TASKS.jsonl|bfcl:CATEGORY", help="The same as an option; may be given again."),
    ] = None,
    bfcl_model: Annotated[
        str, typer.Option(metavar="NAME", help="The folder of BFCL's result files, a model that it decodes function calls for.")
    ] = "gpt-4o-2024-11-20-FC",
    as_json: AsJson = False,
) -> None:
    """Evaluate a policy: success, progress, pass@k and pass^k per env, category and world, errors and effort.

    For tasks of BFCL (`bfcl:multi_turn_base`) its own number stands beside, and --out holds result files for `bfcl evaluate`.
    """
    chosen = [*(places or ()), *(more or ())] or _packs()
    with answering(as_json) as answer:
        setting = leaderboard.unlimited(setting, chosen)
        player = setting.player()
        split = setting.split.value if setting.split else None
        report, figures = setting.run(player, lambda: _tasks(chosen, setting.number, setting.seed, split), "evaluating")
        if any(leaderboard.is_listed(place) for place in chosen):
            figures["bfcl"] = leaderboard.scores(figures) | (leaderboard.files_of(setting.out, bfcl_model) if setting.out else {})
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
    lines += [styled(line) for line in (*_effort(figures), *ends_of(figures))]
    if "bfcl" in figures:
        lines += leaderboard.told(figures["bfcl"])
    if "out" in figures:
        lines.append(styled(f"Trajectories and figures: {figures['out']}", "bold"))
    return lines


_LEAVE = ("progress_interval", "pass", "tasks")  # what a narrow terminal goes without, first to last


def _groups(figures: dict[str, Any]) -> Any:
    return Fitting(*[_group_table(figures, frozenset(_LEAVE[:number])) for number in range(len(_LEAVE) + 1)])


def _group_table(figures: dict[str, Any], without: frozenset[str]) -> Any:
    most = max(figures["pass_at"], key=int, default="1")
    columns: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
        "tasks": ("tasks", lambda part: str(part["tasks"])),
        "episodes": ("episodes", lambda part: str(part["episodes"])),
        "success": ("success", lambda part: _share(part, percent(part["success"]))),
        "success_interval": ("95 % interval", lambda part: _share(part, interval(part["success_interval"]))),
        "progress": ("progress", lambda part: _share(part, percent(part["progress"]))),
        "progress_interval": ("95 %", lambda part: _share(part, interval(part["progress_interval"]))),
    }
    if most != "1" and "pass" not in without:
        columns["pass_at"] = (f"pass@{most}", lambda part: _pass(part["pass_at"], most))
        columns["pass_hat"] = (f"pass^{most}", lambda part: _pass(part["pass_hat"], most))
    if figures["excluded"]:
        columns["excluded"] = ("excluded", lambda part: str(part["excluded"]))
    taken = [column for name, column in columns.items() if name not in without]
    shown = table("", *(head for head, _ in taken), right=",".join(head for head, _ in taken if not head.startswith("95")))

    def add(name: str, part: dict[str, Any]) -> None:
        shown.add_row(styled(name, limit=60), *(cell(part) for _, cell in taken))

    for kind in ("env", "category", "world"):
        for name, part in figures[f"by_{kind}"].items():
            add(name if kind == "env" else f"{kind} {name}", part)
        shown.add_section()
    add("all", figures)
    return shown


def _share(part: dict[str, Any], said: str) -> str:
    return said if part["episodes"] else "-"  # a share of nothing is no figure


def _pass(estimates: dict[str, Any], k: str) -> str:
    return percent(estimates[k]["value"]) if k in estimates else "-"


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
        spoken = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in figures["user"].items())
        lines.append(f"the simulated user, in all: {spoken}")
    return lines


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.1f} ms"
