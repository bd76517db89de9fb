"""An answer that comes as an event stream, put together as if it had come whole.

Laws: what is no stream of completion chunks is told apart (`NoCompletion`); text is joined, lists are strung together,
calls are told apart by index and id; fields that nobody knows are kept, as a server may want them back; an error within
the stream, or an end before its end, is no answer. Not here: what the whole means (`wire.py`), and its bounds, which are
those of every answer (`connection.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...envs.errors import shorten

_BEGINNINGS = (b"data:", b"event:", b"id:", b"retry:", b":")
_DONE = "[DONE]"
_SAME = frozenset(("role", "type", "id", "name", "format", "index"))  # told once, however often
_NEAR = 16  # parts of a list that may still go on


class BrokenStreamError(Exception):
    """A stream of which no completion can be made; says why."""


def is_stream(body: bytes) -> bool:
    """Whether a body is an event stream, whatever its header says."""
    return body[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_BEGINNINGS)


def whole_of(body: bytes) -> bytes:
    """The completion of a stream as JSON text, in which no text is cut any more; another body as it is."""
    try:
        return json.dumps(assemble(body), ensure_ascii=False).encode(errors="surrogatepass") if is_stream(body) else body
    except BrokenStreamError:
        return body


def assemble(body: bytes) -> dict[str, Any]:
    """The chat completion that a stream told in pieces. Raises `BrokenStreamError`."""
    whole: dict[str, Any] = {}
    choice: dict[str, Any] = {"index": 0}
    message: dict[str, Any] = {}
    calls = _Calls()
    begun = ended = False
    for chunk in _chunks(body):
        if chunk is None:
            ended = True
            continue
        if chunk.get("error") or chunk.get("object") == "error":
            return chunk  # the same that an answer which is an error says
        whole |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        for part in chunk.get("choices") or ():
            if isinstance(part, dict) and not part.get("index"):
                begun, ended = True, ended or part.get("finish_reason") is not None
                _take(choice, message, calls, part)
    if not begun:
        raise BrokenStreamError("no choices in the event stream")
    if not ended:
        raise BrokenStreamError("the event stream ended before its end")
    if listed := calls.whole():
        message["tool_calls"] = listed
    whole["choices"] = [_settled({**choice, "message": message})]
    return whole


def _take(choice: dict[str, Any], message: dict[str, Any], calls: _Calls, part: dict[str, Any]) -> None:
    delta = part.get("delta") if isinstance(part.get("delta"), dict) else part.get("message")
    for name, value in delta.items() if isinstance(delta, dict) else ():
        if name != "tool_calls":
            _grow(message, name, value)
        elif isinstance(value, list):
            for item in value:
                calls.take(item)
        elif value is not None:
            raise BrokenStreamError("tool_calls is no list")
    for name, value in part.items():
        if name == "finish_reason":
            choice[name] = value or choice.get(name)
        elif name not in ("delta", "message", "index"):
            _grow(choice, name, value)


def _chunks(body: bytes) -> Iterator[dict[str, Any] | None]:
    """The JSON objects of the events; None for the mark of the end."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    held: list[str] = []
    for line in (*text.split("\n"), ""):
        if line.startswith("data:"):
            held.append(line[5:].removeprefix(" "))
        elif not line and held:
            said, held = "\n".join(held), []
            if said.strip():
                yield None if said.strip() == _DONE else _object(said)


def _object(said: str) -> dict[str, Any]:
    try:
        found = json.loads(said, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        raise BrokenStreamError(f"an event is no JSON: {shorten(' '.join(said.split()), 100)}") from None
    if not isinstance(found, dict):
        raise BrokenStreamError(f"an event is no object: {shorten(' '.join(said.split()), 100)}")
    return found


class _Calls:
    """Calls that come in pieces: a piece belongs to the call of its index, unless it has another id."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._places: dict[int, dict[str, Any]] = {}

    def take(self, item: Any) -> None:
        if not isinstance(item, dict):
            raise BrokenStreamError(f"a tool call is no object: {shorten(repr(item))}")
        index, identity = item.get("index"), item.get("id")
        open_call = self._places.get(index) if isinstance(index, int) else self._last(item)
        if open_call is None or (identity and open_call.get("id") and [identity] != open_call["id"]):
            open_call = {}
            self._calls.append(open_call)
            if isinstance(index, int):
                self._places[index] = open_call
        for name, value in item.items():
            if name != "index":
                _grow(open_call, name, value)

    def _last(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """Without an index: what has a name begins a call, what has none goes on with the last."""
        function = item.get("function")
        named = isinstance(function, dict) and function.get("name")
        return None if named or not self._calls else self._calls[-1]

    def whole(self) -> list[dict[str, Any]]:
        """The calls, in the order in which they began."""
        return self._calls


class _Pieces(list[str]):
    """Pieces of one text."""


def _grow(place: dict[str, Any], name: str, value: Any) -> None:
    """Add a piece to a field, in place: what arrives in a hundred thousand pieces takes time in proportion."""
    before = place.get(name)
    if value is None or (name in _SAME and before):
        return
    if isinstance(value, str):
        if isinstance(before, _Pieces):
            before.append(value)
        else:
            place[name] = _Pieces((value,))
    elif isinstance(value, list):
        if not isinstance(before, list) or isinstance(before, _Pieces):
            before = place[name] = []
        for part in value:
            _string(before, part)
    elif isinstance(value, dict):
        if not isinstance(before, dict):
            before = place[name] = {}
        for key, part in value.items():
            _grow(before, key, part)
    else:
        place[name] = value


def _string(listed: list[Any], part: Any) -> None:
    """Add a part to a list; one with an `index` goes on with the part of that index and type, if it stands near the end."""
    if not isinstance(part, dict) or not isinstance(part.get("index"), int):
        listed.append(part)
        return
    for known in reversed(listed[-_NEAR:]):
        if isinstance(known, dict) and known.get("index") == part["index"] and _settled(known.get("type")) == part.get("type"):
            break
    else:
        listed.append(known := {})
    for key, value in part.items():
        _grow(known, key, value)


def _settled(value: Any) -> Any:
    """A value whose texts are whole."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _settled(part) for name, part in value.items()}
    return [_settled(part) for part in value] if isinstance(value, list) else value
