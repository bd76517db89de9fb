"""Answering: closing words from the results of what the user asked for.

The fields that the user's words name come first, then what else the result shows, as far as it is short. Law:
everything said stands in a result of this turn. Not here: whether the right calls were made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .grounding import Sight
from .matching import stems
from .reading import field_forms

_ROWS, _CHARS = 12, 1600


def reply(asked: str, sights: Iterable[Sight], undone: Iterable[str]) -> str:
    """The reply that ends a turn.

    Args:
        asked: what the user said. sights: the results that were asked for. undone: why requests were not met.
    """
    words = set(stems(asked))
    lines = [line for sight in sights for line in _tell(sight, words)]
    lines += [f"I could not do this: {why}" for why in undone]
    return "\n".join(dict.fromkeys(lines)) or "Done."


def _tell(sight: Sight, words: set[str]) -> list[str]:
    value = sight.value
    title = sight.tool.summary.split(";")[0].split(":")[0].rstrip(".")
    if sight.tool.writes:
        return [f"{title}: done.", *_record(value, words)] if isinstance(value, dict) else [f"{title}: done."]
    if isinstance(value, list):
        head = f"{title}: {len(value)} in all."
        return [head, *("; ".join(_record(row, words, flat=True)) for row in value[:_ROWS] if isinstance(row, dict))]
    return [f"{title}:", *_record(value, words)] if isinstance(value, dict) else []


def _record(record: dict[str, Any], words: set[str], flat: bool = False) -> list[str]:
    ranked = sorted(record.items(), key=lambda item: -len(words & set(stems(item[0].replace("_", " ")))))
    told = []
    for name, value in ranked:
        if value is None or value == "" or isinstance(value, (dict, list)):
            continue
        told.append(f"{field_forms(name)[0]}: {_say(value, 80 if flat else _CHARS)}")
    for name, value in ranked:
        if isinstance(value, list) and value and not flat:
            told.append(f"{field_forms(name)[0]}: {len(value)} in all")
            told += ["; ".join(_record(row, words, flat=True)) if isinstance(row, dict) else _say(row, 80) for row in value[:_ROWS]]
    return told


def _say(value: Any, limit: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}..."
