"""The command `serve`: an env's worlds for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import tell
from ..envs.errors import RunError, shorten
from ..sources import env_and_worlds
from .options import EnvArgument, SizeName

if TYPE_CHECKING:
    from ..envs.task import Task


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(serve)


def serve(
    env: EnvArgument,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Speak the Model Context Protocol, over stdin and stdout if --http is left out.")
    ] = False,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Serve over streamable HTTP; port 0 is any free one.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the worlds.")] = 0,
    size: Annotated[SizeName, typer.Option(help="How big the worlds are.")] = SizeName.small,
    task: Annotated[
        str | None,
        typer.Option(metavar="ID|INDEX|FILE[:INDEX]", help="A task every session lives through: of the env's pack, or of a file."),
    ] = None,
    hide: Annotated[list[str] | None, typer.Option(metavar="TOOL", help="A tool not to offer; may stand several times.")] = None,
    reset_tool: Annotated[bool, typer.Option("--reset-tool", help="Offer a tool reset(seed) that starts the session over.")] = False,
    reply_tool: Annotated[
        bool, typer.Option("--reply-tool", help="Offer a tool reply_to_user(text) that ends the turn of a task.")
    ] = False,
    state: Annotated[bool, typer.Option("--state", help="Let clients read the whole state; shows a model what only tools should.")] = False,
) -> None:
    """Serve an env's worlds to any MCP client; every session has worlds of its own."""
    if not mcp:
        raise RunError("say what to speak: --mcp is the one protocol there is")
    from ..envs.extras import need

    need("mcp")
    from ..envs.bridges.mcp.room import offer_of
    from ..envs.bridges.mcp.transports import serve_http, serve_stdio
    from ..envs.worldset import WorldSpec

    host, port = _address(http) if http is not None else ("", 0)
    info, classes = env_and_worlds(env)
    offer = offer_of(
        info.short if info.pack else "-".join([cls.__name__ for cls in classes]),
        tuple([WorldSpec(cls, seed, size.value) for cls in classes]), task=_task(env, task) if task is not None else None,
        hidden=frozenset(hide or ()), reset_tool=reset_tool, reply_tool=reply_tool, state=state,
    )  # fmt: skip
    if http is None:
        serve_stdio(offer, lambda: tell(f"turngym: serving {offer.name} over stdin and stdout"))
    else:
        serve_http(offer, host, port, lambda address: tell(f"turngym: serving {offer.name} at {address}"))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise RunError(f"--http {shorten(text)} is no HOST:PORT; for example 127.0.0.1:8000")
    return host.strip("[]") or "127.0.0.1", int(port)


def _task(env: str, wanted: str) -> Task:
    """A task by id or index of the env's pack, or of a file."""
    from ..envs.packed import pack_of
    from ..envs.task import TaskFile

    file, _, place = wanted.rpartition(":")
    if Path(wanted).is_file():
        file, place = wanted, "0"
    if file:
        found = TaskFile.read(file)
    else:
        info, _ = env_and_worlds(env)
        found, place = pack_of(env) if info.pack else TaskFile((), "no pack"), wanted
    if place.isdecimal() and int(place) < len(found):
        return found[int(place)]
    for one in found:
        if one.id == place:
            return one
    raise RunError(f"{found.name} holds no task {shorten(place)} among its {len(found)}; name an id, or an index from 0")
