"""Tasks are data: worlds and seeds, what the user says, how it may be done (gold), and how it is judged.

A task is JSON, one object a line in a file; its id is a hash of its content, so a changed task is another task.
Gold is a partial order of calls per turn; every argument names its source. Laws, kept by whoever makes tasks
and proved again by `verify`: gold runs without an error, every argument has the source it names, doing nothing
fails. What is read from a file may name only worlds that ship or that the user named (`door.py`). Not here: how verdicts
come about (`verdict.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .door import admit, allow_given
from .errors import ErrorKind, TaskError, display
from .world import Size

TASK_FORMAT = 1
_LATER = ("swell", "config", "judge", "faults", "declines", "asks")  # younger than the first tasks: while empty no part of an id
_TEST = re.compile(r'"split"\s*:\s*"test"')
Category = Literal["base", "miss_func", "miss_param", "long_context", "error_tool_response", "irrelevant", "clarify"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Data):
    """Where an argument's value comes from (its provenance).

    kind: `output` (of this turn) or `earlier_turn`: then `call` is the gold call's id and `path` the JSON path
    in its result, `where` what the user said to pick it (field -> value), or `pick` (`min`/`max`/`first`/`only`
    of a field). `user`: the text says it. `context`: the env shows it (the date). `default`: the schema has it.
    `fault`: gold passes a wrong value on purpose.
    """

    kind: Literal["user", "output", "earlier_turn", "context", "default", "fault"]
    call: str = ""
    path: str = ""
    where: dict[str, Any] = Field(default_factory=dict)
    pick: str = ""
    semantic: str = ""


class GoldCall(_Data):
    """One reference call. `after`: ids of gold calls that must come first; `sources`: argument -> `Source`."""

    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    after: tuple[str, ...] = ()
    sources: dict[str, Source] = Field(default_factory=dict)


class RequiredOutput(_Data):
    """Some object in some result of the episode must hold all these fields with these values."""

    fields: dict[str, Any]
    tool: str = ""


class Checks(_Data):
    """How one turn is judged.

    Attributes:
        state: whether the state must equal gold's (canonically). False only where nothing could be compared.
        include: incidental tables and cells (`World.name`) that count in this turn all the same.
        ignore: fields (`World.table.field`) that do not count.
        outputs: what tools must have returned by the end of the turn.
        told: values that the closing reply must contain (or, where a user answered within the turn, any message to it).
        forbidden: tables and cells that no call of this turn may write, not even for a moment.
        declines: whether the reply must say that it cannot be done. asks: words of which a question in the reply must
            hold one. Both are compared as `told` is, and fail with it.
    """

    state: bool = True
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    outputs: tuple[RequiredOutput, ...] = ()
    told: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    declines: bool = False
    asks: tuple[str, ...] = ()


class Fault(_Data):
    """The first call of `tool` in its turn is answered by an error of `kind`, without effect; see `faults.py`."""

    tool: str
    kind: ErrorKind


class Turn(_Data):
    """A user message and all that answers it.

    Attributes:
        user: what the user says. gold: the reference calls. reply: gold's closing words.
        elapse: simulated seconds that pass before this turn. release: held-out tools handed over now.
        faults: errors that services answer with in this turn, one a tool. fingerprint: of the state after gold, for verification.
    """

    user: str
    gold: tuple[GoldCall, ...] = ()
    reply: str = ""
    checks: Checks = Checks()
    elapse: int = Field(default=0, ge=0)
    release: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    fingerprint: str = ""


class TaskWorld(_Data):
    """A world of a task, by name (registered, or `module:Class`), with seed, size and the version it was made for.

    `swell` is how many helpings of unrelated records it holds besides; `config` is the initial state of a foreign world
    (`bridges/`) as plain JSON data. Neither is written where there is none.
    """

    world: str
    seed: int = 0
    size: Size = "small"
    version: int = 1
    swell: int = Field(default=0, ge=0)
    config: dict[str, Any] = Field(default_factory=dict)


class Task(_Data):
    """One task; see the module. `id` is computed from the content when absent and refused when it does not match.

    `family` groups tasks that are alike (the tool that the first turn is about); a family is in one split alone. A foreign
    task keeps the id it has where it comes from (`meta["foreign"]`); `judge` names the rules it is judged by, "" being ours.
    """

    id: str = ""
    format: int = TASK_FORMAT
    version: int = 1
    env: str
    worlds: tuple[TaskWorld, ...]
    category: Category = "base"
    family: str = ""
    split: Literal["train", "test"] = "train"
    turns: tuple[Turn, ...]
    held_out: tuple[str, ...] = ()
    judge: str = ""
    meta: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _identify(self) -> Task:
        if not self.worlds or not self.turns:
            raise ValueError("a task needs at least one world and one turn")
        if self.format != TASK_FORMAT:
            raise ValueError(f"task format {self.format} is not {TASK_FORMAT}; install the turngym that wrote it")
        expected = self.content_id()
        if not self.id:
            object.__setattr__(self, "id", expected)
        elif self.id != expected and not self.meta.get("foreign"):
            raise ValueError(f"id {self.id!r} does not match the content ({expected}); drop the id to have it computed")
        seen: set[str] = set()
        for call in self.gold():
            if call.id in seen:
                raise ValueError(f"gold call id {call.id!r} stands twice")
            if missing := set(call.after) - seen:
                raise ValueError(f"gold call {call.id!r} is after {sorted(missing)}, which do not come before it")
            seen.add(call.id)
        return self

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Task) and self.id == other.id and self.model_dump() == other.model_dump()

    def content_id(self) -> str:
        """The hash id: `<env short name>-<12 hex digits>`, over everything but `id` and `split`."""
        body = self.model_dump(mode="json", exclude={"id", "split"})
        for part, name in [(p, n) for p in [body, *body["worlds"], *body["turns"], *[t["checks"] for t in body["turns"]]] for n in _LATER]:
            if not part.get(name, True):
                del part[name]
        digest = blake2b(json.dumps(body, sort_keys=True, ensure_ascii=False).encode(), digest_size=6).hexdigest()
        short = self.env.rsplit("/", 1)[-1].split("-v", 1)[0].split(":")[-1].lower()
        return f"{short}-{digest}"

    def gold(self) -> Iterator[GoldCall]:
        """All gold calls, turn by turn."""
        for turn in self.turns:
            yield from turn.gold

    def line(self) -> str:
        """The task as one line of JSON, without defaults."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, separators=(",", ":"))


