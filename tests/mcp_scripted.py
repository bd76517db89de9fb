"""An MCP server that lists and answers what a script says, letter by letter, without the SDK: over stdio, and over HTTP in this process.

    python mcp_scripted.py SCRIPT.json

A script holds `tools` (`pages`: how often they are listed, each under a name of its own, before the list ends; 0: it never does),
`results` and `refusals` by name of tool, `instructions`, and `modern` for a server that knows the revision without handshake only.
A result `{"fill": N}` is N bytes of text, `how` it comes over HTTP: `plain`, `packed`, `strange` (an encoding nobody asked for),
`event` (an event that does not end), `gone` (404), `broken` (503).
"""

import gzip
import json
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def answer(script, method, params):
    """The result of a request, or an error with a code."""
    if method == "initialize" and "modern" in script:
        return {
            "error": {"code": -32022, "message": "Unsupported protocol version", "data": {"supported": ["2026-07-28"], "requested": "?"}}
        }
    if method == "server/discover":
        plain = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        return {"result": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "instructions": "Modern.", **plain}}
    if method == "initialize":
        info = {"name": script.get("name", "scripted"), "version": "1"}
        told = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        return {"result": {**told, "instructions": script.get("instructions", "")}}
    if method == "tools/list":
        number, pages = int(params.get("cursor", 0)), script.get("pages", 1)
        more = {} if number + 1 == pages else {"nextCursor": str(number + 1 if script.get("circle") is None else script["circle"])}
        tools = [{**tool, "name": f"{tool['name']}_{number}"} for tool in script["tools"]] if number else script["tools"]
        return {"result": {"tools": tools, **more}}
    if method == "tools/call":
        if params["name"] in script.get("refusals", {}):
            return {"error": script["refusals"][params["name"]]}
        result = script.get("results", {}).get(params["name"], {"content": [{"type": "text", "text": json.dumps(params.get("arguments"))}]})
        return {"result": {"content": [{"type": "text", "text": "x" * result["fill"]}]} if "fill" in result else result}
    return {"error": {"code": -32601, "message": "Method not found"}}


def main(script):
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], **answer(script, message["method"], message.get("params") or {})}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


class _Handler(BaseHTTPRequestHandler):
    script: dict
    seen: list

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(dict(self.headers))
        if "id" not in message:
            return self._send(202, b"")
        params = message.get("params") or {}
        how = self.script.get("results", {}).get(params.get("name"), {}).get("how", "plain")
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer(self.script, message["method"], params)}).encode()
        if how == "gone":
            return self._send(404, b"")
        if how == "broken":
            return self._send(503, b"no")
        if how == "packed":
            return self._send(200, gzip.compress(body, 1), {"content-encoding": "gzip"})
        if how == "strange":
            return self._send(200, body, {"content-encoding": "br"})
        if how == "event":
            return self._send(200, b"event: message\ndata: " + body.replace(b"x" * 1000, b"x" * 900 + b"\ndata:"), {}, "text/event-stream")
        return self._send(200, body)

    def do_GET(self):
        self._send(405, b"")

    do_DELETE = do_GET

    def _send(self, status, body, headers=None, kind="application/json"):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": len(body), "mcp-session-id": "one", **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        with suppress(ConnectionError):  # a client that has heard enough
            super().handle()

    def log_message(self, *words):
        pass


@contextmanager
def over_http(script):
    """Serve a script over HTTP: gives the address, and a list of the headers of every request."""
    seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"script": script, "seen": seen}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/mcp", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
