"""Tools: typed methods of a world, shown to a model as JSON schema and called through one strict door.

    @tool(requires=signed_in, writes=("accounts", "transfers"))
    def transfer(self, source: AccountId, payee: PayeeId, amount: Amount, memo: str = "") -> Transfer:
        \"\"\"Send money from one of the customer's accounts to a payee.

        Args:
            source: the account that pays.
            ...
        \"\"\"

The signature gives the schema, the validation, and what ties the tool to others; the docstring is what the
model reads. A call is validated before any state is touched, is atomic (if it raises, the state is what it
was), and gives one JSON text. Laws kept here: a tool that names no `writes` is a read and cannot change
anything; a write changes only the tables it names; only `ToolError` reaches the model with its words, any
other exception is our bug, told as `internal_error`.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple, NotRequired, Required, TypeVar, get_type_hints

import docstring_parser
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from .doubles import refuse_doubled_keys
from .errors import MAX_VALUE_CHARS, DefinitionError, ErrorKind, ToolError, bounded, describe, display, shorten
from .guard import is_from_outside
from .records import is_record
from .signature import OutputField, Parameter, drop_titles, leaves_of, unwrap_list
from .state import Cell, rollback
from .texts import writer_of
from .types import sample_of, semantic_of

F = TypeVar("F", bound=Callable[..., Any])
Predicate = Callable[[Any], bool]
MAX_ARGUMENT_CHARS = 1_000_000
_MAX_DETAIL = 2_000
_MAX_BITS = 14_000  # about as many digits as Python prints


class ToolCall(NamedTuple):
    """What a policy emitted. `arguments` is the raw JSON text, or an object already decoded."""

    name: str
    arguments: str | dict[str, Any] = "{}"
    id: str = ""


class ToolResult(NamedTuple):
    """What came back.

    Attributes:
        name: the tool that was asked for.
        text: the JSON text that the model reads: the result's value, or `{"error": {"kind", "message"}}`.
        error: the kind of error, or None.
        written: (table, key) of every record this call wrote; empty for reads and errors.
        detail: for `internal_error`, the exception as text; never shown to the model.
    """

    name: str
    text: str
    error: ErrorKind | None = None
    written: tuple[tuple[str, Any], ...] = ()
    detail: str = ""

    @property
    def value(self) -> Any:
        """The result as plain JSON data (lists, dicts, strings, numbers); a foreign tool's text that is no JSON, as it stands."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text

    @property
    def message(self) -> str:
        """What an error says: its message, or where a foreign tool has words of its own, the text."""
        found = self.value
        told = found.get("error") if isinstance(found, dict) else None
        return str(told.get("message", self.text)) if isinstance(told, dict) else self.text

    @classmethod
    def failure(cls, name: str, kind: ErrorKind, message: str, detail: str = "", sent: object = None) -> ToolResult:
        """An error result with its JSON text: the one door by which an error reaches a model, and where it is `bounded`.

        `sent` are the arguments of the call, where the message may speak of them.
        """
        if type(message) is not str or len(message) > MAX_VALUE_CHARS:  # seldom, so nothing is called for the others
            message = bounded(str(message), sent)
        if len(name) > MAX_VALUE_CHARS or len(detail) > _MAX_DETAIL:
            name, detail = shorten(name, MAX_VALUE_CHARS), shorten(detail, _MAX_DETAIL)
        text = json.dumps({"error": {"kind": kind, "message": message}}, ensure_ascii=False)
        return cls(name, text, kind, (), detail)


@typing.overload
def tool(method: F) -> F: ...
@typing.overload
def tool(
    *,
    requires: Predicate | Iterable[Predicate] = (),
    writes: str | Iterable[str] = (),
    phrases: Iterable[str] = (),
    after: Iterable[str] = (),
) -> Callable[[F], F]: ...
def tool(
    method: F | None = None,
    *,
    requires: Predicate | Iterable[Predicate] = (),
    writes: str | Iterable[str] = (),
    phrases: Iterable[str] = (),
    after: Iterable[str] = (),
) -> Any:
    """Declare a method of a `World` as a tool.

    Args:
        requires: predicates over the world that must hold (`def signed_in(world) -> bool`); the first line of
            a predicate's docstring is what the model reads when it does not. Who makes it true is found by
            execution, not declared.
        writes: names of the tables and cells this tool may change; none makes it a read.
        phrases: ways a user asks for this, with `{parameter}` in place of values; optional.
        after: names of tools that should be called earlier (`order` edges of the graph); rarely needed.
    """

    if isinstance(requires, Cell):
        raise DefinitionError(f"requires names the cell {requires.name!r} of the world, not a predicate; call one of them something else")

    def mark(function: F) -> F:
        function.__turngym_tool__ = {  # type: ignore[attr-defined]
            "requires": (requires,) if callable(requires) else tuple(requires),
            "writes": frozenset((writes,) if isinstance(writes, str) else writes),
            "phrases": tuple(phrases),
            "after": tuple(after),
        }
        return function

    return mark(method) if method is not None else mark


