"""Export: a data set of samples as files that trainers read, with a card that `datasets.load_dataset` understands.

    openai      a conversation in OpenAI chat form
    trl         the same with objects throughout, or `prompt` and `completion` where a row is an assistant message
    trl-grpo    prompts with tasks, to play in the environments of `envs/bridges/trl.py`
    sharegpt    LLaMA-Factory's tool format, with `dataset_info.json`
    verl        prompts with ground truth and extra information
    bfcl        entries, possible answers and function documents (`bfcl_layout.py`)
    tasks       tasks alone, to roll out in

Laws: rows come in the order of the data set, and equal samples give equal bytes of JSONL; arguments and tools
stand as JSON text, since columns of typed files would fill their absent keys with nulls, or in a column of the
type `json`; of a former export, the files that its mark lists are replaced, once the new ones are whole, and nothing
else is touched (`agents/owned.py`). Not here: chat templates and tokens.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..agents.directory import refusal
from ..agents.owned import Owned
from ..agents.records import read_records
from ..envs.door import allow_given
from ..envs.errors import RunError, UnknownNameError, shorten
from ..envs.extras import need
from ..envs.registry import world_class
from ..envs.worldset import tool_table
from .bfcl_layout import BfclLayout, line_of
from .card import Made, card, dataset_info
from .formats import FORMATS, PLAIN, REASONING, ROWS, ExportOptions, rows_of
from .pipeline import SAMPLES
from .sample import Sample

FILES = ("both", "jsonl", "parquet")
BATCH = 256


def export_dataset(
    directory: str | Path,
    out: str | Path,
    options: ExportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """Write the samples of a directory in a trainer's format.

    Args:
        allow: worlds of one's own that the data may name, as `turngym.allow` takes them.

    Returns:
        `{format, samples, rows, torn, files, out}`; `torn` counts a torn last line. Raises `RunError` for a directory without
        samples or an `out` that is not ours or was changed, `WriteError` for a full disk, `MissingExtraError` where Parquet is
        wanted and pyarrow is absent; then nothing is written.
    """
    allow_given(allow)
    options = _checked(options or ExportOptions())
    source, target = Path(directory) / SAMPLES, Path(out)
    if not source.is_file():
        raise RunError(f"{directory} holds no {SAMPLES}; `turngym synthesize ... --out {directory}` makes one")
    try:
        with Owned(target, "export") as place:
            report = _write(source, place.staging, options, progress)
            report["files"] = place.settle()
    except OSError as error:
        raise refusal(error, f"cannot write {target}", "make room or name another directory") from error
    return {"format": options.format, **report, "out": str(target)}


def _checked(options: ExportOptions) -> ExportOptions:
    if not options.reasoning:
        options = options._replace(reasoning="drop-earlier" if options.rows == "message" else "keep")
    for what, name, known in (
        ("format", options.format, FORMATS),
        ("kind of rows", options.rows, ROWS),
        ("way with reasoning", options.reasoning, REASONING),
        ("kind of files", options.files, FILES),
    ):
        if name not in known:
            raise UnknownNameError(what, name, known)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", options.license):
        raise RunError(f"{shorten(options.license)} is no licence id; the hub spells them as in apache-2.0, cc-by-4.0, mit, other")
    if options.format in PLAIN:
        return options._replace(rows="conversation", files="jsonl")
    if options.files != "jsonl":
        _pyarrow()
    return options


def _pyarrow() -> Any:
    need("pyarrow.parquet")
    return need("pyarrow")


# -- writing ----------------------------------------------------------------------------------------------


def _write(source: Path, staging: Path, options: ExportOptions, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Write all files; they are read as a stream, so memory does not grow with the data set."""
    files = _Files(staging, options)
    samples, envs, categories, worlds = 0, Counter[str](), Counter[str](), Counter[str]()
    records = read_records(source)
    try:
        for record in records:
            sample = _sample(record, source)
            samples += 1
            envs[sample.task.env] += 1
            categories[sample.task.category] += 1
            worlds.update(part.world for part in sample.task.worlds)
            files.take(sample)
            if progress is not None:
                progress(samples, 0)
    finally:
        files.close()
    if not samples:
        raise RunError(f"{source} holds no sample; nothing to export")
    found = (_found(source.with_name(name)) for name in ("run.json", "summary.json"))
    about = Made(files.counts, samples, files.digest.hexdigest(), envs, categories, worlds, *found)
    (staging / "README.md").write_text(card(options, about), encoding="utf-8")
    if options.files == "both":  # `datasets` reads one kind of files a directory; this card makes `jsonl` another
        (staging / "jsonl" / "README.md").write_text(card(options._replace(files="jsonl"), about, inside=True), encoding="utf-8")
    if options.format == "sharegpt" and options.files != "parquet":
        text = json.dumps(dataset_info(files.counts), indent=1) + "\n"
        (staging / "dataset_info.json").write_text(text, encoding="utf-8")
    return {"samples": samples, "rows": sum(files.counts.values()), "torn": records.torn}


