"""What the banking world promises, rule by rule."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from turngym.envs.types import parse_money
from turngym.envs.worlds.banking import Banking
from turngym.envs.worlds.banking.iban import iban_problem, make_iban
from turngym.envs.worlds.banking.records import Guard

DAY = 86_400


def facts(bank):
    found = {}
    for semantic, value in bank.known():
        found.setdefault(semantic, value)
    return found


def ok(bank, tool, /, **arguments):
    result = bank.call(tool, json.dumps(arguments))
    assert result.error is None, result.text
    assert not list(bank.invariants())
    return result.value


def refused(bank, tool, error, /, **arguments):
    before = bank.fingerprint()
    result = bank.call(tool, json.dumps(arguments))
    assert result.error == error, result.text
    assert bank.fingerprint() == before
    return json.loads(result.text)["error"]["message"]


def enter(bank):
    known = facts(bank)
    ok(bank, "sign_in", username=known["bank_username"], password=known["bank_password"])
    code = next(message["code"] for message in ok(bank, "read_messages") if message["code"])
    assert ok(bank, "confirm_sign_in", code=code)["status"] == "signed_in"
    return bank


def put(bank, table, record, **changes):
    """Set up a state that tools cannot reach at once."""
    getattr(bank, table).put(dataclasses.replace(record, **changes))
    bank._journal.clear()


@pytest.fixture
def bank():
    return enter(Banking.create(11))


def euro_accounts(bank, kind="everyday"):
    return [a for a in ok(bank, "list_accounts") if a["currency"] == "EUR" and a["kind"] == kind]


def euro_payee(bank):
    return next(p for p in ok(bank, "list_payees") if p["currency"] == "EUR" and not bank.is_ours(p["iban"]))


def balance(bank, account):
    return parse_money(ok(bank, "account_details", account=account)["balance"])


# -- signing in -----------------------------------------------------------------------------------------------


def test_nothing_of_the_bank_is_shown_without_a_session():
    bank = Banking.create(1)
    open_tools = {"sign_in", "read_messages", "fee_schedule", "confirm_sign_in"}
    for name in bank.tools.keys() - open_tools:
        assert [p.__name__ for p in bank.tools[name].requires] == ["signed_in"], name
    refused(bank, "list_accounts", "precondition_failed")


def test_only_the_right_password_and_code_sign_in():
    bank = Banking.create(1)
    known = facts(bank)
    refused(bank, "confirm_sign_in", "precondition_failed", code="000000")
    refused(bank, "sign_in", "permission_denied", username=known["bank_username"], password="secret")
    refused(bank, "sign_in", "permission_denied", username="", password=known["bank_password"])
    assert all(message["code"] is None for message in ok(bank, "read_messages"))
    enter(bank)
    refused(bank, "sign_in", "conflict", username=known["bank_username"], password=known["bank_password"])
    ok(bank, "sign_out")
    refused(bank, "list_accounts", "precondition_failed")


def test_three_wrong_codes_lock_until_time_passes_and_a_new_code_does_not_reset_the_count():
    bank = Banking.create(2)
    known = facts(bank)
    secret = {"username": known["bank_username"], "password": known["bank_password"]}
    for expected in ("wrong_code", "wrong_code", "locked"):
        ok(bank, "sign_in", **secret)
        assert ok(bank, "confirm_sign_in", code="wrong!")["status"] == expected
    assert "30 minutes" in refused(bank, "sign_in", "permission_denied", **secret)
    bank.advance(1799)
    refused(bank, "sign_in", "permission_denied", **secret)
    bank.advance(1)
    assert bank.guard == Guard()
    enter(bank)


def test_codes_and_sessions_expire():
    bank = Banking.create(2)
    known = facts(bank)
    ok(bank, "sign_in", username=known["bank_username"], password=known["bank_password"])
    bank.advance(600)
    assert all(message["code"] is None for message in ok(bank, "read_messages"))
    refused(bank, "confirm_sign_in", "precondition_failed", code="123456")
    enter(bank)
    bank.advance(7199)
    ok(bank, "list_accounts")
    bank.advance(1)
    refused(bank, "list_accounts", "precondition_failed")


# -- access by owner -----------------------------------------------------------------------------------------


def test_other_customers_things_are_protected(bank):
    def theirs(table):
        return next(row.id for row in getattr(bank, table) if row.owner != bank.me)

    account, mine = theirs("accounts"), euro_accounts(bank)[0]["id"]
    payee = euro_payee(bank)["id"]
    refused(bank, "account_details", "permission_denied", account=account)
    refused(bank, "statement", "permission_denied", account=account, month="2026-02")
    refused(bank, "search_transactions", "permission_denied", account=account)
    refused(bank, "rename_account", "permission_denied", account=account, name="Mine")
    refused(bank, "pay_payee", "permission_denied", source=account, payee=payee, amount="1.00")
    refused(bank, "pay_payee", "permission_denied", source=mine, payee=theirs("payees"), amount="1.00")
    refused(bank, "move_money", "permission_denied", source=mine, target=account, amount="1.00")
    refused(bank, "freeze_card", "permission_denied", card=theirs("cards"))
    refused(bank, "cancel_standing_order", "permission_denied", order=theirs("orders"))
    refused(bank, "quote_exchange", "permission_denied", source=mine, target=account, amount="1.00")
    paid = next(m for m in bank.ledger if m.kind == "card_payment" and bank.accounts[m.legs[0].account].owner != bank.me)
    refused(bank, "open_dispute", "permission_denied", transaction=paid.id, reason="not_recognised")
    for tool in (name for name in bank.tools if name.startswith("list_")):
        assert all(row.get("owner", bank.me) == bank.me for row in ok(bank, tool))


def test_unknown_ids_are_not_found(bank):
    refused(bank, "account_details", "not_found", account="AC-00000000")
    refused(bank, "open_dispute", "not_found", transaction="outside EUR", reason="not_recognised")


def test_the_user_knows_nothing_of_others():
    bank = Banking.create(5)
    own = {account.name for account in bank.accounts if account.owner == bank.me}
    assert {value for semantic, value in bank.known() if semantic == "bank_account_name"} == own
    assert [value for semantic, value in bank.known() if semantic == "bank_username"] == [bank.customers[bank.me].username]


# -- payments ------------------------------------------------------------------------------------------------


def test_a_payment_changes_both_sides_and_charges_the_fee(bank):
    source, payee = euro_accounts(bank)[0]["id"], euro_payee(bank)
    before, outside = balance(bank, source), bank.desks["outside EUR"].balance
    fee = next(parse_money(f["fixed"]) for f in ok(bank, "fee_schedule") if f["service"] == "outgoing_payment")
    paid = ok(bank, "pay_payee", source=source, payee=payee["id"], amount="20.00", reference="lunch")
    assert parse_money(paid["amount"]) == -2000 - fee
    assert parse_money(paid["fee"]) == fee
    assert balance(bank, source) == before - 2000 - fee
    assert bank.desks["outside EUR"].balance == outside + 2000
    assert ok(bank, "search_transactions", account=source, text="LUNCH")[0]["id"] == paid["id"]


def test_a_payment_inside_the_bank_reaches_the_other_customer_free_of_charge(bank):
    other = next(a for a in bank.accounts if a.owner != bank.me and a.currency == "EUR")
    saved = next((p for p in ok(bank, "list_payees") if p["iban"] == other.iban), None)
    payee = saved or ok(bank, "add_payee", name="Colleague", iban=other.iban)
    paid = ok(bank, "pay_payee", source=euro_accounts(bank)[0]["id"], payee=payee["id"], amount="10.00")
    assert paid["fee"] == "0.00"
    assert bank.accounts[other.id].balance == other.balance + 1000


def test_nobody_spends_what_is_not_there_or_is_held(bank):
    account = bank.accounts[euro_accounts(bank)[0]["id"]]
    savings = euro_accounts(bank, "savings")[0]["id"]
    there = bank.available(account)
    text = f"{(there + 1) // 100}.{(there + 1) % 100:02d}"
    assert "available" in refused(bank, "move_money", "precondition_failed", source=account.id, target=savings, amount=text)
    put(bank, "accounts", account, overdraft=0)
    card = next(c for c in ok(bank, "list_cards") if c["account"] == account.id and c["status"] == "active")
    book, before = balance(bank, account.id), ok(bank, "account_details", account=account.id)["available"]
    held = ok(bank, "reserve_cash", card=card["id"], amount="50.00")
    assert balance(bank, account.id) == book
    after = ok(bank, "account_details", account=account.id)
    assert parse_money(before) - parse_money(after["available"]) == 5000
    assert held["id"] in {hold["id"] for hold in after["holds"]}
    refused(bank, "move_money", "precondition_failed", source=account.id, target=savings, amount=before)
    ok(bank, "move_money", source=account.id, target=savings, amount=after["available"])
    assert ok(bank, "account_details", account=account.id)["available"] == "0.00"


def test_the_daily_limit_counts_payments_not_own_moves_and_starts_anew(bank):
    account = bank.accounts[euro_accounts(bank)[0]["id"]]
    put(bank, "accounts", account, daily_limit=100_000, overdraft=500_000_00)
    savings, payee = euro_accounts(bank, "savings")[0]["id"], euro_payee(bank)["id"]
    ok(bank, "move_money", source=account.id, target=savings, amount="1500.00")
    ok(bank, "pay_payee", source=account.id, payee=payee, amount="960.00")
    assert "40.00" in refused(bank, "pay_payee", "limit_exceeded", source=account.id, payee=payee, amount="40.01")
    assert ok(bank, "account_details", account=account.id)["left_today"] == "40.00"
    ok(bank, "pay_payee", source=account.id, payee=payee, amount="40.00")
    refused(bank, "schedule_payment", "limit_exceeded", source=account.id, payee=payee, amount="1000.01", on="2026-04-01")
    refused(bank, "create_standing_order", "limit_exceeded", source=account.id, payee=payee, amount="1000.01", day_of_month=1)
    bank.advance(DAY)
    enter(bank)
    ok(bank, "pay_payee", source=account.id, payee=payee, amount="0.01")


def test_a_request_key_carries_a_payment_out_once(bank):
    source, payee = euro_accounts(bank)[0]["id"], euro_payee(bank)["id"]
    body = {"source": source, "payee": payee, "amount": "7.00", "idempotency_key": "k-1"}
    first = ok(bank, "pay_payee", **body)
    state = bank.fingerprint()
    assert ok(bank, "pay_payee", **body) == first
    assert bank.fingerprint() == state
    refused(bank, "pay_payee", "conflict", **{**body, "amount": "7.01"})
    refused(bank, "pay_payee", "conflict", **body, reference="other")
    savings = euro_accounts(bank, "savings")[0]["id"]
    refused(bank, "move_money", "conflict", source=source, target=savings, amount="7.00", idempotency_key="k-1")
    refused(bank, "move_money", "conflict", source=savings, target=source, amount="7.00", idempotency_key="k-1")
    assert ok(bank, "pay_payee", **{**body, "idempotency_key": "k-2"})["id"] != first["id"]
    ok(bank, "remove_payee", payee=ok(bank, "add_payee", name="Gone", iban=make_iban("BE", "539007547034"))["id"])


def test_currencies_do_not_mix(bank):
    foreign = next(a for a in ok(bank, "list_accounts") if a["currency"] != "EUR")["id"]
    home, payee = euro_accounts(bank)[0]["id"], euro_payee(bank)["id"]
    refused(bank, "pay_payee", "precondition_failed", source=foreign, payee=payee, amount="1.00")
    refused(bank, "schedule_payment", "precondition_failed", source=foreign, payee=payee, amount="1.00", on="2026-04-01")
    refused(bank, "create_standing_order", "precondition_failed", source=foreign, payee=payee, amount="1.00", day_of_month=1)
    assert "exchange" in refused(bank, "move_money", "precondition_failed", source=home, target=foreign, amount="1.00")
    goal = ok(bank, "create_goal", name="Boat", target="900.00")["id"]
    refused(bank, "add_to_goal", "precondition_failed", goal=goal, source=foreign, amount="1.00")


@pytest.mark.parametrize("amount", ["0.00", "-5.00", "1.005", "1e3", "NaN", "", "١.00", "1,00", 5, 5.0, True, None, [], "9" * 400])
def test_amounts_are_positive_decimal_strings(bank, amount):
    source, payee = euro_accounts(bank)[0]["id"], euro_payee(bank)["id"]
    refused(bank, "pay_payee", "invalid_arguments", source=source, payee=payee, amount=amount)
    refused(bank, "set_card_limit", "invalid_arguments", card=ok(bank, "list_cards")[0]["id"], limit=amount)


def test_hostile_arguments_change_nothing(bank):
    source, savings = euro_accounts(bank)[0]["id"], euro_accounts(bank, "savings")[0]["id"]
    refused(bank, "move_money", "invalid_arguments", source=source, target=source, amount="1.00")
    refused(bank, "move_money", "precondition_failed", source=source, target=savings, amount="999999999999.99")
    refused(bank, "move_money", "invalid_arguments", source=source, target=savings, amount="1.00", admin=True)
    refused(bank, "statement", "invalid_arguments", account=source, month="2026-13")
    refused(bank, "statement", "precondition_failed", account=source, month="2027-01")
    refused(bank, "search_transactions", "invalid_arguments", since="2026-02-30")
    refused(bank, "search_transactions", "invalid_arguments", since="2026-02-20", until="2026-02-01")
    refused(bank, "create_standing_order", "invalid_arguments", source=source, payee="x", amount="1.00", day_of_month=31)
    refused(bank, "rename_account", "invalid_arguments", account=source, name=" ")
    refused(bank, "rename_account", "invalid_arguments", account=source, name="a\nb")
    refused(bank, "rename_account", "conflict", account=source, name=euro_accounts(bank, "savings")[0]["name"].upper())


# -- payees --------------------------------------------------------------------------------------------------


def test_ibans_are_checked_for_country_length_and_digits(bank):
    good = make_iban("DE", "500105175407324931")
    assert iban_problem(good) == ""
    assert good == "DE" + good[2:4] + "500105175407324931"
    swapped = good[:-2] + good[-1] + good[-2]
    for bad in (swapped, good[:-1], "XX" + good[2:], "not an iban", "", "DE" + "٣" * 20, "GB" + "0" * 20):
        refused(bank, "add_payee", "invalid_arguments", name="Somebody", iban=bad)
    spaced = " ".join(good[n : n + 4] for n in range(0, len(good), 4)).lower()
    assert ok(bank, "add_payee", name="Somebody", iban=spaced)["iban"] == good
    refused(bank, "add_payee", "conflict", name="Somebody else", iban=good)
    refused(bank, "add_payee", "conflict", name="SOMEBODY", iban=make_iban("BE", "539007547034"))
    own = ok(bank, "account_details", account=euro_accounts(bank)[0]["id"])["iban"]
    refused(bank, "add_payee", "conflict", name="Me", iban=own)
    nobody = make_iban(own[:2], own[4:9] + "1" * (len(own) - 9))
    refused(bank, "add_payee", "not_found", name="Nobody", iban=nobody)


def test_known_published_ibans_pass():
    for iban in ("DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "ES9121000418450200051332"):
        assert iban_problem(iban) == ""


def test_a_payee_with_plans_is_kept_until_they_are_cancelled(bank):
    source = euro_accounts(bank)[0]["id"]
    payee = ok(bank, "add_payee", name="Landlord", iban=make_iban("AT", "1904300234573201"))["id"]
    item = ok(bank, "schedule_payment", source=source, payee=payee, amount="5.00", on="2026-03-20")["id"]
    order = ok(bank, "create_standing_order", source=source, payee=payee, amount="5.00", day_of_month=2)
    assert order["next_date"] == "2026-04-02"  # today is the second: the next one counts
    assert item in refused(bank, "remove_payee", "precondition_failed", payee=payee)
    ok(bank, "cancel_scheduled_payment", payment=item)
    assert order["id"] in refused(bank, "remove_payee", "precondition_failed", payee=payee)
    ok(bank, "cancel_standing_order", order=order["id"])
    assert ok(bank, "rename_payee", payee=payee, name="Old landlord")["name"] == "Old landlord"
    ok(bank, "remove_payee", payee=payee)
    assert payee not in {p["id"] for p in ok(bank, "list_payees")}
    refused(bank, "pay_payee", "precondition_failed", source=source, payee=payee, amount="1.00")
    refused(bank, "rename_payee", "precondition_failed", payee=payee, name="X")
    refused(bank, "remove_payee", "precondition_failed", payee=payee)
    refused(bank, "cancel_scheduled_payment", "precondition_failed", payment=item)
    refused(bank, "cancel_standing_order", "precondition_failed", order=order["id"])


# -- what time brings ----------------------------------------------------------------------------------------


def test_scheduled_payments_go_out_on_their_day_or_fail_and_say_so(bank):
    account, payee = euro_accounts(bank)[0]["id"], euro_payee(bank)["id"]
    refused(bank, "schedule_payment", "invalid_arguments", source=account, payee=payee, amount="5.00", on="2026-03-02")
    refused(bank, "schedule_payment", "invalid_arguments", source=account, payee=payee, amount="5.00", on="2027-03-09")
    good = ok(bank, "schedule_payment", source=account, payee=payee, amount="5.00", on="2026-03-03", reference="first")["id"]
    lost = ok(bank, "schedule_payment", source=account, payee=payee, amount="6.00", on="2026-03-03", reference="never")["id"]
    ok(bank, "cancel_scheduled_payment", payment=lost)
    bank.advance(DAY - 3 * 3600 - 1)  # 05:59:59
    assert bank.scheduled[good].status == "pending"
    bank.advance(1)
    assert bank.scheduled[good].status == "paid"
    enter(bank)
    assert ok(bank, "search_transactions", account=account, text="first")[0]["date"] == "2026-03-03"
    assert not ok(bank, "search_transactions", text="never")
    poor = ok(bank, "schedule_payment", source=account, payee=payee, amount="9.00", on="2026-03-04")["id"]
    drained = bank.accounts[account]
    put(bank, "accounts", drained, balance=0, overdraft=bank.held(account))
    bank.advance(DAY)
    assert bank.scheduled[poor].status == "failed"
    assert any(n.owner == bank.me and n.kind == "payment" and "failed" in n.text for n in bank.notices)


def test_standing_orders_pay_every_month_until_cancelled(bank):
    account, payee = euro_accounts(bank)[0]["id"], ok(bank, "add_payee", name="Club", iban=make_iban("FI", "12345600000785"))
    put(bank, "accounts", bank.accounts[account], overdraft=10_000_000, daily_limit=10_000_000)
    order = ok(bank, "create_standing_order", source=account, payee=payee["id"], amount="3.00", day_of_month=28, reference="dues")
    bank.advance(95 * DAY)  # 2026-06-05
    enter(bank)
    dates = [t["date"] for t in ok(bank, "search_transactions", account=account, text="dues")]
    assert dates == ["2026-05-28", "2026-04-28", "2026-03-28"]
    assert bank.orders[order["id"]].next_date == "2026-06-28"
    ok(bank, "cancel_standing_order", order=order["id"])
    bank.advance(60 * DAY)
    enter(bank)
    assert len(ok(bank, "search_transactions", account=account, text="dues")) == 3


def test_one_long_wait_equals_many_short_ones():
    one, many = Banking.create(6), Banking.create(6)
    one.advance(70 * DAY)
    for _ in range(140):
        many.advance(DAY // 2)
    assert one.fingerprint() == many.fingerprint()
    assert not list(one.invariants())


def test_holds_are_booked_or_released_when_they_end(bank):
    holds = [hold for hold in bank.holds if hold.owner == bank.me]
    assert holds
    before = {account.id: account.balance for account in bank.accounts}
    for order in list(bank.orders):
        put(bank, "orders", order, status="cancelled")
    for item in list(bank.scheduled):
        put(bank, "scheduled", item, status="cancelled")
    for case in list(bank.disputes):
        put(bank, "disputes", case, status="withdrawn")
    settled = Counter()
    for hold in bank.holds:
        settled[hold.account] += hold.amount if hold.settles else 0
    bank.advance(12 * DAY)
    assert len(bank.holds) == 0
    assert {a.id: a.balance for a in bank.accounts} == {key: value - settled[key] for key, value in before.items()}
    assert not list(bank.invariants())


# -- cards ---------------------------------------------------------------------------------------------------


def test_frozen_lost_and_expired_cards_are_refused_and_can_be_put_right(bank):
    card = next(c for c in ok(bank, "list_cards") if c["status"] == "active")["id"]
    assert ok(bank, "freeze_card", card=card)["status"] == "frozen"
    refused(bank, "freeze_card", "precondition_failed", card=card)
    assert "unfreeze" in refused(bank, "reserve_cash", "precondition_failed", card=card, amount="20.00")
    refused(bank, "set_card_limit", "precondition_failed", card=card, limit="100.00")
    ok(bank, "unfreeze_card", card=card)
    refused(bank, "unfreeze_card", "precondition_failed", card=card)
    assert ok(bank, "set_card_limit", card=card, limit="100.00")["daily_limit"] == "100.00"
    refused(bank, "set_card_limit", "limit_exceeded", card=card, limit="5000.01")
    ok(bank, "reserve_cash", card=card, amount="60.00")
    assert "40.00" in refused(bank, "reserve_cash", "limit_exceeded", card=card, amount="40.01")
    refused(bank, "set_card_limit", "precondition_failed", card=card, limit="59.00")
    assert ok(bank, "report_card_lost", card=card)["status"] == "lost"
    refused(bank, "report_card_lost", "precondition_failed", card=card)
    refused(bank, "unfreeze_card", "precondition_failed", card=card)
    fresh = ok(bank, "replace_card", card=card)
    assert (fresh["status"], fresh["replaces"]) == ("active", card)
    assert fresh["id"] != card
    assert bank.cards[card].status == "closed"
    refused(bank, "replace_card", "precondition_failed", card=card)
    assert card not in {c["id"] for c in ok(bank, "list_cards")}


def test_replacing_a_working_card_costs_its_fee_a_lost_one_nothing(bank):
    card = bank.cards[next(c for c in ok(bank, "list_cards") if c["status"] == "active")["id"]]
    fee = next(parse_money(f["fixed"]) for f in ok(bank, "fee_schedule") if f["service"] == "card_replacement")
    before, other = balance(bank, card.account), bank.fork()
    ok(bank, "replace_card", card=card.id)
    assert balance(bank, card.account) == before - fee
    ok(other, "report_card_lost", card=card.id)
    ok(other, "replace_card", card=card.id)
    assert balance(other, card.account) == before


def test_cards_expire_with_their_month(bank):
    card = next(c for c in bank.cards if c.owner == bank.me and c.status == "active")
    put(bank, "cards", card, valid_through="2026-03")
    bank.advance(29 * DAY)
    assert bank.cards[card.id].status == "active"
    bank.advance(DAY)
    assert bank.cards[card.id].status == "expired"
    enter(bank)
    refused(bank, "reserve_cash", "precondition_failed", card=card.id, amount="20.00")
    assert ok(bank, "replace_card", card=card.id)["valid_through"] == "2030-04"


# -- exchange ------------------------------------------------------------------------------------------------


def exchange_pair(bank):
    home = euro_accounts(bank)[0]["id"]
    return home, next(a for a in ok(bank, "list_accounts") if a["currency"] != "EUR")["id"]


def test_an_exchange_follows_its_quote_to_the_cent(bank):
    home, foreign = exchange_pair(bank)
    quote = ok(bank, "quote_exchange", source=home, target=foreign, amount="123.45")
    fees = next(f for f in ok(bank, "fee_schedule") if f["service"] == "exchange")
    fee = parse_money(fees["fixed"]) + -(-12345 * fees["basis_points"] // 10_000)
    assert parse_money(quote["fee"]) == fee
    micro = int(quote["rate"].replace(".", ""))
    assert parse_money(quote["receive"]) == (12345 - fee) * micro // 1_000_000
    before = balance(bank, home), balance(bank, foreign)
    ok(bank, "exchange_currency", quote=quote["id"])
    assert (balance(bank, home), balance(bank, foreign)) == (before[0] - 12345, before[1] + parse_money(quote["receive"]))
    refused(bank, "exchange_currency", "conflict", quote=quote["id"])


def test_quotes_expire_and_need_two_currencies(bank):
    home, foreign = exchange_pair(bank)
    quote = ok(bank, "quote_exchange", source=home, target=foreign, amount="50.00")["id"]
    bank.advance(899)
    late = bank.fork()
    ok(bank, "exchange_currency", quote=quote)
    late.advance(1)
    assert "expired" in refused(late, "exchange_currency", "precondition_failed", quote=quote)
    refused(late, "quote_exchange", "precondition_failed", source=home, target=euro_accounts(late, "savings")[0]["id"], amount="5.00")
    refused(late, "quote_exchange", "precondition_failed", source=home, target=foreign, amount="0.01")
    big = ok(late, "quote_exchange", source=home, target=foreign, amount="99999999.00")["id"]
    refused(late, "exchange_currency", "precondition_failed", quote=big)


@pytest.mark.parametrize("seed", range(8))
def test_no_round_trip_of_currencies_gains(seed):
    bank = enter(Banking.create(seed))
    home, foreign = exchange_pair(bank)
    out = ok(bank, "quote_exchange", source=home, target=foreign, amount="250.00")
    back = ok(bank, "quote_exchange", source=foreign, target=home, amount=out["receive"])
    assert parse_money(back["receive"]) < 25_000


# -- goals, disputes, notifications --------------------------------------------------------------------------


def test_goals_keep_what_is_put_in(bank):
    home = euro_accounts(bank)[0]["id"]
    goal = ok(bank, "create_goal", name="Telescope", target="400.00", wanted_by="2026-09-01")
    assert goal["saved"] == "0.00"
    refused(bank, "create_goal", "conflict", name="telescope", target="1.00")
    refused(bank, "create_goal", "invalid_arguments", name="Past", target="1.00", wanted_by="2026-03-02")
    before = balance(bank, home)
    assert ok(bank, "add_to_goal", goal=goal["id"], source=home, amount="30.00")["saved"] == "30.00"
    refused(bank, "take_from_goal", "precondition_failed", goal=goal["id"], target=home, amount="30.01")
    refused(bank, "add_to_goal", "precondition_failed", goal=goal["id"], source=home, amount="99999999.00")
    assert ok(bank, "take_from_goal", goal=goal["id"], target=home, amount="10.00")["saved"] == "20.00"
    assert balance(bank, home) == before - 2000
    assert goal["id"] in {g["id"] for g in ok(bank, "list_goals")}


def test_disputes_are_for_recent_card_payments_once_and_are_decided(bank):
    movements = ok(bank, "search_transactions", limit=100)
    disputed = {d["transaction"] for d in ok(bank, "list_disputes")}
    card = [t for t in movements if t["kind"] == "card_payment" and t["id"] not in disputed]
    other = next(t for t in movements if t["kind"] == "payment")
    refused(bank, "open_dispute", "precondition_failed", transaction=other["id"], reason="wrong_amount")
    case = ok(bank, "open_dispute", transaction=card[0]["id"], reason="charged_twice")
    refused(bank, "open_dispute", "conflict", transaction=card[0]["id"], reason="charged_twice")
    assert ok(bank, "withdraw_dispute", dispute=case["id"])["status"] == "withdrawn"
    refused(bank, "withdraw_dispute", "precondition_failed", dispute=case["id"])
    cases = [ok(bank, "open_dispute", transaction=t["id"], reason="not_received") for t in card[:8]]
    refunds = {t.id for t in bank.ledger if t.kind == "refund"}
    bank.advance(11 * DAY)
    outcome = Counter(bank.disputes[c["id"]].status for c in cases)
    assert set(outcome) == {"accepted", "rejected"}
    mine = [d for d in bank.disputes if d.status == "accepted"]
    assert len(mine) == len({t.id for t in bank.ledger if t.kind == "refund"} - refunds)
    assert not list(bank.invariants())
    bank.advance(100 * DAY)
    enter(bank)
    old = card[8]
    refused(bank, "open_dispute", "precondition_failed", transaction=old["id"], reason="not_received")


def test_notifications_are_read_once(bank):
    first = ok(bank, "list_notifications", unread_only=True)[0]["id"]
    assert ok(bank, "mark_notification_read", notification=first)["read"] is True
    refused(bank, "mark_notification_read", "conflict", notification=first)
    assert first not in {n["id"] for n in ok(bank, "list_notifications", unread_only=True)}


# -- reading -------------------------------------------------------------------------------------------------


def test_statements_of_all_months_add_up_to_the_balance(bank):
    for account in ok(bank, "list_accounts"):
        closing = None
        for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
            sheet = ok(bank, "statement", account=account["id"], month=month)
            assert closing is None or sheet["opening_balance"] == closing
            closing = sheet["closing_balance"]
            moved = parse_money(sheet["money_in"]) - parse_money(sheet["money_out"])
            assert parse_money(sheet["opening_balance"]) + moved == parse_money(closing)
            assert sheet["text"].count("\n") == sheet["transactions"] + 3
        assert closing == account["balance"]


def test_a_search_keeps_every_condition(bank):
    everything = ok(bank, "search_transactions", limit=100)
    assert [t["date"] for t in everything] == sorted((t["date"] for t in everything), reverse=True)
    wanted = {"since": "2026-01-10", "until": "2026-02-20", "at_least": "10.00", "at_most": "60.00", "limit": 100}
    found = ok(bank, "search_transactions", **wanted)
    expected = [t for t in everything if "2026-01-10" <= t["date"] <= "2026-02-20" and 1000 <= abs(parse_money(t["amount"])) <= 6000]
    assert found == expected
    assert found
    assert len(ok(bank, "search_transactions", limit=3)) == 3
    assert ok(bank, "rename_account", account=euro_accounts(bank)[0]["id"], name="Pocket")["name"] == "Pocket"


def test_reads_change_nothing(bank):
    account = euro_accounts(bank)[0]["id"]
    arguments = {"account_details": {"account": account}, "statement": {"account": account, "month": "2026-02"}}
    for name, tool in bank.tools.items():
        if tool.is_read:
            before = bank.fingerprint()
            assert bank.call(name, arguments.get(name, {})).written == ()
            assert bank.fingerprint() == before


# -- generation ----------------------------------------------------------------------------------------------


def test_generated_worlds_keep_the_laws_and_differ():
    banks = [Banking(seed) for seed in range(30)] + [Banking(1, "medium"), Banking(2, "medium"), Banking(3, "large")]
    assert [list(bank.invariants()) for bank in banks] == [[]] * len(banks)
    assert len({bank.fingerprint() for bank in banks}) == len(banks)
    small = banks[:30]
    assert len({tuple(sorted(a.name for a in b.accounts if a.owner == b.me)) for b in small}) > 20
    assert len({tuple(len(t) for t in b.tables().values()) for b in small}) > 10
    for bank in small:
        assert len({a.currency for a in bank.accounts if a.owner == bank.me}) >= 2
        assert any(c.status == "active" for c in bank.cards if c.owner == bank.me)
        assert 100 <= sum(len(table) for table in bank.tables().values()) <= 200


def test_no_id_is_shared_across_seeds():
    seen: set[str] = set()
    for seed in range(6):
        bank = Banking(seed)
        ids = {row.id for table in bank.tables().values() for row in table if hasattr(row, "id")}
        assert not ids & seen
        seen |= ids


def test_ledgers_laws_notice_tampering():
    bank = Banking.create(4)
    account = next(iter(bank.accounts))
    bank.accounts.put(dataclasses.replace(account, balance=account.balance + 1))
    found = list(bank.invariants())
    assert any("its book says" in line for line in found)
    assert any("not zero" in line for line in found)


def test_every_tool_says_how_people_ask_for_it():
    for tool in Banking.tools.values():
        required = {p.name for p in tool.parameters.values() if p.required}
        placeholders = [{part.split("}")[0] for part in phrase.split("{")[1:]} for phrase in tool.phrases]
        assert 3 <= len(tool.phrases) <= 5, tool.name
        assert any(names <= required for names in placeholders), tool.name
        assert all(names <= set(tool.parameters) for names in placeholders), tool.name
        assert all(phrase[0].islower() for phrase in tool.phrases), tool.name
        assert tool.schema["function"]["description"]


def test_every_needed_id_is_shown_by_another_tool():
    shown = {(f.semantic.name, tool.name) for tool in Banking.tools.values() for f in tool.outputs if f.semantic}
    for tool in Banking.tools.values():
        for p in tool.parameters.values():
            if p.semantic and not p.semantic.known:
                assert any(kind == p.semantic.name and name != tool.name for kind, name in shown), (tool.name, p.name)


SCRIPT = """
from turngym.envs.worlds.banking import Banking
bank = Banking.create(9)
f = {s: v for s, v in reversed(list(bank.known()))}
bank.call("sign_in", {"username": f["bank_username"], "password": f["bank_password"]})
bank.call("confirm_sign_in", {"code": bank.challenge.code})
a = [x for x in bank.call("list_accounts").value if x["currency"] == "EUR"]
p = [x for x in bank.call("list_payees").value if x["currency"] == "EUR"]
bank.call("pay_payee", {"source": a[0]["id"], "payee": p[0]["id"], "amount": "12.00"})
bank.call("create_goal", {"name": "Kite", "target": "100.00"})
bank.advance(86400 * 40)
print(bank.fingerprint(), bank.call("search_transactions").text, len(bank.ledger), [v for s, v in bank.known()])
"""


def test_two_processes_with_other_hash_seeds_agree():
    out = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "4242")
    ]
    assert out[0] == out[1]
    assert out[0]
