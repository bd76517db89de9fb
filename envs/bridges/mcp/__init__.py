"""The Model Context Protocol, both ways: an MCP server as a world, and our worlds for any MCP client.

    cls = mcp_world("server.json")                        # or "python server.py", or "http://host:port/mcp"
    turngym rollout "mcp:server.json" ...                 # the same, by name
    turngym serve Banking --mcp                           # the other way (`room.py`, `serving.py`, `transports.py`)

Laws: nothing of the SDK (the extra `mcp`) is imported before it is used; all that waits for a server waits on one thread of
its own (`background.py`). Not here: prompts, sampling, elicitation; a world has no use for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...extras import need
from .declaration import Ask, Declaration

if TYPE_CHECKING:
    from .world import McpWorld

__all__ = ["Ask", "Declaration", "close_connections", "mcp_world", "mcp_world_of"]


def mcp_world(rest: str) -> type[McpWorld]:
    """The world class of an MCP server: a JSON file that declares it, an http address, or a command line.

    Raises `DefinitionError` where the declaration is wrong or the server does not answer, `MissingExtraError` without the SDK.
    """
    need("mcp")
    from .world import mcp_world as named

    return named(rest)


def mcp_world_of(said: Declaration) -> type[McpWorld]:
    """The world class of a declaration; as `mcp_world`."""
    need("mcp")
    from .world import mcp_world_of as made

    return made(said)


def close_connections() -> None:
    """Close every connection to an MCP server, and end their thread. Worlds stay usable: what they need is opened again."""
    need("mcp")
    from .pool import close_connections as close

    close()
