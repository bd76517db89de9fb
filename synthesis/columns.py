"""The columns of an export, declared once: for Parquet as an Arrow schema, for the card as `datasets` features.

Law: both say the same for every format; a key that a message lacks is null there, and nothing else ever is.
"""

from __future__ import annotations

from typing import Any

Columns = dict[str, Any]  # name -> "string", {"list": Columns} or {"struct": Columns}

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
_ABOUT: Columns = {"id": "string", "env": "string", "category": "string"}


def columns_of(form: str, rows: str) -> Columns:
    """The columns of a format, in order."""
    if form == "sharegpt":
        return {**_ABOUT, "conversations": {"list": {"from": "string", "value": "string"}}, "system": "string", "tools": "string"}
    if form == "trl" and rows == "message":
        return {**_ABOUT, "prompt": _MESSAGES, "completion": _MESSAGES, "tools": "string"}
    return {**_ABOUT, "messages": _MESSAGES, "tools": "string"}


def schema_of(arrow: Any, form: str, rows: str) -> Any:
    """The Arrow schema; `arrow` is the pyarrow module."""
    return arrow.schema([arrow.field(name, _arrow(arrow, kind)) for name, kind in columns_of(form, rows).items()])


def _arrow(arrow: Any, kind: Any) -> Any:
    if kind == "string":
        return arrow.string()
    (shape, inside), *_ = kind.items()
    struct = arrow.struct([arrow.field(name, _arrow(arrow, part)) for name, part in inside.items()])
    return arrow.list_(struct) if shape == "list" else struct


def features_yaml(form: str, rows: str, indent: str) -> str:
    """The features as the YAML of a data set card."""
    return "\n".join(_yaml(columns_of(form, rows), indent))


def _yaml(columns: Columns, indent: str) -> list[str]:
    lines = []
    for name, kind in columns.items():
        if kind == "string":
            lines += [f"{indent}- name: {name}", f"{indent}  dtype: string"]
        else:
            (shape, inside), *_ = kind.items()
            lines += [f"{indent}- name: {name}", f"{indent}  {shape}:", *_yaml(inside, f"{indent}  ")]
    return lines
