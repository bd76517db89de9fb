"""Payees: the people and companies that a customer saved to pay."""

from __future__ import annotations

from ...errors import ToolError, shorten
from ...records import changed
from ...tool import tool
from .core import BankCore, signed_in, unique
from .iban import clean_iban, currency_of, iban_problem
from .literals import Iban, NewPayeeName, PayeeId
from .records import Payee


class Payees(BankCore):
    """Tools to keep the list of payees."""

    @tool(
        requires=signed_in,
        phrases=("list my payees", "show me whom I can pay", "tell me which people and companies are saved in my banking"),
    )
    def list_payees(self) -> list[Payee]:
        """List the people and companies that the customer saved to pay."""
        return [payee for payee in self.all_mine(self.payees) if payee.status == "active"]

    @tool(
        requires=signed_in,
        writes="payees",
        phrases=(
            'save "{name}" with the IBAN {iban} as a payee',
            'add a new payee "{name}", IBAN {iban}',
            'let me pay "{name}" in future, the bank account is {iban}',
        ),
    )
    def add_payee(self, name: NewPayeeName, iban: Iban) -> Payee:
        """Save a payee under a nickname.

        Args:
            name: the new payee's nickname.
            iban: the payee's international bank account number.
        """
        cleaned = clean_iban(iban)
        if problem := iban_problem(cleaned):
            raise ToolError("invalid_arguments", f"{shorten(repr(iban), 40)} is no IBAN that can be paid: {problem}")
        mine = self.list_payees()
        unique((payee.name for payee in mine), name, "a payee")
        for payee in mine:
            if payee.iban == cleaned:
                raise ToolError("conflict", f"this IBAN is saved already, as {payee.name} ({payee.id})")
        inside = self.inside(cleaned)
        if inside is None and self.is_ours(cleaned):
            raise ToolError("not_found", f"{self.bank} has no account with this IBAN")
        if inside is not None and inside.owner == self.session.customer:
            raise ToolError("conflict", f"this is your own account {inside.name}; use move_money for it")
        currency = currency_of(cleaned) if inside is None else inside.currency
        return self.payees.put(
            Payee(self.mint(self.payees), self.session.customer, name, cleaned, currency, self.today)  # type: ignore[arg-type]
        )

    @tool(
        requires=signed_in,
        writes="payees",
        phrases=('rename {payee} to "{name}"', 'save {payee} under the name "{name}" instead', 'call {payee} "{name}" in my payee list'),
    )
    def rename_payee(self, payee: PayeeId, name: NewPayeeName) -> Payee:
        """Change a payee's nickname.

        Args:
            payee: the payee to rename.
            name: the payee's new nickname.
        """
        found = self.active_payee(payee)
        unique((other.name for other in self.list_payees()), name, "a payee")
        return self.payees.put(changed(found, name=name))

    @tool(
        requires=signed_in,
        writes="payees",
        phrases=("remove {payee} from my payees", "delete {payee}, I will not pay them again", "take {payee} off my payee list"),
    )
    def remove_payee(self, payee: PayeeId) -> Payee:
        """Remove a payee; nothing may be scheduled or standing for it.

        Args:
            payee: the payee to remove.
        """
        found = self.active_payee(payee)
        for item in self.scheduled.where(payee=payee, status="pending"):
            raise ToolError("precondition_failed", f"{found.name} has the scheduled payment {item.id}; cancel it first")
        for order in self.orders.where(payee=payee, status="active"):
            raise ToolError("precondition_failed", f"{found.name} has the standing order {order.id}; cancel it first")
        return self.payees.put(changed(found, status="removed"))
