"""The bounded search for another way: what it returns was executed and holds, and it finds what is known to be there."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from special_worlds import Board, found, gold_of, shown, task_of

from turngym.envs.env import pack_of
from turngym.envs.task import Checks, GoldCall, Source, Task, Turn
from turngym.envs.verdict import contains
from turngym.synthesis.special.proofs import moment_of
from turngym.synthesis.special.search import BUDGET, Goal, _Search, goal_of, other_way, out_of_reach, said_pool

PACKS = ("FileSystem", "Banking", "Travel", "Assistant")


def goal(task: Task, turn: int) -> Goal:
    """What a turn of a task asks for, and what is known by then."""
    moment = moment_of(task, turn)
    pool = said_pool(moment.worlds, [call for part in task.turns[: turn + 1] for call in part.gold])
    for seen in moment.pool.seen.values():
        pool.extend(seen)
    return goal_of(moment.worlds, pool, task.turns[turn].gold, task.turns[turn].checks)


@lru_cache(maxsize=8)
def goals(pack: str, step: int = 14) -> tuple[Goal, ...]:
    """Of every turn of some base tasks that ship."""
    tasks = [task for task in pack_of(pack) if task.category == "base"][::step]
    return tuple(goal(task, n) for task in tasks for n, part in enumerate(task.turns) if part.gold)


def board(tool: str, size: str = "small", **said: Any) -> Goal:
    """To do one thing with a note."""
    return goal(task_of(Turn(user="Please.", gold=gold_of(tool, **said), reply="Done."), size=size), 0)


def holds(aim: Goal, way: Any, barred: Any) -> bool:
    """Whether a plan, executed once more, comes to what the checks ask for, without barred tools."""
    worlds, values = aim.before.fork(), []
    for call in way:
        assert call.name not in barred
        result = worlds.call(call.name, call.arguments)
        assert result.error is None, result.text
        values.append(result.value)
    skip = aim.before.incidental().difference(aim.checks.include)
    same = not aim.checks.state or aim.before.effects(worlds, skip, aim.checks.ignore) == aim.effects
    return same and all(any(contains(value, output.fields) for value in values) for output in aim.checks.outputs)


# -- on what ships ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_with_nothing_barred_it_finds_a_plan_for_most_turns_that_ship(step: int):
    every = [aim for pack in PACKS for aim in goals(pack)[::step]]
    found_for = [way for aim in every if (way := other_way(aim, ())) is not None]
    assert len(every) >= 60 / step
    assert len(found_for) / len(every) >= 0.95


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pack", PACKS)
def test_every_plan_comes_to_what_was_asked_for_and_leaves_the_worlds_alone(pack: str, step: int):
    rng, plans = Random(pack), 0
    for aim in goals(pack)[::step]:
        names = sorted(aim.before.tools)
        for barred in ((), (rng.choice([call.name for call in aim.gold]),), tuple(rng.sample(names, 3))):
            before = aim.before.fingerprint()
            way = other_way(aim, barred)
            if way is not None:
                plans += 1
                assert holds(aim, way, barred)
            assert aim.before.fingerprint() == before
            assert out_of_reach(aim, barred) <= (way is None)
    assert plans > len(goals(pack)[::step])


@pytest.mark.parametrize("pack", PACKS)
def test_what_is_called_out_of_reach_is_not_found_by_searching(pack: str):
    rng, far = Random(f"far {pack}"), 0
    for aim in goals(pack)[:14]:
        tools = aim.before.tools
        rivals = [{other for other in tools if tools[call.name].writes & tools[other].writes} for call in aim.gold]
        for barred in [{call.name} for call in aim.gold] + rivals + [set(rng.sample(sorted(tools), 2))]:
            if out_of_reach(aim, barred):
                far += 1
                assert _Search(aim, frozenset(barred)).run() is None
    assert far > 0


def test_a_search_ends_within_its_budget_and_twice_alike():
    for aim in goals("banking")[:8]:
        searches = [_Search(aim, frozenset()) for _ in range(2)]
        assert searches[0].run() == searches[1].run()
        assert 0 <= searches[0].left == searches[1].left <= BUDGET


# -- on a board whose substitutes are known by heart ------------------------------------------------------

TOOLS = sorted(Board.tools)
FINDERS = {"find_note", "list_notes"}
WAYS: dict[str, tuple[set[str], ...]] = {
    "pin": ({"pin"}, {"fasten"}), "fasten": ({"pin"}, {"fasten"}), "tear_off": ({"tear_off"},), "peel": ({"peel"}, {"relabel"}, {"brand"}),
    "relabel": ({"relabel"}, {"brand"}, {"peel", "stamp"}), "brand": ({"relabel"}, {"brand"}, {"peel", "stamp"}),
}  # fmt: skip
SAID = {"relabel": {"label": "red"}, "brand": {"label": "red"}}


@given(st.sampled_from(sorted(set(WAYS) - {"peel"})), st.sets(st.sampled_from(TOOLS), max_size=6))
def test_a_way_is_found_if_and_only_if_there_is_one(tool: str, barred: set[str]):
    aim = board(tool, **SAID.get(tool, {}))
    there = bool(FINDERS - barred) and any(not way & barred for way in WAYS[tool])
    way = other_way(aim, barred)
    assert (way is not None) == there
    if way is not None:
        assert holds(aim, way, barred)


@pytest.mark.parametrize("tool", ["pin", "relabel", "brand"])
def test_a_substitute_is_found_though_lists_show_many_other_things(tool: str):
    aim = board(tool, "large", **SAID.get(tool, {}))
    way = other_way(aim, (tool, "find_note"))
    assert way is not None
    assert holds(aim, way, (tool, "find_note"))


def test_a_roundabout_way_is_found_though_lists_show_many_other_things():
    aim = board("relabel", "large", label="red")
    way = other_way(aim, ("relabel", "brand"))
    assert way is not None
    assert [call.name for call in way if call.name in ("peel", "stamp")] == ["peel", "stamp"]


def test_what_nobody_has_said_or_shown_is_not_used():
    """The id of the note is known from a result alone: with no tool that shows it there is no way."""
    aim = board("pin")
    assert other_way(aim, FINDERS) is None
    aim.pool.add(aim.before.tools["list_notes"], aim.before.fork().call("list_notes").value)
    assert other_way(aim, FINDERS) is not None


def test_what_is_to_be_shown_may_be_shown_by_another_tool():
    note = found()
    look = GoldCall(id="f", name="find_note", arguments={"title": note.title}, sources={"title": Source(kind="user")})
    aim = goal(task_of(Turn(user="How often?", gold=(look,), reply=str(note.reads), checks=Checks(outputs=(shown(),)))), 0)
    assert not out_of_reach(aim, ("find_note",))
    way = other_way(aim, ("find_note",))
    assert way is not None
    assert "list_notes" in [call.name for call in way]
    writing = {"pin", "relabel"}  # they show the whole note too, but change it
    assert other_way(aim, FINDERS | writing) is None
    assert other_way(aim, FINDERS) is None


def test_effects_that_nothing_at_hand_writes_are_out_of_reach():
    aim = goal(task_of(Turn(user="Open.", gold=(GoldCall(id="u", name="unlock"),), reply="Done.")), 0)
    assert out_of_reach(aim, ("unlock",))
    assert not out_of_reach(aim, set(TOOLS) - {"unlock"})
    assert not out_of_reach(board("pin"), ("pin",))
    assert out_of_reach(board("pin"), {name for name in TOOLS if "notes" in Board.tools[name].writes})
