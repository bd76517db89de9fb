"""What must be said of an MCP server so that it is a world: how it is reached, how it is reset, what its state is.

    {"command": "python", "args": ["shop.py"], "reset": {"tool": "reset", "arguments": {"seed": "{seed}"}}, "state": ["dump"]}

A declaration is a JSON file, an address, or a command line, as a user named it. Laws: nothing goes through a shell; what is
said wrongly is told in one line that names the field; relative paths of a file are those of its folder. `${NAME}` is
expanded in one function, `expanded`, and only in the declaration's own texts: what a task's config holds, what a server
lists or answers, and what calls are made with is data, and stays as it is. Whether a declaration that stands in
data may be used at all is asked before it comes here (`envs/registry.py`).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ...errors import DefinitionError, display, shorten

RESTART: Literal["restart"] = "restart"
_PLACE = re.compile(r"\{(\w+)\}")
_EITHER = re.compile(r"\$\{(\w+)\}|\{(\w+)\}")
_NAME = re.compile(r"[^0-9A-Za-z]+")


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Ask(_Said):
    """A tool to call, and with what. Texts in `arguments` may hold `{seed}`, `{size}` and keys of a task's config."""

    tool: str
    arguments: dict[str, Any] | None = None


class Kind(_Said):
    """What a value is, wherever it stands: so that one tool's results can feed another, and tasks can be made.

    Attributes:
        told: where results show it, as `tool.path` with `*` for each list: `list_orders.*.id`.
        taken: which parameters take it, as `tool.parameter`.
        known: values that a user knows from the start; a text that begins with `/` is a path into the state
            (`/customers/*/name`). None: an internal id, which only tools reveal.
    """

    told: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    known: tuple[str | int | float, ...] | None = None


class Declaration(_Said):
    """An MCP server as a world.

    Attributes:
        command, args, env, cwd: a server that is started and spoken to over its stdin and stdout. `command`, `args` and the
            values of `env` may hold `{seed}`, `{size}`, and `${NAME}` of our environment, and the latter two keys of a
            task's config; of our environment the server itself inherits next to nothing.
        url, headers, transport: or one that runs already, over streamable HTTP (`http`) or the older `sse`. Values of
            `headers` may hold `${NAME}`.
        reset: `restart` (the process; over HTTP the session), or a tool that brings the server back to its start.
        state: tools and resource URIs that tell what checks compare. Without any, no check of state sees anything.
        ignore: parts of the state that do not count, such as `orders/*/updated_at`.
        reads: names of tools that change nothing; default what the server hints (`readOnlyHint`).
        kinds: what values mean, by a name for each kind; without any, every argument is made up.
        hide: names of tools that are not offered; those of `reset` and `state` never are.
        timeout, start_timeout: seconds that a call and a start may take.
        connections: most connections at once. exclusive: whether the server has one state for all who are connected, so
            that one world at a time has it (the same as one connection).
        watch: when the state is read, which costs a call or more: after every call (`true`: what a call wrote is told, and a
            read that writes is caught), after those that may write (`"writes"`), or only when somebody asks (`false`).
        strict: whether a call that is made again must answer the same, or only succeed or fail alike.
        atomic: whether a call that gave an error is undone, by making all others again.
        name, description, version: of the world; default what the server says.
    """

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str = ""
    url: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    transport: Literal["http", "sse"] = "http"
    reset: Ask | Literal["restart"] = RESTART
    state: tuple[Ask | str, ...] = ()
    ignore: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = None
    kinds: dict[str, Kind] = Field(default_factory=dict)
    hide: tuple[str, ...] = ()
    timeout: float = Field(default=30.0, gt=0)
    start_timeout: float = Field(default=30.0, gt=0)
    connections: int = Field(default=16, ge=1)
    exclusive: bool = False
    watch: bool | Literal["writes"] = True
    strict: bool = True
    atomic: bool = False
    name: str = ""
    description: str = ""
    version: int = Field(default=1, ge=1)

    @field_validator("reset", mode="before")
    @classmethod
    def _reset(cls, value: Any) -> Any:
        return {"tool": value} if isinstance(value, str) and value != RESTART else value

    @field_validator("state", mode="before")
    @classmethod
    def _state(cls, value: Any) -> Any:
        items = value if isinstance(value, (list, tuple)) else [value]
        return [{"tool": item} if isinstance(item, str) and "://" not in item else item for item in items]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("a server is reached by a command or by a url, one of them")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url {shorten(self.url)} begins with neither http:// nor https://")
        return self

    @property
    def capacity(self) -> int:
        """How many connections there may be at once."""
        return 1 if self.exclusive else self.connections

    @property
    def own_tools(self) -> frozenset[str]:
        """Tools that are ours and not the model's: the reset, and what tells the state."""
        asked = [item.tool for item in self.state if isinstance(item, Ask)]
        return frozenset([*asked, *([self.reset.tool] if isinstance(self.reset, Ask) else [])])

    @property
    def place(self) -> str:
        """Where the server is, in a few words."""
        return shorten(self.url or shlex.join([self.command, *self.args]), 120)

    @property
    def heeded(self) -> frozenset[str]:
        """The names (`seed`, `size`, keys of a config) that a start or a reset is told."""
        texts = [self.command, *self.args, *self.env.values()] if self.reset == RESTART else []
        return frozenset(_PLACE.findall(json.dumps([texts, self.reset.arguments if isinstance(self.reset, Ask) else None])))

    def title(self, server: str) -> str:
        """The world's name as an identifier: as declared, or as the server calls itself."""
        words = [word for word in _NAME.split(self.name or server) if word]
        joined = "".join([word if any(c.isupper() for c in word) else word.capitalize() for word in words]) or "Server"
        return joined if joined[0].isalpha() else f"Server{joined}"


