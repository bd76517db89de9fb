"""What ends an episode early, how much of a tool's output is shown and kept, and how much of what a policy emits.

Laws: a limit ends an episode as `truncated` and never as an error; a text that is cut says so, with its whole size; what a
policy emitted beyond a limit reaches neither the record nor the episode, so that a verdict made again is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from ..envs.errors import MAX_VALUE_CHARS, shorten
from ..envs.tool import MAX_ARGUMENT_CHARS, ToolCall
from .policy import AssistantMessage


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends an episode early, as `truncated`, and what is cut; None means no limit.

    Attributes:
        steps: assistant messages. seconds: wall-clock; a policy that waits is interrupted, one that computes
            is stopped at its next step. tokens: completion tokens, as far as the policy reports usage.
        repeats: the same call that many times in a row within a turn.
        shown: bytes (UTF-8) of one tool result that the policy sees. kept: bytes of it in the record.
        said: bytes of a message's content, and of its reasoning. Arguments of a call that no tool would take for their
            length (`MAX_ARGUMENT_CHARS`) are cut there; None keeps all of them whole.
    """

    steps: int = 100
    seconds: float | None = None
    tokens: int | None = None
    repeats: int | None = 16
    shown: int | None = 16_384
    kept: int | None = 1_048_576
    said: int | None = 1_048_576

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value > 0:  # so that NaN is refused
                raise ValueError(f"the limit {name} must be above zero, not {value}")


class Meter:
    """Counts one episode against its limits."""

    __slots__ = ("_in_a_row", "_last", "_limits", "_tokens")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tokens = 0
        self._last: tuple[str, object] | None = None
        self._in_a_row = 0

    def count(self, calls: Sequence[ToolCall], message: AssistantMessage) -> tuple[str, str]:
        """Count a message and its calls; give the limit that is reached and the detail, or two empty texts."""
        limits = self._limits
        if message.usage:
            spent = message.usage.get("completion_tokens")
            self._tokens += spent if isinstance(spent, int) else 0
        if limits.tokens is not None and self._tokens >= limits.tokens:
            return "tokens", ""
        if not calls:
            self._last, self._in_a_row = None, 0
        for call in calls:
            made = (call.name, call.arguments)
            self._in_a_row = self._in_a_row + 1 if made == self._last else 1
            self._last = made
            if limits.repeats is not None and self._in_a_row >= limits.repeats:
                return "repeats", shorten(f"{call.name} {call.arguments}", 200)
        return "", ""


def held(message: AssistantMessage, limit: int | None) -> tuple[AssistantMessage, list[dict[str, Any]]]:
    """A message as an episode takes it and a record holds it, and what was cut of it.

    Args:
        message: as emitted. limit: bytes of its content and of its reasoning (`Limits.said`); None cuts nothing.

    Returns:
        The message, and for each text that was cut `part` (`content`, `reasoning`, `arguments`, `name`), `bytes` and `hash`
        (BLAKE2b, 128 bits) of the whole, and of a call its place in the message, `call`.
    """
    if limit is None:
        return message, []
    lost: list[dict[str, Any]] = []
    content, reasoning = [text if _is_cut(text, limit) else cut(text, limit) for text in (message.content, message.reasoning)]
    for part, now, was in (("content", content, message.content), ("reasoning", reasoning, message.reasoning)):
        if now is not was:
            lost.append(_lost(part, was))
    calls = message.tool_calls
    if any(len(call.arguments) > MAX_ARGUMENT_CHARS or len(call.name) > MAX_VALUE_CHARS for call in calls):
        calls = tuple([_held_call(call, index, lost) for index, call in enumerate(calls)])
    return (message._replace(content=content, reasoning=reasoning, tool_calls=calls), lost) if lost else (message, lost)


def _held_call(call: ToolCall, index: int, lost: list[dict[str, Any]]) -> ToolCall:
    name, arguments = shorten(call.name, MAX_VALUE_CHARS), str(call.arguments)
    if name is not call.name:
        lost.append(_lost("name", call.name) | {"call": index})
    if len(arguments) > MAX_ARGUMENT_CHARS and not _is_cut(
        arguments, MAX_ARGUMENT_CHARS, "characters"
    ):  # still too long for any tool, and no JSON any more
        lost.append(_lost("arguments", arguments) | {"call": index})
        arguments = f"{arguments[:MAX_ARGUMENT_CHARS]}\n[cut: {MAX_ARGUMENT_CHARS} of {len(arguments)} characters are shown]"
    return ToolCall(name, arguments, call.id)


def _is_cut(text: str, limit: int, unit: str = "bytes") -> bool:
    """Whether a text is one that was cut already: a recorded message that is played again stays as it is."""
    if len(text) <= limit // 4 or not text.endswith(f"{unit} are shown]") or (place := text.rfind("\n[cut: ", -100)) < 0:
        return False
    return (len(text[:place].encode("utf-8", "surrogatepass")) if unit == "bytes" else place) <= limit


def _lost(part: str, whole: str) -> dict[str, Any]:
    data = whole.encode("utf-8", "surrogatepass")
    return {"part": part, "bytes": len(data), "hash": blake2b(data, digest_size=16).hexdigest()}


def cut(text: str, limit: int | None) -> str:
    """The text, or its first `limit` bytes (UTF-8, whole characters) and a line that says what is missing."""
    if limit is None or len(text) * 4 <= limit:
        return text
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return text
    head = data[:limit].decode("utf-8", "ignore")
    return f"{head}\n[cut: {limit} of {len(data)} bytes are shown]"
