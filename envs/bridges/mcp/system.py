"""One MCP server as one world's system: calls, state, and an image that is a history.

A live server cannot be copied, so an image is where it began and what was called since, and thawing makes these calls again
on a connection that is reset (`pool.py`), at the first need and not before. Laws: a call that was answered belongs to the
history, also where the answer is an error; one that no answer came to does not, so that what it did is gone with its
server; a read does not, and one that changes the state all the same is refused and undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ErrorKind, ToolError
from .answers import Result, error_of, failed, refusal, value_of, value_of_resource
from .declaration import Ask
from .history import Moment
from .link import Link, ServerError
from .pool import Pool, asked
from .sdk import Refused

_INVALID_PARAMS, _METHOD_NOT_FOUND = -32602, -32601


class McpImage:
    """A server as it was at one moment."""

    __slots__ = ("_moment", "_pool", "_reads")

    def __init__(self, pool: Pool, reads: frozenset[str], moment: Moment) -> None:
        self._pool, self._reads, self._moment = pool, reads, moment

    def thaw(self) -> McpSystem:
        """A system at that moment; the server is brought there at the first need."""
        return McpSystem(self._pool, self._reads, self._moment)


class McpSystem:
    """A server at a moment of its own."""

    __slots__ = ("__weakref__", "_pool", "_reads", "moment")

    def __init__(self, pool: Pool, reads: frozenset[str], moment: Moment) -> None:
        self._pool, self._reads, self.moment = pool, reads, moment

    def call(self, name: str, arguments: dict[str, Any]) -> Result:
        """The result that a tool gives, as it came; raises `ToolError` with the server's words, `ServerError` where it does not answer."""
        with self._pool.at(self.moment, self) as seat:
            assert seat.link is not None
            where, seat.moment = seat.moment, None  # nobody knows, until an answer came
            found, told = asked(seat.link, name, arguments)
            if name not in self._reads:
                self.moment = where = self.moment.then(name, arguments, told)
            seat.moment = where
        if isinstance(found, Refused):
            raise refusal(found.message, _kind_of(found))
        if failed(found):
            raise error_of(found)
        return found

    def spoil(self) -> None:
        """Have the server brought to this moment again before it is used: something happened that is not to have happened."""
        with self._pool.at(self.moment, self) as seat:
            seat.moment = None

    def state(self) -> Mapping[str, Any]:
        """What the declared tools and resources tell, by name."""
        said = self._pool.said
        if not said.state:
            return {}
        with self._pool.at(self.moment, self) as seat:
            assert seat.link is not None
            told = [(item.tool if isinstance(item, Ask) else item, _told(seat.link, item)) for item in said.state]
        found: dict[str, Any] = {}
        for name, value in told:
            if isinstance(value, dict):
                found.update(value if len(told) == 1 else {f"{name}.{key}": held for key, held in value.items()})
            else:
                found[name] = value
        for pattern in said.ignore:
            _drop(found, pattern.split("/"))
        return found

    def freeze(self) -> McpImage:
        """This moment; costs nothing."""
        return McpImage(self._pool, self._reads, self.moment)


def _kind_of(error: Refused) -> ErrorKind:
    return {_INVALID_PARAMS: "invalid_arguments", _METHOD_NOT_FOUND: "unknown_tool"}.get(error.code, "unavailable")  # type: ignore[return-value]


def _told(link: Link, item: Ask | str) -> Any:
    """What one source tells of the state."""
    name = item.tool if isinstance(item, Ask) else item
    try:
        if isinstance(item, str):
            return value_of_resource(link.read(item))
        result = link.call(item.tool, item.arguments or {})
    except Refused as error:
        raise ServerError(f"{name} does not tell the state: {error}") from error
    if failed(result):
        failure: ToolError = error_of(result)
        raise ServerError(f"{name} does not tell the state: {failure.message}")
    return value_of(result)


def _drop(node: Any, path: list[str]) -> None:
    """Take away what a path leads to; `*` is any key, and any item of a list."""
    step, *rest = path
    if isinstance(node, list):
        for item in node if step == "*" else ():
            _drop(item, rest) if rest else None
        return
    if not isinstance(node, dict):
        return
    for key in [key for key in node if step in ("*", key)]:
        if rest:
            _drop(node[key], rest)
        else:
            del node[key]


def reached(node: Any, path: list[str]) -> list[Any]:
    """The plain values that a path leads to; `*` is any key, and any item of a list."""
    if not path:
        return [node] if isinstance(node, (str, int, float)) and not isinstance(node, bool) else []
    step, rest = path[0], path[1:]
    if isinstance(node, Mapping):
        return [found for key, held in node.items() if step in ("*", key) for found in reached(held, rest)]
    return [found for held in node for found in reached(held, rest)] if isinstance(node, list) and step == "*" else []
