"""Reasoning traces by template: what is known, what is missing, why this tool, where each argument comes from.

One text per assistant message, varied by seed. Laws: a trace speaks of nothing that has not been said or shown
by then, and never of a plan, a hint or a reference solution.
"""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

from ..envs.faults import ONCE
from ..envs.tool import ToolCall
from .brief import Answer, Brief
from .phrasing import MOMENTS, Speaker, Style, quoted, words
from .plan import PlannedCall, Round
from .references import classify

_OPENINGS = ("The user wants me to {}.", "The request is to {}.", "So the task is to {}.", "I am asked to {}.")
_MISSING = (
    "To do that I still need {missing}, and {tool} can show it.",
    "I do not have {missing} yet; {tool} should give it.",
    "What is missing is {missing}, so {tool} comes first.",
)
_DOORS = (
    "Before anything else {tool} is needed, because later steps are not possible without it.",
    "The next steps will be refused unless I use {tool} first.",
)
_READY = ("Now everything for {tool} is known.", "I have what {tool} needs.", "That is enough to call {tool}.")
_DIRECT = ("{tool} does exactly that.", "The right tool for this is {tool}.", "{tool} fits.")
_DONE = (
    "Everything asked for is done, so I report back.",
    "That completes the request; I can answer now.",
    "Nothing is left to do but answer.",
)
_FAILED = ("{tool} did not go through: {why}.", "That failed: {why}.", "{tool} was refused ({why}).")
_AGAIN = (
    "Nothing is wrong with the call itself, so I make it again.",
    "This may pass, and nothing was changed; I try the same call once more.",
)
_MENDED = ("The call was wrong; {tool} needs other arguments.", "I have to mend the arguments of {tool}.")
_FIRST = ("So {tool} has to come first.", "{tool} is needed before that.")


