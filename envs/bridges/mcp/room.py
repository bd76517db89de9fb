"""What one MCP session sees of us: worlds of its own, their tools, and what can be looked up beside them.

An `Offer` says what is served; a `Room` is one session's life in it. Laws: rooms share nothing that can change (each
forks the worlds of the offer); a call never raises, whatever a client sent; looking something up changes nothing.
Nothing here knows the protocol; `serving.py` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...episode import Episode
from ...errors import DefinitionError, shorten
from ...messages import Message
from ...task import Task
from ...tool import Tool, ToolCall, ToolResult
from ...verdict import judge_of
from ...world import Size, unknown_tool
from ...worldset import WorldSet, WorldSpec, tool_table
from ..canon import plain_data

RESET, REPLY = "reset", "reply_to_user"
MOST_STEPS = 1_000_000  # a session lasts as long as its client wants
TASK, PRINT, VERDICT, STATE = "turngym://task", "turngym://state/fingerprint", "turngym://verdict", "turngym://state"


class Control(NamedTuple):
    """A tool that is no world's: it acts on the session. `schema` is that of its arguments."""

    description: str
    schema: dict[str, Any]


CONTROLS = {
    RESET: Control(
        "Start over: every world is as it was at the start of this session, or as another seed makes it.",
        {
            "type": "object",
            "properties": {"seed": {"type": "integer", "minimum": 0, "description": "seed of the worlds; default the server's"}},
            "required": [],
            "additionalProperties": False,
        },
    ),
    REPLY: Control(
        "Answer the user and end your turn. Gives what the user says next, if anything.",
        {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "what you say to the user"}},
            "required": ["text"],
            "additionalProperties": False,
        },
    ),
}  # fmt: skip


class Resource(NamedTuple):
    """Something to look up: what it is called, what it tells, and its type."""

    uri: str
    name: str
    description: str
    mime: str


@dataclass(frozen=True)
class Offer:
    """What is served.

    Attributes:
        name: the env's. specs: its worlds (of a task: those of the task). task: what every session lives through, if anything.
        hidden: names of tools that are not offered. reset_tool: whether clients may start over by a tool `reset(seed)`.
        reply_tool: whether the user of a task can be answered by a tool, which ends the turn. state: whether the whole
        state can be read; for harnesses, since it shows a model what only tools should.
    """

    name: str
    specs: tuple[WorldSpec, ...]
    task: Task | None = None
    hidden: frozenset[str] = frozenset()
    reset_tool: bool = False
    reply_tool: bool = False
    state: bool = False

    def __post_init__(self) -> None:
        known = tool_table(tuple([spec.world for spec in self.specs])).tools
        if missing := sorted(self.hidden - known.keys()):
            raise DefinitionError(f"{self.name} has no tool {', '.join(missing)} to hide")
        for name in self.controls:
            if name in known:
                raise DefinitionError(f"{self.name} has a tool called {name} itself; serve it without that of the session")
        if self.reply_tool and self.task is None:
            raise DefinitionError("a user who can be answered comes with a task; name one with --task")

    @property
    def controls(self) -> tuple[str, ...]:
        """The tools of the session that are offered beside those of the worlds."""
        return tuple([name for name, wanted in ((RESET, self.reset_tool), (REPLY, self.reply_tool)) if wanted])

    @cached_property
    def start(self) -> WorldSet:
        """The worlds as every session finds them; not to be changed."""
        return WorldSet.create(self.specs) if self.task is None else judge_of(self.task).start

    def open(self) -> Room:
        """A room of one's own."""
        return Room(self)


