"""An MCP server over stdio written by hand, without the SDK: quick to start, and as badly behaved as it is told to be.

    python mcp_crude.py [--seed N] [--more N] [--deaf] [--changing] [--noisy] [--note WORDS]

It keeps orders, and does what is asked of it: half of a call, nothing for a while, garbage, its own death.
"""

import json
import os
import sys
import time

OPTIONS = sys.argv[1:]


def option(name, default=0):
    return int(OPTIONS[OPTIONS.index(name) + 1]) if name in OPTIONS else default


TEXT, NUMBER = {"type": "string"}, {"type": "number"}
STATE = {"orders": {}, "seed": option("--seed"), "count": 0}
LISTED = [0]
PAGE = 100


def tool(name, properties=None, required=(), description=None, read=False, schema=None, **more):
    shape = schema or {"type": "object", "properties": properties or {}, "required": list(required)}
    found = {"name": name, "inputSchema": shape, **more}
    if description != "":
        found["description"] = description or f"Do {name}."
    if read:
        found["annotations"] = {"readOnlyHint": True}
    return found


TOOLS = [
    tool("add", {"item": TEXT, "amount": {"type": ["integer", "null"], "minimum": 1}}, ["item"], "Order something.\n\nMore words."),
    tool("remove", {"id": TEXT}, ["id"]),
    tool("orders", read=True),
    tool("dump"),
    tool("reset", {"seed": {"type": "integer"}, "size": TEXT, "orders": {"type": "object"}}),
    tool("half", {"item": TEXT}, ["item"]),
    tool("lie", read=True),
    tool("clock"),
    tool("slow", {"seconds": NUMBER}, ["seconds"]),
    tool("die"),
    tool("garbage"),
    tool("huge", {"size": {"type": "integer"}}, ["size"], read=True),
    tool("picture", read=True),
    tool("say", {"text": TEXT, "error": {"type": "boolean"}}, ["text"], read=True),
    tool("structured", read=True, outputSchema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    tool("broken_promise", read=True, outputSchema={"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}),
    tool("pid", read=True),
    tool("protocol", read=True),
    tool("silent", description=""),
    tool("bad_schema", schema={"type": "object", "properties": {"x": {"type": "nonsense"}}}),
    tool("nowhere", schema={"type": "object", "properties": {"x": {"$ref": "https://nowhere.invalid/x"}}}),
    tool("open", schema={"type": "object", "properties": {}, "additionalProperties": True}, read=True),
    tool("deep", schema={"type": "object", "properties": {"x": {"$ref": "#/definitions/X"}}, "definitions": {"X": {"enum": ["a", "b"]}}}),
    tool("add", description="The second of that name."),
]


def text(said, error=False, **more):
    return {"content": [{"type": "text", "text": said if isinstance(said, str) else json.dumps(said)}], "isError": error, **more}


def call(name, given):
    orders = STATE["orders"]
    if name == "add":
        STATE["count"] += 1
        key = f"O{STATE['seed']}-{STATE['count']}"
        orders[key] = {"item": given["item"], "amount": given.get("amount", 1), "at": time.time()}
        return text({"id": key, "item": given["item"]})
    if name == "remove":
        if given["id"] not in orders:
            return text(f"There is no order {given['id']}", True)
        return text(orders.pop(given["id"])["item"])
    if name == "orders":
        return text(list(orders))
    if name == "dump":
        return text(
            {"orders": orders, "seed": STATE["seed"], "notes": OPTIONS[OPTIONS.index("--note") + 1 :] if "--note" in OPTIONS else []}
        )
    if name == "reset":
        STATE.update(orders=given.get("orders", {}), seed=given.get("seed", option("--seed")), count=0)
        return text("ready")
    if name == "half":
        orders[given["item"]] = {"item": given["item"]}
        return text("Too many orders", True)
    if name == "lie":
        orders["lie"] = {}
        return text("nothing happened")
    if name == "clock":
        orders["clock"] = {}
        return text(repr(time.time()))
    if name == "slow":
        orders["slow"] = {}
        time.sleep(given["seconds"])
        return text("done")
    if name == "die":
        orders["dead"] = {}
        os._exit(3)
    if name == "garbage":
        sys.stdout.write("this is no JSON\n{}\n[1, 2\n")
        return text("after garbage")
    if name == "huge":
        return text("x" * given["size"])
    if name == "picture":
        return {"content": [{"type": "image", "mimeType": "image/png", "data": "AAAA"}, *text("a picture")["content"]]}
    if name == "say":
        return text(given["text"], given.get("error", False))
    if name == "structured":
        return text("one", structuredContent={"n": 1})
    if name == "broken_promise":
        return text("one", structuredContent={"n": 1})
    if name == "pid":
        return text(str(os.getpid()))
    return text({"arguments": given})


def listed(cursor):
    LISTED[0] += 1
    tools = TOOLS + [tool(f"more_{n}") for n in range(option("--more"))]
    if "--changing" in OPTIONS and LISTED[0] > 1:
        tools = [tool("other")]
    start = int(cursor or 0)
    page = {"tools": tools[start : start + PAGE]}
    return {**page, "nextCursor": str(start + PAGE)} if start + PAGE < len(tools) else page


def answer(method, params):
    if method == "initialize":
        capabilities = {"tools": {}, "resources": {}}
        info = {"name": "crude shop", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info, "instructions": "A shop."}
    if method == "tools/list":
        return listed(params.get("cursor"))
    if method == "tools/call":
        if params["name"] == "protocol":
            raise KeyError("refused by protocol: the item is not found")
        return call(params["name"], params.get("arguments") or {})
    if method == "resources/read" and params["uri"] == "shop://orders":
        return {"contents": [{"uri": params["uri"], "text": json.dumps(STATE["orders"])}]}
    raise KeyError(f"no method {method}")


def main():
    if "--noisy" in OPTIONS:
        print("Welcome to the crude shop!")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or ("--deaf" in OPTIONS and message["method"] == "initialize"):
            continue
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = answer(message["method"], message.get("params") or {})
        except KeyError as error:
            reply["error"] = {"code": -32602, "message": str(error.args[0])}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if "--crash" in OPTIONS:
        sys.exit("cannot open the shop: no key")
    main()
