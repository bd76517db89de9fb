"""The advanced tool T_adv: one composite that hides a round's calls (FunReason-MT, arXiv 2510.24645, Eq. 3).

Exposed parameters are what the user says: the arguments whose source is the user, and the words that point at
things which only results show. Everything else is hidden: it flows from call to call. The body is the call plan
with references instead of values, so an advanced tool is *executable*, also from other seeds with other exposed
values; its returns are the outputs of the sinks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..envs.binding import follow
from ..envs.tool import ToolResult
from ..envs.worldset import WorldSet
from .plan import PlannedCall, Reference, Round
from .references import matches


class Exposed(NamedTuple):
    """A parameter of an advanced tool: the call and argument it fills, and the value of the original round."""

    name: str
    call: str
    parameter: str
    value: Any


class Hidden(NamedTuple):
    """An argument that flows from a result: the producing call, the path there, and how it is picked."""

    call: str
    path: str
    reference: Reference


class StepPlan(NamedTuple):
    """One call of the body: argument -> exposed name, hidden flow, or a constant `(value,)`."""

    id: str
    tool: str
    arguments: dict[str, str | Hidden | tuple[Any]]


class Executed(NamedTuple):
    """What executing an advanced tool gave: the results by call id, and the name of the step that failed, if any."""

    results: dict[str, ToolResult]
    failed: str = ""


class AdvancedTool(NamedTuple):
    """A composite tool.

    Attributes:
        name, description: as the querying agent sees them; the sub-tools are never named there.
        exposed: its parameters. steps: the body. returns: ids of the calls whose outputs it returns.
    """

    name: str
    description: str
    exposed: tuple[Exposed, ...]
    steps: tuple[StepPlan, ...]
    returns: tuple[str, ...]

    def execute(
        self,
        worlds: WorldSet,
        values: dict[str, Any] | None = None,
        earlier: dict[str, Any] | None = None,
        swap: tuple[str, str, Any] | None = None,
    ) -> Executed:
        """Run the body on `worlds` (which change); stops at the first call that fails.

        Args:
            worlds: the state to act on. values: exposed name -> value, default those of the original round.
            earlier: results of earlier turns (call id -> plain data), for values that flow from there.
            swap: (call id, argument, value) that replaces one hidden argument: another reading of the query.
        """
        given = {item.name: item.value for item in self.exposed} | (values or {})
        seen: dict[str, Any] = dict(earlier or {})
        results: dict[str, ToolResult] = {}
        for step in self.steps:
            try:
                arguments = {name: self._resolve(part, given, seen) for name, part in step.arguments.items()}
            except LookupError:
                return Executed(results, step.id)
            if swap is not None and swap[0] == step.id:
                arguments[swap[1]] = swap[2]
            result = worlds.call(step.tool, arguments)
            results[step.id] = result
            if result.error is not None:
                return Executed(results, step.id)
            seen[step.id] = result.value
        return Executed(results)

    @staticmethod
    def _resolve(part: str | Hidden | tuple[Any], given: dict[str, Any], seen: dict[str, Any]) -> Any:
        if isinstance(part, str):
            return given[part]
        if isinstance(part, tuple) and not isinstance(part, Hidden):
            return part[0]
        return pick_value(seen[part.call], part.path, part.reference)

    def schema(self) -> dict[str, Any]:
        """The tool as a model sees it: exposed parameters only, typed by their values."""
        kinds = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
        properties = {item.name: {"type": kinds.get(type(item.value), "string")} for item in self.exposed}
        parameters = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
        return {"type": "function", "function": {"name": self.name, "description": self.description, "parameters": parameters}}


def has_rivals(data: Any, path: str) -> bool:
    """Whether what stands at a path in a result is one of several objects of a list. Raises LookupError for no such path."""
    siblings = follow(data, path[: path.rindex("[")]) if "[" in path else None
    return isinstance(siblings, list) and sum(isinstance(item, dict) for item in siblings) > 1


def pick_value(data: Any, path: str, reference: Reference) -> Any:
    """The value at `path` in a result, its list index chosen anew by the reference's words.

    Raises LookupError where no single object answers the words.
    """
    start = path.rfind("[")
    if start < 0 or (not reference.where and reference.pick.partition(":")[0] not in ("min", "max")):
        return follow(data, path)
    end = path.index("]", start)
    siblings = follow(data, path[:start])
    if not isinstance(siblings, list):
        raise LookupError(path)
    rest = path[end + 1 :].lstrip(".")
    inner = rest.rpartition(".")[0]
    holders = [_holder(item, inner) for item in siblings]
    fitting = [
        i
        for i, h in enumerate(holders)
        if h is not None and matches(reference, h, [o for j, o in enumerate(holders) if j != i and o is not None])
    ]
    if len(fitting) != 1:
        raise LookupError(path)
    return follow(siblings[fitting[0]], rest)


def _holder(item: Any, inner: str) -> dict[str, Any] | None:
    try:
        found = follow(item, inner)
    except LookupError:
        return None
    return found if isinstance(found, dict) else None


def compose(round_: Round, name: str, description: str) -> AdvancedTool:
    """The advanced tool of a round."""
    exposed: list[Exposed] = []
    steps: list[StepPlan] = []
    taken: set[str] = set()
    for call in round_.calls:
        arguments: dict[str, str | Hidden | tuple[Any]] = {}
        for parameter, bound in call.bound.items():
            if bound.seen is not None:
                arguments[parameter] = Hidden(bound.seen.call, bound.seen.path, call.refs[parameter])
            elif bound.kind == "user":
                label = _free(parameter, call, taken)
                taken.add(label)
                exposed.append(Exposed(label, call.id, parameter, bound.value))
                arguments[parameter] = label
            else:
                arguments[parameter] = (bound.value,)
        steps.append(StepPlan(call.id, call.name, arguments))
    return AdvancedTool(name, description, tuple(exposed), tuple(steps), tuple(call.id for call in round_.sinks()))


def _free(parameter: str, call: PlannedCall, taken: set[str]) -> str:
    if parameter not in taken:
        return parameter
    label = f"{parameter}_{call.name}"
    while label in taken:
        label += "_2"
    return label
