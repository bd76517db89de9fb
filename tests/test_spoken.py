"""What is thought is not said, whichever way it arrives; what only looks like a thought stays said."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import ENV, borrow_task, two_turn_task

from turngym.agents import AssistantMessage, make_policy, rescore, rollout
from turngym.agents.adapters import as_policy
from turngym.agents.user import Said
from turngym.cli import run
from turngym.envs.env import ToolEnv, pack_of
from turngym.envs.episode import Episode
from turngym.envs.spoken import apart, spoken
from turngym.envs.task import Checks, Task, TaskWorld, Turn
from turngym.envs.tool import ToolCall
from turngym.synthesis.aim import Aim

HARMONY = "<|channel|>analysis<|message|>12.50<|end|><|start|>assistant<|channel|>final<|message|>"
THOUGHTS = {
    "closed": "<think>12.50</think>",
    "closed, with words after it": "<think>\nIt is 12.50.\n</think>\n\nDone.",
    "two in a row": "<think>12</think>\n<think>12.50</think> Done.",
    "unclosed": "<think>The balance is 12.50",
    "only closed": "The balance is 12.50.</think> Done.",
    "only closed, on a line of its own": "So the <think> tag, and 12.50.\n</think>\n\nDone.",
    "only closed, with code before it": "`<think>` is theirs; 12.50.\n</think>\n\nDone.",
    "a code fence left open in it": "<think>```python\n12.50</think>Done.",
    "after some words, on lines of its own": "Let me see.\n<think>\n12.50\n</think>\nDone.",
    "unclosed at the end": "Let me see.\n\n<think>\n12.50",
    "thinking": "<thinking>12.50</thinking>Done.",
    "reasoning": "<reasoning>12.50</reasoning>Done.",
    "upper case": "<THINK>12.50</Think>Done.",
    "with an attribute": '<think budget="low">12.50</think>Done.',
    "square": "[THINK]12.50[/THINK]Done.",
    "words of a tag": "<|begin_of_thought|>12.50<|end_of_thought|>Done.",
    "triangles": "◁think▷12.50◁/think▷Done.",
    "channel": f"{HARMONY}Done.<|return|>",
    "channel alone": "<|channel|>analysis<|message|>12.50",
    "channel that the template opened": "12.50<|end|><|start|>assistant<|channel|>final<|message|>Done.",
    "channel whose markers were dropped": "analysisWe see 12.50.assistantfinalDone.",
    "words for a tool": "<|channel|>commentary to=functions.f<|message|>12.50<|call|>",
}
SAID = {
    "in backticks": "Models write `<think>12.50</think>` first.",
    "closing in backticks": "End it with `</think>`. Your balance is 12.50.",
    "a code block": "The file:\n\n```xml\n<think>\n12.50\n</think>\n```\nThat is all.",
    "a code block at the beginning": "```\n<think>12.50\n```\n",
    "in quotes": 'The file says "<think>12.50</think>".',
    "in a sentence": "The tags <think> and </think> stand around it; the balance is 12.50.",
    "in the middle": "The note reads <think>12.50</think> and no more.",
    "other markup": "<b>12.50</b> [1] <i>and 3 < 4</i>",
    "the word": "analysis of it: 12.50, as the assistant said",
    "after a thought": "<think>plan</think>The tag `</think>` and 12.50.",
    "words for the user": "<|channel|>commentary<|message|>12.50<|end|>",
}


@pytest.mark.parametrize("content", THOUGHTS.values(), ids=THOUGHTS)
def test_what_is_thought_is_not_said(content: str):
    assert "12" not in spoken(content)
    assert "12.50" in apart(content).thought
    assert ("Done." in content) == ("Done." in spoken(content))


@pytest.mark.parametrize("content", SAID.values(), ids=SAID)
def test_a_tag_that_is_text_takes_nothing_away(content: str):
    assert "12.50" in spoken(content)
    assert content.startswith("<think>") or "<|" in content or spoken(content) == content


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab `~\n"12.50', max_size=80))
def test_content_without_markup_is_said_as_it_stands(content: str):
    assert spoken(content) is content


MARKS = (
    "<think>",
    "</think>",
    "`",
    "```\n",
    "\n",
    "\n\n",
    "x ",
    '"',
    "[THINK]",
    "[/THINK]",
    "<|channel|>final<|message|>",
    "<|end|>",
    "~~~",
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=30).map("".join))
def test_any_markup_is_taken_apart_and_nothing_is_made_up(content: str):
    thought, said = apart(content)
    assert set(thought) | set(said) <= set(content) | {"\n"}
    assert len(thought) + len(said) <= len(content) + 2
    assert said == spoken(content)


@pytest.mark.parametrize("piece", ["<think></think>", "x\n<think>\n</think>\n", "`a ``b <think> ", "</think>", "~~~ x\n"])
def test_a_long_reply_full_of_tags_is_read_in_a_moment(piece: str):
    """It is what a policy sent, so it may be anything; CPU time grows with its length, and not with its square."""

    def took(times: int) -> float:
        content, begun = piece * times, time.process_time()
        spoken(content)
        return time.process_time() - begun

    short = min(took(1_000) for _ in range(3))
    assert min(took(16_000) for _ in range(2)) < 64 * short + 0.1  # 16 times where it is linear, 256 where it is a square


# -- who asks ---------------------------------------------------------------------------------------------


def told_task() -> Task:
    return Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="How much is it?", checks=Checks(told=("12.50",))),))


def declining_task() -> Task:
    return Task(env=ENV, worlds=(TaskWorld(world=ENV),), turns=(Turn(user="Fly me home.", checks=Checks(declines=True, asks=("card",))),))


@pytest.mark.parametrize(
    "action",
    [
        "<think>It is 12.50.</think> Done.",
        {"content": "It is 12.50.</think>Done."},
        {"content": "Done.", "reasoning_content": "It is 12.50."},
        {"content": None, "reasoning_content": "It is 12.50."},
    ],
)
def test_the_env_counts_no_thought_as_told(action: Any):
    env = ToolEnv(ENV, tasks=[told_task()])
    env.reset()
    assert env.step(action)[4]["verdict"]["checks"]["told"] is False
    env.reset()
    assert env.step("<think>hm</think>It is 12.50.")[1] == 1.0


def test_a_refusal_or_a_question_that_is_only_thought_is_none():
    words = "I cannot do that with these tools. Which card do you have?"
    for content, passed in ((words, True), (f"<think>{words}</think>", False), (f"{words}\n</think>\n\nDone.", False)):
        episode = Episode(declining_task())
        episode.start()
        judged = episode.step(content, ()).judged
        assert judged is not None
        assert judged.told is passed
        aim = Aim(declines=True, asks=("card",))
        assert (aim.missed(content) == "") is passed


def test_a_policy_that_only_thinks_passes_no_task_of_a_pack():
    """Gold's calls with gold's reply as a thought: where a turn asks for words, it fails, and with the words said it passes."""
    tasks = [task for task in pack_of("Banking") if task.turns[0].checks.told][:5]
    assert tasks
    for task in tasks:
        outcome = []
        for shape in ("{}", "<think>{}</think>", "<think>{}", "{}</think>\n"):
            episode = Episode(task, max_steps=1000)
            episode.start()
            for turn in task.turns:
                for call in turn.gold:
                    made, faults = ToolCall(call.name, call.arguments), episode.faults()
                    while faults.strike(made) is not None:
                        episode.step("", [made])
                    episode.step("", [made])
                episode.step(shape.format(turn.reply), ())
            outcome.append(episode.verdict().checks["told"])
        assert outcome == [True, False, False, False]


# -- records ----------------------------------------------------------------------------------------------


def thinking_policy(reply: str) -> Any:
    async def act(conversation: Any) -> AssistantMessage:
        return AssistantMessage(reply)

    return act


def play(reply: str, **more: Any) -> Any:
    return asyncio.run(rollout(as_policy(thinking_policy(reply)), told_task(), **more))


def test_the_record_keeps_the_words_and_the_verdict_does_not_count_them():
    made = play("<think>It is 12.50.</think>")
    assert made.messages[-1]["content"] == "<think>It is 12.50.</think>"
    assert (made.success, made.verdict["turns"][0]["untold"]) == (False, ["12.50"])
    assert rescore([made]).same == 1


def test_an_old_run_judged_again_says_which_checks_changed():
    old, kept = play("<think>It is 12.50.</think>"), play("It is 12.50.")
    turn = old.verdict["turns"][0]
    turn["told"], turn["untold"] = True, []  # as it was judged when thoughts counted
    old.verdict.update(success=True, progress=1.0)
    report = rescore([old, kept])
    assert (report.same, report.by_check) == (1, {"success": {"lost": 1, "gained": 0}, "told": {"lost": 1, "gained": 0}})
    assert [item["turns"] for item in report.changed] == [[{"turn": 0, "lost": ["told"], "gained": []}]]


def test_the_command_tells_the_changes_by_check(tmp_path, capsys):
    old = play("<think>It is 12.50.</think>")
    old.verdict["turns"][0]["told"], old.verdict["success"] = True, True
    (tmp_path / "old.jsonl").write_bytes(old.line())
    assert run(["rescore", str(tmp_path / "old.jsonl")]) == 1
    told = capsys.readouterr().out
    assert "turn 0: lost told" in " ".join(told.split())
    assert "told: lost in 1 episodes, gained in 0" in told


def test_a_user_hears_no_thought():
    heard: list[str] = []

    class Listening:
        name = "listening"
        config: dict[str, Any] = {}

        def start(self, task: Task, *, trial: int, seed: int) -> Any:
            return self

        async def open(self, turn: int) -> Said:
            return Said("How much is it?")

        async def answer(self, text: str, turn: int) -> Said:
            heard.append(text)
            return Said(None)

    play("<think>They want 12.50.</think>A moment.", user=Listening())
    assert heard == ["A moment."]


def test_gold_still_passes_its_own_tasks():
    for task in (borrow_task(), two_turn_task()):
        assert asyncio.run(rollout(make_policy("oracle"), task)).success
