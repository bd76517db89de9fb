"""The semantic types of the bank: ids, what the user knows, and the literals that callers may write."""

from __future__ import annotations

from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field

from ...types import Amount, Date, Key, Known, Sample
from .iban import draw_iban
from .names import EVERYDAY_NAMES, FIRST_NAMES, GOAL_NAMES, LAST_NAMES, REFERENCES, SAVINGS_NAMES, SECOND_NAMES, TAGS

CustomerId = Annotated[str, Key("bank_customer", "CU-########")]
AccountId = Annotated[str, Key("bank_account", "AC-########")]
PayeeId = Annotated[str, Key("bank_payee", "PY-@#######")]
CardId = Annotated[str, Key("bank_card", "BC-#########")]
TransactionId = Annotated[str, Key("bank_transaction", "TX-@@########")]
HoldId = Annotated[str, Key("bank_hold", "HO-########")]
ScheduledId = Annotated[str, Key("scheduled_payment", "SP-########")]
OrderId = Annotated[str, Key("standing_order", "SO-########")]
GoalId = Annotated[str, Key("savings_goal", "SG-########")]
DisputeId = Annotated[str, Key("bank_dispute", "DI-########")]
NoticeId = Annotated[str, Key("bank_notification", "NT-########")]
MessageId = Annotated[str, Key("phone_message", "SMS-########")]
QuoteId = Annotated[str, Key("exchange_quote", "FX-@@######")]
SignInCode = Annotated[str, Key("sign_in_code", "######")]

Username = Annotated[str, Known("bank_username")]
Password = Annotated[str, Known("bank_password")]
PersonName = Annotated[str, Known("person_name")]
AccountName = Annotated[str, Known("bank_account_name")]
PayeeName = Annotated[str, Known("payee_name")]
GoalName = Annotated[str, Known("savings_goal_name")]
CardEnding = Annotated[str, Known("bank_card_ending")]
Merchant = Annotated[str, Known("merchant_name")]
Iban = Annotated[str, Known("iban"), Sample(draw_iban)]

Currency = Literal["EUR", "USD", "GBP", "CHF"]
CURRENCIES: tuple[Currency, ...] = ("EUR", "USD", "GBP", "CHF")
Service = Literal["outgoing_payment", "exchange", "card_replacement"]
Kind = Literal["card_payment", "payment", "incoming", "own_transfer", "exchange", "goal", "fee", "refund"]
OUTSIDE, FEES, EXCHANGE, GOALS = "outside", "fees", "exchange", "goals"
DESKS = (OUTSIDE, FEES, EXCHANGE, GOALS)


# -- literals a caller writes -------------------------------------------------------------------------------


def draw_payee_name(world: Any, rng: Random) -> str:
    """A nickname that a new payee may get."""
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}{rng.choice(TAGS)}"


def draw_goal_name(world: Any, rng: Random) -> str:
    """Something to save for that the user has no goal for yet."""
    taken = {goal.name for goal in world.goals if goal.owner == world.me}
    return rng.choice([name for name in GOAL_NAMES if name not in taken] or [f"Plan {rng.randrange(1000)}"])


def draw_account_name(world: Any, rng: Random) -> str:
    """A name for an account that none of the user's accounts has."""
    taken = {account.name for account in world.accounts if account.owner == world.me}
    names = EVERYDAY_NAMES + SECOND_NAMES + SAVINGS_NAMES
    return rng.choice([name for name in names if name not in taken])


def draw_reference(world: Any, rng: Random) -> str:
    """What a person writes as the reference of a payment."""
    return rng.choice(REFERENCES)


def draw_request_key(world: Any, rng: Random) -> str:
    """A caller's own key for one payment."""
    return f"req-{rng.randrange(16**6):06x}"


def draw_month(world: Any, rng: Random) -> str:
    """One of the last three calendar months, this one rarely."""
    year, month = int(world.today[:4]), int(world.today[5:7])
    back = rng.choice((0, 1, 1, 1, 2, 2))
    year, month = (year, month - back) if month > back else (year - 1, month - back + 12)
    return f"{year}-{month:02d}"


def draw_past_date(world: Any, rng: Random) -> str:
    """A day in the last three months of the world's clock."""
    return world.day_before(rng.randint(1, 85))  # type: ignore[no-any-return]


def draw_merchant(world: Any, rng: Random) -> str:
    """A counterparty of one of the user's own transactions."""
    names: list[str] = world.merchants_of(world.me)
    return rng.choice(names or [""])


def draw_large_amount(world: Any, rng: Random) -> str:
    """A round sum for limits and targets."""
    return f"{rng.choice((200, 300, 400, 500, 600, 750, 800, 1000, 1200, 1500, 1800, 2000, 2500))}.00"


def draw_small_cash(world: Any, rng: Random) -> str:
    """What a cash machine gives."""
    return f"{rng.choice((20, 30, 40, 50, 60, 70, 80, 100, 120))}.00"


def draw_day_of_month(world: Any, rng: Random) -> int:
    """A day that every month has."""
    return rng.choice((1, 2, 5, 10, 15, 20, 25, 28, rng.randint(1, 28)))


def draw_page_size(world: Any, rng: Random) -> int:
    """How many results a person asks to see."""
    return rng.choice((3, 5, 10, 20, 50))


NewPayeeName = Annotated[str, Field(min_length=1, max_length=60), Sample(draw_payee_name)]
NewAccountName = Annotated[str, Field(min_length=1, max_length=40), Sample(draw_account_name)]
NewGoalName = Annotated[str, Field(min_length=1, max_length=60), Sample(draw_goal_name)]
Reference = Annotated[str, Field(max_length=80), Sample(draw_reference)]
RequestKey = Annotated[str, Field(min_length=1, max_length=64), Sample(draw_request_key)]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", examples=["2026-02"]), Known("calendar_month"), Sample(draw_month)]
PastDate = Annotated[Date, Known("booking_date"), Sample(draw_past_date)]
SearchText = Annotated[str, Field(max_length=60), Known("merchant_name"), Sample(draw_merchant)]
LargeAmount = Annotated[Amount, Sample(draw_large_amount)]
CashAmount = Annotated[Amount, Sample(draw_small_cash)]
PageSize = Annotated[int, Field(ge=1, le=100), Sample(draw_page_size)]
DayOfMonth = Annotated[int, Field(ge=1, le=28), Sample(draw_day_of_month)]
DisputeReason = Literal["not_recognised", "wrong_amount", "not_received", "charged_twice"]
