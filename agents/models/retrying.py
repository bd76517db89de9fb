"""What to do when a server does not answer as it should: try again, end the episode, or give up.

Laws: there is one retry layer, this one; a server's wish to be left alone (`Retry-After`) is kept up to a bound, and else
waiting grows with full jitter, so that many episodes do not come back at once; what no repetition can mend is not
repeated; a prompt that outgrew the model's context is no fault of the server: it ends the episode as `context`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeVar

from ...envs.extras import need
from ..policy import EndEpisode, InfrastructureError
from .refusing import read_refusal, says_overflow

T = TypeVar("T")
Kind = Literal["connection", "silent", "garbage", "status"]
MOST_SECONDS = 60.0  # the longest wait that a server can ask for
_ABSURD = 86_400.0
_AGAIN = frozenset((408, 409, 425, 429))


class Fault(Exception):
    """A request that failed.

    Attributes:
        said: in words, free of keys. kind: `connection`, `silent` (the deadline passed), `garbage` (an answer that is
            none), `status` (an error status, in `status`). again: whether a repetition may help.
        wait: seconds that the server asks for, or None. body: of an answer with an error status.
    """

    def __init__(self, said: str, kind: Kind, *, status: int = 0, again: bool = True, wait: float | None = None, body: bytes = b"") -> None:
        super().__init__(said)
        self.said, self.kind, self.status, self.again, self.wait, self.body = said, kind, status, again, wait, body

    @property
    def outgrew(self) -> bool:
        """Whether the prompt does not fit into the model's context."""
        return says_overflow(self.status, self.said, self.body)


def status_fault(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """The fault that an answer with an error status is."""
    said = f"{status}: {read_refusal(body).said}"
    return Fault(said, "status", status=status, again=status in _AGAIN or status >= 500, wait=retry_after(headers), body=body)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that `Retry-After` (seconds or a date) or `retry-after-ms` asks for, at most `MOST_SECONDS`.

    None where there is none, or it is garbage, negative, or more than a day. `now`: seconds since the epoch.
    """
    told = _number(headers.get("retry-after-ms"), 0.001)
    if told is None:
        raw = headers.get("retry-after")
        told = _number(raw, 1.0)
        if told is None and raw:
            try:
                told = parsedate_to_datetime(raw).timestamp() - (time.time() if now is None else now)
            except (TypeError, ValueError, OverflowError, IndexError):
                return None
            told = max(told, 0.0)  # a date that has just passed
    if told is None or not 0 <= told <= _ABSURD:
        return None
    return min(told, MOST_SECONDS)


def _number(text: str | None, unit: float) -> float | None:
    try:
        found = float(text) * unit if text else None
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None


async def persist(attempt: Callable[[], Awaitable[T]], retries: int, backoff: float) -> T:
    """The result of `attempt`, repeated up to `retries` times while its `Fault` says that it may help.

    Args:
        backoff: seconds; the n-th wait is drawn from 0 to `backoff * 2**n`, where the server asks for no other.

    Raises `EndEpisode("context")` for a prompt that does not fit, `InfrastructureError` with the last cause else.
    """
    try:
        return await attempt()
    except Fault as fault:
        if not _worth(fault) or not retries:
            raise _final(fault, 1) from None
        first = fault
    tenacity = need("tenacity")
    growing = tenacity.wait_random_exponential(multiplier=backoff, max=MOST_SECONDS / 2)

    def pause(state: Any) -> float:
        fault = state.outcome.exception() if state.outcome else first
        return float(growing(state)) + (fault.wait or 0.0)

    tries = 0

    async def next_attempt() -> T:
        nonlocal tries
        if not tries:
            tries = 1
            raise first  # the attempt that failed above stands for the first of these
        tries += 1
        return await attempt()

    again = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(retries + 1), wait=pause, retry=tenacity.retry_if_exception(_worth), reraise=True
    )
    try:
        result: T = await again(next_attempt)
    except Fault as fault:
        raise _final(fault, tries) from None
    return result


def _worth(error: BaseException) -> bool:
    return isinstance(error, Fault) and error.again and not error.outgrew


def _final(fault: Fault, tries: int) -> Exception:
    if fault.outgrew:
        return EndEpisode("context", fault.said)
    return InfrastructureError(f"{fault.said} (after {tries} {'attempt' if tries == 1 else 'attempts'})")
