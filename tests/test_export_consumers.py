"""Promises of exports to trainers that are not installed here: each row is what their own documentation asks for."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from turngym.envs.bridges.trl import WorldEnvironment, environments, verdict_reward
from turngym.envs.errors import RunError
from turngym.envs.task import Task, parse_task
from turngym.synthesis import AssemblyOptions, Request, Sample, synthesize
from turngym.synthesis.bfcl_layout import call_text, entry_of
from turngym.synthesis.card import Made, card
from turngym.synthesis.export import ExportOptions, export_dataset
from turngym.synthesis.openings import turns_of

LIBRARY = f"{Path(__file__).parent / 'mini_world.py'}:Library"
GORILLA = {"string", "integer", "float", "boolean", "array", "dict", "tuple", "any"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "samples"
    synthesize(Request((LIBRARY, "Banking"), 4, 3), out, options=AssemblyOptions(turns={2: 1.0}))
    return out


def rows_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def samples_of(made: Path) -> list[Sample]:
    return [Sample.from_record(row) for row in rows_in(made / "samples.jsonl")]


def export(made: Path, out: Path, *options: str) -> list[dict[str, Any]]:
    export_dataset(made, out, ExportOptions(*options))
    return [row for path in sorted((out / "jsonl").glob("*.jsonl")) for row in rows_in(path)]


# -- LLaMA-Factory: data/README.md, "Sharegpt Format" ------------------------------------------------------

DESCRIPTION = {"file_name", "formatting", "ranking", "subset", "split", "folder", "num_samples", "columns", "tags"}
COLUMNS = {"messages", "system", "tools", "images", "videos", "audios", "chosen", "rejected", "kto_tag"}


@pytest.mark.parametrize("rows", ["conversation", "message"])
def test_sharegpt_files_are_what_llama_factory_documents(rows: str, made: Path, tmp_path: Path) -> None:
    found = export(made, tmp_path / "x", "sharegpt", rows)
    info = json.loads((tmp_path / "x" / "dataset_info.json").read_text())
    for description in info.values():
        assert set(description) <= DESCRIPTION
        assert description["formatting"] == "sharegpt"
        assert (tmp_path / "x" / description["file_name"]).is_file()
        assert set(description["columns"]) <= COLUMNS
        assert set(description["columns"].values()) <= set(found[0])
    for row in found:
        said = row["conversations"]
        assert len(said) % 2 == 0
        for index, part in enumerate(said):
            assert set(part) == {"from", "value"}
            assert part["from"] in (("human", "observation"), ("gpt", "function_call"))[index % 2]
            assert isinstance(part["value"], str)
            if part["from"] == "function_call":
                calls = json.loads(re.sub(r"<think>.*?</think>\s*", "", part["value"], flags=re.DOTALL))
                for call in calls if isinstance(calls, list) else [calls]:
                    assert set(call) == {"name", "arguments"}
                    assert call["name"] in {tool["name"] for tool in json.loads(row["tools"])}
        for tool in json.loads(row["tools"]):
            assert set(tool) == {"name", "description", "parameters"}
            assert isinstance(tool["parameters"].get("required", []), list)


# -- verl: docs/preparation/prepare_data ------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["conversation", "message"])
def test_verl_files_have_the_five_fields_that_verl_documents(rows: str, made: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    export(made, tmp_path / "x", "verl", rows)
    samples = {sample.id: sample for sample in samples_of(made)}
    count = 0
    for path in sorted((tmp_path / "x" / "parquet").glob("*.parquet")):
        for index, row in enumerate(parquet.read_table(path).to_pylist()):
            count += 1
            assert list(row) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
            assert row["prompt"][-1]["role"] == "user"
            assert all(isinstance(message["content"], str) for message in row["prompt"])
            assert row["reward_model"]["style"] == "rule"
            about = row["extra_info"]
            assert (about["split"], about["index"]) == (path.stem, index)
            task = parse_task(about["task"])
            wanted = task.turns if rows == "conversation" else task.turns[about["turn"] : about["turn"] + 1]
            truth = json.loads(row["reward_model"]["ground_truth"])
            assert [[call["name"] for call in turn["calls"]] for turn in truth] == [[call.name for call in turn.gold] for turn in wanted]
            assert [turn["told"] for turn in truth] == [list(turn.checks.told) for turn in wanted]
            assert {call.name for call in task.gold()} <= {tool["function"]["name"] for tool in json.loads(about["tools"])}
            assert row["data_source"] == samples[about["id"].partition(".")[0]].task.env
    assert count == (4 if rows == "conversation" else 8)


# -- BFCL: multi-turn entries, possible answers, function documents ----------------------------------------


def gorilla_types(node: Any) -> set[str]:
    if isinstance(node, dict):
        inside = {kind for part in node.get("properties", {}).values() for kind in gorilla_types(part)}
        return {node["type"]} | inside | (gorilla_types(node["items"]) if "items" in node else set())
    return set()


def test_bfcl_files_have_the_layout_of_the_benchmark(made: Path, tmp_path: Path) -> None:
    report = export_dataset(made, tmp_path / "x", ExportOptions("bfcl"))
    assert (report["samples"], report["rows"]) == (4, 4)
    tasks = {sample.id: sample.task for sample in samples_of(made)}
    documents = {path.stem: {doc["name"]: doc for doc in rows_in(path)} for path in (tmp_path / "x" / "multi_turn_func_doc").glob("*.json")}
    assert set(documents) == {"library", "banking"}
    for docs in documents.values():
        for doc in docs.values():
            assert set(doc) == {"name", "description", "parameters", "response"}
            assert doc["parameters"]["type"] == "dict"
            assert set(doc["parameters"]["required"]) <= set(doc["parameters"]["properties"])
            assert gorilla_types(doc["parameters"]) | gorilla_types(doc["response"]) <= GORILLA
    for path in (tmp_path / "x").glob("*/BFCL_v4_multi_turn_*.json"):
        category = path.stem.removeprefix("BFCL_v4_multi_turn_")
        entries, answers = rows_in(path), rows_in(path.parent / "possible_answer" / path.name)
        assert [entry["id"] for entry in entries] == [f"multi_turn_{category}_{n}" for n in range(len(entries))]
        assert [answer["id"] for answer in answers] == [entry["id"] for entry in entries]
        for entry, answer in zip(entries, answers, strict=True):
            task = tasks[entry["turngym_task"]]
            assert set(entry["initial_config"]) == set(entry["involved_classes"])
            assert len(entry["question"]) == len(answer["ground_truth"]) == len(task.turns)
            for turn, texts in zip(task.turns, answer["ground_truth"], strict=True):
                assert [decoded(text) for text in texts] == [(call.name, call.arguments) for call in turn.gold]


def decoded(text: str) -> tuple[str, dict[str, Any]]:
    """A call string, as the benchmark's own decoder takes it apart: a plain name and literal keyword arguments."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    assert not call.args
    return call.func.id, {str(item.arg): ast.literal_eval(item.value) for item in call.keywords}


