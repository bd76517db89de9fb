"""Laws of conduct: what must hold of every single call, judged from the watched walk."""

from __future__ import annotations

from ..graph import ToolGraph
from ..signature import Parameter
from ..tool import Tool
from ..world import World
from .case import Case
from .frozen import differences, picture
from .report import Note

_OFTEN = 150


def reads_change_nothing(case: Case) -> str | None:
    """A tool without `writes=` leaves state and clock as they are and answers the same when asked again."""
    return case.evidence.broken.get("reads-change-nothing")


def writes_declared(case: Case) -> str | None:
    """A tool changes only the tables and cells it names in `writes=`."""
    return case.evidence.broken.get("writes-declared")


def writes_happen(case: Case) -> str | None:
    """Every table and cell named in `writes=` is really written by some call; judged where a tool succeeded often."""
    seen, seldom = case.evidence, ""
    for name, tool in case.cls.tools.items():
        idle, count = sorted(tool.writes - seen.written.get(name, set())), seen.succeeded[name]
        if idle and count >= _OFTEN:
            return f"{name} declares writes={idle}, which none of its {count} successful calls wrote; drop it, or make it reachable"
        if idle:
            seldom = seldom or f"{name} was not seen to write {idle} in {count} successful calls, too few to judge"
    return Note(seldom) if seldom else None


def atomic(case: Case) -> str | None:
    """A call that gives an error leaves the state exactly as it was."""
    return case.evidence.broken.get("atomic")


def no_internal_errors(case: Case) -> str | None:
    """No call, legal or hostile, makes a tool fail inside."""
    return case.evidence.broken.get("no-internal-errors")


def errors_helpful(case: Case) -> str | None:
    """Every error says in one line of words what was wrong, without traces and addresses."""
    return case.evidence.broken.get("errors-helpful")


def results_typed(case: Case) -> str | None:
    """Every result is plain JSON that its return type reads back to the same text; no NaN, no address."""
    return case.evidence.broken.get("results-typed")


def invariants_hold(case: Case) -> str | None:
    """`invariants()` finds nothing after any call, and itself changes nothing."""
    return case.evidence.broken.get("invariants-hold")


def advance_holds(case: Case) -> str | None:
    """Time may pass at any moment: `on_advance` raises nothing and breaks no invariant."""
    if case.foreign and case.cls.on_advance is World.on_advance:
        return Note("passed over: it does not know of simulated time")
    return case.evidence.broken.get("advance-holds")


def ids_minted(case: Case) -> str | None:
    """A new id looks as its `Key` says and is the first free one of its kind, whatever else was called."""
    if case.foreign:
        return Note("passed over: it makes its ids itself")
    return case.evidence.broken.get("ids-minted")


def tools_succeed(case: Case) -> str | None:
    """Every tool succeeds in some random call with values from results, facts, draws and defaults."""
    seen = case.evidence
    for name, tool in case.cls.tools.items():
        if not seen.succeeded[name]:
            why = seen.refusals.get(name) or f"no value at hand for {_unbound(tool, case.graph)}"
            return f"{name} never succeeded in {seen.tried[name]} tries ({why}); give its parameters facts, a Sample or a source"
    return None


def _unbound(tool: Tool, graph: ToolGraph) -> str:
    def poor(item: Parameter) -> bool:
        return item.required and item.semantic is not None and item.draw is None and f"data:{item.semantic.name}" not in graph.given

    return ", ".join(item.name for item in tool.parameters.values() if poor(item)) or "its parameters"


def tools_reachable(case: Case) -> str | None:
    """From what the user knows, some order of calls meets every requirement of every tool."""
    graph = case.graph
    lost = [name for name in graph.tools if name not in graph.reachable()]
    for name in lost:
        for need in graph.requirements[name]:
            if not need.given and not need.providers:
                if need.kind == "state":
                    return f"{name} needs {need.name}, which no call was seen to make true; add a tool that does, or drop the requirement"
                return f"{name} needs a {need.name!r}, which no result shows; give some tool's record a field of that Key"
    return f"{', '.join(lost)} need each other in a circle; let one of them start from what the user knows" if lost else None


def no_shared_state(case: Case) -> str | None:
    """Calls change no class attribute, module global, default value or enclosed variable."""
    _ = case.evidence
    changed = differences(case.before, picture(case.reached))
    return f"calls changed the {changed[0]}, which all worlds share; keep it in a table or a Cell" if changed else None


def records_frozen(case: Case) -> str | None:
    """Records never change in place: hashes kept from before equal hashes computed anew."""
    return case.evidence.broken.get("records-frozen")
