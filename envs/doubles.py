"""Keys that stand twice in one object of JSON text, which readers of JSON drop without a word.

Law: a text is read a second time only where counting its colons cannot tell that every key stands once.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import ToolError, display


class _DoubledError(Exception):
    """A key stands twice; carries it."""


def refuse_doubled_keys(name: str, text: str, keys: int) -> None:
    """Raise `ToolError("invalid_arguments")` if an object in `text`, at any depth, has a key twice.

    Args:
        name: of the tool. text: JSON text of an object that was read already. keys: how many keys its outermost object has.
    """
    if text.count('":') == keys and not (" :" in text or "\n:" in text or "\t:" in text or "\r:" in text):
        return  # each key has a colon of its own, after its quote or after a space: there are no more of them than keys
    try:
        json.loads(text, object_pairs_hook=_pairs, parse_int=str, parse_float=str)
    except _DoubledError as error:
        raise ToolError(
            "invalid_arguments", f"{name}: the key {display(error.args[0])} stands twice in one object; give each key once"
        ) from None
    except (ValueError, RecursionError) as error:  # who read it first reads more than we do: what cannot be judged is not taken
        raise ToolError("invalid_arguments", f"{name}: the arguments cannot be read ({type(error).__name__})") from None


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _DoubledError(key)
        seen.add(key)
