"""The command `serve`: an env's worlds for other programs."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
