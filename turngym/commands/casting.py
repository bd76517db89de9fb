"""The options of `synthesize` that put models into the four roles.

    --teacher chat --base-url U --model M        all four on one server; --model alone means the same
    --reasoning-model BIG --model SMALL          one role on another model
    --role reasoning.temperature=0.7             an option of one role: of its policy, or prompt, tries, price, policy

Law: a role that no option gives a policy or a model is played by its template. Not here: what a cast does.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..envs.errors import RunError, shorten
from .setting import BaseUrl, PolicyOptions, values_of

if TYPE_CHECKING:
    from ..synthesis.speaking import ModelCast


class RolesName(StrEnum):
    """Who plays the four roles."""

    template = "template"
    model = "model"


class ModeName(StrEnum):
    """What an answer has to share with gold."""

    strict = "strict"
    state = "state"


Teacher = Annotated[
    str | None,
    typer.Option("--teacher", "--policy", help="Who plays the four roles: chat, vllm, transformers, or module:object; template for none."),
]
Model = Annotated[str | None, typer.Option(help="The model of all four roles, as its server calls it; alone it means --policy chat.")]
OfTooling = Annotated[str | None, typer.Option("--tooling-model", help="The model that words the briefs.")]
OfQuerying = Annotated[str | None, typer.Option("--querying-model", help="The model that writes the user's messages.")]
OfReasoning = Annotated[str | None, typer.Option("--reasoning-model", help="The model that answers step by step.")]
OfCritiquing = Annotated[str | None, typer.Option("--critiquing-model", help="The model that gives hints.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """The options, as given."""

    roles: Annotated[RolesName | None, typer.Option(help="Who plays the four roles; model if one is named.", show_default=False)] = None
    policy: Teacher = None
    option: PolicyOptions = None
    model: Model = None
    base_url: BaseUrl = None
    tooling_model: OfTooling = None
    querying_model: OfQuerying = None
    reasoning_model: OfReasoning = None
    critiquing_model: OfCritiquing = None
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE.NAME=VALUE", help="An option of one role; ROLE.policy=template leaves it out.")
    ] = None
    price: Annotated[str | None, typer.Option(metavar="IN,OUT", help="Money for a million prompt and completion tokens.")] = None
    tries: Annotated[int, typer.Option(min=1, help="Times a model is asked for one answer.")] = 3
    candidates: Annotated[int, typer.Option(min=1, help="Candidates for a sample until it is given up.")] = 10
    concurrency: Annotated[int, typer.Option(min=1, help="Samples under way at once.")] = 8
    keep_exchanges: Annotated[bool, typer.Option(help="Keep all that was said in DIR/exchanges.")] = False

    def cast(self) -> ModelCast | None:
        """The cast that the options name; None for templates alone. Raises `RunError`."""
        given = self.by_role()
        named = any(options.get("policy", "chat") != "template" for options in given.values())
        if self.roles == RolesName.template or (self.roles is None and not named):
            self._refuse_idle()
            return None
        if not named:
            raise RunError("--roles model needs models; give --model NAME of a server, or --policy NAME")
        from ..synthesis.speaking import make_cast

        return make_cast(given, candidates=self.candidates, ahead=self.concurrency, keep_exchanges=self.keep_exchanges)

    def by_role(self) -> dict[str, dict[str, Any]]:
        """Role -> options, of the roles that have any policy."""
        from ..synthesis.speaking import ROLES

        own = self._own(ROLES)
        found = {}
        for role in ROLES:
            model = getattr(self, f"{role}_model") or own[role].get("model")
            policy = own[role].get("policy") or self.policy or ("chat" if model or self.model else None)
            if policy is None:
                continue
            given = {"price": self.price, "tries": self.tries}
            if policy == (self.policy or "chat"):
                given |= {"base_url": self.base_url, "model": self.model, **values_of(self.option or ())}
            given |= {**own[role], "policy": policy, **({"model": model} if model else {})}
            found[role] = {name: value for name, value in given.items() if value is not None}
        return found

    def _own(self, roles: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {role: {} for role in roles}
        for pair in self.role or ():
            role, dot, rest = pair.partition(".")
            if role not in found or not dot:
                raise RunError(f"--role {shorten(pair)} is no ROLE.NAME=VALUE; the roles are {', '.join(roles)}")
            found[role] |= values_of([rest])
        return found

    def _refuse_idle(self) -> None:
        usual = Casting(roles=self.roles)
        idle = [part.name for part in fields(self) if getattr(self, part.name) != getattr(usual, part.name)]
        if idle:
            raise RunError(f"--{idle[0].replace('_', '-')} says how models play, and no model does; give --roles model with --model NAME")
