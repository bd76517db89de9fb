"""Tools for travel insurance: offers, buying, cancelling. A premium is a charge, its return a refund."""

from __future__ import annotations

from ...errors import ToolError
from ...records import changed
from ...tool import tool
from .base import TravelState, signed_in
from .days import moment
from .meanings import BookingId, CardId, Cover, PolicyId
from .records import Booking, Policy
from .views import InsuranceOption

COOLING_DAYS = 14
COVERS: tuple[tuple[Cover, int, str], ...] = (
    ("basic", 4, "medical care and lost luggage"),
    ("plus", 8, "medical care, lost luggage, cancellation through illness"),
)


class InsuranceTools(TravelState):
    """Cover for booked trips."""

    @tool(
        requires=signed_in,
        phrases=(
            "show what insurance is offered for {booking}",
            "tell me what it would cost to insure {booking}",
            "see which cover I could add to {booking}",
        ),
    )
    def list_insurance_options(self, booking: BookingId) -> list[InsuranceOption]:
        """List the travel insurance on offer for an upcoming booking, with its premium.

        Args:
            booking: the booking to insure.
        """
        found = self.upcoming(booking)
        return [InsuranceOption(found.id, cover, self._premium(found, rate), text) for cover, rate, text in COVERS]

    @tool(
        requires=signed_in,
        writes=("policies", "cards", "payments"),
        phrases=(
            "insure {booking} with {cover} cover, paid with {card}",
            "add {cover} travel insurance to {booking} and charge {card}",
            "make sure {booking} is protected: {cover} cover, on {card}",
        ),
    )
    def buy_insurance(self, booking: BookingId, cover: Cover, card: CardId) -> Policy:
        """Insure a confirmed booking that has not begun; the premium is charged to a stored card.

        Args:
            booking: the confirmed booking.
            cover: how much is covered.
            card: the card that pays the premium.

        Raises:
            conflict: the booking is insured already.
            limit_exceeded: the card's limit or the travel budget does not cover the premium.
        """
        found, payer = self.upcoming(booking), self.own_card(card)
        if found.status != "confirmed":
            raise ToolError("precondition_failed", f"booking {booking} is {found.status}; pay_booking confirms it first")
        if self.policies.where(booking=booking, status="active"):
            raise ToolError("conflict", f"booking {booking} is insured already (list_policies)")
        premium = self._premium(found, next(rate for name, rate, _ in COVERS if name == cover))
        self.fit_budget(premium)
        key, until = self.mint(self.policies), moment(self.now + COOLING_DAYS * 86400)
        self.charge(payer, premium, None, key)
        return self.policies.put(
            Policy(key, self.session, found.id, found.traveller_name, found.city, cover, premium, "active", payer.id, until)
        )

    @tool(
        requires=signed_in,
        writes=("policies", "cards", "payments"),
        phrases=(
            "cancel {policy}",
            "call off {policy} and get the premium back",
            "drop the cover of {policy}",
        ),
    )
    def cancel_insurance(self, policy: PolicyId) -> Policy:
        """Cancel an insurance policy within 14 days and before the trip begins; the premium goes back to the card.

        Args:
            policy: the active policy.

        Raises:
            precondition_failed: it is cancelled, the 14 days are over, or the trip has begun.
        """
        found = self.policies[policy]
        if found.customer != self.session:
            raise ToolError("permission_denied", f"policy {policy} belongs to another customer; list_policies shows yours")
        if found.status != "active":
            raise ToolError("precondition_failed", f"policy {policy} is cancelled already")
        trip = self.bookings[found.booking]
        if found.cancel_until < self.timestamp or trip.starts_at <= self.timestamp:
            raise ToolError("precondition_failed", f"policy {policy} could be cancelled until {min(found.cancel_until, trip.starts_at)}")
        self.refund(found.card, found.premium, None, policy)
        return self.policies.put(changed(found, status="cancelled"))

    @staticmethod
    def _premium(booking: Booking, rate: int) -> int:
        return max(500, booking.price * rate // 100)
