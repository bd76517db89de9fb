"""vLLM's own parsers of tool calls and reasoning: chosen by name or from the chat template, and their answers mapped.

Laws: a parser that fails costs the model nothing but its call, the text stays verbatim; markup that the parser gave up on
(a call that is cut, or no JSON) stays a call with its raw text as arguments, so that the tool's own door refuses it and the
model reads why; ids that a parser makes up are dropped, so that equal draws give equal records. Not here: the engine
(`vllm.py`), Hermes text without vLLM (`textcalls.py`).
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from ...envs.errors import MissingExtraError, RunError, shorten
from ...envs.extras import need
from ...envs.tool import ToolCall
from ..policy import AssistantMessage
from .textcalls import OPEN, read_text

# where vLLM keeps things: since about 0.14, and before
_TOOL_PARSERS = ("vllm.tool_parsers", "vllm.entrypoints.openai.tool_parsers")
_PROTOCOL = ("vllm.entrypoints.openai.chat_completion.protocol", "vllm.entrypoints.openai.protocol")
_OPENERS = ("tool_call_start_token", "tool_calls_start_token", "bot_token")  # what parsers call the markup of a call
_TOOL_SETS = 64
_SHORT = 128  # characters of a text whose length a grammar counts; from 129 on xgrammar fails to compile such a pattern
_SPACE = 16  # most characters of white space in a row between parts of JSON; without a bound some models never leave it


class _Family(NamedTuple):
    """Models that write calls alike, told by what stands in their chat template."""

    marks: tuple[str, ...]
    tool_parser: str
    reasoning_parser: str


_FAMILIES = (
    _Family(("<tool_call>", "<function="), "qwen3_coder", "qwen3"),
    _Family(("<tool_call>", "<arg_key>"), "glm45", "glm45"),
    _Family(("<|tool_calls_section_begin|>",), "kimi_k2", "kimi_k2"),
    _Family(("<｜tool▁calls▁begin｜>", "```json"), "deepseek_v3", "deepseek_r1"),
    _Family(("<｜tool▁calls▁begin｜>",), "deepseek_v31", "deepseek_r1"),
    _Family(("[TOOL_CALLS]",), "mistral", "mistral"),
    _Family(("<|python_tag|>",), "llama3_json", "deepseek_r1"),
    _Family(("<tool_call>",), "hermes", "qwen3"),
)
_BY_TYPE = {"llama": "llama3_json", "llama4": "llama4_pythonic", "granite": "granite", "olmo3": "olmo3", "gemma4": "gemma4"}
_THINKING = ("<think>", "[THINK]")


class Parsers:
    """The parsers of one model, once its tokenizer is there.

    Args:
        tokenizer: of the engine. model_type: of the model's config. tool_parser, reasoning_parser: names that vLLM knows,
            `auto`, or "" for none (reasoning only). structured: whether `tag` is wanted.

    Raises `RunError`, with the remedy, for a name that vLLM does not know, a parser that does not suit the tokenizer, a model
    whose parser nobody can tell, and a parser that cannot hold calls to their schemas where that is wanted.
    """

    def __init__(self, tokenizer: Any, model_type: str, tool_parser: str, reasoning_parser: str, structured: bool | str) -> None:
        for module in (*_TOOL_PARSERS, "vllm.reasoning"):  # they log a traceback for every call a model spoils
            logging.getLogger(module).setLevel(logging.CRITICAL)
        template = _template_of(tokenizer)
        self._tokenizer = tokenizer
        self._request = _first(_PROTOCOL).ChatCompletionRequest
        self._sets: dict[tuple[int, ...], tuple[Sequence[Any], Any, str]] = {}
        self.tool_name = _known_tools(_chosen_tools(tool_parser, template, model_type))
        self.reasoning_name = _chosen_reasoning(reasoning_parser, template)
        self._tools = _first(_TOOL_PARSERS).ToolParserManager.get_tool_parser(self.tool_name)
        self._reasoning = _reasoning_class(self.reasoning_name)
        self._forced = structured == "call"
        self._opener, self._thinking = self._probe(structured)
        self._open_prompt = self._thinking is not None and _prompt_opens(tokenizer, self._thinking[0])

    def _probe(self, structured: bool | str) -> tuple[str, tuple[str, str] | None]:
        """Try the parsers once: the markup that opens a call, and that around reasoning."""
        try:
            parser = self._tools(self._tokenizer)
            parser.extract_tool_calls("Hello.", self._request(messages=[]))
            reasoner = self._reasoning(self._tokenizer) if self._reasoning else None
        except Exception as error:
            raise RunError(
                f"vLLM's parsers {self.tool_name} and {self.reasoning_name or 'none'} do not suit the model ({shorten(str(error), 160)});"
                " name others as tool_parser and reasoning_parser"
            ) from error
        if structured and not (getattr(parser, "structural_tag_model", None) and hasattr(parser, "get_structural_tag")):
            raise RunError(
                f"vLLM's parser {self.tool_name} cannot hold calls to their schemas; give structured=False, or a newer vllm if it is old"
            )
        found = [text for name in _OPENERS if isinstance(text := getattr(parser, name, None), str)]
        opens, closes = getattr(reasoner, "reasoning_start_str", None), getattr(reasoner, "reasoning_end_str", None)
        return (found[0] if found else ""), ((opens, closes) if opens and closes else None)

    # -- what is sampled -------------------------------------------------------------------------------

    def tag(self, tools: Sequence[Mapping[str, Any]]) -> str:
        """The structural tag, as JSON, that holds calls to the schemas of these tools; kept for each set of tools."""
        return self._of(tools)[2]

    def _of(self, tools: Sequence[Mapping[str, Any]]) -> tuple[Sequence[Any], Any, str]:
        key = tuple([id(tool) for tool in tools])  # schemas are shared between episodes, and held here
        if (found := self._sets.get(key)) is None:
            if len(self._sets) >= _TOOL_SETS:
                self._sets.clear()
            request = self._request(
                messages=[],
                tools=[_strict(tool) for tool in tools] or None,
                tool_choice=("required" if self._forced else "auto") if tools else None,
            )
            found = self._sets[key] = (list(tools), request, self._written(request) if tools else "")
        return found

    def _written(self, request: Any) -> str:
        parser = self._tools(self._tokenizer, request.tools)
        made = parser.get_structural_tag(request) if hasattr(parser, "get_structural_tag") else None
        if made is None:
            return ""
        tag = made.model_dump()
        _bound_space(tag)
        return json.dumps(tag, ensure_ascii=False)

    # -- what was sampled ------------------------------------------------------------------------------

    def parse(self, text: str, tools: Sequence[Mapping[str, Any]]) -> AssistantMessage:
        """Calls, reasoning and content of a text; never raises. `extra` tells where a parser failed or gave up."""
        reasoning, content = "", text
        try:
            request = self._of(tools)[1]
            reasoning, content = self._think_apart(text, request)
            parser = self._tools(self._tokenizer, request.tools)
            if self._reasoning is None and hasattr(parser, "skip_reasoning_parsing"):
                parser.skip_reasoning_parsing = True
            found = parser.extract_tool_calls(content, request)
            calls = tuple([ToolCall(call.function.name, call.function.arguments) for call in found.tool_calls or ()])
            if calls or not self._opener or self._opener not in content:
                return AssistantMessage((found.content or "") if calls else content, calls, reasoning)
        except Exception as error:  # a parser meets whatever a model can write
            note = shorten(f"{type(error).__name__}: {error}".replace("\n", " "), 200)
            return AssistantMessage(content, (), reasoning, extra={"parser": f"{self.tool_name} failed: {note}"})
        return self._given_up(content)._replace(reasoning=reasoning, extra={"parser": f"{self.tool_name} gave up"})

    def _think_apart(self, text: str, request: Any) -> tuple[str, str]:
        """Reasoning and the rest. Text without reasoning's markup is content, unless the prompt itself opened it."""
        if self._reasoning is None:
            return "", text
        if self._thinking is not None:
            opens, closes = self._thinking
            before, closed, _ = text.partition(closes)
            if not (text.lstrip().startswith(opens) or self._open_prompt or (closed and opens not in before)):
                return "", text
        reasoning, content = self._reasoning(self._tokenizer).extract_reasoning(text, request)
        return (reasoning or "").strip(), content or ""

    def _given_up(self, content: str) -> AssistantMessage:
        if self._opener == OPEN:
            return read_text(content)
        said, _, rest = content.partition(self._opener)
        return AssistantMessage(said, (ToolCall("", rest),))