def test_call_strings_hold_any_value() -> None:
    hard = {"a": 'it\'s "so"\n', "b": None, "c": [True, 1.5, {"d": -3}], "e": "ünï\\'", "f": {}}
    assert decoded(call_text("f", hard)) == ("f", hard)


def test_tools_that_appear_midway_are_handed_over_in_a_turn_of_their_own(made: Path) -> None:
    task = released(samples_of(made)[0]).task
    entry, answer = entry_of(task)
    assert [len(question) for question in entry["question"]] == [1, 0, 1]
    assert entry["missed_function"] == {"1": ["borrow"], "3": ["identify"]}  # the second after the last turn, so never
    assert answer["ground_truth"][1] == []
    assert entry["excluded_function"] == ["identify"]


def released(sample: Sample) -> Sample:
    first, second = sample.task.turns
    turns = (first, second.model_copy(update={"release": ("borrow",)}))
    bare = sample.task.model_dump(exclude={"id"}) | {"turns": [turn.model_dump() for turn in turns], "held_out": ["borrow", "identify"]}
    return Sample(Task.model_validate(bare), sample.messages, sample.fingerprints)


# -- TRL: rows that open an episode -----------------------------------------------------------------------


def test_a_row_of_every_user_message_opens_an_episode_that_gold_wins_and_silence_loses(made: Path, tmp_path: Path) -> None:
    rows = export(made, tmp_path / "x", "trl-grpo", "message")
    assert len(rows) == 8
    classes = environments(rows)
    for row in rows:
        task = parse_task(row["task"])
        turn = sum(message["role"] == "user" for message in row["prompt"]) - 1
        outcomes = []
        for play in (True, False):
            env: WorldEnvironment = classes[row["environment"]]()
            env.reset(**{key: value for key, value in row.items() if key != "environment"})
            for call in task.turns[turn].gold if play else ():
                getattr(env, call.name)(**call.arguments)
            closing = [{"role": "assistant", "content": task.turns[turn].reply if play else "No."}]
            outcomes += verdict_reward([closing], [env])
        assert outcomes == [1.0, 0.0]


