"""Foreign exchange by quote, and savings goals."""

from __future__ import annotations

from datetime import UTC, datetime

from ...errors import ToolError
from ...records import changed
from ...tool import tool
from ...types import Amount, Date, format_money
from .core import MOVES, BankCore, desk_name, signed_in, unique
from .literals import EXCHANGE, FEES, GOALS, AccountId, Currency, GoalId, LargeAmount, NewGoalName, QuoteId
from .records import Account, Goal, Leg, Movement, Quote
from .views import Transaction

QUOTE_SECONDS = 900
MICRO = 1_000_000


class Savings(BankCore):
    """Tools for exchanging currencies and for saving towards a goal."""

    # -- exchange ------------------------------------------------------------------------------------------

    def _rate(self, sell: str, buy: str) -> int:
        """Millionths of `buy` for one `sell` today; 20 to 80 basis points below the middle, so round trips lose."""
        middle = self.rates[sell].micro_eur * MICRO // self.rates[buy].micro_eur
        return middle * (9_980 - self.draw("rate", sell, buy, self.today, below=61)) // 10_000

    @tool(
        requires=signed_in,
        writes="quotes",
        phrases=(
            "get a quote for exchanging {amount} from {source} into {target}",
            "find out what I would get in {target} for {amount} out of {source}",
            "check the exchange rate for {amount} from {source} to {target}",
        ),
    )
    def quote_exchange(self, source: AccountId, target: AccountId, amount: Amount) -> Quote:
        """Quote an exchange between two of the customer's accounts in different currencies; valid for 15 minutes.

        The fee is taken out of the amount, the rest is converted and rounded down to the cent.

        Args:
            source: the account whose currency is sold.
            target: the account whose currency is bought.
            amount: how much leaves the source, fee included.
        """
        giver, taker = self.mine(self.accounts, source), self.mine(self.accounts, target)
        if giver.currency == taker.currency:
            raise ToolError("precondition_failed", f"both accounts hold {giver.currency}; use move_money")
        fee = self.fee_for("exchange", amount)
        rate = self._rate(giver.currency, taker.currency)
        receive = (amount - fee) * rate // MICRO
        if receive <= 0:
            raise ToolError("precondition_failed", "nothing would be left after the fee; exchange a larger amount")
        until = datetime.fromtimestamp(self.now + QUOTE_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self.quotes.put(
            Quote(
                self.mint(self.quotes), giver.owner, source, target, giver.currency, taker.currency, amount, fee,
                f"{rate // MICRO}.{rate % MICRO:06d}", receive, until,
            )
        )  # fmt: skip

    @tool(
        requires=signed_in,
        writes=("quotes", *MOVES),
        phrases=("carry out {quote}", "accept {quote}", "exchange the money as in {quote}"),
    )
    def exchange_currency(self, quote: QuoteId) -> Transaction:
        """Exchange money between two of the customer's accounts on the terms of a quote that has not expired.

        Args:
            quote: the quote to carry out.
        """
        found = self.mine(self.quotes, quote)
        if found.used:
            raise ToolError("conflict", f"{quote} was carried out already; ask for a new quote (quote_exchange)")
        if self.timestamp >= found.expires:
            raise ToolError("precondition_failed", f"{quote} expired at {found.expires}; ask for a new quote (quote_exchange)")
        giver = self.accounts[found.source]
        self.need_funds(giver, found.amount)
        sell, buy = found.sell, found.buy
        legs = [
            Leg(found.source, -found.amount, sell),
            Leg(found.target, found.receive, buy),
            Leg(desk_name(EXCHANGE, sell), found.amount - found.fee, sell),
            Leg(desk_name(EXCHANGE, buy), -found.receive, buy),
        ]
        if found.fee:
            legs.append(Leg(desk_name(FEES, sell), found.fee, sell))
        self.quotes.put(changed(found, used=True))
        name = self.accounts[found.target].name
        done = self.post(
            Movement(self.mint(self.ledger), self.today, "exchange", name, tuple(legs), f"{sell}/{buy} at {found.rate}", found.fee)
        )
        return self.seen_from(done, giver)

    # -- goals ---------------------------------------------------------------------------------------------

    @tool(
        requires=signed_in,
        phrases=("list my savings goals", "show how far I am with my savings goals", "tell me what I am saving for"),
    )
    def list_goals(self) -> list[Goal]:
        """List the customer's savings goals with what is saved."""
        return self.all_mine(self.goals)

    @tool(
        requires=signed_in,
        writes="goals",
        phrases=(
            'create a savings goal "{name}" of {target}',
            'start saving {target} for "{name}"',
            'help me put aside {target} for "{name}"',
        ),
    )
    def create_goal(self, name: NewGoalName, target: LargeAmount, currency: Currency = "EUR", wanted_by: Date | None = None) -> Goal:
        """Create a savings goal, empty at first.

        Args:
            name: what the saving is for.
            target: how much to save.
            currency: the currency to save in.
            wanted_by: the day by which it should be reached.
        """
        unique((goal.name for goal in self.all_mine(self.goals)), name, "a goal")
        if wanted_by is not None and wanted_by <= self.today:
            raise ToolError("invalid_arguments", f"wanted_by must be after today ({self.today})")
        return self.goals.put(Goal(self.mint(self.goals), self.session.customer, name, currency, target, 0, wanted_by))

    @tool(
        requires=signed_in,
        writes=("goals", *MOVES),
        phrases=(
            "put {amount} from {source} towards {goal}",
            "save {amount} for {goal}, taken from {source}",
            "add {amount} out of {source} to {goal}",
        ),
    )
    def add_to_goal(self, goal: GoalId, source: AccountId, amount: Amount) -> Goal:
        """Put money from an account into a savings goal of the same currency.

        Args:
            goal: the goal to save for.
            source: the account that gives.
            amount: how much to save.
        """
        found, account = self._same_currency(goal, source)
        self.need_funds(account, amount)
        legs = (Leg(source, -amount, account.currency), Leg(desk_name(GOALS, account.currency), amount, account.currency))
        self.post(Movement(self.mint(self.ledger), self.today, "goal", found.name, legs))
        return self.goals.put(changed(found, saved=found.saved + amount))

    @tool(
        requires=signed_in,
        writes=("goals", *MOVES),
        phrases=(
            "take {amount} out of {goal} into {target}",
            "move {amount} I saved for {goal} back to {target}",
            "withdraw {amount} from {goal} to {target}",
        ),
    )
    def take_from_goal(self, goal: GoalId, target: AccountId, amount: Amount) -> Goal:
        """Take money out of a savings goal into an account of the same currency.

        Args:
            goal: the goal to take from.
            target: the account that receives.
            amount: how much to take out.
        """
        found, account = self._same_currency(goal, target)
        if amount > found.saved:
            raise ToolError("precondition_failed", f"only {format_money(found.saved)} {found.currency} is saved for {found.name}")
        legs = (Leg(desk_name(GOALS, account.currency), -amount, account.currency), Leg(target, amount, account.currency))
        self.post(Movement(self.mint(self.ledger), self.today, "goal", found.name, legs))
        return self.goals.put(changed(found, saved=found.saved - amount))

    def _same_currency(self, goal: str, account: str) -> tuple[Goal, Account]:
        found, owned = self.mine(self.goals, goal), self.mine(self.accounts, account)
        if found.currency != owned.currency:
            raise ToolError("precondition_failed", f"{found.name} is saved in {found.currency} but {owned.name} holds {owned.currency}")
        return found, owned
