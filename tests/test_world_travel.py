"""Travel keeps the rules of a real agency: money, seats, rooms, documents, holds, budgets, fare rules, owners."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from turngym.envs.worlds.travel import Travel

DAY = 86400


class Desk:
    """A world and short ways to call it: `desk.find_airports(city=...)` gives the value or fails the test."""

    def __init__(self, seed: int = 3, sign_in: bool = True) -> None:
        self.world = Travel.create(seed)
        self.facts: dict[str, list[Any]] = {}
        for fact in self.world.known():
            self.facts.setdefault(fact.semantic, []).append(fact.value)
        if sign_in:
            self.sign_in(email=self.facts["travel_email"][0], password=self.facts["travel_password"][0])

    def __getattr__(self, tool: str) -> Any:
        def call(**arguments: Any) -> Any:
            result = self.world.call(tool, arguments)
            assert result.error is None, result
            assert list(self.world.invariants()) == []
            return result.value

        return call

    def refuse(self, kind: str, tool: str, /, **arguments: Any) -> str:
        """Call and expect an error of a kind; nothing may have changed. Gives the message."""
        before = self.world.fingerprint()
        result = self.world.call(tool, arguments)
        assert result.error == kind, result
        assert self.world.fingerprint() == before
        return str(json.loads(result.text)["error"]["message"])

    def later(self, seconds: int) -> None:
        self.world.advance(seconds)
        assert list(self.world.invariants()) == []

    def day(self, ahead: int) -> str:
        return (date.fromisoformat(self.world.today) + timedelta(ahead)).isoformat()

    def card(self, expired: bool = False) -> dict[str, Any]:
        cards = [c for c in self.list_cards() if c["expired"] == expired]
        return max(cards, key=lambda c: float(c["available"]))

    def card_row(self, key: str) -> Any:
        return self.world.cards[key]

    def me(self) -> dict[str, Any]:
        return next(t for t in self.list_travellers() if t["relation"] == "self")

    def offers(self, abroad: bool | None = None, cabin: str = "economy", ahead: int = 12) -> list[dict[str, Any]]:
        """Flights of the world on one day, over all pairs of airports."""
        codes = [a["code"] for city in self.facts["city"] for a in self.find_airports(city=city)]
        found = []
        for origin in codes:
            for target in codes:
                if origin != target:
                    found += self.search_flights(origin=origin, destination=target, date=self.day(ahead), cabin=cabin)
        if abroad is None:
            return found
        return [f for f in found if self.get_flight(flight=f["flight"])["passport_needed"] == abroad]

    def hold(self, kind: str = "standard", cabin: str = "economy", ahead: int = 12, place: int = 0) -> dict[str, Any]:
        """Book a flight for the customer; it is held."""
        flight = self.get_flight(flight=self.offers(cabin=cabin, ahead=ahead)[place]["flight"])
        fare = next(f for f in flight["fares"] if f["kind"] == kind and f["cabin"] == cabin)
        quote = self.quote_fare(fare=fare["fare"])
        return self.book_flight(quote=quote["id"], traveller=self.me()["id"])  # type: ignore[no-any-return]

    def paid(self, kind: str = "standard", **options: Any) -> dict[str, Any]:
        held = self.hold(kind, **options)
        return self.pay_booking(booking=held["id"], card=self.card()["card"])  # type: ignore[no-any-return]

    def rooms(self, fare: str = "flex", ahead: int = 12, nights: int = 2) -> list[dict[str, Any]]:
        found = []
        for city in self.facts["city"]:
            for hotel in self.search_hotels(city=city, check_in=self.day(ahead), nights=nights):
                found += self.get_hotel(hotel=hotel["hotel"], check_in=self.day(ahead), nights=nights)["rooms"]
        return [room for room in found if room["fare"] == fare]

    def stay(self, fare: str = "flex", ahead: int = 12, nights: int = 2) -> dict[str, Any]:
        room = self.rooms(fare, ahead, nights)[0]
        return self.book_room(room=room["room"], traveller=self.me()["id"], check_in=self.day(ahead), nights=nights)  # type: ignore[no-any-return]


def cents(text: str) -> int:
    return round(float(text) * 100)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- sign-in and access -------------------------------------------------------------------------------------


def test_a_wrong_secret_does_not_sign_in() -> None:
    desk = Desk(sign_in=False)
    email = desk.facts["travel_email"][0]
    desk.refuse("permission_denied", "sign_in", email=email, password="guess")
    desk.refuse("permission_denied", "sign_in", email="", password="")
    desk.refuse("precondition_failed", "list_bookings")


def test_searching_is_open_and_booking_is_not() -> None:
    desk = Desk(sign_in=False)
    flight = desk.get_flight(flight=desk.offers()[0]["flight"])
    assert "sign_in" in desk.refuse("precondition_failed", "quote_fare", fare=flight["fares"][0]["fare"])


def test_what_others_own_is_refused(desk: Desk) -> None:
    world = desk.world
    other = next(b for b in world.bookings if b.customer != world.user and b.status == "confirmed")
    for name in ("get_cancellation_terms", "cancel_booking", "list_insurance_options", "request_invoice"):
        desk.refuse("permission_denied", name, booking=other.id)
    desk.refuse("permission_denied", "pay_booking", booking=other.id, card=desk.card()["card"])
    desk.refuse("permission_denied", "change_date", booking=other.id, date=desk.day(20))
    held = desk.hold()
    foreign = next(c for c in world.cards if c.customer != world.user)
    desk.refuse("permission_denied", "pay_booking", booking=held["id"], card=foreign.id)
    person = next(t for t in world.travellers if t.customer != world.user)
    desk.refuse("permission_denied", "set_passport", traveller=person.id, number="C1234567", country="France", expires=desk.day(900))
    desk.refuse("permission_denied", "book_room", room=desk.rooms()[0]["room"], traveller=person.id, check_in=desk.day(12))
    policy = next(p for p in world.policies if p.customer != world.user)
    desk.refuse("permission_denied", "cancel_insurance", policy=policy.id)


def test_lists_show_own_things_only(desk: Desk) -> None:
    text = json.dumps([getattr(desk, n)() for n in ("list_bookings", "list_cards", "list_travellers", "list_policies", "list_invoices")])
    text += desk.get_itinerary()["text"]
    for table in (desk.world.bookings, desk.world.cards, desk.world.travellers, desk.world.policies):
        assert not [row.id for row in table if row.customer != desk.world.user and row.id in text]
    others = {c.email for c in desk.world.customers if c.id != desk.world.user}
    assert others.isdisjoint(desk.facts["travel_email"])


# -- search -------------------------------------------------------------------------------------------------


def test_flights_are_dense_enough_to_find_one_on_most_days(desk: Desk) -> None:
    codes = [a["code"] for city in desk.facts["city"] for a in desk.find_airports(city=city)]
    pairs = [(a, b) for a in codes for b in codes if a + b in desk.world.routes]
    hits = [bool(desk.search_flights(origin=a, destination=b, date=desk.day(d))) for a, b in pairs for d in (5, 9, 14, 23)]
    assert sum(hits) / len(hits) > 0.8


def test_search_refuses_the_past_and_what_is_not_on_sale(desk: Desk) -> None:
    first = desk.offers()[0]
    route = {"origin": first["origin"], "destination": first["destination"]}
    desk.refuse("invalid_arguments", "search_flights", **route, date=desk.day(-1))
    desk.refuse("invalid_arguments", "fare_calendar", **route, start=desk.day(-1))
    desk.refuse("unavailable", "search_flights", **route, date="9999-12-31")
    desk.refuse("invalid_arguments", "search_hotels", city=desk.facts["city"][0], check_in=desk.day(-1))
    desk.refuse("invalid_arguments", "search_flights", origin=first["origin"], destination=first["origin"], date=desk.day(3))
    desk.refuse("not_found", "search_flights", origin="XXXX", destination=first["origin"], date=desk.day(3))
    desk.refuse("not_found", "find_airports", city="Atlantis")


def test_flights_of_today_that_left_are_not_offered(desk: Desk) -> None:
    desk.later(8 * 3600)
    assert all(f["departs_at"] > desk.world.timestamp for f in desk.offers(ahead=0))


def test_calendar_search_and_details_agree(desk: Desk) -> None:
    flight = desk.offers()[0]
    days = desk.fare_calendar(origin=flight["origin"], destination=flight["destination"], start=desk.day(12))
    same = next(d for d in days if d["date"] == desk.day(12))
    assert same["flight"] == flight["flight"]
    assert same["price"] == flight["price"]
    fares = desk.get_flight(flight=flight["flight"])["fares"]
    saver = next(f for f in fares if f["kind"] == "saver" and f["cabin"] == "economy")
    assert (saver["price"], saver["seats_left"]) == (flight["price"], flight["seats_left"])


def test_forged_ids_are_not_found(desk: Desk) -> None:
    flight = desk.offers()[0]["flight"]
    for forged in ("", "x", flight[:-1], flight + "1", flight[:8] + "9" + flight[9:], flight[:10] + "²²²", flight.lower()):
        desk.refuse("not_found", "get_flight", flight=forged)
        desk.refuse("not_found", "quote_fare", fare=forged + "Z")
    desk.refuse("not_found", "quote_fare", fare=flight)
    desk.refuse("not_found", "get_hotel", hotel="HT-000000", check_in=desk.day(3))
    desk.refuse("not_found", "book_room", room="HT-000000-1", traveller=desk.me()["id"], check_in=desk.day(3))


# -- quotes, holds, the clock -------------------------------------------------------------------------------


def test_a_quote_fixes_its_price_expires_and_works_once(desk: Desk) -> None:
    flight = desk.get_flight(flight=desk.offers()[0]["flight"])
    quote = desk.quote_fare(fare=flight["fares"][0]["fare"])
    stale = desk.quote_fare(fare=flight["fares"][1]["fare"])
    booking = desk.book_flight(quote=quote["id"], traveller=desk.me()["id"])
    assert booking["price"] == quote["price"] == booking["due"]
    assert booking["status"] == "held"
    desk.refuse("conflict", "book_flight", quote=quote["id"], traveller=desk.list_travellers()[-1]["id"])
    desk.later(30 * 60)
    assert "expired" in desk.refuse("conflict", "book_flight", quote=stale["id"], traveller=desk.me()["id"])


def test_an_unpaid_hold_runs_out_and_gives_its_seat_back(desk: Desk) -> None:
    first = desk.offers()[0]
    held = desk.hold()
    assert desk.get_seat_map(flight=first["flight"])["seats_left"] == first["seats_left"] - 1
    desk.later(DAY - 1)
    assert desk.list_bookings(status="expired") == [] or held["id"] not in [b["id"] for b in desk.list_bookings(status="expired")]
    desk.later(1)
    assert held["id"] in [b["id"] for b in desk.list_bookings(status="expired")]
    assert desk.get_seat_map(flight=first["flight"])["seats_left"] == first["seats_left"]
    desk.refuse("precondition_failed", "pay_booking", booking=held["id"], card=desk.card()["card"])


def test_a_paid_booking_does_not_expire_and_is_completed_with_points(desk: Desk) -> None:
    paid = desk.paid()
    before = desk.get_account()["points"]
    desk.later(30 * DAY)
    done = next(b for b in desk.list_bookings(status="completed") if b["id"] == paid["id"])
    assert done["points_earned"] == cents(paid["paid"]) // 100
    assert desk.get_account()["points"] >= before + done["points_earned"]
    desk.refuse("precondition_failed", "cancel_booking", booking=paid["id"])
    desk.refuse("precondition_failed", "change_date", booking=paid["id"], date=desk.day(9))


def test_no_booking_into_the_past(desk: Desk) -> None:
    done = next(b for b in desk.list_bookings(status="completed"))
    fares = desk.get_flight(flight=done["flight"])["fares"]
    if fares:
        desk.refuse("unavailable", "quote_fare", fare=fares[0]["fare"])
    room = desk.rooms()[0]["room"]
    desk.refuse("invalid_arguments", "book_room", room=room, traveller=desk.me()["id"], check_in=desk.day(-1))
    desk.later(7 * 3600)
    desk.refuse("unavailable", "book_room", room=room, traveller=desk.me()["id"], check_in=desk.day(0))


# -- documents ----------------------------------------------------------------------------------------------


def test_international_flights_need_a_valid_passport(desk: Desk) -> None:
    new = desk.add_traveller(name="Ada Byron", birth_date="1990-05-01", relation="friend")
    flight = desk.get_flight(flight=desk.offers(abroad=True)[0]["flight"])
    quote = desk.quote_fare(fare=flight["fares"][0]["fare"])["id"]
    assert "set_passport" in desk.refuse("precondition_failed", "book_flight", quote=quote, traveller=new["id"])
    passport = {"traveller": new["id"], "number": "C1234567", "country": "France"}
    desk.refuse("invalid_arguments", "set_passport", **passport, expires=desk.day(-1))
    desk.set_passport(**passport, expires=desk.day(3))
    assert "expires" in desk.refuse("precondition_failed", "book_flight", quote=quote, traveller=new["id"])
    desk.set_passport(**passport, expires=desk.day(400))
    assert desk.book_flight(quote=quote, traveller=new["id"])["traveller"] == new["id"]


def test_domestic_flights_need_no_passport(desk: Desk) -> None:
    new = desk.add_traveller(name="Ada Byron", birth_date="1990-05-01")
    flight = desk.get_flight(flight=desk.offers(abroad=False)[0]["flight"])
    quote = desk.quote_fare(fare=flight["fares"][0]["fare"])["id"]
    assert desk.book_flight(quote=quote, traveller=new["id"])["status"] == "held"


def test_travellers_are_real_and_single(desk: Desk) -> None:
    desk.add_traveller(name="Ada Byron", birth_date="1990-05-01")
    desk.refuse("conflict", "add_traveller", name="Ada Byron", birth_date="1990-05-01")
    ada, own = desk.list_travellers(), desk.me()["passport_number"]
    ada = next(t for t in ada if t["name"] == "Ada Byron")["id"]
    desk.refuse("conflict", "set_passport", traveller=ada, number=own, country="France", expires=desk.day(900))
    desk.refuse("invalid_arguments", "add_traveller", name="Ada Byron", birth_date=desk.day(1))
    desk.refuse("invalid_arguments", "add_traveller", name="Ada Byron", birth_date="1700-01-01")
    desk.refuse("invalid_arguments", "add_traveller", name=" ", birth_date="1990-05-01")
    desk.refuse("invalid_arguments", "set_passport", traveller=desk.me()["id"], number="C1234567", country="Narnia", expires=desk.day(99))


def test_nobody_is_twice_on_one_flight(desk: Desk) -> None:
    held = desk.hold()
    fare = desk.get_flight(flight=held["flight"])["fares"][0]["fare"]
    desk.refuse("conflict", "book_flight", quote=desk.quote_fare(fare=fare)["id"], traveller=desk.me()["id"])


# -- money --------------------------------------------------------------------------------------------------


def test_paying_moves_the_sum_to_the_card_and_confirms(desk: Desk) -> None:
    held, card = desk.hold(), desk.card()
    paid = desk.pay_booking(booking=held["id"], card=card["card"])
    assert (paid["status"], paid["due"], paid["paid"], paid["hold_until"]) == ("confirmed", "0.00", held["due"], None)
    after = next(c for c in desk.list_cards() if c["card"] == card["card"])
    assert cents(card["available"]) - cents(after["available"]) == cents(held["due"])
    desk.refuse("precondition_failed", "pay_booking", booking=held["id"], card=card["card"])


def test_expired_cards_and_exhausted_limits_are_refused(desk: Desk) -> None:
    held = desk.hold()
    assert "expired" in desk.refuse("unavailable", "pay_booking", booking=held["id"], card=desk.card(expired=True)["card"])
    card = desk.card_row(desk.card()["card"])
    gone = card.limit - card.owed - cents(held["due"]) + 1
    desk.world.cards.put(replace(card, owed=card.owed + gone, opening=card.opening + gone))
    desk.world._journal.clear()
    assert "left" in desk.refuse("limit_exceeded", "pay_booking", booking=held["id"], card=card.id)
    desk.world.cards.put(replace(card, owed=card.owed + gone - 1, opening=card.opening + gone - 1))
    desk.world._journal.clear()
    desk.pay_booking(booking=held["id"], card=card.id)


def test_cards_show_no_number(desk: Desk) -> None:
    for card in desk.list_cards():
        assert len(card["last_four"]) == 4
        assert set(card) == {
            "card",
            "nickname",
            "network",
            "last_four",
            "expires",
            "expired",
            "limit",
            "available",
        }


@pytest.mark.parametrize(("kind", "kept"), [("saver", None), ("standard", 6000), ("flex", 0)])
def test_fare_rules_decide_the_refund(desk: Desk, kind: str, kept: int | None) -> None:
    card = desk.card()["card"]
    opening = desk.card_row(card).owed
    paid = desk.paid(kind)
    total = cents(paid["paid"])
    expected = 0 if kept is None else total - min(kept, total)
    terms = desk.get_cancellation_terms(booking=paid["id"])
    assert cents(terms["refund"]) == expected
    assert cents(terms["kept"]) == total - expected
    done = desk.cancel_booking(booking=paid["id"])
    assert done["status"] == "cancelled"
    assert cents(done["refunded"]) == expected
    assert desk.card_row(card).owed == opening + total - expected
    desk.refuse("precondition_failed", "cancel_booking", booking=paid["id"])


def test_a_standard_fare_refunds_nothing_on_the_last_day(desk: Desk) -> None:
    paid = desk.paid("standard", ahead=3)
    desk.later(2 * DAY + 20 * 3600)
    if paid["starts_at"] > desk.world.timestamp:
        assert cents(desk.get_cancellation_terms(booking=paid["id"])["refund"]) == 0


def test_rooms_refund_by_their_rate_and_time(desk: Desk) -> None:
    stay = desk.pay_booking(booking=desk.stay()["id"], card=desk.card()["card"])
    assert desk.get_cancellation_terms(booking=stay["id"])["refund"] == stay["paid"]
    strict = desk.pay_booking(booking=desk.stay("saver")["id"], card=desk.card()["card"])
    assert desk.get_cancellation_terms(booking=strict["id"])["refund"] == "0.00"
    desk.later(11 * DAY)
    late = desk.get_cancellation_terms(booking=stay["id"])
    assert 0 < cents(late["refund"]) < cents(stay["paid"])


def test_cancelling_a_hold_costs_nothing_and_frees_the_place(desk: Desk) -> None:
    rows = len(desk.world.room_nights)
    stay = desk.stay()
    assert len(desk.world.room_nights) > rows
    desk.cancel_booking(booking=stay["id"])
    assert len(desk.world.room_nights) == rows


# -- budget -------------------------------------------------------------------------------------------------


def test_the_budget_is_a_cap_and_not_a_floor(desk: Desk) -> None:
    committed = cents(desk.get_account()["committed"])
    price = cents(desk.offers()[0]["price"])
    desk.set_budget(budget=f"{(committed + price * 125 // 100 + 500) / 100:.2f}")
    held = desk.hold("standard")
    left = desk.get_account()
    assert cents(left["committed"]) == committed + cents(held["price"])
    assert cents(left["remaining"]) == cents(left["budget"]) - cents(left["committed"]) >= 0
    flight = desk.get_flight(flight=desk.offers(cabin="business")[1]["flight"])
    quote = desk.quote_fare(fare=flight["fares"][-1]["fare"])
    desk.refuse("limit_exceeded", "book_flight", quote=quote["id"], traveller=desk.me()["id"])
    desk.refuse("limit_exceeded", "book_room", room=desk.rooms()[0]["room"], traveller=desk.me()["id"], check_in=desk.day(12))
    desk.refuse("limit_exceeded", "add_baggage", booking=held["id"], bags=3)
    desk.refuse("limit_exceeded", "set_budget", budget=f"{(cents(left['committed']) - 1) / 100:.2f}")
    desk.set_budget(budget=left["committed"])
    desk.cancel_booking(booking=held["id"])
    assert desk.get_account()["committed"] == f"{committed / 100:.2f}"


@pytest.mark.parametrize("bad", ["-5.00", "0.00", "1e3", "NaN", "12.345", 100, None])
def test_a_budget_is_a_positive_amount(desk: Desk, bad: Any) -> None:
    desk.refuse("invalid_arguments", "set_budget", budget=bad)


# -- seats and bags -----------------------------------------------------------------------------------------


def test_seat_map_and_seats_left_agree_and_seats_are_single(desk: Desk) -> None:
    held = desk.hold()
    before = desk.get_seat_map(flight=held["flight"])
    plain = [s["seat"] for s in before["free"] if not s["extra_legroom"]]
    booked = desk.select_seat(booking=held["id"], seat=plain[0])
    assert booked["seat"] == plain[0]
    assert booked["price"] == held["price"]
    after = desk.get_seat_map(flight=held["flight"])
    assert plain[0] not in [s["seat"] for s in after["free"]]
    assert after["seats_left"] == before["seats_left"]
    desk.refuse("conflict", "select_seat", booking=held["id"], seat=plain[0])
    desk.refuse("not_found", "select_seat", booking=held["id"], seat="99Z")
    desk.refuse("not_found", "select_seat", booking=held["id"], seat="1A")  # business, and the booking is economy
    desk.cancel_booking(booking=held["id"])
    assert plain[0] in [s["seat"] for s in desk.get_seat_map(flight=held["flight"])["free"]]


def test_a_seat_that_someone_has_is_refused(desk: Desk) -> None:
    held = desk.hold()
    free = {s["seat"] for s in desk.get_seat_map(flight=held["flight"])["free"]}
    taken = next(f"{row}{letter}" for row in range(4, 9) for letter in "ACDF" if f"{row}{letter}" not in free)
    assert "taken" in desk.refuse("conflict", "select_seat", booking=held["id"], seat=taken)


def test_legroom_costs_and_is_charged_at_once_when_confirmed(desk: Desk) -> None:
    for place in range(12):
        fresh = Desk()
        paid = fresh.paid(place=place)
        room = [s for s in fresh.get_seat_map(flight=paid["flight"])["free"] if s["extra_legroom"]]
        if room:
            owed = fresh.card_row(paid["card"]).owed
            booked = fresh.select_seat(booking=paid["id"], seat=room[0]["seat"])
            assert cents(booked["paid"]) - cents(paid["paid"]) == 2500 == fresh.card_row(paid["card"]).owed - owed
            return
    pytest.fail("no flight with a free seat in the first row")


def test_a_cabin_is_never_oversold(desk: Desk) -> None:
    first = min(desk.offers(cabin="business"), key=lambda f: f["seats_left"])
    fare = next(f for f in desk.get_flight(flight=first["flight"])["fares"] if f["cabin"] == "business")["fare"]
    spare = desk.quote_fare(fare=fare)
    for place in range(first["seats_left"]):
        person = desk.add_traveller(name=f"Guest {place}", birth_date="1990-05-01")
        desk.set_passport(traveller=person["id"], number=f"C{1234567 + place}", country="France", expires=desk.day(900))
        desk.book_flight(quote=desk.quote_fare(fare=fare)["id"], traveller=person["id"])
    desk.refuse("unavailable", "quote_fare", fare=fare)
    desk.refuse("unavailable", "book_flight", quote=spare["id"], traveller=desk.me()["id"])
    route = {"origin": first["origin"], "destination": first["destination"], "date": desk.day(12)}
    assert first["flight"] not in [f["flight"] for f in desk.search_flights(**route, cabin="business")]


def test_a_kind_of_room_is_never_oversold(desk: Desk) -> None:
    room = min(desk.rooms(), key=lambda r: r["rooms_left"])
    stay = {"room": room["room"], "traveller": desk.me()["id"], "check_in": desk.day(12), "nights": 2}
    for _ in range(room["rooms_left"]):
        desk.book_room(**stay)
    desk.refuse("unavailable", "book_room", **stay)
    desk.refuse("unavailable", "book_room", **{**stay, "check_in": desk.day(11), "nights": 4})


def test_bags_are_counted_and_paid(desk: Desk) -> None:
    held = desk.hold("standard")
    more = desk.add_baggage(booking=held["id"], bags=2)
    assert more["bags"] == 2
    assert cents(more["due"]) == cents(held["due"]) + 6000
    desk.refuse("limit_exceeded", "add_baggage", booking=held["id"], bags=2)
    for bad in (0, -1, 4, True, "1", 1.5):
        desk.refuse("invalid_arguments", "add_baggage", booking=held["id"], bags=bad)
    desk.refuse("precondition_failed", "add_baggage", booking=desk.stay()["id"], bags=1)
    assert desk.hold("flex", ahead=13)["bags"] == 1


# -- date changes -------------------------------------------------------------------------------------------


def other_day(desk: Desk, booking: dict[str, Any]) -> str:
    """A day near the booking on which its flight goes and has a seat."""
    flight = desk.get_flight(flight=booking["flight"])
    for ahead in range(14, 30):
        options = desk.search_flights(origin=flight["origin"], destination=flight["destination"], date=desk.day(ahead))
        if booking["title"].startswith(tuple(f["number"] for f in options)):
            return desk.day(ahead)
    raise AssertionError("no other day")


def test_a_saver_fare_cannot_be_moved(desk: Desk) -> None:
    saver = desk.hold("saver")
    desk.refuse("precondition_failed", "change_date", booking=saver["id"], date=other_day(desk, saver))


@pytest.mark.parametrize(("kind", "fee"), [("standard", 4000), ("flex", 0)])
def test_moving_a_paid_flight_charges_fee_and_difference(desk: Desk, kind: str, fee: int) -> None:
    paid = desk.paid(kind)
    seats = desk.get_seat_map(flight=paid["flight"])["seats_left"]
    owed = desk.card_row(paid["card"]).owed
    day = other_day(desk, paid)
    moved = desk.change_date(booking=paid["id"], date=day)
    dearer = max(0, cents(moved["base_price"]) - cents(paid["base_price"]))
    assert moved["date"] == day
    assert moved["flight"] != paid["flight"]
    assert cents(moved["paid"]) == cents(paid["paid"]) + fee + dearer == cents(paid["paid"]) + desk.card_row(paid["card"]).owed - owed
    assert desk.get_seat_map(flight=paid["flight"])["seats_left"] == seats + 1
    desk.refuse("conflict", "change_date", booking=paid["id"], date=day)
    desk.refuse("invalid_arguments", "change_date", booking=paid["id"], date=desk.day(-3))


def test_a_flexible_stay_can_be_moved_over_its_own_nights(desk: Desk) -> None:
    stay = desk.pay_booking(booking=desk.stay(nights=3)["id"], card=desk.card()["card"])
    for ahead in (13, 14, 15, 16, 18, 20):
        result = desk.world.call("change_date", {"booking": stay["id"], "date": desk.day(ahead)})
        assert list(desk.world.invariants()) == []
        if result.error is None:
            assert result.value["date"] == desk.day(ahead)
            assert result.value["nights"] == 3
            return
    pytest.fail("the stay could not be moved")


# -- points, invoices, insurance ----------------------------------------------------------------------------


def rich_desk() -> Desk:
    return next(d for d in map(Desk, range(20)) if d.get_account()["points"] >= 1000)


def test_points_pay_at_most_half_and_come_back() -> None:
    desk = rich_desk()
    points, held = desk.get_account()["points"], desk.hold("flex")
    less = desk.redeem_points(booking=held["id"], points=1000)
    assert cents(less["due"]) == cents(held["due"]) - 1000
    assert desk.get_account()["points"] == points - 1000
    desk.refuse("limit_exceeded", "redeem_points", booking=held["id"], points=points - 1000 + 1)
    desk.refuse("invalid_arguments", "redeem_points", booking=held["id"], points=-500)
    paid = desk.pay_booking(booking=held["id"], card=desk.card()["card"])
    assert cents(paid["paid"]) == cents(held["due"]) - 1000
    desk.refuse("precondition_failed", "redeem_points", booking=held["id"], points=100)
    assert desk.cancel_booking(booking=held["id"])["points_used"] == 0
    assert desk.get_account()["points"] == points


def test_an_invoice_names_sum_and_iban_and_keeps_the_hold(desk: Desk) -> None:
    held = desk.hold()
    invoice = desk.request_invoice(booking=held["id"])
    assert invoice["amount"] == held["due"]
    assert invoice["iban"] == desk.world.agency_iban
    assert invoice["status"] == "open"
    desk.refuse("conflict", "request_invoice", booking=held["id"])
    desk.later(2 * DAY)
    assert held["id"] in [b["id"] for b in desk.list_bookings(status="held")]
    desk.add_baggage(booking=held["id"], bags=1)
    assert next(i for i in desk.list_invoices() if i["id"] == invoice["id"])["status"] == "void"
    again = desk.request_invoice(booking=held["id"])
    desk.pay_booking(booking=held["id"], card=desk.card()["card"])
    assert next(i for i in desk.list_invoices() if i["id"] == again["id"])["status"] == "paid"


def test_insurance_costs_money_leaves_a_record_and_can_be_cancelled(desk: Desk) -> None:
    held = desk.hold()
    card = desk.card()["card"]
    desk.refuse("precondition_failed", "buy_insurance", booking=held["id"], cover="plus", card=card)
    desk.pay_booking(booking=held["id"], card=card)
    premium = next(o for o in desk.list_insurance_options(booking=held["id"]) if o["cover"] == "plus")["premium"]
    owed = desk.card_row(card).owed
    policy = desk.buy_insurance(booking=held["id"], cover="plus", card=card)
    assert cents(policy["premium"]) == cents(premium) == desk.card_row(card).owed - owed > 0
    assert policy["id"] in [p["id"] for p in desk.list_policies()]
    desk.refuse("conflict", "buy_insurance", booking=held["id"], cover="basic", card=card)
    desk.refuse("invalid_arguments", "buy_insurance", booking=held["id"], cover="-100", card=card)
    assert desk.cancel_insurance(policy=policy["id"])["status"] == "cancelled"
    assert desk.card_row(card).owed == owed
    desk.refuse("precondition_failed", "cancel_insurance", policy=policy["id"])


def test_insurance_cannot_be_cancelled_when_the_trip_began(desk: Desk) -> None:
    paid = desk.paid()
    policy = desk.buy_insurance(booking=paid["id"], cover="basic", card=desk.card()["card"])
    desk.later(13 * DAY)
    desk.refuse("precondition_failed", "cancel_insurance", policy=policy["id"])


def test_the_itinerary_prints_what_is_ahead(desk: Desk) -> None:
    paid = desk.paid()
    plan = desk.get_itinerary()
    assert paid["title"] in plan["text"]
    assert plan["bookings"] == len(plan["text"].splitlines()) - 1
    desk.later(300 * DAY)
    assert desk.get_itinerary() == {**plan, "bookings": 0, "first_day": None, "text": plan["text"].splitlines()[0] + "\nNo upcoming trips."}
