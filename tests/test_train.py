"""Promises of exports to their consumer: TRL takes real steps on them, and the loss is where it belongs."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tiny_model import make_tiny

from turngym.envs.bridges.trl import environments, progress_reward, verdict_reward
from turngym.synthesis import AssemblyOptions, Request, synthesize
from turngym.synthesis.export import ExportOptions, export_dataset

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]
trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")
HERE = Path(__file__).parent
SPOKEN = re.compile(r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)", re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "samples"
    synthesize(Request((f"{HERE / 'mini_world.py'}:Library",), 4, 3), out, options=AssemblyOptions(turns={2: 1.0}))
    return out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny model with the chat template of a real one, which TRL knows how to mask and to parse."""
    from trl.chat_template_utils import qwen3_chat_template

    return make_tiny(tmp_path_factory.mktemp("model"), template=qwen3_chat_template)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def exported(made: Path, out: Path, *options: str) -> Any:
    export_dataset(made, out, ExportOptions(*options))
    return datasets.load_dataset(str(out), split="train")


def settings(kind: Any, out: Path, **more: Any) -> Any:
    return kind(str(out), max_steps=1, report_to=[], save_strategy="no", disable_tqdm=True, bf16=False, use_cpu=True, **more)


def weights(trainer: Any) -> Any:
    return trainer.model.lm_head.weight.detach().clone()


def labels_of(trainer: Any, index: int) -> tuple[str, str]:
    """What a row of the trainer's own batch reads as, and what of it bears the loss."""
    batch = trainer.data_collator([trainer.train_dataset[index]])
    tokens, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
    decode = trainer.processing_class.decode
    assert all(label in (-100, token) for token, label in zip(tokens, labels, strict=True))
    return decode(tokens), decode([token for token, label in zip(tokens, labels, strict=True) if label != -100])


@pytest.mark.parametrize("reasoning", ["keep", "drop-earlier"])
def test_a_supervised_step_learns_from_what_the_assistant_says_and_nothing_else(
    reasoning: str, made: Path, model: str, tmp_path: Path
) -> None:
    rows = exported(made, tmp_path / "x", "trl", "conversation", reasoning)
    args = settings(
        trl.SFTConfig, tmp_path / "run", assistant_only_loss=True, max_length=None, per_device_train_batch_size=2, learning_rate=0.1
    )
    trainer = trl.SFTTrainer(model, args=args, train_dataset=rows)
    for index, row in enumerate(rows):
        whole, learnt = labels_of(trainer, index)
        spoken = SPOKEN.findall(whole)
        said = [message for message in row["messages"] if message["role"] == "assistant"]
        assert len(spoken) == len(said)
        assert learnt.replace("\n", "") == "".join(spoken).replace("\n", "")
        for message, text in zip(said, spoken, strict=True):
            for call in message.get("tool_calls", ()):
                assert f'"arguments": {json.dumps(call["function"]["arguments"])}' in text
            assert message["content"] in text
        for message in row["messages"]:
            if message["role"] != "assistant":
                assert message["content"] in whole
        assert all(tool["function"]["name"] in whole for tool in row["tools"])
    before = weights(trainer)
    trainer.train()
    assert 0 < trainer.state.log_history[-1]["train_loss"] < 100
    assert (weights(trainer) != before).any()


def test_a_supervised_step_on_message_rows_learns_the_last_message_alone(made: Path, model: str, tmp_path: Path) -> None:
    rows = exported(made, tmp_path / "x", "trl", "message")
    trainer = trl.SFTTrainer(model, args=settings(trl.SFTConfig, tmp_path / "run", max_length=None), train_dataset=rows)
    for index in (0, 1, len(rows) - 1):
        whole, learnt = labels_of(trainer, index)
        assert learnt.strip().endswith(SPOKEN.findall(whole)[-1])
        assert whole.endswith(learnt)
        assert "<|im_start|>" not in learnt.removeprefix("<|im_start|>assistant\n")
    trainer.train()
    assert 0 < trainer.state.log_history[-1]["train_loss"] < 100


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_5_think", "llama3_2", "glm4moe"])
def test_templates_of_real_models_write_arguments_as_they_were_called(name: str, made: Path, tmp_path: Path) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    template = (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text()
    for row in exported(made, tmp_path / "x", "trl"):
        ((text,), _) = render_jinja_template(
            conversations=[row["messages"]], tools=row["tools"], chat_template=template, bos_token="", eos_token=""
        )
        assert not re.search(r'"(arguments|parameters)": ?"', text)  # a text written a second time
        for message in row["messages"]:
            for call in message.get("tool_calls", ()):
                assert all(str(value) in text for value in call["function"]["arguments"].values())


def play(trainer: Any, gold: list[dict[str, Any]], reply: str) -> None:
    """Let every even rollout play gold and every odd one say nothing; all else is the trainer's own."""
    tokenizer, asked = trainer.processing_class, []

    def generate(prompt_ids: list[list[int]], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        texts = []
        for index in range(len(prompt_ids)):
            if asked or index % 2 == 0:
                step = len(asked)
                call = gold[step] if step < len(gold) else None
                texts.append(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" if call else reply)
            else:
                texts.append("No.")
        asked.append(len(prompt_ids))
        return [tokenizer(f"{text}<|im_end|>").input_ids for text in texts], None

    trainer._generate_single_turn = generate


@pytest.mark.parametrize("which", [0, 1])
def test_a_step_by_reward_plays_the_tools_of_our_world(which: int, made: Path, model: str, tmp_path: Path) -> None:
    rows = exported(made, tmp_path / "x", "trl-grpo", "message")
    row = next(row for row in rows if sum(message["role"] == "user" for message in row["prompt"]) == which + 1)
    turn = json.loads(row["task"])["turns"][which]
    calls = [{"name": call["name"], "arguments": call.get("arguments", {})} for call in turn["gold"]]
    args = settings(
        trl.GRPOConfig, tmp_path / "run", num_generations=2, per_device_train_batch_size=2, learning_rate=0.1, max_completion_length=4096
    )
    trainer = trl.GRPOTrainer(
        model, reward_funcs=[verdict_reward, progress_reward], train_dataset=datasets.Dataset.from_list([row], features=rows.features),
        environment_factory=environments(rows), args=args,
    )  # fmt: skip
    play(trainer, calls, turn["reply"])
    before = weights(trainer)
    trainer.train()
    log = trainer.state.log_history[0]
    assert log["rewards/verdict_reward/mean"] == 0.5
    assert log["tools/call_frequency"] == len(calls) / 2
    assert log["tools/failure_frequency"] == 0
    assert (weights(trainer) != before).any()
    first, second = trainer.environments
    assert first._outcome == (True, 1.0)
    assert second._outcome is not None
    assert second._outcome[0] is False


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", HERE.parent / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_trains_a_tiny_model_in_a_minute(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [0 <= entry["reward"] <= 2 for entry in example("grpo").main(model, "FileSystem", 1)] == [True]


def test_rows_learn_alike_with_and_without_a_type_for_objects(
    made: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_dataset(made, tmp_path / "x", ExportOptions("trl", "message"))
    sft = example("sft")
    typed = list(sft.rows_of(str(tmp_path / "x")))
    monkeypatch.delattr(datasets, "Json", raising=False)
    assert list(sft.rows_of(str(tmp_path / "x"))) == typed
    (loss,) = sft.main(model, str(tmp_path / "x"), 1, str(tmp_path / "run"))
    assert 0 < loss < 100
