"""The record of one rollout: everything that happened, on one line of JSON.

Laws: what the model emitted stands verbatim (arguments as the raw text), up to the limits of a run; the task stands whole in its record,
so a line alone can be replayed, judged again and made into data; times stand under one key, so that two runs
compare without them; reading takes records of later versions and drops what it does not know.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from ..envs.errors import RunError, shorten
from ..envs.messages import Message
from ..envs.task import Task, parse_task
from ..envs.tool import ToolCall
from .policy import AssistantMessage

TRAJECTORY_FORMAT = 1
Status = Literal["completed", "truncated", "error"]
POLICY_ERROR = "policy_error"
INFRASTRUCTURE = "infrastructure"
_TOKENS = ("token_ids", "logprobs", "context_ids")


@dataclass(slots=True)
class Trajectory:
    """One episode as it went.

    Attributes:
        id: task id, trial, and a hash of policy and seed; equal for equal work in every process.
        task: the task as plain JSON data, gold included. worlds: name -> version it was lived in.
        policy: name, config, hash. seed, trial: as run.
        messages: user, assistant (with `tool_calls`, and perhaps `reasoning_content` and `attached`) and tool messages in order.
        results: one per tool message in order: `call`, `name`, `error` (kind or None); `detail` of an internal
            error; `injected`, the call's number, where an interceptor answered; `kept`, where the record holds no
            more than that many bytes of it.
        steps: one per assistant message in order: `message` (its index), and where the engine gave them `usage`,
            `finish_reason`, `token_ids`, `logprobs`, `context_ids`, `extra`; `cut`, where the policy emitted more than a
            record holds: of each text its `part`, `bytes` and `hash` (`limits.py`); `heard` where a user was asked about it:
            True if it answered within the turn, False if it failed, and the episode ended there.
        user: where a user of its own spoke, one entry for each time it was asked: `turn`, `part` (`opening`,
            `answer`), `message` (index of what it said), `how`, `requests`, `usage`, `refused` (`agents/user.py`).
        status: `completed` (the task ran to its end), `truncated` (a limit, named in `reason`: `steps`,
            `seconds`, `tokens`, `repeats`, or the policy's), `error` (`policy_error`, `infrastructure`,
            `task_error`, `env_error`, `user_error`). detail: the error in words.
        verdict: as `Verdict.record()`, empty if none could be made. fingerprint: of the final state.
        conditions: what was withheld from the policy, and `user`: name, config, hash. versions: of turngym and Python.
        timings: seconds: `total`, and per step `act` (policy) and `env`; `user`, each time it was asked.
    """

    id: str
    task: dict[str, Any]
    policy: dict[str, Any]
    seed: int = 0
    trial: int = 0
    worlds: dict[str, int] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    user: list[dict[str, Any]] = field(default_factory=list)
    status: Status = "completed"
    reason: str = ""
    detail: str = ""
    verdict: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    format: int = TRAJECTORY_FORMAT

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def success(self) -> bool:
        """Whether every turn passed."""
        return bool(self.verdict.get("success"))

    @property
    def progress(self) -> float:
        """Share of turns that passed, 0..1."""
        return float(self.verdict.get("progress", 0.0))

    @property
    def counts(self) -> bool:
        """Whether the episode says something about the policy: False for errors that are not the policy's."""
        return self.status != "error" or self.reason == POLICY_ERROR

    @property
    def task_id(self) -> str:
        """The task's id."""
        return str(self.task.get("id", ""))

    @property
    def env(self) -> str:
        """The task's env."""
        return str(self.task.get("env", ""))

    def read_task(self) -> Task:
        """The task, checked. Raises `TaskError` if this version cannot read it, `WorldRefusedError` for a world nobody allowed."""
        return parse_task(self.task, f"trajectory {shorten(self.id)}")

    def assistant(self) -> Iterator[AssistantMessage]:
        """What the policy emitted, message by message, with tokens where recorded."""
        for step in self.steps:
            message = self.messages[step["message"]]
            calls = [ToolCall(c["function"]["name"], c["function"]["arguments"], c["id"]) for c in message.get("tool_calls", ())]
            tokens: dict[str, Any] = {name: tuple(step[name]) for name in _TOKENS if step.get(name) is not None}
            yield AssistantMessage(
                message["content"],
                tuple(calls),
                message.get("reasoning_content", ""),
                **tokens,
                usage=step.get("usage"),
                finish_reason=step.get("finish_reason", ""),
                extra=step.get("extra"),
                attached=message.get("attached"),
            )

    def tokens(self) -> tuple[list[int], list[int]]:
        """All token ids of the episode and the mask of the model's own (1) among them, by concatenation.

        Raises ValueError if a step lacks its token ids, or those that stand before them (a server whose template drifts).
        """
        ids: list[int] = []
        mask: list[int] = []
        for number, step in enumerate(self.steps):
            own = step.get("token_ids")
            if own is None:
                raise ValueError(f"step {number} of {self.id} has no token ids; the policy did not give them")
            context = step.get("context_ids")
            if context is None:
                raise ValueError(f"step {number} of {self.id} does not go on where the tokens before it end; they do not concatenate")
            ids += [*context, *own]
            mask += [0] * len(context) + [1] * len(own)
        return ids, mask

    def comparable(self) -> dict[str, Any]:
        """The record without times: equal for two runs of a deterministic policy."""
        record = self.record()
        del record["timings"]
        return record

    # -- JSON ------------------------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        """Plain JSON data, `id` first."""
        return {name: getattr(self, name) for name in _FIELDS}

    def line(self) -> bytes:
        """One line with its newline, ASCII alone, so that no reader's idea of a line end can split it."""
        return record_line(self.record())

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Trajectory:
        """From plain JSON data; unknown keys are dropped. Raises `RunError` where a needed one is missing."""
        missing = [name for name in ("id", "task", "policy") if name not in record]
        if missing:
            raise RunError(f"{shorten(str(record.get('id', 'a record')))} is no trajectory: it has no {', '.join(missing)}")
        return cls(**{name: record[name] for name in _FIELDS if name in record})


