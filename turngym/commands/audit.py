"""The command `audit`: decides for every task of a set whether it is sound, and explains each finding."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
