"""Promises about vLLM's parsers: chosen with a reason or refused, mapped as they are, and never fatal.

Run with `pytest -m vllm tests/test_vllm_parsers.py`; needs no engine.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tiny_model import tiny_model

from turngym.agents.models.vllm_parsers import Parsers
from turngym.envs.errors import RunError
from turngym.envs.registry import world_class

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="the extra vllm is not installed"),
]
TOOLS = [world_class("Banking").tools["sign_in"].schema]
GOOD = '<tool_call>\n{"name": "sign_in", "arguments": {"username": "ada"}}\n</tool_call>'


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model())


def _parsers(tokenizer: Any, **chosen: Any) -> Parsers:
    options = {"model_type": "qwen3", "tool_parser": "auto", "reasoning_parser": "auto", "structured": True, **chosen}
    return Parsers(tokenizer, **options)


@pytest.mark.parametrize(
    ("template", "tool_parser", "reasoning_parser"),
    [
        ("<tool_call> {{ x }}", "hermes", ""),
        ("<think> <tool_call> {{ x }}", "hermes", "qwen3"),
        ("<think> <tool_call> <function=", "qwen3_coder", "qwen3"),
    ],
)
def test_parsers_are_told_from_the_template(tokenizer, template, tool_parser, reasoning_parser):
    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    made = _parsers(other)
    assert (made.tool_name, made.reasoning_name) == (tool_parser, reasoning_parser)


def test_parsers_that_do_not_suit_are_refused_with_the_remedy(tokenizer):
    blank = copy.deepcopy(tokenizer)
    blank.chat_template = "{{ messages }}"
    with pytest.raises(RunError, match=r"cannot tell how newkind writes tool calls; name tool_parser: .*hermes"):
        _parsers(blank, model_type="newkind")
    with pytest.raises(RunError, match="do not suit"):
        _parsers(blank, model_type="llama")
    with pytest.raises(RunError, match="do not suit"):
        _parsers(tokenizer, tool_parser="openai", structured=False)
    with pytest.raises(RunError, match="structured=False"):
        _parsers(tokenizer, tool_parser="pythonic")
    assert _parsers(tokenizer, tool_parser="pythonic", structured=False).parse("Hello.", TOOLS).content == "Hello."


def test_what_parsers_find_is_mapped_and_what_they_give_up_on_stays_a_call(tokenizer):
    parse = _parsers(tokenizer).parse
    both = parse(f"<think>\nwhy\n</think>\n\nOne moment. {GOOD}{GOOD}", TOOLS)
    assert (both.reasoning, both.content.strip()) == ("why", "One moment.")
    assert [(call.name, json.loads(call.arguments), call.id) for call in both.tool_calls] == [("sign_in", {"username": "ada"}, "")] * 2
    assert both == parse(f"<think>\nwhy\n</think>\n\nOne moment. {GOOD}{GOOD}", TOOLS)

    cut = parse(f"Well. {GOOD[:50]}", TOOLS)
    assert [call.name for call in cut.tool_calls] == ["sign_in"]
    assert GOOD[12:50] in cut.tool_calls[0].arguments
    assert cut.extra == {"parser": "hermes gave up"}

    tricky = GOOD.replace("ada", "a</tool_call>da")
    assert json.loads(parse(tricky, TOOLS).tool_calls[0].arguments) == {"username": "a</tool_call>da"}
    for text in ("", "Hello.", "<think>never ends", "a <think>b</think> c", '{"name": "sign_in"}', "\ud800 \x00", "</tool_call>"):
        assert parse(text, TOOLS).tool_calls == ()
    assert parse("a <think>b</think> c", TOOLS).content == "a <think>b</think> c"
    assert parse("<think>never ends", TOOLS).reasoning == "never ends"
    assert parse(GOOD, ()).tool_calls[0].name == "sign_in"


def test_a_parser_that_raises_costs_the_call_and_keeps_the_text(tokenizer, monkeypatch):
    made = _parsers(tokenizer)

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(made._tools, "extract_tool_calls", fail)
    message = made.parse(GOOD, TOOLS)
    assert (message.content, message.tool_calls) == (GOOD, ())
    assert message.extra == {"parser": "hermes failed: ZeroDivisionError: oh"}


def test_ten_thousand_calls_are_read_in_seconds(tokenizer):
    begun = time.perf_counter()
    assert len(_parsers(tokenizer).parse(GOOD * 10_000, TOOLS).tool_calls) == 10_000
    assert time.perf_counter() - begun < 10


def _strings(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for value in node for found in _strings(value)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "string" else []
    return own + [found for value in node.values() for found in _strings(value)]


def test_grammars_get_lengths_as_they_can_keep_them_and_schemas_stay_as_they_are(tokenizer):
    tools = [tool.schema for world in ("Banking", "FileSystem", "Travel") for tool in world_class(world).tools.values()]
    before = copy.deepcopy(tools)
    parsers = _parsers(tokenizer)
    tag = parsers.tag(tools)
    assert tools == before
    found = _strings(json.loads(tag))
    assert found
    assert not [text for text in found if "maxLength" in text or "minLength" in text]
    assert [text for text in found if text.get("pattern") == r'^[^"\\\x00-\x1f]{1,60}$']
    assert parsers.tag(list(tools)) is tag  # made once for a set of tools


def test_every_grammar_of_the_worlds_compiles(tokenizer):
    import xgrammar

    compiler = xgrammar.GrammarCompiler(xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=len(tokenizer)))
    parsers = _parsers(tokenizer)
    for world in ("Banking", "FileSystem", "Travel"):
        tools = [tool.schema for tool in world_class(world).tools.values()]
        compiler.compile_structural_tag(parsers.tag(tools))
        for tool in tools:
            compiler.compile_structural_tag(parsers.tag([tool]))


def test_without_tools_nothing_is_held(tokenizer):
    assert _parsers(tokenizer).tag([]) == ""