# -- choosing ---------------------------------------------------------------------------------------------


def _chosen_tools(name: str, template: str, model_type: str) -> str:
    if name != "auto":
        return name
    for family in _FAMILIES:
        if all(mark in template for mark in family.marks):
            return family.tool_parser
    if found := _BY_TYPE.get(model_type):
        return found
    raise RunError(f"cannot tell how {model_type or 'this model'} writes tool calls; name tool_parser: {_tool_names()}")


def check_names(tool_parser: str, reasoning_parser: str) -> None:
    """Raise `RunError` for a name that vLLM does not know; cheap, and so asked before a model is loaded."""
    if tool_parser != "auto":
        _known_tools(tool_parser)
    if reasoning_parser != "auto":
        _reasoning_class(reasoning_parser)


def _known_tools(name: str) -> str:
    try:
        _first(_TOOL_PARSERS).ToolParserManager.get_tool_parser(name)
    except Exception:  # a KeyError, or whatever a module raises that does not import
        raise RunError(f"vLLM has no tool parser {shorten(name)}; it has {_tool_names()}") from None
    return name


def _tool_names() -> str:
    manager = _first(_TOOL_PARSERS).ToolParserManager
    return ", ".join(sorted({*manager.tool_parsers, *getattr(manager, "lazy_parsers", ())}))


