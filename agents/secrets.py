"""Keys and passwords never reach a file: what looks like one, by its name or by its value.

Law: a run's config is refused when it holds one; a policy's record leaves it out. It is a net under the rule
that policies keep keys in the environment, and no proof that a text is free of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = re.compile(
    r"(api[_-]?key|secret|passw(or)?d|passphrase|authori[sz]ation|credential|private[_-]?key|cookie)"
    r"|^(api|access|auth|hf|bearer|refresh|session|id|github)?[_-]?token$|^(key|auth|bearer)$",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\b(sk|hf|ghp|gsk|xai)[-_][A-Za-z0-9_-]{16,}|\bBearer\s+\S{8,}|\w://[^/@\s:]*:[^/@\s]+@")


def find_secrets(value: Any, path: str = "") -> Iterator[str]:
    """The dotted paths in plain JSON data under which something like a secret stands."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            here = f"{path}.{name}" if path else str(name)
            if _named(name, part):
                yield here
            else:
                yield from find_secrets(part, here)
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from find_secrets(part, f"{path}[{index}]")
    elif _tells(value):
        yield path


def without_secrets(value: Any) -> Any:
    """The same data without what looks like a secret."""
    if isinstance(value, Mapping):
        return {name: without_secrets(part) for name, part in value.items() if not (_named(name, part) or _tells(part))}
    if isinstance(value, (list, tuple)):
        return [without_secrets(part) for part in value if not _tells(part)]
    return value


def _named(name: Any, value: Any) -> bool:
    return value not in (None, "", True, False) and bool(_NAME.search(str(name)))


def _tells(value: Any) -> bool:
    return isinstance(value, str) and bool(_VALUE.search(value))
