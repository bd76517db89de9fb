"""Promises of the policy `chat` across the generations of the `openai` client."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turngym.agents.models import client
from turngym.envs.errors import RunError

openai = pytest.importorskip("openai")


def generation(version: str, argument: str) -> Any:
    """A client of a version whose `post` takes bytes as this argument."""
    post = {"content": lambda self, path, *, body=None, content=None: None, "body": lambda self, path, *, body=None: None}
    return SimpleNamespace(__version__=version, AsyncOpenAI=SimpleNamespace(post=post[argument]))


@pytest.mark.parametrize(
    ("version", "argument", "library"), [("1.99.0", "body", "httpx"), ("2.54.0", "content", "httpx"), ("3.57.0", "content", "httpx2")]
)
def test_each_generation_is_taken_with_its_own_library(version, argument, library, monkeypatch):
    modules = {"openai": generation(version, argument), "httpx": "httpx", "httpx2": "httpx2"}
    monkeypatch.setattr(client, "need", modules.__getitem__)
    assert client.installed_client()[1:] == (library, argument)


def test_what_is_installed_is_taken_as_it_is():
    _, http, argument = client.installed_client()
    assert issubclass(openai.DefaultAsyncHttpxClient, http.AsyncClient)
    assert argument in ("content", "body")


def test_a_client_that_cannot_send_bytes_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr(openai, "__version__", "1.98.0")
    with pytest.raises(RunError, match=r"1\.98\.0 is too old.*install 'openai\[aiohttp\]>=1\.99'"):
        client.installed_client()


def test_the_oldest_client_is_the_bound_of_the_extra():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"openai[aiohttp]>={'.'.join(map(str, client._OLDEST))}" in project["optional-dependencies"]["chat"]
