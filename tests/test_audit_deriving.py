"""Promises of the search for sources: what a reader would find is found, and what nobody could know is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turngym.synthesis.auditing.arithmetic import made_of
from turngym.synthesis.auditing.deriving import Derivation, Slot, derive
from turngym.synthesis.auditing.knowledge import Knowledge
from turngym.synthesis.auditing.moments import Day, days_in, times_in, whole_date
from turngym.synthesis.auditing.numbers import numbers_in, written_in
from turngym.synthesis.auditing.schema import violations
from turngym.synthesis.auditing.wording import initials, nearest, stem


def search(
    value: Any, said: str, *shown: Any, name: str = "value", described: str = "", context: tuple[str, ...] = (), **schema: Any
) -> Derivation:
    known = Knowledge(context)
    known.hear(said)
    for result in shown:
        known.see(result, str(result))
    return derive(value, Slot("tool", name, schema, {}, described), known)


KNOWN = [
    (200, "two hundred dollars"), (12, "a dozen eggs"), (0.5, "half of it"), (1250.5, "1,250.50 EUR"), (20000, "$20,000"),
    (1_500_000, "1.5 million"), (5000, "5k"), (0.15, "15%"), (21, "twenty-one"), (3, "the third one"), (250, "two hundred and fifty"),
    ("90.00", "save 90 for it"), ("2026-05-01", "on May 1st"), ("2026-05-01", "on the first of May, 2026"), ("05/01/2026", "2026-05-01"),
    ("2026-11-15", "the 15th of the year 2026's eleventh month"), ("2026-10-31", "on the last day of October 2026"),
    ("2026-03-02T14:30:00", "on 2 March 2026 at 2:30 PM"), ("final_report.pdf", "the final report, a pdf"),
    ("document/final_report.pdf", "the file 'final_report.pdf' in the document folder"), ("#currenttechtrend", "tag it Current Tech Trend"),
    ("@Julia", "mention Julia"), ("annual-report", "the Annual Report"), ("AnnualReport2023", "my annual report of 2023"),
    (["AAPL", "MSFT"], "watch AAPL and MSFT"), ({"status": "urgent", "priority": 2}, "urgent, priority two"),
    (True, "with the value shown"),
    ("..", "anything"), ("", "anything"), (None, "anything"), ("notes", "my note"), ("alpha, beta", "Beta then alpha"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "said"), KNOWN, ids=[f"{value}" for value, _ in KNOWN])
def test_what_the_user_says_is_found_however_he_says_it(value: Any, said: str):
    assert search(value, said).grade in ("sure", "likely")


UNKNOWN = [
    (187.5, "transfer 90 to Bob"), ("S3cretPass77", "sign me in"), ("TB-88121X", "cancel my booking"), ("2026-07-19", "fly on 2026-07-18"),
    ("ivan.petrov@example.com", "mail Ivan"), ("Marigold Fitzwarren", "pay Bob"), (4821, "pay 90 and 17"),
    ("ticket_001", "close the ticket"),
    (["AAPL", "QX71Z"], "watch AAPL"), ({"amount": 77.25}, "pay the amount"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "said"), UNKNOWN, ids=[f"{value}" for value, _ in UNKNOWN])
def test_what_nobody_says_or_shows_has_no_source(value: Any, said: str):
    found = search(value, said)
    assert found.grade == "none"
    assert found.confidence in ("high", "medium")


def test_results_are_sources_as_data_and_as_text():
    assert search("TB-88121X", "cancel it", {"bookings": [{"id": "TB-88121X"}]}).grade == "sure"
    assert search("94016", "how far", "the zip code is 94016.").grade == "sure"
    assert search(3, "how many", [{"a": 1}, {"a": 2}, {"a": 4}]).grade in ("sure", "likely")


def test_arithmetic_needs_a_word_that_calls_for_it():
    assert search(2240.0, "convert 2800 USD to EUR at the rate 0.8").grade == "likely"
    assert search(39.5, "fill the tank up to 50", {"fuelLevel": 10.5}).grade == "likely"
    assert search(161.0, "send 70 and 91").grade == "weak"


def test_a_rate_that_a_call_showed_serves_later_sums():
    known = Knowledge()
    known.hear("Convert it. The insurance is about 150 euros.")
    known.use({"value": 2800.0})
    known.see({"exchanged_value": 2240.0}, "")
    assert derive(187.5, Slot("buy", "cost", {}, {}, ""), known).grade == "likely"


def test_defaults_and_choices_are_known_from_the_schema():
    assert search("USD", "pay", default="USD").grade == "sure"
    assert search("business", "in business class", enum=["economy", "business"]).grade == "sure"
    weak = search("first", "book it", enum=["economy", "business", "first"])
    assert (weak.grade, weak.confidence) == ("weak", "low")
    assert search("w", "count", described="Mode ('l' for lines, 'w' for words)").grade == "likely"
    assert search("doors", "show doors", description='The option. [Enum]: ["fuel", "doors"]').grade == "sure"


def test_composed_text_is_judged_by_its_parts_and_never_surely():
    said = "Tell Catherine that the report is finished and the budget was approved"
    assert search("The report is finished. The budget was approved!", said, name="message").grade == "likely"
    other = search("Completely unrelated announcement concerning penguins everywhere", said, name="message")
    assert (other.grade, other.confidence) == ("none", "low")
    dated = search("The report of 2023 is finished and the budget was approved", said, name="message")
    assert (dated.grade, dated.confidence) == ("none", "medium")


def test_what_is_nearly_said_is_a_lesser_matter_and_named():
    found = search("Jonathon Novak", "pay Jonathan Novak")
    assert (found.grade, found.confidence) == ("weak", "low")
    assert "Jonathan Novak" in found.near
    assert search("SFO", "from San Francisco").confidence == "low"


def test_relative_days_are_reckoned_from_the_day_that_is_shown():
    assert search("2026-03-03", "tomorrow please", context=("2026-03-02",)).grade == "sure"
    assert search("2026-03-09", "some day", context=("2026-03-02",)).grade == "none"
    assert search("2026-03-09", "next Monday", context=("2026-03-02",)).grade == "weak"


def test_numbers_inside_dates_times_and_names_are_only_parts():
    spelt = {said.value for said in numbers_in("report2024 at 10:30 on 2026-03-02 for 7") if said.spelt}
    assert spelt == {7.0}
    assert written_in("ten at 10:30, 1,250.50 and 3 on 5/6/2026") == (1250.5, 3.0)


def test_dates_and_times_are_read_in_their_usual_forms():
    assert Day(2026, 5, 1) in days_in("May 1st, 2026")
    assert Day(0, 5, 1) in days_in("1 May")
    assert {Day(2026, 5, 12), Day(2026, 12, 5)} <= set(days_in("05/12/2026"))
    assert {(14, 30), (0, 0), (12, 0)} <= times_in("2:30 pm, midnight or noon")
    assert whole_date("report 2024-05-01 x") is None


def test_words_compare_by_stems_codes_by_letters():
    assert stem("cancellations") == stem("cancel")
    assert stem("ladies") == stem("lady")
    assert initials("RMS", ["Rivermist"]) == "Rivermist"
    assert initials("JFK", ["Oslo"]) is None
    assert nearest("reprot.txt", ["report.txt", "zebra"])[0][0] == "report.txt"


def test_schemas_judge_types_choices_and_names():
    listed = {"type": "array", "items": {"type": "string"}}
    properties = {"n": {"type": "integer"}, "f": {"type": "float"}, "s": {"type": "string", "enum": ["a"]}, "l": listed}
    schema = {"properties": properties, "required": ["n"]}
    assert list(violations({"n": 3, "f": 3, "s": "a", "l": ["x"]}, schema)) == []
    assert [name for name, _ in violations({"f": "3", "s": "b", "l": [1], "q": 0}, schema)] == ["n", "f", "s", "l", "q"]
    assert [name for name, _ in violations({"n": True}, schema)] == ["n"]


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(_PLAIN, st.text(max_size=80), _PLAIN)
def test_the_search_never_raises(value: Any, said: str, shown: Any):
    assert search(value, said, shown).grade in ("sure", "likely", "weak", "none")


@given(st.floats(allow_nan=False, allow_infinity=False), st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6))
def test_arithmetic_never_raises(value: float, operands: list[float]):
    made_of(value, operands, operands, "the total, in percent, converted")
