"""The laws of the travel world: each function yields one line for what breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .base import LIVE, TravelState
from .days import iso, number
from .inventory import CABINS, capacity, open_seats, rooms_open, strangers
from .records import Booking


def broken(world: TravelState) -> Iterator[str]:
    """Every law that the state breaks."""
    yield from _money(world)
    yield from _points(world)
    yield from _bookings(world)
    yield from _references(world)
    yield from _seats(world)
    yield from _rooms(world)
    for customer in world.customers:
        if customer.budget is not None and world.committed(customer.id) > customer.budget:
            yield f"customer {customer.id} committed more than the budget"


def _money(world: TravelState) -> Iterator[str]:
    """Cards, bookings and policies agree with the ledger of charges and refunds."""
    cards: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for item in world.payments:
        if item.amount <= 0:
            yield f"payment {item.id} of {item.amount}"
        if (item.booking is None) == (item.policy is None):
            yield f"payment {item.id} must be for a booking or a policy"
        cards[item.card] += item.amount if item.kind == "charge" else -item.amount
        (paid if item.kind == "charge" else back)[str(item.booking or item.policy)] += item.amount
    for card in world.cards:
        if card.owed != card.opening + cards[card.id]:
            yield f"card {card.id} owes {card.owed}, its payments say {card.opening + cards[card.id]}"
        if not 0 <= card.owed <= card.limit:
            yield f"card {card.id} owes {card.owed} of {card.limit}"
    for booking in world.bookings:
        if booking.paid != paid[booking.id] or booking.refunded != back[booking.id]:
            yield f"booking {booking.id} disagrees with its payments"
    for policy in world.policies:
        if paid[policy.id] != policy.premium or back[policy.id] != (policy.premium if policy.status == "cancelled" else 0):
            yield f"policy {policy.id} disagrees with its payments"


def _points(world: TravelState) -> Iterator[str]:
    """Points are earned by completed bookings, spent on bookings, and nowhere else."""
    change: Counter[str] = Counter()
    for booking in world.bookings:
        change[booking.customer] += booking.points_earned - booking.points_used
        if booking.points_earned != (booking.paid // 100 if booking.status == "completed" else 0) or booking.points_used < 0:
            yield f"booking {booking.id} has impossible points"
    for customer in world.customers:
        if customer.points != customer.opening_points + change[customer.id] or customer.points < 0:
            yield f"customer {customer.id} has {customer.points} points"


def _bookings(world: TravelState) -> Iterator[str]:
    """A booking's sums, times and parts fit its state."""
    for b in world.bookings:
        owed = b.price - b.points_used
        sums = {"held": (owed, 0, 0), "confirmed": (0, owed, 0), "completed": (0, owed, 0)}
        if b.status in sums and (b.due, b.paid, b.refunded) != sums[b.status]:
            yield f"booking {b.id} is {b.status} with due {b.due}, paid {b.paid}, refunded {b.refunded} of {owed}"
        if b.status in ("cancelled", "expired") and (b.due or not 0 <= b.refunded <= b.paid or b.seat):
            yield f"booking {b.id} is over and yet has something"
        if (b.status == "held") != (b.hold_until is not None) or (b.hold_until or "") > b.starts_at:
            yield f"booking {b.id} is {b.status} and held until {b.hold_until}"
        if b.status == "held" and b.hold_until is not None and b.hold_until <= world.timestamp:
            yield f"booking {b.id} is held past its hold"
        if b.status == "confirmed" and b.starts_at <= world.timestamp:
            yield f"booking {b.id} began and is not completed"
        if b.price < b.base_price or b.base_price <= 0 or not 0 <= b.bags <= 3 or (b.card is None) != (b.paid == 0):
            yield f"booking {b.id} has impossible fields"
        if (b.kind == "flight") != (b.flight is not None) or (b.kind == "hotel") != (b.room is not None and b.nights > 0):
            yield f"booking {b.id} is neither flight nor stay"


