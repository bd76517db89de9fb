"""What values mean in the travel world, and how literals of them are drawn.

Money is in minor units, moments are ISO 8601 in UTC (so that text order is time order), days are `types.Date`.
"""

from __future__ import annotations

from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field

from ...types import Amount, Date, Key, Known, Sample
from .days import iso
from .names import COUNTRIES, FAMILY_NAMES, GIVEN_NAMES

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
NewPerson = Annotated[PersonName, Known("new_traveller_name")]  # never someone who is on file already
Email = Annotated[str, Known("travel_email")]
Password = Annotated[str, Known("travel_password")]
Iban = Annotated[str, Known("iban")]
CardName = Annotated[str, Known("travel_card_nickname")]
HotelName = Annotated[str, Known("hotel_name")]
FlightNumber = Annotated[str, Known("flight_number")]
PassportNumber = Annotated[str, Field(pattern=r"^[A-Z0-9]{6,9}$"), Known("passport_number"), Sample(draw_passport)]
NewPassport = Annotated[PassportNumber, Known("new_passport_number")]
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
Companion = Literal["partner", "child", "parent", "friend", "colleague"]
RoomKind = Literal["single", "double", "twin", "suite"]
Position = Literal["window", "aisle"]
