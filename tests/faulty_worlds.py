"""Planted faults: a lawful little shop, and one subclass of it for each defect that the contract suite must catch."""

import itertools
import random
import time
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from turngym.envs import Cell, Fact, Key, Known, Money, Sample, Table, ToolError, World, record, tool

ItemId = Annotated[str, Key("shop_item", "IT-#####")]
OrderId = Annotated[str, Key("shop_order", "OR-#####")]
GhostId = Annotated[str, Key("shop_ghost", "GH-#####")]
Name = Annotated[str, Known("shop_item_name")]
Badge = Annotated[str, Known("shop_badge")]
Count = Annotated[int, Field(ge=1, le=99), Sample(lambda world, rng: rng.randint(1, 3))]
NAMES = ("anvil", "bellows", "chisel", "drill", "easel", "file", "gouge", "hammer", "iron", "jig", "knife", "lathe")
AISLES = ("north", "south", "east", "west", "upper", "lower", "inner", "outer")


@record
class Item:
    id: ItemId
    name: Name
    stock: int
    sold: int
    price: Money


@record
class Order:
    id: OrderId
    item: ItemId
    count: int
    cost: Money
    due: int
    sent: bool


@record
class Desk:
    badge: Badge


@record
class Note:
    text: str


@record
class Rating:
    item: ItemId
    score: float


@record
class Short:
    text: Annotated[str, Field(max_length=3)]


def signed_in(world: "Shop") -> bool:
    """A member has signed in (sign_in)."""
    return world.member != ""


def blessed(world: "Shop") -> bool:
    """The shop is blessed; nothing brings that about."""
    return False


class Shop(World):
    """A small tool shop: sign in with a badge, find an item, order it, cancel the order. Every law holds."""

    items: Table[ItemId, Item]
    orders: Table[OrderId, Order]
    member = Cell[str]("", incidental=True)
    badge = Cell[str]("")
    till = Cell[int](0)

    def generate(self, rng: random.Random, size: str) -> None:
        self.badge = f"{rng.randrange(10**6):06d}"
        for name in rng.sample(NAMES, {"small": 5, "medium": 8, "large": 12}[size]):
            self.items.put(Item(self.mint(self.items), name, rng.randint(20, 60), 0, rng.randint(100, 9000)))

    def known(self) -> Any:
        yield from super().known()
        yield Fact("shop_badge", self.badge)

    def invariants(self) -> Any:
        if self.till != sum(order.cost for order in self.orders):
            yield f"the till holds {self.till}"
        yield from (f"{item.name} has {item.stock} pieces" for item in self.items if item.stock < 0)
        yield from (f"order {order.id} of no item" for order in self.orders if order.item not in self.items)

    def on_advance(self, before: int) -> None:
        for order in self.orders:
            if not order.sent and order.due <= self.now:
                self.orders.put(replace(order, sent=True))

    @tool(writes="member")
    def sign_in(self, badge: Badge) -> Desk:
        """Sign in with a badge.

        Args:
            badge: the number on the badge.
        """
        if badge != self.badge:
            raise ToolError("permission_denied", "the shop does not know this badge")
        self.member = badge
        return Desk(badge)

    @tool
    def find_item(self, name: Name) -> list[Item]:
        """Find the items with a name.

        Args:
            name: the exact name.
        """
        return [item for item in self.items if item.name == name]

    @tool(requires=signed_in, writes=("items", "orders", "till"))
    def order(self, item: ItemId, count: Count = 1) -> Order:
        """Order some pieces of an item.

        Args:
            item: what to order.
            count: how many.
        """
        found = self.items[item]
        if found.stock < count:
            raise ToolError("unavailable", f"only {found.stock} pieces of {found.name} are left")
        self.items.put(replace(found, stock=found.stock - count, sold=found.sold + count))
        return self.place(found, count)

    def place(self, found: Item, count: int) -> Order:
        cost = found.price * count
        self.till = self.till + cost
        return self.orders.put(Order(self.mint(self.orders), found.id, count, cost, self.now + 86400, False))

    @tool(requires=signed_in, writes=("items", "orders", "till"))
    def cancel(self, order: OrderId) -> Order:
        """Cancel an order that was not sent yet.

        Args:
            order: which order to cancel.
        """
        found = self.orders[order]
        if found.sent:
            raise ToolError("precondition_failed", "the order was sent already")
        item = self.items[found.item]
        self.items.put(replace(item, stock=item.stock + found.count, sold=item.sold - found.count))
        self.till = self.till - found.cost
        return self.orders.remove(order)


