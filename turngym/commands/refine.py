"""The command `refine`: conversations of our own or of others through the stages of refinement, with a funnel.

Laws: without a model it is rules alone, and the same file gives the same data; every row that goes in stands in the funnel
with what became of it, and rejected rows are kept with their reason.
"""

from __future__ import annotations

import inspect
import itertools
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import answering, bar, styled, table
from ..stopping import watched
from .options import AsJson, OutDirectory, opens_data
from .setting import BaseUrl, Model, PolicyName, PolicyOptions, player_of

if TYPE_CHECKING:
    from ..agents import Policy


class JudgeKind(StrEnum):
    """Who judges answers to hard rows."""

    rules = "rules"
    models = "models"
    both = "both"


class KeepRule(StrEnum):
    """Which judges must agree."""

    all = "all"
    majority = "majority"


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(opens_data(refine))


def refine(
    source: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Samples, OpenAI messages with tools, or ShareGPT rows.")],
    out: OutDirectory,
    stages: Annotated[str, typer.Option(help="Of fcdr, prepare, hard, in this order; hard needs a model.")] = "fcdr,prepare",
    policy: PolicyName = None,
    option: PolicyOptions = None,
    model: Model = None,
    base_url: BaseUrl = None,
    loops: Annotated[int, typer.Option(min=0, help="How often a model may write a wrong row's messages anew.")] = 3,
    judges: Annotated[JudgeKind, typer.Option(help="Who judges answers to hard rows.")] = JudgeKind.both,
    keep: Annotated[KeepRule, typer.Option(help="Which of the three judges must let an answer stand.")] = KeepRule.majority,
    samples: Annotated[int, typer.Option(min=1, help="Answers to a hard row in a round.")] = 3,
    tau: Annotated[float, typer.Option(help="The score that an answer must exceed.")] = 0.5,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds over the hard pool.")] = 10,
    replay: Annotated[float, typer.Option(help="Share of qualified rows in hard.jsonl.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the answers and of the replayed rows.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="Rows under way at once where a model thinks.")] = 16,
    as_json: AsJson = False,
) -> None:
    """Refine conversations with tools: rules and models as stages, a funnel that adds up, rejected rows with their reasons."""
    from ..synthesis.refining import RefineOptions, Setting
    from ..synthesis.refining import refine as make

    with answering(as_json) as answer:
        parts = tuple(part.strip() for part in stages.split(",") if part.strip())
        hard = Setting(samples, tau, keep.value, rounds, replay, seed)
        options = RefineOptions(parts, loops, judges.value, hard, concurrency)
        examiner = answerer = None
        if policy is not None or model is not None:
            examiner = player_of(policy, option, model, base_url)
            answerer = _warm(examiner, policy, option, model, base_url) if "hard" in parts else None
        with bar("refining") as shown:
            made = make(source, out, options, examiner=examiner, answerer=answerer, progress=watched(shown))
        answer.data(made)
        answer.show(*_told(made), styled(f"Refined rows: {out}/refined.jsonl; what was rejected, and why: {out}/rejected.jsonl"))


def _warm(examiner: Policy, policy: str | None, option: list[str] | None, model: str | None, base_url: str | None) -> Policy:
    """The model that answers hard rows: the same at temperature 0.7, where it takes one and none was given."""
    from ..synthesis.refining.hard import TEMPERATURE

    given = option or []
    takes = "temperature" in inspect.signature(type(examiner)).parameters
    if not takes or any(pair.startswith("temperature=") for pair in given) or policy in ("transformers", "vllm"):
        return examiner  # engines hold their weights once, and sample at 0.7 by themselves
    return player_of(policy, [*given, f"temperature={TEMPERATURE}"], model, base_url)


def _told(made: dict[str, Any]) -> list[Any]:
    funnel = table(
        "stage", "in", "passed", "mended", "exempt", "dropped", "out", "why dropped", right="in,passed,mended,exempt,dropped,out"
    )
    for stage in made["stages"]:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(stage["dropped"].items(), key=lambda item: (-item[1], item[0])))
        numbers = (stage["in"], stage["passed"], stage["mended"], stage["exempt"], sum(stage["dropped"].values()), stage["out"])
        funnel.add_row(stage["stage"], *map(str, numbers), styled(why))
    lines: list[Any] = [funnel, f"[bold]{made['kept']}[/] of {made['rows']} rows kept in {made['seconds']:.1f} s"]
    mended = [f"{name} {count}" for stage in made["stages"] for name, count in stage["corrections"].items()]
    if mended:
        lines.append(styled(f"mended: {', '.join(mended)}", "dim"))
    if hard := made.get("hard"):
        bins = ", ".join(f"{name} {count}" for name, count in hard["bins"].items())
        pools = ", ".join(str(item["pool"]) for item in itertools.islice(hard["rounds"], 10))
        lines.append(styled(f"hard pool: {bins or 'empty'}; pool before each round: {pools or 'none'}"))
    return lines
