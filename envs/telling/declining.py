"""Whether a reply declines: it says that this request, or a part of it, cannot be done here.

Heard is a clause that denies the assistant the ability, the means or the permission, or that calls the request not
possible. Not heard: that nothing was found or seen, what others or things cannot do, what failed and then went
through, what waits only for the user's word, a condition, a quotation. Law: a clause is judged alone, in time
proportional to it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .sentences import KEPT, sentences

_CLAUSE = re.compile(
    r"(?:(?<![.;!?:])[.;!?:]++\s+|,\s+(?:and |but |so |yet |because |since |as |though |although |however |while )?|\s-\s"
    r"|\s(?:but|because|though|although|however|yet|since|so that|and(?= (?:i|my|there|that)\b))\s(?=\w))"
)
_FILLERS = re.compile(
    r"\b(?:i am (?:very |so |really |terribly )?(?:sorry|afraid)(?: to say)?(?: that| but)?|sorry(?: but| mate)?"
    r"|(?:it )?(?:looks|seems|appears) (?:like|that|as if|to be)|"
    r"to be|i regret (?:to (?:say|inform you) )?that|we regret (?:to (?:say|inform you) )?that|please (?:note|be advised) that|"
    r"(?:right now|at the moment|at present|at this time|for now|i think|i fear|however|though|therefore)|"
    r"currently|unfortunately|regrettably|sadly|alas|apologies|really|simply|just|actually|even|also|yet|still|personally"
    r"|directly|rather|quite|presently|seem to)\b[ ,]*"
)
_TOOL = (
    r"(?:tools?|toolset|toolkit|functions?|functionalit(?:y|ies)|features?|abilit(?:y|ies)|capabilit(?:y|ies)|commands?"
    r"|operations?|actions?|buttons?|"
    r"mechanism|permissions?|authority|authori[sz]ation)"
)
_WAY = r"(?:ways?|means|methods?|possibilit(?:y|ies)|options?|chance|access|right)"
_GAP = r"(?:(?!for\b|with\b|of\b|in\b|on\b|to\b|from\b|by\b|problems?\b|needs?\b|errors?\b|fees?\b|doubts?\b|more\b)[\w-]+ ){0,4}?"
_THIS = (
    r"(?:this|that|it|(?:your |the |this |such (?:a |an )?|that |requested |kind of |these |those )+(?:\w+ )?(?:request"
    r"|operation|action|task|service|functionality|feature|function|kind|"
    r"sort|requests|operations|actions)(?: of \w+| for \w+)?|functionality|\w{3,}ing\b[^.!?]{0,60}?)"
)
_SEEKING = (
    r"(?:\w+ly )?(?:find|see|spot|detect|locate|notice|discover|think of|recall|remember|identify|make out|tell|wait|thank"
    r"|complain|agree|stress|help but|"
    r"resist|imagine|recommend|say no|go wrong|believe|speak for|have been|be (?:sure|certain|happier|easier)|guess|reach"
    r"|connect|get through|confirm (?:whether|if|which)|"
    r"exclude|rule out|understand|know|decide|distinguish|miss|choose|pick|read (?:your|minds)|judge|promise|emphasi[sz]e"
    r"|(?:continue|proceed|go on|go ahead) without)\b"
)
_UNABLE = re.compile(
    r"(?:\b(?:i|we|(?:my|these|the|our) (?:\w+ )?(?:tools|functions)) (?:cannot|could not|can no longer)|^(?:well |yeah |nope "
    r"|no |so |oh )*(?:cannot|could not))(?P<do>[^.!?]*)"
    r"|(?:\b(?:i am|i was|we are|we were|tools are|functions are|am|i have been)|^(?:well |so )?)\s?(?:unable|(?:not"
    r"|never) (?:able|equipped|capable|set up|built|made|"
    r"programmed|designed|qualified|authori[sz]ed|allowed|permitted|meant|in a position|entitled|trained))(?: (?:too?|of"
    r"|for)\b)?(?P<able>[^.!?]*)"
    r"|\b(?:i|we) (?:will|would) not be (?:able|allowed) to(?P<later>[^.!?]*)"
)
_PASSIVE = re.compile(
    rf"(?:^|\b){_THIS} cannot be (?:done|fulfilled|completed|performed|carried|handled|served|met|provided|supported"
    rf"|accomplished|processed|executed)\b"
    r"|\bcannot be \w+(?: \w+){0,6} (?:tools?|functions?|by me|from here|with what i have|here)\b"
)
_NO_TOOL = re.compile(
    rf"(?<!used )(?<!needed )(?<!use )(?<!need )\b(?:no|not (?!need|use|used|call|called|want|require|run|try"
    rf"|tried)(?:\w+ ){{0,3}}?(?:a|an|any|the|that|such|have)|(?:none|neither|not one|not any) of(?: \w+){{0,2}}?|"
    rf"lack(?:s|ing)?(?: the| a| an| any)?|missing(?: the| a| an| any)?) {_GAP}{_TOOL}\b(?! (?:\w+ )?(?:was|were|is|are|call"
    rf"|calls) (?:needed|required|necessary))"
    rf"|\b{_TOOL}\b[^.!?]{{0,80}}\b(?:missing|unavailable|withheld|not (?:\w+ )?(?:available|exist|provided|present|given|there"
    rf"|offered|supported|included))\b"
    rf"|\b(?:i|we) lack (?:the|a|an|any)\b"
)
_NO_WAY = re.compile(
    rf"\b(?:no|not (?:\w+ ){{0,2}}?(?:a|any)) (?:(?!cheaper|better|other|faster|earlier|later)\w+ )?{_WAY} (?:to|of|for me"
    rf"|for us|that|here|by which)\b|\bno {_WAY}$|\bnot have (?:the )?(?:access|rights?|means)\b"
    r"|\bnothing (?:at hand |here |that )?(?:i|we|would|could|lets?|that would|which would)\b(?: (?:can|could|would))? ?(?:do"
    r"|let|help|offer)\b|\bi have (?:got )?nothing (?:for|that)\b"
    r"|\bnot have what it takes\b"
)
_TOOLS_DENY = re.compile(
    rf"\b{_TOOL}(?: (?:i have|at hand|available|at my disposal|that i have|here))? (?:do|does|did|will|would|can)(?: not"
    rf"|not) (?:\w+ )?(?:let|allow|support|offer|cover|include|have|permit|provide|enable|do|extend)"
    rf"|\bcannot (?:let|allow|support|cover|do)\b.*\bmy {_TOOL}\b|\b(?:none|neither|no one|not one) of [\w ]{{0,20}}{_TOOL}\b"
    rf"|\b(?:i|we) (?:do|does) not (?:support|offer|provide|cover|handle|do|have \w+ for that)\b"
    rf"|\bno {_TOOL}(?: of mine)? (?:\w+s|can|does|will|allows?)\b"
)
_NO_ONE = re.compile(
    r"\b(?:there is not|do not have|have not got|have not|not see|not find|not know of) (?:one|any|it|either)\b|\bhave none\b"
    r"|\bthere is none\b"
)
_NOT_POSSIBLE = re.compile(
    rf"(?:^|\b(?:{_THIS}) )(?:is |are |was |be |remains |would be |am )?(?:\w+ )?(?:not (?:\w+ )?(?:possible|supported|feasible"
    rf"|doable|offered|an option|implemented|something that is possible)|impossible)\b"
    r"|\b(?:not (?:\w+ )?(?:possible|supported|feasible|doable)|impossible) (?:for me|for us|here|from here|with (?:my|what|the"
    r"|these))\b"
    rf"|\b{_THIS} (?:is |are )(?:\w+ )?(?:not (?:\w+ )?(?:available|provided|covered)|unavailable)\b"
    rf"|\bnot (?:\w+ ){{0,3}}?available (?:to me|for me|here|with my|in my|among)\b|^not (?:available|supported|possible)\b"
)
_BEYOND = re.compile(
    r"\b(?:beyond|outside|outwith|out of|past|exceeds?|above|not within|not in|not part of|not among"
    r"|not one of)(?: of)? (?:(?:the )?(?:scope|limits?|range|bounds|reach|remit|things)\b|a bit of my|what (?:i|we|my|these"
    r"|the tools)\b|(?:my|our) (?!expectation|account|home|folder|hands)\w+|me\b|these tools)"
    r"|\boutside (?:\w+ ){0,3}(?:scope|remit|wheelhouse)\b|\bnot (?:something|a thing|anything|what|among|one of|part of"
    r"|an action)\b(?: \w+){0,4}? (?:i|we|my|me)\b"
)
_ONLY = re.compile(
    r"\b(?:i|we|my tools|my functions|my abilities) (?:can|could|may) only (?P<verb>\w+)|\b(?:i am|we are|(?:tools|functions"
    r"|abilities|do|permissions) (?:is|are)) (?:\w+ )?(?:limited|restricted|confined) to\b"
    r"|\b(?:i|my tools|my functions) only (?:handle|cover|deal with|do|have (?:access|tools|functions)|know about|work with"
    r"|support|manage|let me|allow)\b|\bi am only (?:able|here|meant|made|equipped)\b"
    r"|\bonly (?:a|an|the|your) (?:\w+ ){1,3}can (?:do|help|change)\b"
)
_REFUSED = re.compile(
    r"\b(?:must|have to|need to|will have to|going to have to) (?:decline|refuse|pass\b|turn (?:this|that|it|you) down)"
    r"|\bi (?:decline|refuse) to\b|^no can do\b|\bnot my department\b|\bi wish i could\b"
    r"|\b(?:can|could) help with [\w ]{1,40}? not with\b"
)
_JUST_NO = re.compile(r"^(?:(?:sorry|nope|oh|i am sorry|alas|well)[, ]*)*(?:no|nope)$")
_HARMLESS_ONLY = frozenset(
    (
        "see", "find", "recommend", "say", "guess", "hope", "imagine", "confirm", "repeat", "assume", "thank",
        "apologise", "apologize", "agree",
    )
)  # fmt: skip
_WAITS = re.compile(
    r"\b(?:until|unless|before) (?:you|i (?:know|have)|we know)\b|\bbefore i can\b"
    r"|\bwithout (?:knowing|(?:the|a|an|your|this|that|more|some) (?!(?:\w+ ){0,2}(?:tools?|functions?|access|permission)\b))"
)
_CONDITION = re.compile(r"^(?:(?:and|but|so) )?(?:if|should|unless|in case|even if|whenever|were|had)\b")
_OTHERS = re.compile(
    r"\b(?:he|she|they|\w+'s|note|log|message|mail|line|file|it) (?:\w+ )?(?:says?|said|wrote|reads?|contains?|states?|told)\b"
    r"|^according to\b"
)
_PAST = re.compile(r"\b(?:was|were|could not|did not|had|would not|failed|at first|initially)\b")
_WENT_WELL = re.compile(
    r"\b(?:went through|worked|succeeded|success\w*|(?:is|are|it is|has been|have been|was) (?:now |then |finally )?(?:done"
    r"|confirmed|booked|paid|sent|saved|complete|made|in place|there|on its way)"
    r"|now it is|in the end|after (?:a|the|another) (?:second|retry|attempt|further))\b"
)
_YOU = re.compile(
    r"\b(?:you|your (?!request)\w+|he|she|they|passengers|guests|members|nobody|no one) (?:\w+ )?(?:cannot|have no|are not"
    r"|do not|does not|is not|will not|has no)\b"
)
_GLANCE = re.compile(
    r"cannot|can no|could not|not\b|unable|\bno|none|neither|lack|only\b|limited|restricted|confined|beyond|outside|outwith"
    r"|impossible|unavailable|missing|decline|"
    r"refuse|pass\b|nothing|out of|wish|never|exceed|withheld"
)


@lru_cache(maxsize=KEPT)
def declines(text: str) -> bool:
    """Whether a reply says that something that was asked for cannot be done."""
    whole = sentences(text)
    for number, sentence in enumerate(whole):
        if _GLANCE.search(sentence) is None or _OTHERS.search(sentence) is not None:
            continue
        if _refuses(sentence, sentence + " " + " ".join(whole[number + 1 : number + 2])):
            return True
    return False


def _refuses(sentence: str, further: str) -> bool:
    """Whether a clause of a sentence refuses. `further`: the sentence and the next one, where a retry may be told."""
    if _CONDITION.search(sentence) is not None or _WAITS.search(sentence) is not None:
        return False
    if _JUST_NO.search(sentence.strip(" .!")) is not None:
        return True
    tools = re.search(rf"\b{_TOOL}\b", sentence) is not None
    for clause in _CLAUSE.split(sentence):
        plain = _FILLERS.sub("", clause.strip(" .!?,*->\"'")).strip()
        if not _clause_refuses(plain) and not (tools and _NO_ONE.search(plain) is not None):
            continue
        if _PAST.search(clause) is None or _WENT_WELL.search(further) is None:
            return True
    return _REFUSED.search(sentence.replace(",", "")) is not None


def _clause_refuses(clause: str) -> bool:
    if _GLANCE.search(clause) is None or _CONDITION.search(clause) is not None:
        return False
    for found in _UNABLE.finditer(clause):
        what = (found["do"] or found["able"] or found["later"] or "").strip()
        if re.match(_SEEKING, what) is None or (
            re.search(rf"\b(?:{_TOOL}|ways?|means)\b", what) and re.match(r"(?:find|see|think of|know|spot|locate)\b", what)
        ):
            return True
    if any(pattern.search(clause) is not None for pattern in (_BEYOND, _REFUSED, _TOOLS_DENY)):
        return True
    if _YOU.search(clause) is None and any(pattern.search(clause) is not None for pattern in (_PASSIVE, _NO_TOOL, _NO_WAY, _NOT_POSSIBLE)):
        return True
    found_only = _ONLY.search(clause)
    return found_only is not None and (found_only["verb"] or "") not in _HARMLESS_ONLY
