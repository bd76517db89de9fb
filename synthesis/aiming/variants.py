"""Isomorphic variants: the same task in another world (RODS, arXiv 2606.19047, refreshes its boundary set like this).

The gold of each turn is read as a pattern: which tool takes which argument from where. In a world of another seed
what the user says is chosen anew among that world's own facts of the same kind (or by the parameter's drawer), and
what results show is pointed at by words of the same form: the same fields, another thing. The calls become a
round, its advanced tool (FunReason-MT, arXiv 2510.24645, Eq. 3) is executed, templates write the query, and the
sample is proven like any other. Laws: a variant is isomorphic (`isomorphic`), verified, and bears `variant_of`;
what one kind and value stood for in the task, one value stands for in the variant. Not here: which tasks deserve
variants (`refresh.py`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import Any

from ...envs.binding import Bound, Occurrence, Pool
from ...envs.errors import TaskError, shorten
from ...envs.graph import graph_of
from ...envs.task import Checks, GoldCall, Source, Task, Turn
from ...envs.tool import Tool
from ...envs.verdict import spec_of, start_of
from ...envs.worldset import WorldSet
from ..advanced import compose, pick_value
from ..assemble import Assembler, AssemblyOptions, Place
from ..navigator import Rejected, holding
from ..plan import PlannedCall, Reference, Round, order_by_execution
from ..roles import Roles, template_roles
from ..sample import Sample
from ..verify import verify_sample

SEEDS = 48  # worlds tried for one variant; one that holds nothing fitting is told in milliseconds
REBINDS, WORDINGS = 6, 3
_EMPTY = ("[]", "null")
_INDEX = re.compile(r"\[\d+\]")


def variants_of(task: Task, n: int, refused: Counter[str], roles: Roles | None = None) -> Iterator[Sample]:
    """Up to `n` proven variants of a task, equal in every process.

    Args:
        task: of the category `base`. refused: counts why a world gave no variant. roles: who writes, default templates.

    Raises `TaskError` for a task whose gold does not run here.
    """
    pattern = Pattern(task)
    specs = [spec_of(part)._replace(seed=0) for part in task.worlds]
    options = AssemblyOptions(min_jump=0.0, strength=1)
    assembler = Assembler(graph_of([spec.world for spec in specs]), roles or template_roles(), options)
    found: set[str] = {task.id}
    with asyncio.Runner() as runner:
        for number in range(n):
            for attempt in range(SEEDS):
                stream = f"variant:{task.id}:{number}:{attempt}"
                seed = int.from_bytes(blake2b(stream.encode(), digest_size=4).digest(), "big") >> 1
                place = Place(task.env, tuple((p.world, s._replace(seed=seed)) for p, s in zip(task.worlds, specs, strict=True)))
                box: list[Sample] = []
                try:
                    runner.run(_variant(pattern, place, assembler, Random(stream), box))
                except Rejected as error:
                    refused[error.reason] += 1
                    continue
                if box[0].id not in found:
                    found.add(box[0].id)
                    yield box[0]
                    break


async def _variant(pattern: Pattern, place: Place, assembler: Assembler, rng: Random, box: list[Sample]) -> None:
    """One variant in the worlds of `place`, into `box`: asyncio would repr a returned value. Raises `Rejected`."""
    task = pattern.task
    rounds = list(Weaver(pattern, WorldSet.create(spec for _, spec in place.worlds), rng).rounds())
    why = ""
    for _ in range(WORDINGS):  # what is asked for is drawn, so another wording may ask for as much as the task does
        made = await assembler.sample_of(place, rounds, rng)
        fields = {"family": task.family, "split": task.split, "meta": {**made.task.meta, "variant_of": task.id}}
        twin = Task.model_validate({**made.task.model_dump(exclude={"id"}), **fields})
        why = isomorphic(task, twin)
        if not why:
            box.append(Sample(twin, made.messages, made.fingerprints, made.notes, {"variant_of": task.id}))
            break
    if why:
        raise Rejected("not_isomorphic", why)
    if reasons := verify_sample(box[0]):
        raise Rejected("not_proven", reasons[0])


class Pattern:
    """A task whose gold has been run: what the user knew, and what each call came to.

    Attributes:
        task: the task. facts: kind -> values that the user may know there. wrote, empty: ids of gold calls that
            wrote something, and of those that showed nothing. days: per turn, the dates and times that the context shows.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        worlds = start_of(task)
        self.facts = Pool(worlds.known()).facts
        self.wrote: set[str] = set()
        self.empty: set[str] = set()
        self.days: list[list[str]] = []
        for turn in task.turns:
            worlds.advance(turn.elapse)
            self.days.append(shown_days(worlds))
            for call in turn.gold:
                result = worlds.call(call.name, call.arguments)
                if result.error is not None:
                    raise TaskError(f"task {task.id}: gold call {call.name} fails: {shorten(result.text, 200)}")
                self.wrote.update([call.id] if result.written else ())
                self.empty.update([call.id] if result.text in _EMPTY else ())


