"""Refinement of a file of conversations: each row through the stages, streaming, into a run directory.

    rows.jsonl        one record for every row read: its way through the stages, and its data (the run's record)
    refined.jsonl     rows that passed, as OpenAI messages with tools
    rejected.jsonl    rows that did not: stage, reason, detail, and the row as it was read
    hard.jsonl        with the stage `hard`: answered hard rows and the replay share; hard_left.jsonl: the rest of the pool
    summary.json      the funnel

Laws: without a model the same file gives the same bytes; a row is recorded once it is through, in the order of the file,
and a run that was stopped goes on where it was; every row read stands in exactly one of refined, rejected and hard_left;
the funnel's counts add up (`funnel.py`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from ...agents.executor import served
from ...agents.policy import Policy
from ...agents.store import RunStore
from ...envs.door import allow_given
from ...envs.errors import RunError, UnknownNameError, WorldRefusedError, display
from ...envs.lines import is_torn, lines_of, reason_of, warn_torn
from . import fcdr, preparing
from .asking import Model
from .funnel import Funnel, Step
from .hard import Hard, Setting, judges_of
from .outputs import RECORDS, write_outputs
from .pairing import paired
from .reading import read_row
from .row import Refused, Row
from .schemas import shapes_of
from .stage import LOOPS, Case, Stage

PARTS = ("fcdr", "prepare", "hard")
JUDGES = ("rules", "models", "both")
READ = "read"
Progress = Callable[[int, int], None]


class RefineOptions(NamedTuple):
    """How to refine.

    stages: parts in the order they run, of `PARTS`. loops: regenerations a row (FCDR). judges: of hard rows: `rules`,
    `models` or `both`. hard: see `Setting`. concurrency: rows under way at once where models think. prompt: a packaged
    name or a file.
    """

    stages: tuple[str, ...] = ("fcdr", "prepare")
    loops: int = LOOPS
    judges: str = "rules"
    hard: Setting = Setting()
    concurrency: int = 16
    prompt: str = "refine_v1"


class Taken(NamedTuple):
    """A line that was taken in: what it is remembered by, its case unless it is refused, and the step of reading."""

    about: dict[str, str]
    case: Case | None
    step: Step


class Refiner:
    """The stages, and what is remembered between rows: digests of rows and their ids, and the funnel.

    Args:
        options: how. examiner: judges and corrects, None for rules alone. answerer: the current model of the stage `hard`.
    """

    def __init__(self, options: RefineOptions, examiner: Policy | None = None, answerer: Policy | None = None) -> None:
        _check(options, answerer)
        self.options = options
        self.policies = tuple(dict.fromkeys(policy for policy in (examiner, answerer) if policy is not None))
        self.examiner = Model(examiner, options.prompt) if examiner is not None else None
        self.answerer = Model(answerer, options.prompt) if answerer is not None else None
        self.stages = [stage for part in options.stages for stage in self._part(part)]
        self.funnel = Funnel([READ, *(stage.name for stage in self.stages)])
        self.bins: Counter[str] = Counter()
        self.rounds: Counter[int] = Counter()
        self.usage: Counter[str] = Counter()
        self.torn = 0
        self._ids: set[str] = set()
        self._digests: set[bytes] = set()

    def _part(self, part: str) -> list[Stage]:
        if part == "fcdr":
            return fcdr.stages(self.examiner, self.options.loops)
        if part == "prepare":
            return preparing.stages(self.examiner)
        assert self.answerer is not None
        return [Hard(self.answerer, judges_of(self.options.judges, self.examiner or self.answerer), self.options.hard)]

    @property
    def config(self) -> dict[str, Any]:
        """What decides how rows are refined, as plain JSON data."""
        options = self.options
        return {
            "stages": list(options.stages), "loops": options.loops, "judges": options.judges, "hard": options.hard._asdict(),
            "examiner": self.examiner.record if self.examiner else None, "answerer": self.answerer.record if self.answerer else None,
        }  # fmt: skip

    # -- one row ---------------------------------------------------------------------------------------

    def take(self, line: bytes) -> Taken:
        """A line as it is read, paired and checked, or refused. Duplicates are known by what came before, so lines come in order."""
        about: dict[str, str] = {}
        try:
            row = read_row(line)
            digest = _digest(row)
            self._once(row, digest)
            about = {"row": row.id, "form": row.form, "digest": digest.hex()}
            row = paired(row)
            return Taken(about, Case(row, shapes_of(row.tools)), Step(READ, "passed"))
        except Refused as error:
            return Taken(about, None, Step(READ, "dropped", error.reason, error.detail))

    def _once(self, row: Row, digest: bytes) -> None:
        if digest in self._digests:
            raise Refused("duplicate_row", "the same conversation with the same tools stood before")
        if row.id in self._ids:
            raise Refused("duplicate_id", f"another row has the id {display(row.id)}")
        self._digests.add(digest)
        self._ids.add(row.id)

    async def refine(self, line: bytes, number: int, taken: Taken) -> dict[str, Any]:
        """The record of a row, through all stages or up to the one that drops it."""
        steps, case = [taken.step], taken.case
        record: dict[str, Any] = {"id": f"{number:08d}", **taken.about}
        if case is not None:
            for stage in self.stages:
                steps.append(await stage.run(case))
                if steps[-1].what == "dropped":
                    break
            if used := self._used(case.row):
                record["usage"] = dict(sorted(used.items()))
            record |= case.notes
        record["steps"] = [list(step) for step in steps]
        record["data"] = case.row.record() if case is not None and steps[-1].what != "dropped" else _as_read(line)
        return record

    def _used(self, row: Row) -> Counter[str]:
        models = {id(model): model for model in (self.examiner, self.answerer) if model is not None}
        return sum((model.used(row) for model in models.values()), Counter[str]())

    # -- counting --------------------------------------------------------------------------------------

    def remember(self, record: dict[str, Any]) -> None:
        """Take in a record of this run that was there already."""
        if "digest" in record:
            self._digests.add(bytes.fromhex(record["digest"]))
            self._ids.add(record["row"])
        self.count(record)

    def count(self, record: dict[str, Any]) -> None:
        """Count a record."""
        self.funnel.add([Step(*step) for step in record["steps"]])
        self.usage.update(record.get("usage", {}))
        if "bin" in record:
            self.bins[record["bin"]] += 1
            self.rounds[record["round"]] += record["bin"] != "left"

    def summary(self) -> dict[str, Any]:
        """The funnel, torn last lines of the source, what the models cost; with `hard`, the bins, each round's pool and what left it."""
        found: dict[str, Any] = {**self.funnel.record(), "torn": self.torn}
        if self.usage:
            found["usage"] = dict(sorted(self.usage.items()))
        if "hard" in self.options.stages:
            pool, rounds = sum(self.bins.values()), []
            for number in range(1, max((n for n, count in self.rounds.items() if count), default=0) + 1):
                rounds.append({"round": number, "pool": pool, "left_it": self.rounds[number]})
                pool -= self.rounds[number]
            found["hard"] = {"bins": dict(sorted(self.bins.items())), "rounds": rounds, "unanswered": pool}
        return found


