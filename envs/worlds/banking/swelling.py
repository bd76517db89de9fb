"""More of a bank: other customers, and accounts, contacts, plans and mail of the user's that nobody asks about.

Laws: no plain record changes but the bank's own accounts, which balance what is new. The user's new money lies
in new accounts, with new cards, payees and plans, so that no plain balance, statement or limit is touched, now or
later. New transactions are older than the user's last twenty, which stay on the first page; new mail is neither
the newest nor the oldest; nothing new falls due for eight days. No name or reference is one that was there.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from random import Random
from typing import Literal, NamedTuple

from ...records import changed
from . import more_names as words
from .core import BankCore, desk_name
from .draft import BOOKS_OPEN, Draft, post_all
from .generator import issue_cards, open_account
from .iban import BANK_CODE_LENGTH, EURO_COUNTRIES, currency_of, make_iban, national_number
from .literals import GOALS, DisputeReason
from .names import FIRST_NAMES, PASS_WORDS
from .payments import day_in_month
from .records import Account, Card, Customer, Dispute, Goal, Hold, Notice, Payee, PhoneMessage, ScheduledPayment, StandingOrder

QUIET_DAYS = 9
FIRST_PAGE = 20
_REASONS: tuple[DisputeReason, ...] = ("not_recognised", "wrong_amount", "not_received")
_OUTCOMES: tuple[Literal["withdrawn", "rejected"], ...] = ("withdrawn", "rejected")
_NEWS = ("product", "statement", "security", "payment", "card", "dispute")


class _Purse(NamedTuple):
    """A new account of the user's, and its card."""

    account: Account
    card: Card


def swell(world: BankCore, rng: Random, factor: int) -> None:
    """Add `factor` helpings to a generated world."""
    me, draft = world.customers[world.me], Draft(world, rng)
    draft.country = world.bank_code[:-BANK_CODE_LENGTH]
    since = _quiet_since(world)
    draft.days = [world.day_before(since + BOOKS_OPEN - n) for n in range(BOOKS_OPEN + 1)]
    endings = {card.ending for card in world.cards}
    for _ in range(12 * factor):
        _stranger(draft, endings)
    purses = [_purse(draft, me, _numbered(words.ACCOUNTS, n), endings) for n in range(6 * factor)]
    payees = [_payee(draft, me.id) for _ in range(24 * factor)]
    _goals(draft, me, [purse.account for purse in purses], 9 * factor)
    post_all(draft)
    _plans(draft, purses, payees, factor)
    _matters(draft, purses, 2 * factor)
    _notices(draft, me, 26 * factor)
    _messages(draft, me, 60 * factor)


def _quiet_since(world: BankCore) -> int:
    """How many days ago the user's last page of transactions began, and one more."""
    own = [account.id for account in world.accounts if account.owner == world.me]
    dates = sorted([movement.date for key in own for movement in world.movements_of(key)], reverse=True)
    return (date.fromisoformat(world.today) - date.fromisoformat(dates[:FIRST_PAGE][-1])).days + 1


def _numbered(names: tuple[str, ...], place: int) -> str:
    """A different name for each place."""
    return names[place % len(names)] + (f" {place // len(names) + 1}" if place >= len(names) else "")


def _person(rng: Random) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(words.INITIALS)}. {rng.choice(words.SURNAMES)}"


def _merchant(rng: Random) -> str:
    return f"{rng.choice(words.SIGNS)} {rng.choice(words.TRADES)}"


# -- accounts and who they belong to ----------------------------------------------------------------------


def _stranger(draft: Draft, endings: set[str]) -> None:
    rng, world = draft.rng, draft.world
    key, name = world.mint(world.customers), _person(rng)
    first, letter, last = name.split()
    username = f"{first[0]}{letter[0]}{last}{rng.randrange(1000, 10_000)}".lower()
    password = f"{rng.choice(PASS_WORDS)}-{rng.choice(PASS_WORDS)}-{rng.randrange(100, 1000)}"
    person = world.customers.put(Customer(key, name, username, password))
    _purse(draft, person, rng.choice(words.ACCOUNTS), endings, shopping=6)
    _payee(draft, person.id)


