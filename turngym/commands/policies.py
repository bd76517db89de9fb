"""What the options of `rollout` and `eval` mean: the policy, the user it speaks with, limits, and where it runs.

Law: whatever cannot be used is refused here, before a run begins, in one line with the remedy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..envs.errors import RunError, shorten

if TYPE_CHECKING:
    from ..agents import Executor, Limits, Policy
    from ..agents.user import User

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
Trials = Annotated[int, typer.Option("-k", min=1, help="Rollouts of each task.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Episodes at once.")]
MaxSteps = Annotated[int, typer.Option(min=1, help="Assistant messages until an episode is cut.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Completion tokens until an episode is cut.")]
MaxSeconds = Annotated[float | None, typer.Option(help="Seconds until an episode is cut.")]
MaxRepeats = Annotated[int, typer.Option(min=1, help="The same call that many times in a row cuts an episode.")]
Shown = Annotated[int, typer.Option(min=1, help="Bytes of one tool result that the policy sees.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes for a policy that computes; with --ray, its actors.")]
RayAddress = Annotated[str | None, typer.Option("--ray", metavar="ADDRESS", help="Run on a Ray cluster: its address, auto, or local.")]
Repair = Annotated[bool, typer.Option(help="Move garbled lines of the run's record aside.")]
Redo = Annotated[bool, typer.Option(help="Make episodes again that ended by infrastructure errors.")]
Outage = Annotated[int, typer.Option(min=0, help="Stop after that many infrastructure errors in a row; 0 never.")]


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


def executor_of(workers: int | None, ray: str | None) -> Executor | None:
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
            raise RunError(f"--option {shorten(pair)} is no NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
