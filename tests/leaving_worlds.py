"""Worlds whose code ends Python in every place where a world has code, and one whose ids run out."""

import sys
from random import Random
from typing import Annotated

from turngym.envs import Key, Known, Sample, Table, World, record, tool

ParcelId = Annotated[str, Key("parcel", "PL-#")]
Name = Annotated[str, Known("name")]
Grams = Annotated[int, Sample(lambda world, rng: sys.exit(3))]


class Halt(BaseException):
    """Not an `Exception`."""


@record
class Parcel:
    id: ParcelId
    name: Name


class Post(World):
    """A post office with nine parcels, whose ids have one digit, and too many where it is large."""

    parcels: Table[ParcelId, Parcel]

    def generate(self, rng: Random, size: str) -> None:
        for _ in range({"small": 9, "medium": 10, "large": 30}[size]):
            self.parcels.put(Parcel(self.mint(self.parcels), f"name{rng.randrange(10**6)}"))

    @tool(writes="parcels")
    def send(self, name: Name) -> Parcel:
        """Send a parcel.

        Args:
            name: to whom.
        """
        return self.parcels.put(Parcel(self.mint(self.parcels), name))

    @tool(writes="parcels")
    def leave(self, how: str = "exit") -> Parcel:
        """Write something, and leave.

        Args:
            how: in which way.
        """
        parcel = self.parcels.put(Parcel(self.mint(self.parcels), how))
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "generator":
            raise GeneratorExit
        if how == "halt":
            raise Halt("stop")
        if how == "exit":
            sys.exit(3)
        return parcel


class Gone(Post):
    """A post office whose generator leaves."""

    def generate(self, rng: Random, size: str) -> None:
        sys.exit(3)


class Late(Post):
    """A post office that leaves when time passes."""

    def on_advance(self, before: int) -> None:
        sys.exit(3)


class Knows(Post):
    """A post office where the user knows how to leave."""

    def known(self):
        sys.exit(3)


class Draws(Post):
    """A post office with a drawer that leaves."""

    @tool
    def weigh(self, grams: Grams) -> Parcel:
        """Weigh a parcel.

        Args:
            grams: how much.
        """
        return next(iter(self.parcels))


class Laws(Post):
    """A post office with a law that leaves."""

    def invariants(self):
        sys.exit(3)