def shown_days(worlds: WorldSet) -> list[str]:
    """What the context shows of time, in a fixed order."""
    return [day for world in worlds.worlds for day in (world.today, world.timestamp)]


class Weaver:
    """Weaves a pattern anew in other worlds. Raises `Rejected` where these hold nothing that fits."""

    def __init__(self, pattern: Pattern, worlds: WorldSet, rng: Random) -> None:
        self.pattern, self.worlds, self.rng = pattern, worlds, rng
        self.pool = Pool(worlds.known())
        self.made: dict[str, PlannedCall] = {}
        self.said: dict[tuple[str, str], Any] = {}
        self.objects: dict[tuple[str, str], str] = {}

    def rounds(self) -> Iterator[Round]:
        """The rounds of all turns, executed and ordered."""
        for number, turn in enumerate(self.pattern.task.turns):
            yield self._round(number, turn)

    def _round(self, number: int, turn: Turn) -> Round:
        if not turn.gold:
            raise Rejected("no_calls", f"turn {number}")
        live = self.worlds.fork()
        live.advance(turn.elapse)
        targets = self.pattern.task.meta.get("targets", ())
        target = targets[number] if number < len(targets) else turn.gold[-1].name
        round_ = Round(number, target, live.fork(), live, self.pool, turn.elapse)
        pool = self.pool.copy()
        for call in turn.gold:
            planned, live = self._call(call, live, pool, number)
            round_.calls.append(planned)
        round_.after = live
        order_by_execution(round_)
        for planned, call in zip(round_.calls, turn.gold, strict=True):
            if set(planned.after) != set(call.after):
                raise Rejected("other_order", call.name)
        self._execute(round_)
        self.worlds, self.pool = live, pool
        return round_

    def _execute(self, round_: Round) -> None:
        """Run the round's advanced tool: exposed values in, the same results out."""
        tool = compose(round_, round_.target, "")
        done = tool.execute(round_.before.fork(), earlier={key: call.value for key, call in self.made.items()})
        if done.failed or any(done.results[call.id].text != call.result.text for call in round_.calls):
            raise Rejected("not_executable", done.failed)

    def _call(self, call: GoldCall, live: WorldSet, pool: Pool, turn: int) -> tuple[PlannedCall, WorldSet]:
        why = Rejected("call_failed", call.name)
        said, objects = self.said, self.objects
        for _ in range(REBINDS):
            self.said, self.objects = dict(said), dict(objects)
            bound, refs = self._bind(call, live, pool, turn)
            after = live.fork()
            result = after.call(call.name, {name: item.value for name, item in bound.items()})
            same = bool(result.written) == (call.id in self.pattern.wrote) and (result.text in _EMPTY) == (call.id in self.pattern.empty)
            if result.error is None and same:
                tool = live.tools[call.name]
                seen = tuple(pool.add(tool, result.value, turn=turn, call=call.id))
                opened = holding(after) - holding(live)
                self.made[call.id] = PlannedCall(call.id, tool, bound, refs, result, result.value, opened, seen)
                return self.made[call.id], after
            if result.error is not None:
                why = Rejected(f"call_failed_{result.error}", call.name)
        raise why

    # -- arguments -------------------------------------------------------------------------------------

    def _bind(self, call: GoldCall, live: WorldSet, pool: Pool, turn: int) -> tuple[dict[str, Bound], dict[str, Reference]]:
        bound: dict[str, Bound] = {}
        refs: dict[str, Reference] = {}
        for name, value in call.arguments.items():
            source = call.sources.get(name)
            if source is None:
                raise Rejected("no_source", f"{call.name}.{name}")
            if source.kind in ("output", "earlier_turn"):
                seen, refs[name] = self._flow(source, pool, turn)
                bound[name] = Bound(seen.value, source.kind, seen)
            elif source.kind == "user":
                bound[name] = Bound(self._say(live, call.name, name, value), "user")
            elif source.kind == "context":
                bound[name] = Bound(self._day(live, value, turn), "context")
            else:
                bound[name] = Bound(value, source.kind)
        return bound, refs

    def _say(self, live: WorldSet, tool: str, name: str, value: Any) -> Any:
        """What the user says in the place of a value: the same for the same value of a kind."""
        parameter = live.tools[tool].parameters[name]
        kind = parameter.semantic.name if parameter.semantic is not None else f"{tool}.{name}"
        if isinstance(value, list) and parameter.semantic is not None:
            return [self._one(live, live.tools[tool], name, kind, item) for item in value]
        return self._one(live, live.tools[tool], name, kind, value)

    def _one(self, live: WorldSet, tool: Tool, name: str, kind: str, value: Any) -> Any:
        key = kind, json.dumps(value, sort_keys=True, default=str)
        if key not in self.said:
            parameter, facts = tool.parameters[name], self.pool.facts.get(kind) or []
            spoken_for = [given for (other, _), given in self.said.items() if other == kind]
            fresh = [fact for fact in facts if fact not in spoken_for]
            if facts and (parameter.draw is None or value in self.pattern.facts.get(kind, ())):
                if not fresh:
                    raise Rejected("too_few_facts", kind)
                self.said[key] = self.rng.choice(fresh)
            elif parameter.draw is not None:
                self.said[key] = parameter.draw(live.world_of(tool.name), self.rng)
                if self.said[key] is None:
                    raise Rejected("nothing_to_draw", kind)
            else:  # a plain literal (an enum, a switch) belongs to the pattern
                self.said[key] = value
        return self.said[key]

    def _day(self, live: WorldSet, value: Any, turn: int) -> Any:
        days = self.pattern.days[turn]
        if value not in days:
            raise Rejected("no_source", f"{value} is nothing that the context shows")
        return shown_days(live)[days.index(value)]

    def _flow(self, source: Source, pool: Pool, turn: int) -> tuple[Occurrence, Reference]:
        """Another thing out of the same place, and words of the same form that mean it alone."""
        maker = self.made[source.call]
        key = source.call, _object(source.path)
        others = {place for (call, _), place in self.objects.items() if call == source.call}
        form = _INDEX.sub("[*]", source.path)
        fitting = [
            (seen, reference)
            for seen in maker.seen
            if seen.semantic == source.semantic and _INDEX.sub("[*]", seen.path) == form
            and (_object(seen.path) == self.objects[key] if key in self.objects else _object(seen.path) not in others)
            and (reference := _reference(source, seen, maker, pool, turn)) is not None
        ]  # fmt: skip
        if not fitting:
            raise Rejected("no_such_thing", f"{maker.name}{source.path}")
        seen, reference = self.rng.choice(fitting)
        self.objects[key] = _object(seen.path)
        return seen, reference


