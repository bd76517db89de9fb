"""JSON Lines as files hold them: the one reader of tasks, samples, trajectories and rows of others.

    rows = Rows("tasks.jsonl", identity=task_identity)
    for row in rows: ...                   # row.number, row.offset, row.value, row.id
    rows.torn                              # 1 where the last line was torn

Laws, the same for every command: a file is read line by line, in bounded memory but for its ids; a byte-order mark, CRLF and
blank lines are passed over, and numbers of lines stay true; a last line without its end that is no JSON is torn: warned of
(`TornWarning`) and counted, never silently left out; whatever else cannot be read is refused with file, line and byte: a line that
is no object, an id that is missing or stands twice, text that is not UTF-8, a JSON array, an object over several lines.
Reading changes nothing. Not here: what a row means, and who writes (`agents/directory.py`).
"""

from __future__ import annotations

import codecs
import io
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from .door import admit_row
from .errors import RunError, TurngymError, shorten

MOST_BYTES = 256 << 20  # of one line
Identity = Callable[[dict[str, Any], str], str | None]


class TornWarning(UserWarning):
    """The last line of a file was never finished and is passed over; the message has file, line and byte."""


class Line(NamedTuple):
    """A line that is not blank: its number from 1, the byte it begins at, and its bytes as they stand."""

    number: int
    offset: int
    text: bytes

    @property
    def ended(self) -> bool:
        """Whether it has its line end."""
        return self.text.endswith(b"\n")

    def place(self, path: str | Path) -> str:
        """Where it stands, in words."""
        return f"{path}, line {self.number}, byte {self.offset}"


class Row(NamedTuple):
    """An object of a file: where it stands (`number` from 1, `offset` in bytes), its bytes, its value, and its id if it needs one."""

    number: int
    offset: int
    text: bytes
    value: dict[str, Any]
    id: str | None


def own_id(value: dict[str, Any], where: str) -> str | None:
    """The identity of samples, trajectories and records: the text under `id`, which must be there ("" says that it is not)."""
    found = value.get("id")
    return found if isinstance(found, str) else ""


def no_id(value: dict[str, Any], where: str) -> str | None:
    """The identity of rows of others, which need none."""
    return None


class Rows(Iterator[Row]):
    """The objects of a JSONL file, one by one; see the module for what is passed over, warned of and refused.

    Args:
        path: the file. identity: gives a row's id out of its value and its place; None where it needs none, "" where it lacks it.
        error: what is raised for a file that cannot be read. remedy: a tail for the message about a garbled line.
        worlds: whether the worlds that a row names may come to be had; then each passes the door (`WorldRefusedError`).

    Attributes:
        path: the file. torn: how many torn lines were passed over so far: 0 or 1.
    """

    def __init__(
        self, path: str | Path, *, identity: Identity = own_id, error: type[TurngymError] = RunError, remedy: str = "", worlds: bool = True
    ) -> None:
        self.path, self.torn = Path(path), 0
        self._identity, self._error, self._remedy, self._worlds = identity, error, remedy, worlds
        self._rows = self._read()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        return next(self._rows)

    def _read(self) -> Iterator[Row]:
        seen: dict[str, int] = {}
        for line in lines_of(self.path, error=self._error, objects=True):
            value, why = parse_line(line)
            where = line.place(self.path)
            if value is None and is_torn(line):
                self.torn += 1
                warn_torn(self.path, line)
                return
            if value is None:
                raise self._error(f"{where}: {why}{self._remedy}")
            if self._worlds:
                admit_row(value, f"{self.path}, line {line.number}")
            identity = self._identity(value, f"{self.path}, line {line.number}")
            if identity == "":
                raise self._error(f"{where}: no record with an id{self._remedy}")
            if identity is not None and (first := seen.setdefault(identity, line.number)) != line.number:
                raise self._error(f"{where}: the id {shorten(identity)} stands twice, in line {first} too{self._remedy}")
            yield Row(*line, value, identity)


def is_torn(line: Line) -> bool:
    """Whether a line is the beginning of one that was never finished: without its end, and no JSON."""
    return not line.ended and not _is_json(line.text)


