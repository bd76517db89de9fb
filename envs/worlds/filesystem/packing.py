"""Archives: a text that holds a whole tree, made of headers with lengths, so that nesting costs no escaping.

`pack` then `parts_of` gives back the same parts. Kept: names, kinds, contents, modes, link targets, stamps by
`touch`, and the group. Not kept: owners and times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .records import Directory, File, Kind, Link, Node

MAGIC = "!tar\n"
_LETTERS = "fdal"
_KINDS: tuple[Kind, ...] = ("file", "directory", "archive", "link")


class Part(NamedTuple):
    """One node in an archive; `name` is relative, `body` the content or a link's target."""

    name: str
    kind: Kind
    mode: int
    body: str
    group: str
    touched: int


def kind_of(node: Node) -> Kind:
    """What a node is, in words."""
    if isinstance(node, File):
        return "archive" if node.packed else "file"
    return "directory" if isinstance(node, Directory) else "link"


def pack(nodes: Iterable[Node], cut: int, full: bool = False) -> str:
    """The text of an archive of `nodes`, with `cut` characters taken off each path; `full` keeps stamps and groups."""
    out = [MAGIC]
    for node in nodes:
        body = node.content if isinstance(node, File) else node.target if isinstance(node, Link) else ""
        touched = 0 if isinstance(node, Link) or not full else node.touched
        letter = _LETTERS[_KINDS.index(kind_of(node))]
        out.append(f"{letter} {node.mode:o} {touched} {len(body)} {node.group if full else '-'} {node.path[cut:]}\n{body}\n")
    return "".join(out)


def parts_of(text: str) -> list[Part]:
    """The parts of an archive's text, in the order in which they were packed."""
    parts, at = [], len(MAGIC)
    while at < len(text):
        end = text.index("\n", at)
        letter, mode, touched, length, group, name = text[at:end].split(" ", 5)
        stop = end + 1 + int(length)
        parts.append(Part(name, _KINDS[_LETTERS.index(letter)], int(mode, 8), text[end + 1 : stop], group, int(touched)))
        at = stop + 1
    return parts
