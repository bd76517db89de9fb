"""Promises of the auditor: every kind of planted defect is found, sound tasks are left alone, and nothing in a task ends an audit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from counting_case import counting
from planting import OPERATORS, plant, retold

from turngym.agents.executors.processes import Processes
from turngym.envs.env import pack_of
from turngym.envs.task import Task
from turngym.synthesis.auditing.adapters import Entry, Tasks
from turngym.synthesis.auditing.audit import AuditReport, audit
from turngym.synthesis.auditing.audited import Audited, audit_case, audit_entry
from turngym.synthesis.auditing.finding import KINDS, LEVELS, Finding
from turngym.synthesis.auditing.report import summary

ENVS = ("FileSystem", "Travel", "Banking", "Assistant")
PLANTERS = [(kind, operator) for kind, operators in OPERATORS.items() for operator in operators]


def audited(lines: list[str], **options: object) -> AuditReport:
    return audit(lambda: (Entry(n, line) for n, line in enumerate(lines, 1)), Tasks(), **options)  # type: ignore[arg-type]


def findings(line: str) -> list[Finding]:
    return audit_entry(Tasks(), Entry(1, line)).findings


def some(env: str, number: int, seed: int) -> list[Task]:
    return Random(f"{seed}:{env}").sample(list(pack_of(env)), number)


def planted(operator, number: int, seed: int, envs: tuple[str, ...] = ENVS) -> Iterator[str]:
    """Lines of tasks with a defect, of every env in turn."""
    for env in envs:
        rng, left = Random(f"{seed}:{env}"), number
        for task in some(env, 192, seed):
            if left and (line := plant(task, operator, rng)) is not None:
                left -= 1
                yield line


# -- sound tasks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ENVS)
def test_a_sample_of_each_pack_has_no_finding(env: str):
    report = audited([task.line() for task in some(env, 16, 5)])
    assert [(one.id, one.findings) for one in report.audited if one.findings] == []


@pytest.mark.slow
@pytest.mark.parametrize("env", ENVS)
def test_no_task_that_ships_has_a_finding(env: str):
    report = audited([task.line() for task in pack_of(env)])
    assert summary(report) == {"tasks": 192, "clean": 192, "findings": []}


@pytest.mark.parametrize("env", ENVS)
def test_sound_arguments_are_grounded_without_their_declarations_too(env: str):
    for task in some(env, 8, 3):
        turns = tuple(
            turn.model_copy(update={"gold": tuple(call.model_copy(update={"sources": {}}) for call in turn.gold)}) for turn in task.turns
        )
        bare = Task.model_validate({**task.model_copy(update={"turns": turns}).model_dump(), "id": ""})
        assert [f for f in findings(bare.line()) if f.kind in ("grounded", "consistent")] == []


# -- planted defects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "operator"), PLANTERS, ids=[operator.__name__ for _, operator in PLANTERS])
def test_a_planted_defect_is_found_as_one_of_its_kind(kind: str, operator):
    envs = ("Banking",) if operator.__name__ == "counted_by_product" else ENVS
    for line in planted(operator, 1, 11, envs):
        assert kind in {finding.kind for finding in findings(line)}, line


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "operator"), PLANTERS, ids=[operator.__name__ for _, operator in PLANTERS])
def test_at_least_95_percent_of_planted_defects_are_found(kind: str, operator):
    hits = [kind in {finding.kind for finding in findings(line)} for line in planted(operator, 10, 12)]
    assert sum(hits) >= 0.95 * len(hits) - 1


MOODS = [
    ("reads", "robust", "read-sensitive"), ("tries", "robust", "retry-sensitive"), ("moves", "robust", "undo-sensitive"),
    ("drifts", "replays", "not-deterministic"), ("refuses", "replays", "gold-refused"),
]  # fmt: skip


@pytest.mark.parametrize(("mood", "kind", "code"), MOODS, ids=[mood for mood, _, _ in MOODS])
def test_what_a_check_must_not_mind_is_found_where_it_minds_it(mood: str, kind: str, code: str):
    line = {"name": "x", "turns": [["Add 40 to it.", [40], 40], ["And 17 more.", [17], 57]], "moods": [mood]}
    found = {(f.kind, f.code) for f in audit_case(counting(json.dumps(line))).findings}
    assert (kind, code) in found
    assert audit_case(counting(json.dumps({**line, "moods": []}))).findings == []


def test_an_id_that_many_tasks_share_is_named_once_with_how_many():
    task = next(t for t in pack_of("Banking") if any(s.call for c in t.gold() for s in c.sources.values()))
    lines = retold(json.loads(task.line()), 24)
    assert lines is not None
    report = audited([*lines, *(other.line() for other in list(pack_of("Travel"))[:10])])
    found = [f for one in report.audited for f in one.findings]
    assert {f.code for f in found} == {"memorable-id"}
    assert all("in 24 of 34 tasks" in f.why for f in found)
    assert len({f.why for f in found}) == len(found)


def test_a_finding_names_its_turn_its_call_and_why():
    operator = next(operator for _, operator in PLANTERS if operator.__name__ == "renamed_tool")
    (found,) = [f for f in findings(next(planted(operator, 1, 2))) if f.kind == "replays"][:1]
    assert (found.code, found.severity, found.confidence) == ("unknown-tool", "high", "high")
    assert found.turn is not None
    assert found.call is not None
    assert "_v2" in found.call
    assert "unknown_tool" in found.why


# -- hostile input ----------------------------------------------------------------------------------------

HOSTILE = [
    "",
    "not json",
    "[]",
    "null",
    '{"id": 3}',
    '{"env": "turngym/Banking-v0"}',
    '{"env": "x", "worlds": [{"world": "Nowhere"}], "turns": [{"user": "hi"}]}',
    '{"env": "x", "worlds": [{"world": "NoSuchWorld"}], "turns": [{"user": "hi"}]}',
    '{"env": "x", "worlds": [{"world": "Banking", "version": 99}], "turns": [{"user": "hi"}]}',
    '{"env": "x", "worlds": [{"world": "Banking"}], "turns": [{"user": "hi", "gold": "sign_in()"}]}',
    '{"env": "x", "worlds": [{"world": "Banking"}], "turns": [{"user": "hi", "gold": [{"id": "a", "name": "sign_in", "arguments": "{"}]}]}',
    '{"env": "x", "worlds": [{"world": "Banking"}], "judge": "nobody", "turns": [{"user": "hi"}]}',
    "[" * 100_000,
    '{"a":' * 20_000,
]


@pytest.mark.parametrize("line", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_nothing_that_stands_in_a_line_ends_an_audit(line: str):
    one = audit_entry(Tasks(), Entry(7, line))
    assert one.findings
    assert not one.usable
    assert all(f.kind in KINDS and f.severity in LEVELS and f.confidence in LEVELS for f in one.findings)


STRANGE = [
    {"username": {"a": [1, {"b": None}]}},
    {"username": "x" * 200_000, "password": "\u202e\x00"},
    {"username": [[[[[[]]]]]], "extra": 10**400},
    {"": ""},
]


@pytest.mark.parametrize("arguments", STRANGE, ids=["deep", "long", "huge", "empty"])
def test_strange_gold_arguments_are_findings_and_no_more(arguments: dict):
    call = {"id": "a", "name": "sign_in", "arguments": arguments}
    turns = [{"user": "Sign me in.", "gold": [call]}, {"user": "1e999 two hundred and"}]
    line = json.dumps({"env": "x", "worlds": [{"world": "Banking"}], "turns": turns})
    assert "replays" in {f.kind for f in findings(line)}


def test_a_task_of_thousands_of_calls_is_told_and_not_played():
    gold = [{"id": str(n), "name": "fee_schedule"} for n in range(3000)]
    line = json.dumps({"env": "x", "worlds": [{"world": "Banking"}], "turns": [{"user": "hi", "gold": gold}]})
    assert "3000 gold calls" in findings(line)[0].why


# -- whole sets -------------------------------------------------------------------------------------------


def test_the_same_id_twice_is_a_finding():
    task = next(iter(pack_of("Travel")))
    report = audited([task.line(), task.line()])
    assert [f.code for f in report.audited[0].findings] == []
    assert [f.code for f in report.audited[1].findings] == ["duplicate-id"]


def test_workers_find_what_one_process_finds_in_the_same_order():
    operator = next(operator for _, operator in PLANTERS if operator.__name__ == "unknown_id")
    lines = [*(task.line() for task in some("Banking", 6, 1)), "no task", *planted(operator, 2, 4, ("Banking", "Travel"))]
    here, there = audited(lines, view=True), audited(lines, view=True, executor=Processes(2))
    assert [one.pack() for one in here.audited] == [one.pack() for one in there.audited]


def test_what_travels_between_processes_comes_back_equal():
    one = Audited(
        3, "t", [Finding("robust", "c", "low", "low", "why", 1, "f#0"), Finding("replays", "d", "high", "high", "w")], turns=2, view=[{}]
    )
    assert Audited.unpack(one.pack()) == one


def test_auditing_again_gives_the_same_findings():
    operator = next(operator for _, operator in PLANTERS if operator.__name__ == "undeclared_unknowable")
    lines = list(planted(operator, 2, 9, ("Travel", "Assistant")))
    assert summary(audited(lines)) == summary(audited(lines))
