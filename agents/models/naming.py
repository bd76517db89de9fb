"""Names of tools on the wire: every server takes them, and each leads back to its tool.

Laws: a name that all servers take (letters, digits, `_` and `-`, 64 at most) stays as it is; another is spelled so that it
is taken, the same way in `tools` and in the calls of a history; no two tools have one spelling; a call by a tool's own name
is understood too. Not here: what a call of no tool is answered (the env does that, in the model's own spelling).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

_FINE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BAD = re.compile(r"[^A-Za-z0-9_-]+")
_STEM = 55  # characters, before `_` and eight hex digits


class Names:
    """Spellings of names, one to one.

    Args:
        tools: own names of tools. Those that need no change have their spelling first.
    """

    def __init__(self, tools: Iterable[str]) -> None:
        self._spelled: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        listed = list(tools)
        for name in listed:
            if _FINE.fullmatch(name):
                self._take(name, name)
        for name in listed:
            self.wire(name)
        self._tools = dict(self._owners)
        self.plain = all(name == spelled for name, spelled in self._spelled.items())

    def wire(self, name: str) -> str:
        """How a name is spelled; one of no tool gets a spelling that no tool has."""
        known = self._spelled.get(name)
        if known is not None:
            return known
        stem = _BAD.sub("_", name) or "unknown"
        if len(stem) <= 64 and stem not in self._owners:
            return self._take(name, stem)
        salt = 0
        while (spelled := f"{stem[:_STEM]}_{_digits(name, salt)}") in self._owners:
            salt += 1
        return self._take(name, spelled)

    def own(self, spelled: str) -> str:
        """The tool's own name, or, where no tool is spelled so, what the model wrote."""
        return self._tools.get(spelled, spelled)

    def for_history(self) -> Names:
        """A copy that may learn names of no tool."""
        twin = Names(())
        twin._spelled, twin._owners, twin._tools = dict(self._spelled), dict(self._owners), self._tools
        return twin

    def _take(self, name: str, spelled: str) -> str:
        self._spelled[name] = spelled
        self._owners[spelled] = name
        return spelled


def _digits(name: str, salt: int) -> str:
    return blake2b(f"{salt}:{name}".encode(errors="surrogatepass"), digest_size=4).hexdigest()
