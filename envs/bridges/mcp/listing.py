"""What a server lists as its tools, tool by tool: what can be used of each, and what is wanting.

Law: one bad tool spoils no other. A tool that cannot be offered, and whatever of one is cut, is told as a gap in one line.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...errors import display
from .link import Listing

MOST_DESCRIPTION = 20_000  # characters
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")  # the protocol's own rule, and `/` and `:`, which proxies join names with


class Listed(NamedTuple):
    """A tool as it is listed.

    Attributes:
        name, description: as listed; the latter cut at 20,000 characters. schema: of what it takes, as it came; nobody has checked
        it. output: of what it gives, None for none. reads: whether it says of itself that it only reads. gaps: a line each.
    """

    name: str
    description: str
    schema: Any
    output: Any
    reads: bool
    gaps: tuple[str, ...]


def listed_of(listing: Listing) -> tuple[list[Listed], list[str]]:
    """The tools of a list that can be offered, and why others are not, a line each."""
    found: dict[str, Listed] = {}
    gaps = [listing.short] if listing.short else []
    for number, item in enumerate(listing.tools, 1):
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(item, dict):
            gaps.append(f"tool {number} is left out: it is no object but {display(item, 40)}")
        elif not isinstance(name, str) or not name:
            gaps.append(f"tool {number} is left out: it has no name ({display(name, 40)})")
        elif not _NAME.fullmatch(name):
            gaps.append(
                f"{display(name, 60)} is left out: no model can call a tool by that name (letters, digits and _ . : / -, at most 128)"
            )
        elif name in found:
            gaps.append(f"{display(name, 60)[1:-1]} is listed twice; the first is taken")
        else:
            found[name] = _listed(name, item)
    return list(found.values()), gaps


def _listed(name: str, item: dict[str, Any]) -> Listed:
    gaps: list[str] = []
    words = next((text for key in ("description", "title") if isinstance(text := item.get(key), str) and text.strip()), "")
    if not isinstance(item.get("description"), str) or not item["description"].strip():
        gaps.append("the server does not describe it")
    if len(words) > MOST_DESCRIPTION:
        gaps.append(f"its description of {len(words)} characters is cut at {MOST_DESCRIPTION}")
        words = words[:MOST_DESCRIPTION]
    hints = item.get("annotations")
    reads = isinstance(hints, dict) and hints.get("readOnlyHint") is True
    return Listed(name, words, item.get("inputSchema"), item.get("outputSchema"), reads, tuple(gaps))
