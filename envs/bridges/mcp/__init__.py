"""The Model Context Protocol, both ways: an MCP server as a world, and our worlds for any MCP client.

    world = mcp_world("server.json")                      # or "python server.py", or "http://host:port/mcp"
    turngym serve Banking --mcp                           # the other way (`serving.py`)

Needs the extra `mcp`, the official SDK; nothing of it is imported before it is used.
"""

from __future__ import annotations
