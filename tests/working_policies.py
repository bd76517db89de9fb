"""Policies that other processes import: they compute, wait, hang, die, and tell where they were."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turngym.agents import AssistantMessage, Conversation
from turngym.envs.errors import RunError
from turngym.envs.tool import ToolCall, ToolResult


def mute(conversation: Conversation) -> str:
    return "no"


def told_pid(conversation: Conversation) -> str:
    return f"I am {os.getpid()}"


def long_winded(conversation: Conversation) -> str:
    return "x" * 3_000_000


def no_books(call: ToolCall, number: int) -> ToolResult | None:
    return ToolResult(call.name, '{"error": "unavailable"}', error="unavailable") if call.name == "find_book" else None


class Told:
    """Writes what becomes of it to a file, one line each."""

    name = "told"

    def __init__(self, place: str) -> None:
        self.place = place

    def tell(self, word: str) -> None:
        with open(self.place, "a") as file:
            file.write(f"{word} {os.getpid()}\n")

    async def prepare(self) -> None:
        self.tell("prepare")

    async def close(self) -> None:
        self.tell("close")

    async def act(self, conversation: Conversation) -> AssistantMessage:
        self.tell("act")
        return AssistantMessage("no")


class Refuses(Told):
    async def prepare(self) -> None:
        raise RunError("there is no such model; name another")


class ClosesBadly(Told):
    async def close(self) -> None:
        raise RunError("the model cannot be put away")


class DiesAtOnce(Told):
    async def prepare(self) -> None:
        os._exit(3)


class Drifts(Told):
    @property
    def config(self) -> dict[str, Any]:
        return {"pid": os.getpid()}


class Waits:
    """Waits as a model behind a server does; tells how many waited together."""

    name = "waits"

    def __init__(self, place: str, seconds: float = 0.05) -> None:
        self.place, self.seconds = place, seconds
        self.waiting = 0

    async def act(self, conversation: Conversation) -> AssistantMessage:
        self.waiting += 1
        Path(f"{self.place}.{os.getpid()}.{self.waiting}").touch()
        await asyncio.sleep(self.seconds)
        self.waiting -= 1
        return AssistantMessage("no")


class Mortal:
    """Says no, but dies of certain tasks: as often as there are lives in the file of the task's name.

    Args:
        place: a folder. way: `kill`, `exit`, or `fork` (leaves a child behind that holds all it had).
    """

    name = "mortal"

    def __init__(self, place: str, way: str = "kill") -> None:
        self.place, self.way = place, way

    async def act(self, conversation: Conversation) -> AssistantMessage:
        time.sleep(0.002)
        path = Path(self.place) / conversation.task
        if path.exists() and (lives := int(path.read_text())):
            path.write_text(str(lives - 1))
            DEATHS[self.way]()
        return AssistantMessage("no")


def _fork() -> None:
    if os.fork():
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(8)
    os._exit(0)


DEATHS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(0),
    "fork": _fork,
}


class Burns:
    """Computes for a fixed share of a second of CPU time each step, without ever waiting."""

    name = "burns"

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds

    async def act(self, conversation: Conversation) -> AssistantMessage:
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        return AssistantMessage("no")


class Hangs:
    """Keeps its process to itself for ever from its second episode on; ends an episode before.

    Args:
        computes: whether it computes meanwhile, or sleeps; its event loop stands still in both cases.
    """

    name = "hangs"

    def __init__(self, computes: bool = False) -> None:
        self.steps, self.computes = 0, computes

    async def act(self, conversation: Conversation) -> AssistantMessage:
        self.steps += 1
        while self.steps > 2:
            if not self.computes:
                time.sleep(0.01)
        return AssistantMessage("no")


class Batches:
    """Answers many at once, and says how many they were."""

    name = "batches"

    def batch(self, conversations: list[Conversation]) -> list[str]:
        return [f"{len(conversations)} of us"] * len(conversations)
