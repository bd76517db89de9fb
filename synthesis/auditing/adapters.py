"""Adapters: how a format becomes cases.

An adapter gives the texts that stand for the tasks of a place, one a task, and makes a `Case` of each text alone, so that a worker
elsewhere can do it. `tasks` is ours; `module:thing` or `file.py:thing` names one of your own: an object with `case`, a class of
such, or a function that takes a line of a file and gives a `Case` or one of our `Task`s. Law: a wrong name is one clear line.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from ...agents.records import lines_of
from ...envs.door import admit_row
from ...envs.errors import RunError, TaskError, UnknownNameError, shorten
from ...envs.loading import load_module
from ...envs.task import Task, parse_task
from ..sample import SAMPLES
from .case import Case
from .task_case import TaskCase

ADAPTERS: dict[str, str] = {"tasks": "turngym.synthesis.auditing.adapters:Tasks"}


class Entry(NamedTuple):
    """What stands for a task: its number in its place, from 1, and its text."""

    number: int
    text: str


class Adapter(Protocol):
    """A format."""

    def entries(self, place: str) -> Iterator[Entry]:
        """The texts of a place (a file, a directory, a name). Raises `RunError` or `TaskError` where it cannot be read."""
        ...

    def case(self, text: str) -> Case:
        """The case of a text. Raises `TaskError` where it is none."""
        ...


class Tasks:
    """Tasks in our own format, a line of JSON each; of a sample, its task."""

    def entries(self, place: str) -> Iterator[Entry]:
        """The lines of a file, none of which may name a world that nobody allowed (`WorldRefusedError`)."""
        for entry in file_lines(place):
            admit_row(_object(entry.text), f"{place}, line {entry.number}")
            yield entry

    def case(self, text: str) -> Case:
        """The case of a task."""
        if '"messages"' in text and isinstance(task := (row := _object(text)).get("task"), dict) and "messages" in row:
            return TaskCase(parse_task(task))
        return TaskCase(parse_task(text))


class _ByFunction:
    """An adapter out of a function that takes a line."""

    def __init__(self, function: Callable[[str], Any]) -> None:
        self._function = function

    def entries(self, place: str) -> Iterator[Entry]:
        return file_lines(place)

    def case(self, text: str) -> Case:
        return _as_case(self._function(text))


class _ByObject:
    """An adapter out of an object that need not bring its own entries, and may give tasks."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def entries(self, place: str) -> Iterator[Entry]:
        own = getattr(self._thing, "entries", None)
        return file_lines(place) if own is None else (Entry(*entry) for entry in own(place))

    def case(self, text: str) -> Case:
        return _as_case(self._thing.case(text))


def _object(text: str) -> dict[str, Any]:
    """The object that a text is; an empty one where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def file_lines(place: str) -> Iterator[Entry]:
    """The lines of a file that are not empty, numbered as they stand. Raises `RunError` where it cannot be read."""
    path = Path(place) / SAMPLES if Path(place).is_dir() else Path(place)
    if not path.is_file():
        raise RunError(f"there is no file {shorten(place)}; name a file of tasks, one a line, a directory of samples, or an env")
    try:
        for number, line in lines_of(path):
            if text := line.decode("utf-8", "replace").strip():
                yield Entry(number, text)
    except OSError as error:
        raise RunError(f"cannot read {shorten(place)}: {error.strerror or error}") from None


def adapter_of(name: str) -> Adapter:
    """An adapter by its name, or of one's own.

    Raises `UnknownNameError` with the names there are, `RunError` for a module that does not import or a thing that is no adapter.
    """
    place = ADAPTERS.get(name, name)
    module_name, colon, attribute = place.rpartition(":")
    if not colon or not module_name or not attribute:
        raise UnknownNameError("adapter", name, [*ADAPTERS, "module:thing", "file.py:thing"])
    try:
        thing = getattr(load_module(module_name), attribute, None)
        if inspect.isclass(thing):
            thing = thing()
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(str(error), 160)}"
        raise RunError(f"the adapter {shorten(name)} cannot be had ({why}); mend its module") from error
    if hasattr(thing, "case"):
        return _ByObject(thing)
    if callable(thing):
        return _ByFunction(thing)
    raise RunError(f"{shorten(name)} is no adapter; name an object with `case(text)`, or a function that takes a line of the file")


def _as_case(made: Any) -> Case:
    if isinstance(made, Task):
        return TaskCase(made)
    if isinstance(made, dict):
        return TaskCase(parse_task(made))
    if not all(hasattr(made, name) for name in ("id", "turns", "start")):
        raise TaskError(f"the adapter gives {shorten(type(made).__name__)}, which is neither a task nor a case")
    return cast(Case, made)
