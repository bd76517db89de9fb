"""Money, days and moments are told in every spelling that `babel` has for them, and sums next to them are not."""

from __future__ import annotations

from datetime import datetime
from random import Random

import pytest

from turngym.envs.told import mentions

dates, figures = pytest.importorskip("babel.dates"), pytest.importorskip("babel.numbers")

ENGLISH = ("en_US", "en_GB", "en_IN", "en_AU", "en_CA", "en_IE")
ANY = ("en_US", "en_GB", "en_IN", "de_DE", "de_CH", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE", "pl_PL", "pt_BR")


@pytest.mark.parametrize("locale", ENGLISH)
@pytest.mark.parametrize("form", ["short", "medium", "long", "full"])
def test_days_and_moments_are_told_in_every_english_spelling(locale: str, form: str) -> None:
    rng = Random(3)
    for _ in range(8):
        moment = datetime(rng.randint(2020, 2030), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), rng.randint(0, 59))
        assert mentions(f"It is on {dates.format_date(moment, form, locale=locale)}.", moment.date().isoformat())
        assert mentions(f"It is on {dates.format_datetime(moment, form, locale=locale)}.", moment.isoformat())


@pytest.mark.parametrize("locale", ANY)
def test_money_is_told_in_the_spelling_of_every_country(locale: str) -> None:
    rng = Random(3)
    for currency in ("EUR", "USD", "GBP", "CHF", "SEK", "PLN"):
        for most in (999, 10**6, 10**9):
            minor = rng.randint(0, most)
            text = f"The sum is {figures.format_currency(minor / 100, currency, locale=locale)} now."
            assert mentions(text, f"{minor // 100}.{minor % 100:02d}"), text
            assert mentions(text, f"{minor // 100}.{minor % 100:02d} {currency}"), text
            assert not mentions(text, f"{(minor + 1) // 100}.{(minor + 1) % 100:02d}"), text
