"""Who plays the four roles: a policy and a prompt for each, or the template where there is none.

    make_cast({"reasoning": {"policy": "chat", "model": "...", "base_url": "..."}})

A `ModelCast` gives every candidate a session of its own, with its voices, meters and exchanges. Laws: one policy object
serves all roles that name the same policy and options; no hint, gold or prompt of a role is part of a sample. Not here:
the loop over candidates (`pipeline.py`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...agents.executors.station import player_of, source_of
from ...agents.policy import Policy
from ...agents.registry import make_policy
from ...envs.errors import RunError, shorten
from ..chain import Attempt
from ..roles import Roles, template_roles
from .speaker import ROLES, Speaker, Voice, prompt_of
from .thinkers import ModelCritiquing, ModelReasoning
from .writers import ModelQuerying, ModelTooling

CANDIDATES, AHEAD = 10, 8
_MADE = {"tooling": ModelTooling, "querying": ModelQuerying, "reasoning": ModelReasoning, "critiquing": ModelCritiquing}
_OURS = ("policy", "prompt", "tries", "price")
KINDS = (  # how a failed attempt is counted: the first of these that its reason holds
    ("unseen_value", "unseen_value"), ("no usable message", "no_usable_message"), ("no reply", "no_reply"),
    ("reasoning speaks", "speaks_of_guidance"), ("answer speaks", "speaks_of_guidance"), ("repeats a hint", "speaks_of_guidance"),
    ("does not tell", "answer_not_told"), ("is not needed", "needless_call"), ("is missing", "missing_call"),
    ("comes too early", "too_early"), ("there is no tool", "unknown_tool"), ("no JSON", "no_json"), ("differ", "wrong_argument"),
    ("the state", "wrong_state"), ("no result shows", "not_looked_up"),
)  # fmt: skip


class ModelCast:
    """The four agents of a run, at least one of them a model.

    Args:
        speakers: of the roles that models play; templates play the others. candidates: most that an index gets.
            ahead: indices under way at once. prices: role -> money for a million (prompt, completion) tokens.
            keep_exchanges: whether sessions keep what was said.
    """

    def __init__(
        self,
        speakers: Iterable[Speaker],
        *,
        candidates: int = CANDIDATES,
        ahead: int = AHEAD,
        prices: Mapping[str, tuple[float, float]] | None = None,
        keep_exchanges: bool = False,
    ) -> None:
        self.speakers = {speaker.role: speaker for speaker in speakers}
        if not self.speakers or candidates < 1 or ahead < 1:
            raise RunError("models play at least one role, with one candidate and one index at once or more")
        self.candidates, self.ahead, self.keep_exchanges = candidates, ahead, keep_exchanges
        self.prices = dict(prices or {})

    @property
    def config(self) -> dict[str, Any]:
        """What decides the samples."""
        return {
            "candidates": self.candidates,
            **{role: self.speakers[role].config if role in self.speakers else "template" for role in ROLES},
        }

    def begin(self, index: int, attempt: int, name: str, env: str = "") -> ModelSession:
        """The roles of one candidate."""
        return ModelSession(self, {"index": index, "attempt": attempt, "name": name, "env": env})

    async def prepare(self) -> None:
        """Prepare each policy once. Raises `RunError` if no request could ever work."""
        for policy in self._policies():
            if prepare := getattr(policy, "prepare", None):
                await prepare()

    async def close(self) -> None:
        """Close each policy once."""
        for policy in self._policies():
            if close := getattr(policy, "close", None):
                await close()

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels: policies made by name are made again over there, one for all the roles that share it."""
        parts = [(speaker.role, source_of(speaker.policy), speaker.prompt, speaker.tries) for speaker in self.speakers.values()]
        return _made_again, (parts, self.candidates, self.ahead, self.prices, self.keep_exchanges)

    def _policies(self) -> list[Policy]:
        return list({id(speaker.policy): speaker.policy for speaker in self.speakers.values()}.values())


