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
from .running import counted, leave

if TYPE_CHECKING:
    from ..envs.task import Task


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("eval")(evaluate)


def evaluate(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="ENV|TASKS.jsonl", help="Envs and task files; default the shipped packs.")
    ] = None,
    policy: PolicyName = None,
    option: PolicyOptions = None,
    model: Model = None,
    base_url: BaseUrl = None,
    number: Annotated[int | None, typer.Option("-n", min=1, help="How many tasks of each place, drawn by the seed; default all.")] = None,
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
    """Evaluate a policy: success, progress, pass@k and pass^k per env, category and world, errors and effort."""
    from ..agents import run_all

    with answering(as_json) as answer:
        player = player_of(policy, option, model, base_url)
        limits = limits_of(max_steps, max_tokens, max_seconds, max_repeats, shown)
        user, executor = user_of(user_model, user_url, user_option), executor_of(workers, ray)
        chosen = _tasks(places or _packs(), number, seed, split.value if split else None)
        with bar("evaluating") as progress:
            report = run_all(
                player, chosen, out=out, keep=False, on_trajectory=counted(progress, len(chosen) * trials), trials=trials, seed=seed,
                concurrency=concurrency, limits=limits, user=user, executor=executor, repair=repair, redo=redo, outage=outage or None,
            )  # fmt: skip
        for note in report.notes:
            tell(f"turngym: {note}")
        about = {"policy": player.name, "made": report.made, "resumed": report.resumed, "stopped": report.stopped}
        wanted = {"tasks_wanted": len(chosen), "trials_wanted": trials, "missing": len(chosen) * trials - report.summary["recorded"]}
        figures = {**report.summary, **about, **wanted, **({"out": str(out)} if out else {})}
        answer.data(figures)
        answer.show(*_told(figures))
    leave(report, out)


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
