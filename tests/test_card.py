"""Promises of the card: whatever data is called, it is text there, and never markup, a line, a key or a command to a terminal."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from turngym.cli import run
from turngym.synthesis import Request, synthesize
from turngym.synthesis.card import Made, card
from turngym.synthesis.export import export_dataset
from turngym.synthesis.formats import FORMATS, ExportOptions

yaml = pytest.importorskip("yaml")

HOSTILE = {
    "escapes": "\x1b]0;gone\x07\x1b[2J\x9b31m\x7f",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "lines": "Banking\n---\nlicense: mit\n\n# A heading\n\n- item\r\nmore\u2028end",
    "yaml": 'x: !!python/object/apply:os.system ["id"]\n- *a &b',
    "markdown": "[click](javascript:alert(1)) ![x](http://evil/x.png) **b** _i_ ~~s~~ `c` | cell | # h",
    "fence": "```\n</code></pre>\n```",
    "ticks": "`` ` ``",
    "table": "a | b | c |\n|---|---|",
    "direction": "a\u202egnp.exe\u2066",
    "link": "http://evil.example www.evil.example me@evil.example <http://evil>",
    "entity": "&lt;script&gt; &#60;",
    "comment": "<!-- --> <!-- turngym export -->",
    "long": "x" * 100_000,
}


def made(text: str) -> Made:
    """Everything that comes from data is called `text`."""
    run_record = {
        "config": {"envs": [text], "roles": {text: {"policy": {"model": text}, "prompt": text}, text + "2": "template"}, text: text},
        "versions": {text: text},
    }
    summary = {"funnel": {text: 1}, "roles": {text: text}, "contamination": {text: [text]}}
    return Made({"train": 3}, 3, "abcd", Counter([text]), Counter([text]), Counter([text]), run_record, summary)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.found.append(tag)


def prose(text: str) -> str:
    """A card without its front matter and its blocks of code."""
    body, inside = [], False
    for line in text.split("---\n", 2)[2].splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            body.append(line)
    assert not inside
    return "\n".join(body)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_card_is_the_same_card_whatever_data_is_called(name: str, form: str) -> None:
    options = ExportOptions(form, license="mit", reasoning="keep")
    hostile, usual = card(options, made(HOSTILE[name])), card(options, made("Banking"))
    assert all(sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in hostile)
    assert hostile.splitlines() == hostile.split("\n")[:-1]
    front, wanted = (yaml.safe_load(text.split("---\n", 2)[1]) for text in (hostile, usual))
    assert front == wanted
    words, usual_words = prose(hostile), prose(usual)
    tags = Tags()
    tags.feed(words)
    assert tags.found == []
    assert "<script" not in hostile
    assert "www.evil" not in words
    assert words.count("<!--") == 1
    assert [line[:3] for line in words.splitlines() if line.startswith("#")] == [
        line[:3] for line in usual_words.splitlines() if line.startswith("#")
    ]
    for signs in ("|", "](", "**", "~~", "://"):
        assert words.count(signs) == usual_words.count(signs), signs
    assert len(words) < len(usual_words) + 20_000


@pytest.mark.parametrize("name", ["Banking", "turngym/Banking-v0", "BFCL-v4-multi_turn_base", "my_module:World", "path/to/file.py:World"])
def test_a_usual_name_stands_as_it_is(name: str) -> None:
    assert f"`{name}`" in card(ExportOptions("openai", license="mit", reasoning="keep"), made(name))


@pytest.mark.parametrize("license", ["mit", "yes", "1.0", "a: b", "x\ny: z", "# c"])
def test_a_licence_is_one_value_of_the_front_matter(license: str) -> None:
    front = yaml.safe_load(card(ExportOptions("openai", license=license, reasoning="keep"), made("Banking")).split("---\n", 2)[1])
    assert front["license"] == license
    assert "y" not in front


@pytest.mark.parametrize("record", [[], "x", {"config": 3}, {"config": {"roles": {"a": {}}}, "versions": [1]}])
def test_a_run_json_of_any_shape_makes_a_card(record: Any) -> None:
    about = made("Banking")._replace(run=record if isinstance(record, dict) else {}, summary={})
    assert "How it was made" in card(ExportOptions("openai", license="mit", reasoning="keep"), about)


def test_an_export_of_hostile_rows_has_a_card_that_can_be_shown(tmp_path: Path) -> None:
    assert run(["synthesize", "FileSystem", "-n", "1", "--out", str(tmp_path / "data")]) == 0
    row = json.loads((tmp_path / "data" / "samples.jsonl").read_text())
    row["task"]["env"] = row["env"] = HOSTILE["script"] + HOSTILE["lines"] + HOSTILE["escapes"]
    del row["task"]["id"]
    (tmp_path / "data" / "samples.jsonl").write_text(json.dumps(row) + "\n")
    out = tmp_path / "ds"
    assert run(["export", str(tmp_path / "data"), "--format", "openai", "--files", "jsonl", "--out", str(out)]) == 0
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\x1b" not in text
    assert yaml.safe_load(text.split("---\n", 2)[1])["pretty_name"] == "turngym"


def test_worlds_that_do_not_ship_are_told_with_what_it_takes_to_verify(tmp_path: Path) -> None:
    place = f"{Path(__file__).parent / 'mini_world.py'}:Library"
    synthesize(Request((place, "Banking"), 2, 3), tmp_path / "set")
    export_dataset(tmp_path / "set", tmp_path / "out")
    said = (tmp_path / "out" / "README.md").read_text()
    assert f"Its worlds `{place}` do not ship with turngym" in said
    assert "--world PLACE" in said