def _chosen_reasoning(name: str, template: str) -> str:
    if name != "auto":
        return name
    if not any(mark in template for mark in _THINKING):
        return ""
    return next((family.reasoning_parser for family in _FAMILIES if all(mark in template for mark in family.marks)), "deepseek_r1")


def _reasoning_class(name: str) -> Any:
    if not name:
        return None
    manager = need("vllm.reasoning").ReasoningParserManager
    try:
        return manager.get_reasoning_parser(name)
    except Exception:
        known = ", ".join(sorted({*manager.reasoning_parsers, *getattr(manager, "lazy_parsers", ())}))
        raise RunError(f'vLLM has no reasoning parser {shorten(name)}; it has {known}, and "" for none') from None


def _template_of(tokenizer: Any) -> str:
    found = getattr(tokenizer, "chat_template", None) or ""
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)


def _prompt_opens(tokenizer: Any, opens: str) -> bool:
    """Whether the template itself begins the reasoning of each message."""
    try:
        said = [{"role": "user", "content": "Hello."}]
        prompt: str = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    except Exception:  # what is wrong with a template is told by `prompting.py`
        return False
    return prompt.rstrip().endswith(opens)


def _first(names: Sequence[str]) -> ModuleType:
    for name in names[:-1]:
        with contextlib.suppress(MissingExtraError):
            return need(name)
    return need(names[-1])


# -- schemas ----------------------------------------------------------------------------------------------


def _strict(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose arguments are held to the schema, as far as grammars can."""
    function = copy.deepcopy(dict(tool["function"]))
    _spell_lengths(function.get("parameters"))
    return {"type": "function", "function": {**function, "strict": True}}


def _spell_lengths(schema: Any) -> None:
    """Write bounds of length as xgrammar keeps them.

    Left alone, it takes control characters into a bounded text, which is no JSON then. A short text gets a pattern instead
    (without escapes, as xgrammar's own bounds are); a long one keeps its escapes and loses its bounds, and so does one that
    has a pattern already: the tool's door still knows them.
    """
    if isinstance(schema, dict):
        if schema.get("type") == "string" and ("minLength" in schema or "maxLength" in schema):
            least, most = schema.pop("minLength", 0), schema.pop("maxLength", None)
            if "pattern" not in schema and "format" not in schema and most is not None and most <= _SHORT:
                schema["pattern"] = f'^[^"\\\\\\x00-\\x1f]{{{least},{most}}}$'
        for value in schema.values():
            _spell_lengths(value)
    elif isinstance(schema, list):
        for value in schema:
            _spell_lengths(value)


def _bound_space(node: Any) -> None:
    """Bound white space in every JSON of a structural tag, where this version of xgrammar can."""
    if isinstance(node, dict):
        if node.get("type") == "json_schema":
            if "max_whitespace_cnt" in node:
                node["max_whitespace_cnt"] = _SPACE
            return
        for value in node.values():
            _bound_space(value)
    elif isinstance(node, list):
        for value in node:
            _bound_space(value)
