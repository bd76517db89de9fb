"""What an audit says of choices nobody spoke, of refusals that a status tells, and of a sentence with another number in it."""

from __future__ import annotations

import json

import pytest

from turngym.envs.env import pack_of
from turngym.envs.task import Task
from turngym.envs.told import mentions
from turngym.synthesis.auditing.audited import audit_case
from turngym.synthesis.auditing.deriving import derive, slot_of
from turngym.synthesis.auditing.knowledge import Knowledge
from turngym.synthesis.auditing.task_case import TaskCase, _says_no


def unspoken_choices() -> list[Task]:
    """Tasks of the Travel pack whose user no longer says by which value a thing is to be picked."""
    made = []
    for task in pack_of("Travel"):
        data = json.loads(task.line())
        for number, turn in enumerate(task.turns):
            words = {str(v) for c in turn.gold for s in c.sources.values() for v in s.where.values() if isinstance(v, str)}
            for value in sorted(words):
                said = "\n".join(part.user for part in task.turns[: number + 1])
                if said.count(value) == 1 and turn.user.count(value) == 1 and " " not in value and task.category == "base":
                    text = turn.user.replace(value, "the usual")
                    if not mentions(said.replace(value, "the usual"), value):
                        data["turns"][number]["user"] = text
                        made.append(Task.model_validate({k: v for k, v in data.items() if k != "id"}))
                        break
            else:
                continue
            break
        if len(made) == 8:
            break
    return made


def test_a_choice_that_nobody_spoke_is_found_where_another_would_be_taken_too():
    tasks = unspoken_choices()
    assert len(tasks) == 8
    found = [{finding.code for finding in audit_case(TaskCase(task)).findings} for task in tasks]
    assert sum("unsaid-choice" in codes for codes in found) >= 6, found


def test_a_code_that_only_opens_a_door_needs_no_words_for_others_are_refused():
    task = next(t for t in pack_of("Banking") if any(c.name == "confirm_sign_in" and c.sources["code"].where for c in t.gold()))
    assert not audit_case(TaskCase(task)).findings


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("authenticate_twitter", {"authentication_status": False}, True),
        ("book_flight", {"booking_id": "1", "booking_status": True}, False),
        ("message_get_login_status", {"login_status": False}, False),
        ("estimate_drive_feasibility", {"canDrive": False}, False),
        ("cancel", {"status": "cancelled"}, False),
    ],
)
def test_a_status_that_is_false_is_a_refusal_unless_it_was_asked_for(name: str, value: dict[str, object], refused: bool):
    assert _says_no(name, value) is refused


def test_the_users_own_sentence_with_another_number_is_found_with_high_confidence():
    known = Knowledge(())
    known.hear("Put as description: due to changes the flight from JFK to LAX on December 15, 2026 needs to be canceled immediately.")
    function = {"parameters": {"properties": {"description": {"type": "string"}}}}
    slot = slot_of("create_ticket", "description", function)
    right = "Due to changes the flight from JFK to LAX on December 15, 2026 needs to be canceled immediately."
    assert derive(right, slot, known).grade in ("sure", "likely")
    wrong = derive(right.replace("2026", "2023"), slot, known)
    assert (wrong.grade, wrong.confidence) == ("none", "high")
