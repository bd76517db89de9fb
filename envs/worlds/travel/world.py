"""The travel world: a travel agency with flights, hotels, cards, fare rules and a clock."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from ...world import Size
from .account import AccountTools
from .changes import ChangeTools
from .generate import fill
from .insurance import InsuranceTools
from .laws import broken
from .search import SearchTools
from .swelling import swell
from .trade import TradeTools


class Travel(ChangeTools, InsuranceTools, TradeTools, SearchTools, AccountTools):
    """A travel agency for one customer: flights and hotels from search to refund, on a simulated clock.

    State. A timetable of routes between airports (services with weekdays; dated flights are computed, their ids
    are fuzzed by the seed), hotels with kinds of rooms, customers with travellers and passports, stored cards,
    bookings, a ledger of charges and refunds, insurance policies, invoices, quotes. Seats and rooms are stored
    only where bookings of ours change them. Quotes and the ledger are incidental: they tell the route, while cards
    and bookings tell the result.

    Tools. Open to all: find_airports, search_flights, fare_calendar, get_flight, get_seat_map, search_hotels,
    get_hotel, sign_in. Signed in, account: get_account, set_budget, list_travellers, add_traveller,
    set_passport, list_cards, list_bookings, list_policies, list_invoices, get_itinerary. Buying: quote_fare,
    book_flight, book_room, pay_booking, redeem_points, request_invoice, list_insurance_options, buy_insurance,
    cancel_insurance. Changing: select_seat, add_baggage, change_date, get_cancellation_terms, cancel_booking.

    Rules.
    - A flight is booked from a quote that fixes its price for 30 minutes. A booking is held for 24 hours (72 with
      an invoice) and is confirmed by paying what is due with a card; a hold that runs out gives its places back.
    - International flights need a passport that is valid when the flight lands.
    - Fares: saver (no changes, no refund), standard (change 40.00, cancellation 60.00 until 24 hours before
      departure, then nothing back), flex (free changes, full refund, one bag). Rooms: saver and flex (full refund
      until 48 hours before check-in, then one night is kept).
    - Extras of a confirmed booking are charged at once to the card that paid; refunds go to that card.
    - The travel budget is a cap: what would take all upcoming trips and their insurance above it is refused with
      `limit_exceeded`; a budget below what is committed is refused too.
    - A completed trip earns one point per 1.00 paid; a point pays 0.01, at most half of a booking.

    Laws (`invariants`). Each card owes its opening sum plus charges less refunds, within its limit; bookings and
    policies agree with that ledger; points are conserved; no cabin or room is oversold and the seat map agrees
    with the seats for sale; nothing is held past its hold; every record is owned by one customer and refers to
    records of the same.

    Access. Other customers' bookings, cards, travellers and policies are in the tables; their ids are refused
    with `permission_denied`, and no tool reveals them.

    What travel benchmarks get wrong and this world does not: any secret signs in, expired cards and documents
    pass, dates in the past pass, the budget test is inverted, a negative premium adds money, insurance leaves no
    record, there are no seats, passengers or refunds.

    Example:
        world = Travel.create(seed=7)
        world.call("sign_in", {"email": ..., "password": ...})
        world.call("list_bookings", {"status": "held"})
        world.call("pay_booking", {"booking": "TB-...", "card": "TC-..."})
    """

    GROWS = ("cities.hotels", "routes.services")

    def generate(self, rng: Random, size: Size) -> None:
        """Fill the world; see `generate.fill`."""
        fill(self, rng, size)

    def generate_more(self, rng: Random, factor: int) -> None:
        """Add cities, flights, hotels and trips of no consequence; see `swelling.swell`."""
        swell(self, rng, factor)

    def invariants(self) -> Iterable[str]:
        """Every broken law; see `laws`."""
        return broken(self)
