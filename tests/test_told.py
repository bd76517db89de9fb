"""A reply tells a value when it says this value and no other: in any usual spelling, as whole words and numbers."""

from __future__ import annotations

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turngym.envs.told import mentions, spellings

TOLD = [
    ("12.50", "12.50"),
    ("It is 12.50.", "12.50"),
    ("12.5 in all", "12.50"),
    ("12.50!", "12.5"),
    ("(12.50)", "12.50"),
    ("€12.50", "12.50"),
    ("12.50 EUR", "12.50"),
    ("12.50€", "12.50"),
    ("12.50, 13.00", "12.50"),
    ("a: 12.50; b", "12.50"),
    ("'12.50'", "12.50"),
    ("**12.50**", "12.50"),
    ("1,250.00 EUR", "1250.00"),
    ("1,250", "1250.00"),
    ("1250", "1250.00"),
    ("1,234,567.80", "1234567.80"),
    ("1250.00", "1250"),
    ("you are at -12.50 now", "-12.50"),
    ("−12.50", "-12.50"),
    ("-12.5", "-12.50"),
    ("0", "0.00"),
    ("0.00", "0"),
    ("100", "100"),
    ("7 books", 7),
    ("2026-03-02", "2026-03-02"),
    ("2 March 2026", "2026-03-02"),
    ("March 2, 2026", "2026-03-02"),
    ("March 2nd, 2026", "2026-03-02"),
    ("the 2nd of March 2026", "2026-03-02"),
    ("on 2 Mar 2026.", "2026-03-02"),
    ("on March 2.", "2026-03-02"),
    ("2 MARCH", "2026-03-02"),
    ("11th March 2026", "2026-03-11"),
    ("23rd March 2026", "2026-03-23"),
    ("on 2 March, 2 people", "2026-03-02"),
    ("on 2 March 2026 and 4 March", "2026-03-02"),
    ("2026-03-02 09:00", "2026-03-02T09:00:00"),
    ("2 March 2026 at 09:00", "2026-03-02T09:00:00"),
    ("2026-03-02T09:00:00", "2026-03-02T09:00:00"),
    ("yes", True),
    ("It is enabled.", True),
    ("No.", False),
    ("true", "true"),
    ("It's off", False),
    ("the DUNE  book", "Dune"),
    ("“Dune”", "Dune"),
    ("“Dune”", '"dune"'),
    ("it’s", "it's"),
    ("on_hold", "on_hold"),
    ("On hold", "on_hold"),
    ("a\n b", "a b"),
    ("New York-based", "new york"),
    ("report.txt.", "report.txt"),
    ("Müller", "MÜLLER"),
    ("straße", "STRASSE"),
    ("id: AC-123,", "AC-123"),
    ("10,000", "10000"),
    ("between 09:00 and 10:00", "09:00"),
]

UNTOLD = [
    ("112.50", "12.50"),
    ("12.505", "12.50"),
    ("-12.50", "12.50"),
    ("−12.50", "12.50"),
    ("12.51", "12.50"),
    ("12.50", "2.50"),
    ("12.50", "12"),
    ("12.50", "50"),
    ("12.50", "-12.50"),
    ("1,250", "250"),
    ("1,250.00", "1"),
    ("12,500", "12.50"),
    ("1250.00", "12.50"),
    ("0.12", "12"),
    ("12.5.1", "12.5"),
    ("v12.50x", "12.50"),
    ("12.50", "125"),
    ("1e12", "12"),
    ("", "12.50"),
    ("2,026", "26"),
    ("100", "1000"),
    ("100.0000001", "100"),
    ("at 12:50", "12"),
    ("at 12:50", "50"),
    ("on 2026-03-12", "12"),
    ("on 2026-03-12", "3"),
    ("on 2026-03-12", "2026"),
    ("2026-03-02T09:30:00", "30"),
    ("2026-03-03", "2026-03-02"),
    ("12 March 2026", "2026-03-02"),
    ("2 March 2025", "2026-03-02"),
    ("March 2, 2025", "2026-03-02"),
    ("March 2nd, 2027", "2026-03-02"),
    ("March 22", "2026-03-02"),
    ("2 May 2026", "2026-03-02"),
    ("2026-03-021", "2026-03-02"),
    ("2 marching", "2026-03-02"),
    ("2026-03-02 09:30", "2026-03-02T09:00:00"),
    ("2026-03-02", "2026-03-02T09:00:00"),
    ("2 March 2025 at 09:00", "2026-03-02T09:00:00"),
    ("yesterday", True),
    ("nothing", False),
    ("offer", False),
    ("untrue", "true"),
    ("", True),
    ("Dunes", "Dune"),
    ("report.txt.bak2", "report.tx"),
    ("xDune", "Dune"),
    ("dune_2", "Dune"),
    ("AC-1234", "AC-123"),
    ("XAC-123", "AC-123"),
]


@pytest.mark.parametrize(("text", "value"), TOLD)
def test_a_value_is_told_in_every_usual_spelling(text: str, value: object):
    assert mentions(text, value)


@pytest.mark.parametrize(("text", "value"), UNTOLD)
def test_another_value_does_not_tell_it(text: str, value: object):
    assert not mentions(text, value)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_money_tells_itself_in_four_spellings_and_no_other_amount(one: int, two: int):
    def forms(minor: int) -> list[str]:
        value = f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
        return [value, f"{'-' if minor < 0 else ''}{abs(minor) // 100:,}.{abs(minor) % 100:02d}"]

    value = forms(one)[0]
    for form in forms(one):
        for text in (form, f"Your balance is {form}.", f"({form} EUR)", f"{form}, as you see"):
            assert mentions(text, value)
    for form in forms(two):
        assert mentions(f"It is {form} now.", value) == (one == two)


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)), st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_a_date_is_told_by_its_full_forms_and_by_no_other_full_date(one: date, two: date):
    for day in (one, two):
        for text in (
            day.isoformat(),
            f"{day.day} {day:%B} {day.year}",
            f"{day:%B} {day.day}, {day.year}",
            f"{day:%b} {day.day} {day.year}",
        ):
            assert mentions(f"That is on {text}.", one.isoformat()) == (day == one)


@given(st.text(string.ascii_letters + string.digits + " -._", min_size=1, max_size=12), st.text(max_size=20), st.text(max_size=20))
def test_text_between_spaces_tells_itself(value: str, before: str, after: str):
    if value.strip(" "):
        assert mentions(f"{before} | {value} | {after}", value) or value.strip(" -.").replace(".", "").lstrip("-").isdigit()


@given(st.text(max_size=60), st.text(max_size=12) | st.integers() | st.booleans() | st.floats() | st.none())
def test_nothing_raises(text: str, value: object):
    assert isinstance(mentions(text, value), bool)
    assert isinstance(mentions(text.translate({ord("a"): "\ud800"}), value), bool)


def test_an_empty_value_is_never_told():
    assert spellings("") == ()
    assert not mentions("anything", "")
    assert not mentions("anything", " ")


def test_a_currency_code_may_touch_its_sum_and_a_time_may_come_before_its_day():
    assert mentions("That is EUR12.50 in all.", "12.50")
    assert mentions("12.50EUR", "12.50")
    assert not mentions("EUR112.50", "12.50")
    assert mentions("It departs at 09:05 on 14 March.", "2026-03-14T09:05:00")
    assert not mentions("It departs at 09:05 on 15 March.", "2026-03-14T09:05:00")
