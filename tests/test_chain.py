"""The guided chain keeps the first attempt that validates, within K_max, and stores no trace of the guidance."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planned_rounds import borrowing, by_hand, fresh, scene
from planted_worlds import Rocket

from turngym.envs.tool import ToolCall
from turngym.synthesis.brief import make_brief
from turngym.synthesis.chain import K_MAX, MAX_STEPS, Chain, check_reasoning, guided_chain, leaking
from turngym.synthesis.phrasing import Style
from turngym.synthesis.query import PERSONAS, write_query
from turngym.synthesis.roles import TemplateReasoning, Thought, template_roles
from turngym.synthesis.validate import match_calls, same_end, unseen_value, validate

ROUND = borrowing()
GOLD = [call.gold() for call in ROUND.calls]
FIND, SIGN, BORROW = [ToolCall(call.name, json.dumps(call.arguments), call.id) for call in ROUND.calls]
LOAN = ROUND.calls[2].value["id"]
BOOK = ROUND.calls[2].arguments["book"]


class Scripted:
    """Plays one script per attempt: a list of thoughts. Keeps the prompts it was given."""

    def __init__(self, *scripts: list[Thought]) -> None:
        self.scripts, self.seen = list(scripts), []

    async def think(self, messages: Sequence[Any], brief: Any, prompt: Any, scene: Any, rng: Any) -> Thought:
        steps = sum(m["role"] == "assistant" for m in messages)
        self.seen.append((len(prompt.critiques), prompt.hint, tuple(prompt.critiques), [dict(m) for m in messages]))
        return self.scripts[len(prompt.critiques)][steps]


class Saying:
    """A critic that says what it was told to say, one hint after the other."""

    def __init__(self, *hints: str) -> None:
        self.hints, self.asked = list(hints), 0

    async def hint(self, why: str, attempt: Any, gold: Any, said: str) -> str:
        self.asked += 1
        return self.hints[min(self.asked, len(self.hints)) - 1]


def script(*batches: Any, reply: str = "It is yours.", reasoning: str = "Let me see.") -> list[Thought]:
    return [
        *[Thought(reasoning, "", batch if isinstance(batch, tuple) and not isinstance(batch, ToolCall) else (batch,)) for batch in batches],
        Thought("", reply),
    ]


RIGHT = script(FIND, SIGN, BORROW)
WRONG = script(FIND, SIGN, BORROW._replace(arguments=json.dumps({"book": BOOK, "days": 8})))


def run(reasoner: Any, critic: Any = None, **options: Any) -> Chain:
    roles = template_roles()
    roles = replace(roles, reasoning=reasoner, critiquing=critic or roles.critiquing)
    brief = make_brief(ROUND, [], "", Style(), Random(0))
    query = write_query(brief, Random(0), 0, PERSONAS[0], Style())
    return asyncio.run(guided_chain([], query, ROUND, brief, scene(), roles, Random(0), **options))


# -- attempts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_the_first_attempt_that_validates_is_kept(wrong: int):
    chain = run(Scripted(*[WRONG] * wrong, RIGHT))
    assert len(chain.attempts) == wrong + 1
    assert [bool(a.why) for a in chain.attempts] == [True] * wrong + [False]
    assert [a.k for a in chain.attempts] == list(range(1, wrong + 2))
    assert [m["role"] for m in chain.messages] == ["assistant", "tool"] * 3 + ["assistant"]
    assert len(chain.fingerprints) == 3
    assert chain.fingerprints[-1] == ROUND.after.fingerprint()


def test_beyond_k_max_everything_is_discarded():
    reasoner = Scripted(*[WRONG] * 5)
    chain = run(reasoner)
    assert K_MAX == 3
    assert chain.messages == ()
    assert chain.fingerprints == ()
    assert len(chain.attempts) == 3
    assert max(k for k, *_ in reasoner.seen) == 2
    assert len(run(Scripted(WRONG, RIGHT), k_max=1).attempts) == 1
    assert run(Scripted(*[WRONG] * 4, RIGHT), k_max=5).messages


def test_the_first_prompt_carries_the_advanced_tool_and_later_ones_the_critiques():
    reasoner = Scripted(WRONG, WRONG, RIGHT)
    run(reasoner, Saying("look at the days", "count the days"))
    by_attempt = {k: (hint, critiques) for k, hint, critiques, _ in reasoner.seen}
    assert by_attempt[0] == ("Borrow a book.", ())
    assert by_attempt[1][1] == ("look at the days",)
    assert by_attempt[2][1] == ("look at the days", "count the days")


def test_no_attempt_sees_the_messages_or_the_state_of_another():
    reasoner = Scripted(WRONG, RIGHT)
    chain = run(reasoner)
    starts = [messages for *_, messages in reasoner.seen if len(messages) == 1]
    assert len(starts) == 2
    assert starts[0] == starts[1]
    assert not chain.attempts[1].why


def test_no_hint_stands_in_what_is_stored():
    chain = run(Scripted(WRONG, WRONG, RIGHT), Saying("UNMISTAKABLE ONE", "UNMISTAKABLE TWO"))
    text = json.dumps(chain.messages)
    assert "UNMISTAKABLE" not in text
    assert "Borrow a book." not in text
    assert [a.hint for a in chain.attempts] == ["UNMISTAKABLE ONE", "UNMISTAKABLE TWO", ""]


def test_the_template_reasoner_follows_its_plan_in_order():
    reasoner = TemplateReasoning()
    for parallel in (0.0, 1.0):
        reasoner.parallel = parallel  # type: ignore[misc]
        chain = run(reasoner)
        assert len(chain.attempts) == 1
        assert not chain.attempts[0].why
        assert match_calls(GOLD, chain.attempts[0].calls, ROUND.before.tools) == ""


# -- what is not accepted ---------------------------------------------------------------------------------

OTHER = next(book.title for book in ROUND.before.worlds[0].books if book.title != ROUND.calls[0].arguments["title"])  # type: ignore[attr-defined]
REFUSED = {
    "a value that nobody has shown yet": (script(SIGN, BORROW), "unseen_value"),
    "a value of the same message": (script((FIND, SIGN, BORROW)), "unseen_value"),
    "an invented value": (script(FIND, SIGN, BORROW._replace(arguments='{"book": "BK-0000", "days": 7}')), "unseen_value"),
    "another value": (WRONG, ""),
    "an extra read": (script(FIND, FIND, SIGN, BORROW), "not needed"),
    "a missing call": (script(FIND, SIGN), "missing"),
    "nothing": (script(), "missing"),
    "the same write twice": (script(FIND, SIGN, BORROW, BORROW), "not needed"),
    "an unknown tool": (script(ToolCall("lend", "{}"), FIND, SIGN, BORROW), "no tool"),
    "no JSON": (script(FIND, SIGN, BORROW._replace(arguments="{'book': 1}")), "no JSON"),
    "code": (script(FIND, SIGN, BORROW._replace(arguments="dict(book='x')")), "no JSON"),
    "a list": (script(FIND, SIGN, BORROW._replace(arguments="[1]")), "no JSON"),
    "reasoning that speaks of a hint": (script(FIND, SIGN, BORROW, reasoning="The hint says so."), "hint"),
    "reasoning that speaks of gold": (script(FIND, SIGN, BORROW, reasoning="By the gold calls."), "gold calls"),
    "never a reply": ([Thought("", "", (FIND,))] * (MAX_STEPS + 2), "no reply"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_attempt_that_is_not_right_is_refused_with_a_reason(name: str):
    attempt, why = REFUSED[name]
    chain = run(Scripted(attempt, RIGHT))
    assert why in chain.attempts[0].why
    assert chain.attempts[0].why
    assert chain.messages


def test_any_allowed_order_is_accepted_and_no_other():
    assert not run(Scripted(script(SIGN, FIND, BORROW))).attempts[0].why
    assert not run(Scripted(script((SIGN, FIND), BORROW))).attempts[0].why
    assert "comes too early" in match_calls(GOLD, [FIND, BORROW, SIGN], ROUND.before.tools)
    assert match_calls(GOLD, [SIGN, FIND, BORROW], ROUND.before.tools) == ""


def test_saying_a_default_is_saying_nothing():
    round_ = by_hand(fresh(Rocket), ("find_job", {"name": "alpha"}))
    gold = [call.gold() for call in round_.calls]
    assert match_calls(gold, [ToolCall("find_job", {"name": "alpha"})], round_.before.tools) == ""
    loan = [g.model_copy(update={"arguments": {"book": BOOK}}) for g in GOLD[2:]]
    tools = ROUND.before.tools
    assert match_calls(loan, [ToolCall("borrow", {"book": BOOK, "days": 14})], tools) == ""
    assert "days differs" in match_calls(loan, [ToolCall("borrow", {"book": BOOK, "days": 7})], tools)


def test_strict_wants_the_calls_and_state_wants_the_end():
    extra = [FIND, FIND, SIGN, SIGN, BORROW]
    assert validate(ROUND, GOLD, extra, "strict")
    assert validate(ROUND, GOLD, extra, "state") == ""
    assert validate(ROUND, GOLD, [SIGN, BORROW], "state") == ""
    assert validate(ROUND, GOLD, [FIND, SIGN], "state")
    assert validate(
        ROUND,
        GOLD,
        [*extra, ToolCall("borrow", {"book": next(b.id for b in ROUND.before.worlds[0].books if b.id != BOOK and b.copies)})],
        "state",
    )  # type: ignore[attr-defined]
    assert not run(Scripted(script(FIND, FIND, SIGN, BORROW)), mode="state").attempts[0].why


def test_a_read_that_was_asked_for_must_have_been_shown():
    round_ = by_hand(fresh(Rocket), ("find_job", {"name": "alpha"}))
    assert same_end(round_, [ToolCall("find_job", {"name": "beta"})])
    assert same_end(round_, []) == "no result shows what find_job shows"
    assert same_end(round_, [ToolCall("find_job", {"name": "beta"}), ToolCall("find_job", {"name": "alpha"})]) == ""


def test_a_value_may_come_from_words_results_and_the_schema_and_a_key_from_results_alone():
    borrow, find = ROUND.before.tools["borrow"], ROUND.before.tools["find_book"]
    assert unseen_value(borrow, {"book": BOOK}, f"Lend me {BOOK}", []) == "book"
    assert unseen_value(borrow, {"book": BOOK}, "", [[{"id": BOOK}]]) == ""
    assert unseen_value(borrow, {"book": BOOK, "days": 14}, "", [{"id": BOOK}]) == ""  # the default
    assert unseen_value(borrow, {"book": BOOK, "days": 7}, "for 7 days", [{"id": BOOK}]) == ""
    assert unseen_value(borrow, {"book": BOOK, "days": 7}, "for 17 days", [{"id": BOOK}]) == "days"
    assert unseen_value(find, {"title": "Dune"}, "the dune book", []) == ""
    assert unseen_value(find, {"title": "Dune"}, "that book", [{"title": "Dune"}]) == ""
    assert unseen_value(find, {"title": "Dune"}, "that book", []) == "title"


# -- the leak guard ---------------------------------------------------------------------------------------


def test_a_critic_that_leaks_is_asked_once_more_and_then_replaced():
    critic = Saying(f"use {BOOK}", "look again")
    chain = run(Scripted(WRONG, RIGHT), critic)
    assert critic.asked == 2
    assert chain.attempts[0].hint == "look again"
    critic = Saying(f"use {BOOK}", f"the loan is {LOAN}", "never asked")
    chain = run(Scripted(WRONG, RIGHT), critic)
    assert critic.asked == 2
    assert BOOK not in chain.attempts[0].hint
    assert LOAN not in chain.attempts[0].hint
    assert chain.attempts[0].hint.startswith("The previous attempt")


def test_a_value_that_the_history_shows_is_no_leak():
    assert leaking(f"use {BOOK}", ROUND, scene())
    assert not leaking(f"use {BOOK}", ROUND, scene(ROUND))
    assert not leaking("use the book that was found", ROUND, scene())


@pytest.mark.parametrize(
    "text", ["As the hint says", "The Critic wants", "per the gold answer", "ground truth", "my previous attempt", "the reference solution"]
)
def test_telltale_reasoning_is_noticed(text: str):
    assert check_reasoning([{"role": "assistant", "content": "", "reasoning_content": text}])
    assert not check_reasoning([{"role": "user", "content": text}])
