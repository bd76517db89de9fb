"""Arguments and options that several commands share, declared once."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout and nothing else.")]
EnvArgument = Annotated[str, typer.Argument(metavar="ENV", help="An env: short name, id, module:World or file.py:World.")]
Seed = Annotated[int, typer.Option(help="What is drawn is drawn by this.")]
OutDirectory = Annotated[Path, typer.Option("--out", help="The directory to fill; the same command again goes on there.")]
OptionalOut = Annotated[Path | None, typer.Option("--out", help="A run directory; the same command again goes on there.")]

TrustedWorlds = Annotated[
    list[str] | None,
    typer.Option("--world", metavar="PLACE", help="A world of your own that the data may name: its code runs. May stand several times."),
]


def opens_data(command: Callable[..., None]) -> Callable[..., None]:
    """A command that reads tasks, samples or trajectories, with the option `--world`: which worlds of one's own they may name."""
    parts = list(inspect.signature(command, eval_str=True).parameters.values())
    trusted = inspect.Parameter("world", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=TrustedWorlds)

    @functools.wraps(command)
    def opening(*given: Any, world: list[str] | None = None, **named: Any) -> None:
        from ..envs.door import allow

        allow(*(world or ()))
        command(*given, **named)

    signature = inspect.Signature([*[part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in parts], trusted])
    opening.__signature__ = signature  # type: ignore[attr-defined]
    opening.__annotations__ = {part.name: part.annotation for part in signature.parameters.values()}
    return opening


def trusting() -> str:
    """What a command has to be given besides, so that it opens what this one made: the worlds that were named here."""
    from ..envs.door import allowed

    return "".join(f" --world {shlex.quote(place)}" for place in allowed())


class SizeName(StrEnum):
    """How big the worlds are."""

    small = "small"
    medium = "medium"
    large = "large"


class SplitName(StrEnum):
    """Which part of a pack."""

    train = "train"
    test = "test"


# The choices of `export`, named here so that `--help` need not import the exporter; a test holds them equal.


class Format(StrEnum):
    """What reads an export."""

    openai = "openai"
    trl = "trl"
    trl_grpo = "trl-grpo"
    sharegpt = "sharegpt"
    verl = "verl"
    bfcl = "bfcl"
    tasks = "tasks"


class Rows(StrEnum):
    """What a row of an export is."""

    conversation = "conversation"
    message = "message"


class Reasoning(StrEnum):
    """Which reasoning stays in an export."""

    keep = "keep"
    drop_earlier = "drop-earlier"
    drop = "drop"


class Files(StrEnum):
    """Which files an export has."""

    both = "both"
    jsonl = "jsonl"
    parquet = "parquet"