def declared(text: str) -> Declaration:
    """The declaration that `text` means: a JSON file or its content, an http address, or a command line.

    Raises `DefinitionError`.
    """
    if text.startswith("{"):
        try:
            return _checked(json.loads(text), "the declaration")
        except ValueError as error:
            raise DefinitionError(f"{display(text)} is no JSON: {error}") from None
    if text.startswith(("http://", "https://")):
        return _checked({"url": text, "transport": "sse" if text.rstrip("/").endswith("/sse") else "http"}, text)
    if text.endswith(".json") or (" " not in text and Path(text).is_file()):
        return _read(Path(text))
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DefinitionError(f"{display(text)} is no command line: {error}") from None
    if not words:
        raise DefinitionError("mcp: wants a JSON file, an http address or a command line after it")
    return _checked({"command": words[0], "args": words[1:]}, text)


def _read(path: Path) -> Declaration:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DefinitionError(f"cannot read the declaration {path}: {why}; `docs/mcp.md` shows one") from None
    if isinstance(found, dict) and isinstance(servers := found.get("mcpServers"), dict) and len(servers) == 1:
        ((name, inner),) = servers.items()  # as desktop clients write it
        found = {"name": name, **inner} if isinstance(inner, dict) else inner
    if isinstance(found, dict) and found.get("command"):
        found = {**found, "cwd": str(path.parent.absolute() / str(found.get("cwd", "")))}
    return _checked(found, str(path))


def _checked(found: Any, where: str) -> Declaration:
    try:
        return Declaration.model_validate(found)
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in item["loc"])
        said = item["msg"].removeprefix("Value error, ")
        raise DefinitionError(f"{shorten(where, 120)}: {field + ': ' if field else ''}{said} (got {display(item['input'], 60)})") from None


def filled(value: Any, names: Mapping[str, Any]) -> Any:
    """A value with `{name}` in its texts replaced; a text that is nothing but `{name}` becomes the value itself."""
    if isinstance(value, str):
        if (whole := _PLACE.fullmatch(value)) and whole[1] in names:
            return names[whole[1]]
        return _PLACE.sub(lambda found: str(names.get(found[1], found[0])), value)
    if isinstance(value, Mapping):
        return {key: filled(held, names) for key, held in value.items()}
    return [filled(held, names) for held in value] if isinstance(value, (list, tuple)) else value


def expanded(said: Declaration, names: Mapping[str, Any]) -> Declaration:
    """A declaration with `${NAME}` of our environment, and `{name}` from `names`, put into how the server is reached.

    The one place that reads the environment. Each text is gone over once, so that what is put in is not looked at again: a task's
    config, which is data, cannot ask for a variable, and cannot say which command runs (`command` takes `{seed}` and
    `{size}` alone). Raises `DefinitionError` for a variable that is not set.
    """
    own = {name: names[name] for name in ("seed", "size") if name in names}
    return said.model_copy(
        update={
            "command": _expanded(said.command, own),
            "args": tuple([_expanded(text, names) for text in said.args]),
            "env": {name: _expanded(text, names) for name, text in said.env.items()},
            "headers": {name: _expanded(text, {}) for name, text in said.headers.items()},
        }
    )


def _expanded(text: str, names: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        variable, name = found.groups()
        if variable is None:
            return str(names.get(name, found[0]))
        if variable not in os.environ:
            raise DefinitionError(f"the declaration wants ${{{variable}}}, which is not set in the environment")
        return os.environ[variable]

    return _EITHER.sub(value, text)