_FIELDS = tuple(item.name for item in fields(Trajectory))


def record_line(record: Mapping[str, Any]) -> bytes:
    """A record as one line of strict JSON: numbers that JSON lacks become null."""
    try:
        text = json.dumps(record, separators=(",", ":"), allow_nan=False, default=str)
    except ValueError:  # NaN or infinity among what a policy gave
        text = json.dumps(_finite(record), separators=(",", ":"), allow_nan=False, default=str)
    return text.encode("ascii") + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, (list, tuple)) else value


def plain(value: Any) -> Any:
    """Plain JSON data as it comes back from a file: tuples are lists."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def trajectory_id(task_id: str, trial: int, policy_hash: str, seed: int = 0) -> str:
    """The id of a piece of work: `<task id>.t<trial>.<8 hex digits of policy and seed>`."""
    return f"{task_id}.t{trial}.{blake2b(f'{policy_hash}:{seed}'.encode(), digest_size=4).hexdigest()}"


@lru_cache(maxsize=512)
def task_record(task: Task) -> dict[str, Any]:
    """The task as plain JSON data, as `Task.line` writes it. Shared: read and do not write."""
    found: dict[str, Any] = json.loads(task.line())
    return found


def assistant_message(message: AssistantMessage, calls: Iterable[ToolCall]) -> Message:
    """An assistant message in OpenAI chat form; `calls` carry ids."""
    record: Message = {"role": "assistant", "content": message.content}
    if message.reasoning:
        record["reasoning_content"] = message.reasoning
    if message.attached:
        record["attached"] = dict(message.attached)
    made = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]
    if made:
        record["tool_calls"] = made
    return record


def step_record(message: AssistantMessage, index: int) -> dict[str, Any]:
    """What belongs to an assistant message but is no part of the conversation."""
    step: dict[str, Any] = {"message": index}
    for name in _TOKENS:
        if (values := getattr(message, name)) is not None:
            step[name] = list(values)
    if message.usage:
        step["usage"] = dict(message.usage)
    if message.finish_reason:
        step["finish_reason"] = message.finish_reason
    if message.extra:
        step["extra"] = dict(message.extra)
    return step


@lru_cache(maxsize=1)
def installed_versions() -> Mapping[str, str]:
    """The versions of turngym and Python."""
    try:
        ours = version("turngym")
    except PackageNotFoundError:
        ours = "unknown"
    return {"turngym": ours, "python": platform.python_version()}
