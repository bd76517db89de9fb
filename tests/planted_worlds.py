"""Small worlds with planted traits: every kind of parameter, tools that break a law, references in circles, loops."""

from random import Random
from typing import Annotated, Literal

from pydantic import Field

from turngym.envs import Amount, Cell, Date, DontCare, Key, Known, Table, ToolError, World, record, tool

ThingId = Annotated[str, Key("pw_thing", "TH-####")]
LinkId = Annotated[str, Key("pw_link", "LK-####")]
NoteId = Annotated[str, Key("pw_note", "NT-####")]
Name = Annotated[str, Known("pw_name")]
Words = Annotated[str, DontCare()]


@record
class Stamp:
    text: str
    at: Annotated[int, DontCare()] = 0


@record
class Thing:
    id: ThingId
    name: str = ""
    friend: ThingId | None = None
    friends: tuple[ThingId, ...] = ()
    remark: Words = ""
    stamp: Stamp = Stamp("")


@record
class Link:
    id: LinkId
    left: ThingId
    right: ThingId


@record
class Tag:
    id: ThingId
    text: str


@record
class Entry:
    id: NoteId
    text: str


@record
class Done:
    ok: bool


class Things(World):
    """Things that know each other, links between them, tags that share their ids, and a log that counts for nothing."""

    INCIDENTAL = ("log",)

    things: Table[ThingId, Thing]
    links: Table[LinkId, Link]
    tags: Table[ThingId, Tag]
    log: Table[NoteId, Entry]
    count = Cell[int](0)
    mark = Cell[Stamp](Stamp(""))
    place = Cell[str]("home", incidental=True)

    def generate(self, rng: Random, size: str) -> None:
        for name in ("anna", "bert"):
            self.things.put(Thing(self.mint(self.things), name))

    @tool(writes="things")
    def make(self, name: str) -> Thing:
        """Make a thing.

        Args:
            name: what it is called.
        """
        return self.things.put(Thing(self.mint(self.things), name))


# -- the door ---------------------------------------------------------------------------------------------


@record
class Echo:
    text: str


class Door(World):
    """One tool with every kind of parameter, and tools that break each law of the door."""

    things: Table[ThingId, Thing]
    count = Cell[int](0)
    other = Cell[int](0)

    def generate(self, rng: Random, size: str) -> None:
        self.things.put(Thing(self.mint(self.things), "anna"))

    @tool
    def say(
        self,
        text: Annotated[str, Field(max_length=2_000_000)],
        times: Annotated[int, Field(ge=0)] = 1,
        share: Annotated[float, Field(ge=0)] = 0.5,
        loud: bool = False,
        colour: Literal["red", "green"] = "red",
        words: Annotated[list[str], Field(max_length=3)] | None = None,
        amount: Amount | None = None,
        day: Date | None = None,
    ) -> Echo:
        """Say back what came in.

        More than one paragraph may stand here.

        Args:
            text: what to say.
            times: how often.
            share: a share.
            loud: whether to shout.
            colour: which colour.
            words: some words.
            amount: some money.
            day: a day.
        """
        return Echo(repr((text[:20], times, share, loud, colour, words, amount, day)))

    @tool
    def nothing(self) -> Echo:
        """Take nothing."""
        return Echo("")

    @tool(writes=("things", "count"))
    def half(self, how: Literal["refuse", "crash", "exit", "return"]) -> Echo:
        """Write, then fail.

        Args:
            how: in which way.
        """
        self.count = self.count + 1
        first = next(iter(self.things))
        self.things.remove(first.id)
        self.things.put(Thing(self.mint(self.things), "new"))
        if how == "refuse":
            raise ToolError("conflict", "changed my mind")
        if how == "crash":
            raise KeyError("secret inner detail")
        if how == "exit":
            raise KeyboardInterrupt
        return 5  # type: ignore[return-value]

    @tool
    def sly_read(self) -> Echo:
        """Claim to read, and write."""
        self.count = self.count + 1
        return Echo("")

    @tool
    def sly_there_and_back(self) -> Echo:
        """Claim to read, write, and write back."""
        self.count, self.count = self.count + 1, self.count
        return Echo("")

    @tool(writes="count")
    def sly_write(self) -> Echo:
        """Write more than declared."""
        self.count = self.count + 1
        self.other = self.other + 1
        return Echo("")

    @tool(writes="count")
    def add(self, by: int = 1) -> Echo:
        """Count on.

        Args:
            by: how far.
        """
        self.count = self.count + by
        return Echo(str(self.count))