# -- reads and writes -------------------------------------------------------------------------------------


class ReadWrites(Shop):
    """A shop whose search counts itself in the till, though it is declared a read."""

    @tool
    def peek(self, name: Name) -> list[Item]:
        """Look at items by name.

        Args:
            name: the exact name.
        """
        self.till = self.till
        return [item for item in self.items if item.name == name]


class WritesElsewhere(Shop):
    """A shop whose signing in touches a table that it does not name."""

    @tool(writes="member")
    def sign_in(self, badge: Badge) -> Desk:
        """Sign in with a badge.

        Args:
            badge: the number on the badge.
        """
        if badge != self.badge:
            raise ToolError("permission_denied", "the shop does not know this badge")
        self.member = badge
        self.items.put(next(iter(self.items)))
        return Desk(badge)


class ReadAdvances(Shop):
    """A shop where looking at the clock takes a minute of simulated time."""

    @tool
    def clock(self) -> Note:
        """Tell the shop's time."""
        self.advance(60)
        return Note(self.timestamp)


class ForgetfulRead(Shop):
    """A shop whose greeting depends on how often this process asked before."""

    @tool
    def greet(self) -> Note:
        """Greet the shop keeper."""
        return Note(f"greeting {next(COUNTER)}")


class IdleWrite(Shop):
    """A shop whose signing in declares that it writes orders, which it never does."""

    @tool(writes=("member", "orders"))
    def sign_in(self, badge: Badge) -> Desk:
        """Sign in with a badge.

        Args:
            badge: the number on the badge.
        """
        if badge != self.badge:
            raise ToolError("permission_denied", "the shop does not know this badge")
        self.member = badge
        return Desk(badge)


class HalfDone(Shop):
    """A shop that goes behind the journal and then refuses: half a change that nothing undoes."""

    @tool(writes="now")
    def wait(self, item: ItemId) -> Note:
        """Wait until an item is sold out.

        Args:
            item: what to wait for.
        """
        self.now = self.now + 3600
        self._journal.clear()
        if self.items[item].stock:
            raise ToolError("unavailable", "the item is still in stock")
        return Note("sold out")


class SlyRead(Shop):
    """A shop whose reading of the time goes behind the journal and takes a minute."""

    @tool
    def clock(self) -> Note:
        """Tell the shop's time."""
        self.now = self.now + 60
        self._journal.clear()
        return Note(self.timestamp)


class InPlace(Shop):
    """A shop that changes a frozen record in place and then refuses."""

    @tool(writes="items")
    def mark_down(self, item: ItemId) -> Item:
        """Mark an item down by one cent.

        Args:
            item: what to mark down.
        """
        found = self.items[item]
        object.__setattr__(found, "price", found.price - 1)
        if found.price % 2:
            raise ToolError("conflict", "the price would be odd")
        return self.items.put(replace(found, price=found.price + 2))


# -- state in the wrong place -----------------------------------------------------------------------------

COUNTER = itertools.count()
LEDGER: dict[str, int] = {}


class ModuleState(Shop):
    """A shop that numbers receipts in a dict of its module."""

    @tool(writes="till")
    def receipt(self) -> Note:
        """Print a receipt."""
        LEDGER["receipts"] = LEDGER.get("receipts", 0) + 1
        self.till = self.till
        return Note(f"receipt {LEDGER['receipts']}")


