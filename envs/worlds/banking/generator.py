"""Making a bank: a user with a lively history, other customers beside, and the bank's own accounts.

Opening balances are of 2025-12-01; everything since then is in the ledger. The bank's own accounts open with
the negative of what the customers open with, so that every currency sums to zero from the start.
"""

from __future__ import annotations

from random import Random
from typing import Any

from . import names as words
from .arrangements import add_contacts, add_goals, add_open_matters, add_payees, add_plans
from .core import BankCore
from .draft import BOOKS_OPEN, PLANS, Draft, post_all
from .iban import BANK_CODE_LENGTH, EURO_COUNTRIES, make_iban, national_number
from .literals import CURRENCIES, Currency
from .records import (
    Account,
    Card,
    Customer,
    Fee,
    Rate,
)


def fill(world: BankCore, rng: Random, size: str) -> None:
    """Fill all tables of a new world."""
    plan = PLANS[size]
    draft = Draft(world, rng)
    draft.country = rng.choice(EURO_COUNTRIES)
    world.bank = rng.choice(words.BANKS)
    world.bank_code = f"{draft.country}{rng.randint(10 ** (BANK_CODE_LENGTH - 1), 10**BANK_CODE_LENGTH - 1)}"
    _prices(world, rng)
    people = _people(world, rng, plan.customers + 1)
    me = people[0]
    world.me = me.id
    strangers = []
    for person in people[1:]:
        strangers += _customer(draft, person, plan.others_shopping, rng.randint(1, 3))
    mine = _customer(draft, me, plan.shopping, 4)
    contacts = add_contacts(draft, people[1:], strangers, mine)
    world.address_book = tuple(contacts)
    payees = add_payees(draft, me, contacts, plan.payees)
    add_plans(draft, mine, payees)
    add_goals(draft, me, mine, plan.goals)
    post_all(draft)
    add_open_matters(draft, me, mine)


# -- the bank -----------------------------------------------------------------------------------------------


def _prices(world: BankCore, rng: Random) -> None:
    fixed, points = rng.choice((0, 0, 10, 25, 50)), rng.choice((30, 50, 75, 100))
    world.fees.put(Fee("outgoing_payment", fixed, 0, "for each payment to another bank; payments inside the bank are free"))
    world.fees.put(Fee("exchange", rng.choice((0, 50, 100)), points, "taken out of the amount that is exchanged"))
    world.fees.put(Fee("card_replacement", rng.choice((500, 750, 1000)), 0, "for replacing a working card; free if lost or expired"))
    middles = (1_000_000, rng.randint(860_000, 960_000), rng.randint(1_120_000, 1_220_000), rng.randint(1_010_000, 1_090_000))
    for currency, middle in zip(CURRENCIES, middles, strict=True):
        world.rates.put(Rate(currency, middle))


def _people(world: BankCore, rng: Random, count: int) -> list[Customer]:
    people: list[Customer] = []
    taken: set[object] = set()
    while len(people) < count:
        first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
        username = f"{first[0]}{last}{rng.randrange(10, 1000)}".lower()
        if (first, last) in taken or username in taken:
            continue
        taken.update(((first, last), username))
        password = f"{rng.choice(words.PASS_WORDS)}-{rng.choice(words.PASS_WORDS)}-{rng.randrange(10, 100)}"
        people.append(world.customers.put(Customer(world.mint(world.customers), f"{first} {last}", username, password)))
    return people


# -- a customer ---------------------------------------------------------------------------------------------


def open_account(draft: Draft, owner: str, name: str, kind: Any, currency: Currency) -> Account:
    """An account whose opening balance is drawn; `post_all` keeps it."""
    rng, world = draft.rng, draft.world
    iban = make_iban(draft.country, national_number(rng, draft.country, world.bank_code[2:]))
    overdraft = rng.choice((0, 0, 20_000, 50_000)) if kind == "everyday" else 0
    low, high = {"everyday": (140_000, 380_000), "savings": (200_000, 1_200_000), "currency": (60_000, 300_000)}[kind]
    limit = rng.choice((100_000, 150_000, 200_000, 250_000))
    account = Account(world.mint(world.accounts), owner, name, kind, currency, iban, rng.randint(low, high), 0, overdraft, limit)
    draft.accounts.append(account)
    return account


