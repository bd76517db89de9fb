"""What is on offer, as pure functions of the timetable: dated flights, fares, seats and rooms before our own bookings.

A dated flight is not stored. Its id is the route's two airport codes, the service's place in the route, and the
day scrambled by the service's salt (`KQXBLMTA1-307`): it can be read back, and not be guessed from another seed.
Strangers take places by fixed arithmetic, so the tables keep only what bookings of ours add.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ...records import keep_texts
from .days import moment, weekday
from .meanings import Cabin, FareKind, Position
from .records import Room, Route, Service
from .views import SeatOffer

CABINS: tuple[Cabin, ...] = ("economy", "business")
FARES: tuple[FareKind, ...] = ("saver", "standard", "flex")
HORIZON = 330
"""How many days ahead flights and rooms are sold."""

LAST_DAY = 20_300 + 999
"""The last day whose flights have an id."""

SEAT_LETTERS = "ACDF"
BUSINESS_ROWS = 2
LEGROOM_FEE = 2500
_FIRST_DAY = 20_300  # 2025-07-31; day codes cover a thousand days from here
_STEP, _STEP_BACK = 637, pow(637, -1, 1000)
_LETTERS = "YMQJCD"
_FACTORS: dict[FareKind, int] = {"saver": 100, "standard": 125, "flex": 165}
_SPREAD = (7, 13, 17, 19, 23)
_RULES: dict[FareKind, str] = {
    "saver": "no changes, no refund",
    "standard": "date change 40.00, cancellation 60.00 until 24 hours before departure",
    "flex": "free date changes and full refund until departure; first bag included",
}


class Dated(NamedTuple):
    """One flight on one day."""

    id: str
    route: Route
    service: Service
    day: int

    @property
    def departs(self) -> int:
        """The clock at departure."""
        return self.day * 86400 + self.service.departs * 60

    @property
    def departs_at(self) -> str:
        """Departure as text."""
        return moment(self.departs)

    @property
    def arrives_at(self) -> str:
        """Arrival as text."""
        return moment(self.departs + self.service.minutes * 60)


def flies(service: Service, day: int) -> bool:
    """Whether the service runs on that day's weekday."""
    return bool(service.weekdays >> weekday(day) & 1)


def flight_id(route: Route, place: int, day: int) -> str:
    """The id of the route's service number `place` (from 0) on a day."""
    code = ((day - _FIRST_DAY) * _STEP + route.services[place].salt) % 1000
    return f"{route.pair}{place + 1}-{code:03d}"


def read_flight(route: Route, flight: str) -> Dated | None:
    """The flight of an id whose first letters named `route`, or None where the rest is no flight of it."""
    place, dash, code = flight[8:9], flight[9:10], flight[10:]
    if not (place.isascii() and place.isdigit() and dash == "-" and len(code) == 3 and code.isascii() and code.isdigit()):
        return None
    if not 1 <= int(place) <= len(route.services):
        return None
    service = route.services[int(place) - 1]
    day = _FIRST_DAY + (int(code) - service.salt) * _STEP_BACK % 1000
    return Dated(flight, route, service, day) if flies(service, day) else None


def fare_id(flight: Dated, cabin: Cabin, kind: FareKind) -> str:
    """The id of one fare of a flight: its id and a letter."""
    return flight.id + _LETTERS[(CABINS.index(cabin) * 3 + FARES.index(kind) + flight.service.salt) % 6]


def read_fare(flight: Dated, letter: str) -> tuple[Cabin, FareKind] | None:
    """The cabin and kind that a fare's letter means on this flight."""
    place = _LETTERS.find(letter) if len(letter) == 1 else -1
    if place < 0:
        return None
    cabin, kind = divmod((place - flight.service.salt) % 6, 3)
    return CABINS[cabin], FARES[kind]


def fare_price(flight: Dated, cabin: Cabin, kind: FareKind, today: int) -> int:
    """What a fare costs when bought today: by day, cabin and kind, dearer in the last ten and three days."""
    _, _, service, day = flight
    swing = 85 + (service.salt * 7 + day * 37) % 46
    late = 125 if day - today <= 3 else 110 if day - today <= 10 else 100
    price = service.fare * swing * late // 10_000
    price = price * (260 if cabin == "business" else 100) // 100
    return price * _FACTORS[kind] // 100 // 10 * 10


def fare_rules(kind: FareKind) -> str:
    """What may be done with a fare, in words."""
    return _RULES[kind]


# -- seats --------------------------------------------------------------------------------------------------


def capacity(service: Service, cabin: Cabin) -> int:
    """Seats of a cabin."""
    return 4 * (BUSINESS_ROWS if cabin == "business" else service.rows)


def strangers(service: Service, day: int, cabin: Cabin) -> int:
    """Seats that people outside our tables have; now and then all of them."""
    size, side = capacity(service, cabin), cabin == "business"
    if (service.salt + day * 5 + side * 3) % 23 == 0:
        return size
    return size * (35 + (service.salt * 13 + day * 29 + side * 17) % 56) // 100


def seat_labels(service: Service, cabin: Cabin) -> tuple[str, ...]:
    """The seats of a cabin, front to back: `1A` ... business first."""
    return _labels(1 if cabin == "business" else 1 + BUSINESS_ROWS, capacity(service, cabin) // 4)


@lru_cache(maxsize=256)
def _labels(first: int, rows: int) -> tuple[str, ...]:
    return tuple([f"{row}{letter}" for row in range(first, first + rows) for letter in SEAT_LETTERS])


def open_seats(flight: Dated, cabin: Cabin) -> list[str]:
    """The seats that no stranger has; as many as the cabin's capacity less `strangers`."""
    labels, service = seat_labels(flight.service, cabin), flight.service
    size, sold = len(labels), strangers(service, flight.day, cabin)
    step, shift = _SPREAD[service.salt % len(_SPREAD)], service.salt + flight.day * 3
    return [label for place, label in enumerate(labels) if (place * step + shift) % size >= sold]


def seat_fee(seat: str) -> int:
    """What choosing a seat costs: the first economy row has more legroom."""
    return LEGROOM_FEE if seat[:-1] == str(1 + BUSINESS_ROWS) else 0


keep_texts(SeatOffer)  # every map shows the same ones


@lru_cache(maxsize=1024)
def seat_offer(seat: str) -> SeatOffer:
    """A free seat as the map shows it."""
    fee = seat_fee(seat)
    position: Position = "window" if seat[-1] in "AF" else "aisle"
    return SeatOffer(seat, int(seat[:-1]), position, fee > 0, fee)


# -- rooms --------------------------------------------------------------------------------------------------


def rooms_open(room: Room, day: int) -> int:
    """Rooms of a kind that no stranger has in the night that begins on `day`."""
    if (room.salt + day) % 17 == 0:
        return 0
    return room.count - room.count * ((room.salt + day * 7) % 11) // 12


def stay_price(room: Room, day: int, nights: int) -> int:
    """The price of a stay that begins on `day`: nights of Fridays and Saturdays cost 15 % more."""
    weeks, rest = divmod(nights, 7)
    first = weekday(day)
    dear = 2 * weeks + (first <= 4 < first + rest) + (first <= 5 < first + rest) + (first + rest > 11) + (first + rest > 12)
    return dear * (room.rate * 115 // 100) + (nights - dear) * room.rate


def room_rules(room: Room) -> str:
    """What may be done with a rate, in words."""
    if room.fare == "flex":
        return "free date changes; full refund until 48 hours before check-in, then one night is kept"
    return "no changes, no refund"