class ClassState(Shop):
    """A shop that keeps its visitors in a list of its class."""

    visitors: list[str] = []

    @tool(writes="till")
    def visit(self) -> Note:
        """Visit the shop."""
        self.visitors.append("someone")
        self.till = self.till
        return Note(f"visitor {len(self.visitors)}")


class SharedDefault(Shop):
    """A shop with a helper whose default list lives as long as the process."""

    @tool(writes="till")
    def queue(self) -> Note:
        """Stand in the queue."""
        self.till = self.till
        return Note(f"place {self._enqueue()}")

    def _enqueue(self, queue: list[int] = []) -> int:  # noqa: B006
        queue.append(len(queue))
        return len(queue)


def _counting() -> Any:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return count

    return step


STEP = _counting()


class ClosureState(Shop):
    """A shop that counts in an enclosed variable, with nothing of it in any result."""

    @tool(writes="till")
    def ring(self) -> Note:
        """Ring the bell."""
        STEP()
        self.till = self.till
        return Note("ding")


class HiddenAttribute(Shop):
    """A shop that remembers its last order outside the state, where forks lose it."""

    @tool(writes="till")
    def tally(self) -> Note:
        """Tally the customers."""
        self.till = self.till
        self.seen = getattr(self, "seen", 0) + 1
        return Note(f"customer {self.seen}")


class SharedByForks(Shop):
    """A shop whose forks share one list of complaints."""

    def __init__(self, seed: int = 0, size: Any = "small") -> None:
        super().__init__(seed, size)
        self.complaints: list[str] = []

    def fork(self) -> Any:
        twin = super().fork()
        twin.complaints = self.complaints
        return twin

    snapshot = fork

    @tool(writes="till")
    def complain(self) -> Note:
        """Complain about the service."""
        self.till = self.till
        self.complaints.append("rude")
        return Note(f"complaint {len(self.complaints)}")


class SwappedTable(Shop):
    """A shop that replaces a whole table by a dict when it closes."""

    @tool(writes="till")
    def close(self) -> Note:
        """Close the shop's books."""
        self.till = self.till
        self.orders = dict.fromkeys(()) if not isinstance(self.orders, Table) else self.orders
        self.notes = {"closed": True}
        return Note("closed")


# -- chance, clock, order ---------------------------------------------------------------------------------


class WallClock(Shop):
    """A shop that stamps receipts with the wall clock."""

    @tool
    def stamp(self) -> Note:
        """Stamp a paper."""
        return Note(f"stamped at {time.time():.0f}")


class GlobalRandom(Shop):
    """A shop whose raffle is drawn from the process's random stream."""

    @tool
    def raffle(self) -> Note:
        """Draw a ticket."""
        return Note(f"ticket {random.randrange(10**9)}")


class ChanceInGenerate(Shop):
    """A shop whose generator forgets the rng that it is given."""

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(random.Random(random.random()), size)


class SetOrder(Shop):
    """A shop that lists its aisles in the order of a set."""

    @tool
    def aisles(self) -> Note:
        """List the aisles."""
        return Note(" ".join({name + " aisle" for name in AISLES}))


class HashDependent(Shop):
    """A shop whose shelf numbers come from hash()."""

    @tool
    def shelf(self, name: Name) -> Note:
        """Tell on which shelf a name is.

        Args:
            name: the exact name.
        """
        return Note(f"shelf {hash(name) % 10**6}")


class AddressInText(Shop):
    """A shop whose slips show where an object lies in memory."""

    @tool
    def slip(self) -> Note:
        """Print a slip."""
        return Note(f"slip of {object()}")


class IdentityInText(Shop):
    """A shop that numbers desks by what id() says of them."""

    @tool
    def desk_number(self) -> Note:
        """Tell the desk's number."""
        return Note(f"desk {id(self)}")


# -- laws of the state ------------------------------------------------------------------------------------


