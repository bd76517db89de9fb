"""Telling a model in words that its tools have changed, where they can only be listed once, at the beginning.

Law: what is new among the tools stands whole in the user message that comes with it; nothing is told where nothing
changed. Not here: which tools are visible (`episode.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .messages import Message

Tools = Sequence[dict[str, Any]]


def announced(new: Sequence[Message], before: Tools, now: Tools) -> list[Message]:
    """The messages, with what changed among the tools told in the last user message."""
    made = list(new)
    if before is now or before == now:
        return made
    known = {tool["function"]["name"]: tool for tool in before}
    come = [tool for tool in now if known.get(tool["function"]["name"]) != tool]
    gone = sorted(known.keys() - {tool["function"]["name"] for tool in now})
    lines = ["", ""]
    if come:
        lines += [
            "These functions can be called from now on:",
            "<tools>",
            *[json.dumps(tool, ensure_ascii=False) for tool in come],
            "</tools>",
        ]
    if gone:
        lines += [f"These can no longer be called: {', '.join(gone)}"]
    for index in range(len(made) - 1, -1, -1):
        if made[index]["role"] == "user":
            made[index] = {**made[index], "content": (made[index].get("content") or "") + "\n".join(lines)}
            break
    return made
