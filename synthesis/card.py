"""The data set card of an export: YAML that `datasets.load_dataset(DIR)` follows, then words for people."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..agents.trajectory import installed_versions
from .columns import features_yaml
from .formats import ExportOptions

MARK = "<!-- turngym export -->"

_WHAT = {
    "openai": 'Each row holds `messages` in OpenAI chat form. Put `json.loads(row["tools"])` beside them where a trainer wants objects.',
    "trl": "Each row holds `messages` (or `prompt` and `completion`) as TRL's `SFTTrainer` takes them, and `tools` as JSON text.",
    "sharegpt": "LLaMA-Factory reads the JSONL through `dataset_info.json`: set `dataset_dir` to this directory.",
    "tasks": "Each line of `tasks.jsonl` is a task: `turngym rollout tasks.jsonl --policy ...`.",
}
_ROWS = {
    ("trl", "message"): "A row is one assistant message: `completion` alone bears the loss (`completion_only_loss`, the default).",
    ("openai", "message"): "A row is one assistant message, the last of `messages`: put the loss on that one alone.",
    ("sharegpt", "message"): "A row ends with the one assistant message it teaches: set `mask_history: true`.",
    ("trl", "conversation"): "A row is a conversation: set `assistant_only_loss=True`.",
    ("openai", "conversation"): "A row is a conversation: put the loss on the assistant's messages.",
    ("sharegpt", "conversation"): "A row is a conversation; LLaMA-Factory puts the loss on `gpt` and `function_call`.",
}
_THINKING = {
    "keep": "Reasoning stands in every assistant message",
    "drop-earlier": "Reasoning stands in the last turn alone, as chat templates keep it",
    "drop": "Reasoning was left out",
}


class Made(NamedTuple):
    """What an export came to: split -> rows, how many conversations, of which envs, and a hash of all rows."""

    counts: dict[str, int]
    samples: int
    envs: tuple[str, ...]
    digest: str


def card(options: ExportOptions, made: Made, *, inside: bool = False) -> str:
    """The text of `README.md`. `inside`: for the directory `jsonl` itself."""
    rows = sum(made.counts.values())
    envs = ", ".join(f"`{env}`" for env in made.envs)
    words = [
        f"{rows} rows of {made.samples} conversations in {envs}, made by turngym {installed_versions()['turngym']}.",
        "Every conversation was proven before it was written: each call was run again in the installed worlds with equal results and"
        " states, each argument has a known source, and each task is solved by its reference calls and by nothing less.",
        _WHAT[options.format],
    ]
    if options.format != "tasks":
        where = "between think tags" if options.format == "sharegpt" else "in `reasoning_content`"
        words += [
            f"{_ROWS[options.format, options.rows]} {_THINKING[options.reasoning]}{'' if options.reasoning == 'drop' else f' ({where})'}.",
            "Arguments of calls and `tools` are JSON text: typed columns would otherwise give every tool the keys of all others, as nulls."
            " `datasets` shows keys that a message lacks as None; chat templates take these for absent.",
            _usage(options),
        ]
    return f"{_front(options, made, inside)}\n{MARK}\n\n# turngym data set ({options.format})\n\n" + "\n\n".join(words) + "\n"


def _front(options: ExportOptions, made: Made, inside: bool) -> str:
    rows = sum(made.counts.values())
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((name for limit, name in sizes if rows < limit), "1M<n<10M")
    lines = ["---", "pretty_name: turngym", "language:", "- en", "tags:", "- function-calling", "- tool-use", "- multi-turn", "- synthetic"]
    lines += ["task_categories:", "- text-generation", "size_categories:", f"- {size}"]
    if options.format != "tasks":
        kind = "jsonl" if options.files == "jsonl" else "parquet"
        place = "" if inside else f"{kind}/"
        # `datasets` keys its cache by the directory's last name and the config's: without the hash, an export would be
        # answered by the rows of another one whose directory is called alike
        name = f"turngym-{made.digest}"
        lines += ["configs:", f"- config_name: {name}", "  default: true", "  data_files:"]
        for split in sorted(made.counts, reverse=True):
            lines += [f"  - split: {split}", f"    path: {place}{split}.{kind}"]
        lines += ["dataset_info:", f"- config_name: {name}", "  features:", features_yaml(options.format, options.rows, "  ")]
    return "\n".join([*lines, "---"])


def _usage(options: ExportOptions) -> str:
    second = (
        '\nrows = datasets.load_dataset("DIR/jsonl", split="train")    # the same rows, out of JSONL' if options.files == "both" else ""
    )
    return (
        '```python\nimport datasets, json\n\nrows = datasets.load_dataset("DIR", split="train")'
        f'{second}\ntools = json.loads(rows[0]["tools"])\n```'
    )


def dataset_info(counts: dict[str, int]) -> dict[str, Any]:
    """What LLaMA-Factory reads: one data set a split, `turngym` for training."""
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    return {
        "turngym" if split == "train" else f"turngym_{split}": {
            "file_name": f"jsonl/{split}.jsonl",
            "formatting": "sharegpt",
            "columns": columns,
        }
        for split in counts
    }
