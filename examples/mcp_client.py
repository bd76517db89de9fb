"""Any MCP client lives in our worlds: start a server of one, list its tools, call them, and read how the task stands.

    python examples/mcp_client.py                       # task 0 of Banking over stdio: gold is played, the verdict is read

The same for another program: turngym serve Banking --mcp --task 0 --reply-tool --verdict [--http 127.0.0.1:8000]
Without --verdict the same is told on the server's stderr when the session ends.
"""

import asyncio
import json
import sys
from typing import Any

from mcp import Client, StdioServerParameters

from turngym.envs.env import pack_of


async def read(client: Client, uri: str) -> Any:
    """What a resource of the session tells."""
    (content,) = (await client.read_resource(uri)).contents
    return json.loads(content.text)


async def main(env: str = "Banking", index: int = 0) -> None:
    serve = ["-m", "turngym", "serve", env, "--mcp", "--task", str(index), "--reply-tool", "--verdict"]
    task = pack_of(env)[index]
    async with Client(StdioServerParameters(command=sys.executable, args=serve)) as client:
        tools = (await client.list_tools()).tools
        print(f"{len(tools)} tools; the user says: {(await read(client, 'turngym://task'))['user']}")
        for turn in task.turns:  # a model would stand here
            for call in turn.gold:
                result = await client.call_tool(call.name, call.arguments)
                print(f"  {call.name} -> {'error' if result.is_error else 'ok'}")
            await client.call_tool("reply_to_user", {"text": turn.reply})
        print("success:", (await read(client, "turngym://verdict"))["success"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2], *map(int, sys.argv[2:3])))
