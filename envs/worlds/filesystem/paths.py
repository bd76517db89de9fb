"""Paths as text: absolute, `/` between names, no `.`, `..` or empty names in a real one. No state here."""

from __future__ import annotations

from ...errors import ToolError, shorten

MAX_PATH = 1024
MAX_NAME = 255
MAX_HOPS = 40


def parent_of(path: str) -> str:
    """The directory that a real path stands in; the root's is the root."""
    return path.rpartition("/")[0] or "/"


def name_of(path: str) -> str:
    """The last name of a real path; empty for the root."""
    return path.rpartition("/")[2]


def join(directory: str, name: str) -> str:
    """The path of `name` in a directory."""
    return f"{directory}/{name}" if directory != "/" else f"/{name}"


def inside(path: str, top: str) -> bool:
    """Whether `path` is `top` or lies below it."""
    return path == top or path.startswith("/" if top == "/" else f"{top}/")


def check_new(path: str) -> None:
    """Raise where no new node can have this path."""
    name = name_of(path)
    if not name:
        raise ToolError("conflict", "the root directory exists already; name something in it")
    if len(name.encode()) > MAX_NAME:
        raise ToolError("limit_exceeded", f"the name {shorten(name)!r} exceeds {MAX_NAME} bytes")
    if len(path) > MAX_PATH:
        raise ToolError("limit_exceeded", f"the path {shorten(path)!r} exceeds {MAX_PATH} characters")


def whole_lines(content: str) -> str:
    """`content` with a newline at its end: files hold whole lines, so a forgotten one never matters."""
    return content if not content or content.endswith("\n") else content + "\n"
