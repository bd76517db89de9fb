"""What users say and which calls answer them, read from files of several layouts.

A data set's directory or `samples.jsonl`, files of tasks, BFCL's entries (with `possible_answer/` and
`multi_turn_func_doc/` beside them, where they are), and rows with messages: OpenAI's, TRL's, ShareGPT's. Told
apart row by row. Laws: rows are read one by one, and as all rows are (`envs/lines.py`); a JSON array, in which others write, is
read here alone; call strings are read as literals and never evaluated; calls
that cannot be read are absent, and never wrong.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from ...envs.errors import RunError, shorten
from ...envs.lines import is_torn, lines_of, parse_line, reason_of, warn_torn
from ..refining.reading import read_row
from ..refining.row import Refused
from ..sample import SAMPLES
from ..validate import literal_arguments

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Call(NamedTuple):
    """A reference call. An argument without a name in a call string has its place as its name: `0`."""

    name: str
    arguments: dict[str, Any]


class Conversation(NamedTuple):
    """Who: id. `said`: by the user, turn by turn. `calls`: that answer it, turn by turn; empty where none are known."""

    id: str
    said: tuple[str, ...]
    calls: tuple[tuple[Call, ...], ...] = ()


class Conversations(Iterator[Conversation]):
    """The conversations of a data set's directory or of a file, one by one. `torn`: torn last lines passed over so far.

    Raises `RunError` for what cannot be read, with line and byte, for samples or tasks of which an id stands twice, and for a file
    that holds none.
    """

    def __init__(self, place: str | Path) -> None:
        self.path, self.torn = Path(place) / SAMPLES if Path(place).is_dir() else Path(place), 0
        self._found = self._read()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Conversation:
        return next(self._found)

    def _read(self) -> Iterator[Conversation]:
        seen: dict[str, int] = {}
        number = 0
        try:
            for number, row in _rows(self.path, self):
                found = _conversation(row, self.path, number)
                if _is_ours(row) and (first := seen.setdefault(found.id, number)) != number:
                    raise RunError(f"{self.path}, row {number}: the id {shorten(found.id)} stands twice, in row {first} too")
                yield found
        except (Refused, *MALFORMED) as error:
            raise RunError(f"{self.path}, row {number}: no conversation is known by this layout ({shorten(str(error), 120)})") from None
        if not number:
            raise RunError(f"{self.path} holds no conversation; one JSON object a line is expected")


def read_conversations(place: str | Path) -> Conversations:
    """The conversations of a data set's directory or of a file, one by one; see `Conversations`."""
    return Conversations(place)


def _rows(path: Path, reading: Conversations | None = None) -> Iterator[tuple[int, Any]]:
    """Numbered rows of a file: a JSON object a line, or, since others write so, one JSON array. `reading` counts a torn end."""
    for number, line in enumerate(lines_of(path, objects=True, arrays=True), 1):
        if number == 1 and line.text.lstrip().startswith(b"["):
            yield from enumerate(_array(path), 1)
            return
        row, why = parse_line(line)
        if row is None and is_torn(line):
            warn_torn(path, line)
            if reading is not None:
                reading.torn += 1
            return
        if row is None:
            raise RunError(f"{line.place(path)}: {why}")
        yield number, row


def _array(path: Path) -> list[Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RunError(f"cannot read {path}: {reason_of(error)}") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} begins as a JSON array and is not JSON ({shorten(str(error), 100)})") from None
    return found if isinstance(found, list) else [found]


def _is_ours(row: Any) -> bool:
    return "turns" in row or (isinstance(row.get("task"), dict) and "fingerprints" in row)


def _conversation(row: Any, path: Path, number: int) -> Conversation:
    identity = str(row.get("id") or f"{path.name}:{number}")
    if isinstance(row.get("task"), dict) and "fingerprints" in row:
        return _of_task(identity, row["task"])
    if "turns" in row:
        return _of_task(identity, row)
    if "question" in row:
        return _of_entry(identity, row, path)
    if isinstance(row.get("prompt"), list):
        row = {"messages": [*row["prompt"], *(row.get("completion") or ())]}
    return _of_messages(identity, read_row(json.dumps(row).encode()).messages)


def _of_task(identity: str, task: dict[str, Any]) -> Conversation:
    turns = task["turns"]
    calls = tuple(tuple(Call(c["name"], c.get("arguments", {})) for c in turn.get("gold", ())) for turn in turns)
    return Conversation(identity, tuple(str(turn["user"]) for turn in turns), calls)


def _of_messages(identity: str, messages: Iterable[dict[str, Any]]) -> Conversation:
    said: list[str] = []
    calls: list[tuple[Call, ...]] = []
    for message in messages:
        if message["role"] == "user":
            said.append(message["content"])
            calls.append(())
        elif message["role"] == "assistant" and said:
            made = ((c["function"]["name"], literal_arguments(c["function"]["arguments"])) for c in message.get("tool_calls", ()))
            calls[-1] += tuple(Call(name, arguments or {}) for name, arguments in made)
    return Conversation(identity, tuple(said), tuple(calls))


# -- BFCL's layout ----------------------------------------------------------------------------------------


def _of_entry(identity: str, row: dict[str, Any], path: Path) -> Conversation:
    question = row["question"]
    turns = question if question and isinstance(question[0], list) else [question]
    said = tuple("\n".join(m["content"] for m in turn if m["role"] == "user") for turn in turns)
    truth = _answers(path.parent / "possible_answer" / path.name).get(identity, row.get("ground_truth"))
    return Conversation(identity, said, _calls_of(truth, path.parent / "multi_turn_func_doc"))


def _calls_of(truth: Any, documents: Path) -> tuple[tuple[Call, ...], ...]:
    if not isinstance(truth, list) or not all(isinstance(turn, list) for turn in truth):
        return ()
    found = [[parse_call(text, documents) if isinstance(text, str) else None for text in turn] for turn in truth]
    if any(call is None for turn in found for call in turn):
        return ()
    return tuple(tuple(call for call in turn if call is not None) for turn in found)


def parse_call(text: str, documents: Path | None = None) -> Call | None:
    """A call string such as `mv(source='a', destination='b')`, None where it is no call of literals.

    `documents`: a directory of function documents, which name arguments that are given by their place.
    """
    try:
        with warnings.catch_warnings():  # a stray backslash in a string is not ours to mend
            warnings.simplefilter("ignore")
            node = ast.parse(text.strip(), mode="eval").body
            if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
                return None
            name = ast.unparse(node.func).rpartition(".")[2]
            given = [ast.literal_eval(part) for part in node.args]
            named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    except (*MALFORMED, SyntaxError, MemoryError):
        return None
    order = _parameters(documents).get(name, ()) if given and documents is not None else ()
    return Call(name, {order[i] if i < len(order) else str(i): value for i, value in enumerate(given)} | named)


@lru_cache(maxsize=16)
def _answers(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return {str(row["id"]): row.get("ground_truth") for _, row in _rows(path)}


@lru_cache(maxsize=16)
def _parameters(documents: Path) -> dict[str, tuple[str, ...]]:
    """Function -> its parameters in order; of two that are called alike, none."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(documents.glob("*.json")):
        for _, row in _rows(path):
            names = tuple(row["parameters"]["properties"])
            found[row["name"]] = names if found.get(row["name"], names) == names else ()
    return found
