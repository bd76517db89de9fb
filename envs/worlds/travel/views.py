"""What tools show beside the records: search results, offers, summaries."""

from __future__ import annotations

from typing import Literal

from ...records import record
from ...types import Date, Money, Text
from .meanings import (
    AirportCode,
    BookingId,
    Cabin,
    CardId,
    CardName,
    City,
    Cover,
    Email,
    FareId,
    FareKind,
    FlightId,
    FlightNumber,
    HotelId,
    HotelName,
    PersonName,
    Position,
    RoomId,
    RoomKind,
    SeatNo,
    Status,
)


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
