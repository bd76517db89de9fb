"""Tools that buy: quote, book, pay, redeem points, invoice. All need the customer to be signed in."""

from __future__ import annotations

from ...errors import ToolError, shorten
from ...records import changed, maker
from ...tool import tool
from .base import UPCOMING, TravelState, signed_in
from .days import iso, moment
from .inventory import Dated, fare_price, read_fare, stay_price
from .meanings import BookingId, CardId, FareId, Nights, Points, QuoteId, RoomId, TravelDay, TravellerId
from .records import Booking, Invoice, Quote, Traveller

_booking = maker(Booking)
QUOTE_MINUTES = 30
INVOICE_HOURS = 72


class TradeTools(TravelState):
    """From an offer to a paid trip."""

    @tool(
        requires=signed_in,
        writes="quotes",
        phrases=(
            "get a binding price for {fare}",
            "quote me {fare}",
            "fix the price of {fare} for half an hour",
        ),
    )
    def quote_fare(self, fare: FareId) -> Quote:
        """Fix the price of a fare for 30 minutes; a flight is booked from such a quote.

        Args:
            fare: the fare, from the details of a flight.

        Raises:
            unavailable: the flight has left or the cabin is sold out.
        """
        flight = self.flight(fare[:-1])
        meaning = read_fare(flight, fare[-1:])
        if meaning is None:
            raise ToolError("not_found", f"there is no fare {shorten(fare)!r}; get_flight lists the fares of a flight")
        cabin, kind = meaning
        if flight.departs <= self.now:
            raise ToolError("unavailable", f"{flight.service.number} left at {flight.departs_at}")
        if self.seats_left(flight, cabin) <= 0:
            raise ToolError("unavailable", f"{cabin} is sold out on {flight.service.number} of {iso(flight.day)}")
        price, until = fare_price(flight, cabin, kind, self.day), moment(self.now + QUOTE_MINUTES * 60)
        route, key = flight.route, self.mint(self.quotes)
        return self.quotes.put(
            Quote(
                key, self.session, fare, flight.id, flight.service.number, route.from_city, route.to_city, iso(flight.day),
                cabin, kind, price, "open", until,
            )
        )  # fmt: skip

    @tool(
        requires=signed_in,
        writes=("quotes", "bookings", "flight_loads"),
        phrases=(
            "book {quote} for {traveller}",
            "reserve the seat of {quote} in the name of {traveller}",
            "put {traveller} on the flight of {quote}",
        ),
    )
    def book_flight(self, quote: QuoteId, traveller: TravellerId) -> Booking:
        """Book a quoted flight for a traveller; the booking is held for 24 hours until it is paid.

        Args:
            quote: an open quote.
            traveller: who flies; international flights need a passport valid on arrival.

        Raises:
            conflict: the quote is used or expired, or the traveller is on this flight already.
            limit_exceeded: the travel budget does not cover it.
        """
        offer = self.quotes[quote]
        if offer.customer != self.session:
            raise ToolError("permission_denied", f"quote {quote} was given to another customer; quote_fare makes one for you")
        if offer.status != "open" or offer.expires_at <= self.timestamp:
            raise ToolError("conflict", f"quote {quote} is {offer.status}; ask quote_fare for a new one")
        person, flight = self.own_traveller(traveller), self.flight(offer.flight)
        self._may_fly(person, flight)
        if flight.departs <= self.now:
            raise ToolError("unavailable", f"{offer.number} left at {flight.departs_at}")
        if self.seats_left(flight, offer.cabin) <= 0:
            raise ToolError("unavailable", f"{offer.cabin} is sold out on {offer.number} of {offer.date}")
        self.fit_budget(offer.price)
        title = f"{offer.number} {offer.from_city} to {offer.to_city}"
        bags = 1 if offer.kind == "flex" else 0
        booking = _booking(
            self.mint(self.bookings), self.session, "flight", "held", person.id, person.name, title, offer.to_city, offer.date,
            flight.departs_at, offer.kind, flight.id, offer.cabin, None, bags, None, 0, offer.price, offer.price, 0, offer.price,
            0, 0, None, None, self.hold_until(flight.departs_at), 0,
        )  # fmt: skip
        self.take(booking)
        self.quotes.put(changed(offer, status="used"))
        return self.bookings.put(booking)

    @tool(
        requires=signed_in,
        writes=("bookings", "room_nights"),
        phrases=(
            "book {room} for {traveller} from {check_in} for {nights} nights",
            "reserve {room} from {check_in} in the name of {traveller}",
            "get {traveller} a bed in {room} on {check_in}, {nights} nights",
        ),
    )
    def book_room(self, room: RoomId, traveller: TravellerId, check_in: TravelDay, nights: Nights = 1) -> Booking:
        """Book a hotel room for a traveller; the booking is held for 24 hours until it is paid.

        Args:
            room: the kind of room, from the details of a hotel.
            traveller: who stays.
            check_in: the day of arrival.
            nights: how many nights.

        Raises:
            unavailable: no such room is free in every night.
            limit_exceeded: the travel budget does not cover it.
        """
        (hotel, kind), person, day = self.room(room), self.own_traveller(traveller), self.travel_day(check_in)
        starts_at = f"{check_in}T15:00:00"
        if starts_at <= self.timestamp:
            raise ToolError("unavailable", f"check-in for {check_in} has begun; choose a later day")
        if self.rooms_left(kind, day, nights) <= 0:
            raise ToolError("unavailable", f"no {kind.kind} room of {hotel.name} is free for {nights} nights from {check_in}")
        price = stay_price(kind, day, nights)
        self.fit_budget(price)
        title = f"{hotel.name}, {hotel.city}, {kind.kind} room"
        booking = _booking(
            self.mint(self.bookings), self.session, "hotel", "held", person.id, person.name, title, hotel.city, check_in, starts_at,
            kind.fare, None, None, None, 0, kind.room, nights, price, price, 0, price, 0, 0, None, None, self.hold_until(starts_at), 0,
        )  # fmt: skip
        self.take(booking)
        return self.bookings.put(booking)

    @tool(
        requires=signed_in,
        writes=("bookings", "cards", "payments", "invoices"),
        phrases=(
            "pay for {booking} with {card}",
            "settle what is due for {booking} with {card}",
            "charge {card} for {booking} so that it is confirmed",
        ),
    )
    def pay_booking(self, booking: BookingId, card: CardId) -> Booking:
        """Pay what is due for a held booking with a stored card, which confirms it.

        Args:
            booking: the held booking.
            card: the card that pays; it must not be expired, and its limit must cover the sum.

        Raises:
            precondition_failed: the booking is not held.
            unavailable: the card is expired.
            limit_exceeded: the card's limit does not cover the sum.
        """
        found, payer = self._held(booking), self.own_card(card)
        self.charge(payer, found.due, found.id)
        if found.invoice is not None:
            self.invoices.put(changed(self.invoices[found.invoice], status="paid"))
        return self.bookings.put(changed(found, status="confirmed", paid=found.due, due=0, card=payer.id, hold_until=None))

    @tool(
        requires=signed_in,
        writes=("bookings", "customers", "invoices"),
        phrases=(
            "use {points} loyalty points for {booking}",
            "redeem {points} points on {booking}",
            "bring the price of {booking} down with {points} of my points",
        ),
    )
    def redeem_points(self, booking: BookingId, points: Points) -> Booking:
        """Pay a part of a held booking with loyalty points: a point is worth 0.01, at most half of the price.

        Args:
            booking: the held booking.
            points: how many points to use.

        Raises:
            limit_exceeded: the customer has fewer points, or they would pay more than half.
        """
        found, owner = self._held(booking), self.me
        if points > owner.points:
            raise ToolError("limit_exceeded", f"there are {owner.points} points, {points} were asked for")
        most = found.price // 2 - found.points_used
        if points > most:
            raise ToolError("limit_exceeded", f"points may pay half of the price: at most {max(most, 0)} more for this booking")
        self.customers.put(changed(owner, points=owner.points - points))
        found = self.void_invoice(found)
        return self.bookings.put(changed(found, points_used=found.points_used + points, due=found.due - points))

    @tool(
        requires=signed_in,
        writes=("bookings", "invoices"),
        phrases=(
            "get an invoice for {booking}",
            "send me a bill for {booking} that I can pay by bank transfer",
            "ask the agency to invoice {booking} and hold it longer",
        ),
    )
    def request_invoice(self, booking: BookingId) -> Invoice:
        """Issue an invoice over what is due for a held booking, with the agency's IBAN; the hold grows to 72 hours.

        Args:
            booking: the held booking.

        Raises:
            conflict: there is an open invoice already.
        """
        found = self._held(booking)
        if found.invoice is not None:
            raise ToolError("conflict", f"invoice {found.invoice} for booking {booking} is open already (list_invoices)")
        key = self.mint(self.invoices)
        invoice = Invoice(key, self.session, found.id, found.title, found.due, self.agency_iban, "open", self.today)
        later = max(self.hold_until(found.starts_at, INVOICE_HOURS), str(found.hold_until))
        self.bookings.put(changed(found, invoice=key, hold_until=later))
        return self.invoices.put(invoice)

    # -- parts -----------------------------------------------------------------------------------------

    def _may_fly(self, person: Traveller, flight: Dated) -> None:
        self.passport_ok(person, flight)
        for other in self.bookings.where(customer=self.session, flight=flight.id, traveller=person.id):
            if other.status in UPCOMING:
                raise ToolError("conflict", f"{person.name} is on this flight already, with booking {other.id}")

    def _held(self, booking: str) -> Booking:
        found = self.own_booking(booking)
        if found.status != "held":
            raise ToolError("precondition_failed", f"booking {booking} is {found.status}; only a held booking has something due")
        return found
