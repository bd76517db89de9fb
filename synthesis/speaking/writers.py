"""Tooling and Querying on a model: it words, rules decide.

Tooling rewords the advanced tool and its goals; what the user must state and wants to hear is found by rule from the
round, because the checks of the task hang on it. Querying sees the brief alone and writes the message. Laws: neither is
shown a value that only results show, nor (querying) a tool's name; what a model leaves out, adds or gives away is
refused with the reason.
"""

from __future__ import annotations

from random import Random

from ...agents.policy import AssistantMessage
from ...envs.messages import user_message
from ..brief import Brief, is_secret, make_brief, states
from ..navigator import Rejected
from ..phrasing import quoted, words
from ..plan import PlannedCall, Round
from ..query import Query, leaks
from ..roles import NoAnswer, Scene
from .forms import BriefForm, QueryForm, Unusable, as_tool, read_form
from .speaker import Voice
from .wording import check_asked, check_stated, check_wording, listed

_EARLIER = 1500  # characters of what the user said before that a model sees


class ModelTooling:
    """Writes briefs; raises `Rejected("tooling_refused")` where the model gives none."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def brief(self, round_: Round, scene: Scene, rng: Random) -> Brief:
        """The brief of a round."""
        base = make_brief(round_, scene.rounds, scene.said, scene.style, rng)
        values = [f"{words(item.parameter)}: {quoted(item.value, scene.style)}" for item in base.tool.exposed]
        work = self._voice.prompt.fill(
            "work", calls=listed(_shown(call) for call in round_.calls), goals=listed(base.goals), values=listed(values)
        )
        talk = [{"role": "system", "content": self._voice.prompt.fill("rules")}, user_message(work)]
        names = {call.name for call in round_.calls}

        def read(answer: AssistantMessage) -> BriefForm:
            form = read_form(answer, BriefForm)
            if len(form.goals) != len(base.goals):
                raise Unusable(f"there are {len(base.goals)} goals, and you gave {len(form.goals)}")
            if form.name in names:
                raise Unusable(f"{form.name} is the name of one of the calls")
            text = "\n".join((form.description, *form.goals))
            for goal, kept in zip(form.goals, base.goals, strict=True):
                check_wording(goal, (base.tool.description, *values), kept)
            check_wording(form.description, (base.tool.description, *base.goals, *values), "")
            if found := [value for r in (*scene.rounds, round_) for value in leaks(text, r)]:
                raise Unusable(f"it gives {found[0]} away, which only results show")
            return form

        try:
            form = await self._voice.ask(talk, [as_tool(BriefForm)], read, round_.turn)
        except NoAnswer as error:
            raise Rejected("tooling_refused", str(error)) from None
        return _reworded(base, form, scene.said)


def _reworded(base: Brief, form: BriefForm, said: str) -> Brief:
    goals = tuple(form.goals)
    text = f"{said}\n{' '.join(goals)}"
    facts = [(item.parameter, item.value) for item in base.tool.exposed if not states(text, item.parameter, item.value)]
    facts = sorted([fact for place, fact in enumerate(facts) if fact not in facts[:place]], key=lambda fact: not is_secret(fact[0]))
    return Brief(base.tool._replace(name=form.name, description=form.description), goals, base.answers, tuple(facts))


def _shown(call: PlannedCall) -> str:
    """A call without its values: where each comes from instead."""
    parts = []
    for name, bound in call.bound.items():
        source = (
            f"from the result of {bound.seen.tool}" if bound.seen is not None else "the user says it" if bound.kind == "user" else "fixed"
        )
        parts.append(f"{name} ({source})")
    return f"{call.name}: {call.tool.summary} Arguments: {', '.join(parts) or 'none'}"


class ModelQuerying:
    """Writes the user's messages; raises `Rejected("querying_refused")` where the model gives none."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def write(self, brief: Brief, scene: Scene, rng: Random) -> Query:
        """The user's message."""
        prompt, persona = self._voice.prompt, scene.persona
        values = [f"{words(item.parameter)}: {quoted(item.value, scene.style)}" for item in brief.tool.exposed]
        requests = [answer.request for answer in brief.answers]
        filled = prompt.fill("brief", goals=listed(brief.goals), values=listed(values), requests=listed(requests))
        if scene.said:
            filled = f"{filled}\n\n{prompt.fill('earlier', said=scene.said[-_EARLIER:])}"
        manner = f"{persona.name}, as in: {' '.join(frame.format('...') for frame in (*persona.frames, *persona.wishes))}"
        talk = [{"role": "system", "content": prompt.fill("rules", persona=manner)}, user_message(filled)]

        def read(answer: AssistantMessage) -> str:
            text = read_form(answer, QueryForm).message.strip()
            check_stated(text, brief.tool.exposed, scene.said, scene.style)
            check_wording(text, (*values, *requests, scene.said), " ".join(brief.goals))
            check_asked(text, brief.answers)
            return text

        try:
            text = await self._voice.ask(talk, [as_tool(QueryForm)], read, len(scene.rounds))
        except NoAnswer as error:
            raise Rejected("querying_refused", str(error)) from None
        return Query(text, persona.name, ("model",))