def parse_task(text: str | dict[str, Any], where: str = "") -> Task:
    """A task from one line of JSON or its data.

    Raises `TaskError` that names `where` and the field, and `WorldRefusedError` for a world that data may not name.
    """
    try:
        task = Task.model_validate_json(text) if isinstance(text, str) else Task.model_validate(text)
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in item["loc"])
        raise TaskError(f"{where or 'task'}: {field + ': ' if field else ''}{item['msg']} (got {display(item['input'], 60)})") from None
    for part in task.worlds:
        admit(part.world, where)
    return task


class TaskFile:
    """A task file or pack, parsed line by line as needed. Behaves as a sequence of `Task`.

    Raises `TaskError` with the line number for a malformed line, when that line is asked for.
    """

    def __init__(self, lines: Iterable[str], name: str) -> None:
        self.name = name
        self._lines = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        self._parsed: dict[int, Task] = {}
        self._test: frozenset[int] | None = None

    @classmethod
    def read(cls, path: str | Path, *, allow: Iterable[str] = ()) -> TaskFile:
        """Open a JSONL file of tasks; raises `TaskError` if it cannot be read or holds none.

        `allow`: worlds of one's own that it may name, as `turngym.allow` takes them.
        """
        allow_given(allow)
        try:
            made = cls(Path(path).read_text(encoding="utf-8").split("\n"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(f"cannot read the task file {path}: {getattr(error, 'strerror', None) or error}") from None
        if not made:
            raise TaskError(f"{path} holds no task; one JSON object a line is expected")
        return made

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Task:
        if index not in self._parsed:
            number, line = self._lines[index]
            self._parsed[index] = parse_task(line, f"{self.name}, line {number}")
        return self._parsed[index]

    def __iter__(self) -> Iterator[Task]:
        return (self[index] for index in range(len(self)))

    def indices(self, split: str | None) -> list[int]:
        """The positions of the tasks of a split, all for None. Looks inside the lines that may be test tasks, once."""
        if split is None:
            return list(range(len(self)))
        if self._test is None:
            self._test = frozenset(i for i, (_, line) in enumerate(self._lines) if _is_test(line))
        return [i for i in range(len(self)) if (i in self._test) == (split == "test")]


def _is_test(line: str) -> bool:
    if _TEST.search(line) is None:
        return False
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return True  # told when it is asked for
    return isinstance(found, dict) and found.get("split") == "test"
