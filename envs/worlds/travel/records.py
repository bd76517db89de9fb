"""What things mean in the travel world, and the records that its tables keep and its tools give back.

Money is in minor units, moments are ISO 8601 in UTC (so that text order is time order), days are `types.Date`.
"""

from __future__ import annotations

from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field

from ...state import record
from ...types import Amount, Date, Key, Known, Money, Sample, Text
from .names import COUNTRIES, FAMILY_NAMES, GIVEN_NAMES
from .days import iso

# -- draws: literals in the form a caller writes them -------------------------------------------------------


def draw_travel_day(world: Any, rng: Random) -> str:
    """A day of the coming weeks; the timetable is dense enough that most routes fly on it."""
    return iso(world.now // 86400 + rng.randint(3, 30))


def draw_budget(world: Any, rng: Random) -> str:
    """A budget that leaves room above what most customers have booked."""
    return f"{rng.choice((6000, 7500, 8000, 9000, 10000, 12000, 15000, 20000))}.00"


def draw_points(world: Any, rng: Random) -> int:
    """A round number of points."""
    return rng.choice((100, 200, 300, 400, 500, 600, 800, 1000))


def draw_name(world: Any, rng: Random) -> str:
    """A new person."""
    return f"{rng.choice(GIVEN_NAMES)} {rng.choice(FAMILY_NAMES)}"


def draw_birth(world: Any, rng: Random) -> str:
    """A birthday, 5 to 70 years ago."""
    return iso(world.now // 86400 - rng.randint(5 * 365, 70 * 365))


def draw_passport(world: Any, rng: Random) -> str:
    """A passport number."""
    return f"{rng.choice('CEGKLNPRX')}{rng.randrange(10**7, 10**8)}"


def draw_passport_expiry(world: Any, rng: Random) -> str:
    """A day one to ten years ahead."""
    return iso(world.now // 86400 + rng.randint(365, 3650))


def draw_country(world: Any, rng: Random) -> str:
    """A country that issues passports here."""
    return rng.choice(COUNTRIES)


# -- meanings -----------------------------------------------------------------------------------------------

City = Annotated[str, Known("city")]
Country = Annotated[str, Known("country"), Sample(draw_country)]
PersonName = Annotated[str, Field(min_length=2, max_length=60, pattern=r"^\S(.*\S)?$"), Known("person_name"), Sample(draw_name)]
Email = Annotated[str, Known("travel_email")]
Password = Annotated[str, Known("travel_password")]
Iban = Annotated[str, Known("iban")]
CardName = Annotated[str, Known("travel_card_nickname")]
HotelName = Annotated[str, Known("hotel_name")]
FlightNumber = Annotated[str, Known("flight_number")]
PassportNumber = Annotated[str, Field(pattern=r"^[A-Z0-9]{6,9}$"), Known("passport_number"), Sample(draw_passport)]
PassportExpiry = Annotated[Date, Known("passport_expiry"), Sample(draw_passport_expiry)]
BirthDate = Annotated[Date, Known("birth_date"), Sample(draw_birth)]
TravelDay = Annotated[Date, Sample(draw_travel_day)]
Nights = Annotated[int, Field(ge=1, le=14), Sample(lambda world, rng: rng.choice((1, 2, 2, 3, 3, 4, 5, 7)))]
Bags = Annotated[int, Field(ge=1, le=3), Sample(lambda world, rng: rng.choice((1, 1, 1, 2)))]
Stars = Annotated[int, Field(ge=1, le=5), Sample(lambda world, rng: rng.choice((2, 3, 3, 4)))]
Points = Annotated[int, Field(ge=100, le=1_000_000), Sample(draw_points)]
Budget = Annotated[Amount, Known("travel_budget"), Sample(draw_budget)]

AirportCode = Annotated[str, Key("airport", "@@@@")]
FlightId = Annotated[str, Key("flight", "@@@@@@@@#-###")]
FareId = Annotated[str, Key("fare", "@@@@@@@@#-###@")]
QuoteId = Annotated[str, Key("flight_quote", "QT-******")]
SeatNo = Annotated[str, Key("seat", "##@")]
HotelId = Annotated[str, Key("hotel", "HT-******")]
RoomId = Annotated[str, Key("hotel_room", "HT-******-#")]
BookingId = Annotated[str, Key("booking", "TB-******")]
TravellerId = Annotated[str, Key("traveller", "TR-******")]
CardId = Annotated[str, Key("travel_card", "TC-******")]
PolicyId = Annotated[str, Key("insurance_policy", "IP-******")]
InvoiceId = Annotated[str, Key("travel_invoice", "TI-******")]
PaymentId = Annotated[str, Key("travel_payment", "TP-******")]
CustomerId = Annotated[str, Key("travel_customer", "CU-******")]

Cabin = Literal["economy", "business"]
FareKind = Literal["saver", "standard", "flex"]
Status = Literal["held", "confirmed", "completed", "cancelled", "expired"]
Cover = Literal["basic", "plus"]
Relation = Literal["self", "partner", "child", "parent", "friend", "colleague"]
RoomKind = Literal["single", "double", "twin", "suite"]
Position = Literal["window", "aisle"]

# -- what the tables keep -----------------------------------------------------------------------------------


@record
class CityRecord:
    name: City
    country: Country
    airports: tuple[AirportCode, ...]
    hotels: tuple[HotelId, ...]


@record
class Airport:
    code: AirportCode
    name: str
    city: City
    country: Country


@record
class Service:
    """One line of the timetable: a flight number that leaves at one time on some weekdays."""

    number: FlightNumber
    airline: str
    aircraft: str
    departs: int
    minutes: int
    weekdays: int
    fare: Money
    rows: int
    salt: int


@record
class Route:
    """All services between two airports, kept under both codes in one word."""

    pair: str
    origin: AirportCode
    destination: AirportCode
    from_city: City
    to_city: City
    international: bool
    services: tuple[Service, ...]


@record
class Room:
    """A kind of room in a hotel. `fare` is its rate: `flex` can be moved and cancelled, `saver` cannot."""

    room: RoomId
    kind: RoomKind
    fare: FareKind
    rate: Money
    count: int
    salt: int


@record
class Hotel:
    id: HotelId
    name: HotelName
    city: City
    stars: int
    rating: int
    address: str
    amenities: tuple[str, ...]
    rooms: tuple[Room, ...]


@record
class Customer:
    id: CustomerId
    name: PersonName
    email: Email
    password: str
    points: int
    opening_points: int
    budget: Money | None


@record
class Traveller:
    id: TravellerId
    customer: str
    name: PersonName
    relation: Relation
    birth_date: BirthDate
    passport_number: PassportNumber | None
    passport_country: Country | None
    passport_expires: PassportExpiry | None


@record
class Card:
    id: CardId
    customer: str
    nickname: CardName
    network: Literal["visa", "mastercard", "amex"]
    last_four: str
    expires: str
    limit: Money
    opening: Money
    owed: Money


@record
class FlightLoad:
    """Places of one dated flight that bookings in our tables take; absent where there are none."""

    flight: FlightId
    economy: int
    business: int
    seats: tuple[str, ...]


@record
class RoomNight:
    """Rooms of one kind that bookings in our tables take for one night, under `room:day`; absent at none."""

    night: str
    booked: int


@record
class Quote:
    id: QuoteId
    customer: str
    fare: FareId
    flight: FlightId
    number: FlightNumber
    from_city: City
    to_city: City
    date: Date
    cabin: Cabin
    kind: FareKind
    price: Money
    status: Literal["open", "used", "expired"]
    expires_at: str


@record
class Booking:
    """A flight or a stay. Held: `due` is owed. Confirmed: paid by `card`. `fare` says what may be changed."""

    id: BookingId
    customer: str
    kind: Literal["flight", "hotel"]
    status: Status
    traveller: TravellerId
    traveller_name: PersonName
    title: str
    city: City
    date: Date
    starts_at: str
    fare: FareKind
    flight: FlightId | None
    cabin: Cabin | None
    seat: SeatNo | None
    bags: int
    room: RoomId | None
    nights: int
    base_price: Money
    price: Money
    points_used: int
    due: Money
    paid: Money
    refunded: Money
    card: CardId | None
    invoice: InvoiceId | None
    hold_until: str | None
    points_earned: int


@record
class Payment:
    id: PaymentId
    customer: str
    card: CardId
    kind: Literal["charge", "refund"]
    amount: Money
    booking: BookingId | None
    policy: PolicyId | None
    at: str


@record
class Policy:
    id: PolicyId
    customer: str
    booking: BookingId
    traveller_name: PersonName
    city: City
    cover: Cover
    premium: Money
    status: Literal["active", "cancelled"]
    card: CardId
    cancel_until: str


@record
class Invoice:
    id: InvoiceId
    customer: str
    booking: BookingId
    title: str
    amount: Amount
    iban: Iban
    status: Literal["open", "paid", "void"]
    issued: Date


# -- what tools show beside them ----------------------------------------------------------------------------


@record
class SignIn:
    name: PersonName
    email: Email


@record
class Account:
    name: PersonName
    email: Email
    points: int
    budget: Money | None
    committed: Money
    remaining: Money | None


@record
class FlightOption:
    flight: FlightId
    number: FlightNumber
    airline: str
    origin: AirportCode
    destination: AirportCode
    from_city: City
    to_city: City
    date: Date
    departs_at: str
    arrives_at: str
    minutes: int
    cabin: Cabin
    price: Money
    seats_left: int


@record
class FareDay:
    date: Date
    flight: FlightId
    number: FlightNumber
    cabin: Cabin
    price: Money
    seats_left: int


@record
class FareOffer:
    fare: FareId
    cabin: Cabin
    kind: FareKind
    price: Money
    seats_left: int
    rules: str


@record
class FlightDetails:
    flight: FlightId
    number: FlightNumber
    airline: str
    aircraft: str
    origin: AirportCode
    destination: AirportCode
    from_city: City
    to_city: City
    date: Date
    departs_at: str
    arrives_at: str
    minutes: int
    passport_needed: bool
    fares: tuple[FareOffer, ...]


@record
class SeatOffer:
    seat: SeatNo
    row: int
    position: Position
    extra_legroom: bool
    fee: Money


@record
class SeatMap:
    flight: FlightId
    number: FlightNumber
    cabin: Cabin
    seats_left: int
    free: tuple[SeatOffer, ...]


@record
class HotelOption:
    hotel: HotelId
    name: HotelName
    city: City
    stars: int
    rating: int
    cheapest: Money
    rooms_left: int


@record
class RoomOffer:
    room: RoomId
    kind: RoomKind
    fare: FareKind
    total: Money
    rooms_left: int
    rules: str


@record
class HotelDetails:
    hotel: HotelId
    name: HotelName
    city: City
    stars: int
    rating: int
    address: str
    amenities: tuple[str, ...]
    check_in: Date
    check_out: Date
    rooms: tuple[RoomOffer, ...]


@record
class CardView:
    card: CardId
    nickname: CardName
    network: Literal["visa", "mastercard", "amex"]
    last_four: str
    expires: str
    expired: bool
    limit: Money
    available: Money


@record
class CancellationTerms:
    booking: BookingId
    title: str
    status: Status
    fare: FareKind
    refund: Money
    kept: Money
    points_back: int
    rules: str


@record
class InsuranceOption:
    booking: BookingId
    cover: Cover
    premium: Money
    covers: str


@record
class Itinerary:
    traveller: PersonName
    bookings: int
    first_day: Date | None
    text: Text


