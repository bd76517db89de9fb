"""Yes and no: whether a reply says that something holds, or that it does not."""

from __future__ import annotations

import re

from .sentences import sentences

_YES = re.compile(
    r"^(?:yes|yep|yeah|yup|correct|right|indeed|certainly|sure|true)\b(?! (?:thing|away|now))|\b(?:true|enabled|activated|active|yes)\b"
    r"|(?:\b(?:is|are|was|were|stays?|set to|now|still|already)|'s|:) on(?=$|[.,;!?)| ])(?! (?:the|a|an|your|its|my|\d|\w+day"
    r"|hold|time|top)\b)|^on[.!]?$"
    r"|\b(?:turned|switched|turn|switch) (?:\w+ ){0,2}on\b"
)
_NO = re.compile(
    r"^(?:no|nope)\b(?=[.,;:!-]|$| (?:it|that|this|there|they|he|she|you|your|the)\b)|^(?:false|not? (?:at all|really))\b"
    r"|\b(?:false|disabled|deactivated|inactive)\b"
    r"|(?:\b(?:is|are|was|were|stays?|set to|now|still|already)|'s|:) off(?=$|[.,;!?)| ])(?! (?:the|a|to)\b)|^off[.!]?$"
    r"|\b(?:turned|switched|turn|switch) (?:\w+ ){0,2}off\b"
)
_DENIAL = re.compile(r"\b(?:not|no|never|without|none|neither)\b|n't\b|\bcannot\b")
_DENIED = re.compile(r"(?:\b(?:not|never|no longer|neither)|n't)(?: (?:\w+)){0,2} $")


def says_flag(text: str, wanted: bool, about: tuple[str, ...] = ()) -> bool:
    """Whether a raw text says yes (`wanted`) or no. With `about`, a sentence with one of its words says it by being denied or not."""
    words = [word for part in about for word in part.casefold().split()]
    for sentence in sentences(text):
        if words and any(word in sentence for word in words):
            if (_DENIAL.search(sentence) is None and _NO.search(sentence) is None) == wanted:
                return True
            continue
        if _says(sentence, wanted):
            return True
    return False


def _says(sentence: str, wanted: bool) -> bool:
    for pattern, meant in ((_YES, True), (_NO, False)):
        for found in pattern.finditer(sentence):
            denied = _DENIED.search(sentence[max(0, found.start() - 30) : found.start()]) is not None
            if (meant != denied) == wanted:
                return True
    return False