def _object(path: str) -> str:
    """The path of the object that holds a value."""
    return path.rpartition(".")[0]


def _reference(source: Source, seen: Occurrence, maker: PlannedCall, pool: Pool, turn: int) -> Reference | None:
    """The words of a source, said of another thing; None where they do not mean it alone."""
    if source.pick == "new":
        return None if seen.rivals else Reference((), "new")
    if source.pick == "that":
        single = {item.value for item in pool.latest(seen.semantic, before=turn) if not item.rivals}
        return Reference((), "that") if not seen.rivals or single == {seen.value} else None
    holder = seen.holder
    if any(holder.get(field) in (None, "") or holder[field] == seen.value or "\n" in str(holder[field]) for field in source.where):
        return None
    reference = Reference(tuple((field, holder[field]) for field in source.where), source.pick)
    if reference == Reference():
        return None if seen.rivals else reference
    try:
        return reference if pick_value(maker.value, seen.path, reference) == seen.value else None
    except LookupError:
        return None


# -- the law ----------------------------------------------------------------------------------------------


def isomorphic(task: Task, other: Task) -> str:
    """Why two tasks are not isomorphic ("" if they are): the same tools in the same order, the same flow of values from
    call to call, and checks of the same shape, turn by turn. Names, amounts and seeds may differ."""
    if (task.env, [w.world for w in task.worlds], len(task.turns)) != (other.env, [w.world for w in other.worlds], len(other.turns)):
        return "other worlds, or another number of turns"
    places = {call.id: number for number, call in enumerate(task.gold())}
    theirs = {call.id: number for number, call in enumerate(other.gold())}
    for number, (mine, its) in enumerate(zip(task.turns, other.turns, strict=True)):
        if [call.name for call in mine.gold] != [call.name for call in its.gold]:
            return f"turn {number}: other tools"
        for one, two in zip(mine.gold, its.gold, strict=True):
            if _flows(one, places) != _flows(two, theirs):
                return f"turn {number}, {one.name}: values flow otherwise"
        if _shape(mine.checks) != _shape(its.checks):
            return f"turn {number}: checks of another shape"
        if (mine.elapse, mine.release) != (its.elapse, its.release):
            return f"turn {number}: other time, or other tools handed over"
    return ""


def _flows(call: GoldCall, places: dict[str, int]) -> Any:
    """Where the arguments of a call come from, and what it comes after, by place in the conversation."""
    sources = {
        name: (s.kind, places.get(s.call), _INDEX.sub("[*]", s.path), tuple(s.where), s.pick, s.semantic)
        for name, s in call.sources.items()
    }  # fmt: skip
    return sorted(call.arguments), sources, sorted(places[name] for name in call.after)


def _shape(checks: Checks) -> dict[str, Any]:
    """Checks without the values in them."""
    outputs = [(output.tool, sorted(output.fields)) for output in checks.outputs]
    return {**checks.model_dump(), "outputs": outputs, "told": len(checks.told)}
