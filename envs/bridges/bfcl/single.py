"""BFCL's single-turn categories: functions that are called and never run, judged by its own AST checker.

A world is made from a config, `{"functions": [docs], "language": "python"}`, and has these functions as tools; a call is
written down, and its text is the arguments. The first message ends the episode, as it does there. The checker's file is
loaded as a module of its own, with a stand-in for its table of models (which imports every vendor's client); it compares
data and evaluates no text. Laws: a verdict and its error type are the official runner's; a checker that raises fails the
entry, where the official run would end.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Self

from ...errors import DefinitionError, ToolError, shorten
from ...messages import Message
from ...signature import Parameter
from ...tool import ToolCall, ToolResult
from ...verdict import Judge, TurnTrace, TurnVerdict
from ...world import Size
from ...worldset import WorldSet
from ..foreign import ForeignTool, ForeignWorld
from .hints import Language, hinted
from .source import PACKAGE, data_folder, openai_tool

_UNREADABLE = "ast_decoder:decoder_failed"
_NO_CALLS = "ast_decoder:decoder_wrong_output_format"
_RAISED = "ast_checker:raised"
_MODEL = "gpt-4o-2024-11-20-FC"  # of those whose functions' names have no dots


class Recorder:
    """The system of functions that are not run; it has no state."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """The arguments."""
        return arguments

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def freeze(self) -> Recorder:
        """Itself."""
        return self

    thaw = freeze


def _read(arguments: Any) -> Any:
    """Arguments as data, of whatever kind."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else json.loads(json.dumps(arguments))
    except (ValueError, TypeError, RecursionError) as error:
        raise ToolError("invalid_arguments", f"the arguments cannot be decoded: {shorten(str(error))}") from None


class FunctionTool(ForeignTool):
    """A function of an entry. Calling it writes down what it was called with."""

    def __init__(self, doc: dict[str, Any], language: Language) -> None:
        shown = openai_tool(hinted(doc, language), "")
        function = shown["function"]
        required = doc["parameters"].get("required", ())
        parts = [
            Parameter(name, Any, None, None, name in required, part.get("default"), part.get("description", ""))
            for name, part in doc["parameters"]["properties"].items()
        ]
        super().__init__("Functions", function["name"], function["description"], function["parameters"], parts, _read, writes=False)
        self.__dict__["schema"] = shown

    def perform(self, world: Any, checked: Any) -> ToolResult:
        """Write the call down."""
        return ToolResult(self.name, json.dumps(checked))


class Functions(ForeignWorld):
    """Functions that an entry of BFCL offers and nobody runs."""

    watched = False
    atomic = False
    made: ClassVar[bool] = False

    @classmethod
    def open(cls, seed: int, size: Size, config: dict[str, Any]) -> Recorder:
        """Nothing to open."""
        return Recorder()

    @classmethod
    def create(cls, seed: int = 0, size: Size = "small", swell: int = 0, config: str = "") -> Self:
        """A world of the config's functions, which is of a class of its own."""
        if cls.made or not config:
            return super().create(seed, size, swell, config)
        return functions_class(config).create(seed, size, swell, config)  # type: ignore[return-value]

    def __reduce__(self) -> tuple[Any, ...]:
        return Functions.create, (self.seed, self.size, self.swell, self._config)


@lru_cache(maxsize=512)
def functions_class(config: str) -> type[Functions]:
    """The world class of a config."""
    given = json.loads(config)
    try:
        tools = [FunctionTool(doc, given.get("language", "python")) for doc in given["functions"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise DefinitionError(f"the config's functions are no function docs of BFCL ({type(error).__name__}: {error})") from None
    body = {"__doc__": Functions.__doc__, "__module__": __name__, "made": True, "foreign_tools": {tool.name: tool for tool in tools}}
    return type("Functions", (Functions,), body)


# -- the verdict ------------------------------------------------------------------------------------------


class BfclSingleJudge(Judge):
    """Judges a single-turn entry as BFCL does; `meta` of its task holds the category and the possible answers."""

    turn_steps = 0
    most_calls = None

    def _run_gold(self) -> None:
        self.goals, self.fingerprints = [Counter()], [self.start.fingerprint()]

    def heard(self, content: str) -> str:
        """The content as it stands: BFCL knows no thoughts in it."""
        return content

    def before(self) -> tuple[Message, ...]:
        """What the entry puts before the user's last words: a system's, or earlier turns."""
        return tuple([{"role": part["role"], "content": part["content"]} for part in self.task.meta["before"]])

    def unknown(self, call: ToolCall, visible: Sequence[str]) -> ToolResult:
        """A call of something that is not offered is written down too: the checker has its own word for it."""
        try:
            return ToolResult(call.name, json.dumps(_read(call.arguments)), "unknown_tool")
        except ToolError as error:
            return ToolResult.failure(call.name, error.kind, error.message)

    def turn(self, number: int, worlds: WorldSet, traces: Sequence[TurnTrace]) -> TurnVerdict:
        """Judge the one turn."""
        trace = traces[-1]
        readable = bool(trace.results) or not trace.reply
        if any(result.error == "invalid_arguments" for result in trace.results):
            readable = False
        calls = [{result.name: json.loads(result.text)} for result in trace.results] if readable else None
        wrong = judged_calls(self.task.meta, self.task.worlds[0].config, calls)
        return TurnVerdict(True, not wrong, True, True, unseen=(wrong,) if wrong else ())

    def reached(self, number: int, worlds: WorldSet) -> float:
        """Nothing shows in any state."""
        return 0.0


def judged_calls(about: dict[str, Any], config: dict[str, Any], calls: list[dict[str, Any]] | None) -> str:
    """BFCL's error type for the calls of an entry, "" where they pass; None where nothing could be decoded.

    Args:
        about: `category` and `answers` of the entry. config: of its world. calls: `{name: arguments}` each.
    """
    category = about["category"]
    well_formed = calls is not None and all(type(arguments) is dict for call in calls for arguments in call.values())
    if "relevance" in category:
        called = bool(well_formed and calls)
        if "irrelevance" in category:
            return "irrelevance_error:decoder_success" if called else ""
        return "" if called else "relevance_error:decoder_failed"
    if calls is None:
        return _UNREADABLE
    if not well_formed:
        return _NO_CALLS
    checker = ast_checker()
    language = checker.Language(config.get("language", "python"))
    try:
        told = checker.ast_checker(config["functions"], calls, about["answers"], language, category, _MODEL)
    except Exception:
        return _RAISED
    return "" if told["valid"] else str(told["error_type"])


@lru_cache(maxsize=1)
def ast_checker() -> ModuleType:
    """BFCL's AST checker as a module that nobody else sees."""
    folder = data_folder().parent
    table = f"{PACKAGE}.constants.model_config"
    stand_in, before = ModuleType(table), sys.modules.get(table)
    stand_in.MODEL_CONFIG_MAPPING = {_MODEL: SimpleNamespace(underscore_to_dot=True)}  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("turngym_bfcl_ast_checker", folder / "eval_checker" / "ast_eval" / "ast_checker.py")
    if spec is None or spec.loader is None:
        raise DefinitionError(f"the installed {PACKAGE} has no AST checker; install bfcl-eval==2026.3.23")
    module = importlib.util.module_from_spec(spec)
    sys.modules[table] = stand_in
    try:
        spec.loader.exec_module(module)
    finally:
        if before is None:
            del sys.modules[table]
        else:
            sys.modules[table] = before
    return module
