"""How one server wants to be asked, where that is no choice of the user's and changes no answer.

Laws: it is learned from the server's own refusal, of the first request before a run (that reasoning of earlier turns is
wanted shows later, and is learned then), told once (`notes`), and never part of what a run records as its config, since any
server that takes the same options gives the same answers. Not here: what the user has to decide (`preflight.py` tells that).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .refusing import read_refusal
from .retrying import Fault

_REFUSED = re.compile(r"unsupported|not supported|unrecogni[sz]ed|unknown|unexpected|extra inputs|not permitted|instead|deprecated", re.I)
_ONLY_STREAMS = re.compile(
    r"only supports? (the )?stream|stream(ing)?( mode)? (is|must be|should be|has to be) (required|enabled|set to true|true|on)"
    r"|(must|please|required to) (be )?(set|enable|use) (the )?`?stream"
    r"|non-?stream\w*( calls?| mode| requests?)?( \w+){0,2} (not|un)\s?support"
    r"|(not|un)\s?support\w*( \w+){0,2} non-?stream|false for non-streaming calls",
    re.IGNORECASE,
)
_WANTS_BACK = re.compile(
    r"(reasoning\w*|thinking|thought\w*)\W.{0,120}\b(missing|must be (passed|sent|included)|passed back|required)"
    r"|missing a? ?`?(reasoning|thinking|thought)",
    re.IGNORECASE,
)


@dataclass(eq=False)
class Manner:
    """A way of asking.

    Attributes:
        limit: the field that bounds the tokens of an answer. stream: ask for an event stream. usage: ask for the counts of
            tokens in it. whole: send back what it attached in earlier turns too. notes: what was learned, in words for people.
    """

    limit: str = "max_tokens"
    stream: bool = False
    usage: bool = True
    whole: bool = False
    notes: list[str] = field(default_factory=list)

    def adapt(self, fault: Fault, where: str) -> bool:
        """Learn from a refusal of a request that was made in this manner; False if it teaches nothing."""
        if fault.status not in (400, 404, 422):
            return False
        refusal = read_refusal(fault.body)
        said, param = refusal.said, refusal.param
        if self.limit == "max_tokens" and "max_completion_tokens" in said and _REFUSED.search(said) and "too large" not in said:
            self.limit = "max_completion_tokens"
            self.notes.append(f"{where} takes max_completion_tokens instead of max_tokens; max_tokens is sent under that name")
            return True
        if not self.stream and _ONLY_STREAMS.search(said):
            self.stream = True
            self.notes.append(f"{where} answers in event streams alone; stream=true from now on")
            return True
        if self.stream and self.usage and ("stream_options" in param or "stream_options" in said):
            self.usage = False
            self.notes.append(f"{where} refuses stream_options; tokens are counted where it tells them unasked")
            return True
        return False

    def wants_whole(self, fault: Fault, where: str) -> bool:
        """Learn that messages of earlier turns have to go back whole, from a refusal of a request in which they did not."""
        if fault.status not in (400, 422) or not _WANTS_BACK.search(fault.said):
            return False
        if not self.whole:
            self.whole = True
            self.notes.append(f"{where} wants the reasoning of earlier turns back; attached=all from now on")
        return True
