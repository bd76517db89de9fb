"""Promises of the user: it says what its facts hold and nothing else, the turn it keeps open is judged and replayed exactly."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, SIGN_IN, borrow_task, free_books, play, some_tasks, two_turn_task
from mini_world import Library

from turngym.agents import (
    AssistantMessage,
    Conversation,
    EndEpisode,
    InfrastructureError,
    Limits,
    PolicySpec,
    Trajectory,
    as_policy,
    make_policy,
    rescore,
    run_all,
    summarise,
)
from turngym.agents.rescore import play as replay
from turngym.agents.user import Said, ScriptedUser, make_user
from turngym.agents.users.facts import ALL_SAID, Knowledge, barred, errand_of
from turngym.agents.users.prompt import SECTIONS, Prompt
from turngym.agents.users.simulated import STOP, SimulatedUser
from turngym.agents.users.values import values_of
from turngym.envs.env import pack_of
from turngym.envs.episode import Episode
from turngym.envs.errors import RunError, TaskError, UnknownNameError
from turngym.envs.task import Checks, GoldCall, Source, Task, TaskWorld, Turn
from turngym.envs.tool import ToolCall


def scripted(*messages: Any) -> Any:
    return make_policy("scripted", messages=list(messages))


def simulated(*words: Any, **options: Any) -> SimulatedUser:
    """A user whose model says these words, one a request, in every episode."""
    return SimulatedUser(scripted(*words), **options)


def watched(*words: Any, **options: Any) -> tuple[SimulatedUser, list[list[dict[str, Any]]]]:
    """The same, and every conversation that the model was shown."""
    seen: list[list[dict[str, Any]]] = []

    async def speak(conversation: Conversation) -> Any:
        assert conversation.tools == []
        seen.append([dict(message) for message in conversation.messages])
        return words[min(conversation.step, len(words) - 1)]

    return SimulatedUser(as_policy(speak, "speaker"), **options), seen


def call(name: str, **arguments: Any) -> AssistantMessage:
    return AssistantMessage("", (ToolCall(name, json.dumps(arguments)),))


def clarify_task(seed: int = 0) -> Task:
    """The user forgets to name the book and its card; the facts hold both."""
    book, card = free_books(seed)[0], Library.create(seed).card
    user, tool = Source(kind="user"), Source(kind="output", call="find", path="[0].id")
    gold = (
        GoldCall(id="find", name="find_book", arguments={"title": book.title}, sources={"title": user}),
        GoldCall(id="sign", name=SIGN_IN, arguments={"card": card}, sources={"card": user}),
        GoldCall(id="borrow", name="borrow", arguments={"book": book.id, "days": 21}, after=("find", "sign"), sources={"book": tool}),
    )
    turn = Turn(user="I want a book for 21 days.", gold=gold, reply="It is yours.", checks=Checks(told=(book.title,)))
    facts = [[f"The book is called {book.title}.", f"My library card is {card}."]]
    return Task(
        env=ENV, worlds=(TaskWorld(world=ENV, seed=seed),), category="clarify", family="clarify", turns=(turn,), meta={"facts": facts}
    )


class Asking:
    """Asks for what the request lacks, reads the answers, and borrows; tells the title before its last word."""

    name = "asking"

    async def act(self, conversation: Conversation) -> AssistantMessage:
        said = [m["content"] for m in conversation.messages if m["role"] == "user"]
        tools = [json.loads(m["content"]) for m in conversation.messages if m["role"] == "tool"]
        if len(said) == 1:
            return AssistantMessage("What is the title of the book, and what is your library card?")
        words = " ".join(said[1:]).replace(".", " ").replace(",", " ").split()
        title, card = next(w for w in words if w.istitle() and w not in ("The", "My", "It")), next(w for w in words if w.isdigit())
        steps = [
            call("find_book", title=title),
            call(SIGN_IN, card=card),
            call("borrow", book=tools[0][0]["id"], days=21) if tools else None,
        ]
        return steps[len(tools)] or AssistantMessage() if len(tools) < 3 else AssistantMessage(f"{title} is yours.")


def answers(made: Trajectory) -> list[dict[str, Any]]:
    return [entry for entry in made.user if entry["part"] == "answer"]


# -- the scripted user ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["oracle", "null", "random", "graph"])
def test_the_scripted_user_is_the_same_as_none(policy):
    for task in some_tasks(4):
        plain = play(make_policy(policy), task)
        with_user = play(make_policy(policy), task, user=make_user("scripted"))
        assert plain.comparable() == with_user.comparable()
        assert plain.user == []
        assert "user" not in plain.conditions
        assert "user" not in plain.timings


def test_a_scripted_user_speaks_for_itself_too():
    async def talk() -> list[Said]:
        user = ScriptedUser().start(two_turn_task(1))
        return [await user.open(0), await user.answer("so?", 0), await user.open(1)]

    assert [said.text for said in asyncio.run(talk())] == [two_turn_task(1).turns[0].user, None, two_turn_task(1).turns[1].user]


# -- a turn that the user keeps open ----------------------------------------------------------------------


def test_a_heard_message_is_a_step_and_keeps_the_turn_open():
    episode = Episode(borrow_task(), max_steps=2)
    episode.start()
    step = episode.converse("Which one?", "The first.")
    assert step.messages == ({"role": "user", "content": "The first."},)
    assert (step.judged, step.results, step.terminated, step.truncated, episode.turn, episode.steps) == (None, (), False, False, 0, 1)
    assert episode.converse("Really?", "Yes.").truncated
    with pytest.raises(RuntimeError, match="over"):
        episode.converse("", "")


def test_all_that_is_said_in_a_turn_counts_as_told_and_nothing_of_the_turn_before():
    task = two_turn_task(1)
    shelf = task.turns[0].checks.told[0]
    told = Episode(task)
    told.step("", (ToolCall("find_book", json.dumps({"title": free_books(1)[0].title})),))
    told.converse(f"It is on the {shelf} shelf.", "Are you sure?")
    twin = told.fork()
    judged = told.step("Yes.", ()).judged
    assert judged is not None
    assert judged.passed
    assert twin.step("Quite.", ()).judged == judged  # the copy heard what came before it, and nothing after
    assert "Yes." not in twin._traces[0].reply
    silent = Episode(task)
    silent.step("", (ToolCall("find_book", json.dumps({"title": free_books(1)[0].title})),))
    silent.converse("One moment.", "Well?")
    judged = silent.step("Yes.", ()).judged
    assert judged is not None
    assert not judged.told
    silent.converse(f"{shelf}", "late")
    assert not silent.verdicts[0].told


# -- the simulated user -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "success"), [("oracle", True), ("null", False)])
def test_a_user_that_is_done_at_once_changes_no_verdict(policy, success):
    for task in some_tasks(6):
        made = play(make_policy(policy), task, user=simulated(*[STOP] * 9))
        assert (made.status, made.success) == ("completed", success)
        assert made.messages == play(make_policy(policy), task).messages
        assert made.verdict == play(make_policy(policy), task).verdict
        assert [entry["how"] for entry in answers(made)] == ["done"] * len(task.turns)


def test_the_planner_passes_as_many_shipped_tasks_with_a_user_that_is_done_at_once():
    tasks = [pack_of("Banking")[index] for index in range(12)]
    user = simulated(*[STOP] * 99)
    with_user, without = (run_all(make_policy("graph"), tasks, user=given) for given in (user, None))
    figures = [[made.success for made in report.trajectories] for report in (with_user, without)]
    assert sum(figures[0]) == sum(figures[1]) > 0


def test_a_policy_that_asks_gets_the_fact_and_passes_and_one_that_does_not_fails():
    task = clarify_task()
    book, card = free_books(0)[0], Library.create(0).card
    user = simulated(f"It is {book.title}, and my card is {card}.", STOP)
    made = play(Asking(), task, user=user)
    assert (made.status, made.success, [e["how"] for e in answers(made)]) == ("completed", True, ["model", "done"])
    assert made.steps[0]["heard"] is True
    assert all("heard" not in step for step in made.steps[1:])
    silent = play(scripted(call("find_book", title=book.title), "Which card?", "Well."), task, user=simulated(STOP))
    assert (silent.status, silent.success) == ("completed", False)
    alone = play(Asking(), task)  # nobody answers: the question ends the turn
    assert (alone.success, len(alone.steps)) == (False, 1)


def test_the_model_is_told_the_request_and_the_facts_and_nothing_else():
    task = clarify_task()
    user, seen = watched("I do not know.", STOP)
    play(scripted("Who are you?", "Then goodbye."), task, user=user)
    shown = json.dumps(seen)
    for fact in (task.turns[0].user, *task.meta["facts"][0], "Who are you?", STOP):
        assert fact in shown
    for secret in (*Library.tools, task.turns[0].reply, free_books(0)[0].id, "mini_world"):
        assert secret not in shown


def test_later_turns_are_not_told_and_earlier_ones_are():
    task = two_turn_task(1)
    user, seen = watched(STOP)
    play(scripted("On a shelf.", "Done."), task, user=user)
    assert task.turns[1].user not in json.dumps(seen[0])
    assert task.turns[1].user in json.dumps(seen[1])
    assert f"earlier you asked: {task.turns[0].user}" in seen[1][-1]["content"]


def test_the_models_conversation_only_grows_alternates_and_holds_its_own_words_alone():
    words = ["", "It is BK-0001.", "I do not know.", "", "", "Emma?", "Emma!", STOP]
    user, seen = watched(*words, patience=9)
    play(scripted(*["What else?"] * 4, "Bye", "Bye"), two_turn_task(1), user=user)
    for before, after in pairwise(seen):
        assert after[: len(before)] == before
        assert len(after) == len(before) + 2
    roles = [message["role"] for message in seen[-1]]
    assert roles == ["system", *["user", "assistant"] * (len(roles) // 2 - 1), "user"]
    assert all(message["content"].strip() for message in seen[-1] if message["role"] == "user")
    assert [m["content"] for m in seen[-1] if m["role"] == "assistant"] == words[: len(seen) - 1]


def test_a_user_that_never_stops_runs_out_of_patience():
    user = simulated(*["What?"] * 50, patience=2)
    made = play(scripted(*["Hm."] * 9), two_turn_task(1), user=user)
    assert made.status == "completed"
    assert [entry["how"] for entry in answers(made)] == ["model", "model", "patience"] * 2
    assert [entry.get("requests", 0) for entry in answers(made)] == [1, 1, 0] * 2
    assert len(made.steps) == 6
    assert play(scripted("Hm."), borrow_task(), user=simulated(patience=0)).status == "completed"


@pytest.mark.parametrize("words", [STOP, "###done###", "### DONE ###", "Thank you! ###DONE###", "DONE", "**Done.**"])
def test_a_stop_is_understood_as_models_write_it_and_is_never_said(words):
    made = play(scripted("It is lent."), borrow_task(), user=simulated(words))
    assert [entry["how"] for entry in answers(made)] == ["done"]
    assert len(made.messages) == 2


def test_the_planner_survives_a_user_that_talks():
    tasks = [pack_of("Travel")[index] for index in range(4)]
    talk = ["I have said all I know.", "Please go by my request.", STOP] * 9
    report = run_all(make_policy("graph"), tasks, user=simulated(*talk))
    assert {made.status for made in report.trajectories} <= {"completed", "truncated"}
    assert all(replay(made)[1] == "" for made in report.trajectories)


def test_the_step_limit_ends_a_dialogue_as_truncated():
    made = play(scripted(*["Hm."] * 9), borrow_task(), user=simulated(*["What?"] * 50, patience=50), limits=Limits(steps=3))
    assert (made.status, made.reason, len(made.steps)) == ("truncated", "steps", 3)
    assert replay(made)[1] == ""


# -- what it may not say ----------------------------------------------------------------------------------

SECRET = free_books(0)[0].id


@pytest.mark.parametrize(
    "words",
    [
        SECRET,  # an internal id, leaked
        f"Borrow {SECRET.lower()} please.",
        "Call find_book for me.",
        "Use the findBook thing.",
        "It is Middlemarch.",  # a name, invented
        "Middlemarch.",
        "It is 'war and peace'.",
        "For 14 days.",
        "For fourteen days.",
        "My card is 123456.",
        "Write to me@example.com.",
        "See /home/me/notes.txt, and notes.txt.",
        "On 2026-03-14.",
        "On March 14th.",
        "At 7 pm.",
        "１４ days.",  # digits of another script
        "x" * 5000,
        "",
        "   \n",
        None,
        42,
        {"tool_calls": [{"name": "borrow", "arguments": "{"}]},
        {"tool_calls": "garbage"},
        [[]],
    ],
)
def test_words_that_leak_invent_or_say_nothing_are_refused_twice_and_a_template_answers(words):
    user, seen = watched(words, words, STOP)
    made = play(scripted("Which card do you have?", "I see."), clarify_task(), user=user)
    first, second = answers(made)
    assert (first["how"], first["requests"], len(first["refused"])) == ("template", 2, 2)
    assert made.messages[first["message"]] == {"role": "user", "content": f"My library card is {Library.create(0).card}."}
    assert all(refused["why"] for refused in first["refused"])
    assert first["refused"][0]["why"] in seen[1][-1]["content"]
    assert second["how"] == "done"
    assert len(json.dumps(made.user)) < 3000
    text = " ".join(message["content"] for message in made.messages if message["role"] == "user")
    assert SECRET not in text


def test_a_second_try_is_heard():
    made = play(scripted("Which one?", "I see."), clarify_task(), user=simulated("Emma", "The book from my request.", STOP))
    (entry, _) = answers(made)
    assert (entry["how"], entry["requests"], [r["said"] for r in entry["refused"]]) == ("model", 2, ["Emma"])
    assert made.messages[2]["content"] == "The book from my request."


def test_what_the_policy_said_may_be_said_back():
    shown = f"I have {SECRET}, Middlemarch, and notes.txt, 14 days from March 14."
    heard = f"Take {SECRET}: Middlemarch, for 14 days from 14 March. And notes.txt."
    made = play(scripted(shown, "Ok."), clarify_task(), user=simulated(heard, STOP))
    assert made.messages[2]["content"] == heard


def test_a_question_that_no_fact_meets_gets_no_fact():
    made = play(scripted("Window or aisle?", "Ok."), clarify_task(), user=simulated("Emma", "Emma", STOP))
    assert made.messages[2]["content"] == ALL_SAID


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("Pay 1,250.00 EUR.", "It is 1250 EUR."),
        ("Pay 1250 EUR.", "€1,250.00, as I said."),
        ("On 2026-03-14 at 19:00.", "March 14th, 7 pm."),
        ("On 2026-03-14.", "The 14th of March 2026. In March, yes."),
        ("For 20 days.", "twenty days"),
        ("I am O'Neill at Jane.Doe@example.com.", "O'Neill’s address: jane.doe@example.com"),
        ("It lies in /home/olga/notes.txt", "The file is notes.txt, in /home/olga/."),
        ("Call it 'My List'.", 'It is called "my list".'),
        ("A 3-day trip.", "Yes, 3 days. That's all I know, I'm afraid."),
        ("My card is 004217.", "004217"),
        ("jean-luc booked it", "Jean-Luc did. OK? Thank you... Please go on; it's fine."),
    ],
)
def test_what_the_facts_hold_may_be_said_in_any_usual_spelling(fact, said):
    knowledge = Knowledge()
    knowledge.hear(fact)
    assert knowledge.leak(said) == ""


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("Card 004217.", "4217"),
        ("Booking TB-12.", "12 of them"),
        ("On 2026-03-14.", "March 15"),
        ("On 14 March.", "On 14 March 2025."),
        ("Pay 12.50", "12.51"),
        ("At 12:30", "At 12:31."),
        ("It is notes.txt", "It is my-notes.txt"),
        ("me@example.com", "you@example.com"),
        ("for a week", "for seven days"),
    ],
)
def test_what_only_looks_like_a_fact_may_not(fact, said):
    knowledge = Knowledge()
    knowledge.hear(fact)
    assert knowledge.leak(said)


ODD = ("", "...", "'", '"', "/", "~", "-", "€", "99-99-99", "31 February", "25:99", "\ud800 Ann", "May 3", "1.2.3", "-.-")
LONG = ("0" * 5000, "9" * 9000, "7" + ".0" * 9000, "' \"" * 5000, "A-" * 5000, "'" + "a'" * 5000)


def test_reading_values_never_raises():
    for text in (
        "",
        "...",
        "'",
        '"',
        "/",
        "~",
        "-",
        "€",
        "99-99-99",
        "31 February",
        "25:99",
        "0" * 5000,
        "9" * 9000,
        "7" + ".0" * 9000,
        "' \"" * 5000,
        "A-" * 5000,
        "'" + "a'" * 5000,
        "\ud800 Ann",
        "May 3",
        "1.2.3",
        "-.-",
    ):
        values_of(text)
        Knowledge().hear(text)
        Knowledge().leak(text)


def test_internal_values_and_choices_of_golds_tools_are_barred_and_only_those():
    task = clarify_task()
    assert barred(task, 0) == (SECRET,)
    pack = [pack_of("Travel")[index] for index in range(30)]
    tokens = {word for task in pack for turn in range(len(task.turns)) for word in barred(task, turn)}
    assert {"economy", "basic"} <= tokens
    for task in pack:
        for call_ in task.gold():
            for name, source in call_.sources.items():
                if source.kind in ("output", "earlier_turn") and isinstance(value := call_.arguments[name], str) and len(value) > 2:
                    assert value in barred(task, 0)


def test_a_value_that_only_tools_reveal_may_not_be_said_even_as_a_plain_word():
    title = free_books(0)[0].title
    gold = GoldCall(id="find", name="find_book", arguments={"title": title}, sources={"title": Source(kind="output")})
    task = Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="Find the book that I had.", gold=(gold,)),))
    knowledge = Knowledge()
    knowledge.learn(errand_of(task, 0), task, 0)
    assert title in knowledge.leak(f"it was {title.lower()}, I think")
    knowledge.hear(f"Was it {title}?")
    assert knowledge.leak(f"it was {title.lower()}, I think") == ""


def test_every_shipped_request_may_be_said_by_its_own_user():
    for env in ("Banking", "Travel", "FileSystem", "Assistant"):
        for index in range(40):
            task = pack_of(env)[index]
            knowledge = Knowledge()
            for turn, part in enumerate(task.turns):
                knowledge.learn(errand_of(task, turn), task, turn)
                assert knowledge.leak(part.user) == ""


@pytest.mark.parametrize("facts", ["a text", [["fine"], "flat"], [[1]], {"0": []}, 7])
def test_facts_that_are_none_are_the_tasks_fault(facts):
    task = borrow_task(meta={"facts": facts})
    with pytest.raises(TaskError, match="facts"):
        errand_of(task, 0)
    made = play(make_policy("oracle"), task, user=simulated(STOP))
    assert (made.status, made.reason, made.counts) == ("error", "task_error", False)


def test_facts_of_earlier_turns_stay_known_and_later_ones_are_not():
    task = two_turn_task(1, meta={"facts": [["one"], ["two"]]})
    assert errand_of(task, 0).facts == ("one",)
    assert errand_of(task, 1).facts == ("two", "one")


# -- its own words for the request ------------------------------------------------------------------------


def test_a_model_may_word_the_opening_and_the_verdict_and_the_replay_do_not_change():
    task = two_turn_task(1)
    title = free_books(1)[0].title
    user = simulated(f"Hello, could you look up {title} for me?", STOP, "I would like it for a week.", STOP, wording="model")
    made = play(make_policy("oracle"), task, user=user)
    openings = [entry for entry in made.user if entry["part"] == "opening"]
    assert [entry["how"] for entry in openings] == ["model", "model"]
    assert [made.messages[entry["message"]]["content"] for entry in openings] == [
        f"Hello, could you look up {title} for me?",
        "I would like it for a week.",
    ]
    assert (made.success, made.verdict) == (True, play(make_policy("oracle"), task).verdict)
    stored = Trajectory.from_record(json.loads(made.line()))
    report = rescore([stored])
    assert (report.same, report.drifted, report.changed, report.unscorable) == (1, [], [], [])


@pytest.mark.parametrize("words", [STOP, "", "Please borrow Middlemarch.", "Call borrow for BK-0001"])
def test_an_opening_that_may_not_be_said_gives_way_to_the_tasks_words(words):
    made = play(make_policy("oracle"), borrow_task(), user=simulated(words, words, STOP, wording="model"))
    assert made.user[0]["how"] == "template"
    assert made.messages[0]["content"] == borrow_task().turns[0].user
    assert made.success


# -- the record -------------------------------------------------------------------------------------------


def talked() -> Trajectory:
    book, card = free_books(0)[0], Library.create(0).card
    model = [
        AssistantMessage("Emma", usage={"completion_tokens": 3, "prompt_tokens": 10}),
        AssistantMessage(f"{book.title}, card {card}.", usage={"completion_tokens": 5, "prompt_tokens": 20}),
        AssistantMessage(STOP, usage={"completion_tokens": 1}),
    ]
    return play(Asking(), clarify_task(), user=simulated(*model))


def test_the_users_tokens_time_and_identity_stand_apart_from_the_policys():
    made = talked()
    assert made.success
    assert [entry.get("usage") for entry in answers(made)] == [{"completion_tokens": 8, "prompt_tokens": 30}, {"completion_tokens": 1}]
    assert all("usage" not in step for step in made.steps)
    user = made.conditions["user"]
    assert (user["name"], user["config"]["patience"], user["config"]["prompt"]) == ("simulated", 3, "user_v1")
    assert user["hash"]
    assert len(made.timings["user"]) == 3
    assert len(made.timings["act"]) == len(made.timings["env"]) == len(made.steps)
    assert talked().comparable() == made.comparable()
    assert Trajectory.from_record(json.loads(made.line())).record() == json.loads(made.line())


def test_figures_tell_what_the_user_cost_apart_from_what_the_policy_used():
    figures = summarise([talked(), talked()])
    said = {"said_scripted": 2, "said_model": 2, "said_done": 2}
    assert figures["user"] == {**said, "requests": 6, "refused": 2, "completion_tokens": 18, "prompt_tokens": 60}
    assert figures["usage"] == {}
    assert "user" not in summarise([play(scripted("no"), clarify_task())])


def test_a_stored_dialogue_replays_exactly_and_a_changed_one_is_named():
    made = Trajectory.from_record(json.loads(talked().line()))
    report = rescore([made])
    assert (report.same, report.drifted, report.changed, report.unscorable) == (1, [], [], [])
    del made.steps[0]["heard"]
    assert rescore([made]).changed
    broken = Trajectory.from_record(json.loads(talked().line()))
    broken.steps[-1]["heard"] = True  # there is no answer to it
    assert rescore([broken]).unscorable


def test_a_stored_dialogue_becomes_a_sample_whose_values_the_user_gave_in_it():
    from turngym.synthesis.from_rollouts import Grounder, turns_of

    made, task = json.loads(talked().line()), clarify_task()
    ((text, calls),) = turns_of(made)
    assert free_books(0)[0].title in text
    assert text.startswith(task.turns[0].user)
    round_ = Grounder(task).round(0, text, calls, 0)
    kinds = {f"{planned.name}.{name}": bound.kind for planned in round_.calls for name, bound in planned.bound.items()}
    assert kinds == {"find_book.title": "user", f"{SIGN_IN}.card": "user", "borrow.book": "output", "borrow.days": "user"}


# -- failures ---------------------------------------------------------------------------------------------


class Failing:
    """A user that raises where it is told to."""

    name = "failing"

    def __init__(self, place: str, error: BaseException) -> None:
        self.place, self.error = place, error

    def start(self, task: Task, *, trial: int = 0, seed: int = 0) -> Any:
        if self.place == "start":
            raise self.error
        return self

    async def open(self, turn: int) -> Said:
        if self.place == f"open{turn}":
            raise self.error
        return Said("Hello.")

    async def answer(self, text: str, turn: int) -> Said:
        if self.place == "answer":
            raise self.error
        return Said(None, "done")


@pytest.mark.parametrize("place", ["start", "open0", "answer", "open1"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InfrastructureError("no server"), "infrastructure"),
        (ValueError("boom"), "user_error"),
        (TimeoutError("mine"), "user_error"),
        (EndEpisode("context"), "user_error"),
        (asyncio.CancelledError(), "user_error"),
    ],
)
def test_a_user_that_fails_is_nobodys_failure(place, error, reason):
    if place == "start" and isinstance(error, asyncio.CancelledError):
        pytest.skip("nothing is awaited there")
    report = run_all(make_policy("oracle"), [two_turn_task(1)], user=Failing(place, error), limits=Limits(seconds=30))
    (made,) = report.trajectories
    assert (made.status, made.reason, made.counts) == ("error", reason, False)
    assert made.detail.startswith("user: ")
    assert (report.summary["episodes"], report.summary["excluded"], report.exit_code) == (0, 1, 1)
    if place in ("answer", "open1"):
        assert made.steps[-1]["heard"] is False
        judged = rescore([Trajectory.from_record(json.loads(made.line()))])
        assert (judged.changed, judged.drifted, judged.unscorable) == ([], [], [])


@pytest.mark.parametrize("bad", [None, "text", 7, Said(7)])  # type: ignore[arg-type]
def test_a_user_of_ones_own_that_answers_nonsense_is_named(bad):
    class Odd(Failing):
        async def answer(self, text: str, turn: int) -> Any:
            return bad

    made = play(make_policy("oracle"), borrow_task(), user=Odd("", ValueError()))
    assert (made.reason, made.counts) == ("user_error", False)
    assert "Said" in made.detail


def test_a_user_that_hangs_ends_the_episode_by_its_seconds():
    class Slow(Failing):
        async def answer(self, text: str, turn: int) -> Said:
            await asyncio.sleep(60)
            return Said(None)

    made = play(make_policy("oracle"), borrow_task(), user=Slow("", ValueError()), limits=Limits(seconds=0.05))
    assert (made.status, made.reason) == ("truncated", "seconds")


def test_a_run_that_is_stopped_stops_its_users():
    stopped = []

    class Slow(Failing):
        async def answer(self, text: str, turn: int) -> Said:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stopped.append(text)
                raise
            return Said(None)

    async def go() -> None:
        from turngym.agents import rollout

        task = asyncio.ensure_future(rollout(make_policy("null"), borrow_task(), user=Slow("", ValueError())))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert stopped == [""]


# -- by name ----------------------------------------------------------------------------------------------


def test_users_are_made_by_name_and_can_be_made_again():
    user = make_user("simulated", policy="scripted", messages=[STOP], patience=1)
    assert user.spec == PolicySpec("simulated", {"policy": "scripted", "messages": [STOP], "patience": 1})
    again = make_user(user.spec.name, **user.spec.options)
    assert again.config == user.config
    assert user.config != make_user("simulated", policy="scripted", messages=[STOP], patience=2).config
    assert make_user("scripted").spec == PolicySpec("scripted", {})


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("simulatd", {}, UnknownNameError, "simulated"),
        ("scripted", {"patience": 1}, RunError, "options"),
        ("simulated", {"policy": "nul"}, UnknownNameError, "null"),
        ("simulated", {"policy": "null", "pace": 1}, RunError, "pace"),
        ("simulated", {"policy": "null", "patience": -1}, RunError, "patience"),
        ("simulated", {"policy": "null", "wording": "rude"}, RunError, "wording"),
        ("simulated", {"policy": "null", "prompt": "/no/such/file"}, RunError, "prompt"),
    ],
)
def test_a_wrong_name_or_option_is_one_clear_line(name, options, error, words):
    with pytest.raises(error, match=words) as caught:
        make_user(name, **options)
    assert "\n" not in str(caught.value)


def test_a_user_prepares_and_closes_the_policy_that_it_stands_on():
    told = []

    class Served:
        name = "served"

        async def act(self, conversation: Conversation) -> AssistantMessage:
            return AssistantMessage(STOP)

        async def prepare(self) -> None:
            told.append("prepare")

        async def close(self) -> None:
            told.append("close")

    report = run_all(make_policy("oracle"), some_tasks(3), user=SimulatedUser(Served()))
    assert report.summary["success"] == 1.0
    assert told == ["prepare", "close"]
    asyncio.run(simulated(STOP).prepare())


def test_another_user_is_another_run(tmp_path):
    run_all(make_policy("oracle"), some_tasks(2), user=simulated(STOP, patience=1), out=tmp_path / "run")
    with pytest.raises(RunError, match="patience: was 1, now 2"):
        run_all(make_policy("oracle"), some_tasks(2), user=simulated(STOP, patience=2), out=tmp_path / "run")


def test_a_prompt_of_ones_own_needs_every_section_and_value(tmp_path):
    whole = (Path(__file__).parent.parent / "agents" / "users" / "prompts" / "user_v1.txt").read_text()
    mine = tmp_path / "mine.txt"
    mine.write_text(whole + "\nSpeak like a pirate.")
    prompt = Prompt(mine)
    assert (prompt.name, prompt.hash != Prompt("user_v1").hash) == ("mine", True)
    assert str(tmp_path) not in json.dumps(SimulatedUser(scripted(STOP), prompt=mine).config)
    for section in SECTIONS:
        mine.write_text(whole.replace(f"[{section}]", ""))
        with pytest.raises(RunError, match=rf"\[{section}\]"):
            Prompt(mine)
    mine.write_text(whole.replace("$request", "the request"))
    with pytest.raises(RunError, match=r"\$request"):
        Prompt(mine)


def test_values_in_a_prompt_are_never_filled_again():
    assert Prompt("user_v1").fill("heard", text="$why ${text} $$") == "The assistant writes:\n$why ${text} $$"


def test_a_user_that_leaves_python_ends_its_own_episode_alone():
    class Leaving:
        name = "leaving"

        async def act(self, conversation: Conversation) -> AssistantMessage:
            raise SystemExit(3)

    made = play(Asking(), clarify_task(), user=SimulatedUser(Leaving()))
    assert (made.status, made.reason, made.counts) == ("error", "user_error", False)
    assert "SystemExit" in made.detail
