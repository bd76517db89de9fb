"""A model that is none: it plays all four roles in the mini library by rule, reading only what a model would be shown."""

from __future__ import annotations

import json
import re
from typing import Any

from mini_world import TITLES

from turngym.agents import AssistantMessage, Conversation
from turngym.envs.tool import ToolCall

USAGE = {"prompt_tokens": 50, "completion_tokens": 5}


class LibraryModel:
    """Plays all four roles.

    Args:
        mistakes: attempts at each request that begin with a needless call. broken: every answer of a form comes broken first.
    """

    name = "library"

    def __init__(self, mistakes: int = 0, broken: bool = False) -> None:
        self.mistakes, self.broken = mistakes, broken
        self.config = {"mistakes": mistakes, "broken": broken}
        self.asked = 0

    async def act(self, conversation: Conversation) -> AssistantMessage:
        self.asked += 1
        forms = {"write_brief": self._brief, "write_message": self._message, "give_hint": self._hint}
        name = conversation.tools[0]["function"]["name"]
        if name not in forms:
            content, calls = self._reason(conversation)
            return AssistantMessage(content, calls, "Let me see what is known." if calls else "", usage=USAGE)
        if self.broken and len(conversation.messages) == 2:
            return AssistantMessage("Sure, here you are!", usage=USAGE)
        filled = json.dumps(forms[name](conversation.messages[1]["content"]))
        if conversation.step % 2:  # JSON in the text does as well
            return AssistantMessage(f"```json\n{filled}\n```", usage=USAGE)
        return AssistantMessage("", (ToolCall(name, filled),), usage=USAGE)

    def _brief(self, text: str) -> dict[str, Any]:
        return {"name": "help_at_the_desk", "description": "Gets the reader what was asked for.", "goals": listed(text, "The goals:")}

    def _message(self, text: str) -> dict[str, Any]:
        parts = [f"Please {', then '.join(listed(text, 'Goals:'))}."]
        if values := listed(text, "Values to state:"):
            parts.append(f"For that: {'; '.join(values)}.")
        if wanted := listed(text, "Wants to hear:"):
            parts.append(f"Tell me {' and '.join(wanted)}.")
        return {"message": " ".join(parts)}

    def _hint(self, text: str) -> dict[str, Any]:
        return {"hint": "Make only the calls that the request needs, and take ids from what was found."}

    def _reason(self, conversation: Conversation) -> tuple[str, tuple[ToolCall, ...]]:
        messages = conversation.messages
        if conversation.messages[0]["content"].count("Mind this:") < self.mistakes:
            return "I cannot do that.", ()
        said = " ".join(m["content"] for m in messages if m["role"] == "user")
        last = max(place for place, m in enumerate(messages) if m["role"] == "user")
        here, done = messages[last]["content"], [m for m in messages[last:] if m["role"] == "tool"]
        asked = json.dumps([m.get("tool_calls") for m in messages[:last]])
        names = [m["name"] for m in done]
        title = next((t for t in TITLES if t in here), next((t for t in TITLES if t in said), ""))
        wants = re.search(r"\bborrow|\blend|\bloan", here, re.IGNORECASE)
        card = re.search(r"\b\d{6}\b", said)
        if "identify" not in names and card and (("identify" not in asked and wants) or card[0] in here):
            return "", (ToolCall("identify", json.dumps({"card": card[0]})),)
        known = [m for m in messages if m["role"] == "tool" and m["name"] == "find_book" and title in m["content"]]
        if title and "find_book" not in names and (not wants or not known):
            return "", (ToolCall("find_book", json.dumps({"title": title})),)
        if wants and "borrow" not in names and known:
            book = json.loads(known[-1]["content"])[0]["id"]
            days = re.search(r"\b(7|14|21)\b", here)
            return "", (ToolCall("borrow", json.dumps({"book": book, **({"days": int(days[1])} if days else {})})),)
        return "Here it is: " + " ".join(spoken(json.loads(m["content"])) for m in done) + ".", ()


def listed(text: str, head: str) -> list[str]:
    """The dashed lines under a head."""
    part = text.partition(f"{head}\n")[2].partition("\n\n")[0]
    return [line[2:] for line in part.splitlines() if line != "- nothing"]


def spoken(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} found, " + ", ".join(spoken(part) for part in value)
    return ", ".join(f"{name} {part}" for name, part in value.items()) if isinstance(value, dict) else str(value)
