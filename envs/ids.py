"""How ids look: a number written in the pattern of a kind, such as `BC-#########` or `FX-@@######`."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

_DIGITS, _LETTERS = "0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ"


def fill(pattern: str, number: int) -> str:
    """The id that a number stands for: `#` becomes a digit, `@` a letter, `*` either, from the number's low end."""
    out = []
    for text, base, times, letters in _runs(pattern):
        if not times:
            out.append(text)
        elif not letters:  # a run of digits at once, lowest first
            number, digits = divmod(number, base)
            out.append(str(digits).zfill(times)[::-1])
        else:
            for _ in range(times):
                number, digit = divmod(number, base)
                out.append(letters[digit])
    return "".join(out)


@lru_cache(maxsize=1024)
def _runs(pattern: str) -> tuple[tuple[str, int, int, str], ...]:
    """A pattern in runs: text as it stands, or by what to divide, how many signs are drawn, and from which letters."""
    drawn = {"#": "", "@": _LETTERS, "*": _LETTERS + _DIGITS[2:]}
    runs = [(sign, "".join(same)) for sign, same in groupby(pattern, lambda sign: sign if sign in drawn else "")]
    return tuple([("", len(drawn[s]) or 10 ** len(text), len(text), drawn[s]) if s else (text, 0, 0, "") for s, text in runs])
