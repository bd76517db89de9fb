"""What a bridged plain object costs, beside the object itself: calls, forks, learning.

    python benchmarks/objects.py              # one JSON object; times are medians in microseconds on one core
    python benchmarks/objects.py --copies 200 # as many times the books of `examples/plain_object.py`

Floors in the same run: the bare method on the bare object, and `copy.deepcopy` of it. A call through the bridge validates,
writes the result as JSON, looks at the whole state for what changed and, after a write, keeps a moment to fork from; so it
grows with the state, which `--copies` shows.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path
from typing import Any

from measure import median_us, report

from turngym.envs.bridges.objects import fork_cost, world_of
from turngym.envs.loading import load_module

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "plain_object.py"


def enlarged(cls: Any, copies: int) -> Any:
    """A factory of libraries with `copies` times the books."""

    def make(seed: int) -> Any:
        made = cls(seed)
        for number in range(copies - 1):
            for key, book in list(made.books.items())[:6]:
                made.books[f"{key}-{number}"] = type(book)(f"{key}-{number}", book.title, book.author, book.genre, book.pages)
        return made

    make.__doc__ = cls.__doc__
    return make


def figures(cls: Any, copies: int, number: int) -> dict[str, Any]:
    """All figures for libraries of one size."""
    factory = enlarged(cls, copies)
    Library = world_of(factory, name="Library")
    start = time.perf_counter()
    _ = Library.tools
    learning = time.perf_counter() - start
    world, thing = Library.create(0), factory(0)
    name = next(iter(thing.members.values())).name
    member = next(m.id for m in thing.members.values() if not m.active)
    read, write = f'{{"name": "{name}"}}', f'{{"member_id": "{member}"}}'
    assert world.fork().call("renew_card", write).error is None
    forked = world.fork()

    def first_write() -> None:
        forked.fork().call("renew_card", write)

    def bare_write() -> None:
        thing.members[member].active = False
        thing.renew_card(member)

    return {
        "books": len(thing.books),
        "read": median_us(lambda: world.call("find_member", read), number),
        "fork": median_us(forked.fork, number),
        "fork_and_first_write": median_us(first_write, number),
        "refused_call": median_us(lambda: world.call("find_member", '{"name": "nobody"}'), number),
        "bare_read": median_us(lambda: thing.find_member(name), number),
        "bare_write": median_us(bare_write, number),
        "deepcopy": median_us(lambda: copy.deepcopy(thing), number),
        "moment": fork_cost(Library),
        "learning_s": round(learning, 3),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=50, help="times the six books, for the larger library")
    parser.add_argument("--number", type=int, default=200, help="calls a sample")
    arguments = parser.parse_args()
    cls = load_module(str(EXAMPLE)).Library
    report("objects", {"small": figures(cls, 1, arguments.number), "large": figures(cls, arguments.copies, arguments.number)})


if __name__ == "__main__":
    main()
