"""Commands about data: `synthesize` makes it, `verify` proves it again, `export` writes it for trainers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import answering, bar, percent, plain, styled, table, tell
from ..envs.errors import RunError, shorten
from ..sources import env_and_worlds, packed_lines
from ..stopping import ALL, STOPS, watched
from .casting import Casting, ModeName
from .ending import torn_words
from .options import AsJson, Files, Format, OutDirectory, Reasoning, Rows, Seed, SizeName, opens_data, trusting
from .setting import RayAddress, Workers, executor_of, spelt_out


class SamplingName(StrEnum):
    """Which tool a round calls next; a test holds them equal to what the sampler knows."""

    directed = "directed"
    random = "random"
    literal = "literal"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(opens_data(spelt_out(synthesize, "casting", Casting)))
    app.command()(opens_data(verify))
    app.command()(opens_data(export))


# -- synthesize -------------------------------------------------------------------------------------------


def synthesize(
    out: OutDirectory,
    casting: Casting,
    envs: Annotated[list[str] | None, typer.Argument(metavar="ENV...", help="Envs to take turns with.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many samples over all envs.")] = 100,
    seed: Seed = 0,
    size: Annotated[SizeName, typer.Option(help="How big the worlds are.")] = SizeName.small,
    min_jump: Annotated[float | None, typer.Option(min=0, max=1, help="The least jump score of a query.")] = None,
    strength: Annotated[int | None, typer.Option(min=0, max=2, help="Noise in the user's words; default drawn a sample.")] = None,
    turns: Annotated[str | None, typer.Option(help="User turns: 3, 1-3, or weights as 1:0.5,2:0.5.")] = None,
    mix: Annotated[
        str | None, typer.Option(metavar="CATEGORY=WEIGHT,...", help="How many of which category; `full` for all; default base alone.")
    ] = None,
    from_run: Annotated[Path | None, typer.Option("--from", metavar="RUN_DIR", help="Make samples of a run's successful rollouts.")] = None,
    failures: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Aim at tools that a run's policy failed with: chance as 1 + failures.")
    ] = None,
    sampling: Annotated[
        SamplingName, typer.Option(help="How calls are drawn: towards a target, any legal one, or by the paper's rule as printed.")
    ] = SamplingName.directed,
    k_max: Annotated[int, typer.Option(min=1, help="Attempts at an answer, each with a further hint.")] = 3,
    mode: Annotated[ModeName, typer.Option(help="Gold call for call, or its end with further reads.")] = ModeName.strict,
    workers: Workers = None,
    ray: RayAddress = None,
    as_json: AsJson = False,
) -> None:
    """Make verified multi-turn training conversations."""
    with answering(as_json) as answer:
        cast = casting.cast()
        if bool(envs) == (from_run is not None):
            raise RunError("name the envs to make samples in, or --from a run of rollouts; one of the two")
        for name in envs or ():
            env_and_worlds(name)
        if mix is not None and from_run is not None:
            raise RunError("with --from the categories are those of the rollouts; leave --mix out")
        if failures is not None and from_run is not None:
            raise RunError("with --from nothing is aimed at: the rollouts are what they are; leave --failures out")
        if sampling != "directed" and from_run is not None:
            raise RunError("with --from nothing is drawn: the rollouts are what they are; leave --sampling out")
        if sampling == "random" and failures is not None:
            raise RunError("--sampling random aims at nothing; leave --failures out")
        executor = executor_of(workers, ray)
        with bar("making samples") as shown:
            if from_run is not None:
                from ..synthesis.from_rollouts import synthesize_rollouts

                # the words are there already, so by default none is refused for being too plain
                if cast is not None:
                    raise RunError("with --from the roles are templates; leave the models out")
                if executor is not None:
                    raise RunError("with --from samples are made in this process; leave --workers and --ray out")
                options = _assembly(min_jump or 0.0, strength, turns)._replace(k_max=k_max, mode=mode.value)
                made = synthesize_rollouts(from_run, out, options=options, progress=watched(shown, ALL))
            else:
                from ..agents import InfrastructureError
                from ..synthesis import Request
                from ..synthesis import synthesize as make

                request = Request(tuple(envs or ()), number, seed, size.value)
                options = _assembly(min_jump, strength, turns)._replace(k_max=k_max, mode=mode.value)
                options = options._replace(sampler=options.sampler._replace(sampling=sampling.value))
                if mix is not None:
                    from ..synthesis.special.mix import parse_mix

                    options = options._replace(mix=parse_mix(mix))
                if failures is not None:
                    options = options._replace(sampler=options.sampler._replace(failures=_aims(failures, envs or ())))
                try:
                    if executor is not None:  # workers are closed in good order: a signal waits for the next progress
                        STOPS.check()
                    made = make(request, out, roles=cast, options=options, executor=executor, progress=watched(shown, ALL))
                except InfrastructureError as error:
                    tell(f"turngym: stopped, since a model could not be asked ({plain(error)}); the same command goes on")
                    raise typer.Exit(1) from None
        answer.data(made)
        answer.show(*made_lines(made), styled(f"Samples: {out}/samples.jsonl; prove them again: turngym verify {out}{trusting()}"))
    if cast is not None and not made["kept"]:
        tell("turngym: nothing was kept; the funnel says why, and --keep-exchanges keeps what was said")
        raise typer.Exit(1)


def _assembly(min_jump: float | None, strength: int | None, turns: str | None) -> Any:
    from ..synthesis import AssemblyOptions

    options = AssemblyOptions()
    if min_jump is not None:
        options = options._replace(min_jump=min_jump)
    if strength is not None:
        options = options._replace(strength=strength)
    return options if turns is None else options._replace(turns=_weights(turns, options.turns))


def _aims(run: Path, envs: Sequence[str]) -> dict[str, int]:
    """Tool -> failures in a run, for the tools of these envs."""
    from ..synthesis.aiming.targets import failures_in

    found = failures_in(run)
    aims = found.of_envs(envs)
    if not aims:
        tell(f"turngym: {run} shows no failure with a tool of {', '.join(envs)}; targets are drawn uniformly")
    return aims


def _weights(text: str, usual: dict[int, float]) -> dict[int, float]:
    try:
        if ":" in text:
            pairs = [part.split(":") for part in text.split(",")]
            found = {int(count): float(weight) for count, weight in pairs}
        else:
            low, _, high = text.partition("-")
            found = {count: usual.get(count, min(usual.values())) for count in range(int(low), int(high or low) + 1)}
        if not found or min(found) < 1 or max(found) > 50 or min(found.values()) < 0 or not sum(found.values()) > 0:
            raise ValueError
    except ValueError:
        raise RunError(f"--turns {shorten(text)} is none of 3, 1-3, 1:0.5,2:0.5 (between 1 and 50 turns)") from None
    return found


def made_lines(made: dict[str, Any]) -> list[Any]:
    """What synthesis came to, for people."""
    funnel = made.get("funnel", {})
    took = f" in {made['seconds']:.1f} s" if "seconds" in made else ""
    lines: list[Any] = [f"[bold]{made['kept']}[/] samples{took}"]
    if "turns" in made:
        share = ", ".join(f"{n}: {count}" for n, count in made["turns"].items())
        lines.append(
            f"user turns {share}; {made['calls_per_turn']:.1f} calls a turn; {percent(made['across_turns'])} depend on an earlier turn;"
            f" mean jump score {made['jump_score']:.2f}"
        )
    if "candidates" in funnel:
        refused = ", ".join(f"{reason} {count}" for reason, count in funnel["rejected"].items()) or "none"
        lines.append(styled(f"candidates {funnel['candidates']}, kept {funnel['kept']}, rejected: {refused}", "dim"))
    if rounds := funnel.get("rounds"):
        refused = ", ".join(f"{reason} {count}" for reason, count in rounds["rejected"].items()) or "none"
        lines.append(styled(f"rounds drawn {rounds['drawn']}, kept {rounds['kept']}, rejected: {refused}", "dim"))
    if failed := made.get("failed_attempts"):
        lines.append(styled("failed attempts: " + ", ".join(f"{kind} {count}" for kind, count in failed.items()), "dim"))
    for role, used in made.get("roles", {}).items():
        cost = f", cost {used['cost']:g}" if "cost" in used else ""
        tokens = f"{used['prompt_tokens']} + {used['completion_tokens']} tokens"
        lines.append(styled(f"{role}: {used['requests']} requests ({used['refused']} refused), {tokens}{cost}", "dim"))
    if shared := made.get("per_kept_sample"):
        lines.append(styled("a kept sample: " + ", ".join(f"{name} {value:g}" for name, value in shared.items()), "dim"))
    return lines


# -- verify -----------------------------------------------------------------------------------------------


def verify(
    source: Annotated[
        str, typer.Argument(metavar="DIR|FILE|ENV", help="What `synthesize` filled; a file of samples or tasks; or an env, for its pack.")
    ],
    workers: Workers = None,
    ray: RayAddress = None,
    as_json: AsJson = False,
) -> None:
    """Prove every sample or task again from its row and the installed worlds; exit 1 if one fails or the last line is torn."""
    from ..synthesis.proving import verify_directory, verify_lines

    with answering(as_json) as answer:
        executor = executor_of(workers, ray)
        with bar("verifying") as shown:
            if executor is not None:
                STOPS.check()
            if Path(source).exists() or "/" in source.partition(":")[0]:
                report = verify_directory(source, progress=watched(shown), executor=executor)
            else:
                report = verify_lines(packed_lines(source), progress=watched(shown), executor=executor)
        answer.data(report)
        failed = table("row", "why it is not proven")
        for item in report["failed"][:50]:
            failed.add_row(styled(item["id"]), styled(item["reason"], limit=400))
        wrong = bool(report["failed"] or report.get("torn"))
        line = f"[{'red' if wrong else 'green'}]{report['passed']} of {report['rows']} rows proven[/]" + torn_words(report)
        more = len(report["failed"]) - 50
        answer.show(*([failed] if report["failed"] else []), line + (f" ({more} more fail; --json names them all)" if more > 0 else ""))
    if wrong:
        raise typer.Exit(1)


# -- export -----------------------------------------------------------------------------------------------


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `synthesize` filled.")],
    out: Annotated[Path, typer.Option("--out", help="The directory to write; of a former export there, its own files are replaced.")],
    form: Annotated[Format, typer.Option("--format", help="What reads it; see docs/formats.md.")],
    rows: Annotated[
        Rows, typer.Option(help="A row a conversation, or one for each message: the assistant's, or the user's for prompts.")
    ] = Rows.conversation,
    reasoning: Annotated[
        Reasoning | None, typer.Option(help="Which reasoning stays; default keep, for message rows drop-earlier.", show_default=False)
    ] = None,
    files: Annotated[Files, typer.Option(help="Which files; Parquet needs the extra `data`.")] = Files.both,
    license: Annotated[str, typer.Option(help="The licence that the card names, as the hub spells it.")] = "unknown",
    as_json: AsJson = False,
) -> None:
    """Write a data set for trainers: JSONL and Parquet with a card that `datasets.load_dataset` reads."""
    from ..synthesis.export import export_dataset
    from ..synthesis.formats import ExportOptions

    with answering(as_json) as answer:
        with bar("exporting") as shown:
            kept = reasoning.value if reasoning else ""
            report = export_dataset(directory, out, ExportOptions(form.value, rows.value, kept, files.value, license), progress=shown)
        answer.data(report)
        listed = "\n".join(f"  {plain(out)}/{name}" for name in report["files"])
        answer.show(f"[bold]{report['rows']}[/] rows of {report['samples']} samples{torn_words(report)}", styled(listed))
