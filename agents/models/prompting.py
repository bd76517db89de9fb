"""Chat templates, split at the messages of the model: the tokens that stand between one of its messages and the next.

A template renders whole conversations, and seldom the same way twice: it drops earlier reasoning, writes calls in its own
spelling, groups results. So the model's messages are never rendered. In their place stands a mark; what the template writes
after the mark, the end of that message, what arrived since, and the beginning of the next one, is the text that is wanted,
and it alone is turned into tokens.

Laws: what a model sampled is never tokenised; the end of a message stands once, sampled or else added; a template that does
not show tools, or has no place for their results, is refused before the first task. Not here: what is sampled (`engine.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...envs.announcing import announced
from ...envs.errors import RunError, shorten
from ...envs.messages import Message
from ..policy import InfrastructureError

Tools = Sequence[dict[str, Any]]
_MARK = "qz7MARK3vx"  # letters and digits alone: no template trims or escapes it
_SAID, _NAMED = "qz7SAID3vx", "qz7TOOL3vx"
_GIVEN = re.compile(r"call_([0-9]{1,9})")
_USER: Message = {"role": "user", "content": "Hello."}
_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": _NAMED, "description": "A tool.", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}},
}
_CALL = {"id": "call_0", "type": "function", "function": {"name": _NAMED, "arguments": {}}}
_RESULT: Message = {"role": "tool", "tool_call_id": "call_0", "name": _NAMED, "content": _SAID}


class ChatTemplate:
    """The chat template of a tokenizer.

    Args:
        tokenizer: of transformers. options: handed to the template. model: its name, for errors.

    Raises `RunError`, with the remedy, for a template on which no episode could be built.
    """

    def __init__(self, tokenizer: Any, options: Mapping[str, Any] | None = None, model: str = "the model") -> None:
        self._tokenizer = tokenizer
        self._options = dict(options or {})
        self._model = shorten(model, 120)
        self._tools_again = False  # whether results only show where the tools are given once more
        self._closing: str | None = None  # what stands between the mark in a call and the end of the message; None: no call is needed
        self._check()

    # -- tokens ----------------------------------------------------------------------------------------

    def opening(self, messages: Sequence[Message], tools: Tools) -> list[int]:
        """The tokens before the model's first message: tools, conversation, and the beginning of its message."""
        return self._encode(self._guarded(lambda: self._render(messages, tools)))

    def following(self, own: Message, new: Sequence[Message], end: int | None, tools: tuple[Tools, Tools]) -> list[int]:
        """The tokens between a message of the model and its next one.

        Args:
            own: the model's message; only the names and ids of its calls are looked at. new: what arrived since.
            end: the token with which it ended; None if it was cut. tools: before, and now; what is new among
                them is announced in the last user message, or, without one, left to the next.
        """
        before, now = tools
        text = self._guarded(lambda: self._after(own, announced(new, before, now), now if self._tools_again else ()))
        if end is None:
            return self._encode(text)
        body = text.lstrip()
        for token in (end, self._tokenizer.eos_token_id):
            if token is not None and body.startswith(mark := self._written(token)):
                ids = self._encode(body)  # with its end, since some tokens change how the text beside them is read
                return ids[1:] if ids[:1] == [token] else self._encode(body[len(mark) :])
        return self._encode(text)

    def _encode(self, text: str) -> list[int]:
        clean = text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        ids: list[int] = self._tokenizer(clean, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        return ids

    def _written(self, token: int) -> str:
        added = self._tokenizer.added_tokens_decoder.get(token)
        return str(added.content if added is not None else self._tokenizer.decode([token], skip_special_tokens=False))

    # -- text ------------------------------------------------------------------------------------------

    def _render(self, messages: Sequence[Message], tools: Tools) -> str:
        text: str = self._tokenizer.apply_chat_template(
            [_plain(message) for message in messages],
            tools=list(tools) or None,
            tokenize=False,
            add_generation_prompt=True,
            **self._options,
        )
        return text

    def _after(self, own: Message, new: Sequence[Message], tools: Tools) -> str:
        """What the template writes after a message of the model."""
        calls = own.get("tool_calls") or ()
        if not calls or self._closing is None:
            return self._after_mark({"role": "assistant", "content": _MARK}, new, tools)
        text = self._after_mark(_with_mark(calls), new, tools)
        if not text.startswith(self._closing):
            raise ValueError("calls of one kind end unlike those of another")
        return text[len(self._closing) :]

    def _after_mark(self, standing: Message, new: Sequence[Message], tools: Tools) -> str:
        pieces = self._render([_USER, standing, *new], tools).split(_MARK, 1)
        if len(pieces) < 2:
            raise ValueError("it leaves out what the assistant said")
        return pieces[1]

    def _guarded(self, write: Callable[[], str]) -> str:
        try:
            return write()
        except Exception as error:  # a template is a program of its own
            raise InfrastructureError(f"the chat template of {self._model} failed: {_words(error)}") from error

    # -- checks ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        if not getattr(self._tokenizer, "chat_template", None):
            raise RunError(f"{self._model} has no chat template; take a chat model, or put a chat_template.jinja beside it")
        shown = self._probe(lambda: self._render([{**_USER, "content": _SAID}], [_TOOL]), "cannot show a user message and tools")
        if _SAID not in shown or _NAMED not in shown:
            raise self._refused(f"does not show {'the tools' if _SAID in shown else 'what the user says'}")
        talk: list[Message] = [{"role": "user", "content": _SAID}]
        if _SAID not in self._probe(
            lambda: self._after_mark({"role": "assistant", "content": _MARK}, talk, ()), "cannot go on after an answer"
        ):
            raise self._refused("does not show what the user says after an answer")
        self._settle_results()

    def _settle_results(self) -> None:
        """Find how results of tools are rendered: after a plain message if that does as well, else after one with a call."""
        why: Exception = ValueError("it leaves them out")
        for tools in ((), (_TOOL,)):
            plain = marked = ""
            try:
                plain = self._after_mark({"role": "assistant", "content": _MARK}, [_RESULT], tools)
            except Exception as error:
                why = error
            try:
                marked = self._after_mark(_with_mark([_CALL]), [_RESULT], tools)
            except Exception as error:
                why = error
            self._tools_again = bool(tools)
            if _SAID in plain and (_SAID not in marked or marked.endswith(plain)):
                return
            if _SAID in marked and (closing := self._closing_of(marked)) is not None:
                self._closing = closing
                return
            if _SAID in plain:
                return
        raise self._refused(f"has no place for results of tools ({_words(why)})")

    def _closing_of(self, text: str) -> str | None:
        """The text up to the first special token: how a call ends."""
        structure = text.partition(_SAID)[0]
        starts = [structure.find(token) for token in self._tokenizer.all_special_tokens if token]
        return structure[: min(found)] if (found := [start for start in starts if start >= 0]) else None

    def _probe(self, write: Callable[[], str], what: str) -> str:
        try:
            return write()
        except Exception as error:
            raise self._refused(f"{what} ({_words(error)})") from error

    def _refused(self, why: str) -> RunError:
        return RunError(
            f"the chat template of {self._model} {why};"
            " take a model with tools, or put a template that has them into its chat_template.jinja"
        )


# -- messages ---------------------------------------------------------------------------------------------


def _plain(message: Message) -> Message:
    """A message as templates expect it: text for content, objects for arguments where they are objects."""
    made = {**message, "content": message.get("content") or ""}
    if calls := message.get("tool_calls"):
        made["tool_calls"] = [
            {**call, "id": _identity(call["id"]), "function": {**call["function"], "arguments": _object(call["function"]["arguments"])}}
            for call in calls
        ]
    if "tool_call_id" in message:
        made["tool_call_id"] = _identity(message["tool_call_id"])
    return made


def _identity(own: str) -> str:
    """An id; those that we gave (`call_7`) as nine letters and digits, which some templates insist on."""
    given = _GIVEN.fullmatch(own)
    return f"call{int(given[1]):05d}" if given else own


def _object(arguments: Any) -> Any:
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments
    return read if isinstance(read, dict) else arguments


def _with_mark(calls: Sequence[Mapping[str, Any]]) -> Message:
    """An assistant message with the names and ids of these calls, and the mark in the last one's arguments."""
    last = len(calls) - 1
    made = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["function"]["name"], "arguments": {"x": _MARK} if index == last else {}},
        }
        for index, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": "", "tool_calls": made}


def _words(error: BaseException) -> str:
    return shorten(f"{type(error).__name__}: {error}".replace("\n", " "), 160)