def test_openings_alone_are_a_row_a_conversation(made: Path, tmp_path: Path) -> None:
    rows = export(made, tmp_path / "x", "trl-grpo")
    assert [row["id"] for row in rows] == [sample.id for sample in samples_of(made)]
    assert all([message["role"] for message in row["prompt"]] == ["user"] for row in rows)


def test_a_user_who_answers_within_a_turn_opens_none(made: Path) -> None:
    sample = samples_of(made)[0]
    asked = [{"role": "assistant", "content": "Which one?"}, {"role": "user", "content": "The first."}]
    sample.messages = [sample.messages[0], *asked, *sample.messages[1:]]
    turns = turns_of(sample)
    assert turns[:4] == [0, 0, 0, 0]
    assert turns[-1] == 1


# -- the card ---------------------------------------------------------------------------------------------


def test_the_card_tells_how_the_rows_were_made_and_what_is_not_known(made: Path, tmp_path: Path) -> None:
    export_dataset(made, tmp_path / "x", ExportOptions("trl", license="cc-by-4.0"))
    text = (tmp_path / "x" / "README.md").read_text()
    funnel = json.loads((made / "summary.json").read_text())["funnel"]
    for heading in ("How it was made", "What is in it", "Known limits", "Contamination", "How to verify", "Licence"):
        assert f"\n## {heading}\n" in text
    assert "\nlicense: cc-by-4.0\n" in text
    assert "no model wrote in it" in text
    assert json.dumps(funnel, indent=1, sort_keys=True) in text
    assert "not compared with any benchmark" in text
    assert "| category | base | 4 |" in text
    assert "| world | Banking | 2 |" in text
    assert "turngym verify" in text


def test_a_card_names_models_and_measured_contamination_and_no_address() -> None:
    who = {"policy": {"name": "chat", "model": "some-model", "base_url": "http://10.1.2.3/v1"}, "prompt": "reasoning_v1", "tries": 3}
    run = {
        "config": {"roles": {"candidates": 4, "reasoning": who, "tooling": "template"}, "from": "/home/me/runs/a"},
        "versions": {"turngym": "1"},
    }
    made_of: dict[str, Any] = {"contamination": {"file": "given.jsonl", "shared": 0}}
    text = card(ExportOptions("openai", reasoning="keep"), Made({"train": 1}, 1, "00", *_counts(), run, made_of))
    assert "reasoning by `some-model` (prompt `reasoning_v1`); tooling by templates" in text
    assert '"shared": 0' in text
    assert "not compared" not in text
    assert "10.1.2.3" not in text
    assert "/home/me" not in text
    unknown = card(ExportOptions("openai", reasoning="keep"), Made({"train": 1}, 1, "00", *_counts(), {}, {}))
    assert "how its rows were made is not known" in unknown
    assert "no model wrote" not in unknown
    assert "license: unknown" in unknown


def _counts() -> tuple[Any, Any, Any]:
    from collections import Counter

    return Counter(e=1), Counter(base=1), Counter(W=1)


def test_a_licence_that_would_break_the_card_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="licence id"):
        export_dataset(made, tmp_path / "x", ExportOptions(license="mit\ntags: [x]"))
    assert not (tmp_path / "x").exists()