def warn_torn(path: str | Path, line: Line) -> None:
    """Warn of a torn last line that is passed over."""
    told = f"{line.place(path)}: a torn last line of {len(line.text)} bytes is passed over (it has no end and is no JSON)"
    warnings.warn(told, TornWarning, stacklevel=3)


def lines_of(path: str | Path, *, error: type[TurngymError] = RunError, objects: bool = False, arrays: bool = False) -> Iterator[Line]:
    """The lines of a UTF-8 file that are not blank, split at newline bytes and nowhere else.

    Raises `error` for what cannot be opened, text in UTF-16 or UTF-32, and a line of more than 256 MB; with `objects` for a
    file that is an object over several lines, or, but with `arrays`, a JSON array.
    """
    number = 0
    try:
        with open(path, "rb") as file:
            offset, first = _opening(file, path, error), objects
            while text := file.readline(MOST_BYTES + 1):
                line = Line(number := number + 1, offset, text)
                offset += len(text)
                if len(text) > MOST_BYTES:
                    raise error(f"{line.place(path)}: the line is longer than {MOST_BYTES >> 20} MB; one JSON object a line is expected")
                if text.isspace():
                    continue
                if first:
                    _refuse_document(path, line, file.peek(1).lstrip()[:1], error, arrays)
                    first = False
                yield line
    except OSError as why:
        raise error(f"cannot read {path}: {reason_of(why)}") from None


def parse_line(line: Line | bytes) -> tuple[dict[str, Any] | None, str]:
    """The object of a line, or None and what is wrong with it."""
    text, start = (line.text, line.offset) if isinstance(line, Line) else (line, 0)
    try:
        found = json.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, f"not JSON (no UTF-8 at byte {start + error.start})"
    except json.JSONDecodeError as error:
        if text.isspace() or not text:
            return None, "not JSON (the line is empty)"
        at = start + len(error.doc[: error.pos].encode())
        return None, f"not JSON ({'zero bytes' if bytes(1) in text else error.msg} at byte {at})"
    except (ValueError, RecursionError) as error:  # a number too long, or nested too deep
        return None, f"not JSON ({shorten(str(error), 100)})"
    if not isinstance(found, dict):
        return None, f"no object but {type(found).__name__}"
    return found, ""


def reason_of(error: BaseException) -> str:
    """Why the system refused, in words."""
    return getattr(error, "strerror", None) or shorten(str(error), 100)


# -- inside -----------------------------------------------------------------------------------------------


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode("utf-8"))
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _opening(file: io.BufferedReader, path: str | Path, error: type[TurngymError]) -> int:
    """Pass over a byte-order mark and give its length; text in wide characters is refused."""
    head = file.peek(4)[:4]
    if kind := _wide(head):
        raise error(f"{path} is {kind} text, and JSON Lines are UTF-8; convert it: iconv -f {kind} -t UTF-8 {path} > FILE.jsonl")
    return len(file.read(len(codecs.BOM_UTF8))) if head.startswith(codecs.BOM_UTF8) else 0


def _wide(head: bytes) -> str:
    """`UTF-16` or `UTF-32` by the first four bytes, with or without a mark (RFC 4627, section 3), or ""."""
    if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "UTF-32"
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "UTF-16"
    shape = tuple(byte != 0 for byte in head)
    known = {(True, False, False, False): "UTF-32LE", (False, False, False, True): "UTF-32BE"}
    if shape in known:
        return known[shape]
    return {(True, False): "UTF-16LE", (False, True): "UTF-16BE"}.get(shape[:2], "") if len(shape) == 4 else ""


def _refuse_document(path: str | Path, line: Line, following: bytes, error: type[TurngymError], arrays: bool) -> None:
    """Refuse a file that is one JSON document, known by its first line and the sign that comes next."""
    text = line.text.strip()
    if text == b"{" and following in (b'"', b"}"):
        told = f"{path} is a JSON object over several lines, and JSON Lines are wanted, one object a line"
        raise error(f"{told}; convert it: jq -c . {path} > FILE.jsonl")
    if not arrays and text.startswith(b"[") and (text[1:].lstrip()[:1] in (b"{", b"") or not _is_json(text)):
        told = f"{path} is a JSON array, and JSON Lines are wanted, one object a line"
        raise error(f"{told}; convert it: jq -c '.[]' {path} > FILE.jsonl")
