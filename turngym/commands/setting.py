"""The options that `rollout` and `eval` share: the policy, the user it speaks with, limits, and where it runs.

Law: whatever cannot be used is refused before a run begins, in one line with the remedy.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ..console import bar, plain, tell
from ..envs.errors import RunError, shorten
from ..stopping import STOPS
from .options import OptionalOut, Seed, SplitName

if TYPE_CHECKING:
    from ..agents import Limits, Policy, RunReport
    from ..agents.executors.processes import Processes
    from ..agents.executors.ray import OnRay
    from ..agents.user import User
    from ..envs.task import Task

PolicyName = Annotated[
    str | None,
    typer.Option("--policy", help="null, random, oracle, graph, scripted, replay, chat, transformers, vllm, or module:object."),
]
PolicyOptions = Annotated[
    list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="An option of the policy; value as JSON or text.")
]
Model = Annotated[str | None, typer.Option(help="The model, as its server calls it, or its directory; alone it means --policy chat.")]
BaseUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible server (http://host:port/v1); default $OPENAI_BASE_URL.")]
UserModel = Annotated[str | None, typer.Option(help="Let this model play the user, who answers questions from the task's facts.")]
UserUrl = Annotated[str | None, typer.Option("--user-base-url", help="The server of the user's model; default the policy's.")]
UserOptions = Annotated[
    list[str] | None, typer.Option("--user-option", metavar="NAME=VALUE", help="An option of the simulated user or of its model.")
]
Number = Annotated[int | None, typer.Option("-n", min=1, help="How many tasks of each place, drawn by the seed; default all.")]
Split = Annotated[SplitName | None, typer.Option(help="Which tasks of a pack; default both.")]
Trials = Annotated[int, typer.Option("-k", min=1, help="Rollouts of each task.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Episodes at once.")]
MaxSteps = Annotated[int, typer.Option(min=1, help="Assistant messages until an episode is cut.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Completion tokens until an episode is cut.")]
MaxSeconds = Annotated[float | None, typer.Option(help="Seconds until an episode is cut.")]
MaxRepeats = Annotated[int, typer.Option(min=1, help="The same call that many times in a row cuts an episode.")]
Shown = Annotated[int, typer.Option(min=1, help="Bytes of one tool result that the policy sees.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes, for work that computes; with --ray, its actors.")]
RayAddress = Annotated[str | None, typer.Option("--ray", metavar="ADDRESS", help="Run on a Ray cluster: its address, auto, or local.")]
Repair = Annotated[bool, typer.Option(help="Move garbled lines of the run's record aside.")]
Redo = Annotated[bool, typer.Option(help="Make episodes again that ended by infrastructure errors.")]
Outage = Annotated[int, typer.Option(min=0, help="Stop after that many infrastructure errors in a row; 0 never.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The options, as given."""

    policy: PolicyName = None
    option: PolicyOptions = None
    model: Model = None
    base_url: BaseUrl = None
    number: Number = None
    trials: Trials = 1
    seed: Seed = 0
    split: Split = None
    concurrency: Concurrency = 32
    max_steps: MaxSteps = 100
    max_tokens: MaxTokens = None
    max_seconds: MaxSeconds = None
    max_repeats: MaxRepeats = 16
    shown: Shown = 16_384
    user_model: UserModel = None
    user_url: UserUrl = None
    user_option: UserOptions = None
    workers: Workers = None
    ray: RayAddress = None
    out: OptionalOut = None
    repair: Repair = False
    redo: Redo = False
    outage: Outage = 100

    def player(self) -> Policy:
        """The policy that the options name."""
        return player_of(self.policy, self.option, self.model, self.base_url)

    def run(self, player: Policy, tasks: Callable[[], Sequence[Task]], label: str) -> tuple[RunReport, dict[str, Any]]:
        """Roll out; `tasks` is asked once everything else is known to be usable. Gives the report, and it as JSON data."""
        from ..agents import run_all

        limits = limits_of(self.max_steps, self.max_tokens, self.max_seconds, self.max_repeats, self.shown)
        user, executor = user_of(self.user_model, self.user_url, self.user_option), executor_of(self.workers, self.ray)
        chosen = tasks()
        STOPS.check()
        wanted, numbers = len(chosen) * self.trials, itertools.count(1)
        with bar(label) as progress:
            report = run_all(
                player, chosen, out=self.out, keep=False, on_trajectory=lambda made: progress(next(numbers), wanted),
                trials=self.trials, seed=self.seed, concurrency=self.concurrency, limits=limits, user=user, executor=executor,
                repair=self.repair, redo=self.redo, outage=self.outage or None,
            )  # fmt: skip
        for note in report.notes:
            tell(f"turngym: {note}")
        about = {"policy": player.name, "made": report.made, "resumed": report.resumed, "stopped": report.stopped}
        counts = {"tasks_wanted": len(chosen), "trials_wanted": self.trials, "missing": wanted - report.summary["recorded"]}
        return report, {**report.summary, **about, **counts, **({"out": str(self.out)} if self.out else {})}

    def leave(self, report: RunReport) -> None:
        """Say why a run ended early, and leave with its exit code."""
        kept = f"{report.made} episodes are kept, and the same command goes on" if self.out else "without --out nothing is kept"
        if report.stopped:
            tell(f"turngym: stopped by {report.stopped}; {kept}")
        if report.outage:
            tell(f"turngym: stopped, since nothing works any more ({plain(report.outage)}); {kept}" + (" with --redo" if self.out else ""))
        elif self.out and report.summary["excluded_reasons"].get("infrastructure"):
            tell("turngym: some episodes ended by infrastructure errors; the same command with --redo makes them again")
        if report.exit_code:
            raise typer.Exit(report.exit_code)


