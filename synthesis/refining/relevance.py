"""Rules of FCDR's second and third stage (arXiv 2505.20192): can the tools help, and does the reasoning lead to the calls?

What a rule can know without a model is little, so a rule speaks only where it is sure [ours]: laws: a turn is irrelevant
only if none of its calls shares a word with what was said or takes a value from it; rules abstain where the user writes
in another script than the tools; reasoning contradicts a call only where it says so in words of the list below.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from .arguments import read_arguments
from .correcting import squashed
from .row import Call, Row

NO_TOOL = ("irrelevant", "irrelevance", "no_call", "live_irrelevance")
_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STOP = frozenset(
    ("about", "also", "based", "call", "data", "from", "function", "give", "given", "have", "information", "into", "just", "like", "list",
     "make", "more", "name", "need", "number", "only", "please", "provided", "return", "returns", "show", "some", "specified", "string",
     "tell", "than", "that", "the", "their", "them", "then", "there", "this", "tool", "type", "used", "user", "using", "value", "want",
     "what", "when", "where", "which", "will", "with", "would", "you", "your", "and", "for", "are", "can", "could", "should")
)  # fmt: skip
_TOOL = r"(tool|function)s?"
_DOES = r"(can|could|is|are|fits?|helps?|applies|apply|match|matches|exists?)"
_AGAINST = re.compile(
    rf"\b(none of the (available |given |provided |offered )?{_TOOL} {_DOES}"
    rf"|no (available |suitable |relevant |matching )?{_TOOL} {_DOES}"
    rf"|no {_TOOL} calls? (is|are) (needed|necessary|required)"
    rf"|(I|we) (will not|won't|must not|should not|shouldn't|cannot|can't) (make|use|call|invoke) (a |any |the )?{_TOOL})\b",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(but|however|wait|actually|instead|although|yet|unless|except|on second thought|hmm)\b", re.IGNORECASE)
_ADVERB = r"(?: now| then| first| simply| just)?"
_INTENT = (
    rf"\b(?:(?:I|we)(?:'ll| will| shall| should| must| need to| have to| am going to){_ADVERB}|let me|let's)"
    r"\s+(?:call|use|invoke|run)\s+(?:the\s+)?(?:function\s+|tool\s+)?[`'\"*]*"
)


def irrelevant_turn(row: Row) -> str:
    """Why the calls of some turn have nothing to do with what was asked ("" if all may)."""
    users = [i for i, message in enumerate(row.messages) if message["role"] == "user"]
    calls = list(row.calls())
    if row.about.get("category") in NO_TOOL and any(call.message > users[-1] for call in calls):
        return f"the row is of the category {row.about['category']} and calls {calls[-1].name}"
    described = {tool["function"]["name"]: tool["function"] for tool in row.tools}
    for number, start in enumerate(users):
        end = users[number + 1] if number + 1 < len(users) else len(row.messages)
        mine = [call for call in calls if start < call.message < end]
        said = " ".join(str(m["content"]) for m in row.messages[:end] if m["role"] in ("user", "system"))
        if not mine or _other_script(said):
            continue
        stems = _stems(said)
        if not any(_related(row, call, described.get(call.name, {}), said, stems) for call in mine):
            return f"turn {number}: nothing that was said has to do with {', '.join(sorted({call.name for call in mine}))[:80]}"
    return ""


def _related(row: Row, call: Call, tool: dict[str, object], said: str, stems: set[str]) -> bool:
    about = f"{call.name} {tool.get('description') or ''} {' '.join(_names(tool))}"
    if _other_script(about) or stems & _stems(about):
        return True
    arguments = read_arguments(call.arguments).value
    earlier = said + " ".join(str(m["content"]) for m in row.messages[: call.message] if m["role"] == "tool")
    return arguments is None or any(len(v) > 1 and v.casefold() in earlier.casefold() for v in _leaves(arguments))


def _names(tool: dict[str, object]) -> list[str]:
    parameters = tool.get("parameters")
    parts = parameters.get("properties", {}) if isinstance(parameters, dict) else {}
    return [str(name) for name in parts] if isinstance(parts, dict) else []


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _stems(text: str) -> set[str]:
    words = _WORD.findall(_CAMEL.sub(" ", text.replace("_", " ")).lower())
    return {word[:5].rstrip("s") for word in words if len(word) > 2 and word not in _STOP}


def _other_script(text: str) -> bool:
    letters = [sign for sign in text if sign.isalpha()]
    return sum(not sign.isascii() for sign in letters) * 3 > len(letters)


# -- reasoning --------------------------------------------------------------------------------------------


def contradiction(row: Row) -> str:
    """Why some reasoning does not lead to what its message does ("" if nothing speaks against it)."""
    names = sorted({tool["function"]["name"] for tool in row.tools}, key=len, reverse=True)
    if not names:
        return ""
    intent = re.compile(_INTENT + rf"({'|'.join(re.escape(name) for name in names)})(?!\w|\.\w)", re.IGNORECASE)
    by_fold = {name.casefold(): name for name in names}
    for index, message in enumerate(row.messages):
        if reasoning := message.get("reasoning_content", ""):
            called = [call for call in row.calls() if call.message == index]
            if why := _contradicts(reasoning, called, intent, by_fold, sum(c.message > index for c in row.calls())):
                return f"message {index}: {why}"
    return ""


def _contradicts(reasoning: str, called: list[Call], intent: re.Pattern[str], names: dict[str, str], later: int) -> str:
    made = {squashed(call.name) for call in called}
    planned = [(match.start(), names[match[1].casefold()]) for match in intent.finditer(reasoning)]
    if called:
        against = list(_AGAINST.finditer(reasoning))
        last = against[-1] if against else None
        if last is not None and not _BUT.search(reasoning, last.end()) and not any(at > last.end() for at, _ in planned):
            return f"it says {last[0]!r} and calls {called[0].name}"
        if planned and not made & {squashed(name) for _, name in planned}:
            return f"it decides on {planned[-1][1]} and calls {called[0].name}"
        return next((why for call in called if (why := _other_values(reasoning, call))), "")
    if planned and not later and not _BUT.search(reasoning, planned[-1][0]) and _last_sentence(reasoning, planned[-1][0]):
        return f"it decides on {planned[-1][1]} and calls nothing"
    return ""


def _last_sentence(text: str, at: int) -> bool:
    return not re.search(r"[.!?]\s+\S", text[at:])


def _other_values(reasoning: str, call: Call) -> str:
    """Whether the reasoning writes this very call out with another value, as `name(key=value)`; only the last such text counts."""
    arguments = read_arguments(call.arguments).value
    at = reasoning.rfind(f"{call.name}(")
    if arguments is None or at < 0:
        return ""
    text = "f" + reasoning[at + len(call.name) : reasoning.find(")", at) + 1][:10_000]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = ast.parse(text, mode="eval").body
            stated = {k.arg: ast.literal_eval(k.value) for k in parsed.keywords if k.arg} if isinstance(parsed, ast.Call) else {}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    wrong = [key for key, value in stated.items() if key in arguments and str(arguments[key]) != str(value)]
    return f"it decides on {wrong[0]}={stated[wrong[0]]!r} and calls {call.name} with {str(arguments[wrong[0]])[:60]!r}" if wrong else ""
