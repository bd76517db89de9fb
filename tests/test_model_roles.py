"""The four agents on models: guided, guarded, metered, and never trusted."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planned_rounds import From, borrowing, by_hand, fresh, scene

from turngym.agents import AssistantMessage, Conversation, InfrastructureError
from turngym.agents.adapters import CallablePolicy
from turngym.agents.policy import EndEpisode
from turngym.envs import Fact, Key, Known, Table, ToolError, World, record, tool
from turngym.envs.tool import ToolCall
from turngym.synthesis.brief import Answer, make_brief
from turngym.synthesis.chain import Chain, guided_chain, leaking
from turngym.synthesis.navigator import Rejected
from turngym.synthesis.phrasing import Style
from turngym.synthesis.query import PERSONAS, write_query
from turngym.synthesis.speaking import ModelCast, Speaker
from turngym.synthesis.speaking.casting import attempt_kind
from turngym.synthesis.speaking.forms import BriefForm, HintForm, QueryForm, Unusable, as_tool, read_form
from turngym.synthesis.speaking.speaker import prompt_of
from turngym.synthesis.speaking.wording import check_asked, check_wording

ROUND = borrowing()
FIND, SIGN, BORROW = [ToolCall(call.name, json.dumps(call.arguments), f"mine_{call.id}") for call in ROUND.calls]
BOOK, LOAN = ROUND.calls[2].arguments["book"], ROUND.calls[2].value["id"]
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}
ENV = "mini_world:Library"


def says(content: str = "", *calls: ToolCall, reasoning: str = "") -> AssistantMessage:
    return AssistantMessage(content, calls, reasoning, usage=USAGE)


def filled(function: str, **values: Any) -> AssistantMessage:
    return says("", ToolCall(function, json.dumps(values)))


RIGHT = [says("", FIND), says("", SIGN), says("", BORROW), says("It is yours.")]
WRONG = [*RIGHT[:2], says("", FIND), says("It is yours.")]  # a call too many, and one missing


def scripted(role: str, answers: Sequence[Any], tries: int = 3, seen: list[Conversation] | None = None) -> Speaker:
    """A role that says one answer after the other; an exception in the list is raised."""
    queue = list(answers)

    def act(conversation: Conversation) -> Any:
        if seen is not None:
            seen.append(conversation)
        answer = queue.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Speaker(role, CallablePolicy(act, "planned"), prompt_of(role), tries)


def session_of(*speakers: Speaker) -> Any:
    return ModelCast(speakers, keep_exchanges=True).begin(0, 0, "0:env:0", "env")


def chain_of(session: Any, round_: Any = ROUND, **options: Any) -> Chain:
    brief = make_brief(round_, [], "", Style(), Random(0))
    query = write_query(brief, Random(0), 0, PERSONAS[0], Style())
    return asyncio.run(guided_chain([], query, round_, brief, scene(), session.roles, Random(0), **options))


def hints(*texts: str) -> Speaker:
    return scripted("critiquing", [filled("give_hint", hint=text) for text in texts])


# -- the chain ----------------------------------------------------------------------------------------------


def test_three_planned_mistakes_pass_at_four_attempts_and_fail_at_three():
    for k_max, passes in ((4, True), (3, False)):
        session = session_of(scripted("reasoning", [*WRONG * 3, *RIGHT]))
        chain = chain_of(session, k_max=k_max)
        assert bool(chain.messages) == passes
        assert [bool(a.why) for a in chain.attempts] == [True, True, True, False][:k_max]
        assert session.attempts == {"needless_call": 3}
        kept = next(e for e in session.exchanges if e["role"] == "chain")
        assert [a["k"] for a in kept["attempts"]] == list(range(1, k_max + 1))
        assert [c["name"] for c in kept["attempts"][0]["calls"]] == ["find_book", "identify", "find_book"]


def test_hints_reach_the_next_attempt_and_nothing_that_is_stored():
    seen: list[Conversation] = []
    session = session_of(scripted("reasoning", [*WRONG, *RIGHT], seen=seen), hints("Mind the WALRUS at the door."))
    chain = chain_of(session)
    assert chain.attempts[0].hint == "Mind the WALRUS at the door."
    systems = [conversation.messages[0]["content"] for conversation in seen]
    assert all("Borrow a book." in text for text in systems)
    assert ["WALRUS" in text for text in systems] == [False] * 4 + [True] * 4
    stored = json.dumps(chain.messages)
    assert "WALRUS" not in stored
    assert "Borrow a book." not in stored
    assert not any(message["role"] == "system" for message in chain.messages)


@pytest.mark.parametrize("words", ["Mind the WALRUS at the front door.", "As the hint says, it is yours.", "By the gold answer, done."])
def test_a_reply_that_repeats_or_names_its_guidance_is_no_answer(words: str):
    session = session_of(scripted("reasoning", [*WRONG, *RIGHT[:3], says(words)]), hints("Mind the WALRUS at the front door.", "Again."))
    chain = chain_of(session, k_max=2)
    assert not chain.messages
    assert attempt_kind(chain.attempts[1].why) == "speaks_of_guidance"


def test_accepted_calls_bear_the_ids_of_gold():
    chain = chain_of(session_of(scripted("reasoning", RIGHT)))
    ids = [item["id"] for m in chain.messages for item in m.get("tool_calls", ())]
    assert ids == [m["tool_call_id"] for m in chain.messages if m["role"] == "tool"] == [call.id for call in ROUND.calls]


def test_further_reads_pass_in_mode_state_alone_and_are_named():
    extra = [says("", FIND), *RIGHT]
    assert not chain_of(session_of(scripted("reasoning", extra * 3))).messages
    chain = chain_of(session_of(scripted("reasoning", extra)), mode="state")
    assert chain.messages
    assert chain.attempts[-1].extra == ("t0x1",)


def test_the_critic_is_shown_where_a_value_comes_from_and_never_the_value():
    seen: list[Conversation] = []
    critic = scripted("critiquing", [filled("give_hint", hint="Look the book up.")], seen=seen)
    chain_of(session_of(scripted("reasoning", [says("", SIGN), says("Done."), *RIGHT]), critic))
    text = json.dumps(seen[0].messages)
    assert "from [0].id of t0c0" in text
    assert BOOK not in text
    assert LOAN not in text


@pytest.mark.parametrize("leak", [f"Use {BOOK}.", f"The id is {BOOK.replace('-', ' - ').lower()}", f"It becomes {LOAN}."])
def test_a_leaking_critic_is_refused_asked_once_more_and_then_replaced(leak: str):
    for answers, kept in (((leak, "Look the book up."), "Look the book up."), ((leak, leak), "The previous attempt was not right")):
        seen: list[Conversation] = []
        critic = scripted("critiquing", [filled("give_hint", hint=text) for text in answers], seen=seen)
        chain = chain_of(session_of(scripted("reasoning", [*WRONG, *RIGHT]), critic))
        assert len(seen) == 2
        assert "refused" in seen[1].messages[-1]["content"]
        assert chain.attempts[0].hint.startswith(kept)
        assert not leaking(chain.attempts[0].hint, ROUND, scene())
        assert chain.messages


def test_a_critic_with_nothing_usable_to_say_is_replaced_by_a_template():
    critic = scripted("critiquing", [says("no idea")] * 3)
    chain = chain_of(session_of(scripted("reasoning", [*WRONG, *RIGHT]), critic))
    assert chain.attempts[0].hint.startswith("The previous attempt was not right")


def test_a_reasoner_that_invents_a_value_gets_unseen_value():
    invented = BORROW._replace(arguments=json.dumps({"book": "BK-9999", "days": 7}))
    session = session_of(scripted("reasoning", [says("", FIND), says("", SIGN), says("", invented), *RIGHT]))
    chain = chain_of(session)
    assert chain.attempts[0].why.startswith("unseen_value: borrow")
    assert session.attempts == {"unseen_value": 1}
    assert BOOK not in chain.attempts[0].hint


def test_a_message_that_is_none_is_asked_for_again_and_not_stored():
    bad = [says("", ToolCall("lend", "{}")), says("", FIND._replace(arguments="{'title': 1}")), RIGHT[0]]
    session = session_of(scripted("reasoning", [*bad, *RIGHT[1:]]))
    chain = chain_of(session)
    assert len(chain.attempts) == 1
    assert "lend" not in json.dumps(chain.messages)
    assert session.usage["reasoning"] == {"requests": 6, "refused": 2, "unmetered": 0, "prompt_tokens": 600, "completion_tokens": 60}
    refused = [e["refused"] for e in session.exchanges if e.get("refused")]
    assert refused == ["there is no tool lend", "the arguments of find_book are no JSON object"]


def test_repair_is_bounded():
    session = session_of(scripted("reasoning", [says("")] * 6, tries=2))
    chain = chain_of(session, k_max=2)
    assert [attempt_kind(a.why) for a in chain.attempts] == ["no_usable_message"] * 2
    assert session.usage["reasoning"]["requests"] == 4


def test_what_a_policy_breaks_is_data_and_what_a_server_breaks_is_not():
    for error in (ZeroDivisionError("oh"), EndEpisode("context")):
        chain = chain_of(session_of(scripted("reasoning", [error])), k_max=1)
        assert attempt_kind(chain.attempts[0].why) == "no_usable_message"
    with pytest.raises(InfrastructureError):
        chain_of(session_of(scripted("reasoning", [InfrastructureError("down")])))


def test_model_text_is_parsed_and_never_run(tmp_path: Path):
    place = tmp_path / "ran"
    evil = f"__import__('pathlib').Path({str(place)!r}).touch()"
    session = session_of(scripted("reasoning", [says(evil, FIND._replace(arguments=evil))] * 3, tries=3))
    assert not chain_of(session, k_max=1).messages
    for form in (BriefForm, QueryForm, HintForm):
        with pytest.raises(Unusable):
            read_form(says(evil), form)
    assert not place.exists()


# -- the paper's own sample ---------------------------------------------------------------------------------

Zip = Annotated[str, Key("zip_code", "#####")]
City = Annotated[str, Known("zip_city")]


@record
class Place:
    zipcode: Zip
    city: City


@record
class Distance:
    kilometres: int


class Roads(World):
    """Cities, their zip codes, and the roads between them: the world of the paper's sample."""

    places: Table[Zip, Place]

    def generate(self, rng: Random, size: str) -> None:
        for city in ("Rivermist", "Stonebrook", "Crescent Hollow"):
            self.places.put(Place(self.mint(self.places), city))

    def known(self):
        yield from (Fact("zip_city", place.city) for place in self.places)

    @tool
    def zipcode_of(self, city: City) -> Place:
        """Get the zip code of a city.

        Args:
            city: its name.
        """
        found = [place for place in self.places if place.city == city]
        if not found:
            raise ToolError("not_found", "there is no such city")
        return found[0]

    @tool
    def distance(self, start: Zip, goal: Zip) -> Distance:
        """Estimate the distance between two cities.

        Args:
            start: zip code of the first.
            goal: zip code of the second.
        """
        return Distance(abs(int(self.places[start].zipcode) - int(self.places[goal].zipcode)) % 977)


