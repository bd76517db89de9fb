"""Reasoning and Critiquing on a model.

The reasoner speaks the tools' own language: its messages are what is stored, its guidance (the advanced tool's
description, then the critic's hints) is a system message that is not. The critic sees where gold takes each hidden value
from, never the value. Laws: a call that names no tool, or whose arguments are no JSON object, is asked for again; wrong
ones are the chain's affair; arguments stand as the raw text emitted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from ...agents.policy import AssistantMessage
from ...envs.errors import shorten
from ...envs.messages import Message, number_calls, user_message
from ...envs.spoken import apart
from ...envs.task import GoldCall
from ...envs.tool import ToolCall
from ..brief import Brief
from ..roles import Prompt, Scene, Thought
from ..validate import literal_arguments
from .forms import HintForm, Unusable, as_tool, read_form, readable
from .speaker import Voice
from .wording import listed

MOST_CALLS = 16


class ModelReasoning:
    """Answers step by step; raises `NoAnswer` where no message can be used."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def think(self, messages: Sequence[Message], brief: Brief, prompt: Prompt, scene: Scene, rng: Random) -> Thought:
        """The next assistant message."""
        words = self._voice.prompt
        parts = [
            words.fill("rules"),
            words.fill("hint", hint=prompt.hint),
            *[words.fill("critique", hint=text) for text in prompt.critiques],
        ]
        talk = [{"role": "system", "content": "\n\n".join(parts)}, *messages]

        def read(answer: AssistantMessage) -> AssistantMessage:
            thought, said = apart(answer.content)  # a server that leaves thoughts in the words: they are stored as thoughts
            reasoning = "\n".join([part for part in (answer.reasoning, thought) if part])
            answer = answer._replace(content=said, reasoning=reasoning)
            for call in answer.tool_calls:
                if call.name not in prompt.tools:
                    raise Unusable(f"there is no tool {shorten(call.name, 60)}")
                if literal_arguments(call.arguments) is None:
                    raise Unusable(f"the arguments of {call.name} are no JSON object")
                readable(call.name, str(call.arguments))
            if len(answer.tool_calls) > MOST_CALLS:
                raise Unusable(f"a message holds at most {MOST_CALLS} calls")
            if not answer.tool_calls and not answer.content.strip():
                raise Unusable("it is empty; call a tool, or answer the user")
            if answer.finish_reason == "length" and not answer.tool_calls:
                raise Unusable("it was cut; be shorter")
            readable(answer.content, answer.reasoning)
            return answer

        answer = await self._voice.ask(talk, [tool.schema for tool in prompt.tools.values()], read, len(scene.rounds))
        asked = sum(len(message.get("tool_calls") or ()) for message in messages)
        calls = number_calls([call._replace(id="") for call in answer.tool_calls], asked)
        return Thought(answer.reasoning.strip(), answer.content.strip(), tuple(calls))


class ModelCritiquing:
    """Says what went wrong; raises `NoAnswer` where the model gives no hint."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def hint(self, why: str, attempt: Sequence[ToolCall], gold: Sequence[GoldCall], said: str) -> str:
        """One or two sentences for the next attempt."""
        prompt = self._voice.prompt
        made = [f"{call.name} {shorten(str(call.arguments), 400)}" for call in attempt]
        filled = prompt.fill("attempt", said=said.strip(), attempt=listed(made), gold=listed(_masked(call) for call in gold), why=why)
        talk = [{"role": "system", "content": prompt.fill("rules")}, user_message(filled)]
        form = await self._voice.ask(talk, [as_tool(HintForm)], lambda answer: read_form(answer, HintForm))
        return form.hint.strip()


def _masked(call: GoldCall) -> str:
    """A gold call whose hidden values are replaced by where they come from."""
    shown = {
        name: f"<from {source.path} of {source.call}>" if (source := call.sources.get(name)) is not None and source.call else value
        for name, value in call.arguments.items()
    }
    return f"{call.id}: {call.name} {json.dumps(shown, ensure_ascii=False, default=str)}"
