"""Bank cards: freeze and unfreeze, limits, loss and replacement, cash reserved at a machine."""

from __future__ import annotations

from ...errors import ToolError
from ...records import changed
from ...tool import tool
from ...types import format_money
from .core import MOVES, BankCore, desk_name, signed_in
from .literals import FEES, CardId, CashAmount, LargeAmount
from .records import Card, Hold, Leg, Movement

HIGHEST_LIMIT = 500_000
CASH_MERCHANT = "Cash machine"


class Cards(BankCore):
    """Tools for the customer's cards."""

    def _usable(self, key: str) -> Card:
        """The customer's card, if it is active."""
        card = self.mine(self.cards, key)
        if card.status != "active":
            raise ToolError("precondition_failed", f"the card ending {card.ending} is {card.status}; {_remedy(card.status)}")
        return card

    @tool(
        requires=signed_in,
        phrases=("list my bank cards", "show me my cards and their status", "tell me which cards I have"),
    )
    def list_cards(self) -> list[Card]:
        """List the customer's cards with status, limit and the account they draw on; closed ones are left out."""
        return [card for card in self.all_mine(self.cards) if card.status != "closed"]

    @tool(
        requires=signed_in,
        writes="cards",
        phrases=("freeze {card}", "block {card} for now", "make sure nobody can pay with {card} until I say so"),
    )
    def freeze_card(self, card: CardId) -> Card:
        """Freeze an active card for the time being; it can be unfrozen.

        Args:
            card: the card to freeze.
        """
        return self.cards.put(changed(self._usable(card), status="frozen"))

    @tool(
        requires=signed_in,
        writes="cards",
        phrases=("unfreeze {card}", "make {card} work again", "lift the block on {card}"),
    )
    def unfreeze_card(self, card: CardId) -> Card:
        """Make a frozen card work again.

        Args:
            card: the frozen card.
        """
        found = self.mine(self.cards, card)
        if found.status != "frozen":
            raise ToolError("precondition_failed", f"the card ending {found.ending} is {found.status}, not frozen")
        return self.cards.put(changed(found, status="active"))

    @tool(
        requires=signed_in,
        writes="cards",
        phrases=(
            "set the daily limit of {card} to {limit}",
            "let {card} spend at most {limit} a day",
            "change what {card} may spend per day to {limit}",
        ),
    )
    def set_card_limit(self, card: CardId, limit: LargeAmount) -> Card:
        """Set how much an active card may spend in a day.

        Args:
            card: the card to change.
            limit: the new daily limit, at most 5000.00.
        """
        found = self._usable(card)
        if limit > HIGHEST_LIMIT:
            raise ToolError("limit_exceeded", f"a card's daily limit is at most {format_money(HIGHEST_LIMIT)}")
        spent = self._spent_today(card)
        if limit < spent:
            raise ToolError("precondition_failed", f"{format_money(spent)} is reserved with this card today already; choose no less")
        return self.cards.put(changed(found, daily_limit=limit))

    @tool(
        requires=signed_in,
        writes="cards",
        phrases=("report {card} as lost", "tell the bank that {card} is gone", "block {card} for good, I lost it"),
    )
    def report_card_lost(self, card: CardId) -> Card:
        """Report a card as lost or stolen: it is blocked for good and can then only be replaced, free of charge.

        Args:
            card: the card that is lost.
        """
        found = self.mine(self.cards, card)
        if found.status not in ("active", "frozen"):
            raise ToolError("precondition_failed", f"the card ending {found.ending} is {found.status} and cannot be used anyway")
        return self.cards.put(changed(found, status="lost"))

    @tool(
        requires=signed_in,
        writes=("cards", *MOVES),
        phrases=("replace {card} with a new one", "order a new card in place of {card}", "get me a fresh card for {card}"),
    )
    def replace_card(self, card: CardId) -> Card:
        """Issue a new card in place of an old one, which is closed; free if it was lost or has expired.

        Args:
            card: the card to replace.
        """
        old = self.mine(self.cards, card)
        if old.status == "closed":
            raise ToolError("precondition_failed", f"the card ending {old.ending} is closed and was replaced already")
        fee = self.fee_for("card_replacement", 0) if old.status in ("active", "frozen") else 0
        if fee:
            account = self.accounts[old.account]
            self.need_funds(account, fee)
            legs = (Leg(account.id, -fee, account.currency), Leg(desk_name(FEES, account.currency), fee, account.currency))
            self.post(Movement(self.mint(self.ledger), self.today, "fee", self.bank, legs, "card replacement", fee))
        self.cards.put(changed(old, status="closed"))
        key = self.mint(self.cards)
        ending = f"{self.draw('ending', key, below=10_000):04d}"
        through = f"{int(self.today[:4]) + 4}{self.today[4:7]}"
        return self.cards.put(Card(key, old.owner, old.account, ending, old.kind, through, "active", old.daily_limit, card))

    def _spent_today(self, card: str) -> int:
        return sum([hold.amount for hold in self.holds.where(card=card, placed=self.today)])

    @tool(
        requires=signed_in,
        writes="holds",
        phrases=(
            "reserve {amount} in cash with {card}",
            "let me collect {amount} from a cash machine with {card}",
            "set aside {amount} to withdraw with {card}",
        ),
    )
    def reserve_cash(self, card: CardId, amount: CashAmount) -> Hold:
        """Reserve cash for collection at a machine with an active card, until tomorrow.

        The amount is held on the card's account: it is no longer available but stays on the ledger balance.

        Args:
            card: the card that will be used at the machine.
            amount: how much to reserve.
        """
        found = self._usable(card)
        left = found.daily_limit - self._spent_today(card)
        if amount > left:
            raise ToolError("limit_exceeded", f"the card ending {found.ending} may spend {format_money(max(left, 0))} more today")
        self.need_funds(self.accounts[found.account], amount)
        return self.holds.put(
            Hold(self.mint(self.holds), found.owner, found.account, card, CASH_MERCHANT, amount, self.today, self.day_after(1), False)
        )


def _remedy(status: str) -> str:
    if status == "frozen":
        return "unfreeze it first (unfreeze_card)"
    return "use the card that replaced it (list_cards)" if status == "closed" else "replace it (replace_card)"
