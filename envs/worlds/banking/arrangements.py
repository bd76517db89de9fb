"""What the generated user has arranged: contacts, payees, plans, goals, holds, disputes, notifications, messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from . import names as words
from .core import desk_name
from .draft import BOOKS_OPEN, HOLD_CENTS, PLANS, Draft
from .iban import EURO_COUNTRIES, clean_iban, currency_of, make_iban, national_number
from .literals import GOALS
from .payments import day_in_month
from .records import (
    Account,
    Contact,
    Customer,
    Dispute,
    Goal,
    Hold,
    Notice,
    Payee,
    PhoneMessage,
    ScheduledPayment,
    StandingOrder,
)


def add_contacts(draft: Draft, people: list[Customer], strangers: list[Account], mine: list[Account]) -> list[Contact]:
    """The user's address book: people at other banks, one at this bank, one paid in a foreign currency."""
    rng = draft.rng
    names = {person.id: person.name for person in people}
    near = next(account for account in strangers if account.currency == "EUR")
    contacts = [Contact(names[near.owner], near.iban)]
    taken = set(names.values()) | {draft.world.customers[draft.world.me].name}
    foreign = {"GBP": "GB", "CHF": "CH"}.get(mine[2].currency, "")
    while len(contacts) < 7 + PLANS[draft.world.size].payees:
        name = f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"
        if name not in taken:
            taken.add(name)
            country = foreign if foreign and len(contacts) == 1 else rng.choice(EURO_COUNTRIES)
            contacts.append(Contact(name, make_iban(country, national_number(rng, country))))
    return contacts


def add_payees(draft: Draft, me: Customer, contacts: list[Contact], count: int) -> list[Payee]:
    rng, world = draft.rng, draft.world
    payees: list[Payee] = []
    chosen = contacts[1:2] + rng.sample(contacts[2:], count - 2)
    if rng.random() < 0.5:
        chosen.append(contacts[0])
    added = draft.days[rng.randrange(30)]
    for contact in chosen:
        name = contact.name if rng.random() < 0.5 else f"{contact.name.split()[0]} {rng.choice(words.TAGS).strip() or 'S.'}"
        if any(payee.name == name for payee in payees):
            name = contact.name
        iban = clean_iban(contact.iban)
        payees.append(world.payees.put(Payee(world.mint(world.payees), me.id, name, iban, currency_of(iban), added)))  # type: ignore[arg-type]
    biller = rng.choice(words.BILLERS)
    iban = make_iban(draft.country, national_number(rng, draft.country))
    payees.append(world.payees.put(Payee(world.mint(world.payees), me.id, biller, iban, "EUR", added)))
    for other in [account for account in draft.accounts if account.owner != me.id and account.kind == "everyday"]:
        country = rng.choice(EURO_COUNTRIES)
        iban = make_iban(country, national_number(rng, country))
        name = f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"
        world.payees.put(Payee(world.mint(world.payees), other.owner, name, iban, "EUR", added))
    return payees


def add_plans(draft: Draft, mine: list[Account], payees: list[Payee]) -> None:
    """Some payments of the past, scheduled payments and standing orders of the user, and of a few others."""
    rng, world = draft.rng, draft.world
    euro = [payee for payee in payees if payee.currency == "EUR"]
    sources = [mine[0], mine[0], mine[3]]
    for payee in rng.sample(euro, 3):
        draft.add(rng.randrange(30, BOOKS_OPEN), "payment", payee.name, mine[0], -rng.randint(20, 90) * 100, iban=payee.iban)
    for payee in rng.sample(euro, rng.randint(2, 3)):
        source, reference = rng.choice(sources), rng.choice(words.REFERENCES)
        item = ScheduledPayment(
            world.mint(world.scheduled), source.owner, source.id, payee.id, payee.name, rng.randint(10, 120) * 100, "EUR",
            world.day_after(rng.randint(2, 40)), reference,
        )  # fmt: skip
        world.scheduled.put(item)
    everyday = {account.owner: account for account in draft.accounts if account.kind == "everyday"}
    others = [(payee, everyday[payee.owner]) for payee in world.payees if payee.owner != world.me][:9]
    standing = [(payee, rng.choice(sources)) for payee in rng.sample(euro, rng.randint(1, 3))]
    for payee, source in standing + others:
        day = rng.randint(1, 28)
        order = StandingOrder(
            world.mint(world.orders), source.owner, source.id, payee.id, payee.name, rng.randint(10, 90) * 100, "EUR", day,
            day_in_month(world.today, day), rng.choice(words.REFERENCES),
        )  # fmt: skip
        world.orders.put(order)


def add_goals(draft: Draft, me: Customer, mine: list[Account], count: int) -> None:
    rng, world = draft.rng, draft.world
    saving = mine[1]
    for n, name in enumerate(rng.sample(words.GOAL_NAMES, count)):
        saved = 0 if n and rng.random() < 0.2 else rng.randint(15, 60) * 1_000
        by = world.day_after(rng.randint(40, 300)) if rng.random() < 0.5 else None
        world.goals.put(Goal(world.mint(world.goals), me.id, name, "EUR", rng.randint(6, 30) * 10_000, saved, by))
        if saved:
            legs = ((saving.id, -saved, saving.currency), (desk_name(GOALS, saving.currency), saved, saving.currency))
            draft.moves.append((rng.randrange(40, BOOKS_OPEN), "goal", name, legs, {}))
            draft.opening[saving.id] += saved


def add_open_matters(draft: Draft, me: Customer, mine: list[Account]) -> None:
    """Open card holds, a dispute, notifications, and what lies in the phone's inbox."""
    rng, world = draft.rng, draft.world
    live = [card for card in world.cards if card.status == "active"]
    own = [card for card in live if card.owner == me.id]
    for card in rng.sample(own, min(2, len(own))) + [card for card in live if card.owner != me.id][:20]:
        amount, placed = rng.randint(*HOLD_CENTS), world.day_before(rng.randint(1, 3))
        if world.available(world.accounts[card.account]) >= amount:
            until, settles = world.day_after(rng.randint(1, 9)), rng.random() < 0.7
            hold = Hold(
                world.mint(world.holds), card.owner, card.account, card.id, rng.choice(words.HOLDERS), amount, placed, until, settles
            )
            world.holds.put(hold)
    spent = [m for m in world.movements_of(mine[0].id) if m.kind == "card_payment" and m.date > world.day_before(60)]
    for movement in rng.sample(spent, min(rng.choice((1, 1, 2)), len(spent))):
        reason = rng.choice(("not_recognised", "wrong_amount", "not_received", "charged_twice"))
        amount = -movement.legs[0].amount
        world.disputes.put(
            Dispute(
                world.mint(world.disputes), me.id, movement.id, mine[0].id, movement.counterparty, amount, reason,  # type: ignore[arg-type]
                world.day_before(2), world.day_after(8),
            )
        )  # fmt: skip
    for n, (kind, text) in enumerate(rng.sample(words.NEWS, rng.randint(3, 5))):
        read = n > 1 and rng.random() < 0.4
        world.notices.put(Notice(world.mint(world.notices), me.id, world.day_before(rng.randint(1, 40)), kind, text, read))  # type: ignore[arg-type]
    for sender, text in rng.sample(words.SPAM, 3):
        moment = datetime.fromtimestamp(world.now, UTC) - timedelta(minutes=rng.randint(60, 9_000))
        at = moment.strftime("%Y-%m-%dT%H:%M:%S")
        world.messages.put(PhoneMessage(world.mint(world.messages), me.id, at, sender, text))
