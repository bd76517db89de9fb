"""The command `serve`: an env's worlds for other programs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import tell
from ..envs.errors import RunError, shorten
from ..sources import env_and_worlds, writable_file
from .options import EnvArgument, SizeName, opens_data

if TYPE_CHECKING:
    from ..envs.bridges.mcp.serving import Ended
    from ..envs.task import Task

_ALL = "all"


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(opens_data(serve))


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
        typer.Option(
            metavar="ID|INDEX|all|FILE[:ID|:INDEX]",
            help="The tasks that sessions live through: of the env's pack, or of a file. Of several, each session gets the next in"
            " turn, or over HTTP the one it asks for: /mcp?task=ID or ?task=INDEX.",
        ),
    ] = None,
    hide: Annotated[list[str] | None, typer.Option(metavar="TOOL", help="A tool not to offer; may stand several times.")] = None,
    reset_tool: Annotated[bool, typer.Option("--reset-tool", help="Offer a tool reset(seed) that starts the session over.")] = False,
    reply_tool: Annotated[
        bool, typer.Option("--reply-tool", help="Offer a tool reply_to_user(text) that ends the turn of a task.")
    ] = False,
    state: Annotated[bool, typer.Option("--state", help="Let clients read the whole state; shows a model what only tools should.")] = False,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="Let clients read how they are judged; shows a model what is missing, gold's values included.")
    ] = False,
    verdict_log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append a line of JSON for each session that ends: session, task, verdict, calls, resets."),
    ] = None,
    max_sessions: Annotated[
        int, typer.Option(min=1, help="Most sessions at once over HTTP; one that was idle for a minute makes room for a new one.")
    ] = 1000,
) -> None:
    """Serve an env's worlds to any MCP client; every session has worlds of its own."""
    if not mcp:
        raise RunError("say what to speak: --mcp is the one protocol there is")
    from ..envs.extras import need

    need("mcp")
    from ..envs.bridges.mcp.room import offer_of
    from ..envs.bridges.mcp.serving import Hall
    from ..envs.bridges.mcp.transports import serve_http, serve_stdio
    from ..envs.worldset import WorldSpec

    host, port = _address(http) if http is not None else ("", 0)
    info, classes = env_and_worlds(env)
    tasks = _tasks(env, task) if task is not None else ()
    offer = offer_of(
        info.short if info.pack else "-".join([cls.__name__ for cls in classes]),
        tuple([WorldSpec(cls, seed, size.value) for cls in classes]), tasks=tasks, hidden=frozenset(hide or ()),
        reset_tool=reset_tool, reply_tool=reply_tool, state=state, verdict=verdict,
    )  # fmt: skip
    hall = Hall(offer, ended=_teller(verdict_log), told=lambda line: tell(f"turngym: {line}"))
    what = f"{offer.name}, {len(tasks)} tasks," if len(tasks) > 1 else offer.name
    if http is None:
        serve_stdio(hall, lambda: tell(f"turngym: serving {what} over stdin and stdout"))
    else:
        serve_http(hall, host, port, lambda address: tell(f"turngym: serving {what} at {address}"), max_sessions)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise RunError(f"--http {shorten(text)} is no HOST:PORT; for example 127.0.0.1:8000")
    return host.strip("[]") or "127.0.0.1", int(port)


def _tasks(env: str, wanted: str) -> Sequence[Task]:
    """The tasks that `--task` means: of the env's pack, or of a file."""
    from ..envs.packed import pack_of
    from ..envs.task import TaskFile

    file, _, place = wanted.rpartition(":")
    if Path(wanted).is_file():
        file, place = wanted, _ALL
    if file:
        found = TaskFile.read(file)
    else:
        info, _ = env_and_worlds(env)
        found, place = pack_of(env) if info.pack else TaskFile((), "no pack"), wanted
    if place == _ALL and len(found):
        return list(found)
    if file or not place.isdecimal():  # tasks of others may have numbers for ids, those of packs never do
        for one in found:
            if one.id == place:
                return (one,)
    if place.isdecimal() and int(place) < len(found):
        return (found[int(place)],)
    raise RunError(f"{found.name} holds no task {shorten(place)} among its {len(found)}; name an id, or an index from 0")


def _teller(log: Path | None) -> Callable[[Ended], None]:
    """Tells whoever serves how a session stood when it ended: a line on stderr, and one of JSON in a file."""
    if log is not None:
        _appended(writable_file(log, lambda head: True), b"")  # what stands there stays: it is appended to

    def told(ended: Ended) -> None:
        tell(f"turngym: {ended.line()}")
        if log is not None:
            try:
                _appended(log, json.dumps(ended._asdict()).encode() + b"\n")
            except (OSError, RunError) as error:
                tell(f"turngym: that line is not in {log}: {error}")

    return told


def _appended(log: Path, line: bytes) -> None:
    """Append to a plain file, whole; never through a link."""
    try:
        opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o644)
    except OSError as error:
        raise RunError(f"cannot write {log}: {'it is a link' if log.is_symlink() else error.strerror}; name a plain file") from None
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise RunError(f"{log} is no plain file; name one")
        if os.write(opened, line) != len(line):
            raise OSError("the disk took a part of it")
    finally:
        os.close(opened)