def _purse(draft: Draft, owner: Customer, name: str, endings: set[str], shopping: int = 34) -> _Purse:
    """An everyday account with a card, and what was paid and received with it."""
    rng, world = draft.rng, draft.world
    account = open_account(draft, owner.id, name, "everyday", "EUR")
    card = issue_cards(draft, [account], 1)[0]
    if card.ending in endings:
        card = world.cards.put(changed(card, ending=_free_ending(rng, endings)))
    endings.add(card.ending)
    shops = [_merchant(rng) for _ in range(6)]
    for _ in range(shopping):
        draft.add(rng.randrange(BOOKS_OPEN), "card_payment", rng.choice(shops), account, -rng.randint(300, 4_500), card=card.id)
    for _ in range(shopping // 7):
        payer, reference = rng.choice(words.PAYERS), rng.choice(words.REFERENCES)
        draft.add(rng.randrange(BOOKS_OPEN), "incoming", payer, account, rng.randint(20, 200) * 100, reference=reference)
    return _Purse(account, card)


def _free_ending(rng: Random, endings: set[str]) -> str:
    """An ending that no card has; where all are taken, any."""
    start = rng.randrange(10_000)
    return next((e for n in range(10_000) if (e := f"{(start + n) % 10_000:04d}") not in endings), f"{start:04d}")


def _payee(draft: Draft, owner: str) -> Payee:
    """Someone at another bank in the euro area: a person, or a shop."""
    rng, world = draft.rng, draft.world
    mine = {payee.name for payee in world.payees if payee.owner == owner}
    name = f"{_merchant(rng)} {rng.randint(2, 99)}" if rng.random() < 0.3 else _person(rng)
    while name in mine:
        name = f"{_person(rng)} {rng.randint(2, 999)}"
    country = rng.choice(EURO_COUNTRIES)
    iban = make_iban(country, national_number(rng, country))
    added = draft.days[rng.randrange(30)]
    return world.payees.put(Payee(world.mint(world.payees), owner, name, iban, currency_of(iban), added))  # type: ignore[arg-type]


def _goals(draft: Draft, me: Customer, givers: list[Account], count: int) -> None:
    """Goals that new accounts have saved for."""
    rng, world = draft.rng, draft.world
    for place in range(count):
        name, giver, saved = _numbered(words.GOALS, place), rng.choice(givers), rng.randint(15, 60) * 1_000
        by = world.day_after(rng.randint(40, 300)) if rng.random() < 0.5 else None
        world.goals.put(Goal(world.mint(world.goals), me.id, name, "EUR", rng.randint(6, 30) * 10_000, saved, by))
        legs = ((giver.id, -saved, giver.currency), (desk_name(GOALS, giver.currency), saved, giver.currency))
        draft.moves.append((rng.randrange(40, BOOKS_OPEN), "goal", name, legs, {}))
        draft.opening[giver.id] += saved


# -- what is arranged, and what came in the mail -----------------------------------------------------------


def _plans(draft: Draft, purses: list[_Purse], payees: list[Payee], factor: int) -> None:
    """Scheduled payments and standing orders, none of them due soon."""
    rng, world = draft.rng, draft.world
    dates = [item.date for item in world.scheduled if item.owner == world.me]
    for payee in rng.sample(payees, 12 * factor):
        source, day = rng.choice(purses).account, world.day_after(rng.randint(QUIET_DAYS, 40))
        for _ in range(8):
            if min(dates) < day < max(dates):
                break
            day = world.day_after(rng.randint(QUIET_DAYS, 40))
        key, cents, reference = world.mint(world.scheduled), rng.randint(10, 120) * 100, rng.choice(words.REFERENCES)
        world.scheduled.put(ScheduledPayment(key, source.owner, source.id, payee.id, payee.name, cents, "EUR", day, reference))
    soon = world.day_after(QUIET_DAYS)
    days = [day for day in range(1, 29) if day_in_month(world.today, day) > soon]
    for payee in rng.sample(payees, 8 * factor):
        source, day_of_month, key = rng.choice(purses).account, rng.choice(days), world.mint(world.orders)
        following, cents, reference = day_in_month(world.today, day_of_month), rng.randint(10, 90) * 100, rng.choice(words.REFERENCES)
        order = StandingOrder(key, source.owner, source.id, payee.id, payee.name, cents, "EUR", day_of_month, following, reference)
        world.orders.put(order)


def _matters(draft: Draft, purses: list[_Purse], count: int) -> None:
    """For each new account a card hold, and disputes that are over."""
    rng, world = draft.rng, draft.world
    for account, card in purses:
        cents, placed, until = rng.randint(2_500, 9_000), world.day_before(rng.randint(1, 3)), world.day_after(rng.randint(QUIET_DAYS, 25))
        hold = Hold(world.mint(world.holds), account.owner, account.id, card.id, rng.choice(words.HOLDERS), cents, placed, until, True)
        if world.available(world.accounts[account.id]) >= cents:
            world.holds.put(hold)
        spent = [movement for movement in world.movements_of(account.id) if movement.kind == "card_payment"]
        for movement in rng.sample(spent, min(count, len(spent))):
            opened, reason, status = movement.date, rng.choice(_REASONS), rng.choice(_OUTCOMES)
            cents, decided = -movement.legs[0].amount, date.fromordinal(date.fromisoformat(opened).toordinal() + 10).isoformat()
            key, shop = world.mint(world.disputes), movement.counterparty
            world.disputes.put(Dispute(key, account.owner, movement.id, account.id, shop, cents, reason, opened, decided, status))


def _notices(draft: Draft, me: Customer, count: int) -> None:
    """Notifications between the oldest and the newest; no kind, and nothing read or unread, stops being the only one."""
    rng, world = draft.rng, draft.world
    mine = [notice for notice in world.notices if notice.owner == me.id]
    kinds, read, pairs = Counter(n.kind for n in mine), Counter(n.read for n in mine), Counter((n.kind, n.read) for n in mine)
    looks = [(k, r) for k in _NEWS for r in (False, True) if 1 not in (kinds[k], read[r], pairs[k, r])]  # type: ignore[index]
    first, last = (date.fromisoformat(pick(notice.date for notice in mine)).toordinal() for pick in (min, max))
    for _ in range(count):
        day = date.fromordinal(rng.randint(first + 1, last - 1) if last - first > 1 else first).isoformat()
        kind, seen = rng.choice(looks)
        text = rng.choice(words.NEWS).format(n=rng.randint(2, 98))
        world.notices.put(Notice(world.mint(world.notices), me.id, day, kind, text, seen))  # type: ignore[arg-type]


def _messages(draft: Draft, me: Customer, count: int) -> None:
    """Text messages between the oldest and the newest."""
    rng, world = draft.rng, draft.world
    moments = [int(datetime.fromisoformat(f"{m.at}+00:00").timestamp()) for m in world.messages if m.owner == me.id]
    first, last = min(moments), max(moments)
    for _ in range(count):
        when = rng.randint(first + 1, last - 1) if last - first > 1 else first
        at = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        text = rng.choice(words.MESSAGES).format(n=rng.randint(2, 98))
        world.messages.put(PhoneMessage(world.mint(world.messages), me.id, at, rng.choice(words.SENDERS), text))
