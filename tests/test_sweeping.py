"""Promises of sweeping: the cyclic collector waits while a sample is made or proven, and is given back as it was found."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from turngym.synthesis.maker import Maker, Request
from turngym.synthesis.sweeping import UNSWEPT
from turngym.synthesis.verify import verify_row


class Knot:
    def __init__(self) -> None:
        self.self = self


@pytest.fixture(params=(True, False), ids=("on", "off"))
def found(request: pytest.FixtureRequest) -> Iterator[bool]:
    """The collector as a piece of work finds it."""
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_the_collector_waits_inside_and_is_given_back_as_it_was(found: bool) -> None:
    with UNSWEPT:
        assert not gc.isenabled()
    assert gc.isenabled() is found


def test_it_is_given_back_when_a_piece_raises(found: bool) -> None:
    with pytest.raises(LookupError), UNSWEPT:
        raise LookupError
    assert gc.isenabled() is found


def test_of_pieces_that_overlap_the_last_to_end_gives_it_back(found: bool) -> None:
    UNSWEPT.__enter__()
    UNSWEPT.__enter__()
    UNSWEPT.__exit__(None, None, None)
    assert not gc.isenabled()
    UNSWEPT.__exit__(None, None, None)
    assert gc.isenabled() is found


def test_pieces_of_many_threads_leave_it_as_it_was(found: bool) -> None:
    def work(_: int) -> bool:
        for _ in range(200):
            with UNSWEPT:
                held = not gc.isenabled()
        return held

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))
    assert gc.isenabled() is found


def test_what_a_piece_left_behind_is_swept_soon_after_it() -> None:
    gc.collect()
    with UNSWEPT:
        knots = [Knot() for _ in range(2 * gc.get_threshold()[0])]
        left = weakref.ref(knots[0])
        del knots
        assert left() is not None
    more = [[] for _ in range(2 * gc.get_threshold()[0])]
    assert left() is None, f"nothing was swept, {len(more)} objects later"


def test_whoever_takes_samples_from_a_stream_finds_the_collector_as_it_was(found: bool) -> None:
    stream = Maker(Request(("FileSystem",), 3)).stream()
    made = next(stream)
    assert gc.isenabled() is found
    stream.close()
    assert gc.isenabled() is found
    row = json.loads(made.told().line)
    assert verify_row(row) == []
    assert verify_row({**row, "messages": 7}) != []
    assert gc.isenabled() is found


def test_a_maker_that_raises_gives_it_back(found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    maker = Maker(Request(("FileSystem",), 1))
    monkeypatch.setattr(maker, "_place", broken)
    with pytest.raises(ZeroDivisionError):
        next(maker.stream())
    assert gc.isenabled() is found
