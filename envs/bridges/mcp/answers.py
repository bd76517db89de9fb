"""What a server answered, as the text that a model reads, as a typed error, or as a value of the state.

Laws: a text block that says the same as the structured content is passed on letter by letter; what is no text (an image, a
sound, a blob) stands as `<image image/png, 1234 bytes>`; an error keeps the server's own words, and its kind is read
from them: from a typed error of ours exactly, else by what the words are about, `unavailable` if nothing speaks.
"""

from __future__ import annotations

import json
import re
from typing import Any

import mcp_types as types

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


def text_of(result: types.CallToolResult) -> str:
    """The text that a model reads of a result."""
    blocks = [_block(block) for block in result.content]
    if result.structured_content is None:
        return "\n".join(blocks) if blocks else "null"
    if len(blocks) == 1 and _json(blocks[0]) == (result.structured_content,):
        return blocks[0]
    return json.dumps(result.structured_content, ensure_ascii=False)


def value_of(result: types.CallToolResult) -> Any:
    """The value of a result: structured, or its text as JSON, or its text."""
    if result.structured_content is not None:
        return result.structured_content
    text = text_of(result)
    found = _json(text)
    return found[0] if found else text


def value_of_resource(result: types.ReadResourceResult) -> Any:
    """The value of a resource: its text as JSON, or as it stands; several parts as a list."""
    values: list[Any] = []
    for part in result.contents:
        if isinstance(part, types.TextResourceContents):
            found = _json(part.text)
            values.append(found[0] if found else part.text)
        else:
            values.append(_placeholder("blob", part.mime_type, part.blob))
    return values[0] if len(values) == 1 else values


def error_of(result: types.CallToolResult) -> ToolError:
    """The error that a result with `isError` tells."""
    return refusal(text_of(result))


def refusal(text: str, default: ErrorKind = "unavailable") -> ToolError:
    """A server's words of refusal as a typed error."""
    found = _json(text)
    error = found[0].get("error") if found and isinstance(found[0], dict) else None
    if isinstance(error, dict) and error.get("kind") in ERROR_KINDS and isinstance(error.get("message"), str):
        return ToolError(error["kind"], error["message"])
    words = shorten(text.strip() or "the server gave no reason", _MOST_WORDS)
    return ToolError(next((kind for kind, pattern in _PATTERNS if pattern.search(words)), default), words)


def _block(block: types.ContentBlock) -> str:
    if isinstance(block, types.TextContent):
        return block.text
    if isinstance(block, (types.ImageContent, types.AudioContent)):
        return _placeholder(block.type, block.mime_type, block.data)
    if isinstance(block, types.EmbeddedResource):
        inner = block.resource
        return inner.text if isinstance(inner, types.TextResourceContents) else _placeholder("blob", inner.mime_type, inner.blob)
    return f"<resource {block.uri}>"


def _placeholder(kind: str, mime: str | None, data: str) -> str:
    return f"<{kind} {mime or 'application/octet-stream'}, {len(data) * 3 // 4 - data.endswith('=') - data.endswith('==')} bytes>"


def _json(text: str) -> tuple[Any] | None:
    """The value that a text is as JSON, in a tuple; None for what is none."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None