def roads() -> Any:
    return by_hand(
        fresh(Roads),
        ("zipcode_of", {"city": "Rivermist"}),
        ("zipcode_of", {"city": "Stonebrook"}),
        ("distance", {"start": From("t0c0", "zipcode"), "goal": From("t0c1", "zipcode")}),
    )


def test_the_papers_own_sample_answer_is_rejected():
    round_ = roads()
    first, second, third = [ToolCall(call.name, json.dumps(call.arguments)) for call in round_.calls]
    reply = says(f"The distance: kilometres is {round_.calls[2].value['kilometres']}.")
    invented = third._replace(arguments='{"start": "83214", "goal": "74532"}')
    for last in (invented, third):  # invented zip codes, and right ones that no result had shown: all calls at once
        chain = chain_of(session_of(scripted("reasoning", [says("", first, second, last), reply])), round_, k_max=1)
        assert not chain.messages
        assert chain.attempts[0].why == "unseen_value: distance uses a value for start that nobody has said or shown yet"
    good = [says("", first, second), says("", third), reply]
    assert chain_of(session_of(scripted("reasoning", good)), round_, k_max=1).messages
    told = chain_of(session_of(scripted("reasoning", [*good[:2], says("Far away.")])), round_, k_max=1)
    assert attempt_kind(told.attempts[0].why) == "answer_not_told"


