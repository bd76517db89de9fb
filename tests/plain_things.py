"""Plain classes, awkward ones above all, that know nothing of this library: what `test_objects` makes into worlds."""

from __future__ import annotations

import itertools
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple, TypedDict

from pydantic import BaseModel, Field

SHARED: dict[str, int] = {}


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A point."""

    x: int
    y: int = 0


class Size(BaseModel):
    width: int = Field(ge=1, le=9)


class Note(TypedDict):
    text: str


class Pair(NamedTuple):
    left: str
    right: int


class Typed:
    """Takes everything that a hint can say, and gives it back."""

    def __init__(self) -> None:
        self.last: Any = None

    def take(
        self, point: Point, colour: Colour, size: Size, note: Note, day: date, moment: datetime | None = None,
        kind: Literal["a", "b"] = "a", tags: list[str] | None = None, notes: list[Note] | None = None,
        table: dict[str, int] | None = None, sum: Decimal = Decimal(0),
    ) -> dict[str, Any]:  # fmt: skip
        """Take it all.

        Parameters
        ----------
        point
            Where.
        colour
            Which colour.
        size
            How big.
        note
            A note.
        day
            When.
        """
        self.last = [type(part).__name__ for part in (point, colour, size, note, day, moment, kind, tags, table, sum)]
        return {"types": self.last, "pair": Pair("ü", 1)}

    def at(self, x: int, /, y: int = 2, *, z: int = 3) -> list[int]:
        """Give three numbers back.

        :param x: the first
        :param y: the second
        :param z: the third
        """
        return [x, y, z]


class Gappy:
    def untyped(self, what):
        """Nobody says what this takes."""

    def silent(self, count: int) -> int:
        return count

    def many(self, *names: str, **rest: int) -> int:
        """Count nothing."""
        return len(names) + len(rest)

    def mutable(self, items: list[str] = []) -> int:  # noqa: B006
        """Append to its own default.

        Args:
            items: what is there.
        """
        items.append("x")
        return len(items)

    def odd(self, call: Callable[[], int]) -> int:
        """Take a function.

        Args:
            call: what no JSON holds.
        """
        return call()

    async def later(self) -> int:
        """Be asynchronous."""
        return 1

    def bare(self, count: int = 1, hint=None):
        """Say nothing of what comes back.

        Args:
            count: how many.
            ghost: not there.
        """
        return {"count": count}

    @property
    def never(self) -> int:
        """Never asked."""
        raise RuntimeError("a property was asked")

    @classmethod
    def from_text(cls, text: str) -> Gappy:
        """Make one."""
        return cls()

    @staticmethod
    def add(a: int, b: int) -> int:
        """Add two numbers.

        Args:
            a: one.
            b: another.
        """
        return a + b

    @staticmethod
    def unsaid(a: int) -> int:
        return a

    def grüße(self) -> str:
        """Have a name that no model can call."""
        return "hallo"


class Empty:
    """Has nothing to call."""

    def _hidden(self) -> int:
        return 1


class SafeNotFound(Exception):
    """Nothing is there."""


class Odd(Exception):
    """No name, no base."""


class Raising:
    """Changes first, and raises then, whatever it is told to."""

    KINDS = {
        "key": KeyError("k"), "lookup": LookupError("no such thing here"), "value": ValueError("that is wrong"), "type": TypeError(""),
        "permission": PermissionError("not for you"), "runtime": RuntimeError("not now\nnot ever"), "todo": NotImplementedError(),
        "exists": FileExistsError("it is there"), "file": FileNotFoundError("no file"), "link": ConnectionError("no line"),
        "assert": AssertionError("that was thought impossible"), "attribute": AttributeError("no x"), "zero": ZeroDivisionError("by zero"),
        "deep": RecursionError("too deep"), "own": SafeNotFound("nothing there"), "odd": Odd("odd it is"), "bare": Exception("just no"),
        "exit": SystemExit(3), "address": RuntimeError(f"about {object()}"),
    }  # fmt: skip

    def __init__(self) -> None:
        self.count = 0
        self._quiet: list[int] = []

    def fail(self, how: str) -> int:
        """Fail after a change.

        Args:
            how: the way.
        """
        self.count += 1
        self._quiet.append(1)
        raise self.KINDS[how]

    def step(self) -> int:
        """Count one."""
        self.count += 1
        return self.count


class Slotted:
    """Has slots and no dictionary."""

    __slots__ = ("__deep", "held", "never_set")

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.__deep = 0

    def put(self, name: str, value: int) -> dict[str, int]:
        """Keep a value, and give the live dictionary back.

        Args:
            name: under which name.
            value: the value.
        """
        self.held[name] = value
        self.__deep += 1
        return self.held

    def depth(self) -> int:
        """Tell how often something was put."""
        return self.__deep


class Lazy:
    """Works in generators."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def run(self, count: int) -> Iterator[int]:
        """Do it count times, lazily.

        Args:
            count: how often.
        """
        for number in range(count):
            self.done.append(number)
            yield number

    def forever(self) -> Iterator[int]:
        """Never end."""
        return itertools.count()

    def huge(self) -> str:
        """Say far too much."""
        return "x" * 2_000_000

    def nothing(self) -> float:
        """Give what is no number."""
        return float("nan")


