"""The banking world; `Banking` is its page."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from ...world import Fact, Size
from .access import Access
from .accounts import Accounts
from .cards import Cards
from .due import run_due
from .generator import fill
from .laws import breaches
from .payees import Payees
from .payments import Payments
from .savings import Savings
from .swelling import swell

__all__ = ["Banking"]


class Banking(Savings, Cards, Payments, Payees, Accounts, Access):
    """Online banking of one customer at a bank that has many.

    The user signs in with a second factor: the password sends a code to the phone, whose inbox is readable
    without a session; the code opens a session of two hours.

    State: customers, their accounts in four currencies, the bank's own accounts (`desks`), a double-entry
    ledger with an index by account, payees, scheduled payments, standing orders, cards and their holds,
    savings goals, disputes, notifications, prices and exchange rates. Quotes, phone messages, the index, the
    session and the sign-in challenge are incidental: they never decide whether a task is solved.

    Laws (checked by `invariants`): every movement's legs sum to zero in every currency, and so do all
    balances together; a ledger balance is the opening balance plus its legs; available money (ledger balance
    plus overdraft less holds) is never negative; payments to payees keep the account's daily limit on every
    day; what the goals say is what the bank keeps for them; every reference resolves, to things of one owner.

    Access: everything but the phone and the price list needs a session; ids of other customers are answered
    with `permission_denied`. Three wrong codes lock sign-in for half an hour.

    Tools: sign_in, read_messages, confirm_sign_in, sign_out; fee_schedule, list_notifications,
    mark_notification_read; list_accounts, account_details, rename_account, statement, search_transactions;
    open_dispute, list_disputes, withdraw_dispute; list_payees, add_payee, rename_payee, remove_payee; pay_payee,
    move_money, schedule_payment, list_scheduled_payments, cancel_scheduled_payment; create_standing_order,
    list_standing_orders, cancel_standing_order; list_cards, freeze_card, unfreeze_card, set_card_limit,
    report_card_lost, replace_card, reserve_cash; quote_exchange, exchange_currency; list_goals, create_goal,
    add_to_goal, take_from_goal.

    What others get wrong and holds here: wrong secrets do not sign in; paying changes both sides; one cannot
    spend what is held; ids never collide; expired cards and quotes are refused; past dates are refused; IBANs
    are checked; an exchange cannot be turned round at a gain; a request key carries a payment out once;
    scheduled payments really go out when their day comes (at 06:00 UTC), or fail and say so.

    Example:
        bank = Banking.create(seed=7)
        facts = dict(bank.known())
        bank.call("sign_in", {"username": facts["bank_username"], "password": facts["bank_password"]})
        code = bank.call("read_messages").value[0]["code"]
        bank.call("confirm_sign_in", {"code": code})
        bank.call("list_accounts").value
    """

    GROWS = ("desks.opening", "desks.balance")

    def generate(self, rng: Random, size: Size) -> None:
        fill(self, rng, size)

    def generate_more(self, rng: Random, factor: int) -> None:
        swell(self, rng, factor)

    def invariants(self) -> Iterator[str]:
        return breaches(self)

    def on_advance(self, before: int) -> None:
        run_due(self)

    def known(self) -> Iterator[Fact]:
        """The user's own credentials, nicknames, cards, shops, and the IBANs in the user's address book."""
        me = self.customers[self.me]
        yield Fact("bank_username", me.username)
        yield Fact("bank_password", me.password)
        yield Fact("person_name", me.name)
        yield from (Fact("bank_account_name", account.name) for account in self.accounts if account.owner == me.id)
        saved = [payee for payee in self.payees if payee.owner == me.id and payee.status == "active"]
        yield from (Fact("payee_name", payee.name) for payee in saved)
        yield from (Fact("savings_goal_name", goal.name) for goal in self.goals if goal.owner == me.id)
        yield from (Fact("bank_card_ending", card.ending) for card in self.cards if card.owner == me.id)
        yield from (Fact("merchant_name", name) for name in self.merchants_of(me.id))
        ibans = {payee.iban for payee in saved}
        yield from (Fact("iban", contact.iban) for contact in self.address_book if contact.iban not in ibans)
