"""Views: what reads and payments show to the customer where it is not a table's own record."""

from __future__ import annotations

from typing import Literal

from ...records import record
from ...types import Date, Money, Text
from .literals import AccountId, AccountName, CardId, Currency, HoldId, Iban, Kind, Merchant, MessageId, PastDate, SignInCode, TransactionId


@record
class SignIn:
    status: Literal["code_sent", "signed_in", "wrong_code", "locked", "signed_out"]
    message: str


@record
class InboxMessage:
    id: MessageId
    at: str
    sender: str
    text: str
    code: SignInCode | None


@record
class AccountSummary:
    id: AccountId
    name: AccountName
    kind: Literal["everyday", "savings", "currency"]
    currency: Currency
    balance: Money
    available: Money


@record
class OpenHold:
    id: HoldId
    merchant: Merchant
    card: CardId
    amount: Money
    placed: PastDate
    until: Date


@record
class AccountDetails:
    id: AccountId
    name: AccountName
    kind: Literal["everyday", "savings", "currency"]
    currency: Currency
    iban: Iban
    balance: Money
    held: Money
    overdraft: Money
    available: Money
    daily_limit: Money
    left_today: Money
    holds: tuple[OpenHold, ...]


@record
class Transaction:
    """A movement as one account sees it: `amount` is signed and includes the fee."""

    id: TransactionId
    account: AccountId
    date: PastDate
    kind: Kind
    counterparty: Merchant
    reference: str
    amount: Money
    fee: Money
    currency: Currency


@record
class Statement:
    account: AccountId
    name: AccountName
    month: str
    currency: Currency
    opening_balance: Money
    money_in: Money
    money_out: Money
    closing_balance: Money
    transactions: int
    text: Text
