"""Payments now and later, moves between own accounts, standing orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from operator import attrgetter
from typing import Literal

from ...errors import ToolError
from ...records import changed
from ...tool import tool
from ...types import Amount, Date
from .core import MOVES, BankCore, signed_in
from .literals import AccountId, DayOfMonth, OrderId, PayeeId, Reference, RequestKey, ScheduledId
from .records import Account, Leg, Movement, Payee, ScheduledPayment, StandingOrder
from .views import Transaction

FARTHEST_DAYS = 366


def day_in_month(after: str, day: int) -> str:
    """The first date strictly after `after` that falls on a day of the month."""
    start = date.fromisoformat(after)
    if start.day >= day:
        start = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    return start.replace(day=day).isoformat()


class Payments(BankCore):
    """Tools to send money: once, later, or every month."""

    # -- now -----------------------------------------------------------------------------------------------

    def _replayed(self, key: str | None, source: Account, body: tuple[object, ...]) -> Movement | None:
        """The movement that an equal request with the same key made before."""
        if key is None:
            return None
        mine = {account.id for account in self.accounts.where(owner=self.session.customer)}
        for movement in self.ledger.where(request_key=key):
            giver, taker = movement.legs[0].account, movement.legs[1]
            if giver in mine:
                if (giver, movement.iban or taker.account, taker.amount, movement.reference) == (source.id, *body):
                    return movement
                raise ToolError("conflict", f"the key {key!r} was used for another payment ({movement.id}); use a new key")
        return None

    @tool(
        requires=signed_in,
        writes=MOVES,
        phrases=(
            "pay {amount} to {payee} from {source}",
            "send {payee} {amount} from {source}",
            "transfer {amount} out of {source} to {payee}",
            "settle what I owe {payee}: {amount}, taken from {source}",
            'send {amount} from {source} to {payee} with the reference "{reference}"',
        ),
    )
    def pay_payee(
        self, source: AccountId, payee: PayeeId, amount: Amount, reference: Reference = "", idempotency_key: RequestKey | None = None
    ) -> Transaction:
        """Send money from one of the customer's accounts to a payee, at once.

        Args:
            source: the account that pays.
            payee: the payee who gets the money.
            amount: how much the payee gets, in the payee's currency.
            reference: what the payment is for.
            idempotency_key: a key of the caller's; the same request with the same key is carried out once.

        Raises:
            precondition_failed: too little is available, or the account holds another currency.
            limit_exceeded: the account's daily limit for payments would be passed.
            conflict: the key was used for another payment.
        """
        account, to = self.mine(self.accounts, source), self.mine(self.payees, payee)
        done = self._replayed(idempotency_key, account, (to.iban, amount, reference))
        if done is None:
            done = self.pay(account, self.active_payee(payee), amount, reference, self.today, idempotency_key or "")
        return self.seen_from(done, account)

    @tool(
        requires=signed_in,
        writes=MOVES,
        phrases=(
            "move {amount} from {source} to {target}",
            "put {amount} out of {source} into {target}",
            "top up {target} with {amount} from {source}",
            "shift {amount} between my accounts, from {source} to {target}",
        ),
    )
    def move_money(
        self, source: AccountId, target: AccountId, amount: Amount, reference: Reference = "", idempotency_key: RequestKey | None = None
    ) -> Transaction:
        """Move money between two of the customer's accounts in one currency; free, and outside the daily limit.

        Args:
            source: the account that gives.
            target: the account that receives.
            amount: how much to move.
            reference: what the move is for.
            idempotency_key: a key of the caller's; the same request with the same key is carried out once.
        """
        giver, taker = self.mine(self.accounts, source), self.mine(self.accounts, target)
        if source == target:
            raise ToolError("invalid_arguments", "source and target are the same account")
        done = self._replayed(idempotency_key, giver, (target, amount, reference))
        if done is None:
            if giver.currency != taker.currency:
                raise ToolError(
                    "precondition_failed",
                    f"{giver.name} holds {giver.currency}, {taker.name} {taker.currency}; use quote_exchange and exchange_currency",
                )
            self.need_funds(giver, amount)
            legs = (Leg(source, -amount, giver.currency), Leg(target, amount, taker.currency))
            key = idempotency_key or ""
            done = self.post(Movement(self.mint(self.ledger), self.today, "own_transfer", taker.name, legs, reference, 0, "", None, key))
        return self.seen_from(done, giver)

    # -- later ---------------------------------------------------------------------------------------------

    def _promised(self, source: str, payee: str) -> tuple[Account, Payee]:
        account, to = self.mine(self.accounts, source), self.active_payee(payee)
        if account.currency != to.currency:
            raise ToolError(
                "precondition_failed",
                f"{to.name} is paid in {to.currency} but {account.name} holds {account.currency}; choose another account",
            )
        return account, to

    @tool(
        requires=signed_in,
        writes="scheduled",
        phrases=(
            "pay {amount} to {payee} from {source} on {on}",
            "schedule a payment of {amount} from {source} to {payee} for {on}",
            "make sure {payee} gets {amount} from {source} on {on}",
        ),
    )
    def schedule_payment(self, source: AccountId, payee: PayeeId, amount: Amount, on: Date, reference: Reference = "") -> ScheduledPayment:
        """Schedule one payment to a payee for a later day; funds and limits are checked on that day.

        Args:
            source: the account that will pay.
            payee: the payee who will get the money.
            amount: how much the payee will get.
            on: the day of the payment, after today and within a year.
            reference: what the payment is for.
        """
        account, to = self._promised(source, payee)
        if not self.today < on <= self.day_after(FARTHEST_DAYS):
            raise ToolError("invalid_arguments", f"the day must be after today ({self.today}) and within a year")
        if amount > account.daily_limit:
            raise ToolError("limit_exceeded", f"{account.name} may never send that much in a day; its daily limit is lower")
        item = ScheduledPayment(self.mint(self.scheduled), account.owner, source, payee, to.name, amount, account.currency, on, reference)
        return self.scheduled.put(item)

    @tool(
        requires=signed_in,
        phrases=("list my scheduled payments", "show what I have planned to pay", "tell me which payments are coming up"),
    )
    def list_scheduled_payments(self, status: Literal["pending", "paid", "failed", "cancelled"] = "pending") -> list[ScheduledPayment]:
        """List the customer's scheduled payments, by day.

        Args:
            status: which ones to list.
        """
        return _by_day([item for item in self.all_mine(self.scheduled) if item.status == status])

    @tool(
        requires=signed_in,
        writes="scheduled",
        phrases=("cancel {payment}", "call off {payment}", "stop {payment} before it goes out"),
    )
    def cancel_scheduled_payment(self, payment: ScheduledId) -> ScheduledPayment:
        """Cancel a scheduled payment that is still pending.

        Args:
            payment: the scheduled payment to cancel.
        """
        found = self.mine(self.scheduled, payment)
        if found.status != "pending":
            raise ToolError("precondition_failed", f"{payment} is {found.status}; only a pending payment can be cancelled")
        return self.scheduled.put(changed(found, status="cancelled"))

    # -- every month ---------------------------------------------------------------------------------------

    @tool(
        requires=signed_in,
        writes="orders",
        phrases=(
            "set up a standing order of {amount} from {source} to {payee} on day {day_of_month} of every month",
            "pay {payee} {amount} from {source} every month, on day {day_of_month}",
            "arrange a monthly payment of {amount} to {payee} out of {source}, on day {day_of_month}",
        ),
    )
    def create_standing_order(
        self, source: AccountId, payee: PayeeId, amount: Amount, day_of_month: DayOfMonth, reference: Reference = ""
    ) -> StandingOrder:
        """Pay a payee the same amount every month, beginning with the next such day.

        Args:
            source: the account that will pay.
            payee: the payee who will get the money.
            amount: how much the payee gets each month.
            day_of_month: the day of the month, 1 to 28.
            reference: what the payments are for.
        """
        account, to = self._promised(source, payee)
        if amount > account.daily_limit:
            raise ToolError("limit_exceeded", f"{account.name} may never send that much in a day; its daily limit is lower")
        following = day_in_month(self.today, day_of_month)
        return self.orders.put(
            StandingOrder(
                self.mint(self.orders), account.owner, source, payee, to.name, amount, account.currency, day_of_month, following, reference
            )
        )

    @tool(
        requires=signed_in,
        phrases=("list my standing orders", "show what I pay every month automatically", "tell me about my regular payments"),
    )
    def list_standing_orders(self) -> list[StandingOrder]:
        """List the customer's active standing orders."""
        return [order for order in self.all_mine(self.orders) if order.status == "active"]

    @tool(
        requires=signed_in,
        writes="orders",
        phrases=("cancel {order}", "end {order}", "stop {order} from being paid again"),
    )
    def cancel_standing_order(self, order: OrderId) -> StandingOrder:
        """Cancel a standing order; what it paid stays paid.

        Args:
            order: the standing order to cancel.
        """
        found = self.mine(self.orders, order)
        if found.status != "active":
            raise ToolError("precondition_failed", f"{order} is cancelled already")
        return self.orders.put(changed(found, status="cancelled"))


def _by_day(items: Sequence[ScheduledPayment]) -> list[ScheduledPayment]:
    return sorted(items, key=attrgetter("date", "id"))
