"""The `graph` policy: plans on the tool graph from the user's words alone, and never sees gold.

It knows what any model could be shown: the conversation, and the tools with their phrases, docs, types and graph.
A message is split into requests, each is matched to a tool, the tool's preconditions are met by the providers
the graph names, and arguments come from the text, from earlier results, or from reads that show the thing
described. What a call answered decides what comes next. Law: deterministic, and a few milliseconds a step.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any

from ...envs.graph import ToolGraph, graph_of
from ...envs.registry import env_info, world_class
from ...envs.tool import ToolCall
from ...envs.world import World
from ...envs.worldset import tool_table
from ..policy import AssistantMessage, Conversation, Opening
from .calling import Answer, Known
from .grounding import Memory
from .matching import Matcher, matcher_of
from .steering import Turn

Talk = Generator[ToolCall, Answer, str]


class GraphPolicy:
    """The honest baseline; see the module. One object serves many episodes.

    Args:
        calls: the most calls in one turn, after which it answers with what it has.
    """

    name = "graph"

    def __init__(self, calls: int = 24) -> None:
        if calls < 1:
            raise ValueError(f"calls must be at least 1, not {calls}")
        self.calls = calls
        self.config = {"calls": calls}

    def start(self, opening: Opening) -> GraphEpisode:
        """The planner of one episode over the worlds it names."""
        return GraphEpisode([world_class(name) for name in opening.worlds], self.calls)

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The next step without memory: the conversation so far is lived through again."""
        episode = GraphEpisode([world_class(name) for name in env_info(conversation.env).worlds], self.calls)
        return episode.relive(conversation)


class GraphEpisode:
    """The planner in one episode: what it saw so far, and the turn it is in."""

    name = "graph"

    def __init__(self, classes: Sequence[type[World]], calls: int = 24) -> None:
        chosen = tuple(classes)
        graph: ToolGraph = graph_of(chosen)
        tools = tool_table(chosen).tools
        matcher: Matcher = matcher_of(tuple(tools.values()))
        self._known = Known(graph, tools, matcher)
        self._calls = calls
        self._memory = Memory()
        self._talk: Talk | None = None
        self._turns = 0
        self._read = 0
        self._pending: list[str] = []

    async def act(self, conversation: Conversation) -> AssistantMessage:
        """The next call, or the words that end the turn."""
        return self.step(conversation)

    def step(self, conversation: Conversation) -> AssistantMessage:
        """`act` without a loop to wait in."""
        news, self._read = conversation.messages[self._read :], len(conversation.messages)
        said = [m["content"] for m in news if m.get("role") == "user" and isinstance(m.get("content"), str)]
        if said or self._talk is None:
            visible = frozenset(tool["function"]["name"] for tool in conversation.tools)
            turn = Turn(self._known, self._memory, self._turns, visible, self._calls)
            self._talk = self._begin(turn, "\n".join(said))
            self._turns += 1
            return self._advance(None)
        answers = [m for m in news if m.get("role") == "tool"]
        return self._advance(_understand(answers[-1].get("content") if answers else None))

    def relive(self, conversation: Conversation) -> AssistantMessage:
        """Live through a whole conversation and give the next step."""
        seen = Conversation(conversation.task, conversation.env, tools=conversation.tools)
        answer = AssistantMessage()
        for message in conversation.messages:
            seen.messages.append(message)
            if message.get("role") in ("user", "tool"):
                answer = self.step(seen)
        return answer

    def _begin(self, turn: Turn, text: str) -> Talk:
        answer = yield from turn.run(text, self._pending)
        self._pending = turn.pending
        return answer

    def _advance(self, answer: Answer | None) -> AssistantMessage:
        assert self._talk is not None
        try:
            call = next(self._talk) if answer is None else self._talk.send(answer)
        except StopIteration as end:
            self._talk = None
            return AssistantMessage(end.value or "Done.")
        return AssistantMessage("", (call,))


def _understand(content: Any) -> Answer:
    """A tool message's content as a value or an error; whatever it holds."""
    try:
        value = json.loads(content)
    except (TypeError, ValueError, RecursionError):
        return Answer(None, "unreadable", "the answer is no JSON")
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        return Answer(value, str(value["error"].get("kind", "error")), str(value["error"].get("message", "")))
    return Answer(value)
