"""Records of the bank: what its tables and cells keep."""

from __future__ import annotations

from typing import Literal

from ...records import record
from ...types import Amount, Date, Money
from .literals import (
    AccountId,
    AccountName,
    CardEnding,
    CardId,
    Currency,
    CustomerId,
    DisputeId,
    DisputeReason,
    GoalId,
    GoalName,
    HoldId,
    Iban,
    Kind,
    Merchant,
    MessageId,
    NoticeId,
    OrderId,
    Password,
    PastDate,
    PayeeId,
    PayeeName,
    PersonName,
    QuoteId,
    ScheduledId,
    Service,
    SignInCode,
    TransactionId,
    Username,
)

# -- what the tables keep -----------------------------------------------------------------------------------


@record
class Customer:
    id: CustomerId
    name: PersonName
    username: Username
    password: Password


@record
class Account:
    """An account of a customer. `balance` is the ledger balance; holds reduce what is available, not this."""

    id: AccountId
    owner: CustomerId
    name: AccountName
    kind: Literal["everyday", "savings", "currency"]
    currency: Currency
    iban: Iban
    opening: Money
    balance: Money
    overdraft: Money
    daily_limit: Money


@record
class Desk:
    """An account of the bank itself, one per purpose and currency: the other side of what leaves or enters."""

    name: str
    currency: Currency
    opening: Money
    balance: Money


@record
class Leg:
    """One side of a movement; `account` is a customer's account or a desk."""

    account: AccountId
    amount: Money
    currency: Currency


@record
class Movement:
    """One booked movement of money. Its legs sum to zero in every currency."""

    id: TransactionId
    date: PastDate
    kind: Kind
    counterparty: Merchant
    legs: tuple[Leg, ...]
    reference: str = ""
    fee: Money = 0
    iban: Iban = ""
    card: CardId | None = None
    request_key: str = ""


@record
class Book:
    """Index: the movements of one account, oldest first."""

    account: AccountId
    movements: tuple[TransactionId, ...]


@record
class Payee:
    id: PayeeId
    owner: CustomerId
    name: PayeeName
    iban: Iban
    currency: Currency
    added: PastDate
    status: Literal["active", "removed"] = "active"


@record
class Hold:
    """A card authorisation: reserved until `until`, then booked (`settles`) or released."""

    id: HoldId
    owner: CustomerId
    account: AccountId
    card: CardId
    merchant: Merchant
    amount: Money
    placed: PastDate
    until: Date
    settles: bool


@record
class ScheduledPayment:
    id: ScheduledId
    owner: CustomerId
    source: AccountId
    payee: PayeeId
    payee_name: PayeeName
    amount: Amount
    currency: Currency
    date: Date
    reference: str
    status: Literal["pending", "paid", "failed", "cancelled"] = "pending"


@record
class StandingOrder:
    id: OrderId
    owner: CustomerId
    source: AccountId
    payee: PayeeId
    payee_name: PayeeName
    amount: Amount
    currency: Currency
    day_of_month: int
    next_date: Date
    reference: str
    status: Literal["active", "cancelled"] = "active"


@record
class Card:
    id: CardId
    owner: CustomerId
    account: AccountId
    ending: CardEnding
    kind: Literal["debit", "virtual", "business"]
    valid_through: str
    status: Literal["active", "frozen", "lost", "expired", "closed"]
    daily_limit: Money
    replaces: CardId | None = None


@record
class Goal:
    id: GoalId
    owner: CustomerId
    name: GoalName
    currency: Currency
    target: Money
    saved: Money
    wanted_by: Date | None = None


@record
class Dispute:
    id: DisputeId
    owner: CustomerId
    transaction: TransactionId
    account: AccountId
    merchant: Merchant
    amount: Money
    reason: DisputeReason
    opened: PastDate
    decided_by: Date
    status: Literal["open", "withdrawn", "accepted", "rejected"] = "open"


@record
class Notice:
    id: NoticeId
    owner: CustomerId
    date: PastDate
    kind: Literal["security", "product", "statement", "payment", "dispute", "card"]
    text: str
    read: bool = False


@record
class Fee:
    """The price of a service: a fixed part plus basis points of the amount, rounded up to the cent."""

    service: Service
    fixed: Money
    basis_points: int
    text: str


@record
class Rate:
    """Middle rate: millionths of a euro for one unit of `currency`."""

    currency: Currency
    micro_eur: int


@record
class Quote:
    id: QuoteId
    owner: CustomerId
    source: AccountId
    target: AccountId
    sell: Currency
    buy: Currency
    amount: Money
    fee: Money
    rate: str
    receive: Money
    expires: str
    used: bool = False


@record
class PhoneMessage:
    id: MessageId
    owner: CustomerId
    at: str
    sender: str
    text: str
    code: SignInCode | None = None


# -- single values ------------------------------------------------------------------------------------------


@record
class Session:
    customer: str = ""
    until: int = 0


@record
class Challenge:
    customer: str = ""
    code: str = ""
    until: int = 0


@record
class Guard:
    """Wrong codes in a row, and until when confirming is locked."""

    wrong: int = 0
    locked_until: int = 0


@record
class Contact:
    """Someone in the user's own address book, outside the bank."""

    name: PersonName
    iban: Iban
