"""The proof of a whole data set or file of tasks: every row again, here or by workers, and no id twice.

Law: the report is the same wherever rows were proven. Not here: what proves a row (`verify.py`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from ..agents.executors.reading import employed
from ..agents.executors.team import AHEAD_SECONDS, DEATHS_ALONE, Hire, Team, Workforce
from ..agents.executors.trade import Dumps, Parcel, order_of
from ..agents.records import lines_of, parse_line
from ..agents.trajectory import record_line
from ..envs.door import allow_given
from ..envs.errors import RunError, WorldRefusedError
from .sample import SAMPLES
from .verify import verify_row, verify_task
from .workshop import WINDOW

Line = tuple[int, bytes]


class Proof(NamedTuple):
    """What a line came to: the row's id (None if it is no row), and why it is not proven."""

    number: int
    identity: str | None
    reasons: list[str]


def prove_line(number: int, line: bytes, place: str = "") -> Proof:
    """Verify the sample or the task of a line; `place`: what holds it.

    Raises `WorldRefusedError` for a world that nobody allowed, and nothing else for what stands in the line.
    """
    row, why = parse_line(line)
    if row is None:
        return Proof(number, None, [why])
    try:
        reasons = verify_task(row) if "turns" in row and "messages" not in row else verify_row(row)
    except WorldRefusedError as error:
        raise error.at(f"{place}, line {number}" if place else f"line {number}") from None
    return Proof(number, str(row["id"]), reasons)


def verify_directory(
    directory: str | Path,
    progress: Callable[[int, int], None] | None = None,
    executor: Workforce | None = None,
    *,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """Verify every row of a data set, or of a file of samples or tasks; see `verify_lines`.

    Args:
        allow: worlds of one's own that rows may name, as `turngym.allow` takes them.

    Raises `RunError` if there is none, `WorldRefusedError` for a row with a world that nobody allowed.
    """
    allow_given(allow)
    path = Path(directory) if Path(directory).is_file() else Path(directory) / SAMPLES
    if not path.is_file():
        raise RunError(f"{directory} holds no {SAMPLES}; `turngym synthesize ... --out {directory}` makes one")
    return verify_lines(lines_of(path), progress, executor, place=str(path))


def verify_lines(
    lines: Iterator[Line],
    progress: Callable[[int, int], None] | None = None,
    executor: Workforce | None = None,
    *,
    place: str = "",
) -> dict[str, Any]:
    """Verify samples and tasks, a numbered line each; see `verify.py`.

    Args:
        lines: (number, text). progress: told (rows, 0). executor: who does it; None is this process. place: what holds them.

    Returns:
        `{rows, passed, failed: [{id, reason}]}`.
    """
    rows = passed = 0
    failed: list[dict[str, str]] = []
    seen: set[str] = set()
    with contextlib.closing(_proofs(lines, executor, place)) as proofs:
        for proof in proofs:
            if proof is not None:
                rows += 1
                reasons = _reasons(proof, seen)
                passed += not reasons
                if reasons:
                    failed.append({"id": proof.identity or f"line {proof.number}", "reason": "; ".join(reasons)})
            if progress is not None:
                progress(rows, 0)
    return {"rows": rows, "passed": passed, "failed": failed}


def _proofs(lines: Iterator[Line], executor: Workforce | None, place: str) -> Generator[Proof | None, None, None]:
    if executor is None:
        return (prove_line(*line, place) for line in lines)
    found = employed(executor, Proofs(place), lines)
    return found


def _reasons(proof: Proof, seen: set[str]) -> list[str]:
    """Why a row is not proven, now that the ids before it are known."""
    if proof.identity is None:
        return proof.reasons
    again = ["the id stands twice in the data set"] if proof.identity in seen else []
    seen.add(proof.identity)
    return [*proof.reasons, *again]


# -- by workers -------------------------------------------------------------------------------------------


class Prover:
    """The craft: verifies a line of a place."""

    seats = 1

    def __init__(self, place: str) -> None:
        self._place = place

    def opened(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Nothing is needed."""
        return contextlib.nullcontext()

    async def make(self, parcel: Parcel) -> bytes:
        """What a line came to."""
        name, number, line = parcel
        proof = prove_line(number, line.encode("utf-8", "surrogateescape"), self._place)
        return record_line({"id": name, **proof._asdict()})


class Proofs(NamedTuple):
    """The trade: numbered lines of a place in, their `Proof` out, in order."""

    place: str = ""

    def order(self, size: int, dumps: Dumps = ForkingPickler.dumps) -> bytes:
        """Provers need to know the name of the place alone."""
        return order_of(Prover, {"place": self.place}, {}, dumps)

    def team(self, hire: Hire, size: int, ahead: float = AHEAD_SECONDS) -> Team[Line, Proof]:
        """A line at a time each."""
        return _Provers(hire, size, size, ahead, WINDOW * size)


class _Provers(Team[Line, Proof]):
    def parcel(self, item: Line) -> Parcel:
        number, line = item
        return Parcel(str(number), number, line.decode("utf-8", "surrogateescape"))

    def read(self, line: bytes) -> tuple[str, Proof]:
        found = json.loads(line)
        return found["id"], Proof(found["number"], found["identity"], found["reasons"])

    def give_up(self, item: Line, how: str) -> Proof:
        raise RunError(f"{DEATHS_ALONE} workers died while they proved line {item[0]} and no other; the last: {how}")
