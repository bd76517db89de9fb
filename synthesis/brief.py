"""Briefs: what the querying agent gets to know, and what the checks of the turn will ask for.

The tooling agent sees the round and writes a brief: the advanced tool, the goals in words, the facts that the
user must state, and the fields the user wants to hear. The querying agent sees the brief alone, never the
sub-tools, so that the calls in between stay implicit: a logical jump.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from ..envs.signature import OutputField
from ..envs.task import Checks, RequiredOutput
from ..envs.told import says
from ..envs.worldset import WorldSet
from .advanced import AdvancedTool, compose
from .phrasing import Speaker, Style, say, words
from .plan import PlannedCall, Round, lasting, tables_written
from .references import classify

_SECRET = ("user", "username", "password", "email", "passcode", "pin", "code", "phrase", "phone", "login", "answer", "card")
MAX_TOLD = 3


class Answer(NamedTuple):
    """What the user wants to hear of one result: words for it, the values, and the outputs that show them."""

    call: str
    request: str
    labels: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    outputs: tuple[RequiredOutput, ...]


class Brief(NamedTuple):
    """All that the querying agent sees.

    Attributes:
        tool: the advanced tool. goals: what is wanted, as imperative clauses in order. answers: what to tell.
        facts: (words, value) pairs the user must state because no goal mentions them, secrets first.
        unsaid: arguments that are picked among others by words which no goal holds; with any, nobody could know what is meant.
    """

    tool: AdvancedTool
    goals: tuple[str, ...]
    answers: tuple[Answer, ...]
    facts: tuple[tuple[str, Any], ...]
    unsaid: tuple[str, ...] = ()


def make_brief(round_: Round, rounds: list[Round], said: str, style: Style, rng: Random) -> Brief:
    """The brief of a round; `rounds` are the earlier ones, `said` is what the user has said so far."""
    speaker = Speaker([*rounds, round_], style)
    sinks = round_.sinks()
    goals = tuple(speaker.ask(call, rng) for call in sinks)
    answers = tuple(a for call in sinks if (a := answer_of(call, "\n".join((said, *goals)), rng)) is not None)
    summary = " Then: ".join(call.tool.summary.rstrip(".") + "." for call in sinks)
    tool = compose(round_, _name(sinks, round_), summary)
    text = f"{said}\n{' '.join(goals)}"
    facts: list[tuple[str, Any]] = []
    for item in tool.exposed:
        if not states(text, item.parameter, item.value) and (item.parameter, item.value) not in facts:
            facts.append((item.parameter, item.value))
    facts.sort(key=lambda fact: not is_secret(fact[0]))
    return Brief(tool, goals, answers, tuple(facts), speaker.unsaid(round_))


def is_secret(name: str) -> bool:
    """Whether a parameter is something a user states about himself (`my password is ...`)."""
    return any(part in _SECRET for part in name.split("_"))


def states(text: str, parameter: str, value: Any) -> bool:
    """Whether a text says a value of a parameter: exactly, normalised, or by the declared alias for yes and no."""
    if isinstance(value, bool):
        return says(text, words(parameter)) or says(text, parameter)
    if isinstance(value, (list, tuple)):
        return all(states(text, parameter, item) for item in value)
    if isinstance(value, dict):
        return all(states(text, key, item) for key, item in value.items())
    if value is None or value == "":
        return says(text, words(parameter))
    return says(text, value) or (isinstance(value, str) and "\n" in value and value.strip() in text)


# -- what the user wants to hear ---------------------------------------------------------------------------

_RANK = {"money": 0, "time": 1, "number": 2, "known": 3, "literal": 4, "bool": 5}


def answer_of(call: PlannedCall, text: str, rng: Random) -> Answer | None:
    """What to tell of a sink that is a read, and what `text` does not say already; None where there is nothing."""
    if call.tool.writes:
        return None
    if isinstance(call.value, list):
        return _list_answer(call, rng)
    given = {str(v) for v in call.arguments.values()}
    fields = [(f, k) for f, k in _tellable(call, call.value, given) if k not in ("known", "time") or not says(text, call.value[f])]
    if fields:
        best = fields[: 1 + (len(fields) > 2 and rng.random() < 0.3)]
        labels = tuple(field_words(f, k) for f, k in best)
        values = tuple((_spoken(call.value[f]),) for f, _ in best)
        return Answer(
            call.id, " and ".join(labels), labels, values, (RequiredOutput(fields={f: call.value[f] for f, _ in best}, tool=call.name),)
        )
    return _text_answer(call)


def _list_answer(call: PlannedCall, rng: Random) -> Answer | None:
    rows = [row for row in call.value if isinstance(row, dict)]
    if not rows:
        return None
    common = [f for f, _ in _tellable(call, rows[0], set(), many=True) if all(row.get(f) not in (None, "") for row in rows)]
    if len(rows) <= MAX_TOLD and common:
        field = common[0]
        kind = dict(_tellable(call, rows[0], set(), many=True))[field]
        values = (tuple(dict.fromkeys(_spoken(row[field]) for row in rows)),)
        label = field_words(field, kind)
        outputs = tuple(RequiredOutput(fields={field: row[field]}, tool=call.name) for row in rows)
        return Answer(call.id, f"{label}{' of each' if len(rows) > 1 else ''}", (label,), values, outputs)
    if not common:
        return None
    outputs = tuple(RequiredOutput(fields={common[0]: row[common[0]]}, tool=call.name) for row in rows[:8])
    return Answer(call.id, "how many there are", ("the number of results",), ((str(len(rows)),),), outputs)


def _text_answer(call: PlannedCall) -> Answer | None:
    """A printed text by its first line, or else how many parts a result has."""
    texts = {
        leaf.path[0] for leaf in call.tool.outputs if leaf.semantic is not None and leaf.semantic.name == "text" and len(leaf.path) == 1
    }
    for field, value in call.value.items():
        if field in texts and isinstance(value, str) and value.strip():
            line = next(line for line in value.splitlines() if line.strip()).strip()
            if 1 < len(line) <= 200:
                return Answer(
                    call.id, "what it says", (f"the {words(field)}",), ((line,),), (RequiredOutput(fields={field: value}, tool=call.name),)
                )
    plain = {field: value for field, value in call.value.items() if isinstance(value, (str, int)) and value != ""}
    for field, value in call.value.items():
        if isinstance(value, list) and value and plain:
            label = f"the number of {words(field)}"
            return Answer(call.id, label, (label,), ((str(len(value)),),), (RequiredOutput(fields=plain, tool=call.name),))
    return None


def _tellable(call: PlannedCall, row: dict[str, Any], given: set[str], many: bool = False) -> list[tuple[str, str]]:
    prefix = ("*",) if many else ()
    leaves: dict[str, OutputField] = {leaf.path[-1]: leaf for leaf in call.tool.outputs if leaf.path[:-1] == prefix}
    found = []
    for field, value in row.items():
        kind = classify(leaves.get(field), value)
        if kind in _RANK and value not in (None, "") and str(value) not in given:
            found.append((field, kind))
    order = {"known": -1} if many else {}
    return sorted(found, key=lambda pair: order.get(pair[1], _RANK[pair[1]]))


_SUMS = {
    "balance", "amount", "price", "fare", "premium", "fee", "cost", "total", "limit", "refund", "target", "budget", "saving", "rate",
    "deposit", "charge", "value", "sum",
}  # fmt: skip


def field_words(field: str, kind: str) -> str:
    """A field of a result as the user asks for it."""
    text = words(field)
    if kind == "bool":
        return f"whether it is {text}"
    if text.endswith(" bytes"):
        return f"the {text.removesuffix(' bytes')} in bytes"
    if kind == "number" and text.endswith("s"):
        return f"the number of {text}"
    if kind == "money" and not _SUMS & {word.rstrip("s") for word in text.split()}:
        return f"the {text} amount"
    return f"the {text}"


def _spoken(value: Any) -> str:
    return say(value, Style()) if isinstance(value, bool) else str(value)


def checks_of(round_: Round, answers: tuple[Answer, ...], worlds: WorldSet) -> Checks:
    """The checks of a turn: state always, incidental tables where they are the point, outputs and told values."""
    incidental = worlds.incidental()
    include: list[str] = []
    for call in round_.sinks():
        if call.writes and not lasting(call, incidental, worlds):
            include += [t for t in tables_written(call.result, worlds) if t in incidental]
    return Checks(
        include=tuple(dict.fromkeys(include)),
        outputs=tuple(o for a in answers for o in a.outputs),
        told=tuple(dict.fromkeys(v for a in answers for group in a.values for v in group)),
    )


def _name(sinks: list[PlannedCall], round_: Round) -> str:
    return "_and_".join(dict.fromkeys(call.name for call in sinks))[:64] or round_.target