# -- what is written for a user -------------------------------------------------------------------------------


def brief_of(answer: dict[str, Any], round_: Any = ROUND) -> tuple[Any, list[Conversation]]:
    seen: list[Conversation] = []
    session = session_of(scripted("tooling", [filled("write_brief", **answer)] * 3, seen=seen))
    try:
        return asyncio.run(session.roles.tooling.brief(round_, scene(), Random(0))), seen
    except Rejected as error:
        return error, seen


TITLE = ROUND.calls[0].arguments["title"]
GOOD = {"name": "lend_it", "description": "Lends the reader something.", "goals": [f"take the book {TITLE} home for 7 days"]}


def test_a_model_words_the_brief_and_rules_keep_what_the_checks_hang_on():
    brief, seen = brief_of(GOOD)
    base = make_brief(ROUND, [], "", Style(), Random(0))
    assert (brief.tool.name, brief.tool.description, list(brief.goals)) == (GOOD["name"], GOOD["description"], GOOD["goals"])
    assert (brief.tool.exposed, brief.tool.steps, brief.answers) == (base.tool.exposed, base.tool.steps, base.answers)
    assert {name for name, _ in brief.facts} == {"card"}
    assert BOOK not in json.dumps(seen[0].messages)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"goals": [*GOOD["goals"], "read it"]}, "1 goals"),
        ({"goals": ["take a book home for 7 days"]}, f"it leaves out {TITLE!r}"),
        ({"goals": ["take the book home for 9 days"]}, "9"),
        ({"name": "borrow"}, "name of one of the calls"),
        ({"name": "Lend it!"}, "pattern"),
        ({"description": "Uses find_book and then lends the book."}, "find_book"),
        ({"description": f"Lends {BOOK} to the reader."}, BOOK),
        ({"description": "Lends the reader something until 12:30."}, "12:30"),
    ],
)
def test_a_brief_that_adds_leaves_out_or_names_a_call_is_refused(change: dict[str, Any], words: str):
    found, seen = brief_of({**GOOD, **change})
    assert isinstance(found, Rejected)
    assert found.reason == "tooling_refused"
    assert words in str(found)
    assert len(seen) == 3
    assert words in seen[1].messages[-1]["content"]


