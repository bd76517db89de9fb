"""A reply tells a value when it says that value of that kind: typed values, cases of wrong verdicts, hostile texts."""

from __future__ import annotations

import re
import time
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import turngym.envs
from turngym.envs.task import Task
from turngym.envs.telling.words import _codes, _signs
from turngym.envs.told import KINDS, Told, asks, declines, kind_of, mentions, says, tells

PACKS = Path(turngym.envs.__path__[0]) / "packs"

# Each of these was decided the other way before values had kinds.
TOLD_BY_ACCIDENT = [
    ("250.00", "It cost 1 250.00."),
    ("816", "34 816 bytes"),
    ("5.00", "5 accounts; the fee is 7.50"),
    ("1.00", "1. Metro Taxi 3.20"),
    ("0.00", "0 open invoices"),
    ("12", "March 12, 2026"),
    ("2026", "March 12, 2026"),
    ("/home/vera", "/home/vera/archive"),
    ("2026-05-05", "only 5 may board"),
    ("2026-03-12", "12 March of 2027"),
    ("12.50", "not 12.50 but 13.00"),
]
NOT_TOLD_IN_ANOTHER_FORM = [
    ("2026-03-31T18:30:00", "31 March 2026, 18:30"),
    ("2026-03-31T18:30:00", "March 31, 2026 at 6:30 PM"),
    ("2026-03-07T08:05:00", "7 March 2026 at 8:05"),
    ("2026-03-12T14:30:00", "2026-03-12T14:30Z"),
    ("2026-03-12", "the 12th of March"),
    ("2026-03-12", "Mar. 12, 2026"),
    ("2026-03-12", "12.03.2026"),
    ("1250.00", "1.250,00 EUR"),
    ("5.00", "5,00 EUR"),
    ("-5.00", "-€5.00"),
    ("1250.00", "1,250EUR"),
    ("DE89370400440532013000", "DE89 3704 0044 0532 0130 00"),
    ("0", "no files"),
    ("2026-03-31", "2026-03-31T17:00:00"),
]
DECLINED_BY_ACCIDENT = [
    "I could not find any open invoices, your list is empty",
    "I can't see any problem; everything is paid",
    "I wasn't able at first, but the retry went through",
]
NOT_HEARD_TO_DECLINE = ["That's not something I can help with.", "This is beyond my capabilities.", "I can only manage files."]
NOT_HEARD_TO_ASK = [
    ("How much would you like to move?", "amount"),
    ("Which file do you mean?", "path"),
    ("What should the file say?", "content"),
    ("From which date should I look?", "start"),
    ("I will need the amount in order to continue.", "amount"),
]
ASKED_BY_ACCIDENT = ["I sent the amount, please check it.", "All done! Could you check your bank app?"]
KIND_OF = {
    "12.50": "money", "-12.50": "money", "12.50 EUR": "money", "USD 12": "money", "12": "number", "-3": "number",
    "2433": "number", "2.5": "number",
    "2026-03-12": "day", "2026-13-12": "name", "2026-03": "month", "18:30": "time", "2026-03-12T18:30:00": "moment",
    "2026-03-12T18:30:00Z": "moment",
    "KE 5250": "code", "0042": "code", "AC-123": "code", "DE89370400440532013000": "code", "/home/vera": "path", "~/a.txt": "path",
    "docs/a.txt": "path", "Oslo": "name", "on_hold": "name", "notes.md": "name", "True": "flag", "false": "flag",
}  # fmt: skip


@pytest.mark.parametrize(("value", "text"), TOLD_BY_ACCIDENT)
def test_no_value_is_told_by_accident(value: str, text: str) -> None:
    assert not mentions(text, value)


def test_a_card_is_not_told_by_a_sum_of_its_digits() -> None:
    assert not mentions("paid 42.00", "0042")
    assert mentions("the card ending 0042", "0042")


@pytest.mark.parametrize(("value", "text"), NOT_TOLD_IN_ANOTHER_FORM)
def test_a_value_is_told_in_another_usual_form(value: str, text: str) -> None:
    assert mentions(text, value)
    assert mentions(f"As far as I can see it is {text}.", value)