def _found(path: Path) -> dict[str, Any]:
    """What a file of the run says, {} where there is none."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _sample(record: dict[str, Any], source: Path) -> Sample:
    try:
        return Sample.from_record(record)
    except (ValueError, LookupError, TypeError) as error:
        raise RunError(f"{source}: the row {record['id']} is no sample ({type(error).__name__}); `turngym verify` names all") from error


def _rows(sample: Sample, options: ExportOptions) -> Iterator[dict[str, Any]]:
    worlds = tuple(part.world for part in sample.task.worlds)
    yield from rows_of(sample, lambda turn: _tools(worlds, _visible(sample, turn)), options.format, options.rows, options.reasoning)


def _visible(sample: Sample, turn: int) -> frozenset[str]:
    """The tools that are withheld in a turn."""
    released = {name for part in sample.task.turns[: turn + 1] for name in part.release}
    return frozenset(sample.task.held_out) - released


@lru_cache(maxsize=256)
def _tools(worlds: tuple[str, ...], hidden: frozenset[str]) -> str:
    table = tool_table(tuple(world_class(name) for name in worlds)).tools
    return json.dumps([tool.schema for name, tool in table.items() if name not in hidden], ensure_ascii=False, separators=(",", ":"))


class _Files:
    """The open files of an export: `jsonl/<split>.jsonl` and `parquet/<split>.parquet`, or those of a layout of its own."""

    def __init__(self, place: Path, options: ExportOptions) -> None:
        self._place, self._options = place, options
        self._lines: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._bfcl = BfclLayout()
        self.counts: dict[str, int] = {}
        self.digest = blake2b(digest_size=4)

    def take(self, sample: Sample) -> None:
        """Write all rows of a sample."""
        split = sample.task.split
        if self._options.format == "bfcl":
            self.counts[split] = self.counts.get(split, 0) + 1
            for place, row in self._bfcl.lines(sample):
                self._line(place, line_of(row))
        elif self._options.format == "tasks":
            self.counts[split] = self.counts.get(split, 0) + 1
            self._line("tasks.jsonl", sample.task.line().encode() + b"\n")
        else:
            for row in _rows(sample, self._options):
                self._add(row, split)

    def _add(self, row: dict[str, Any], split: str) -> None:
        if "extra_info" in row:
            row["extra_info"]["index"] = self.counts.get(split, 0)
        self.counts[split] = self.counts.get(split, 0) + 1
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if self._options.files != "parquet":
            self._line(f"jsonl/{split}.jsonl", line)
        else:
            self.digest.update(line)
        if self._options.files != "jsonl":
            waiting = self._waiting.setdefault(split, [])
            waiting.append(row)
            if len(waiting) >= BATCH:
                self._flush(split)

    def _line(self, place: str, line: bytes) -> None:
        self.digest.update(line)
        if place not in self._lines:
            self._lines[place] = open(self._made(place), "ab")  # noqa: SIM115  # closed in close()
        self._lines[place].write(line)

    def _made(self, name: str) -> Path:
        path = self._place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _flush(self, split: str) -> None:
        from .columns import cells_of, schema_of

        arrow = _pyarrow()
        form, rows = self._options.format, self._options.rows
        schema = schema_of(arrow, form, rows)
        if split not in self._tables:
            self._tables[split] = arrow.parquet.ParquetWriter(self._made(f"parquet/{split}.parquet"), schema, compression="zstd")
        self._tables[split].write_table(arrow.Table.from_pylist([cells_of(row, form, rows) for row in self._waiting[split]], schema=schema))
        self._waiting[split] = []

    def close(self) -> None:
        """Write what waits, and close everything."""
        try:
            for split, waiting in self._waiting.items():
                if waiting:
                    self._flush(split)
        finally:
            for file in (*self._lines.values(), *self._tables.values()):
                file.close()