class Reasoner:
    """Writes the traces and the closing reply of one round."""

    def __init__(self, round_: Round, rounds: list[Round], brief: Brief, style: Style, rng: Random) -> None:
        self.round, self.brief, self.rng, self.style = round_, brief, rng, style
        self.speaker = Speaker([*rounds, round_], style)
        self.sinks = {call.id for call in round_.sinks()}

    def before(self, index: int) -> str:
        """The trace before call `index` of the round."""
        call = self.round.calls[index]
        parts = []
        if index == 0:
            parts.append(self.rng.choice(_OPENINGS).format(self._goal()))
        else:
            parts.append(self.reading(self.round.calls[index - 1]))
        parts.append(self._why(call))
        if sources := self._sources(call):
            parts.append(sources)
        return " ".join(parts)

    def after_failure(self, index: int, tool: str, kind: str, words: str) -> str:
        """The trace after a call that failed, before call `index` of the round."""
        call = self.round.calls[index]
        text = words[:1].lower() + words[1:].rstrip(".")
        parts = [self.rng.choice(_FAILED).format(tool=tool, why=text)]
        if kind in ONCE and call.name == tool:
            return " ".join([*parts, self.rng.choice(_AGAIN)])
        parts += [self.rng.choice(_MENDED if call.name == tool else _FIRST).format(tool=call.name), self._sources(call)]
        return " ".join(part for part in parts if part)

    def sources_of(self, made: ToolCall) -> str:
        """Where the arguments of a call come from, as far as the round has them for the same tool."""
        given = json.loads(made.arguments) if isinstance(made.arguments, str) else made.arguments
        for call in self.round.calls:
            if call.name == made.name:
                same = {name: bound for name, bound in call.bound.items() if given.get(name) == bound.value}
                return self._sources(replace(call, bound=same))
        return ""

    def closing(self) -> str:
        """The trace before the reply."""
        return f"{self.reading(self.round.calls[-1])} {self.rng.choice(_DONE)}"

    def _goal(self) -> str:
        text = "; then ".join(self.brief.goals)
        return text if len(text) < 260 else f"{text[:250].rsplit(' ', 1)[0]} ..."

    def _why(self, call: PlannedCall) -> str:
        if call.id in self.sinks:
            return self.rng.choice(_READY if any(b.seen for b in call.bound.values()) else _DIRECT).format(tool=call.name)
        missing = self._feeds(call)
        if missing:
            return self.rng.choice(_MISSING).format(missing=missing, tool=call.name)
        return self.rng.choice(_DOORS).format(tool=call.name)

    def _feeds(self, call: PlannedCall) -> str:
        kinds = {
            self.speaker.noun(b.seen.semantic)
            for c in self.round.calls
            for b in c.bound.values()
            if b.seen is not None and b.seen.call == call.id
        }
        return " and ".join(f"the {kind}" for kind in sorted(kinds))

    def _sources(self, call: PlannedCall) -> str:
        said = []
        for name, bound in call.bound.items():
            shown = quoted(bound.value, self.style._replace(long_dates=False))
            if len(shown) > 120:
                shown = "the given text"
            if bound.seen is not None:
                where = (
                    f"{bound.seen.tool} returned it"
                    if bound.kind == "output"
                    else f"it came up earlier, in the result of {bound.seen.tool}"
                )
                said.append(f"{words(name)} is {shown} ({where}{self._reason(call, name)})")
            elif bound.kind == "user":
                said.append(f"{words(name)} is {shown}, as the user said")
        if not said:
            return ""
        text = "; ".join(said)
        return f"{text[:1].upper()}{text[1:]}."

    def _reason(self, call: PlannedCall, name: str) -> str:
        reference = call.refs[name]
        how, _, field = reference.pick.partition(":")
        if how in ("min", "max"):
            if field in MOMENTS:
                return f", the {'earliest' if how == 'min' else 'latest'} of the list"
            return f", with the {'lowest' if how == 'min' else 'highest'} {words(field)} of the list"
        if reference.where:
            return ", for " + " and ".join(f"{words(f)} {quoted(v, self.style)}" for f, v in reference.where)
        return ""

    def reading(self, call: PlannedCall) -> str:
        """What a result means."""
        value = call.value
        if isinstance(value, list):
            noun = "".join(f" {c.lower()}" if c.isupper() else c for c in call.tool.item_type.__name__).strip()
            return f"{call.name} returned {len(value)} {'entry' if len(value) == 1 else 'entries'} of the kind {noun}."
        if call.writes:
            return f"{call.name} went through."
        return f"{call.name} answered."

    def reply(self) -> str:
        """The closing words to the user: what was done, and every value that was asked for."""
        parts = []
        for call in self.round.calls:
            if call.id not in self.sinks:
                continue
            answer = next((a for a in self.brief.answers if a.call == call.id), None)
            if answer is not None:
                parts.append(self._tell(answer))
            elif call.tool.writes:
                parts.append(self._done(call))
        text = " ".join(parts) or "Here is what I found."
        return text

    @staticmethod
    def _tell(answer: Answer) -> str:
        said = []
        for label, values in zip(answer.labels, answer.values, strict=True):
            if len(values) > 1:
                said.append(f"{label} of each: {', '.join(values[:-1])} and {values[-1]}")
            elif label.startswith("whether") or "\n" in values[0]:
                said.append(f"{label.removeprefix('whether ')}: {values[0]}")
            else:
                said.append(f"{label} is {values[0]}")
        text = ", ".join(said)
        return f"{text[:1].upper()}{text[1:]}."

    def _done(self, call: PlannedCall) -> str:
        head = self.rng.choice(("Done", "All set", "That is done"))
        return f"{head} ({words(call.name)}){self._outcome(call)}."

    def _outcome(self, call: PlannedCall) -> str:
        if not isinstance(call.value, dict):
            return ""
        shown = [f"{words(k)} {v}" if k != "result" else str(v) for k, v in call.value.items() if _worth_telling(call, k, v)]
        return f": {', '.join(shown[:3])}" if shown else ""


def _worth_telling(call: PlannedCall, key: str, value: Any) -> bool:
    leaf = next((leaf for leaf in call.tool.outputs if leaf.path == (key,)), None)
    return classify(leaf, value) in ("known", "money", "time", "literal", "number") and value != "" and len(str(value)) < 50
