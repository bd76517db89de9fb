"""Conversations as people read them in a terminal: who speaks, which calls, what came back.

Law: everything shown went through `plain`, so that no world's text reaches the terminal raw. Long results are
cut for the eye; the files hold them whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .console import plain, styled

RESULT_CHARS = 220
REASONING_CHARS = 260


def conversation(messages: Iterable[dict[str, Any]], reasoning: bool = True) -> Any:
    """Messages in OpenAI chat form as a rich grid: a column for the speaker, one for what is said."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for message in messages:
        for speaker, said in _lines(message, reasoning):
            grid.add_row(speaker, said)
    return grid


def _lines(message: dict[str, Any], reasoning: bool) -> Iterable[tuple[Any, Any]]:
    role = message["role"]
    if role == "user":
        yield styled("user", "bold cyan"), styled(message["content"], "cyan")
    elif role == "tool":
        bad = message["content"].startswith('{"error"')
        yield styled(""), styled(f"= {_result(message['content'])}", "red" if bad else "dim")
    else:
        speaker = styled("assistant", "bold green")
        if reasoning and message.get("reasoning_content"):
            yield speaker, styled(_one_line(message["reasoning_content"], REASONING_CHARS), "dim italic")
            speaker = styled("")
        for call in message.get("tool_calls") or ():
            yield speaker, call_text(call["function"]["name"], call["function"]["arguments"])
            speaker = styled("")
        if message.get("content"):
            yield speaker, styled(message["content"])


def call_text(name: str, arguments: str | dict[str, Any]) -> Any:
    """A call as `name(argument=value, ...)`; arguments that are no JSON object stand as they are."""
    try:
        given = json.loads(arguments) if isinstance(arguments, str) else arguments
        inside = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items())
    except (ValueError, AttributeError):
        inside = str(arguments)
    text = styled(f"{name}", "bold yellow")
    text.append(f"({plain(_one_line(inside, 2 * RESULT_CHARS))})")
    return text


def verdict_text(success: bool, progress: float) -> Any:
    """A verdict in a word."""
    if success:
        return styled("solved", "bold green")
    return styled(f"not solved ({progress:.0%} of its turns)", "bold red")


def _result(text: str) -> str:
    """A result in one line, with spaces where a terminal may break it."""
    try:
        return _one_line(json.dumps(json.loads(text), ensure_ascii=False), RESULT_CHARS)
    except ValueError:
        return _one_line(text, RESULT_CHARS)


def _one_line(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
