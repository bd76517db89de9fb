"""The command `turngym`: options that all commands share, and the one place where errors become exit codes.

Exit codes (docs/formats.md has the table): 0 done; 1 what was examined does not hold, episodes ended by errors that are not the
policy's, or the disk is full; 2 the command cannot be followed, told in one line on stderr with the remedy; 130 and 143 stopped by a
signal, with what is kept of it in words; 70 a bug of ours. Law: no traceback without
`--debug`. Everything heavy is imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from . import __version__
from .commands import audit, compare, covering, data, demo, doctor, evaluate, packing, play, refine, running, serve, worlds
from .console import plain, tell, warning
from .envs.errors import TurngymError, WriteError, describe, shorten
from .stopping import STOPS, Stopped, stopping

_LONGEST = 2000  # characters of the one line that says what is wrong

app = typer.Typer(
    name="turngym",
    help="Stateful tool worlds to act in, and verified multi-turn function-calling data from them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, worlds, running, evaluate, compare, doctor, data, refine, covering, packing, play, audit, serve):
    module.add_to(app)


def _show_version(value: bool) -> None:
    if value:
        print(f"turngym {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere in the command.")] = False,
) -> None:
    """Options of every command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console entry: run the command and leave with its exit code."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader left; Python must not say so at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a command and give its exit code; what goes wrong is told on stderr."""
    debug = "--debug" in arguments
    if os.getcwd() not in sys.path:  # `my_module:World` of the place where the user stands; last, so it hides nothing
        sys.path.append(os.getcwd())
    try:
        with stopping(), warning():
            code = app([item for item in arguments if item != "--debug"], prog_name="turngym", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Stopped as stop:
        tell(f"turngym: stopped by {stop}; {STOPS.kept}")
        return stop.exit_code
    except (BrokenPipeError, EOFError):
        return 0
    except BaseException as error:
        if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
            return 0  # the parser's own way to say that the reader left
        if debug:
            raise
        return _explain(error)


def _explain(error: BaseException) -> int:
    """One line on stderr that says what is wrong, and the exit code for it."""
    if isinstance(error, TurngymError):
        _line(str(error))
        return 1 if isinstance(error, WriteError) else 2
    if hasattr(error, "format_message"):  # the parser's: an unknown option, a missing argument
        context = getattr(error, "ctx", None)
        _line(f"{error.format_message().rstrip('.')}; try: {context.command_path if context else 'turngym'} --help")
        return 2
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        _line(f"{place}{error.strerror or error}; name another place, or mend this one")
        return 1 if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 2
    if type(error).__name__ in ("Abort", "KeyboardInterrupt"):
        return 130
    if isinstance(error, (SystemExit, GeneratorExit)):  # of somebody's world or policy: nothing of ours leaves like that
        last = traceback.extract_tb(error.__traceback__)[-1]
        _line(f"{last.filename}, line {last.lineno}: {last.name} leaves Python ({type(error).__name__}: {error}); raise an error there")
        return 2
    _line(f"a bug of turngym: {describe(error)}; please report it with what --debug shows")
    return 70


def _line(said: Any) -> None:
    tell(f"turngym: error: {plain(shorten(' '.join(str(said).split()), _LONGEST))}")