def _customer(draft: Draft, person: Customer, shopping: int, wealth: int) -> list[Account]:
    """Accounts, cards and history of one customer; the user has wealth 4 and so at least two currencies."""
    rng = draft.rng
    accounts = [open_account(draft, person.id, rng.choice(words.EVERYDAY_NAMES), "everyday", "EUR")]
    if wealth > 1:
        accounts.append(open_account(draft, person.id, rng.choice(words.SAVINGS_NAMES), "savings", "EUR"))
    if wealth > 2:
        currency, name = rng.choice(words.CURRENCY_NAMES)
        accounts.append(open_account(draft, person.id, name, "currency", currency))  # type: ignore[arg-type]
    if wealth > 3:
        accounts.append(open_account(draft, person.id, rng.choice(words.SECOND_NAMES), "everyday", "EUR"))
        others = [pair for pair in words.CURRENCY_NAMES if pair[0] != accounts[2].currency]
        if rng.random() < 0.4:
            currency, name = rng.choice(others)
            accounts.append(open_account(draft, person.id, name, "currency", currency))  # type: ignore[arg-type]
    cards = issue_cards(draft, accounts, 1 if wealth < 4 else rng.choice((3, 3, 4)))
    _history(draft, accounts, cards, shopping)
    return accounts


def issue_cards(draft: Draft, accounts: list[Account], count: int) -> list[Card]:
    """Up to four cards on accounts of one customer; the first is a debit card that works."""
    rng, world, cards = draft.rng, draft.world, []
    year, month = int(world.today[:4]), int(world.today[5:7])
    usable = [account for account in accounts if account.kind != "savings"]
    statuses = ("active", "active", rng.choice(("frozen", "active")), rng.choice(("expired", "active", "frozen")))
    endings = rng.sample(range(10_000), count)
    for n in range(count):
        status = statuses[n]
        past = status == "expired"
        through = f"{year - 1}-{rng.randint(1, 12):02d}" if past else f"{year + rng.randint(1, 3)}-{rng.randint(1, 12):02d}"
        if not past and n == 0 and rng.random() < 0.3:
            through = f"{year}-{month:02d}"
        account = accounts[0] if n == 0 else rng.choice(usable)
        kind = ("debit", "virtual", "debit", "business")[n]
        limit = rng.choice((50_000, 80_000, 100_000, 150_000, 200_000))
        card = Card(world.mint(world.cards), account.owner, account.id, f"{endings[n]:04d}", kind, through, status, limit)  # type: ignore[arg-type]
        cards.append(world.cards.put(card))
    return cards


def _history(draft: Draft, accounts: list[Account], cards: list[Card], shopping: int) -> None:
    rng, everyday, home = draft.rng, accounts[0], {account.id: account for account in accounts}
    employer, salary = rng.choice(words.EMPLOYERS), rng.randint(1_500, 3_200) * 100
    pay_day, rent_day = rng.randint(0, 6), rng.randint(7, 14)
    biller, rent = rng.choice(words.BILLERS), rng.randint(400, 900) * 100
    for month in range(3 if shopping > 10 else 1):
        draft.add(pay_day + 30 * month, "incoming", employer, everyday, salary, reference="salary")
        draft.add(rent_day + 30 * month, "payment", biller, everyday, -rent, reference="monthly bill")
    favourites = rng.sample(words.GROCERS, 2) + rng.sample(words.SHOPS, 4) + rng.sample(words.OUTINGS, 3)
    for _ in range(shopping):
        card = cards[0] if rng.random() < 0.7 else rng.choice(cards)
        cents = rng.randint(300, 4_500) if rng.random() < 0.8 else rng.randint(4_500, 14_000)
        account = home[card.account]
        draft.add(rng.randrange(BOOKS_OPEN), "card_payment", rng.choice(favourites), account, -cents, card=card.id)
    if len(accounts) > 1:
        saving = accounts[1]
        for day in rng.sample(range(BOOKS_OPEN), 2):
            cents = rng.randint(5, 30) * 1_000
            legs = ((everyday.id, -cents, everyday.currency), (saving.id, cents, saving.currency))
            draft.moves.append((day, "own_transfer", saving.name, legs, {"reference": "saving"}))