@pytest.mark.parametrize("text", DECLINED_BY_ACCIDENT)
def test_what_reports_success_or_nothing_found_is_no_refusal(text: str) -> None:
    assert not declines(text)


@pytest.mark.parametrize("text", NOT_HEARD_TO_DECLINE)
def test_a_refusal_in_other_words_is_heard(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize(("text", "name"), NOT_HEARD_TO_ASK)
def test_a_question_in_ones_own_words_is_heard(text: str, name: str) -> None:
    assert asks(text, (name,))
    assert not asks(text, ("seat",))


@pytest.mark.parametrize("text", ASKED_BY_ACCIDENT)
def test_a_request_to_check_asks_for_no_value(text: str) -> None:
    assert not asks(text, ("amount",))
    assert not asks(text, ("check",))


@pytest.mark.parametrize(("value", "kind"), KIND_OF.items())
def test_the_form_of_a_value_says_its_kind(value: str, kind: str) -> None:
    assert kind_of(value) == kind
    assert kind in KINDS


def test_python_values_have_kinds_too() -> None:
    assert [kind_of(v) for v in (True, 7, 2.5, ["a"], ("a", "b"))] == ["flag", "number", "number", "list", "list"]
    assert tells("It is on 12 March.", Told("day", date(2026, 3, 12)))
    assert tells("It is at 6 pm on 12 March.", Told("moment", datetime(2026, 3, 12, 18)))
    assert tells("It is at 6 pm.", Told("time", clock(18)))
    assert tells("It is 12.50.", Told("money", Decimal("12.50")))
    assert tells("A and B are there.", Told("list", (Told("name", "A"), "B")))


def test_a_kind_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no kind of told value: 'colour'; take one of money, number"):
        tells("red", Told("colour", "red"))


def test_money_has_a_currency_and_a_count_has_none() -> None:
    euros = Told("money", "40.00 EUR")
    assert tells("40 euros", euros)
    assert tells("€40", euros)
    assert tells("It is 40.00.", euros)
    assert not tells("$40", euros)
    assert not tells("40 files", euros)
    assert not tells("EUR 40.00", Told("number", "40"))


def test_a_number_counts_beside_what_it_counts_alone() -> None:
    text = "You have 4 open invoices, 9 payees and one card."
    for about, number in (("invoices", 4), ("payees", 9), ("card", 1), ("cards", 1)):
        for wanted in (1, 4, 9):
            assert tells(text, Told("number", wanted, (about,))) == (wanted == number), (about, wanted)
    assert tells("Invoices: 4", Told("number", 4, ("invoices",)))
    assert tells("There are 4.", Told("number", 4, ("invoices",)))
    assert tells("The number of results is 20.", Told("number", 20, ("invoices",)))
    assert not tells("That took 4 minutes.", Told("number", 4, ("invoices",)))
    assert not tells("Payees: 4. The number of cards is 4.", Told("number", 4, ("invoices",)))


def test_zones_count_where_both_sides_name_one() -> None:
    value = "2026-03-12T14:30:00Z"
    assert tells("2026-03-12T15:30+01:00", Told("moment", value))
    assert not tells("2026-03-12T14:30+01:00", Told("moment", value))
    assert tells("12 March, 14:30", Told("moment", value))
    assert tells("2026-03-12T14:30+01:00", Told("moment", "2026-03-12T14:30:00"))


def test_what_a_request_gives_is_said_also_where_it_is_denied() -> None:
    request = 'Put "archived" there instead of green-lantern, in step 3.'
    assert says(request, "green-lantern")
    assert not mentions(request, "green-lantern")
    assert says(request, 3)
    assert not mentions(request, 3)
    assert not says("no files", 0)
    assert not says("step 33", 3)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**8), st.integers(0, 10**8), st.sampled_from(["EUR", "USD", "CHF"]))
