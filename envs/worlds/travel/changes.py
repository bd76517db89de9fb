"""Tools that change a booking: seat, bags, date, cancellation. Fare rules decide fees and refunds."""

from __future__ import annotations

from ...errors import ToolError, shorten
from ...records import changed
from ...tool import tool
from .base import UPCOMING, TravelState, signed_in
from .days import iso, number
from .inventory import (
    Dated,
    fare_price,
    fare_rules,
    flies,
    flight_id,
    open_seats,
    room_rules,
    seat_fee,
    seat_labels,
    stay_price,
)  # fmt: skip
from .meanings import Bags, BookingId, SeatNo, TravelDay
from .records import Booking
from .views import CancellationTerms

BAG_FEE = 3000
MOST_BAGS = 3
CHANGE_FEE = 4000
CANCEL_FEE = 6000


class ChangeTools(TravelState):
    """After booking."""

    @tool(
        requires=signed_in,
        writes=("bookings", "flight_loads", "cards", "payments", "invoices"),
        phrases=(
            "choose {seat} for {booking}",
            "seat me in {seat} on {booking}",
            "move {booking} to {seat}",
        ),
    )
    def select_seat(self, booking: BookingId, seat: SeatNo) -> Booking:
        """Choose a free seat in the cabin of a flight booking; extra legroom costs 25.00, other seats nothing.

        Args:
            booking: the flight booking.
            seat: the seat, from the seat map of its flight.

        Raises:
            conflict: the seat is taken.
        """
        found = self.upcoming_flight(booking)
        flight, cabin = self.flight(str(found.flight)), found.cabin or "economy"
        if seat not in seat_labels(flight.service, cabin):
            raise ToolError("not_found", f"{cabin} of this flight has no seat {shorten(seat)!r}; get_seat_map shows the free ones")
        if found.seat == seat:
            raise ToolError("conflict", f"seat {seat} is chosen for this booking already")
        load = self.flight_loads.get(flight.id)
        if seat not in open_seats(flight, cabin) or (load is not None and seat in load.seats):
            raise ToolError("conflict", f"seat {seat} is taken; get_seat_map shows the free ones")
        self.take(found, -1)
        found = self.add_cost(found, seat_fee(seat) - (seat_fee(found.seat) if found.seat else 0))
        found = self.bookings.put(changed(found, seat=seat))
        self.take(found)
        return found

    @tool(
        requires=signed_in,
        writes=("bookings", "cards", "payments", "invoices"),
        phrases=(
            "add {bags} checked bags to {booking}",
            "book luggage for {booking}: {bags} bags",
            "let me take {bags} more suitcases on {booking}",
        ),
    )
    def add_baggage(self, booking: BookingId, bags: Bags) -> Booking:
        """Add checked bags to a flight booking, 30.00 each, at most three in all.

        Args:
            booking: the flight booking.
            bags: how many bags to add.

        Raises:
            limit_exceeded: there would be more than three bags, or budget or card do not cover the fee.
        """
        found = self.upcoming_flight(booking)
        if found.bags + bags > MOST_BAGS:
            raise ToolError("limit_exceeded", f"the booking has {found.bags} bags; at most {MOST_BAGS} are allowed")
        found = self.add_cost(found, bags * BAG_FEE)
        return self.bookings.put(changed(found, bags=found.bags + bags))

    @tool(
        requires=signed_in,
        writes=("bookings", "flight_loads", "room_nights", "cards", "payments", "invoices"),
        phrases=(
            "move {booking} to {date}",
            "change the date of {booking} to {date}",
            "let me travel on {date} instead with {booking}",
        ),
    )
    def change_date(self, booking: BookingId, date: TravelDay) -> Booking:
        """Move a booking to another day: the same flight number, or the same room and number of nights.

        Saver fares cannot be moved. A dearer day costs the difference; a cheaper one refunds nothing. A standard
        fare that is paid costs 40.00 more. The seat is given up. What is owed is charged to the card that paid.

        Args:
            booking: the booking to move.
            date: the new day of departure or arrival.

        Raises:
            precondition_failed: the fare cannot be moved.
            unavailable: the flight does not go on that day, or nothing is free.
        """
        found, day = self.upcoming(booking), self.travel_day(date)
        if found.fare == "saver":
            raise ToolError("precondition_failed", f"booking {booking} has a saver fare, which cannot be moved")
        if found.date == date:
            raise ToolError("conflict", f"booking {booking} is on {date} already")
        self.take(found, -1)
        moved = self._moved_flight(found, day) if found.kind == "flight" else self._moved_stay(found, day)
        if moved.starts_at <= self.timestamp:
            raise ToolError("unavailable", f"{moved.title} on {date} has begun already")
        fee = CHANGE_FEE if found.kind == "flight" and found.fare == "standard" and found.status == "confirmed" else 0
        moved = self.add_cost(moved, fee + moved.base_price - found.base_price)
        if moved.hold_until is not None:
            moved = changed(moved, hold_until=min(moved.hold_until, moved.starts_at))
        self.take(moved)
        return self.bookings.put(moved)

    @tool(
        requires=signed_in,
        phrases=(
            "tell me what I would get back for {booking}",
            "show the cancellation terms of {booking}",
            "see what it would cost to call off {booking}",
        ),
    )
    def get_cancellation_terms(self, booking: BookingId) -> CancellationTerms:
        """Tell what cancelling a booking now would refund and what the agency would keep; changes nothing.

        Args:
            booking: the booking.
        """
        found = self.upcoming(booking)
        refund, points = self._refund(found)
        rules = fare_rules(found.fare) if found.room is None else room_rules(self.room(found.room)[1])
        return CancellationTerms(found.id, found.title, found.status, found.fare, refund, found.paid - refund, points, rules)

    @tool(
        requires=signed_in,
        writes=("bookings", "flight_loads", "room_nights", "cards", "payments", "customers", "invoices"),
        phrases=(
            "cancel {booking}",
            "call off {booking} and refund what is possible",
            "give {booking} back, I am not going after all",
        ),
    )
    def cancel_booking(self, booking: BookingId) -> Booking:
        """Cancel a booking; by its fare's rules, money goes back to the card that paid and points to the account.

        Args:
            booking: the booking to cancel.

        Raises:
            precondition_failed: it has begun, or is no longer held or confirmed.
        """
        found = self.upcoming(booking)
        refund, points = self._refund(found)
        return self.give_up(found, "cancelled", refund, points)

    # -- parts -----------------------------------------------------------------------------------------

    def _moved_flight(self, booking: Booking, day: int) -> Booking:
        flight = self.flight(str(booking.flight))
        cabin = booking.cabin or "economy"
        if not flies(flight.service, day):
            raise ToolError("unavailable", f"{flight.service.number} does not fly on {iso(day)}; fare_calendar shows days with flights")
        key = flight_id(flight.route, flight.route.services.index(flight.service), day)
        target = Dated(key, flight.route, flight.service, day)
        if self.seats_left(target, cabin) <= 0:
            raise ToolError("unavailable", f"{cabin} is sold out on {flight.service.number} of {iso(day)}")
        self.passport_ok(self.travellers[booking.traveller], target)
        for other in self.bookings.where(customer=booking.customer, flight=key, traveller=booking.traveller):
            if other.status in UPCOMING:
                raise ToolError("conflict", f"{booking.traveller_name} is on that flight already, with booking {other.id}")
        base = max(booking.base_price, fare_price(target, cabin, booking.fare, self.day))
        return changed(booking, date=iso(day), starts_at=target.departs_at, flight=key, seat=None, base_price=base)

    def _moved_stay(self, booking: Booking, day: int) -> Booking:
        _, room = self.room(str(booking.room))
        if self.rooms_left(room, day, booking.nights) <= 0:
            raise ToolError("unavailable", f"no {room.kind} room is free for {booking.nights} nights from {iso(day)}")
        base = max(booking.base_price, stay_price(room, day, booking.nights))
        return changed(booking, date=iso(day), starts_at=f"{iso(day)}T15:00:00", base_price=base)

    def _refund(self, booking: Booking) -> tuple[int, int]:
        """Money and points that cancelling gives back."""
        if booking.status == "held":
            return 0, booking.points_used
        if booking.fare == "saver":
            return 0, 0
        kept = 0
        if booking.kind == "flight" and booking.fare == "standard":
            kept = CANCEL_FEE if self.hours_to(booking) >= 24 else booking.paid
        elif booking.kind == "hotel" and self.hours_to(booking) < 48:
            kept = stay_price(self.room(str(booking.room))[1], number(booking.date), 1)
        refund = booking.paid - min(kept, booking.paid)
        return refund, booking.points_used if refund else 0
