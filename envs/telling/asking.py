"""Whether a reply asks for a certain thing: by its names, its kind, and the words of a question.

A sentence asks if it is a question to the user, a request to say something, or a statement of need. It asks *for the
thing* if it names it, says it by the words of its kind (`how much`, `when`, `what should it say`), or points back to the
sentence before that names it. Not heard: offers of help, `is that all right?`, a request to check something, a question
that the reply answers itself, the user's own question quoted. What is meant by a kind stands in `topics.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .sentences import KEPT, level, sentences, small_of
from .topics import Topic, topic_of

_OFFER = re.compile(
    r"\b(?:any|no|some)thing (?:else|more|further)\b|\b(?:can|could|may) (?:i )?(?:help|assist)|\bfurther (?:help|questions)"
    r"|\bmore questions"
    r"|^\W*(?:(?:and|so|or|now) )?(?:(?:do|would) you (?:want|like|need)(?: me)? to(?! (?:use|choose|take|pick|tell|say))"
    r"|want me to|(?:do you )?(?:need|want) (?:a|an|any|one|more)\b)"
    r"|\bif you (?:want|like|wish|prefer|need)\b|\bfeel free\b|\bjust (?:say so|shout)\b|\blet me know (?:if|whether)\b"
    r"|\bif that helps\b"
    r"|^\W*would you like (?:a|an|the) (?:receipt|copy|summary|overview|new)\b"
)
_CONFIRMS = re.compile(
    r"\b(?:is|was|are|does) (?:that|this|it|everything|all) (?:all )?(?:right|ok|okay|correct|fine|good|what you|clear|enough"
    r"|work)\b|\b(?:ok|okay|happy|fine)(?: for you| with (?:that|it|this))\b"
    r"|\bsounds? good\b|(?<!whom )(?<!what )(?<!which )\b(?:shall|should) i (?:go ahead|proceed|continue|do (?:it|that|so)"
    r"|send it|start)\b|\bdid (?:it|that|everything)\b|\bare you sure\b|\bdo you really\b"
    r"|,? (?:right|ok|okay|correct|(?:is|are|was|were|do|does|did|have|has|had|will|would|could|should) not (?:it|you|they|he"
    r"|she|we|i|that)|would you|will you)\?$"
)
_ERRAND = re.compile(
    r"\b(?:could|can|would|will|may) you (?:please |kindly |maybe |perhaps |just |also )*"
    r"(?:check|verify|look|have|take|review|try|wait|see|test|open|inspect|make sure|approve|log|sign|go|call|hold|wish)\b"
)
_RHETORICAL = re.compile(
    r"^(?:and |so |but )?(?:why|did you know|guess what|who knows|what if|how come|how else)\b"
    r"|^(?:has|have|had|did|does|was|were)\b(?!.*\b(?:you (?:mean|want|like|prefer|have)|your)\b)"
)
_ADDRESSED = re.compile(r"\b(?:you|your|yours|i|me|shall|should|please|we should)\b")
_FOLLOWED = re.compile(r"^(?:i|then|once|without|so|as soon|please|you|there|it|several|both|also|just)\b")
_ANSWERED = re.compile(r"^(?:because|well|mostly|simple|simply|turns out|the answer)\b")
_QUOTING = re.compile(r"\b(?:you (?:\w+ )?(?:asked|wanted to know|were asking|wondered)|your question|as requested|i asked)\b")
_SAY = (
    r"(?:tell|provide|specify|clarify|name|choose|pick|select|confirm|give|share|state|enter|indicate|supply|advise|spell|type"
    r"|let me know|send me|"
    r"point me|remind me|describe|say|list|mention|fill in|decide|add)"
)
_TELL_ME = re.compile(
    rf"(?:^|[,;:(-] ?|\b(?:please|kindly|just|and|so|then|but|simply|to|(?:could|can|would|will) you|you (?:could|can|tell|would"
    rf"|must)|you (?:would|will) have to|(?:once|when|until|after|if) you|"
    rf"as soon as you|(?:need|like|ask) you to|have to|best) )(?:please |kindly |just |first |also )*{_SAY}\b(?! (?:that|if"
    rf"|whether) (?:it|you|this|there|i)\b)"
    r"|\bmay i (?:have|ask|know)\b|\bmight i (?:have|ask|know)\b|\bi would (?:like|love|be (?:glad|grateful"
    r"|happy)) (?:to (?:know|ask|have)|if)\b|^[\w ]{1,24},? please\b\W*$|\bplease$"
)
_NEED = re.compile(
    r"\bi (?:(?:will|would|do|still|also|only|just|really|first|then|must|have|to) ){0,4}(?:need|require|lack|miss|must know"
    r"|have to (?:know|ask)|would have to)\b(?! (?:nothing|no\b|everything))"
    r"|\b(?:all|what) i (?:still )?need (?:\w+ )?is\b|\bi am (?:\w+ )?(?:missing|lacking)\b"
    r"|\b(?:is|are|remains?|seems?) (?:\w+ )?(?:missing|needed|required|unclear|not clear|unknown|not specified|open)\b"
    r"|\b(?:one|some) (?:thing|detail|piece|bit)s?\b.*\bmissing\b"
    r"|\byou (?:have not|did not|do not|never)(?: yet| quite| really)? (?:said|say|told|tell|given|give|mention(?:ed)?"
    r"|specif(?:y|ied)|stated?|named?)\b"
    r"|\b(?:not (?:quite |really |entirely )?(?:sure|certain)|unsure|unclear|not clear|not (?:yet )?know|cannot tell"
    r"|wondering)\b.*\b(?:which|what|how|when|where|who|whom|whose)\b"
    r"|\bwithout (?:the|a|an|your|knowing)\b.*\b(?:cannot|unable|will not|not able)\b|\b(?:cannot|unable|will not"
    r"|not able)\b.*\bwithout\b|\b(?:once|as soon as|when|until) i (?:know|have)\b"
    r"|\b(?:help|good|useful|nice) (?:a lot )?to know\b"
)
_NO_NEED = re.compile(
    r"\bno [\w ]{1,30}(?:needed|required|missing)\b|\bno need\b|\bnothing\b|\beverything i need|\ball i need(?!(?: \w+)? is)\b"
    r"|\bnot (?:needed|required|missing)\b|\bdid tell\b|\bnot matter\b|\bno questions\b"
)
_POINTING = re.compile(
    r"\b(?:which (?:one|of|do|should|would|did|shall|is|was|you)|what (?:is it|should it|would it|shall it)|the (?:first"
    r"|second) or|(?:former|latter)|or the (?:other|second|last|one|\S+ one)|"
    r"this one or|pick one|choose one)\b"
)
_GLANCE = re.compile(
    r"[?]|\b(?:tell|provide|specify|clarify|name|choose|pick|select|confirm|give|share|state|enter|indicate|supply|advise"
    r"|let me know|send me|say|need|require|missing|lack|know|clear|sure|"
    r"unclear|without|grateful|decide|type|spell|list|mention|told|said|you|open|please|pls|plz)\b"
)
_FOCUS = re.compile(
    r"\b(?:which|what|how many)(?P<short>'s)? (?P<focus>(?!(?:one|ones|of|exactly|is|are|was|else|about|should|shall|do|does"
    r"|did|would|will|can|could|may|to|you|i|we)\b)(?:[\w']+ ){1,4}?)(?=(?:should|shall|do|does|did|would|will|can|could|is|are"
    r"|was|may|you|i|to|be)\b)"
)


def asks(text: str, names: tuple[str, ...], kinds: tuple[str, ...] = ()) -> bool:
    """Whether a raw text asks for what is called by one of `names`, of certain `kinds` beside those its names say."""
    if not names and not kinds:
        return False
    topic = topic_of(names, kinds)
    return any(_is_about(part, topic) for part in _asked(text))


def _is_about(part: str, topic: Topic) -> bool:
    """Whether what asks is about a topic: `which booking should the bags go on` is about the booking."""
    if topic.questions.search(part) is not None:
        return True
    found = _FOCUS.search(part)
    if found is None or topic.called.search(part) is None:
        return topic.called.search(part) is not None
    said = [match["focus"] for match in _FOCUS.finditer(part)]
    return any(topic.called.search(focus) is not None for focus in said) or part.count("?") > 1


@lru_cache(maxsize=KEPT)
def _asked(text: str) -> tuple[str, ...]:
    """The sentences that ask, each with the one before where it points back."""
    if _GLANCE.search(small_of(level(text))) is None:
        return ()
    whole = sentences(text)
    found = []
    for number, sentence in enumerate(whole):
        part = _asking(sentence, whole[number + 1] if number + 1 < len(whole) else "")
        if part:
            points = _POINTING.search(part) is not None and number > 0
            found.append(f"{whole[number - 1]} | {part}" if points else part)
    return tuple(found)


def _asking(sentence: str, following: str) -> str:
    """What of a sentence asks the user to say something; "" if nothing does."""
    if _QUOTING.search(sentence) is not None:
        return ""
    left = ",".join([clause for clause in sentence.split(",") if _OFFER.search(clause) is None]).strip()
    if not left.strip(" .?!"):
        return ""
    if "?" in left:
        if _CONFIRMS.search(sentence) or _ERRAND.search(sentence) or _RHETORICAL.search(left) or _is_answered(left, following):
            return ""
        return left
    if "?" in sentence and len(left) * 2 < len(sentence):
        return ""
    if _NO_NEED.search(sentence) is None and (_TELL_ME.search(left) is not None or _NEED.search(left) is not None):
        return left
    return ""


def _is_answered(question: str, following: str) -> bool:
    """Whether the reply goes on with the answer to a question that it puts to nobody."""
    if _ANSWERED.match(following) is not None:
        return True
    plain = following and "?" not in following
    return bool(plain) and _ADDRESSED.search(question) is None and _FOLLOWED.match(following) is None and len(question.split()) > 3
