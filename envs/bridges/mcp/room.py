"""What one MCP session sees of us: worlds of its own, their tools, and what can be looked up beside them.

An `Offer` says what is served; a `Room` is one session's life in it. Laws: rooms share nothing that can change (each
forks the worlds of the offer), and may be lived in on threads, one room on one thread at a time; a call never raises,
whatever a client sent; looking something up changes nothing; who is judged reads no verdict, unless the offer says so.
Nothing here knows the protocol; `serving.py` does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...episode import Episode
from ...errors import DefinitionError, shorten
from ...messages import Message
from ...task import Task
from ...tool import Tool, ToolCall, ToolResult
from ...verdict import judge_of, spec_of
from ...world import Size, World, unknown_tool
from ...worldset import WorldSet, WorldSpec, tool_table
from ..canon import plain_data

RESET, REPLY = "reset", "reply_to_user"
MOST_STEPS = 1_000_000  # a session lasts as long as its client wants
TASK, TASKS, PRINT = "turngym://task", "turngym://tasks", "turngym://state/fingerprint"
VERDICT, STATE = "turngym://verdict", "turngym://state"
_SHARED = threading.RLock()  # what rooms share (starts of worlds, judges, what both keep) is touched by one thread at a time


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
        name: the env's. specs: its worlds; tasks bring their own. tasks: one of which every session lives through, if there are
        any. hidden: names of tools that are not offered. reset_tool: whether clients may start over by a tool `reset(seed)`.
        reply_tool: whether the user of a task can be answered by a tool, which ends the turn. state: whether the whole
        state can be read; for harnesses, since it shows a model what only tools should. verdict: whether clients may read how
        they are judged, gold's side included.
    """

    name: str
    specs: tuple[WorldSpec, ...]
    tasks: tuple[Task, ...] = ()
    hidden: frozenset[str] = frozenset()
    reset_tool: bool = False
    reply_tool: bool = False
    state: bool = False
    verdict: bool = False

    def __post_init__(self) -> None:
        known = {name for classes in self._classes() for name in tool_table(classes).tools}
        if missing := sorted(self.hidden - known):
            raise DefinitionError(f"{self.name} has no tool {', '.join(missing)} to hide")
        for name in self.controls:
            if name in known:
                raise DefinitionError(f"{self.name} has a tool called {name} itself; serve it without that of the session")
        for wanted, words in ((self.reply_tool, "a user who can be answered"), (self.verdict, "a verdict that can be read")):
            if wanted and not self.tasks:
                raise DefinitionError(f"{words} comes with a task; name one with --task")

    def _classes(self) -> set[tuple[type[World], ...]]:
        """The sets of worlds that sessions may live in."""
        if not self.tasks:
            return {tuple([spec.world for spec in self.specs])}
        named = {tuple([part.world for part in task.worlds]): task.worlds for task in self.tasks}
        return {tuple([spec_of(part).world for part in parts]) for parts in named.values()}

    @property
    def controls(self) -> tuple[str, ...]:
        """The tools of the session that are offered beside those of the worlds."""
        return tuple([name for name, wanted in ((RESET, self.reset_tool), (REPLY, self.reply_tool)) if wanted])

    @cached_property
    def start(self) -> WorldSet:
        """The worlds as every session without a task finds them, or those of the first task; not to be changed."""
        return judge_of(self.tasks[0]).start if self.tasks else WorldSet.create(self.specs)

    def task(self, wanted: str) -> Task:
        """A task by its id, or by its index from 0. Raises `DefinitionError` where there is none."""
        for task in self.tasks:
            if task.id == wanted:
                return task
        if wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 and int(wanted) < len(self.tasks):
            return self.tasks[int(wanted)]
        told = f"{TASKS} lists the {len(self.tasks)} there are" if self.tasks else "none is served"
        raise DefinitionError(f"there is no task {shorten(wanted)}; {told}")

    def listed(self) -> list[dict[str, Any]]:
        """The tasks that a session may ask for: index, id, and how many turns."""
        return [{"index": index, "id": task.id, "turns": len(task.turns)} for index, task in enumerate(self.tasks)]

    def resources(self) -> list[Resource]:
        """What can be looked up in every session."""
        found = [Resource(PRINT, "fingerprint", "32 hex digits, equal for equal states", "text/plain")]
        if self.tasks:
            found += [
                Resource(TASK, "task", "what the user said so far, and which turn it is", "application/json"),
                Resource(TASKS, "tasks", "the tasks that a session may ask for, for whoever opens sessions", "application/json"),
            ]
        if self.verdict:
            told = "how the task stands: judged as if the turn ended now without a word"
            found.append(Resource(VERDICT, "verdict", told, "application/json"))
        if self.state:
            found.append(Resource(STATE, "state", "every record of every table", "application/json"))
        return found

    def open(self, task: Task | None = None) -> Room:
        """A room of one's own; `task`: one of ours, default the first."""
        return Room(self, task or (self.tasks[0] if self.tasks else None))