def with_setting(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose argument `setting` is spelt out as the options of `Setting`."""
    return spelt_out(command, "setting", Setting)


def spelt_out(command: Callable[..., None], name: str, kind: Any) -> Callable[..., None]:
    """A command whose argument `name` is spelt out as the options that are the fields of the dataclass `kind`."""
    hints = get_type_hints(kind, include_extras=True)
    own = [part for part in inspect.signature(command, eval_str=True).parameters.values() if part.name != name]
    alone = inspect.Parameter.KEYWORD_ONLY
    shared = [inspect.Parameter(part.name, alone, default=part.default, annotation=hints[part.name]) for part in fields(kind)]

    @functools.wraps(command)
    def spelt(**given: Any) -> None:
        command(**{name: kind(**{part.name: given.pop(part.name) for part in shared})}, **given)

    parts = [*[part.replace(kind=alone) for part in own], *shared]
    spelt.__signature__ = inspect.Signature(parts)  # type: ignore[attr-defined]
    spelt.__annotations__ = {part.name: part.annotation for part in parts}
    return spelt


def player_of(name: str | None, options: list[str] | None, model: str | None, base_url: str | None) -> Policy:
    """The policy that these options name."""
    from ..agents import make_policy

    if name is None and model is None:
        raise RunError("no policy is named; give --policy NAME, or --model NAME of a server")
    given = {"model": model, "base_url": base_url}
    chosen = {**values_of(options or ()), **{key: value for key, value in given.items() if value is not None}}
    name = name or "chat"
    try:
        return make_policy(name, **chosen)
    except ValueError as error:  # what the policy itself says of its options
        raise RunError(f"policy {shorten(name)}: {error}; see its --option") from None


def user_of(model: str | None, base_url: str | None, options: list[str] | None) -> User | None:
    """The simulated user that these options name; None plays the tasks' own words."""
    if model is None:
        if base_url is not None or options:
            raise RunError("--user-base-url and --user-option need --user-model")
        return None
    from ..agents.user import make_user

    given = {"model": model, **({"base_url": base_url} if base_url is not None else {})}
    try:
        return make_user("simulated", **{**given, **values_of(options or ())})
    except ValueError as error:
        raise RunError(f"the simulated user: {error}; see --user-option") from None


def executor_of(workers: int | None, ray: str | None) -> Processes | OnRay | None:
    """Where it runs; None is this process."""
    if ray is not None:
        from ..agents.executors.ray import OnRay

        return OnRay(None if ray == "local" else ray, workers=workers)
    if workers is None:
        return None
    from ..agents.executors.processes import Processes

    return Processes(workers)


def limits_of(steps: int, tokens: int | None, seconds: float | None, repeats: int, shown: int) -> Limits:
    """The limits of each episode."""
    from ..agents import Limits

    try:
        return Limits(steps=steps, tokens=tokens, seconds=seconds, repeats=repeats, shown=shown)
    except ValueError as error:
        raise RunError(str(error)) from None


def values_of(pairs: Iterable[str]) -> dict[str, Any]:
    """`NAME=VALUE` pairs as a dictionary; a value is JSON, or else text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise RunError(f"the option {shorten(pair)} is no NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
