"""From rollouts to training data: plans that agents found, instead of plans that we drew.

A successful trajectory is turned into rounds: calls that failed or that nothing came of are dropped, the rest
is executed again, and for every argument the source is found: a result that showed it, the user's words, a
default. Then phases II and III write a new query and new traces for it, and the sample is verified like any
other. Law: an argument whose source cannot be found rejects the trajectory (`ungrounded`); nothing is guessed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from ..agents.records import read_records
from ..agents.store import RunStore
from ..envs.binding import Bound, Occurrence, Pool
from ..envs.door import allow_given
from ..envs.errors import RunError, TurngymError, WorldRefusedError
from ..envs.graph import graph_of
from ..envs.messages import parse_action
from ..envs.task import Task, parse_task
from ..envs.tool import Tool, ToolCall
from ..envs.verdict import judge_of, spec_of, start_of
from ..envs.worldset import WorldSet
from .assemble import Assembler, AssemblyOptions, Place
from .brief import states
from .navigator import Rejected, holding
from .pipeline import SAMPLES, Ledger, Progress
from .plan import PlannedCall, Reference, Round, lasting, order_by_execution
from .references import refer
from .roles import Roles, template_roles
from .sample import Sample
from .validate import literal_arguments

_ORDINARY = ("base", "long_context", "error_tool_response")  # of the others, a turn without calls would be no round


def turns_of(record: Mapping[str, Any]) -> list[tuple[str, list[ToolCall]]]:
    """(what the user said, calls) per turn of a stored trajectory; calls without a result are left out."""
    turns: list[tuple[str, list[ToolCall]]] = []
    messages = record["messages"]
    answered = {m.get("tool_call_id") for m in messages if m.get("role") == "tool"}
    within = {step["message"] + 1 for step in record.get("steps", ()) if step.get("heard")}  # a user's answers in a turn
    for place, message in enumerate(messages):
        if place in within and turns:
            turns[-1] = (f"{turns[-1][0]}\n{message.get('content') or ''}", turns[-1][1])
        elif message["role"] == "user":
            turns.append((message.get("content") or "", []))
        elif message["role"] == "assistant" and turns:
            turns[-1][1].extend(call for call in parse_action(message).calls if call.id in answered)
    return turns


class Grounder:
    """Finds the source of every argument of a conversation that an agent held, call by call."""

    def __init__(self, task: Task) -> None:
        self.worlds: WorldSet = start_of(task)
        self.pool = Pool(self.worlds.known())
        self.said = ""
        self.rng = Random(task.id)
        self.made: dict[str, PlannedCall] = {}

    def round(self, turn: int, text: str, calls: Iterable[ToolCall], elapse: int) -> Round:
        """The round behind one turn: executed, grounded, pruned, ordered. Raises `Rejected`."""
        self.said = f"{self.said}\n{text}"
        live = self.worlds.fork()
        live.advance(elapse)
        start, pool = live.fork(), self.pool.copy()
        kept: list[PlannedCall] = []
        for call in calls:
            planned = self._execute(live, pool, turn, len(kept), call)
            if planned is not None:
                kept.append(planned)
                self.made[planned.id] = planned
        kept = self._prune(kept, start)
        if not kept:
            raise Rejected("no_calls")
        round_ = Round(turn, kept[-1].name, start, start.fork(), self.pool, elapse, kept)
        for planned in kept:
            result = round_.after.call(planned.name, planned.arguments)
            if result.text != planned.result.text:
                raise Rejected("not_repeatable", planned.name)
        order_by_execution(round_)
        self.worlds = round_.after
        self.pool = self.pool.copy()
        for planned in kept:
            self.pool.extend(planned.seen)
        return round_

    def _execute(self, live: WorldSet, pool: Pool, turn: int, number: int, call: ToolCall) -> PlannedCall | None:
        arguments = literal_arguments(call.arguments)
        tool = live.tools.get(call.name)
        if arguments is None or tool is None:
            return None
        held = holding(live)
        before = live.fork()
        result = live.call(call.name, arguments)
        if result.error is not None:
            return None
        bound = {name: self._source(tool, name, value, pool, turn) for name, value in arguments.items()}
        refs = {name: self._refer(item, before, pool, turn) for name, item in bound.items() if item.seen is not None}
        identity = f"t{turn}c{number}"
        value = result.value
        seen = tuple(pool.add(tool, value, turn=turn, call=identity))
        return PlannedCall(identity, tool, bound, refs, result, value, holding(live) - held, seen)

    def _source(self, tool: Tool, name: str, value: Any, pool: Pool, turn: int) -> Bound:
        parameter = tool.parameters[name]
        if not parameter.required and value == parameter.default:
            return Bound(value, "default")
        internal = parameter.semantic is not None and not parameter.semantic.known
        if not internal and states(self.said, name, value):
            return Bound(value, "user")
        if parameter.semantic is not None and isinstance(value, (str, int)):
            shown = [o for o in pool.seen.get(parameter.semantic.name, ()) if o.value == value]
            if shown:
                best = self._origin(shown)
                return Bound(value, "output" if best.turn == turn else "earlier_turn", best)
        raise Rejected("ungrounded", f"{tool.name}.{name}")

    def _origin(self, shown: list[Occurrence]) -> Occurrence:
        """The first sight that is no mere echo of an argument."""
        fresh = [o for o in shown if all(b.value != o.value for b in self.made[o.call].bound.values())] if self.made else shown
        return (fresh or shown)[-1]

    def _refer(self, item: Bound, worlds: WorldSet, pool: Pool, turn: int) -> Reference:
        seen = item.seen
        assert seen is not None
        maker = worlds.tools[seen.tool]
        if not maker.is_read and not seen.rivals:
            return Reference((), "new" if item.kind == "output" else "that")
        found = refer(seen, maker, self.rng)
        if found is None:
            raise Rejected("indescribable", seen.semantic)
        return found

    @staticmethod
    def _prune(calls: list[PlannedCall], start: WorldSet) -> list[PlannedCall]:
        """Drop reads that nothing uses, unless they come last: what they showed is then the point."""
        incidental = start.incidental()
        needs = {f"{c.tool.owner}.{p.__name__}" for c in calls for p in c.tool.requires}
        kept: list[PlannedCall] = []
        used: set[str] = set()
        texts: set[tuple[str, str]] = set()
        for number, call in enumerate(reversed(calls)):
            mark = (call.name, call.result.text)
            wanted = lasting(call, incidental, start) or bool(call.enables & needs) or call.id in used
            if not wanted and (number > 0 or call.writes or mark in texts):
                continue
            texts.add(mark)
            used.update(b.seen.call for b in call.bound.values() if b.seen is not None)
            kept.append(call)
        return kept[::-1]


async def sample_from(record: dict[str, Any], roles: Roles, options: AssemblyOptions) -> Sample:
    """A verified sample made from one stored trajectory; raises `Rejected`."""
    if record.get("status") != "completed" or not (record.get("verdict") or {}).get("success"):
        raise Rejected("not_successful")
    task = parse_task(record["task"])
    if task.category not in _ORDINARY:
        raise Rejected("special_category")
    judge_of(task)
    specs = [(part.world, spec_of(part)) for part in task.worlds]
    assembler = Assembler(graph_of([spec.world for _, spec in specs]), roles, options)
    grounder = Grounder(task)
    rounds = []
    for number, (text, calls) in enumerate(turns_of(record)):
        rounds.append(grounder.round(number, text, calls, task.turns[number].elapse))
    return await assembler.sample_of(Place(task.env, tuple(specs)), rounds, Random(f"rollout:{record['id']}"))


def synthesize_rollouts(
    run: str | Path,
    out: str | Path,
    *,
    roles: Roles | None = None,
    options: AssemblyOptions | None = None,
    progress: Progress | None = None,
    allow: Iterable[str] = (),
) -> dict[str, Any]:
    """Turn every successful trajectory of a run directory into a sample where that can be proven.

    Args:
        run: a rollout run directory. out: the data set's directory (resumed like any other).
        progress: told (trajectories seen, 0). allow: worlds of one's own that the data may name, as `turngym.allow` takes them.

    Returns:
        The ledger's record: `kept`, `funnel` and figures; and `torn`, the torn last lines of the run that were passed over.
        Raises `RunError` if nothing at all could be kept.
    """
    allow_given(allow)
    ledger = Ledger()
    options, records = options or AssemblyOptions(min_jump=0.0), read_records(run)
    with RunStore(out, {"from": str(run), "min_jump": options.min_jump}, kind="synthesis", records=SAMPLES, on_record=ledger.add) as store:
        with asyncio.Runner() as runner:
            for index, record in enumerate(records):
                if progress is not None:
                    progress(index + 1, 0)
                if index in ledger.indices:
                    continue
                box: list[Sample] = []
                reason = runner.run(_one(record, roles or template_roles(), options, box))
                if reason:
                    ledger.rejected[reason] += 1
                    continue
                sample = box.pop()
                sample.origin = {"index": index, "trajectory": record["id"], "policy": record.get("policy")}
                if sample.id in store.ids:
                    ledger.rejected["duplicate"] += 1
                    continue
                store.append(sample.record())
                ledger.add(sample.record())
        store.write_summary(ledger.record())
    if not ledger.kept:
        why = ", ".join(f"{reason} {count}" for reason, count in Counter(ledger.rejected).most_common(4)) or "it holds no trajectories"
        raise RunError(f"no sample could be made from {run}: {why}")
    return {**ledger.record(), "torn": records.torn, "out": str(out)}


async def _one(record: dict[str, Any], roles: Roles, options: AssemblyOptions, box: list[Sample]) -> str:
    try:
        box.append(await sample_from(record, roles, options))
    except Rejected as error:
        return error.reason
    except WorldRefusedError:
        raise
    except (TurngymError, KeyError, IndexError, ValueError) as error:
        return f"malformed_{type(error).__name__}"
    return ""
