"""Exports: what trainers read, and that `datasets` reads it without help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from turngym.cli import run
from turngym.commands.options import Files, Format, Reasoning, Rows
from turngym.envs.errors import RunError, UnknownNameError
from turngym.envs.task import TaskFile
from turngym.synthesis import AssemblyOptions, Request, Sample, synthesize
from turngym.synthesis.export import FILES, ExportOptions, export_dataset
from turngym.synthesis.formats import FORMATS, PLAIN, REASONING, ROWS, kept, objects, rows_of, sharegpt

HERE = Path(__file__).parent
LIBRARY = f"{HERE / 'mini_world.py'}:Library"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "samples"
    synthesize(Request((LIBRARY,), 6, 3), out, options=AssemblyOptions(turns={2: 1.0, 3: 1.0}))
    return out


def rows_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def samples_of(made: Path) -> list[Sample]:
    return [Sample.from_record(row) for row in rows_in(made / "samples.jsonl")]


def test_the_command_offers_what_the_exporter_knows() -> None:
    for choices, known in ((Format, FORMATS), (Rows, ROWS), (Reasoning, REASONING), (Files, FILES)):
        assert tuple(item.value for item in choices) == known


TABLES = tuple(form for form in FORMATS if form not in PLAIN)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rows", ROWS)
def test_equal_samples_give_equal_bytes(form: str, rows: str, made: Path, tmp_path: Path) -> None:
    for name in ("one", "two", "one"):  # the third replaces the first
        export_dataset(made, tmp_path / name, ExportOptions(form, rows, files="jsonl"))
    one, two = (sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("one", "two"))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    assert {p.name for p in tmp_path.iterdir()} == {"one", "two"}


def test_openai_rows_are_the_messages_themselves(made: Path, tmp_path: Path) -> None:
    report = export_dataset(made, tmp_path / "x", ExportOptions("openai", files="jsonl"))
    samples = samples_of(made)
    rows = rows_in(tmp_path / "x" / "jsonl" / "train.jsonl")
    assert (report["samples"], report["rows"]) == (6, 6)
    assert [row["id"] for row in rows] == [sample.id for sample in samples]
    assert [row["messages"] for row in rows] == [sample.messages for sample in samples]
    for row in rows:
        names = {tool["function"]["name"] for tool in json.loads(row["tools"])}
        calls = [call["function"] for message in row["messages"] for call in message.get("tool_calls", ())]
        assert calls
        assert all(call["name"] in names and isinstance(call["arguments"], str) for call in calls)


def test_message_rows_teach_every_assistant_message_once(made: Path, tmp_path: Path) -> None:
    export_dataset(made, tmp_path / "x", ExportOptions("trl", "message", "drop-earlier", "jsonl"))
    rows = rows_in(tmp_path / "x" / "jsonl" / "train.jsonl")
    wanted = objects([m for sample in samples_of(made) for m in sample.messages if m["role"] == "assistant"])
    assert [row["completion"] for row in rows] == [[message] for message in wanted]
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert row["prompt"][0]["role"] == "user"
        assert row["prompt"][-1]["role"] in ("user", "tool")


def test_reasoning_stays_as_far_as_asked(made: Path) -> None:
    messages = next(sample.messages for sample in samples_of(made) if len(sample.task.turns) > 1)
    last = max(i for i, message in enumerate(messages) if message["role"] == "user")
    assert kept(messages, "keep") == messages
    assert not any("reasoning_content" in message for message in kept(messages, "drop"))
    trimmed = kept(messages, "drop-earlier")
    assert trimmed[last:] == messages[last:]
    assert not any("reasoning_content" in message for message in trimmed[:last])
    assert any("reasoning_content" in message for message in messages[:last])
    assert any("reasoning_content" in message for message in messages[last:])


def test_sharegpt_alternates_and_names_its_files(made: Path, tmp_path: Path) -> None:
    export_dataset(made, tmp_path / "x", ExportOptions("sharegpt"))
    info = json.loads((tmp_path / "x" / "dataset_info.json").read_text())
    rows = rows_in(tmp_path / "x" / info["turngym"]["file_name"])
    for row in rows:
        speakers = [part["from"] for part in row["conversations"]]
        assert set(speakers[::2]) <= {"human", "observation"}
        assert set(speakers[1::2]) <= {"gpt", "function_call"}
        assert speakers[-1] == "gpt"
        assert all("parameters" in tool for tool in json.loads(row["tools"]))
        for part in row["conversations"]:
            if part["from"] == "function_call":
                call = json.loads(part["value"].partition("</think>")[2])
                assert isinstance((call[0] if isinstance(call, list) else call)["arguments"], dict)


def test_parallel_calls_and_their_results_stay_together_in_sharegpt() -> None:
    def call(name: str, arguments: str) -> dict[str, Any]:
        return {"id": name, "type": "function", "function": {"name": name, "arguments": arguments}}

    messages = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "", "tool_calls": [call("a", "{}"), call("b", '{"x": 1}')]},
        {"role": "tool", "tool_call_id": "a", "name": "a", "content": '{"r":1}'},
        {"role": "tool", "tool_call_id": "b", "name": "b", "content": "[2]"},
        {"role": "assistant", "content": "done", "reasoning_content": "why"},
    ]
    human, calls, results, said = sharegpt(messages)
    assert human == {"from": "human", "value": "u"}
    assert json.loads(calls["value"]) == [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": 1}}]
    assert json.loads(results["value"]) == [{"r": 1}, [2]]
    assert said["value"] == "<think>\nwhy\n</think>\n\ndone"


def test_tools_that_appear_midway_are_told_where_they_appear(made: Path) -> None:
    sample = samples_of(made)[0]
    first, *rest = sample.task.turns
    turns = (first, rest[0].model_copy(update={"release": ("borrow",)}), *rest[1:])
    sample.task = sample.task.model_copy(update={"turns": turns, "held_out": ("borrow",)})

    def tools(turn: int) -> str:
        names = [f"turn{turn}", "always", *(["borrow"] if turn else [])]
        return json.dumps([{"type": "function", "function": {"name": name}} for name in names])

    rows = list(rows_of(sample, tools, "openai", "message", "keep"))
    assert {row["tools"] for row in rows} == {tools(turn) for turn in range(len(turns))}
    (whole,) = rows_of(sample, tools, "openai", "conversation", "keep")
    assert whole["tools"] == tools(0)
    told = [message["content"] for message in whole["messages"] if '"borrow"' in message["content"] and message["role"] == "user"]
    assert len(told) == 1
    assert told[0].startswith(turns[1].user)


def test_tasks_can_be_rolled_out_in(made: Path, tmp_path: Path) -> None:
    export_dataset(made, tmp_path / "x", ExportOptions("tasks"))
    tasks = TaskFile.read(tmp_path / "x" / "tasks.jsonl")
    assert [task.id for task in tasks] == [sample.id for sample in samples_of(made)]
    assert run(["rollout", str(tmp_path / "x" / "tasks.jsonl"), "--policy", "oracle", "--json"]) == 0


def test_what_is_not_ours_is_neither_read_nor_replaced(made: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("my thesis")
    for out, options, wrong in (
        ("mine", ExportOptions(), RunError),
        ("x", ExportOptions("csv"), UnknownNameError),
        ("x", ExportOptions(rows="word"), UnknownNameError),
    ):
        with pytest.raises(wrong):
            export_dataset(made, tmp_path / out, options)
    with pytest.raises(RunError):
        export_dataset(tmp_path, tmp_path / "x")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "samples.jsonl").write_text('{"id": "a", "format": 99}\n')
    with pytest.raises(RunError, match="row a"):
        export_dataset(tmp_path / "bad", tmp_path / "x")
    assert {p.name for p in tmp_path.iterdir()} == {"mine", "bad"}
    assert (tmp_path / "mine" / "README.md").read_text() == "my thesis"


LOAD = """
import json, sys, datasets
datasets.disable_progress_bars()
def told(place):
    if hasattr(datasets, "Json") or "trl" not in place.rsplit("/", 1)[-1]:
        one, two = (datasets.load_dataset(d, split="train") for d in (place, place + "/jsonl"))
        assert one.features == two.features and one[:] == two[:], place
        yield one
    if "trl" in place.rsplit("/", 1)[-1]:  # what the card says for `datasets` before 4.7
        rows = datasets.load_dataset("parquet", data_files=place + "/parquet/train.parquet", split="train")
        yield [{k: [json.loads(text) for text in v] if isinstance(v, list) else v for k, v in row.items()} for row in rows]
for place in sys.argv[1:]:
    lines = [json.loads(line) for line in open(place + "/jsonl/train.jsonl", encoding="utf-8")]
    def bare(value):
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if v is not None}
        return [bare(v) for v in value] if isinstance(value, list) else value
    for rows in told(place):
        assert [bare(row) for row in rows] == lines, place
    print(place.rsplit("/", 1)[-1], len(lines))
alone = datasets.load_dataset(sys.argv[1] + "/jsonl")
assert list(alone) == ["train"]
"""


def test_datasets_reads_every_export_as_it_stands(made: Path, tmp_path: Path) -> None:
    places = []
    for form in TABLES:
        for rows in ROWS:
            export_dataset(made, tmp_path / f"{form}-{rows}", ExportOptions(form, rows))
            places.append(str(tmp_path / f"{form}-{rows}"))
    home = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", LOAD, *places], env={**os.environ, **home}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 2 * len(TABLES)