def _references(world: TravelState) -> Iterator[str]:
    """What a record names exists and belongs to the same customer."""
    for b in world.bookings:
        if b.customer not in world.customers or world.travellers[b.traveller].customer != b.customer:
            yield f"booking {b.id} is for a stranger"
        if b.card is not None and world.cards[b.card].customer != b.customer:
            yield f"booking {b.id} was paid by a stranger"
        if b.invoice is not None and world.invoices[b.invoice].booking != b.id:
            yield f"booking {b.id} has another booking's invoice"
    for invoice in world.invoices:
        trip = world.bookings[invoice.booking]
        if (invoice.status == "open") != (trip.status == "held" and trip.invoice == invoice.id):
            yield f"invoice {invoice.id} is {invoice.status}, its booking {trip.status}"
        if invoice.status == "open" and invoice.amount != trip.due:
            yield f"invoice {invoice.id} is over {invoice.amount}, {trip.due} is due"
        if invoice.iban != world.agency_iban or invoice.customer != trip.customer:
            yield f"invoice {invoice.id} is not of this agency"
    insured = Counter([policy.booking for policy in world.policies if policy.status == "active"])
    yield from (f"booking {key} is insured {count} times" for key, count in insured.items() if count > 1)
    for policy in world.policies:
        if {world.bookings[policy.booking].customer, world.cards[policy.card].customer} != {policy.customer}:
            yield f"policy {policy.id} mixes customers"
    for item in world.payments:
        if world.cards[item.card].customer != item.customer:
            yield f"payment {item.id} mixes customers"
    if world.session and world.session not in world.customers:
        yield "a stranger is signed in"


def _seats(world: TravelState) -> Iterator[str]:
    """Flight loads are what live bookings take; no cabin is oversold; chosen seats are real, free and single."""
    trips: dict[str, list[Booking]] = {}
    for b in world.bookings:
        if b.flight is not None and b.status in LIVE:
            trips.setdefault(b.flight, []).append(b)
    if set(trips) != set(world.flight_loads.keys()):
        yield "flight loads are kept for other flights than those booked"
    for load in world.flight_loads:
        flight, mine = world.flight(load.flight), trips.get(load.flight, [])
        seats = tuple(sorted([b.seat for b in mine if b.seat is not None]))
        if seats != load.seats or len(set(seats)) != len(seats):
            yield f"flight {load.flight} has seats {load.seats}, its bookings {seats}"
        for cabin, count in zip(CABINS, (load.economy, load.business), strict=True):
            aboard = [b for b in mine if b.cabin == cabin]
            free = open_seats(flight, cabin)
            if len(free) != capacity(flight.service, cabin) - strangers(flight.service, flight.day, cabin):
                yield f"the seat map of {load.flight} {cabin} disagrees with what is sold"
            if len(aboard) != count or count > len(free):
                yield f"flight {load.flight} {cabin}: {len(aboard)} bookings, load {count}, {len(free)} seats"
            if any(b.seat is not None and b.seat not in free for b in aboard):
                yield f"flight {load.flight} {cabin}: a seat of a stranger is taken"
        for b in mine:
            if b.starts_at != flight.departs_at or b.date != iso(flight.day):
                yield f"booking {b.id} is not at its flight's time"


def _rooms(world: TravelState) -> Iterator[str]:
    """Room nights are what live stays take; no kind of room is oversold."""
    nights: Counter[str] = Counter()
    for b in world.bookings:
        if b.room is not None and b.status in LIVE:
            first = number(b.date)
            nights.update([f"{b.room}:{first + night}" for night in range(b.nights)])
    if dict(nights) != {item.night: item.booked for item in world.room_nights}:
        yield "room nights are not what stays take"
    for item in world.room_nights:
        key, _, day = item.night.partition(":")
        if not 0 < item.booked <= rooms_open(world.room(key)[1], int(day)):
            yield f"room {item.night} is oversold"
