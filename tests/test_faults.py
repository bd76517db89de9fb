"""Faults strike once and change nothing; what fails on purpose is named, and nobody is trained on mistakes."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from special_rows import Row, claim, retask, rows, samples, sent
from special_worlds import found, gold_of, handed_over, task_of

from turngym.agents import rollout
from turngym.agents.baselines import OraclePolicy
from turngym.envs.announcing import announced
from turngym.envs.bridges.trl import environment_class
from turngym.envs.episode import Episode
from turngym.envs.faults import ONCE, Faults, failed
from turngym.envs.task import Checks, Fault, GoldCall, Source, Task, Turn
from turngym.envs.tool import ToolCall
from turngym.envs.verdict import start_of
from turngym.synthesis import AssemblyOptions, Maker, Request, prove_task, template_roles, verify_row
from turngym.synthesis.export import _rows
from turngym.synthesis.formats import ExportOptions
from turngym.synthesis.roles import TemplateReasoning
from turngym.synthesis.sample import Sample

FORMS = ("openai", "trl", "sharegpt")


def pinning(*faults: Fault, **more: Any) -> Task:
    turn = Turn(user=f"Pin {found().title}.", gold=gold_of("pin"), reply="Done.", faults=faults)
    return task_of(turn, category="error_tool_response", meta={"special": [{"kind": "error_tool_response", "turn": 0}]}, **more)


def failing(*tools: str, kind: Any = "unavailable") -> tuple[Fault, ...]:
    return tuple(Fault(tool=name, kind=kind) for name in tools)


# -- in an episode ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ONCE)
def test_a_fault_answers_once_changes_nothing_and_the_retry_works(kind: Any):
    episode = Episode(pinning(*failing("pin", kind=kind)))
    episode.start()
    before, note = episode.worlds.fingerprint(), found()
    first = sent(episode, "pin", {"note": note.id})
    assert (first.error, first.written, episode.worlds.fingerprint()) == (kind, (), before)
    assert "try again" in first.text
    again = sent(episode, "pin", {"note": note.id})
    assert again.error is None
    assert episode.worlds.fingerprint() != before
    assert episode.step("Done.", ()).judged.passed


def test_a_fault_meets_its_own_tool_alone_and_whatever_is_sent():
    episode = Episode(pinning(*failing("pin")))
    episode.start()
    assert sent(episode, "find_note", {"title": found().title}).error is None
    assert sent(episode, "no_such_tool", {}).error == "unknown_tool"
    assert sent(episode, "pin", "no json").error == "unavailable"
    assert sent(episode, "pin", "no json").error == "invalid_arguments"


def test_forks_do_not_share_faults():
    episode = Episode(pinning(*failing("pin", "find_note")))
    episode.start()
    twin = episode.fork()
    assert sent(twin, "pin", {"note": found().id}).error == "unavailable"
    third = twin.fork()
    assert sent(episode, "pin", {"note": found().id}).error == "unavailable"
    for other in (episode, twin, third):
        assert sent(other, "pin", {"note": found().id}).error is None
        assert sent(other, "find_note", {"title": "x"}).error == "unavailable"
        assert sent(other, "find_note", {"title": "x"}).error is None
    assert not episode.faults()
    left = Episode(pinning(*failing("pin"))).faults()
    assert left.strike(ToolCall("pin", "{}"))
    assert not left
    assert left.fork().strike(ToolCall("pin", "{}")) is None


def test_a_fault_that_did_not_strike_is_gone_with_its_turn():
    look, pin = gold_of("pin", tag="2", which=1)
    turns = (Turn(user="Hm.", reply="Yes?", faults=failing("pin")), Turn(user=f"Pin {found(which=1).title}.", gold=(look, pin)))
    episode = Episode(task_of(*turns))
    episode.start()
    episode.step("Yes?", ())
    assert sent(episode, "pin", {"note": found(which=1).id}).error is None


def test_a_tool_that_is_not_there_does_not_use_a_fault_up():
    episode = Episode(pinning(*failing("pin")), hidden=("pin",))
    episode.start()
    assert sent(episode, "pin", {"note": found().id}).error == "unknown_tool"
    assert episode.faults()


def test_faults_say_what_kind_they_are_and_that_one_may_try_again():
    texts = [Faults(failing("pin", kind=kind)).strike(ToolCall("pin", "{}")) for kind in ONCE]
    assert [answer.error for answer in texts] == list(ONCE)
    assert all("try again" in answer.text for answer in texts)
    assert len({answer.text for answer in texts}) == len(ONCE)
    assert failed("pin", "permission_denied").error == "permission_denied"


@pytest.mark.parametrize("parallel", [False, True])
def test_gold_that_insists_passes(parallel: bool):
    for sample in samples("error_tool_response"):
        trajectory = asyncio.run(rollout(OraclePolicy(parallel=parallel), sample.task))
        assert trajectory.verdict["success"], sample.task.id
        errors = [m for m in trajectory.messages if m["role"] == "tool" and m["content"].startswith('{"error"')]
        assert len(errors) == sum(len(turn.faults) for turn in sample.task.turns)


def alone(row: Row) -> list[str]:
    """Reasons of the task alone."""
    return list(prove_task(Task.model_validate(retask(row)["task"])))


# -- lies about faults ------------------------------------------------------------------------------------


def test_a_fault_that_nobody_meets_is_named():
    for row in rows("error_tool_response", 1):
        turn = row["task"]["turns"][claim(row)["turn"]]
        here = {c["name"] for c in turn["gold"]}
        other = "no_such_tool" if "unlock" in here else "unlock"
        turn["faults"].append({"tool": other, "kind": "unavailable"})
        assert any(f"no gold call meets the fault of {other}" in line for line in alone(row))


def test_dropped_faults_are_named():
    for row in rows("error_tool_response", 1):
        row["task"]["turns"][claim(row)["turn"]].pop("faults")
        assert any("nothing fails" in line for line in alone(row))
        assert any("and it fails" in line or "differs from the row" in line for line in verify_row(retask(row)))


def test_mistakes_that_the_notes_hide_or_invent_are_named():
    hidden = invented = 0
    for row in rows("error_tool_response", 4):
        last = row["notes"][claim(row)["turn"]]["attempts"][-1]
        slips, extra = last.pop("slips", []), last["extra"]
        if slips:
            hidden += 1
            assert any("do not tell a mistake" in line for line in verify_row(row))
        last["slips"] = extra
        if slips != extra:
            invented += 1
            assert any("do not tell a mistake" in line for line in verify_row(row))
    assert hidden
    assert invented


def test_a_failing_call_in_a_turn_without_faults_is_named():
    for row in rows("error_tool_response", 4):
        at = claim(row)["turn"]
        other = next((n for n, turn in enumerate(row["task"]["turns"]) if n != at and turn.get("gold")), None)
        if other is None:
            continue
        place = [n for n, m in enumerate(row["messages"]) if m["role"] == "user"][other] + 1
        call = {"id": "lie", "type": "function", "function": {"name": "no_such_tool", "arguments": "{}"}}
        answer = start_of(Task.model_validate(row["task"])).call("no_such_tool", "{}")
        row["messages"][place:place] = [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "lie", "name": answer.name, "content": answer.text},
        ]
        row["notes"][other]["attempts"][-1]["extra"] = ["lie"]
        assert any("and it fails" in line for line in verify_row(row))
        return
    pytest.fail("no row with another turn")


def test_a_template_that_calls_in_parallel_makes_struck_calls_again_and_no_others():
    class Eager(TemplateReasoning):
        parallel = 1.0

    options = AssemblyOptions(mix={"error_tool_response": 1.0})
    maker = Maker(Request(("FileSystem", "Banking"), 16, 4), roles=replace(template_roles(), reasoning=Eager()), options=options)
    made = list(maker.stream())
    several = struck = 0
    for one in made:
        assert one.sample is not None
        assert not any("chain_failed" in reason for reason in one.rounds)
        for message in one.sample.messages:
            several += len(message.get("tool_calls") or ()) > 1
            struck += message["role"] == "tool" and message["content"].startswith('{"error"')
    assert several
    assert struck >= len(made)


@pytest.mark.parametrize("kind", ["not_found", "invalid_arguments", "unknown_tool", "precondition_failed", "internal_error"])
def test_a_fault_that_blames_the_call_is_named(kind: Any):
    look, pin = gold_of("pin")
    turn = Turn(user=f"Pin {found().title}.", gold=(look, pin), reply="Done.", faults=(Fault(tool="pin", kind=kind),))
    special = [{"kind": "error_tool_response", "turn": 0}]
    task = task_of(turn, category="error_tool_response", meta={"special": special})
    assert any(f"answers {kind}" in line for line in prove_task(task))


def test_two_faults_of_one_tool_are_named():
    twice = (Fault(tool="pin", kind="unavailable"),) * 2
    turn = Turn(user=f"Pin {found().title}.", gold=gold_of("pin"), reply="Done.", faults=twice)
    task = task_of(turn, category="error_tool_response", meta={"special": [{"kind": "error_tool_response", "turn": 0}]})
    assert any("more than one fault" in line for line in prove_task(task))


def test_a_fault_that_one_need_not_overcome_is_named():
    """The count is asked for twice over: who gives up at the fault of one tool tells it all the same."""
    note = found()
    look = GoldCall(id="f", name="find_note", arguments={"title": note.title}, sources={"title": Source(kind="user")})
    turn = Turn(user="How many?", gold=(look,), reply="4", checks=Checks(told=("4",)), faults=(Fault(tool="find_note", kind="conflict"),))
    task = task_of(turn, category="error_tool_response", meta={"special": [{"kind": "error_tool_response", "turn": 0}]})
    assert any("giving up" in line for line in prove_task(task))


def test_a_failing_call_in_an_ordinary_row_is_named():
    for row in rows("base", 1):
        users = [i for i, m in enumerate(row["messages"]) if m["role"] == "user"]
        made = {"id": "odd", "type": "function", "function": {"name": "no_such_tool", "arguments": "{}"}}
        answer = {"role": "tool", "tool_call_id": "odd", "name": "no_such_tool", "content": "x"}
        row["messages"][users[0] + 1 : users[0] + 1] = [{"role": "assistant", "content": "", "tool_calls": [made]}, answer]
        row["fingerprints"].insert(0, row["fingerprints"][0])
        row["notes"][0]["attempts"][-1]["extra"] = ["odd"]
        assert any("gold does not have this call, and it fails" in line for line in verify_row(retask(row)))


# -- what is named in the notes ---------------------------------------------------------------------------


def extras(sample: Sample) -> tuple[set[str], dict[str, str]]:
    """The calls that gold does not have, and the result of every call."""
    named = {i for note in sample.notes for attempt in note["attempts"][-1:] for i in attempt.get("extra", ())}
    return named, {m["tool_call_id"]: m["content"] for m in sample.messages if m["role"] == "tool"}


def troubled() -> list[Sample]:
    return samples("error_tool_response", 8)


def test_notes_name_all_that_failed_and_tell_slips_from_faults():
    slips = 0
    for sample in troubled():
        named, results = extras(sample)
        gold = {call.id for call in sample.task.gold()}
        assert named == set(results) - gold
        assert named == {i for i, text in results.items() if text.startswith('{"error"')}
        struck = {i for i in named - sample.slips() if "try again" in results[i]}
        assert struck == named - sample.slips()
        assert len(struck) == sum(len(turn.faults) for turn in sample.task.turns)
        slips += len(sample.slips())
    assert slips >= 4


def said_calls(row: Row, form: str) -> str:
    """The calls that a row of one message teaches, as text."""
    if form == "sharegpt":
        return row["conversations"][-1]["value"]
    last = row["completion"][-1] if form == "trl" else row["messages"][-1]
    return json.dumps(last, ensure_ascii=False)


@pytest.mark.parametrize("form", FORMS)
def test_no_row_teaches_a_mistake_and_whole_conversations_keep_it(form: str):
    seen = 0
    for sample in troubled():
        mistakes = [m for m in sample.messages if any(c["id"] in sample.slips() for c in m.get("tool_calls", ()))]
        own = [m for m in sample.messages if m["role"] == "assistant" and m not in mistakes]
        taught = list(_rows(sample, ExportOptions(form, "message", "keep")))
        assert len(taught) == len(own)
        for row, message in zip(taught, own, strict=True):
            for call in message.get("tool_calls", ()):
                assert call["function"]["name"] in said_calls(row, form)
        (whole,) = _rows(sample, ExportOptions(form, "conversation", "keep"))
        text = json.dumps(whole, ensure_ascii=False)
        for message in mistakes:
            seen += 1
            assert json.dumps(message["reasoning_content"], ensure_ascii=False)[1:-1] in text
            assert not any(said_calls(row, form) == said_calls({"messages": [message]}, "openai") for row in taught)
    assert seen >= 4


@pytest.mark.parametrize("form", FORMS)
def test_a_tool_that_is_handed_over_is_told_once_and_shown_from_then_on(form: str):
    for sample in samples("miss_func"):
        (tool,) = sample.task.held_out
        (whole,) = _rows(sample, ExportOptions(form, "conversation", "keep"))
        heard = [m["value"] for m in whole["conversations"] if m["from"] == "human"] if form == "sharegpt" else [
            m["content"] for m in whole["messages"] if m["role"] == "user"
        ]  # fmt: skip
        at = next(n for n, turn in enumerate(sample.task.turns) if turn.release)
        told = [n for n, text in enumerate(heard) if "<tools>" in text]
        assert told == [at]
        schema = json.loads(heard[at].split("<tools>\n")[1].split("\n</tools>")[0])
        assert schema["function"]["name"] == tool
        assert heard[at].startswith(sample.task.turns[at].user)
        assert tool not in names_of(whole["tools"])
        episode = Episode(sample.task)
        assert tool not in episode.visible
        assert schema == episode.worlds.tools[tool].schema


def names_of(tools: Any) -> set[str]:
    return {t.get("function", t)["name"] for t in (json.loads(tools) if isinstance(tools, str) else tools)}


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_one_message_show_the_tools_of_their_turn(form: str):
    for category in ("miss_func", "irrelevant"):
        for sample in samples(category, 2):
            users = -1
            own = []
            for message in sample.messages:
                users += message["role"] == "user"
                if message["role"] == "assistant":
                    own.append(users)
            for row, turn in zip(_rows(sample, ExportOptions(form, "message", "keep")), own, strict=True):
                released = {name for part in sample.task.turns[: turn + 1] for name in part.release}
                shown = names_of(row["tools"])
                assert not shown & (set(sample.task.held_out) - released)
                assert shown >= released
                assert "<tools>" not in json.dumps(row.get("messages") or row.get("prompt") or row.get("conversations"))


def test_announcing_tells_what_came_and_what_went_and_nothing_else():
    def schema(name: str, text: str = "") -> Row:
        return {"type": "function", "function": {"name": name, "description": text}}

    one, two, changed = schema("one"), schema("two"), schema("one", "otherwise")
    said = [{"role": "tool", "content": "x"}, {"role": "user", "content": "Hello."}]
    assert announced(said, [one], [one]) == said
    text = announced(said, [one], [two])[1]["content"]
    assert text.startswith("Hello.\n")
    assert json.dumps(two) in text
    assert "no longer be called: one" in text
    assert json.dumps(changed) in announced(said, [one], [changed])[1]["content"]
    assert said[1]["content"] == "Hello."
    assert announced(said[:1], [one], [two]) == said[:1]


# -- elsewhere --------------------------------------------------------------------------------------------


def test_a_prompt_that_shows_a_fault_is_lived_through_as_it_was():
    """A trainer's environment does again what the prompt shows: the same call fails, and the retry goes through."""
    look, pin = gold_of("pin")
    first = Turn(user=f"Pin {found().title}.", gold=(look, pin), reply="Done.", faults=failing("pin"))
    task = task_of(first, Turn(user="Unlock.", gold=(GoldCall(id="u", name="unlock"),), reply="Done."))
    call = {"type": "function", "function": {"name": "pin", "arguments": json.dumps({"note": found().id})}}
    prompt: list[Row] = [{"role": "user", "content": first.user}]
    for identity, text in (("x1", failed("pin", "unavailable").text), ("a", "{}")):
        prompt += [{"role": "assistant", "content": "", "tool_calls": [{**call, "id": identity}]}]
        prompt += [{"role": "tool", "name": "pin", "tool_call_id": identity, "content": text}]
    prompt += [{"role": "assistant", "content": "Done."}, {"role": "user", "content": "Unlock."}]
    place: Any = environment_class(task, 1)()
    place.reset(task.line(), prompt)
    assert place._episode.verdicts[0].passed


def test_a_withheld_tool_may_have_no_fault_before_it_is_there():
    task = handed_over("tear_off")
    data = task.model_dump(mode="json", exclude={"id"})
    data["turns"][0]["faults"] = [{"tool": "tear_off", "kind": "conflict"}]
    assert any("nothing claims it" in line for line in prove_task(Task.model_validate(data)))
