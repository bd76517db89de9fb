"""The examination of a server: what works, what does not, and what to change, before hours are spent on it.

Laws: each finding rests on an answer of the server and not on its name; arguments are judged by the same door that judges
them in an episode; a model too weak to call a tool of its own will is no fault of the server's, so that a call is also asked
for by name. Not here: the quick look before every run (`preflight.py`).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, NamedTuple

from ...envs.episode import Episode
from ...envs.errors import RunError, ToolError, shorten
from ...envs.messages import Message, number_calls
from ...envs.packed import pack_of
from ...envs.tool import ToolCall
from ..policy import AssistantMessage, EndEpisode, InfrastructureError
from ..trajectory import assistant_message
from .chat import ChatPolicy
from .preflight import PARSER_REMEDY, problem_of, see
from .retrying import Fault, persist
from .textcalls import read_text
from .wire import Completion

_PLAIN_TOKENS, _CALL_TOKENS = 64, 512
_RETRIES, _BACKOFF = 2, 0.2
_GONE = (
    "the server went down: read its log (vLLM on a CPU does so when a seed meets a prompt longer than "
    "--max-num-batched-tokens: raise that, or use seeded=false)"
)
_MARKUP = re.compile(r"<tool_call>|<function[=_]|\[TOOL_CALLS\]|<\|python_tag\|>|<｜tool▁call|<\|tool_call|^\s*\{\s*\"name\"\s*:")
_STRICT_SAMPLES = 3  # tools whose arguments are tried


class Finding(NamedTuple):
    """One thing examined.

    Attributes:
        name: of the thing. ok: None where nothing could be said. detail: what was seen. remedy: what to change, "" if
            nothing. essential: whether rollouts cannot work without it.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""
    essential: bool = False


async def diagnose(policy: ChatPolicy) -> list[Finding]:
    """Examine the server of a policy, with some ten requests. Raises `RunError` if there is none. Closes the policy."""
    try:
        examination = _Examination(policy)
        await examination.run()
        return examination.findings
    finally:
        await policy.close()


class _Trouble(NamedTuple):
    """Why there is no completion, and what to change where that is known."""

    said: str
    remedy: str = ""


def failed(findings: list[Finding]) -> bool:
    """Whether something that rollouts need does not work."""
    return any(finding.essential and finding.ok is False for finding in findings)


