"""The words that a model in a role is given, such as a simulated user's: a versioned text file of named sections.

A section begins with its name in brackets on a line of its own; `$name` in it stands for a value. Law: the text is
part of what a run is, so its hash stands in the run's config. Not here: who says what when (`simulated.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from string import Template

from ...envs.errors import RunError, shorten

SECTIONS: dict[str, tuple[str, ...]] = {  # and the values that each must hold
    "rules": ("stop",),
    "turn": ("request", "facts"),
    "known": ("fact",),
    "nothing": (),
    "earlier": ("fact",),
    "said": (),
    "open": (),
    "heard": ("text",),
    "silence": (),
    "refused": ("why",),
    "replaced": ("text",),
}
_HEAD = re.compile(r"^\[([a-z_]+)\][ \t]*$", re.MULTILINE)


class Prompt:
    """The sections of one prompt file.

    Args:
        name: of a packaged prompt (`user_v1`), or the path of a file of one's own. sections: that it must have, and the
            values that each must hold; default a user's. package: whose folder `prompts` holds the packaged ones.

    Raises `RunError` for a file that cannot be read or lacks a section or a value.
    """

    def __init__(self, name: str | Path, sections: Mapping[str, tuple[str, ...]] = SECTIONS, package: str = __package__) -> None:
        text = _packaged(str(name), package) or _own(Path(name))
        self.name = Path(name).stem
        self.hash = blake2b(text.encode(), digest_size=6).hexdigest()
        parts = _HEAD.split(text)
        self._sections = {head: Template(body.strip()) for head, body in zip(parts[1::2], parts[2::2], strict=True)}
        for section, values in sections.items():
            if section not in self._sections:
                raise RunError(f"the prompt {shorten(str(name))} has no section [{section}]; see those of {package}")
            for value in values:
                if f"${value}" not in self._sections[section].template:
                    raise RunError(f"the prompt {shorten(str(name))} does not say ${value} in [{section}]; see those of {package}")

    def fill(self, section: str, **values: str) -> str:
        """A section with its values; what stands in a value is never filled again."""
        return self._sections[section].safe_substitute(values)


@lru_cache(maxsize=16)
def _packaged(name: str, package: str) -> str:
    if not re.fullmatch(r"\w+", name):
        return ""
    found = resources.files(package).joinpath("prompts", f"{name}.txt")
    return found.read_text(encoding="utf-8") if found.is_file() else ""


def _own(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise RunError(f"cannot read the prompt {shorten(str(path))}: {why}; name a file, or a packaged one such as user_v1") from None