class Room:
    """One session. Laws: see the module; `close` lets go of the worlds, and later calls are refused.

    Attributes:
        offer: what it was opened from. task, episode: what is lived through, if anything. calls, resets: how many there were.
    """

    def __init__(self, offer: Offer, task: Task | None = None) -> None:
        self.offer, self.task = offer, task
        self.episode: Episode | None = None
        self.calls = self.resets = 0
        self._worlds: WorldSet | None = None
        self._said: list[Message] = []
        self._begin(None)

    def _begin(self, seed: int | None) -> None:
        offer = self.offer
        with _SHARED:
            if self.task is not None:
                self.episode = Episode(self.task, max_steps=MOST_STEPS, hidden=offer.hidden)
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
        if seed is not None and self.task is not None:
            return ToolResult.failure(RESET, "invalid_arguments", "the task has its own seeds; reset without one")
        self.resets += 1
        self._begin(seed)
        told = {"seed": self.worlds.worlds[0].seed, "fingerprint": self.worlds.fingerprint()}
        return ToolResult(RESET, json.dumps(told))

    def _reply(self, arguments: dict[str, Any]) -> ToolResult:
        text, episode = arguments.get("text"), self.episode
        if arguments.keys() != {"text"} or not isinstance(text, str):
            return ToolResult.failure(REPLY, "invalid_arguments", "reply_to_user takes a text")
        if episode is None or episode.over:
            return ToolResult.failure(REPLY, "limit_exceeded", "the conversation is over")
        with _SHARED:
            step = episode.step(text, ())
        self._said += [{"role": "assistant", "content": text}, *step.messages]
        words = [message["content"] for message in step.messages if message["role"] == "user"]
        return ToolResult(REPLY, json.dumps({"over": episode.over, **({"user": words[-1]} if words else {})}, ensure_ascii=False))

    # -- what can be looked up -------------------------------------------------------------------------

    def read(self, uri: str) -> str | None:
        """The text of a resource; None where there is none."""
        readers: Mapping[str, Callable[[], Any]] = {
            PRINT: self.worlds.fingerprint, TASK: self._task, VERDICT: self.verdict, STATE: lambda: state_of(self.worlds),
            TASKS: self.offer.listed,
        }  # fmt: skip
        if uri not in [resource.uri for resource in self.offer.resources()]:
            return None
        told = readers[uri]()
        return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)

    def _task(self) -> dict[str, Any]:
        episode = self.episode
        assert episode is not None
        task = episode.task
        told = {"id": task.id, "env": task.env, "turn": episode.turn, "turns": len(task.turns), "over": episode.over}
        return {**told, "user": task.turns[episode.turn].user, "messages": self._said, "tools": list(episode.visible)}

    def verdict(self) -> dict[str, Any]:
        """How the task stands, judged as if the turn ended now without a word."""
        if self.episode is None:
            raise RuntimeError("without a task there is no verdict")
        with _SHARED:
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
    tasks: Sequence[Task] = (),
    hidden: frozenset[str] = frozenset(),
    reset_tool: bool = False,
    reply_tool: bool = False,
    state: bool = False,
    verdict: bool = False,
) -> Offer:
    """What to serve of an env, by its name, or of tasks, which bring their own worlds."""
    from ...registry import user_env, world_class

    if not specs and not tasks:
        specs = tuple([WorldSpec(world_class(world), seed, size) for world in user_env(name).worlds])
    return Offer(name, specs, tuple(tasks), hidden, reset_tool, reply_tool, state, verdict)
