"""Arguments and options that several commands share, declared once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout and nothing else.")]
EnvArgument = Annotated[str, typer.Argument(metavar="ENV", help="An env: short name, id, module:World or file.py:World.")]
Seed = Annotated[int, typer.Option(help="What is drawn is drawn by this.")]
OutDirectory = Annotated[Path, typer.Option("--out", help="The directory to fill; the same command again goes on there.")]
OptionalOut = Annotated[Path | None, typer.Option("--out", help="A run directory; the same command again goes on there.")]


class SizeName(str, Enum):
    """How big the worlds are."""

    small = "small"
    medium = "medium"
    large = "large"


class SplitName(str, Enum):
    """Which part of a pack."""

    train = "train"
    test = "test"
