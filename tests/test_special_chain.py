"""The guided chain with an aim: what does not come to it is refused and hinted, and what went wrong on the way is named."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planned_rounds import borrowing, scene
from test_chain import Scripted, script

from turngym.envs.task import Checks, Fault
from turngym.envs.tool import ToolCall
from turngym.synthesis import AssemblyOptions, Maker, Request
from turngym.synthesis.aim import PLAIN, Aim
from turngym.synthesis.brief import make_brief
from turngym.synthesis.chain import Chain, guided_chain
from turngym.synthesis.making import Making
from turngym.synthesis.phrasing import Style
from turngym.synthesis.plan import Round
from turngym.synthesis.query import PERSONAS, write_query
from turngym.synthesis.roles import TemplateReasoning, Thought, template_roles

ROUND = borrowing()
SILENT = replace(ROUND, calls=[], after=ROUND.before, _sinks=None, _counted=-1)
FIND, SIGN, BORROW = [ToolCall(call.name, json.dumps(call.arguments), call.id) for call in ROUND.calls]
WRONG = ToolCall("borrow", '{"days": 7}', "w")
DECLINED = Thought("Nothing here does that.", "I cannot do that with the tools I have.")
DONE = Thought("", "It is yours.")
WITHHELD = Aim("Say that it cannot be done.", "thought", "I cannot.", declines=True, hidden=frozenset(("find_book", "borrow")))
ASKING = Aim("Ask for the title.", "thought", "Which title?", asks=("title",))
TROUBLED = Aim(faults=(Fault(tool="find_book", kind="unavailable"),))


def run(round_: Round, aim: Aim, *scripts: list[Thought], k_max: int = 3) -> tuple[Chain, Scripted]:
    reasoner = Scripted(*scripts)
    roles = replace(template_roles(), reasoning=reasoner)
    brief = make_brief(ROUND, [], "", Style(), Random(0))
    query = write_query(brief, Random(0), 0, PERSONAS[0], Style())
    brief = brief if round_.calls else brief._replace(answers=())
    return asyncio.run(guided_chain([], query, round_, brief, scene(), roles, Random(0), k_max=k_max, aim=aim)), reasoner


def whys(chain: Chain) -> list[str]:
    return [attempt.why for attempt in chain.attempts]


# -- refusals and questions -------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", sorted(WITHHELD.hidden))
def test_an_answer_that_calls_a_withheld_tool_is_refused(hidden: str):
    call = next(call for call in (FIND, BORROW) if call.name == hidden)
    chain, reasoner = run(SILENT, WITHHELD, [Thought("", "", (call,)), DONE], [DECLINED])
    assert whys(chain)[1:] == [""]
    assert f"there is no {hidden} now" in whys(chain)[0] or "unseen_value" in whys(chain)[0]
    assert [message["content"] for message in chain.messages] == [DECLINED.content]
    assert chain.fingerprints == ()
    assert reasoner.seen[-1][2][0] == chain.attempts[0].hint != ""


def test_an_answer_that_calls_another_tool_instead_is_refused():
    chain, _ = run(SILENT, WITHHELD, [Thought("", "", (SIGN,)), DECLINED], [DECLINED])
    assert "not needed" in whys(chain)[0]
    assert whys(chain)[1] == ""


@pytest.mark.parametrize("reply", ["Done.", "It is yours for 7 days.", "", "Which book?"])
def test_an_answer_that_does_not_decline_is_refused_and_hinted(reply: str):
    chain, _ = run(SILENT, WITHHELD, [Thought("", reply)], [DECLINED])
    assert "does not say that this cannot be done" in whys(chain)[0]
    assert "cannot be done" in chain.attempts[0].hint
    assert whys(chain)[1] == ""


@pytest.mark.parametrize("reply", ["Done.", "I cannot do that.", "Which shelf?", "The title is Dune.", "Anything else about the title?"])
def test_an_answer_that_asks_for_nothing_is_refused_and_hinted(reply: str):
    chain, _ = run(SILENT, ASKING, [Thought("", reply)], [Thought("", "Which title do you mean?")])
    assert "does not ask for title" in whys(chain)[0]
    assert "title" in chain.attempts[0].hint
    assert whys(chain)[1] == ""
    assert chain.messages[-1]["content"] == "Which title do you mean?"


def test_nothing_is_kept_of_an_aim_that_is_never_met():
    chain, _ = run(SILENT, ASKING, *[[DONE]] * 3)
    assert chain.messages == ()
    assert len(chain.attempts) == 3
    assert all(whys(chain))


def test_the_hint_of_an_aim_is_told_and_not_stored():
    chain, reasoner = run(SILENT, ASKING, [Thought("I follow the hint.", "Which title?")], [Thought("", "Which title?")])
    assert "speaks of 'hint'" in whys(chain)[0]
    assert reasoner.seen[0][1] == ASKING.hint
    assert ASKING.hint not in json.dumps(chain.messages)


# -- trouble ----------------------------------------------------------------------------------------------


def test_a_fault_is_met_and_named_and_no_slip():
    chain, _ = run(ROUND, TROUBLED, script(FIND, FIND, SIGN, BORROW))
    (attempt,) = chain.attempts
    assert attempt.why == ""
    assert (len(attempt.extra), attempt.slips) == (1, ())
    results = [m for m in chain.messages if m["role"] == "tool"]
    assert [m["tool_call_id"] for m in results] == [attempt.extra[0], *[call.id for call in ROUND.calls]]
    assert "unavailable" in results[0]["content"]
    assert chain.fingerprints[0] == ROUND.before.fingerprint()


def test_somebody_who_errs_in_trouble_and_recovers_is_kept_with_the_slip_named():
    chain, _ = run(ROUND, TROUBLED, script(FIND, WRONG, FIND, SIGN, BORROW))
    (attempt,) = chain.attempts
    assert attempt.why == ""
    assert len(attempt.extra) == 2
    (slip,) = attempt.slips
    assert slip in attempt.extra
    assert attempt.record()["slips"] == [slip]
    wrong = next(m for m in chain.messages if any(c["id"] == slip for c in m.get("tool_calls", ())))
    assert wrong["tool_calls"][0]["function"]["arguments"] == WRONG.arguments
    assert len({m["tool_call_id"] for m in chain.messages if m["role"] == "tool"}) == 5


def test_somebody_who_errs_in_an_ordinary_turn_is_refused():
    chain, _ = run(ROUND, PLAIN, script(FIND, WRONG, SIGN, BORROW), script(FIND, SIGN, BORROW))
    assert whys(chain)[0] != ""
    assert whys(chain)[1] == ""
    assert (chain.attempts[1].extra, chain.attempts[1].slips) == ((), ())


def test_giving_up_at_a_fault_is_refused():
    chain, _ = run(ROUND, TROUBLED, script(FIND), script(FIND, SIGN), script(FIND, FIND, SIGN, BORROW))
    assert [bool(why) for why in whys(chain)] == [True, True, False]


def test_a_call_that_goes_through_and_is_not_gold_is_refused_in_trouble_too():
    twice = script(FIND, FIND, SIGN, SIGN._replace(id="again"), BORROW)
    chain, _ = run(ROUND, TROUBLED, twice, script(FIND, FIND, SIGN, BORROW))
    assert "not needed" in whys(chain)[0]
    assert whys(chain)[1] == ""


def test_faults_strike_in_every_attempt_anew():
    chain, _ = run(ROUND, TROUBLED, script(FIND, SIGN, BORROW), script(FIND, FIND, SIGN, BORROW))
    assert whys(chain)[0] != ""
    assert len(chain.attempts[1].extra) == 1


# -- aims -------------------------------------------------------------------------------------------------


def test_an_aim_changes_the_checks_of_a_reply_and_nothing_else():
    checks = Checks(told=("x",), include=("A.b",))
    assert PLAIN.checks(checks) is checks
    assert TROUBLED.checks(checks) is checks
    assert (PLAIN.troubled, TROUBLED.troubled, ASKING.troubled) == (False, True, False)
    assert WITHHELD.checks(checks) == checks.model_copy(update={"declines": True})
    assert ASKING.checks(checks) == checks.model_copy(update={"asks": ("title",)})
    assert PLAIN.missed("anything") == ""


@pytest.mark.parametrize("aim", [WITHHELD, ASKING, TROUBLED])
def test_a_chain_with_an_aim_leaves_the_round_as_it_was(aim: Any):
    before = ROUND.before.fingerprint()
    run(ROUND, aim, *[script(FIND, FIND, SIGN, BORROW)] * 3)
    assert ROUND.before.fingerprint() == before


def test_a_special_turn_that_fails_half_way_leaves_nothing_behind():
    """The request is declined, and then nobody uses the tool that was handed over: the refusal must not stay."""

    class Stubborn(TemplateReasoning):
        async def think(self, messages: Any, brief: Any, prompt: Any, scene: Any, rng: Random) -> Thought:
            thought = await super().think(messages, brief, prompt, scene, rng)
            handed_over = len(prompt.tools) > 1 and len([m for m in messages if m["role"] == "user"]) > 1
            return thought._replace(calls=()) if handed_over and scene.rounds == [] else thought

    roles = replace(template_roles(), reasoning=Stubborn())
    maker = Maker(Request(("Banking",), 2, 3), roles=roles, options=AssemblyOptions(mix={"miss_func": 1.0}, turns={1: 1.0}))
    for made in maker.stream():
        assert made.rounds["round:chain_failed"]
        assert "not_proven" not in made.rejected


def test_a_conversation_goes_back_to_where_it_stood():
    making = Making(ROUND.before, ROUND.pool, scene())
    mark = making.mark()
    making.messages.append({"role": "user", "content": "x"})
    making.special.append({"kind": "miss_func"})
    making.scene.rounds.append(ROUND)
    making.scene.said, making.worlds, making.held_out = "x", ROUND.after, ("borrow",)
    making.back_to(mark)
    assert making.mark() == mark
    assert making.worlds is ROUND.before
    assert (making.messages, making.special, making.scene.rounds, making.scene.said) == ([], [], [], "")
