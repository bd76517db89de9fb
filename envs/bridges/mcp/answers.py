"""What a server answered, as the text that a model reads, as a typed error, or as a value of the state.

Laws: an answer is JSON data that nobody has checked, and none breaks this; a text block that says the same as the structured
content is passed on letter by letter; structured content goes before text that says something else, unless it breaks the
tool's own `outputSchema`: then the text stands. What is no text (an image, a sound, a blob, a link) is told as what it
is: `<image image/png, 1234 bytes>`. An error keeps the server's own words, whatever structure comes with them, and its
kind is read from these: from a typed error of ours exactly, else by what the words are about, `unavailable` if nothing
speaks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...errors import ERROR_KINDS, ErrorKind, ToolError, shorten

_MOST_WORDS = 2000
_KINDS: tuple[tuple[ErrorKind, str], ...] = (
    ("unknown_tool", r"unknown tool|no such tool|tool not found|tool '?[\w./-]+'? (is )?not (found|available|known)|there is no tool"),
    ("not_found", r"not found|no such|does not exist|doesn't exist|unknown|cannot find|can't find|could not find|there is no|\b404\b"),
    ("permission_denied", r"permission|forbidden|unauthori[sz]ed|not authori[sz]ed|denied|not allowed|\b40[13]\b"),
    ("conflict", r"already|conflict|duplicate|is taken|\b409\b"),
    ("limit_exceeded", r"limit|quota|too many|exceed|insufficient|not enough|out of|\b429\b"),
    ("precondition_failed", r"must first|first (call|sign|log)|not (signed|logged) in|not possible yet|precondition|not ready"),
    ("invalid_arguments", r"invalid|validation|is (a )?required|required argument|missing|must be|malformed|expected|\b4(00|22)\b"),
    ("unavailable", r"unavailable|timed? ?out|temporar|try again|\b50[0-9]\b"),
)  # fmt: skip
_PATTERNS = tuple([(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KINDS])


Result = Mapping[str, Any]


def failed(result: Result) -> bool:
    """Whether a tool says that it failed."""
    return result.get("isError") is True


def words_of(result: Result) -> str:
    """The content blocks of a result as text; "" where there are none."""
    return "\n".join(_blocks(result))


def text_of(result: Result, trusted: bool = True) -> str:
    """The text that a model reads of a result.

    `trusted`: whether its structured content is what the tool promised; else text goes before it.
    """
    blocks, structured = _blocks(result), result.get("structuredContent")
    if structured is None or (blocks and not trusted):
        return "\n".join(blocks) if blocks else "null"
    if len(blocks) == 1 and _json(blocks[0]) == (structured,):
        return blocks[0]
    return json.dumps(structured, ensure_ascii=False)


def value_of(result: Result) -> Any:
    """The value of a result: structured, or its text as JSON, or its text."""
    if result.get("structuredContent") is not None:
        return result["structuredContent"]
    text = text_of(result)
    found = _json(text)
    return found[0] if found else text


def value_of_resource(result: Result) -> Any:
    """The value of a resource: its text as JSON, or as it stands; several parts as a list."""
    values: list[Any] = []
    for part in _list(result.get("contents")):
        text = _resource(part)
        found = _json(text) if isinstance(part, dict) and isinstance(part.get("text"), str) else None
        values.append(found[0] if found else text)
    return values[0] if len(values) == 1 else values


def error_of(result: Result) -> ToolError:
    """The error that a result with `isError` tells: in the words of its text, or else of its structure."""
    return refusal(words_of(result) or text_of(result))


def refusal(text: str, default: ErrorKind = "unavailable") -> ToolError:
    """A server's words of refusal as a typed error."""
    found = _json(text)
    error = found[0].get("error") if found and isinstance(found[0], dict) else None
    if isinstance(error, dict) and error.get("kind") in ERROR_KINDS and isinstance(error.get("message"), str):
        return ToolError(error["kind"], error["message"])
    words = shorten(text.strip() or "the server gave no reason", _MOST_WORDS)
    return ToolError(next((kind for kind, pattern in _PATTERNS if pattern.search(words)), default), words)


def _blocks(result: Result) -> list[str]:
    return [_block(block) for block in _list(result.get("content"))]


def _block(block: Any) -> str:
    if not isinstance(block, dict):
        return f"<something that is no content, {type(block).__name__}>"
    kind = shorten(str(block.get("type", "something")), 40)
    if kind == "text" and isinstance(block.get("text"), str):
        return str(block["text"])
    if kind == "resource":
        return _resource(block.get("resource"))
    if isinstance(block.get("data"), str):
        return _placeholder(kind, block.get("mimeType"), block["data"])
    address = f" {shorten(block['uri'], 200)}" if isinstance(block.get("uri"), str) else ""
    return f"<{kind.replace('_', ' ')}{address}>"


def _resource(part: Any) -> str:
    """An embedded resource, or a part of one that was read."""
    held = part if isinstance(part, dict) else {}
    if isinstance(held.get("text"), str):
        return str(held["text"])
    if isinstance(held.get("blob"), str):
        return _placeholder("blob", held.get("mimeType"), held["blob"])
    return f"<resource {shorten(str(held.get('uri', 'of no kind')), 200)}>"


def _placeholder(kind: str, mime: Any, data: str) -> str:
    called = shorten(mime, 80) if isinstance(mime, str) and mime else "application/octet-stream"
    return f"<{kind} {called}, {len(data) * 3 // 4 - data.endswith('=') - data.endswith('==')} bytes>"


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _json(text: str) -> tuple[Any] | None:
    """The value that a text is as JSON, in a tuple; None for what is none."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None
