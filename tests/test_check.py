"""The contract suite passes lawful worlds, and names the law that each planted fault breaks."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import faulty_worlds
import mini_world

from turngym.envs import Cell, DefinitionError, Key, Table, World, record, tool
from turngym.envs.check import CHECKS, check_world
from turngym.envs.check.suite import law_of, name_of
from turngym.envs.door import SHIPPED
from turngym.envs.registry import user_world

PROCESSES = "same-in-every-process"


def failures(cls: type[World], **options: Any) -> dict[str, str]:
    return {check.name: check.detail for check in check_world(cls, **options).failures}


# -- lawful worlds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [mini_world.Library, pytest.param(faulty_worlds.Shop, marks=pytest.mark.slow)])
def test_a_lawful_world_passes_every_check(cls: type[World]) -> None:
    report = check_world(cls)
    assert report.failures == ()
    assert report.passed
    assert len(report.checks) == len(CHECKS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("FileSystem", {"calls": 240, "seeds": (0, 1), "processes": False}),
        *(pytest.param(name, {}, marks=pytest.mark.slow) for name in sorted(SHIPPED)),
    ],
)
def test_each_world_of_the_library_passes_every_check(name: str, options: dict[str, Any]) -> None:
    try:
        cls = user_world(name)
    except DefinitionError as error:
        pytest.skip(str(error))
    started = time.perf_counter()
    assert failures(cls, **options) == {}
    assert time.perf_counter() - started < 60


def test_a_world_in_a_file_is_found_by_other_processes(tmp_path: Path) -> None:
    path = tmp_path / "lending.py"
    path.write_text(Path(mini_world.__file__).read_text())
    report = check_world(user_world(f"{path}:Library"), calls=400)
    assert report.failures == ()
    assert {check.name: check.detail for check in report.checks}[PROCESSES] == ""


def test_a_world_whose_file_is_gone_cannot_be_made_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "vanishing.py"
    path.write_text(Path(mini_world.__file__).read_text())
    cls = user_world(f"{path}:Library")
    path.unlink()
    found = failures(cls, calls=300)
    assert set(found) == {PROCESSES}
    assert "cannot be made in another process" in found[PROCESSES]


def test_a_class_made_in_a_function_is_passed_over_with_a_reason() -> None:
    class Local(faulty_worlds.Shop):
        """A shop that was opened in a function and that no other process finds."""

    check = {check.name: check for check in check_world(Local, calls=300).checks}[PROCESSES]
    assert check.passed
    assert "inside a function" in check.detail


# -- planted faults ---------------------------------------------------------------------------------------


FIRSTS = {name: cls for cls, name, _ in reversed(faulty_worlds.FAULTS)}
FAULTS = [pytest.param(*fault, marks=() if FIRSTS[fault[1]] is fault[0] else pytest.mark.slow) for fault in faulty_worlds.FAULTS]
"""One fault for each law, and the others in the family `slow`."""


@pytest.mark.parametrize("calls", [600, pytest.param(900, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("cls", "name", "also"), FAULTS, ids=lambda value: getattr(value, "__name__", str(value)[:24]))
def test_each_planted_fault_is_caught_by_its_law_and_no_stranger(cls: type[World], name: str, also: tuple[str, ...], calls: int) -> None:
    found = failures(cls, calls=calls, seeds=(0, 1), processes=name == PROCESSES)
    assert name in found
    assert set(found) <= {name, *also}
    assert "\n" not in found[name]
    assert len(found[name]) > 20


def test_more_than_thirty_defects_are_planted_and_each_class_breaks_one() -> None:
    assert len({cls for cls, _, _ in faulty_worlds.FAULTS}) >= 32
    assert {name for _, name, _ in faulty_worlds.FAULTS} <= {name_of(check) for check in CHECKS}


def test_a_detail_names_the_culprit_and_the_remedy() -> None:
    found = failures(faulty_worlds.WritesElsewhere, calls=300, processes=False)["writes-declared"]
    assert "sign_in" in found
    assert "items" in found
    assert "name it in writes=" in found


def test_a_world_that_cannot_be_generated_fails_and_does_not_raise() -> None:
    class Broken(World):
        """A world whose generator raises before it has put anything anywhere."""

        shelf: Table[BoxId, Box]

        def generate(self, rng: random.Random, size: str) -> None:
            raise RuntimeError("no shelf")

    report = check_world(Broken, calls=50, processes=False)
    assert not report.passed
    assert "no shelf" in {check.name: check.detail for check in report.checks}["generation-holds"]


# -- the report -------------------------------------------------------------------------------------------


def test_names_are_kebab_case_unique_and_every_check_says_its_law() -> None:
    names = [name_of(check) for check in CHECKS]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalpha() and name.islower() for name in names)
    assert all(law_of(check).endswith(".") for check in CHECKS)


def test_the_report_is_plain_data_and_the_same_each_time() -> None:
    first = check_world(faulty_worlds.SilentError, calls=300, processes=False).record()
    assert first == check_world(faulty_worlds.SilentError, calls=300, processes=False).record()
    assert json.loads(json.dumps(first)) == first
    assert first["world"] == "SilentError"
    assert set(first["checks"][0]) == {"name", "passed", "detail"}


def test_checking_leaves_the_process_as_it_was() -> None:
    kept = (random.getstate(), time.time, time.perf_counter, os.environ.get("PYTHONHASHSEED"))
    state = dict(vars(mini_world.Library))
    before = mini_world.Library.create(0).fingerprint()
    check_world(mini_world.Library, calls=200)
    assert (random.getstate(), time.time, time.perf_counter, os.environ.get("PYTHONHASHSEED")) == kept
    assert dict(vars(mini_world.Library)) == state
    assert mini_world.Library.create(0).fingerprint() == before


def test_one_seed_leaves_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="at least two"):
        check_world(mini_world.Library, seeds=(3, 3))


# -- faults that never get so far -------------------------------------------------------------------------

BoxId = Annotated[str, Key("test_box", "BX-####")]


@record
class Box:
    id: BoxId
    size: int


class Plain:
    pass


def no_words(world: Any) -> bool:
    return True


def _world_with(method: Any, doc: str | None = "A room of boxes that is made to be wrong.", **parts: Any) -> type:
    return type("Room", (World,), {"__doc__": doc, "__module__": __name__, "peek": method, **parts})


def _undocumented() -> Any:
    def peek(self: Any) -> Box: ...

    return _world_with(tool(peek))


def _undescribed() -> Any:
    def peek(self: Any, box: BoxId) -> Box:
        """Look into a box."""

    return _world_with(tool(peek))


def _described_twice() -> Any:
    def peek(self: Any) -> Box:
        """Look into a box.

        Args:
            lid: not there.
        """

    return _world_with(tool(peek))


def _untyped() -> Any:
    def peek(self: Any, box) -> Box:  # type: ignore[no-untyped-def]
        """Look into a box.

        Args:
            box: which.
        """

    return _world_with(tool(peek))


def _keywords() -> Any:
    def peek(self: Any, **boxes: int) -> Box:
        """Look into a box."""

    return _world_with(tool(peek))


def _returns_nothing_said() -> Any:
    def peek(self: Any):  # type: ignore[no-untyped-def]
        """Look into a box."""

    return _world_with(tool(peek))


def _returns_no_record() -> Any:
    def peek(self: Any) -> dict[str, int]:
        """Look into a box."""

    return _world_with(tool(peek))


def _mutable_default() -> Any:
    def peek(self: Any, boxes: list[str] = []) -> Box:  # noqa: B006
        """Look into a box.

        Args:
            boxes: which.
        """

    return _world_with(tool(peek))


def _lawful_peek(self: Any) -> Box:
    """Look into a box."""
    return Box("BX-0001", 1)


def _writes_unknown() -> Any:
    return _world_with(tool(writes="cellar")(_lawful_peek))


def _hides_the_world() -> Any:
    return type("Room", (World,), {"__doc__": "A room whose tool is called fork.", "__module__": __name__, "fork": _fork})


@tool
def _fork(self: Any) -> Box:
    """Fork a box."""
    return Box("BX-0001", 1)


_fork.__name__ = "fork"


def _wordless_predicate() -> Any:
    return _world_with(tool(requires=no_words)(_lawful_peek))


def _pageless() -> Any:
    return _world_with(tool(_lawful_peek), doc=None)


def _incidental_unknown() -> Any:
    return _world_with(tool(_lawful_peek), INCIDENTAL=("cellar",))


def _table_of_no_record() -> Any:
    return _world_with(tool(_lawful_peek), __annotations__={"boxes": Table[str, Plain]})


def _mutable_field() -> Any:
    @record
    class Crate:
        id: str
        content: list  # type: ignore[type-arg]

    return Crate


def _mutable_cell() -> Any:
    class Room(World):
        """A room with a cell that can change in place."""

        boxes = Cell({})

    return Room


DEFINITIONS = (
    (_undocumented, "docstring"),
    (_undescribed, "not described"),
    (_described_twice, "does not take"),
    (_untyped, "no type"),
    (_keywords, "plain named"),
    (_returns_nothing_said, "no return type"),
    (_returns_no_record, "must return a record"),
    (_mutable_default, "mutable default"),
    (_writes_unknown, "no tables or cells"),
    (_hides_the_world, "hides World.fork"),
    (_wordless_predicate, "no docstring"),
    (_pageless, "no docstring"),
    (_incidental_unknown, "no table"),
    (_table_of_no_record, "not a record"),
    (_mutable_field, "change in place|define records"),
    (_mutable_cell, "change in place"),
)


@pytest.mark.parametrize(("define", "words"), DEFINITIONS, ids=lambda value: getattr(value, "__name__", "")[1:])
def test_a_wrong_declaration_is_refused_when_it_is_made(define: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        define()
    assert "\n" not in str(caught.value)