class Locked:
    """Holds a lock."""

    def __init__(self) -> None:
        self.inner = {"deep": [1, threading.Lock()]}

    def look(self) -> int:
        """Look."""
        return 1


class Filed:
    """Holds an open file."""

    def __init__(self) -> None:
        self._file = open(__file__, encoding="utf-8")  # noqa: SIM115

    def __del__(self) -> None:
        getattr(self, "_file", None) and self._file.close()

    def look(self) -> int:
        """Look."""
        return 1


class Closing:
    """Holds a function that closes over the object itself."""

    def __init__(self) -> None:
        self.count = 0
        self.bump = lambda: self.__dict__.update(count=self.count + 1)

    def look(self) -> int:
        """Look."""
        self.bump()
        return self.count


class Lambda:
    """Holds a function that closes over nothing, which pickle refuses and deepcopy takes."""

    def __init__(self) -> None:
        self.double = lambda x: 2 * x
        self.value = 1

    def grow(self) -> int:
        """Double the value."""
        self.value = self.double(self.value)
        return self.value


class Turning:
    """Becomes uncopyable by a call."""

    def __init__(self) -> None:
        self.value = 0
        self.held: Any = None

    def lock(self) -> int:
        """Take a lock into the state."""
        self.value += 1
        self.held = threading.Lock()
        return self.value


class Circle:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self
        self.steps = 0

    def step(self) -> Circle:
        """Take a step, and give itself back."""
        self.steps += 1
        return self


class Leaky:
    """Keeps what it counts in the module, and in its class."""

    ROWS: list[int] = []

    def __init__(self) -> None:
        self.name = "leaky"

    def note(self, number: int) -> int:
        """Note a number where all see it.

        Args:
            number: which.
        """
        self.ROWS.append(number)
        SHARED[str(number)] = number
        return len(self.ROWS) + len(SHARED)


class Named:
    """Has methods that are called as a world's are."""

    def __init__(self) -> None:
        self.tools = ["hammer"]
        self.state = "idle"

    def call(self, name: str) -> str:
        """Call somebody.

        Args:
            name: whom.
        """
        self.state = f"calling {name}"
        return self.state

    def fork(self) -> list[str]:
        """Take a fork from the drawer."""
        self.tools.append("fork")
        return self.tools

    def known(self) -> str:
        """Tell what is known."""
        return "nothing"


class Clocked:
    """Asks the wall clock and the process's chance."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def stamp(self) -> float:
        """Note the time, and chance."""
        self.stamps.append(time.time() + random.random())
        return self.stamps[-1]


class Secretive:
    """Shows nothing but a count; the rest is private."""

    def __init__(self) -> None:
        self.count = 0
        self._ids = itertools.count(1)
        self._seen: dict[int, str] = {}

    def enter(self, name: str) -> int:
        """Let somebody in, unseen.

        Args:
            name: whom.
        """
        number = next(self._ids)
        self._seen[number] = name
        return number

    def read(self) -> list[str]:
        """Tell who is in."""
        return list(self._seen.values())


class Private:
    """Has private attributes alone."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def put(self, name: str) -> int:
        """Put a name.

        Args:
            name: which.
        """
        self._rows[name] = len(self._rows)
        return len(self._rows)


class Sneaky:
    """Reads nearly always, and writes once in a while."""

    def __init__(self) -> None:
        self.hits = 0

    def peek(self, number: int) -> int:
        """Look, and count the number 77.

        Args:
            number: which.
        """
        if number == 77:
            self.hits += 1
        return number


def make_stock(seed: int, size: str, rng: random.Random, config: dict[str, Any]) -> Stock:
    """A stock of parts, as a factory makes it."""
    return Stock({f"part {n}": rng.randrange(9) for n in range({"small": 3, "medium": 5, "large": 8}[size])} | config.get("more", {}), seed)


@dataclass
class Stock:
    parts: dict[str, int]
    seed: int = 0
    log: list[str] = field(default_factory=list)

    def take(self, part: str, count: int = 1) -> int:
        """Take parts from the stock.

        Args:
            part: its name.
            count: how many.
        """
        self.log.append(part)
        self.parts[part] -= count
        if self.parts[part] < 0:
            raise ValueError("there are not that many")
        return self.parts[part]


def needy(database: str) -> Stock:
    """Wants what nobody gives."""
    return Stock({database: 1})


def ends() -> None:
    sys.exit(1)
