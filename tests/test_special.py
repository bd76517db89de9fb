"""Conversations of the special categories: proven, made alike everywhere, passed by gold and by nobody who takes a short way."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_world import Library
from special_rows import SPECIAL, WORLDS, lines, rows, samples, sent, spoken
from special_worlds import BOARD, Board

from turngym.agents import rollout
from turngym.agents.baselines import NullPolicy, OraclePolicy, RandomPolicy
from turngym.cli import run
from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.errors import RunError, UnknownNameError
from turngym.envs.registry import world_class
from turngym.envs.task import Task
from turngym.synthesis import AssemblyOptions, Maker, Request, verify_row
from turngym.synthesis.special.mix import CATEGORIES, FULL, category_of, parse_mix

HERE = Path(__file__).parent
N = 4
ENVS = (*WORLDS, "Assistant")
TURNED = ("miss_func", "miss_param", "clarify", "irrelevant")


def tasks(category: Any) -> list[Task]:
    return [sample.task for sample in samples(category, N, ENVS)]


def success(policy: Any, task: Task, **options: Any) -> bool:
    return bool(asyncio.run(rollout(policy, task, **options)).verdict["success"])


# -- what is made -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ENVS)
@pytest.mark.parametrize("category", SPECIAL)
def test_what_is_made_is_proven_after_a_round_trip(category: str, env: str):
    made = rows(category, N, (env,))
    assert len(made) >= N - 1
    for row in made:
        assert row["category"] == row["task"]["category"] == category
        assert verify_row(json.loads(json.dumps(row))) == []
        assert Task.model_validate_json(Task.model_validate(row["task"]).line()).id == row["id"]


@pytest.mark.parametrize("category", SPECIAL)
def test_gold_passes_and_whoever_does_nothing_fails(category: str):
    for task in tasks(category):
        assert success(OraclePolicy(), task), task.id
        assert success(OraclePolicy(parallel=True), task), task.id
        assert not success(NullPolicy(), task), task.id


@pytest.mark.parametrize("category", SPECIAL)
def test_whoever_acts_by_chance_fails(category: str):
    assert not any(success(RandomPolicy(), task, trial=trial) for task in tasks(category) for trial in range(2))


@pytest.mark.parametrize("category", SPECIAL)
def test_whoever_only_talks_fails_whatever_is_said(category: str):
    for task in tasks(category):
        every = " or ".join(dict.fromkeys(word for turn in task.turns for word in turn.checks.asks)) or "thing"
        told = " ".join(value for turn in task.turns for value in turn.checks.told)
        ways = {
            "meek": lambda turn: turn.reply,
            "declining": lambda turn: "I cannot do that with the tools I have.",
            "asking": lambda turn, every=every: f"Please tell me which {every} you mean.",
            "both": lambda turn, every=every: f"I cannot do that. Which {every} do you mean?",
            "knowing": lambda turn, every=every, told=told: f"I cannot do that. Which {every} do you mean? {told}",
        }
        for name, reply in ways.items():
            assert not spoken(task, reply).success, (name, task.id)


@pytest.mark.parametrize("category", ["miss_param", "clarify"])
def test_whoever_guesses_right_instead_of_asking_fails(category: str):
    """Even the very value that the user gives a turn later is a guess before."""
    for task in tasks(category):
        at = task.meta["special"][0]["turn"]
        episode = Episode(task)
        episode.start()
        for number, turn in enumerate(task.turns[: at + 1]):
            for call in (*turn.gold, *(task.turns[at + 1].gold if number == at else ())):
                assert sent(episode, call.name, call.arguments, call.id).error is None
            episode.step("Done." if number == at else turn.reply, ())
        assert all(verdict.passed for verdict in episode.verdicts[:at])
        assert not episode.verdicts[at].passed


def test_a_withheld_tool_cannot_be_called_before_it_is_there_and_works_after():
    for task in tasks("miss_func"):
        (tool,), at = task.held_out, task.meta["special"][0]["turn"]
        assert tool in task.turns[at + 1].release
        episode = Episode(task)
        episode.start()
        for number, turn in enumerate(task.turns):
            assert (tool in episode.visible) == (number > at)
            assert (tool in {schema["function"]["name"] for schema in episode.schemas()}) == (number > at)
            if number <= at:
                before = episode.worlds.fingerprint()
                call = next(call for part in task.turns for call in part.gold if call.name == tool)
                assert sent(episode, tool, call.arguments).error == "unknown_tool"
                assert tool not in sent(episode, "no_such_tool", {}).text
                assert episode.worlds.fingerprint() == before
            for call in turn.gold:
                assert sent(episode, call.name, call.arguments, call.id).error is None
            episode.step(turn.reply, ())
        assert episode.verdict().success


def test_a_tool_that_is_withheld_for_good_stays_away():
    inside = [task for task in tasks("irrelevant") if task.held_out]
    assert inside
    for task in inside:
        episode = Episode(task)
        episode.start()
        for turn in task.turns:
            assert not set(task.held_out) & set(episode.visible)
            episode.step(turn.reply, ())


def test_irrelevant_requests_are_of_other_worlds_or_withheld():
    """In an env of one world most are of another one; where there is no other, the tools are withheld."""
    for env, strange in (("Banking", {True, False}), ("Assistant", {False})):
        claims = [claim for sample in samples("irrelevant", N, (env,)) for claim in sample.task.meta["special"]]
        assert {"world" in claim for claim in claims} == strange
        assert all(claim["tools"] for claim in claims)


def test_texts_name_no_tool_and_no_hidden_value():
    """What the user says when something is handed over or added speaks of no tool by its name."""
    for category in TURNED:
        for task in tasks(category):
            at = task.meta["special"][0]["turn"]
            tools = {name for part in task.worlds for name in world_class(part.world).tools if "_" in name}
            for turn in task.turns[at : at + 2]:
                assert not any(name in turn.user for name in tools)
            assert not any(name in task.turns[at].reply for name in tools)


# -- alike everywhere -------------------------------------------------------------------------------------


def test_every_process_makes_the_same():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from special_rows import SPECIAL, lines\n"
        "print('\\n'.join(line for category in SPECIAL for line in lines('FileSystem', category, 2)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    told = subprocess.run([sys.executable, "-c", script, str(HERE)], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == [line for category in SPECIAL for line in lines("FileSystem", category, 2)]


def test_an_index_is_made_alike_whatever_was_made_before():
    options = AssemblyOptions(mix=FULL)
    maker = Maker(Request(("FileSystem",), 6, 9), options=options)
    all_of_them = [made.told().line for made in maker.stream()]
    alone = asyncio.run(Maker(Request(("FileSystem",), 6, 9), options=options).make(4))
    assert alone.told().line == all_of_them[4]


# -- the mix ----------------------------------------------------------------------------------------------


def test_a_mix_is_read_as_it_is_spelt():
    assert parse_mix("full") == FULL
    assert parse_mix("full") is not FULL
    assert set(FULL) == set(CATEGORIES)
    assert sum(FULL.values()) == pytest.approx(1)
    assert FULL["error_tool_response"] <= 0.1
    assert parse_mix("base=0.5, miss_func=0.25 ,clarify") == {"base": 0.5, "miss_func": 0.25, "clarify": 1.0}
    assert parse_mix("base=0,clarify=1e-3") == {"base": 0.0, "clarify": 0.001}


@pytest.mark.parametrize("text", ["base=x", "base=", "base=-1", "base=inf", "base=nan", "base=0", "base=0,clarify=0", "base=1,clarify=-1"])
def test_weights_that_are_none_are_named(text: str):
    with pytest.raises(RunError, match="weight"):
        parse_mix(text)


@pytest.mark.parametrize("text", ["", ",", "bose=1", "miss-func", "base,full", "=1", "BASE=1", "long context=1"])
def test_a_category_that_is_none_is_named(text: str):
    with pytest.raises(UnknownNameError, match="category"):
        parse_mix(text)


def test_the_mix_of_what_is_drawn_is_what_was_asked():
    rng, n = Random(0), 20_000
    drawn = Counter(category_of(FULL, [world_class("Banking")], rng) for _ in range(n))
    assert all(abs(drawn[name] / n - weight) < 0.01 for name, weight in FULL.items())
    none = Counter(category_of({**FULL, "clarify": 0.0}, [world_class("Banking")], rng) for _ in range(2000))
    assert none["clarify"] == 0


def test_a_world_that_cannot_swell_leaves_long_context_out_and_keeps_the_rest():
    rng, n = Random(1), 20_000
    assert not Board.can_swell
    drawn = Counter(category_of(FULL, [Board, Library], rng) for _ in range(n))
    rest = 1 - FULL["long_context"]
    assert drawn["long_context"] == 0
    assert all(abs(drawn[name] / n - weight / rest) < 0.01 for name, weight in FULL.items() if name != "long_context")
    assert category_of({"long_context": 1.0}, [Board], rng) == "base"
    assert category_of({"long_context": 1.0}, [Board, world_class("Banking")], rng) == "long_context"


@pytest.mark.parametrize("n", [40, pytest.param(80, marks=pytest.mark.slow)])
def test_the_mix_of_what_is_made_is_about_what_was_asked(n: int):
    """A category that is hard to make must not be crowded out by those that are easy."""
    mix: Any = {"base": 0.4, "clarify": 0.3, "error_tool_response": 0.3}
    made = [m for m in Maker(Request(("Banking", "Travel"), n, 2), options=AssemblyOptions(mix=mix)).stream() if m.sample is not None]
    counts = Counter(m.sample.task.category for m in made)
    assert len(made) >= 0.95 * n
    assert set(counts) == set(mix)
    assert all(abs(counts[name] / len(made) - weight) < 0.16 for name, weight in mix.items())


def test_a_world_of_ones_own_has_special_turns_too():
    for category in ("miss_func", "irrelevant", "error_tool_response"):
        made = rows(category, 3, (BOARD,))
        assert len(made) == 3
        for row in made:
            assert verify_row(row) == []
            assert not any(part.get("swell") for part in row["task"]["worlds"])


def test_options_are_what_they_were_after_all():
    """The default makes base conversations alone."""
    assert AssemblyOptions().mix == {"base": 1.0}
    assert AssemblyOptions()._replace(mix=parse_mix("clarify")).mix == {"clarify": 1.0}
    assert all(row["task"].get("category", "base") == "base" for row in rows("base", 2, ("FileSystem",)))


# -- what ships -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ENVS)
def test_some_that_ship_are_proven_of_every_category(env: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pack, found = list(pack_of(env)), Counter[str]()
    chosen = [task for task in pack[::5] + pack[1::5] if found.update([task.category]) or found[task.category] <= 3]  # type: ignore[func-returns-value]
    assert Counter(task.category for task in chosen) == dict.fromkeys(("base", *SPECIAL), 3)
    (tmp_path / "some.jsonl").write_text("".join(task.line() + "\n" for task in chosen))
    assert run(["verify", str(tmp_path / "some.jsonl"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] == len(chosen)


@pytest.mark.slow
@pytest.mark.parametrize("env", ENVS)
def test_every_task_that_ships_is_proven_in_every_category(env: str, capsys: pytest.CaptureFixture[str]):
    assert run(["verify", env, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    kinds = Counter(task.category for task in pack_of(env))
    assert told["rows"] == told["passed"] == sum(kinds.values())
    assert kinds == {"base": 120, **dict.fromkeys(SPECIAL, 12)}


def test_a_file_of_tasks_is_verified_as_a_data_set_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines = [task.line() for task in list(pack_of("Banking"))[100:130]]
    spoilt = json.loads(lines[0])
    del spoilt["id"]
    spoilt["turns"][0]["user"] = "Do it."
    lines[0] = json.dumps({"id": Task.model_validate(spoilt).id, **spoilt})
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    assert run(["verify", str(tmp_path / "tasks.jsonl"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["passed"]) == (30, 29)
    assert "never says" in told["failed"][0]["reason"] or "turn 0" in told["failed"][0]["reason"]