def _made_again(
    parts: Sequence[tuple[str, Any, Any, int]], candidates: int, ahead: int, prices: dict[str, tuple[float, float]], keep_exchanges: bool
) -> ModelCast:
    policies: dict[int, Policy] = {}
    for _, source, _, _ in parts:
        if id(source) not in policies:
            policies[id(source)] = player_of(source)
    speakers = [Speaker(role, policies[id(source)], prompt, tries) for role, source, prompt, tries in parts]
    return ModelCast(speakers, candidates=candidates, ahead=ahead, prices=prices, keep_exchanges=keep_exchanges)


class ModelSession:
    """The roles of one candidate; see `Session`."""

    def __init__(self, cast: ModelCast, place: dict[str, Any]) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.attempts: Counter[str] = Counter()
        self._place, self._chains = place, 0
        kept = self.exchanges if cast.keep_exchanges else None
        self._voices = {role: Voice(speaker, place, kept) for role, speaker in cast.speakers.items()}
        self._keeps = cast.keep_exchanges
        usual = template_roles()
        made: dict[str, Any] = {role: _MADE[role](self._voices[role]) if role in self._voices else getattr(usual, role) for role in ROLES}
        self.roles = Roles(**made, watch=self._watch)

    @property
    def usage(self) -> dict[str, dict[str, int]]:
        """Role -> counts, of the roles that models play."""
        return {role: dict(voice.usage) for role, voice in self._voices.items()}

    def _watch(self, turn: int, attempts: Sequence[Attempt]) -> None:
        self.attempts.update(attempt_kind(attempt.why) for attempt in attempts if attempt.why)
        self._chains += 1
        if self._keeps:
            place = {name: self._place[name] for name in ("index", "attempt", "env")}
            self.exchanges.append({
                "id": f"{place['index']}.{place['attempt']}.chain.{self._chains}", **place, "role": "chain", "turn": turn,
                "attempts": [
                    {"k": a.k, "why": a.why, "hint": a.hint, "calls": [{"name": c.name, "arguments": c.arguments} for c in a.calls]}
                    for a in attempts
                ],
            })  # fmt: skip


def attempt_kind(why: str) -> str:
    """The short name under which a failed attempt is counted."""
    return next((kind for words, kind in KINDS if words in why), "other")


def make_cast(
    options: Mapping[str, Mapping[str, Any]],
    *,
    candidates: int = CANDIDATES,
    ahead: int = AHEAD,
    keep_exchanges: bool = False,
) -> ModelCast:
    """A cast from the options of each role: `policy` (a name of `make_policy`, or `template`), `prompt`, `tries`, `price`
    (`(prompt, completion)` for a million tokens), and those of the policy. A role without options is a template.

    Raises `RunError` for what cannot be used.
    """
    policies: dict[str, Policy] = {}
    speakers, prices = [], {}
    for role, given in options.items():
        if role not in ROLES:
            raise RunError(f"there is no role {shorten(role)}; the roles are {', '.join(ROLES)}")
        name = str(given.get("policy", "chat"))
        if not given or name == "template":
            continue
        own = {key: value for key, value in given.items() if key not in _OURS}
        key = json.dumps([name, own], sort_keys=True, default=str)
        if key not in policies:
            try:
                policies[key] = make_policy(name, **own)
            except ValueError as error:  # what the policy itself says of its options
                raise RunError(f"the {role} role, policy {shorten(name)}: {error}") from None
        speakers.append(Speaker(role, policies[key], prompt_of(role, str(given.get("prompt", ""))), given.get("tries", 3)))
        if "price" in given:
            prices[role] = _price(given["price"])
    return ModelCast(speakers, candidates=candidates, ahead=ahead, prices=prices, keep_exchanges=keep_exchanges)


def _price(given: Any) -> tuple[float, float]:
    parts = given.split(",") if isinstance(given, str) else given
    try:
        found = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        found = ()
    if len(found) != 2 or not all(0 <= part < 1e9 for part in found):
        raise RunError(f"a price is money for a million prompt and completion tokens, as 0.5,2; got {shorten(str(given))}")
    return found[0], found[1]
