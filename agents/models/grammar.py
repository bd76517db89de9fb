"""Grammars under which every call that a model finishes fits its tool's JSON schema.

A message is reasoning in `<think>` tags if the model begins so, then text without markup, or text and calls:

    <tool_call>
    {"name": "transfer", "arguments": {"amount": "5.00"}}
    </tool_call>

Laws: only tools that are visible can be named; a keyword that the grammar library cannot keep is dropped from its own copy
of the schema, never from the tool's, so that the door still keeps it; a set of tools is compiled once. What is said in text
is free. Not here: how tokens are drawn (`drawing.py`), how text is read (`textcalls.py`).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from ...envs.errors import RunError, shorten
from ...envs.extras import need
from ..policy import InfrastructureError
from .textcalls import CLOSE, OPEN

Structure = bool | Literal["call"]  # False: anything goes; True: calls fit; "call": and there is at least one
_MARKUP = (OPEN, CLOSE, "<think>", "</think>")
_SPACE = r"[ \n\t]{1,20}"  # as far as JSON is indented; without an end, a model can go on in spaces for ever
_BLANK = r"[\s\x1c-\x1f]*"  # what Python strips
_LEAP = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    rf"^([0-9]{{3}}[1-9]|[0-9]{{2}}[1-9]0|[0-9][1-9]00|[1-9]000)-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    rf"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$|^{_LEAP}-02-29$"
)


class CallGrammars:
    """The grammars of one tokenizer, each compiled when its tools are first seen.

    Args:
        tokenizer: a fast one, of transformers. width: of the model's logits. ends: the end tokens.
        structure: `"call"` forces at least one call. keep: most sets of tools kept.
    """

    def __init__(self, tokenizer: Any, width: int, ends: Sequence[int], structure: Structure = True, keep: int = 64) -> None:
        self._tokenizer = _trie(tokenizer, width, ends)
        self._structure, self._keep = structure, keep
        self._made: OrderedDict[str, Any] = OrderedDict()

    def matcher(self, tools: Sequence[dict[str, Any]], thinking: bool = False) -> Any | None:
        """A fresh matcher for a message that may call `tools`; None without tools.

        Args:
            thinking: whether the prompt ended inside the model's reasoning.
        """
        if not tools:
            return None
        key = json.dumps([thinking, tools])
        if key not in self._made:
            self._made[key] = self._compile(tools, thinking)
            while len(self._made) > self._keep:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key].deep_copy()

    def _compile(self, tools: Sequence[dict[str, Any]], thinking: bool) -> Any:
        matchers = need("llguidance").LLMatcher
        made = matchers(self._tokenizer, call_grammar(tools, thinking, self._structure == "call"), log_level=0)
        if made.is_error():
            raise InfrastructureError(f"no grammar for these {len(tools)} tools: {shorten(made.get_error(), 200)}; use structured=False")
        return made


def _trie(tokenizer: Any, width: int, ends: Sequence[int]) -> Any:
    """The tokenizer as the grammar library takes it, with the markup of calls as text wherever it is a token."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise RunError("structured output needs a fast tokenizer (tokenizer.json), and this model has none; use structured=False")
    settings = json.loads(backend.to_str())
    settings["padding"] = settings["truncation"] = None
    words, added = settings["model"].get("vocab"), settings.get("added_tokens") or []
    if isinstance(words, dict):  # the library takes every added token in angle brackets for a special one, which text cannot hold
        words.update({token["content"]: token["id"] for token in added})
        settings["added_tokens"] = [token for token in added if token["content"] not in _MARKUP]
    return need("llguidance").LLTokenizer(json.dumps(settings), n_vocab=width, eos_token=list(ends))


# -- the grammar ------------------------------------------------------------------------------------------


def call_grammar(tools: Sequence[dict[str, Any]], thinking: bool = False, forced: bool = False) -> str:
    """The grammar of a message as llguidance reads it.

    Args:
        tools: OpenAI schemas. thinking: whether the message begins inside reasoning. forced: whether a call must come.
    """
    thought = "reasoning_end" if thinking else "reasoning?"
    first = "OPENING" if forced else "opening"
    lines = [
        "%llguidance {}",
        f"start: {thought} calls" if forced else f"start: {thought} (TEXT | calls)",
        f"calls: {first} call (again call)*",
        f"reasoning[lazy]: /{_BLANK}<think>(?s:.*)<\\/think>/",
        "reasoning_end[lazy]: /(?s:.*)<\\/think>/",
        f"TEXT: /(?s:.*)/ & ~/{_BLANK}<think>(?s:.*)/",
        f"opening[lazy]: TEXT {json.dumps(OPEN)}",
        f"OPENING: /[ \\n]{{0,2}}/ {json.dumps(OPEN)}",
        f"again: /[ \\n]{{0,2}}/ {json.dumps(OPEN)}",
        f"close: /[ \\n]{{0,2}}/ {json.dumps(CLOSE)}",
        f"call: ({' | '.join(f'call_{index}' for index in range(len(tools)))}) close",
    ]
    for index, tool in enumerate(tools):
        function = tool["function"]
        begin = json.dumps(f'{{"name": {json.dumps(function["name"], ensure_ascii=False)}, "arguments": ', ensure_ascii=False)
        lines.append(
            f'call_{index}: BREAK? {begin} %json {_schema_for_grammar(json.dumps(function.get("parameters") or {"type": "object"}))} "}}"'
        )
    lines.append("BREAK: /[ \\n]{1,2}/")
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def _schema_for_grammar(schema: str) -> str:
    """A JSON schema with what the library cannot keep taken out, and its own options put in."""
    options = {"whitespace_pattern": _SPACE, "lenient": True}
    for candidate in (_kept(json.loads(schema)), {"type": "object"}):
        made = json.dumps({**candidate, "x-guidance": options})
        if _compiles(made):
            return made
    raise RunError(f"no grammar for the schema {shorten(schema, 120)}; use structured=False")


@lru_cache(maxsize=4096)
def _compiles(schema: str) -> bool:
    matchers = need("llguidance").LLMatcher
    return not matchers.validate_grammar(matchers.grammar_from_json_schema(schema))


_INSIDE = {"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"}
_PLAIN = {"const", "enum", "default", "examples", "required"}
_WORDS = {"description", "title", "default", "examples"}


def _kept(schema: Any) -> Any:
    """A copy without words and without patterns that do not compile; dates as a pattern of days that exist."""
    if isinstance(schema, list):
        return [_kept(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "pattern" and not _compiles(json.dumps({"type": "string", "pattern": value})):
            continue
        if key in _INSIDE and isinstance(value, dict):
            made[key] = {name: _kept(part) for name, part in value.items()}
        elif key not in _WORDS:
            made[key] = value if key in _PLAIN else _kept(value)
    if made.get("format") == "date":  # the library's own has a year 0
        del made["format"]
        return {"allOf": [made, {"type": "string", "pattern": _DATE}]}
    return made
