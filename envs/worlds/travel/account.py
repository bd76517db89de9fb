"""Tools around the customer: sign-in, account and budget, travellers and passports, cards, and what was booked."""

from __future__ import annotations

from ...errors import ToolError, nearest, shorten
from ...records import changed
from ...tool import tool
from .base import BY_START, UPCOMING, TravelState, signed_in
from .days import number
from .meanings import (
    BirthDate,
    Budget,
    Companion,
    Country,
    Email,
    NewPassport,
    NewPerson,
    PassportExpiry,
    Password,
    Status,
    TravellerId,
)
from .names import COUNTRIES
from .records import Booking, Invoice, Policy, Traveller
from .views import Account, CardView, Itinerary, SignIn


class AccountTools(TravelState):
    """The customer's own things."""

    @tool(
        writes="session",
        phrases=(
            "sign in as {email} with password {password}",
            "log me in, {email}, {password}",
            "open my travel account {email} with {password}",
        ),
    )
    def sign_in(self, email: Email, password: Password) -> SignIn:
        """Sign the customer in; searching is open to all, everything else needs this.

        Args:
            email: the customer's e-mail address.
            password: the customer's password.

        Raises:
            permission_denied: no customer has this address and password.
        """
        for customer in self.customers.where(email=email, password=password):
            self.session = customer.id
            return SignIn(customer.name, customer.email)
        raise ToolError("permission_denied", "no account has this e-mail address and password")

    @tool(
        requires=signed_in,
        phrases=(
            "show my travel account",
            "tell me how many points I have and what is left of my travel budget",
            "check how much I have committed to trips so far",
        ),
    )
    def get_account(self) -> Account:
        """Show the customer's loyalty points, travel budget, and what upcoming trips already take of it."""
        return self._account()

    @tool(
        requires=signed_in,
        writes="customers",
        phrases=(
            "set my travel budget to {budget}",
            "limit what I can spend on trips to {budget}",
            "make sure that my trips together cost no more than {budget}",
        ),
    )
    def set_budget(self, budget: Budget) -> Account:
        """Set the most that upcoming trips may cost together; what would exceed it is refused from then on.

        Args:
            budget: the new budget.

        Raises:
            limit_exceeded: upcoming trips already cost more.
        """
        committed = self.committed(self.session)
        if committed > budget:
            raise ToolError("limit_exceeded", f"upcoming trips already cost {committed / 100:.2f}; the budget cannot be below that")
        self.customers.put(changed(self.me, budget=budget))
        return self._account()

    @tool(
        requires=signed_in,
        phrases=(
            "list my travellers",
            "show whose passports are on file",
            "tell me whom I can book trips for",
        ),
    )
    def list_travellers(self) -> list[Traveller]:
        """List the traveller profiles of the customer, with their passports."""
        return self.travellers.where(customer=self.session)

    @tool(
        requires=signed_in,
        writes="travellers",
        phrases=(
            "add {name}, born {birth_date}, as a traveller",
            "make a traveller profile for my {relation} {name}, born {birth_date}",
            "let me also book trips for {name}, who was born on {birth_date}",
        ),
    )
    def add_traveller(self, name: NewPerson, birth_date: BirthDate, relation: Companion = "friend") -> Traveller:
        """Add a traveller profile; a passport can be added to it afterwards.

        Args:
            name: the person's full name.
            birth_date: the person's date of birth.
            relation: who the person is to the customer.

        Raises:
            conflict: there is a profile with this name and date of birth.
        """
        if birth_date > self.today or number(birth_date) < number(self.today) - 120 * 366:
            raise ToolError("invalid_arguments", f"nobody who travels today was born on {birth_date}")
        for other in self.travellers.where(customer=self.session, name=name, birth_date=birth_date):
            raise ToolError("conflict", f"{name}, born {birth_date}, is on file as {other.id}")
        key = self.mint(self.travellers)
        return self.travellers.put(Traveller(key, self.session, name, relation, birth_date, None, None, None))

    @tool(
        requires=signed_in,
        writes="travellers",
        phrases=(
            "put passport {number} of {country}, valid until {expires}, on file for {traveller}",
            "update the passport of {traveller}: {number}, {country}, expires {expires}",
            "note the new passport of {traveller}: number {number} from {country}, good until {expires}",
        ),
    )
    def set_passport(self, traveller: TravellerId, number: NewPassport, country: Country, expires: PassportExpiry) -> Traveller:
        """Add or replace the passport of a traveller; international flights need one that is valid on arrival.

        Args:
            traveller: whose passport.
            number: the passport's number.
            country: the country that issued it.
            expires: the last day on which it is valid.

        Raises:
            invalid_arguments: it has expired, or the country is unknown.
            conflict: this number is on file for someone else.
        """
        person = self.own_traveller(traveller)
        if country not in COUNTRIES:
            raise ToolError("invalid_arguments", f"no passports of {shorten(country)!r} are known{nearest(country[:60], COUNTRIES)}")
        if expires < self.today:
            raise ToolError("invalid_arguments", f"this passport expired on {expires}")
        for other in self.travellers.where(passport_number=number):
            if other.id != traveller:
                raise ToolError("conflict", f"passport {number} is on file for someone else")
        return self.travellers.put(changed(person, passport_number=number, passport_country=country, passport_expires=expires))

    @tool(
        requires=signed_in,
        phrases=(
            "list my stored cards",
            "show which cards I can pay trips with",
            "tell me how much is left on my cards at the travel agency",
        ),
    )
    def list_cards(self) -> list[CardView]:
        """List the customer's stored payment cards: nickname, last four digits, expiry, and what the limit leaves."""
        month = self.today[:7]
        return [
            CardView(c.id, c.nickname, c.network, c.last_four, c.expires, c.expires < month, c.limit, c.limit - c.owed)
            for c in self.cards.where(customer=self.session)
        ]

    @tool(
        requires=signed_in,
        phrases=(
            "list my bookings",
            "show my {status} bookings",
            "tell me which flights and hotels I have booked",
        ),
    )
    def list_bookings(self, status: Status | None = None) -> list[Booking]:
        """List the customer's bookings of flights and hotels, by day.

        Args:
            status: only bookings in this state; all when left out.
        """
        mine = self.bookings_of(self.session)
        return sorted(mine if status is None else [b for b in mine if b.status == status], key=BY_START)

    @tool(
        requires=signed_in,
        phrases=(
            "list my insurance policies",
            "show which of my trips are insured",
            "tell me what travel cover I have",
        ),
    )
    def list_policies(self) -> list[Policy]:
        """List the customer's travel insurance policies, cancelled ones too."""
        return self.policies.where(customer=self.session)

    @tool(
        requires=signed_in,
        phrases=(
            "list my travel invoices",
            "show which invoices of the travel agency are open",
            "tell me what I still have to transfer for my trips",
        ),
    )
    def list_invoices(self) -> list[Invoice]:
        """List the customer's invoices with amount, state, and the IBAN to pay to."""
        return self.invoices.where(customer=self.session)

    @tool(
        requires=signed_in,
        phrases=(
            "print my itinerary",
            "write out all my upcoming travel plans",
            "give me an overview of my trips that I can keep",
        ),
    )
    def get_itinerary(self) -> Itinerary:
        """Print the customer's upcoming flights and stays as a text to keep."""
        ahead = [b for b in self.bookings_of(self.session) if b.status in UPCOMING]
        ahead.sort(key=BY_START)
        lines = [self._line(booking) for booking in ahead] or ["No upcoming trips."]
        text = "\n".join([f"Itinerary for {self.me.name}", *lines])
        return Itinerary(self.me.name, len(ahead), ahead[0].date if ahead else None, text)

    # -- parts -----------------------------------------------------------------------------------------

    def _account(self) -> Account:
        me, committed = self.me, self.committed(self.session)
        left = None if me.budget is None else me.budget - committed
        return Account(me.name, me.email, me.points, me.budget, committed, left)

    @staticmethod
    def _line(booking: Booking) -> str:
        extra = f"{booking.nights} nights" if booking.kind == "hotel" else f"{booking.cabin}, seat {booking.seat or 'not chosen'}"
        when = booking.starts_at.replace("T", " ")[:16]
        return f"{when}  {booking.title}, {extra}, {booking.traveller_name} ({booking.status})"
