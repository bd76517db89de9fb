"""What falls due when time passes: holds, scheduled payments, standing orders, disputes, cards, sessions.

Daily work is done at 06:00 UTC in order of (day, kind of work, id): cards expire first, then holds are settled,
scheduled payments and standing orders paid, disputes decided. So the outcome depends on the state and on the clock alone.
"""

from __future__ import annotations

import heapq
from typing import Literal

from ...errors import ToolError
from ...records import changed
from ...types import format_money
from .core import BankCore, desk_name
from .literals import OUTSIDE
from .payments import day_in_month
from .records import Challenge, Guard, Leg, Movement, Notice, Session

ACCEPTED_PERCENT = 60
Work = tuple[str, int, str]
_CARD, _HOLD, _SCHEDULED, _ORDER, _DISPUTE = range(5)


def run_due(world: BankCore) -> None:
    """Do all that fell due up to the world's clock."""
    last = world.business_day
    queue: list[Work] = [(hold.until, _HOLD, hold.id) for hold in world.holds if hold.until <= last]
    queue += [(item.date, _SCHEDULED, item.id) for item in world.scheduled if item.status == "pending" and item.date <= last]
    queue += [(order.next_date, _ORDER, order.id) for order in world.orders if order.status == "active" and order.next_date <= last]
    queue += [(case.decided_by, _DISPUTE, case.id) for case in world.disputes if case.status == "open" and case.decided_by <= last]
    cards = [card for card in world.cards if card.status in ("active", "frozen") and card.valid_through < last[:7]]
    queue += [(day_in_month(f"{card.valid_through}-28", 1), _CARD, card.id) for card in cards]
    heapq.heapify(queue)
    while queue:
        day, kind, key = heapq.heappop(queue)
        if kind == _CARD:
            _expire_card(world, key, day)
        elif kind == _HOLD:
            _end_hold(world, key, day)
        elif kind == _SCHEDULED:
            _pay_scheduled(world, key, day)
        elif kind == _DISPUTE:
            _decide(world, key, day)
        elif (following := _pay_order(world, key, day)) <= last:
            heapq.heappush(queue, (following, _ORDER, key))
    _expire(world)


def _tell(world: BankCore, owner: str, day: str, kind: Literal["payment", "dispute", "card"], text: str) -> None:
    world.notices.put(Notice(world.mint(world.notices), owner, day, kind, text))


def _end_hold(world: BankCore, key: str, day: str) -> None:
    hold = world.holds.remove(key)
    if hold.settles:
        currency = world.accounts[hold.account].currency
        legs = (Leg(hold.account, -hold.amount, currency), Leg(desk_name(OUTSIDE, currency), hold.amount, currency))
        world.post(Movement(world.mint(world.ledger), day, "card_payment", hold.merchant, legs, card=hold.card))


def _pay_scheduled(world: BankCore, key: str, day: str) -> None:
    item = world.scheduled[key]
    try:
        world.pay(world.accounts[item.source], world.payees[item.payee], item.amount, item.reference, day)
    except ToolError as refusal:
        world.scheduled.put(changed(item, status="failed"))
        sum_text = f"{format_money(item.amount)} {item.currency}"
        _tell(world, item.owner, day, "payment", f"The payment of {sum_text} to {item.payee_name} failed: {refusal.message}")
    else:
        world.scheduled.put(changed(item, status="paid"))


def _pay_order(world: BankCore, key: str, day: str) -> str:
    order = world.orders[key]
    try:
        world.pay(world.accounts[order.source], world.payees[order.payee], order.amount, order.reference, day)
    except ToolError as refusal:
        sum_text = f"{format_money(order.amount)} {order.currency}"
        _tell(world, order.owner, day, "payment", f"The standing order of {sum_text} to {order.payee_name} failed: {refusal.message}")
    following = day_in_month(day, order.day_of_month)
    world.orders.put(changed(order, next_date=following))
    return following


def _decide(world: BankCore, key: str, day: str) -> None:
    case = world.disputes[key]
    accepted = world.draw("dispute", case.transaction, case.reason, below=100) < ACCEPTED_PERCENT
    if accepted:
        currency = world.accounts[case.account].currency
        legs = (Leg(desk_name(OUTSIDE, currency), -case.amount, currency), Leg(case.account, case.amount, currency))
        world.post(Movement(world.mint(world.ledger), day, "refund", case.merchant, legs, "dispute accepted"))
    world.disputes.put(changed(case, status="accepted" if accepted else "rejected"))
    word = "accepted; the money is back" if accepted else "rejected"
    _tell(world, case.owner, day, "dispute", f"Your dispute with {case.merchant} was {word}.")


def _expire_card(world: BankCore, key: str, day: str) -> None:
    card = world.cards.put(changed(world.cards[key], status="expired"))
    _tell(world, card.owner, day, "card", f"Your card ending {card.ending} has expired; order a new one.")


def _expire(world: BankCore) -> None:
    now = world.now
    if world.session.customer and now >= world.session.until:
        world.session = Session()
    if world.challenge.customer and now >= world.challenge.until:
        world.challenge = Challenge()
    if world.guard.locked_until and now >= world.guard.locked_until:
        world.guard = Guard()
    for quote in world.quotes:
        if quote.expires[:10] < world.today:
            world.quotes.remove(quote.id)
