"""Wording: how a user asks for a method, made from the first line of its docstring and the names of its parameters.

`Renew a member's card.` with a parameter `member_id` becomes `renew the card of {member_id}`, so that whoever writes requests,
and whoever reads them, has the same words. Law: every word but the slots stands in the docstring.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...signature import Parameter
from .naming import stem

_OWNED = r"'s ([\w -]+?)(?= (?:to|from|in|on|for|with|and|of|by|at|as|into)\b|,|$)"
_PLURAL = r"(?:(?:all|any|some) )?"


def phrase_of(summary: str, parameters: Iterable[Parameter]) -> str:
    """A phrase with slots; "" where a summary is none that a user could say."""
    text = summary.strip().rstrip(".")
    if not text or re.search(r"[{}]", text) or len(text) > 120:
        return ""
    text = text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
    for parameter in parameters:
        if parameter.required and (noun := _noun(parameter)):
            article = rf"\b(?:a|an|the|one|some|this|that|another) (?:given |certain |single )?{re.escape(noun)}\b"
            slot = f"{{{parameter.name}}}"
            owned = re.sub(rf"{article}{_OWNED}", rf"the \1 of {slot}", text, count=1)
            text = owned if owned != text else re.sub(rf"{article}(?!')", slot, text, count=1)
    return text


def _noun(parameter: Parameter) -> str:
    """What people call the thing that a parameter takes; "" for what nobody points at."""
    base = stem(parameter.name)[0].replace("_", " ")
    if parameter.semantic is None:
        return ""
    kind = parameter.semantic.words
    for tail in (" name", " title"):
        kind = kind.removesuffix(tail)
    return kind if base in ("", "name", "title") or not base.endswith(kind) else base