def refine(
    source: str | Path, out: str | Path, options: RefineOptions | None = None, *, examiner: Policy | None = None,
    answerer: Policy | None = None, progress: Progress | None = None, allow: Iterable[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Refine a file of rows into a directory, from which the same call goes on.

    Args:
        source: JSONL of samples, OpenAI or ShareGPT rows, in any mixture. out: the run directory.
        options, examiner, answerer: see `Refiner`. progress: told (rows done, 0).
        allow: worlds of one's own that the data may name, as `turngym.allow` takes them.

    Returns:
        The summary, with `seconds`, `files` and `out`. Raises `RunError` for a source that cannot be read or a directory that is
        another run's, `InfrastructureError` where a model's server fails (what was finished stays).
    """
    allow_given(allow)
    started = time.perf_counter()
    refiner = Refiner(options or RefineOptions(), examiner, answerer)
    path = Path(source)
    config = {**refiner.config, "source": _fingerprint(path)}
    with RunStore(out, config, kind="refinement", records=RECORDS, on_record=refiner.remember) as store:
        try:
            with asyncio.Runner() as runner:
                runner.run(_flow(refiner, path, store, progress))
        finally:
            store.write_summary(refiner.summary())
        files = write_outputs(store.path, refiner.options.hard if "hard" in refiner.options.stages else None)
    return {**refiner.summary(), "files": files, "out": str(out), "seconds": round(time.perf_counter() - started, 3)}


async def _flow(refiner: Refiner, source: Path, store: RunStore, progress: Progress | None) -> None:
    """Rows under way side by side, recorded in the order of the file."""
    waiting: deque[asyncio.Task[dict[str, Any]]] = deque()
    ahead = refiner.options.concurrency if refiner.policies else 1

    async def settle() -> None:
        record = await waiting[0]
        waiting.popleft()
        store.append(record)
        refiner.count(record)
        if progress is not None:
            progress(refiner.funnel.rows, 0)

    async with served(*refiner.policies):
        try:
            for number, line in _rows(source, refiner):
                if f"{number:08d}" in store.ids:
                    continue
                waiting.append(asyncio.create_task(refiner.refine(line, number, _taken(refiner, source, number, line))))
                if len(waiting) >= ahead:
                    await settle()
            while waiting:
                await settle()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


# -- inside -----------------------------------------------------------------------------------------------


def _check(options: RefineOptions, answerer: Policy | None) -> None:
    for name in options.stages:
        if name not in PARTS:
            raise UnknownNameError("part of refinement", name, PARTS)
    if not options.stages or len(set(options.stages)) < len(options.stages):
        raise RunError(f"the stages {', '.join(options.stages) or 'none'} name a part twice, or none; choose of {', '.join(PARTS)}")
    if options.judges not in JUDGES:
        raise UnknownNameError("kind of judges", options.judges, JUDGES)
    hard = options.hard
    if "hard" in options.stages and options.stages[-1] != "hard":
        raise RunError("the stage hard replaces answers and comes last")
    if "hard" in options.stages and answerer is None:
        raise RunError("the stage hard needs the current model; name it with --policy or --model, or leave hard out of --stages")
    if (
        options.loops < 0
        or options.concurrency < 1
        or hard.samples < 1
        or hard.rounds < 1
        or not 0 <= hard.tau < 1
        or not 0 <= hard.replay < 1
    ):
        raise RunError("loops are 0 or more; samples, rounds and concurrency 1 or more; tau and replay from 0 up to but not 1")
    if hard.keep not in ("all", "majority"):
        raise UnknownNameError("rule of keeping", hard.keep, ("all", "majority"))


def _rows(source: Path, refiner: Refiner) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, numbered as in the file; a torn last line is told and counted, and is no row."""
    for line in lines_of(source, objects=True):
        if is_torn(line):
            refiner.torn += 1
            warn_torn(source, line)
        else:
            yield line.number, line.text


def _taken(refiner: Refiner, source: Path, number: int, line: bytes) -> Taken:
    try:
        return refiner.take(line)
    except WorldRefusedError as error:
        raise error.at(f"{source}, line {number}") from None


def _fingerprint(source: Path) -> dict[str, Any]:
    digest, size = blake2b(digest_size=12), 0
    try:
        with open(source, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise RunError(f"cannot read {source}: {reason_of(error)}; name a JSONL file of rows") from None
    if not size:
        raise RunError(f"{source} is empty; name a JSONL file of rows")
    return {"bytes": size, "digest": digest.hexdigest()}


def _digest(row: Row) -> bytes:
    text = json.dumps([row.messages, row.tools], sort_keys=True)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _as_read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line.decode("utf-8", "replace").rstrip("\n")