class Room:
    """One session. Laws: see the module; `close` lets go of the worlds, and later calls are refused.

    Attributes:
        offer: what it was opened from. episode: of the task, if there is one. calls: how many were made.
    """

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.episode: Episode | None = None
        self.calls = 0
        self._worlds: WorldSet | None = None
        self._said: list[Message] = []
        self._begin(None)

    def _begin(self, seed: int | None) -> None:
        offer = self.offer
        if offer.task is not None:
            self.episode = Episode(offer.task, max_steps=MOST_STEPS, hidden=offer.hidden)
            self._said, self._worlds = list(self.episode.start()), self.episode.worlds
        elif seed is None:
            self._worlds = offer.start.fork()
        else:
            self._worlds = WorldSet.create([spec._replace(seed=seed) for spec in offer.specs])

    def close(self) -> None:
        """Let go of the worlds."""
        self._worlds = self.episode = None

    @property
    def worlds(self) -> WorldSet:
        """The worlds as they are now."""
        if self._worlds is None:
            raise RuntimeError("the session is over")
        return self._worlds

    def tools(self) -> dict[str, Tool]:
        """The tools of worlds that can be called now, in order."""
        found = self.worlds.tools
        if self.episode is not None:
            return {name: found[name] for name in self.episode.visible}
        return {name: tool for name, tool in found.items() if name not in self.offer.hidden}

    # -- calls -----------------------------------------------------------------------------------------

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call a tool of a world, or one of the session; never raises for what a client sent."""
        if self._worlds is None:
            return ToolResult.failure(name, "unavailable", "the session is over")
        self.calls += 1
        if name in self.offer.controls:
            return self._reset(arguments) if name == RESET else self._reply(arguments)
        if self.episode is not None:
            if self.episode.over:
                return ToolResult.failure(name, "limit_exceeded", "the conversation is over")
            return self.episode.step("", (ToolCall(name, arguments),)).results[0]
        if name in self.offer.hidden:
            return unknown_tool(name, self.tools())
        return self._worlds.call(name, arguments)

    def _reset(self, arguments: dict[str, Any]) -> ToolResult:
        seed = arguments.get("seed")
        if arguments.keys() - {"seed"} or isinstance(seed, bool) or not (seed is None or (isinstance(seed, int) and seed >= 0)):
            return ToolResult.failure(RESET, "invalid_arguments", "reset takes a seed, a whole number from 0, or nothing")
        if seed is not None and self.offer.task is not None:
            return ToolResult.failure(RESET, "invalid_arguments", "the task has its own seeds; reset without one")
        self._begin(seed)
        told = {"seed": self.worlds.worlds[0].seed, "fingerprint": self.worlds.fingerprint()}
        return ToolResult(RESET, json.dumps(told))

    def _reply(self, arguments: dict[str, Any]) -> ToolResult:
        text, episode = arguments.get("text"), self.episode
        if arguments.keys() != {"text"} or not isinstance(text, str):
            return ToolResult.failure(REPLY, "invalid_arguments", "reply_to_user takes a text")
        if episode is None or episode.over:
            return ToolResult.failure(REPLY, "limit_exceeded", "the conversation is over")
        step = episode.step(text, ())
        self._said += [{"role": "assistant", "content": text}, *step.messages]
        words = [message["content"] for message in step.messages if message["role"] == "user"]
        return ToolResult(REPLY, json.dumps({"over": episode.over, **({"user": words[-1]} if words else {})}, ensure_ascii=False))

    # -- what can be looked up -------------------------------------------------------------------------

    def resources(self) -> list[Resource]:
        """What can be looked up in this session."""
        found = [Resource(PRINT, "fingerprint", "32 hex digits, equal for equal states", "text/plain")]
        if self.episode is not None:
            found += [
                Resource(TASK, "task", "what the user said so far, and which turn it is", "application/json"),
                Resource(VERDICT, "verdict", "how the task stands: judged as if the turn ended now without a word", "application/json"),
            ]
        if self.offer.state:
            found.append(Resource(STATE, "state", "every record of every table", "application/json"))
        return found

    def read(self, uri: str) -> str | None:
        """The text of a resource; None where there is none."""
        readers: Mapping[str, Callable[[], Any]] = {
            PRINT: self.worlds.fingerprint, TASK: self._task, VERDICT: self._verdict, STATE: lambda: state_of(self.worlds),
        }  # fmt: skip
        if uri not in [resource.uri for resource in self.resources()]:
            return None
        told = readers[uri]()
        return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)

    def _task(self) -> dict[str, Any]:
        episode = self.episode
        assert episode is not None
        task = episode.task
        told = {"id": task.id, "env": task.env, "turn": episode.turn, "turns": len(task.turns), "over": episode.over}
        return {**told, "user": task.turns[episode.turn].user, "messages": self._said, "tools": list(episode.visible)}

    def _verdict(self) -> dict[str, Any]:
        assert self.episode is not None
        judged = self.episode.fork()
        if not judged.over:
            judged.step("", ())
        return {**judged.verdict().record(), "over": self.episode.over}

    def __repr__(self) -> str:
        return f"Room({shorten(self.offer.name)}, {self.calls} calls{', closed' if self._worlds is None else ''})"


def state_of(worlds: WorldSet) -> dict[str, Any]:
    """All that worlds hold, as plain JSON data: table -> key -> record, and cell -> value under `_cells`.

    Tables are called `World.table` where there are several worlds. Money is in minor units, as records hold it.
    """
    found: dict[str, Any] = {}
    for world in worlds.worlds:
        head = f"{type(world).__name__}." if len(worlds.worlds) > 1 else ""
        found[f"{head}_cells"] = {name: plain_data(getattr(world, name)) for name in world.cell_specs}
        for name, table in world.tables().items():
            found[f"{head}{name}"] = {str(key): plain_data(table[key]) for key in table.keys()}  # noqa: SIM118
    return found


def offer_of(
    name: str,
    specs: tuple[WorldSpec, ...] = (),
    *,
    seed: int = 0,
    size: Size = "small",
    task: Task | None = None,
    hidden: frozenset[str] = frozenset(),
    reset_tool: bool = False,
    reply_tool: bool = False,
    state: bool = False,
) -> Offer:
    """What to serve of an env, by its name, or of a task, which brings its own worlds."""
    from ...registry import user_env, world_class
    from ...verdict import spec_of

    if task is not None:
        specs = tuple([spec_of(part) for part in task.worlds])
    elif not specs:
        specs = tuple([WorldSpec(world_class(world), seed, size) for world in user_env(name).worlds])
    return Offer(name, specs, task, hidden, reset_tool, reply_tool, state)
