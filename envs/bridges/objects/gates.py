"""Gates: preconditions that hold for the whole object, found where refusals and successes fall apart on one part of the state.

`borrow` is refused with one and the same message whenever `user` is empty, and succeeds only when it is not: then it
requires that `user` is set, and whoever sets it opens the door. Laws: a gate parts all refusals of a kind from all successes
that were seen, at least `LEAST` of each, and some call was seen to open it; what is lacking in one of many entries is no gate
(probing shows those on edges).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ...tool import ToolResult

LEAST = 3
_MOST = 60
_FALSY = ("null", "false", "0", "0.0", '""', "[]", "{}")
_REFUSED = ("precondition_failed", "permission_denied", "unavailable")
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*")
Signs = dict[str, bool]


class Gates:
    """What was seen of the doors of one class: per tool, how the parts of the state stood at each success and each refusal."""

    def __init__(self) -> None:
        self._open: dict[str, list[Signs]] = defaultdict(list)
        self._shut: dict[tuple[str, str], list[Signs]] = defaultdict(list)
        self._turned: set[tuple[str, bool]] = set()

    def note(self, tool: str, world: Any, arguments: dict[str, Any], result: ToolResult) -> None:
        """Take in a call; `world` is as it was before it."""
        if result.error is None:
            held = self._open[tool]
        elif result.error in _REFUSED:
            held = self._shut[tool, _lack(result, arguments)]
        else:
            return
        if len(held) < _MOST:
            held.append(signs_of(world))

    def turn(self, before: Any, after: Any) -> None:
        """Take in what a successful call turned: a gate that nothing opens is none."""
        one, two = signs_of(before), signs_of(after)
        self._turned.update((place, two[place]) for place in two if one.get(place) is not two[place])

    def of(self, tool: str) -> list[tuple[str, bool, str]]:
        """The gates of a tool: a part of the state, whether it must be set or empty, and what the refusal says."""
        found: dict[tuple[str, bool], str] = {}
        opened = self._open[tool]
        for (name, lack), shut in self._shut.items():
            if name != tool or len(shut) < LEAST or len(opened) < LEAST:
                continue
            for place in shut[0]:
                for wanted in (True, False):
                    if (
                        (place, wanted) in self._turned
                        and all(s.get(place) is (not wanted) for s in shut)
                        and all(s.get(place) is wanted for s in opened)
                    ):
                        found.setdefault((place, wanted), lack)
        return [(place, wanted, lack) for (place, wanted), lack in found.items()][:1]


def signs_of(world: Any) -> Signs:
    """For each named part of the state, none of its entries: whether anything is there."""
    found: Signs = {}
    for table in ("state", "hidden"):
        for row in world.part(table):
            name, _, entry = row.path.partition("/")
            found[f"{table}:{name}"] = bool(entry) or row.value not in _FALSY
    return found


def predicate(owner: str, place: str, wanted: bool, lack: str) -> Callable[[Any], bool]:
    """A gate as a tool requires it; two that say the same are one."""
    table, _, name = place.partition(":")

    def holds(world: Any) -> bool:
        return signs_of(world).get(f"{table}:{name}", False) is wanted

    holds.__name__ = f"{name.strip('_')}_{'set' if wanted else 'empty'}"
    holds.__qualname__ = f"{owner}.{holds.__name__}"
    holds.__doc__ = lack
    return holds


def _lack(result: ToolResult, arguments: dict[str, Any]) -> str:
    """What a refusal says, without the things it names."""
    message = str(result.value["error"]["message"])
    for value in arguments.values():
        if isinstance(value, str) and value:
            message = message.replace(value, "")
    return _PARTICULAR.sub("", message)
