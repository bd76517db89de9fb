"""A role on a policy: asked with a prompt and a form, asked again when the answer cannot be used, and metered.

Laws: a role is asked at most `tries` times for one answer, each time told what was wrong, and then has none; every
request is counted, with its tokens where the policy reports them; a failing server is no answer of a model's and stops
the run; every draw is decided by candidate, role and number of the request. Not here: what each role asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...agents.policy import AssistantMessage, Conversation, EndEpisode, Policy, policy_record, understand
from ...agents.trajectory import assistant_message
from ...agents.users.prompt import Prompt
from ...envs.errors import RunError, TurngymError, shorten
from ...envs.messages import Message, number_calls, user_message
from ..roles import NoAnswer
from .forms import Unusable

T = TypeVar("T")
ROLES = ("tooling", "querying", "reasoning", "critiquing")
SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {  # of each role's prompt, and the values that each must hold
    "tooling": {"rules": (), "work": ("calls", "goals", "values"), "repair": ("why",)},
    "querying": {"rules": ("persona",), "brief": ("goals", "values", "requests"), "earlier": ("said",), "repair": ("why",)},
    "reasoning": {"rules": (), "hint": ("hint",), "critique": ("hint",), "repair": ("why",)},
    "critiquing": {"rules": (), "attempt": ("said", "attempt", "gold", "why"), "repair": ("why",)},
}
_ABSURD = 10**9  # tokens of one request; a server that claims more is not believed


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who plays a role: a policy, its prompt, and how often it is asked for one answer."""

    role: str
    policy: Policy
    prompt: Prompt
    tries: int = 3

    def __post_init__(self) -> None:
        if self.role not in ROLES or isinstance(self.tries, bool) or not isinstance(self.tries, int) or self.tries < 1:
            raise RunError(f"a role is one of {', '.join(ROLES)} with 1 try or more; got {shorten(self.role)} and {shorten(self.tries)}")

    @property
    def config(self) -> dict[str, Any]:
        """What decides the answers."""
        return {
            "policy": policy_record(self.policy), "prompt": self.prompt.name, "prompt_hash": self.prompt.hash, "tries": self.tries,
        }  # fmt: skip


def prompt_of(role: str, name: str = "") -> Prompt:
    """The prompt of a role: packaged (`reasoning_v1`) or a file of one's own. Raises `RunError`."""
    return Prompt(name or f"{role}_v1", SECTIONS[role], __package__)


class Voice:
    """One role within one candidate.

    Attributes:
        usage: `requests`, `refused` answers, `unmetered` requests, and the tokens that the policy reported.
    """

    def __init__(self, speaker: Speaker, place: Mapping[str, Any], exchanges: list[dict[str, Any]] | None) -> None:
        self.prompt = speaker.prompt
        self.usage = {"requests": 0, "refused": 0, "unmetered": 0, "prompt_tokens": 0, "completion_tokens": 0}
        self._speaker, self._place, self._exchanges = speaker, place, exchanges

    async def ask(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], read: Callable[[AssistantMessage], T], turn: int = 0
    ) -> T:
        """What `read` makes of an answer; `read` raises `Unusable` for one that is asked for again.

        Raises `NoAnswer` after the last try, and what a failing server raises.
        """
        talk, why = list(messages), ""
        for number in range(1, self._speaker.tries + 1):
            answer, why = await self._act(talk, tools, turn)
            if answer is not None:
                try:
                    found = read(answer)
                except Unusable as error:
                    why = str(error)
            self.usage["refused"] += bool(why)
            self._keep(talk, tools, answer, turn, number, why)
            if not why:
                return found
            if answer is None:
                break
            talk += _told(answer, self.prompt.fill("repair", why=why), len(talk))
        raise NoAnswer(why)

    async def _act(self, talk: list[Message], tools: Sequence[dict[str, Any]], turn: int) -> tuple[AssistantMessage | None, str]:
        place, step = self._place, self.usage["requests"]
        conversation = Conversation(
            f"{place['name']}:{self._speaker.role}", place["env"], place["attempt"], 0, turn, step, [dict(m) for m in talk], list(tools)
        )
        self.usage["requests"] += 1
        try:
            answer = understand(await self._speaker.policy.act(conversation))
        except EndEpisode as end:
            self.usage["unmetered"] += 1
            return None, f"the policy ended: {end.reason}"
        except TurngymError:
            raise
        except Exception as error:  # a policy's own fault is data
            self.usage["unmetered"] += 1
            return None, f"policy_error: {type(error).__name__}: {shorten(str(error), 160)}"
        self._meter(answer.usage)
        return answer, ""

    def _meter(self, usage: Mapping[str, int] | None) -> None:
        known = {n: c for n, c in (usage or {}).items() if isinstance(c, int) and not isinstance(c, bool) and 0 <= c < _ABSURD}
        self.usage["unmetered"] += not {"prompt_tokens", "completion_tokens"} <= set(known)
        for name in ("prompt_tokens", "completion_tokens"):
            self.usage[name] += known.get(name, 0)

    def _keep(
        self, talk: list[Message], tools: Sequence[dict[str, Any]], answer: AssistantMessage | None, turn: int, number: int, why: str
    ) -> None:
        if self._exchanges is None:
            return
        place = {name: self._place[name] for name in ("index", "attempt", "env")}
        role = self._speaker.role
        self._exchanges.append({
            "id": f"{place['index']}.{place['attempt']}.{role}.{self.usage['requests']}", **place,
            "role": role, "turn": turn, "try": number,
            "messages": list(talk), "tools": [tool["function"]["name"] for tool in tools],
            "answer": None if answer is None else assistant_message(answer, answer.tool_calls),
            "usage": dict(answer.usage or {}) if answer is not None else {}, "refused": why,
        })  # fmt: skip


def _told(answer: AssistantMessage, why: str, start: int) -> list[Message]:
    """A refused answer, and what was wrong with it, as messages that every chat template takes."""
    calls = tuple(number_calls([call._replace(id="") for call in answer.tool_calls], start))
    results: list[Message] = [{"role": "tool", "tool_call_id": call.id, "name": call.name, "content": why} for call in calls]
    return [assistant_message(answer, calls), *(results or [user_message(why)])]
