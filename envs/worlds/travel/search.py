"""Tools that anyone may use: airports, flights, fares by day, seat maps, hotels. They read only."""

from __future__ import annotations

from operator import attrgetter

from ...errors import ToolError
from ...records import maker
from ...tool import tool
from .base import TravelState
from .days import iso
from .inventory import (
    CABINS,
    FARES,
    LAST_DAY,
    Dated,
    fare_id,
    fare_price,
    fare_rules,
    flies,
    flight_id,
    open_seats,
    room_rules,
    seat_offer,
    stay_price,
)  # fmt: skip
from .meanings import AirportCode, Cabin, City, FlightId, HotelId, Nights, Stars, TravelDay
from .records import Airport, Route
from .views import FareDay, FareOffer, FlightDetails, FlightOption, HotelDetails, HotelOption, RoomOffer, SeatMap

_fare_offer, _flight_option, _fare_day = maker(FareOffer), maker(FlightOption), maker(FareDay)
_hotel_option, _room_offer = maker(HotelOption), maker(RoomOffer)


class SearchTools(TravelState):
    """What is on offer."""

    @tool(
        phrases=(
            "find the airports of {city}",
            "tell me which airports serve {city}",
            "look up where one can fly to or from in {city}",
        )
    )
    def find_airports(self, city: City) -> list[Airport]:
        """Find the airports of a city; their codes are what flight searches take.

        Args:
            city: the city's name.
        """
        return [self.airports[code] for code in self.city(city).airports]

    @tool(
        phrases=(
            "find flights from {origin} to {destination} on {date}",
            "search {cabin} flights from {origin} to {destination} on {date}",
            "see how to get from {origin} to {destination} by air on {date}",
        )
    )
    def search_flights(
        self, origin: AirportCode, destination: AirportCode, date: TravelDay, cabin: Cabin = "economy"
    ) -> list[FlightOption]:
        """Search the direct flights between two airports on a day, cheapest first; sold-out flights are left out.

        Args:
            origin: the airport to fly from.
            destination: the airport to fly to.
            date: the day of departure.
            cabin: the cabin to sit in.

        Raises:
            invalid_arguments: the day is past, or both airports are the same.
        """
        route, day = self._route(origin, destination), self.travel_day(date)
        free = [(flight, left) for flight in self._departures(route, day) if (left := self.seats_left(flight, cabin)) > 0]
        return sorted([self._option(flight, cabin, left) for flight, left in free], key=attrgetter("price", "flight"))

    @tool(
        phrases=(
            "see which days in the week from {start} are cheapest from {origin} to {destination}",
            "compare {cabin} fares from {origin} to {destination} over seven days from {start}",
            "tell me when it is cheap to fly from {origin} to {destination} around {start}",
        )
    )
    def fare_calendar(self, origin: AirportCode, destination: AirportCode, start: TravelDay, cabin: Cabin = "economy") -> list[FareDay]:
        """Give the cheapest flight of each day for seven days; days without a free seat are left out.

        Args:
            origin: the airport to fly from.
            destination: the airport to fly to.
            start: the first of the seven days.
            cabin: the cabin to sit in.
        """
        route, first, today = self._route(origin, destination), self.travel_day(start), self.day
        found: list[FareDay] = []
        for day in range(first, min(first + 7, LAST_DAY + 1)):
            free = [(flight, left) for flight in self._departures(route, day) if (left := self.seats_left(flight, cabin)) > 0]
            offers = [(fare_price(flight, cabin, "saver", today), flight.id, flight.service.number, left) for flight, left in free]
            for price, key, number, left in sorted(offers)[:1]:
                found.append(_fare_day(iso(day), key, number, cabin, price, left))
        return found

    @tool(
        phrases=(
            "show the details and fares of {flight}",
            "tell me what {flight} costs and under which rules",
            "look up times, aircraft and ticket prices of {flight}",
        )
    )
    def get_flight(self, flight: FlightId) -> FlightDetails:
        """Show one dated flight with all its fares: price, seats left, and rules for changes and refunds.

        Args:
            flight: which flight.
        """
        found = self.flight(flight)
        route, service, today = found.route, found.service, self.day
        fares = [
            _fare_offer(fare_id(found, cabin, kind), cabin, kind, fare_price(found, cabin, kind, today), left, fare_rules(kind))
            for cabin in CABINS
            if (left := self.seats_left(found, cabin)) > 0
            for kind in FARES
        ]
        return FlightDetails(
            found.id, service.number, service.airline, service.aircraft, route.origin, route.destination, route.from_city,
            route.to_city, iso(found.day), found.departs_at, found.arrives_at, service.minutes, route.international, tuple(fares),
        )  # fmt: skip

    @tool(
        phrases=(
            "show the seat map of {flight}",
            "see which {cabin} seats are still free on {flight}",
            "tell me where one can still sit on {flight}",
        )
    )
    def get_seat_map(self, flight: FlightId, cabin: Cabin = "economy") -> SeatMap:
        """Show the free seats of a flight's cabin, with position and fee.

        Args:
            flight: which flight.
            cabin: which cabin to show.
        """
        found = self.flight(flight)
        free = [seat_offer(seat) for seat in self.free_seats(found, cabin)]
        return SeatMap(found.id, found.service.number, cabin, self.seats_left(found, cabin), tuple(free))

    @tool(
        phrases=(
            "find a hotel in {city} from {check_in} for {nights} nights",
            "look for somewhere to stay in {city} with at least {min_stars} stars, arriving {check_in}, {nights} nights",
            "see which hotels in {city} have something free on {check_in}",
        )
    )
    def search_hotels(self, city: City, check_in: TravelDay, nights: Nights = 1, min_stars: Stars = 1) -> list[HotelOption]:
        """Search the hotels of a city that have a room for the whole stay, cheapest first.

        Args:
            city: the city to stay in.
            check_in: the day of arrival.
            nights: how many nights.
            min_stars: the least number of stars.
        """
        place, day = self.city(city), self.travel_day(check_in)
        found = []
        for hotel in map(self.hotels.__getitem__, place.hotels):
            if hotel.stars < min_stars:
                continue
            rooms = [(stay_price(r, day, nights), left) for r in hotel.rooms if (left := self.rooms_left(r, day, nights)) > 0]
            if rooms:
                total = sum([left for _, left in rooms])
                found.append(_hotel_option(hotel.id, hotel.name, hotel.city, hotel.stars, hotel.rating, min(rooms)[0], total))
        return sorted(found, key=attrgetter("cheapest", "hotel"))

    @tool(
        phrases=(
            "show the rooms of {hotel} from {check_in} for {nights} nights",
            "tell me what a stay of {nights} nights at {hotel} from {check_in} would cost",
            "look at {hotel} for an arrival on {check_in}",
        )
    )
    def get_hotel(self, hotel: HotelId, check_in: TravelDay, nights: Nights = 1) -> HotelDetails:
        """Show a hotel with its address, amenities, and the rooms that are free for a stay, with total price and rules.

        Args:
            hotel: which hotel.
            check_in: the day of arrival.
            nights: how many nights.
        """
        found, day = self.hotels[hotel], self.travel_day(check_in)
        rooms = [
            _room_offer(room.room, room.kind, room.fare, stay_price(room, day, nights), left, room_rules(room))
            for room in found.rooms
            if (left := self.rooms_left(room, day, nights)) > 0
        ]
        return HotelDetails(
            found.id, found.name, found.city, found.stars, found.rating, found.address, found.amenities, check_in,
            iso(day + nights), tuple(rooms),
        )  # fmt: skip

    # -- parts -----------------------------------------------------------------------------------------

    def free_seats(self, flight: Dated, cabin: Cabin) -> list[str]:
        """The seats of a cabin that nobody has chosen."""
        load = self.flight_loads.get(flight.id)
        chosen = load.seats if load is not None else ()
        return [seat for seat in open_seats(flight, cabin) if seat not in chosen]

    def _route(self, origin: str, destination: str) -> Route | None:
        if origin == destination:
            raise ToolError("invalid_arguments", "origin and destination are the same airport")
        for code in (origin, destination):
            if code not in self.airports:
                raise ToolError("not_found", f"there is no airport {code[:20]!r}; find_airports gives the codes of a city")
        return self.routes.get(origin + destination)

    def _departures(self, route: Route | None, day: int) -> list[Dated]:
        if route is None:
            return []
        flights = [
            Dated(flight_id(route, place, day), route, service, day) for place, service in enumerate(route.services) if flies(service, day)
        ]
        now = self.now
        return [flight for flight in flights if flight.departs > now]

    def _option(self, flight: Dated, cabin: Cabin, left: int) -> FlightOption:
        route, service = flight.route, flight.service
        return _flight_option(
            flight.id, service.number, service.airline, route.origin, route.destination, route.from_city, route.to_city,
            iso(flight.day), flight.departs_at, flight.arrives_at, service.minutes, cabin,
            fare_price(flight, cabin, "saver", self.day), left,
        )  # fmt: skip
