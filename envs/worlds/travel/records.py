"""The records that the tables of the travel world keep."""

from __future__ import annotations

from typing import Literal

from ...records import record
from ...types import Amount, Date, Money
from .meanings import (
    AirportCode,
    BirthDate,
    BookingId,
    Cabin,
    CardId,
    CardName,
    City,
    Country,
    Cover,
    CustomerId,
    Email,
    FareId,
    FareKind,
    FlightId,
    FlightNumber,
    HotelId,
    HotelName,
    Iban,
    InvoiceId,
    PassportExpiry,
    PassportNumber,
    PaymentId,
    PersonName,
    PolicyId,
    QuoteId,
    Relation,
    RoomId,
    RoomKind,
    SeatNo,
    Status,
    TravellerId,
)


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
    """Rooms of one kind that bookings in our tables take for one night, under `room:day number`; absent at none."""

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
