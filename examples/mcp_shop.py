"""An MCP server with a state: a corner shop. It is a world with the declaration beside it, `mcp_shop.json`:

turngym envs show mcp:examples/mcp_shop.json
turngym check mcp:examples/mcp_shop.json --calls 60
turngym rollout mcp:examples/mcp_shop.json --policy oracle -n 3
"""

from random import Random
from typing import Annotated, Any

from mcp.types import ToolAnnotations
from pydantic import Field

try:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
except ImportError:  # mcp 1.x
    from mcp.server.fastmcp import FastMCP as MCPServer
    from mcp.server.fastmcp.exceptions import ToolError

server = MCPServer("corner-shop", instructions="A corner shop: look at the shelf, order, take an order back.")
shelf: dict[str, dict[str, Any]] = {}
orders: dict[str, dict[str, Any]] = {}
READS = ToolAnnotations.model_validate({"readOnlyHint": True})


@server.tool()
def reset(seed: int = 0) -> str:
    """Start over with the shelf of a seed."""
    rng = Random(seed)
    shelf.clear()
    orders.clear()
    for name in rng.sample(["tea", "milk", "salt", "rice", "soap", "bread"], 4):
        shelf[name] = {"name": name, "pence": rng.randrange(50, 900), "left": rng.randrange(2, 9)}
    return "ready"


@server.tool(annotations=READS)
def state() -> dict[str, Any]:
    """Everything there is, for whoever judges."""
    return {"shelf": shelf, "orders": orders}


@server.tool(annotations=READS)
def list_shelf() -> dict[str, Any]:
    """List what can be bought, with prices in pence."""
    return {"goods": list(shelf.values())}


@server.tool(annotations=READS)
def list_orders() -> dict[str, Any]:
    """List the orders that were placed."""
    return {"orders": list(orders.values())}


@server.tool()
def place_order(
    name: Annotated[str, Field(description="what to buy")], count: Annotated[int, Field(ge=1, le=5, description="how many")]
) -> dict[str, Any]:
    """Order some of one thing."""
    if name not in shelf:
        raise ToolError(f"there is no {name!r} on the shelf")
    if shelf[name]["left"] < count:
        raise ToolError(f"not enough {name}: {shelf[name]['left']} left")
    shelf[name]["left"] -= count
    key = f"OR-{len(orders) + 1:03d}"
    orders[key] = {"id": key, "name": name, "count": count, "taken_back": False}
    return orders[key]


@server.tool()
def take_back(order: Annotated[str, Field(description="the order's id")]) -> dict[str, Any]:
    """Take an order back."""
    if order not in orders:
        raise ToolError(f"there is no order {order!r}")
    if orders[order]["taken_back"]:
        raise ToolError(f"order {order} is taken back already")
    orders[order]["taken_back"] = True
    shelf[orders[order]["name"]]["left"] += orders[order]["count"]
    return orders[order]


if __name__ == "__main__":
    reset()
    server.run()
