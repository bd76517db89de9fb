"""Looking at accounts: balances, statements, transactions; and disputing a card payment."""

from __future__ import annotations

from datetime import date, timedelta

from ...errors import ToolError
from ...records import changed, maker
from ...tool import tool
from ...types import Amount, format_money
from .core import BankCore, amount_on, signed_in, unique
from .literals import AccountId, DisputeId, DisputeReason, Month, NewAccountName, PageSize, PastDate, SearchText, TransactionId
from .records import Account, Dispute, Movement
from .views import AccountDetails, AccountSummary, OpenHold, Statement, Transaction

_summary = maker(AccountSummary)
DISPUTE_DAYS = 90
DECISION_DAYS = 10


class Accounts(BankCore):
    """Tools to look at accounts and transactions, and to dispute card payments."""

    @tool(
        requires=signed_in,
        phrases=(
            "list my bank accounts",
            "show me all my accounts with their balances",
            "tell me how much money I have in each account",
        ),
    )
    def list_accounts(self) -> list[AccountSummary]:
        """List the customer's accounts with ledger and available balance."""
        return [self._summary(account) for account in self.all_mine(self.accounts)]

    def _summary(self, account: Account) -> AccountSummary:
        return _summary(account.id, account.name, account.kind, account.currency, account.balance, self.available(account))

    @tool(
        requires=signed_in,
        phrases=(
            "show the details of {account}",
            "tell me what is held and what I can still send today from {account}",
            "give me the IBAN, limits and pending card holds of {account}",
            "check how much is really available in {account}",
        ),
    )
    def account_details(self, account: AccountId) -> AccountDetails:
        """Show one account: IBAN, ledger balance, card holds, what is available, and what may be sent today.

        Args:
            account: the account to look at.
        """
        found = self.mine(self.accounts, account)
        holds = self.holds.where(account=account)
        left = max(0, found.daily_limit - self.sent_on(account, self.today))
        return AccountDetails(
            found.id, found.name, found.kind, found.currency, found.iban, found.balance, sum([hold.amount for hold in holds]),
            found.overdraft, self.available(found), found.daily_limit, left,
            tuple([OpenHold(h.id, h.merchant, h.card, h.amount, h.placed, h.until) for h in holds]),
        )  # fmt: skip

    @tool(
        requires=signed_in,
        writes="accounts",
        phrases=(
            'rename {account} to "{name}"',
            'call {account} "{name}" from now on',
            'give {account} the new name "{name}"',
        ),
    )
    def rename_account(self, account: AccountId, name: NewAccountName) -> AccountSummary:
        """Give one of the customer's accounts another name.

        Args:
            account: the account to rename.
            name: the account's new name.
        """
        found = self.mine(self.accounts, account)
        unique((other.name for other in self.all_mine(self.accounts)), name, "an account")
        return self._summary(self.accounts.put(changed(found, name=name)))

    @tool(
        requires=signed_in,
        phrases=(
            "get the statement of {account} for {month}",
            "show me everything that went in and out of {account} in {month}",
            "prepare a printable statement for {account}, month {month}",
        ),
    )
    def statement(self, account: AccountId, month: Month) -> Statement:
        """Make the statement of an account for a calendar month, with totals and a printable text.

        Args:
            account: the account to report on.
            month: the calendar month, such as 2026-02.
        """
        found = self.mine(self.accounts, account)
        if month > self.today[:7]:
            raise ToolError("precondition_failed", f"{month} has not begun; today is {self.today}")
        opening, money_in, money_out, lines = found.opening, 0, 0, []
        for movement in self.movements_of(account):
            booked = movement.date[:7]
            if booked > month:
                continue
            amount = amount_on(movement, account)
            if booked < month:
                opening += amount
                continue
            money_in, money_out = (money_in + amount, money_out) if amount > 0 else (money_in, money_out - amount)
            note = f" ({movement.reference})" if movement.reference else ""
            lines.append(f"{movement.date}  {self.other_side(movement, account)}{note}  {format_money(amount)}")
        closing = opening + money_in - money_out
        text = self._print(found, month, opening, closing, lines)
        return Statement(found.id, found.name, month, found.currency, opening, money_in, money_out, closing, len(lines), text)

    def _print(self, account: Account, month: str, opening: int, closing: int, lines: list[str]) -> str:
        rows = [
            f"{self.bank} - statement {month}",
            f"{account.name} ({account.currency}), {account.iban}",
            f"Opening balance: {format_money(opening)}",
            *lines,
            f"Closing balance: {format_money(closing)}",
        ]
        return "\n".join(rows)

    @tool(
        requires=signed_in,
        phrases=(
            "search my bank transactions",
            'find my payments with "{text}"',
            'look up what I paid to "{text}" since {since}',
            "show the transactions of {account}",
            "list what went through {account} since {since}",
        ),
    )
    def search_transactions(
        self,
        account: AccountId | None = None,
        text: SearchText = "",
        since: PastDate | None = None,
        until: PastDate | None = None,
        at_least: Amount | None = None,
        at_most: Amount | None = None,
        limit: PageSize = 20,
    ) -> list[Transaction]:
        """Search the customer's transactions, newest first; all conditions given must hold.

        Args:
            account: the account to search, all of them if left out.
            text: words in the counterparty's name or the reference.
            since: the first day to search.
            until: the last day to search.
            at_least: the smallest amount, incoming or outgoing.
            at_most: the largest amount, incoming or outgoing.
            limit: how many to show at most.
        """
        if since is not None and until is not None and since > until:
            raise ToolError("invalid_arguments", f"since ({since}) is after until ({until})")
        accounts = self.all_mine(self.accounts) if account is None else [self.mine(self.accounts, account)]
        wanted, first, last = text.casefold(), since or "", until or "9999-12-31"
        candidates: list[tuple[str, str, int, Movement, Account]] = []
        for own in accounts:
            start = -len(candidates)  # what is alike comes in the order of accounts
            moves = enumerate(self.movements_of(own.id))
            candidates += [(m.date, m.id, start - n, m, own) for n, m in moves if first <= m.date <= last]
        candidates.sort(reverse=True)
        found: list[Transaction] = []
        for _, _, _, movement, own in candidates:
            if len(found) == limit:
                break
            if at_least is not None or at_most is not None:
                size = abs(amount_on(movement, own.id))
                if size < (at_least or 0) or (at_most is not None and size > at_most):
                    continue
            if not wanted or wanted in f"{self.other_side(movement, own.id)}\n{movement.reference}".casefold():
                found.append(self.seen_from(movement, own))
        return found

    # -- disputes ------------------------------------------------------------------------------------------

    def _card_payment(self, transaction: str) -> tuple[Movement, Account]:
        movement = self.ledger[transaction]
        accounts = [self.accounts.get(leg.account) for leg in movement.legs]
        owned = [account for account in accounts if account is not None and account.owner == self.session.customer]
        if not owned:
            raise ToolError("permission_denied", f"{transaction} is not one of your transactions")
        if movement.kind != "card_payment":
            raise ToolError("precondition_failed", f"only card payments can be disputed; {transaction} is a {movement.kind}")
        return movement, owned[0]

    @tool(
        requires=signed_in,
        writes="disputes",
        phrases=(
            "dispute {transaction} because of {reason}",
            "open a complaint about {transaction}, reason {reason}",
            "ask the bank to get my money back for {transaction}, the reason is {reason}",
        ),
    )
    def open_dispute(self, transaction: TransactionId, reason: DisputeReason) -> Dispute:
        """Dispute a card payment of the last 90 days; the bank decides within ten days.

        Args:
            transaction: the card payment to dispute.
            reason: what is wrong with the payment.
        """
        movement, account = self._card_payment(transaction)
        if movement.date < self.day_before(DISPUTE_DAYS):
            raise ToolError(
                "precondition_failed", f"{transaction} is from {movement.date}; only the last {DISPUTE_DAYS} days can be disputed"
            )
        for other in self.disputes.where(transaction=transaction):
            if other.status != "withdrawn":
                raise ToolError("conflict", f"{transaction} is disputed already ({other.id}, {other.status})")
        decided = (date.fromisoformat(self.today) + timedelta(DECISION_DAYS)).isoformat()
        amount = -movement.legs[0].amount
        return self.disputes.put(
            Dispute(
                self.mint(self.disputes), account.owner, transaction, account.id, movement.counterparty, amount, reason, self.today, decided
            )
        )

    @tool(
        requires=signed_in,
        phrases=(
            "list my disputes",
            "show the payments I complained about",
            "tell me how my payment complaints stand",
        ),
    )
    def list_disputes(self) -> list[Dispute]:
        """List the customer's disputes with their status."""
        return self.all_mine(self.disputes)

    @tool(
        requires=signed_in,
        writes="disputes",
        phrases=(
            "withdraw {dispute}",
            "drop {dispute}, it was my mistake",
            "take back {dispute}",
        ),
    )
    def withdraw_dispute(self, dispute: DisputeId) -> Dispute:
        """Withdraw a dispute that is still open.

        Args:
            dispute: the dispute to withdraw.
        """
        found = self.mine(self.disputes, dispute)
        if found.status != "open":
            raise ToolError("precondition_failed", f"{dispute} is {found.status}; only an open dispute can be withdrawn")
        return self.disputes.put(changed(found, status="withdrawn"))
