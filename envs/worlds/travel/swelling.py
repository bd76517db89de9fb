"""More of a travel world: places, flights, hotels, customers, and old trips of the user's that nobody asks about.

Laws: no plain record changes but for a city's hotels and a route's services, which grow at their ends; what is
added to a plain city or route is dearer than all there, so that the cheapest stays the cheapest. The user's new
trips ran out or were cancelled and paid back, for other people, with other cards: points, budget and what plain
cards owe stay as they are. No new name, nickname, city or flight number is a plain one's; nothing new falls due.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from ...records import changed
from .base import TravelState
from .days import iso, moment
from .generate import Household, Offers, make_hotel, make_route, make_service
from .meanings import Relation
from .names import (
    AIRPORT_WORDS,
    COUNTRIES,
    GIVEN_NAMES,
    HOTEL_FIRST,
    HOTEL_LAST,
    MORE_AIRLINES,
    MORE_CARDS,
    MORE_CITIES,
    MORE_FAMILIES,
    PASSWORD_WORDS,
)
from .records import Airport, Booking, CityRecord, Customer, Hotel, Invoice, Policy, Route, Traveller

LETTERS = "ABCDEGHJKLMNPRSTVW"
MOST_SERVICES = 9  # a flight's id has one digit for its place in the route
TRIPS = 7  # of the user's for each new traveller
_RELATIONS: tuple[Relation, ...] = ("friend", "colleague")


class _Span(NamedTuple):
    """The first and last day, and the least and greatest price, of what the user has booked."""

    first: str
    last: str
    low: int
    high: int

    def holds(self, booking: Booking) -> bool:
        return self.first < booking.starts_at < self.last and self.low < booking.price < self.high


def swell(world: TravelState, rng: Random, factor: int) -> None:
    """Add `factor` helpings to a generated world."""
    plain = list(world.airports)
    _more_services(world, rng, factor)
    _more_hotels(world, rng, factor)
    offers = _more_places(world, rng, factor, plain)
    for _ in range(12 * factor):
        customer = _stranger(world, rng)
        Household(world, rng, customer, offers, own=False).settle((("flight", "completed"), ("flight", "cancelled")))
    _trips(world, rng, factor, offers)


# -- places, flights and hotels ---------------------------------------------------------------------------


def _more_services(world: TravelState, rng: Random, factor: int) -> None:
    """Further flights on plain routes: after those there are, and at least half as dear again as all of them.

    A day's fare swings by at most 130/85, so that no new flight is ever cheaper than one of the plain ones.
    """
    routes = list(world.routes)
    for route in rng.sample(routes, min(len(routes), 50 * factor)):
        dearest = max(service.fare for service in route.services)
        minutes, more = route.services[0].minutes, []
        for place in range(min(2 + factor, MOST_SERVICES - len(route.services))):
            service = make_service(rng, minutes, place % 2, MORE_AIRLINES)
            more.append(changed(service, fare=dearest * rng.randint(156, 220) // 100))
        world.routes.put(changed(route, services=(*route.services, *more)))


def _more_hotels(world: TravelState, rng: Random, factor: int) -> None:
    """Further hotels in plain cities: dearer, with fewer points and no more stars than the best one there."""
    cities = list(world.cities)
    for city in rng.sample(cities, min(len(cities), 10 * factor)):
        there = [world.hotels[key] for key in city.hotels]
        dearest = max(room.rate for hotel in there for room in hotel.rooms)
        best, stars = max(hotel.rating for hotel in there), max(hotel.stars for hotel in there)
        taken = {hotel.name for hotel in there}
        free = [n for n in range(len(HOTEL_FIRST) * len(HOTEL_LAST)) if _hotel_name(n, city.name) not in taken]
        made = []
        for pick in rng.sample(free, min(len(free), 4 * factor)):
            hotel = make_hotel(world, rng, city.name, pick)
            lift = dearest * rng.randint(105, 180) // 100 - min(room.rate for room in hotel.rooms)
            rooms = tuple([changed(room, rate=(room.rate + max(lift, 0)) // 10 * 10 + 10) for room in hotel.rooms])
            rating = rng.randint(min(60, best - 1), best - 1)
            made.append(world.hotels.put(changed(hotel, rooms=rooms, rating=rating, stars=min(stars, hotel.stars))))
        world.cities.put(changed(city, hotels=(*city.hotels, *[hotel.id for hotel in made])))


def _hotel_name(pick: int, city: str) -> str:
    return f"{HOTEL_FIRST[pick % len(HOTEL_FIRST)]} {HOTEL_LAST[pick // len(HOTEL_FIRST)]} {city}"


def _more_places(world: TravelState, rng: Random, factor: int, plain: list[Airport]) -> Offers:
    """Further cities with an airport each, flights between them and to some plain ones, and hotels."""
    names = rng.sample(MORE_CITIES, min(len(MORE_CITIES), 10 * factor))
    words = range(len(HOTEL_FIRST) * len(HOTEL_LAST))
    airports: list[Airport] = []
    hotels: list[Hotel] = []
    for city, country in names:
        here = Airport(world.mint(world.airports), f"{city} {rng.choice(AIRPORT_WORDS)}", city, country)
        airports.append(world.airports.put(here))
        there = [make_hotel(world, rng, city, pick) for pick in rng.sample(words, 4)]
        hotels += there
        world.cities.put(CityRecord(city, country, (here.code,), tuple([hotel.id for hotel in there])))
    near = rng.sample(plain, min(len(plain), 7))
    apart = [_keep(world, make_route(rng, a, b, MORE_AIRLINES)) for a in airports for b in airports if a is not b]
    for a in airports:
        for b in near:
            _keep(world, make_route(rng, a, b, MORE_AIRLINES))
            _keep(world, make_route(rng, b, a, MORE_AIRLINES))
    return Offers(apart, hotels, MORE_CARDS)


def _keep(world: TravelState, route: Route) -> Route:
    return world.routes.put(route)


# -- people and trips -------------------------------------------------------------------------------------


def _name(rng: Random) -> str:
    return f"{rng.choice(GIVEN_NAMES)} {rng.choice(LETTERS)}. {rng.choice(MORE_FAMILIES)}"


def _stranger(world: TravelState, rng: Random) -> Customer:
    key, name = world.mint(world.customers), _name(rng)
    given, letter, family = name.split()
    email = f"{given}.{letter}{family}{rng.randrange(10, 9999)}@example.com".lower()
    password = f"{rng.choice(PASSWORD_WORDS)}-{rng.choice(PASSWORD_WORDS)}-{rng.randrange(1000, 10_000)}"
    points = rng.randrange(0, 60) * 50
    return world.customers.put(Customer(key, name, email, password, points, points, None))


def _trips(world: TravelState, rng: Random, factor: int, offers: Offers) -> None:
    """Travellers for whom the user booked, each with a card of the user's, and trips that came to nothing."""
    me = world.customers[world.user]
    mine = list(world.bookings_of(me.id))
    starts, prices = [b.starts_at for b in mine], [b.price for b in mine]
    span = _Span(min(starts), max(starts), min(prices), max(prices))
    for number in range(6 * factor):
        nickname = MORE_CARDS[number % len(MORE_CARDS)] + (f" {number // len(MORE_CARDS) + 1}" if number >= len(MORE_CARDS) else "")
        house = Household(world, rng, me, offers._replace(card_names=(nickname,)), own=False)
        person = _traveller(world, rng, me)
        for _ in range(TRIPS):
            _lapsed(house, person, span)
        house.keep_cards()


