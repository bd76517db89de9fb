"""MCP servers as they are: odd lists, broken promises, errors with structure, answers without end. One fault spoils nothing else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("mcp")

from mcp_scripted import over_http

from turngym.envs.bridges.mcp import Declaration, close_connections, mcp_world_of
from turngym.envs.bridges.mcp.sdk import GENERATION
from turngym.envs.errors import DefinitionError

SCRIPTED = str(Path(__file__).parent / "mcp_scripted.py")
OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
GOOD = {"name": "good", "description": "Do good.", "inputSchema": OBJECT}
Serve = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    yield
    close_connections()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serve]:
    """The world class of a scripted server over stdio."""
    made: list[Any] = []

    def serve(script: dict[str, Any], **more: Any) -> Any:
        file = tmp_path / f"script{len(made)}.json"
        file.write_text(json.dumps(script))
        made.append(mcp_world_of(Declaration(command=sys.executable, args=(SCRIPTED, str(file)), **{"timeout": 10.0, **more})))
        return made[-1]

    yield serve
    for cls in made:
        cls.pool.close()


def tool(name: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "A tool.", "inputSchema": {"type": "object"}, **more}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


def told(world: Any, name: str, arguments: dict[str, Any] | None = None) -> tuple[str | None, str]:
    result = world.call(name, arguments or {})
    return result.error, result.message if result.error else result.text


# -- results (cases 8 and 9) ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "result", "words", "gap"),
    [
        (OBJECT, text("five", structuredContent={"n": "five"}), "five", "a result broke its outputSchema (n: 'five' is not of type"),
        (OBJECT, text("five"), "five", "a result broke its outputSchema (it has no structured content)"),
        (OBJECT, {"content": [], "structuredContent": {"m": 5}}, '{"m": 5}', "'n' is a required property"),
        (OBJECT, {"content": None, "structuredContent": [1]}, "[1]", "is not of type 'object'"),
        ({"type": "nonsense"}, text("five", structuredContent={"n": 5}), "five", "its outputSchema cannot be judged by ("),
        ({"$ref": "#/$defs/None"}, text("five", structuredContent={"n": 5}), "five", "refers to #/$defs/None, which is not in it"),
        ([1], text("five"), "five", "its outputSchema cannot be judged by (it is no object but [1])"),
    ],
)
def test_a_result_that_breaks_the_tools_own_promise_keeps_its_text_and_the_breach_is_a_gap(
    served: Serve, schema: Any, result: Any, words: str, gap: str
):
    cls = served({"tools": [tool("it", outputSchema=schema), GOOD], "results": {"it": result}})
    world = cls.create()
    assert told(world, "it") == told(world, "it") == (None, words)
    (line,) = [line for line in cls.gaps if line.startswith("it: ")]
    assert gap in line
    assert "\n" not in line
    assert line in cls.page()
    assert told(world, "good", {"n": 1}) == (None, '{"n": 1}')
    assert told(world.fork(), "good", {"n": 2}) == (None, '{"n": 2}')


def test_a_promise_that_is_kept_is_no_gap_and_structure_goes_before_other_words(served: Serve):
    cls = served({"tools": [tool("it", outputSchema=OBJECT)], "results": {"it": text("five", structuredContent={"n": 5})}})
    assert told(cls.create(), "it") == (None, '{"n": 5}')
    assert not [line for line in cls.gaps if "outputSchema" in line]


def test_an_error_with_structure_is_told_in_the_servers_words(served: Serve):
    results = {
        "both": text("There is no order 7", isError=True, structuredContent={"code": 12}),
        "promised": text("There is no order 8", isError=True),
        "structure": {"content": [], "isError": True, "structuredContent": {"reason": "already sent"}},
        "nothing": {"content": [], "isError": True},
    }
    world = served({"tools": [tool(name, outputSchema=OBJECT) for name in results], "results": results}).create()
    assert told(world, "both") == ("not_found", "There is no order 7")
    assert told(world, "promised") == ("not_found", "There is no order 8")
    assert told(world, "structure") == ("conflict", '{"reason": "already sent"}')
    assert world.call("nothing").error == "unavailable"
    assert not [line for line in world.gaps if "outputSchema" in line]


def test_a_refusal_with_a_code_that_the_sdk_uses_itself_is_the_servers_and_ends_nothing(served: Serve):
    refusals = {"lost": {"code": -32000, "message": "There is no order 9"}, "late": {"code": -32001, "message": "It is taken already"}}
    cls = served({"tools": [tool(name) for name in refusals], "refusals": refusals})
    world = cls.create()
    assert told(world, "lost") == ("not_found", "There is no order 9")
    opened = cls.pool.opened
    assert told(world, "late") == ("conflict", "It is taken already")
    assert told(world, "lost") == ("not_found", "There is no order 9")
    assert cls.pool.opened == opened


def test_what_is_no_text_is_told_as_what_it_is(served: Serve):
    blocks = [
        {"type": "image", "mimeType": "image/png", "data": "AAAA"},
        {"type": "audio", "data": "AAA="},
        {"type": "resource", "resource": {"uri": "a://b", "text": "words"}},
        {"type": "resource", "resource": {"uri": "a://b", "mimeType": "application/pdf", "blob": "AAAA"}},
        {"type": "resource_link", "uri": "a://c", "name": "c"},
        {"type": "hologram"},
        "nonsense",
    ]
    world = served({"tools": [tool("it")], "results": {"it": {"content": blocks}}}).create()
    assert world.call("it").text.splitlines() == [
        "<image image/png, 3 bytes>", "<audio application/octet-stream, 2 bytes>", "words", "<blob application/pdf, 3 bytes>",
        "<resource link a://c>", "<hologram>", "<something that is no content, str>",
    ]  # fmt: skip


def test_lists_and_answers_without_structure_are_served(served: Serve):
    results = {"rows": text('[{"id": 1}, {"id": 2}]'), "parts": {"content": [*text("a")["content"], *text("b")["content"]]}, "none": {}}
    world = served({"tools": [tool(name) for name in results], "results": results}).create()
    assert world.call("rows").value == [{"id": 1}, {"id": 2}]
    assert world.call("parts").text == "a\nb"
    assert world.call("none").value is None


# -- lists (cases 10 and 11) ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "gap"),
    [
        (None, "it is null"),
        ([{"type": "object"}], "it is no object but [{"),
        ("object", "it is no object but 'object'"),
        ({"type": "string"}, "it is no object but 'string'"),
        ({"type": "object", "properties": {"x": {"type": "nonsense"}}}, "'nonsense' is not valid"),
        ({"type": "object", "properties": [1]}, "[1] is not of type 'object'"),
        ({"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}}, "it refers to #/$defs/X, which is not in it"),
        ({"type": "object", "properties": {"x": {"$ref": "https://nowhere.invalid/x"}}}, "it refers to https://nowhere.invalid/x"),
        ({"type": "object", "description": "x" * 300_000}, "characters are more than 200000"),
    ],
)
def test_one_malformed_schema_is_a_gap_and_the_other_tools_work(served: Serve, schema: Any, gap: str):
    cls = served({"tools": [tool("odd", inputSchema=schema), GOOD]})
    (line,) = [line for line in cls.gaps if line.startswith("odd: ")]
    assert "its schema cannot be judged by" in line
    assert gap in line
    assert "\n" not in line
    world = cls.create()
    assert told(world, "good", {"n": 1}) == (None, '{"n": 1}')
    assert world.call("good", {"n": "1"}).error == "invalid_arguments"
    assert told(world, "odd", {"any": [1]}) == (None, '{"any": [1]}')


def test_references_within_a_schema_lead_where_they_say(served: Serve):
    item = {"$id": "https://example.com/item", "type": "object", "$defs": {"X": {"enum": ["a"], "$anchor": "x"}}}
    schemas = [{**item, "properties": {"x": {"$ref": ref}}} for ref in ("#/$defs/X", "#x")]
    cls = served({"tools": [tool(f"it{n}", inputSchema=schema) for n, schema in enumerate(schemas)]})
    assert not [line for line in cls.gaps if "judged" in line]
    assert [cls.create().call(name, {"x": "b"}).error for name in cls.tools] == ["invalid_arguments"] * 2


def test_tools_that_nobody_can_call_are_left_out_and_named(served: Serve):
    odd = [
        {"description": "no name"},
        tool(""),
        tool(7),
        tool(None),
        "nonsense",
        None,
        tool("a b"),
        tool("x\ny"),
        tool("é"),
        tool("n" * 200),
    ]
    cls = served({"tools": [*odd, tool("a.b/c:d-e"), tool("twice", description="One."), tool("twice", description="Two."), GOOD]})
    assert list(cls.tools) == ["a.b/c:d-e", "twice", "good"]
    assert cls.tools["twice"].description == "One."
    assert len([line for line in cls.gaps if "is left out" in line]) == len(odd)
    assert "tool 1 is left out: it has no name (None)" in cls.gaps
    assert "twice is listed twice; the first is taken" in cls.gaps
    assert not [line for line in cls.gaps if "\n" in line or len(line) > 300]
    assert told(cls.create(), "a.b/c:d-e", {"x": 1}) == (None, '{"x": 1}')


def test_whatever_else_a_definition_holds_is_passed_over(served: Serve):
    odd = tool("it", annotations="nonsense", title=7, description=None, icons=3, execution=[], _meta="x")
    bare = {"name": "bare", "inputSchema": {}}
    cls = served({"tools": [odd, bare, tool("read", annotations={"readOnlyHint": True})]})
    assert [cls.tools[name].is_read for name in ("it", "bare", "read")] == [False, False, True]
    assert {"it: the server does not describe it", "bare: the server does not describe it"} <= set(cls.gaps)
    assert cls.create().call("bare").error is None


@pytest.mark.parametrize(("script", "gap"), [({"pages": 0}, "does not end"), ({"pages": 0, "circle": 0}, "goes round in circles")])
def test_a_list_that_never_ends_is_cut_off_and_told(served: Serve, monkeypatch: pytest.MonkeyPatch, script: dict[str, Any], gap: str):
    monkeypatch.setattr("turngym.envs.bridges.mcp.link.MOST_PAGES", 20)
    cls = served({"tools": [GOOD], **script})
    assert gap in cls.gaps[1]
    assert 1 <= len(cls.tools) <= 20
    assert told(cls.create(), "good", {"n": 1}) == (None, '{"n": 1}')


def test_a_list_that_is_slow_to_end_stops_in_time(served: Serve):
    before = time.monotonic()
    cls = served({"tools": [tool("much", description="x" * 100_000)], "pages": 0}, timeout=0.5)
    assert "does not end" in cls.gaps[1]
    assert time.monotonic() - before < 8


def test_words_without_end_are_cut_and_told(served: Serve):
    cls = served({"tools": [tool("it", description="x" * 10_000_000)], "instructions": "y" * 5_000_000, "name": "z" * 100_000})
    assert len(cls.tools["it"].description) == 20_000
    assert "it: its description of 10000000 characters is cut at 20000" in cls.gaps
    assert len(cls.page()) < 30_000
    assert len(cls.__name__) < 100


def test_a_server_without_any_tool_is_told_in_a_line(served: Serve):
    for tools, why in (([], "offers no tool"), ([tool("a b")], "'a b' is left out"), ("nonsense", "no list of tools")):
        with pytest.raises(DefinitionError, match=why) as caught:
            served({"tools": tools})
        assert "\n" not in str(caught.value)


def test_a_server_of_the_revision_without_handshake_is_served_or_refused_with_the_remedy(served: Serve):
    results = {"odd": {"content": [{"type": "hologram"}]}, "asks": {"resultType": "input_required", "inputRequests": {}}}
    script = {"tools": [tool("odd", inputSchema=None), tool("asks"), GOOD], "results": results, "modern": True}
    if GENERATION < 2:
        with pytest.raises(DefinitionError, match="install mcp>=2"):
            served(script)
        return
    world = served(script).create()
    assert world.page().startswith("Modern.")
    assert told(world, "odd") == (None, "<hologram>")
    assert told(world, "good", {"n": 1}) == (None, '{"n": 1}')
    assert "there is nobody" in world.call("asks").text


# -- answers without end (trust, case 9) ------------------------------------------------------------------


def test_a_line_beyond_the_bound_ends_the_call_and_not_the_world(served: Serve):
    cls = served({"tools": [tool("huge"), tool("large"), GOOD], "results": {"huge": {"fill": 40_000_000}, "large": {"fill": 15_000_000}}})
    world = cls.create()
    result = world.call("huge")
    assert (result.error, "an answer exceeds 16 MiB" in result.text) == ("unavailable", True)
    assert told(world, "good", {"n": 1}) == (None, '{"n": 1}')
    assert len(world.call("large").text) == 15_000_000


@pytest.mark.parametrize("how", ["plain", "packed", "event", "strange"])
def test_a_body_beyond_the_bound_ends_the_call_and_not_the_world(how: str):
    results = {"huge": {"fill": 20_000_000, "how": how}, "small": {"fill": 5, "how": "plain" if how == "strange" else how}}
    with over_http({"tools": [tool("huge"), tool("small"), GOOD], "results": results}) as (address, seen):
        cls = mcp_world_of(Declaration(url=address, timeout=10.0))
        world = cls.create()
        before = time.monotonic()
        result = world.call("huge")
        assert result.error == "unavailable"
        known = {"strange": "packs its answers in a way", "event": "SSE stream"}  # the latter is what the first SDKs of 2.x say
        assert "an answer exceeds 16 MiB" in result.text or known.get(how, "-") in result.text
        assert time.monotonic() - before < 8
        assert told(world, "good", {"n": 1}) == (None, '{"n": 1}')
        assert how == "event" or told(world, "small") == (None, "xxxxx")
        assert {headers["accept-encoding"] for headers in seen} == {"gzip, deflate"}
        cls.pool.close()


@pytest.mark.parametrize(("how", "words"), [("gone", "does not know the session"), ("broken", "status 503 Service Unavailable")])
def test_a_status_in_place_of_an_answer_is_no_answer(how: str, words: str):
    with over_http({"tools": [tool("it"), GOOD], "results": {"it": {"how": how}}}) as (address, _):
        cls = mcp_world_of(Declaration(url=address, timeout=10.0))
        world = cls.create()
        result = world.call("it")
        assert (result.error, words in result.text) == ("unavailable", True)
        assert world.system.moment.depth == 0  # a call that no answer came to is not made again
        assert told(world, "good", {"n": 1}) == (None, '{"n": 1}')
        cls.pool.close()
