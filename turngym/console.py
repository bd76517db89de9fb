"""What the commands print, and where: answers on stdout, everything else on stderr.

Laws: with `--json` stdout holds one JSON value and nothing else, whatever a world prints; text from worlds and
models never reaches the terminal with a control character in it; bars are drawn on stderr, and only where a
terminal looks.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

Progress = Callable[[int, int], None]
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def plain(text: object, limit: int = 0, newlines: bool = True) -> str:
    """Text that does nothing to a terminal: control, format and surrogate characters stand as `\\x1b`.

    Args:
        text: anything. limit: most characters kept, 0 for all. newlines: whether line ends may stay.
    """
    said = text if isinstance(text, str) else str(text)
    if limit and len(said) > limit:
        said = said[: limit - 1] + "…"
    kept = "\n\t" if newlines else ""
    if said.isascii() and said.isprintable():
        return said
    return "".join([c if c in kept or unicodedata.category(c) not in _UNSAFE else _escaped(c) for c in said])


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "backslashreplace").decode("ascii")


def styled(text: object, style: str = "", limit: int = 0) -> Text:
    """`plain` text for rich, which then reads no markup in it."""
    from rich.text import Text

    return Text(plain(text, limit), style)


class Answer:
    """Where a command's answer goes: things for people, or one JSON value."""

    def __init__(self, stream: IO[str], as_json: bool) -> None:
        self._stream, self.as_json = stream, as_json

    def data(self, value: Any) -> None:
        """The answer as data; printed with `--json` alone. ASCII, so that no reader's encoding matters."""
        if self.as_json:
            self._stream.write(json.dumps(value, allow_nan=False, default=str) + "\n")
            self._stream.flush()

    def show(self, *things: Any) -> None:
        """Something for people (rich renderables, or text with rich markup of our own); nothing with `--json`."""
        if self.as_json:
            return
        from rich.console import Console

        wide = None if self._stream.isatty() or "COLUMNS" in os.environ else 120
        console = Console(file=self._stream, width=wide, highlight=False, emoji=False)
        for thing in things:
            console.print(thing)

    def ask(self, prompt: str) -> str:
        """A line from stdin, stripped; prompted for, and editable, at a terminal. Raises EOFError at its end."""
        if sys.stdin.isatty():
            with contextlib.redirect_stdout(self._stream):
                return input(prompt).strip()
        if not (line := sys.stdin.readline()):
            raise EOFError
        return line.strip()


@contextlib.contextmanager
def answering(as_json: bool = False) -> Iterator[Answer]:
    """The answer of a command; meanwhile, what anything else prints to stdout goes to stderr."""
    real = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield Answer(real, as_json)


def tell(line: str) -> None:
    """A note on stderr, one line."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(plain(line, newlines=False) + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def warning() -> Iterator[None]:
    """Meanwhile, what a reader warns of (a torn last line) is a note on stderr, each once."""
    from .envs.lines import TornWarning

    told: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", TornWarning)
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **options: Any) -> None:
            if not issubclass(category, TornWarning):
                usual(message, category, *where, **options)
            elif str(message) not in told:
                told.add(str(message))
                tell(f"turngym: {message}")

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def bar(label: str) -> Iterator[Progress]:
    """A progress bar on stderr; tell it (done, wanted), 0 for unknown. Without a terminal it draws nothing."""
    if not (sys.stderr.isatty() and os.environ.get("TERM") != "dumb"):
        yield lambda done, wanted: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, wanted: bars.update(task, completed=done, total=wanted or None)


def table(*columns: str, title: str = "", right: str = "") -> Any:
    """An empty rich table. `right` names the columns (comma-separated) that hold numbers."""
    from rich import box
    from rich.table import Table

    numbers = set(right.split(","))
    made = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return made


class Fitting:
    """The first of some ways to show a thing that is not wider than the terminal; the last if all are."""

    def __init__(self, *ways: Any) -> None:
        self._ways = ways

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbound = options.update(width=10_000)
        fits = (way for way in self._ways if console.measure(way, options=unbound).maximum <= options.max_width)
        yield next(fits, self._ways[-1])


def interval(bounds: Sequence[float]) -> str:
    """An interval of shares: `80.1 to 90.3 %`."""
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f} %"


def percent(share: float) -> str:
    """A share as people read it: `12.5 %`."""
    return f"{100 * share:.1f} %"
