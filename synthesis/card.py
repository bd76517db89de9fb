"""The data set card of an export: YAML that `datasets.load_dataset(DIR)` follows, then words for people.

Laws: a card states what is known of how the rows came about, out of the run they came from, and says so where
something is not known; it claims no check that was not made. What comes from data is text alone: whatever an env, a
world or a model is called, it is no markup, no line of its own, no key of the YAML, and nothing to a terminal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import PurePath
from typing import Any, NamedTuple

from ..agents.trajectory import installed_versions
from ..envs.door import ships
from ..envs.errors import shorten
from .columns import features_yaml
from .formats import PLAIN, ExportOptions

MARK = "<!-- turngym export -->"
_USUAL = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@+ -]*")  # what needs no escape within code
_MARKUP = re.compile(r"(?i:(?<=www)\.)|(?<![^\W_])_|_(?![^\W_])|[^\w .,/+…-]")  # what could be markup within a line
_YAML_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_PRIVATE = frozenset({"base_url", "api_key", "url", "headers"})

_OBJECTS = (
    " Load the directory with `datasets` 4.7 or newer, which has a type for objects. In the bare Parquet files each object is JSON text:"
    ' older ones read `load_dataset("parquet", data_files="DIR/parquet/train.parquet")`, and `json.loads` gives the objects.'
)
_WHAT = {
    "openai": 'Each row holds `messages` in OpenAI chat form. Put `json.loads(row["tools"])` beside them where a trainer wants objects.',
    "trl": "Each row holds `messages` (or `prompt` and `completion`) and `tools` as TRL's `SFTTrainer` takes them, with objects throughout"
    f".{_OBJECTS}",
    "trl-grpo": "Each row holds a `prompt` for TRL's `GRPOTrainer`, the `task`, and its `environment`:"
    f" `from turngym.envs.bridges.trl import environments, verdict_reward`.{_OBJECTS}",
    "sharegpt": "LLaMA-Factory reads the JSONL through `dataset_info.json`: set `dataset_dir` to this directory.",
    "verl": "verl reads the Parquet files: `data.train_files`. `reward_model.ground_truth` is JSON: per turn the reference calls and the"
    " values that the reply must tell; `extra_info.task` is the whole task, for a reward that executes calls.",
    "bfcl": "Entries, possible answers and function documents in the layout of BFCL's multi-turn categories, a directory a split. Its own"
    " runner executes the classes that ship with it; here `initial_config` names seed and size of a turngym world.",
    "tasks": "Each line of `tasks.jsonl` is a task: `turngym rollout tasks.jsonl --policy ...`.",
}
_ROWS = {
    ("trl", "message"): "A row is one assistant message: `completion` alone bears the loss (`completion_only_loss`, the default).",
    ("openai", "message"): "A row is one assistant message, the last of `messages`: put the loss on that one alone.",
    ("sharegpt", "message"): "A row ends with the one assistant message it teaches: set `mask_history: true`.",
    ("trl", "conversation"): "A row is a conversation: set `assistant_only_loss=True`.",
    ("openai", "conversation"): "A row is a conversation: put the loss on the assistant's messages.",
    ("sharegpt", "conversation"): "A row is a conversation; LLaMA-Factory puts the loss on `gpt` and `function_call`.",
    ("trl-grpo", "conversation"): "A row is the opening of a conversation; its first turn is what is played and judged.",
    ("trl-grpo", "message"): "A row is one user message with what came before it; the turn that it opens is what is played and judged.",
    ("verl", "conversation"): "A row is the opening of a conversation; its ground truth has every turn.",
    ("verl", "message"): "A row is one user message with what came before it; its ground truth has that turn.",
}
_THINKING = {
    "keep": "Reasoning stands in every assistant message",
    "drop-earlier": "Reasoning stands in the last turn alone, as chat templates keep it",
    "drop": "Reasoning was left out",
}
_TEXT = (
    "Arguments of calls and `tools` are JSON text: typed columns would otherwise give every tool the keys of all others, as nulls."
    " `datasets` shows keys that a message lacks as None; chat templates take these for absent."
)
_LIMITS = (
    "The worlds are simulations: they have the rules, ids and errors of real services, and none of their scale or surprises.",
    "Users speak English; names, amounts and dates are generated from a seed and belong to nobody.",
    "Conversations of the category error_tool_response hold failing calls; some are the assistant's own mistakes. Rows of one message leave"
    " those out, whole conversations keep them.",
    "A proof says that calls, results, states and sources hold. It says nothing about taste: wording and reasoning were not rated.",
)


class Made(NamedTuple):
    """What an export came to.

    counts: split -> rows. samples: conversations. digest: a hash of all rows. envs, categories, worlds: -> conversations.
    run: the source's `run.json`. summary: its `summary.json`. Both are {} where it has none.
    """

    counts: dict[str, int]
    samples: int
    digest: str
    envs: Counter[str]
    categories: Counter[str]
    worlds: Counter[str]
    run: dict[str, Any]
    summary: dict[str, Any]


def card(options: ExportOptions, made: Made, *, inside: bool = False) -> str:
    """The text of `README.md`. `inside`: for the directory `jsonl` itself."""
    words = [
        f"{sum(made.counts.values())} rows of {made.samples} conversations in {_list(made.envs)}, exported by turngym"
        f" {installed_versions()['turngym']}.",
        _WHAT[options.format],
    ]
    if options.format not in PLAIN:
        where = "between think tags" if options.format == "sharegpt" else "in `reasoning_content`"
        words += [
            f"{_ROWS[options.format, options.rows]} {_THINKING[options.reasoning]}{'' if options.reasoning == 'drop' else f' ({where})'}.",
            *([] if options.format.startswith("trl") else [_TEXT]),
            _usage(options),
        ]
    words += [*_how(made), *_content(made), "## Known limits", "\n".join(f"- {line}" for line in _LIMITS), *_contamination(made)]
    words += ["## How to verify", _verification(made), "## Licence", _licence(options)]
    return f"{_front(options, made, inside)}\n{MARK}\n\n# turngym data set ({options.format})\n\n" + "\n\n".join(words) + "\n"


# -- for people -------------------------------------------------------------------------------------------


def _how(made: Made) -> list[str]:
    """How it was made: the kind of run, who wrote, versions, settings, the funnel, what models used."""
    config, versions = (found if isinstance(found := made.run.get(name), dict) else {} for name in ("config", "versions"))
    lines = ["## How it was made"]
    if not made.run:
        return [*lines, "The directory that was exported holds no `run.json`: how its rows were made is not known here."]
    kind = "from the successful rollouts of a policy, whose calls they show" if "from" in config else "from worlds, tool graphs and a seed"
    stood = ", ".join(f"{_text(name)} {_text(version)}" for name, version in sorted(versions.items())) or "not recorded"
    lines += [f"Made {kind} (`turngym synthesize`). {_authors(config)} Versions: {stood}."]
    lines += ["Settings, as recorded (addresses and directories left out):", _json(_public(config))]
    if funnel := made.summary.get("funnel"):
        lines += ["Funnel: candidates, what was kept, and what was refused for which reason:", _json(funnel)]
    used = {key: made.summary[key] for key in ("roles", "per_kept_sample", "failed_attempts") if made.summary.get(key)}
    return [*lines, "What the models of the roles used:", _json(used)] if used else lines


def _authors(config: dict[str, Any]) -> str:
    """Who wrote the words, role by role."""
    cast = config.get("roles")
    if not isinstance(cast, dict):
        return f"Queries, reasoning and replies were written by templates{'' if 'from' in config else '; no model wrote in it'}."
    played = {role: who for role, who in cast.items() if isinstance(who, dict)}
    named = [f"{_text(role)} by {_name(_model(who))} (prompt {_name(who.get('prompt', '?'))})" for role, who in played.items()]
    left = [role for role, who in cast.items() if who == "template"]
    return f"Roles: {'; '.join([*named, *(f'{_text(role)} by templates' for role in left)])}."


def _model(who: dict[str, Any]) -> str:
    policy = who.get("policy")
    if isinstance(policy, dict):
        options = policy.get("options")
        inside = options if isinstance(options, dict) else {}
        return str(policy.get("model") or inside.get("model") or policy.get("name") or policy)
    return str(policy)


def _public(value: Any) -> Any:
    """Settings without what a published card should not tell: addresses, keys, and directories but their last name."""
    if isinstance(value, dict):
        return {
            key: PurePath(part).name if key == "from" and isinstance(part, str) else _public(part)
            for key, part in value.items()
            if key not in _PRIVATE
        }
    return [_public(part) for part in value] if isinstance(value, list) else value


def _content(made: Made) -> list[str]:
    rows = [("split (rows)", made.counts), ("category", made.categories), ("env", made.envs), ("world", made.worlds)]
    table = ["| | | number |", "|---|---|---|"]
    table += [f"| {what} | {_text(name)} | {number} |" for what, counts in rows for name, number in sorted(counts.items())]
    return ["## What is in it", "\n".join(table)]


def _contamination(made: Made) -> list[str]:
    told = "No text of a benchmark goes into the worlds or the templates. A family of tasks is in one split alone, `train` or `test`."
    if found := made.summary.get("contamination"):
        return ["## Contamination", told, "Compared with given tasks, as recorded:", _json(found)]
    return ["## Contamination", f"{told} These rows were not compared with any benchmark's."]


def _verification(made: Made) -> str:
    own = [_name(name) for name in sorted(made.worlds) if not ships(name)]
    theirs = (
        f" Its worlds {', '.join(own)} do not ship with turngym: whoever has their code, and trusts it, names it with `--world PLACE`."
        if own
        else ""
    )
    return (
        "Every conversation was proven before it was written: each call was run again in the installed worlds with equal results and"
        " states, each argument has a known source, and each task is solved by its reference calls and by nothing less. `turngym verify"
        " DIR`, on the directory that was exported, proves all of it again from the rows alone." + theirs
    )


def _licence(options: ExportOptions) -> str:
    if options.license == "unknown":
        return "Not stated. Whoever publishes this names one: `turngym export --license ID`."
    return f"{_name(options.license)}, as named by whoever exported it."


def _json(value: Any) -> str:
    """A block of JSON: ASCII, and without a sign that would be markup, so that it ends where it ends."""
    text = json.dumps(value, indent=1, sort_keys=True).replace("\x7f", "\\u007f")
    return f"```json\n{re.sub('[<>&`]', lambda sign: f'{chr(92)}u{ord(sign[0]):04x}', text)}\n```"


def _list(counts: Counter[str]) -> str:
    return ", ".join(_name(name) for name in sorted(counts))


def _text(value: object) -> str:
    """What comes from data, as text of one line: signs that could be markup stand as what HTML and Markdown show as themselves."""
    said = "".join(sign if sign.isprintable() else sign.encode("unicode_escape", "backslashreplace").decode() for sign in str(value))
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", shorten(said, 200))


def _name(value: object) -> str:
    """A name out of data: as code where it is a usual one, else as `_text`."""
    said = str(value)
    return f"`{said}`" if len(said) <= 200 and _USUAL.fullmatch(said) else _text(said)


def _usage(options: ExportOptions) -> str:
    second = (
        '\nrows = datasets.load_dataset("DIR/jsonl", split="train")    # the same rows, out of JSONL' if options.files == "both" else ""
    )
    text = f'```python\nimport datasets, json\n\nrows = datasets.load_dataset("DIR", split="train"){second}'
    if options.format in ("openai", "sharegpt"):
        text += '\ntools = json.loads(rows[0]["tools"])'
    return f"{text}\n```"


# -- for machines -----------------------------------------------------------------------------------------


def _front(options: ExportOptions, made: Made, inside: bool) -> str:
    rows = sum(made.counts.values())
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((name for limit, name in sizes if rows < limit), "1M<n<10M")
    lines = ["---", "pretty_name: turngym", f"license: {_yaml(options.license)}", "language:", "- en"]
    lines += ["tags:", "- function-calling", "- tool-use", "- multi-turn", "- synthetic"]
    lines += ["task_categories:", "- text-generation", "size_categories:", f"- {size}"]
    if options.format not in PLAIN:
        kind = "jsonl" if options.files == "jsonl" else "parquet"
        place = "" if inside else f"{kind}/"
        # `datasets` keys its cache by the directory's last name and the config's: without the hash, an export would be
        # answered by the rows of another one whose directory is called alike
        name = f"turngym-{made.digest}"
        lines += ["configs:", f"- config_name: {name}", "  default: true", "  data_files:"]
        for split in sorted(made.counts, reverse=True):
            lines += [f"  - split: {_yaml(split)}", f"    path: {_yaml(f'{place}{split}.{kind}')}"]
        lines += ["dataset_info:", f"- config_name: {name}", "  features:", features_yaml(options.format, options.rows, "  ")]
    return "\n".join([*lines, "---"])


def _yaml(text: str) -> str:
    """Text as a value of YAML: bare where it is a plain word, else quoted as JSON, which YAML reads."""
    return text if re.fullmatch(r"[a-z][a-z0-9/.-]*", text) and text not in _YAML_WORDS else json.dumps(text)


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