def _traveller(world: TravelState, rng: Random, me: Customer) -> Traveller:
    birth = iso(world.day - rng.randint(20 * 365, 65 * 365))
    passport = f"{rng.choice('BDFHJMQ')}{rng.randrange(10**7, 10**8)}"
    expires = iso(world.day + rng.randint(400, 3000))
    key, name, relation = world.mint(world.travellers), _name(rng), rng.choice(_RELATIONS)
    return world.travellers.put(Traveller(key, me.id, name, relation, birth, passport, rng.choice(COUNTRIES), expires))


def _lapsed(house: Household, person: Traveller, span: _Span) -> None:
    """One trip that is over before it began: a flexible one was cancelled and paid back, others were never paid."""
    rng, world = house.rng, house.world
    key = world.mint(world.bookings)
    for _ in range(8):
        draft = house.stay(key, person) if rng.random() < 0.35 else house.flight(key, person, "completed" if rng.random() < 0.5 else "held")
        if span.holds(draft):
            break
    if draft.fare != "flex":
        world.bookings.put(changed(draft, status="expired"))
        if rng.random() < 0.4:
            issued = iso(world.day - rng.randint(1, 60))
            bill = Invoice(world.mint(world.invoices), draft.customer, key, draft.title, draft.price, world.agency_iban, "void", issued)
            world.invoices.put(bill)
        return
    card = house.cards[0]
    house.pay(card, "charge", draft.price, key, None)
    house.pay(card, "refund", draft.price, key, None)
    world.bookings.put(changed(draft, status="cancelled", card=card, paid=draft.price, refunded=draft.price))
    if rng.random() < 0.6:
        _covered(house, draft)


def _covered(house: Household, trip: Booking) -> None:
    """A policy for a trip, given back with it."""
    world, card = house.world, house.cards[0]
    premium, key = max(500, trip.price * 4 // 100), world.mint(world.policies)
    house.pay(card, "charge", premium, None, key)
    house.pay(card, "refund", premium, None, key)
    until = moment(world.now - house.rng.randrange(2, 13) * 86400)
    world.policies.put(Policy(key, trip.customer, trip.id, trip.traveller_name, trip.city, "basic", premium, "cancelled", card, until))
