"""An MCP server as a world class: its tools as the server lists them, its state as the declaration tells.

Laws: a class is made once for each declaration, and its list of tools is the one of that moment, whatever the server lists
later; what the server leaves open stands in `gaps` and on the world's page, also what only its answers showed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any, ClassVar

from ...errors import DefinitionError, NotPortableError, shorten
from ...world import Fact, Size
from ..foreign import ForeignWorld
from .declaration import RESTART, Ask, Declaration, declared
from .history import Moment, Start
from .link import ServerError
from .listing import listed_of
from .offers import UndeclaredWrite, offers_of
from .pool import Pool
from .sdk import Refused
from .system import McpSystem, reached

_made: dict[str, type[McpWorld]] = {}
_lock = threading.Lock()
MOST_GAPS = 1000
MOST_NAME, MOST_PAGE = 60, 20_000  # characters of what a server says of itself


class McpWorld(ForeignWorld):
    """An MCP server as a world. Made by `mcp_world_of`."""

    atomic = False
    pool: ClassVar[Pool]
    said: ClassVar[Declaration]
    reads: ClassVar[frozenset[str]] = frozenset()
    reading = False
    learnt: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def open(cls, seed: int, size: Size, config: dict[str, Any]) -> McpSystem:
        """The server at its start; it is connected and reset at the first call, or to read its state."""
        start = Start(seed, size, json.dumps(config, sort_keys=True) if config else "")
        return McpSystem(cls.pool, cls.reads, Moment(start))

    @classmethod
    def learn_gap(cls, line: str) -> None:
        """Note what an answer of the server showed to be wanting, once."""
        with _lock:
            if line not in cls.gaps and len(cls.gaps) < MOST_GAPS:
                cls.gaps, cls.learnt = (*cls.gaps, line), (*cls.learnt, line)

    @classmethod
    def page(cls) -> str:
        """As of every world; with what was learnt since the class was made."""
        return "\n".join([super().page(), *[f"- {gap}" for gap in cls.learnt]])

    def packed(self) -> Any:
        """Nothing: a connection belongs to the process that has it."""
        told = f"its server ({shorten(self.said.place)}) is alive for this process alone"
        raise NotPortableError(f"world {type(self).__name__} cannot be pickled: {told}; make the env anew where it is needed")

    def known(self) -> Iterable[Fact]:
        """What the user knows: the values that the declaration names, or finds in the state."""
        for name, kind in self.said.kinds.items():
            for value in kind.known or ():
                found = reached(self.system.state(), value[1:].split("/")) if isinstance(value, str) and value.startswith("/") else [value]
                yield from [Fact(name, one) for one in found]

    def before_call(self) -> None:
        """See what a call that failed before did, so that it is not taken for what this one does."""
        if self.watched:
            self.settle()
        super().before_call()

    def after_call(self) -> None:
        """Read the state, where it is watched; what a read changed is refused, and undone."""
        if self.reading and self.said.watch == "writes":
            return
        system = self.system
        super().after_call()
        if self.reading and self._journal:
            changed = sorted({str(key) for _, key, _ in self._journal})
            assert isinstance(system, McpSystem)
            system.spoil()
            raise UndeclaredWrite(f"a tool that is said to read changed {shorten(', '.join(changed), 120)}; name the others under reads")


def mcp_world_of(said: Declaration) -> type[McpWorld]:
    """The world class of a server. Asks the server for its tools; raises `DefinitionError` where it does not answer."""
    key = said.model_dump_json()
    with _lock:
        if key not in _made:
            _made[key] = _make(said)
        return _made[key]


def mcp_world(rest: str) -> type[McpWorld]:
    """The world class that `mcp:<rest>` names: a JSON file, an http address, or a command line."""
    return mcp_world_of(declared(rest))


def _make(said: Declaration) -> type[McpWorld]:
    pool = Pool(said)
    try:
        with pool.anywhere() as link:
            listing, server, instructions = link.tools(), link.server[:MOST_NAME], link.instructions[:MOST_PAGE]
    except (ServerError, Refused, OSError, ValueError, RuntimeError) as error:
        pool.close()
        raise DefinitionError(f"no tools from {said.place}: {shorten(' '.join(str(error).split()), 400)}") from error
    title = said.title(server)
    listed, left_out = listed_of(listing)
    tools, gaps = offers_of(listed, said, title)
    gaps = [*left_out, *gaps][:MOST_GAPS]
    if not tools:
        pool.close()
        raise DefinitionError(f"{said.place} offers no tool that a world could have{f': {gaps[0]}' if gaps else ''}")
    for item in listed:
        if isinstance(said.reset, Ask) and item.name == said.reset.tool:
            pool.takes_seed = "seed" in _dict(_dict(item.schema).get("properties"))
    if not said.state:
        gaps.insert(0, "the server's state is not declared, so checks of state see nothing; name a tool or resources under `state`")
    page = [said.description or instructions.strip() or f"The MCP server {server or said.place}.", "", _how(said)]
    body = {
        "__doc__": "\n".join([*page, *([""] if gaps else []), *[f"- {gap}" for gap in gaps]]), "__module__": __name__,
        "foreign_tools": tools, "pool": pool, "said": said, "gaps": tuple(gaps), "version": said.version,
        "watched": bool(said.state) and bool(said.watch), "atomic": said.atomic,
        "reads": frozenset([name for name, tool in tools.items() if tool.is_read]),
        "place": f"mcp:{said.model_dump_json(exclude_defaults=True)}",  # by which another process finds it
        "heeds": frozenset([name for name in ("seed", "size") if name in said.heeded or (name == "seed" and pool.takes_seed)]),
    }  # fmt: skip
    return type(title, (McpWorld,), body)


def _dict(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _how(said: Declaration) -> str:
    """How it is reached, reset, forked and read, in a sentence each."""
    reset = said.reset.tool if isinstance(said.reset, Ask) else f"a {RESTART} of the {'process' if said.command else 'session'}"
    told = ", ".join([item.tool if isinstance(item, Ask) else item for item in said.state])
    alone = " One world at a time has it, for its state is shared by all who are connected." if said.exclusive else ""
    state = f"Its state is what {told} tells." if told else "It shows no state."
    return f"Reached by {said.place}; reset by {reset}; a fork makes all calls again. {state}{alone}"
