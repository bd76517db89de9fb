"""The command `compare`: stored runs side by side, task by task, and what can be concluded from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from ..console import Fitting, answering, bar, percent, plain, styled, table
from ..envs.errors import RunError
from ..stopping import STOPS
from .options import AsJson, opens_data

_COUNTS = ("wins", "losses", "ties")
_WHY = {
    "only_first": "only in the first run",
    "only_second": "only in the second run",
    "other_version": "in another version",
    "no_common_trial": "without a common trial",
    "excluded": "without a trial that counts in both",
}


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(opens_data(compare))


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run directories, or JSONL files of trajectories.")],
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Each against each; else each against the first.")] = False,
    show: Annotated[int, typer.Option(min=0, help="How many tasks to name that came out otherwise.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Compare runs on the tasks they share: paired differences with intervals, tests, and what can be concluded."""
    from ..agents.compare import compare as compare_runs
    from ..agents.compare import read_run

    if len(runs) < 2:
        raise RunError("a comparison needs two runs or more; name another: turngym compare RUN RUN")
    with answering(as_json) as answer:
        found = []
        with bar("reading") as shown:
            for number, (place, name) in enumerate(zip(runs, _names(runs), strict=True), 1):
                found.append(read_run(place, name))
                shown(number, len(runs))
                STOPS.check()
        result = compare_runs(found, every=all_pairs, show=show)
        answer.data(result)
        if not as_json:
            answer.show(_runs(result), *(thing for pair in result["pairs"] for thing in _pair(pair)), *_several(result))


def _names(runs: Sequence[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for run in runs:
        seen[run] += 1
        yield run if seen[run] == 1 else f"{run} ({seen[run]})"


def _runs(result: dict[str, Any]) -> Any:
    shown = table("run", "policy", "tasks", "episodes", "excluded", "success", right="tasks,episodes,excluded,success")
    for run in result["runs"]:
        counts = (str(run["tasks"]), str(run["episodes"]), str(run["excluded"]))
        shown.add_row(styled(run["name"]), styled(", ".join(run["policies"]), limit=60), *counts, percent(run["success"]))
    return shown


def _pair(pair: dict[str, Any]) -> Iterator[Any]:
    yield styled(f"{pair['second']} against {pair['first']}", "bold")
    yield Fitting(*(_differences(pair, counts) for counts in (("tasks", *_COUNTS), ("tasks",), ())))
    for name, part in pair["effort"].items():
        low, high = part["interval"]
        change = f"{part['difference']:+,.1f} ({low:+,.1f} to {high:+,.1f})"
        yield styled(f"{name.replace('_', ' ')} an episode: {part['first']:,.1f}, {change}, {part['tasks']} tasks", "dim")
    for flip in pair["flipped"]:
        before, after = flip["success"]
        yield styled(f"{'+' if after > before else '-'} {plain(flip['task'], 100, newlines=False)}: {percent(before)} to {percent(after)}")
    if left := pair["wins"] + pair["losses"] - len(pair["flipped"]):
        yield styled(f"{left} other tasks came out otherwise (--show)", "dim")
    for line in (*_left_out(pair), *pair["notes"]):
        yield styled(f"note: {plain(line, newlines=False)}", "yellow")
    yield styled(f"{plain(pair['conclusion'], newlines=False)}\n", "bold green" if pair["better"] else "bold")


def _differences(pair: dict[str, Any], counts: Sequence[str]) -> Any:
    shares = ("first", "second", "difference")
    shown = table("", *shares, "95 % interval", *counts, right=",".join((*shares, *counts)))

    def add(name: str, part: dict[str, Any]) -> None:
        cells = _cells(part["tasks"], part["success"], part["difference"], part["interval"])
        shown.add_row(styled(name, limit=60), *cells, *(str(part[count]) for count in counts))

    for kind in ("env", "category"):
        for name, part in pair[f"by_{kind}"].items():
            add(name if kind == "env" else f"{kind} {name}", part)
        shown.add_section()
    add("success", pair)
    cells = _cells(pair["tasks"], pair["progress"], pair["progress_difference"], pair["progress_interval"])
    shown.add_row("progress", *cells, *(str(pair["tasks"]) for count in counts[:1]))
    return shown


def _cells(tasks: int, shares: Sequence[float], difference: float, bounds: Sequence[float]) -> tuple[str, ...]:
    if not tasks:
        return "-", "-", "-", "-"  # a share of nothing is no figure
    return *(percent(share) for share in shares), *_change(difference, bounds)


def _change(difference: float, interval: Sequence[float]) -> tuple[str, str]:
    low, high = interval
    return f"{100 * difference:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}"


def _left_out(pair: dict[str, Any]) -> Iterator[str]:
    if pair["dropped"]:
        told = ", ".join(f"{count} {_WHY[why]}" for why, count in pair["dropped"].items())
        yield f"{sum(pair['dropped'].values())} tasks are left out: {told}"
    if pair["unpaired_episodes"]:
        yield f"{pair['unpaired_episodes']} episodes count in one run and have no counterpart in the other"


def _several(result: dict[str, Any]) -> Iterator[Any]:
    if result["comparisons"] > 1:
        told = f"{result['comparisons']} comparisons: p values are adjusted for it (Holm), intervals are not."
        yield styled(told, "dim")