# -- a rule that loops ------------------------------------------------------------------------------------

JobId = Annotated[str, Key("pw_job", "JB-####")]


@record
class Job:
    id: JobId
    name: Name


@record
class Launch:
    job: JobId
    height: int


def checked(world: "Rocket") -> bool:
    """The engines have been checked (check)."""
    return world.check_state > 0


def fuelled(world: "Rocket") -> bool:
    """The tank is full (fuel)."""
    return world.fuel_state > 0


class Rocket(World):
    """A rocket that flies once its engines are checked and its tank is full. The check can be done again and again."""

    jobs: Table[JobId, Job]
    check_state = Cell[int](0, incidental=True)
    fuel_state = Cell[int](0, incidental=True)
    height = Cell[int](0)

    def generate(self, rng: Random, size: str) -> None:
        for name in ("alpha", "beta", "gamma"):
            self.jobs.put(Job(self.mint(self.jobs), name))

    @tool
    def find_job(self, name: Name) -> list[Job]:
        """Find a job by its name.

        Args:
            name: the name of the job.
        """
        return [job for job in self.jobs if job.name == name]

    @tool(writes="check_state")
    def check(self) -> Done:
        """Check the engines."""
        self.check_state = self.check_state + 1
        return Done(True)

    @tool(writes="fuel_state")
    def fuel(self) -> Done:
        """Fill the tank."""
        self.fuel_state = self.fuel_state + 1
        return Done(True)

    @tool(requires=(checked, fuelled), writes="height")
    def launch(self, job: JobId) -> Launch:
        """Launch the rocket for a job.

        Args:
            job: which job to fly.
        """
        self.height = self.height + 100
        return Launch(self.jobs[job].id, self.height)


def opened(world: "Silo") -> bool:
    """The tank is open (open_tank)."""
    return world.tank > 0


class Silo(Rocket):
    """A rocket whose tank has a lid. The lid is further from the launch than two tools that never get illegal."""

    tank = Cell[int](0, incidental=True)

    @tool(writes="tank")
    def open_tank(self) -> Done:
        """Take off the lid."""
        self.tank = self.tank + 1
        return Done(True)

    @tool(requires=opened, writes="fuel_state")
    def fuel(self) -> Done:
        """Fill the tank."""
        self.fuel_state = self.fuel_state + 1
        return Done(True)


# -- two offers with one description ----------------------------------------------------------------------

OfferId = Annotated[str, Key("pw_offer", "OF-####")]
BidId = Annotated[str, Key("pw_bid", "BD-####")]


@record
class Offer:
    id: OfferId
    name: Name
    price: int


@record
class Bid:
    id: BidId
    offer: OfferId


class Market(World):
    """A market: look at offers in two ways, bid on one."""

    offers: Table[OfferId, Offer]
    bids: Table[BidId, Bid]

    def generate(self, rng: Random, size: str) -> None:
        for name, price in (("lamp", 5), ("chair", 9), ("table", 20)):
            self.offers.put(Offer(self.mint(self.offers), name, price))

    @tool
    def best_offer(self) -> Offer:
        """Show the best offer."""
        return min(self.offers, key=lambda offer: offer.price)

    @tool
    def worst_offer(self) -> Offer:
        """Show the worst offer."""
        return max(self.offers, key=lambda offer: offer.price)

    @tool
    def list_offers(self) -> list[Offer]:
        """List all offers."""
        return list(self.offers)

    @tool(writes="bids")
    def bid(self, offer: OfferId) -> Bid:
        """Bid on an offer.

        Args:
            offer: which offer.
        """
        return self.bids.put(Bid(self.mint(self.bids), self.offers[offer].id))
