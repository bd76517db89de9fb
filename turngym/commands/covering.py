"""Commands about what data covers: `coverage`, `dedup` and `contamination` look at it, `refresh` turns to the boundary of a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import answering, bar, percent, plain, styled, table, tell
from ..envs.errors import MissingExtraError, RunError
from ..sources import writable_file, write_whole
from ..stopping import watched
from .options import AsJson, OutDirectory, opens_data

DataSet = Annotated[Path, typer.Argument(metavar="DIR", help="What `synthesize` filled, or a file of tasks.")]
_NAMED = 12  # names or rows that are shown to people


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(opens_data(coverage))
    app.command()(opens_data(dedup))
    app.command()(opens_data(contamination))
    app.command()(opens_data(refresh))


# -- coverage ---------------------------------------------------------------------------------------------


def coverage(
    directory: DataSet,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Jaccard index of near-duplicates; 0 leaves them uncounted.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Show what a data set covers: tools, pairs and edges of the tool graph, lengths, depths, words."""
    from ..synthesis.surveying.coverage import coverage as cover

    with answering(as_json) as answer:
        near = threshold or None
        with bar("reading") as shown:
            try:
                made = cover(directory, near, progress=watched(shown))
            except MissingExtraError as error:
                tell(f"turngym: near-duplicates are not counted: {plain(error)}")
                made = cover(directory, None, progress=watched(shown))
        answer.data(made)
        answer.show(f"[bold]{made['tasks']}[/] tasks", *_grounds(made), *_figures(made))


def _grounds(made: dict[str, Any]) -> list[Any]:
    lines: list[Any] = []
    found = table("what", "seen", "of", "share", right="seen,of,share")
    for ground in made["worlds"]:
        tools, edges = ground["tools"], ground["edges"]
        rows = [("tools targeted", tools["targeted"], tools["reachable"])]
        rows += [("dependent pairs", ground["pairs"]["seen"], ground["pairs"]["possible"])]
        rows += [(f"{kind} edges", part["seen"], part["possible"]) for kind, part in edges.items()]
        found.add_row(styled(", ".join(ground["worlds"]), "bold"), str(ground["tasks"]), "", "")
        for name, seen, possible in rows:
            found.add_row(f"  {name}", str(seen), str(possible), percent(seen / possible) if possible else "-")
        if missing := tools["missing"]:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            lines.append(styled(f"never targeted in {', '.join(ground['worlds'])}: {', '.join(missing[:_NAMED])}{more}", "dim"))
    return [found, *lines]


def _figures(made: dict[str, Any]) -> list[Any]:
    lines = [f"{label}: {_counts(made[key])}" for key, label in _HISTOGRAMS.items()]
    if jump := made["jump_score"]:
        lines.append(f"jump score of {jump['turns']} turns, mean {jump['mean']:.2f}: {_counts(jump['bins'])}")
    words = made["words"]
    distinct = ", ".join(f"distinct-{n} {share:.3f}" for n, share in words["distinct"].items())
    about = "about " if words["estimated"] else ""
    ratio = f"types to tokens {words['type_token']['ratio']:.3f} in {words['type_token']['words']} words"
    lines += [f"{words['words']} words, {about}{words['vocabulary']} different; {distinct}", ratio]
    if near := made["near_duplicates"]:
        lines.append(f"near-duplicates from {near['threshold']:g}: {near['rows']} ({percent(near['share'])})")
    return [styled(line) for line in lines]


_HISTOGRAMS = {
    "turns": "user turns", "categories": "categories", "plan_length": "calls a turn", "provenance_depth": "depth of values in a turn",
}  # fmt: skip


def _counts(found: dict[str, int]) -> str:
    numbers = all(key.lstrip("-").replace(".", "", 1).isdigit() for key in found)
    ordered = sorted(found.items(), key=lambda item: float(item[0])) if numbers else sorted(found.items())
    return ", ".join(f"{key}: {count}" for key, count in ordered) or "none"


# -- near-duplicates and contamination --------------------------------------------------------------------


