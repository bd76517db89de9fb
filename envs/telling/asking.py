"""Whether a reply asks for a certain thing: by its names, its kind, and the words of a question.

A sentence asks if it is a question to the user, a request to say something, or a statement of need. It asks *for the
thing* if it names it, says it by the words of its kind (`how much`, `when`, `what should it say`), or points back to the
sentence before that names it. Not heard: offers of help, `is that all right?`, a request to check something, a question
that the reply answers itself, the user's own question quoted. What is meant by a kind stands in `topics.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .sentences import KEPT, any_of, level, sentences, small_of
from .topics import Topic, topic_of

# -- what asks ---------------------------------------------------------------------------------------------

_SAY = (  # some of them are nouns too: `status open, name Rossi`
    r"(?:tell|provide|specify|clarify|choose|pick|select|confirm|give|indicate|supply|advise|let me know|send me|point me|remind me"
    r"|describe|say|enter|fill in|decide"
    r"|(?:name|list|state|type|share|mention|spell)(?= (?:the|an?|your|me|which|what|it|how|one|where|when|for|to)\b))"
)
_TELL_ME = any_of(
    r"(?:^|[,;:-] ?|\b(?:please|kindly|just|and|so|then|but|simply|best|as soon as you|(?:need|like|ask) you to"
    r"|(?:could|can|would|will) you|you (?:could|can|tell|would|must)|you (?:would|will) have to|(?:once|when|until|after|if) you) )"
    rf"(?:please |kindly |just |first |also )*{_SAY}\b(?!(?: me)? (?:that|if|whether) (?!.*\bor\b)| you\b)",
    r"\b(?:may|might) i (?:have|ask|know)\b",
    r"\bi would (?:like|love|be (?:glad|grateful|happy)) (?:to (?:know|ask|have)|if)\b",
    r"^[\w ]{1,24},? please\b\W*$|\bplease$",
)
_SAID = r"(?:said|say|told|tell|given|give|mention(?:ed)?|specif(?:y|ied)|stated?|named?)"
_NEED = any_of(
    r"\bi (?:(?:will|would|do|still|also|only|just|really|first|then|must|have|to) ){0,4}(?:need|require|lack|miss|must know"
    r"|have to (?:know|ask)|would have to)\b(?! (?:nothing|no\b|everything|to (?:tell|say|add|inform|warn)))",
    r"\b(?:all|what) i (?:still )?need (?:\w+ )?is\b|\bi am (?:\w+ )?(?:missing|lacking)\b",
    r"\b(?:is|are|remains?|seems?) (?:\w+ )?(?:missing|needed|required|unclear|not clear|unknown|not specified|open(?=\W*$))\b",
    r"\b(?:one|some) (?:thing|detail|piece|bit)s?\b.*\bmissing\b",
    rf"\byou (?:have not|did not|do not|never)(?: yet| quite| really)? {_SAID}\b",
    r"\b(?:not (?:quite |really |entirely )?(?:sure|certain)|unsure|unclear|not clear|not (?:yet )?know|cannot tell|wondering)\b.*"
    r"\b(?:which|what|how|when|where|who|whom|whose)\b",
    r"\bwithout (?:the|a|an|your|knowing)\b.*\b(?:cannot|unable|will not|not able)\b|\b(?:cannot|unable|will not"
    r"|not able)\b.*\bwithout\b",
    r"\b(?:once|as soon as|when|until) i (?:know|have)\b|\b(?:help|good|useful|nice) (?:a lot )?to know\b",
)
_POINTING = any_of(
    r"\bwhich (?:one|of|do|should|would|did|shall|is|was|you)\b|\bwhat (?:is it|should it|would it|shall it)\b",
    r"\bthe (?:first|second) or\b|\b(?:former|latter)\b|\bor the (?:other|second|last|one|\S+ one)\b|\bthis one or\b|\b(?:pick"
    r"|choose) one\b|\byou mean\b",
)

# -- what only looks like it -------------------------------------------------------------------------------

_OFFER = any_of(  # of a clause
    r"\b(?:any|no|some)thing (?:else|more|further)\b|\b(?:can|could|may) (?:i )?(?:help|assist)|\bfurther (?:help|questions)"
    r"|\bmore questions",
    r"^\W*(?:(?:and|so|or|now) )?(?:(?:do|would) you (?:want|like|need)(?: me)? to(?! (?:use|choose|take|pick|tell|say))|want me to"
    r"|(?:do you )?(?:need|want) (?:a|an|any|one|more)\b)",
    r"\bif you (?:want|like|wish|prefer|need)\b|\bfeel free\b|\bjust (?:say so|shout)\b|\blet me know (?:if|whether)\b|\bif that helps\b",
    r"^\W*would you like (?:a|an|the) (?:receipt|copy|summary|overview|new)\b",
)
_CONFIRMS = any_of(
    r"\b(?:is|was|are|does) (?:that|this|it|everything|all) (?:all )?(?:right|ok|okay|correct|fine|good|what you|clear|enough|work)\b",
    r"\b(?:ok|okay|happy|fine)(?: for you| with (?:that|it|this))\b|\bsounds? good\b|\bdid (?:it|that|everything)\b|\bare you sure\b",
    r"\bdo you really\b|\b(?:shall|should) i (?:really|go ahead|proceed|continue)\b",
    r"^(?!.*\b(?:which|what|how|when|where|whom?|whose|or)\b)(?:.*[,:] |\W*)(?:\w+ )?(?:shall|should|may|can) i (?!ask|have|know)",
    r",? (?:right|ok|okay|correct|(?:is|are|was|were|do|does|did|have|has|had|will|would|could|should) not "
    r"(?:it|you|they|he|she|we|i|that)|would you|will you)\?$",
)
_ERRAND = re.compile(
    r"\b(?:could|can|would|will|may) you (?:please |kindly |maybe |perhaps |just |also )*(?:check|verify|look|have|take|review|try"
    r"|wait|see"
    r"|test|open|inspect|make sure|approve|log|sign|go|call|hold|wish)\b"
)
_RHETORICAL = any_of(
    r"^(?:and |so |but )?(?:why|did you know|guess what|who knows|what if|how come|how else|do you know that)\b|^(?:could|can|would"
    r"|might|will) (?:the|that|this)\b|\bmind if i\b",
    r"^(?:has|have|had|did|does|was|were)\b(?!.*\b(?:you (?:mean|want|like|prefer|have)|your)\b)",
)
_ADDRESSED = re.compile(r"\b(?:you|your|yours|i|me|shall|should|please|we should)\b")
_FOLLOWED = re.compile(r"^(?:i|then|once|without|so|as soon|please|you|there|it|several|both|also|just)\b")
_ANSWERED = re.compile(r"^(?:because|well|mostly|simple|simply|turns out|the answer)\b|^\W*[\d€$£]")
_QUOTING = re.compile(r"\b(?:you (?:\w+ )?(?:asked|wanted to know|were asking|wondered)|your question|as requested|i asked)\b")
_NO_NEED = any_of(
    r"\bno [\w ]{1,30}(?:needed|required|missing)\b|\bno need\b|\bnothing\b|\beverything i need|\ball i need(?!(?: \w+)? is)\b",
    r"\bnot (?:needed|required|missing)\b|\bdid tell\b|\bnot matter\b|\bno questions\b",
    r"\bso i (?!need)(?:\w+ed|took|used|gave|chose|put|went|set|kept|made)\b|\bif (?:the|that|this|it)\b[^,]*\bnot\b",
)
_GLANCE = re.compile(
    r"[?]|\b(?:tell|provide|specify|clarify|name|choose|pick|select|confirm|give|share|state|enter|indicate|supply|advise"
    r"|let me know|send me"
    r"|say|need|require|missing|lack|know|clear|sure|unclear|without|grateful|decide|type|spell|list|mention|told|said|you|open"
    r"|please|pls|plz)\b"
)
_NO_FOCUS = r"(?!(?:one|ones|of|exactly|is|are|was|else|about|should|shall|do|does|did|would|will|can|could|may|to|you|i|we)\b)"
_FOCUS = re.compile(  # `which booking should the bags go on?` is about the booking
    rf"\b(?:which|what|how many)(?:'s)? (?P<focus>{_NO_FOCUS}(?:[\w']+ ){{1,4}}?)"
    r"(?=(?:should|shall|do|does|did|would|will|can|could|is|are|was|may|you|i|to|be)\b)"
)


def asks(text: str, names: tuple[str, ...], kinds: tuple[str, ...] = ()) -> bool:
    """Whether a raw text asks for what is called by one of `names`, of certain `kinds` beside those its names say."""
    if not names and not kinds:
        return False
    topic = topic_of(names, kinds)
    return any(_is_about(part, topic) for part in _asked(text))


def _is_about(part: str, topic: Topic) -> bool:
    """Whether what asks is about a topic."""
    if topic.questions.search(part) is not None:
        return True
    if topic.called.search(part) is None:
        return False
    focuses = [found["focus"] for found in _FOCUS.finditer(part)]
    return not focuses or part.count("?") > 1 or any(topic.called.search(focus) is not None for focus in focuses)


@lru_cache(maxsize=KEPT)
def _asked(text: str) -> tuple[str, ...]:
    """The sentences that ask, each with those beside it where it points to one."""
    if _GLANCE.search(small_of(level(text))) is None:
        return ()
    whole = sentences(text)
    found = []
    for number, sentence in enumerate(whole):
        part = _asking(sentence, whole[number + 1] if number + 1 < len(whole) else "")
        if part:
            near = [whole[n] for n in (number - 1, number + 1) if 0 <= n < len(whole) and "?" not in whole[n]]
            found.append(" | ".join([*near, part]) if near and _POINTING.search(part) is not None else part)
    return tuple(found)


def _asking(sentence: str, following: str) -> str:
    """What of a sentence asks the user to say something; "" if nothing does."""
    if _QUOTING.search(sentence) is not None:
        return ""
    left = ",".join([clause for clause in sentence.split(",") if _OFFER.search(clause) is None]).strip()
    if not left.strip(" .?!"):
        return ""
    if "?" in left:
        idle = any(pattern.search(sentence) is not None for pattern in (_CONFIRMS, _ERRAND, _RHETORICAL))
        return "" if idle or _is_answered(left, following) else left
    if "?" in sentence and len(left) * 2 < len(sentence):
        return ""
    if _NO_NEED.search(sentence) is None and (_TELL_ME.search(left) is not None or _NEED.search(left) is not None):
        return left
    return ""


def _is_answered(question: str, following: str) -> bool:
    """Whether the reply goes on with the answer to a question that it puts to nobody."""
    if _ANSWERED.match(following) is not None:
        return True
    if not following or "?" in following or _FOLLOWED.match(following) is not None:
        return False
    return _ADDRESSED.search(question) is None and len(question.split()) > 3