class BreaksInvariant(Shop):
    """A shop whose orders put the price of one piece into the till."""

    def place(self, found: Item, count: int) -> Order:
        self.till = self.till + found.price
        return self.orders.put(Order(self.mint(self.orders), found.id, count, found.price * count, self.now + 86400, False))


class BrokenAtBirth(Shop):
    """A shop that is generated with money in the till that no order explains."""

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(rng, size)
        if size == "large":
            self.till = 5


class BreaksWithTime(Shop):
    """A shop that drops sent orders overnight and keeps their money."""

    def on_advance(self, before: int) -> None:
        for order in self.orders:
            if order.due <= self.now:
                self.orders.remove(order.id)


class RaisesWithTime(Shop):
    """A shop that cannot get over a long holiday."""

    def on_advance(self, before: int) -> None:
        if self.now - before > 20 * 86400:
            raise RuntimeError("the shop is closed for good")


class FloatDrift(Shop):
    """A shop that keeps a balance in floats and expects the cents to add up."""

    balance = Cell[float](0.0)
    paid = Cell[int](0)

    def invariants(self) -> Any:
        yield from super().invariants()
        if self.balance != self.paid / 100:
            yield f"the balance is {self.balance!r}, the payments {self.paid} cents"

    @tool(writes=("balance", "paid"))
    def pay_a_dime(self) -> Note:
        """Pay ten cents."""
        self.balance, self.paid = self.balance + 0.1, self.paid + 10
        return Note("paid")


# -- reach ------------------------------------------------------------------------------------------------


class NeverSucceeds(Shop):
    """A shop with a tool that refuses everyone."""

    @tool
    def manager(self) -> Note:
        """Talk to the manager."""
        raise ToolError("unavailable", "the manager is out, come back later")


class Unreachable(Shop):
    """A shop with a tool that needs an id which no result shows."""

    @tool
    def haunt(self, ghost: GhostId) -> Note:
        """Haunt the shop with a ghost.

        Args:
            ghost: which ghost.
        """
        return Note(ghost)


class Unblessed(Shop):
    """A shop with a tool whose precondition nobody can bring about."""

    @tool(requires=blessed)
    def pray(self) -> Note:
        """Say a prayer in the shop."""
        return Note("amen")


# -- generator, ids, facts --------------------------------------------------------------------------------


class SeedIgnored(Shop):
    """A shop that is stocked alike for every seed."""

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(random.Random(7), size)


class FactsAlike(Shop):
    """A shop whose user knows the same for every seed."""

    def known(self) -> Any:
        yield from (Fact("shop_item_name", name) for name in NAMES)
        yield Fact("shop_badge", "000001")

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(rng, size)
        self.badge = "000001"


class SizeIgnored(Shop):
    """A shop that is never larger than small."""

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(rng, "small")


class IllegalRecords(Shop):
    """A shop with a motto that is longer than its own type allows."""

    mottos: Table[str, Short]

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(rng, size)
        self.mottos.put(Short("always open"))


class SequentialIds(Shop):
    """A shop that numbers its orders by hand."""

    def place(self, found: Item, count: int) -> Order:
        cost = found.price * count
        self.till = self.till + cost
        number = max((int(order.id[3:]) for order in self.orders), default=0) + 1
        return self.orders.put(Order(f"OR-{number:05d}", found.id, count, cost, self.now + 86400, False))


class EntangledIds(Shop):
    """A shop whose order ids skip ahead with the stock that is left."""

    def place(self, found: Item, count: int) -> Order:
        cost = found.price * count
        self.till = self.till + cost
        number = self.draw("order", sum(item.stock for item in self.items), below=10**5)
        while f"OR-{number:05d}" in self.orders:
            number = (number + 1) % 10**5
        return self.orders.put(Order(f"OR-{number:05d}", found.id, count, cost, self.now + 86400, False))


