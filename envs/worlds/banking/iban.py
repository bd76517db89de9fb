"""International bank account numbers: lengths, currencies and the mod-97 checksum (ISO 13616)."""

from __future__ import annotations

from random import Random
from string import ascii_letters
from typing import Any

COUNTRIES = ("AT", "BE", "CH", "DE", "ES", "FI", "FR", "GB", "PT")
LENGTHS = (20, 16, 21, 22, 24, 18, 27, 22, 25)
EURO_COUNTRIES = ("AT", "BE", "DE", "ES", "FI", "FR", "PT")
BANK_CODE_LENGTH = 5
_NUMBERS = {ord(letter): str(int(letter, 36)) for letter in ascii_letters}
_GB_BANKS = ("NWBK", "BARC", "LOYD", "MIDL")


def _remainder(rearranged: str) -> int:
    return int(rearranged.translate(_NUMBERS)) % 97


def make_iban(country: str, body: str) -> str:
    """The IBAN of a national account number, with its two check digits."""
    return f"{country}{98 - _remainder(f'{body}{country}00'):02d}{body}"


def clean_iban(written: str) -> str:
    """The IBAN as computers keep it: no spaces, capitals."""
    return "".join(written.split()).upper()


def iban_problem(iban: str) -> str:
    """What is wrong with a cleaned IBAN, or an empty string."""
    if not (iban.isascii() and iban.isalnum() and iban[2:4].isdigit()):
        return "an IBAN is two letters, two check digits and the account number"
    if iban[:2] not in COUNTRIES:
        return f"payments go to {', '.join(COUNTRIES)} only"
    wanted = LENGTHS[COUNTRIES.index(iban[:2])]
    if len(iban) != wanted:
        return f"an IBAN of {iban[:2]} has {wanted} characters, this one has {len(iban)}"
    return "" if _remainder(iban[4:] + iban[:4]) == 1 else "the check digits do not fit the number; look for a typing error"


def currency_of(iban: str) -> str:
    """The currency that accounts of an IBAN's country keep."""
    return {"CH": "CHF", "GB": "GBP"}.get(iban[:2], "EUR")


def national_number(rng: Random, country: str, bank_code: str = "") -> str:
    """A national account number of the right length."""
    head = bank_code or (rng.choice(_GB_BANKS) if country == "GB" else str(rng.randint(1, 9)))
    size = LENGTHS[COUNTRIES.index(country)] - 4 - len(head)
    return f"{head}{rng.randrange(10**size):0{size}d}"


def draw_iban(world: Any, rng: Random) -> str:
    """A valid IBAN at some other bank, mostly in the euro area."""
    country = rng.choice(EURO_COUNTRIES) if rng.random() < 0.9 else rng.choice(("CH", "GB"))
    return make_iban(country, national_number(rng, country))
