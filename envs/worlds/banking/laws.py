"""The laws that the bank's state keeps after every call; each generator yields one line per breach."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from .core import BankCore, desk_name
from .iban import iban_problem
from .literals import CURRENCIES, GOALS


def breaches(world: BankCore) -> Iterator[str]:
    """Everything that is wrong with the state."""
    yield from _double_entry(world)
    yield from _funds_and_limits(world)
    yield from _owners(world)
    yield from _references(world)
    yield from _names(world)
    yield from _goals(world)
    yield from _access(world)


def _double_entry(world: BankCore) -> Iterator[str]:
    flow: Counter[str] = Counter()
    booked: defaultdict[str, set[str]] = defaultdict(set)
    for movement in world.ledger:
        sums: Counter[str] = Counter()
        for leg in movement.legs:
            sums[leg.currency] += leg.amount
            flow[leg.account] += leg.amount
            booked[leg.account].add(movement.id)
            home = world.accounts.get(leg.account) or world.desks.get(leg.account)
            if home is None or home.currency != leg.currency:
                yield f"{movement.id} has a leg on {leg.account}, which is no account in {leg.currency}"
            if not leg.amount:
                yield f"{movement.id} has an empty leg"
        if any(sums.values()):
            yield f"{movement.id} does not sum to zero: {dict(sums)}"
    total: Counter[str] = Counter()
    for holder, key in [(a, a.id) for a in world.accounts] + [(d, d.name) for d in world.desks]:
        total[holder.currency] += holder.balance
        if holder.balance != holder.opening + flow[key]:
            yield f"{key} has a balance of {holder.balance}, its book says {holder.opening + flow[key]}"
    yield from (f"money in {currency} sums to {total[currency]}, not zero" for currency in CURRENCIES if total[currency])
    for book in world.books:
        dates = [world.ledger[key].date for key in book.movements]
        if set(book.movements) != booked[book.account] or len(dates) != len(booked[book.account]) or dates != sorted(dates):
            yield f"the book of {book.account} is not its ledger"


def _funds_and_limits(world: BankCore) -> Iterator[str]:
    for account in world.accounts:
        if world.available(account) < 0:
            yield f"{account.id} is {world.available(account)} below its overdraft"
        sent: Counter[str] = Counter()
        for movement in world.movements_of(account.id):
            if movement.kind == "payment" and movement.legs[0].account == account.id:
                sent[movement.date] -= movement.legs[0].amount + movement.fee
        yield from (f"{account.id} sent {sent[day]} on {day}" for day in sorted(sent) if sent[day] > account.daily_limit)
    for hold in world.holds:
        if hold.amount <= 0 or hold.until <= hold.placed:
            yield f"hold {hold.id} is of {hold.amount} until {hold.until}"
    today: Counter[str] = Counter()
    for hold in world.holds:
        if hold.placed == world.today:
            today[hold.card] += hold.amount
    yield from (f"card {card} reserved {spent} today" for card, spent in today.items() if spent > world.cards[card].daily_limit)


def _owners(world: BankCore) -> Iterator[str]:
    customers = world.customers
    for table in world.tables().values():
        if "owner" in table.spec.fields:
            yield from (f"{table.spec.name} {row} has no owner" for row in table if row.owner not in customers)
    for rows in (world.cards, world.holds, world.disputes):
        for row in rows:
            account = world.accounts.get(row.account)
            if account is None or account.owner != row.owner:
                yield f"{row} is on an account of somebody else"
    for items in (world.scheduled, world.orders):
        for item in items:
            source, payee = world.accounts.get(item.source), world.payees.get(item.payee)
            if source is None or payee is None or not source.owner == payee.owner == item.owner:
                yield f"{item.id} ties things of several owners"
            elif not source.currency == payee.currency == item.currency:
                yield f"{item.id} mixes currencies"
            elif item.status in ("pending", "active") and payee.status != "active":
                yield f"{item.id} is due to a removed payee"


def _references(world: BankCore) -> Iterator[str]:
    for movement in world.ledger:
        if movement.card is not None and movement.card not in world.cards:
            yield f"{movement.id} names no card"
        if not movement.legs or movement.fee < 0:
            yield f"{movement.id} has no legs, or a negative fee"
    replaced = Counter(card.replaces for card in world.cards if card.replaces is not None)
    for card in world.cards:
        if card.replaces is not None and (card.replaces not in world.cards or world.cards[card.replaces].status != "closed"):
            yield f"card {card.id} replaces one that is not closed"
        if card.status in ("active", "frozen") and card.valid_through < world.business_day[:7]:
            yield f"card {card.id} is {card.status} after {card.valid_through}"
    yield from (f"card {key} was replaced {count} times" for key, count in replaced.items() if count > 1)
    for hold in world.holds:
        if hold.card not in world.cards or world.cards[hold.card].account != hold.account:
            yield f"hold {hold.id} is on no card of its account"
    live: Counter[str] = Counter()
    for case in world.disputes:
        live[case.transaction] += case.status != "withdrawn"
        movement_of = world.ledger.get(case.transaction)
        if movement_of is None or movement_of.kind != "card_payment" or movement_of.legs[0].account != case.account:
            yield f"dispute {case.id} is about no card payment of its account"
    yield from (f"{key} is disputed {count} times" for key, count in live.items() if count > 1)
    yield from (f"account {account.id} has no book" for account in world.accounts if account.id not in world.books)


def _names(world: BankCore) -> Iterator[str]:
    ibans = Counter(account.iban for account in world.accounts)
    yield from (f"IBAN {iban} is given {count} times" for iban, count in ibans.items() if count > 1)
    active = [payee for payee in world.payees if payee.status == "active"]
    for iban in [*ibans, *(payee.iban for payee in active)]:
        if problem := iban_problem(iban):
            yield f"IBAN {iban}: {problem}"
    for what, names in (
        ("account", Counter((a.owner, a.name.casefold()) for a in world.accounts)),
        ("payee", Counter((p.owner, p.name.casefold()) for p in active)),
        ("payee IBAN", Counter((p.owner, p.iban) for p in active)),
        ("goal", Counter((g.owner, g.name.casefold()) for g in world.goals)),
    ):
        yield from (f"{what} {name} of {owner} is there {count} times" for (owner, name), count in names.items() if count > 1)


def _goals(world: BankCore) -> Iterator[str]:
    saved: Counter[str] = Counter()
    for goal in world.goals:
        saved[goal.currency] += goal.saved
        if goal.saved < 0 or goal.target <= 0:
            yield f"goal {goal.id} has {goal.saved} of {goal.target}"
    for currency in CURRENCIES:
        kept = world.desks[desk_name(GOALS, currency)].balance
        if kept != saved[currency]:
            yield f"goals in {currency} have {saved[currency]}, the bank keeps {kept} for them"


def _access(world: BankCore) -> Iterator[str]:
    if world.me not in world.customers:
        yield "the user is no customer"
    if world.session.customer not in ("", world.me):
        yield "somebody else is signed in"
    if not 0 <= world.guard.wrong < 3:
        yield f"{world.guard.wrong} wrong codes were let pass"
    for quote in world.quotes:
        if world.accounts[quote.source].owner != quote.owner or world.accounts[quote.target].owner != quote.owner:
            yield f"quote {quote.id} is on accounts of somebody else"
