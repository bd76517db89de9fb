"""What of a message is said and what only thought: the one place that tells them apart.

Models think aloud, in markup of several families: `<think>...</think>` and its kin, `[THINK]...[/THINK]`, the channels of
Harmony (`<|channel|>analysis<|message|>...`). A server that does not take it away hands it on as content. Laws:

- A thought opens where the content begins, where a thought has just ended, or on a line that holds nothing but the tag.
  It ends at the first closing tag of its name, or with the content where there is none.
- A closing tag whose opening tag stands nowhere before it ends a thought that the model's template opened: all before it.
- Everywhere else a tag is text: in code (a fence, or between backticks), in quotes, in the middle of a sentence. Whoever
  writes about a tag at the beginning of a reply writes it as code.
- Of Harmony, what is written to `final` is said, and what is written to `commentary` for nobody but the user.

Not here: what is done with a thought. Records keep content verbatim; verdicts look at `spoken(content)` alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_NAMES = r"(?:think|thinking|thoughts?|reasoning|reflection|seed:think)"
_FORMS = (  # opening, closing; what stands in the group of the first stands in the place of {} in the second
    (rf"<({_NAMES})(?: [^<>]{{0,200}})?>", r"</ ?{} ?>"),
    (r"\[(THINK|THINKING)\]", r"\[/{}\]"),
    (r"<\|(begin_of_thought)\|>", r"<\|end_of_thought\|>"),
    (r"<\|(START_THINKING)\|>", r"<\|END_THINKING\|>"),
    (r"◁(think)▷", r"◁/{}▷"),
)
_OPENS = re.compile("|".join(opening for opening, _ in _FORMS), re.IGNORECASE)
_CLOSES = re.compile(rf"</ ?({_NAMES}) ?>|\[/(THINK|THINKING)\]|<\|(end_of_thought)\|>|<\|(END_THINKING)\|>|◁/(think)▷", re.IGNORECASE)
_OPENED_BY = {"end_of_thought": "begin_of_thought", "end_thinking": "start_thinking"}
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)([^<]{0,400})(?:<\|constrain\|>[^<]{0,400})?<\|message\|>", re.IGNORECASE)
_SEGMENT_ENDS = re.compile(r"<\|(?:end|return|call|start|channel)\|>", re.IGNORECASE)
_BARE, _BARE_FINAL = "analysis", "assistantfinal"  # Harmony whose markers a server dropped
_RUNS = re.compile(r"`+|~{3,}")
_QUOTES = frozenset("\"'“‘«")
_MOST = 16  # thoughts in the middle of a text; each costs a look at the rest of it
_BLANK = 80  # of a line, beside a tag that has it to itself

_Span = tuple[int, int]


class Parts(NamedTuple):
    """A content taken apart: what was thought (its pieces, a line each) and what is said."""

    thought: str
    said: str


def spoken(content: str) -> str:
    """What of a content is said; the content itself where nothing in it is a thought."""
    return content if _is_plain(content) else apart(content).said


def apart(content: str) -> Parts:
    """Thought and speech of a content; see the module for what counts as which."""
    if _is_plain(content):
        return Parts("", content)
    thoughts: list[str] = []
    said = _by_tags(_by_channel(content, thoughts), thoughts)
    if not thoughts:
        return Parts("", content)
    return Parts("\n".join([piece for part in thoughts if (piece := part.strip())]), said.strip())


def _is_plain(content: str) -> bool:
    """Whether there is no markup in it."""
    if "<" not in content and "[" not in content and "◁" not in content:
        return not content.lstrip().startswith(_BARE)
    return not ("<|" in content or _OPENS.search(content) or _CLOSES.search(content) or content.lstrip().startswith(_BARE))


# -- tags -------------------------------------------------------------------------------------------------


def _by_tags(content: str, thoughts: list[str]) -> str:
    """What is left of a content without its tagged thoughts, which are added to `thoughts`."""
    said: list[str] = []
    rest = content
    for _ in range(_MOST):
        rest = _without_leading(rest, thoughts)
        found = _Tags(rest).first()
        if found is None:
            break
        begin, inner, ending, after = found
        said.append(rest[:begin])
        thoughts.append(rest[inner:ending])
        rest = rest[after:]
    return "".join([*said, rest])


def _without_leading(content: str, thoughts: list[str]) -> str:
    """The content from where the thoughts at its beginning have ended."""
    at = begin = len(content) - len(content.lstrip())
    while (match := _OPENS.match(content, at)) is not None:
        closing = _closing_of(match).search(content, match.end())
        thoughts.append(content[match.end() : closing.start() if closing else len(content)])
        begin = closing.end() if closing else len(content)
        at = begin + len(content[begin : begin + 400]) - len(content[begin : begin + 400].lstrip())
    return content[begin:] if at != begin or thoughts else content


class _Tags:
    """The tags of a text that does not begin with a thought."""

    def __init__(self, text: str) -> None:
        self.text, self._code = text, _code_of(text)

    def first(self) -> tuple[int, int, int, int] | None:
        """Where the first thought begins, where its words begin and end, and where the text goes on; None where there is none."""
        lone = self._lone()
        for match in _OPENS.finditer(self.text):
            if lone is not None and lone[0] < match.start():
                break
            if self._is_alone(match.span()):
                ending = _closing_of(match).search(self.text, match.end())
                return (match.start(), match.end(), *(ending.span() if ending else (len(self.text), len(self.text))))
        return None if lone is None else (0, 0, *lone)

    def _lone(self) -> _Span | None:
        """The first closing tag that ends a thought which nothing here opened."""
        opened: set[str] = set()
        opening = [match for match in _OPENS.finditer(self.text) if not self._is_code(match.start())]
        place = 0
        for match in _CLOSES.finditer(self.text):
            if self.is_quoted(match.start()):
                continue
            while place < len(opening) and opening[place].start() < match.start():
                opened.add(_name(opening[place]))
                place += 1
            if _name(match) not in opened or self._is_alone(match.span()):
                return match.span()
        return None

    def _is_alone(self, span: _Span) -> bool:
        """Whether a tag has its line to itself, and is no quotation."""
        before = self.text[max(0, span[0] - _BLANK) : span[0]].rstrip(" \t\r")
        after = self.text[span[1] : span[1] + _BLANK].lstrip(" \t\r")
        begins = before.endswith("\n") or (not before and span[0] <= _BLANK)
        ends = after.startswith("\n") or (not after and span[1] + _BLANK >= len(self.text))
        return begins and ends and not self._is_code(span[0])

    def _is_code(self, place: int) -> bool:
        index = bisect_right(self._code, (place, len(self.text))) - 1
        return index >= 0 and place < self._code[index][1]

    def is_quoted(self, place: int) -> bool:
        """Whether a tag stands in code, or behind a quotation mark."""
        return self._is_code(place) or self.text[max(0, place - 1) : place] in _QUOTES


def _name(match: re.Match[str]) -> str:
    found = next(group for group in match.groups() if group).casefold()
    return _OPENED_BY.get(found, found)


def _closing_of(match: re.Match[str]) -> re.Pattern[str]:
    index, name = next((number, group) for number, group in enumerate(match.groups()) if group)
    return re.compile(_FORMS[index][1].format(re.escape(name)), re.IGNORECASE)


def _code_of(text: str) -> list[_Span]:
    """Where code stands, in order: fences that are closed, and spans between equal runs of backticks within a paragraph."""
    runs = [match.span() for match in _RUNS.finditer(text)]
    following: dict[int, int] = {}
    after = [0] * len(runs)
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        after[index] = following.get(length, -1) if text[runs[index][0]] == "`" else -1
        following[length] = index if text[runs[index][0]] == "`" else following.get(length, -1)
    spans: list[_Span] = []
    hopeless: dict[str, int] = {}  # sign -> from which length on a fence is known to be left open
    index = 0
    while index < len(runs):
        start, end = runs[index]
        closing = after[index]
        if _is_fence(text, runs[index]):
            sign, known = text[start], hopeless.get(text[start], len(text) + 1)
            closing = -1
            if end - start < known:
                closing = next((n for n in range(index + 1, len(runs)) if _ends_fence(text, runs[index], runs[n])), -1)
            if closing < 0:
                hopeless[sign] = min(known, end - start)
        elif closing >= 0 and "\n\n" in text[end : runs[closing][0]]:
            closing = -1
        if closing >= 0:
            spans.append((start, runs[closing][1]))
            index = closing
        index += 1
    return spans


def _is_fence(text: str, run: _Span) -> bool:
    before = text[text.rfind("\n", 0, run[0]) + 1 : run[0]]
    return run[1] - run[0] >= 3 and len(before) <= 3 and not before.strip(" ")


def _ends_fence(text: str, begun: _Span, run: _Span) -> bool:
    if text[run[0]] != text[begun[0]] or run[1] - run[0] < begun[1] - begun[0] or not _is_fence(text, run):
        return False
    after = text.find("\n", run[1])
    return not text[run[1] : after if after >= 0 else len(text)].strip()


# -- channels ---------------------------------------------------------------------------------------------


def _by_channel(content: str, thoughts: list[str]) -> str:
    """What Harmony says to the user; the content as it stands where it is none."""
    if content.lstrip().startswith(_BARE) and (final := content.find(_BARE_FINAL)) >= 0:
        thoughts.append(content[:final])
        return content[final + len(_BARE_FINAL) :]
    tags = _Tags(content)
    heads = [match for match in _CHANNEL.finditer(content) if not tags.is_quoted(match.start())]
    if not heads:
        return content
    said: list[str] = []
    first = _SEGMENT_ENDS.search(content)
    assert first is not None  # a channel's own marker is one
    opened_before = first[0].casefold() == "<|end|>"  # a thought that the template opened ends here
    (thoughts if opened_before else said).append(content[: first.start()])
    for head in heads:
        ending = _SEGMENT_ENDS.search(content, head.end())
        words = content[head.end() : ending.start() if ending else len(content)]
        speaks = head[1].casefold() == "final" or (head[1].casefold() == "commentary" and "to=" not in head[2])
        (said if speaks else thoughts).append(words)
    return "\n".join([piece for part in said if (piece := part.strip())])
