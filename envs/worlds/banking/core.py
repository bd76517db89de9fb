"""The bank's state and the rules that all its tools share: ownership, funds, limits, fees, double entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from ...errors import ToolError, shorten
from ...records import changed, maker
from ...state import Cell, Table
from ...types import format_money
from ...world import World
from .iban import BANK_CODE_LENGTH
from .literals import (
    FEES,
    OUTSIDE,
    AccountId,
    CardId,
    CustomerId,
    DisputeId,
    GoalId,
    HoldId,
    MessageId,
    NoticeId,
    OrderId,
    PayeeId,
    QuoteId,
    ScheduledId,
    Service,
    TransactionId,
)
from .records import (
    Account,
    Book,
    Card,
    Challenge,
    Contact,
    Customer,
    Desk,
    Dispute,
    Fee,
    Goal,
    Guard,
    Hold,
    Leg,
    Movement,
    Notice,
    Payee,
    PhoneMessage,
    Quote,
    Rate,
    ScheduledPayment,
    Session,
    StandingOrder,
)
from .views import Transaction

R = TypeVar("R")
_transaction = maker(Transaction)
OPENING_HOUR = 6 * 3600
_EPOCH = date(1970, 1, 1).toordinal()
MOVES = ("accounts", "desks", "ledger", "books")
"""The tables that every booked movement writes."""


@lru_cache(maxsize=1024)
def _date(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def desk_name(purpose: str, currency: str) -> str:
    """The bank's own account for a purpose in a currency."""
    return f"{purpose} {currency}"


def signed_in(world: BankCore) -> bool:
    """The customer is signed in (sign_in, then the code from read_messages, then confirm_sign_in)."""
    session = world.session
    return session.customer != "" and world.now < session.until


def code_sent(world: BankCore) -> bool:
    """A sign-in waits for its code (sign_in first; the code then comes to the phone, see read_messages)."""
    challenge = world.challenge
    return challenge.customer != "" and world.now < challenge.until


