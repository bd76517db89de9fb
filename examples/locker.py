"""A parcel locker: a whole world in sixty lines (without the blank ones). Try `turngym check examples/locker.py:Locker`."""

from dataclasses import replace
from random import Random
from typing import Annotated, Literal

from turngym.envs import Cell, Fact, Key, Known, Table, ToolError, World, record, tool

ParcelId = Annotated[str, Key("parcel", "PL-#####")]  # internal: only tools reveal it
Sender = Annotated[str, Known("parcel_sender")]  # something a user can say
Pin = Annotated[str, Known("locker_pin")]
SENDERS = [f"{a} {b}" for a in ("Blue", "Old", "North", "Quick") for b in ("Books", "Shoes", "Tea", "Tools", "Toys")]


@record
class Parcel:
    id: ParcelId
    sender: Sender
    size: Literal["small", "large"]
    state: Literal["waiting", "taken"]


@record
class Door:
    pin: Pin


def unlocked(world: "Locker") -> bool:
    """The locker is unlocked (enter_pin)."""
    return world.door_open


class Locker(World):
    """A parcel locker for one person: unlock it with the PIN, see what waits, take it out or send it back."""

    parcels: Table[ParcelId, Parcel]
    door_open = Cell[bool](False, incidental=True)
    pin = Cell[str]("")

    def generate(self, rng: Random, size: str) -> None:
        self.pin = f"{rng.randrange(10**6):06d}"
        for sender in rng.sample(SENDERS, {"small": 5, "medium": 10, "large": 20}[size]):
            self.parcels.put(Parcel(self.mint(self.parcels), sender, rng.choice(("small", "large")), "waiting"))

    def known(self):
        yield from super().known()
        yield Fact("locker_pin", self.pin)

    @tool(writes="door_open", phrases=("unlock the locker with {pin}",))
    def enter_pin(self, pin: Pin) -> Door:
        """Unlock the locker.

        Args:
            pin: the six digits."""
        if pin != self.pin:
            raise ToolError("permission_denied", "the locker does not open with this PIN")
        self.door_open = True
        return Door(pin)

    @tool(requires=unlocked)
    def list_parcels(self) -> list[Parcel]:
        """List the parcels that wait in the locker."""
        return [parcel for parcel in self.parcels if parcel.state == "waiting"]

    @tool(requires=unlocked, writes="parcels", phrases=("hand me {parcel}", "fetch {parcel}"))
    def take_parcel(self, parcel: ParcelId) -> Parcel:
        """Take a parcel out of the locker.

        Args:
            parcel: which parcel."""
        if self.parcels[parcel].state == "taken":
            raise ToolError("conflict", "this parcel is taken already")
        return self.parcels.put(replace(self.parcels[parcel], state="taken"))