def test_grouped_money_of_any_country_tells_itself_and_no_other(one: int, two: int, currency: str) -> None:
    english = f"{two // 100:,}.{two % 100:02d}"
    forms = [english, english.replace(",", "'"), english.replace(",", " "), english.replace(",", "_").replace(".", ",").replace("_", ".")]
    for form in forms:
        for text in (f"{form} {currency}", f"It is {form} {currency}, as I see it.", f"- {currency} {form}\n- more"):
            assert mentions(text, f"{one // 100}.{one % 100:02d}") == (one == two)
            assert mentions(text, f"{two // 100}.{two % 100:02d} {currency}")


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)), st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)))
def test_moments_tell_themselves_and_no_other(one: datetime, two: datetime) -> None:
    one, two = one.replace(second=0, microsecond=0), two.replace(second=0, microsecond=0)
    for text in (
        f"{two:%Y-%m-%d %H:%M}",
        f"{two:%B} {two.day}, {two.year} at {two:%I:%M %p}",
        f"{two.day} {two:%b} {two.year}, {two:%H:%M}",
        f"{two:%H:%M} on {two.day} {two:%B} {two.year}",
        f"| {two:%d.%m.%Y} | {two:%H:%M} |",
    ):
        assert mentions(f"It leaves: {text}.", one.isoformat()) == (one == two), text
        assert mentions(text, two.isoformat()), text
        assert mentions(text, two.date().isoformat()), text


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.sampled_from(KINDS), st.sampled_from(["12", "12.50", "2026-03-12", "KE 5250", "/a/b", "Oslo"]))
def test_nothing_raises_on_any_text(text: str, kind: str, value: str) -> None:
    told = Told(kind, value) if kind not in ("month", "time", "list") else Told("list", (value,))
    assert isinstance(tells(text, told), bool)
    assert isinstance(declines(text), bool)
    assert isinstance(asks(text, ("amount", "path", "content", "start")), bool)


def test_gold_of_the_packs_says_what_is_checked_and_no_more() -> None:
    for env in ("banking", "travel", "filesystem", "assistant"):
        for line in (PACKS / f"{env}.jsonl").read_text().splitlines():
            for turn in Task.model_validate_json(line).turns:
                checks, reply = turn.checks, turn.reply
                assert all(mentions(reply, value) and not mentions("Done.", value) for value in checks.told)
                assert declines(reply) == checks.declines, reply
                asked = bool(checks.asks)
                assert asks(reply, checks.asks or ("amount", "path", "start", "name", "city", "account", "content")) == asked, reply


HOSTILE = [
    "1 ", "-5 ", "(1) ", "1,", "1.", "5 to 6 ", "12:30 ", "2026-03-02 ", "5 march ", "one ", "a-", "a.", "a/", "x@", "a", "?",
    "..", ")", " (", "\n1. ",
    "no a b ", "not a ", "'n't ", "cannot be ", "what ", "which one ", "i need the ", "missing ", "not something a ",
    "this a-ing ", "tool x ", "without ",
]  # fmt: skip


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_reply_is_read_in_time_proportional_to_it(word: str) -> None:
    text = (word * 40_000)[:40_000]
    start = time.process_time()
    for value in ("12.50", "2026-03-12T10:00:00", "KE 5250", "/home/a/b"):
        mentions(f"{text} {value[-1]}", value)
    declines(text)
    asks(f"{text}?", ("amount", "content", "path"))
    assert time.process_time() - start < 10  # squares of it would take minutes


SIGNS = st.text("aB1 2-_.,ж", max_size=24)


@given(SIGNS, st.text("ab12-", min_size=1, max_size=4).filter(lambda code: code.strip(" -")))
def test_a_code_is_found_where_its_definition_as_a_pattern_finds_it(text, code):
    signs = [re.escape(sign) for sign in code if sign not in " -"]
    wanted = re.compile(r"(?<![\w])(?<!\w[-_])(?<!\d[.,])" + r"[ -]?".join(signs) + r"(?![\w]|[-_]\w|[.,]\d)")
    small = text.casefold()
    assert bool(wanted.search(small)) == any(True for _ in _codes(_signs(code), small))