class Tool:
    """A tool of a world class: what the model sees of it, and the door through which it is called.

    Attributes:
        name, summary, description: the last two from the docstring (first line; all of it but the sections).
        parameters: name -> `Parameter`. outputs: the leaves of the result. many: whether it gives a list.
        internal_kinds: the kinds of internal ids its results show.
        requires, writes, phrases, after: as declared.
    """

    def __init__(self, owner: str, method: Callable[..., Any]) -> None:
        options = method.__turngym_tool__  # type: ignore[attr-defined]
        self.owner = owner
        self.name: str = method.__name__
        self.method = method
        self.requires: tuple[Predicate, ...] = options["requires"]
        self.writes: frozenset[str] = options["writes"]
        self.phrases: tuple[str, ...] = options["phrases"]
        self.after: tuple[str, ...] = options["after"]
        self._read_docs(method)
        self._read_signature(method)

    # -- declaration -----------------------------------------------------------------------------------

    def _fail(self, why: str) -> DefinitionError:
        return DefinitionError(f"tool {self.owner}.{self.name}: {why}")

    def _read_docs(self, method: Callable[..., Any]) -> None:
        docs = docstring_parser.parse(inspect.getdoc(method) or "", docstring_parser.DocstringStyle.GOOGLE)
        if not docs.short_description:
            raise self._fail("has no docstring; its first line is what the model reads")
        self.summary = docs.short_description.strip()
        self.description = docs.description.strip() if docs.description else self.summary
        self._words = {p.arg_name: " ".join((p.description or "").split()) for p in docs.params}
        self.raises = tuple((r.type_name or "", " ".join((r.description or "").split())) for r in docs.raises)
        for predicate in self.requires:
            if not inspect.getdoc(predicate):
                raise self._fail(f"predicate {predicate.__name__} has no docstring; it is the error the model reads")

    def _read_signature(self, method: Callable[..., Any]) -> None:
        try:
            hints = get_type_hints(method, include_extras=True)
        except NameError as error:
            raise self._fail(f"{error}; define the types it uses at module level, before the world") from None
        self.parameters: dict[str, Parameter] = {}
        for item in list(inspect.signature(method).parameters.values())[1:]:
            if item.kind not in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY):
                raise self._fail(f"parameter {item.name} must be a plain named one")
            if item.name not in hints:
                raise self._fail(f"parameter {item.name} has no type")
            if not self._words.get(item.name):
                raise self._fail(f"parameter {item.name} is not described under Args: in the docstring")
            hint, required = hints[item.name], item.default is item.empty
            if not required and isinstance(item.default, (list, dict, set)):
                raise self._fail(f"parameter {item.name} has a mutable default")
            self.parameters[item.name] = Parameter(
                item.name, hint, semantic_of(hint), sample_of(hint), required, None if required else item.default, self._words[item.name]
            )
        extra = set(self._words) - set(self.parameters)
        if extra:
            raise self._fail(f"the docstring describes {', '.join(sorted(extra))}, which it does not take")
        if "return" not in hints:
            raise self._fail("has no return type")
        self.returns = hints["return"]
        self.many, item_type = unwrap_list(self.returns)
        if not is_record(item_type):
            raise self._fail("must return a record, or a list or tuple of records (classes made by @record)")
        self.item_type: type = item_type
        self.outputs: tuple[OutputField, ...] = tuple(leaves_of(item_type, ("*",) if self.many else ()))
        self.internal_kinds = frozenset(
            leaf.semantic.name for leaf in self.outputs if leaf.semantic is not None and not leaf.semantic.known
        )

    @property
    def is_read(self) -> bool:
        """Whether the tool declares that it changes nothing."""
        return not self.writes

    # -- schema ----------------------------------------------------------------------------------------

    @cached_property
    def _arguments(self) -> TypeAdapter[Any]:
        items = {p.name: (Required if p.required else NotRequired)[p.annotation] for p in self.parameters.values()}
        shape: Any = TypedDict(f"{self.name}_arguments", items)  # type: ignore[misc]
        return TypeAdapter(with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))(shape))

    @cached_property
    def parameter_schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments: an object with `properties`, `required`, no other keys allowed."""
        schema = self._arguments.json_schema()
        drop_titles(schema)
        schema.setdefault("properties", {})
        for name, parameter in self.parameters.items():
            schema["properties"][name]["description"] = parameter.description
            if not parameter.required:
                schema["properties"][name]["default"] = self._plain_default(parameter)
        schema.setdefault("required", [])
        return schema

    @staticmethod
    def _plain_default(parameter: Parameter) -> Any:
        return TypeAdapter(parameter.annotation).dump_python(parameter.default, mode="json")

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The tool as every OpenAI-compatible server takes it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameter_schema}
        return {"type": "function", "function": function}

    # -- the door --------------------------------------------------------------------------------------

    @cached_property
    def _from_json(self) -> Callable[[str], dict[str, Any]]:
        return self._arguments.validator.validate_json

    @cached_property
    def _from_python(self) -> Callable[[Any], dict[str, Any]]:
        return self._arguments.validator.validate_python

    @cached_property
    def _to_text(self) -> Callable[[Any], str]:
        return writer_of(self.returns, made=bool(self.writes))

    def validate(self, arguments: str | dict[str, Any]) -> dict[str, Any]:
        """The arguments as the method takes them; raises `ToolError("invalid_arguments")`."""
        try:
            if type(arguments) is str:
                if len(arguments) > MAX_ARGUMENT_CHARS:
                    raise ToolError("invalid_arguments", f"{self.name}: the arguments exceed {MAX_ARGUMENT_CHARS} characters")
                read = self._from_json(arguments)
                if arguments.count(":") != len(read):  # each key has one: only then may a key stand twice
                    refuse_doubled_keys(self.name, arguments, len(read))
                return read
            checked = self._from_python(arguments)
            _require_encodable(checked.values())
            return checked
        except ValidationError as error:
            raise ToolError("invalid_arguments", self._explain(error)) from None
        except (RecursionError, UnicodeError, OverflowError) as error:
            raise ToolError("invalid_arguments", f"{self.name}: the arguments cannot be read ({type(error).__name__})") from None

    def _explain(self, error: ValidationError) -> str:
        parts = []
        for item in error.errors(include_url=False, include_context=False)[:4]:
            where = shorten(".".join(str(step) for step in item["loc"]))
            got = "" if item["type"] in ("missing", "json_invalid") else f" (got {display(item['input'], 60)})"
            why = shorten(item["msg"], 300)
            parts.append(f"{where}: {why}{got}" if where else f"{why}{got}")
        takes = ", ".join(n if p.required else f"{n} (optional)" for n, p in self.parameters.items()) or "no arguments"
        return f"{self.name}: {'; '.join(parts)}. It takes: {takes}."

    def unmet(self, world: Any) -> Predicate | None:
        """The first required predicate that does not hold in `world`, or None."""
        for predicate in self.requires:
            if not predicate(world):
                return predicate
        return None

    def invoke(self, world: Any, arguments: str | dict[str, Any]) -> ToolResult:
        """Call the tool on `world`. Never raises for what a model sent; the state is untouched on any error."""
        try:
            checked = self.validate(arguments)
        except ToolError as error:
            return ToolResult.failure(self.name, error.kind, error.message, sent=arguments)
        except BaseException as error:  # our bug: never the model's
            return self._broken(error)
        return self.perform(world, checked)

    def perform(self, world: Any, checked: dict[str, Any]) -> ToolResult:
        """Call the tool with arguments that `validate` gave; as `invoke` otherwise."""
        journal = world._journal
        if journal:  # what was written between calls (time that passed, say) stands
            journal.clear()
        try:
            for predicate in self.requires:
                if not predicate(world):
                    raise ToolError("precondition_failed", f"{self.name} is not possible yet. It needs: {_first_line(predicate)}")
            text = self._to_text(self.method(world, **checked))
            if not journal:
                return ToolResult(self.name, text)
            written = tuple([(table.spec.name, key) for table, key, _ in journal])
            if not self.writes.issuperset([key if name == "_cells" else name for name, key in written]):
                raise _UndeclaredWrite(f"{self.name} changed {sorted({n if n != '_cells' else k for n, k in written} - self.writes)}")
            journal.clear()
            return ToolResult(self.name, text, None, written)
        except ToolError as error:
            rollback(journal)
            return ToolResult.failure(self.name, error.kind, error.message, sent=checked)
        except BaseException as error:  # our bug, `sys.exit()` among them: never the model's
            rollback(journal)
            return self._broken(error)

    def _broken(self, error: BaseException) -> ToolResult:
        if is_from_outside(error):
            raise error
        detail = describe(error, _MAX_DETAIL)
        return ToolResult.failure(self.name, "internal_error", f"{self.name} failed inside; nothing was changed", detail)


def _require_encodable(values: Iterable[Any]) -> None:
    """Raise for what JSON text cannot bring in but a decoded object can: a lone surrogate, a number without end."""
    for value in values:
        if type(value) is str:
            if not value.isascii():
                value.encode()
        elif type(value) in (list, tuple):
            _require_encodable(value)
        elif type(value) is dict:
            _require_encodable(value.values())
        elif type(value) is int and value.bit_length() > _MAX_BITS:
            raise OverflowError


class _UndeclaredWrite(Exception):
    """A tool wrote outside what it declares."""


def predicate_name(tool: Tool, predicate: Predicate) -> str:
    """`World.predicate`: what the graph calls a requirement."""
    return f"{tool.owner}.{predicate.__name__}"


def tools_of(cls: type) -> dict[str, Tool]:
    """All tools of a world class, in order of definition, base classes first."""
    found: dict[str, Tool] = {}
    for base in reversed(cls.__mro__):
        for name, attribute in vars(base).items():
            if hasattr(attribute, "__turngym_tool__"):
                found[name] = Tool(cls.__name__, attribute)
    return found


def _first_line(predicate: Predicate) -> str:
    return (inspect.getdoc(predicate) or predicate.__name__).splitlines()[0]