class OddIds(Shop):
    """A shop whose order ids do not look as their key says."""

    def place(self, found: Item, count: int) -> Order:
        cost = found.price * count
        self.till = self.till + cost
        number = min(set(range(len(self.orders) + 1)) - {int(order.id[6:]) for order in self.orders})
        return self.orders.put(Order(f"order {number}", found.id, count, cost, self.now + 86400, False))


class SameIds(Shop):
    """A shop whose items have the same ids for every seed."""

    def generate(self, rng: random.Random, size: str) -> None:
        super().generate(rng, size)
        for number, item in enumerate(list(self.items)):
            self.items.remove(item.id)
            self.items.put(replace(item, id=f"IT-{number:05d}"))


class KnowsIds(Shop):
    """A shop whose user knows an internal id under another name."""

    def known(self) -> Any:
        yield from super().known()
        yield Fact("shop_item_name", next(self.items.keys()))


class KnowsKeys(Shop):
    """A shop whose user is told a value of an internal kind."""

    def known(self) -> Any:
        yield from super().known()
        yield Fact("shop_item", "IT-99999")


class FactsInWrongForm(Shop):
    """A shop whose user knows the badge as a number, which no caller may write."""

    def known(self) -> Any:
        yield from super().known()
        yield Fact("shop_badge", 17)


class UselessFact(Shop):
    """A shop whose user knows something that nothing takes or shows."""

    def known(self) -> Any:
        yield from super().known()
        yield Fact("shoe_size", "44")


# -- results, errors, schema ------------------------------------------------------------------------------


class WrongResult(Shop):
    """A shop whose poem is longer than its record allows."""

    @tool
    def poem(self) -> Short:
        """Recite a poem."""
        return Short("roses are red")


class NotANumber(Shop):
    """A shop whose ratings of unsold items are not a number."""

    @tool
    def rate(self, item: ItemId) -> Rating:
        """Rate an item by its sales.

        Args:
            item: what to rate.
        """
        found = self.items[item]
        return Rating(item, found.sold / 3 if found.sold else float("nan"))


class NotTheRecord(Shop):
    """A shop that returns another record than it promises."""

    @tool
    def badge_of(self) -> Note:
        """Tell the badge in use."""
        return Desk(self.badge)  # type: ignore[return-value]


