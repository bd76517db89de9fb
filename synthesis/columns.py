"""The columns of an export, declared once: for Parquet as an Arrow schema, for the card as `datasets` features.

Law: both say the same for every format. A key that a message lacks is null in a typed column and absent in a
`json` one; nothing else ever is.
"""

from __future__ import annotations

import json
from typing import Any

Columns = dict[str, Any]  # name -> "string", "int64", {"list": "json"}, {"list": Columns} or {"struct": Columns}

_FUNCTION: Columns = {"name": "string", "arguments": "string"}
_CALLS: Columns = {"list": {"id": "string", "type": "string", "function": {"struct": _FUNCTION}}}
_MESSAGES: Columns = {
    "list": {
        "role": "string",
        "content": "string",
        "reasoning_content": "string",
        "tool_calls": _CALLS,
        "tool_call_id": "string",
        "name": "string",
    }
}
_OBJECTS: Columns = {"list": "json"}  # objects as they are; Parquet holds each as JSON text
_ABOUT: Columns = {"id": "string", "env": "string", "category": "string"}
_EXTRA: Columns = {
    "split": "string",
    "index": "int64",
    "id": "string",
    "category": "string",
    "turn": "int64",
    "tools": "string",
    "task": "string",
}


def columns_of(form: str, rows: str) -> Columns:
    """The columns of a format, in order."""
    if form == "sharegpt":
        return {**_ABOUT, "conversations": {"list": {"from": "string", "value": "string"}}, "system": "string", "tools": "string"}
    if form == "trl":
        told = {"prompt": _OBJECTS, "completion": _OBJECTS} if rows == "message" else {"messages": _OBJECTS}
        return {**_ABOUT, **told, "tools": _OBJECTS}
    if form == "trl-grpo":
        return {**_ABOUT, "prompt": _OBJECTS, "environment": "string", "task": "string"}
    if form == "verl":
        model: Columns = {"struct": {"style": "string", "ground_truth": "string"}}
        prompt = _MESSAGES if rows == "message" else {"list": {"role": "string", "content": "string"}}
        return {"data_source": "string", "prompt": prompt, "ability": "string", "reward_model": model, "extra_info": {"struct": _EXTRA}}
    return {**_ABOUT, "messages": _MESSAGES, "tools": "string"}


def schema_of(arrow: Any, form: str, rows: str) -> Any:
    """The Arrow schema; `arrow` is the pyarrow module."""
    return arrow.schema([arrow.field(name, _arrow(arrow, kind)) for name, kind in columns_of(form, rows).items()])


def cells_of(row: dict[str, Any], form: str, rows: str) -> dict[str, Any]:
    """A row as Arrow takes it: the objects of `json` columns as text."""
    columns = columns_of(form, rows)
    return {
        name: [json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in value] if columns[name] is _OBJECTS else value
        for name, value in row.items()
    }


def _arrow(arrow: Any, kind: Any) -> Any:
    if isinstance(kind, str):
        return arrow.int64() if kind == "int64" else arrow.string()
    (shape, inside), *_ = kind.items()
    if isinstance(inside, str):
        return arrow.list_(_arrow(arrow, inside))
    struct = arrow.struct([arrow.field(name, _arrow(arrow, part)) for name, part in inside.items()])
    return arrow.list_(struct) if shape == "list" else struct


def features_yaml(form: str, rows: str, indent: str) -> str:
    """The features as the YAML of a data set card."""
    return "\n".join(_yaml(columns_of(form, rows), indent))


def _yaml(columns: Columns, indent: str) -> list[str]:
    lines = []
    for name, kind in columns.items():
        if isinstance(kind, str):
            lines += [f"{indent}- name: {name}", f"{indent}  dtype: {kind}"]
            continue
        (shape, inside), *_ = kind.items()
        if isinstance(inside, str):
            lines += [f"{indent}- name: {name}", f"{indent}  {shape}: {inside}"]
        else:
            lines += [f"{indent}- name: {name}", f"{indent}  {shape}:", *_yaml(inside, f"{indent}  ")]
    return lines