class BankCore(World):
    """State and shared rules of the bank; `Banking` adds the tools."""

    INCIDENTAL: ClassVar[tuple[str, ...]] = ("messages", "quotes", "books")

    customers: Table[CustomerId, Customer]
    accounts: Table[AccountId, Account]
    desks: Table[str, Desk]
    ledger: Table[TransactionId, Movement]
    books: Table[AccountId, Book]
    payees: Table[PayeeId, Payee]
    scheduled: Table[ScheduledId, ScheduledPayment]
    orders: Table[OrderId, StandingOrder]
    cards: Table[CardId, Card]
    holds: Table[HoldId, Hold]
    goals: Table[GoalId, Goal]
    disputes: Table[DisputeId, Dispute]
    notices: Table[NoticeId, Notice]
    fees: Table[str, Fee]
    rates: Table[str, Rate]
    quotes: Table[QuoteId, Quote]
    messages: Table[MessageId, PhoneMessage]

    bank = Cell[str]("")
    bank_code = Cell[str]("")
    me = Cell[str]("")
    address_book = Cell[tuple[Contact, ...]](())
    session = Cell[Session](Session(), incidental=True)
    challenge = Cell[Challenge](Challenge(), incidental=True)
    guard = Cell[Guard](Guard(), incidental=True)

    # -- ownership -----------------------------------------------------------------------------------------

    def mine(self, table: Table[Any, R], key: str) -> R:
        """The record under `key`, if it belongs to the signed-in customer."""
        found: Any = table[key]
        if found.owner != self.session.customer:
            raise ToolError("permission_denied", f"{key} does not belong to you; use an id from your own lists")
        return found  # type: ignore[no-any-return]

    def all_mine(self, table: Table[Any, R]) -> list[R]:
        """The signed-in customer's records, in order of id."""
        return table.where(owner=self.session.customer)

    def active_payee(self, key: str) -> Payee:
        """A payee of the signed-in customer that was not removed."""
        payee = self.mine(self.payees, key)
        if payee.status != "active":
            raise ToolError("precondition_failed", f"the payee {payee.name} was removed; add it again first (add_payee)")
        return payee

    # -- money ---------------------------------------------------------------------------------------------

    def held(self, account: str) -> int:
        """What open card authorisations reserve on an account."""
        return sum([hold.amount for hold in self.holds.where(account=account)])

    def available(self, account: Account) -> int:
        """What may leave an account: ledger balance plus overdraft, less holds."""
        return account.balance + account.overdraft - self.held(account.id)

    def need_funds(self, account: Account, amount: int) -> None:
        """Refuse if less than `amount` is available."""
        if amount > (there := self.available(account)):
            raise ToolError(
                "precondition_failed",
                f"{account.name} has {format_money(there)} {account.currency} available, {format_money(amount)} is needed (fees included)",
            )

    def sent_on(self, account: str, day: str) -> int:
        """What an account paid to payees on a day, fees not counted. Read from the end of its book."""
        total, ledger = 0, self.ledger
        for key in reversed(self.books[account].movements):
            movement = ledger[key]
            if movement.date < day:
                break
            if movement.kind == "payment" and movement.date == day and movement.legs[0].account == account:
                total -= movement.legs[0].amount + movement.fee
        return total

    def fee_for(self, service: Service, amount: int) -> int:
        """The fee of a service: fixed part plus basis points of the amount, rounded up to the cent."""
        fee = self.fees[service]
        return fee.fixed - (-amount * fee.basis_points // 10_000)

    def inside(self, iban: str) -> Account | None:
        """The account of this bank with an IBAN, or None."""
        if not self.is_ours(iban):
            return None
        return next(iter(self.accounts.where(iban=iban)), None)

    def is_ours(self, iban: str) -> bool:
        """Whether an IBAN names this bank."""
        return iban[:2] + iban[4 : 4 + BANK_CODE_LENGTH] == self.bank_code

    # -- booking -------------------------------------------------------------------------------------------

    def post(self, movement: Movement) -> Movement:
        """Book a movement: change every balance that its legs name, and index it."""
        accounts, desks = self.accounts, self.desks
        for leg in movement.legs:
            account = accounts.get(leg.account)
            if account is None:
                desk = desks[leg.account]
                desks.put(changed(desk, balance=desk.balance + leg.amount))
            else:
                accounts.put(changed(account, balance=account.balance + leg.amount))
                self.books.put(Book(account.id, (*self.books[account.id].movements, movement.id)))
        return self.ledger.put(movement)

    def pay(self, source: Account, payee: Payee, amount: int, reference: str, day: str, key: str = "") -> Movement:
        """Pay a payee now; all refusals come before any change. Used by payments, schedules and standing orders."""
        currency = source.currency
        if currency != payee.currency:
            raise ToolError(
                "precondition_failed",
                f"{payee.name} is paid in {payee.currency} but {source.name} holds {currency}; pay from a {payee.currency} account",
            )
        left = source.daily_limit - self.sent_on(source.id, day)
        if amount > left:
            raise ToolError("limit_exceeded", f"{source.name} may send {format_money(max(left, 0))} {currency} more today")
        receiver = self.inside(payee.iban)
        fee = 0 if receiver is not None else self.fee_for("outgoing_payment", amount)
        self.need_funds(source, amount + fee)
        to = desk_name(OUTSIDE, currency) if receiver is None else receiver.id
        legs = [Leg(source.id, -amount - fee, currency), Leg(to, amount, currency)]
        if fee:
            legs.append(Leg(desk_name(FEES, currency), fee, currency))
        return self.post(Movement(self.mint(self.ledger), day, "payment", payee.name, tuple(legs), reference, fee, payee.iban, None, key))

    def seen_from(self, movement: Movement, account: Account) -> Transaction:
        """A movement as one account's owner sees it."""
        key = account.id
        fee = movement.fee if movement.legs[0].account == key else 0
        other, amount = self.other_side(movement, key), amount_on(movement, key)
        return _transaction(movement.id, key, movement.date, movement.kind, other, movement.reference, amount, fee, account.currency)

    def other_side(self, movement: Movement, account: str) -> str:
        """Who or what a movement's other side is called, seen from an account."""
        kind, first = movement.kind, movement.legs[0].account
        if kind == "payment":
            return movement.counterparty if first == account else self.customers[self.accounts[first].owner].name
        if kind == "own_transfer" or kind == "exchange":
            return self.accounts[movement.legs[1].account if first == account else first].name
        return movement.counterparty

    def movements_of(self, account: str) -> Iterator[Movement]:
        """The movements of an account, oldest first."""
        ledger = self.ledger
        return (ledger[key] for key in self.books[account].movements)

    # -- days ----------------------------------------------------------------------------------------------

    @property
    def business_day(self) -> str:
        """The last day whose daily work is done; the work of a day is done at 06:00 UTC."""
        return datetime.fromtimestamp(self.now - OPENING_HOUR, UTC).date().isoformat()

    def day_before(self, days: int) -> str:
        """The date so many days before today."""
        return _date(_EPOCH + self.now // 86_400 - days)

    def day_after(self, days: int) -> str:
        """The date so many days after today."""
        return self.day_before(-days)

    def merchants_of(self, customer: str) -> list[str]:
        """Where a customer paid by card, sorted."""
        names = {
            movement.counterparty
            for account in self.accounts.where(owner=customer)
            for movement in self.movements_of(account.id)
            if movement.kind == "card_payment"
        }
        return sorted(names)


def amount_on(movement: Movement, account: str) -> int:
    """What a movement changes an account by."""
    total = 0
    for leg in movement.legs:
        if leg.account == account:
            total += leg.amount
    return total


def unique(taken: Iterator[str], name: str, what: str) -> None:
    """Refuse a name that is taken, whatever its capitals."""
    if name.strip() != name or not name.isprintable():
        raise ToolError("invalid_arguments", f"a name has no blanks at its ends and no control characters: {shorten(repr(name))}")
    if any(name.casefold() == other.casefold() for other in taken):
        raise ToolError("conflict", f"you already have {what} called {shorten(name)!r}; choose another name")