class BarePattern(Shop):
    """A shop with a parameter that is a pattern and nothing to draw from."""

    @tool
    def redeem(self, code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{4}$")]) -> Note:
        """Redeem a voucher code.

        Args:
            code: the code on the voucher.
        """
        return Note(code)


class DrawsNonsense(Shop):
    """A shop whose own literals do not fit its own schema."""

    @tool
    def pack(self, boxes: Annotated[int, Field(ge=1, le=5), Sample(lambda world, rng: rng.randint(4, 9))]) -> Note:
        """Pack some boxes.

        Args:
            boxes: how many.
        """
        return Note(f"{boxes} boxes")


class FailsInside(Shop):
    """A shop that stumbles over an empty name."""

    @tool
    def initial(self, name: Name) -> Note:
        """Tell the first letter of a name.

        Args:
            name: any name.
        """
        return Note(name[0])


class SilentError(Shop):
    """A shop that refuses to haggle and gives no word of reason."""

    @tool
    def haggle(self, name: Name) -> Note:
        """Haggle about the price.

        Args:
            name: the exact name of an item.
        """
        if self.now % 7 or name > "f":
            raise ToolError("conflict", "")
        return Note("a bargain")


class TraceInError(Shop):
    """A shop that shows the model its own stack."""

    @tool
    def audit(self, name: Name) -> Note:
        """Audit an item by its name.

        Args:
            name: the exact name of an item.
        """
        try:
            return Note(str(NAMES.index(name)))
        except ValueError as error:
            raise ToolError("not_found", f"ValueError({error}) at line 7 of audit") from error


class TerseDocs(Shop):
    """A shop."""


class StrayPhrase(Shop):
    """A shop with a phrase that speaks of a parameter which is not there."""

    @tool(phrases=("ring {times} times",))
    def ring(self) -> Note:
        """Ring the bell."""
        return Note("ding")


STATE = ("instances-apart", "deterministic", "same-in-every-process", "no-shared-state", "forks-apart", "restore-exact")
CHANCE = ("reads-change-nothing", "no-clock-or-chance", *STATE)

FAULTS: tuple[tuple[type[World], str, tuple[str, ...]], ...] = (
    (ReadWrites, "writes-declared", ("tools-succeed",)),
    (WritesElsewhere, "writes-declared", ("tools-succeed", "tools-reachable")),
    (ReadAdvances, "writes-declared", ("tools-succeed",)),
    (SlyRead, "reads-change-nothing", ()),
    (ForgetfulRead, "reads-change-nothing", STATE),
    (IdleWrite, "writes-happen", ()),
    (HalfDone, "atomic", ("tools-succeed",)),
    (InPlace, "records-frozen", (*STATE, "reads-change-nothing", "records-round-trip")),
    (ModuleState, "no-shared-state", STATE),
    (ClassState, "no-shared-state", STATE),
    (SharedDefault, "no-shared-state", STATE),
    (ClosureState, "no-shared-state", ()),
    (HiddenAttribute, "no-hidden-state", STATE),
    (SharedByForks, "no-hidden-state", STATE),
    (SharedByForks, "forks-apart", ("no-hidden-state", *STATE)),
    (SwappedTable, "no-hidden-state", ()),
    (WallClock, "no-clock-or-chance", STATE),
    (WallClock, "deterministic", CHANCE),
    (GlobalRandom, "no-clock-or-chance", CHANCE),
    (GlobalRandom, "deterministic", CHANCE),
    (ChanceInGenerate, "deterministic", ("no-clock-or-chance", *STATE)),
    (SetOrder, "same-in-every-process", ()),
    (HashDependent, "same-in-every-process", ()),
    (AddressInText, "results-typed", CHANCE),
    (IdentityInText, "no-clock-or-chance", STATE),
    (BreaksInvariant, "invariants-hold", ("advance-holds",)),
    (BrokenAtBirth, "generation-holds", ()),
    (BreaksWithTime, "advance-holds", ("invariants-hold",)),
    (RaisesWithTime, "advance-holds", ()),
    (FloatDrift, "invariants-hold", ("advance-holds",)),
    (NeverSucceeds, "tools-succeed", ()),
    (Unreachable, "tools-reachable", ("tools-succeed",)),
    (Unblessed, "tools-reachable", ("tools-succeed",)),
    (SeedIgnored, "generator-varied", ()),
    (FactsAlike, "generator-varied", ()),
    (SizeIgnored, "sizes-grow", ()),
    (IllegalRecords, "records-round-trip", ()),
    (SequentialIds, "ids-minted", ()),
    (EntangledIds, "ids-minted", ()),
    (OddIds, "ids-minted", ()),
    (SameIds, "ids-differ-by-seed", ()),
    (KnowsIds, "facts-no-internal-ids", ()),
    (KnowsKeys, "facts-no-internal-ids", ()),
    (FactsInWrongForm, "facts-usable", ()),
    (UselessFact, "facts-usable", ()),
    (WrongResult, "results-typed", ()),
    (NotANumber, "results-typed", ()),
    (NotTheRecord, "no-internal-errors", ("tools-succeed",)),
    (BarePattern, "arguments-drawable", ("tools-succeed",)),
    (DrawsNonsense, "arguments-drawable", ()),
    (FailsInside, "no-internal-errors", ()),
    (SilentError, "errors-helpful", ()),
    (TraceInError, "errors-helpful", ()),
    (TerseDocs, "docs-complete", ()),
    (StrayPhrase, "docs-complete", ()),
)
"""(world, the check that must catch it, other checks that may fail with it)."""
