"""Whether a reply declines: it says that this request, or a part of it, cannot be done here.

Heard is a clause that denies the assistant the ability, the means or the permission, or that calls the request not
possible. Not heard: that nothing was found or seen, what others or things cannot do, what failed and then went
through, what waits only for the user's word, a condition, a quotation. Law: a clause is judged alone, in time
proportional to it. All patterns read sentences as `sentences` gives them: small, short forms written out.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .sentences import KEPT, any_of, sentences, words

# -- words that rules share --------------------------------------------------------------------------------

_TOOL = r"(?:tools?|toolset|toolkit|functions?|functionalit(?:y|ies)|features?|abilit(?:y|ies)|capabilit(?:y|ies)|mechanism)"
_WAY = r"(?:ways?|means|methods?|possibilit(?:y|ies)|options?)"
_GAP = r"(?:(?!for\b|with\b|of\b|in\b|on\b|to\b|from\b|by\b|problems?\b|needs?\b|errors?\b|fees?\b|doubts?\b|more\b)[\w-]+ ){0,4}?"
_NEEDED = r"(?! (?:(?:\w+ )?(?:was|were|is|are|calls?) )?(?:needed|required|necessary))"
_IS_NEEDED = r"(?! (?:\w+ )?(?:was|were|is|are|calls?) (?:needed|required|necessary))"
_OPERATION = r"(?:requests?|operations?|actions?|tasks?|services?|functionality|features?|functions?|kind|sort)"
_REQUEST = (
    r"(?:(?:your |the |this |such (?:a |an )?|that |requested |kind of |these |those )+(?:\w+ )?"
    rf"{_OPERATION}(?: of \w+| for \w+)?|functionality)"
)
_GERUND = (  # what the request is about: `deleting accounts`
    r"(?:(?:^|\bthat )(?!(?:book|meet|park|board|smok|build|even|morn|noth|someth|anyth|everyth)ing (?:is|are|was|cannot|has|will"
    r"|does)\b)\w{2,}ing\b[^.!?]{0,60}?)"
)
_THIS = rf"(?:this|that|it|{_REQUEST}|{_GERUND})"
_MINE = (
    r"(?:my|our) (?:current |own )?(?:scope|reach|powers?|abilit\w+|capabilit\w+|remit|wheelhouse|field|area|domain|tools?|toolset"
    r"|toolkit|functions?"
    r"|competence|means|expertise|department|duties|role|gift|permissions?|control|limits?)"
)
_CAPABLE = (
    r"(?:able|equipped|capable|set up|built|made|programmed|designed|qualified|authori[sz]ed|allowed|permitted|meant"
    r"|in a position|entitled|trained)"
)
_DONE = r"(?:done|fulfilled|completed|performed|carried|handled|served|met|provided|supported|accomplished|processed|executed)"
_ALLOW = r"(?:let|allow|support|offer|cover|include|have|permit|provide|enable|do|extend)"

# -- how a sentence is taken apart -------------------------------------------------------------------------

_CLAUSE = any_of(
    r"(?<![.;!?:])[.;!?:]++\s+",
    r",\s+(?:and |but |so |yet |because |since |as |though |although |however |while )?",
    r"\s-\s",
    r"\s(?:but|because|though|although|however|yet|since|so that|and(?= (?:i|my|there|that)\b))\s(?=\w)",
)
_FILLERS = re.compile(
    r"\b(?:i am (?:very |so |really |terribly )?(?:sorry|afraid)(?: to say)?(?: that| but)?|sorry(?: but| mate)?"
    r"|(?:it )?(?:looks|seems|appears) (?:like|that|as if|to be)|to be|seem to"
    r"|(?:i|we) regret (?:to (?:say|inform you) )?that|please (?:note|be advised) that|i must (?:say|inform you|tell you) that"
    r"|right now|at the moment|at present|at this time|for now|i think|i fear|however|though|therefore|as things stand"
    r"|currently|unfortunately|regrettably|sadly|alas|apologies|really|simply|just|actually|even|also|yet|still|personally"
    r"|directly|rather|quite|presently)\b[ ,]*"
)

# -- what refuses ------------------------------------------------------------------------------------------

_UNABLE = any_of(  # what follows says what cannot be done
    r"\b(?:i|we|(?:my|these|the|our) (?:\w+ )?(?:tools|functions)) (?:cannot|could not|can no longer)(?P<do>[^.!?]*)",
    r"^(?:well |yeah |nope |no |so |oh )*(?:cannot|could not)(?P<bare>[^.!?]*)",
    rf"(?:\b(?:i am|i was|we are|we were|tools are|functions are|am|i have been)|^(?:well |so )?)\s?(?:unable|(?:not|never) {_CAPABLE})"
    r"(?: (?:too?|of|for)\b)?(?P<able>[^.!?]*)",
    r"\bi am [^.,;]{0,40}\band (?:cannot|could not)(?P<second>[^.!?]*)",
    r"\bnot (?:think|believe|see how|know how) (?:i|we) (?:can|could|would be able to|am able to)(?P<doubted>[^.!?]*)",
    r"\b(?:i|we) (?:will|would) not be (?:able|allowed) to(?P<later>[^.!?]*)",
)
_SEEKING = re.compile(  # what is not done by a tool, or only means that nothing was found
    r"(?:\w+ly |all )?(?:find|see|spot|detect|locate|notice|discover|think of|recall|remember|identify|make out|tell|wait|thank|complain"
    r"|agree|stress|help but|have|say|leave it|stand|bear|resist|imagine|recommend|say no|go wrong|believe|speak for|have been"
    r"|be (?:sure|certain|more|\w+er)\b"
    r"|guess|reach|connect|get through|confirm (?:whether|if|which)|exclude|rule out|understand|know|decide|distinguish|miss|beat"
    r"|choose|pick|read (?:your|minds)|judge|promise|emphasi[sz]e|(?:continue|proceed|go on|go ahead) without)\b"
)
_SEEKS_MEANS = re.compile(rf"(?:find|see|think of|know|spot|locate)\b.*\b(?:{_TOOL}|ways?|means)\b")
_NOT_DOABLE = any_of(
    rf"(?:^|\b){_THIS} cannot be {_DONE}\b",
    r"\bcannot be \w+(?: \w+){0,6} (?:tools?|functions?|by me|from here|with what i have|here)\b",
    rf"(?:^|\b(?:{_THIS}) )(?:is |are |was |be |remains |would be |am )?(?:\w+ )?(?:not (?:\w+ )?"
    r"(?:possible|supported|feasible|doable|offered|an option|implemented|something that is possible)|impossible)\b",
    r"\b(?:not (?:\w+ )?(?:possible|supported|feasible|doable)|impossible) (?:for me|for us|here|from here|with (?:my|what|the|these))\b",
    rf"\b{_REQUEST} (?:is |are )(?:\w+ )?(?:not (?:\w+ )?(?:available|provided|covered)|unavailable)\b",
    r"\bnot (?:\w+ ){0,3}?available (?:to me|for me|here|with my|in my|among)\b",
    r"^not (?:available|supported|possible)\b",
)
_NO_MEANS = any_of(
    rf"(?<!used )(?<!needed )(?<!use )(?<!need )(?<!has )(?<!contains )(?<!holds )(?<!shows )(?<!lists )\bno {_GAP}{_TOOL}\b(?! (?:in"
    rf"|of|on) (?:the|this|that|your)\b){_NEEDED}",
    r"\bnot (?!need|use|used|call|called|want|require|run|try|tried)(?:\w+ ){0,3}?(?:a|an|any|the|that|such|have) "
    rf"{_GAP}{_TOOL}\b{_IS_NEEDED}",
    r"\b(?:none|neither|not one|not any) of(?: [\w-]+){1,4}? (?:tools?|functions?)\b(?! (?:in|of|on|from|is|are|was|were)\b)",
    rf"\b(?:lack(?:s|ing)?|missing)(?: the| a| an| any)? {_GAP}{_TOOL}\b",
    rf"\b{_TOOL}\b[^.!?]{{0,80}}\b(?:missing|unavailable|withheld)\b",
    rf"\b{_TOOL}\b[^.!?]{{0,80}}\bnot (?:\w+ )?(?:available(?=$| to (?:me|us)| here| for (?:this|that|me))|exist|provided|present"
    rf"|given|there|offered|supported|included)\b",
    r"\b(?:i|we) lack (?:the|a|an|any)\b",
    rf"\b(?:no|not (?:\w+ ){{0,2}}?(?:a|any)) (?:(?!cheaper|better|other|faster|earlier|later)\w+ )?{_WAY}"
    r" (?:to(?! (?:tell|know|see|say|be)\b)|of \w+ing(?<!knowing)(?<!telling)|for me|for us|that|here|by which)\b",
    rf"\b{_TOOL} (?:has|have) no {_GAP}{_TOOL}\b",
    rf"\bno {_WAY}$",
    r"\b(?:i|we|my tools) (?:\w+ ){0,2}?(?:no|not have)(?: the| any| a)? "
    r"(?:access|rights?|means|permissions?|authority|authori[sz]ation|buttons?|commands?)\b",
    r"\bnothing (?:at hand |here |that )?(?:i|we|would|could|lets?|that would|which would)\b(?: (?:can|could|would))?"
    r" ?(?:do|let|help|offer)\b",
    r"\bi have (?:got )?nothing (?:for|that)\b|\bnothing (?:i|we) have (?:can|could|does|do|will|lets?)\b",
    r"\bnot have what it takes\b",
)
_TOOLS_DENY = any_of(
    r"\b(?:my|these|our|the|available|current) (?:[\w-]+ ){0,3}?(?:tools|functions|toolset|toolkit|functionality|features)"
    r"(?: (?:i have|at hand|available|at my disposal|that i have|here))? (?:do|does|did|will|would|can) ?not (?:\w+ )?"
    rf"{_ALLOW}",
    rf"\bcannot (?:let|allow|support|cover|do)\b.*\bmy {_TOOL}\b",
    r"\b(?:i|we) (?:do|does) not (?:support|offer|provide|cover|handle|do|have \w+ for that)\b",
    rf"\bno {_TOOL}(?: of mine)? (?:\w+s|can|does|will|allows?)\b{_NEEDED}",
)
_NONE_OF_THEM = any_of(  # where the sentence speaks of tools: `I would need a tool for it, and I don't have one`
    r"\b(?:there is not|do not have|have not got|have not|not see|not find|not know of) (?:one|any|it|either)\b",
    r"\bhave none\b|\bthere (?:is|are) none\b|\b(?:i|we) do not have$",
)
_BEYOND = any_of(
    r"\b(?:beyond|outside|outwith|out of|past|exceeds?|above|not within|not in|not part of|not among|not one of)(?: of)? "
    r"(?:(?:the )?(?:scope|reach|remit)\b|a bit of my|(?:the (?:limits?|range|things|bounds) (?:of )?)?(?:what |that )?(?:i"
    r"|we) (?:can|am|are|could|may|do)\b"
    rf"|(?:what )?(?:my|the|these) (?:tools|functions)\b|{_MINE}\b)",
    r"\bbeyond me\b|\b(?:outside|beyond) (?:\w+ ){0,3}(?:scope|remit|wheelhouse)\b",
    r"\bnot (?:something|a thing|anything|among|one of|an action)\b(?: \w+){0,4}? "
    rf"(?:(?:i|we) (?:can|could|am|are|do|have|offer|support|may)|my (?:tools|functions|toolset)|{_MINE}|available to me)\b",
)
_REFUSED = any_of(
    r"\b(?:must|have to|need to|will have to|going to have to) (?:decline|refuse|pass\b|turn (?:this|that|it|you) down)",
    r"\bi (?:decline|refuse) to\b(?! believe)|^no can do\b|\bnot my department\b|\bi wish i could\b|\bout of my hands\b",
)
_NOT_WITH = re.compile(r"\b(?:can|could) help with [\w ]{1,40}?,? (?:but )?not with\b")
_ONLY = any_of(
    r"\b(?:i|we|my tools|my functions|my abilities) (?:can|may) only (?P<verb>\w+)",
    r"\b(?:i am|(?:tools|functions|abilities|do|permissions) (?:is|are)) (?:\w+ )?(?:limited|restricted|confined) to\b",
    r"\b(?:i|my tools|my functions) only (?:handle|cover|deal with|do|have (?:access|tools|functions)|know about|work with|support|manage"
    r"|let me|allow)\b",
    r"\bi am only (?:able|here|meant|made|equipped)\b",
    r"\bonly (?:a|an|the|your) (?:\w+ ){1,3}can (?:do (?:that|it|this|so)|help)\b",
)
_HARMLESS_ONLY = words("see find recommend say guess hope imagine confirm repeat assume thank apologise apologize agree")
_JUST_NO = re.compile(r"^(?:(?:sorry|nope|oh|i am sorry|alas|well)[, ]*)*(?:no|nope)$")
_TOOLS = re.compile(rf"\b(?:{_TOOL}|access)\b")

# -- what takes that back ----------------------------------------------------------------------------------

_WAITS = any_of(
    r"\b(?:until|unless|before) (?:you|i (?:know|have)|we know)\b|\bbefore i can\b",
    r"\bwithout (?:knowing|(?:the|a|an|your|this|that|more|some) (?!(?:\w+ ){0,2}(?:tools?|functions?|access|permission)\b))",
)
_CONDITION = re.compile(r"^(?:(?:and|but|so) )?(?:if|should|unless|in case|even if|whenever|were|had)\b")
_OTHERS_SAY = any_of(
    r"\b(?:he|she|they|\w+'s|note|log|message|mail|line|file|it) (?:\w+ )?(?:says?|said|wrote|reads?|contains?|states?|told)\b",
    r"^according to\b",
)
_OTHERS = re.compile(
    r"\b(?:you|your (?!request)\w+|he|she|they|passengers|guests|members|nobody|no one) (?:\w+ )?"
    r"(?:cannot|have no|had no|are not|do not|does not|is not|will not|has no)\b"
)
_PAST = re.compile(r"\b(?:was|were|could not|did not|had|would not|failed|at first|initially)\b")
_WENT_WELL = any_of(
    r"\b(?:went through|worked|succeeded|success\w*|now it is|in the end|the next one did)\b",
    r"\b(?:is|are|it is|has been|have been|was) (?:now |then |finally )?"
    r"(?:done|confirmed|booked|paid|sent|saved|scheduled|complete|made|in place|there|on its way)\b",
    r"\bso i (?!need|stopped|skipped|declined|changed)(?:\w+ed|took|chose|put|went|set|made|used|wrote)\b",
    r"\bafter (?:a|the|another) (?:second|retry|attempt|further)\b",
)
_GLANCE = any_of(
    r"cannot|can no|could not|not\b|unable|\bno|none|neither|lack|only\b|limited|restricted|confined|beyond|outside|outwith|impossible",
    r"unavailable|missing|decline|refuse|pass\b|nothing|out of|wish|never|exceed|withheld|past what",
)


@lru_cache(maxsize=KEPT)
def declines(text: str) -> bool:
    """Whether a reply says that something that was asked for cannot be done."""
    whole = sentences(text)
    for number, sentence in enumerate(whole):
        if _GLANCE.search(sentence) is None or _OTHERS_SAY.search(sentence) is not None:
            continue
        if _refuses(sentence, f"{sentence} {' '.join(whole[number + 1 : number + 2])}"):
            return True
    return False


def _refuses(sentence: str, further: str) -> bool:
    """Whether a clause of a sentence refuses. `further`: the sentence and the next one, where a retry may be told."""
    if _CONDITION.search(sentence) is not None or _WAITS.search(sentence) is not None:
        return False
    if _JUST_NO.search(sentence.strip(" .!")) is not None or _NOT_WITH.search(sentence) is not None:
        return True
    mended = _WENT_WELL.search(further) is not None
    of_tools = _TOOLS.search(sentence) is not None
    for clause in _CLAUSE.split(sentence):
        plain = _FILLERS.sub("", clause.strip(" .!?,*->\"'")).strip()
        refuses = _clause_refuses(plain) or (of_tools and _NONE_OF_THEM.search(plain) is not None)
        if refuses and not (mended and _PAST.search(clause) is not None):
            return True
    return False


def _clause_refuses(clause: str) -> bool:
    if _GLANCE.search(clause) is None or _CONDITION.search(clause) is not None:
        return False
    if any(_is_inability(found) for found in _UNABLE.finditer(clause)):
        return True
    if any(pattern.search(clause) is not None for pattern in (_BEYOND, _REFUSED, _TOOLS_DENY)):
        return True
    if _OTHERS.search(clause) is None and (_NOT_DOABLE.search(clause) is not None or _NO_MEANS.search(clause) is not None):
        return True
    only = _ONLY.search(clause)
    return only is not None and (only["verb"] or "") not in _HARMLESS_ONLY


def _is_inability(found: re.Match[str]) -> bool:
    """Whether what somebody is unable to do is an act: not to find, to see, to wait; but finding no tool is one."""
    what = next((part.strip() for part in found.groups() if part is not None), "")
    return _SEEKING.match(what) is None or _SEEKS_MEANS.match(what) is not None