def test_the_rules_of_wording_by_hand():
    kept = "cancel the cheapest flight to 'Old Town' on 2026-03-12"
    allowed = ["amount: 12.50"]
    check_wording("Please cancel the cheapest one to 'Old Town' on 12 March 2026, the amount is 12.50.", allowed, kept)
    for text, why in (
        ("Cancel the flight to 'Old Town' on 2026-03-12.", "which one"),
        ("Cancel the cheapest flight to 'Old Town'.", "2026-03-12"),
        ("Cancel the cheapest flight on 2026-03-12.", "Old Town"),
        ("Cancel the cheapest flight to 'Old Town' on 2026-03-12 at 9:00.", "9:00"),
        ("Cancel the cheapest flight to 'Old Town' on 2026-03-12 for Alice.", "Alice"),
    ):
        with pytest.raises(Unusable, match=why):
            check_wording(text, allowed, kept)
    answer = Answer("t0c0", "the number of copies and the shelf", (), (), ())
    check_asked("How many copies are there, and on which shelf?", [answer])
    with pytest.raises(Unusable, match="copies"):
        check_asked("Which shelf is it on?", [answer])


def test_a_hint_that_gives_a_flowing_value_away_leaks_unless_it_was_said():
    round_ = by_hand(fresh(Roads), ("zipcode_of", {"city": "Rivermist"}), ("zipcode_of", {"city": From("t0c0", "city")}))
    assert leaking("It is Rivermist.", round_, scene())
    assert not leaking("It is Rivermist.", round_, scene(), "How far is Rivermist?")
    assert not leaking("It is Rivermist.", round_, scene(round_))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says("", ToolCall("give_hint", '{"hint": "Look it up."}')), ""),
        (says('Here: ```json\n{"hint": "Look it up."}\n```'), ""),
        (says("", ToolCall("give_hint", '{"hint": 7}')), "hint"),
        (says("", ToolCall("give_hint", '{"hint": "Look it up.", "more": 1}')), "more"),
        (says("", ToolCall("give_hint", "{'hint': 'Look it up.'}")), "JSON"),
        (says("", ToolCall("give_hint", '{"hint": "' + "x" * 700 + '"}')), "600"),
        (says("", ToolCall("give_hint", "[" * 100_000)), "JSON"),
        (says("", ToolCall("give_hint", '{"hint": "half \\ud83d here"}')), "JSON|half"),
        (says("", ToolCall("other", "{}")), "other"),
        (says(""), "give_hint"),
    ],
)
def test_a_form_is_read_from_a_call_or_from_json_and_from_nothing_else(answer: AssistantMessage, why: str):
    if not why:
        assert read_form(answer, HintForm).hint == "Look it up."
        return
    with pytest.raises(Unusable, match=why):
        read_form(answer, HintForm)


def test_a_form_is_shown_as_a_function():
    function = as_tool(HintForm)["function"]
    assert function["name"] == "give_hint"
    assert function["parameters"]["required"] == ["hint"]
    assert function["parameters"]["additionalProperties"] is False


def test_a_message_that_does_not_ask_for_what_is_checked_is_refused():
    brief = make_brief(roads(), [], "", Style(), Random(0))
    goal, wanted = brief.goals[0], brief.answers[0].request
    for more, passes in ((f" Tell me {wanted}.", True), ("", False)):
        session = session_of(
            scripted("querying", [filled("write_message", message=f"Please {goal}, from Rivermist to Stonebrook.{more}")] * 3)
        )
        if passes:
            query = asyncio.run(session.roles.querying.write(brief, scene(), Random(0)))
            assert (query.noise, wanted in query.text) == (("model",), True)
        else:
            with pytest.raises(Rejected, match="does not ask for"):
                asyncio.run(session.roles.querying.write(brief, scene(), Random(0)))
