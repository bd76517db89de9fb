"""The state of the travel world and the few ways in which tools change it: money, places, budget, owners.

The tool files inherit from `TravelState`; each rule that more than one tool keeps stands here once.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Literal

from ...errors import ToolError, nearest, shorten
from ...records import changed
from ...state import Cell, Table
from ...world import Fact, World
from .days import iso, moment, number, seconds
from .inventory import CABINS, HORIZON, LAST_DAY, Dated, capacity, read_flight, rooms_open, strangers
from .meanings import (
    AirportCode,
    BookingId,
    Cabin,
    CardId,
    CustomerId,
    FlightId,
    HotelId,
    InvoiceId,
    PaymentId,
    PolicyId,
    QuoteId,
    Status,
    TravellerId,
)
from .records import (
    Airport,
    Booking,
    Card,
    CityRecord,
    Customer,
    FlightLoad,
    Hotel,
    Invoice,
    Payment,
    Policy,
    Quote,
    Room,
    RoomNight,
    Route,
    Traveller,
)

LIVE: tuple[Status, ...] = ("held", "confirmed", "completed")
BY_START = attrgetter("starts_at", "id")
UPCOMING: tuple[Status, ...] = ("held", "confirmed")


def signed_in(world: TravelState) -> bool:
    """The customer is signed in (sign_in with e-mail address and password)."""
    return world.session != ""


class TravelState(World):
    """Tables of the travel agency, and the rules that its tools share; `Travel` is the world to use."""

    INCIDENTAL = ("quotes", "payments")  # the ledger depends on the route: one charge for all, or one for each extra

    cities: Table[str, CityRecord]
    airports: Table[AirportCode, Airport]
    routes: Table[str, Route]
    hotels: Table[HotelId, Hotel]
    customers: Table[CustomerId, Customer]
    travellers: Table[TravellerId, Traveller]
    cards: Table[CardId, Card]
    flight_loads: Table[FlightId, FlightLoad]
    room_nights: Table[str, RoomNight]
    quotes: Table[QuoteId, Quote]
    bookings: Table[BookingId, Booking]
    payments: Table[PaymentId, Payment]
    policies: Table[PolicyId, Policy]
    invoices: Table[InvoiceId, Invoice]
    session = Cell[str]("", incidental=True)
    user = Cell[str]("")
    agency_iban = Cell[str]("")

    # -- the user and time -----------------------------------------------------------------------------

    def known(self) -> Iterable[Fact]:
        """Own sign-in, own travellers' names and documents, own cards' nicknames, and the cities of the world."""
        me = self.customers[self.user]
        yield Fact("travel_email", me.email)
        yield Fact("travel_password", me.password)
        for traveller in self.travellers.where(customer=me.id):
            yield Fact("person_name", traveller.name)
        for card in self.cards.where(customer=me.id):
            yield Fact("travel_card_nickname", card.nickname)
        for city in self.cities:
            yield Fact("city", city.name)

    def on_advance(self, before: int) -> None:
        """Quotes and holds run out; trips that began are completed and earn their points."""
        moment_now = self.timestamp
        for quote in self.quotes:
            if quote.status == "open" and quote.expires_at <= moment_now:
                self.quotes.put(changed(quote, status="expired"))
        for booking in self.bookings:
            if booking.status == "held" and booking.hold_until is not None and booking.hold_until <= moment_now:
                self.give_up(booking, "expired", 0, booking.points_used)
            elif booking.status == "confirmed" and booking.starts_at <= moment_now:
                self._complete(booking)

    def _complete(self, booking: Booking) -> None:
        earned = booking.paid // 100
        owner = self.customers[booking.customer]
        self.customers.put(changed(owner, points=owner.points + earned))
        self.bookings.put(changed(booking, status="completed", points_earned=earned))

    @property
    def day(self) -> int:
        """Today as a day number."""
        return self.now // 86400

    def travel_day(self, date: str) -> int:
        """The number of a day on which a trip may start; refuses the past and what is not on sale yet."""
        day = number(date)
        if day < self.day:
            raise ToolError("invalid_arguments", f"{date} is in the past; today is {self.today}")
        if day > self.day + HORIZON or day > LAST_DAY:
            raise ToolError("unavailable", f"{date} is not on sale yet; the last day is {iso(min(self.day + HORIZON, LAST_DAY))}")
        return day

    # -- looking things up -----------------------------------------------------------------------------

    @property
    def me(self) -> Customer:
        """The signed-in customer."""
        return self.customers[self.session]

    def own_booking(self, booking: str) -> Booking:
        """A booking of the signed-in customer."""
        found = self.bookings[booking]
        self._own(found.customer, "booking", booking, "list_bookings")
        return found

    def own_traveller(self, traveller: str) -> Traveller:
        """A traveller profile of the signed-in customer."""
        found = self.travellers[traveller]
        self._own(found.customer, "traveller", traveller, "list_travellers")
        return found

    def own_card(self, card: str) -> Card:
        """A stored card of the signed-in customer."""
        found = self.cards[card]
        self._own(found.customer, "card", card, "list_cards")
        return found

    def _own(self, customer: str, what: str, key: str, tool: str) -> None:
        if customer != self.session:
            raise ToolError("permission_denied", f"{what} {key} belongs to another customer; {tool} shows yours")

    def city(self, name: str) -> CityRecord:
        """A city by its name."""
        found = self.cities.get(name)
        if found is None:
            raise ToolError("not_found", f"no city {shorten(name)!r} is served{nearest(name[:60], self.cities.keys())}")
        return found

    def flight(self, flight: str) -> Dated:
        """The dated flight of an id."""
        route = self.routes.get(flight[:8])
        found = read_flight(route, flight) if route is not None else None
        if found is None:
            raise ToolError("not_found", f"there is no flight {shorten(flight)!r}; search_flights lists flights")
        return found

    def room(self, room: str) -> tuple[Hotel, Room]:
        """The hotel and the kind of room of a room id."""
        hotel = self.hotels.get(room[:9])
        for kind in hotel.rooms if hotel is not None else ():
            if kind.room == room and hotel is not None:
                return hotel, kind
        raise ToolError("not_found", f"there is no room {shorten(room)!r}; get_hotel lists the rooms of a hotel")

    def bookings_of(self, customer: str) -> list[Booking]:
        """All bookings of one customer, in order of id."""
        return self.bookings.where(customer=customer)

    # -- places ----------------------------------------------------------------------------------------

    def seats_left(self, flight: Dated, cabin: Cabin) -> int:
        """Seats of a cabin that are for sale."""
        load = self.flight_loads.get(flight.id)
        ours = 0 if load is None else load.business if cabin == "business" else load.economy
        return capacity(flight.service, cabin) - strangers(flight.service, flight.day, cabin) - ours

    def rooms_left(self, room: Room, day: int, nights: int) -> int:
        """Rooms of a kind that are free in every night of a stay."""
        booked, least = self.room_nights.getter(), room.count
        for night in range(day, day + nights):
            ours = booked(f"{room.room}:{night}")
            least = min(least, rooms_open(room, night) - (0 if ours is None else ours.booked))
        return least

    def take(self, booking: Booking, sign: int = 1) -> None:
        """Take (or with `sign=-1` give back) the places of a booking: a seat of its flight, or its room's nights."""
        if booking.flight is not None:
            self._take_seat(booking, sign)
        elif booking.room is not None:
            first = number(booking.date)
            for night in range(booking.nights):
                key = f"{booking.room}:{first + night}"
                found = self.room_nights.get(key)
                count = sign + (0 if found is None else found.booked)
                if count:
                    self.room_nights.put(RoomNight(key, count))
                else:
                    self.room_nights.remove(key)

    def _take_seat(self, booking: Booking, sign: int) -> None:
        flight = str(booking.flight)
        load = self.flight_loads.get(flight) or FlightLoad(flight, 0, 0, ())
        own = () if booking.seat is None else (booking.seat,)
        seats = (*load.seats, *own) if sign > 0 else tuple([seat for seat in load.seats if seat not in own])
        business = load.business + sign * (booking.cabin == CABINS[1])
        economy = load.economy + sign * (booking.cabin == CABINS[0])
        if economy or business:
            self.flight_loads.put(FlightLoad(flight, economy, business, tuple(sorted(seats))))
        else:
            self.flight_loads.remove(flight)

    # -- money -----------------------------------------------------------------------------------------

    def charge(self, card: Card, amount: int, booking: str | None, policy: str | None = None) -> None:
        """Charge a card; refuses expired cards and what its limit does not cover."""
        if card.expires < self.today[:7]:
            raise ToolError("unavailable", f"the card ending {card.last_four} expired in {card.expires}; use another card")
        if card.owed + amount > card.limit:
            free = f"{(card.limit - card.owed) / 100:.2f}"
            raise ToolError("limit_exceeded", f"the card ending {card.last_four} has {free} left, {amount / 100:.2f} is needed")
        self.cards.put(changed(card, owed=card.owed + amount))
        self._note("charge", card, amount, booking, policy)

    def refund(self, card_id: str, amount: int, booking: str | None, policy: str | None = None) -> None:
        """Give money back to the card that paid, expired or not."""
        card = self.cards[card_id]
        self.cards.put(changed(card, owed=card.owed - amount))
        self._note("refund", card, amount, booking, policy)

    def _note(self, kind: Literal["charge", "refund"], card: Card, amount: int, booking: str | None, policy: str | None) -> None:
        key = self.mint(self.payments)
        made = Payment(key, card.customer, card.id, kind, amount, booking, policy, self.timestamp)
        self.payments.put(made)

    def committed(self, customer: str) -> int:
        """What a customer's trips that have not begun cost: live bookings less points, and active insurance of them."""
        ahead = {b.id: b.price - b.points_used for b in self.bookings_of(customer) if b.status in UPCOMING}
        cover = [p.premium for p in self.policies.where(status="active") if p.booking in ahead]
        return sum(ahead.values()) + sum(cover)

    def fit_budget(self, extra: int) -> None:
        """Refuse what would take the signed-in customer's trips above the budget."""
        budget = self.me.budget
        if budget is None or extra <= 0:
            return
        left = budget - self.committed(self.session)
        if extra > left:
            words = f"{extra / 100:.2f} more would exceed the travel budget; {left / 100:.2f} of {budget / 100:.2f} is left"
            raise ToolError("limit_exceeded", f"{words} (set_budget changes it)")

    # -- bookings --------------------------------------------------------------------------------------

    def add_cost(self, booking: Booking, extra: int) -> Booking:
        """Add an extra to a live booking: owed while it is held, charged at once to its card when it is confirmed."""
        if extra <= 0:
            return booking
        self.fit_budget(extra)
        if booking.status == "held":
            booking = changed(booking, price=booking.price + extra, due=booking.due + extra)
            return self.void_invoice(booking)
        self.charge(self.cards[str(booking.card)], extra, booking.id)
        return changed(booking, price=booking.price + extra, paid=booking.paid + extra)

    def void_invoice(self, booking: Booking) -> Booking:
        """Take back the open invoice of a booking whose sum due changed; a new one can be asked for."""
        if booking.invoice is None:
            return booking
        self.invoices.put(changed(self.invoices[booking.invoice], status="void"))
        return changed(booking, invoice=None)

    def give_up(self, booking: Booking, status: Status, refund: int, points: int) -> Booking:
        """End a booking: give its places back, and money and points as the caller worked out."""
        self.take(booking, -1)
        if booking.status == "held":
            booking = self.void_invoice(booking)
        if refund:
            self.refund(str(booking.card), refund, booking.id)
        if points:
            owner = self.customers[booking.customer]
            self.customers.put(changed(owner, points=owner.points + points))
        left = booking.points_used - points
        ended = changed(booking, status=status, refunded=refund, points_used=left, due=0, seat=None, hold_until=None)
        return self.bookings.put(ended)

    def upcoming(self, booking: str) -> Booking:
        """A booking of the customer that is held or confirmed and has not begun."""
        found = self.own_booking(booking)
        if found.status not in UPCOMING:
            raise ToolError("precondition_failed", f"booking {booking} is {found.status}; only held or confirmed ones can be changed")
        if found.starts_at <= self.timestamp:
            raise ToolError("precondition_failed", f"booking {booking} began at {found.starts_at}; it can no longer be changed")
        return found

    def upcoming_flight(self, booking: str) -> Booking:
        """As `upcoming`, and a flight."""
        found = self.upcoming(booking)
        if found.flight is None:
            raise ToolError("precondition_failed", f"booking {booking} is a hotel stay ({found.title}); this is for flights")
        return found

    def hold_until(self, starts_at: str, hours: int = 24) -> str:
        """When a hold made now runs out: after some hours, at the latest when the trip starts."""
        return min(moment(self.now + hours * 3600), starts_at)

    def passport_ok(self, traveller: Traveller, flight: Dated) -> None:
        """Refuse an international flight to a traveller without a passport that is valid on arrival."""
        if not flight.route.international:
            return
        if traveller.passport_expires is None:
            raise ToolError("precondition_failed", f"{traveller.name} has no passport on file; set_passport adds one")
        if traveller.passport_expires < flight.arrives_at[:10]:
            words = f"the passport of {traveller.name} expires on {traveller.passport_expires}, before the flight lands"
            raise ToolError("precondition_failed", f"{words}; set_passport renews it")

    def hours_to(self, booking: Booking) -> float:
        """Hours until a booking begins."""
        return (seconds(booking.starts_at) - self.now) / 3600