class _Examination:
    """One examination: its findings so far, and the task in which a call is tried."""

    def __init__(self, policy: ChatPolicy) -> None:
        self.policy = policy
        self.findings: list[Finding] = []
        self.gone = False
        self.episode = Episode(pack_of("Banking")[0])
        self.messages: list[Message] = list(self.episode.start())
        self.tools = self.episode.schemas()

    async def run(self) -> None:
        if not await self._look() or not await self._plain():
            return
        called = await self._calls()
        if self.policy.tools == "native" and not self.gone:
            called = await self._named() or called
            await self._strict()
        if not self.gone:
            await self._lives(called)
        if not self.gone:
            await self._tokens()

    def _find(self, name: str, ok: bool | None, detail: str, remedy: str = "", essential: bool = False) -> bool:
        self.findings.append(Finding(name, ok, detail, "" if ok else remedy, essential))
        return bool(ok)

    async def _ask(self, messages: list[Message], tools: list[dict[str, Any]], most: int, **changed: Any) -> Completion | _Trouble:
        """The completion, or why there is none. `changed`: options of the policy; `choice`: the tool to be called."""
        extra = dict(self.policy.extra or {})
        if choice := changed.pop("choice", ""):
            extra["tool_choice"] = {"type": "function", "function": {"name": choice}}
        asking = dataclasses.replace(self.policy, extra=extra, **changed)
        asking.manner = self.policy.manner
        body = asking.body(messages, tools, 0, most)
        failures: list[Fault] = []

        async def attempt() -> Completion:
            try:
                return await self.policy.complete(body)
            except Fault as fault:
                failures.append(fault)
                raise

        try:
            return await persist(attempt, _RETRIES, _BACKOFF)
        except EndEpisode as error:
            return _Trouble(str(error), "give the model a longer context (vLLM: --max-model-len); tools alone take thousands of tokens")
        except InfrastructureError as error:
            self.gone = failures[-1].kind == "connection"
            return _Trouble(str(error), _GONE if self.gone else "")

    # -- the server ------------------------------------------------------------------------------------

    async def _look(self) -> bool:
        seen = await see(self.policy)
        problem = problem_of(self.policy, seen)
        faults = [fault for fault in (seen.listing, seen.completing) if fault is not None]
        if problem and len(faults) == 2 and not any(fault.status for fault in faults):
            raise RunError(problem)
        self._find("server", True, f"answers at {self.policy.url}", essential=True)
        if any(fault.status in (401, 403) for fault in faults):
            return self._find("key", False, _before(problem) or "the list of models is refused", _after(problem), True)
        self._find("key", True, "accepted", essential=True)
        served = seen.models
        for number, note in enumerate(self.policy.notes, 1):
            self._find(f"adapted {number}", True, note)
        if problem:
            tools = "refuses tools" in problem
            return self._find("tool calls" if tools else "model", False, _before(problem), _after(problem), True)
        length = (served or {}).get(self.policy.model, 0)
        listed = "served" if served and self.policy.model in served else "completes, though it is not among the names listed"
        return self._find("model", True, f"{listed}{f'; context {length} tokens' if length else ''}", essential=True)

    async def _plain(self) -> bool:
        answer = await self._ask([{"role": "user", "content": "Say hello in one word."}], [], _PLAIN_TOKENS)
        if isinstance(answer, _Trouble):
            return self._find(
                "plain chat", False, answer.said, answer.remedy or "mend what the server says, or change the option that it names", True
            )
        message = answer.message
        self._find("plain chat", True, f"said {shorten(repr(message.content), 60)}", essential=True)
        if "<think>" in message.content or "</think>" in message.content:
            remedy = "start the server with its reasoning parser (vLLM: --reasoning-parser qwen3, or the model's own)"
            apart = self.policy.tools == "text"  # where we take it apart ourselves
            self._find("reasoning", apart or None, "stands in the content", remedy)
        elif message.reasoning:
            self._find("reasoning", True, "stands apart")
        else:
            self._find("reasoning", None, "the model gave none")
        return True

    # -- calls -----------------------------------------------------------------------------------------

    async def _calls(self) -> tuple[ToolCall, ...]:
        """A call of the model's own will."""
        tool = self.tools[0]["function"]["name"]
        asked: list[Message] = [{"role": "user", "content": f"Call the tool {tool} now."}]
        answer = await self._ask(asked, self.tools, _CALL_TOKENS)
        if isinstance(answer, _Trouble):
            remedy = "use tools=native" if self.policy.tools == "text" else f"{PARSER_REMEDY}, or use tools=text"
            self._find("tool calls", False, answer.said, answer.remedy or remedy, True)
            return ()
        message = answer.message
        if self.policy.tools == "text":
            message = message._replace(tool_calls=read_text(message.content).tool_calls)
        if message.tool_calls:
            self._find("tool calls", True, f"called {shorten(message.tool_calls[0].name)}", essential=True)
        elif self.policy.tools == "native" and _MARKUP.search(message.content):
            said = f"a call came back as text: {shorten(repr(message.content), 60)}"
            self._find("tool calls", False, said, f"{PARSER_REMEDY}, or use tools=text", True)
        else:
            self._find("tool calls", None, "the model answered without a call, though asked for one", "see whether a named call works")
        return message.tool_calls

    async def _named(self) -> tuple[ToolCall, ...]:
        """A call that is asked for by name."""
        tool = self.tools[0]["function"]["name"]
        answer = await self._ask(self.messages, self.tools, _CALL_TOKENS, choice=tool, strict=True)
        if isinstance(answer, _Trouble):
            self._find(
                "named tool_choice", False, answer.said, answer.remedy or f"nothing in a rollout needs it; if wanted, {PARSER_REMEDY}"
            )
            return ()
        calls = answer.message.tool_calls
        right = bool(calls) and calls[0].name == tool
        detail = f"called {shorten(calls[0].name)}" if calls else "no call came back"
        self._find("named tool_choice", right, detail, "nothing in a rollout needs it; use a server that keeps tool_choice if wanted")
        return calls if right else ()

    async def _strict(self) -> None:
        """Whether `strict` holds arguments to their schema, judged by the tools' own doors."""
        doors = self.episode.worlds.tools
        demanding = sorted(self.episode.visible, key=lambda name: -len(doors[name].parameters))[:_STRICT_SAMPLES]
        wrong, cut = [], 0
        for name in demanding:
            answer = await self._ask(self.messages, self.tools, _CALL_TOKENS, choice=name, strict=True)
            if isinstance(answer, _Trouble) or not answer.message.tool_calls:
                self._find("strict schemas", None, answer.said if isinstance(answer, _Trouble) else f"no call of {name} came back")
                return
            call = answer.message.tool_calls[0]
            try:
                doors[name].validate(call.arguments)
            except ToolError as error:
                cut += answer.message.finish_reason == "length"
                wrong += [] if answer.message.finish_reason == "length" else [error.message]
        remedy = "leave strict off, or use a backend that keeps it (vLLM: --structured-outputs-config.backend xgrammar)"
        if wrong:
            self._find("strict schemas", False, shorten(wrong[0], 120), remedy)
        elif cut == len(demanding):
            self._find("strict schemas", None, f"every call was cut at {_CALL_TOKENS} tokens")
        else:
            self._find("strict schemas", True, f"the arguments of {len(demanding) - cut} tools fit; rollouts ask for it with strict=true")

    async def _lives(self, calls: tuple[ToolCall, ...]) -> None:
        """One call through an episode, and its result back to the server."""
        if calls:
            made = number_calls(calls[:1], 0)
            step = self.episode.step("", made)
            kind = step.results[0].error
            refused = kind in ("unknown_tool", "invalid_arguments")
            remedy = "use strict=true, or a model that is better at calling"
            self._find("call in a world", None if refused else True, f"{made[0].name}: {kind or 'done'}", remedy)
        else:
            made = [ToolCall(self.tools[0]["function"]["name"], "{}", "call_0")]
            step = self.episode.step("", made)
            self._find("call in a world", None, "there was no call to try")
        history = [*self.messages, assistant_message(AssistantMessage(), made), *step.messages]
        answer = await self._ask(history, self.tools, _PLAIN_TOKENS)
        if isinstance(answer, _Trouble):
            remedy = "the server cannot read calls and results back; update it or its chat template, or use tools=text"
            self._find("calls in history", False, answer.said, answer.remedy or remedy, True)
        else:
            self._find("calls in history", True, "read back", essential=True)

    async def _tokens(self) -> None:
        answer = await self._ask([{"role": "user", "content": "Say hello."}], [], _PLAIN_TOKENS, tokens=True)
        remedy = "only needed to train on tokens: use vLLM, or the policies vllm and transformers"
        if isinstance(answer, _Trouble):
            self._find("token ids", None, answer.said, remedy)
            return
        ids, logprobs = answer.message.token_ids, answer.message.logprobs
        if ids is None or answer.prompt_ids is None:
            self._find("token ids", None, "not given", remedy)
        elif logprobs is None or len(logprobs) != len(ids):
            self._find("token ids", None, "given, without a logprob for each", remedy)
        else:
            self._find("token ids", True, "given, with logprobs; record them with tokens=true")


def _before(problem: str) -> str:
    return problem.rpartition("; ")[0] or problem


def _after(problem: str) -> str:
    return problem.rpartition("; ")[2]
