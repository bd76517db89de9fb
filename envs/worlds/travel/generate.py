"""How a travel world comes to be: a timetable, hotels, and customers with travellers, cards and bookings."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple

from ...records import changed
from .base import TravelState
from .days import iso, moment, seconds
from .inventory import CABINS, FARES, Dated, capacity, fare_price, flies, flight_id, open_seats, stay_price, strangers
from .meanings import Relation, RoomKind, Status
from .names import (
    AIRCRAFT,
    AIRLINES,
    AIRPORT_WORDS,
    AMENITIES,
    CARD_NAMES,
    CARD_NETWORKS,
    CITIES,
    COUNTRIES,
    FAMILY_NAMES,
    GIVEN_NAMES,
    HOTEL_FIRST,
    HOTEL_LAST,
    PASSWORD_WORDS,
    STREETS,
)  # fmt: skip
from .records import Airport, Booking, Card, CityRecord, Customer, Hotel, Invoice, Payment, Policy, Room, Route, Service, Traveller

_WEEK = (127, 127, 127, 0b0111111, 0b1110111, 0b1111101, 0b1011111)
_KINDS: tuple[RoomKind, ...] = ("single", "double", "twin", "suite")
_RELATIONS: tuple[Relation, ...] = ("partner", "child", "parent", "friend", "colleague")
_PLANS: tuple[tuple[str, Status], ...] = (
    ("flight", "confirmed"), ("flight", "held"), ("hotel", "confirmed"), ("flight", "completed"), ("hotel", "held"),
)  # fmt: skip
_MORE: tuple[tuple[str, Status], ...] = (
    ("flight", "confirmed"), ("flight", "held"), ("flight", "confirmed"), ("hotel", "confirmed"), ("flight", "cancelled"),
)  # fmt: skip


class Scale(NamedTuple):
    """How much of what a size has."""

    cities: int
    per_country: int
    airports: int
    hotels: int
    customers: int


class Offers(NamedTuple):
    """What customers choose from."""

    routes: list[Route]
    hotels: list[Hotel]
    card_names: tuple[str, ...] = CARD_NAMES


def _scale(size: str) -> Scale:
    return Scale(6, 2, 1, 3, 3) if size == "small" else Scale(14, 3, 3, 8, 15) if size == "medium" else Scale(56, 4, 14, 20, 150)


def fill(world: TravelState, rng: Random, size: str) -> None:
    """Make the whole state of a world."""
    scale = _scale(size)
    names = _cities(rng, scale)
    airports = _airports(world, rng, names, scale)
    routes = [make_route(rng, a, b) for a in airports for b in airports if a.city != b.city]
    for route in routes:
        world.routes.put(route)
    words = range(len(HOTEL_FIRST) * len(HOTEL_LAST))
    hotels = [make_hotel(world, rng, name, pick) for name, _ in names for pick in rng.sample(words, scale.hotels)]
    for place, (name, country) in enumerate(names):
        there = tuple([hotel.id for hotel in hotels[place * scale.hotels : (place + 1) * scale.hotels]])
        world.cities.put(CityRecord(name, country, tuple([a.code for a in airports if a.city == name]), there))
    world.agency_iban = f"DE{rng.randrange(10, 99)}{rng.randrange(10**17, 10**18)}"
    for place in range(scale.customers):
        customer = _customer(world, rng)
        if not place:
            world.user = customer.id
        Household(world, rng, customer, Offers(routes, hotels), own=not place).settle()


# -- the timetable and the hotels ---------------------------------------------------------------------------


def _cities(rng: Random, scale: Scale) -> list[tuple[str, str]]:
    """Cities in blocks of a country, so that there are domestic routes and international ones."""
    order = rng.sample(COUNTRIES, len(COUNTRIES))
    found: list[tuple[str, str]] = []
    for country in order:
        found.extend([city for city in CITIES if city[1] == country][: scale.per_country])
    return found[: scale.cities]


def _airports(world: TravelState, rng: Random, names: list[tuple[str, str]], scale: Scale) -> list[Airport]:
    made = []
    for place, (city, country) in enumerate(names):
        words = rng.sample(AIRPORT_WORDS, 2 if place < scale.airports else 1)
        made += [world.airports.put(Airport(world.mint(world.airports), f"{city} {word}", city, country)) for word in words]
    return made


def make_route(rng: Random, origin: Airport, target: Airport, airlines: tuple[tuple[str, str], ...] = AIRLINES) -> Route:
    """A route with one or two services."""
    abroad = origin.country != target.country
    minutes = rng.randrange(80, 640, 5) if abroad else rng.randrange(50, 130, 5)
    pair = origin.code + target.code
    services = tuple([make_service(rng, minutes, place, airlines) for place in range(1 + (rng.random() < 0.55))])
    return Route(pair, origin.code, target.code, origin.city, target.city, abroad, services)


def make_service(rng: Random, minutes: int, place: int, airlines: tuple[tuple[str, str], ...] = AIRLINES) -> Service:
    """A service of a flight of so many minutes: in the morning at place 0, from the afternoon on at place 1."""
    bits = rng.getrandbits(60)
    bits, line = divmod(bits, len(airlines))
    bits, flight_number = divmod(bits, 9000)
    bits, craft = divmod(bits, len(AIRCRAFT))
    bits, departs = divmod(bits, 96)
    bits, swing = divmod(bits, 50)
    bits, rows = divmod(bits, 5)
    bits, week = divmod(bits, len(_WEEK))
    airline, code = airlines[line]
    leaves = 360 + departs * 5 + place * 480  # from six in the morning, the second service from the afternoon on
    fare = (2500 + minutes * 38) * (80 + swing) // 100
    return Service(f"{code} {1000 + flight_number}", airline, AIRCRAFT[craft], leaves, minutes, _WEEK[week], fare, 8 + rows, bits % 10_000)


def make_hotel(world: TravelState, rng: Random, city: str, pick: int) -> Hotel:
    """A hotel with the name number `pick` in a city."""
    key = world.mint(world.hotels)
    stars = rng.choice((2, 3, 3, 4, 4, 5))
    name = f"{HOTEL_FIRST[pick % len(HOTEL_FIRST)]} {HOTEL_LAST[pick // len(HOTEL_FIRST)]} {city}"
    rate = 3000 + stars * stars * rng.randrange(350, 700)
    first = rng.randrange(3)
    rooms = tuple(
        [
            Room(
                f"{key}-{place + 1}", _KINDS[first + place // 2], FARES[2 if place % 2 == 0 else 0],
                rate * (100 + 40 * (place // 2) - 15 * (place % 2)) // 100 // 10 * 10, rng.randint(3, 7), rng.randrange(10_000),
            )
            for place in range(2 + 2 * (rng.random() < 0.4))
        ]
    )  # fmt: skip
    address = f"{rng.randint(1, 180)} {rng.choice(STREETS)}, {city}"
    return world.hotels.put(Hotel(key, name, city, stars, rng.randint(60, 98), address, tuple(rng.sample(AMENITIES, 3)), rooms))


# -- customers ----------------------------------------------------------------------------------------------


def _customer(world: TravelState, rng: Random) -> Customer:
    given, family = rng.choice(GIVEN_NAMES), rng.choice(FAMILY_NAMES)
    email = f"{given}.{family}{rng.randrange(10, 9999)}@example.com".lower()
    password = f"{rng.choice(PASSWORD_WORDS)}-{rng.choice(PASSWORD_WORDS)}-{rng.randrange(10, 1000)}"
    points = rng.randrange(0, 60) * 50
    return world.customers.put(Customer(world.mint(world.customers), f"{given} {family}", email, password, points, points, None))


class Household:
    """One customer's travellers, cards and bookings while they are made."""

    def __init__(self, world: TravelState, rng: Random, customer: Customer, offers: Offers, own: bool) -> None:
        self.world, self.rng, self.customer, self.own = world, rng, customer, own
        self.routes, self.hotels, self.card_names = offers
        self.cards = [world.mint(world.cards) for _ in range(3 if own else 1)]
        self.owed = dict.fromkeys(self.cards, 0)

    def settle(self, plans: Sequence[tuple[str, Status]] = ()) -> None:
        """Make everything this customer has; what is booked is drawn where no `plans` say it."""
        rng, world = self.rng, self.world
        self.people = self.travellers()
        plans = plans or ([*_PLANS, *rng.sample(_MORE, rng.randint(2, 3))] if self.own else rng.sample(_PLANS + _MORE, 3))
        made = [self.booking(kind, status) for kind, status in plans]
        earned = sum([b.points_earned for b in made])
        self._policy(next((b for b in made if b.status == "confirmed"), None))
        if self.own:
            self._invoice(next(b for b in reversed(made) if b.status == "held"))
        self.keep_cards()
        budget = None
        if self.own and rng.random() < 0.5:
            budget = (world.committed(self.customer.id) // 100_000 + rng.randrange(3, 9)) * 100_000
        world.customers.put(changed(self.customer, points=self.customer.points + earned, budget=budget))

    def travellers(self) -> list[Traveller]:
        """The customer, and the people for whom the user books."""
        rng, world, customer = self.rng, self.world, self.customer
        family = customer.name.split()[-1]
        others = rng.sample(GIVEN_NAMES, rng.randint(2, 3)) if self.own else []
        names = [customer.name, *[f"{given} {family}" for given in others if f"{given} {family}" != customer.name]]
        made = []
        for place, name in enumerate(names):
            birth = iso(world.day - rng.randint(20 * 365, 65 * 365))
            left = rng.randint(400, 3000) if place < 2 else rng.choice((-200, 20, 900))
            has = place < 2 or rng.random() < 0.6
            passport = (f"{rng.choice('CGKLPX')}{rng.randrange(10**7, 10**8)}", rng.choice(COUNTRIES), iso(world.day + left))
            relation: Relation = "self" if place == 0 else rng.choice(_RELATIONS)
            papers = passport if has else (None, None, None)
            made.append(world.travellers.put(Traveller(world.mint(world.travellers), customer.id, name, relation, birth, *papers)))
        return made

    def booking(self, kind: str, status: Status) -> Booking:
        """A booking with its payments and places."""
        rng, world = self.rng, self.world
        key, person = world.mint(world.bookings), self.people[0 if rng.random() < 0.7 else min(1, len(self.people) - 1)]
        draft = self.flight(key, person, status) if kind == "flight" else self.stay(key, person)
        if status == "held":
            world.take(draft)
            until = min(moment(world.now + rng.randrange(6, 24) * 3600), draft.starts_at)
            return world.bookings.put(changed(draft, hold_until=until, due=draft.price))
        card = self.cards[0 if len(self.cards) == 1 else rng.randrange(2)]
        draft = changed(draft, status=status, card=card, paid=draft.price)
        self.pay(card, "charge", draft.price, draft.id, None)
        if status == "completed":
            draft = changed(draft, points_earned=draft.paid // 100)
        if status == "cancelled":
            refund = {"saver": 0, "standard": max(0, draft.paid - 6000), "flex": draft.paid}[draft.fare]
            if refund:
                self.pay(card, "refund", refund, draft.id, None)
            return world.bookings.put(changed(draft, refunded=refund))
        if kind == "flight" and rng.random() < 0.4:
            draft = self._seated(draft)
        world.take(draft)
        return world.bookings.put(draft)

    def flight(self, key: str, person: Traveller, status: Status) -> Booking:
        """A held flight, not kept yet; in the past where it is to be completed."""
        rng, world = self.rng, self.world
        past = status == "completed"
        while True:
            route = rng.choice(self.routes)
            place = rng.randrange(len(route.services))
            day = world.day + (-rng.randint(5, 60) if past else rng.randint(4, 40))
            service, cabin = route.services[place], CABINS[rng.random() < 0.15]
            flight = Dated(flight_id(route, place, day), route, service, day)
            taken = world.flight_loads.get(flight.id)
            if flies(service, day) and taken is None and strangers(service, day, cabin) < capacity(service, cabin):
                break
        fare = rng.choice(FARES)
        price = fare_price(flight, cabin, fare, world.day)
        title = f"{service.number} {route.from_city} to {route.to_city}"
        bags = 1 if fare == "flex" else 0
        return Booking(
            key, self.customer.id, "flight", "held", person.id, person.name, title, route.to_city, iso(day), flight.departs_at, fare,
            flight.id, cabin, None, bags, None, 0, price, price, 0, 0, 0, 0, None, None, None, 0,
        )  # fmt: skip

    def stay(self, key: str, person: Traveller) -> Booking:
        """A held stay in a hotel, not kept yet."""
        rng, world = self.rng, self.world
        while True:
            hotel = rng.choice(self.hotels)
            room, day, nights = rng.choice(hotel.rooms), world.day + rng.randint(4, 40), rng.randint(1, 4)
            if world.rooms_left(room, day, nights) > 0:
                break
        price, title = stay_price(room, day, nights), f"{hotel.name}, {hotel.city}, {room.kind} room"
        return Booking(
            key, self.customer.id, "hotel", "held", person.id, person.name, title, hotel.city, iso(day), f"{iso(day)}T15:00:00",
            room.fare, None, None, None, 0, room.room, nights, price, price, 0, 0, 0, 0, None, None, None, 0,
        )  # fmt: skip

    def _seated(self, booking: Booking) -> Booking:
        flight = self.world.flight(str(booking.flight))
        seats = [seat for seat in open_seats(flight, booking.cabin or "economy") if not seat.startswith("3")]
        return changed(booking, seat=self.rng.choice(seats)) if seats else booking

    def pay(self, card: str, kind: Literal["charge", "refund"], amount: int, booking: str | None, policy: str | None) -> None:
        """Note a payment by one of the cards."""
        world, rng = self.world, self.rng
        self.owed[card] += amount if kind == "charge" else -amount
        at = moment(world.now - rng.randrange(1, 60) * 3600)
        world.payments.put(Payment(world.mint(world.payments), self.customer.id, card, kind, amount, booking, policy, at))

    def _policy(self, booking: Booking | None) -> None:
        if booking is None:
            return
        world, card = self.world, self.cards[0]
        premium, key = max(500, booking.price * 4 // 100), world.mint(world.policies)
        until = moment(world.now + self.rng.randrange(2, 13) * 86400)
        self.pay(card, "charge", premium, None, key)
        policy = Policy(key, booking.customer, booking.id, booking.traveller_name, booking.city, "basic", premium, "active", card, until)
        world.policies.put(policy)

    def _invoice(self, booking: Booking) -> None:
        world = self.world
        key = world.mint(world.invoices)
        world.invoices.put(Invoice(key, booking.customer, booking.id, booking.title, booking.due, world.agency_iban, "open", world.today))
        later = min(moment(seconds(str(booking.hold_until)) + 48 * 3600), booking.starts_at)
        world.bookings.put(changed(booking, invoice=key, hold_until=later))

    def keep_cards(self) -> None:
        """Store the cards, with what was paid by them."""
        rng, world = self.rng, self.world
        nicknames = rng.sample(self.card_names, len(self.cards))
        for place, key in enumerate(self.cards):
            opening = rng.randrange(0, 80_000)
            owed = opening + self.owed[key]
            room = (rng.randrange(400_000, 900_000), rng.randrange(40_000, 250_000), rng.randrange(100_000, 300_000))[place]
            limit = (owed + room) // 10_000 * 10_000 + 10_000
            expires = f"{2027 + rng.randrange(4)}-{rng.randint(1, 12):02d}" if place < 2 else f"2025-{rng.randint(3, 12):02d}"
            network, last = rng.choice(CARD_NETWORKS), f"{rng.randrange(10_000):04d}"
            world.cards.put(Card(key, self.customer.id, nicknames[place], network, last, expires, limit, opening, owed))  # type: ignore[arg-type]