def dedup(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `synthesize` filled.")],
    out: OutDirectory,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Jaccard index from which two rows are near.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Write a data set without near-duplicates: rows whose users say nearly the words of an earlier row."""
    from ..synthesis.surveying.nearness import deduplicate

    with answering(as_json) as answer:
        with bar("comparing") as shown:
            made = deduplicate(directory, out, threshold, progress=watched(shown))
        answer.data(made)
        near = made["near_duplicates"]
        found = table("removed", "near", "index", right="index")
        for item in made["removed"][:_NAMED]:
            found.add_row(styled(item["id"]), styled(item["near"]), f"{item['jaccard']:.3f}")
        line = f"[bold]{made['kept']}[/] of {near['rows']} rows stay, {near['removed']} were near an earlier one"
        ending = styled(f"Samples: {out}/samples.jsonl; what was removed: {out}/near_duplicates.json")
        answer.show(*([found] if made["removed"] else []), line, ending)


def contamination(
    directory: DataSet,
    against: Annotated[list[Path], typer.Option("--against", metavar="FILE...", help="Tasks, samples, BFCL entries, rows of messages.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Further files after --against.", show_default=False)] = None,
    similar: Annotated[float, typer.Option(min=0, max=1, help="Jaccard index from which a row is too similar.")] = 0.8,
    signs: Annotated[str, typer.Option(help="Which signs accuse; templates share words with packs of their own making.")] = (
        "words,similar,calls"
    ),
    as_json: AsJson = False,
) -> None:
    """Compare a data set with given tasks, a benchmark's above all; exit 1 if a row repeats one."""
    from ..synthesis.surveying.contamination import contamination as compare
    from ..synthesis.surveying.contamination import record_finding

    with answering(as_json) as answer:
        files = [*against, *(more or ())]
        with bar("comparing") as shown:
            report = compare(directory, files, similar, signs.split(","), progress=watched(shown))
        if directory.is_dir():
            record_finding(directory, report)
        answer.data(report)
        found = table("row", "sign", "entry", "what is shared")
        for item in report["found"][:_NAMED]:
            for piece in item["evidence"]:
                found.add_row(styled(item["id"]), piece["sign"], styled(piece["entry"]), styled(piece["shared"], limit=120))
        entries = ", ".join(f"{plain(file['file'])} ({file['entries']})" for file in report["files"])
        colour = "red" if report["contaminated"] else "green"
        more_of = len(report["found"]) - _NAMED
        line = f"[{colour}]{report['contaminated']} of {report['rows']} rows are contaminated[/]"
        counts = ", ".join(f"{sign} {count}" for sign, count in report["signs"].items())
        answer.show(
            *([found] if report["found"] else []), line + (f" ({more_of} more; --json names them all)" if more_of > 0 else ""),
            styled(f"signs: {counts}; compared with {entries}"),
        )  # fmt: skip
    if report["contaminated"]:
        raise typer.Exit(1)


# -- the boundary -----------------------------------------------------------------------------------------


def refresh(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run of `turngym rollout` with several trials a task.")],
    out: Annotated[Path, typer.Option(help="The task file (.jsonl); a former one is replaced.")],
    low: Annotated[float, typer.Option(min=0, max=1, help="Mean progress from which a task is kept.")] = 0.20,
    high: Annotated[float, typer.Option(min=0, max=1, help="Mean progress up to which a task is kept.")] = 0.85,
    retire: Annotated[float, typer.Option(min=0, max=1, help="Mean progress above which a task is retired.")] = 0.95,
    variants: Annotated[int, typer.Option(min=0, help="Variants of each kept task, in worlds of other seeds.")] = 1,
    vary_retired: Annotated[bool, typer.Option("--vary-retired", help="Make variants of retired tasks as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep the tasks at the boundary of what a policy can do, and make isomorphic variants of them."""
    from ..envs.task import TaskFile
    from ..synthesis.aiming.refresh import FATES, Refreshing
    from ..synthesis.aiming.refresh import refresh as sort_out

    with answering(as_json) as answer:
        writable_file(out)
        if out.exists():
            _ = TaskFile.read(out)[0]  # what is no task file is not ours to replace
        with bar("making variants") as shown:
            tasks, report = sort_out(run, Refreshing(low, high, retire, variants, vary_retired), progress=watched(shown))
        if not tasks:
            fates = ", ".join(f"{fate} {report[fate]}" for fate in FATES if report[fate])
            raise RunError(f"no task of {run} is at the boundary ({fates}); nothing was written; set other bounds: --low, --high")
        write_whole(out, "".join(task.line() + "\n" for task in tasks))
        answer.data({**report, "written": len(tasks), "out": str(out)})
        found = table("fate", "tasks", "mean progress", right="tasks")
        bounds = (f"{low:g} to {high:g}", f"above {retire:g}", f"below {low:g}", f"{high:g} to {retire:g}", "no episode counts")
        for fate, where in zip(FATES, bounds, strict=True):
            found.add_row(fate.replace("_", " "), str(report[fate]), where)
        made = report["variants"]
        lines = [f"variants made {made['made']} of {made['wanted']}"]
        if made["refused"]:
            lines.append("worlds that gave none: " + ", ".join(f"{reason} {count}" for reason, count in made["refused"].items()))
        if report["not_varied"]:
            lines.append("not varied: " + ", ".join(f"{name} {count}" for name, count in report["not_varied"].items()))
        answer.show(found, *(styled(line) for line in lines), styled(f"Written to {out}: {len(tasks)} tasks"))
