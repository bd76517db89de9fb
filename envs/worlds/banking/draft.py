"""A bank in the making: accounts without balances and movements by day, sealed into tables at the end."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, NamedTuple

from .core import BankCore, desk_name
from .literals import CURRENCIES, DESKS, OUTSIDE, Currency, Kind
from .records import (
    Account,
    Book,
    Desk,
    Leg,
    Movement,
)

BOOKS_OPEN = 90
HOLD_CENTS = (2_500, 18_000)


class Plan(NamedTuple):
    """How much of everything a size has."""

    customers: int
    shopping: int
    others_shopping: int
    payees: int
    goals: int


PLANS = {"small": Plan(2, 26, 5, 5, 3), "medium": Plan(22, 45, 14, 8, 5), "large": Plan(190, 110, 22, 14, 9)}


class Draft:
    """What is gathered before it is sealed into tables: accounts without balances, movements by day."""

    def __init__(self, world: BankCore, rng: Random) -> None:
        self.world, self.rng = world, rng
        self.days = [world.day_before(BOOKS_OPEN - n) for n in range(BOOKS_OPEN + 1)]
        self.accounts: list[Account] = []
        self.opening: Counter[str] = Counter()
        self.moves: list[tuple[int, Kind, str, tuple[tuple[str, int, Currency], ...], dict[str, Any]]] = []
        self.sent: Counter[tuple[str, int]] = Counter()
        self.country = ""

    def add(self, day: int, kind: Kind, who: str, account: Account, cents: int, **more: Any) -> None:
        """A movement between an account (signed cents) and the outside world."""
        other = desk_name(OUTSIDE, account.currency)
        mine = (account.id, cents, account.currency)
        theirs = (other, -cents, account.currency)
        self.moves.append((day, kind, who, (mine, theirs) if cents < 0 else (theirs, mine), more))


def post_all(draft: Draft) -> None:
    """Put movements, books, accounts and the bank's own accounts into their tables."""
    world, ledger, days = draft.world, draft.world.ledger, draft.days
    flow: Counter[str] = Counter()
    books: dict[str, list[str]] = {account.id: [] for account in draft.accounts}
    draft.moves.sort(key=lambda move: move[0])
    for day, kind, who, legs, more in draft.moves:
        key = world.mint(ledger)
        ledger.put(Movement(key, days[day], kind, who, tuple([Leg(*leg) for leg in legs]), **more))
        for place, cents, _ in legs:
            flow[place] += cents
            if place in books:
                books[place].append(key)
    total: Counter[str] = Counter()
    for account in draft.accounts:
        opening = account.opening + draft.opening[account.id]
        low = opening + min(0, flow[account.id])
        opening += max(0, 20_000 - low)
        total[account.currency] += opening
        world.accounts.put(
            Account(
                account.id, account.owner, account.name, account.kind, account.currency, account.iban, opening, opening + flow[account.id],
                account.overdraft, account.daily_limit,
            )
        )  # fmt: skip
        world.books.put(Book(account.id, tuple(books[account.id])))
    for purpose in DESKS:
        for currency in CURRENCIES:
            name = desk_name(purpose, currency)
            old = world.desks.get(name) or Desk(name, currency, 0, 0)  # it is there already when a world swells
            opening = -total[currency] if purpose == OUTSIDE else 0
            world.desks.put(Desk(name, currency, old.opening + opening, old.balance + opening + flow[name]))
