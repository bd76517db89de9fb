"""Names: what the name of a parameter, a field or a method says of what it is about.

Names only propose: that a value of `books` under `id` may be what `book_id` takes. Whether it is so is found by execution
(`proving.py`). Laws: English and deterministic; no name is ever taken for proof.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

IDS = ("id", "ids", "key", "code", "no", "number", "num", "ref", "reference", "uuid", "guid", "token", "sku", "isbn", "pk")
GENERIC = ("name", "title", "label", "id", "code", "key", "number", "kind", "type", "status", "state", "value", "date", "time")
READING = frozenset(
    (
        "get", "list", "find", "search", "show", "look", "check", "count", "is",
        "has", "view", "read", "fetch", "query", "describe", "lookup", "tell", "compute",
        "calculate", "total", "what", "which", "who", "available", "all", "summary", "status",
    )
)  # fmt: skip
_TELLING = frozenset(("get", "check", "read", "show", "fetch", "compute", "calculate", "tell", "view", "lookup", "find", "query"))
_JOINTS = ("by", "for", "of", "in", "from", "to", "with", "on", "at", "and", "or", "into", "as", "per")


@lru_cache(maxsize=4096)
def parts_of_name(name: str) -> tuple[str, ...]:
    """The words of a name, lower case: `fromAccountID` and `from_account_id` alike."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return tuple([part for part in text.lower().split("_") if part])


@lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """One of what a word names many of."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word


def one_of(name: str) -> str:
    """A name in the singular, as a noun: `openOrders` gives `open_order`."""
    parts = parts_of_name(name)
    return "_".join([*parts[:-1], singular(parts[-1])]) if parts else ""


@lru_cache(maxsize=4096)
def noun_of_method(name: str) -> str:
    """What a method is about: `list_books_by_author` is about a book; "" where its name says nothing."""
    rest: list[str] = []
    for part in parts_of_name(name)[1:]:
        if part in _JOINTS:
            if rest:
                break
            continue
        rest.append(part)
    rest = [part for part in rest if part not in ("all", "my", "the", "new", "a", "info", "details", "detail", "status", "list")]
    return "_".join([*rest[:-1], singular(rest[-1])]) if rest else ""


@lru_cache(maxsize=1024)
def result_key(method: str) -> str:
    """Under what name a single value is told: `get_balance` tells a `balance`, `count_books` a `count`; else a `result`."""
    parts = parts_of_name(method)
    if parts[:1] == ("count",) or parts[:2] == ("how", "many"):
        return "count"
    rest = list(parts[1:])
    for index, part in enumerate(rest):
        if part in _JOINTS:
            rest = rest[:index]
            break
    return "_".join(rest) if parts[:1] and parts[0] in _TELLING and rest else "result"


def stem(name: str) -> tuple[str, bool]:
    """A name without its ending for ids, and whether it had one: `book_id` gives `book` and True, `id` gives "" and True."""
    parts = parts_of_name(name)
    if parts and parts[-1] in IDS:
        return "_".join(parts[:-1]), True
    return "_".join(parts), False


def is_read_name(name: str) -> bool:
    """Whether a method's name promises to change nothing."""
    return parts_of_name(name)[:1] != () and parts_of_name(name)[0] in READING


def score(parameter: str, about: Collection[str], field: str, nouns: Collection[str]) -> float:
    """How well the name of a parameter goes with that of a field, 0 for not at all, 3 at most.

    Args:
        parameter: its name. about: what its method is about (nouns).
        field: a field's name, `#` for the key of a mapping. nouns: what the thing is called that holds the field.
    """
    mine, named = stem(parameter)
    theirs, key = ("", True) if field == "#" else stem(field)
    whole = "_".join(parts_of_name(parameter))
    if key and not theirs:  # an id of its holder
        if mine in nouns or (not mine and set(about) & set(nouns)):
            return 3.0
        tail = next((noun for noun in nouns if noun and (mine.endswith(f"_{noun}") or (mine and noun.endswith(f"_{mine}")))), "")
        return 2.0 if tail else 1.0 if not mine and named else 0.0
    if whole == "_".join(parts_of_name(field)):
        return 3.0 if whole not in GENERIC or set(about) & set(nouns) else 1.5
    if mine and mine == theirs:
        return 2.0
    if theirs in ("name", "title", "label"):  # `member`, `member_name` and the name of a member
        bare = mine.removesuffix(f"_{theirs}")
        return 2.5 if bare in nouns and bare != mine else 2.0 if mine in nouns else 0.0
    if mine and theirs and (mine.endswith(f"_{theirs}") or theirs.endswith(f"_{mine}")):
        return 1.5
    return 0.0
